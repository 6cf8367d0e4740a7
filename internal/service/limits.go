package service

import (
	"context"
	"net/netip"
	"time"

	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/models"
)

// LimitRule says what calls count against. The zero LimitRule means no limit.
type LimitRule struct {
	// Family is the group of calls that share a rate, which is a setting. Who is counted follows from the credential that a call
	// takes: a key, a user, or, without one, the client's address.
	Family models.LimitFamily
	// Name is that of a limit of its own within the family. Defaults to being counted with the family.
	Name string
	// Rate is that of the Name. A family without a limit switches it off as well.
	Rate limit.Rate
}

// Limits reports whether there is anything to count against.
func (r LimitRule) Limits() bool { return r.Family != "" }

// The limits that calls name.
var (
	LimitDecode   = LimitRule{Family: models.LimitDecode}
	LimitSessions = LimitRule{Family: models.LimitSessions}
	LimitAccounts = LimitRule{Family: models.LimitAccounts}
	LimitRegistry = LimitRule{Family: models.LimitRegistry}
	LimitAddress  = LimitRule{Family: models.LimitAddress}

	// LimitStreams: a stream token is asked for once and opens many streams.
	LimitStreams = LimitRule{models.LimitAddress, "streams", perMinute(600)}

	// Those with a rate of their own are stated by the registry's document.
	LimitRegistryList  = LimitRule{models.LimitRegistry, "registry_list", perMinute(60)}
	LimitAnalyticsLog  = LimitRule{models.LimitRegistry, "analytics_log", perMinute(1000)}
	LimitKeyValidation = LimitRule{models.LimitAddress, "key_validation", perMinute(100)}
	LimitRefresh       = LimitRule{models.LimitAddress, "refresh", perMinute(10)}
	LimitKeyRevocation = LimitRule{models.LimitAddress, "key_revocation", perMinute(10)}
	LimitInstaller     = LimitRule{models.LimitAddress, "installer", perMinute(20)}
)

func perMinute(n int) limit.Rate { return limit.Rate{Requests: n, Per: time.Minute} }

// LimitsConfig is what limits need.
type LimitsConfig struct {
	// Clients counts keys and users, Addresses counts the rest: strangers, of whom there may be any number, take no
	// room from clients. Required.
	Clients   *limit.Limiter
	Addresses *limit.Limiter
	// Rates are those of the families. A family without one has no limit.
	Rates map[models.LimitFamily]limit.Rate
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Limits holds callers to rates. A nil *Limits holds nobody.
type Limits struct{ cfg LimitsConfig }

// NewLimits returns limits.
func NewLimits(cfg LimitsConfig) *Limits {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Limits{cfg}
}

// Take counts a call under a rule that limits, and returns what it leaves to its caller. Error: RateLimited, and then the call
// must not go on. Calls with a principal count for its key or its user, others for the address.
func (l *Limits) Take(ctx context.Context, rule LimitRule, p models.Principal, remote string) (models.Quota, error) {
	if l == nil {
		return models.Quota{}, nil
	}
	rate, what := l.cfg.Rates[rule.Family], string(rule.Family)
	if own, ok := p.RateLimits[rule.Family]; ok {
		rate = limit.Rate{Requests: own.PerMinute, Per: time.Minute, Burst: own.Burst}
	}
	if !rate.Unlimited() && !rule.Rate.Unlimited() {
		rate, what = rule.Rate, rule.Name
	}
	return l.take(ctx, what, rate, p, remote)
}

// TakeRefused counts a call whose credential is missing or not good, whatever it was for, so that guessing is not free.
// It counts for the address, at the rate of models.LimitAddress and apart from it. Error: RateLimited.
//
// It comes after authentication, so that a good key is let in whatever others at its address do.
func (l *Limits) TakeRefused(ctx context.Context, remote string) (models.Quota, error) {
	if l == nil {
		return models.Quota{}, nil
	}
	return l.take(ctx, "refused", l.cfg.Rates[models.LimitAddress], models.Principal{}, remote)
}

func (l *Limits) take(ctx context.Context, what string, rate limit.Rate, p models.Principal, remote string) (models.Quota, error) {
	if rate.Unlimited() {
		return models.Quota{}, nil
	}
	counter := l.cfg.Clients
	switch {
	case p.KeyID != "":
		what += " key " + p.KeyID
	case p.UserID != "":
		what += " user " + p.UserID
	default:
		counter = l.cfg.Addresses
		what += " ip " + Network(remote)
	}
	d := counter.Take(ctx, what, rate)
	if d.Wait > 0 {
		return models.Quota{}, Limited(d, l.cfg.Now())
	}
	return quota(d, l.cfg.Now()), nil
}

// quota is what callers are told of a decision. Reset is in whole seconds, rounded up.
func quota(d limit.Decision, now time.Time) models.Quota {
	return models.Quota{Window: d.Window, Limit: d.Limit, Remaining: d.Remaining, Reset: now.Add(d.Reset + time.Second - 1).Truncate(time.Second)}
}

// Limited is the error of a call that has to wait.
func Limited(d limit.Decision, now time.Time) error {
	wait := (d.Wait + time.Second - 1).Truncate(time.Second)
	e := models.Errorf(models.RateLimited, "Rate limit exceeded. Retry after %d seconds.", int(wait.Seconds()))
	e.RetryAfter = wait
	e.Quota = quota(d, now)
	return e
}

// Network returns what of an address one client holds: an IPv4 address, or an IPv6 /64 (RFC 6177: a site gets at
// least that much).
func Network(remote string) string {
	addr, err := netip.ParseAddr(remote)
	if err != nil {
		return remote
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return remote
	}
	return prefix.String()
}
