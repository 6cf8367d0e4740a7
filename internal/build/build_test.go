package build

import (
	"runtime/debug"
	"testing"
)

func TestReadTakesTheLinkersWordFirst(t *testing.T) {
	t.Parallel()
	stamped := &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}, {Key: "vcs.modified", Value: "true"}}}
	for want, got := range map[string]Info{
		"devel":                       read("", "", nil),
		"devel (0123456789ab+dirty)":  read("", "", stamped),
		"v1.2.0 (abc)":                read("v1.2.0", "abc", stamped),
		"v1.2.0 (0123456789ab+dirty)": read("v1.2.0", "", stamped),
		"v1.3.0":                      read("", "", &debug.BuildInfo{Main: debug.Module{Version: "v1.3.0"}}),
		"v1.2.0-4-gabc":               read("v1.2.0-4-gabc", "abc", nil),
	} {
		if got.String() != want {
			t.Errorf("%+v is %q, want %q", got, got.String(), want)
		}
	}
}
