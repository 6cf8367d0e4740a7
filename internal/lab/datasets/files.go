package datasets

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
)

// Problem is a file that could not be used.
type Problem struct {
	File string // path as given, with the archive member's name behind it
	Err  error
}

func (p Problem) Error() string { return fmt.Sprintf("%s: %v", p.File, p.Err) }

// Run is one recording of a person.
type Run struct {
	Name      string // file name without folder and extension
	Recording *recording.Recording
}

// Stem returns a file's name without folder and extension.
func Stem(file string) string {
	base := path.Base(filepath.ToSlash(file))
	return strings.TrimSuffix(base, path.Ext(base))
}

// Glob returns the files below root that match a slash-separated pattern, in order.
func Glob(root, pattern string) []string {
	found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil {
		panic(err) // only a malformed pattern of ours
	}
	slices.Sort(found)
	return found
}

// Open reads a recording with the files that belong to it, or those recordings of a ZIP archive whose base name keep
// accepts (nil for all), in order of name.
func Open(file string, keep func(base string) bool) ([]Run, []Problem) {
	if !strings.EqualFold(filepath.Ext(file), ".zip") {
		rec, err := formats.OpenFS(os.DirFS(filepath.Dir(file)), filepath.Base(file))
		if err != nil {
			return nil, []Problem{{file, err}}
		}
		return []Run{{Stem(file), rec}}, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, []Problem{{file, err}}
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, []Problem{{file, err}}
	}
	members, err := formats.OpenZip(f, st.Size())
	if err != nil {
		return nil, []Problem{{file, err}}
	}
	var runs []Run
	var problems []Problem
	for _, m := range members {
		if keep != nil && !keep(path.Base(m.Name)) {
			continue
		}
		rec, err := m.Open()
		if err != nil {
			problems = append(problems, Problem{filepath.Join(file, filepath.FromSlash(m.Name)), err})
			continue
		}
		runs = append(runs, Run{Stem(m.Name), rec})
	}
	return runs, problems
}
