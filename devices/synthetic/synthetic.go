// Package synthetic is a device that nobody has to wear: seeded EEG in real time, whose truth is known.
//
// The signals are those of package decoders/synthetic, a minute at a time. Minutes overlap by a second in which one fades into the other at equal
// power, so that there is no seam and no end. The pattern Sine is what a device's wiring is tested with: channel i carries a sine of 5·(i+1) Hz, so that
// channels that were swapped, lost or shifted are found.
package synthetic

import (
	"context"
	"math"
	"time"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/eeg"
)

// Pattern is what the person does that is not there.
type Pattern string

// The patterns.
const (
	Rest    Pattern = "rest"    // eyes open
	Alpha   Pattern = "alpha"   // eyes closed
	SSVEP   Pattern = "ssvep"   // looks at what flickers; markers at the onsets
	Imagery Pattern = "imagery" // imagines movements of the left and the right hand; markers at the cues
	Sine    Pattern = "sine"    // channel i carries 5·(i+1) Hz of 100 µV, nothing else
)

// Patterns lists all.
func Patterns() []Pattern { return []Pattern{Rest, Alpha, SSVEP, Imagery, Sine} }

// Config describes the device.
type Config struct {
	// Pattern defaults to Rest.
	Pattern Pattern
	// Channels are 10-10 electrodes. Defaults to the 19 of the 10-20 system.
	Channels []string
	// Rate in Hz. Defaults to 250.
	Rate float64
	// Seed of all randomness.
	Seed uint64
	// FlickerHz is what SSVEP looks at. Defaults to 12.
	FlickerHz float64
	// Blinks adds a blink every 3 s, of 100 µV at the forehead.
	Blinks bool
	// MainsHz adds hum of 20 µV. Defaults to none.
	MainsHz float64
	// Speed of time. Defaults to 1; negative gives samples as fast as they are read.
	Speed float64
	// Chunk is how many samples come at once. Defaults to 40 ms of them.
	Chunk int
	// Every, where positive, has the device lose a chunk each so many chunks, as a radio does.
	Every int
	// FailAfter, where positive, has the device fail after so many samples, as one that is unplugged does. It may be opened again.
	FailAfter int64
	// Samples is how many there are before the device ends. Defaults to no end.
	Samples int64
	// First is where in the signal the device begins, in samples: one that goes on where another was gives what that would have given.
	First int64
}

const (
	minute  = 60.0    // s of a segment, and
	overlap = 1.0     // s of the next that it fades into
	most    = 200_000 // values a second: 64 channels at 2 kHz are 128,000, whose two minutes take 125 MB
	// SineUV is the amplitude of Sine, and the channels' frequencies are multiples of SineHz.
	SineUV = 100.0
	SineHz = 5.0
)

// New returns the device. Errors: CodeInvalid where the signals cannot be made.
func New(cfg Config) (devices.Source, error) {
	if cfg.Pattern == "" {
		cfg.Pattern = Rest
	}
	if len(cfg.Channels) == 0 {
		cfg.Channels = synthetic.TenTwenty()
	}
	if cfg.Rate == 0 {
		cfg.Rate = 250
	}
	if cfg.FlickerHz == 0 {
		cfg.FlickerHz = 12
	}
	if cfg.Speed == 0 {
		cfg.Speed = 1
	}
	if cfg.Chunk <= 0 {
		cfg.Chunk = max(1, int(cfg.Rate/25))
	}
	if !(cfg.Rate >= 20 && cfg.Rate <= 20_000) {
		return nil, devices.Errorf(devices.CodeInvalid, "a rate of %g Hz is not within 20 and 20,000", cfg.Rate)
	}
	if len(cfg.Channels) > 512 {
		return nil, devices.Errorf(devices.CodeInvalid, "%d channels are more than 512", len(cfg.Channels))
	}
	if v := cfg.Rate * float64(len(cfg.Channels)); v > most && cfg.Pattern != Sine {
		return nil, devices.Errorf(devices.CodeInvalid, "%d channels at %g Hz are %.0f values a second, and at most %d are made", len(cfg.Channels), cfg.Rate, v, most)
	}
	switch cfg.Pattern {
	case Sine:
		if top := SineHz * float64(len(cfg.Channels)); top >= cfg.Rate/2 {
			return nil, devices.Errorf(devices.CodeInvalid, "channel %d would carry %g Hz, which %g Hz cannot show", len(cfg.Channels), top, cfg.Rate)
		}
	case Rest, Alpha, SSVEP, Imagery:
		if _, err := cfg.segment(0, false); err != nil {
			return nil, devices.Errorf(devices.CodeInvalid, "synthetic: %w", err)
		}
	default:
		return nil, devices.Errorf(devices.CodeInvalid, "the pattern %q is none of %v", cfg.Pattern, Patterns())
	}
	return source{cfg}, nil
}

type source struct{ cfg Config }

// Open implements devices.Source.
func (s source) Open(context.Context) (*devices.Stream, error) {
	info := devices.Info{Driver: "synthetic", Name: "synthetic " + string(s.cfg.Pattern), Channels: s.cfg.Channels, Rate: s.cfg.Rate, Counter: true, Stamps: devices.Exact}
	return devices.Begin(info, s.run)
}

func (s source) run(ctx context.Context, out *devices.Writer) error {
	cfg := s.cfg
	sig := &signal{cfg: cfg, index: -1}
	pace := devices.NewPace(cfg.Rate, max(0, cfg.Speed))
	for n, chunk := int64(0), 1; cfg.Samples <= 0 || n < cfg.Samples; chunk++ {
		size := int64(cfg.Chunk)
		if cfg.Samples > 0 {
			size = min(size, cfg.Samples-n)
		}
		if cfg.FailAfter > 0 && n >= cfg.FailAfter {
			return devices.Errorf(devices.CodeLost, "the device was unplugged after %d samples", n)
		}
		samples, events, err := sig.read(cfg.First+n, int(size))
		if err != nil {
			return err
		}
		at, err := pace.Until(ctx, out, n+size, cfg.Rate)
		if err != nil {
			return err
		}
		if cfg.Every > 0 && chunk%cfg.Every == 0 {
			out.Put(devices.Block{Lost: size})
		} else {
			out.Put(devices.Block{Samples: samples, Stamp: at.Add(-time.Duration(1e9 / cfg.Rate))})
		}
		for _, e := range events {
			out.MarkSample(devices.Marker{Code: e.Code, Label: e.Label}, math.Round(e.Onset*cfg.Rate)-float64(cfg.First))
		}
		n += size
	}
	return nil
}

// signal makes the samples, whatever the chunks.
type signal struct {
	cfg   Config
	index int64 // of the segment in now, -1 for none
	now   synthetic.Session
	next  synthetic.Session
}

// Samples returns what the device gives from a position on, sample-major: the truth that tests compare with.
func Samples(cfg Config, first int64, n int) ([]float32, error) {
	src, err := New(cfg)
	if err != nil {
		return nil, err
	}
	out, _, err := (&signal{cfg: src.(source).cfg, index: -1}).read(first, n)
	return out, err
}

// read returns n samples from a position on, and what happens within them. Onsets of events are s from position 0.
func (g *signal) read(first int64, n int) (samples []float32, events []eeg.Event, err error) {
	channels := len(g.cfg.Channels)
	samples = make([]float32, n*channels)
	if g.cfg.Pattern == Sine {
		for i := range n {
			for c := range channels {
				// The cycle count is taken modulo 1 before it is an angle: hours later the sine is as exact.
				cycles := math.Mod(SineHz*float64(c+1)*float64(first+int64(i))/g.cfg.Rate, 1)
				samples[i*channels+c] = float32(SineUV * math.Sin(2*math.Pi*cycles))
			}
		}
		return samples, nil, nil
	}
	period := int64(math.Round(minute * g.cfg.Rate))
	fade := int64(math.Round(overlap * g.cfg.Rate))
	for i := range n {
		at := first + int64(i)
		if k := at / period; k != g.index {
			if err := g.load(k); err != nil {
				return nil, nil, err
			}
		}
		x := at % period
		in, out := 1.0, 0.0
		if g.index > 0 && x < fade {
			u := math.Pi / 2 * float64(x) / float64(fade)
			in, out = math.Sin(u), math.Cos(u)
		}
		for c := range channels {
			v := in * g.next.Data.At(c, int(x))
			if out > 0 {
				v += out * g.now.Data.At(c, int(x+period))
			}
			samples[i*channels+c] = float32(v)
		}
		for _, e := range g.next.Events {
			if int64(math.Round(e.Onset*g.cfg.Rate)) == x {
				e.Onset = float64(at) / g.cfg.Rate
				events = append(events, e)
			}
		}
	}
	return samples, events, nil
}

// load makes segment k, and the one before, out of which it fades.
func (g *signal) load(k int64) (err error) {
	g.now = g.next
	if k > 0 && g.index != k-1 {
		if g.now, err = g.cfg.segment(k-1, true); err != nil {
			return err
		}
	}
	g.next, err = g.cfg.segment(k, true)
	g.index = k
	return err
}

// segment makes a minute and a second; or, where it is not to be whole, a few seconds, which are refused where a minute would be.
func (cfg Config) segment(k int64, whole bool) (synthetic.Session, error) {
	base := synthetic.Config{Channels: cfg.Channels, Rate: cfg.Rate, Seed: cfg.Seed + uint64(k)<<20}
	long, flickers, imagined := minute+overlap, 11, 6
	if !whole {
		long, flickers, imagined = 3, 1, 1
	}
	var s synthetic.Session
	var err error
	switch cfg.Pattern {
	case SSVEP:
		// A pause of 2 s and 4 s of flicker: ten a minute.
		s, err = synthetic.SSVEP(base, synthetic.FlickerConfig{Targets: []eeg.Target{{Frequency: cfg.FlickerHz}}, TrialsPerTarget: flickers, TrialSeconds: 4, PauseSeconds: 2})
	case Imagery:
		s, err = synthetic.MotorImagery(base, synthetic.ImageryConfig{TrialsPerClass: imagined})
	default:
		s, err = synthetic.Rest(base, long, cfg.Pattern == Alpha)
	}
	if err != nil {
		return s, err
	}
	var events []eeg.Event
	for _, e := range s.Events {
		if e.Onset < minute {
			events = append(events, e)
		}
	}
	s.Events = events
	if cfg.Blinks {
		if s.Signal, err = inject(s.Signal, synthetic.Artifact{Kind: synthetic.Blink, PeakUV: 100, Seed: base.Seed}); err != nil {
			return s, err
		}
	}
	if cfg.MainsHz != 0 {
		// Phases would jump between seeds.
		s.Signal, err = inject(s.Signal, synthetic.Artifact{Kind: synthetic.Mains, Frequency: cfg.MainsHz, PeakUV: 20, Seed: cfg.Seed})
	}
	return s, err
}

func inject(sig decoders.Signal, a synthetic.Artifact) (decoders.Signal, error) {
	return synthetic.Inject(sig, a)
}
