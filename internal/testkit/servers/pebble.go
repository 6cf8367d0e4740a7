//go:build unix

package servers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// pebbleVersion is the one of https://github.com/letsencrypt/pebble that is built.
const pebbleVersion = "v2.10.3"

// pebblePrograms builds the authority and its DNS server once, and keeps them for later runs.
var pebblePrograms = sync.OnceValues(func() (dir string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(cache, "neurod-test", "pebble-"+pebbleVersion)
	names := []string{"pebble", "pebble-challtestsrv"}
	missing := false
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			missing = true
		}
	}
	if !missing {
		return dir, nil
	}
	args := []string{"install"}
	for _, name := range names {
		args = append(args, "github.com/letsencrypt/pebble/v2/cmd/"+name+"@"+pebbleVersion)
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = os.TempDir() // its modules are not ours
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build pebble: %w\n%s", err, out)
	}
	return dir, nil
})

// PebbleConfig says how an authority works.
type PebbleConfig struct {
	// Cert and Key are files of a certificate for localhost, which the authority's own address shows. Required.
	Cert, Key string
	// HTTPPort and TLSPort are where it looks whether a name leads here. Required.
	HTTPPort, TLSPort int
	// Life of the certificates, s. Defaults to 90 days.
	Life int
	// Accounts are keys, in base64url, by their ids, one of which an account must be bound to. Defaults to none.
	Accounts map[string]string
}

// Pebble is an ACME authority of our own, the one by which Let's Encrypt's clients are tested: every name leads to this machine, it refuses a
// part of all nonces, and nobody trusts its certificates.
type Pebble struct {
	p, dns     *process
	client     *http.Client
	management int
}

// StartPebble builds and starts an authority.
func StartPebble(ctx context.Context, cfg PebbleConfig) (_ *Pebble, err error) {
	programs, err := pebblePrograms()
	if err != nil {
		return nil, err
	}
	pem, err := os.ReadFile(cfg.Cert)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	b := &Pebble{client: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
		}
	}()
	if b.dns, err = newProcess("pebble-dns", "TERM", nil); err != nil {
		return nil, err
	}
	b.dns.command = func(port int) []string {
		at := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		return []string{filepath.Join(programs, "pebble-challtestsrv"), "-dnsserver", at, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "",
			"-tlsalpn01", "", "-doh", "", "-management", "127.0.0.1:0"}
	}
	b.dns.probe = func(ctx context.Context, _, port int) error {
		to := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		}}
		_, err := to.LookupHost(ctx, "eeg.example.org")
		return err
	}
	if err := b.dns.start(ctx); err != nil {
		return nil, err
	}
	if b.p, err = newProcess("pebble", "TERM", nil); err != nil {
		return nil, err
	}
	if b.management, err = freePort(); err != nil {
		return nil, err
	}
	file := filepath.Join(b.p.dir, "config.json")
	b.p.command = func(port int) []string {
		settings := map[string]any{"listenAddress": net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "managementListenAddress": net.JoinHostPort("127.0.0.1", strconv.Itoa(b.management)),
			"certificate": cfg.Cert, "privateKey": cfg.Key, "httpPort": cfg.HTTPPort, "tlsPort": cfg.TLSPort, "externalAccountBindingRequired": len(cfg.Accounts) > 0,
			"externalAccountMACKeys": cfg.Accounts, "profiles": map[string]any{"default": map[string]any{"description": "of tests", "validityPeriod": cfg.Life}}}
		text, err := json.Marshal(map[string]any{"pebble": settings})
		if err != nil || os.WriteFile(file, text, 0o600) != nil {
			return []string{"false"} // it does not start, and says so
		}
		return []string{"env", "PEBBLE_VA_NOSLEEP=1", filepath.Join(programs, "pebble"), "-config", file, "-dnsserver", b.dns.addr()}
	}
	b.p.probe = func(ctx context.Context, _, _ int) error {
		_, err := b.get(ctx, b.Directory())
		return err
	}
	if err := b.p.start(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Pebble) get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := b.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}

// Directory is the URL by which clients begin.
func (b *Pebble) Directory() string { return "https://localhost:" + strconv.Itoa(b.p.port) + "/dir" }

// Roots returns what its certificates lead to.
func (b *Pebble) Roots(ctx context.Context) (*x509.CertPool, error) {
	pem, err := b.get(ctx, "https://localhost:"+strconv.Itoa(b.management)+"/roots/0")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("pebble shows no root: %s", pem)
	}
	return pool, nil
}

// Log returns the end of what it wrote.
func (b *Pebble) Log() string { return string(b.p.logTail()) }

// Close ends the authority and removes its folders.
func (b *Pebble) Close() error {
	var errs []error
	for _, p := range []*process{b.p, b.dns} {
		if p != nil {
			errs = append(errs, p.close(syscall.SIGKILL))
		}
	}
	return errors.Join(errs...)
}
