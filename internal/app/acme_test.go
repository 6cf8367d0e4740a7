package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/doctor"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// certified is a server that gets its certificates from an authority.
type certified struct {
	*App
	log   *neurod.Log
	ca    *servers.Pebble
	tls   int // its port
	plain int // its port without TLS, where it has one
	env   []string
	stop  func()
}

// port returns one that was free a moment ago.
func port(t testing.TB) int {
	t.Helper()
	p, err := neurod.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func at(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// certify starts an authority and a server for eeg.example.org.
func certify(t *testing.T, cfg servers.PebbleConfig, env ...string) *certified {
	t.Helper()
	dir := t.TempDir()
	c := &certified{tls: port(t), plain: port(t)}
	cfg.Cert, cfg.Key = testkit.Certificate(t, dir)
	cfg.TLSPort, cfg.HTTPPort = c.tls, c.plain
	ca, err := servers.StartPebble(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the authority: %s", ca.Log())
		}
		if err := ca.Close(); err != nil {
			t.Error(err)
		}
	})
	c.ca = ca
	c.env = append([]string{"NEUROD_ADDR=" + at(c.tls), "NEUROD_ACME_HOSTS=eeg.example.org,lab.example.org", "NEUROD_ACME_EMAIL=ada@example.org", "NEUROD_ACME_DIRECTORY=" + ca.Directory(),
		"NEUROD_ACME_CA=" + cfg.Cert}, env...)
	c.run(t, dir)
	return c
}

// run starts the server on a folder.
func (c *certified) run(t *testing.T, dir string) {
	t.Helper()
	c.log = new(neurod.Log)
	a, err := New(t.Context(), Config{Settings: settings(t, testkit.Backend{DataDir: filepath.Join(dir, "data")}, c.env...), Log: slog.New(slog.NewJSONHandler(c.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ended := false
	c.App, c.stop = a, func() {
		if ended {
			return
		}
		ended = true
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
		if t.Failed() {
			t.Logf("log: %s", neurodtest.Tail(c.log.String(), 4000))
		}
	}
	t.Cleanup(c.stop)
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
}

// shake makes a handshake as a client that asks for a host and trusts the authority, and returns the certificate that it is shown.
func (c *certified) shake(t testing.TB, host string) (*x509.Certificate, error) {
	t.Helper()
	roots, err := c.ca.Roots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", at(c.tls), &tls.Config{RootCAs: roots, ServerName: host})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

// await waits for a certificate of a host that is good for a test.
func (c *certified) awaitCertificate(t testing.TB, host string, good func(*x509.Certificate) bool) *x509.Certificate {
	t.Helper()
	var last error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		var cert *x509.Certificate
		if cert, last = c.shake(t, host); last == nil && good(cert) {
			return cert
		}
		if !strings.Contains(c.log.String(), "the certificate is there") {
			continue // each handshake waits for it
		}
	}
	t.Fatalf("no certificate for %s: %v", host, last)
	return nil
}

func first(*x509.Certificate) bool { return true }

// TestACME: a server gets its certificates from a real authority by handshakes alone, serves HTTP/1.1 and HTTP/2 with them, keeps them for its next
// start, and makes none for other names.
func TestACME(t *testing.T) {
	t.Parallel()
	c := certify(t, servers.PebbleConfig{})
	for _, host := range []string{"eeg.example.org", "lab.example.org"} {
		if got := c.awaitCertificate(t, host, first); got.DNSNames[0] != host || time.Until(got.NotAfter) < 24*time.Hour {
			t.Errorf("%s: %v until %s", host, got.DNSNames, got.NotAfter)
		}
	}
	before := c.awaitCertificate(t, "eeg.example.org", first)
	roots, err := c.ca.Roots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, protocols := range [][]string{{"h2", "http/1.1"}, {"http/1.1"}} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, NextProtos: protocols, ServerName: "eeg.example.org"}, ForceAttemptHTTP2: len(protocols) > 1}
		res, err := (&http.Client{Transport: transport}).Get("https://" + at(c.tls) + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		transport.CloseIdleConnections()
		if res.StatusCode != 200 || (res.ProtoMajor == 2) != (len(protocols) == 2) {
			t.Errorf("offered %v: %s %s", protocols, res.Proto, res.Status)
		}
	}
	if _, err := c.shake(t, "evil.example.org"); err == nil || errors.As(err, new(*net.OpError)) && strings.Contains(err.Error(), "timeout") {
		t.Errorf("a certificate for another name: %v", err)
	}
	// By an address, as probes come, a client names no host.
	conn, err := tls.Dial("tcp", at(c.tls), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().PeerCertificates[0].DNSNames; len(got) != 1 || got[0] != "eeg.example.org" {
		t.Errorf("by an address: %v", got)
	}
	_ = conn.Close()

	dir := c.settings.ACMEDir
	c.stop()
	for _, name := range []string{"", "eeg.example.org", "acme_account+key"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	c.run(t, filepath.Dir(filepath.Dir(dir)))
	if after := c.awaitCertificate(t, "eeg.example.org", first); after.SerialNumber.Cmp(before.SerialNumber) != 0 {
		t.Error("another certificate after a restart")
	}
	good := 0
	for _, f := range Doctor(t.Context(), neurodtest.Environment(testkit.Backend{DataDir: c.settings.DataDir}, append(c.env, "NEUROD_ACME_HOSTS=eeg.example.org,lab.example.org,new.example.org")...)).Findings {
		if f.Check == "tls" && f.Level == doctor.OK {
			good++
		}
		if f.Check == "tls" && strings.Contains(f.Says, "new.example.org") != (f.Level == doctor.Warning) || f.Check == "tls.key" && f.Level != doctor.OK {
			t.Errorf("the doctor: %+v", f)
		}
	}
	if good != 2 {
		t.Errorf("the doctor finds %d certificates good", good)
	}
}

// TestACMEOverHTTP: the authority is answered without TLS where there is an address for it, accounts may be bound, and whoever else comes there is sent
// on to known hosts alone.
func TestACMEOverHTTP(t *testing.T) {
	t.Parallel()
	const key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
	plain := port(t)
	c := certify(t, servers.PebbleConfig{Accounts: map[string]string{"kid-1": key}, HTTPPort: plain}, "NEUROD_ACME_KEY_ID=kid-1", "NEUROD_ACME_KEY="+key, "NEUROD_ACME_HTTP_ADDR="+at(plain))
	_ = c.awaitCertificate(t, "eeg.example.org", first)
	for _, tt := range []struct {
		method, host, path string
		status             int
		to                 string
	}{
		{"GET", "eeg.example.org", "/console?x=1", 302, "https://eeg.example.org/console?x=1"},
		{"GET", "EEG.example.org:80", "/", 302, "https://eeg.example.org/"},
		{"GET", "evil.example.org", "/", 421, ""},
		{"GET", "eeg.example.org", "//evil.example.org/", 302, "https://eeg.example.org//evil.example.org/"},
		{"POST", "eeg.example.org", "/v1/auth/login", 400, ""},
		{"GET", "eeg.example.org", "/.well-known/acme-challenge/x", 404, ""},
		{"GET", "evil.example.org", "/.well-known/acme-challenge/x", 403, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+at(plain)+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = tt.host
		res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != tt.status || res.Header.Get("Location") != tt.to {
			t.Errorf("%s %s%s: %d %s", tt.method, tt.host, tt.path, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

// TestACMERenews before a certificate ends, while the server runs.
func TestACMERenews(t *testing.T) {
	t.Parallel()
	c := certify(t, servers.PebbleConfig{Life: 30})
	before := c.awaitCertificate(t, "eeg.example.org", first)
	after := c.awaitCertificate(t, "eeg.example.org", func(x *x509.Certificate) bool { return x.SerialNumber.Cmp(before.SerialNumber) != 0 })
	if !after.NotAfter.After(before.NotAfter) {
		t.Errorf("until %s, before %s", after.NotAfter, before.NotAfter)
	}
}

// TestNoAuthority: a server whose authority is away or does not believe it runs, says why, and stops in time.
func TestNoAuthority(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := &certified{tls: port(t), env: nil}
	c.env = []string{"NEUROD_ADDR=" + at(c.tls), "NEUROD_ACME_HOSTS=eeg.example.org", "NEUROD_ACME_DIRECTORY=https://" + at(port(t)) + "/dir"}
	c.run(t, dir)
	for deadline := time.Now().Add(time.Minute); !strings.Contains(c.log.String(), "no certificate yet"); {
		if time.Now().After(deadline) {
			t.Fatal("it does not say that there is no certificate")
		}
		conn, err := tls.Dial("tcp", at(c.tls), &tls.Config{InsecureSkipVerify: true, ServerName: "eeg.example.org"})
		if err == nil {
			t.Error("a handshake without a certificate")
			_ = conn.Close()
		}
	}
	c.stop()
	cert := filepath.Join(dir, "none.pem")
	if err := os.WriteFile(cert, []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, env := range [][]string{{"NEUROD_ACME_CA=" + cert}, {"NEUROD_ACME_CA=" + cert + ".absent"}, {"NEUROD_ACME_DIR=" + cert + "/x"}} {
		_, err := New(t.Context(), Config{Settings: settings(t, testkit.Backend{DataDir: filepath.Join(dir, "data")}, append(c.env, env...)...), Log: slog.New(slog.DiscardHandler)})
		if name, _, _ := strings.Cut(env[0], "="); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v", env, err)
		}
	}
}
