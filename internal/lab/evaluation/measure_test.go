package evaluation

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/internal/lab/crossval"
)

// picky is a pipeline that answers the first class and refuses to train on fewer trials than it wants.
type picky struct {
	decoders.Pipeline
	least int
	fault error
}

func (p picky) Train(_ context.Context, ds *decoders.Dataset, _ json.RawMessage) (decoders.Trained, error) {
	if len(ds.Trials) < p.least {
		return nil, p.fault
	}
	return first{names: ds.Classes}, nil
}

type first struct {
	decoders.Trained
	names []string
}

func (f first) Decode(context.Context, *decoders.Input) (*decoders.Result, error) {
	return &decoders.Result{Classes: []decoders.Class{{Name: f.names[0], Probability: .6}, {Name: f.names[1], Probability: .4}}}, nil
}

// TestTooFewTrialsCostNoOtherRow: what a pipeline refuses to train on so few trials leaves its own row out and no other; any
// other fault ends the run. Outcomes come in the order of the list, each with the time of a decode.
func TestTooFewTrialsCostNoOtherRow(t *testing.T) {
	t.Parallel()
	ds := &decoders.Dataset{Classes: []string{"a", "b"}, Channels: []string{"Cz"}, Rate: 1}
	for i := range 8 {
		ds.Trials = append(ds.Trials, decoders.Trial{Data: mat.NewDense(1, 1, []float64{1}), Label: i % 2})
	}
	folds, err := classify.FoldsFromTests(8, [][]int{{0, 1}, {2, 3}})
	if err != nil {
		t.Fatal(err)
	}
	few := decoders.Errorf(decoders.CodeTooFewTrials, nil, "few")
	now := time.Unix(0, 0)
	e := &evaluator{cfg: Config{Parallel: 2, Now: func() time.Time { now = now.Add(time.Millisecond); return now }}}
	var got []string
	list := func(fault error) []crossing {
		var out []crossing
		for _, c := range []struct {
			name  string
			least int
		}{{"one", 0}, {"wants more", 100}, {"two", 6}} {
			out = append(out, crossing{pipelineRun{c.name, picky{least: c.least, fault: fault}, nil}, ds, folds, nil, func(o *crossval.Outcome, ms float64) error {
				if len(o.Labels) != 4 || ms != 1 {
					t.Errorf("%s: %d answers, %v ms", c.name, len(o.Labels), ms)
				}
				got = append(got, c.name)
				return nil
			}})
		}
		return out
	}
	if err := e.run(t.Context(), list(few)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"one", "two"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	broken := errors.New("broken")
	if err := e.run(t.Context(), list(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
