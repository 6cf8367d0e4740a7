package agent

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"time"
)

const (
	// What is sent at once of what has waited.
	mostBatch   = 2 << 20 // bytes of samples
	batchLength = 30.0    // s
	// Waits between tries.
	firstRetry   = 200 * time.Millisecond
	longestRetry = 15 * time.Second
)

// batch is what is sent at once: records without a gap between them.
type batch struct {
	from, to int64 // their numbers
	first    record
	end      int64 // behind the last sample
	values   []byte
	events   []event
}

// send brings a session's records to the server until all of them are there and nothing more comes; appended is nil or closed then. It returns
// the error by which the server refuses the session for good.
func (a *Agent) send(ctx context.Context, f *folder, appended <-chan struct{}) (err error) {
	defer func() { err = errors.Join(err, f.spool.Close()) }()
	log := a.cfg.Log.With("folder", f.dir)
	contacted := false
	for wait := firstRetry; ; {
		more, err := a.step(ctx, f)
		var answer *answerError
		switch {
		case err == nil && more:
			contacted, wait = true, firstRetry
			continue
		case err == nil:
			select {
			case <-f.spool.Changed():
				continue
			case <-closed(appended):
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			if f.spool.Next()-1 > f.spool.Cursor().Done {
				continue // the last record came with the end
			}
			if f.about().EndedAtMS == 0 {
				return nil // the device failed: the session stays open
			}
			if err = a.finish(ctx, f); err == nil {
				return nil
			}
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		if errors.As(err, &answer) && (answer.status == 401 || answer.status == 403) && !contacted && appended != nil {
			return fmt.Errorf("%s does not take the key: %w", a.cfg.Server, err)
		}
		if !passing(err) {
			return errors.Join(fmt.Errorf("the server refuses what is kept in %s: %w", f.dir, err), f.change(func(d *description) { d.Refused = err.Error() }))
		}
		pause := wait
		if answer != nil && answer.after > 0 {
			pause = answer.after
		}
		log.Warn("the server is away", "error", err, "again_in", pause, "waiting_bytes", f.spool.Bytes())
		wait = min(2*wait, longestRetry)
		if err := rest(ctx, pause); err != nil {
			return err
		}
	}
}

// rest waits for a time, or returns why ctx ended before.
func rest(ctx context.Context, pause time.Duration) error {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// always is closed: nothing more comes.
var always = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func closed(c <-chan struct{}) <-chan struct{} {
	if c == nil {
		return always
	}
	return c
}

// step does the next thing: it makes the session, or sends a batch. more is false where there is nothing to send.
func (a *Agent) step(ctx context.Context, f *folder) (more bool, err error) {
	b, err := nextBatch(f)
	if err != nil || b == nil {
		return false, err
	}
	about := f.about()
	if about.SessionID == "" {
		id, err := a.server.create(ctx, about)
		if err != nil {
			return false, err
		}
		if err := f.change(func(d *description) { d.SessionID = id }); err != nil {
			return false, err
		}
		about.SessionID = id
		a.cfg.Log.Info("session", "session_id", id)
		a.update(func(s *Status) { s.SessionID = id })
	}
	name := fmt.Sprintf("agent-%s-%d-%d", about.ID, b.from, b.to)
	if len(b.values) > 0 {
		if err := a.server.ingest(ctx, about.SessionID, name, b.first.First, min(int64(math.Round(b.first.AtMS)), latest()), b.values); err != nil {
			return false, err
		}
	}
	if len(b.events) > 0 {
		if err := a.server.events(ctx, about.SessionID, name, b.events); err != nil {
			return false, err
		}
	}
	if err := f.spool.Acknowledge(b.to, b.end); err != nil {
		return false, err
	}
	a.update(func(s *Status) { s.Sent = b.end })
	return true, nil
}

// latest is how far ahead a time may be, Unix ms: what is played faster than it was recorded, or a clock that is wrong, must not be refused for that.
func latest() int64 { return time.Now().Add(23 * time.Hour).UnixMilli() }

// nextBatch returns what is to be sent next, nil for nothing. It is kept that it is being sent: after a crash it is the same again.
func nextBatch(f *folder) (*batch, error) {
	c, next := f.spool.Cursor(), f.spool.Next()
	if next-1 <= c.Done {
		return nil, nil
	}
	again := c.Sending > c.Done
	info := f.about().Info
	channels := len(info.Channels)
	b := &batch{from: c.Done + 1, to: c.Done, end: c.Mark}
	most := int64(batchLength * info.Rate)
	var bad error
	err := f.spool.Read(c.Done+1, func(number int64, bytes []byte) bool {
		if again && number > c.Sending {
			return false
		}
		r, err := decodeRecord(bytes, channels)
		if err != nil {
			bad = err
			return false
		}
		if r.Samples > 0 {
			if len(b.values) > 0 && (r.First != b.end || !again && (len(b.values)+len(r.values) > mostBatch || r.end()-b.first.First > most)) {
				return false
			}
			if len(b.values) == 0 {
				b.first = r
			}
			b.values = append(b.values, r.values...)
		}
		b.end, b.to = max(b.end, r.end()), number
		for _, m := range r.Markers {
			b.events = append(b.events, eventOf(m, info.Rate))
		}
		return true
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, err
	}
	if again {
		b.to = max(b.to, c.Sending)
	}
	if b.to == c.Done {
		b.to = next - 1 // the disk kept none of them
	}
	return b, f.spool.Sending(b.to)
}

// finish ends the session, and removes its folder.
func (a *Agent) finish(ctx context.Context, f *folder) error {
	if about := f.about(); about.SessionID != "" {
		if err := a.server.end(ctx, about.SessionID, about.EndedAtMS); err != nil {
			return err
		}
	}
	if err := f.spool.Close(); err != nil {
		return err
	}
	return os.RemoveAll(f.dir)
}
