//go:build linux

// Command keda installs the chart in a Kubernetes of its own and shows that KEDA keeps as many workers there as the service wants, down to none: a real
// API server with its controllers, the real KEDA, the chart as Helm renders it with profile keda, real `neurod api` and `neurod worker`, PostgreSQL and Redis.
//
// All of Kubernetes and KEDA is built from the Go module proxy, as the modules in deploy/keda pin it, once; that takes long. Three things that a cluster has
// stand-ins here, because they take a container engine, a network and a name server: node.go starts a pod's program as a process and probes it as the pod
// says (kubelet and scheduler), network.go forwards the addresses of Services and writes their names into the hosts file (kube-proxy and DNS). Nothing
// enforces the chart's NetworkPolicies and limits of resources.
//
// Everything runs in network, mount and process namespaces of its own, for which it must be root: what these programs listen on is on no interface of the
// machine, and all of them end with the command, however that ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// inside tells the command that it is in its namespaces.
const inside = "NEUROD_KEDA_INSIDE"

// bound is how long a run takes at most, what has to be built aside.
const bound = 20 * time.Minute

type options struct {
	neurod string
	rate   float64
	most   int
	delay  time.Duration
	seed   uint64
	logs   string
	build  bool

	programs string // folder of what was built
	kedaDir  string // source of KEDA
	manifest string // what Helm rendered
	scratch  string
}

func main() {
	var opt options
	flag.StringVar(&opt.neurod, "neurod", "bin/neurod", "the program to run")
	flag.Float64Var(&opt.rate, "rate", 25, "decodes a second of the burst")
	flag.IntVar(&opt.most, "max", 4, "workers at most")
	flag.DurationVar(&opt.delay, "delay", 20*time.Millisecond, "delay of each way between pods and their database")
	flag.Uint64Var(&opt.seed, "seed", 1, "of the load")
	flag.StringVar(&opt.logs, "logs", "", "folder to keep the logs of all programs in. Defaults to none that stays")
	flag.BoolVar(&opt.build, "build", false, "build what is run, and end")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx, opt); err != nil {
		fmt.Fprintln(os.Stderr, "keda:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, opt options) (err error) {
	if os.Getenv(inside) != "" {
		opt.scratch = os.Getenv("TMPDIR")
		opt.programs, opt.kedaDir, opt.manifest = os.Getenv("NEUROD_KEDA_PROGRAMS"), os.Getenv("NEUROD_KEDA_SOURCE"), filepath.Join(opt.scratch, "chart.yaml")
		ctx, stop := context.WithTimeoutCause(ctx, bound, fmt.Errorf("the run took longer than %v", bound))
		defer stop()
		if err := settle(opt.scratch); err != nil {
			return fmt.Errorf("make the namespaces a home: %w", err)
		}
		return run(ctx, opt)
	}
	if os.Geteuid() != 0 {
		return errors.New("this needs root (CAP_SYS_ADMIN, CAP_NET_ADMIN): it makes network, mount and process namespaces, so that nothing of Kubernetes listens on this machine's interfaces")
	}
	built, err := build(ctx)
	if err != nil || opt.build {
		return err
	}
	if opt.scratch, err = os.MkdirTemp("", "neurod-keda-"); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.RemoveAll(opt.scratch))
	}()
	// PostgreSQL and the pods run as other users.
	if err := os.Chmod(opt.scratch, 0o755); err != nil {
		return err
	}
	if err := render(ctx, built, opt); err != nil {
		return fmt.Errorf("render the chart: %w", err)
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1", "TMPDIR="+opt.scratch, "NEUROD_KEDA_PROGRAMS="+built.dir, "NEUROD_KEDA_SOURCE="+built.keda)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("make namespaces: %w", err)
	}
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-ctx.Done():
			_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		case <-over:
		}
	}()
	var exit *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &exit) {
		return errors.New("not everything held")
	} else if err != nil {
		return err
	}
	return nil
}
