package handlers

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

// TestBase: links carry the address by which the client reaches the server. A name in a Host header is anybody's word; that of a
// trusted proxy is taken, and an operator's PublicURL counts before all.
func TestBase(t *testing.T) {
	t.Parallel()
	local := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 8000}
	for name, tc := range map[string]struct {
		public  string
		proxies []string
		remote  string
		host    string
		tls     bool
		headers map[string]string
		want    string
	}{
		"an address":                    {host: "203.0.113.5:8000", want: "http://203.0.113.5:8000"},
		"an address of IPv6":            {host: "[2001:db8::1]:8000", want: "http://[2001:db8::1]:8000"},
		"this machine":                  {host: "localhost:8000", want: "http://localhost:8000"},
		"a name of this machine":        {host: "eeg.localhost", want: "http://eeg.localhost"},
		"over TLS":                      {host: "localhost", tls: true, want: "https://localhost"},
		"a name that anyone may send":   {host: "evil.example", want: "http://192.0.2.9:8000"},
		"no host at all":                {host: "", want: "http://192.0.2.9:8000"},
		"a host that is none":           {host: "localhost/evil?x", want: "http://192.0.2.9:8000"},
		"a host with a user":            {host: "localhost@evil.example", want: "http://192.0.2.9:8000"},
		"public":                        {public: "https://eeg.example.org/api/", host: "evil.example", want: "https://eeg.example.org/api"},
		"a stranger's word on a proxy":  {host: "localhost", headers: map[string]string{"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}, want: "http://localhost"},
		"a proxy":                       {proxies: []string{"10.0.0.0/8"}, remote: "10.1.2.3:99", host: "backend:8000", headers: map[string]string{"X-Forwarded-Host": "eeg.example.org", "X-Forwarded-Proto": "https"}, want: "https://eeg.example.org"},
		"a proxy behind another":        {proxies: []string{"10.1.2.3"}, remote: "10.1.2.3:99", host: "backend", headers: map[string]string{"X-Forwarded-Host": "evil.example, eeg.example.org", "X-Forwarded-Proto": "HTTPS, http"}, want: "https://eeg.example.org"},
		"a proxy that passes the host":  {proxies: []string{"10.1.2.3"}, remote: "10.1.2.3:99", host: "eeg.example.org", want: "http://eeg.example.org"},
		"a proxy that passes nonsense":  {proxies: []string{"10.1.2.3"}, remote: "10.1.2.3:99", host: "a b", headers: map[string]string{"X-Forwarded-Proto": "gopher"}, want: "http://192.0.2.9:8000"},
		"a proxy by IPv4 within IPv6":   {proxies: []string{"10.1.2.3"}, remote: "[::ffff:10.1.2.3]:99", host: "eeg.example.org", want: "http://eeg.example.org"},
		"a proxy's neighbour":           {proxies: []string{"10.1.2.3"}, remote: "10.1.2.4:99", host: "eeg.example.org", want: "http://192.0.2.9:8000"},
		"a connection without address":  {proxies: []string{"10.1.2.3"}, remote: "@", host: "eeg.example.org", want: "http://192.0.2.9:8000"},
		"proxies that are not networks": {proxies: []string{"evil"}, remote: "10.1.2.3:99", host: "eeg.example.org", want: "http://192.0.2.9:8000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := New(Config{PublicURL: tc.public, TrustedProxies: tc.proxies})
			req := httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, local), "GET", "/", nil)
			req.Host, req.RemoteAddr = tc.host, tc.remote
			if tc.remote == "" {
				req.RemoteAddr = "198.51.100.1:5"
			}
			if tc.tls {
				req.TLS = &tls.ConnectionState{}
			}
			for k, v := range tc.headers {
				req.Header.Set(k, v)
			}
			if got := a.base(&gin.Context{Request: req}).String(); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// FuzzBase: whatever a client and a proxy send, a link has a scheme of HTTP and a host, and nothing that came in a header but those.
func FuzzBase(f *testing.F) {
	for _, s := range []string{"localhost", "a b", "evil@localhost", "[::1]:80", "localhost:x", "x/../y", "", "%zz", "eeg.example.org,"} {
		f.Add(s, s, s)
	}
	f.Fuzz(func(t *testing.T, host, forwarded, proto string) {
		for _, remote := range []string{"10.1.2.3:99", "198.51.100.1:5"} {
			a := New(Config{TrustedProxies: []string{"10.1.2.3"}})
			c := &gin.Context{}
			c.Request = httptest.NewRequestWithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 8000}), "GET", "/", nil)
			c.Request.Host, c.Request.RemoteAddr = host, remote
			c.Request.Header["X-Forwarded-Host"], c.Request.Header["X-Forwarded-Proto"] = []string{forwarded}, []string{proto}
			u := a.base(c)
			if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
				t.Errorf("host %q, forwarded %q, proto %q: %#v", host, forwarded, proto, u)
			}
		}
	})
}
