// Package doctest runs the commands that the documents show, so that they stay true.
package doctest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/python"
)

const root = "../.."

var fence = regexp.MustCompile("(?s)```(bash|python)\n(.*?)```")

// script joins the commands of a document, top to bottom: its bash blocks, but those of make, which have runs of their own, and
// its Python blocks.
func script(t *testing.T, doc string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, doc))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString("set -euo pipefail\n")
	blocks := fence.FindAllStringSubmatch(string(b), -1)
	for _, m := range blocks {
		switch kind, text := m[1], m[2]; {
		case kind == "python":
			out.WriteString("python3 - <<'END_OF_PYTHON'\n" + text + "END_OF_PYTHON\n")
		case !strings.HasPrefix(text, "make "):
			out.WriteString(text)
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no block of commands", doc)
	}
	return out.String()
}

// build compiles the program into a folder laid out as a checkout: bin/neurod and a recording to decode.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "bin", "neurod"), "./cmd/neurod")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.Mkdir(filepath.Join(dir, "recordings"), 0o700); err != nil {
		t.Fatal(err)
	}
	for seed, name := range []string{"recording.edf", "run1.edf", "run2.edf", "night.edf", "recordings/run3.edf", "flicker.edf"} {
		cfg := synthetic.Config{Seed: uint64(seed) + 1}
		s, err := synthetic.MotorImagery(cfg, synthetic.ImageryConfig{TrialsPerClass: 10})
		if name == "flicker.edf" {
			targets := []eeg.Target{{Label: "door", Frequency: 13}, {Label: "lamp", Frequency: 17}}
			s, err = synthetic.SSVEP(cfg, synthetic.FlickerConfig{Targets: targets, TrialsPerTarget: 3})
		}
		if err != nil {
			t.Fatal(err)
		}
		rec := &recording.Recording{StartTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Events: s.Events}
		for i, name := range s.Channels {
			rec.Channels = append(rec.Channels, recording.Channel{Label: name, Kind: recording.EEG, Unit: "uV", Rate: s.Rate, Samples: s.Data.RawRowView(i)})
		}
		var b bytes.Buffer
		if err := edf.Write(&b, rec); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	table := strings.Builder{}
	table.WriteString("TP9,AF7,AF8,TP10\n")
	for i := range 1024 {
		fmt.Fprintf(&table, "%d,%d,%d,%d\n", i%17, i%19, i%23, i%29)
	}
	if err := os.WriteFile(filepath.Join(dir, "blinks.csv"), []byte(table.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// key makes an API key and prints it, for documents that begin with one.
const key = `TOKEN=$(curl -s -X POST http://localhost:8000/v1/auth/login -H "Content-Type: application/json" -d '{"email":"demo@voxel.dev","password":"demo1234"}' | jq -r .access_token)
PROJECT_ID=$(curl -s -X POST http://localhost:8000/v1/projects -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '{"name":"test"}' | jq -r .id)
export API_KEY=$(curl -s -X POST http://localhost:8000/v1/projects/$PROJECT_ID/keys -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '{"name":"test"}' | jq -r .raw_key)
curl() { command curl --fail-with-body "$@"; }
`

// TestCommandsOfTheDocuments runs every bash and Python block of the README, the quick start and the pages on sessions and devices, but
// those of make, which have runs of their own, from top to bottom against a fresh embedded server.
func TestCommandsOfTheDocuments(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "jq", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: apt-get install %s", err, tool)
		}
	}
	interpreter := python.Interpreter(t, "websockets==17.4")
	dir := build(t)
	p, err := neurod.Start(t.Context(), neurod.Config{
		Program: filepath.Join(dir, "bin", "neurod"), Args: []string{"serve"}, Log: os.Stderr,
		Env: []string{"NEUROD_DATA_DIR=" + filepath.Join(dir, "data"), "NEUROD_LOG_LEVEL=error"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(20 * time.Second); err != nil {
			t.Error(err)
		}
	})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []struct {
		name, before string
		prints       []string
	}{
		{"README.md", "", []string{"move_"}}, // an intent of motor imagery: something was decoded
		{"docs/01-quickstart.md", "", []string{"move_", "completed", "alpha ", "my-hands@1"}},
		{"docs/08-sessions.md", key, []string{`"sample_count":4`, `"sample_count":512`, `"processing_state":"PROCESSING"`}},
		{"docs/13-devices.md", key, []string{"samples  2500, of which 2500 are sent", "playback", "sines (lsl), 2 channels", `"status":"streaming"`, `"status":"stopped"`}},
		{"docs/14-streaming.md", key, []string{"start_stream success", "stop_stream success", "a second of samples"}},
	} {
		cmd := exec.Command("bash", "-c", strings.ReplaceAll(doc.before+script(t, doc.name), "localhost:8000", "localhost:"+port))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(interpreter)+string(os.PathListSeparator)+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", doc.name, err, out)
		}
		for _, want := range doc.prints {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s does not print %q:\n%s", doc.name, want, out)
			}
		}
	}
}

// TestMakeTargetsExist holds the make commands of the documents to the Makefile.
func TestMakeTargetsExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	docs, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?m)(?:^|`)make ([a-z-]+)")
	for _, doc := range append(docs, filepath.Join(root, "README.md")) {
		b, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(b), -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
				t.Errorf("%s names make %s, which the Makefile does not have", doc, m[1])
			}
		}
	}
}
