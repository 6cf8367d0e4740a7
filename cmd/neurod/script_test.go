package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"imagery": imagery, "occupy": occupy},
		Setup: func(e *testscript.Env) error {
			e.Setenv("NEUROD_DATA_DIR", filepath.Join(e.WorkDir, "data"))
			return nil
		},
	})
}

// occupy NAME takes a port of this machine until the script ends, and sets an environment variable to its address.
func occupy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupy NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { ts.Check(l.Close()) })
	ts.Setenv(args[0], l.Addr().String())
}

// imagery FILE SEED [rest] writes a session of synthetic imagery of left and right hand as EDF+, with the cues T1 and T2; with
// rest there is a T0 before each of them.
func imagery(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 && (len(args) != 3 || args[2] != "rest") {
		ts.Fatalf("usage: imagery FILE SEED [rest]")
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
		if len(args) == 3 {
			rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: e.Onset - 2, Label: "T0"})
		}
		rec.Events = append(rec.Events, e)
		rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: e.Onset, Label: e.Label})
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(edf.Write(f, rec))
	ts.Check(f.Close())
}
