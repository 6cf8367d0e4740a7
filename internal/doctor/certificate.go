package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"time"
)

// How long before its end a certificate is worth a word: whoever renews by ACME does so 30 days before.
const renewal = 14 * 24 * time.Hour

// certificate looks at the files of NEUROD_TLS_CERT and NEUROD_TLS_KEY, and at what came by ACME.
func (e *examination) certificate() {
	s := e.settings
	for _, host := range s.ACMEHosts {
		e.obtained(host, s.ACMEDir)
	}
	if s.TLSCert == "" {
		return
	}
	pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
	if err != nil {
		e.say("tls", Error, "Name the certificate and its key, in PEM, in NEUROD_TLS_CERT and NEUROD_TLS_KEY.", "the certificate cannot be used: %v", err)
		return
	}
	e.private("tls.key", s.TLSKey, "the key of the certificate")
	e.lasts(pair.Leaf, renewal, "Renew it; the server takes the new files up within a minute.")
}

// obtained looks at the certificate that was got for a host by ACME.
func (e *examination) obtained(host, dir string) {
	file := filepath.Join(dir, host)
	pem, err := os.ReadFile(file)
	const mend = "The authority must reach the server at port 443 of the name, or at port 80 with NEUROD_ACME_HTTP_ADDR; the log of the server says what it answers."
	if err != nil {
		e.say("tls", Warning, mend, "there is no certificate for %s yet", host)
		return
	}
	pair, err := tls.X509KeyPair(pem, pem)
	if err != nil {
		e.say("tls", Error, "Delete "+file+"; the server gets another.", "the certificate for %s cannot be used: %v", host, err)
		return
	}
	e.private("tls.key", file, "the key of the certificate for "+host)
	// It is renewed with a third of its life left, or 30 days.
	life := pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore)
	e.lasts(pair.Leaf, min(renewal, life/6), mend)
}

// lasts looks at the time of a certificate, which should be renewed so long before its end.
func (e *examination) lasts(leaf *x509.Certificate, renewal time.Duration, mend string) {
	from, to := leaf.NotBefore, leaf.NotAfter
	switch now := e.Now(); {
	case now.After(to):
		e.say("tls", Error, mend, "the certificate ended on %s", to.UTC().Format(time.RFC3339))
	case now.Before(from):
		e.say("tls", Error, "Set the clock right, or wait.", "the certificate is not good before %s", from.UTC().Format(time.RFC3339))
	case now.Add(renewal).After(to):
		e.say("tls", Warning, mend, "the certificate ends on %s", to.UTC().Format(time.RFC3339))
	default:
		e.ok("tls", "the certificate is good until %s", to.UTC().Format(time.RFC3339))
	}
}
