package lsl_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/devicetest"
	"github.com/neurod/neurod/devices/lsl"
	"github.com/neurod/neurod/internal/testkit/loopback"
	"github.com/neurod/neurod/internal/testkit/python"
)

// TestMain runs the tests where only loopback is: the library of LSL listens on all addresses, whatever it is told.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(loopback.Main(func() error {
		if testing.Short() {
			return nil
		}
		_, err := python.Prepare(context.Background(), pinned, "numpy==2.4.6")
		return err
	}, func() int { return checked{m}.Run() }))
}

// checked are tests that leave no goroutine behind.
type checked struct{ m *testing.M }

func (c checked) Run() int {
	code := c.m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintf(os.Stderr, "goleak: %v\n", err)
			return 1
		}
	}
	return code
}

// TestOnlyLoopbackIsThere where the machine lets tests have a network of their own.
func TestOnlyLoopbackIsThere(t *testing.T) {
	t.Parallel()
	if !loopback.Alone(t) {
		t.Skip("SKIPPED: this machine gives tests no network of their own, so that the library of LSL listens on all addresses")
	}
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback == 0 && i.Flags&net.FlagUp != 0 {
			t.Errorf("there is an interface %s", i.Name)
		}
	}
}

var laboratories atomic.Int64

// until waits for what another process or goroutine does.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s does not come", what)
		}
	}
}

// laboratory is a network of a test's own, on loopback: ports that no other test asks at.
func laboratory(t testing.TB) lsl.Network {
	t.Helper()
	for range 100 {
		base := 20_000 + int(laboratories.Add(1))*16 + int(time.Now().UnixNano()%500)*16
		c, err := net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", base))
		if err != nil {
			continue
		}
		c.Close()
		return lsl.Network{Peers: []string{"127.0.0.1"}, Multicast: []string{}, BasePort: base, Ports: 16, MulticastPort: base + 15, Listen: "127.0.0.1", Session: fmt.Sprintf("test-%d", base)}
	}
	t.Fatal("no free ports")
	return lsl.Network{}
}

// player pushes samples in real time: value c of sample n is n + c/1000, as liblsl.py does.
type player struct {
	t       testing.TB
	cfg     lsl.OutletConfig
	markers lsl.OutletConfig

	mu   sync.Mutex
	stop context.CancelFunc
	wg   sync.WaitGroup
	skip int64 // samples that the device loses
	next int64
}

func (p *player) start(t testing.TB) {
	t.Helper()
	o, err := lsl.NewOutlet(p.cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := lsl.NewOutlet(p.markers)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.wg.Go(func() {
		defer o.Close()
		defer m.Close()
		begin, first := lsl.Now(), p.next
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			p.mu.Lock()
			first -= p.skip // stamps go on where positions do
			p.skip = 0
			for at := begin + float64(p.next-first)/p.cfg.Rate; at <= lsl.Now(); at = begin + float64(p.next-first)/p.cfg.Rate {
				s := lsl.Sample{Time: at}
				for c := range p.cfg.Labels {
					s.Values = append(s.Values, float64(p.next)+float64(c)/1000)
				}
				if err := o.Push(s); err != nil {
					p.t.Error(err)
				}
				if p.next%25 == 0 {
					if err := m.Push(lsl.Sample{Time: at, Strings: []string{fmt.Sprint(p.next)}}); err != nil {
						p.t.Error(err)
					}
				}
				p.next++
			}
			p.mu.Unlock()
		}
	})
}

func (p *player) end() {
	if p.stop != nil {
		p.stop()
		p.wg.Wait()
	}
}

// TestConforms holds the inlet, on our own outlet, to the contract.
func TestConforms(t *testing.T) {
	t.Parallel()
	devicetest.Conform(t, func(t *testing.T) devicetest.Device {
		n := laboratory(t)
		p := &player{t: t, cfg: lsl.OutletConfig{Name: "amp", Labels: []string{"C3", "Cz", "C4"}, Rate: 250, Format: lsl.Double64, SourceID: "amp-1", Network: n},
			markers: lsl.OutletConfig{Name: "cues", Type: "Markers", Labels: []string{"cue"}, Format: lsl.String, SourceID: "cues-1", Network: n}}
		p.start(t)
		t.Cleanup(p.end)
		src, err := lsl.New(lsl.Config{Query: "name='amp'", Markers: []string{"type='Markers'"}, Network: n, Timeout: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		return devicetest.Device{
			Source: src, Markers: 3, Seconds: 2,
			Info: devices.Info{Driver: "lsl", Channels: []string{"C3", "Cz", "C4"}, Rate: 250, Stamps: devices.Device},
			Check: func(t testing.TB, b devices.Batch) {
				for i, v := range b.Samples {
					if want := float64(b.Samples[i/3*3]) + float64(i%3)/1000; math.Abs(float64(v)-want) > 0.01 {
						t.Fatalf("value %d of the batch at %d is %g, want %g", i, b.First, v, want)
					}
					if i >= 3 && i%3 == 0 && v != b.Samples[i-3]+1 {
						t.Fatalf("sample %g follows %g", v, b.Samples[i-3])
					}
				}
			},
			Fail:    func(testing.TB) { p.end() },
			Restore: func(t testing.TB) { p.start(t) },
			Lose: func(testing.TB) int64 {
				p.mu.Lock()
				defer p.mu.Unlock()
				// As many as fit into the time: the next sample is made later.
				const lost = 100
				p.skip += lost
				return lost
			},
		}
	})
}

// library is a process in which the library of LSL runs, and does as it is told.
type library struct {
	t   testing.TB
	in  io.WriteCloser
	out *json.Decoder

	process *os.Process
}

type call = map[string]any

// do makes a call and decodes what it returns.
func (l *library) do(what string, args call, out any) {
	l.t.Helper()
	if args == nil {
		args = call{}
	}
	args["do"] = what
	b, err := json.Marshal(args)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.in.Write(append(b, '\n')); err != nil {
		l.t.Fatalf("%s: %v", what, err)
	}
	var answer struct {
		OK    json.RawMessage `json:"ok"`
		Error string          `json:"error"`
	}
	if err := l.out.Decode(&answer); err != nil || answer.Error != "" {
		l.t.Fatalf("%s: %v %s", what, err, answer.Error)
	}
	if out != nil {
		if err := json.Unmarshal(answer.OK, out); err != nil {
			l.t.Fatalf("%s: %v: %s", what, err, answer.OK)
		}
	}
}

// read opens a source and reads its batches until enough says so.
func read(t testing.TB, cfg lsl.Config, ready func(), enough func([]devices.Batch) bool) []devices.Batch {
	t.Helper()
	src, err := lsl.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := src.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ready()
	var got []devices.Batch
	for !enough(got) {
		b, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("after %d batches: %v", len(got), err)
		}
		got = append(got, b)
	}
	return got
}

func values(batches []devices.Batch) (out []float32) {
	for _, b := range batches {
		out = append(out, b.Samples...)
	}
	return out
}

func missing(batches []devices.Batch) (n int64) {
	for _, b := range batches {
		n += b.Missing()
	}
	return n
}

// TestEveryFormatOfTheLibrary: samples of each numeric format that the library's outlet pushes come to the bit, extremes among them.
func TestEveryFormatOfTheLibrary(t *testing.T) {
	t.Parallel()
	n := laboratory(t)
	l := startLibrary(t, n)
	for _, c := range []struct {
		format lsl.Format
		values []float64
	}{
		{lsl.Float32, []float64{1.5, -2.25, 3e6, 1e-40}},
		{lsl.Double64, []float64{1.5, -2.25, 9.9e6, 0.1}},
		{lsl.Int32, []float64{1, -2, 9_999_999, -9_999_999}},
		{lsl.Int16, []float64{32767, -32768, 0, -1}},
		{lsl.Int8, []float64{127, -128, 0, -1}},
		{lsl.Int64, []float64{1, -2, 9_999_999, -3}},
	} {
		name := "from-" + string(c.format)
		l.do("outlet", call{"name": name, "type": "EEG", "channels": 4, "rate": 250, "format": c.format, "source_id": name}, nil)
		got := read(t, lsl.Config{Query: "name='" + name + "'", Network: n, Timeout: 20 * time.Second}, func() {
			var there bool
			l.do("wait", call{"name": name, "seconds": 20}, &there)
			var now float64
			l.do("clock", nil, &now)
			samples, stamps := [][]float64{}, []float64{}
			for i := range 50 {
				samples, stamps = append(samples, c.values), append(stamps, now+float64(i)/250)
			}
			l.do("push", call{"name": name, "samples": samples, "stamps": stamps}, nil)
		}, func(b []devices.Batch) bool { return len(values(b)) >= 200 })
		v := values(got)
		if len(v) != 200 || missing(got) != 0 {
			t.Fatalf("%s: %d values, %d missing", c.format, len(v), missing(got))
		}
		for i := range v {
			if want := float32(c.values[i%4]); v[i] != want {
				t.Errorf("%s: value %d is %g, want %g", c.format, i, v[i], want)
			}
		}
		l.do("close", call{"name": name}, nil)
	}
}

// TestSixtyFourChannelsWithoutALoss: 64 channels at 250 Hz of the library's outlet, with labels and units, and string markers of another.
func TestSixtyFourChannelsWithoutALoss(t *testing.T) {
	t.Parallel()
	n := laboratory(t)
	l := startLibrary(t, n)
	labels := make([]string, 64)
	for i := range labels {
		labels[i] = fmt.Sprintf("E%d", i+1)
	}
	l.do("outlet", call{"name": "cap", "type": "EEG", "channels": 64, "rate": 250, "format": "double64", "source_id": "cap", "labels": labels, "unit": "microvolts"}, nil)
	l.do("outlet", call{"name": "cues", "type": "Markers", "channels": 1, "rate": 0, "format": "string", "source_id": "cues"}, nil)
	src, err := lsl.New(lsl.Config{Markers: []string{"name='cues'"}, Network: n, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s, err := src.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := s.Info(); !slices.Equal(got.Channels, labels) || got.Rate != 250 || got.Name != "cap" {
		t.Fatalf("info is %+v", got)
	}
	var there bool
	if l.do("wait", call{"name": "cues", "seconds": 20}, &there); !there {
		t.Fatal("nobody reads the markers")
	}
	const samples = 1000
	l.do("stream", call{"name": "cap", "channels": 64, "rate": 250, "samples": samples}, nil)
	next, long := 0, strings.Repeat("a long label ", 40)
	var marks []devices.Marker
	for next < samples || len(marks) < 3 {
		b, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b.Missing() != 0 {
			t.Fatalf("%d samples are missing before %d", b.Missing(), next)
		}
		if next < 500 && next+len(b.Samples)/64 >= 500 {
			var now float64
			l.do("clock", nil, &now)
			l.do("push", call{"name": "cues", "samples": [][]string{{"left"}, {"пауза"}, {long}}, "stamps": []float64{now, now + 0.5, now + 1}}, nil)
		}
		for i := range len(b.Samples) / 64 {
			for c := range 64 {
				if want := float32(float64(next) + float64(c)/1000); b.Samples[64*i+c] != want {
					t.Fatalf("channel %d of sample %d is %g, want %g", c, next, b.Samples[64*i+c], want)
				}
			}
			next++
		}
		marks = append(marks, b.Markers...)
	}
	if marks[0].Label != "left" || marks[1].Label != "пауза" || marks[2].Label != long {
		t.Errorf("markers are %v", marks)
	}
	for i, m := range marks[1:] {
		if d := m.At.Sub(marks[i].At); (d - 500*time.Millisecond).Abs() > time.Millisecond {
			t.Errorf("marker %d comes %v behind the one before", i+1, d)
		}
		if d := m.Sample - marks[i].Sample; math.Abs(d-125) > 2 {
			t.Errorf("marker %d lies %.2f samples behind the one before", i+1, d)
		}
	}
	r := s.Clock()
	if r.Lost != 0 || r.Jumps != 0 || r.Device == nil {
		t.Fatalf("the clock says %+v", r)
	}
	// The library's clock of this machine is ours: on Linux both are the monotonic one.
	if math.Abs(r.Device.OffsetMS) > r.Device.WithinMS+1 {
		t.Errorf("the clocks of one machine are %.3f ms apart, within %.3f", r.Device.OffsetMS, r.Device.WithinMS)
	}
}

// TestChunksAndDeducedTimes: a chunk has one stamp, of its last sample; the others follow from the rate. Gaps are found by the stamps, to the sample.
func TestChunksAndDeducedTimes(t *testing.T) {
	t.Parallel()
	n := laboratory(t)
	l := startLibrary(t, n)
	l.do("outlet", call{"name": "chunks", "type": "EEG", "channels": 2, "rate": 100, "format": "float32", "source_id": "chunks"}, nil)
	push := func(first int, now float64) {
		var samples [][]float64
		for i := range 50 {
			samples = append(samples, []float64{float64(first + i), 0})
		}
		l.do("chunk", call{"name": "chunks", "samples": samples, "stamp": now + float64(first+49)/100}, nil)
	}
	got := read(t, lsl.Config{Query: "name='chunks'", Network: n, Timeout: 20 * time.Second}, func() {
		var there bool
		l.do("wait", call{"name": "chunks", "seconds": 20}, &there)
		var now float64
		l.do("clock", nil, &now)
		for k := range 4 {
			push(50*k, now)
		}
		for k := range 4 { // 37 samples are lost between
			push(200+37+50*k, now)
		}
	}, func(b []devices.Batch) bool { return len(values(b)) >= 800 })
	position := int64(0)
	for _, b := range got {
		position = b.First
		for i := range len(b.Samples) / 2 {
			if b.Samples[2*i] != float32(position) {
				t.Fatalf("sample %g lies at %d", b.Samples[2*i], position)
			}
			position++
		}
	}
	if missing(got) != 37 {
		t.Errorf("%d samples are missing", missing(got))
	}
}

// TestRecovery: an outlet of the library that goes and comes back is found again by its source id; what it did not give is a gap.
func TestRecovery(t *testing.T) {
	t.Parallel()
	n := laboratory(t)
	l := startLibrary(t, n)
	outlet := call{"name": "amp", "type": "EEG", "channels": 2, "rate": 250, "format": "float32", "source_id": "serial-7"}
	l.do("outlet", outlet, nil)
	src, err := lsl.New(lsl.Config{Query: "type='EEG'", Network: n, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 100)
	s, err := devices.Steady(src, devices.SteadyConfig{Failed: func(err error, _ time.Duration) { failed <- err }}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l.do("stream", call{"name": "amp", "channels": 2, "rate": 250, "samples": 100_000}, nil)
	next := func() devices.Batch {
		t.Helper()
		b, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for next().First < 250 {
	}
	kill(l) // as the power does
	if err := <-failed; err == nil {
		t.Fatal("no failure was told")
	}
	l = startLibrary(t, n)
	// Another stream of the type is there now, too: the source id decides.
	l.do("outlet", call{"name": "other", "type": "EEG", "channels": 2, "rate": 250, "format": "float32", "source_id": "serial-8"}, nil)
	delete(outlet, "do")
	l.do("outlet", outlet, nil)
	l.do("stream", call{"name": "amp", "channels": 2, "rate": 250, "samples": 100_000}, nil)
	for {
		if b := next(); len(b.Gaps) > 0 {
			if b.Gaps[0].Cause != devices.Disconnected || b.Missing() < 25 {
				t.Errorf("gaps %+v", b.Gaps)
			}
			break
		}
	}
}

// TestRefusals: what cannot be read is refused with what is there.
func TestRefusals(t *testing.T) {
	t.Parallel()
	n := laboratory(t)
	outlet := func(name, typ, unit string, rate float64, format lsl.Format) {
		o, err := lsl.NewOutlet(lsl.OutletConfig{Name: name, Type: typ, Labels: []string{"a", "b"}, Unit: unit, Rate: rate, Format: format, SourceID: name, Network: n})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { o.Close() })
	}
	outlet("one", "EEG", "", 250, lsl.Float32)
	outlet("two", "EEG", "", 250, lsl.Float32)
	outlet("text", "Markers", "", 0, lsl.String)
	outlet("light", "Light", "lux", 100, lsl.Float32)
	for name, c := range map[string]struct {
		cfg  lsl.Config
		code devices.Code
		says string
	}{
		"nothing":  {lsl.Config{Query: "name='three'", Timeout: time.Second}, devices.CodeNotFound, "three"},
		"several":  {lsl.Config{Query: "type='EEG'", Timeout: 20 * time.Second}, devices.CodeInvalid, "2 LSL streams match"},
		"markers":  {lsl.Config{Query: "name='text'", Timeout: 20 * time.Second}, devices.CodeUnsupported, "one of markers"},
		"unit":     {lsl.Config{Query: "name='light'", Timeout: 20 * time.Second}, devices.CodeInvalid, "lux"},
		"channels": {lsl.Config{Query: "name='one'", Channels: []string{"c"}, Timeout: 20 * time.Second}, devices.CodeInvalid, "it has a, b"},
	} {
		c.cfg.Network = n
		src, err := lsl.New(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		_, err = src.Open(t.Context())
		var failed *devices.Error
		if !errors.As(err, &failed) || failed.Code != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := lsl.New(lsl.Config{Query: "name='"}); err != nil {
		t.Errorf("an open quote is read to the end, as in the library: %v", err)
	}
	var failed *devices.Error
	if _, err := lsl.New(lsl.Config{Query: "name=("}); !errors.As(err, &failed) || failed.Code != devices.CodeInvalid {
		t.Errorf("a broken query: %v", err)
	}
}

// TestTheLibraryReadsOurOutlet: of every format, with labels, to the bit; and its measure of the clocks agrees.
func TestTheLibraryReadsOurOutlet(t *testing.T) {
	t.Parallel()
	n := laboratory(t)
	l := startLibrary(t, n)
	for _, format := range lsl.Formats() {
		name := "to-" + string(format)
		o, err := lsl.NewOutlet(lsl.OutletConfig{Name: name, Labels: []string{"C3", "C4", "Fußball <&>"}, Rate: 250, Format: format, Network: n})
		if err != nil {
			t.Fatal(err)
		}
		var xml string
		l.do("inlet", call{"name": name, "predicate": "name='" + name + "' and starts-with(type,'EE') and count(info/desc/channels/channel)>=0"}, &xml)
		for _, want := range []string{"<label>C3</label>", "<label>C4</label>", "Fußball &lt;&amp;&gt;", "<channel_format>" + string(format)} {
			if !strings.Contains(xml, want) {
				t.Errorf("%s: the description lacks %s:\n%s", format, want, xml)
			}
		}
		begin := lsl.Now()
		var wantNumbers [][]float64
		var wantTexts [][]string
		for i := range 100 {
			s := lsl.Sample{Time: begin + float64(i)/250, Deduced: false}
			numbers := []float64{float64(i), float64(-i), 100}
			if format == lsl.String {
				s.Strings = []string{fmt.Sprint(i), "", strings.Repeat("ü", i*3)}
				wantTexts = append(wantTexts, s.Strings)
			} else {
				s.Values = numbers
				wantNumbers = append(wantNumbers, numbers)
			}
			if err := o.Push(s); err != nil {
				t.Fatal(err)
			}
		}
		var got struct {
			Samples json.RawMessage `json:"samples"`
			Stamps  []float64       `json:"stamps"`
		}
		l.do("pull", call{"name": name, "count": 100, "seconds": 20}, &got)
		var numbers [][]float64
		var texts [][]string
		if format == lsl.String {
			err = json.Unmarshal(got.Samples, &texts)
		} else {
			err = json.Unmarshal(got.Samples, &numbers)
		}
		if err != nil || fmt.Sprint(numbers) != fmt.Sprint(wantNumbers) || fmt.Sprint(texts) != fmt.Sprint(wantTexts) {
			t.Errorf("%s: %v, got %v %v", format, err, numbers, texts)
		}
		for i, at := range got.Stamps {
			if math.Abs(at-begin-float64(i)/250) > 1e-6 {
				t.Fatalf("%s: sample %d is at %.6f s", format, i, at-begin)
			}
		}
		if format == lsl.Float32 {
			var offset float64
			if l.do("correction", call{"name": name}, &offset); math.Abs(offset) > 0.002 {
				t.Errorf("the library finds our clock %.3f ms off its own", 1e3*offset)
			}
		}
		if o.Dropped() != 0 || o.Consumers() != 1 {
			t.Errorf("%s: %d dropped, %d consumers", format, o.Dropped(), o.Consumers())
		}
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTheLibraryFindsOurOutletAgain: its inlet recovers by the source id when our outlet is started anew.
func TestTheLibraryFindsOurOutletAgain(t *testing.T) {
	t.Parallel()
	n := laboratory(t)
	l := startLibrary(t, n)
	cfg := lsl.OutletConfig{Name: "amp", Labels: []string{"C3"}, Rate: 250, SourceID: "s-1", Network: n}
	var got struct {
		Samples [][]float64 `json:"samples"`
	}
	for i := range 2 {
		o, err := lsl.NewOutlet(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			l.do("inlet", call{"name": "in", "predicate": "name='amp'"}, nil)
		}
		until(t, "the library's inlet", func() bool { return o.Consumers() == 1 })
		if err := o.Push(lsl.Sample{Time: lsl.Now(), Values: []float64{float64(i + 1)}}); err != nil {
			t.Fatal(err)
		}
		l.do("pull", call{"name": "in", "count": 1, "seconds": 20}, &got)
		if len(got.Samples) != 1 || got.Samples[0][0] != float64(i+1) {
			t.Fatalf("round %d: %v", i, got.Samples)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestASlowProgramLosesTheOldest: an outlet never waits; what it drops is counted.
func TestASlowProgramLosesTheOldest(t *testing.T) {
	t.Parallel()
	n := laboratory(t)
	o, err := lsl.NewOutlet(lsl.OutletConfig{Name: "fast", Labels: make([]string, 512), Rate: 0, Network: n})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", o.Info().V4Data))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "LSL:streamfeed/110 %s\r\nMax-Buffer-Length: 10\r\n\r\n", o.Info().UID)
	buf := make([]byte, 4)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "LSL/" {
		t.Fatalf("%q %v", buf, err)
	}
	until(t, "a consumer", func() bool { return o.Consumers() == 1 })
	for range 20_000 {
		if err := o.Push(lsl.Sample{Values: make([]float64, 512)}); err != nil {
			t.Fatal(err)
		}
	}
	if o.Dropped() == 0 {
		t.Error("nothing was dropped for a program that reads nothing")
	}
}
