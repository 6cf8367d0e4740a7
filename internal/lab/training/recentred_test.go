package training_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/lab/training"
)

// TestRecentredModelsAreMeasuredAsTheyAreUsed trains on people whose channels mix differently: the card has the figure of a
// moved decoder first and that of single clips last, the first is the better one, and training again gives the same bytes,
// however many folds run at once.
func TestRecentredModelsAreMeasuredAsTheyAreUsed(t *testing.T) {
	t.Parallel()
	var sets []*decoders.Dataset
	for p := range uint64(4) {
		ds := person(t, fmt.Sprintf("p%d", p), p+1, false)
		for i, tr := range ds.Trials {
			ds.Trials[i].Data = synthetic.Remix(decoders.Signal{Data: tr.Data}, p, 1, 0.15).Data
		}
		sets = append(sets, ds)
	}
	ds := pool(t, sets...)
	options := motorimagery.CrossSubject()
	options.Mirror, options.Align, options.Center = false, true, motorimagery.CenterRiemann
	raw, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	spec := training.Spec{Name: "moved", Recentred: true, Candidates: []training.Candidate{{Pipeline: motorimagery.TSLR(), Options: raw}, {Pipeline: motorimagery.MDM(), Options: raw}}}
	var mu sync.Mutex
	most, all := 0, 0
	spec.Step = func(done, total int) {
		mu.Lock()
		defer mu.Unlock()
		most, all = max(most, done), total
	}
	m := train(t, ds, spec)
	var protocols []string
	for _, e := range m.Card.Evaluations {
		protocols = append(protocols, e.Protocol)
		if e.Trials != len(ds.Trials) || e.Subjects != 4 || e.AccuracySD == nil {
			t.Errorf("%+v", e)
		}
	}
	if d := cmp.Diff([]string{"leave one subject out, re-centred online", "leave one subject out, re-centred on all clips", "leave one subject out, single clips"}, protocols); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	online, batch, single := *m.Card.Evaluations[0].Accuracy, *m.Card.Evaluations[1].Accuracy, *m.Card.Evaluations[2].Accuracy
	t.Logf("online %.3f, on all clips %.3f, single clips %.3f", online, batch, single)
	if online < single+0.05 || batch < single+0.05 {
		t.Errorf("online %.3f, on all clips %.3f, single clips %.3f", online, batch, single)
	}
	if len(m.Card.Calibration) != 3 || m.Card.Calibration[0].Protocol != protocols[0] || !m.Decoder.Info().Aligned {
		t.Errorf("calibration %+v", m.Card.Calibration)
	}
	if most != 9 || all != 9 { // four folds of two candidates, once for all protocols, and the model
		t.Errorf("%d of %d decoders were trained", most, all)
	}
	spec.Parallel = 1
	if !bytes.Equal(file(t, m), file(t, train(t, ds, spec))) {
		t.Error("training again gives another file")
	}
	spec.Candidates = []training.Candidate{{Pipeline: motorimagery.TSLR()}}
	if _, err := training.Train(t.Context(), ds, spec); err == nil || !strings.Contains(err.Error(), "alignment") {
		t.Errorf("a pipeline that does not align: %v", err)
	}
}

// TestTrainAlikeChoosesByTheMean: models that shall be alike get the candidate that does best over all of them, though another
// does better for one, and their cards say so.
func TestTrainAlikeChoosesByTheMean(t *testing.T) {
	t.Parallel()
	ds := pool(t, person(t, "a", 14, false), person(t, "b", 15, false), person(t, "c", 16, false))
	all := []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4"}
	var sets []*decoders.Dataset
	var specs []training.Spec
	means := map[string]float64{}
	differ := map[string]bool{}
	for _, montage := range [][]string{all, {"C3", "C4"}, {"FC3", "FC4", "Cz"}} {
		part, err := datasets.Pick(ds, montage)
		if err != nil {
			t.Fatal(err)
		}
		sets = append(sets, part)
		specs = append(specs, training.Spec{Name: "m" + fmt.Sprint(len(montage)), Candidates: both()})
		best, at := 0.0, ""
		for _, c := range both() {
			m := train(t, part, training.Spec{Name: "one", Candidates: []training.Candidate{c}})
			v := *m.Card.Evaluations[0].Accuracy
			means[c.Pipeline.Name()] += v
			if v > best {
				best, at = v, c.Pipeline.Name()
			}
		}
		differ[at] = true
	}
	want := "csp_lda"
	if means["ts_lr"] > means["csp_lda"]+1e-9 {
		want = "ts_lr"
	}
	t.Logf("sums %v, best for some: %v", means, differ)
	models, err := training.TrainAlike(t.Context(), sets, specs)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range models {
		if m.Name != specs[i].Name || m.Card.TrainedWith.Pipeline != want || !strings.Contains(strings.Join(m.Card.Limits, "\n"), "Chosen by the mean of the figure that is quoted, over 3 models that are alike") {
			t.Errorf("%s: %s, want %s; limits %q", m.Name, m.Card.TrainedWith.Pipeline, want, m.Card.Limits)
		}
	}
	if len(differ) < 2 {
		t.Error("one pipeline is the best for every montage: nothing was chosen between")
	}
}
