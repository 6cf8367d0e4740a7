package service

import (
	"context"
	"strings"
	"time"

	"github.com/neurod/neurod/internal/limit"
	"github.com/neurod/neurod/models"
)

// LimitRule says what calls of a route count against.
type LimitRule struct {
	// Path is a route's pattern, or the beginning of several when it ends in a slash.
	Path   string
	Family models.LimitFamily
	// Rate is the route's own, counted apart from its family's. Defaults to the family's rate, counted with it. A
	// family without a limit switches it off as well.
	Rate limit.Rate
}

// limitRules is the table of everything that is limited; the first rule that fits counts. Who is counted follows from
// the credential a route takes: a key, a user, or, without one, the client's address. The rates of families are
// settings.
var limitRules = []LimitRule{
	{Path: "/api/v1/", Family: models.LimitDecode},
	{Path: "/v1/sessions", Family: models.LimitSessions},
	{Path: "/v1/sessions/", Family: models.LimitSessions},
	{Path: "/v1/users/", Family: models.LimitSessions},
	{Path: "/v1/projects", Family: models.LimitAccounts},
	{Path: "/v1/projects/", Family: models.LimitAccounts},
	{Path: "/v1/audit", Family: models.LimitAccounts},
	{Path: "/v1/account", Family: models.LimitAccounts},
	{Path: "/v1/account/", Family: models.LimitAccounts},
	// Those with a rate of their own are stated by the registry's document.
	{Path: "/v1/models/list", Family: models.LimitRegistry, Rate: limit.Rate{Requests: 60, Per: time.Minute}},
	{Path: "/v1/models/", Family: models.LimitRegistry},
	{Path: "/v1/analytics/log", Family: models.LimitRegistry, Rate: limit.Rate{Requests: 1000, Per: time.Minute}},
	{Path: "/v1/auth/validate", Family: models.LimitAddress, Rate: limit.Rate{Requests: 100, Per: time.Minute}},
	{Path: "/v1/auth/refresh", Family: models.LimitAddress, Rate: limit.Rate{Requests: 10, Per: time.Minute}},
	{Path: "/v1/auth/revoke", Family: models.LimitAddress, Rate: limit.Rate{Requests: 10, Per: time.Minute}},
	{Path: "/v1/installer/github-token", Family: models.LimitAddress, Rate: limit.Rate{Requests: 20, Per: time.Minute}},
	{Path: "/v1/auth/", Family: models.LimitAddress},
}

// LimitRuleOf returns the rule for a route's pattern; false where there is no limit.
func LimitRuleOf(path string) (LimitRule, bool) {
	for _, r := range limitRules {
		if r.Path == path || strings.HasSuffix(r.Path, "/") && strings.HasPrefix(path, r.Path) {
			return r, true
		}
	}
	return LimitRule{}, false
}

// LimitsConfig is what limits stand on.
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

// Take counts a call under a rule, and returns what it leaves to whoever made it. Error: RateLimited, and then the call
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
		rate, what = rule.Rate, rule.Path
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
		what += " ip " + network(remote)
	}
	d := counter.Take(ctx, what, rate)
	if d.Wait > 0 {
		return models.Quota{}, limited(d, l.cfg.Now())
	}
	return quota(d, l.cfg.Now()), nil
}

// quota is what callers are told of a decision. Reset is in whole seconds, rounded up.
func quota(d limit.Decision, now time.Time) models.Quota {
	return models.Quota{Window: d.Window, Limit: d.Limit, Remaining: d.Remaining, Reset: now.Add(d.Reset + time.Second - 1).Truncate(time.Second)}
}

// limited is the error of a call that has to wait.
func limited(d limit.Decision, now time.Time) error {
	wait := (d.Wait + time.Second - 1).Truncate(time.Second)
	e := models.Errorf(models.RateLimited, "Rate limit exceeded. Retry after %d seconds.", int(wait.Seconds()))
	e.RetryAfter = wait
	e.Quota = quota(d, now)
	return e
}
