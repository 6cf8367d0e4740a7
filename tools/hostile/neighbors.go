//go:build unix

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// How long neighbours are watched, before each attack and while it goes on again and again.
const (
	quietFor  = 2 * time.Second
	attackFor = 3 * time.Second
	// neighborAttacks are the costliest that are made again.
	neighborAttacks = 10
	// attackEvery is the least time from one to the next: rate limits are off, and 600 a minute are what they allow a key or an
	// address.
	attackEvery = 100 * time.Millisecond
	// neighborTimes is how many times its usual p99 a neighbour's may be.
	neighborTimes = 3
	// neighborSteps are the steps of a call at which the machine's scheduler may be late: the client, the server, and the
	// server's writer to the database.
	neighborSteps = 3
)

// waits are how long calls of a neighbour took, and how late a clock beside them rang: what the machine delayed.
type waits struct {
	mu    sync.Mutex
	calls []time.Duration
	late  []time.Duration
}

// neighbors calls the server as another tenant does until ctx ends.
func (a *arena) neighbors(ctx context.Context, w *waits) {
	body := marshal(object{"input": object{"type": "eeg", "channels": []string{"C3", "Cz", "C4"}, "sample_rate": 250, "data": base(samples(3*1000, 9))}})
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() {
		const step = 5 * time.Millisecond
		for ctx.Err() == nil {
			start := time.Now()
			time.Sleep(step)
			w.mu.Lock()
			w.late = append(w.late, time.Since(start)-step)
			w.mu.Unlock()
		}
	})
	for i := 0; ctx.Err() == nil; i++ {
		start := time.Now()
		var err error
		if i%2 == 0 {
			_, err = a.neighbor.Decode(ctx, body, "")
		} else {
			err = a.neighbor.Do(ctx, http.MethodGet, "/api/v1/jobs?limit=5", a.neighbor.Key, nil, nil, nil)
		}
		if ctx.Err() != nil {
			break
		}
		took := time.Since(start)
		if err != nil {
			took = answerLimit // it shows
		}
		w.mu.Lock()
		w.calls = append(w.calls, took)
		w.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func p99(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*99/100)]
}

// company measures what neighbours have to wait while the costliest attacks go on one after another, beside what they wait
// for the same server without.
func (a *arena) company(ctx context.Context, r *report, list []attack, progress io.Writer) error {
	worst := slices.SortedFunc(slices.Values(r.costs), func(x, y cost) int { return cmp.Compare(y.cpu, x.cpu) })
	var usual, meanwhile waits
	during := func(long time.Duration, w *waits, do func(context.Context)) {
		ctx, cancel := context.WithTimeout(ctx, long)
		defer cancel()
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.neighbors(ctx, w)
		}()
		do(ctx)
		<-done
	}
	wait := func(ctx context.Context) { <-ctx.Done() }
	during(quietFor/2, &waits{}, wait) // warm
	for _, c := range worst[:min(neighborAttacks, len(worst))] {
		i := slices.IndexFunc(list, func(at attack) bool { return at.route == c.route && at.name == c.name })
		if i < 0 {
			continue
		}
		at := list[i]
		if at.body != nil {
			body := at.body()
			at.body = func() []byte { return body }
		}
		before := len(meanwhile.calls)
		during(quietFor, &usual, wait)
		var err error
		during(attackFor, &meanwhile, func(ctx context.Context) {
			next := time.NewTicker(attackEvery)
			defer next.Stop()
			// No more than keep a processor busy meanwhile: what is left waits only for the next attack.
			for n := time.Duration(0); ctx.Err() == nil && err == nil && n*c.cpu <= attackFor; n++ {
				err = a.again(ctx, at)
				select {
				case <-ctx.Done():
				case <-next.C:
				}
			}
			<-ctx.Done()
		})
		if err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
			return err
		}
		own := slices.Clone(meanwhile.calls[before:])
		fmt.Fprintf(progress, "neighbours: p99 %6.1f ms meanwhile, %6.1f ms usually: %s: %s\n", milliseconds(p99(own)), milliseconds(p99(slices.Clone(usual.calls))), at.route, at.name)
		if err := a.rest(ctx); err != nil {
			return err
		}
	}
	r.usual, r.meanwhile = p99(usual.calls), p99(meanwhile.calls)
	r.late, r.lateMeanwhile = p99(usual.late), p99(meanwhile.late)
	// Attacker, server and neighbours share the processors, and perhaps others do: a clock that does nothing but ring tells what
	// that alone delays. On a machine with processors to spare it is less than the times of the usual.
	if limit := max(neighborTimes*r.usual, r.usual+neighborSteps*r.lateMeanwhile); r.meanwhile > limit {
		r.break_("neighbours waited %v at p99 of %d calls, usually %v: more than %v", r.meanwhile, len(meanwhile.calls), r.usual, limit)
	}
	return nil
}

// again makes the call of an attack that was judged before.
func (a *arena) again(ctx context.Context, at attack) error {
	path := at.path
	if at.prepare != nil {
		made, err := at.prepare(ctx, a.attacker)
		if err != nil {
			return err
		}
		if made != "" {
			path = made
		}
	}
	if at.do != nil {
		_ = at.do(ctx, a) // it was judged before
		return nil
	}
	_, _, _ = a.send(ctx, at, a.attacker.fill(path)) // it was judged before
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
