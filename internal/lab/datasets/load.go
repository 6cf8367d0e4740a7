package datasets

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
)

// Query says which trials to take from which files.
type Query struct {
	// Paths are recordings, ZIP archives of them, and folders, which are searched with all folders below.
	Paths []string
	// Task maps events to classes.
	Task Task
	// Channels by name. Defaults to all EEG channels of the first recording.
	Channels []string
	// Before and After the event in s that a trial holds. Before defaults to 0; After must be given.
	Before, After float64
	// Rate in Hz of recordings that do not tell theirs. Defaults to none.
	Rate float64
	// Subject finds the person in a file's name, then in the names of its folders, innermost first: the first group, or
	// the whole match without one. Defaults to SubjectPattern. What it does not find is one person, "1".
	Subject *regexp.Regexp
}

// SubjectPattern finds "S001", "sub-01", "subject3" at the start of a name.
var SubjectPattern = regexp.MustCompile(`(?i)^(s\d{2,4}|sub-[0-9a-z]+|sub(?:ject)?[-_]?\d+)(?:[^0-9a-z]|r\d|$)`)

// Load gathers the trials of every file. A dataset of one person keeps Dataset.Subject; for several, the groups are
// "subject/run". Files that cannot be used, or have none of the events, are problems; no trial at all is too_few_trials.
func Load(ctx context.Context, q Query) (*decoders.Dataset, []Problem, error) {
	if q.Subject == nil {
		q.Subject = SubjectPattern
	}
	files, err := expand(q.Paths)
	if err != nil {
		return nil, nil, err
	}
	runs := map[string][]Run{} // by subject
	var subjects []string
	var problems []Problem
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, problems, err
		}
		opened, p := Open(f.path, nil)
		problems = append(problems, p...)
		for _, r := range opened {
			if err := SetRate(r.Recording, q.Rate); err != nil {
				problems = append(problems, Problem{f.path, err})
				continue
			}
			subject := subjectOf(q.Subject, f, r.Name)
			if len(runs[subject]) == 0 {
				subjects = append(subjects, subject)
			}
			// Two runs of a name in different folders are two runs.
			for n, name := 2, r.Name; slices.ContainsFunc(runs[subject], func(o Run) bool { return o.Name == r.Name }); n++ {
				r.Name = fmt.Sprintf("%s#%d", name, n)
			}
			runs[subject] = append(runs[subject], r)
			if q.Channels == nil {
				if sig, err := r.Recording.Signal(); err == nil {
					q.Channels = sig.Channels
				}
			}
		}
	}
	if q.Task.Flashes != nil {
		if names := q.Task.Flashes.unknown(runs); len(names) > 0 {
			return nil, problems, fmt.Errorf("letters are given for %s, and no recording is called so", strings.Join(names, ", "))
		}
	}
	slices.Sort(subjects)
	var sets []*decoders.Dataset
	for _, s := range subjects {
		ds, p := q.Task.Dataset(s, runs[s], q.Channels, q.Before, q.After)
		problems = append(problems, p...)
		if ds != nil {
			sets = append(sets, ds)
		}
	}
	if len(sets) == 0 && q.Task.Flashes != nil {
		return nil, problems, decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"files": len(files), "events_found": eventsOf(runs)},
			"none of the %d files says of any flash with %g s of signal before and %g s after it whether it was a target: name the classes of its events, or what was spelled with which stimulus",
			len(files), q.Before, q.After)
	}
	if len(sets) == 0 {
		found := eventsOf(runs)
		there := "no events"
		if len(found) > 0 {
			there = "the events " + strings.Join(found, ", ")
		}
		return nil, problems, decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"files": len(files), "events": q.Task.Events, "events_found": found},
			"none of the %d files has an event of any class with %g s of signal before and %g s after it; they have %s", len(files), q.Before, q.After, there)
	}
	if len(sets) == 1 {
		return sets[0], problems, nil
	}
	all, p := Pool(sets)
	return all, append(problems, p...), nil
}

// maxListed is how many kinds of events an error lists.
const maxListed = 20

// eventsOf lists the kinds of events of all runs as a class can name them: a label, and the code behind it where the label does not
// say it.
func eventsOf(runs map[string][]Run) []string {
	seen := map[string]bool{}
	for _, list := range runs {
		for _, r := range list {
			for _, e := range r.Recording.Events {
				code := strconv.Itoa(e.Code)
				switch {
				case e.Label == "" || e.Label == code:
					seen[code] = true
				case e.Code == 0:
					seen[e.Label] = true
				default:
					seen[e.Label+" (code "+code+")"] = true
				}
			}
		}
	}
	found := slices.Sorted(maps.Keys(seen))
	if n := len(found) - maxListed; n > 0 {
		found = append(found[:maxListed], fmt.Sprintf("and %d more", n))
	}
	return found
}

// SetRate gives a recording that does not state its sampling rate the rate hz; 0 leaves it as it is. A recording that tells
// another one is payload_malformed (details sample_rate, sample_rate_asked): to follow either would be a guess.
func SetRate(rec *recording.Recording, hz float64) error {
	if hz == 0 {
		return nil
	}
	for _, c := range rec.Channels {
		if c.Kind == recording.EEG && c.Rate > 0 && math.Abs(c.Rate-hz) > 0.01*c.Rate { // clocks of headsets are off by less
			return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"sample_rate": c.Rate, "sample_rate_asked": hz},
				"the recording has its own sampling rate, %g Hz: the %g Hz asked for are for recordings that do not tell theirs", c.Rate, hz)
		}
	}
	rec.SetRate(hz)
	return nil
}

// Files lists the recordings of files and folders, in order, each once. What belongs to a recording is not listed itself.
func Files(paths ...string) ([]string, error) {
	files, err := expand(paths)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(files))
	for i, f := range files {
		out[i] = f.path
	}
	return out, nil
}

// file is a file with the argument that led to it.
type file struct{ path, root string }

// readable are the extensions of recordings; what belongs to one, such as .json and .events.csv, is not listed itself.
var readable = formats.Extensions()

// expand lists the recordings of files and folders, in order, each once.
func expand(paths []string) ([]file, error) {
	var files []file
	seen := map[string]bool{}
	add := func(path, root string) {
		if !seen[path] {
			seen[path] = true
			files = append(files, file{path, root})
		}
	}
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			add(p, filepath.Dir(p))
			continue
		}
		err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name := d.Name()
			if strings.HasPrefix(name, ".") && path != p {
				if d.IsDir() {
					return filepath.SkipDir
				}
				return nil
			}
			lower := strings.ToLower(name)
			if !d.IsDir() && slices.Contains(readable, filepath.Ext(lower)) && !strings.HasSuffix(lower, ".events.csv") && !isProse(lower) {
				add(path, p)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no recordings in %s", strings.Join(paths, ", "))
	}
	return files, nil
}

// isProse tells a text about recordings from a recording.
func isProse(lower string) bool {
	return lower == "source.txt" || lower == "readme.txt" || lower == "license.txt" || lower == "licence.txt" || lower == "records.txt"
}

// SubjectOf names the person of a run of a file below root by SubjectPattern, "" where no name tells.
func SubjectOf(root, path, run string) string {
	return findSubject(SubjectPattern, file{path, root}, run)
}

// subjectOf names the person of a run; what the pattern does not find is one person.
func subjectOf(pattern *regexp.Regexp, f file, run string) string {
	if s := findSubject(pattern, f, run); s != "" {
		return s
	}
	return "1"
}

func findSubject(pattern *regexp.Regexp, f file, run string) string {
	names := []string{run, Stem(f.path)}
	for dir := filepath.Dir(f.path); ; dir = filepath.Dir(dir) {
		names = append(names, filepath.Base(dir))
		if dir == filepath.Clean(f.root) || dir == filepath.Dir(dir) {
			break
		}
	}
	for _, name := range names {
		if m := pattern.FindStringSubmatch(name); m != nil {
			for _, g := range m[1:] {
				if g != "" {
					return strings.ReplaceAll(g, "/", "_")
				}
			}
			return strings.ReplaceAll(m[0], "/", "_")
		}
	}
	return ""
}
