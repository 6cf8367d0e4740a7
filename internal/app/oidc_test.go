package app

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/doctor"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/models"
)

const (
	clientSecret = "the secret of neurod at dex"
	herPassword  = "a password at the provider"
)

// house is a server through whose provider, a real one, people log in.
type house struct {
	*App
	dex *servers.Dex
	url string
	env []string
	log *neurod.Log
}

// openHouse starts a provider that knows Ada, Grace, whose address it has not verified, and Mary, and then, while it is away, a server.
func openHouse(t *testing.T, b testkit.Backend, env ...string) *house {
	t.Helper()
	h := &house{url: "http://" + at(port(t))}
	dex, err := servers.StartDex(t.Context(), servers.DexConfig{ClientID: "neurod", ClientSecret: clientSecret, Redirect: h.url + "/v1/auth/oidc/callback", People: []servers.DexPerson{
		{Email: "ada@example.org", Password: herPassword, Subject: "ada", Verified: true}, {Email: "grace@example.org", Password: herPassword, Subject: "grace"},
		{Email: "mary@example.org", Password: herPassword, Subject: "mary", Verified: true}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("dex: %s", dex.Log())
		}
		if err := dex.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := dex.Stop(); err != nil {
		t.Fatal(err)
	}
	h.dex, h.log = dex, new(neurod.Log)
	h.env = append([]string{"NEUROD_ADDR=" + strings.TrimPrefix(h.url, "http://"), "NEUROD_PUBLIC_URL=" + h.url, "NEUROD_OIDC_ISSUER=" + dex.Issuer(), "NEUROD_OIDC_CLIENT_ID=neurod",
		"NEUROD_OIDC_CLIENT_SECRET=" + clientSecret, "NEUROD_OIDC_NAME=Dex", "NEUROD_SIGNUP_ENABLED=false"}, env...)
	h.App = startLogging(t, settings(t, b, h.env...), h.log)
	return h
}

// visitor is a browser, without its screen.
type visitor struct {
	http.Client
	t *testing.T
	h *house
}

func (h *house) visitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, h: h}
	v.Jar, v.Transport = jar, &http.Transport{DisableKeepAlives: true}
	return v
}

// open goes to an address as a browser does, and returns the answer at the end of all redirections.
func (v *visitor) open(method, address string, form url.Values) (*http.Response, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return res, string(body)
}

// stopAt makes the browser not follow redirections to a path, and returns what undoes that.
func (v *visitor) stopAt(path string) func() {
	v.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if req.URL.Path == path {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return func() { v.CheckRedirect = nil }
}

var action = regexp.MustCompile(`<form method="post" action="([^"]*)"`)

// atProvider begins a login and fills in the provider's form. It returns where the browser is then.
func (v *visitor) atProvider(query, email string) *http.Response {
	v.t.Helper()
	res, page := v.open("GET", v.h.url+"/v1/auth/oidc/login"+query, nil)
	if !strings.HasPrefix(res.Request.URL.String(), v.h.dex.Issuer()) {
		v.t.Fatalf("at %s instead of the provider", res.Request.URL)
	}
	found := action.FindStringSubmatch(page)
	if found == nil {
		v.t.Fatalf("the provider has no form: %s", page)
	}
	to, err := res.Request.URL.Parse(html.UnescapeString(found[1]))
	if err != nil {
		v.t.Fatal(err)
	}
	res, page = v.open("POST", to.String(), url.Values{"login": {email}, "password": {herPassword}})
	if res.StatusCode >= 400 && res.Request.URL.Host != v.base().Host { // this program may carry no console
		v.t.Fatalf("the provider: %d %s", res.StatusCode, page)
	}
	return res
}

// halfway is a login that is back from the provider but for the visit of the callback, at the address that it returns.
func (v *visitor) halfway(query, email string) string {
	v.t.Helper()
	defer v.stopAt("/v1/auth/oidc/callback")()
	to, err := v.atProvider(query, email).Location()
	if err != nil {
		v.t.Fatal(err)
	}
	return to.String()
}

// wantLogin fails unless a browser is on the console's login page, with parameters.
func (v *visitor) wantLogin(what string, res *http.Response, page string, want url.Values) {
	v.t.Helper()
	at := *res.Request.URL
	path, query, _ := strings.Cut(at.EscapedFragment(), "?")
	at.Fragment, at.RawFragment = "", ""
	got, err := url.ParseQuery(query)
	if err != nil || at.String() != v.h.url+page || path != "/login" || got.Encode() != want.Encode() {
		v.t.Errorf("%s: at %s, want %s#/login?%s", what, res.Request.URL, page, want.Encode())
	}
}

func failure(code models.Code) url.Values { return url.Values{"error": {string(code)}} }

var entered = url.Values{"entered": {"yes"}}

// call calls the API as the console's page does, and returns the answer's body.
func (v *visitor) call(method, path, token string) (int, map[string]any) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.h.url+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	req.Header.Set("X-Neurod-Console", "1")
	req.Header.Set("Origin", v.h.url)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := v.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	body := map[string]any{}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil && err != io.EOF {
		v.t.Fatal(err)
	}
	return res.StatusCode, body
}

// who returns the access token and the e-mail address of who is logged in, "" for nobody.
func (v *visitor) who() (token, email string) {
	v.t.Helper()
	status, body := v.call("POST", "/v1/auth/browser/refresh", "")
	if status != 200 {
		return "", ""
	}
	return body["access_token"].(string), body["account"].(map[string]any)["email"].(string)
}

// TestOIDC logs people in through a real provider, on both pairs of stores, which comes and goes.
func TestOIDC(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		h := openHouse(t, b)
		ada, err := h.users.AddUser(t.Context(), "ada@example.org", "the password from before")
		if err != nil {
			t.Fatal(err)
		}
		v := h.visitor(t)
		if status, body := v.call("GET", "/api/v1/server", ""); status != 200 || body["password"] != true || body["provider"].(map[string]any)["name"] != "Dex" {
			t.Errorf("%d %v", status, body)
		}

		// The provider is away: nothing but a login through it is the worse for that.
		if status, body := v.call("GET", "/readyz", ""); status != 200 {
			t.Errorf("not ready: %d %v", status, body)
		}
		res, _ := v.open("GET", h.url+"/v1/auth/oidc/login", nil)
		v.wantLogin("away", res, "/", failure(models.ProviderUnavailable))
		if r := Doctor(t.Context(), neurodtest.Environment(b, h.env...)); len(found(r, "oidc")) != 1 || found(r, "oidc")[0].Level != doctor.Warning {
			t.Errorf("the doctor: %+v", found(r, "oidc"))
		}
		if err := h.dex.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := Doctor(t.Context(), neurodtest.Environment(b, h.env...)); len(found(r, "oidc")) != 1 || found(r, "oidc")[0].Level != doctor.OK ||
			!strings.Contains(found(r, "oidc")[0].Says, h.url+"/v1/auth/oidc/callback") {
			t.Errorf("the doctor: %+v", found(r, "oidc"))
		}

		v.wantLogin("Ada", v.atProvider("", "ada@example.org"), "/", entered)
		token, email := v.who()
		if email != "ada@example.org" {
			t.Fatalf("logged in as %q", email)
		}
		if status, body := v.call("GET", "/v1/account", token); status != 200 || body["id"] != ada.ID || body["password"] != false {
			t.Errorf("%d %v", status, body)
		}
		list, err := h.store.AuditEvents(t.Context(), models.AuditQuery{AccountID: ada.ID, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range []models.AuditAction{models.AuditLoginLinked, models.AuditLogin} {
			if !slices.ContainsFunc(list, func(e models.AuditEvent) bool {
				return e.Action == action && strings.Contains(e.Details, h.dex.Issuer()) && e.Remote == "127.0.0.1"
			}) {
				t.Errorf("the audit log has no %s: %+v", action, list)
			}
		}
		if status, _ := v.call("POST", "/v1/account/logout", token); status != 204 {
			t.Errorf("log out everywhere: %d", status)
		}
		if _, email := v.who(); email != "" {
			t.Errorf("still logged in as %s", email)
		}

		// Again, by who she is; the new login takes the place of the one that the browser has.
		v.wantLogin("Ada again", v.atProvider("", "ada@example.org"), "/", entered)
		held := v.cookie("neurod_login")
		v.wantLogin("once more", v.atProvider("?to="+url.QueryEscape("#/p/1?x=y&z"), "ada@example.org"), "/", url.Values{"entered": {"yes"}, "to": {"#/p/1?x=y&z"}})
		old := h.visitor(t)
		old.Jar.SetCookies(v.base(), []*http.Cookie{held})
		if _, email := old.who(); email != "" {
			t.Errorf("the browser's former login is still %s's", email)
		}
		v.wantLogin("an operator's page", v.atProvider("?page=admin&to=%23%2Fqueues", "ada@example.org"), "/admin", url.Values{"entered": {"yes"}, "to": {"#/queues"}})

		v = h.visitor(t)
		v.wantLogin("an address that is not verified", v.atProvider("?to=%23%2Fp", "grace@example.org"), "/", url.Values{"error": {string(models.EmailUnverified)}, "to": {"#/p"}})
		v.wantLogin("nobody here", v.atProvider("", "mary@example.org"), "/", failure(models.SignupDisabled))
		if _, email := v.who(); email != "" {
			t.Errorf("logged in as %s", email)
		}

		// With other keys, as after a restart of dex, and with the provider gone while somebody is on the way.
		if err := h.dex.Stop(); err != nil {
			t.Fatal(err)
		}
		if err := h.dex.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		v.wantLogin("with other keys", v.atProvider("", "ada@example.org"), "/", entered)
		back := v.halfway("", "ada@example.org")
		if err := h.dex.Stop(); err != nil {
			t.Fatal(err)
		}
		res, _ = v.open("GET", back, nil)
		v.wantLogin("gone meanwhile", res, "/", failure(models.ProviderUnavailable))
		for _, secret := range []string{clientSecret, url.QueryEscape(clientSecret), held.Value} {
			if strings.Contains(h.log.String(), secret) {
				t.Errorf("the log holds %s", secret)
			}
		}
	})
}

func (v *visitor) base() *url.URL {
	u, err := url.Parse(v.h.url)
	if err != nil {
		v.t.Fatal(err)
	}
	return u
}

// cookie returns a cookie that the browser has of the server, by the first part of its name.
func (v *visitor) cookie(name string) *http.Cookie {
	v.t.Helper()
	for _, c := range v.Jar.Cookies(v.base()) {
		if strings.HasPrefix(c.Name, name) {
			return c
		}
	}
	v.t.Fatalf("there is no cookie %s", name)
	return nil
}

// TestOIDCMakesAccounts where the settings say so and passwords are switched off, and takes no password then.
func TestOIDCMakesAccounts(t *testing.T) {
	t.Parallel()
	h := openHouse(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_OIDC_SIGNUP=true", "NEUROD_PASSWORD_LOGIN=false")
	if err := h.dex.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	v := h.visitor(t)
	if status, body := v.call("GET", "/api/v1/server", ""); status != 200 || body["password"] != false || body["signup"] != false {
		t.Errorf("%d %v", status, body)
	}
	v.wantLogin("a newcomer", v.atProvider("", "mary@example.org"), "/", entered)
	if _, email := v.who(); email != "mary@example.org" {
		t.Errorf("logged in as %q", email)
	}
	v.wantLogin("not verified", v.atProvider("", "grace@example.org"), "/", failure(models.EmailUnverified))
	res, err := http.Post(h.url+"/v1/auth/login", "application/json", strings.NewReader(`{"email":"demo@voxel.dev","password":"demo1234"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 403 || !strings.Contains(string(body), string(models.PasswordLoginDisabled)) {
		t.Errorf("a password: %d %s %v", res.StatusCode, body, err)
	}
}

// TestOIDCAttacks: what somebody else has begun, ended, copied or made up logs nobody in, and leads nobody away.
func TestOIDCAttacks(t *testing.T) {
	t.Parallel()
	h := openHouse(t, testkit.Backend{DataDir: t.TempDir()})
	if err := h.dex.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, email := range []string{"ada@example.org", "mary@example.org"} {
		if _, err := h.users.AddUser(t.Context(), email, "the password from before"); err != nil {
			t.Fatal(err)
		}
	}
	nobody := func(what string, v *visitor, address string, code models.Code) {
		t.Helper()
		res, _ := v.open("GET", address, nil)
		v.wantLogin(what, res, "/", failure(code))
		if _, email := v.who(); email != "" {
			t.Errorf("%s: logged in as %s", what, email)
		}
	}
	with := func(address string, change func(url.Values)) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
		return u.String()
	}

	attacker, victim := h.visitor(t), h.visitor(t)
	back := attacker.halfway("", "mary@example.org")
	nobody("the attacker's answer in a browser that has begun nothing", victim, back, models.LoginExpired)
	if !strings.HasPrefix(victim.halfway("", "ada@example.org"), h.url) {
		t.Fatal("not back")
	}
	nobody("the attacker's answer in a browser that has begun a login", victim, back, models.LoginExpired)

	// The attacker's code under the victim's own state: the code is bound to the attacker's attempt (PKCE).
	own := victim.halfway("", "ada@example.org")
	stolen, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	nobody("the attacker's code", victim, with(own, func(q url.Values) { q.Set("code", stolen.Query().Get("code")) }), models.LoginRefused)
	nobody("the attempt once more", victim, own, models.LoginExpired)

	// A copy of the browser's own cookie and address does not work twice.
	own = victim.halfway("", "ada@example.org")
	kept := victim.cookie("neurod_attempt")
	res, _ := victim.open("GET", own, nil)
	victim.wantLogin("Ada", res, "/", entered)
	copied := h.visitor(t)
	copied.Jar.SetCookies(copied.base(), []*http.Cookie{kept})
	nobody("a copy of both", copied, own, models.LoginRefused) // the code is good once

	for name, c := range map[string]struct {
		change func(url.Values)
		code   models.Code
	}{
		"no state":             {func(q url.Values) { q.Del("state") }, models.LoginExpired},
		"another state":        {func(q url.Values) { q.Set("state", "x") }, models.LoginExpired},
		"no code":              {func(q url.Values) { q.Del("code") }, models.LoginRefused},
		"another code":         {func(q url.Values) { q.Set("code", "x") }, models.LoginRefused},
		"another issuer":       {func(q url.Values) { q.Set("iss", "https://accounts.example.org") }, models.LoginRefused},
		"denied":               {func(q url.Values) { q.Set("error", "access_denied") }, models.LoginCanceled},
		"a fault":              {func(q url.Values) { q.Set("error", "server_error") }, models.ProviderUnavailable},
		"an unknown error":     {func(q url.Values) { q.Set("error", "x\n\x1b[31m") }, models.LoginRefused},
		"denied by a stranger": {func(q url.Values) { q.Set("error", "access_denied"); q.Set("state", "x") }, models.LoginExpired},
	} {
		v := h.visitor(t)
		nobody(name, v, with(v.halfway("", "ada@example.org"), c.change), c.code)
	}
	tampered := h.visitor(t)
	own = tampered.halfway("", "ada@example.org")
	cookie := tampered.cookie("neurod_attempt")
	cookie.Value = cookie.Value[:len(cookie.Value)-8] + "AAAAAAAA"
	tampered.Jar.SetCookies(tampered.base(), []*http.Cookie{cookie})
	nobody("a changed cookie", tampered, own, models.LoginExpired)

	// Wherever an address asks to go, a login ends on the console's own page.
	for _, to := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "#//evil.example", "\r\nLocation: https://evil.example", "?error=x&entered=yes"} {
		v := h.visitor(t)
		v.wantLogin(to, v.atProvider("?to="+url.QueryEscape(to), "ada@example.org"), "/", url.Values{"entered": {"yes"}, "to": {to}})
	}
	for _, query := range []string{"?page=//evil.example", "?to=" + strings.Repeat("x", 1001), "?invitation=" + strings.Repeat("x", 101), "?redirect_uri=https://evil.example"} {
		if status, body := victim.call("GET", "/v1/auth/oidc/login"+query, ""); status != 400 || body["code"] != string(models.InvalidParameter) {
			t.Errorf("%s: %d %v", query, status, body)
		}
	}
	// What the browser is sent away with: neither readable by a script nor sent by other sites' pages but for a visit.
	fresh := h.visitor(t)
	fresh.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, _ = fresh.open("GET", h.url+"/v1/auth/oidc/login?to="+strings.Repeat("x", 1000), nil)
	set := res.Cookies()
	if len(set) != 1 || !set[0].HttpOnly || set[0].SameSite != http.SameSiteLaxMode || set[0].Secure || set[0].Path != "/" || set[0].Domain != "" || set[0].MaxAge != 600 || len(set[0].String()) > 4096 {
		t.Errorf("cookies %v", set)
	}
	if res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Referrer-Policy") != "no-referrer" || strings.Contains(res.Header.Get("Location"), clientSecret) {
		t.Errorf("%v", res.Header)
	}
	if strings.Contains(h.log.String(), "\x1b") || strings.Contains(h.log.String(), stolen.Query().Get("code")) {
		t.Errorf("the log: %s", h.log)
	}
}
