package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"imagery": imagery, "speller": speller, "occupy": occupy},
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

// speller STEM SEED TEXT [targets] writes a session of a synthetic speller as STEM.f32 with its header and its events; with targets those tell which
// flashes were attended.
func speller(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 && (len(args) != 4 || args[3] != "targets") {
		ts.Fatalf("usage: speller STEM SEED TEXT [targets]")
	}
	seed, err := strconv.ParseUint(args[1], 10, 64)
	ts.Check(err)
	s, err := synthetic.Speller(synthetic.Config{Channels: []string{"Fz", "Cz", "Pz", "Oz"}, Rate: 128, Seed: seed}, synthetic.SpellerConfig{Text: args[2], Repetitions: 5, P300UV: 20})
	ts.Check(err)
	rows, n := s.Data.Dims()
	var data, events bytes.Buffer
	for i := range n {
		for c := range rows {
			ts.Check(binary.Write(&data, binary.LittleEndian, float32(s.Data.At(c, i))))
		}
	}
	events.WriteString("onset_s,code,label")
	if len(args) == 4 {
		events.WriteString(",target")
	}
	for i, e := range s.Events {
		fmt.Fprintf(&events, "\n%g,%d,", e.Onset, e.Code)
		if len(args) == 4 {
			fmt.Fprintf(&events, ",%d", map[bool]int{true: 1}[s.Targets[i]])
		}
	}
	events.WriteString("\n")
	head, err := json.Marshal(map[string]any{"sample_rate": s.Rate, "channels": s.Channels, "unit": "uV"})
	ts.Check(err)
	for ext, b := range map[string][]byte{".f32": data.Bytes(), ".json": head, ".events.csv": events.Bytes()} {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]+ext), b, 0o600))
	}
}
