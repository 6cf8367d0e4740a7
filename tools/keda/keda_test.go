//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestPodsListenOnTheirOwn(t *testing.T) {
	t.Parallel()
	if a, b := address(7), address(300); a != "10.244.0.7" || b != "10.244.1.44" {
		t.Errorf("addresses %s and %s", a, b)
	}
	for value, want := range map[string]string{":8001": "10.244.0.7:8001", "127.0.0.1:80": "127.0.0.1:80", "": "", ":": ":", ":memory:": ":memory:", "3600s": "3600s"} {
		if got := listens(value, "10.244.0.7"); got != want {
			t.Errorf("%q became %q", value, got)
		}
	}
}

func TestManifestsAreRead(t *testing.T) {
	t.Parallel()
	all, err := objects([]byte("# nothing\n---\nkind: A\nspec: {n: 3, on: true}\n---\n---\nkind: B\n"))
	if err != nil || len(all) != 2 || text(all[1], "kind") != "B" {
		t.Fatalf("%v, %v", all, err)
	}
	if b, err := json.Marshal(all[0]); err != nil || string(b) != `{"kind":"A","spec":{"n":3,"on":true}}` {
		t.Errorf("%s, %v", b, err)
	}
}

// TestObjectsAreAppliedWhereTheirKindIs: the path of an object follows from what the server says of its kind.
func TestObjectsAreAppliedWhereTheirKindIs(t *testing.T) {
	t.Parallel()
	var applied []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPatch:
			applied = append(applied, r.URL.Path+" "+r.Header.Get("Content-Type"))
			_, _ = io.WriteString(w, "{}")
		case r.URL.Path == "/api/v1":
			_, _ = io.WriteString(w, `{"resources":[{"name":"nodes","kind":"Node"},{"name":"nodes/status","kind":"Node"}]}`)
		case r.URL.Path == "/apis/apps/v1":
			_, _ = io.WriteString(w, `{"resources":[{"name":"deployments","kind":"Deployment","namespaced":true}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"message":"no such group"}`)
		}
	}))
	defer server.Close()
	c := &client{base: server.URL, http: server.Client(), kinds: map[string]string{}}
	manifest := "apiVersion: v1\nkind: Node\nmetadata: {name: n}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n"
	if err := c.applyAll(t.Context(), []byte(manifest), "eeg"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(applied, "\n"); got != "/api/v1/nodes/n "+asApply+"\n/apis/apps/v1/namespaces/eeg/deployments/d "+asApply {
		t.Errorf("applied %s", got)
	}
	if err := c.applyAll(t.Context(), []byte("apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: s}\n"), "eeg"); !missing(err) || !strings.Contains(err.Error(), "no such group") {
		t.Errorf("an unknown kind: %v", err)
	}
}

// TestRoutes: a connection goes to an endpoint that is ready, and ends at once where there is none.
func TestRoutes(t *testing.T) {
	t.Parallel()
	end, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	go func() {
		for {
			c, err := end.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(c, c) // until the client has written all
			c.Close()
		}
	}()
	n := &network{routes: map[string]*route{}}
	r, err := n.route("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer r.listener.Close()
	send := func() string {
		c, err := net.Dial("tcp", r.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(10 * time.Second)) // a TCP connection takes one
		_, _ = io.WriteString(c, "there and back")          // there may be nobody
		_ = c.(*net.TCPConn).CloseWrite()
		b, _ := io.ReadAll(c)
		return string(b)
	}
	if got := send(); got != "" {
		t.Errorf("without an endpoint: %q", got)
	}
	r.ends.Store(&[]string{end.Addr().String()})
	if got := send(); got != "there and back" {
		t.Errorf("with one: %q", got)
	}
}

// TestProbes: a probe fails for good after as many failures as it says, and a change of readiness is told.
func TestProbes(t *testing.T) {
	t.Parallel()
	well := make(chan bool, 8)
	sick := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-sick:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
		}
	}))
	defer server.Close()
	ip, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	p := probe{PeriodSeconds: 1, FailureThreshold: 2}
	p.HTTPGet.Port = port
	if !repeat(t.Context(), p, container{}, ip, true, nil) {
		t.Error("one that starts does not")
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		repeat(ctx, p, container{}, ip, false, func(is bool) { well <- is })
	}()
	if !<-well {
		t.Error("not ready")
	}
	close(sick)
	if <-well {
		t.Error("still ready")
	}
	stop()
	<-over
	if repeat(t.Context(), p, container{}, ip, false, nil) {
		t.Error("one that does not live does")
	}
}

func TestCertificatesAreOfTheAuthority(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, err := newAuthority(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	id, err := a.issue(dir, "server", "someone", "some group", "10.0.0.1", "a.svc")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(id.cert, id.key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	for _, name := range []string{"10.0.0.1", "a.svc"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: name}); err != nil {
			t.Error(err)
		}
	}
	if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil || pair.Leaf.Subject.Organization[0] != "some group" {
		t.Errorf("as a client: %v, %v", pair.Leaf.Subject, err)
	}
}
