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
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// pod is the part of a Pod that a node goes by.
type pod struct {
	Metadata struct {
		Name, Namespace, UID       string
		Labels                     map[string]string
		CreationTimestamp          time.Time
		DeletionTimestamp          *time.Time
		DeletionGracePeriodSeconds int
	}
	Spec struct {
		NodeName, RestartPolicy string
		SecurityContext         struct{ RunAsUser, RunAsGroup uint32 }
		Containers              []container
	}
	Status struct{ Phase string }
}

type container struct {
	Name, Image string
	Args        []string
	Env         []struct {
		Name, Value string
		ValueFrom   *struct {
			SecretKeyRef *struct{ Name, Key string }
		}
	}
	Ports []struct {
		Name          string
		ContainerPort int
	}
	StartupProbe, ReadinessProbe, LivenessProbe *probe
	Lifecycle                                   struct {
		PreStop struct{ Sleep struct{ Seconds int } }
	}
	VolumeMounts []struct{ MountPath string }
}

type probe struct {
	HTTPGet struct {
		Path string
		Port any // a number, or the name of one
	}
	PeriodSeconds, TimeoutSeconds, FailureThreshold int
}

// node stands in for the kubelet and the scheduler, and takes every pod of a namespace: it starts the program of the one image that there is as a process, with
// the arguments, the environment and the user of the pod, probes it as the pod says, and ends it as a kubelet does: preStop, SIGTERM, SIGKILL after the grace.
//
// A process listens on an address of its pod's own; what its environment says of all addresses (":8001") is rewritten to that. Images, volumes but an empty
// /tmp, limits of resources and a read-only root there are not.
type node struct {
	k         *cluster
	name      string
	namespace string
	image     string // what stands before the tag
	program   string // what it is here

	mu     sync.Mutex
	lives  map[string]*life // by UID
	last   int              // address that was given last
	faults []error
}

// life is a pod on the node.
type life struct {
	pod       pod
	component string
	leave     chan struct{} // closed when it is to go
	leaving   bool
	ready     bool
	gone      bool
	killed    bool
	restarts  int
	since     time.Time // creation, as the node has seen it
	readyAt   time.Time
	goneAt    time.Time
}

// newNode makes the node known to the cluster.
func newNode(ctx context.Context, k *cluster, namespace, image, program string) (*node, error) {
	n := &node{k: k, name: "stand-in", namespace: namespace, image: image, program: program, lives: map[string]*life{}}
	if err := k.apply(ctx, object{"apiVersion": "v1", "kind": "Node", "metadata": object{"name": n.name, "labels": object{"kubernetes.io/hostname": n.name}}}); err != nil {
		return nil, err
	}
	return n, k.patch(ctx, "/api/v1/nodes/"+n.name+"/status", object{"status": object{"addresses": []any{object{"type": "InternalIP", "address": hostIP}},
		"conditions": []any{object{"type": "Ready", "status": "True", "reason": "StandIn", "message": "", "lastHeartbeatTime": stamp(time.Now()), "lastTransitionTime": stamp(time.Now())}}}})
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// run looks at the pods until the context ends, and then ends what still runs.
func (n *node) run(ctx context.Context) {
	var running sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	for ctx.Err() == nil {
		var list struct{ Items []pod }
		err := n.k.get(ctx, "/api/v1/namespaces/"+n.namespace+"/pods?resourceVersion=0", &list)
		if err != nil && ctx.Err() == nil {
			n.fault(fmt.Errorf("look at pods: %w", err))
		}
		for _, p := range list.Items {
			if l := n.meet(p); l != nil {
				running.Go(func() {
					if err := n.live(ctx, l); err != nil && ctx.Err() == nil {
						n.fault(fmt.Errorf("pod %s: %w", p.Metadata.Name, err))
					}
				})
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	stop()
	running.Wait()
}

// meet notes what has become of a pod, and returns its life where that is to begin.
func (n *node) meet(p pod) *life {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.lives[p.Metadata.UID]
	fresh := l == nil
	if fresh {
		if p.Status.Phase == "Succeeded" || p.Status.Phase == "Failed" {
			return nil
		}
		l = &life{pod: p, component: p.Metadata.Labels["app.kubernetes.io/component"], leave: make(chan struct{}), since: time.Now()}
		n.lives[p.Metadata.UID] = l
	}
	if p.Metadata.DeletionTimestamp != nil && !l.leaving {
		l.leaving = true
		l.pod.Metadata.DeletionGracePeriodSeconds = p.Metadata.DeletionGracePeriodSeconds
		close(l.leave)
	}
	if !fresh {
		return nil
	}
	return l
}

func (n *node) fault(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = append(n.faults, err)
	fmt.Fprintln(os.Stderr, "keda: node:", err)
}

// count is how many pods of a component there are: those that are not told to go, those of them that are ready, and those that are going.
type count struct{ pods, ready, going int }

func (n *node) count(component string) (c count) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.lives {
		switch {
		case l.component != component || l.gone:
		case l.leaving:
			c.going++
		default:
			c.pods++
			if l.ready {
				c.ready++
			}
		}
	}
	return c
}

// past returns the pods of a component that there have been, the first one first.
func (n *node) past(component string) (all []life) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.lives {
		if l.component == component {
			all = append(all, *l)
		}
	}
	slices.SortFunc(all, func(a, b life) int { return a.since.Compare(b.since) })
	return all
}

// live binds a pod to the node, runs it until it has ended or is to go, and takes it away then.
func (n *node) live(ctx context.Context, l *life) error {
	n.mu.Lock()
	n.last++
	ip := address(n.last)
	n.mu.Unlock()
	p := l.pod
	path := "/api/v1/namespaces/" + p.Metadata.Namespace + "/pods/" + p.Metadata.Name
	if p.Spec.NodeName == "" {
		if err := n.k.post(ctx, path+"/binding", object{"apiVersion": "v1", "kind": "Binding", "metadata": object{"name": p.Metadata.Name},
			"target": object{"apiVersion": "v1", "kind": "Node", "name": n.name}}, nil); err != nil {
			return err
		}
	}
	if len(p.Spec.Containers) != 1 {
		return fmt.Errorf("%d containers", len(p.Spec.Containers))
	}
	c := p.Spec.Containers[0]
	if image, _, _ := strings.Cut(c.Image, ":"); image != n.image {
		return fmt.Errorf("there is no image %s", c.Image)
	}
	tmp := filepath.Join(n.k.opt.scratch, "pods", p.Metadata.Name)
	env, err := n.env(ctx, p, c, ip, tmp)
	if err != nil {
		return err
	}
	if err := errors.Join(os.MkdirAll(tmp, 0o755), os.Chown(tmp, int(p.Spec.SecurityContext.RunAsUser), int(p.Spec.SecurityContext.RunAsGroup))); err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	s := &status{n: n, l: l, path: path, ip: ip, c: c, begun: time.Now()}
	var code int
	for again := true; again; {
		if code, again, err = n.once(ctx, l, s, c, env, tmp); err != nil {
			return err
		}
		if again {
			l.restarted(n)
		}
	}
	phase := "Succeeded"
	if code != 0 {
		phase = "Failed"
	}
	if err := s.ended(ctx, phase, code); err != nil && !missing(err) {
		return err
	}
	select {
	case <-l.leave: // the API server keeps it until the node says that it is gone
		err = n.k.do(ctx, http.MethodDelete, path, asJSON, object{"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": object{"uid": p.Metadata.UID}}, nil)
	default:
	}
	n.mu.Lock()
	l.ready, l.gone, l.goneAt = false, true, time.Now()
	n.mu.Unlock()
	if missing(err) {
		return nil
	}
	return err
}

func (l *life) restarted(n *node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l.restarts++
	l.ready = false
}

// env is the environment of a container: that of its image and what the pod says, with secrets looked up.
func (n *node) env(ctx context.Context, p pod, c container, ip, tmp string) ([]string, error) {
	env := []string{"PATH=/usr/bin:/bin", "HOME=" + tmp, "HOSTNAME=" + p.Metadata.Name, "TMPDIR=" + tmp}
	secrets := map[string]map[string]string{}
	for _, e := range c.Env {
		value := e.Value
		if e.ValueFrom != nil {
			if e.ValueFrom.SecretKeyRef == nil {
				return nil, fmt.Errorf("%s is from something else than a secret", e.Name)
			}
			name, key := e.ValueFrom.SecretKeyRef.Name, e.ValueFrom.SecretKeyRef.Key
			if secrets[name] == nil {
				var s struct{ Data map[string]string }
				if err := n.k.get(ctx, "/api/v1/namespaces/"+p.Metadata.Namespace+"/secrets/"+name, &s); err != nil {
					return nil, err
				}
				secrets[name] = s.Data
			}
			coded, ok := secrets[name][key]
			if !ok {
				return nil, fmt.Errorf("secret %s has no %s", name, key)
			}
			plain, err := base64.StdEncoding.DecodeString(coded)
			if err != nil {
				return nil, err
			}
			value = string(plain)
		}
		env = append(env, e.Name+"="+listens(value, ip))
	}
	return env, nil
}

// once runs the process of a pod until it ends. again says that it ended by itself although it is to run for good.
func (n *node) once(ctx context.Context, l *life, s *status, c container, env []string, dir string) (code int, again bool, err error) {
	log, err := os.OpenFile(filepath.Join(n.k.logs, l.pod.Metadata.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, false, err
	}
	defer log.Close()
	cmd := exec.Command(n.program, c.Args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL,
		Credential: &syscall.Credential{Uid: l.pod.Spec.SecurityContext.RunAsUser, Gid: l.pod.Spec.SecurityContext.RunAsGroup}}
	if err := cmd.Start(); err != nil {
		return 0, false, err
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the state of the process says how it ended
		close(exited)
	}()
	if err := s.running(ctx, false); err != nil {
		_ = cmd.Process.Kill()
		<-exited
		return 0, false, err
	}
	probing, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		if !n.watch(probing, s, c) {
			n.fault(fmt.Errorf("pod %s: does not live by its probes and is killed\n%s", l.pod.Metadata.Name, tail(log.Name())))
			_ = cmd.Process.Kill() // it may have ended
		}
	})
	select {
	case <-exited:
		again = l.pod.Spec.RestartPolicy != "Never"
		if again {
			n.fault(fmt.Errorf("pod %s ended by itself: %v\n%s", l.pod.Metadata.Name, cmd.ProcessState, tail(log.Name())))
		}
	case <-l.leave:
		n.end(l, c, cmd.Process, exited)
	case <-ctx.Done():
		_ = cmd.Process.Kill() // the run is over
		<-exited
	}
	stop()
	watch.Wait()
	return cmd.ProcessState.ExitCode(), again && ctx.Err() == nil, nil
}

// end ends the process of a pod within its grace, which began with the deletion.
func (n *node) end(l *life, c container, p *os.Process, exited <-chan struct{}) {
	grace := time.After(time.Duration(l.pod.Metadata.DeletionGracePeriodSeconds) * time.Second)
	select {
	case <-time.After(time.Duration(c.Lifecycle.PreStop.Sleep.Seconds) * time.Second):
	case <-exited:
		return
	}
	_ = p.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-exited:
	case <-grace:
		n.mu.Lock()
		l.killed = true
		n.mu.Unlock()
		_ = p.Kill()
		<-exited
	}
}

// watch probes a container as its probes say, until the context ends; false where it does not live by them.
func (n *node) watch(ctx context.Context, s *status, c container) bool {
	if c.StartupProbe != nil && !repeat(ctx, *c.StartupProbe, c, s.ip, true, nil) {
		return ctx.Err() != nil
	}
	var readiness sync.WaitGroup
	defer readiness.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if c.ReadinessProbe != nil {
		readiness.Go(func() {
			repeat(ctx, *c.ReadinessProbe, c, s.ip, false, func(well bool) {
				if err := s.running(ctx, well); err != nil && ctx.Err() == nil && !missing(err) {
					n.fault(err)
				}
			})
		})
	}
	if c.LivenessProbe == nil {
		<-ctx.Done()
		return true
	}
	return repeat(ctx, *c.LivenessProbe, c, s.ip, false, nil) || ctx.Err() != nil
}

// repeat asks a probe each period and tells changes of what it finds. It returns true with the first success where that is all that is asked for, false where
// the probe fails for good and nobody is told, and at the end of the context.
func repeat(ctx context.Context, p probe, c container, ip string, once bool, tell func(well bool)) bool {
	port := fmt.Sprint(p.HTTPGet.Port)
	for _, named := range c.Ports {
		if named.Name == port {
			port = fmt.Sprint(named.ContainerPort)
		}
	}
	asked := http.Client{Timeout: time.Duration(max(p.TimeoutSeconds, 1)) * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	url := "http://" + net.JoinHostPort(ip, port) + p.HTTPGet.Path
	tick := time.NewTicker(time.Duration(max(p.PeriodSeconds, 1)) * time.Second)
	defer tick.Stop()
	failed, well := 0, false
	for {
		res, err := asked.Get(url)
		if err == nil {
			res.Body.Close()
		}
		if err == nil && res.StatusCode < 400 {
			failed = 0
			if once {
				return true
			}
			if !well && tell != nil {
				tell(true)
			}
			well = true
		} else if failed++; failed >= max(p.FailureThreshold, 1) {
			if tell == nil {
				return false
			}
			if well {
				tell(false)
			}
			well = false
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// status writes what a kubelet says of a pod.
type status struct {
	n     *node
	l     *life
	path  string
	ip    string
	c     container
	begun time.Time
}

func (s *status) running(ctx context.Context, ready bool) error {
	err := s.write(ctx, "Running", ready, object{"running": object{"startedAt": stamp(s.begun)}})
	if err == nil {
		s.n.mu.Lock()
		defer s.n.mu.Unlock()
		s.l.ready = ready
		if ready && s.l.readyAt.IsZero() {
			s.l.readyAt = time.Now()
		}
	}
	return err
}

func (s *status) ended(ctx context.Context, phase string, code int) error {
	return s.write(ctx, phase, false, object{"terminated": object{"exitCode": code, "startedAt": stamp(s.begun), "finishedAt": stamp(time.Now())}})
}

func (s *status) write(ctx context.Context, phase string, ready bool, state object) error {
	s.n.mu.Lock()
	restarts := s.l.restarts
	s.n.mu.Unlock()
	conditions := []any{}
	for _, c := range []struct {
		kind string
		is   bool
	}{{"PodScheduled", true}, {"Initialized", true}, {"PodReadyToStartContainers", true}, {"ContainersReady", ready}, {"Ready", ready}} {
		value := "False"
		if c.is {
			value = "True"
		}
		conditions = append(conditions, object{"type": c.kind, "status": value, "lastTransitionTime": stamp(time.Now())})
	}
	return s.n.k.patch(ctx, s.path+"/status", object{"metadata": object{"uid": s.l.pod.Metadata.UID}, "status": object{
		"phase": phase, "hostIP": hostIP, "podIP": s.ip, "podIPs": []any{object{"ip": s.ip}}, "startTime": stamp(s.begun), "conditions": conditions,
		"containerStatuses": []any{object{"name": s.c.Name, "image": s.c.Image, "imageID": "", "ready": ready, "started": ready, "restartCount": restarts, "state": state}}}})
}
