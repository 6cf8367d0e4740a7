//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/neurod/neurod/internal/testkit/neurod"
)

// The release, as the tests of the chart name it.
const (
	release   = "rel"
	namespace = "eeg"
	fullname  = release + "-neurod"
	worker    = fullname + "-worker"
)

// The workers' measure token and the key of their logins; they are in the Secret that profile keda names.
const (
	metricsToken = "9f3a1c5e7b2d48f60a9c3e5d"
	jwtSecret    = "8f1d6b0c94e27a35d0b7c81e6f2a49305c7d"
)

// render has Helm write the chart with profile keda. Beside what a run must bound (workers of one slot, at most so many) only the limits of calls are lifted, and
// what the Prometheus operator reads is left out, because there is none.
func render(ctx context.Context, b built, opt options) error {
	settings := map[string]string{"NEUROD_LOG_LEVEL": "warn"}
	for _, s := range neurod.NoLimits() {
		name, value, _ := strings.Cut(s, "=")
		settings[name] = value
	}
	values, err := json.Marshal(object{"settings": settings, "serviceMonitor": object{"enabled": false},
		"worker": object{"concurrency": 1, "keda": object{"maxReplicas": opt.most}}})
	if err != nil {
		return err
	}
	file := filepath.Join(opt.scratch, "values.yaml") // JSON is YAML
	if err := os.WriteFile(file, values, 0o600); err != nil {
		return err
	}
	const chart = "deploy/helm/neurod"
	cmd := exec.CommandContext(ctx, filepath.Join(b.dir, "helm"), "template", release, chart, "--namespace", namespace, "--kube-version", b.kubernetes,
		"-f", chart+"/profiles/keda.yaml", "-f", file)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+opt.scratch, "HELM_CONFIG_HOME="+opt.scratch, "HELM_DATA_HOME="+opt.scratch)
	cmd.Stderr = os.Stderr
	manifest, err := cmd.Output()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(opt.scratch, "chart.yaml"), manifest, 0o600); err != nil {
		return err
	}
	// The pods' user cannot read every folder that a checkout may be in.
	program, err := os.ReadFile(opt.neurod)
	if err != nil {
		return fmt.Errorf("`make build` makes it: %w", err)
	}
	return os.WriteFile(filepath.Join(opt.scratch, "neurod"), program, 0o755)
}

// install does what `helm install` does with the rendered chart: the Job that migrates the schema goes first and must succeed, then comes the rest, unchanged.
func (k *cluster) install(ctx context.Context, manifest []byte) error {
	all, err := objects(manifest)
	if err != nil {
		return err
	}
	var rest []object
	for _, o := range all {
		annotations, _ := at(o, "metadata", "annotations").(object)
		if _, hook := annotations["helm.sh/hook"]; !hook {
			rest = append(rest, o)
			continue
		}
		if err := k.applyIn(ctx, o, namespace); err != nil {
			return err
		}
		path := "/apis/batch/v1/namespaces/" + namespace + "/jobs/" + text(o, "metadata", "name")
		if err := await(ctx, "the schema is migrated", 3*time.Minute, func() error {
			var job struct{ Status struct{ Succeeded int } }
			if err := k.get(ctx, path, &job); err != nil {
				return err
			}
			if job.Status.Succeeded == 0 {
				return errors.New("the Job has not succeeded")
			}
			return nil
		}); err != nil {
			return err
		}
		if err := k.do(ctx, "DELETE", path+"?propagationPolicy=Background", "", nil, nil); err != nil { // hook-succeeded
			return err
		}
	}
	kinds := map[string]int{}
	for _, o := range rest {
		if err := k.applyIn(ctx, o, namespace); err != nil {
			return fmt.Errorf("%s %s: %w", text(o, "kind"), text(o, "metadata", "name"), err)
		}
		kinds[text(o, "kind")]++
	}
	if kinds["ScaledObject"] != 1 || kinds["TriggerAuthentication"] != 1 || kinds["Deployment"] != 2 {
		return fmt.Errorf("the chart has rendered %v", kinds)
	}
	fmt.Printf("the API server has taken every object of the chart: %v\n", kinds)
	return nil
}
