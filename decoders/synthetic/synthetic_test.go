package synthetic_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// makers are all generators with their defaults.
var makers = map[string]func(synthetic.Config) (synthetic.Session, error){
	"rest":   func(c synthetic.Config) (synthetic.Session, error) { return synthetic.Rest(c, 30, false) },
	"closed": func(c synthetic.Config) (synthetic.Session, error) { return synthetic.Rest(c, 30, true) },
	"imagery": func(c synthetic.Config) (synthetic.Session, error) {
		return synthetic.MotorImagery(c, synthetic.ImageryConfig{TrialsPerClass: 5})
	},
	"speller": func(c synthetic.Config) (synthetic.Session, error) {
		return synthetic.Speller(c, synthetic.SpellerConfig{Repetitions: 3})
	},
	"ssvep": func(c synthetic.Config) (synthetic.Session, error) {
		return synthetic.SSVEP(c, synthetic.FlickerConfig{TrialsPerTarget: 2, RestTrials: 2})
	},
	"seizure": func(c synthetic.Config) (synthetic.Session, error) {
		return synthetic.Seizure(c, synthetic.SeizureConfig{})
	},
}

// motor is a small montage, for speed under the race detector.
var motor = []string{"C3", "Cz", "C4"}

func row(s decoders.Signal, name string) []float64 {
	return s.Data.RawRowView(slices.Index(s.Channels, name))
}

// power is the mean power of a channel between lo and hi Hz, µV².
func power(x []float64, rate, lo, hi float64) float64 {
	c := fourier.NewFFT(len(x)).Coefficients(nil, x)
	sum := 0.0
	for i, v := range c {
		if f := float64(i) * rate / float64(len(x)); f >= lo && f < hi {
			sum += 2 * (real(v)*real(v) + imag(v)*imag(v))
		}
	}
	return sum / float64(len(x)) / float64(len(x))
}

func TestSameSeedSameSamples(t *testing.T) {
	t.Parallel()
	for name, makeIt := range makers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := makeIt(synthetic.Config{Seed: 7})
			if err != nil {
				t.Fatal(err)
			}
			b, _ := makeIt(synthetic.Config{Seed: 7})
			if !mat.Equal(a.Data, b.Data) || !slices.Equal(a.Events, b.Events) || !slices.Equal(a.Targets, b.Targets) {
				t.Error("the same seed gives another session")
			}
			c, _ := makeIt(synthetic.Config{Seed: 8})
			if r := stat.Correlation(row(a.Signal, "Fp1"), row(c.Signal, "Fp1"), nil); name != "seizure" && math.Abs(r) > 0.2 {
				t.Errorf("other seeds correlate by %g", r)
			}
			rows, n := a.Data.Dims()
			if rows != 19 || len(a.Channels) != 19 || a.Rate != 250 {
				t.Errorf("%d rows, %d names, %g Hz", rows, len(a.Channels), a.Rate)
			}
			for i := range rows {
				for k, v := range a.Data.RawRowView(i) {
					if math.IsNaN(v) || math.Abs(v) > 1000 {
						t.Fatalf("%s sample %d is %g", a.Channels[i], k, v)
					}
				}
			}
			for i, e := range a.Events {
				if e.Onset < 0 || e.Onset > float64(n)/a.Rate || i > 0 && e.Onset < a.Events[i-1].Onset {
					t.Errorf("event %d at %g of %g s", i, e.Onset, a.Seconds())
				}
			}
		})
	}
}

func TestBackgroundIsPinkAndSpreads(t *testing.T) {
	t.Parallel()
	s, err := synthetic.Rest(synthetic.Config{Seed: 1, AlphaUV: 1e-9}, 120, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range s.Channels {
		x := row(s.Signal, name)
		if sd := stat.StdDev(x, nil); math.Abs(sd-10) > 1.5 {
			t.Errorf("%s: SD %g µV, want 10", name, sd)
		}
		// Power 1/f: each octave holds the same. The white noise of the electrode adds to the upper one.
		if ratio := power(x, 250, 2, 4) / power(x, 250, 4, 8); ratio < 0.6 || ratio > 1.5 {
			t.Errorf("%s: octave 2-4 Hz has %g of octave 4-8 Hz", name, ratio)
		}
	}
	near := stat.Correlation(row(s.Signal, "C3"), row(s.Signal, "Cz"), nil)
	far := stat.Correlation(row(s.Signal, "F7"), row(s.Signal, "O2"), nil)
	if near < 0.3 || near < far+0.2 {
		t.Errorf("neighbors correlate by %g, distant electrodes by %g", near, far)
	}
}

func TestEyesClosedRaisesAlphaAtTheBack(t *testing.T) {
	t.Parallel()
	open, _ := synthetic.Rest(synthetic.Config{Seed: 2}, 60, false)
	closed, err := synthetic.Rest(synthetic.Config{Seed: 2}, 60, true)
	if err != nil {
		t.Fatal(err)
	}
	ratio := func(name string) float64 {
		return power(row(closed.Signal, name), 250, 8, 13) / power(row(open.Signal, name), 250, 8, 13)
	}
	if o1, fp1 := ratio("O1"), ratio("Fp1"); o1 < 8 || fp1 > 2 {
		t.Errorf("alpha rises %g times at O1 and %g times at Fp1", o1, fp1)
	}
}

// The difference of log power between C3 and C4 tells the hands apart, and only where there is imagery.
func TestImageryIsLateralized(t *testing.T) {
	t.Parallel()
	for _, none := range []bool{false, true} {
		s, err := synthetic.MotorImagery(synthetic.Config{Seed: 3, Channels: motor}, synthetic.ImageryConfig{TrialsPerClass: 40, NoImagery: none})
		if err != nil {
			t.Fatal(err)
		}
		right := 0
		for i, e := range s.Events {
			at := func(name string) float64 {
				from := int((e.Onset + 0.7) * s.Rate)
				return math.Log(power(row(s.Signal, name)[from:from+int(2.9*s.Rate)], s.Rate, 8, 13))
			}
			guess := "left"
			if at("C3") < at("C4") {
				guess = "right"
			}
			if guess == s.Labels[i] {
				right++
			}
			if e.Label != s.Labels[i] || e.Code != map[string]int{"left": 769, "right": 770}[e.Label] {
				t.Errorf("event %+v of class %s", e, s.Labels[i])
			}
		}
		if accuracy := float64(right) / 80; !none && accuracy < 0.85 || none && math.Abs(accuracy-0.5) > 0.2 {
			t.Errorf("accuracy %g with NoImagery %v", accuracy, none)
		}
	}
}

func TestFeetDesynchronizeCz(t *testing.T) {
	t.Parallel()
	s, err := synthetic.MotorImagery(synthetic.Config{Seed: 4, Channels: motor}, synthetic.ImageryConfig{Classes: []string{"hands", "feet"}, TrialsPerClass: 30})
	if err != nil {
		t.Fatal(err)
	}
	mean := map[string]float64{}
	for _, e := range s.Events {
		from := int((e.Onset + 0.7) * s.Rate)
		x := func(name string) float64 {
			return math.Log(power(row(s.Signal, name)[from:from+int(2.9*s.Rate)], s.Rate, 9, 14)) / 30
		}
		mean[e.Label+" Cz"] += x("Cz")
		mean[e.Label+" C3"] += x("C3")
	}
	if mean["feet Cz"] > mean["hands Cz"]-0.3 || mean["hands C3"] > mean["feet C3"]-0.3 {
		t.Errorf("mean log power: %v", mean)
	}
}

func TestTargetsOfTheSpellerEvokeAP300(t *testing.T) {
	t.Parallel()
	s, err := synthetic.Speller(synthetic.Config{Seed: 5}, synthetic.SpellerConfig{Text: "AZ_", Repetitions: 15})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Events) != 3*12*15 || len(s.Targets) != len(s.Events) || fmt.Sprint(s.Labels) != "[A Z _]" {
		t.Fatalf("%d events, %d targets, letters %v", len(s.Events), len(s.Targets), s.Labels)
	}
	pz := row(s.Signal, "Pz")
	at := int(0.36 * s.Rate)
	var target, other []float64
	codes := map[int]int{}
	for i, e := range s.Events {
		k := int(math.Round(e.Onset * s.Rate))
		// A baseline before the flash takes the slow background away.
		v := stat.Mean(pz[k+at-5:k+at+5], nil) - stat.Mean(pz[k-25:k], nil)
		if s.Targets[i] {
			target = append(target, v)
			if i < 180 {
				codes[e.Code]++
			}
		} else {
			other = append(other, v)
		}
	}
	// A is in column 1 and row 1, whose code is 7; two targets a repetition.
	if len(target) != 90 || codes[1] != 15 || codes[7] != 15 {
		t.Errorf("%d targets, codes of the first letter %v", len(target), codes)
	}
	// Overlapping responses of other targets and the baseline take a part of the 8 µV.
	if d := stat.Mean(target, nil) - stat.Mean(other, nil); d < 4 || d > 12 {
		t.Errorf("targets are %g µV above the others at Pz", d)
	}
}

func TestFlickerIsInTheSpectrum(t *testing.T) {
	t.Parallel()
	s, err := synthetic.SSVEP(synthetic.Config{Seed: 6, Channels: []string{"O1", "Oz", "O2", "Fz"}}, synthetic.FlickerConfig{RestTrials: 6})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Events) != 30 || len(s.Stimulus.Targets) != 4 {
		t.Fatalf("%d events, %d targets", len(s.Events), len(s.Stimulus.Targets))
	}
	var first, second, beside float64
	for i, e := range s.Events {
		from := int(math.Round((e.Onset + 0.5) * s.Rate))
		x := row(s.Signal, "Oz")[from : from+int(3*s.Rate)] // 1/3 Hz a bin
		peak := func(f float64) float64 { return power(x, s.Rate, f-0.1, f+0.1) }
		if e.Code == 0 {
			if e.Label != synthetic.RestLabel || s.Labels[i] != synthetic.RestLabel {
				t.Errorf("rest is labeled %q", e.Label)
			}
			continue
		}
		f := s.Stimulus.Targets[e.Code-1].Frequency
		first += peak(f) / 24
		second += peak(2*f) / 24
		beside += peak(f+1) / 24
	}
	// A sine of 4 µV has 8 µV² in its bin, the second harmonic a quarter of that; the background adds some.
	if first < 7 || first > 10 || second < 1.8 || second > 3 || beside > 2 {
		t.Errorf("on average %g µV² at the frequency, %g at its double, %g beside it", first, second, beside)
	}
}

func TestSeizureIsThreePerSecond(t *testing.T) {
	t.Parallel()
	s, err := synthetic.Seizure(synthetic.Config{Seed: 7}, synthetic.SeizureConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Events) != 2 || s.Events[0].Onset != 60 || s.Events[1].Onset != 80 || s.Events[0].Label != "seizure_onset" {
		t.Fatalf("events %v", s.Events)
	}
	during, before := int(62*s.Rate), int(30*s.Rate)
	n := int(16 * s.Rate)
	for _, name := range s.Channels {
		x := row(s.Signal, name)
		if ratio := stat.StdDev(x[during:during+n], nil) / stat.StdDev(x[before:before+n], nil); ratio < 1.5 {
			t.Errorf("%s: amplitude rises only %g times", name, ratio)
		}
	}
	fz := row(s.Signal, "Fz")[during : during+n]
	if share := power(fz, s.Rate, 2.5, 3.5) / power(fz, s.Rate, 0.5, 2.5); share < 3 {
		t.Errorf("2.5-3.5 Hz holds only %g times the slower power", share)
	}
	if largest := slices.Max(row(s.Signal, "Fz")) - slices.Min(row(s.Signal, "Fz")); largest < 200 || largest > 500 {
		t.Errorf("%g µV from peak to peak", largest)
	}
}

func TestArtifactsHaveTheStatedStrength(t *testing.T) {
	t.Parallel()
	rest, err := synthetic.Rest(synthetic.Config{Seed: 8}, 20, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []synthetic.ArtifactKind{synthetic.Blink, synthetic.Muscle, synthetic.Motion, synthetic.Mains} {
		for _, snr := range []float64{-6, 0, 12} {
			got, err := synthetic.Inject(rest.Signal, synthetic.Artifact{Kind: kind, Start: 5, Seconds: 8, SNR: snr, Seed: 1})
			if err != nil {
				t.Fatal(err)
			}
			for c := range rest.Channels {
				before, after := rest.Data.RawRowView(c), got.Data.RawRowView(c)
				for i := range before {
					if (i < 1250 || i >= 3250) && before[i] != after[i] {
						t.Fatalf("%s changes sample %d outside its time", kind, i)
					}
				}
				var sum float64
				for i := 1250; i < 3250; i++ {
					sum += (after[i] - before[i]) * (after[i] - before[i])
				}
				rms := math.Sqrt(sum / 2000)
				sd := stat.PopStdDev(before[1250:3250], nil)
				if level := 20 * math.Log10(rms/sd); c == strongest(rest.Signal, got) && math.Abs(level-snr) > 1e-6 {
					t.Errorf("%s at %g dB is %g dB in %s", kind, snr, level, rest.Channels[c])
				}
			}
		}
		got, err := synthetic.Inject(rest.Signal, synthetic.Artifact{Kind: kind, PeakUV: 120})
		if err != nil {
			t.Fatal(err)
		}
		peak := 0.0
		for c := range rest.Channels {
			for i, v := range rest.Data.RawRowView(c) {
				peak = max(peak, math.Abs(got.Data.At(c, i)-v))
			}
		}
		if math.Abs(peak-120) > 1e-9 {
			t.Errorf("%s of 120 µV has %g", kind, peak)
		}
	}
}

// strongest is the channel that an artifact changed most.
func strongest(before, after decoders.Signal) int {
	best, at := 0.0, 0
	for c := range before.Channels {
		sum := 0.0
		for i, v := range before.Data.RawRowView(c) {
			d := after.Data.At(c, i) - v
			sum += d * d
		}
		if sum > best {
			best, at = sum, c
		}
	}
	return at
}

func TestArtifactsAreWhereTheyBelong(t *testing.T) {
	t.Parallel()
	rest, _ := synthetic.Rest(synthetic.Config{Seed: 9}, 20, false)
	change := func(kind synthetic.ArtifactKind, channel string) float64 {
		got, err := synthetic.Inject(rest.Signal, synthetic.Artifact{Kind: kind, PeakUV: 100})
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i, v := range row(rest.Signal, channel) {
			d := row(got, channel)[i] - v
			sum += d * d
		}
		return sum
	}
	if change(synthetic.Blink, "Fp1") < 20*change(synthetic.Blink, "O1") {
		t.Error("blinks are not frontal")
	}
	if change(synthetic.Muscle, "T7") < 3*change(synthetic.Muscle, "Cz") {
		t.Error("muscle is not temporal")
	}
	flat, err := synthetic.Inject(rest.Signal, synthetic.Artifact{Kind: synthetic.Flat, Channels: []string{"Pz"}})
	if err != nil || stat.StdDev(row(flat, "Pz"), nil) != 0 || stat.StdDev(row(flat, "O1"), nil) == 0 {
		t.Errorf("flat electrode: %v", err)
	}
	clipped, err := synthetic.Inject(rest.Signal, synthetic.Artifact{Kind: synthetic.Clipping, Channels: []string{"Pz"}, Share: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	x := row(clipped, "Pz")
	lo, hi, held := slices.Min(x), slices.Max(x), 0
	for _, v := range x {
		if v == lo || v == hi {
			held++
		}
	}
	if share := float64(held) / float64(len(x)); math.Abs(share-0.2) > 0.01 {
		t.Errorf("%g of the samples are held at the limits, want 0.2", share)
	}
	hum, err := synthetic.Inject(rest.Signal, synthetic.Artifact{Kind: synthetic.Mains, Frequency: 60, PeakUV: 50})
	if err != nil || power(row(hum, "Cz"), 250, 59.5, 60.5) < 100*power(row(hum, "Cz"), 250, 55, 56) {
		t.Errorf("hum: %v", err)
	}
}

func TestOtherMontagesAndRates(t *testing.T) {
	t.Parallel()
	channels := []string{"TP9", "AF7", "AF8", "TP10", "FC5", "PO7", "Iz", "A1", "M2", "T3", "CPz", "F9", "FT10"}
	s, err := synthetic.Rest(synthetic.Config{Channels: channels, Rate: 256, Seed: 1}, 10, true)
	if err != nil || s.Samples() != 2560 {
		t.Fatalf("%d samples, %v", s.Samples(), err)
	}
	// Left and right mirror each other: alpha is as strong on both sides.
	l, r := power(row(s.Signal, "TP9"), 256, 8, 13), power(row(s.Signal, "TP10"), 256, 8, 13)
	if l/r > 4 || r/l > 4 {
		t.Errorf("alpha of %g µV² at TP9 and %g at TP10", l, r)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	rest, _ := synthetic.Rest(synthetic.Config{}, 2, false)
	_, unknown := synthetic.Rest(synthetic.Config{Channels: []string{"AUX"}}, 2, false)
	_, none := synthetic.Rest(synthetic.Config{}, 0, false)
	_, negative := synthetic.Rest(synthetic.Config{}, -1, false)
	_, endless := synthetic.Rest(synthetic.Config{}, math.Inf(1), false)
	_, rate := synthetic.Rest(synthetic.Config{Rate: math.NaN()}, 1, false)
	_, amplitude := synthetic.Rest(synthetic.Config{BackgroundUV: -1}, 1, false)
	_, class := synthetic.MotorImagery(synthetic.Config{}, synthetic.ImageryConfig{Classes: []string{"tail"}})
	_, symbol := synthetic.Speller(synthetic.Config{}, synthetic.SpellerConfig{Text: "a"})
	_, ragged := synthetic.Speller(synthetic.Config{}, synthetic.SpellerConfig{Matrix: [][]string{{"A", "B"}, {"C"}}})
	_, frequency := synthetic.SSVEP(synthetic.Config{}, synthetic.FlickerConfig{Targets: []eeg.Target{{Frequency: -1}}})
	_, outside := synthetic.Seizure(synthetic.Config{}, synthetic.SeizureConfig{Seconds: 10, Onset: 5, Duration: 6})
	_, kind := synthetic.Inject(rest.Signal, synthetic.Artifact{Kind: "sneeze", Channels: []string{"Cz"}})
	_, late := synthetic.Inject(rest.Signal, synthetic.Artifact{Kind: synthetic.Blink, Start: 3})
	_, channel := synthetic.Inject(rest.Signal, synthetic.Artifact{Kind: synthetic.Blink, Channels: []string{"X"}})
	_, empty := synthetic.Inject(decoders.Signal{}, synthetic.Artifact{Kind: synthetic.Blink})
	_, hum := synthetic.Inject(rest.Signal, synthetic.Artifact{Kind: synthetic.Mains, Frequency: 125})
	for name, err := range map[string]error{"unknown": unknown, "none": none, "negative": negative, "endless": endless, "rate": rate,
		"amplitude": amplitude, "class": class, "symbol": symbol, "ragged": ragged, "frequency": frequency, "outside": outside,
		"kind": kind, "late": late, "channel": channel, "empty": empty, "hum": hum} {
		var e *decoders.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ExampleSSVEP() {
	s, err := synthetic.SSVEP(synthetic.Config{Seed: 1}, synthetic.FlickerConfig{TrialsPerTarget: 1})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(s.Channels), "channels,", s.Seconds(), "s,", len(s.Events), "trials")
	// Output: 19 channels, 23.5 s, 4 trials
}

// TestRemix: a person's channels are linear in the others', by the same numbers for the same seed alone, and the signal that
// was given stays as it is.
func TestRemix(t *testing.T) {
	t.Parallel()
	a, err := synthetic.Rest(synthetic.Config{Channels: []string{"C3", "Cz", "C4"}, Seed: 1}, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	before := mat.DenseCopyOf(a.Data)
	x, y := synthetic.Remix(a.Signal, 5, 0.7, 0.2), synthetic.Remix(a.Signal, 6, 0.7, 0.2)
	if !mat.Equal(before, a.Data) || mat.Equal(x.Data, y.Data) || !mat.Equal(x.Data, synthetic.Remix(a.Signal, 5, 0.7, 0.2).Data) {
		t.Error("the signal changed, or two people are one, or one is two")
	}
	if same := synthetic.Remix(a.Signal, 5, 0, 0); !mat.Equal(same.Data, a.Data) {
		t.Error("without gain and cross talk it is not the same")
	}
	var double mat.Dense
	double.Scale(2, a.Data)
	b := a.Signal
	b.Data = &double
	double2 := synthetic.Remix(b, 5, 0.7, 0.2)
	var want mat.Dense
	want.Scale(2, x.Data)
	if !mat.EqualApprox(double2.Data, &want, 1e-9) {
		t.Error("not linear")
	}
}
