package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"github.com/neurod/neurod/internal/build"
	"github.com/neurod/neurod/internal/config"
)

// Pauses of a server that does not get a certificate. Authorities count failures: Let's Encrypt lets a name fail five times an hour.
const (
	firstRetry = time.Minute
	lastRetry  = time.Hour
)

// authorityTimeout is for one request to the authority.
const authorityTimeout = 30 * time.Second

// authority gets certificates by ACME (RFC 8555) and renews them, a third of their life or 30 days before their end. The authority looks whether
// names lead here by a handshake of its own (tls-alpn-01, RFC 8737) or by a request without TLS (http-01). A nil one does nothing.
type authority struct {
	hosts   []string
	manager *autocert.Manager
	log     *slog.Logger

	addr     string // where challenges are answered without TLS; "" for nowhere
	server   *http.Server
	listener net.Listener

	stopping context.CancelFunc
	stopped  <-chan struct{}
	group    sync.WaitGroup
}

// newAuthority reads what the settings name.
func newAuthority(s config.Config, log *slog.Logger) (*authority, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if s.ACMECA != "" {
		roots := x509.NewCertPool()
		pem, err := os.ReadFile(s.ACMECA)
		if err != nil {
			return nil, fmt.Errorf("app: NEUROD_ACME_CA: %w", err)
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("app: NEUROD_ACME_CA: there is no certificate in %s", s.ACMECA)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	if err := os.MkdirAll(s.ACMEDir, 0o700); err != nil {
		return nil, fmt.Errorf("app: NEUROD_ACME_DIR: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	a := &authority{hosts: s.ACMEHosts, log: log, addr: s.ACMEHTTPAddr, stopping: stop, stopped: ctx.Done()}
	a.manager = &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(s.ACMEDir),
		HostPolicy: autocert.HostWhitelist(s.ACMEHosts...),
		Email:      s.ACMEEmail,
		Client: &acme.Client{DirectoryURL: s.ACMEDirectory, UserAgent: "neurod/" + build.Read().Version,
			HTTPClient: &http.Client{Transport: endingWith(ctx, transport), Timeout: authorityTimeout}},
	}
	if s.ACMEDirectory == "" {
		a.manager.Client.DirectoryURL = autocert.DefaultACMEDirectory
	}
	if s.ACMEKeyID != "" {
		key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s.ACMEKey.Reveal(), "="))
		if err != nil {
			return nil, errors.New("app: NEUROD_ACME_KEY is not base64url")
		}
		a.manager.ExternalAccountBinding = &acme.ExternalAccountBinding{KID: s.ACMEKeyID, Key: key}
	}
	if a.addr != "" {
		a.server = &http.Server{Handler: a.manager.HTTPHandler(http.HandlerFunc(a.toTLS)), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
			WriteTimeout: 10 * time.Second, IdleTimeout: 30 * time.Second, MaxHeaderBytes: 8 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	}
	return a, nil
}

// roundTrip is a function as an http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// endingWith ends requests when ctx ends: autocert gives them five minutes, and a process that stops has less.
func endingWith(ctx context.Context, next http.RoundTripper) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		both, cancel := context.WithCancel(r.Context()) // ends with the request's at the latest
		context.AfterFunc(ctx, cancel)
		return next.RoundTrip(r.WithContext(both))
	}
}

// get returns the certificate for a handshake. A client that names no host, as one that comes by an address, sees that of the first.
func (a *authority) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName == "" {
		named := *hello
		named.ServerName = a.hosts[0]
		hello = &named
	}
	return a.manager.GetCertificate(hello)
}

// toTLS sends whoever asks for a page without TLS to the same page with it. Other calls are refused: what they carry was in the open.
func (a *authority) toTLS(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	switch {
	case !slices.Contains(a.hosts, strings.ToLower(host)):
		http.Error(w, "there is no such host here", http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Error(w, "use https", http.StatusBadRequest)
	default:
		http.Redirect(w, r, "https://"+strings.ToLower(host)+r.URL.RequestURI(), http.StatusFound)
	}
}

// listen opens the port for challenges without TLS, where there is one.
func (a *authority) listen() error {
	if a == nil || a.server == nil {
		return nil
	}
	l, err := net.Listen("tcp", a.addr)
	if err != nil {
		return fmt.Errorf("app: NEUROD_ACME_HTTP_ADDR: %w", err)
	}
	a.listener = l
	return nil
}

// start answers challenges and gets the certificates, so that no client has to wait for one. The server listens already: the authority calls back.
func (a *authority) start() {
	if a == nil {
		return
	}
	if a.server != nil {
		a.group.Go(func() {
			if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
				a.log.Error("challenges are not answered any more", "error", err.Error())
			}
		})
	}
	for _, host := range a.hosts {
		a.group.Go(func() { a.obtain(host) })
	}
}

// obtain gets the certificate of a host, or what is kept of it, and tries again until it has one.
func (a *authority) obtain(host string) {
	// As a client of today asks for it: one with an elliptic key.
	hello := &tls.ClientHelloInfo{ServerName: host, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		c, err := a.manager.GetCertificate(hello)
		if err == nil {
			a.log.Info("the certificate is there", "host", host, "until", c.Leaf.NotAfter.UTC().Format(time.RFC3339), "issuer", c.Leaf.Issuer.CommonName)
			return
		}
		t := time.NewTimer(wait)
		select {
		case <-a.stopped:
			t.Stop()
			return
		default:
			a.log.Error("no certificate yet", "host", host, "again_in", wait.String(), "error", err.Error())
		}
		select {
		case <-a.stopped:
			t.Stop()
			return
		case <-t.C:
		}
	}
}

// close ends what start began.
func (a *authority) close(ctx context.Context) error {
	if a == nil {
		return nil
	}
	a.stopping()
	var err error
	if a.listener != nil {
		err = errors.Join(a.server.Close(), ignoreClosed(a.listener.Close()))
	}
	done := make(chan struct{})
	go func() {
		a.group.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done(): // it waits between two looks at what the authority does
	}
	return err
}

// ignoreClosed drops the error of what was closed before.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
