package webhooks_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/neurod/neurod/internal/webhooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPublishedVectors: signatures of the example that the libraries of Standard Webhooks are tested with
// (https://github.com/standard-webhooks/standard-webhooks, libraries/*/test), and of another secret before a rotation.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	const secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", `{"test": 2432232314}`
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	h := http.Header{}
	if err := webhooks.Sign(h, []string{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", "ping", time.Unix(1614265330, 0), []byte(body)); err != nil {
		t.Fatal(err)
	}
	sent := func(name string) string { return strings.Join(h[name], "") } // as they are written, in small letters
	if sent("webhook-id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" || sent("webhook-timestamp") != "1614265330" || sent("webhook-signature") != want {
		t.Errorf("%v", h)
	}
	// printf '%s' '{"test": 2432232314}' | openssl dgst -sha256 -hmac whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
	if got := h.Get("X-Pi-Signature"); got != "sha256=80ec8a89ce3cd22133a1066caecb4d04fea7467657c8514d717ec42c38a5c94c" || h.Get("X-Pi-Event") != "ping" {
		t.Errorf("X-Pi-Signature %s", got)
	}
	if err := webhooks.Sign(h, []string{webhooks.NewSecret(), secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", "ping", time.Unix(1614265330, 0), []byte(body)); err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(sent("webhook-signature"), " "); len(got) != 2 || got[1] != want || got[0] == want {
		t.Errorf("two secrets: %v", got)
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		s := webhooks.NewSecret()
		if seen[s] || webhooks.CheckSecret(s) != nil {
			t.Errorf("made %s", s)
		}
		seen[s] = true
	}
	for _, bad := range []string{"", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + strings.Repeat("A", 88), "whsec_!!!!", "my secret that is quite long, really"} {
		if err := webhooks.CheckSecret(bad); !errors.Is(err, webhooks.ErrSecret) {
			t.Errorf("%q: %v", bad, err)
		}
		if err := webhooks.Sign(http.Header{}, []string{bad}, "id", "ping", time.Now(), nil); err == nil {
			t.Errorf("%q signs", bad)
		}
	}
}

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1"} {
		if !webhooks.Public(netip.MustParseAddr(text)) {
			t.Errorf("%s is not public", text)
		}
	}
	for _, text := range []string{"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9", "169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:db8::1", "2002:7f00:1::1",
		"3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1"} {
		if webhooks.Public(netip.MustParseAddr(text)) {
			t.Errorf("%s is public", text)
		}
	}
}

func TestAddressesOfWebhooks(t *testing.T) {
	t.Parallel()
	policy := func(plain bool, allow ...string) *webhooks.Policy {
		p, err := webhooks.NewPolicy(plain, allow)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	strict := policy(false)
	for _, tt := range []struct {
		policy  *webhooks.Policy
		address string
		host    string // "" for refused
	}{
		{strict, "https://example.org/hook?a=b", "example.org:443"},
		{strict, "https://EXAMPLE.org:8443/", "example.org:8443"},
		{strict, "https://example.org.", "example.org:443"},
		{strict, "https://8.8.8.8/x", "8.8.8.8:443"},
		{strict, "http://example.org/", ""},
		{policy(true), "http://example.org/", "example.org:80"},
		{strict, "ftp://example.org/", ""},
		{strict, "example.org/hook", ""},
		{strict, "https:///hook", ""},
		{strict, "https://user:word@example.org/", ""},
		{strict, "https://example.org/#part", ""},
		{strict, "https://example.org:25/", ""},
		{strict, "https://example.org:0/", ""},
		{strict, "https://bücher.example/", ""},
		{strict, "https://" + strings.Repeat("a", 2050) + ".org/", ""},
		{strict, "https://localhost/", ""},
		{strict, "https://printer/", ""},
		{strict, "https://db.internal/", ""},
		{strict, "https://x.local/", ""},
		{strict, "https://127.0.0.1/", ""},
		{strict, "https://[::1]/", ""},
		{strict, "https://[::ffff:10.0.0.1]/", ""},
		{strict, "https://169.254.169.254/latest/meta-data", ""},
		{policy(false, "10.0.0.0/8"), "https://10.1.2.3:81/", "10.1.2.3:81"},
		{policy(false, "10.0.0.0/8"), "https://11.1.2.3:81/", ""},
		{policy(false, "10.1.2.3"), "https://10.1.2.3/", "10.1.2.3:443"},
		{policy(false, "10.1.2.3"), "https://10.1.2.4/", ""},
		{policy(false, "Printer"), "https://printer/", "printer:443"},
		{policy(false, "printer"), "https://scanner/", ""},
	} {
		host, err := tt.policy.Check(tt.address)
		if err == nil && host != tt.host || (err == nil) != (tt.host != "") {
			t.Errorf("%s: %q, %v; want %q", tt.address, host, err, tt.host)
		}
	}
	if _, err := webhooks.NewPolicy(false, []string{"http://x"}); err == nil {
		t.Error("a URL is allowed as a host")
	}
}

// receiver counts what comes in.
func receiver(t *testing.T, answer http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	got := new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Add(1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s, got
}

func sender(t *testing.T, timeout time.Duration, allow ...string) *webhooks.Sender {
	t.Helper()
	policy, err := webhooks.NewPolicy(true, allow)
	if err != nil {
		t.Fatal(err)
	}
	s := webhooks.NewSender(webhooks.SenderConfig{Policy: policy, Timeout: timeout})
	t.Cleanup(s.Close)
	return s
}

// TestNamesThatLeadInside: where a name leads is judged when the connection is made, however good the name looked when the webhook
// was, and no packet goes there.
func TestNamesThatLeadInside(t *testing.T) {
	t.Parallel()
	inside, got := receiver(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(inside.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	strict := sender(t, 5*time.Second)
	for _, host := range []string{"localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"} {
		o := strict.Send(context.Background(), "http://"+host+":"+port+"/", nil, nil)
		if o.Delivered || o.Status != 0 || !strings.Contains(o.Error, "not a public address") && !strings.Contains(o.Error, "has no address") {
			t.Errorf("%s: %+v", host, o)
		}
	}
	if n := got.Load(); n != 0 {
		t.Errorf("%d requests came in", n)
	}
	for _, allow := range []string{"localhost", "127.0.0.0/8", "127.0.0.1"} {
		if o := sender(t, 5*time.Second, allow, "::1").Send(context.Background(), "http://localhost:"+port+"/", nil, nil); !o.Delivered {
			t.Errorf("%s is allowed: %+v", allow, o)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	elsewhere, followed := receiver(t, func(http.ResponseWriter, *http.Request) {})
	var agent, contentType, body string
	for name, tt := range map[string]struct {
		answer  http.HandlerFunc
		ok      bool
		status  int
		error   string
		kept    string
		asked   time.Duration
		gone    bool
		timeout time.Duration
	}{
		"good": {answer: func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			agent, contentType, body = r.UserAgent(), r.Header.Get("Content-Type"), string(b)
			w.WriteHeader(204)
		}, ok: true, status: 204},
		"text": {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "thanks\x00\x1b[31m") }, ok: true, status: 200, kept: "thanks[31m"},
		"moved": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		}, status: 307, error: "redirects are not followed"},
		"broken":      {answer: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) }, status: 500, kept: "no\n"},
		"gone":        {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, status: 410, gone: true},
		"busy":        {answer: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "42"); w.WriteHeader(429) }, status: 429, asked: 42 * time.Second},
		"endless":     {answer: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 8<<20)) }, ok: true, status: 200},
		"hangs up":    {answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, error: "ended before the answer"},
		"never comes": {answer: func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() }, error: "no answer within", timeout: 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.timeout == 0 {
				tt.timeout = time.Minute
			}
			r, got := receiver(t, tt.answer)
			o := sender(t, tt.timeout, "127.0.0.0/8").Send(context.Background(), r.URL, http.Header{"X-Extra": {"1"}}, []byte(`{"a":1}`))
			if o.Delivered != tt.ok || o.Status != tt.status || !strings.Contains(o.Error, tt.error) || (o.Error == "") != (tt.error == "") || o.Gone != tt.gone ||
				o.Asked != tt.asked || tt.kept != "" && o.Answer != tt.kept || len(o.Answer) > 600 || got.Load() != 1 || o.Duration <= 0 {
				t.Errorf("%+v after %d requests", o, got.Load())
			}
		})
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("a redirect was followed %d times", n)
	}
	if agent != "neurod" || contentType != "application/json" || body != `{"a":1}` {
		t.Errorf("sent %q of %q by %q", body, contentType, agent)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	absent := l.Addr().String()
	l.Close()
	if o := sender(t, time.Minute, "127.0.0.0/8").Send(context.Background(), "http://"+absent, nil, nil); o.Error != "the connection was refused" {
		t.Errorf("absent: %+v", o)
	}
	plain, _ := receiver(t, func(http.ResponseWriter, *http.Request) {})
	if o := sender(t, time.Minute, "127.0.0.0/8").Send(context.Background(), strings.Replace(plain.URL, "http:", "https:", 1), nil, nil); o.Error != "the host does not speak TLS" {
		t.Errorf("no TLS: %+v", o)
	}
	unknown := httptest.NewTLSServer(http.NotFoundHandler())
	defer unknown.Close()
	if o := sender(t, time.Minute, "127.0.0.0/8").Send(context.Background(), unknown.URL, nil, nil); !strings.HasPrefix(o.Error, "the certificate is not good") {
		t.Errorf("a certificate of nobody: %+v", o)
	}
}
