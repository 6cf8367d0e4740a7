//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/neurod/neurod/devices/synthetic"
)

// The devices under chaos: boards that the API processes read, and boards of agents, whose way to the APIs is cut for a while and of which one
// is killed. Their samples say where they belong.
const (
	serverBoards = 3
	agentBoards  = 2
	cutFor       = 60 * time.Second
	agentDrain   = 2 * time.Minute
)

var sine = synthetic.Config{Pattern: synthetic.Sine, Channels: sessionChannels, Rate: 100}

// board is a device and what came of it.
type board struct {
	name    string
	session string
	kills   int // of the agent
	faults  []string
}

func (b *board) note(format string, args ...any) {
	b.faults = append(b.faults, fmt.Sprintf(format, args...))
}

// deviceLoad is all devices.
type deviceLoad struct {
	sessions *sessionLoad // whose clients try again
	gate     *gate
	folder   string
	boards   []*board
	agents   []*exec.Cmd // of the last boards
	began    time.Time
	group    sync.WaitGroup
	cancel   context.CancelFunc
	say      func(format string, args ...any)
}

// startDevices starts boards and agents.
func startDevices(ctx context.Context, s *sessionLoad, short bool, say func(string, ...any)) (*deviceLoad, error) {
	d := &deviceLoad{sessions: s, began: time.Now(), say: say}
	var err error
	if d.folder, err = os.MkdirTemp("", "neurod-chaos-"); err != nil {
		return nil, err
	}
	if d.gate, err = openGate(s.load.cluster); err != nil {
		return nil, err
	}
	for i := range serverBoards {
		b := &board{name: fmt.Sprintf("board_%d", i)}
		d.boards = append(d.boards, b)
		body, err := json.Marshal(map[string]any{"id": b.name, "driver": "synthetic", "settings": map[string]any{"pattern": "sine", "channels": sine.Channels}})
		if err != nil {
			return nil, err
		}
		var started struct {
			SessionID string `json:"session_id"`
		}
		if err := s.call(ctx, http.MethodPost, "/v2/devices", body, nil); err != nil {
			return nil, err
		}
		start := fmt.Appendf(nil, `{"sample_rate":%g,"external_user_id":%q}`, sine.Rate, b.name)
		if err := s.call(ctx, http.MethodPost, "/v2/devices/"+b.name+"/stream/start", start, &started); err != nil {
			return nil, err
		}
		b.session = started.SessionID
	}
	for i := range agentBoards {
		b := &board{name: fmt.Sprintf("agent_%d", i)}
		d.boards = append(d.boards, b)
		a, err := d.agent(b)
		if err != nil {
			return nil, err
		}
		d.agents = append(d.agents, a)
	}
	ctx, d.cancel = context.WithCancel(ctx)
	cut, killed := cutFor, 20*time.Second
	if short {
		cut, killed = 5*time.Second, 3*time.Second
	}
	d.group.Go(func() { d.trouble(ctx, cut, killed) })
	return d, nil
}

// agent starts the agent of a board, which goes on with what its spool holds.
func (d *deviceLoad) agent(b *board) (*exec.Cmd, error) {
	l := d.sessions.load
	a := exec.Command(l.cluster.program, "agent", "--server", d.gate.url(), "--user", b.name, "--spool", d.folder+"/"+b.name, "--source", "synthetic", "--pattern", "sine",
		"--channels", strings.Join(sine.Channels, ","), "--rate", fmt.Sprint(sine.Rate), "--drain", agentDrain.String(), "--batch", "500ms")
	a.Env = append(os.Environ(), "NEUROD_API_KEY="+l.client.Key, "NEUROD_PROJECT_ID="+l.client.ProjectID)
	a.Stdout, a.Stderr = l.cluster.log, l.cluster.log
	return a, a.Start()
}

// trouble cuts the agents' network, and kills one of them while it is cut and again afterwards.
func (d *deviceLoad) trouble(ctx context.Context, cut, killed time.Duration) {
	last := len(d.agents) - 1
	b := d.boards[len(d.boards)-1]
	kill := func() {
		if !sleep(ctx, killed) {
			return
		}
		_ = d.agents[last].Process.Kill()
		_ = d.agents[last].Wait() // it was killed
		b.kills++
		d.say("the agent of %s killed (kill -9)", b.name)
		sleep(context.WithoutCancel(ctx), time.Second)
		a, err := d.agent(b)
		if err != nil {
			b.note("start again: %v", err)
			return
		}
		d.agents[last] = a
	}
	if !sleep(ctx, 5*time.Second) {
		return
	}
	d.gate.set(true)
	d.say("network between agents and APIs cut for %v", cut)
	end := time.Now().Add(cut)
	kill()
	sleep(ctx, time.Until(end))
	d.gate.set(false)
	d.say("network between agents and APIs back")
	kill()
}

// stop ends all devices, which bring what they have read.
func (d *deviceLoad) stop(ctx context.Context) {
	d.cancel()
	d.group.Wait()
	d.gate.set(false)
	for i, a := range d.agents {
		_ = a.Process.Signal(syscall.SIGTERM) // it may have ended, which Wait tells
		ended := make(chan error, 1)
		go func() { ended <- a.Wait() }()
		b := d.boards[serverBoards+i]
		select {
		case err := <-ended:
			if err != nil {
				b.note("the agent: %v", err)
			}
		case <-time.After(agentDrain + 30*time.Second):
			_ = a.Process.Kill()
			<-ended
			b.note("the agent does not end")
		}
	}
	for _, b := range d.boards[:serverBoards] {
		if err := d.sessions.call(ctx, http.MethodPost, "/v2/devices/"+b.name+"/stream/stop", []byte("{}"), nil); err != nil {
			b.note("stop: %v", err)
		}
	}
}

// close removes what agents have left.
func (d *deviceLoad) close() {
	d.gate.close()
	_ = os.RemoveAll(d.folder) // a temporary folder
}

// deviceReport is what was found.
type deviceReport struct {
	samples           int64
	gaps, gone        int64 // gaps of which the source tells, and the samples in them
	lost, twice, fake []string
}

// check reads every session. stops is how often API processes were stopped or killed: each may have been reading every board.
func (d *deviceLoad) check(ctx context.Context, stops int) (deviceReport, error) {
	var r deviceReport
	for i, b := range d.boards {
		told := int64(0)
		if i < serverBoards {
			n, err := d.settled(ctx, b)
			if err != nil {
				return r, err
			}
			told = n
		} else {
			var list []struct {
				ID string `json:"session_id"`
			}
			if err := d.sessions.call(ctx, http.MethodGet, "/v1/sessions?external_user_id="+b.name, nil, &list); err != nil {
				return r, err
			}
			if len(list) != 1 {
				b.note("%d sessions", len(list))
				r.lost = append(r.lost, fmt.Sprintf("%s: %s", b.name, strings.Join(b.faults, "; ")))
				continue
			}
			b.session = list[0].ID
		}
		if err := d.read(ctx, b, i < serverBoards, told, stops, &r); err != nil {
			return r, err
		}
		for _, f := range b.faults {
			r.lost = append(r.lost, b.name+": "+f)
		}
	}
	return r, nil
}

// settled waits until a board has stopped, and returns how many samples it did not give, by what was observed.
func (d *deviceLoad) settled(ctx context.Context, b *board) (missing int64, err error) {
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		var seen struct {
			Stream   *struct{} `json:"stream"`
			Observed *struct {
				Samples int64            `json:"samples"`
				Missing map[string]int64 `json:"missing"`
			} `json:"observed"`
		}
		if err := d.sessions.call(ctx, http.MethodGet, "/v2/devices/"+b.name, nil, &seen); err != nil {
			return 0, err
		}
		if seen.Stream == nil && seen.Observed != nil {
			for cause, n := range seen.Observed.Missing {
				if missing += n; cause != "agent_down" && cause != "disconnected" {
					b.note("%d samples are missing: %s", n, cause)
				}
			}
			return missing, nil
		}
		if time.Now().After(end) {
			b.note("it does not stop")
			return 0, nil
		}
	}
}

// batch is a stored batch as it is storedBatch.
type storedBatch struct {
	First int64                `json:"first_sample"`
	Count int                  `json:"sample_count"`
	Data  map[string][]float32 `json:"data"`
}

// read holds the samples of a session to those that its board gave: a board of the server at their positions, one of an agent from each beginning of the agent on.
func (d *deviceLoad) read(ctx context.Context, b *board, atPositions bool, told int64, stops int, r *deviceReport) error {
	const page = 5000
	var all []storedBatch
	for offset := 0; ; offset += page {
		var doc struct {
			Batches []storedBatch `json:"raw_batches"`
		}
		if err := d.sessions.call(ctx, http.MethodGet, fmt.Sprintf("/v1/sessions/%s/export?include_raw=true&limit=%d&offset=%d", b.session, page, offset), nil, &doc); err != nil {
			return err
		}
		all = append(all, doc.Batches...)
		if len(doc.Batches) < page {
			break
		}
	}
	slices.SortStableFunc(all, func(x, y storedBatch) int { return int(x.First - y.First) })
	end, began := int64(-1), int64(0) // behind what was read, and where its source began
	gaps, gone, samples := int64(0), int64(0), int64(0)
	for _, batch := range all {
		switch {
		case end >= 0 && batch.First < end:
			r.twice = append(r.twice, fmt.Sprintf("%s: samples from %d on, those to %d were there", b.name, batch.First, end))
		case end >= 0 && batch.First > end:
			gaps, gone = gaps+1, gone+batch.First-end
			began = batch.First
		case end < 0:
			began = batch.First
		}
		from := batch.First
		if !atPositions {
			from -= began
		}
		truth, err := synthetic.Samples(sine, from, batch.Count)
		if err != nil {
			return err
		}
		for c, name := range sine.Channels {
			for i, v := range batch.Data[name] {
				if want := truth[i*len(sine.Channels)+c]; v != want {
					r.fake = append(r.fake, fmt.Sprintf("%s: sample %d of %s is %g, and the board gave %g", b.name, batch.First+int64(i), name, v, want))
					break
				}
			}
		}
		end = batch.First + int64(batch.Count)
		samples += int64(batch.Count)
	}
	r.samples, r.gaps, r.gone = r.samples+samples, r.gaps+gaps, r.gone+gone
	most := int64(b.kills)
	if atPositions {
		most = int64(stops)
		if gone != told {
			b.note("%d samples are missing, and %d are told of", gone, told)
		}
	}
	if gaps > most {
		b.note("%d gaps, and its source was away %d times", gaps, most)
	}
	// A second for its start and its end, and for each time that it was away, two for its next beginning.
	if least := time.Since(d.began).Seconds()*0.5 - 10; float64(samples)/sine.Rate < least {
		b.note("%d samples in %.0f s", samples, time.Since(d.began).Seconds())
	}
	return nil
}

// print prints the report and whether the promise was kept.
func (r deviceReport) print() bool {
	fmt.Printf("\n%d devices gave %d samples a channel; %d gaps of %d samples in which nobody read them\n", serverBoards+agentBoards, r.samples, r.gaps, r.gone)
	ok := r.samples > 0
	for _, m := range []struct {
		name string
		list []string
	}{{"lost between device and session", r.lost}, {"doubled, or out of order", r.twice}, {"changed", r.fake}} {
		verdict := "ok"
		if len(m.list) > 0 {
			ok, verdict = false, "MUST BE 0"
		}
		fmt.Printf("%-32s %6d  %s\n", m.name, len(m.list), verdict)
		for _, e := range m.list[:min(5, len(m.list))] {
			fmt.Println("    " + e)
		}
	}
	return ok
}

// gate is the network between agents and APIs. It leads each connection to one of the APIs, dead or alive, and can be cut.
type gate struct {
	cluster *cluster
	l       net.Listener
	group   sync.WaitGroup

	mu   sync.Mutex
	cut  bool
	open map[net.Conn]bool
}

func openGate(c *cluster) (*gate, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gate{cluster: c, l: l, open: map[net.Conn]bool{}}
	g.group.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			g.group.Go(func() { g.pass(in) })
		}
	})
	return g, nil
}

func (g *gate) url() string { return "http://" + g.l.Addr().String() }

// set cuts the network or mends it. What is open ends either way.
func (g *gate) set(cut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cut = cut
	for c := range g.open {
		_ = c.Close() // both ends learn of it
	}
}

func (g *gate) close() {
	_ = g.l.Close() // nobody comes any more
	g.set(true)
	g.group.Wait()
}

func (g *gate) pass(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", strings.TrimPrefix(g.cluster.url(), "http://"))
	if err != nil {
		return
	}
	defer out.Close()
	g.mu.Lock()
	if g.cut {
		g.mu.Unlock()
		return
	}
	g.open[in], g.open[out] = true, true
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.open, in)
		delete(g.open, out)
	}()
	var back sync.WaitGroup
	back.Go(func() {
		_, err := io.Copy(in, out)
		_ = errors.Join(err, in.Close()) // however it ends
	})
	_, err = io.Copy(out, in)
	_ = errors.Join(err, out.Close())
	back.Wait()
}
