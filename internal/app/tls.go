package app

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateCheck is how often the files of a certificate are looked at: whoever renews certificates replaces them while the server runs.
const certificateCheck = time.Minute

// certificate is the certificate of two files, as they are now.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	of     [2]time.Time // when the files were written
	at     time.Time    // of the last look
}

// newCertificate reads the files for the first time. The error names them.
func newCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log}
	if err := c.load(time.Now()); err != nil {
		return nil, fmt.Errorf("app: NEUROD_TLS_CERT, NEUROD_TLS_KEY: %w", err)
	}
	return c, nil
}

// load reads the files where they have changed since they were read. The caller holds the lock, or is alone.
func (c *certificate) load(now time.Time) error {
	c.at = now
	var of [2]time.Time
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		of[i] = info.ModTime()
	}
	if c.loaded != nil && of == c.of {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.loaded, c.of = &pair, of
	return nil
}

// get returns the certificate. One that cannot be read any more, or whose files do not fit each other because one was not replaced yet, leaves the
// one before in force.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.at) >= certificateCheck {
		if err := c.load(now); err != nil {
			c.log.Error("certificate not read again", "err", err.Error())
		}
	}
	return c.loaded, nil
}
