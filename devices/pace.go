package devices

import (
	"context"
	"time"
)

// Pace has a source that makes its samples itself give them when a device would: a chunk at its end by the clock.
type Pace struct {
	start time.Time
	rate  float64 // samples a second of the host; 0 for as fast as they are read
}

// NewPace begins now. speed 1 is a device's own, 0 as fast as the stream is read.
func NewPace(rate, speed float64) *Pace { return &Pace{time.Now(), rate * speed} }

// Until waits until so many samples have been made, and returns when that was: at another speed than a device's, when it would have been at that.
// Without a pace it waits for who reads the stream.
func (p *Pace) Until(ctx context.Context, out *Writer, samples int64, nominal float64) (time.Time, error) {
	at := p.start.Add(time.Duration(float64(samples) / nominal * 1e9))
	if p.rate == 0 {
		return at, out.Wait(ctx)
	}
	t := time.NewTimer(time.Until(p.start.Add(time.Duration(float64(samples) / p.rate * 1e9))))
	defer t.Stop()
	select {
	case <-t.C:
		return at, nil
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}
