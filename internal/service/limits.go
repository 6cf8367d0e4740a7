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
	// Users is the rate of calls with the token of a user, counted apart. Defaults to that of everybody. A family without a limit switches it off as well.
	Users limit.Rate
}

// Limits reports whether there is anything to count against.
func (r LimitRule) Limits() bool { return r.Family != "" }

// The limits that calls name.
var (
	LimitDecode = LimitRule{Family: models.LimitDecode}
	// A page of a session makes several calls: people have more of them than programs, whose rate a document states.
	LimitSessions = LimitRule{Family: models.LimitSessions, Users: perMinute(600)}
	LimitAccounts = LimitRule{Family: models.LimitAccounts}
	LimitRegistry = LimitRule{Family: models.LimitRegistry}
	LimitAddress  = LimitRule{Family: models.LimitAddress}

	// LimitStreams: a stream token is asked for once and opens many streams.
	LimitStreams = LimitRule{Family: models.LimitAddress, Name: "streams", Rate: perMinute(600)}

	// LimitSamples: who looks through a recording asks for a part of it many times a second.
	LimitSamples = LimitRule{Family: models.LimitSessions, Name: "samples", Rate: perMinute(1200)}

	// LimitAdmin: a page of an operator asks for several things, again and again.
	LimitAdmin = LimitRule{Family: models.LimitAccounts, Name: "admin", Rate: perMinute(1200)}

	// LimitBrowser: every page that is opened asks for a token.
	LimitBrowser = LimitRule{Family: models.LimitAddress, Name: "browser", Rate: perMinute(600)}

	// The devices' document: 1,000 calls of REST an hour, and 500 queries of GraphQL weighted by complexity (TakeN), a user's token.
	LimitDevices = LimitRule{Family: models.LimitDevices, Users: perHour(1000)}
	LimitQueries = LimitRule{Family: models.LimitDevices, Name: "graphql", Rate: perHour(500)}

	// Those with a rate of their own are stated by the registry's document.
	LimitRegistryList  = LimitRule{Family: models.LimitRegistry, Name: "registry_list", Rate: perMinute(60)}
	LimitAnalyticsLog  = LimitRule{Family: models.LimitRegistry, Name: "analytics_log", Rate: perMinute(1000)}
	LimitKeyValidation = LimitRule{Family: models.LimitAddress, Name: "key_validation", Rate: perMinute(100)}
	LimitRefresh       = LimitRule{Family: models.LimitAddress, Name: "refresh", Rate: perMinute(10)}
	LimitKeyRevocation = LimitRule{Family: models.LimitAddress, Name: "key_revocation", Rate: perMinute(10)}
	LimitInstaller     = LimitRule{Family: models.LimitAddress, Name: "installer", Rate: perMinute(20)}
)

func perHour(n int) limit.Rate { return limit.Rate{Requests: n, Per: time.Hour} }

func perMinute(n int) limit.Rate { return limit.Rate{Requests: n, Per: time.Minute} }

// LimitsConfig is what limits need.
type LimitsConfig struct {
	// Clients counts keys and users, Addresses counts the rest: strangers, of whom there may be any number, take no
	// room from clients. Required.
	Clients   *limit.Limiter
	Addresses *limit.Limiter
	// Rates are those of the families. A family without one has no limit.
	Rates map[models.LimitFamily]limit.Rate
	// Sockets counts the connections that users have open, of which each may have SocketsPerUser. Defaults to no limit.
	Sockets        *limit.Slots
	SocketsPerUser int
	// Tally counts the calls of projects that had to wait. Defaults to none.
	Tally *Tally
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
	return l.TakeN(ctx, rule, p, remote, 1)
}

// TakeN is Take of a call that counts as n, such as a query by its complexity. One that counts as more than the burst is never let in.
func (l *Limits) TakeN(ctx context.Context, rule LimitRule, p models.Principal, remote string, n int) (models.Quota, error) {
	if l == nil {
		return models.Quota{}, nil
	}
	rate, what := l.cfg.Rates[rule.Family], string(rule.Family)
	if own, ok := p.RateLimits[rule.Family]; ok {
		rate = limit.Rate{Requests: own.PerMinute, Per: time.Minute, Burst: own.Burst}
	}
	switch {
	case rate.Unlimited():
	case !rule.Users.Unlimited() && p.KeyID == "" && p.UserID != "":
		rate, what = rule.Users, what+" hourly"
	case !rule.Rate.Unlimited():
		rate, what = rule.Rate, rule.Name
	}
	return l.take(ctx, what, rate, p, remote, n)
}

// HoldSocket counts a connection that a user opens, until release is called. Keys are held to the live streams they may have instead. Error: TooManyStreams.
func (l *Limits) HoldSocket(ctx context.Context, p models.Principal) (release func(), err error) {
	nothing := func() {}
	if l == nil || l.cfg.Sockets == nil || l.cfg.SocketsPerUser <= 0 || p.UserID == "" || p.KeyID != "" {
		return nothing, nil
	}
	release, ok := l.cfg.Sockets.Hold(ctx, "socket user "+p.UserID, l.cfg.SocketsPerUser)
	if !ok {
		e := models.Errorf(models.TooManyStreams, "You have %d connections open, which is the most; close some.", l.cfg.SocketsPerUser)
		e.RetryAfter = time.Second
		return nothing, e
	}
	return release, nil
}

// TakeRefused counts a call whose credential is missing or not good, whatever it was for, so that guessing is not free.
// It counts for the address, at the rate of models.LimitAddress and apart from it. Error: RateLimited.
//
// It comes after authentication, so that a good key is let in whatever others at its address do.
func (l *Limits) TakeRefused(ctx context.Context, remote string) (models.Quota, error) {
	if l == nil {
		return models.Quota{}, nil
	}
	return l.take(ctx, "refused", l.cfg.Rates[models.LimitAddress], models.Principal{}, remote, 1)
}

func (l *Limits) take(ctx context.Context, what string, rate limit.Rate, p models.Principal, remote string, n int) (models.Quota, error) {
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
	d := counter.TakeN(ctx, what, rate, n)
	if d.Wait > 0 {
		if p.ProjectID != "" { // that of a user who is not in one yet the caller knows, who read its name
			l.cfg.Tally.Refused(p, "")
		}
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
