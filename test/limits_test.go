package test

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// documentedLimits are the defaults; the tests' servers have none.
var documentedLimits = []string{"NEUROD_RATE_LIMIT_DECODE=600", "NEUROD_RATE_LIMIT_SESSIONS=60", "NEUROD_RATE_LIMIT_ACCOUNTS=120", "NEUROD_RATE_LIMIT_ADDRESS=300", "NEUROD_RATE_LIMIT_REGISTRY=60"}

// unlimited are the routes without a limit; package handlers says why.
var unlimited = []string{"/healthz", "/readyz", "/api/health", "/metrics", "/openapi.yaml", "/openapi.json"}

// quota reads the three headers; it fails the test where one is missing, no number, or not plausible.
func (a answer) quota(t testing.TB) (limit, remaining int, reset time.Duration) {
	t.Helper()
	number := func(name string) int {
		n, err := strconv.Atoi(a.Header.Get(name))
		if err != nil {
			t.Errorf("%s is %q in %d %s", name, a.Header.Get(name), a.StatusCode, a.body)
		}
		return n
	}
	limit, remaining = number("X-RateLimit-Burst"), number("X-RateLimit-Burst-Remaining")
	if window, left := number("X-RateLimit-Limit"), number("X-RateLimit-Remaining"); window < 1 || left != min(remaining, window) {
		t.Errorf("%d of %d are left in the window, %d of %d at once", left, window, remaining, limit)
	}
	at := time.Unix(int64(number("X-RateLimit-Reset")), 0)
	answered, err := http.ParseTime(a.Header.Get("Date"))
	if err != nil || remaining < 0 || remaining > limit || at.Before(answered.Add(-time.Second)) {
		t.Errorf("limit %d, remaining %d, reset at %v, answered at %v: %v", limit, remaining, at, answered, err)
	}
	return limit, remaining, time.Until(at)
}

func (a answer) noQuota(t testing.TB) {
	t.Helper()
	for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-Burst", "X-RateLimit-Burst-Remaining"} {
		if v := a.Header.Values(name); len(v) > 0 {
			t.Errorf("%s: %v", name, v)
		}
	}
}

// TestLimitHeadersOnEveryAnswer: whatever the answer is, it says what is left, by the documented defaults.
func TestLimitHeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, documentedLimits...)
		session := s.json(t, 201, "POST", "/v1/sessions", s.key, sessionBody)["session_id"].(string)
		samples := strings.Replace(ingestBody, `"TP9"`, `"CZ"`, 1)
		absent := models.NewID()
		for _, tt := range []struct {
			name, method, path, credential string
			body                           any
			status, limit                  int
			headers                        []string
		}{
			{name: "decode", method: "POST", path: "/api/v1/neuro/decode", credential: s.key, body: documentBody, status: 202, limit: 1200},
			{name: "jobs", method: "GET", path: "/api/v1/jobs", credential: s.key, status: 200, limit: 1200},
			{name: "decode of nothing", method: "POST", path: "/api/v1/neuro/decode", credential: s.key, body: `{}`, status: 400, limit: 1200},
			{name: "absent job", method: "GET", path: "/api/v1/jobs/" + absent, credential: s.key, status: 404, limit: 1200},
			{name: "job that waits for nothing", method: "GET", path: "/api/v1/jobs/" + absent + "?timeout_seconds=x", credential: s.key, status: 400, limit: 1200},
			{name: "foreign project", method: "GET", path: "/api/v1/jobs", credential: s.key, status: 403, limit: 1200, headers: []string{"X-Project-Id: " + absent}},
			{name: "large body", method: "POST", path: "/v1/sessions", credential: s.key, body: strings.Repeat(" ", smallBodyLimit+1), status: 413, limit: 120},
			{name: "sessions", method: "GET", path: "/v1/sessions", credential: s.key, status: 200, limit: 120},
			{name: "ingest", method: "POST", path: "/v1/sessions/" + session + "/ingest", credential: s.key, body: ingestBody, status: 202, limit: 120},
			{name: "wrong samples", method: "POST", path: "/v1/sessions/" + session + "/ingest", credential: s.key, body: samples, status: 422, limit: 120},
			{name: "absent session", method: "GET", path: "/v1/sessions/" + absent, credential: s.key, status: 404, limit: 120},
			{name: "erase", method: "DELETE", path: "/v1/users/nobody", credential: s.key, status: 200, limit: 120},
			{name: "projects", method: "GET", path: "/v1/projects", credential: s.token, status: 200, limit: 240},
			{name: "absent project", method: "GET", path: "/v1/projects/" + absent, credential: s.token, status: 404, limit: 240},
			{name: "no key", method: "GET", path: "/v1/sessions", status: 401, limit: 600},
			{name: "wrong key", method: "GET", path: "/api/v1/jobs", credential: "x", status: 401, limit: 600},
			{name: "wrong token", method: "GET", path: "/v1/projects", credential: "x", status: 401, limit: 600},
			{name: "login", method: "POST", path: "/v1/auth/login", body: object{"email": "owner@example.com", "password": "correct horse battery"}, status: 200, limit: 600},
			{name: "wrong login", method: "POST", path: "/v1/auth/login", body: object{"email": "owner@example.com", "password": "wrong"}, status: 401, limit: 600},
			{name: "empty login", method: "POST", path: "/v1/auth/login", body: `{}`, status: 400, limit: 600},
			{name: "wrong refresh", method: "POST", path: "/v1/auth/refresh", body: object{"refresh_token": "x"}, status: 401, limit: 10},
			{name: "models", method: "GET", path: "/v1/models/list", credential: s.key, status: 200, limit: 60},
			{name: "models of no paradigm", method: "GET", path: "/v1/models/list?paradigm=x", credential: s.key, status: 400, limit: 60},
			{name: "models without a key", method: "GET", path: "/v1/models/list", status: 400, limit: 600},
			{name: "absent model", method: "GET", path: "/v1/models/x/versions/1/download", credential: s.key, status: 404, limit: 120},
			{name: "event", method: "POST", path: "/v1/analytics/log", body: object{"api_key": s.key, "event_type": "error"}, status: 200, limit: 1000},
			{name: "event without a type", method: "POST", path: "/v1/analytics/log", credential: s.key, body: `{}`, status: 400, limit: 1000},
			{name: "event that is not JSON", method: "POST", path: "/v1/analytics/log", credential: s.key, body: `{`, status: 400, limit: 1000},
			{name: "event of nobody", method: "POST", path: "/v1/analytics/log", body: `{}`, status: 400, limit: 600},
			{name: "validate", method: "POST", path: "/v1/auth/validate", body: object{"api_key": s.key}, status: 200, limit: 100},
			{name: "validate nothing", method: "POST", path: "/v1/auth/validate", body: `{}`, status: 400, limit: 100},
			{name: "revoke nothing", method: "POST", path: "/v1/auth/revoke", body: `{}`, status: 400, limit: 10},
			{name: "own models", method: "GET", path: "/api/v1/models", credential: s.key, status: 200, limit: 1200},
			{name: "no JSON", method: "POST", path: "/v1/auth/refresh", status: 400, limit: 10},
		} {
			a := s.call(t, tt.method, tt.path, tt.credential, tt.body, tt.headers...)
			if a.StatusCode != tt.status {
				t.Errorf("%s: %d %s, want %d", tt.name, a.StatusCode, a.body, tt.status)
			}
			window := tt.limit // the default rates have bursts twice as large, those of the registry's document none
			if tt.limit%120 == 0 {
				window /= 2
			}
			if got := a.Header.Get("X-RateLimit-Limit"); got != strconv.Itoa(window) {
				t.Errorf("%s: X-RateLimit-Limit %s, the window is %d", tt.name, got, window)
			}
			if limit, remaining, _ := a.quota(t); limit != tt.limit || remaining >= limit {
				t.Errorf("%s: limit %d, remaining %d, want %d", tt.name, limit, remaining, tt.limit)
			}
		}
		for _, path := range unlimited {
			s.call(t, "GET", path, "", nil).noQuota(t)
		}
		s.call(t, "GET", "/v1/nothing", s.key, nil).noQuota(t)
	})
}

// TestLimitsAreSwitchedOff by a rate of 0.
func TestLimitsAreSwitchedOff(t *testing.T) {
	t.Parallel()
	s := embedded(t) // boot's own settings
	for range 200 {
		a := s.call(t, "GET", "/v1/sessions", s.key, nil)
		if a.StatusCode != 200 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		a.noQuota(t)
	}
	s.call(t, "POST", "/v1/auth/refresh", "", object{"refresh_token": "x"}).noQuota(t)
	s.call(t, "GET", "/v1/projects", s.token, nil).noQuota(t)
	s.call(t, "GET", "/v1/projects", "", nil).noQuota(t)
}

// TestTooManyCalls uses up every kind of limit. The answer is 429 in the shape of the path's family, with the same time
// in header and text, and after that time the next call is let in.
func TestTooManyCalls(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		// The bursts leave room for what boot does.
		s := boot(t, b, "NEUROD_RATE_LIMIT_DECODE=2", "NEUROD_RATE_BURST_DECODE=3", "NEUROD_RATE_LIMIT_SESSIONS=60", "NEUROD_RATE_BURST_SESSIONS=4",
			"NEUROD_RATE_LIMIT_ACCOUNTS=3", "NEUROD_RATE_BURST_ACCOUNTS=5", "NEUROD_RATE_LIMIT_ADDRESS=1", "NEUROD_RATE_BURST_ADDRESS=6")
		other := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, object{"name": "other"})["raw_key"].(string)
		for _, tt := range []struct {
			name, method, path, credential string
			limit, before                  int // before: calls that boot made
			interval                       time.Duration
			code, media, text              string // text: the field of the body that says what is wrong
		}{
			{"decode", "GET", "/api/v1/jobs", s.key, 3, 0, 30 * time.Second, "rate_limited", "application/json; charset=utf-8", "error.message"},
			{"sessions", "GET", "/v1/sessions", s.key, 4, 0, time.Second, "rate_limited", "application/problem+json", "detail"},
			{"accounts", "GET", "/v1/projects", s.token, 5, 3, 20 * time.Second, "rate_limited", "application/problem+json", "detail"},
			{"sign-in", "POST", "/v1/auth/logout", "", 6, 1, time.Minute, "rate_limited", "application/problem+json", "detail"},
			{"refresh", "POST", "/v1/auth/refresh", "", 10, 0, 6 * time.Second, "RATE_LIMIT_EXCEEDED", "application/json; charset=utf-8", "error"},
			{"guesses", "GET", "/api/v1/jobs", "guess", 6, 0, time.Minute, "rate_limited", "application/json; charset=utf-8", "error.message"},
		} {
			for n := tt.limit - tt.before - 1; n >= 0; n-- {
				a := s.call(t, tt.method, tt.path, tt.credential, nil)
				limit, remaining, reset := a.quota(t)
				if used := time.Duration(tt.limit-n) * tt.interval; a.StatusCode == 429 || limit != tt.limit || remaining < n || reset > used+time.Second {
					t.Errorf("%s: %d, limit %d, remaining %d, reset in %v; want %d, %d, %v", tt.name, a.StatusCode, limit, remaining, reset, tt.limit, n, used)
				}
			}
			var a answer
			until(t, tt.name+" is limited", func() bool { // a second may have refilled one
				a = s.call(t, tt.method, tt.path, tt.credential, nil)
				return a.StatusCode == 429
			})
			limit, remaining, reset := a.quota(t)
			if limit != tt.limit || remaining != 0 || reset < tt.interval*time.Duration(tt.limit-1)-time.Second || a.code() != tt.code || a.Header.Get("Content-Type") != tt.media {
				t.Errorf("%s: limit %d, remaining %d, reset in %v, %s %s", tt.name, limit, remaining, reset, a.Header.Get("Content-Type"), a.body)
			}
			after, err := strconv.Atoi(a.Header.Get("Retry-After"))
			if err != nil || after < 1 || after > int(math.Ceil(tt.interval.Seconds())) {
				t.Errorf("%s: Retry-After %q", tt.name, a.Header.Get("Retry-After"))
			}
			var text any = a.object(t)
			for _, field := range strings.Split(tt.text, ".") {
				text = text.(object)[field]
			}
			if want := fmt.Sprintf("Rate limit exceeded. Retry after %d seconds.", after); text != want {
				t.Errorf("%s: %q, want %q", tt.name, text, want)
			}
		}
		until(t, "sessions are let in again", func() bool { return s.call(t, "GET", "/v1/sessions", s.key, nil).StatusCode == 200 })
		// Others do not pay: another key has its own count, and guesses from its address do not shut it out.
		if a := s.call(t, "GET", "/api/v1/jobs", other, nil); a.StatusCode != 200 {
			t.Errorf("another key: %d %s", a.StatusCode, a.body)
		}
	})
}

// TestLoginLimitSaysWhatIsLeft: the limits on wrong passwords and on sign-ups carry the headers as well.
func TestLoginLimitSaysWhatIsLeft(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_LOGIN_FAILURES=2", "NEUROD_SIGNUPS_PER_HOUR=1", "NEUROD_RATE_LIMIT_ADDRESS=300")
	for i, body := range []object{{"email": "owner@example.com", "password": "wrong"}, {"email": "second@example.com", "password": "correct horse battery"}} {
		path := []string{"/v1/auth/login", "/v1/auth/signup"}[i]
		var a answer
		for a.Response == nil || a.StatusCode == 401 {
			a = s.call(t, "POST", path, "", body)
		}
		if limit, remaining, _ := a.quota(t); a.StatusCode != 429 || limit != 2-i || remaining != 0 {
			t.Errorf("%s: %d, limit %d, remaining %d", path, a.StatusCode, limit, remaining)
		}
	}
}

// TestKeysCarryRatesOfTheirOwn, which are shown, and bounded by the server's maximum.
func TestKeysCarryRatesOfTheirOwn(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, append(documentedLimits, "NEUROD_RATE_LIMIT_ACCOUNTS=0", "NEUROD_RATE_LIMIT_MAX=1000")...)
		path := "/v1/projects/" + s.project + "/keys"
		made := s.json(t, 201, "POST", path, s.token, `{"name":"fast","rate_limits":{"sessions":{"per_minute":600,"burst":700},"decode":{"per_minute":7}}}`)
		want := object{"sessions": object{"per_minute": 600.0, "burst": 700.0}, "decode": object{"per_minute": 7.0, "burst": 14.0}}
		if d := cmp.Diff(want, made["rate_limits"]); d != "" {
			t.Errorf("as made (-want +got):\n%s", d)
		}
		list := string(s.call(t, "GET", path, s.token, nil).body)
		for _, part := range []string{`"rate_limits":{"decode":{"per_minute":7,"burst":14},"sessions":{"per_minute":600,"burst":700}}`, `"rate_limits":{}`} {
			if !strings.Contains(list, part) {
				t.Errorf("%s is not in %s", part, list)
			}
		}
		key := made["raw_key"].(string)
		for path, want := range map[string]int{"/v1/sessions": 700, "/api/v1/jobs": 14} {
			if limit, remaining, _ := s.call(t, "GET", path, key, nil).quota(t); limit != want || remaining != want-1 {
				t.Errorf("%s: limit %d, remaining %d, want %d", path, limit, remaining, want)
			}
		}
		for range 13 {
			s.json(t, 200, "GET", "/api/v1/jobs", key, nil)
		}
		if a := s.call(t, "GET", "/api/v1/jobs", key, nil); a.StatusCode != 429 {
			t.Errorf("past a rate of its own: %d", a.StatusCode)
		}

		for body, pointer := range map[string]string{
			`{"session":{"per_minute":5}}`:                            "/rate_limits/session",
			`{"accounts":{"per_minute":5}}`:                           "/rate_limits/accounts",
			`{"a/b":{"per_minute":5}}`:                                "/rate_limits/a~1b",
			`{"sessions":{}}`:                                         "/rate_limits/sessions/per_minute",
			`{"sessions":null}`:                                       "/rate_limits/sessions/per_minute",
			`{"sessions":{"per_minute":0}}`:                           "/rate_limits/sessions/per_minute",
			`{"sessions":{"per_minute":-1}}`:                          "/rate_limits/sessions/per_minute",
			`{"sessions":{"per_minute":1001}}`:                        "/rate_limits/sessions/per_minute",
			`{"sessions":{"per_minute":9223372036854775807}}`:         "/rate_limits/sessions/per_minute",
			`{"sessions":{"per_minute":1.5}}`:                         "/rate_limits/sessions/per_minute",
			`{"sessions":{"per_minute":"60"}}`:                        "/rate_limits/sessions/per_minute",
			`{"sessions":{"per_minute":60,"burst":0}}`:                "/rate_limits/sessions/burst",
			`{"decode":{"per_minute":60,"burst":2001}}`:               "/rate_limits/decode/burst",
			`{"decode":{"per_minute":9},"sessions":{"per_minute":0}}`: "/rate_limits/sessions/per_minute",
			`[]`: "/rate_limits",
			`7`:  "/rate_limits",
		} {
			a := s.call(t, "POST", path, s.token, `{"name":"x","rate_limits":`+body+`}`)
			errs, _ := a.object(t)["errors"].([]any)
			if a.StatusCode != 400 || len(errs) != 1 || errs[0].(object)["pointer"] != pointer {
				t.Errorf("%s: %d %s, want %s", body, a.StatusCode, a.body, pointer)
			}
		}
		s.json(t, 201, "POST", path, s.token, `{"name":"x","rate_limits":{}}`)
		s.json(t, 201, "POST", path, s.token, `{"name":"x","rate_limits":null}`)
		s.json(t, 201, "POST", path, s.token, `{"name":"x","rate_limits":{"decode":{"per_minute":1000,"burst":2000}}}`)
	})
}

// TestProcessesShareTheCount: two API processes grant a key its burst once, also under parallel calls.
func TestProcessesShareTheCount(t *testing.T) {
	t.Parallel()
	b := production(t)
	env := []string{"NEUROD_RATE_LIMIT_SESSIONS=1", "NEUROD_RATE_BURST_SESSIONS=20"}
	first := boot(t, b, env...)
	second := start(t, "api", b, env...)
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			a, err := []*server{first, second}[i%2].tryRaw("GET", "/v1/sessions", []string{"Authorization: Bearer " + first.key}, nil)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			statuses[a.StatusCode]++
		})
	}
	wg.Wait()
	if d := cmp.Diff(map[int]int{200: 20, 429: 20}, statuses); d != "" {
		t.Errorf("statuses (-want +got):\n%s", d)
	}
}

// TestRedisStopsInTheMiddle: without Redis a process's own count takes over, neither shut nor open; when Redis is back,
// so is the count of all.
func TestRedisStopsInTheMiddle(t *testing.T) {
	t.Parallel()
	b := production(t)
	env := []string{"NEUROD_RATE_LIMIT_SESSIONS=1", "NEUROD_RATE_BURST_SESSIONS=10"}
	first := boot(t, b, env...)
	second := start(t, "api", b, env...)
	call := func(s *server, status, remaining int) {
		t.Helper()
		a := s.call(t, "GET", "/v1/sessions", first.key, nil)
		if _, left, _ := a.quota(t); a.StatusCode != status || left != remaining {
			t.Fatalf("%d with %d remaining, want %d with %d", a.StatusCode, left, status, remaining)
		}
	}
	call(first, http.StatusOK, 9)
	call(second, http.StatusOK, 8)
	call(second, http.StatusOK, 7)
	if err := b.Redis.Kill(); err != nil {
		t.Fatal(err)
	}
	for left := 8; left >= 0; left-- { // one went before
		call(first, http.StatusOK, left)
	}
	call(first, http.StatusTooManyRequests, 0)
	call(second, http.StatusOK, 7) // two went before
	if err := b.Redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	fresh := first.json(t, 201, "POST", "/v1/projects/"+first.project+"/keys", first.token, object{"name": "fresh",
		"rate_limits": object{"sessions": object{"per_minute": 1, "burst": 2000}}})["raw_key"].(string)
	until(t, "the processes share their count again", func() bool {
		_, before, _ := first.call(t, "GET", "/v1/sessions", fresh, nil).quota(t)
		_, after, _ := second.call(t, "GET", "/v1/sessions", fresh, nil).quota(t)
		return after == before-1
	})
	call(first, http.StatusTooManyRequests, 0) // what a process has counted it still knows
}
