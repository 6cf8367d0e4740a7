package evaluation

import (
	"path"
	"path/filepath"
	"slices"

	"github.com/neurod/neurod/internal/lab/datasets"
)

// layouts are where the data sets of known layout lie below the data root. What lies elsewhere is taken by its events.
var layouts = []string{
	"motor_imagery/*/*.zip", "motor_imagery/*/*.gdf", "p300/*/*.f32", "p300/*/*.csv", "ssvep/*/*.gdf", "ssvep/*/*.csv", "cvep/*/*.npz",
	"seizure/*/*.zip", "seizure/*/*.f32", "artifacts/*/*", "headsets/*/*", "formats/*/*", "malformed/*",
}

// glob returns the files below the data root that match a pattern of a layout, in order.
func (e *evaluator) glob(pattern string) []string {
	if !slices.Contains(layouts, pattern) {
		panic("evaluation: " + pattern + " is not among the layouts")
	}
	return datasets.Glob(e.cfg.Data, pattern)
}

// folder is a file's folder below the data root, with slashes: the dataset's name. Files in the root itself go by the root's own name,
// also where it was given as ".".
func (e *evaluator) folder(file string) string {
	folder := path.Dir(e.relative(file))
	if folder != "." {
		return folder
	}
	root, err := filepath.Abs(e.cfg.Data)
	if err != nil {
		root = e.cfg.Data
	}
	return filepath.Base(root)
}

func (e *evaluator) relative(file string) string {
	rel, err := filepath.Rel(e.cfg.Data, file)
	if err != nil {
		rel = file
	}
	return filepath.ToSlash(rel)
}

// problem notes files that could not be used.
func (e *evaluator) problem(problems ...datasets.Problem) {
	for _, p := range problems {
		e.report.Problems = append(e.report.Problems, Problem{File: e.relative(p.File), Reason: p.Err.Error()})
	}
}

// open reads the recordings of a file, or of those members of an archive that keep accepts, and notes the problems.
func (e *evaluator) open(file string, keep func(base string) bool) []datasets.Run {
	runs, problems := datasets.Open(file, keep)
	e.problem(problems...)
	if len(runs) > 0 {
		e.use(file)
	}
	return runs
}

// use notes a file that was measured.
func (e *evaluator) use(file string) {
	if e.used == nil {
		e.used = map[string]bool{}
	}
	e.used[filepath.Clean(file)] = true
}
