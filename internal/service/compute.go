package service

import (
	"context"
	"time"
)

// Compute runs what takes about so long on a processor, for a project, when there is one for it. A nil Compute runs it at once.
type Compute func(ctx context.Context, projectID string, takes time.Duration, f func() error) error

// computeFrom is from how long on it asks for a processor: less takes as long as asking.
const computeFrom = time.Millisecond / 2

// Run runs f. It returns what f returns, or Unavailable where the caller has gone.
func (c Compute) Run(ctx context.Context, projectID string, takes time.Duration, f func() error) error {
	if c == nil || takes < computeFrom {
		return f()
	}
	err := c(ctx, projectID, takes, f)
	if err != nil && ctx.Err() != nil {
		return Unavailable(err)
	}
	return err
}

// unpackByte is about how long a byte of stored samples takes to be unpacked and sorted by channel.
const unpackByte = 2 * time.Nanosecond

// Unpacking returns what unpacks the samples of a project's sessions (store.BatchRange.Compute).
func (c Compute) Unpacking(projectID string) func(ctx context.Context, bytes int, f func() error) error {
	if c == nil {
		return nil
	}
	return func(ctx context.Context, bytes int, f func() error) error {
		return c.Run(ctx, projectID, time.Duration(bytes)*unpackByte, f)
	}
}
