package app

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/testkit"
)

// TestTLS: with a certificate the server speaks TLS alone, HTTP/1.1, HTTP/2 and gRPC at one address.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := testkit.Certificate(t, dir)
	s, err := config.Load([]string{"NEUROD_DATA_DIR=" + dir, "NEUROD_ADDR=127.0.0.1:0", "NEUROD_TLS_CERT=" + cert, "NEUROD_TLS_KEY=" + key})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), Config{Settings: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	trust := x509.NewCertPool()
	public, err := os.ReadFile(cert)
	if err != nil || !trust.AppendCertsFromPEM(public) {
		t.Fatal(err)
	}
	for _, protocols := range [][]string{{"h2", "http/1.1"}, {"http/1.1"}} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust, NextProtos: protocols}, ForceAttemptHTTP2: len(protocols) > 1}
		defer transport.CloseIdleConnections()
		res, err := (&http.Client{Transport: transport}).Get("https://" + a.Addr() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 200 || (res.ProtoMajor == 2) != (len(protocols) == 2) {
			t.Errorf("offered %v: %s %s", protocols, res.Proto, res.Status)
		}
	}
	conn, err := grpc.NewClient("passthrough:///"+a.Addr(), grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(trust, "localhost")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	health, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "neurod.v1.SessionService"})
	if err != nil || health.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("%v %v", health, err)
	}
	if res, err := http.Get("http://" + a.Addr() + "/healthz"); err == nil { // net/http tells whoever speaks no TLS
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 400 {
			t.Errorf("without TLS: %s %s", res.Status, b)
		}
	}
}

// TestCertificatesAreTakenUp: files that are replaced come into force without a restart, and files that are broken do not.
func TestCertificatesAreTakenUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := testkit.Certificate(t, dir)
	c, err := newCertificate(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		t.Helper()
		c.at = c.at.Add(-certificateCheck) // the time for a look has come
		now, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(now.Certificate[0])
	}
	first := shown()
	if shown() != first {
		t.Error("another certificate of the same files")
	}
	later := func() {
		at := time.Now().Add(time.Hour)
		for _, name := range []string{cert, key} {
			if err := os.Chtimes(name, at, at); err != nil {
				t.Fatal(err)
			}
		}
	}
	whole, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cert, whole[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	later()
	if shown() != first {
		t.Error("a broken file came into force")
	}
	testkit.Certificate(t, dir)
	if shown() == first {
		t.Error("new files did not come into force")
	}
	if _, err := newCertificate(cert, dir, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a folder is a key")
	}
}
