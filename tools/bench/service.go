//go:build unix

package main

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/procfs"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// requestBody is the request of every service measurement: 8 channels × 4 s of motor imagery at 250 Hz.
func requestBody(seed uint64) []byte {
	const channels, rate, seconds = 8, 250, 4
	rng := rand.New(rand.NewPCG(seed, 0))
	raw := make([]byte, 0, 4*channels*rate*seconds)
	state := make([]float64, channels)
	for i := range rate * seconds {
		for ch := range channels {
			// First-order autoregressive background plus a 10 Hz rhythm: EEG-like amplitudes of tens of µV.
			state[ch] = 0.95*state[ch] + 4*rng.NormFloat64()
			v := state[ch] + 8*math.Sin(2*math.Pi*10*float64(i)/rate+float64(ch))
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(v)))
		}
	}
	body, err := json.Marshal(map[string]any{
		"input": map[string]any{
			"type": "eeg", "data": base64.StdEncoding.EncodeToString(raw), "paradigm": "motor_imagery",
			"device": "OpenBCI Cyton", "channels": channels, "sample_rate": rate,
		},
		"context": map[string]any{"locale": "en", "session_history": []string{"move_left", "rest", "move_right"}, "ui_mode": "wheelchair_nav"},
		"output":  map[string]any{"format": "json", "include_diagnostics": false},
	})
	if err != nil {
		panic(err) // a map of plain values always encodes
	}
	return body
}

// deployment is a running service of one storage pair.
type deployment struct {
	name  string
	pids  []int // every process of the service, stores included
	own   []int // neurod's own processes
	procs []*neurod.Process
	api   string
	env   []string // of its processes
	data  string   // folder of the embedded stores
}

func (d *deployment) stop() {
	for _, p := range d.procs {
		if err := p.Stop(15 * time.Second); err != nil {
			fmt.Fprintln(os.Stderr, "bench: stop:", err)
		}
	}
}

// production starts API and worker as processes of their own on a real PostgreSQL and Redis.
func production(ctx context.Context, opt options, pg *servers.Postgres, rd *servers.Redis) (*deployment, error) {
	env := append(neurod.NoLimits(), "DATABASE_URL="+pg.DSN(), "REDIS_URL=redis://"+rd.Addr()+"/0", "NEUROD_JWT_SECRET=8f1d6b0c94e27a35d0b7c81e6f2a49305c7d", "NEUROD_LOG_LEVEL=error",
		// All who follow here are one user on one machine.
		"NEUROD_STREAMS_PER_KEY=2000", "NEUROD_STREAMS_PER_PROJECT=2000", "NEUROD_SOCKETS_PER_USER=2000", "NEUROD_CONNECTIONS_PER_ADDRESS=5000", "NEUROD_QUOTA_DEVICES=1000", "NEUROD_QUOTA_OPEN_SESSIONS=10000")
	mig, err := neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"migrate", "up"}, Env: env, Worker: true, Log: os.Stderr})
	if err != nil {
		return nil, err
	}
	<-mig.Exited()
	d := &deployment{name: "PostgreSQL+Redis", env: env, pids: append(pg.PIDs(), rd.PID())}
	api, err := neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"api"}, Env: env, Log: os.Stderr})
	if err != nil {
		return nil, err
	}
	d.procs = append(d.procs, api)
	d.api = api.URL
	worker, err := neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"worker"}, Env: env, Worker: true, Log: os.Stderr})
	if err != nil {
		d.stop()
		return nil, err
	}
	d.procs = append(d.procs, worker)
	d.own = []int{api.PID(), worker.PID()}
	d.pids = append(d.pids, d.own...)
	return d, nil
}

// embedded starts the whole service in one process on a fresh data folder.
func embedded(ctx context.Context, opt options) (*deployment, func(), error) {
	dir, err := os.MkdirTemp("", "neurod-bench-")
	if err != nil {
		return nil, nil, err
	}
	cleanup := func() { os.RemoveAll(dir) }
	p, err := neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"serve"}, Env: append(neurod.NoLimits(), "NEUROD_DATA_DIR="+dir, "NEUROD_LOG_LEVEL=error"), Log: os.Stderr})
	if err != nil {
		cleanup()
		return nil, nil, err
	}
	return &deployment{name: "embedded", pids: []int{p.PID()}, own: []int{p.PID()}, procs: []*neurod.Process{p}, api: p.URL, data: dir}, cleanup, nil
}

// The account of the one who measures.
const benchMail, benchPassword = "bench@example.com", "correct horse battery"

func client(ctx context.Context, d *deployment) (*neurod.Client, error) {
	c, err := neurod.SignUp(ctx, d.api, benchMail, benchPassword)
	if err != nil {
		return nil, err
	}
	c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}
	return c, nil
}

// stage is a production deployment on stores of its own, and a client of it.
type stage struct {
	*deployment
	client *neurod.Client
	pg     *servers.Postgres
	redis  *servers.Redis
}

// onStage measures one part on a fresh deployment, so that no part pays for what another has left in the stores.
func onStage(ctx context.Context, opt options, part func(context.Context, options, *stage) error) error {
	pg, err := servers.StartPostgres(ctx)
	if err != nil {
		return err
	}
	defer pg.Close()
	if err := pg.RunIn(ctx); err != nil {
		return err
	}
	rd, err := servers.StartRedis(ctx)
	if err != nil {
		return err
	}
	defer rd.Close()
	d, err := production(ctx, opt, pg, rd)
	if err != nil {
		return err
	}
	defer d.stop()
	c, err := client(ctx, d)
	if err != nil {
		return err
	}
	return part(ctx, opt, &stage{d, c, pg, rd})
}

func benchLatency(ctx context.Context, opt options) error {
	fmt.Println("\n## Latency: POST to result through wait, 8 channels × 4 s motor imagery, one client")
	if opt.pair == "embedded" {
		return onEmbedded(ctx, opt, latency)
	}
	err := onStage(ctx, opt, func(ctx context.Context, opt options, s *stage) error {
		return latency(ctx, opt, s.deployment, s.client)
	})
	if err != nil || opt.pair == "production" {
		return err
	}
	return onEmbedded(ctx, opt, latency)
}

func benchThroughput(ctx context.Context, opt options) error {
	if opt.pair != "embedded" {
		if err := onStage(ctx, opt, throughput); err != nil || opt.pair == "production" {
			return err
		}
	}
	return onEmbedded(ctx, opt, func(ctx context.Context, opt options, _ *deployment, c *neurod.Client) error {
		rate, lat, err := closedLoop(ctx, c, opt.clients, opt.load)
		if err == nil {
			fmt.Printf("embedded, %d clients: %.0f decodes/s, p50 %s ms, p99 %s ms\n", opt.clients, rate, ms(percentile(lat, .5)), ms(percentile(lat, .99)))
		}
		return err
	})
}

// onEmbedded measures a part on a fresh process with the embedded stores.
func onEmbedded(ctx context.Context, opt options, part func(context.Context, options, *deployment, *neurod.Client) error) error {
	emb, cleanup, err := embedded(ctx, opt)
	if err != nil {
		return err
	}
	defer cleanup()
	defer emb.stop()
	c, err := client(ctx, emb)
	if err != nil {
		return err
	}
	return part(ctx, opt, emb, c)
}

// latency times single decodes with short random pauses, then the processor time of the idle service.
func latency(ctx context.Context, opt options, d *deployment, c *neurod.Client) error {
	rng := rand.New(rand.NewPCG(1, 2))
	body := requestBody(1)
	const warm = 20
	var times []time.Duration
	for i := range opt.requests + warm {
		time.Sleep(5*time.Millisecond + time.Duration(rng.IntN(15))*time.Millisecond)
		start := time.Now()
		if err := decodeOnce(ctx, c, body); err != nil {
			return err
		}
		if i >= warm {
			times = append(times, time.Since(start))
		}
	}
	p50, p99 := percentile(times, .5), percentile(times, .99)
	fmt.Printf("%s: p50 %s ms (limit 8: %s), p90 %s, p99 %s ms (limit 25: %s), n=%d\n", d.name,
		ms(p50), verdict(p50 <= 8*time.Millisecond), ms(percentile(times, .9)), ms(p99), verdict(p99 <= 25*time.Millisecond), len(times))

	const idle = 10 * time.Second
	time.Sleep(2 * time.Second)
	all0, own0 := cpuOf(d.pids), cpuOf(d.own)
	time.Sleep(idle)
	all, own := (cpuOf(d.pids)-all0)/idle.Seconds()*100, (cpuOf(d.own)-own0)/idle.Seconds()*100
	fmt.Printf("%s: idle %.2f %% of a core with its stores (limit 1: %s), neurod alone %.2f %%\n", d.name, all, verdict(all <= 1), own)
	for _, pid := range d.own {
		now, peak, err := procfs.Resident(pid)
		if err != nil {
			return err
		}
		fmt.Printf("%s: process %d resident %.0f MiB, peak %.0f MiB\n", d.name, pid, mib(now), mib(peak))
	}
	return nil
}

func cpuOf(pids []int) float64 {
	sum := 0.0
	for _, pid := range pids {
		used, err := procfs.CPU(pid)
		if err != nil {
			continue // a store's short-lived child has ended
		}
		sum += used.Seconds()
	}
	return sum
}

func decodeOnce(ctx context.Context, c *neurod.Client, body []byte) error {
	_, err := decodeOne(ctx, c, body)
	return err
}

// decodeOne decodes and waits for the result. It returns the job's id.
func decodeOne(ctx context.Context, c *neurod.Client, body []byte) (id string, err error) {
	j, err := c.Decode(ctx, body, "")
	if err != nil {
		return "", err
	}
	id = j.Data.JobID
	if j, err = c.Wait(ctx, id, 30*time.Second, false); err != nil {
		return "", err
	}
	if j.Status != "completed" {
		return "", fmt.Errorf("job %s is %s: %+v", id, j.Status, j.Error)
	}
	return id, nil
}

// closedLoop keeps n clients decoding one request after another and returns decodes/s and each one's time.
func closedLoop(ctx context.Context, c *neurod.Client, n int, length time.Duration) (float64, []time.Duration, error) {
	return loop(ctx, n, length, func(ctx context.Context, body []byte) error { return decodeOnce(ctx, c, body) })
}

func loop(ctx context.Context, n int, length time.Duration, call func(context.Context, []byte) error) (float64, []time.Duration, error) {
	var (
		mu    sync.Mutex
		times []time.Duration
		first error
		stop  atomic.Bool
		wg    sync.WaitGroup
	)
	start := time.Now()
	for k := range n {
		wg.Go(func() {
			body := requestBody(uint64(k + 1))
			for !stop.Load() && time.Since(start) < length {
				t := time.Now()
				if err := call(ctx, body); err != nil {
					mu.Lock()
					first = errors.Join(first, err)
					mu.Unlock()
					stop.Store(true)
					return
				}
				mu.Lock()
				times = append(times, time.Since(t))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return float64(len(times)) / time.Since(start).Seconds(), times, first
}

// startFloor starts the floor as a process of its own; the caller kills it.
func startFloor(ctx context.Context, pg *servers.Postgres, rd *servers.Redis) (*neurod.Client, *neurod.Process, error) {
	port, err := neurod.FreePort()
	if err != nil {
		return nil, nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	floor, err := neurod.Start(ctx, neurod.Config{Program: self, Args: []string{"-floor", addr}, Worker: true, Log: os.Stderr,
		Env: []string{"DATABASE_URL=" + pg.DSN(), "REDIS_URL=redis://" + rd.Addr() + "/1"}})
	if err != nil {
		return nil, nil, err
	}
	c := &neurod.Client{Base: "http://" + addr, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512}}}
	for range 200 {
		if err = c.Do(ctx, http.MethodGet, "/healthz", "", nil, nil, nil); err == nil {
			return c, floor, nil
		}
		time.Sleep(25 * time.Millisecond)
	}
	floor.Kill()
	return nil, nil, err
}

// throughput lets the floor and the service take turns and compares the medians of their rates.
func throughput(ctx context.Context, opt options, st *stage) error {
	d, c := st.deployment, st.client
	fmt.Printf("\n## Throughput: %d closed-loop clients, API + worker + stores + load on this machine\n", opt.clients)
	fc, floor, err := startFloor(ctx, st.pg, st.redis)
	if err != nil {
		return err
	}
	defer floor.Kill()
	var floors, raws, services []float64
	for round := range opt.rounds {
		// The side that waits is frozen, so that its timers cost the other nothing.
		for _, f := range []struct {
			path, name string
			rates      *[]float64
		}{{"/floor", "floor, plain table     ", &floors}, {"/floor-raw", "floor, no compression  ", &raws}} {
			rate, lat, err := loop(ctx, opt.clients, opt.load, func(ctx context.Context, body []byte) error {
				return fc.Do(ctx, http.MethodPost, f.path, "", body, nil, nil)
			})
			if err != nil {
				return err
			}
			*f.rates = append(*f.rates, rate)
			fmt.Printf("round %d: %s %6.0f requests/s, p50 %s ms\n", round+1, f.name, rate, ms(percentile(lat, .5)))
		}
		if err := floor.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		before, err := st.spent(ctx)
		if err != nil {
			return err
		}
		rate, lat, err := closedLoop(ctx, c, opt.clients, opt.load)
		if err != nil {
			return err
		}
		after, err := st.spent(ctx)
		if err != nil {
			return err
		}
		services = append(services, rate)
		fmt.Printf("round %d: neurod                  %6.0f decodes/s,  p50 %s ms, p99 %s ms\n", round+1, rate, ms(percentile(lat, .5)), ms(percentile(lat, .99)))
		fmt.Printf("round %d: ", round+1)
		tellWhere(before, after, len(lat))
		if err := floor.Signal(syscall.SIGCONT); err != nil {
			return err
		}
	}
	f, raw, s := median(floors), median(raws), median(services)
	fmt.Printf("median: neurod %.0f decodes/s, floor %.0f requests/s, ratio %.2f (limit 0.50: %s); of the floor without compression (%.0f/s) %.2f\n",
		s, f, s/f, verdict(s/f >= .5), raw, s/raw)
	for _, pid := range d.own {
		now, peak, err := procfs.Resident(pid)
		if err != nil {
			return err
		}
		fmt.Printf("%s under load: process %d resident %.0f MiB, peak %.0f MiB\n", d.name, pid, mib(now), mib(peak))
	}
	return nil
}
