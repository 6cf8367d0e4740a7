//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// built is where the programs are, and KEDA's source with its manifests.
type built struct {
	dir, keda  string
	kubernetes string // its version
}

// part is programs of one module, by their packages.
type part struct {
	module   string // folder in deploy that pins it
	of       string // the module that they are of, for its version
	programs map[string]string
	flags    func(version string) string // of the linker
	own      bool                        // the module is built by its own go.mod and go.sum, which the pinned checksum of it covers
	ours     bool                        // it is built as the tests of deploy/check build it, which may have compiled it before
}

var parts = []part{
	{module: "check", of: "helm.sh/helm/v4", ours: true, programs: map[string]string{"helm": "helm.sh/helm/v4/cmd/helm"}},
	{module: "keda/etcd", of: "go.etcd.io/etcd/server/v3", programs: map[string]string{"etcd": "go.etcd.io/etcd/server/v3"}},
	{module: "keda/kubernetes", of: "k8s.io/kubernetes",
		programs: map[string]string{"kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver", "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager"},
		flags: func(version string) string { // without these it says that it is of version 0
			numbers := strings.Split(strings.TrimPrefix(version, "v"), ".")
			const of = " -X k8s.io/component-base/version."
			return of + "gitVersion=" + version + of + "gitMajor=" + numbers[0] + of + "gitMinor=" + numbers[1]
		}},
	{module: "keda/keda", of: "github.com/kedacore/keda/v2", own: true,
		programs: map[string]string{"keda-operator": "./cmd/operator", "keda-adapter": "./cmd/adapter"},
		flags: func(version string) string {
			return " -X github.com/kedacore/keda/v2/version.Version=" + strings.TrimPrefix(version, "v")
		}},
}

// build builds what is not yet there, as deploy/keda and deploy/check pin it. Each set of pins has a folder among the user's caches.
func build(ctx context.Context) (b built, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return b, err
	}
	sum := sha256.New()
	for _, p := range parts {
		for _, name := range []string{"go.mod", "go.sum"} {
			text, err := os.ReadFile(filepath.Join("deploy", p.module, name))
			if err != nil {
				return b, fmt.Errorf("run this in the root of the repository: %w", err)
			}
			sum.Write(text)
		}
	}
	b.dir = filepath.Join(cache, "neurod-keda", hex.EncodeToString(sum.Sum(nil)[:8]))
	for _, p := range parts {
		dir := filepath.Join("deploy", p.module)
		version, source, err := locate(ctx, dir, p.of)
		if err != nil {
			return b, err
		}
		if p.own {
			dir, b.keda = source, source
		}
		if p.of == "k8s.io/kubernetes" {
			b.kubernetes = version
		}
		flags := "-s -w"
		if p.flags != nil {
			flags += p.flags(version)
		}
		for name, pkg := range p.programs {
			program := filepath.Join(b.dir, name)
			if _, err := os.Stat(program); err == nil {
				continue
			}
			fmt.Printf("build %s of %s %s (Kubernetes and KEDA take a quarter of an hour and more, each once)\n", name, p.of, version)
			start := time.Now()
			args := []string{"build", "-trimpath", "-ldflags", flags, "-o", program, pkg}
			if p.ours {
				args = []string{"build", "-o", program, pkg}
			}
			if _, err := goTool(ctx, dir, p.ours, args...); err != nil {
				return b, err
			}
			fmt.Printf("built %s in %v\n", name, time.Since(start).Round(time.Second))
		}
	}
	return b, nil
}

// locate fetches a module as it is pinned, and returns its version and where its source is.
func locate(ctx context.Context, dir, module string) (version, source string, err error) {
	pinned, err := goTool(ctx, dir, false, "mod", "edit", "-json")
	if err != nil {
		return "", "", err
	}
	var mod struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(pinned, &mod); err != nil {
		return "", "", err
	}
	for _, r := range mod.Require {
		if r.Path == module {
			version = r.Version
		}
	}
	out, err := goTool(ctx, dir, false, "mod", "download", "-json", module+"@"+version)
	if err != nil {
		return "", "", err
	}
	var fetched struct{ Dir string }
	err = json.Unmarshal(out, &fetched)
	return version, fetched.Dir, err
}

// goTool runs the go command in a folder: for static programs, and with none of the settings of who calls, but where it is to build as the caller does.
func goTool(ctx context.Context, dir string, asCaller bool, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	if !asCaller {
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s in %s: %w\n%s", args[0], dir, err, stderr.String())
	}
	return out, nil
}
