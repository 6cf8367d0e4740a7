package p300_test

import (
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/quality"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/internal/testkit/race"
)

// spoil puts motion of up to 1000 µV into two of every seven seconds of a session.
func spoil(t testing.TB, sig decoders.Signal) decoders.Signal {
	t.Helper()
	sig.Data = mat.DenseCopyOf(sig.Data)
	rows, n := sig.Data.Dims()
	seed := uint64(0)
	for at := 2.0; at+2 < sig.Seconds(); at += 7 {
		seed++
		from, to := int(at*sig.Rate), int((at+2)*sig.Rate)
		part := sig
		part.Data = sig.Data.Slice(0, rows, from, min(to, n)).(*mat.Dense)
		moved, err := synthetic.Inject(part, synthetic.Artifact{Kind: synthetic.Motion, PeakUV: 1000, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		part.Data.Copy(moved.Data)
	}
	return sig
}

// movingSession is a session of plain responses; spoil makes it move.
func movingSession(t testing.TB, text string, seed uint64) synthetic.Session {
	t.Helper()
	s, err := synthetic.Speller(synthetic.Config{Seed: seed, Channels: []string{"Fz", "Cz", "P3", "Pz", "P4", "PO7", "Oz", "PO8"}, Rate: 128},
		synthetic.SpellerConfig{Text: text, Matrix: withBackspace, Repetitions: 6, P300UV: 9})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRejectsWhatIsNoEEG spells a session in which the cap moves, with all flashes and without those in motion.
func TestRejectsWhatIsNoEEG(t *testing.T) {
	if race.Enabled {
		t.Skip("a measurement of one goroutine that takes a minute under the race detector: the run without it makes it")
	}
	t.Parallel()
	train := movingSession(t, "QUICK_BROWN_FOX_JUMPS", 1)
	ds := p300.NewDataset(train.Channels, train.Rate)
	ds.Trials = p300.Trials(train.Signal, train.Events, train.Targets, "r")
	cfg := p300.DefaultConfig()
	cfg.Limit = 0 // or the limit on large epochs would do the same work
	all := mustTrain(t, p300.XDAWNLDA(), ds, cfg)
	cfg.Reject = true
	good := mustTrain(t, p300.XDAWNLDA(), ds, cfg)

	const seed = 2
	s := movingSession(t, "THE_QUICK_FOX_IS_OVER_THE_HILL", seed)
	moving := spoil(t, s.Signal)
	hits, without, rejected, clean := 0, 0, 0, 0
	for i, events := range selections(s) {
		want := "letter_" + s.Labels[i]
		in := &decoders.Input{Signal: moving, Events: events, Stimulus: s.Stimulus}
		if decode(t, all, in).Classes[0].Name == want {
			hits++
		}
		res := decode(t, good, in)
		if res.Classes[0].Name == want {
			without++
		}
		rejected += res.Evidence["flashes_rejected"].(int)
		in.Signal = s.Signal
		res = decode(t, good, in)
		clean += res.Evidence["flashes_rejected"].(int)
		if res.Classes[0] != decode(t, all, in).Classes[0] {
			t.Errorf("letter %d: the rule changed the answer to a clean signal", i)
		}
	}
	share := float64(rejected) / float64(len(s.Events))
	t.Logf("seed %d: %d of %d letters right with all flashes, %d without the %.0f %% rejected", seed, hits, len(s.Labels), without, 100*share)
	if clean != 0 {
		t.Errorf("%d flashes of the clean session were rejected", clean)
	}
	if share < 0.1 || share > 0.4 {
		t.Errorf("%.0f %% of the flashes rejected, motion lies in 29 %% of the time", 100*share)
	}
	if without < hits+3 {
		t.Errorf("%d letters right with rejection, %d without", without, hits)
	}
}

// TestGateKeepsArtifactsFromTraining gates the epochs of a session in which the cap moves.
func TestGateKeepsArtifactsFromTraining(t *testing.T) {
	if race.Enabled {
		t.Skip("a measurement of one goroutine that takes a minute under the race detector: the run without it makes it")
	}
	t.Parallel()
	s := movingSession(t, "QUICK_BROWN_FOX_JUMPS", 4)
	ds := p300.NewDataset(s.Channels, s.Rate)
	moving := spoil(t, s.Signal)
	ds.Trials = p300.Trials(moving, s.Events, s.Targets, "r")
	kept, report, err := quality.Gate(t.Context(), ds)
	if err != nil {
		t.Fatal(err)
	}
	if report.Trials != len(ds.Trials) || report.Rejected != len(report.Index) || len(kept.Trials)+report.Rejected != report.Trials ||
		report.Classes[p300.Target]+report.Classes[p300.NonTarget] != report.Rejected || report.Overruled {
		t.Errorf("report %+v for %d kept", report, len(kept.Trials))
	}
	clean := p300.NewDataset(s.Channels, s.Rate)
	clean.Trials = p300.Trials(s.Signal, s.Events, s.Targets, "r")
	if same, r, _ := quality.Gate(t.Context(), clean); same != clean || r.Rejected != 0 {
		t.Errorf("clean session: %+v", r)
	}
	test := movingSession(t, "JUMPS_OVER", 5)
	check := p300.NewDataset(test.Channels, test.Rate)
	check.Trials = p300.Trials(test.Signal, test.Events, test.Targets, "r")
	index := make([]int, len(check.Trials))
	for i := range index {
		index[i] = i
	}
	cfg := p300.DefaultConfig()
	cfg.Limit = 0 // or the limit on large epochs would do the same work
	with := auc(t, mustTrain(t, p300.XDAWNLDA(), ds, cfg), check, index)
	without := auc(t, mustTrain(t, p300.XDAWNLDA(), kept, cfg), check, index)
	t.Logf("%d of %d epochs rejected %v; AUC %.3f trained on all, %.3f on the rest", report.Rejected, report.Trials, report.Reasons, with, without)
	if without < with+0.02 {
		t.Errorf("AUC %.3f trained on all, %.3f on what the gate lets through", with, without)
	}
}
