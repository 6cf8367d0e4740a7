package p300_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/golden"
	"github.com/neurod/neurod/internal/testkit/race"
)

type reference struct {
	Name     string    `json:"name"`
	Labels   string    `json:"labels"`
	Tests    [][]int   `json:"tests"`
	AUC      []float64 `json:"auc"`      // scikit-learn's shrinkage LDA
	XDAWNCov []float64 `json:"xdawncov"` // pyRiemann's covariances
}

type references struct {
	GTEC            []reference `json:"gtec"`
	Muse            reference   `json:"muse"`
	BCI2IIb         float64     `json:"bci2_iib"`
	BCI2IIbXDAWNCov float64     `json:"bci2_iib_xdawncov"`
}

// known reads what tools/golden/p300.py wrote.
func known(t testing.TB) references {
	t.Helper()
	return golden.Read[references](t, "flashes")
}

// run is one recording of flashes.
type run struct {
	sig     decoders.Signal
	events  []eeg.Event
	targets []bool
}

func readRun(t testing.TB, path string) run {
	t.Helper()
	rec, err := formats.OpenFS(os.DirFS(filepath.Dir(path)), filepath.Base(path))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := rec.Signal(rec.Labels()...)
	if err != nil {
		t.Fatal(err)
	}
	r := run{sig, rec.Events, rec.Targets}
	if r.targets == nil { // muse-lsl: 1 other, 2 target
		for _, e := range rec.Events {
			r.targets = append(r.targets, e.Code == 2)
		}
	}
	return r
}

func gather(t testing.TB, runs ...run) *decoders.Dataset {
	t.Helper()
	ds := p300.NewDataset(runs[0].sig.Channels, runs[0].sig.Rate)
	for i, r := range runs {
		ds.Trials = append(ds.Trials, p300.Trials(r.sig, r.events, r.targets, string(rune('a'+i)))...)
	}
	return ds
}

func subset(ds *decoders.Dataset, index []int) *decoders.Dataset {
	sub := *ds
	sub.Trials = nil
	for _, i := range index {
		sub.Trials = append(sub.Trials, ds.Trials[i])
	}
	return &sub
}

func mustTrain(t testing.TB, p decoders.Pipeline, ds *decoders.Dataset, cfg p300.Config) decoders.Trained {
	t.Helper()
	raw, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.Train(t.Context(), ds, raw)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// flashScores decodes each trial as a clip of a single flash.
func flashScores(t testing.TB, d decoders.Decoder, ds *decoders.Dataset, index []int) (scores []float64, positive []bool, probabilities [][]float64, labels []int) {
	t.Helper()
	for _, i := range index {
		res, err := d.Decode(t.Context(), &decoders.Input{
			Signal: decoders.Signal{Data: ds.Trials[i].Data, Channels: ds.Channels, Rate: ds.Rate},
			Events: []eeg.Event{{Onset: ds.Cue, Code: 1}},
		})
		if err != nil {
			t.Fatal(err)
		}
		scores = append(scores, res.Evidence["log_likelihood_ratio"].(float64))
		p := make([]float64, 2)
		for _, c := range res.Classes {
			if c.Name == p300.Target {
				p[1] = c.Probability
			} else {
				p[0] = c.Probability
			}
		}
		probabilities = append(probabilities, p)
		labels = append(labels, ds.Trials[i].Label)
		positive = append(positive, ds.Trials[i].Label == 1)
	}
	return scores, positive, probabilities, labels
}

var pipelines = []decoders.Pipeline{p300.ERPLDA(), p300.XDAWNLDA(), p300.XDAWNRxLDA(), p300.XDAWNCov()}

// measured are the pipelines that recordings are decoded with.
func measured(t testing.TB) []decoders.Pipeline {
	if race.Enabled {
		t.Log("the race detector is on: only xdawn_lda is measured; run without -race for all")
		return pipelines[1:2]
	}
	return pipelines
}

// crossValidate returns the AUC of each fold and the calibration error of all left-out flashes.
func crossValidate(t testing.TB, p decoders.Pipeline, ds *decoders.Dataset, tests [][]int, cfg p300.Config) (auc []float64, ece float64) {
	t.Helper()
	folds, err := classify.FoldsFromTests(len(ds.Trials), tests)
	if err != nil {
		t.Fatal(err)
	}
	var all [][]float64
	var truth []int
	for _, f := range folds {
		d := mustTrain(t, p, subset(ds, f.Train), cfg)
		scores, positive, prob, labels := flashScores(t, d, ds, f.Test)
		auc = append(auc, classify.AUC(scores, positive))
		all, truth = append(all, prob...), append(truth, labels...)
	}
	return auc, classify.ECE(all, truth, 10)
}

// maxECE is the calibration error that probabilities of 40 flashes or more must stay below.
const maxECE = 0.10

// defaults are the options that a pipeline takes when it is given none.
func defaults(p decoders.Pipeline) p300.Config {
	cfg := p300.DefaultConfig()
	if p.Name() == p300.XDAWNCovName {
		cfg.Components = 4
	}
	return cfg
}

// equalsPyRiemann holds xdawncov_ts_lr, without the limit on large epochs that pyRiemann does not have, to pyRiemann's
// AUC of each fold. The likelihood ratio of a flash ends at 100 and 1/100; flashes beyond are tied, which the AUC may feel
// in its third digit.
func equalsPyRiemann(t *testing.T, ds *decoders.Dataset, ref reference) {
	t.Helper()
	if race.Enabled {
		return
	}
	cfg := defaults(p300.XDAWNCov())
	cfg.Limit, cfg.Folds = 0, 2
	auc, _ := crossValidate(t, p300.XDAWNCov(), ds, ref.Tests, cfg)
	for f, want := range ref.XDAWNCov {
		if math.Abs(auc[f]-want) > 1e-3 {
			t.Errorf("%s, fold %d: xdawncov_ts_lr without limit %.4f, pyRiemann %.4f", ref.Name, f, auc[f], want)
		}
	}
	t.Logf("%s: xdawncov_ts_lr without limit %.5f, pyRiemann %.5f", ref.Name, stat.Mean(auc, nil), stat.Mean(ref.XDAWNCov, nil))
}

func checkLabels(t testing.TB, ds *decoders.Dataset, want string) {
	t.Helper()
	var b strings.Builder
	for _, tr := range ds.Trials {
		b.WriteByte(byte('0' + tr.Label))
	}
	if b.String() != want {
		t.Fatalf("%d trials with other labels than the reference's %d", b.Len(), len(want))
	}
}

// TestFlashesOfSpellers holds the pipelines to plain shrinkage LDA in scikit-learn, and xdawncov_ts_lr to pyRiemann, on
// the same folds.
func TestFlashesOfSpellers(t *testing.T) {
	t.Parallel()
	refs := known(t)
	if race.Enabled {
		t.Log("the race detector is on: one subject instead of three; run without -race for all")
		refs.GTEC = refs.GTEC[:1]
	}
	for _, ref := range refs.GTEC {
		t.Run(ref.Name, func(t *testing.T) {
			t.Parallel()
			ds := gather(t, readRun(t, eegdata.File(t, "p300/gtec/"+ref.Name+".f32")))
			checkLabels(t, ds, ref.Labels)
			want := stat.Mean(ref.AUC, nil)
			for _, p := range measured(t) {
				folds, ece := crossValidate(t, p, ds, ref.Tests, defaults(p))
				auc := stat.Mean(folds, nil)
				t.Logf("%s: %-14s AUC %.4f (scikit-learn %.4f) ECE %.3f", ref.Name, p.Name(), auc, want, ece)
				if (p.Name() == p300.XDAWNLDAName || p.Name() == p300.ERPLDAName) && auc < want {
					t.Errorf("%s: %s %.4f, plain LDA has %.4f", ref.Name, p.Name(), auc, want)
				}
				if ece > maxECE {
					t.Errorf("%s: %s has an ECE of %.3f", ref.Name, p.Name(), ece)
				}
			}
			equalsPyRiemann(t, ds, ref)
		})
	}
}

// TestFlashesOfMuse does the same for the oddball of a headset of five electrodes, whose blinks are as large as ten
// responses.
func TestFlashesOfMuse(t *testing.T) {
	t.Parallel()
	ref := known(t).Muse
	var runs []run
	for _, path := range eegdata.Glob(t, "p300/muse/"+ref.Name+"_*.csv") {
		runs = append(runs, readRun(t, path))
	}
	ds := gather(t, runs...)
	checkLabels(t, ds, ref.Labels)
	want := stat.Mean(ref.AUC, nil)
	for _, standardize := range []bool{false, true} {
		for _, p := range measured(t) {
			cfg := defaults(p)
			cfg.Standardize = standardize
			folds, ece := crossValidate(t, p, ds, ref.Tests, cfg)
			auc := stat.Mean(folds, nil)
			t.Logf("%-14s standardize %-5v AUC %.4f (scikit-learn %.4f) ECE %.3f", p.Name(), standardize, auc, want, ece)
			if auc < want {
				t.Errorf("%s, standardize %v: %.4f, plain LDA has %.4f", p.Name(), standardize, auc, want)
			}
			if ece > maxECE {
				t.Errorf("%s, standardize %v: ECE %.3f", p.Name(), standardize, ece)
			}
		}
	}
	equalsPyRiemann(t, ds, ref)
}

// matrix is the speller of the BCI2000 recordings.
var matrix = [][]string{
	{"A", "B", "C", "D", "E", "F"}, {"G", "H", "I", "J", "K", "L"}, {"M", "N", "O", "P", "Q", "R"},
	{"S", "T", "U", "V", "W", "X"}, {"Y", "Z", "1", "2", "3", "4"}, {"5", "6", "7", "8", "9", "_"},
}

// letters splits a run into its letters: between two of them no flash comes for more than 2 s.
func letters(events []eeg.Event) [][]eeg.Event {
	var out [][]eeg.Event
	for i, e := range events {
		if i == 0 || e.Onset-events[i-1].Onset > 2 {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], e)
	}
	return out
}

// TestSpells trains on a run that spells CAT and spells the next, with 1 to 15 repetitions of the 12 flashes.
func TestSpells(t *testing.T) {
	t.Parallel()
	ref := known(t)
	train := gather(t, readRun(t, eegdata.File(t, "p300/bci2_iib/AAS010R01.f32")))
	next := readRun(t, eegdata.File(t, "p300/bci2_iib/AAS010R02.f32"))
	const word = "DOG"
	spelled := letters(next.events)
	if len(spelled) != len(word) {
		t.Fatalf("%d letters in the run, want %d", len(spelled), len(word))
	}
	for _, p := range measured(t) {
		d := mustTrain(t, p, train, defaults(p))
		ds := gather(t, next)
		index := make([]int, len(ds.Trials))
		for i := range index {
			index[i] = i
		}
		scores, positive, _, _ := flashScores(t, d, ds, index)
		var right []int
		text := ""
		for n := 1; n <= 15; n++ {
			count := 0
			text = ""
			for k, events := range spelled {
				res, err := d.Decode(t.Context(), &decoders.Input{
					Signal: next.sig, Events: events[:12*n], Stimulus: decoders.Stimulus{Matrix: matrix},
				})
				if err != nil {
					t.Fatal(err)
				}
				letter := strings.TrimPrefix(res.Classes[0].Name, "letter_")
				text += letter
				if letter == word[k:k+1] {
					count++
				}
				if n == 15 {
					t.Logf("%s: %s with P = %.4f; P > 0.9 after %v repetitions; running %v", p.Name(), letter, res.Classes[0].Probability,
						res.Evidence["stopped_at_repetition"], res.Evidence["running"])
				}
			}
			right = append(right, count)
		}
		t.Logf("%-9s flashes AUC %.3f (scikit-learn, all channels %.3f); letters right of 3 after 1..15 repetitions: %v", p.Name(), classify.AUC(scores, positive), ref.BCI2IIb, right)
		if text != word {
			t.Errorf("%s spells %q with 15 repetitions, want %q", p.Name(), text, word)
		}
	}
}
