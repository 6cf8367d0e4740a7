package service_test

import (
	"testing"
	"time"

	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// newLimits returns limits of this process alone, at a time that stands still.
func newLimits(rates map[models.LimitFamily]limit.Rate) *service.Limits {
	now := func() time.Time { return time.Unix(1_700_000_000, 500e6) }
	return service.NewLimits(service.LimitsConfig{
		Clients: limit.New(limit.Config{Now: now}), Addresses: limit.New(limit.Config{Now: now}), Rates: rates, Now: now,
	})
}

// TestLimitsStateWhatTheDocumentsState: rates a minute a route, counted apart (registry), and rates an hour a user for a
// whole family (devices).
func TestLimitsStateWhatTheDocumentsState(t *testing.T) {
	t.Parallel()
	const registry, devices = models.LimitFamily("registry"), models.LimitFamily("devices")
	l := newLimits(map[models.LimitFamily]limit.Rate{
		registry: {Requests: 60, Per: time.Minute},
		devices:  {Requests: 1000, Per: time.Hour},
	})
	key, user := models.Principal{ProjectID: "p", KeyID: "k"}, models.Principal{UserID: "u"}
	own := func(name string, n int) service.LimitRule {
		return service.LimitRule{Name: name, Family: registry, Rate: limit.Rate{Requests: n, Per: time.Minute}}
	}
	for _, tt := range []struct {
		rule  service.LimitRule
		p     models.Principal
		limit int
		retry time.Duration
	}{
		{own("validate", 100), key, 100, time.Second},
		{own("revoke", 10), key, 10, 6 * time.Second},
		{service.LimitRule{Family: registry}, key, 60, time.Second},
		{own("log", 1000), key, 1000, time.Second},
		{service.LimitRule{Family: devices}, user, 1000, 4 * time.Second}, // 3.6 s
	} {
		for left := tt.limit - 1; left >= 0; left-- {
			q, err := l.Take(t.Context(), tt.rule, tt.p, "192.0.2.1")
			if err != nil || q.Limit != tt.limit || q.Remaining != left {
				t.Fatalf("%+v: %+v, %v; want %d of %d", tt.rule, q, err, left, tt.limit)
			}
		}
		_, err := l.Take(t.Context(), tt.rule, tt.p, "192.0.2.1")
		e := models.AsError(err)
		if e.Code != models.RateLimited {
			t.Errorf("%+v: error %v, want %s", tt.rule, err, models.RateLimited)
		}
		whole := time.Minute
		if tt.rule.Family == devices {
			whole = time.Hour
		}
		if want := time.Unix(1_700_000_001, 0).Add(whole); e.RetryAfter != tt.retry || e.Quota.Limit != tt.limit || e.Quota.Remaining != 0 || !e.Quota.Reset.Equal(want) {
			t.Errorf("%+v: retry after %v, %+v; want %v and %v", tt.rule, e.RetryAfter, e.Quota, tt.retry, want)
		}
	}
	if q, err := l.Take(t.Context(), service.LimitRule{Name: "x", Family: "other", Rate: limit.Rate{Requests: 1, Per: time.Hour}}, key, ""); err != nil || q != (models.Quota{}) {
		t.Errorf("a family without a rate: %+v, %v", q, err)
	}
}

// TestLimitsTellCallersApart: keys, users, and addresses as far as one client holds them.
func TestLimitsTellCallersApart(t *testing.T) {
	t.Parallel()
	l := newLimits(map[models.LimitFamily]limit.Rate{models.LimitDecode: {Requests: 1, Per: time.Hour}, models.LimitAddress: {Requests: 1, Per: time.Hour}})
	decode, login := service.LimitDecode, service.LimitAddress
	take := func(rule service.LimitRule, p models.Principal, remote string) bool {
		_, err := l.Take(t.Context(), rule, p, remote)
		return err == nil
	}
	refused := func(remote string) bool {
		_, err := l.TakeRefused(t.Context(), remote)
		return err == nil
	}
	fast := models.Principal{KeyID: "fast", RateLimits: models.RateLimits{models.LimitDecode: {PerMinute: 2, Burst: 2}, models.LimitSessions: {PerMinute: 1, Burst: 1}}}
	for i, step := range []struct {
		name    string
		granted bool
		want    bool
	}{
		{"a key", take(decode, models.Principal{KeyID: "a"}, "192.0.2.1"), true},
		{"the key from elsewhere", take(decode, models.Principal{KeyID: "a"}, "192.0.2.2"), false},
		{"another key", take(decode, models.Principal{KeyID: "b"}, "192.0.2.1"), true},
		{"a user of the same name", take(decode, models.Principal{UserID: "a"}, "192.0.2.1"), true},
		{"a key with a rate of its own", take(decode, fast, ""), true},
		{"again", take(decode, fast, ""), true},
		{"and again", take(decode, fast, ""), false},
		{"an address", take(login, models.Principal{}, "192.0.2.1"), true},
		{"the address again", take(login, models.Principal{}, "192.0.2.1"), false},
		{"the address mapped to IPv6", take(login, models.Principal{}, "::ffff:192.0.2.1"), false},
		{"its neighbor", take(login, models.Principal{}, "192.0.2.2"), true},
		{"an IPv6 address", take(login, models.Principal{}, "2001:db8::1"), true},
		{"another of its network", take(login, models.Principal{}, "2001:db8::2"), false},
		{"another network", take(login, models.Principal{}, "2001:db8:0:1::1"), true},
		{"a guess, counted apart", refused("192.0.2.1"), true},
		{"another guess", refused("192.0.2.1"), false},
	} {
		if step.granted != step.want {
			t.Errorf("step %d, %s: granted %v", i, step.name, step.granted)
		}
	}
	var none *service.Limits
	if q, err := none.Take(t.Context(), decode, fast, ""); err != nil || q != (models.Quota{}) {
		t.Errorf("no limits at all: %+v, %v", q, err)
	}
	if q, err := none.TakeRefused(t.Context(), ""); err != nil || q != (models.Quota{}) {
		t.Errorf("no limits at all: %+v, %v", q, err)
	}
}

// TestDevicesHaveTheirOwnLimits: 1,000 calls an hour a user's token, as the devices' document states, a rate a minute for keys, and 500 queries an hour that
// count by their complexity, for both.
func TestDevicesHaveTheirOwnLimits(t *testing.T) {
	t.Parallel()
	l := newLimits(map[models.LimitFamily]limit.Rate{models.LimitDevices: {Requests: 600, Per: time.Minute, Burst: 1200}})
	key, user := models.Principal{ProjectID: "p", KeyID: "k"}, models.Principal{UserID: "u", ProjectID: "p"}
	for _, tt := range []struct {
		rule         service.LimitRule
		p            models.Principal
		n            int
		window, left int
	}{
		{service.LimitDevices, user, 1, 1000, 999},
		{service.LimitDevices, key, 1, 600, 1199},
		{service.LimitQueries, user, 40, 500, 460},
		{service.LimitQueries, key, 499, 500, 1},
		{service.LimitDevices, user, 1, 1000, 998},
	} {
		q, err := l.TakeN(t.Context(), tt.rule, tt.p, "192.0.2.1", tt.n)
		if err != nil || q.Window != tt.window || q.Remaining != tt.left {
			t.Errorf("%+v: %+v, %v", tt, q, err)
		}
	}
	if _, err := l.TakeN(t.Context(), service.LimitQueries, key, "192.0.2.1", 2); models.CodeOf(err) != models.RateLimited {
		t.Errorf("2 of the last 1: %v", err)
	}
	off := newLimits(map[models.LimitFamily]limit.Rate{models.LimitDevices: {}})
	for range 2000 {
		if _, err := off.Take(t.Context(), service.LimitDevices, user, "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUsersHoldSoManySockets, keys as many as their streams allow.
func TestUsersHoldSoManySockets(t *testing.T) {
	t.Parallel()
	l := service.NewLimits(service.LimitsConfig{Sockets: limit.NewSlots(limit.SlotsConfig{}), SocketsPerUser: 2})
	user := models.Principal{UserID: "u"}
	var last func()
	for range 2 {
		release, err := l.HoldSocket(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		last = release
	}
	if _, err := l.HoldSocket(t.Context(), user); models.CodeOf(err) != models.TooManyStreams {
		t.Errorf("a third of 2: %v", err)
	}
	for range 5 {
		if _, err := l.HoldSocket(t.Context(), models.Principal{KeyID: "k", ProjectID: "p"}); err != nil {
			t.Error(err)
		}
	}
	last()
	if _, err := l.HoldSocket(t.Context(), user); err != nil {
		t.Error(err)
	}
}
