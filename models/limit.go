package models

import "time"

// LimitFamily is a group of routes that share one rate limit.
type LimitFamily string

// The families. API keys may carry rates of their own for those of KeyLimitFamilies.
const (
	LimitDecode   LimitFamily = "decode"   // /api/v1: decode and jobs, a key
	LimitSessions LimitFamily = "sessions" // /v1/sessions, /v1/users, a key
	LimitAccounts LimitFamily = "accounts" // /v1/projects, a user
	LimitRegistry LimitFamily = "registry" // /v1/models, /v1/analytics, a key
	LimitDevices  LimitFamily = "devices"  // /v2 and /graphql, a key or a user
	LimitAddress  LimitFamily = "address"  // /v1/auth, and calls whose credential is not good, a client's address
)

// KeyLimitFamilies lists the families that are counted by API key.
func KeyLimitFamilies() []LimitFamily { return []LimitFamily{LimitDecode, LimitSessions} }

// RateLimit is a sustained rate and the burst that a client that has rested may send at once.
type RateLimit struct {
	PerMinute int `json:"per_minute"`
	Burst     int `json:"burst"`
}

// RateLimits are the rates that an API key carries instead of the server's own.
type RateLimits map[LimitFamily]RateLimit

// Quota is what a limit leaves a client. The zero Quota means no limit.
type Quota struct {
	Window    int       // requests that are allowed in each window (a minute, as a rule), for as long as one likes; 0 where it is Limit
	Limit     int       // what a client that has rested may send at once: the burst
	Remaining int       // how many more may follow at once
	Reset     time.Time // when Remaining is Limit again, if nothing follows
}
