package doctest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit/neurod"
)

// commands returns the bash blocks of a section of a document, up to the next heading of any kind.
func commands(t *testing.T, doc, heading string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, doc))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(b), "\n"+heading+"\n")
	if !ok {
		t.Fatalf("%s has no section %q", doc, heading)
	}
	out, inside := strings.Builder{}, false
	for line := range strings.Lines(rest) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.HasPrefix(line, "```bash")
		case inside:
			out.WriteString(line)
		case strings.HasPrefix(line, "#"):
			rest = ""
		}
		if rest == "" {
			break
		}
	}
	if out.Len() == 0 {
		t.Fatalf("%s has no commands under %q", doc, heading)
	}
	return out.String()
}

// TestCommandsOfOperations runs what docs/06-operations.md shows of looking for faults, backups and the inside of a process, against an embedded
// server.
func TestCommandsOfOperations(t *testing.T) {
	t.Parallel()
	const doc = "docs/06-operations.md"
	dir := build(t)
	port, err := neurod.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	inspect := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	data := filepath.Join(dir, "data")
	p, err := neurod.Start(t.Context(), neurod.Config{Program: filepath.Join(dir, "bin", "neurod"), Args: []string{"serve"}, Log: os.Stderr, Logged: true, Timeout: 2 * time.Minute,
		Env: []string{"NEUROD_DATA_DIR=" + data, "NEUROD_INSPECT_ADDR=" + inspect}})
	if err != nil {
		t.Fatal(err)
	}
	run := func(script string, env ...string) string {
		t.Helper()
		cmd := exec.Command("bash", "-c", "set -euo pipefail\n"+strings.ReplaceAll(script, "127.0.0.1:6060", inspect))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), append([]string{"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "NEUROD_DATA_DIR=" + data}, env...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
		return string(out)
	}
	wants := func(out string, prints ...string) {
		t.Helper()
		for _, want := range prints {
			if !strings.Contains(out, want) {
				t.Errorf("nothing prints %q:\n%s", want, out)
			}
		}
	}
	var faults strings.Builder
	for line := range strings.Lines(commands(t, doc, "## Looking for faults")) {
		command, _, _ := strings.Cut(line, "#")
		fmt.Fprintf(&faults, "%s || test $? = 1\n", strings.TrimSpace(command)) // a warning, of this machine's disk or limits, is no failure
	}
	wants(run(faults.String()), "the schema is up to date", `"worst":`)
	wants(run(commands(t, doc, "## Inside a running process")), `{"level":"info"}`, `{"level":"debug"}`, "go_goroutines", "goroutine profile")
	backup := commands(t, doc, "### The embedded pair")
	i := strings.Index(backup, "neurod restore")
	if i < 0 {
		t.Fatalf("no restore in %s", backup)
	}
	wants(run(backup[:i]), "wrote monday.backup", "whole: monday.backup")
	if err := p.Stop(30 * time.Second); err != nil {
		t.Error(err)
	}
	wants(run(backup[i:], "NEUROD_DATA_DIR="+filepath.Join(dir, "restored")), "restored monday.backup")
}
