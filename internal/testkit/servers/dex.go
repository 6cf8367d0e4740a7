//go:build unix

package servers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// dexProgram builds the provider of logins in folder dex once, and keeps it for later runs.
var dexProgram = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/neurod/neurod").Output()
	if err != nil {
		return "", fmt.Errorf("where is the source? %w", err)
	}
	source := filepath.Join(string(bytes.TrimSpace(root)), "internal", "testkit", "servers", "dex")
	sum := sha256.New()
	for _, name := range []string{"main.go", "go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		sum.Write(text)
	}
	program := filepath.Join(cache, "neurod-test", "dex-"+hex.EncodeToString(sum.Sum(nil)[:8]), "dex")
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build dex: %w\n%s", err, out)
	}
	return program, nil
})

// DexPerson is somebody who can log in at a provider, with a password.
type DexPerson struct {
	Email, Password string
	Subject         string // who they are there for good; their subject in tokens is made of it
	Verified        bool   // that the address is theirs
}

// DexConfig says who a provider knows.
type DexConfig struct {
	// ClientID and ClientSecret are those of the server that people log in to. Required.
	ClientID, ClientSecret string
	// Redirect is where it takes them back. Required.
	Redirect string
	// People can log in.
	People []DexPerson
}

// Dex is a provider of logins by OpenID Connect (https://dexidp.io) that demands PKCE. Each start has keys of its own.
type Dex struct{ p *process }

// StartDex builds and starts a provider.
func StartDex(ctx context.Context, cfg DexConfig) (_ *Dex, err error) {
	program, err := dexProgram()
	if err != nil {
		return nil, err
	}
	p, err := newProcess("dex", "TERM", nil)
	if err != nil {
		return nil, err
	}
	d := &Dex{p}
	file := filepath.Join(p.dir, "settings.json")
	p.command = func(port int) []string {
		text, err := json.Marshal(map[string]any{"Addr": net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "Issuer": d.issuer(port),
			"Client": map[string]string{"ID": cfg.ClientID, "Secret": cfg.ClientSecret, "Redirect": cfg.Redirect}, "People": cfg.People})
		if err != nil || os.WriteFile(file, text, 0o600) != nil {
			return []string{"false"} // it does not start, and says so
		}
		return []string{program, file}
	}
	p.probe = func(ctx context.Context, _, port int) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.issuer(port)+"/.well-known/openid-configuration", nil)
		if err != nil {
			return err
		}
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return err
		}
		if res.StatusCode != http.StatusOK {
			err = fmt.Errorf("dex: %s", res.Status)
		}
		return errors.Join(err, res.Body.Close())
	}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.close(syscall.SIGKILL))
	}
	return d, nil
}

// issuer has it at another name than servers of tests are at: to a browser it is another site, as providers are.
func (d *Dex) issuer(port int) string {
	return "http://" + net.JoinHostPort("localhost", strconv.Itoa(port)) + "/dex"
}

// Issuer returns what it calls itself.
func (d *Dex) Issuer() string { return d.issuer(d.p.port) }

// Stop ends it. It forgets its keys.
func (d *Dex) Stop() error { return d.p.end(syscall.SIGTERM) }

// Start starts it again, at the same address.
func (d *Dex) Start(ctx context.Context) error { return d.p.start(ctx) }

// Log returns the end of what it wrote.
func (d *Dex) Log() string { return string(d.p.logTail()) }

// Close ends the provider and removes its folder.
func (d *Dex) Close() error { return d.p.close(syscall.SIGKILL) }
