package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
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
	// neighborTimes is how many times its usual p99 a neighbour's may be, and neighborFloor what is no delay to anybody: the
	// time slices of a busy machine show below it.
	neighborTimes = 3
	neighborFloor = 250 * time.Millisecond
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
	usual     time.Duration
	meanwhile time.Duration
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
	fmt.Fprintf(w, "\n%d attacks, %d broken recordings (%d refused); idle %.0f MiB; neighbours' p99 %.1f ms, usually %.1f ms\n",
		len(r.costs), r.mutations, r.refused, float64(r.idle)/(1<<20), float64(r.meanwhile.Microseconds())/1000, float64(r.usual.Microseconds())/1000)
	for _, b := range r.broken {
		fmt.Fprintln(w, "BROKEN:", b)
	}
}

// arena is a server under attack.
type arena struct {
	process  *neurod.Process
	attacker *tenant
	neighbor *neurod.Client
	log      *lockedLog
	idle     int64
}

type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.b.String()
	return s[max(0, len(s)-4000):]
}

// open starts a server with an embedded pair in a folder of its own, and lets it come to rest.
func open(ctx context.Context, cfg config, dir string) (*arena, error) {
	a := &arena{log: &lockedLog{}}
	env := append(neurod.NoLimits(), "NEUROD_DATA_DIR="+dir, "NEUROD_SIGNUPS_PER_HOUR=100000", "NEUROD_SIGNUP_ENABLED=true")
	var err error
	if a.process, err = neurod.Start(ctx, neurod.Config{Program: cfg.program, Args: []string{"serve"}, Env: env, Log: a.log}); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, a.log.tail())
	}
	const password = "correct horse battery"
	attacker, err := neurod.SignUp(ctx, a.process.URL, "attacker@example.com", password)
	if err == nil {
		a.attacker = &tenant{Client: attacker}
		err = a.attacker.settle(ctx, "attacker@example.com", password)
	}
	if err == nil {
		a.neighbor, err = neurod.SignUp(ctx, a.process.URL, "neighbour@example.com", password)
	}
	if err == nil {
		err = a.rest(ctx)
	}
	if err == nil {
		a.idle, _, err = procfs.Resident(a.process.PID())
	}
	if err != nil {
		a.process.Kill()
		return nil, err
	}
	return a, nil
}

// rest waits until the process does nothing: its jobs are done then.
func (a *arena) rest(ctx context.Context) error {
	last, err := procfs.CPU(a.process.PID())
	if err != nil {
		return err
	}
	deadline := time.Now().Add(answerLimit)
	for quiet := 0; quiet < 2; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.process.Exited():
			return errExited
		case <-time.After(30 * time.Millisecond):
		}
		now, err := procfs.CPU(a.process.PID())
		if err != nil {
			return errExited
		}
		if quiet++; now-last > 0 {
			quiet = 0
		}
		last = now
		if quiet == 2 && a.attacker != nil && a.attacker.busy(ctx) {
			quiet = 0
			if last, err = procfs.CPU(a.process.PID()); err != nil {
				return errExited
			}
		}
		if time.Now().After(deadline) {
			return nil // what it has used is what counts
		}
	}
	return nil
}

var errExited = errors.New("the server has ended")

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
	if c.status, c.bytes, err = a.send(ctx, at, t.fill(path)); err != nil {
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

// send makes the call and reads its answer, which is let go once it has begun where it is a stream.
func (a *arena) send(ctx context.Context, at attack, path string) (status, size int, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	method, _, _ := strings.Cut(at.route, " ")
	body := at.body
	if bytes.Contains(body, []byte("{session}")) {
		body = []byte(a.attacker.fill(string(body)))
	}
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

// neighbors calls the server as another tenant does until ctx ends, and returns how long each call took.
func (a *arena) neighbors(ctx context.Context) []time.Duration {
	var out []time.Duration
	body := marshal(object{"input": object{"type": "eeg", "channels": []string{"C3", "Cz", "C4"}, "sample_rate": 250, "data": base(samples(3*1000, 9))}})
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
		out = append(out, took)
		select {
		case <-ctx.Done():
		case <-time.After(25 * time.Millisecond):
		}
	}
	return out
}

func p99(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*99/100)]
}

// judge holds an attack to the limits.
func (r *report) judge(c cost, cfg config) {
	r.costs = append(r.costs, c)
	most := cpuLimit
	if cfg.every > 0 {
		most = 2 * cpuLimit
	}
	switch {
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

// run attacks a server and returns what that cost.
func run(ctx context.Context, cfg config, progress io.Writer) (*report, error) {
	list, err := plan(cfg.short)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "neurod-hostile-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	a, err := open(ctx, cfg, dir)
	if err != nil {
		return nil, err
	}
	defer func() { a.process.Kill() }()
	r := &report{idle: a.idle}
	for i, at := range list {
		if cfg.every > 0 && (!at.own && i%cfg.every != 0 || at.own && at.like && i%3 != 0) {
			continue
		}
		if cfg.short && at.big || cfg.only != nil && !cfg.only.MatchString(at.route+": "+at.name) {
			continue
		}
		// What the attack before has left to the collector would hide what this one takes: a server that holds more than it
		// does idle gives way to a fresh one.
		if now, _, err := procfs.Resident(a.process.PID()); err == nil && now > a.idle+freshAbove {
			a.process.Kill()
			if a, err = open(ctx, cfg, fmt.Sprintf("%s/%d", dir, i)); err != nil {
				return r, err
			}
		}
		c, err := a.attack(ctx, at)
		if errors.Is(err, errExited) {
			r.break_("the server ended in %s: %s\n%s", at.route, at.name, a.log.tail())
			if a, err = open(ctx, cfg, fmt.Sprintf("%s/%d", dir, i)); err != nil {
				return r, err
			}
			continue
		}
		if err != nil {
			return r, err
		}
		r.judge(c, cfg)
		if cfg.verbose {
			fmt.Fprintln(progress, c)
		}
	}
	if err := a.mutations(ctx, cfg, r); err != nil {
		return r, err
	}
	if cfg.only != nil || cfg.every > 0 {
		return r, nil
	}
	return r, a.company(ctx, cfg, r, list)
}

// mutations sends broken recordings to the import route, and where a decode takes the format, to that.
func (a *arena) mutations(ctx context.Context, cfg config, r *report) error {
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
				at := attack{route: "POST /v1/sessions/import", path: "/v1/sessions/import", as: "key", body: body,
					query: "external_user_id=u&sample_rate_hz=250&name=a" + f.ext, head: http.Header{"Content-Type": {"application/octet-stream"}}}
				if f.encoding != "" && i/len(files)%3 == 0 {
					at = attack{route: "POST /api/v1/neuro/decode", path: "/api/v1/neuro/decode", as: "key", head: text{}.headers(),
						body: marshal(object{"input": object{"type": "eeg", "encoding": f.encoding, "data": base(body)}})}
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

// company measures what neighbours have to wait while the costliest attacks go on one after another.
func (a *arena) company(ctx context.Context, cfg config, r *report, list []attack) error {
	long := 8 * time.Second
	if cfg.short {
		long = 3 * time.Second
	}
	alone, cancel := context.WithTimeout(ctx, long)
	r.usual = p99(a.neighbors(alone))
	cancel()
	worst := slices.SortedFunc(slices.Values(r.costs), func(x, y cost) int { return cmp.Compare(y.cpu, x.cpu) })
	together, cancel := context.WithCancel(ctx)
	defer cancel()
	took := make(chan []time.Duration, 1)
	go func() { took <- a.neighbors(together) }()
	end := time.Now().Add(2 * long)
	for _, c := range worst[:min(12, len(worst))] {
		i := slices.IndexFunc(list, func(at attack) bool { return at.route == c.route && at.name == c.name })
		if i < 0 || time.Now().After(end) {
			continue
		}
		at, path := list[i], list[i].path
		if at.prepare != nil {
			made, err := at.prepare(ctx, a.attacker)
			if err != nil {
				cancel()
				<-took
				return err
			}
			if made != "" {
				path = made
			}
		}
		_, _, _ = a.send(ctx, at, a.attacker.fill(path)) // it was judged before
	}
	cancel()
	r.meanwhile = p99(<-took)
	if limit := max(neighborTimes*r.usual, neighborFloor); r.meanwhile > limit {
		r.break_("neighbours waited %v, usually %v: more than %v", r.meanwhile, r.usual, limit)
	}
	return nil
}
