package ssvep_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// TestExoskeletonTrialsAreNotLocked: the lights of these recordings blink on their own clock. Trained on four blocks of eight with options
// that do not say so, task-related components read as many of the others as with those that do, and more than as if locked.
func TestExoskeletonTrialsAreNotLocked(t *testing.T) {
	t.Parallel()
	root := eegdata.Dir(t)
	sum := map[string]int{}
	n, switched := 0, 0
	for _, subject := range []string{"01", "03", "04"} {
		ds := exoskeletonDataset(t, filepath.Join(root, "ssvep", "exoskeleton", "subject"+subject+".gdf"))
		for half := range 2 {
			train := *ds
			train.Trials = nil
			var test []decoders.Trial
			seen := map[int]int{}
			for _, tr := range ds.Trials {
				if seen[tr.Label]%2 == half {
					train.Trials = append(train.Trials, tr)
				} else {
					test = append(test, tr)
				}
				seen[tr.Label]++
			}
			n += len(test)
			for _, how := range []string{"", `,"free_running":true`, `,"free_running":false`} {
				d, err := ssvep.TRCA().Train(t.Context(), &train, json.RawMessage(`{"skip":0.5,"seconds":4,"sub_bands":3,"frequencies":[13,17,21]`+how+`}`))
				if err != nil {
					t.Fatal(err)
				}
				var cfg ssvep.TrainConfig
				if err := json.Unmarshal(d.State().Config, &cfg); err != nil {
					t.Fatal(err)
				}
				if how == "" && cfg.FreeRunning {
					switched++
				}
				for _, tr := range test {
					res, err := d.Decode(t.Context(), &decoders.Input{Signal: decoders.Signal{Data: tr.Data, Channels: ds.Channels, Rate: ds.Rate}, Events: []eeg.Event{{Onset: ds.Cue}}})
					if err != nil {
						t.Fatal(err)
					}
					if best(res) == ds.Classes[tr.Label] {
						sum[how]++
					}
				}
			}
		}
	}
	t.Logf("of %d trials read: %v; %d of 6 trainings brought them into phase", n, sum, switched)
	if sum[""] < sum[`,"free_running":false`] || switched < 4 {
		t.Errorf("of %d trials read: %v; %d of 6 trainings brought them into phase", n, sum, switched)
	}
}

// exoskeletonDataset has the trials of a recording with a flicker.
func exoskeletonDataset(t *testing.T, path string) *decoders.Dataset {
	t.Helper()
	rec := open(t, path)
	sig, err := rec.Signal()
	if err != nil {
		t.Fatal(err)
	}
	label := map[int]int{33025: 0, 33027: 1, 33026: 2}
	ds := &decoders.Dataset{Paradigm: eeg.SSVEP, Channels: sig.Channels, Rate: sig.Rate, Cue: 2, Classes: []string{"13 Hz", "17 Hz", "21 Hz"}}
	rows, samples := sig.Data.Dims()
	announced := -1
	for _, e := range rec.Events {
		if k, ok := label[e.Code]; ok {
			announced = k
		}
		if e.Code == 33024 {
			announced = -1
		}
		from, to := int((e.Onset-2)*sig.Rate+.5), int((e.Onset+4.7)*sig.Rate+.5)
		if e.Code != 32779 || announced < 0 || from < 0 || to > samples {
			continue
		}
		ds.Trials = append(ds.Trials, decoders.Trial{Data: sig.Data.Slice(0, rows, from, to).(*mat.Dense), Label: announced, Group: fmt.Sprint(len(ds.Trials))})
		announced = -1
	}
	return ds
}
