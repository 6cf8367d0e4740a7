package test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	eegsynthetic "github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/devices/synthetic"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

// TestFirstSamplePlacesABatch: a device that numbers its samples says where they lie, to the sample, whatever their time.
func TestFirstSamplePlacesABatch(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		const origin = 1730000000000
		ses := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "t", "sample_rate_hz": 250, "channels": []string{"C3"},
			"started_at_unix_ms": origin})
		path := "/v1/sessions/" + ses["session_id"].(string)
		octets := func(status int, id string, first any, t0 int64, n int) object {
			t.Helper()
			var b []byte
			for i := range n {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(i)))
			}
			return s.json(t, status, "POST", fmt.Sprintf("%s/ingest?batch_id=%s&t0_unix_ms=%d&first_sample=%v", path, id, t0, first), s.key, b, "Content-Type: application/octet-stream")
		}
		octets(202, "a", 0, origin, 100)
		octets(202, "b", 101, origin+400, 100)    // one sample is missing, which a time within the jitter would hide
		octets(202, "c", 201, origin+850, 100)    // a clock that is 46 ms late makes no gap
		octets(202, "d", 1000, origin+3_900, 100) // nor is one as long as it says
		s.json(t, 202, "POST", path+"/ingest", s.key, object{"batch_id": "e", "t0_unix_ms": origin + 5_000, "first_sample": 1100, "data": object{"C3": []float64{1, 2, 3}}})
		status := s.json(t, 200, "GET", path+"/status", s.key, nil)
		gaps := []any{
			object{"start_ms": float64(origin + 400), "end_ms": float64(origin + 404), "samples": 1.0},
			object{"start_ms": float64(origin + 1204), "end_ms": float64(origin + 4000), "samples": 699.0},
		}
		if fmt.Sprint(status["gaps"]) != fmt.Sprint(gaps) || status["overlapped_sample_count"] != 0.0 || status["sample_count"] != 403.0 {
			t.Errorf("status is %v", status)
		}
		// The same again is a duplicate; elsewhere, or at another time, it is another batch.
		if o := octets(200, "b", 101, origin+400, 100); o["payload_differs"] != nil {
			t.Errorf("the same batch differs: %v", o)
		}
		for _, o := range []object{octets(200, "b", 102, origin+400, 100), octets(200, "b", 101, origin+404, 100)} {
			if o["payload_differs"] != true {
				t.Errorf("another batch of the same id: %v", o)
			}
		}
		// What overlaps is counted.
		if o := octets(202, "f", 1102, origin+5_000, 10); o["overlapped_sample_count"] != 1.0 {
			t.Errorf("%v", o)
		}
		for _, bad := range []string{"-1", "1.5", "x", strconv.Itoa(1<<40 + 1)} {
			a := s.call(t, "POST", path+"/ingest?batch_id=x&t0_unix_ms=1730000000000&first_sample="+bad, s.key, []byte{0, 0, 0, 0}, "Content-Type: application/octet-stream")
			if a.StatusCode != 400 || !strings.Contains(string(a.body), "first_sample") {
				t.Errorf("first_sample=%s: %d %s", bad, a.StatusCode, a.body)
			}
		}
		// An export goes in again as it came, and lies where it lay.
		again := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "t", "sample_rate_hz": 250, "channels": []string{"C3"}, "started_at_unix_ms": origin})
		copied := "/v1/sessions/" + again["session_id"].(string)
		for _, b := range s.json(t, 200, "GET", path+"/export?include_raw=true", s.key, nil)["raw_batches"].([]any) {
			b := b.(object)
			delete(b, "sample_count")
			s.json(t, 202, "POST", copied+"/ingest", s.key, b)
		}
		if o := s.json(t, 200, "GET", copied+"/status", s.key, nil); fmt.Sprint(o["gaps"]) != fmt.Sprint(gaps) {
			t.Errorf("the copy has %v", o["gaps"])
		}
	})
	onBoth(t, func(t *testing.T, s *server) {
		// Without an origin the first batch gives it.
		ses := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "t", "sample_rate_hz": 100, "channels": []string{"C3"}})
		path := "/v1/sessions/" + ses["session_id"].(string)
		s.json(t, 202, "POST", path+"/ingest", s.key, object{"batch_id": "a", "t0_unix_ms": 1730000001000, "first_sample": 50, "data": object{"C3": []float64{1}}})
		if o := s.json(t, 200, "GET", path, s.key, nil); o["started_at"] != "2024-10-27T03:33:20.500Z" {
			t.Errorf("it began at %v", o["started_at"])
		}
	})
}

// gate stands between an agent and a server whose address changes: it can be cut, and can lose answers.
type gate struct {
	t  testing.TB
	l  net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex
	target string
	cut    bool
	lose   bool // what the server answers
	lost   int
	open   map[net.Conn]bool
}

func newGate(t testing.TB, target string) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t: t, l: l, target: target, open: map[net.Conn]bool{}}
	g.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.wg.Go(func() { g.pass(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		g.set(func() { g.cut = true })
		g.wg.Wait()
	})
	return g
}

// set changes the gate. What is open is closed.
func (g *gate) set(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	for c := range g.open {
		c.Close()
	}
}

func (g *gate) pass(in net.Conn) {
	defer in.Close()
	g.mu.Lock()
	target, cut := g.target, g.cut
	g.mu.Unlock()
	if cut {
		return
	}
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer out.Close()
	g.mu.Lock()
	g.open[in], g.open[out] = true, true
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.open, in)
		delete(g.open, out)
	}()
	g.wg.Go(func() {
		_, _ = io.Copy(out, in)
		out.Close()
	})
	buf := make([]byte, 1<<16)
	for {
		n, err := out.Read(buf)
		if err != nil {
			return
		}
		g.mu.Lock()
		lose := g.lose
		if lose {
			g.lost++
		}
		g.mu.Unlock()
		if lose {
			return // the server has acted, and nobody is told
		}
		if _, err := in.Write(buf[:n]); err != nil {
			return
		}
	}
}

// agent is a process of the program that brings a device's samples through a gate.
type agent struct {
	cmd  *exec.Cmd
	log  *neurod.Log
	done chan error
}

// sine is the device: 8 channels whose samples say where they belong.
var sine = synthetic.Config{Pattern: synthetic.Sine, Channels: []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}, Rate: 250}

func (s *server) agent(t testing.TB, url, spool string, args ...string) *agent {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	base := []string{"agent", "--server", url, "--user", "u", "--spool", spool, "--source", "synthetic", "--pattern", "sine", "--channels", strings.Join(sine.Channels, ","), "--drain", "2m"}
	a := &agent{cmd: exec.Command(path, append(base, args...)...), log: new(neurod.Log), done: make(chan error, 1)}
	a.cmd.Env = append(os.Environ(), "NEUROD_API_KEY="+s.key, "NEUROD_PROJECT_ID="+s.project)
	a.cmd.Stdout, a.cmd.Stderr = a.log, a.log
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { a.done <- a.cmd.Wait() }()
	t.Cleanup(func() {
		_ = a.cmd.Process.Kill()
		if strings.Contains(a.log.String(), "WARNING: DATA RACE") {
			t.Errorf("a data race in the agent")
		}
		if t.Failed() {
			t.Logf("log of the agent:\n%s", tail(a.log.String(), 6000))
		}
	})
	return a
}

// ends waits for the agent's end.
func (a *agent) ends(t testing.TB) error {
	t.Helper()
	select {
	case err := <-a.done:
		return err
	case <-time.After(3 * time.Minute):
		t.Fatalf("the agent does not end:\n%s", a.log.String())
		return nil
	}
}

// session is the session that the agent made.
func (s *server) agentSession(t testing.TB) (id string) {
	t.Helper()
	var list []object
	a := s.call(t, "GET", "/v1/sessions?external_user_id=u", s.key, nil)
	if err := json.Unmarshal(a.body, &list); err != nil || len(list) != 1 {
		t.Fatalf("%d sessions: %s", len(list), a.body)
	}
	return list[0]["session_id"].(string)
}

// segment is what a session has without a gap.
type segment struct {
	first  int64
	values []float32 // sample-major
}

// segments reads the samples of a session, and fails where some are doubled.
func (s *server) segments(t testing.TB, id string) (out []segment, status object) {
	t.Helper()
	path := "/v1/sessions/" + id
	status = s.json(t, 200, "GET", path+"/status", s.key, nil)
	if status["overlapped_sample_count"] != 0.0 {
		t.Errorf("samples are doubled: %v", status)
	}
	type raw struct {
		First int64                `json:"first_sample"`
		Count int                  `json:"sample_count"`
		T0    int64                `json:"t0_unix_ms"`
		Data  map[string][]float32 `json:"data"`
	}
	var doc struct {
		Batches []raw `json:"raw_batches"`
	}
	if err := json.Unmarshal(s.call(t, "GET", path+"/export?include_raw=true", s.key, nil).body, &doc); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(doc.Batches, func(a, b raw) int { return int(a.First - b.First) })
	for _, b := range doc.Batches {
		if k := len(out) - 1; k < 0 || out[k].first+int64(len(out[k].values)/8) != b.First {
			out = append(out, segment{first: b.First})
		}
		for i := range b.Count {
			for _, name := range sine.Channels {
				out[len(out)-1].values = append(out[len(out)-1].values, b.Data[name][i])
			}
		}
	}
	return out, status
}

// holds fails where a segment is not what the device gives from its start on.
func holds(t testing.TB, s segment) {
	t.Helper()
	want, err := synthetic.Samples(sine, 0, len(s.values)/8)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if want[i] != s.values[i] {
			t.Fatalf("value %d of the segment at %d is %g, and the device gave %g", i, s.first, s.values[i], want[i])
		}
	}
}

// TestAgentBringsEverySample: a device's samples are the session's, each once, in order, to the bit.
func TestAgentBringsEverySample(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		spool := t.TempDir()
		a := s.agent(t, "http://"+s.addr, spool, "--seconds", "20", "--speed", "20")
		if err := a.ends(t); err != nil {
			t.Fatalf("the agent: %v", err)
		}
		id := s.agentSession(t)
		got, status := s.segments(t, id)
		if len(got) != 1 || len(got[0].values) != 8*5000 || got[0].first != 0 {
			t.Fatalf("%d segments, %v", len(got), status)
		}
		holds(t, got[0])
		if o := s.json(t, 200, "GET", "/v1/sessions/"+id, s.key, nil); o["ended_at"] == nil || o["device_type"] != "synthetic" {
			t.Errorf("the session is %v", o)
		}
		if left, err := os.ReadDir(spool); err != nil || len(left) != 1 { // the lock
			t.Errorf("the spool holds %v, %v", left, err)
		}
		until(t, "the windows", func() bool {
			return s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)["window_count"] == 10.0
		})
	})
}

// TestAgentSurvives: the server killed, the network cut, answers lost, the agent killed: nothing that the device gave while an agent ran is lost or
// doubled, and the only gap is of the time in which none did.
func TestAgentSurvives(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		g := newGate(t, s.addr)
		spool := t.TempDir()
		args := []string{"--speed", "1", "--batch", "100ms"}
		a := s.agent(t, "http://"+g.l.Addr().String(), spool, args...)
		var id string
		samples := func() (n float64) {
			if id == "" {
				var list []object
				if json.Unmarshal(s.call(t, "GET", "/v1/sessions?external_user_id=u", s.key, nil).body, &list) != nil || len(list) == 0 {
					return 0
				}
				id = list[0]["session_id"].(string)
			}
			return s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)["sample_count"].(float64)
		}
		grows := func(what string) {
			t.Helper()
			from := samples()
			until(t, what, func() bool { return samples() > from+50 })
		}
		waits := func(what string) { // until something lies in the spool that the server does not have
			t.Helper()
			size := func() (n int64) {
				files, _ := filepath.Glob(filepath.Join(spool, "*", "*.seg"))
				for _, f := range files {
					if i, err := os.Stat(f); err == nil {
						n += i.Size()
					}
				}
				return n
			}
			from := size()
			until(t, what, func() bool { return size() > from+20_000 })
		}
		grows("samples")

		g.set(func() { g.lose = true })
		until(t, "lost answers", func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.lost >= 3 })
		g.set(func() { g.lose = false })
		grows("samples behind lost answers")

		g.set(func() { g.cut = true })
		waits("what waits while the network is cut")
		g.set(func() { g.cut = false })
		grows("samples behind the cut")

		s.process.Kill()
		waits("what waits while the server is down")
		next := start(t, "serve", b)
		s.addr, s.process, s.log = next.addr, next.process, next.log
		g.set(func() { g.target = s.addr })
		grows("samples behind the server's death")

		// The agent dies while it sends and what it sends is taken without an answer.
		g.set(func() { g.lose = true })
		until(t, "a lost answer", func() bool { g.mu.Lock(); defer g.mu.Unlock(); return g.lost >= 5 })
		if err := a.cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = a.ends(t)
		g.set(func() { g.lose = false })
		a = s.agent(t, "http://"+g.l.Addr().String(), spool, args...)
		// Not what the first one has left, which goes out before: the gap between them.
		until(t, "samples of the next agent", func() bool {
			gaps, _ := s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)["gaps"].([]any)
			return len(gaps) > 0
		})
		if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := a.ends(t); err != nil {
			t.Fatalf("the agent: %v", err)
		}

		got, status := s.segments(t, s.agentSession(t))
		if len(got) != 2 || got[0].first != 0 {
			t.Fatalf("%d segments, %v", len(got), status)
		}
		for _, one := range got {
			holds(t, one)
		}
		if !strings.Contains(a.log.String(), "agent_down") {
			t.Error("the agent does not say that samples are missing")
		}
		if o := s.json(t, 200, "GET", "/v1/sessions/"+id, s.key, nil); o["ended_at"] == nil {
			t.Errorf("the session is %v", o)
		}
	})
}

// TestAgentWithoutAServer: everything is kept, the agent says so, and the next one brings it.
func TestAgentWithoutAServer(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	g := newGate(t, s.addr)
	g.set(func() { g.cut = true })
	spool, url := t.TempDir(), "http://"+g.l.Addr().String()
	a := s.agent(t, url, spool, "--seconds", "5", "--speed", "20", "--drain", "100ms")
	var exit *exec.ExitError
	if err := a.ends(t); !errors.As(err, &exit) || !strings.Contains(a.log.String(), "it is kept, and goes out with the next start") {
		t.Fatalf("the agent: %v", err)
	}
	g.set(func() { g.cut = false })
	a = s.agent(t, url, spool, "--seconds", "5", "--speed", "20")
	if err := a.ends(t); err != nil {
		t.Fatalf("the next agent: %v", err)
	}
	var list []object
	if err := json.Unmarshal(s.call(t, "GET", "/v1/sessions?external_user_id=u", s.key, nil).body, &list); err != nil || len(list) != 2 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	for _, o := range list {
		got, status := s.segments(t, o["session_id"].(string))
		if len(got) != 1 || len(got[0].values) != 8*1250 || o["ended_at"] == nil {
			t.Fatalf("%d segments, %v", len(got), status)
		}
		holds(t, got[0])
	}
}

// TestAgentWithoutRoom: what does not fit onto the disk is a gap, as long as it was, and said.
func TestAgentWithoutRoom(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	g := newGate(t, s.addr)
	g.set(func() { g.cut = true })
	spool := t.TempDir()
	// A MiB is 131 s of these samples.
	a := s.agent(t, "http://"+g.l.Addr().String(), spool, "--seconds", "300", "--speed", "100", "--spool-max", "1")
	until(t, "a full spool", func() bool { return strings.Contains(a.log.String(), "spool_full") })
	g.set(func() { g.cut = false })
	if err := a.ends(t); err != nil {
		t.Fatalf("the agent: %v", err)
	}
	got, status := s.segments(t, s.agentSession(t))
	end, came := int64(0), int64(0)
	for _, one := range got {
		truth, err := synthetic.Samples(sine, one.first, len(one.values)/8)
		if err != nil {
			t.Fatal(err)
		}
		for i := range truth {
			if truth[i] != one.values[i] {
				t.Fatalf("value %d of the segment at %d is %g, want %g", i, one.first, one.values[i], truth[i])
			}
		}
		end = one.first + int64(len(one.values)/8)
		came += int64(len(one.values) / 8)
	}
	if len(got) < 1 || got[0].first != 0 || len(got[0].values)/8 < 25_000 {
		t.Errorf("%d segments, the first of %d samples: %v", len(got), len(got[0].values)/8, status["gaps"])
	}
	// It stops after so many samples, and each came or is said to be missing: for want of room, which there may not be at
	// the end either, or because the process had no processor to run on in time.
	missing := func(cause string) (n int64) {
		if m := regexp.MustCompile(`missing +(\d+) samples \(` + cause + `\)`).FindStringSubmatch(a.log.String()); m != nil {
			n, _ = strconv.ParseInt(m[1], 10, 64)
		}
		return n
	}
	full, over := missing("spool_full"), missing("overrun")
	if end > 75_000+over || came+full < 75_000 || came+full > 75_000+over {
		t.Errorf("the samples end at %d: %d came, %d found no room and %d came too late for the process", end, came, full, over)
	}
}

// TestAgentMarksSamples: the events of a recording that is played are the session's, at the samples that they were at.
func TestAgentMarksSamples(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	file := filepath.Join(t.TempDir(), "flicker.edf")
	flicker, err := eegsynthetic.SSVEP(eegsynthetic.Config{Channels: []string{"Pz", "Oz"}}, eegsynthetic.FlickerConfig{TrialsPerTarget: 2})
	if err != nil {
		t.Fatal(err)
	}
	made := &recording.Recording{Events: flicker.Events}
	for i, name := range flicker.Channels {
		made.Channels = append(made.Channels, recording.Channel{Label: name, Kind: recording.EEG, Unit: "uV", Rate: flicker.Rate, Samples: flicker.Data.RawRowView(i)})
	}
	var b bytes.Buffer
	if err := edf.Write(&b, made); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	rec, err := formats.Open("flicker.edf", bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "agent", "--server", "http://"+s.addr, "--user", "u", "--spool", t.TempDir(), "--source", "playback", "--file", file, "--speed", "50")
	cmd.Env = append(os.Environ(), "NEUROD_API_KEY="+s.key)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var events []struct {
		Sample int64  `json:"sample"`
		Label  string `json:"label"`
	}
	if err := json.Unmarshal(s.call(t, "GET", "/v1/sessions/"+s.agentSession(t)+"/events", s.key, nil).body, &events); err != nil {
		t.Fatal(err)
	}
	if len(events) != len(rec.Events) || len(events) == 0 {
		t.Fatalf("%d events of %d", len(events), len(rec.Events))
	}
	for i, e := range rec.Events {
		if want := int64(math.Round(e.Onset * 250)); events[i].Sample != want || events[i].Label != e.Label {
			t.Errorf("event %d is %+v, want %s at %d", i, events[i], e.Label, want)
		}
	}
}

// TestAgentRefusals: what cannot work is said at once.
func TestAgentRefusals(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"key":     {[]string{"--key", "nk_wrong", "--server", "http://" + s.addr}, "does not take the key"},
		"server":  {[]string{"--key", "k", "--server", "localhost"}, "no URL"},
		"pattern": {[]string{"--key", "k", "--server", "http://x", "--channels", "Elbow"}, "Elbow"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, path, append([]string{"agent", "--user", "u", "--spool", t.TempDir(), "--source", "synthetic"}, c.args...)...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Run(); err == nil || ctx.Err() != nil || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
}

// TestAgentGivesAndTakesLSL: what one agent gives as an LSL stream another one brings into a session: the same samples, in order, and none missing.
func TestAgentGivesAndTakesLSL(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	port := strconv.Itoa(30_000 + os.Getpid()%1000*16)
	network := []string{"--lsl-port", port, "--lsl-listen", "127.0.0.1", "--lsl-session", "test-" + port}
	giver := s.agent(t, "http://"+s.addr, t.TempDir(), append([]string{"--lsl-out", "sines", "--device", "giver"}, network...)...)
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append([]string{"agent", "--server", "http://" + s.addr, "--user", "u", "--spool", t.TempDir(), "--device", "taker",
		"--source", "lsl", "--query", "name='sines'", "--seconds", "3"}, network...)...)
	cmd.Env = append(os.Environ(), "NEUROD_API_KEY="+s.key)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := giver.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := giver.ends(t); err != nil {
		t.Fatal(err)
	}
	var list []object
	if err := json.Unmarshal(s.call(t, "GET", "/v1/sessions?external_user_id=u", s.key, nil).body, &list); err != nil || len(list) != 2 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	values := map[string][]float32{}
	for _, o := range list {
		got, status := s.segments(t, o["session_id"].(string))
		if len(got) != 1 {
			t.Fatalf("%d segments, %v", len(got), status)
		}
		values[o["device_type"].(string)] = got[0].values
	}
	given, taken := values["giver"], values["taker"]
	if len(taken) != 8*750 {
		t.Fatalf("%d values were taken", len(taken))
	}
	for at := 0; at+len(taken) <= len(given); at += 8 {
		if slices.Equal(given[at:at+len(taken)], taken) {
			return
		}
	}
	t.Errorf("what was taken is nowhere in the %d samples that were given", len(given)/8)
}
