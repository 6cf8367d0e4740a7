// Package build says which build of neurod runs.
package build

import (
	"runtime/debug"
	"strings"
	"sync"
)

// Set by the linker: go build -ldflags "-X github.com/neurod/neurod/internal/build.version=v1.2.0 -X …build.commit=…". `make build`
// does.
var (
	version string
	commit  string
)

// Info is what is known of a build.
type Info struct {
	Version string // of a release, such as v1.2.0; "devel" where it is not known
	Commit  string // "" where it is not known; with "+dirty" where files had been changed
}

// String returns version and commit, as far as they are known.
func (i Info) String() string {
	if i.Commit == "" || strings.Contains(i.Version, i.Commit) {
		return i.Version
	}
	return i.Version + " (" + i.Commit + ")"
}

// Read returns what the linker was told, and where it was told nothing what the go command noted: the version of the module that
// was installed, or the commit of the tree that was built.
var Read = sync.OnceValue(func() Info {
	info, _ := debug.ReadBuildInfo()
	return read(version, commit, info)
})

// commitLength is enough of a commit to find it.
const commitLength = 12

func read(version, commit string, info *debug.BuildInfo) Info {
	out := Info{Version: version, Commit: commit}
	if info != nil {
		if out.Version == "" && info.Main.Version != "(devel)" {
			out.Version = info.Main.Version
		}
		dirty := ""
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && commit == "":
				out.Commit = s.Value[:min(commitLength, len(s.Value))]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = "+dirty"
			}
		}
		if commit == "" && out.Commit != "" {
			out.Commit += dirty
		}
	}
	if out.Version == "" {
		out.Version = "devel"
	}
	return out
}
