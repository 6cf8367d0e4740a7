package evaluation

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// cued writes a synthetic session of imagery as EDF+, with labels of its events as given; "" leaves one out.
func cued(t *testing.T, file string, seed uint64, trials int, labels map[string]string) {
	t.Helper()
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: []string{"C3", "Cz", "C4"}, Rate: 128, Seed: seed}, synthetic.ImageryConfig{TrialsPerClass: trials, MuUV: 12, Depth: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	rec := &recording.Recording{}
	for i, name := range s.Channels {
		rec.Channels = append(rec.Channels, recording.Channel{Label: name, Name: name, Kind: recording.EEG, Unit: "uV", Rate: s.Rate, Samples: s.Data.RawRowView(i)})
	}
	for _, e := range s.Events {
		if label := labels[e.Label]; label != "" {
			rec.Events = append(rec.Events, eeg.Event{Onset: e.Onset, Label: label})
			rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: e.Onset, Label: label})
		}
	}
	var b bytes.Buffer
	if err := edf.Write(&b, rec); err != nil {
		t.Fatal(err)
	}
	write(t, file, b.Bytes())
}

// TestPlainRecordingsAreMeasuredByTheirEvents measures a folder of files in no layout, and says of each that is left why.
func TestPlainRecordingsAreMeasuredByTheirEvents(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "mine")
	cued(t, filepath.Join(root, "named.edf"), 1, 8, map[string]string{"left": "left_hand", "right": "Right Hand"})
	cued(t, filepath.Join(root, "lab", "S001R04.edf"), 2, 8, map[string]string{"left": "T1", "right": "T2"})
	cued(t, filepath.Join(root, "lab", "S001R08.edf"), 3, 8, map[string]string{"left": "T1", "right": "T2"})
	cued(t, filepath.Join(root, "few.edf"), 4, 3, map[string]string{"left": "left_hand", "right": "right_hand"})
	cued(t, filepath.Join(root, "own.edf"), 5, 8, map[string]string{"left": "S 7", "right": "S 8"})
	cued(t, filepath.Join(root, "silent.edf"), 6, 3, nil)
	write(t, filepath.Join(root, "broken.edf"), []byte("this is not a recording"))
	r, err := Run(t.Context(), Config{Data: root, Only: []string{"recordings"}, Untimed: true})
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]Row{}
	for _, row := range r.Rows {
		rows[row.Dataset+" "+row.Subject+" "+row.Task+" "+row.Pipeline+" "+row.Protocol] = row
	}
	for key, n := range map[string]int{
		"mine named left_hand/right_hand csp_lda 5-fold by events": 16,
		"mine named left_hand/right_hand ts_lr 5-fold by events":   16,
		"lab S001 left/right imagery csp_lda 5-fold by events":     32,
		"lab S001 left/right imagery csp_lda leave one run out":    32,
	} {
		if row, ok := rows[key]; !ok || row.N != n || row.Metrics["accuracy"] < 0.6 {
			t.Errorf("%s: %+v", key, row)
		}
	}
	if r.Files.Found != 7 || r.Files.Used != 3 || len(r.Files.Left) != 4 || r.Nothing() {
		t.Errorf("%+v", r.Files)
	}
	for file, why := range map[string]string{"few.edf": "3 trials of the class that has fewest", "own.edf": "S 7 × 8", "silent.edf": "no events", "broken.edf": "payload_malformed"} {
		found := false
		for _, left := range r.Files.Left {
			found = found || left.File == file && strings.Contains(left.Reason, why)
		}
		if !found {
			t.Errorf("%s is not left because of %q: %+v", file, why, r.Files.Left)
		}
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "7 recordings found, 3 used, 4 left") {
		t.Errorf("%v\n%s", err, text.String())
	}

	// The caller says what events of its own stand for.
	r, err = Run(t.Context(), Config{Data: root, Only: []string{"recordings"}, Untimed: true, Classes: []string{"S 7=left_hand", "S 8=right_hand"}})
	if err != nil || r.Files.Used != 1 || len(r.Rows) != 2 || r.Rows[0].Subject != "own" {
		t.Errorf("%v: %+v", err, r.Files)
	}
	if _, err := Run(t.Context(), Config{Data: root, Classes: []string{"7"}}); err == nil {
		t.Error("a class without an event passes")
	}
}

func TestNothingUsableIsSaid(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, only := range [][]string{{"recordings"}, {"p300"}, {"formats", "motor_imagery"}} {
		r, err := Run(t.Context(), Config{Data: root, Only: only, Untimed: true})
		if err != nil || !r.Nothing() {
			t.Errorf("%v: an empty folder: %v, %+v", only, err, r.Files)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "p300", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	e := &evaluator{cfg: Config{Data: root, Only: []string{"synthetic"}}, report: &Report{}}
	if f := e.inventory(); f != nil {
		t.Errorf("what needs no recordings counts them: %+v", f)
	}
}
