package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/neurod/neurod/internal/config"
)

type probeCmd struct {
	URL string `placeholder:"URL" help:"Base address of the process, such as http://127.0.0.1:8000. Where NEUROD_ADDR or NEUROD_WORKER_ADDR has this machine's process, by default."`
}

// Run asks a process whether it is ready, for health checks of images that have no other program to ask with.
func (c probeCmd) Run(ctx context.Context) error {
	base := c.URL
	if base == "" {
		settings, err := config.Load(os.Environ())
		if err != nil {
			return err
		}
		if base, err = here(settings); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(base, "/")+"/readyz", nil)
	if err != nil {
		return err
	}
	// The certificate names the address of clients, not that of this machine's loopback, and nothing secret is sent.
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 4096))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s: %s", res.Status, body)
	}
	fmt.Printf("%s\n", strings.TrimSpace(string(body)))
	return nil
}

// here is the base address at which a process with these settings answers this machine.
func here(s config.Config) (string, error) {
	addr, scheme := s.Addr, "http"
	if s.WorkerAddr != "" {
		addr = s.WorkerAddr
	} else if s.TLSCert != "" || len(s.ACMEHosts) > 0 {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	if port == "0" {
		return "", errors.New("the settings leave the port open: give --url")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}
