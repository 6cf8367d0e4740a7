package evaluation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// Config says what to measure.
type Config struct {
	// Data is the folder of recordings.
	Data string
	// Version of the program, for the report.
	Version string
	// Only lists the families to run: motor_imagery, p300, ssvep, cvep, seizure, artifacts, fitness, synthetic, formats, recordings. Defaults to
	// all.
	Only []string
	// Classes are what the events of recordings stand for that lie in no known layout, each "event=class"; an event is a label or a
	// code. Defaults to the usual names and codes of movements, and the targets of flashes.
	Classes []string
	// Windows are the lengths in s of SSVEP windows that methods with calibration data are measured on, as far as a recording
	// has them. Defaults to 1, 2 and 4.
	Windows []float64
	// Sizes are the training trials a class of the calibration curves. Defaults to 5, 10, 20 and 40.
	Sizes []int
	// Seed of the folds. Defaults to 42, the seed of the published examples that rows are held against.
	Seed uint64
	// Parallel is how many trainings run at once; the time of one decode is taken while none does. Defaults to the number of
	// processors.
	Parallel int
	// Progress, when not nil, is told what is being measured.
	Progress func(text string)
	// Untimed leaves the time of a decode out and runs families of datasets at once.
	Untimed bool
	// Now is the clock for the time of one decode. Defaults to time.Now.
	Now func() time.Time
}

// family is one group of datasets.
type family struct {
	name string
	run  func(*evaluator, context.Context) error
}

var families = []family{
	{"motor_imagery", (*evaluator).motorImagery},
	{"p300", (*evaluator).p300},
	{"ssvep", (*evaluator).ssvep},
	{"cvep", (*evaluator).cvep},
	{"seizure", (*evaluator).seizure},
	{"artifacts", (*evaluator).artifacts},
	{"fitness", (*evaluator).fitness},
	{"synthetic", (*evaluator).injected},
	{"formats", (*evaluator).formats},
	{"recordings", (*evaluator).recordings},
}

// Families returns the names that Config.Only takes.
func Families() []string {
	names := make([]string, len(families))
	for i, f := range families {
		names[i] = f.name
	}
	return names
}

// evaluator carries one run.
type evaluator struct {
	cfg     Config
	report  *Report
	used    map[string]bool // files that were measured
	flicker presences
	// flickerLosses are those of all files of a kind together.
	flickerLosses map[lossKey]*lossTally
	pairs         []paired // groups with answers, in the order they came
	answers       map[paired][]*answers
}

// Run measures every dataset below cfg.Data. Recordings that cannot be used are listed in the report; an error means that
// the folder itself is missing, an unknown family was asked for, or ctx ended.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Seed == 0 {
		cfg.Seed = referenceSeed
	}
	if cfg.Windows == nil {
		cfg.Windows = []float64{1, 2, 4}
	}
	if cfg.Sizes == nil {
		cfg.Sizes = []int{5, 10, 20, 40}
	}
	if cfg.Parallel < 1 {
		cfg.Parallel = runtime.GOMAXPROCS(0)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	if st, err := os.Stat(cfg.Data); err != nil {
		return nil, err
	} else if !st.IsDir() {
		return nil, &fs.PathError{Op: "evaluate", Path: cfg.Data, Err: errors.New("not a folder")}
	}
	for _, name := range cfg.Only {
		if !slices.Contains(Families(), name) {
			return nil, fmt.Errorf("unknown family %q: choose from %s", name, strings.Join(Families(), ", "))
		}
	}
	if len(cfg.Classes) > 0 {
		if _, err := datasets.ParseClasses(cfg.Classes); err != nil {
			return nil, err
		}
	}
	parts := make([]*evaluator, len(families))
	g, gctx := guarded.WithContext(ctx)
	g.SetLimit(1) // a time is taken while nothing else runs
	if cfg.Untimed {
		g.SetLimit(cfg.Parallel)
		var mu sync.Mutex
		tell := cfg.Progress
		cfg.Progress = func(text string) {
			mu.Lock()
			defer mu.Unlock()
			tell(text)
		}
	}
	for i, f := range families {
		parts[i] = &evaluator{cfg: cfg, report: &Report{}, flickerLosses: map[lossKey]*lossTally{}}
		if len(cfg.Only) > 0 && !slices.Contains(cfg.Only, f.name) {
			continue
		}
		g.Go(func() error {
			if err := f.run(parts[i], gctx); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	e := &evaluator{cfg: cfg, report: &Report{Version: cfg.Version, Go: runtime.Version(), Libraries: libraries(), Seed: cfg.Seed, Data: cfg.Data}}
	for _, part := range parts {
		e.join(part)
	}
	e.report.Comparisons, e.report.Summaries = e.compare(), e.summaries()
	e.report.Files = e.inventory()
	return e.report, nil
}

// join appends what another evaluator found in datasets of its own.
func (e *evaluator) join(part *evaluator) {
	r, p := e.report, part.report
	r.Rows, r.ROCs, r.Problems = append(r.Rows, p.Rows...), append(r.ROCs, p.ROCs...), append(r.Problems, p.Problems...)
	e.pairs = append(e.pairs, part.pairs...)
	if e.answers == nil {
		e.answers = map[paired][]*answers{}
	}
	maps.Copy(e.answers, part.answers)
	for file := range part.used {
		e.use(file)
	}
}

// libraries are the versions of gonum in this program and of what made the references.
func libraries() map[string]string {
	out := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == "gonum.org/v1/gonum" {
				out["gonum"] = dep.Version
			}
		}
	}
	for name, version := range referenceVersions {
		out[name] = version
	}
	return out
}

// progress tells what is being measured.
func (e *evaluator) progress(format string, args ...any) {
	e.cfg.Progress(fmt.Sprintf(format, args...))
}

// add appends a row, held against its reference where there is one.
func (e *evaluator) add(r Row) {
	if e.cfg.Seed == referenceSeed {
		r = hold(r)
	}
	if e.cfg.Untimed {
		r.MillisPerTrial = 0
	}
	e.report.Rows = append(e.report.Rows, r)
}

// skip notes a recording that broke a measurement and lets the others go on; only the end of ctx stops them all.
func (e *evaluator) skip(ctx context.Context, file string, err error) error {
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	e.problem(datasets.Problem{File: file, Err: err})
	return nil
}

// referenceKey names a row.
type referenceKey struct{ dataset, subject, task, pipeline, protocol string }

// hold compares a row with its reference, if there is one for it.
func hold(r Row) Row {
	ref, ok := references[referenceKey{r.Dataset, r.Subject, r.Task, r.Pipeline, r.Protocol}]
	if !ok {
		return r
	}
	got, measured := r.Metrics[ref.Metric]
	ref.Pass = measured && (got >= ref.Must-1e-9 || ref.AtMost) && (got <= ref.Must+1e-9 || !ref.AtMost)
	r.Reference = &ref
	return r
}
