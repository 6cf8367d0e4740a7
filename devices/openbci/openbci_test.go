//go:build linux

package openbci_test

import (
	"errors"
	"flag"
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/devicetest"
	"github.com/neurod/neurod/devices/openbci"
)

func TestMain(m *testing.M) {
	// The tests wait for emulators in real time and compute next to nothing.
	flag.Parse()
	_ = flag.Set("test.parallel", "24")
	goleak.VerifyTestMain(m)
}

var (
	eight   = []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}
	sixteen = append(append([]string(nil), eight...), "F7", "F8", "F3", "F4", "T7", "T8", "P3", "P4")
)

// count is µV a count at gain 24: 4.5 V / 24 / (2²³ - 1), as the documentation of the Cyton states it.
const count = 0.02235174

func board(t testing.TB, cfg openbci.Config) *openbci.Board {
	t.Helper()
	if cfg.Silence == 0 {
		cfg.Silence = 10 * time.Second
	}
	cfg.Answer = 10 * time.Second
	b, err := openbci.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// check holds samples to the emulator's: each is 100 counts above the one before, channel by channel a count.
func check(t testing.TB, b devices.Batch, channels int) {
	t.Helper()
	for i := range len(b.Samples) / channels {
		s := b.Samples[i*channels : (i+1)*channels]
		for c := 1; c < 8; c++ {
			if d := float64(s[c]-s[0]) / count; math.Abs(d-float64(c)) > 0.2 {
				t.Fatalf("channel %d of sample %d is %g counts above the first", c, b.First+int64(i), d)
			}
		}
		if channels == 16 { // the Daisy's packet is the next one
			if d := float64(s[8]-s[0]) / count; math.Abs(d-100) > 0.5 {
				t.Fatalf("the Daisy's half of sample %d is of a packet %g counts later", b.First+int64(i), d)
			}
		}
		if i > 0 {
			if d := float64(s[0]-b.Samples[(i-1)*channels]) / count; math.Abs(d-float64(100*channels/8)) > 0.5 {
				t.Fatalf("sample %d is %g counts behind the one before", b.First+int64(i), d)
			}
		}
	}
}

func TestConforms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		daisy    bool
		channels []string
		rate     float64
	}{"Cyton": {false, eight, 250}, "Daisy": {true, sixteen, 125}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			devicetest.Conform(t, func(t *testing.T) devicetest.Device {
				e := newEmulator(t, c.daisy)
				return devicetest.Device{
					Source:  board(t, openbci.Config{Port: e.path}),
					Info:    devices.Info{Driver: "openbci", Channels: c.channels, Rate: c.rate, Counter: true, Stamps: devices.Arrival},
					Check:   func(t testing.TB, b devices.Batch) { check(t, b, len(c.channels)) },
					Fail:    func(testing.TB) { e.unplug() },
					Restore: func(testing.TB) { e.plug() },
					Lose: func(testing.TB) int64 {
						e.mu.Lock()
						defer e.mu.Unlock()
						if !c.daisy {
							e.lose = 7
							return 7
						}
						// An even number, from the Cyton's half on, is whole samples.
						e.lose = 8
						if e.n%2 == 1 { // the next one is the Daisy's: two samples are broken at the ends
							return 5
						}
						return 4
					},
				}
			})
		})
	}
}

// TestLostPacketsAreCounted: from one to more than the counter can tell.
func TestLostPacketsAreCounted(t *testing.T) {
	t.Parallel()
	e := newEmulator(t, false)
	s := open(t, board(t, openbci.Config{Port: e.path}))
	for _, lost := range []int{1, 100, 255, 256, 300, 700} {
		read(t, s, 20)
		e.set(func() { e.lose = lost })
		for missing := int64(0); missing == 0; {
			b := next(t, s)
			if missing = b.Missing(); missing != 0 && missing != int64(lost) {
				t.Errorf("%d packets are missing of %d", missing, lost)
			}
		}
	}
}

// TestBrokenBytes: what is no packet is passed over: half a packet, a beginning among the values, text, a reset in the middle.
func TestBrokenBytes(t *testing.T) {
	t.Parallel()
	e := newEmulator(t, false)
	s := open(t, board(t, openbci.Config{Port: e.path}))
	for _, raw := range [][]byte{packetOf(5)[:20], packetOf(5)[10:], {0xA0}, {0xA0, 0xA0, 0xC0}, []byte("OpenBCI V3\n$$$"), append([]byte{0xA0}, packetOf(9)[:31]...)} {
		read(t, s, 20)
		e.set(func() { e.raw = raw })
		for range 20 {
			b := next(t, s)
			check(t, b, 8)
			if b.Missing() > 2 {
				t.Errorf("%d samples are missing behind %x", b.Missing(), raw)
			}
		}
	}
}

// TestGainsAreScaled: a channel that is set to another gain, before the start, is in µV all the same.
func TestGainsAreScaled(t *testing.T) {
	t.Parallel()
	e := newEmulator(t, true)
	no := false
	b := board(t, openbci.Config{Port: e.path, Daisy: &no, Settings: []openbci.ChannelSettings{{Channel: 2, Gain: 1}, {Channel: 3, Gain: 8, Shorted: true, NoBias: true}}})
	s := open(t, b)
	if got := s.Info(); len(got.Channels) != 8 || got.Rate != 250 {
		t.Fatalf("without its Daisy the board is %+v", got)
	}
	if !e.has("c") || !e.has("x2000110X") || !e.has("x3041010X") {
		t.Errorf("the board was told %q", e.commands.String())
	}
	v := read(t, s, 5)
	// Counts of the channels of a sample are n·100, n·100 + 1 and n·100 + 2.
	n := float64(v[0]) / count
	if math.Abs(float64(v[1])/(24*count)-n-1) > 0.5 || math.Abs(float64(v[2])/(3*count)-n-2) > 0.5 {
		t.Errorf("sample %v", v[:3])
	}
}

// TestBesideTheChannels: acceleration in g, commands while it streams, lead-off.
func TestBesideTheChannels(t *testing.T) {
	t.Parallel()
	e := newEmulator(t, false)
	b := board(t, openbci.Config{Port: e.path})
	s := open(t, b)
	if err := b.LeadOff(3, true); err != nil {
		t.Fatal(err)
	}
	var got []devices.Reading
	for len(got) < 3 {
		got = append(got, next(t, s).Readings...)
	}
	if r := got[0]; r.Unit != "g" || math.Abs(r.Values[0]-1) > 1e-9 || math.Abs(r.Values[1]+0.5) > 1e-9 || r.Values[2] != 0 {
		t.Errorf("%+v", r)
	}
	for !e.has("z301Z") {
		next(t, s)
	}
	if err := b.LeadOff(17, true); err == nil {
		t.Error("a channel that there is not")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Command("v"); err == nil {
		t.Error("a command to a board that is not open")
	}
}

// TestWhatIsWrongIsSaid: no port, a board that is off, one that falls silent, one that is open, channels that it has not.
func TestWhatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	failsWith := func(t testing.TB, err error, code devices.Code) {
		t.Helper()
		var failed *devices.Error
		if !errors.As(err, &failed) || failed.Code != code {
			t.Errorf("%v, want %s", err, code)
		}
	}
	t.Run("no port", func(t *testing.T) {
		t.Parallel()
		_, err := board(t, openbci.Config{Port: "/dev/nothing"}).Open(t.Context())
		failsWith(t, err, devices.CodeNotFound)
	})
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		e := newEmulator(t, false)
		e.set(func() { e.failure = true })
		_, err := board(t, openbci.Config{Port: e.path}).Open(t.Context())
		failsWith(t, err, devices.CodeNotFound)
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		e := newEmulator(t, false)
		s := open(t, board(t, openbci.Config{Port: e.path, Silence: 300 * time.Millisecond}))
		read(t, s, 10)
		e.set(func() { e.quiet = true })
		for {
			if _, err := s.Next(t.Context()); err != nil {
				failsWith(t, err, devices.CodeLost)
				return
			}
		}
	})
	t.Run("open", func(t *testing.T) {
		t.Parallel()
		e := newEmulator(t, false)
		b := board(t, openbci.Config{Port: e.path})
		open(t, b)
		_, err := b.Open(t.Context())
		failsWith(t, err, devices.CodeBusy)
	})
	t.Run("daisy", func(t *testing.T) {
		t.Parallel()
		e := newEmulator(t, false)
		yes := true
		_, err := board(t, openbci.Config{Port: e.path, Daisy: &yes}).Open(t.Context())
		failsWith(t, err, devices.CodeInvalid)
		_, err = board(t, openbci.Config{Port: e.path, Settings: []openbci.ChannelSettings{{Channel: 9}}}).Open(t.Context())
		failsWith(t, err, devices.CodeInvalid)
	})
	for name, cfg := range map[string]openbci.Config{"port": {}, "gain": {Port: "x", Settings: []openbci.ChannelSettings{{Channel: 1, Gain: 3}}}, "channel": {Port: "x", Settings: []openbci.ChannelSettings{{Channel: 17}}}} {
		_, err := openbci.New(cfg)
		t.Log(name)
		failsWith(t, err, devices.CodeInvalid)
	}
}

func open(t testing.TB, b *openbci.Board) *devices.Stream {
	t.Helper()
	s, err := b.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func next(t testing.TB, s *devices.Stream) devices.Batch {
	t.Helper()
	b, err := s.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read returns samples until there are so many.
func read(t testing.TB, s *devices.Stream, n int) (v []float32) {
	t.Helper()
	for len(v) < n*len(s.Info().Channels) {
		v = append(v, next(t, s).Samples...)
	}
	return v
}
