package datasets

import (
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// cued is a run of C3 and C4 with a cue of each kind.
func cued(name string) Run {
	rec := &recording.Recording{Events: []eeg.Event{{Onset: 1, Label: "T1"}, {Onset: 6, Label: "T2"}, {Onset: 11, Label: "T0"}}}
	for i, label := range []string{"C3", "C4"} {
		samples := mat.NewVecDense(1600, nil)
		for k := range samples.Len() {
			samples.SetVec(k, float64(k%(7+i)))
		}
		rec.Channels = append(rec.Channels, recording.Channel{Label: label, Kind: recording.EEG, Unit: "uV", Rate: 100, Samples: samples.RawVector().Data})
	}
	return Run{Name: name, Recording: rec}
}

// TestJoin puts the classes of two tasks behind each other, and leaves out who lacks one of them.
func TestJoin(t *testing.T) {
	t.Parallel()
	tasks := []Task{LeftRightImagery, HandsFeetImagery}
	ds, problems := Join(tasks, "S1", []Run{cued("S1R04"), cued("S1R06"), cued("S1R08")}, nil, 0, 4)
	if len(problems) > 0 || ds == nil {
		t.Fatal(ds, problems)
	}
	if got := ds.Classes; len(got) != 4 || got[0] != "left_hand" || got[3] != "both_feet" {
		t.Errorf("classes %q", got)
	}
	var labels []int
	for _, tr := range ds.Trials {
		labels = append(labels, tr.Label)
	}
	want := []int{0, 1, 0, 1, 2, 3}
	if len(labels) != len(want) {
		t.Fatalf("labels %v, want %v", labels, want)
	}
	for i := range want {
		if labels[i] != want[i] {
			t.Fatalf("labels %v, want %v", labels, want)
		}
	}
	if len(LeftRightImagery.Classes) != 2 {
		t.Errorf("the task itself has %q now", LeftRightImagery.Classes)
	}
	if ds, problems := Join(tasks, "S2", []Run{cued("S2R04")}, nil, 0, 4); ds != nil || len(problems) > 0 {
		t.Errorf("%v, %v of a person without hands and feet", ds, problems)
	}
}
