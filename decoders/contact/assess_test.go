package contact_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/race"
)

// faults are the ways a channel can be lost, and what each is called.
var faults = []struct {
	name     string
	artifact synthetic.Artifact
	is       []eeg.ChannelFault
}{
	{"flat", synthetic.Artifact{Kind: synthetic.Flat}, []eeg.ChannelFault{eeg.FaultFlat}},
	{"railed", synthetic.Artifact{Kind: synthetic.Rail}, []eeg.ChannelFault{eeg.FaultFlat}},
	{"clipped", synthetic.Artifact{Kind: synthetic.Clipping, Share: 0.2}, []eeg.ChannelFault{eeg.FaultClipped}},
	{"line-swamped", synthetic.Artifact{Kind: synthetic.Mains, PeakUV: 200}, []eeg.ChannelFault{eeg.FaultLine}},
	{"disconnected", synthetic.Artifact{Kind: synthetic.Disconnected}, []eeg.ChannelFault{eeg.FaultLine, eeg.FaultFlat}},
	{"disconnected at 60 Hz", synthetic.Artifact{Kind: synthetic.Disconnected, Frequency: 60, PeakUV: 15}, []eeg.ChannelFault{eeg.FaultLine, eeg.FaultFlat, eeg.FaultNoise}},
	{"noise", synthetic.Artifact{Kind: synthetic.Noise}, []eeg.ChannelFault{eeg.FaultNoise}},
	{"loud noise", synthetic.Artifact{Kind: synthetic.Noise, PeakUV: 1000}, []eeg.ChannelFault{eeg.FaultLoud}},
	{"faint noise", synthetic.Artifact{Kind: synthetic.Noise, PeakUV: 0.3}, []eeg.ChannelFault{eeg.FaultFlat}},
}

var montages = map[string]string{
	"10-20": "Fp1 Fp2 F7 F3 Fz F4 F8 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 O1 O2", "unicorn": "Fz C3 Cz C4 Pz PO7 Oz PO8", "cyton": "Fp1 Fp2 C3 C4 P7 P8 O1 O2",
	"occipital": "Oz O1 O2 PO3 POz PO7 PO8 PO4",
}

func rest(t testing.TB, channels string, rate, seconds float64, seed uint64) decoders.Signal {
	t.Helper()
	s, err := synthetic.Rest(synthetic.Config{Channels: strings.Fields(channels), Rate: rate, Seed: seed}, seconds, false)
	if err != nil {
		t.Fatal(err)
	}
	return s.Signal
}

func spoiled(t testing.TB, sig decoders.Signal, a synthetic.Artifact, channel string, seed uint64) decoders.Signal {
	t.Helper()
	a.Channels, a.Seed = []string{channel}, seed
	out, err := synthetic.Inject(sig, a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestEveryFaultIsFound spoils each channel in each way, at several rates and units, and holds that it is named and no other is.
func TestEveryFaultIsFound(t *testing.T) {
	t.Parallel()
	for name, montage := range montages {
		for k, rate := range []float64{128, 160, 250} {
			if race.Enabled && rate != 160 {
				continue
			}
			for _, f := range faults {
				for c, channel := range strings.Fields(montage) {
					seed := uint64(100*k + c)
					sig := spoiled(t, rest(t, montage, rate, 4, seed), f.artifact, channel, seed)
					unit := []float64{1, 1e-3, 30}[c%3] // the rules compare channels, whatever the unit is
					sig.Data.Scale(unit, sig.Data)
					for i, got := range contact.Assess(sig, nil) {
						switch {
						case i == c && !slices.Contains(f.is, got):
							t.Errorf("%s at %g Hz, unit %g µV, %s of %s: %q", f.name, rate, unit, channel, name, got)
						case i != c && got != "":
							t.Errorf("%s at %g Hz, unit %g µV, %s of %s: %s is called %q", f.name, rate, unit, channel, name, sig.Channels[i], got)
						}
					}
				}
			}
		}
	}
}

// TestPartsOfAClip holds that a channel counts as lost once a quarter of the clip is.
func TestPartsOfAClip(t *testing.T) {
	t.Parallel()
	sig := rest(t, montages["unicorn"], 250, 4, 7)
	for _, f := range []struct {
		seconds float64
		want    eeg.ChannelFault
	}{{0.4, ""}, {1.6, eeg.FaultFlat}, {3, eeg.FaultFlat}} {
		if got := contact.Assess(spoiled(t, sig, synthetic.Artifact{Kind: synthetic.Flat, Start: 0.5, Seconds: f.seconds}, "Cz", 1), nil)[2]; got != f.want {
			t.Errorf("%g of 4 s: %q, want %q", f.seconds, got, f.want)
		}
	}
}

// TestCleanClipsHaveNoFault counts the channels of clean clips that are called bad: an electrode that is left out costs answers.
func TestCleanClipsHaveNoFault(t *testing.T) {
	t.Parallel()
	for name, montage := range montages {
		bad, channels := 0, 0
		for seed := range uint64(40) {
			sig := rest(t, montage, 250, 4, 1000+seed)
			if seed%2 == 1 { // a blink and a contraction are not a fault of an electrode
				for _, a := range []synthetic.Artifact{{Kind: synthetic.Blink, PeakUV: 150}, {Kind: synthetic.Muscle, SNR: 0}} {
					if out, err := synthetic.Inject(sig, a); err == nil {
						sig = out
					}
				}
			}
			for _, f := range contact.Assess(sig, nil) {
				channels++
				if f != "" {
					bad++
				}
			}
		}
		if 200*bad > channels {
			t.Errorf("%s: %d of %d channels of clean clips are called bad", name, bad, channels)
		}
	}
}

// expecting is a model of two channels with this covariance.
func expecting(cov ...float64) func() *mat.SymDense {
	return func() *mat.SymDense { return mat.NewSymDense(2, cov) }
}

// TestTwoChannels holds that of two channels that should covary and do not, neither is believed; and that without a model's word nothing is
// said, since the two may be far apart.
func TestTwoChannels(t *testing.T) {
	t.Parallel()
	sig := spoiled(t, rest(t, "C3 C4", 250, 4, 3), synthetic.Artifact{Kind: synthetic.Noise}, "C3", 3)
	if got := contact.Assess(sig, nil); got[0] != "" || got[1] != "" {
		t.Errorf("without a model: %q", got)
	}
	if got := contact.Assess(sig, expecting(4, 6, 6, 16)); got[0] != eeg.FaultNoise || got[1] != eeg.FaultNoise {
		t.Errorf("with a model that expects 0.75: %q", got)
	}
	if got := contact.Assess(sig, expecting(4, 1, 1, 16)); got[0] != "" || got[1] != "" {
		t.Errorf("with a model of electrodes that share nothing: %q", got)
	}
}

// TestAssessTakesAnything feeds shapes and numbers that are not EEG.
func TestAssessTakesAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows, n := rapid.IntRange(1, 6).Draw(t, "rows"), rapid.IntRange(1, 400).Draw(t, "samples")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		x := mat.NewDense(rows, n, nil)
		odd := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 1, 1e-300, 1e300, 1e7}), 3, 3).Draw(t, "values")
		x.Apply(func(i, j int, _ float64) float64 {
			if i < len(odd) {
				return odd[i] * rng.NormFloat64()
			}
			return odd[j%3]
		}, x)
		rate := rapid.SampledFrom([]float64{0, 1, 19, 64, 250, 20_000}).Draw(t, "rate")
		sig := decoders.Signal{Data: x, Rate: rate}
		first := fmt.Sprint(contact.Assess(sig, nil))
		if again := fmt.Sprint(contact.Assess(sig, nil)); again != first {
			t.Fatalf("%s, then %s", first, again)
		}
	})
}
