package group_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/devicetest"
	"github.com/neurod/neurod/devices/group"
	"github.com/neurod/neurod/devices/lsl"
	"github.com/neurod/neurod/devices/synthetic"
)

const rate = 250

// crystal is a device that samples what is everywhere at a moment: 100 µV at 10 Hz of the host's clock, by a crystal of its own, whose samples come late.
type crystal struct {
	ppm    float64
	jitter time.Duration
	seed   uint64
	origin time.Time // of the wave
	lose   int64     // a block each so many samples
	ends   int64     // samples; 0 for none
}

func (d crystal) Open(context.Context) (*devices.Stream, error) {
	info := devices.Info{Driver: "crystal", Name: "crystal", Channels: []string{"C3", "C4"}, Rate: rate, Counter: true, Stamps: devices.Arrival}
	return devices.Begin(info, func(ctx context.Context, out *devices.Writer) error {
		rng := rand.New(rand.NewPCG(d.seed, 1))
		begin := time.Now()
		made := func(n int64) time.Time { return begin.Add(time.Duration(float64(n) / (rate * (1 + d.ppm*1e-6)) * 1e9)) }
		const block = 5
		for n := int64(0); d.ends == 0 || n < d.ends; n += block {
			last := made(n + block - 1)
			arrival := last.Add(time.Duration(rng.Float64() * float64(d.jitter)))
			if wait := time.Until(arrival); wait > 0 {
				t := time.NewTimer(wait)
				select {
				case <-t.C:
				case <-ctx.Done():
					t.Stop()
					return ctx.Err()
				}
			}
			if d.lose > 0 && n > 0 && n%d.lose == 0 {
				out.Put(devices.Block{Lost: block})
				continue
			}
			values := make([]float32, 0, 2*block)
			for i := range int64(block) {
				v := wave(made(n+i), d.origin)
				values = append(values, float32(v), float32(2*v))
			}
			out.Put(devices.Block{Samples: values, Stamp: arrival})
			if n%500 == 0 {
				out.Mark(devices.Marker{At: made(n), Label: "cue", Code: int(n)})
			}
		}
		return nil
	})
}

func wave(at, origin time.Time) float64 {
	return 100 * math.Sin(2*math.Pi*10*at.Sub(origin).Seconds())
}

// TestPeopleStayAligned: two devices whose crystals are 550 ppm apart, which is 33 ms after a minute, sample the same wave. In the group both have it at the same samples, at the true time, within what
// is stated, for as long as it runs, also behind losses, which are gaps.
func TestPeopleStayAligned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		origin := time.Now()
		src, err := group.New(group.Config{Members: []group.Member{
			{Name: "anna", Source: crystal{ppm: 300, jitter: 20 * time.Millisecond, seed: 1, origin: origin, lose: 5000}},
			{Name: "bob", Source: crystal{ppm: -250, jitter: 8 * time.Millisecond, seed: 2, origin: origin}}}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := src.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if got := s.Info().Channels; len(got) != 4 || got[0] != "anna:C3" || got[3] != "bob:C4" {
			t.Fatalf("channels %v", got)
		}
		apart, off, within := 0.0, 0.0, time.Duration(0)
		end, missing, markers, measured := int64(0), int64(0), 0, 0
		var run []float32
		var begun time.Time
		for end < 120*rate {
			b, err := s.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			missing += b.Missing()
			within = max(within, b.Within)
			for _, m := range b.Markers {
				markers++
				if at := b.At.Add(time.Duration((m.Sample - float64(b.First)) / rate * 1e9)); len(b.Samples) > 0 && at.Sub(m.At).Abs() > b.Within {
					t.Errorf("the marker %q lies %v off", m.Label, at.Sub(m.At))
				}
			}
			n := len(b.Samples) / 4
			if len(b.Gaps) > 0 || len(run) == 0 {
				run, begun = run[:0], b.At
			}
			run = append(run, b.Samples...)
			// A phase takes whole cycles: 25 samples.
			for ; len(run) >= 4*25; run = run[4*25:] {
				var delay [2]float64
				for k, c := range []int{0, 2} {
					re, im := 0.0, 0.0
					for x := range 25 {
						sin, cos := math.Sincos(2 * math.Pi * 10 * float64(x) / rate)
						v := float64(run[x*4+c])
						re, im = re+v*sin, im+v*cos
					}
					phase := math.Atan2(im, re) - 2*math.Pi*10*begun.Sub(origin).Seconds()
					delay[k] = math.Remainder(phase, 2*math.Pi) / (2 * math.Pi * 10)
					if a := 2 * math.Hypot(re, im) / 25; math.Abs(a-100) > 1 {
						t.Fatalf("sample %d has an amplitude of %g", b.First, a)
					}
				}
				measured++
				apart = max(apart, math.Abs(delay[0]-delay[1]))
				off = max(off, math.Abs(delay[0]), math.Abs(delay[1]))
				begun = begun.Add(25 * time.Second / rate)
			}
			end = b.First + int64(n)
		}
		t.Logf("at most %.2f ms apart, %.2f ms off the true time; stated: %.2f ms; %d samples missing, %d markers", 1e3*apart, 1e3*off, within.Seconds()*1e3, missing, markers)
		if measured < 1000 || apart > within.Seconds() || off > within.Seconds() || within > 60*time.Millisecond {
			t.Errorf("%.2f ms apart, %.2f ms off, stated %v", 1e3*apart, 1e3*off, within)
		}
		// Six blocks of 5, each with the 15 samples that are interpolated from it.
		if missing < 5*15 || missing > 7*25 || markers < 2*50 {
			t.Errorf("%d samples are missing, %d markers", missing, markers)
		}
	})
}

func TestConforms(t *testing.T) {
	t.Parallel()
	devicetest.Conform(t, func(t *testing.T) devicetest.Device {
		one := func(seed uint64) devices.Source {
			src, err := synthetic.New(synthetic.Config{Channels: []string{"C3"}, Rate: rate, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			return src
		}
		src, err := group.New(group.Config{Members: []group.Member{{Name: "a", Source: one(1)}, {Name: "b", Source: one(2)}}})
		if err != nil {
			t.Fatal(err)
		}
		return devicetest.Device{Source: src, Info: devices.Info{Driver: "group", Channels: []string{"a:C3", "b:C3"}, Rate: rate, Counter: true, Stamps: devices.Exact}}
	})
}

// TestAMemberWhoIsAway is a gap of the group as long as it is away, and the group goes on; one that ends, ends it.
func TestAMemberWhoIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		board := func(failAfter, samples int64) devices.Source {
			src, err := synthetic.New(synthetic.Config{Channels: []string{"C3"}, Rate: rate, FailAfter: failAfter, Samples: samples})
			if err != nil {
				t.Fatal(err)
			}
			return src
		}
		told := 0
		src, err := group.New(group.Config{Members: []group.Member{{Name: "a", Source: board(1000, 0)}, {Name: "b", Source: board(0, 3000)}},
			Failed: func(member string, err error) {
				if member != "a" || err == nil {
					t.Errorf("%s: %v", member, err)
				}
				told++
			}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := src.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		missing, samples := int64(0), 0
		for {
			b, err := s.Next(t.Context())
			if err != nil {
				break
			}
			missing, samples = missing+b.Missing(), samples+len(b.Samples)/2
		}
		if told < 2 || missing < 2*50 || missing > 1500 || samples < 1200 {
			t.Errorf("%d failures told, %d samples missing, %d there", told, missing, samples)
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	board := func(hz float64) devices.Source {
		src, err := synthetic.New(synthetic.Config{Channels: []string{"C3"}, Rate: hz})
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	refused := func(name string, err error) {
		var failed *devices.Error
		if !errors.As(err, &failed) || failed.Code != devices.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, m := range map[string][]group.Member{"one": {{Name: "a", Source: board(250)}}, "twice": {{Name: "a", Source: board(250)}, {Name: "a", Source: board(250)}},
		"colon": {{Name: "a:b", Source: board(250)}, {Name: "c", Source: board(250)}}, "nobody": {{Name: "a"}, {Name: "b", Source: board(250)}}} {
		_, err := group.New(group.Config{Members: m})
		refused(name, err)
	}
	src, err := group.New(group.Config{Members: []group.Member{{Name: "a", Source: board(250)}, {Name: "b", Source: board(256)}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = src.Open(t.Context())
	refused("rates", err)
}

// TestAgentsOnOneClock: the people's devices hang on agents of their own, which give them as LSL streams; a group over those is one recording, aligned within what is stated.
func TestAgentsOnOneClock(t *testing.T) {
	t.Parallel()
	origin := time.Now()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := c.LocalAddr().(*net.UDPAddr).Port
	_ = c.Close()
	n := lsl.Network{Multicast: []string{}, BasePort: base, Ports: 8, MulticastPort: base + 9, Listen: "127.0.0.1", Session: fmt.Sprint("group-", base)}
	var members []group.Member
	for i, name := range []string{"anna", "bob"} {
		agent, err := lsl.Tap(crystal{ppm: []float64{300, -250}[i], jitter: 8 * time.Millisecond, seed: uint64(i), origin: origin}, name, n).Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer agent.Close()
		src, err := lsl.New(lsl.Config{Query: "name='" + name + "'", Markers: []string{"name='" + name + "-markers'"}, Network: n, Timeout: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, group.Member{Name: name, Source: src})
	}
	src, err := group.New(group.Config{Members: members, Late: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s, err := src.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	worst, within := 0.0, time.Duration(0)
	var run []float32
	for count := 0; count < 40; {
		b, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Gaps) > 0 {
			run = run[:0]
		}
		within = max(within, b.Within)
		for run = append(run, b.Samples...); len(run) >= 4*25; run = run[4*25:] {
			count++
			var phase [2]float64
			for k, c := range []int{0, 2} {
				re, im := 0.0, 0.0
				for x := range 25 {
					sin, cos := math.Sincos(2 * math.Pi * 10 * float64(x) / rate)
					re, im = re+float64(run[x*4+c])*sin, im+float64(run[x*4+c])*cos
				}
				phase[k] = math.Atan2(im, re)
			}
			worst = max(worst, math.Abs(math.Remainder(phase[0]-phase[1], 2*math.Pi))/(2*math.Pi*10))
		}
	}
	t.Logf("at most %.2f ms apart, stated %.2f ms", 1e3*worst, 1e3*within.Seconds())
	if worst > within.Seconds() {
		t.Errorf("%.2f ms apart, stated %v", 1e3*worst, within)
	}
}
