package handlers_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/models"
)

// The host that httptest's requests name.
const own = "http://example.com"

const credentials = `{"email":"a@example.com","password":"correct horse"}`

// cookieOf returns the login's cookie of an answer, nil for none.
func cookieOf(a answer) *http.Cookie {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if strings.Contains(c.Name, "neurod_login") {
			return c
		}
	}
	return nil
}

// browser makes a call as a page of this server does.
func (b *bench) browser(t *testing.T, call, cookie, body string, headers ...string) answer {
	t.Helper()
	list := append([]string{"X-Neurod-Console", "1", "Origin", own, "Sec-Fetch-Site", "same-origin"}, headers...)
	if cookie != "" {
		list = append(list, "Cookie", "neurod_login="+cookie)
	}
	return b.call(t, "POST", "/v1/auth/browser/"+call, "", body, list...)
}

// TestBrowserLogsIn and its pages get access tokens by a cookie that they cannot read, until it logs out.
func TestBrowserLogsIn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in := b.browser(t, "login", "", credentials)
	first := cookieOf(in)
	if in.status != 200 || first == nil {
		t.Fatalf("%d %s", in.status, in.raw)
	}
	if first.Name != "neurod_login" || !first.HttpOnly || first.SameSite != http.SameSiteStrictMode || first.Path != "/" || first.Domain != "" || first.Secure || first.MaxAge != 30*86400 {
		t.Errorf("cookie %+v", first)
	}
	if strings.Contains(in.raw, first.Value) || strings.Contains(in.raw, "refresh_token") {
		t.Errorf("a script can read the refresh token: %s", in.raw)
	}
	account := b.call(t, "GET", "/v1/account", in.text(t, "access_token"), "")
	if d := cmp.Diff(in.body["account"], any(account.body)); account.status != 200 || d != "" || account.body["email"] != "a@example.com" || account.body["operator"] != false {
		t.Errorf("%d %s %s", account.status, account.raw, d)
	}

	again := b.browser(t, "refresh", first.Value, "")
	second := cookieOf(again)
	if again.status != 200 || second == nil || second.Value == first.Value {
		t.Fatalf("%d %s %v", again.status, again.raw, second)
	}
	// Pages that are opened at once send the same cookie, and none of them is logged out.
	var pages sync.WaitGroup
	for range 4 {
		pages.Go(func() {
			if a := b.browser(t, "refresh", second.Value, ""); a.status != 200 || cookieOf(a) == nil {
				t.Errorf("a page: %d %s", a.status, a.raw)
			}
		})
	}
	pages.Wait()

	out := b.browser(t, "logout", second.Value, "")
	if gone := cookieOf(out); out.status != 204 || gone == nil || gone.MaxAge >= 0 || gone.Value != "" {
		t.Errorf("%d %v", out.status, gone)
	}
	late := b.browser(t, "refresh", second.Value, "")
	late.problem(t, 401, models.InvalidToken)
	if gone := cookieOf(late); gone == nil || gone.MaxAge >= 0 {
		t.Errorf("a cookie that is good for nothing stays: %v", gone)
	}
	b.browser(t, "refresh", "", "").problem(t, 401, models.MissingCredentials)
	if a := b.browser(t, "logout", "", ""); a.status != 204 {
		t.Errorf("without a login: %d %s", a.status, a.raw)
	}
	b.browser(t, "login", "", `{"email":"a@example.com","password":"wrong horse"}`).problem(t, 401, models.InvalidCredentials)
	up := b.browser(t, "signup", "", `{"email":"new@example.com","password":"correct horse"}`)
	if up.status != 201 || cookieOf(up) == nil || up.text(t, "access_token") == "" {
		t.Errorf("sign-up: %d %s", up.status, up.raw)
	}
}

// TestCookieIsBoundToItsHost where the server is reached over TLS, and to its port where a machine has several servers.
func TestCookieIsBoundToItsHost(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]struct {
		name   string
		secure bool
	}{
		"https://eeg.example.org":      {"__Host-neurod_login", true},
		"https://eeg.example.org/eeg":  {"__Host-neurod_login", true},
		"https://eeg.example.org:8443": {"__Host-neurod_login_8443", true},
		"http://192.0.2.1:8000":        {"neurod_login_8000", false},
	} {
		b := newBench(t)
		b.api.PublicURL = public
		b.Handler = b.process(t, noChange)
		origin := strings.TrimSuffix(public, "/eeg")
		in := b.call(t, "POST", "/v1/auth/browser/login", "", credentials, "X-Neurod-Console", "1", "Origin", origin)
		c := cookieOf(in)
		if in.status != 200 || c == nil || c.Name != want.name || c.Secure != want.secure || c.Path != "/" {
			t.Fatalf("%s: %d %s %v", public, in.status, in.raw, c)
		}
		if a := b.call(t, "POST", "/v1/auth/browser/refresh", "", "", "X-Neurod-Console", "1", "Origin", origin, "Cookie", c.Name+"="+c.Value); a.status != 200 {
			t.Errorf("%s: %d %s", public, a.status, a.raw)
		}
		// What another host of the domain has set has no prefix, or stands beside the real one.
		for _, tossed := range []string{"neurod=" + c.Value, c.Name + "=" + c.Value + "; " + c.Name + "=rft_other"} {
			b.call(t, "POST", "/v1/auth/browser/refresh", "", "", "X-Neurod-Console", "1", "Cookie", tossed).problem(t, 401, models.MissingCredentials)
		}
	}
}

// TestOtherPagesCannotUseTheCookie: whatever page of another origin makes a browser send, nothing happens (cross-site request forgery).
func TestOtherPagesCannotUseTheCookie(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.api.Origins = []string{"https://app.example.org", "*"} // whose pages may use the rest of the API
	b.Handler = b.process(t, noChange)
	cookie := cookieOf(b.browser(t, "login", "", credentials)).Value
	for name, headers := range map[string][]string{
		"a form":                    {"Content-Type", "application/x-www-form-urlencoded", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"},
		"a form of an old browser":  {"Content-Type", "text/plain"},
		"a script with the header":  {"X-Neurod-Console", "1", "Origin", "https://evil.example"},
		"a listed origin":           {"X-Neurod-Console", "1", "Origin", "https://app.example.org"},
		"a sandboxed frame":         {"X-Neurod-Console", "1", "Origin", "null"},
		"another port":              {"X-Neurod-Console", "1", "Origin", "http://example.com:81"},
		"a neighbour":               {"X-Neurod-Console", "1", "Origin", "http://sub.example.com", "Sec-Fetch-Site", "same-site"},
		"same site alone":           {"X-Neurod-Console", "1", "Sec-Fetch-Site", "same-site"},
		"no header":                 {"Origin", own, "Sec-Fetch-Site", "same-origin"},
		"the host within the other": {"X-Neurod-Console", "1", "Origin", "http://example.com.evil.example"},
		"the user's part of a URL":  {"X-Neurod-Console", "1", "Origin", "http://example.com@evil.example"},
	} {
		for _, call := range []string{"login", "signup", "refresh", "logout"} {
			body := ""
			switch call {
			case "login":
				body = credentials
			case "signup":
				body = `{"email":"csrf@example.com","password":"correct horse"}`
			}
			a := b.call(t, "POST", "/v1/auth/browser/"+call, "", body, append([]string{"Cookie", "neurod_login=" + cookie}, headers...)...)
			if a.status != 403 || a.body["code"] != string(render.OriginNotAllowed) || cookieOf(a) != nil {
				t.Errorf("%s, %s: %d %s %v", name, call, a.status, a.raw, a.header["Set-Cookie"])
			}
		}
	}
	// No preflight lets the header pass, and no answer lets cookies.
	a := b.call(t, "OPTIONS", "/v1/auth/browser/refresh", "", "", "Origin", "https://app.example.org", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "x-neurod-console")
	if a.header.Get("Access-Control-Allow-Headers") != "" || a.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %v", a.header)
	}
	// A cookie opens nothing else.
	for _, path := range []string{"/v1/projects", "/v1/account", "/v1/sessions?project_id=" + b.project, "/api/v1/jobs", "/api/v1/admin/queues"} {
		if a := b.call(t, "GET", path, "", "", "Cookie", "neurod_login="+cookie, "X-Neurod-Console", "1"); a.status != 401 {
			t.Errorf("%s by a cookie: %d %s", path, a.status, a.raw)
		}
	}
	if a := b.browser(t, "refresh", cookie, ""); a.status != 200 {
		t.Errorf("afterwards: %d %s", a.status, a.raw)
	}
}

// TestLoginBeginsAnew: a cookie that somebody has planted before a login is good for nothing after it (session fixation).
func TestLoginBeginsAnew(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.signUp(t, "attacker@example.com")
	planted := cookieOf(b.browser(t, "login", "", `{"email":"attacker@example.com","password":"correct horse"}`)).Value
	in := b.browser(t, "login", planted, credentials)
	c := cookieOf(in)
	if in.status != 200 || c == nil || c.Value == planted {
		t.Fatalf("%d %s", in.status, in.raw)
	}
	b.browser(t, "refresh", planted, "").problem(t, 401, models.InvalidToken)
	a := b.browser(t, "refresh", c.Value, "")
	if a.status != 200 || a.body["account"].(map[string]any)["email"] != "a@example.com" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// TestLogOutEverywhere ends the logins of browsers and of other clients, and nobody else's.
func TestLogOutEverywhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.signUp(t, "bystander@example.com")
	one, two := cookieOf(b.browser(t, "login", "", credentials)).Value, cookieOf(b.browser(t, "login", "", credentials)).Value
	client := b.made(t, "/v1/auth/login", "", credentials).text(t, "refresh_token")
	other := cookieOf(b.browser(t, "login", "", `{"email":"bystander@example.com","password":"correct horse"}`)).Value
	b.call(t, "POST", "/v1/account/logout", "", "").problem(t, 401, models.MissingCredentials)
	b.call(t, "POST", "/v1/account/logout", b.key, "").problem(t, 401, models.InvalidToken)
	if a := b.call(t, "POST", "/v1/account/logout", b.token, ""); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	for _, cookie := range []string{one, two} {
		b.browser(t, "refresh", cookie, "").problem(t, 401, models.InvalidToken)
	}
	b.call(t, "POST", "/v1/auth/refresh", "", `{"refresh_token":"`+client+`"}`).problem(t, 401, models.InvalidToken)
	if a := b.browser(t, "refresh", other, ""); a.status != 200 {
		t.Errorf("somebody else's: %d %s", a.status, a.raw)
	}
}

// TestServerTellsWhatAPageNeeds before anybody logs in.
func TestServerTellsWhatAPageNeeds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := b.call(t, "GET", "/api/v1/server", "", "")
	if a.status != 200 || a.body["signup"] != true || a.body["demo"] != false || a.text(t, "version") == "" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}
