//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// network stands in for kube-proxy and the cluster's name server: it listens on the address of each Service and passes connections on to the endpoints that
// are ready, in turn, and it writes the names of Services into the hosts file.
type network struct {
	k *cluster

	mu     sync.Mutex
	routes map[string]*route // by address and port of a Service
	names  string            // what the hosts file has
}

// route is a port of a Service.
type route struct {
	listener net.Listener
	ends     atomic.Pointer[[]string] // addresses and ports that are ready
	turn     atomic.Uint64
}

type serviceList struct {
	Items []struct {
		Metadata struct{ Name, Namespace string }
		Spec     struct {
			ClusterIP string
			Ports     []struct {
				Name string
				Port int
			}
		}
	}
}

type sliceList struct {
	Items []struct {
		Metadata struct {
			Namespace string
			Labels    map[string]string
		}
		Ports []struct {
			Name string
			Port int
		}
		Endpoints []struct {
			Addresses  []string
			Conditions struct{ Ready *bool }
		}
	}
}

// run keeps the routes as the cluster says until the context ends.
func (n *network) run(ctx context.Context) {
	n.routes = map[string]*route{}
	defer func() {
		for _, r := range n.routes {
			r.listener.Close()
		}
	}()
	for ctx.Err() == nil {
		if err := n.refresh(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, "keda: look at Services:", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (n *network) refresh(ctx context.Context) error {
	var all serviceList
	var slices sliceList
	if err := errors.Join(n.k.get(ctx, "/api/v1/services?resourceVersion=0", &all), n.k.get(ctx, "/apis/discovery.k8s.io/v1/endpointslices?resourceVersion=0", &slices)); err != nil {
		return err
	}
	ready := map[string][]string{} // by namespace, Service and name of the port
	for _, s := range slices.Items {
		for _, p := range s.Ports {
			key := s.Metadata.Namespace + "/" + s.Metadata.Labels["kubernetes.io/service-name"] + "/" + p.Name
			for _, e := range s.Endpoints {
				if e.Conditions.Ready == nil || *e.Conditions.Ready {
					ready[key] = append(ready[key], net.JoinHostPort(e.Addresses[0], fmt.Sprint(p.Port)))
				}
			}
		}
	}
	names := "127.0.0.1 localhost\n"
	for _, s := range all.Items {
		if s.Spec.ClusterIP == "" || s.Spec.ClusterIP == "None" {
			continue
		}
		name := s.Metadata.Name + "." + s.Metadata.Namespace
		names += s.Spec.ClusterIP + " " + name + " " + name + ".svc " + name + ".svc." + clusterD + "\n"
		for _, p := range s.Spec.Ports {
			r, err := n.route(net.JoinHostPort(s.Spec.ClusterIP, fmt.Sprint(p.Port)))
			if err != nil {
				return err
			}
			ends := ready[s.Metadata.Namespace+"/"+s.Metadata.Name+"/"+p.Name]
			r.ends.Store(&ends)
		}
	}
	if names == n.names {
		return nil
	}
	n.names = names
	return os.WriteFile(hosts, []byte(names), 0o644) // in place: it is a mount
}

// route returns the route of an address, and listens there first where nobody does.
func (n *network) route(addr string) (*route, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.routes[addr]; r != nil {
		return r, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	r := &route{listener: l}
	r.ends.Store(&[]string{})
	n.routes[addr] = r
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go r.pass(in)
		}
	}()
	return r, nil
}

// pass connects a connection to an endpoint, and ends it where there is none.
func (r *route) pass(in net.Conn) {
	defer in.Close()
	ends := *r.ends.Load()
	if len(ends) == 0 {
		return
	}
	out, err := net.DialTimeout("tcp", ends[int(r.turn.Add(1)%uint64(len(ends)))], 5*time.Second)
	if err != nil {
		return
	}
	defer out.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(out, in) // ends with the connection
		_ = out.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(in, out)
	_ = in.(*net.TCPConn).CloseWrite()
	<-done
}

// address returns the n-th address of pods.
func address(n int) string {
	ip := net.ParseIP(podRange).To4()
	return net.IPv4(ip[0], ip[1], ip[2]+byte(n>>8), ip[3]+byte(n)).String()
}

// listens rewrites an address of all interfaces, as ":8001", to one of a pod: here all pods share one host.
func listens(value, ip string) string {
	if _, port, ok := strings.Cut(value, ":"); ok && strings.HasPrefix(value, ":") && port != "" && !slices.ContainsFunc([]byte(port), func(b byte) bool { return b < '0' || b > '9' }) {
		return net.JoinHostPort(ip, port)
	}
	return value
}
