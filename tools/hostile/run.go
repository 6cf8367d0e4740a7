//go:build unix

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/procfs"
)

// What a call may cost.
const (
	memoryLimit = 64 << 20 // above idle
	freshAbove  = 12 << 20
	cpuLimit    = time.Second
	// answerLimit is for one call with its jobs, on a machine that others keep busy.
	answerLimit = 3 * time.Minute
)

type config struct {
	program   string
	short     bool
	mutations int
	seed      uint64
	only      *regexp.Regexp
	verbose   bool
	pair      string // of stores
	// every is set by the test, which has a minute: of the attacks that every route gets, one in so many; and neighbours are not
	// timed on a machine that other tests keep busy, nor is the processor, whose caches they share, held to the last tenth.
	every int
}

// cost is what an attack did.
type cost struct {
	route, name string
	status      int
	memory      int64 // above idle, bytes
	cpu         time.Duration
	answer      time.Duration
	bytes       int // of the answer
}

func (c cost) String() string {
	return fmt.Sprintf("%6.1f MiB %7.2f s %8.2f s  %3d  %8d B  %s: %s", float64(c.memory)/(1<<20), c.cpu.Seconds(), c.answer.Seconds(), c.status, c.bytes, c.route, c.name)
}

// report is what was found.
type report struct {
	idle      int64
	costs     []cost
	broken    []string
	mutations int
	refused   int // of the broken recordings
	// Neighbours' p99 without attacks and meanwhile, and how late a clock beside them rang.
	usual, meanwhile    time.Duration
	late, lateMeanwhile time.Duration
	took                time.Duration
}

func (r *report) break_(format string, args ...any) {
	r.broken = append(r.broken, fmt.Sprintf(format, args...))
}

func (r *report) print(w io.Writer) {
	top := func(what string, by func(a, b cost) int) {
		list := slices.SortedFunc(slices.Values(r.costs), by)
		fmt.Fprintf(w, "\nlargest %s:\n   memory       cpu    answer  HTTP     length  attack\n", what)
		for _, c := range list[:min(8, len(list))] {
			fmt.Fprintln(w, c)
		}
	}
	top("memory", func(a, b cost) int { return cmp.Compare(b.memory, a.memory) })
	top("processor time", func(a, b cost) int { return cmp.Compare(b.cpu, a.cpu) })
	top("answer time", func(a, b cost) int { return cmp.Compare(b.answer, a.answer) })
	fmt.Fprintf(w, "\n%d attacks, %d broken recordings (%d refused) in %v; idle %.0f MiB\n", len(r.costs), r.mutations, r.refused, r.took.Round(time.Second), float64(r.idle)/(1<<20))
	if r.usual > 0 {
		fmt.Fprintf(w, "neighbours' p99 %.1f ms meanwhile, usually %.1f ms: %.1f times; a clock beside them rang %.1f and %.1f ms late\n",
			milliseconds(r.meanwhile), milliseconds(r.usual), float64(r.meanwhile)/float64(r.usual), milliseconds(r.lateMeanwhile), milliseconds(r.late))
	}
	for _, b := range r.broken {
		fmt.Fprintln(w, "BROKEN:", b)
	}
}

// attack sends one call and measures it until the process is at rest again.
func (a *arena) attack(ctx context.Context, at attack) (cost, error) {
	c := cost{route: at.route, name: at.name}
	t := a.attacker
	path := at.path
	if at.prepare != nil {
		made, err := at.prepare(ctx, t)
		if err != nil {
			var refused *neurod.StatusError
			if errors.As(err, &refused) && refused.Status/100 == 4 {
				c.status = refused.Status // what the call needs is not to be had
				return c, nil
			}
			return c, fmt.Errorf("%s: %s: %w", at.route, at.name, err)
		}
		if made != "" {
			path = made
		}
		if err := a.rest(ctx); err != nil {
			return c, err
		}
	}
	body := at.text(a)
	pid := a.process.PID()
	if now, _, err := procfs.Resident(pid); err == nil {
		a.idle = min(a.idle, now) // what it began with may have held more than it needs
	}
	if err := procfs.Forget(pid); err != nil {
		return c, err
	}
	before, err := procfs.CPU(pid)
	if err != nil {
		return c, err
	}
	start := time.Now()
	if at.do != nil {
		if err := at.do(ctx, a); err != nil {
			return c, fmt.Errorf("%s: %s: %w", at.route, at.name, err)
		}
	} else if c.status, c.bytes, err = a.sendBody(ctx, at, t.fill(path), body); err != nil {
		select {
		case <-a.process.Exited():
			return c, errExited
		case <-time.After(100 * time.Millisecond):
		}
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		c.status = -1 // no answer: it is told beside the limits
	}
	c.answer = time.Since(start)
	if err := a.rest(ctx); err != nil {
		return c, err
	}
	after, err := procfs.CPU(pid)
	if err != nil {
		return c, err
	}
	c.cpu = after - before
	_, peak, err := procfs.Resident(pid)
	c.memory = max(0, peak-a.idle)
	return c, err
}

// text makes the body of an attack, nil for none.
func (at attack) text(a *arena) []byte {
	if at.body == nil {
		return nil
	}
	body := at.body()
	if bytes.Contains(body, []byte("{session}")) {
		body = []byte(a.attacker.fill(string(body)))
	}
	return body
}

// send makes the call and reads its answer, which is let go once it has begun where it is a stream.
func (a *arena) send(ctx context.Context, at attack, path string) (status, size int, err error) {
	return a.sendBody(ctx, at, path, at.text(a))
}

func (a *arena) sendBody(ctx context.Context, at attack, path string, body []byte) (status, size int, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	method, _, _ := strings.Cut(at.route, " ")
	url := a.process.URL + path
	if at.query != "" {
		url += "?" + at.query
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	for k, v := range at.head {
		req.Header[k] = v
	}
	switch at.as {
	case "key":
		req.Header.Set("Authorization", "Bearer "+a.attacker.Key)
	case "token":
		req.Header.Set("Authorization", "Bearer "+a.attacker.token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer res.Body.Close()
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return res.StatusCode, 0, nil
	}
	n, err := io.Copy(io.Discard, res.Body)
	return res.StatusCode, int(n), err
}

// judge holds an attack to the limits.
func (r *report) judge(c cost, at attack, cfg config) {
	r.costs = append(r.costs, c)
	most := cpuLimit
	if cfg.every > 0 {
		most = 2 * cpuLimit
	}
	switch {
	case c.status == http.StatusUnauthorized && at.as != "":
		r.break_("not let in, so nothing was attacked: %v", c)
	case c.status == 500 || c.status < 0:
		r.break_("no answer of use: %v", c)
	case c.memory > memoryLimit:
		r.break_("memory: %v", c)
	case c.cpu > most:
		r.break_("processor time: %v", c)
	case c.answer > 60*time.Second && cfg.every == 0:
		r.break_("answer: %v", c)
	}
}

// run attacks a server on a pair of stores and returns what that cost.
func run(ctx context.Context, cfg config, progress io.Writer) (*report, error) {
	start := time.Now()
	list, err := plan(cfg.short)
	if err != nil {
		return nil, err
	}
	list = cfg.chosen(list)
	st, err := openStores(ctx, cfg, cfg.pair)
	if err != nil {
		return nil, err
	}
	defer st.close()
	a, err := st.open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { a.process.Kill() }()
	r := &report{idle: a.idle}
	told := start
	for i, at := range list {
		if now := time.Now(); now.Sub(told) > 10*time.Second {
			told = now
			fmt.Fprintf(progress, "%s: %d of %d attacks after %v, %d limits broken\n", cfg.pair, i, len(list), now.Sub(start).Round(time.Second), len(r.broken))
		}
		// What the attack before has left to the collector would hide what this one takes: a server that holds more than it
		// does idle gives way to a fresh one.
		if now, _, err := procfs.Resident(a.process.PID()); err == nil && now > a.idle+freshAbove {
			a.process.Kill()
			if a, err = st.open(ctx, cfg); err != nil {
				return r, err
			}
		}
		c, err := a.attack(ctx, at)
		if errors.Is(err, errExited) {
			r.break_("the server ended in %s: %s\n%s", at.route, at.name, a.log.tail())
			if a, err = st.open(ctx, cfg); err != nil {
				return r, err
			}
			continue
		}
		if err != nil {
			return r, err
		}
		r.judge(c, at, cfg)
		if strings.HasPrefix(at.route, http.MethodDelete) && !a.attacker.good(ctx) { // it has deleted itself
			a.process.Kill()
			if a, err = st.open(ctx, cfg); err != nil {
				return r, err
			}
		}
		if cfg.verbose {
			fmt.Fprintln(progress, c)
		}
	}
	if cfg.mutations > 0 {
		a.process.Kill()
		if a, err = st.open(ctx, cfg); err != nil {
			return r, err
		}
		if err := a.mutations(ctx, cfg, r, progress); err != nil {
			return r, err
		}
	}
	r.took = time.Since(start)
	if cfg.every > 0 {
		return r, nil
	}
	// The neighbours' server is one that has only begun.
	a.process.Kill()
	if a, err = st.open(ctx, cfg); err != nil {
		return r, err
	}
	err = a.company(ctx, r, list, progress)
	r.took = time.Since(start)
	return r, err
}

// chosen are the attacks that are made.
func (cfg config) chosen(list []attack) []attack {
	var out []attack
	for i, at := range list {
		switch {
		case cfg.every > 0 && (!at.own && i%cfg.every != 0 || at.own && at.like && i%(cfg.every/3) != 0):
		case cfg.short && at.big:
		case cfg.only != nil && !cfg.only.MatchString(at.route+": "+at.name):
		default:
			out = append(out, at)
		}
	}
	return out
}

// mutations sends broken recordings to the import route, and where a decode takes the format, to that.
func (a *arena) mutations(ctx context.Context, cfg config, r *report, progress io.Writer) error {
	files := recordings()
	if err := procfs.Forget(a.process.PID()); err != nil {
		return err
	}
	work := make(chan int)
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i := range work {
				f := files[i%len(files)]
				seed := cfg.seed + uint64(i)
				body := f.mutated(seed)
				at := attack{route: "POST /v1/sessions/import", path: "/v1/sessions/import", as: "key", body: func() []byte { return body },
					query: "external_user_id=u&sample_rate_hz=250&name=a" + f.ext, head: http.Header{"Content-Type": {"application/octet-stream"}}}
				if f.encoding != "" && i/len(files)%3 == 0 {
					at = attack{route: "POST /api/v1/neuro/decode", path: "/api/v1/neuro/decode", as: "key", head: text{}.headers(),
						body: func() []byte {
							return marshal(object{"input": object{"type": "eeg", "encoding": f.encoding, "data": base(body)}})
						}}
				}
				status, _, err := a.send(ctx, at, at.path)
				mu.Lock()
				switch {
				case err != nil && ctx.Err() == nil:
					r.break_("%s with seed %d: %v", f.name, seed, err)
				case status >= 500:
					r.break_("%d: %s with seed %d, %s", status, f.name, seed, at.route)
				}
				r.mutations++
				if status/100 == 4 {
					r.refused++
				}
				mu.Unlock()
			}
		})
	}
	for i := range cfg.mutations {
		if i%2000 == 1999 {
			fmt.Fprintf(progress, "%s: %d of %d broken recordings\n", cfg.pair, i+1, cfg.mutations)
		}
		select {
		case work <- i:
		case <-a.process.Exited():
			r.break_("the server ended under broken recordings, before seed %d\n%s", cfg.seed+uint64(i), a.log.tail())
			close(work)
			wait.Wait()
			return errExited
		case <-ctx.Done():
			close(work)
			wait.Wait()
			return ctx.Err()
		}
	}
	close(work)
	wait.Wait()
	if cfg.mutations == 0 {
		return nil
	}
	if err := a.rest(ctx); err != nil {
		r.break_("after broken recordings: %v\n%s", err, a.log.tail())
		return err
	}
	_, peak, err := procfs.Resident(a.process.PID())
	c := cost{route: "four at a time", name: "broken recordings", memory: max(0, peak-a.idle)}
	r.costs = append(r.costs, c)
	if c.memory > memoryLimit {
		r.break_("memory: %v", c)
	}
	return err
}
