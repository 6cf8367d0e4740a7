//go:build linux

package openbci_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/devicetest"
	"github.com/neurod/neurod/devices/openbci"
)

// microvolts of a count of a Ganglion: 1.2 V / 1.5 / 51 / (2²³ - 1).
const ganglionCount = 1.2e6 / (8388607 * 1.5 * 51)

var four = []string{"Fp1", "Fp2", "C3", "C4"}

func ganglion(t testing.TB, cfg openbci.GanglionConfig) *openbci.Ganglion {
	t.Helper()
	if cfg.Silence == 0 {
		cfg.Silence = 10 * time.Second
	}
	if cfg.Answer == 0 {
		cfg.Answer = 10 * time.Second
	}
	g, err := openbci.NewGanglion(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func openGanglion(t testing.TB, g *openbci.Ganglion) *devices.Stream {
	t.Helper()
	s, err := g.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// checkGanglion holds samples to the truth, to the count.
func checkGanglion(t testing.TB, b devices.Batch) {
	t.Helper()
	for i := range len(b.Samples) / 4 {
		for c := range 4 {
			n := b.First + int64(i)
			if got, want := float64(b.Samples[4*i+c])/ganglionCount, float64(ganglionCounts(n, c)); math.Abs(got-want) > 0.02 {
				t.Fatalf("channel %d of sample %d is %.2f counts, want %.0f", c, n, got, want)
			}
		}
	}
}

func TestGanglionConforms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		firmware int
		accel    bool
	}{"firmware 3": {3, false}, "firmware 3 with accelerometer": {3, true}, "firmware 2": {2, false}, "firmware 2 with accelerometer": {2, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			devicetest.Conform(t, func(t *testing.T) devicetest.Device {
				e := newBLED(t, c.firmware, "Ganglion-58f3")
				d := devicetest.Device{
					Source:  ganglion(t, openbci.GanglionConfig{Port: e.path, Board: "Ganglion-58f3", Accelerometer: c.accel}),
					Info:    devices.Info{Driver: "ganglion", Channels: four, Rate: 200, Counter: true, Stamps: devices.Arrival},
					Check:   checkGanglion,
					Fail:    func(testing.TB) { e.unplug() },
					Restore: func(testing.TB) { e.plug() },
				}
				if c.firmware == 3 {
					d.Lose = func(testing.TB) int64 {
						e.set(func() { e.lose = 7 })
						return 14
					}
				}
				return d
			})
		})
	}
}

// TestGanglionLossesAreCounted: from one packet to more than a round of the identifiers. Firmware 2 tells differences, so that what follows a loss is unknown up to the
// next whole sample, and a gap too: every sample that is there is right to the count.
func TestGanglionLossesAreCounted(t *testing.T) {
	t.Parallel()
	for _, firmware := range []int{2, 3} {
		e := newBLED(t, firmware, "Ganglion-58f3")
		s := openGanglion(t, ganglion(t, openbci.GanglionConfig{Port: e.path}))
		missing := int64(0)
		for _, packets := range []int{1, 40, 100, 150} {
			for begun := next(t, s); begun.Missing() > 0 || len(begun.Samples) == 0; begun = next(t, s) {
				missing += begun.Missing()
			}
			e.set(func() { e.lose = packets })
			lost := int64(0)
			for lost == 0 {
				b := next(t, s)
				checkGanglion(t, b)
				lost = b.Missing()
			}
			missing += lost
			if lost < int64(2*packets-2) || firmware == 3 && lost != int64(2*packets) || lost > int64(2*packets+201) {
				t.Errorf("firmware %d: %d samples are missing of %d packets", firmware, lost, packets)
			}
		}
		if r := s.Clock(); r.Lost != missing {
			t.Errorf("firmware %d: the clock counts %d lost samples of %d", firmware, r.Lost, missing)
		}
	}
}

// TestGanglionBrokenBytes: what is no message of the dongle is passed over: the end of one that a reset cut, a beginning, noise, a message that is not known.
func TestGanglionBrokenBytes(t *testing.T) {
	t.Parallel()
	e := newBLED(t, 3, "Ganglion-58f3")
	s := openGanglion(t, ganglion(t, openbci.GanglionConfig{Port: e.path}))
	whole := append([]byte{0x80, 25, 4, 5, 0, 0x0e, 0, 1, 20}, ganglionPacketOf(3, 5, false)...)
	for _, raw := range [][]byte{whole[11:], whole[:17], {0x80}, {0x80, 25, 4, 5}, []byte("$$$ noise"), {0x80, 3, 7, 1, 0, 0, 0}, {0xff, 0xff, 0xff, 0xff, 0xff}} {
		for range 5 {
			checkGanglion(t, next(t, s))
		}
		e.set(func() { e.raw = raw })
		for range 20 {
			b := next(t, s)
			checkGanglion(t, b)
			if b.Missing() > 4 {
				t.Errorf("%d samples are missing behind %x", b.Missing(), raw)
			}
		}
	}
}

// TestGanglionAccelerometer: an axis with each third of ten packets, in g.
func TestGanglionAccelerometer(t *testing.T) {
	t.Parallel()
	for _, firmware := range []int{2, 3} {
		e := newBLED(t, firmware, "Ganglion-58f3")
		s := openGanglion(t, ganglion(t, openbci.GanglionConfig{Port: e.path, Accelerometer: true}))
		var got []devices.Reading
		for len(got) < 2 {
			got = append(got, next(t, s).Readings...)
		}
		for i, want := range []float64{0.32, -0.64, 0.96} {
			if r := got[1]; r.Unit != "g" || math.Abs(r.Values[i]-want) > 1e-9 {
				t.Errorf("firmware %d: %+v", firmware, r)
			}
		}
	}
}

// TestGanglionCommands: they reach the board while it streams, and it is stopped at the end.
func TestGanglionCommands(t *testing.T) {
	t.Parallel()
	e := newBLED(t, 3, "Ganglion-58f3")
	g := ganglion(t, openbci.GanglionConfig{Port: e.path})
	if err := g.Command("1"); err == nil {
		t.Error("a command to a board that is not open")
	}
	s := openGanglion(t, g)
	if !strings.Contains(g.Banner(), "Ganglion v3.0.1") || s.Info().Name != "Ganglion-58f3" {
		t.Errorf("%q says %q", s.Info().Name, g.Banner())
	}
	if err := g.Command("1["); err != nil {
		t.Fatal(err)
	}
	for !e.has("vNb1[") {
		next(t, s)
	}
	if err := g.Command(strings.Repeat("1", 21)); err == nil {
		t.Error("a command that does not fit a packet")
	}
	if _, err := g.Open(t.Context()); !isCode(err, devices.CodeBusy) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := g.Impedance(t.Context()); !isCode(err, devices.CodeBusy) {
		t.Errorf("impedance while it streams: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); !e.has("vNb1[s"); {
		if time.Since(began) > time.Minute {
			t.Fatalf("the board was told %q", e.commands.String())
		}
	}
}

// TestImpedances: those that the board says, in kΩ, the reference last; and of a Cyton by the voltage that its current makes.
func TestImpedances(t *testing.T) {
	t.Parallel()
	t.Run("Ganglion", func(t *testing.T) {
		t.Parallel()
		e := newBLED(t, 3, "Ganglion-58f3")
		g := ganglion(t, openbci.GanglionConfig{Port: e.path, Channels: []string{"O1"}})
		got, err := g.Impedance(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"O1", "Fp2", "C3", "C4", "reference"} {
			if got[i].Channel != name || got[i].KOhm == nil || math.Abs(*got[i].KOhm-1.5*float64(i+1)) > 1e-9 {
				t.Errorf("%d: %+v", i, got[i])
			}
		}
		if !e.has("zZ") {
			t.Errorf("the board was told %q", e.commands.String())
		}
		checkGanglion(t, next(t, openGanglion(t, g))) // it streams afterwards
	})
	t.Run("Cyton", func(t *testing.T) {
		t.Parallel()
		e := newEmulator(t, false)
		e.set(func() { e.rest = true })
		b := board(t, openbci.Config{Port: e.path, Settings: []openbci.ChannelSettings{{Channel: 2, Gain: 8}}})
		got, err := b.Impedance(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for c, z := range got {
			// Contact c of the emulator has 2·c kΩ; that of channel 4 is open, and its input saturated.
			switch want := 2 * float64(c); {
			case c == 3:
				if z.KOhm != nil {
					t.Errorf("a saturated input has %g kΩ", *z.KOhm)
				}
			case z.KOhm == nil || math.Abs(*z.KOhm-want) > 0.05*want+0.1:
				t.Errorf("%s: %v kΩ, want %g", z.Channel, z.KOhm, want)
			}
		}
	})
}

func isCode(err error, code devices.Code) bool {
	var failed *devices.Error
	return errors.As(err, &failed) && failed.Code == code
}

// TestWhatIsWrongWithAGanglionIsSaid: no dongle, none that answers, no board, another one, several, one that falls silent, one that goes.
func TestWhatIsWrongWithAGanglionIsSaid(t *testing.T) {
	t.Parallel()
	const soon = 300 * time.Millisecond
	for name, c := range map[string]struct {
		boards []string
		cfg    openbci.GanglionConfig
		set    func(e *bled)
		code   devices.Code
		says   string
	}{
		"no port":    {nil, openbci.GanglionConfig{Port: "/dev/nothing"}, nil, devices.CodeNotFound, "/dev/nothing"},
		"no dongle":  {nil, openbci.GanglionConfig{Answer: soon}, func(e *bled) { e.deaf = true }, devices.CodeNotFound, "no BLED112 answers"},
		"none":       {nil, openbci.GanglionConfig{Search: soon}, nil, devices.CodeNotFound, "hears no Ganglion"},
		"another":    {[]string{"Ganglion-1"}, openbci.GanglionConfig{Search: soon, Board: "Ganglion-2"}, nil, devices.CodeNotFound, "it hears Ganglion-1"},
		"several":    {[]string{"Ganglion-1", "Ganglion 1.3-2"}, openbci.GanglionConfig{}, nil, devices.CodeInvalid, "e4:95:3d:08:58:01"},
		"firmware 4": {[]string{"Ganglion-1"}, openbci.GanglionConfig{}, func(e *bled) { e.firmware = 4 }, devices.CodeUnsupported, "firmware 4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newBLED(t, 3, c.boards...)
			if c.set != nil {
				e.set(func() { c.set(e) })
			}
			if c.cfg.Port == "" {
				c.cfg.Port = e.path
			}
			g := ganglion(t, c.cfg)
			if _, err := g.Open(t.Context()); !isCode(err, c.code) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("by address", func(t *testing.T) {
		t.Parallel()
		e := newBLED(t, 3, "Ganglion-1", "Ganglion-2")
		s := openGanglion(t, ganglion(t, openbci.GanglionConfig{Port: e.path, Board: "E4:95:3D:08:58:01"}))
		if s.Info().Name != "Ganglion-2" {
			t.Error(s.Info().Name)
		}
	})
	t.Run("by its name", func(t *testing.T) {
		t.Parallel()
		for name, firmware := range map[string]int{"Ganglion-58f3": 2, "Ganglion 1.3-58f3": 3} {
			e := newBLED(t, firmware, name)
			e.set(func() { e.mute = true })
			checkGanglion(t, next(t, openGanglion(t, ganglion(t, openbci.GanglionConfig{Port: e.path, Answer: time.Second}))))
		}
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		e := newBLED(t, 3, "Ganglion-1")
		s := openGanglion(t, ganglion(t, openbci.GanglionConfig{Port: e.path, Silence: soon}))
		next(t, s)
		e.set(func() { e.quiet = true })
		for {
			if _, err := s.Next(t.Context()); err != nil {
				if !isCode(err, devices.CodeLost) {
					t.Error(err)
				}
				return
			}
		}
	})
	t.Run("out of reach", func(t *testing.T) {
		t.Parallel()
		e := newBLED(t, 3, "Ganglion-1")
		s := openGanglion(t, ganglion(t, openbci.GanglionConfig{Port: e.path}))
		next(t, s)
		e.set(func() { e.event(3, 4, 0, 0x08, 0x02) })
		for {
			if _, err := s.Next(t.Context()); err != nil {
				if !isCode(err, devices.CodeLost) {
					t.Error(err)
				}
				return
			}
		}
	})
	for name, cfg := range map[string]openbci.GanglionConfig{"port": {}, "firmware": {Port: "x", Firmware: 1}, "channels": {Port: "x", Channels: make([]string, 5)}} {
		if _, err := openbci.NewGanglion(cfg); !isCode(err, devices.CodeInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
