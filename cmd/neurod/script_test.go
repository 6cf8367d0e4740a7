package main

import (
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/synthetic"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"neurod": main})
}

// TestScripts runs the command line as testdata/script/*.txtar tells, one file for each behavior.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:  "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"imagery": imagery},
	})
}

// imagery FILE SEED writes a session of synthetic imagery of left and right hand as EDF+, with the cues T1 and T2.
func imagery(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: imagery FILE SEED")
	}
	seed, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	s, err := synthetic.MotorImagery(synthetic.Config{Channels: []string{"C3", "Cz", "C4"}, Rate: 128, Seed: seed}, synthetic.ImageryConfig{TrialsPerClass: 8})
	ts.Check(err)
	rec := &recording.Recording{}
	for i, name := range s.Channels {
		rec.Channels = append(rec.Channels, recording.Channel{Label: name, Name: name, Kind: recording.EEG, Unit: "uV", Rate: s.Rate, Samples: s.Data.RawRowView(i)})
	}
	for _, e := range s.Events {
		e.Label = map[string]string{"left": "T1", "right": "T2"}[e.Label]
		rec.Events = append(rec.Events, e)
		rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: e.Onset, Label: e.Label})
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(recording.WriteEDF(f, rec))
	ts.Check(f.Close())
}
