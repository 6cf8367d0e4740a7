package evaluation

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
)

// glob returns the files below the data root that match a pattern, in order.
func (e *evaluator) glob(pattern string) []string {
	found, err := filepath.Glob(filepath.Join(e.cfg.Data, filepath.FromSlash(pattern)))
	if err != nil {
		panic(err) // only a malformed pattern of ours
	}
	slices.Sort(found)
	return found
}

// folder is a file's folder below the data root, with slashes: the dataset's name.
func (e *evaluator) folder(file string) string {
	rel, err := filepath.Rel(e.cfg.Data, filepath.Dir(file))
	if err != nil {
		return filepath.Dir(file)
	}
	return filepath.ToSlash(rel)
}

func stem(file string) string {
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}

// problem notes a file that could not be used.
func (e *evaluator) problem(file string, err error) {
	rel, relErr := filepath.Rel(e.cfg.Data, file)
	if relErr != nil {
		rel = file
	}
	e.report.Problems = append(e.report.Problems, Problem{File: filepath.ToSlash(rel), Reason: err.Error()})
}

// open reads a recording from the disk, with the files that belong to it.
func open(file string) (*recording.Recording, error) {
	return recording.OpenFS(os.DirFS(filepath.Dir(file)), filepath.Base(file))
}

// a member is one recording of an archive.
type member struct {
	name string // base name without extension
	rec  *recording.Recording
}

// openArchive reads those recordings of a ZIP file whose base name the filter accepts, in order of name.
func (e *evaluator) openArchive(file string, keep func(base string) bool) ([]member, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	packed, err := recording.OpenZip(f, st.Size())
	if err != nil {
		return nil, err
	}
	var out []member
	for _, m := range packed {
		if !keep(path.Base(m.Name)) {
			continue
		}
		rec, err := m.Open()
		if err != nil {
			e.problem(filepath.Join(file, m.Name), err)
			continue
		}
		out = append(out, member{stem(m.Name), rec})
	}
	return out, nil
}

// cut returns the samples from start to stop seconds (half open) of all channels, or false where the signal
// does not cover them.
func cut(sig decoders.Signal, start, stop float64) (*mat.Dense, bool) {
	from := int(start*sig.Rate + .5)
	n := int((stop-start)*sig.Rate + .5)
	if start < 0 || from+n > sig.Samples() {
		return nil, false
	}
	rows, _ := sig.Data.Dims()
	return mat.DenseCopyOf(sig.Data.Slice(0, rows, from, from+n)), true
}
