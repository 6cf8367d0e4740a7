package features_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// TestArtifactsAreToldFromClean injects each artifact at a known strength into windows of synthetic EEG and holds the
// AUC of its score against the same windows without it.
func TestArtifactsAreToldFromClean(t *testing.T) {
	t.Parallel()
	const windows = 120
	scores := map[synthetic.ArtifactKind]func(*features.Window) float64{
		synthetic.Blink:    func(w *features.Window) float64 { return w.Artifacts.BlinkLike },
		synthetic.Muscle:   func(w *features.Window) float64 { return w.Artifacts.EMGLike },
		synthetic.Motion:   func(w *features.Window) float64 { return w.Artifacts.MotionLike },
		synthetic.Mains:    func(w *features.Window) float64 { return w.Artifacts.BadContact },
		synthetic.Flat:     func(w *features.Window) float64 { return w.Artifacts.BadContact },
		synthetic.Clipping: func(w *features.Window) float64 { return w.Artifacts.BadContact },
	}
	for _, tt := range []struct {
		kind synthetic.ArtifactKind
		snr  float64 // dB, RMS from its start to the end of the window in the strongest channel
	}{
		{synthetic.Blink, 10}, {synthetic.Blink, 12}, {synthetic.Muscle, 6}, {synthetic.Motion, 12}, {synthetic.Motion, 15},
		{synthetic.Mains, 3}, {synthetic.Mains, 20}, {synthetic.Flat, 0}, {synthetic.Clipping, 0},
	} {
		var got []float64
		var is []bool
		for seed := range uint64(windows) {
			clean, err := synthetic.Rest(synthetic.Config{Seed: seed}, 2, seed%2 == 0)
			if err != nil {
				t.Fatal(err)
			}
			a := synthetic.Artifact{Kind: tt.kind, SNR: tt.snr, Seed: seed, Period: 10}
			if tt.kind == synthetic.Blink || tt.kind == synthetic.Motion {
				a.Start = 0.2 + float64(seed)/windows // anywhere but at the edges
			}
			hit, err := synthetic.Inject(clean.Signal, a)
			if err != nil {
				t.Fatal(err)
			}
			for i, sig := range []decoders.Signal{clean.Signal, hit} {
				var w features.Window
				if err := features.Compute(&w, sig); err != nil {
					t.Fatal(err)
				}
				got, is = append(got, scores[tt.kind](&w)), append(is, i == 1)
			}
		}
		auc := classify.AUC(got, is)
		t.Logf("%-8s at %2.0f dB: AUC %.3f", tt.kind, tt.snr, auc)
		if auc < 0.95 {
			t.Errorf("%s at %v dB: AUC %.3f, want 0.95", tt.kind, tt.snr, auc)
		}
	}
}

func openFile(t testing.TB, file string) *recording.Recording {
	t.Helper()
	r, err := formats.OpenFS(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run opens one run of a subject's archive.
func run(t testing.TB, archive, name string) decoders.Signal {
	t.Helper()
	for _, r := range readertest.Archive(t, archive, name+".edf") {
		sig, err := r.Signal()
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	t.Skipf("NEUROD_EEG_DATA: %s has no run %s: this test was NOT run", archive, name)
	return decoders.Signal{}
}

// windowsOf computes all whole windows of a signal.
func windowsOf(t testing.TB, sig decoders.Signal) []features.Window {
	t.Helper()
	e := extractor(t, features.Config{Rate: sig.Rate, Channels: sig.Channels})
	rows, n := sig.Data.Dims()
	var out []features.Window
	for from := 0; from+e.Samples() <= n; from += e.Samples() {
		var w features.Window
		if err := e.Compute(&w, sig.Data.Slice(0, rows, from, from+e.Samples()).(*mat.Dense)); err != nil {
			t.Fatal(err)
		}
		out = append(out, w)
	}
	return out
}

func TestEqualsScipyOnRecordings(t *testing.T) {
	t.Parallel()
	archive := eegdata.File(t, "motor_imagery/eegmmidb/S001.zip")
	for _, n := range goldens(t).Recorded {
		sig := run(t, archive, n.Run)
		rows, _ := sig.Data.Dims()
		var w features.Window
		from := n.Start * int(sig.Rate)
		sig.Data = sig.Data.Slice(0, rows, from, from+2*int(sig.Rate)).(*mat.Dense)
		if err := features.Compute(&w, sig); err != nil {
			t.Fatal(err)
		}
		n.check(t, &w)
	}
}

// TestAlphaRisesWithClosedEyes: alpha on O1 of S001 rises at least eight times (SOURCE: 11.8 times as PSD).
func TestAlphaRisesWithClosedEyes(t *testing.T) {
	t.Parallel()
	archive := eegdata.File(t, "motor_imagery/eegmmidb/S001.zip")
	mean := func(name string) float64 {
		sum, n := 0.0, 0
		for _, w := range windowsOf(t, run(t, archive, name)) {
			for _, c := range w.Channels {
				if c.Name == "O1" {
					sum += float64(c.BandPower.Alpha)
					n++
				}
			}
		}
		return sum / float64(n)
	}
	open, closed := mean("S001R01"), mean("S001R02")
	t.Logf("alpha on O1: %.0f µV² with open eyes, %.0f µV² with closed: × %.1f", open, closed, closed/open)
	if closed < 8*open {
		t.Errorf("alpha rises %.1f times", closed/open)
	}
}

// clean reports whether a window is clean by the usual rejection rule of laboratories, independent of the scores: on three
// quarters of the channels at most 200 µV peak to peak, and no hum to speak of.
func clean(w *features.Window) bool {
	quiet := 0
	for _, c := range w.Channels {
		if c.PeakToPeak < 200 && c.LineShare < 0.3 {
			quiet++
		}
	}
	return 4*quiet >= 3*len(w.Channels)
}

// TestCleanRecordingsPassTheGate: at most 5 % of the windows of rest, and of the clean windows of an imagery run of every
// subject, fail.
func TestCleanRecordingsPassTheGate(t *testing.T) {
	t.Parallel()
	failed, total := 0, 0
	for _, name := range []string{"S001R01", "S001R02"} {
		blinks, n := 0, 0
		for _, w := range windowsOf(t, run(t, eegdata.File(t, "motor_imagery/eegmmidb/S001.zip"), name)) {
			n++
			if !w.Gate.Passed {
				failed++
				t.Logf("%s: %v", name, w.Gate.Reasons)
			}
			if w.Artifacts.BlinkLike >= 0.5 {
				blinks++
			}
		}
		total += n
		t.Logf("%s: blink-like in %d of %d windows", name, blinks, n)
	}
	t.Logf("rest: %d of %d windows fail the gate", failed, total)
	if 20*failed > total {
		t.Errorf("%d of %d windows of rest fail the gate", failed, total)
	}
	failed, total = 0, 0
	for _, archive := range eegdata.Glob(t, "motor_imagery/eegmmidb/*.zip") {
		subject := strings.TrimSuffix(filepath.Base(archive), ".zip")
		bad, fine, all := 0, 0, 0
		for _, w := range windowsOf(t, run(t, archive, subject+"R04")) {
			all++
			if !clean(&w) {
				continue
			}
			fine++
			if !w.Gate.Passed {
				bad++
			}
		}
		failed, total = failed+bad, total+fine
		t.Logf("%sR04: %d of %d windows are clean, %d of these fail", subject, fine, all, bad)
	}
	t.Logf("imagery: %d of %d clean windows fail the gate", failed, total)
	if 20*failed > total {
		t.Errorf("%d of %d clean windows of imagery runs fail the gate", failed, total)
	}
}

// TestBlinksAreFound: one voluntary blink in each 2-s block of the Muse files, and blinks throughout the 11 s of the
// other recording.
func TestBlinksAreFound(t *testing.T) {
	t.Parallel()
	hits := func(sig decoders.Signal) (hit, all int) {
		for _, w := range windowsOf(t, sig) {
			all++
			if w.Artifacts.BlinkLike >= 0.5 {
				hit++
			}
		}
		return hit, all
	}
	signal := func(file string, rate float64) decoders.Signal {
		t.Helper()
		r := openFile(t, file)
		r.SetRate(rate)
		sig, err := r.Signal()
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	for _, file := range eegdata.Glob(t, "artifacts/blink_muse/*.csv") {
		hit, all := hits(signal(file, 255))
		t.Logf("%s: %d of %d blinks found", filepath.Base(file), hit, all)
		if 10*hit < 9*all {
			t.Errorf("%s: %d of %d blinks found", filepath.Base(file), hit, all)
		}
	}
	for _, file := range eegdata.Glob(t, "artifacts/blink_pyriemann/*.gz") {
		hit, all := hits(signal(file, 128))
		t.Logf("%s: %d of %d windows with a blink", filepath.Base(file), hit, all)
		if hit < all {
			t.Errorf("%s: %d of %d windows with a blink", filepath.Base(file), hit, all)
		}
	}
}

// TestCytonRecording follows a recording of blinks (4-8 and 16-20 s, channels 1 and 2), jaw clenches (8-15 s) and closed
// eyes (28-76 s, channels 7 and 8), with strong hum on all channels.
func TestCytonRecording(t *testing.T) {
	t.Parallel()
	sig, err := openFile(t, eegdata.File(t, "headsets/openbci/OpenBCI_GUI-v6-blinks-jawClench-alpha.txt")).Signal()
	if err != nil {
		t.Fatal(err)
	}
	windows := windowsOf(t, sig)
	mean := func(from, to int, f func(w *features.Window) float64) float64 {
		sum := 0.0
		for k := from / 2; k < to/2; k++ {
			sum += f(&windows[k])
		}
		return sum / float64(to/2-from/2)
	}
	emg := func(w *features.Window) float64 { return w.Artifacts.EMGLike }
	blink := func(w *features.Window) float64 { return w.Artifacts.BlinkLike }
	back := func(w *features.Window) float64 {
		return float64(w.Channels[6].BandPower.Alpha+w.Channels[7].BandPower.Alpha) / 2
	}
	front := func(w *features.Window) float64 {
		return float64(w.Channels[0].BandPower.Alpha+w.Channels[1].BandPower.Alpha) / 2
	}
	clench, quiet := mean(8, 14, emg), mean(28, 76, emg)
	t.Logf("emg_like: clenched %.2f, closed eyes %.2f", clench, quiet)
	if clench < 0.5 || quiet > 0.2 {
		t.Error("jaw clenches are not seen")
	}
	blinking, still := mean(4, 6, blink), mean(28, 76, blink)
	t.Logf("blink_like: %.2f while blinking, %.2f with closed eyes", blinking, still)
	if blinking < 0.8 || still > 0.1 {
		t.Error("blinks are not seen")
	}
	rear, fore := mean(28, 76, back), mean(28, 76, front)
	t.Logf("alpha with closed eyes: back %.0f µV², front %.0f µV²; back before, at 20-26 s, %.0f µV²", rear, fore, mean(20, 26, back))
	if rear < 2*fore || rear < 1.5*mean(20, 26, back) {
		t.Error("alpha over the back is not seen")
	}
	hum := mean(28, 76, func(w *features.Window) float64 { return w.Channels[7].LineShare })
	if hum < 0.9 || windows[20].Gate.Passed {
		t.Errorf("hum with %.2f of the power passes the gate", hum)
	}
}
