package crossval_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/internal/lab/crossval"
)

// threshold is a pipeline whose decoder compares the first sample with the mean of the training classes.
type threshold struct{ decoders.Pipeline }

func (threshold) Name() string { return "threshold" }

func (threshold) Train(_ context.Context, ds *decoders.Dataset, _ json.RawMessage) (decoders.Trained, error) {
	var mean, n [2]float64
	for _, tr := range ds.Trials {
		mean[tr.Label] += tr.Data.At(0, 0)
		n[tr.Label]++
	}
	if n[0] == 0 || n[1] == 0 {
		return nil, decoders.Errorf(decoders.CodeTooFewTrials, nil, "one class")
	}
	return cut{at: (mean[0]/n[0] + mean[1]/n[1]) / 2, names: ds.Classes}, nil
}

type cut struct {
	decoders.Trained
	at    float64
	names []string
}

func (c cut) Decode(_ context.Context, in *decoders.Input) (*decoders.Result, error) {
	x := in.Data.At(0, 0)
	if math.IsNaN(x) {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "not a number")
	}
	if math.IsInf(x, 0) {
		return nil, errors.New("a fault of the program")
	}
	p := 1 / (1 + math.Exp(c.at-x))
	return &decoders.Result{Classes: []decoders.Class{{Name: c.names[1], Probability: p}, {Name: c.names[0], Probability: 1 - p}}}, nil
}

// dataset holds one sample a trial: its class is 1 where it is positive.
func dataset(values ...float64) *decoders.Dataset {
	ds := &decoders.Dataset{Classes: []string{"low", "high"}, Channels: []string{"C3"}, Rate: 1}
	for _, v := range values {
		tr := decoders.Trial{Data: mat.NewDense(1, 1, []float64{v})}
		if v > 0 {
			tr.Label = 1
		}
		ds.Trials = append(ds.Trials, tr)
	}
	return ds
}

func folds(t *testing.T, n int, tests ...[]int) []classify.Fold {
	t.Helper()
	f, err := classify.FoldsFromTests(n, tests)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRunDecodesWhatWasHeldBack(t *testing.T) {
	t.Parallel()
	ds := dataset(-3, 3, -2, 2, -1, 0.1)
	ds.Trials[5].Label = 0 // on the wrong side: nobody can get it right
	split := folds(t, 6, []int{4, 5}, []int{0, 1}, []int{2, 3})
	var want *crossval.Outcome
	for _, parallel := range []int{1, 3} {
		o, err := crossval.Run(t.Context(), threshold{}, nil, ds, split, crossval.Config{Parallel: parallel})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int{4, 5, 0, 1, 2, 3}, o.Trials); diff != "" {
			t.Errorf("trials (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int{0, 0, 0, 1, 0, 1}, o.Labels); diff != "" {
			t.Errorf("labels (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int{0, 1, 0, 1, 0, 1}, o.Predicted); diff != "" {
			t.Errorf("predicted (-want +got):\n%s", diff)
		}
		if acc := o.Accuracy(); math.Abs(acc-5./6) > 1e-12 {
			t.Errorf("accuracy %v", acc)
		}
		// Both positives score higher than all negatives.
		if auc := o.AUC(); auc != 1 {
			t.Errorf("AUC %v", auc)
		}
		if want != nil && !cmp.Equal(want, o) {
			t.Error("another number of folds at once gives another outcome")
		}
		want = o
	}
	part := want.Part(func(trial int) bool { return trial >= 4 })
	if part.Accuracy() != 0.5 || len(part.Probabilities) != 2 {
		t.Errorf("part %+v", part)
	}
}

func TestRunLeavesFoldsOutThatCannotBeTrained(t *testing.T) {
	t.Parallel()
	ds := dataset(-1, -2, 1, 2)
	o, err := crossval.Run(t.Context(), threshold{}, nil, ds, folds(t, 4, []int{2, 3}, []int{0, 2}), crossval.Config{})
	if err != nil || len(o.Labels) != 2 {
		t.Errorf("%+v, %v", o, err)
	}
	_, err = crossval.Run(t.Context(), threshold{}, nil, ds, folds(t, 4, []int{2, 3}), crossval.Config{})
	var fault *decoders.Error
	if !errors.As(err, &fault) || fault.Code != decoders.CodeTooFewTrials {
		t.Errorf("no fold can be trained: %v", err)
	}
}

// TestOneBadTrialCostsItself: a trial that cannot be read is listed, and the others are measured as if it were not there.
func TestOneBadTrialCostsItself(t *testing.T) {
	t.Parallel()
	ds := dataset(-3, 3, -2, math.NaN(), -1, 1, -1.5, 1.5)
	split := folds(t, 8, []int{0, 1, 2, 3}, []int{4, 5, 6, 7})
	o, err := crossval.Run(t.Context(), picky{}, nil, ds, split, crossval.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var fault *decoders.Error
	if len(o.Unread) != 1 || o.Unread[0].Trial != 3 || !errors.As(o.Unread[0].Err, &fault) || fault.Code != decoders.CodeInvalidSignal {
		t.Errorf("unread: %+v", o.Unread)
	}
	if !cmp.Equal(o.Trials, []int{0, 1, 2, 4, 5, 6, 7}) || o.Accuracy() != 1 {
		t.Errorf("trials %v, accuracy %v", o.Trials, o.Accuracy())
	}
	// Where a quarter of the training cannot be read the fold is given up, and where all are the error says why.
	bad := dataset(-3, 3, math.NaN(), math.NaN(), -2, 2, math.NaN(), math.NaN())
	_, err = crossval.Run(t.Context(), picky{}, nil, bad, folds(t, 8, []int{0, 1, 2, 3}, []int{4, 5, 6, 7}), crossval.Config{})
	if !errors.As(err, &fault) || fault.Code != decoders.CodeInvalidSignal {
		t.Errorf("half unreadable: %v", err)
	}
	// An error that is not about the data ends the run.
	if _, err := crossval.Run(t.Context(), threshold{}, nil, ds, split, crossval.Config{Request: func(*decoders.Dataset, decoders.Trial) *decoders.Input {
		return &decoders.Input{Signal: decoders.Signal{Data: mat.NewDense(1, 1, []float64{math.Inf(1)})}}
	}}); err == nil || errors.As(err, &fault) {
		t.Errorf("a fault of the program: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := crossval.Run(ctx, threshold{}, nil, ds, folds(t, 8, []int{1}), crossval.Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// picky is threshold, but trains on no trial that is not a number.
type picky struct{ threshold }

func (picky) Train(ctx context.Context, ds *decoders.Dataset, options json.RawMessage) (decoders.Trained, error) {
	for i, tr := range ds.Trials {
		if math.IsNaN(tr.Data.At(0, 0)) {
			return nil, &decoders.TrialError{Trial: i, Err: decoders.Errorf(decoders.CodeInvalidSignal, nil, "not a number")}
		}
	}
	return threshold{}.Train(ctx, ds, options)
}

func TestClipRequestMarksTheCue(t *testing.T) {
	t.Parallel()
	ds := dataset(1)
	if in := crossval.ClipRequest(ds, ds.Trials[0]); len(in.Events) != 0 {
		t.Errorf("a trial that starts at its cue has the events %v", in.Events)
	}
	ds.Cue = 0.5
	if in := crossval.ClipRequest(ds, ds.Trials[0]); len(in.Events) != 1 || in.Events[0].Onset != 0.5 {
		t.Errorf("events %v", in.Events)
	}
}

// shy answers "none" half of the time it is sure.
type shy struct{ cut }

func (s shy) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	res, err := s.cut.Decode(ctx, in)
	if err != nil {
		return nil, err
	}
	for i := range res.Classes {
		res.Classes[i].Probability /= 2
	}
	res.Classes = append([]decoders.Class{{Name: "none", Probability: .5}}, res.Classes...)
	return res, nil
}

// TestClassesThatTrialsLackAreDealtOut: trials that are known to show something are judged by the classes that they have.
func TestClassesThatTrialsLackAreDealtOut(t *testing.T) {
	t.Parallel()
	ds := dataset(-3, 3, -2, 2)
	plain := cut{names: ds.Classes}
	want, err := crossval.Decode(t.Context(), plain, ds, []int{0, 1, 2, 3}, crossval.Config{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := crossval.Decode(t.Context(), shy{plain}, ds, []int{0, 1, 2, 3}, crossval.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range want.Probabilities {
		for k := range p {
			if math.Abs(p[k]-got.Probabilities[i][k]) > 1e-12 {
				t.Errorf("trial %d: %v, without the other class %v", i, got.Probabilities[i], p)
			}
		}
	}
	if got.Accuracy() != 1 {
		t.Errorf("accuracy %v", got.Accuracy())
	}
}

func TestTrainedSeesEveryFoldsDecoder(t *testing.T) {
	t.Parallel()
	ds := dataset(-3, 3, -2, 2, -1, 1)
	seen := make([]bool, 3)
	split := folds(t, 6, []int{0, 1}, []int{2, 3}, []int{4, 5})
	_, err := crossval.Run(t.Context(), threshold{}, nil, ds, split, crossval.Config{Trained: func(fold int, d decoders.Trained) error {
		seen[fold] = d != nil
		return nil
	}})
	if err != nil || !cmp.Equal(seen, []bool{true, true, true}) {
		t.Errorf("%v, %v", seen, err)
	}
	broken := errors.New("no")
	if _, err := crossval.Run(t.Context(), threshold{}, nil, ds, split, crossval.Config{Trained: func(int, decoders.Trained) error { return broken }}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
