package service

import (
	"context"
	"time"
)

// Health tells the true state of what the service needs.
type Health struct {
	// Database asks the database for an answer. Required.
	Database func(ctx context.Context) error
	// Writable asks the database whether it takes writes. Defaults to Database.
	Writable func(ctx context.Context) error
	// Queue asks Redis for an answer. Required.
	Queue func(ctx context.Context) error
}

// probeTimeout is how long a store may take to show that it lives; probes come every few seconds.
const probeTimeout = 2 * time.Second

// HealthReport is what a probe found; nil is good.
type HealthReport struct {
	Database error
	Writable error
	Queue    error
}

// Check probes the stores, both at once.
func (h Health) Check(ctx context.Context) HealthReport {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	queue := make(chan error, 1)
	go func() { queue <- h.Queue(ctx) }()
	r := HealthReport{Database: h.Database(ctx)}
	if r.Writable = r.Database; r.Database == nil && h.Writable != nil {
		r.Writable = h.Writable(ctx)
	}
	r.Queue = <-queue
	return r
}
