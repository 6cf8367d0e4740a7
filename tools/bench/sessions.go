//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/neurod/neurod/internal/testkit/neurod"
)

// The session of every measurement here: 8 channels at 250 Hz, sent in batches of one second.
const (
	sessionRate  = 250
	sessionBatch = time.Second
	sessionT0    = int64(1_730_000_000_000) // Unix ms of the first sample
)

var sessionChannels = []string{"Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2"}

// seconds returns n seconds of samples, as float32 sample-major and as the JSON object of the document.
func seconds(seed uint64, n int) (raw, object []byte) {
	rng := rand.New(rand.NewPCG(seed, 0))
	state := make([]float64, len(sessionChannels))
	data := make(map[string][]json.Number, len(state))
	for i := range n * sessionRate {
		for ch, name := range sessionChannels {
			state[ch] = 0.95*state[ch] + 4*rng.NormFloat64()
			v := float32(state[ch] + 8*math.Sin(2*math.Pi*10*float64(i)/sessionRate+float64(ch)))
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			data[name] = append(data[name], json.Number(strconv.FormatFloat(float64(v), 'f', 2, 32)))
		}
	}
	object, err := json.Marshal(data)
	if err != nil {
		panic(err) // a map of numbers always encodes
	}
	return raw, object
}

// recorder sends batches to one session.
type recorder struct {
	c      *neurod.Client
	id     string
	ws     string
	raw    []byte
	object []byte
	next   int // seconds sent
}

func newRecorder(ctx context.Context, c *neurod.Client, seed uint64) (*recorder, error) {
	body, err := json.Marshal(map[string]any{"external_user_id": "bench", "device_type": "CYTON", "sample_rate_hz": sessionRate, "channels": sessionChannels})
	if err != nil {
		return nil, err
	}
	var out struct {
		ID string `json:"session_id"`
		WS string `json:"ws_url"`
	}
	if err := c.Do(ctx, http.MethodPost, "/v1/sessions", c.Key, body, nil, &out); err != nil {
		return nil, err
	}
	r := &recorder{c: c, id: out.ID, ws: out.WS}
	r.raw, r.object = seconds(seed, 1)
	return r, nil
}

// body returns the next batch.
func (r *recorder) body(binary bool) (path string, body []byte, header http.Header) {
	path, t0 := "/v1/sessions/"+r.id+"/ingest", sessionT0+int64(r.next)*sessionBatch.Milliseconds()
	if binary {
		return path + "?batch_id=b" + strconv.Itoa(r.next) + "&t0_unix_ms=" + strconv.FormatInt(t0, 10), r.raw,
			http.Header{"Content-Type": {"application/octet-stream"}}
	}
	b := append(make([]byte, 0, len(r.object)+64), `{"batch_id":"b`...)
	b = append(strconv.AppendInt(b, int64(r.next), 10), `","t0_unix_ms":`...)
	b = append(strconv.AppendInt(b, t0, 10), `,"data":`...)
	return path, append(append(b, r.object...), '}'), http.Header{"Content-Type": {"application/json"}}
}

// send sends the next second.
func (r *recorder) send(ctx context.Context, binary bool) error {
	path, body, header := r.body(binary)
	r.next++
	return post(ctx, r.c, path, body, header)
}

// post sends a body and reads the answer away.
func post(ctx context.Context, c *neurod.Client, path string, body []byte, header http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	res, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusAccepted {
		return &neurod.StatusError{Status: res.StatusCode, Body: b}
	}
	return nil
}

// settled waits until no batch of the session waits and returns how many windows there are.
func (r *recorder) settled(ctx context.Context) (int, error) {
	for {
		var st struct {
			Pending int `json:"pending_batches"`
			Windows int `json:"window_count"`
		}
		if err := r.c.Do(ctx, http.MethodGet, "/v1/sessions/"+r.id+"/status", r.c.Key, nil, nil, &st); err != nil {
			return 0, err
		}
		if st.Pending == 0 {
			return st.Windows, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// checkWindows holds the sessions to the windows that are due: one each two seconds.
func checkWindows(ctx context.Context, all []*recorder) error {
	for _, r := range all {
		n, err := r.settled(ctx)
		if err != nil {
			return err
		}
		if want := r.next / 2; n != want {
			return fmt.Errorf("session %s has %d windows of %d s, not %d", r.id, n, r.next, want)
		}
	}
	return nil
}

// ingestThroughput compares closed-loop ingestion with its floor: the same bytes in one transaction from a bare handler.
func ingestThroughput(ctx context.Context, opt options, st *stage) error {
	c := st.client
	fc, floor, err := startFloor(ctx, st.pg, st.redis)
	if err != nil {
		return err
	}
	defer floor.Kill()
	fmt.Printf("\n## Ingestion: batches of 1 s, 8 channels × 250 Hz, %d clients in a closed loop, PostgreSQL+Redis\n", opt.clients)
	for _, form := range []string{"JSON", "float32"} {
		var ours, plain, raw []float64
		for round := range opt.rounds {
			all := make([]*recorder, opt.clients)
			for i := range all {
				if all[i], err = newRecorder(ctx, c, uint64(i+1)); err != nil {
					return err
				}
			}
			for _, f := range []struct {
				path  string
				rates *[]float64
			}{{"/insert", &plain}, {"/insert-raw", &raw}} {
				rate, err := batchLoop(ctx, all, opt.load, func(ctx context.Context, r *recorder) error {
					_, body, header := r.body(form == "float32")
					return post(ctx, fc, f.path, body, header)
				})
				if err != nil {
					return fmt.Errorf("floor: %w", err)
				}
				*f.rates = append(*f.rates, rate)
			}
			before := st.processors()
			rate, err := batchLoop(ctx, all, opt.load, func(ctx context.Context, r *recorder) error { return r.send(ctx, form == "float32") })
			if err != nil {
				return err
			}
			ours = append(ours, rate)
			start := time.Now()
			if err := checkWindows(ctx, all); err != nil {
				return err
			}
			after, sent := time.Since(start), 0
			for _, r := range all {
				sent += r.next
			}
			cpu := st.processors()
			for i := range cpu {
				cpu[i] = (cpu[i] - before[i]) * 1000 / float64(sent)
			}
			fmt.Printf("%s, round %d: %.0f batches/s, floor %.0f/s, without compression %.0f/s; last window %s ms after the last batch; CPU a batch: API %.2f ms, worker %.2f, PostgreSQL %.2f, Redis %.2f\n",
				form, round+1, rate, plain[round], raw[round], ms(after), cpu[0], cpu[1], cpu[2], cpu[3])
		}
		o, f, r := median(ours), median(plain), median(raw)
		fmt.Printf("%s: %.0f batches/s, all windows written; floor, plain table %.0f/s, share %.2f (limit 0.5: %s); of the floor without compression (%.0f/s) %.2f\n",
			form, o, f, o/f, verdict(o/f >= 0.5), r, o/r)
	}
	return nil
}

// processors returns the seconds of processor time that API, worker, PostgreSQL and Redis have used.
func (s *stage) processors() [4]float64 {
	return [4]float64{cpuOf(s.own[:1]), cpuOf(s.own[1:2]), cpuOf(s.pg.PIDs()), cpuOf([]int{s.redis.PID()})}
}

// batchLoop keeps one client a session busy and returns calls/s.
func batchLoop(ctx context.Context, all []*recorder, length time.Duration, call func(context.Context, *recorder) error) (float64, error) {
	var (
		wg    sync.WaitGroup
		n     atomic.Int64
		mu    sync.Mutex
		first error
	)
	start := time.Now()
	for _, r := range all {
		wg.Go(func() {
			for time.Since(start) < length {
				if err := call(ctx, r); err != nil {
					mu.Lock()
					first = errors.Join(first, err)
					mu.Unlock()
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(start).Seconds(), first
}

// liveSessions is how many sessions are followed at once.
const liveSessions = 200

// liveLatency measures from the sending of the batch that completes a window to the arrival of the window over WebSocket,
// with 200 live sessions of one batch a second each.
func liveLatency(ctx context.Context, opt options, st *stage) error {
	d, c := st.deployment, st.client
	fmt.Printf("\n## Live: batch to window over WebSocket, %d sessions of 8 channels × 250 Hz, one batch a second each, %s\n", liveSessions, d.name)
	length := int(max(opt.load, 10*time.Second) / time.Second)
	ctx, cancel := context.WithTimeout(ctx, time.Duration(length+60)*time.Second)
	defer cancel()
	var (
		wg       sync.WaitGroup
		mu       sync.Mutex
		times    []time.Duration
		accepted []time.Duration
		first    error
	)
	fault := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil && err != nil {
			first = err
			cancel()
		}
	}
	begin := time.Now().Add(3 * time.Second)
	for i := range liveSessions {
		r, err := newRecorder(ctx, c, uint64(i+1))
		if err != nil {
			return err
		}
		conn, _, err := websocket.Dial(ctx, r.ws, nil)
		if err != nil {
			return err
		}
		defer conn.CloseNow()
		conn.SetReadLimit(1 << 20)
		sent := make([]time.Time, length)
		wg.Go(func() { // the client
			at := begin.Add(time.Duration(i) * time.Second / liveSessions)
			for n := range length {
				select {
				case <-time.After(time.Until(at.Add(time.Duration(n) * time.Second))):
				case <-ctx.Done():
					return
				}
				mu.Lock()
				sent[n] = time.Now()
				mu.Unlock()
				start := time.Now()
				if err := r.send(ctx, false); err != nil {
					fault(err)
					return
				}
				mu.Lock()
				accepted = append(accepted, time.Since(start))
				mu.Unlock()
			}
		})
		wg.Go(func() { // the reader
			for k := range length / 2 {
				_, b, err := conn.Read(ctx)
				now := time.Now()
				if err != nil {
					fault(fmt.Errorf("session %s, window %d: %w", r.id, k, err))
					return
				}
				if want := fmt.Sprintf(`"index":%d,`, k); !strings.Contains(string(b), want) {
					fault(fmt.Errorf("session %s: window %d is %.200s", r.id, k, b))
					return
				}
				mu.Lock()
				if k > 0 { // the first second warms up
					times = append(times, now.Sub(sent[2*k+1]))
				}
				mu.Unlock()
			}
		})
	}
	all0 := cpuOf(d.pids)
	wg.Wait()
	if first != nil {
		return first
	}
	busy := (cpuOf(d.pids) - all0) / time.Since(begin).Seconds() * 100
	p50, p99 := percentile(times, .5), percentile(times, .99)
	fmt.Printf("%s: batch to window p50 %s ms (limit 10: %s), p90 %s, p99 %s ms (limit 40: %s), n=%d; batch accepted p50 %s, p99 %s ms; %.0f %% of a core with stores\n",
		d.name, ms(p50), verdict(p50 <= 10*time.Millisecond), ms(percentile(times, .9)), ms(p99), verdict(p99 <= 40*time.Millisecond), len(times),
		ms(percentile(accepted, .5)), ms(percentile(accepted, .99)), busy)
	return nil
}

// batchCost compares a batch at minute 1 of a session with one at hour 6 of another, taking turns: from its sending to the
// end of the job that writes its windows.
func batchCost(ctx context.Context, _ options, st *stage) error {
	c := st.client
	fmt.Println("\n## Cost of a batch of 1 s by the age of its session: POST to the end of its job, taking turns")
	young, err := newRecorder(ctx, c, 1)
	if err != nil {
		return err
	}
	old, err := newRecorder(ctx, c, 1)
	if err != nil {
		return err
	}
	_, minute := seconds(2, 60)
	for _, fill := range []struct {
		r *recorder
		n int
	}{{young, 1}, {old, 6 * 60}} {
		one := fill.r.object
		fill.r.object = minute
		for range fill.n {
			if err := fill.r.send(ctx, false); err != nil {
				return err
			}
			fill.r.next += 59
		}
		fill.r.object = one
		if _, err := fill.r.settled(ctx); err != nil {
			return err
		}
	}
	const batches = 400
	var times [2][]time.Duration
	for i := range 2 * batches {
		r := []*recorder{young, old}[i%2]
		path, body, header := r.body(false)
		r.next++
		start := time.Now()
		var accepted struct {
			JobID string `json:"job_id"`
		}
		if err := c.Do(ctx, http.MethodPost, path, c.Key, body, header, &accepted); err != nil {
			return err
		}
		if _, err := c.Wait(ctx, accepted.JobID, 30*time.Second, false); err != nil {
			return err
		}
		times[i%2] = append(times[i%2], time.Since(start))
	}
	if err := checkWindows(ctx, []*recorder{young, old}); err != nil {
		return err
	}
	y, o := percentile(times[0], .5), percentile(times[1], .5)
	ratio := float64(o) / float64(y)
	fmt.Printf("minute 1: p50 %s ms; hour 6: p50 %s ms; ratio %.2f (limit 1.1: %s), n=%d each\n", ms(y), ms(o), ratio, verdict(ratio <= 1.1), batches)
	return nil
}
