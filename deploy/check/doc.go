// Package check holds what deploys neurod to the tools that read it: the chart is linted and rendered by Helm for every profile and held to
// pinned schemas by kubeconform, compose.yaml is read by Compose's own loader, the units by systemd, and the image's steps are run.
//
// It is a module of its own, so that what these tools are made of stays out of the program's. `make deploy-check` runs it.
package check
