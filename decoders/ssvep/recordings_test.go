package ssvep_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// trial is one labelled segment of a recording.
type trial struct {
	file   string
	label  string // the flicker looked at, or ssvep.NoTarget at rest
	signal decoders.Signal
}

// set is a dataset: trials that share stimuli and a window.
type set struct {
	name    string
	targets []eeg.Target
	skip    float64 // s from the cue to the window of the reference figures
	seconds float64
	trials  []trial
}

func open(t testing.TB, file string) *recording.Recording {
	t.Helper()
	r, err := formats.OpenFS(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// clip returns the s seconds after an event, or false where the recording ends before.
func clip(sig decoders.Signal, onset, s float64) (decoders.Signal, bool) {
	from, n := int(onset*sig.Rate+.5), int(s*sig.Rate+.5)
	rows, have := sig.Data.Dims()
	if from+n > have {
		return decoders.Signal{}, false
	}
	sig.Data = sig.Data.Slice(0, rows, from, from+n).(*mat.Dense)
	return sig, true
}

// exoskeleton reads the trials of 13, 17 and 21 Hz and rest (Kalunga et al. 2016).
func exoskeleton(t testing.TB) set {
	t.Helper()
	s := set{name: "exoskeleton", skip: 0.5, seconds: 4, targets: []eeg.Target{
		{Label: "13", Frequency: 13}, {Label: "17", Frequency: 17}, {Label: "21", Frequency: 21},
	}}
	names := map[int]string{33024: ssvep.NoTarget, 33025: "13", 33026: "21", 33027: "17"}
	for _, file := range eegdata.Glob(t, "ssvep/exoskeleton/*.gdf") {
		r := open(t, file)
		sig, err := r.Signal()
		if err != nil {
			t.Fatal(err)
		}
		label := ""
		for _, e := range r.Events {
			if name, ok := names[e.Code]; ok {
				label = name
			}
			if e.Code != 32779 || label == "" {
				continue
			}
			if part, ok := clip(sig, e.Onset, 5); ok {
				s.trials = append(s.trials, trial{filepath.Base(file), label, part})
			}
		}
	}
	return s
}

// muse reads the trials of 20 and 30 Hz from the one electrode over the occiput.
func muse(t testing.TB) set {
	t.Helper()
	s := set{name: "muse", skip: 0.5, seconds: 2.5, targets: []eeg.Target{
		{Label: "30", Frequency: 30}, {Label: "20", Frequency: 20},
	}}
	for _, file := range eegdata.Glob(t, "ssvep/muse/*.csv") {
		r := open(t, file)
		sig, err := r.Signal("Right AUX")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Events {
			if e.Code != 1 && e.Code != 2 {
				continue
			}
			if part, ok := clip(sig, e.Onset, 3); ok {
				s.trials = append(s.trials, trial{filepath.Base(file), map[int]string{1: "30", 2: "20"}[e.Code], part})
			}
		}
	}
	return s
}

func decoder(t testing.TB, cfg ssvep.Config) *ssvep.Decoder {
	t.Helper()
	d, err := ssvep.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (s set) input(tr trial) *decoders.Input {
	return &decoders.Input{Signal: tr.signal, Stimulus: decoders.Stimulus{Targets: s.targets}}
}

// decodeAll returns the result of every trial.
func (s set) decodeAll(t testing.TB, d *ssvep.Decoder) []*decoders.Result {
	t.Helper()
	out := make([]*decoders.Result, len(s.trials))
	for i, tr := range s.trials {
		res, err := d.Decode(t.Context(), s.input(tr))
		if err != nil {
			t.Fatalf("%s, trial %d: %v", tr.file, i, err)
		}
		out[i] = res
	}
	return out
}

// tally counts, a file, the trials with a target and those where the best target is the right one.
type tally struct {
	files         []string
	right, trials map[string]int
}

func (c *tally) add(file string, ok bool) {
	if c.trials == nil {
		c.right, c.trials = map[string]int{}, map[string]int{}
	}
	if c.trials[file] == 0 {
		c.files = append(c.files, file)
	}
	c.trials[file]++
	if ok {
		c.right[file]++
	}
}

func (c *tally) total() (right, trials int) {
	for _, f := range c.files {
		right, trials = right+c.right[f], trials+c.trials[f]
	}
	return right, trials
}

func (c *tally) String() string {
	out := ""
	for _, f := range c.files {
		out += fmt.Sprintf("  %s %d/%d", f, c.right[f], c.trials[f])
	}
	right, trials := c.total()
	return fmt.Sprintf("%s  total %d/%d = %.3f", out, right, trials, float64(right)/float64(trials))
}

// forced counts the trials whose best target is the right one, whatever the verdict on no target.
func (s set) forced(results []*decoders.Result) *tally {
	c := &tally{}
	for i, tr := range s.trials {
		if tr.label != ssvep.NoTarget {
			c.add(tr.file, results[i].Evidence["best_target"] == tr.label)
		}
	}
	return c
}
