package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestUnits has systemd read the units, tell how exposed they are (0 to 10), and holds their times to each other.
func TestUnits(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatalf("%v: apt-get install systemd", err)
	}
	units, err := filepath.Glob("../systemd/*.service")
	if err != nil || len(units) < 5 {
		t.Fatalf("units: %v, %v", units, err)
	}
	dir := t.TempDir()
	var all []string
	for _, unit := range units {
		b, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		// What they start is not installed here.
		path := filepath.Join(dir, strings.Replace(filepath.Base(unit), "@", "@1", 1))
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(b), "/usr/bin/neurod", "/bin/true")), 0o644); err != nil {
			t.Fatal(err)
		}
		all = append(all, path)
		drain := 30
		if m := regexp.MustCompile(`NEUROD_SHUTDOWN_TIMEOUT=(\d+)s`).FindSubmatch(b); m != nil {
			drain, _ = strconv.Atoi(string(m[1]))
		}
		if m := regexp.MustCompile(`TimeoutStopSec=(\d+)`).FindSubmatch(b); m != nil {
			if stop, _ := strconv.Atoi(string(m[1])); stop < drain+10 {
				t.Errorf("%s is killed after %d s, drains for %d", unit, stop, drain)
			}
		} else if !strings.Contains(string(b), "Type=oneshot") {
			t.Errorf("%s has no TimeoutStopSec", unit)
		}
		for _, m := range regexp.MustCompile(`(?m)^Environment=([A-Z_]+)=`).FindAllSubmatch(b, -1) {
			if !known(t, string(m[1])) {
				t.Errorf("%s: there is no setting %s", unit, m[1])
			}
		}
	}
	if out, err := exec.CommandContext(t.Context(), analyze, append([]string{"verify", "--man=no", "--recursive-errors=no"}, all...)...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	for _, unit := range all {
		if out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=20", unit).CombinedOutput(); err != nil {
			t.Errorf("%s is more exposed than 2.0 of 10: %v\n%s", unit, err, out[max(0, len(out)-200):])
		}
	}
}
