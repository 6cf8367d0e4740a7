//go:build linux

package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// cluster is a Kubernetes without a machine: etcd, the API server and the controllers, and KEDA in it.
type cluster struct {
	*client
	opt  options
	dir  string // certificates and what programs store
	logs string
	ca   *authority
	// Where the API server is, what it says that it is, and KEDA's certificate.
	server, version string
	serving         identity
	fail            context.CancelCauseFunc // ends the run

	mu    sync.Mutex
	ended bool
	progs []*program
}

// program is a program that runs for the whole of a run.
type program struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{}
}

// start starts a program; where it ends by itself, the run fails.
func (k *cluster) start(name string, env []string, args ...string) error {
	log, err := os.Create(filepath.Join(k.logs, name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	p := &program{name: name, exited: make(chan struct{}), cmd: exec.Command(filepath.Join(k.opt.programs, name), args...)}
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + k.dir, "TMPDIR=" + k.dir}, env...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = k.dir, log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	k.mu.Lock()
	k.progs = append(k.progs, p)
	k.mu.Unlock()
	go func() {
		_ = p.cmd.Wait() // what came of it is its state
		close(p.exited)
		k.mu.Lock()
		defer k.mu.Unlock()
		if !k.ended {
			k.fail(fmt.Errorf("%s ended: %v\n%s", name, p.cmd.ProcessState, tail(log.Name())))
		}
	}()
	return nil
}

// close ends the programs, the last one first.
func (k *cluster) close() {
	k.mu.Lock()
	k.ended = true
	progs := k.progs
	k.mu.Unlock()
	for i := len(progs) - 1; i >= 0; i-- {
		p := progs[i]
		_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-p.exited:
		case <-time.After(5 * time.Second):
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
	}
}

// tail returns the last lines of a log.
func tail(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-3000):])
}

// await repeats a look until it finds nothing wrong.
func await(ctx context.Context, what string, atMost time.Duration, look func() error) error {
	ctx, stop := context.WithTimeoutCause(ctx, atMost, fmt.Errorf("not within %v", atMost))
	defer stop()
	for {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", what, context.Cause(ctx), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// startCluster starts etcd, the API server and the controllers, with certificates, tokens and RBAC as a cluster has them.
func startCluster(ctx context.Context, opt options, fail context.CancelCauseFunc) (_ *cluster, err error) {
	k := &cluster{opt: opt, dir: filepath.Join(opt.scratch, "cluster"), logs: filepath.Join(opt.scratch, "logs"), fail: fail}
	if opt.logs != "" {
		if k.logs, err = filepath.Abs(opt.logs); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{k.dir, k.logs} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			k.close()
		}
	}()
	if k.ca, err = newAuthority(k.dir, "ca"); err != nil {
		return nil, err
	}
	front, err := newAuthority(k.dir, "front") // of what the API server passes on to KEDA
	if err != nil {
		return nil, err
	}
	private, public, err := signer(k.dir)
	if err != nil {
		return nil, err
	}
	ids := map[string]identity{}
	for _, want := range []struct {
		file, name, group string
		names             []string
		by                *authority
	}{
		{"apiserver", "kube-apiserver", "", []string{hostIP, "10.96.0.1", "kubernetes.default.svc", "localhost"}, k.ca},
		{"passing", "front-proxy-client", "", nil, front},
		{"controllers", "system:kube-controller-manager", "", nil, k.ca},
		{"admin", "admin", "system:masters", nil, k.ca},
		{"serving", "keda-operator", "", []string{"keda-operator.keda.svc", "keda-operator.keda.svc." + clusterD, "keda-metrics-apiserver.keda.svc"}, k.ca},
	} {
		if ids[want.file], err = want.by.issue(k.dir, want.file, want.name, want.group, want.names...); err != nil {
			return nil, err
		}
	}
	if err := k.start("etcd", nil, "--data-dir="+filepath.Join(k.dir, "etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380", "--initial-cluster=default=http://127.0.0.1:2380"); err != nil {
		return nil, err
	}
	if err := await(ctx, "etcd answers", time.Minute, func() error {
		res, err := http.Get("http://127.0.0.1:2379/health")
		if err == nil {
			res.Body.Close()
		}
		return err
	}); err != nil {
		return nil, err
	}
	server := "https://" + hostIP + ":6443"
	if err := k.start("kube-apiserver", nil, "--etcd-servers=http://127.0.0.1:2379", "--secure-port=6443", "--bind-address="+hostIP, "--advertise-address="+hostIP,
		"--service-cluster-ip-range="+services, "--authorization-mode=RBAC", "--client-ca-file="+k.ca.file,
		"--tls-cert-file="+ids["apiserver"].cert, "--tls-private-key-file="+ids["apiserver"].key,
		"--service-account-issuer=https://kubernetes.default.svc."+clusterD, "--service-account-key-file="+public, "--service-account-signing-key-file="+private,
		"--requestheader-client-ca-file="+front.file, "--requestheader-allowed-names=front-proxy-client", "--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file="+ids["passing"].cert, "--proxy-client-key-file="+ids["passing"].key); err != nil {
		return nil, err
	}
	if k.client, err = newClient(server, k.ca, ids["admin"]); err != nil {
		return nil, err
	}
	if err := await(ctx, "the API server is ready", 3*time.Minute, func() error {
		var version struct{ GitVersion string }
		err := errors.Join(k.get(ctx, "/readyz", nil), k.get(ctx, "/api/v1/namespaces/kube-system", nil), k.get(ctx, "/version", &version)) // roles and the namespace are made last
		k.version = version.GitVersion
		return err
	}); err != nil {
		return nil, err
	}
	config := filepath.Join(k.dir, "controllers.conf")
	if err := kubeconfig(config, server, k.ca.file, map[string]any{"client-certificate": ids["controllers"].cert, "client-key": ids["controllers"].key}); err != nil {
		return nil, err
	}
	// Of the node there is but a stand-in that sends no heartbeats; the HorizontalPodAutoscaler's period is the usual 15 s.
	if err := k.start("kube-controller-manager", nil, "--kubeconfig="+config, "--bind-address="+hostIP, "--leader-elect=false", "--controllers=*,-node-lifecycle-controller",
		"--use-service-account-credentials", "--service-account-private-key-file="+private, "--root-ca-file="+k.ca.file); err != nil {
		return nil, err
	}
	k.server, k.serving = server, ids["serving"]
	return k, nil
}

// installKEDA applies KEDA's own resource definitions, accounts and roles, and starts the operator and the metrics server beside the cluster, with tokens
// of their service account. Their Services have no selector and lead to where they listen, and they have their certificates of the run's authority, as
// KEDA's certificates may be given; all else is as in its manifests.
func (k *cluster) installKEDA(ctx context.Context) error {
	config := filepath.Join(k.opt.kedaDir, "config")
	manifests, err := filepath.Glob(filepath.Join(config, "crd", "bases", "*.yaml"))
	if err != nil {
		return err
	}
	if len(manifests) == 0 {
		return errors.New("KEDA's source has no resource definitions")
	}
	for _, name := range []string{"general/namespace", "service_account/service_account", "rbac/role", "rbac/role_binding", "metrics-server/role", "metrics-server/role_binding"} {
		manifests = append(manifests, filepath.Join(config, name+".yaml"))
	}
	for _, file := range manifests {
		manifest, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := k.applyAll(ctx, manifest, "keda"); err != nil {
			return fmt.Errorf("KEDA's %s: %w", filepath.Base(file), err)
		}
	}
	const adapterPort, adapterMetrics = 6444, 8082 // their own, because all share a host
	for _, s := range []struct {
		name     string
		port, at int
	}{{"keda-operator", 9666, 9666}, {"keda-metrics-apiserver", 443, adapterPort}} {
		for _, o := range []object{
			{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": s.name}, "spec": object{"ports": []any{object{"name": "main", "port": s.port}}}},
			{"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": object{"name": s.name, "labels": object{"kubernetes.io/service-name": s.name}},
				"addressType": "IPv4", "ports": []any{object{"name": "main", "port": s.at}}, "endpoints": []any{object{"addresses": []any{hostIP}, "conditions": object{"ready": true}}}},
		} {
			if err := k.applyIn(ctx, o, "keda"); err != nil {
				return err
			}
		}
	}
	manifest, err := os.ReadFile(filepath.Join(config, "metrics-server", "api_service.yaml"))
	if err != nil {
		return err
	}
	found, err := objects(manifest)
	if err != nil {
		return err
	}
	for _, o := range found {
		o["spec"].(object)["caBundle"] = base64.StdEncoding.EncodeToString(k.ca.pem)
		if err := k.applyIn(ctx, o, ""); err != nil {
			return err
		}
	}
	var token struct{ Status struct{ Token string } }
	if err := k.post(ctx, "/api/v1/namespaces/keda/serviceaccounts/keda-operator/token",
		object{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": object{"expirationSeconds": 3600}}, &token); err != nil {
		return err
	}
	account, certs := filepath.Join(k.dir, "keda.conf"), filepath.Join(k.dir, "certs")
	if err := kubeconfig(account, k.server, k.ca.file, map[string]any{"token": token.Status.Token}); err != nil {
		return err
	}
	if err := os.Mkdir(certs, 0o700); err != nil {
		return err
	}
	for from, to := range map[string]string{k.ca.file: "ca.crt", k.serving.cert: "tls.crt", k.serving.key: "tls.key"} {
		if err := os.Symlink(from, filepath.Join(certs, to)); err != nil {
			return err
		}
	}
	// Neither asks again soon for what there is not yet.
	if err := await(ctx, "KEDA's kinds and names are known", time.Minute, func() error {
		_, err := net.LookupHost("keda-operator.keda.svc." + clusterD)
		return errors.Join(err, k.get(ctx, "/apis/keda.sh/v1alpha1/scaledobjects", nil), k.get(ctx, "/apis/eventing.keda.sh/v1alpha1/cloudeventsources", nil))
	}); err != nil {
		return err
	}
	env := []string{"KUBECONFIG=" + account, "POD_NAMESPACE=keda", "KEDA_CLUSTER_OBJECT_NAMESPACE=keda", "WATCH_NAMESPACE=", "KEDA_HTTP_DEFAULT_TIMEOUT="}
	if err := k.start("keda-operator", env, "--leader-elect", "--zap-log-level=info", "--zap-encoder=console", "--zap-time-encoding=rfc3339", "--cert-dir="+certs,
		"--metrics-service-bind-address="+hostIP+":9666"); err != nil {
		return err
	}
	if err := k.start("keda-adapter", env, "--secure-port="+fmt.Sprint(adapterPort), "--port="+fmt.Sprint(adapterMetrics), "--zap-log-level=error", "--client-ca-file="+filepath.Join(certs, "ca.crt"),
		"--tls-cert-file="+filepath.Join(certs, "tls.crt"), "--tls-private-key-file="+filepath.Join(certs, "tls.key"), "--cert-dir="+certs,
		"--authentication-kubeconfig="+account, "--authorization-kubeconfig="+account, "--lister-kubeconfig="+account); err != nil {
		return err
	}
	return await(ctx, "the API server has KEDA's metrics", 2*time.Minute, func() error { return k.get(ctx, "/apis/external.metrics.k8s.io/v1beta1", nil) })
}
