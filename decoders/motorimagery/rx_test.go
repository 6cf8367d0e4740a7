package motorimagery_test

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/race"
)

// learn trains on the trials of ds given by index and then learns those of next one at a time.
func learn(t testing.TB, p decoders.Pipeline, ds *decoders.Dataset, index, next []int, config json.RawMessage) decoders.Adaptive {
	t.Helper()
	trained, err := p.Train(t.Context(), subset(ds, index), config)
	if err != nil {
		t.Fatal(err)
	}
	d := trained.(decoders.Adaptive)
	for _, i := range next {
		if d, err = d.Update(t.Context(), request(ds, i), ds.Classes[ds.Trials[i].Label]); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// TestLearningOnlineEqualsLearningAtOnce learns the same trials in two orders after the same training. For one normal
// distribution a class the posteriors are the same.
func TestLearningOnlineEqualsLearningAtOnce(t *testing.T) {
	t.Parallel()
	ds := dataset(3, 16, 160, 5)
	first, next, back := []int{}, []int{}, []int{}
	for i := range ds.Trials {
		if i < 24 {
			first = append(first, i)
		} else {
			next, back = append(next, i), append([]int{i}, back...)
		}
	}
	a := learn(t, motorimagery.CSPRxLDA(), ds, first, next, nil).State().Arrays
	b := learn(t, motorimagery.CSPRxLDA(), ds, first, back, nil).State().Arrays
	for name, x := range a {
		for i, v := range x.Data {
			if math.Abs(v-b[name].Data[i]) > 1e-9*max(1, math.Abs(v)) {
				t.Errorf("%s at %d: %.15g in order, %.15g in reverse", name, i, v, b[name].Data[i])
			}
		}
	}
	if nu := a["nu"].Data[0]; nu != learn(t, motorimagery.CSPRxLDA(), ds, first, nil, nil).State().Arrays["nu"].Data[0]+float64(len(next)) {
		t.Errorf("ν is %v after %d more trials", nu, len(next))
	}
}

// TestBayesianOnRecordings measures the Bayesian pipelines beside the others: five folds within each person of EEGMMIDB
// with the calibration of all, and, with runs in the order they were recorded, a model of the first run alone and one that kept learning during
// the second, both on the third.
func TestBayesianOnRecordings(t *testing.T) {
	t.Parallel()
	var subjects []string
	for _, f := range eegdata.Glob(t, "motor_imagery/eegmmidb/S*.zip") {
		subjects = append(subjects, strings.TrimSuffix(filepath.Base(f), ".zip"))
	}
	if race.Enabled {
		t.Log("the race detector is on: two people instead of all; run without -race for all")
		subjects = subjects[:2]
	}
	// Of the 64 electrodes those over the motor cortex, which keeps the test short.
	montage := []string{"FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "CP5", "CP3", "CP1", "CPz", "CP2", "CP4", "CP6"}
	cfg := motorimagery.DefaultConfig()
	cfg.End = 3.5
	raw, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	compared := []decoders.Pipeline{motorimagery.CSPLDA(), motorimagery.CSPRxLDA(), motorimagery.CSPRxGMM(), motorimagery.TSLR()}
	adaptive := compared[1:3]
	hits, trials := make([]int, len(compared)), 0
	probabilities, truth := make([][][]float64, len(compared)), make([][]int, len(compared))
	var still, online, asked [2]int
	for _, subject := range subjects {
		ds := leftRight(t, subject, montage...)
		folds, err := classify.StratifiedKFold(labels(ds), 5, 42)
		if err != nil {
			t.Fatal(err)
		}
		for k, p := range compared {
			for _, f := range folds {
				acc, prob, y := score(t, p, ds, f, cfg)
				hits[k] += int(math.Round(acc * float64(len(y))))
				probabilities[k], truth[k] = append(probabilities[k], prob...), append(truth[k], y...)
			}
		}
		trials += len(ds.Trials)

		byRun := map[string][]int{}
		var runs []string
		for i, tr := range ds.Trials {
			if len(byRun[tr.Group]) == 0 {
				runs = append(runs, tr.Group)
			}
			byRun[tr.Group] = append(byRun[tr.Group], i)
		}
		for k, p := range adaptive {
			for _, c := range []struct {
				next []int
				hits *int
			}{{nil, &still[k]}, {byRun[runs[1]], &online[k]}} {
				d := learn(t, p, ds, byRun[runs[0]], c.next, raw)
				for _, i := range byRun[runs[2]] {
					res, err := d.Decode(t.Context(), request(ds, i))
					if err != nil {
						t.Fatal(err)
					}
					if res.Classes[0].Name == ds.Classes[ds.Trials[i].Label] {
						*c.hits++
					}
				}
			}
			asked[k] += len(byRun[runs[2]])
		}
	}
	for k, p := range compared {
		ece := classify.ECE(probabilities[k], truth[k], 10)
		t.Logf("%-9s 5 folds: accuracy %.3f, ECE %.3f over %d trials of %d people", p.Name(), float64(hits[k])/float64(trials), ece, trials, len(subjects))
		// Each person's classifier is calibrated on its own; 45 trials a person are too few to tell an ECE of 0.1 from 0.
		if trials >= 40*len(subjects) && len(subjects) > 4 && ece > 0.10 {
			t.Errorf("%s: ECE %.3f over %d trials", p.Name(), ece, trials)
		}
		// Two standard errors of the difference of paired answers, of which at most a third differ.
		if low := float64(hits[0]) - 2*math.Sqrt(float64(trials)/3); float64(hits[k]) < low {
			t.Errorf("%s: %d of %d right, csp_lda %d", p.Name(), hits[k], trials, hits[0])
		}
	}
	for k, p := range adaptive {
		t.Logf("%-9s third run: %.3f after the first run, %.3f after learning the second trial by trial", p.Name(),
			float64(still[k])/float64(asked[k]), float64(online[k])/float64(asked[k]))
	}
}
