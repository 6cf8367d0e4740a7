// Package doctest runs the commands that the documents show, so that they stay true.
package doctest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

const root = "../.."

var fence = regexp.MustCompile("(?s)```bash\n(.*?)```")

// blocks returns the bash blocks of a document.
func blocks(t *testing.T, doc string) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, doc))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range fence.FindAllStringSubmatch(string(b), -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		t.Fatalf("%s has no bash block", doc)
	}
	return out
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
	s, err := synthetic.MotorImagery(synthetic.Config{Seed: 1}, synthetic.ImageryConfig{TrialsPerClass: 3})
	if err != nil {
		t.Fatal(err)
	}
	rec := &recording.Recording{StartTime: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for i, name := range s.Channels {
		rec.Channels = append(rec.Channels, recording.Channel{Label: name, Kind: recording.EEG, Unit: "uV", Rate: s.Rate, Samples: s.Data.RawRowView(i)})
	}
	var b bytes.Buffer
	if err := recording.WriteEDF(&b, rec); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "recording.edf"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestCommandsOfTheDocuments runs every bash block of the README and the quick start, but those of make, which have runs
// of their own, from top to bottom against a fresh embedded server.
func TestCommandsOfTheDocuments(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: apt-get install %s", err, tool)
		}
	}
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
	for _, doc := range []string{"README.md", "docs/01-quickstart.md"} {
		var script strings.Builder
		script.WriteString("set -euo pipefail\n")
		for _, b := range blocks(t, doc) {
			if !strings.HasPrefix(b, "make ") {
				script.WriteString(b)
			}
		}
		cmd := exec.Command("bash", "-c", strings.ReplaceAll(script.String(), "localhost:8000", "localhost:"+port))
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", doc, err, out)
		}
		if !strings.Contains(string(out), "move_") { // an intent of motor imagery: something was decoded
			t.Errorf("%s decodes nothing:\n%s", doc, out)
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
