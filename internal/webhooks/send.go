package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/neurod/neurod/models"
)

// Limits of one request.
const (
	defaultTimeout = 10 * time.Second
	dialTimeout    = 5 * time.Second
	maxAnswer      = 16 << 10 // bytes that are read of an answer, so that the connection can be used again
	keptAnswer     = 512      // bytes of it that are kept for the list of attempts
	maxHeaders     = 32 << 10
	idlePerHost    = 4
	idleTimeout    = 30 * time.Second
)

// Sender makes requests to receivers. It is safe for concurrent use.
type Sender struct {
	client  *http.Client
	timeout time.Duration
	agent   string
}

// SenderConfig says how events are sent.
type SenderConfig struct {
	// Policy says where they may go. Required.
	Policy *Policy
	// Timeout is for a whole attempt: name, connection, TLS and answer. Defaults to 10 s.
	Timeout time.Duration
	// Agent is the User-Agent. Defaults to "neurod".
	Agent string
	// TLS has the certificates that receivers are believed by. Defaults to the system's.
	TLS *tls.Config
}

// NewSender returns a sender. Close it.
func NewSender(cfg SenderConfig) *Sender {
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Agent == "" {
		cfg.Agent = "neurod"
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		d := net.Dialer{Timeout: dialTimeout, ControlContext: func(_ context.Context, _, resolved string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(resolved) // what the name has just led to
			if err != nil {
				return err
			}
			if err := cfg.Policy.allow(host, to); err != nil {
				return &refusedError{err}
			}
			return nil
		}}
		return d.DialContext(ctx, network, address)
	}
	transport := &http.Transport{
		Proxy:                  nil, // a proxy would connect in its own network, where nobody judges the address
		DialContext:            dial,
		TLSClientConfig:        cfg.TLS,
		TLSHandshakeTimeout:    dialTimeout,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaders,
		DisableCompression:     true,
	}
	return &Sender{timeout: cfg.Timeout, agent: cfg.Agent, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close ends the connections that are kept.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

// refusedError is a connection that the policy does not allow.
type refusedError struct{ why error }

func (e *refusedError) Error() string { return "the address " + e.why.Error() }

// Send makes one attempt: it posts a signed body and waits for the answer. Any status from 200 to 299 delivers the event. It does
// not fail: whatever goes wrong is the outcome of the attempt.
func (s *Sender) Send(ctx context.Context, address string, header http.Header, body []byte) (out models.DeliveryOutcome) {
	start := time.Now()
	defer func() { out.Duration = time.Since(start) }()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return models.DeliveryOutcome{Error: "the address is not a URL"}
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.agent)
	res, err := s.client.Do(req)
	if err != nil {
		return models.DeliveryOutcome{Error: s.explain(err)}
	}
	defer res.Body.Close()
	answer, readErr := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	out = models.DeliveryOutcome{Status: res.StatusCode, Answer: models.Cut(printable(answer), keptAnswer), Asked: retryAfter(res.Header.Get("Retry-After"), time.Now())}
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		out.Delivered = true // the status is the answer, whatever becomes of its body
	case res.StatusCode == http.StatusGone:
		out.Gone = true
	case res.StatusCode >= 300 && res.StatusCode < 400:
		out.Error = "redirects are not followed: give the webhook the address itself"
	case readErr != nil:
		out.Error = s.explain(readErr)
	}
	return out
}

// explain says why there was no answer, without what only whoever runs the server should know: the addresses that a name leads to.
func (s *Sender) explain(err error) string {
	var refused *refusedError
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var netErr net.Error
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.Is(err, context.Canceled):
		return "the server was stopping"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return "no answer within " + s.timeout.String()
	case errors.As(err, &dns):
		return "the host has no address"
	case errors.As(err, &certificate):
		return "the certificate is not good: " + models.Cut(certificate.Err.Error(), 200)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "the host does not speak TLS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended before the answer"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "the host is not reachable"
	}
	return "the request failed"
}

// printable returns what people can read of an answer.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == 0xfffd {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), ""))
}

// retryAfter reads how long a receiver wants to be left alone (RFC 9110, 10.2.3), 0 where it does not say.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(0, min(n, 1<<20))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
