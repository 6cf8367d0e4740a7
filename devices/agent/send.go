package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/neurod/neurod/devices/clock"
)

const (
	// What is sent at once of what has waited.
	mostBatch   = 2 << 20 // bytes of samples
	batchLength = 30.0    // s
	// Waits between tries.
	firstRetry   = 200 * time.Millisecond
	firstRate    = 2 * time.Second // where the key's rate is used up
	longestRetry = 15 * time.Second
)

// batch is what is sent at once: records without a gap between them.
type batch struct {
	from, to int64 // their numbers
	first    record
	end      int64 // behind the last sample
	values   []byte
	events   []event
	clock    *clock.Report // of the last of them that has one
}

// send brings a session's records to the server until all of them are there and nothing more comes; appended is nil or closed then. It returns
// the error by which the server refuses the session for good.
func (a *Agent) send(ctx context.Context, f *folder, appended <-chan struct{}) (err error) {
	defer func() { err = errors.Join(err, f.spool.Close()) }()
	p := &patience{log: a.cfg.Log.With("folder", f.dir)}
	contacted := false
	for {
		more, err := a.step(ctx, f)
		switch {
		case err == nil && more:
			contacted = true
			p.answered()
			if f.spool.Next()-1 > f.spool.Cursor().Done {
				continue // what has waited fills another batch
			}
			if err := rest(ctx, jittered(p.pace), closed(appended)); err != nil {
				return err
			}
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
				p.answered()
				return nil
			}
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		var answer *answerError
		if errors.As(err, &answer) && (answer.status == 401 || answer.status == 403) && !contacted && appended != nil {
			return fmt.Errorf("%s does not take the key: %w", a.cfg.Server, err)
		}
		if !passing(err) {
			return errors.Join(fmt.Errorf("the server refuses what is kept in %s: %w", f.dir, err), f.change(func(d *description) { d.Refused = err.Error() }))
		}
		pause, gather := p.failed(err, f.spool.Bytes())
		if err := errors.Join(rest(ctx, pause, nil), rest(ctx, gather, appended)); err != nil {
			return err
		}
	}
}

// patience says how long to wait for a server that does not take what is sent, and tells of it once for each stretch of waiting.
type patience struct {
	log  *slog.Logger
	wait time.Duration // after the next failure
	// pace is how long samples are gathered for a batch after the key's rate was used up: fewer and larger batches catch up within the rate and
	// leave some of it to others. It grows with each 429 and goes back to nothing while there are none.
	pace time.Duration
	// The stretch of waiting, which lasts until a batch was accepted and there is no pace.
	told  map[string]bool // why it is waited
	began time.Time
	tries int  // that failed
	again bool // that it goes on is told
}

// failed returns how long is to be waited after a call that failed, and how much longer while more samples come.
func (p *patience) failed(err error, waiting int64) (pause, gather time.Duration) {
	why := "the server is away"
	pause = max(p.wait, firstRetry)
	var answer *answerError
	if errors.As(err, &answer) {
		switch answer.status {
		case http.StatusTooManyRequests:
			why = "the key's rate is used up"
			pause = firstRate
			p.pace = min(max(2*p.pace, firstRate), longestRetry)
		case http.StatusUnauthorized, http.StatusForbidden:
			why = "the server does not take the key"
		}
		pause = max(pause, answer.after)
	}
	p.wait = min(2*pause, longestRetry)
	pause = jittered(pause)
	if answer != nil && answer.status == http.StatusTooManyRequests {
		gather = max(0, jittered(p.pace)-pause)
	}
	if p.tries == 0 {
		p.began, p.told = time.Now(), map[string]bool{}
	}
	p.tries++
	if !p.told[why] {
		p.told[why], p.again = true, false
		p.log.Warn(why, "error", err, "again_in", pause+gather, "waiting_bytes", waiting)
	}
	return pause, gather
}

// answered takes note of what was accepted.
func (p *patience) answered() {
	p.wait = 0
	if p.tries == 0 {
		return
	}
	if !p.again {
		p.again = true
		p.log.Info("the server takes what is sent again", "after", time.Since(p.began).Round(time.Millisecond), "tries", p.tries, "a_batch_each", p.pace)
	}
	if p.pace = p.pace * 4 / 5; p.pace < firstRate/2 {
		p.pace, p.tries = 0, 0
	}
}

// jittered is up to a quarter longer, so that many agents do not come at once.
func jittered(d time.Duration) time.Duration {
	return d + rand.N(d/4+1) //nolint:gosec // nobody is to be kept from guessing it
}

// rest waits for a time, or until early is closed, or returns why ctx ended before.
func rest(ctx context.Context, pause time.Duration, early <-chan struct{}) error {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-early:
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
		told := a.told(f, about, b)
		if err := a.server.ingest(ctx, about.SessionID, name, b.first.First, min(int64(math.Round(b.first.AtMS)), latest()), b.values, told); err != nil {
			return false, err
		}
		if told != nil {
			f.clockDue = time.Now().Add(clockEvery)
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

// clockEvery is how often the server is told what the clock does: it tells no more than the newest.
const clockEvery = 5 * time.Second

// told is what is told of the clock with a batch: of the session that runs, now and then, and of what is sent last.
func (a *Agent) told(f *folder, about description, b *batch) *sourceClock {
	if b.clock == nil || about.EndedAtMS == 0 && time.Now().Before(f.clockDue) {
		return nil
	}
	s := a.Status()
	if s.SessionID != about.SessionID {
		s = Status{} // an earlier run's, whose losses only its session knows
	}
	return &sourceClock{about.Info.Driver, about.Info.Stamps, about.Info.Counter, *b.clock, s.Missing, s.Dropped}
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
		if r.Clock != nil {
			b.clock = r.Clock
		}
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
