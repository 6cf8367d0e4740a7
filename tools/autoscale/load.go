//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/neurod/neurod/internal/testkit/decodeload"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/servers"
	"github.com/neurod/neurod/internal/testkit/slowlink"
)

// secret signs the tokens of the measured service.
const secret = "8f1d6b0c94e27a35d0b7c81e6f2a49305c7d"

// phase is a part of the load.
type phase struct {
	name   string
	length time.Duration
	rate   func(part float64) float64 // decodes a second, by the part of the phase that is over
}

func phases(opt options) []phase {
	long := func(d time.Duration) time.Duration { return time.Duration(float64(d) * opt.scale) }
	flat := func(r float64) func(float64) float64 { return func(float64) float64 { return r } }
	return []phase{
		{"steady", long(20 * time.Second), flat(opt.base)},
		{"burst ×20", long(20 * time.Second), flat(20 * opt.base)},
		{"steady", long(20 * time.Second), flat(opt.base)},
		{"ramp", long(40 * time.Second), func(part float64) float64 { return opt.base * (1 + 14*part) }},
		{"silence", long(150 * time.Second), flat(0)},
	}
}

// sighting is what /metrics/scale said at a time.
type sighting struct {
	at      time.Duration
	phase   string
	Need    int     `json:"need"`
	Wanted  int     `json:"wanted"`
	Workers int     `json:"workers"`
	Backlog int     `json:"backlog"`
	Oldest  float64 `json:"oldest_age_seconds"`
}

// stage is the service under load.
type stage struct {
	opt    options
	client *neurod.Client
	keeper *neurod.Process
	pool   *pgxpool.Pool

	tally  decodeload.Tally
	name   atomic.Value // of the phase
	killed atomic.Int64
}

// load runs the phases and prints what came of them; false where a job was lost or doubled.
func load(ctx context.Context, opt options) (bool, error) {
	pg, err := servers.StartPostgres(ctx)
	if err != nil {
		return false, err
	}
	defer pg.Close()
	rd, err := servers.StartRedis(ctx)
	if err != nil {
		return false, err
	}
	defer rd.Close()
	far, err := slowlink.Start(pg.Addr(), opt.delay)
	if err != nil {
		return false, err
	}
	defer far.Close()

	env := append(neurod.NoLimits(), "REDIS_URL=redis://"+rd.Addr()+"/0", "NEUROD_JWT_SECRET="+secret, "NEUROD_LOG_LEVEL=warn")
	near := append(slices.Clone(env), "DATABASE_URL="+pg.DSN())
	mig, err := neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"migrate", "up"}, Env: near, Worker: true, Log: os.Stderr})
	if err != nil {
		return false, err
	}
	<-mig.Exited()
	api, err := neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"api"}, Env: near, Log: os.Stderr})
	if err != nil {
		return false, err
	}
	defer stop(api)
	s := &stage{opt: opt}
	if s.client, err = neurod.SignUp(ctx, api.URL, "autoscale@example.com", "correct horse battery"); err != nil {
		return false, err
	}
	s.client.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	if s.pool, err = pgxpool.New(ctx, pg.DSN()); err != nil {
		return false, err
	}
	defer s.pool.Close()
	s.keeper, err = neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"workers", "--min", "1", "--max", fmt.Sprint(opt.most)}, Worker: true, Log: os.Stderr,
		Env: append(slices.Clone(env), "DATABASE_URL="+strings.Replace(pg.DSN(), pg.Addr(), far.Addr().String(), 1), "NEUROD_WORKER_CONCURRENCY=1")})
	if err != nil {
		return false, err
	}
	defer stop(s.keeper)

	fmt.Printf("## Load: %.1f decodes/s, a burst of 20 times as many, a ramp to 15 times, silence; up to %d workers of one slot, their database %v away each way\n\n", opt.base, opt.most, opt.delay)
	if err := s.await(ctx, func(x sighting) bool { return x.Workers >= 1 }); err != nil {
		return false, err
	}
	seen, burst, end, err := s.run(ctx)
	if err != nil {
		return false, err
	}
	return s.report(ctx, seen, burst, end)
}

func stop(p *neurod.Process) {
	if err := p.Stop(60 * time.Second); err != nil {
		fmt.Fprintln(os.Stderr, "autoscale: stop:", err)
	}
}

// look asks what is needed.
func (s *stage) look(ctx context.Context) (x sighting, err error) {
	err = s.client.Do(ctx, http.MethodGet, "/metrics/scale", "", nil, nil, &x)
	return x, err
}

// await looks until what it sees will do.
func (s *stage) await(ctx context.Context, will func(sighting) bool) error {
	for deadline := time.Now().Add(2 * time.Minute); ; {
		x, err := s.look(ctx)
		if err != nil {
			return err
		}
		if will(x) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited in vain: %+v", x)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// run goes through the phases, and kills a worker in the middle of the burst.
func (s *stage) run(ctx context.Context) (seen []sighting, burst, end time.Duration, err error) {
	begin := time.Now()
	s.name.Store("")
	over := make(chan struct{})
	var watch, calls sync.WaitGroup
	var lookErr error
	watch.Go(func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			x, err := s.look(ctx)
			if err != nil {
				lookErr = err
				return
			}
			x.at, x.phase = time.Since(begin), s.name.Load().(string)
			seen = append(seen, x)
			select {
			case <-tick.C:
			case <-over:
				return
			}
		}
	})
	rng := rand.New(rand.NewPCG(s.opt.seed, 3))
	for _, p := range phases(s.opt) {
		s.name.Store(p.name)
		from := time.Now()
		if strings.HasPrefix(p.name, "burst") {
			burst = time.Since(begin)
			calls.Go(func() {
				time.Sleep(p.length / 2)
				s.kill(ctx)
			})
		}
		if p.rate(1) == 0 {
			end = time.Since(begin)
		}
		for time.Since(from) < p.length && ctx.Err() == nil {
			rate := p.rate(time.Since(from).Seconds() / p.length.Seconds())
			if rate <= 0 {
				time.Sleep(100 * time.Millisecond)
				continue
			}
			time.Sleep(time.Duration(rng.ExpFloat64() / rate * float64(time.Second)))
			b := decodeload.Body(rng)
			calls.Go(func() { s.tally.Submit(ctx, s.client, b) })
		}
	}
	calls.Wait()
	close(over)
	watch.Wait()
	return seen, burst, end, errors.Join(lookErr, ctx.Err())
}

// kill ends a worker as kill -9 does.
func (s *stage) kill(ctx context.Context) {
	var pid int
	err := s.pool.QueryRow(ctx, `SELECT w.pid FROM processes w JOIN processes k ON k.id = w.supervisor WHERE k.pid = $1 AND w.ended_at IS NULL AND NOT w.draining
		ORDER BY w.started_at LIMIT 1`, s.keeper.PID()).Scan(&pid)
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "autoscale: kill a worker:", err)
		return
	}
	s.killed.Add(1)
}

// report waits for the last jobs and prints what came of them.
func (s *stage) report(ctx context.Context, seen []sighting, burst, end time.Duration) (bool, error) {
	fmt.Println("   s  phase      need wanted workers backlog oldest s")
	for i := 0; i < len(seen); i += 4 {
		x := seen[i]
		fmt.Printf("%4.0f  %-9s  %4d %6d %7d %7d %8.1f  %s\n", x.at.Seconds(), x.phase, x.Need, x.Wanted, x.Workers, x.Backlog, x.Oldest, strings.Repeat("█", x.Workers)+strings.Repeat("·", max(0, min(x.Need, s.opt.most)-x.Workers)))
	}
	o, err := s.tally.Audit(ctx, s.pool, 2*time.Minute)
	if err != nil {
		return false, err
	}
	if len(o.Waits) == 0 {
		return false, errors.New("no job was run")
	}
	fmt.Printf("\n%d decodes accepted, %d refused, %d workers killed: %d lost, %d doubled; waiting p50 %.0f ms, p99 %.0f ms\n", o.Accepted, o.Refused, s.killed.Load(), o.Lost, o.Doubled,
		milli(o.Quantile(.5)), milli(o.Quantile(.99)))
	up := time.Duration(0)
	for i, x := range seen { // from each moment at which more are needed to that at which as many are there
		if need := min(x.Need, s.opt.most); need > x.Workers && (i == 0 || min(seen[i-1].Need, s.opt.most) <= seen[i-1].Workers) {
			for _, y := range seen[i:] {
				if y.Workers >= need {
					up = max(up, y.at-x.at)
					break
				}
			}
		}
	}
	most, last := 0, time.Duration(0)
	for _, x := range seen {
		most = max(most, x.Workers)
		if x.Workers > 1 {
			last = x.at
		}
	}
	fmt.Printf("scaled up within %.1f s of need, to %d workers (the burst began at %.0f s); down to one %.0f s after the load had ended\n", up.Seconds(), most, burst.Seconds(), (last - end).Seconds())
	return o.Whole(), nil
}
