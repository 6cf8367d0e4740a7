package check

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

// TestRelease reads .goreleaser.yaml as goreleaser does, which refuses what it does not know, and holds it to what a release has: every system and
// processor, checksums, a bill of materials, packages whose files are there. `make snapshot` makes the release itself.
func TestRelease(t *testing.T) {
	b, err := os.ReadFile("../../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	project, err := config.LoadReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.LoadReader(bytes.NewReader(append(bytes.Clone(b), "buildz: []\n"...))); err == nil {
		t.Error("a field that there is not passes")
	}
	build := project.Builds[0]
	for _, want := range []string{"linux", "darwin", "windows"} {
		if !slices.Contains(build.Goos, want) {
			t.Errorf("no build for %s", want)
		}
	}
	if !slices.Contains(build.Goarch, "amd64") || !slices.Contains(build.Goarch, "arm64") {
		t.Errorf("builds for %v", build.Goarch)
	}
	if project.Checksum.Algorithm != "sha256" || len(project.SBOMs) == 0 {
		t.Error("no checksums, or no bill of materials")
	}
	p := project.NFPMs[0]
	if !slices.Equal(p.Formats, []string{"deb", "rpm"}) {
		t.Errorf("packages for %v", p.Formats)
	}
	for _, c := range p.Contents {
		if !there("../../" + c.Source) {
			t.Errorf("a package has %s, which is not there", c.Source)
		}
	}
	for _, script := range []string{p.Scripts.PostInstall, p.Scripts.PreRemove, p.Scripts.PostRemove, build.Main} {
		if !there("../../" + script) {
			t.Errorf("%s is not there", script)
		}
	}
	// What the linker sets must be variables of the program: it says nothing of names that there are not.
	code, err := os.ReadFile("../../internal/build/build.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, flags := range build.Ldflags {
		for _, m := range regexp.MustCompile(`-X github\.com/neurod/neurod/internal/build\.(\w+)=`).FindAllStringSubmatch(flags, -1) {
			if !regexp.MustCompile(`(?m)^\s+` + m[1] + `\s+string$`).Match(code) {
				t.Errorf("there is no variable %s to set", m[1])
			}
		}
	}
}
