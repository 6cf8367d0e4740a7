package workers

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/cue"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/quality"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/training"
	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// TrialStore gives the samples and events of sessions; *store.Store is one.
type TrialStore interface {
	Session(ctx context.Context, projectID, id string) (models.Session, error)
	EachSessionEvent(ctx context.Context, projectID, sessionID string, each func(models.SessionMark) error) error
	BatchesOver(ctx context.Context, sessionID string, start, end, longest int64) ([]models.SampleBatch, error)
	FirstSample(ctx context.Context, r store.BatchRange, from int64) (int64, bool, error)
}

var _ TrialStore = (*store.Store)(nil)

const (
	// trialSegment is how many samples a channel are merged at once; the trials in them are cut from it.
	trialSegment = 8 << 10
	// maxTrialBytes limits the samples of all trials of a job together, as float64: it is what a training holds in memory.
	maxTrialBytes = 512 << 20
)

// trialReport says what became of labelled events.
type trialReport struct {
	Found   int            `json:"found"`    // events of some class, in the ranges asked for
	Used    int            `json:"used"`     // of them
	ByClass map[string]int `json:"by_class"` // of those used
	// SamplesMissing counts trials that were left out because some of their samples are not there: before the beginning of
	// the session, in a gap, or not recorded yet.
	SamplesMissing int             `json:"samples_missing"`
	Quality        *quality.Report `json:"quality,omitempty"` // nil where trials were not gated
	needed         map[string]int  // trials of each class, see needs
	// Contact says which channels held no EEG in trials that were left out for it; nil where trials were not gated.
	Contact *contact.Gated `json:"contact,omitempty"`
}

// trialQuery says which trials to gather.
type trialQuery struct {
	project string
	models.LabelledTrials
	paradigm      eeg.Paradigm
	channels      []string // none: those of the first session
	classes       []string // in the order of the labels; those of LabelledTrials are among them
	before, after float64  // s
	maxBytes      int64
	compute       func(func() error) error // runs what computes for long
	unpack        unpack
}

// gather cuts the labelled trials of sessions, one session after the other, and leaves out those of low quality, and those in which a channel holds
// no EEG, where that is asked for. Only the trials themselves stay in memory. Each user is a subject and each session a run; their names are
// numbers, so that none of a person comes into a model.
//
// Errors: TrainingDataGone, montage_mismatch, payload_too_large, and invalid_signal where a channel holds no EEG in most trials.
func gather(ctx context.Context, db TrialStore, q trialQuery) (*decoders.Dataset, trialReport, error) {
	ds := &decoders.Dataset{Paradigm: q.paradigm, Cue: q.before, Classes: q.classes}
	report := trialReport{ByClass: map[string]int{}}
	for _, c := range q.classes {
		report.ByClass[c] = 0
	}
	var users []string
	var subjects []int // of each trial
	var bytes int64
	for run, part := range q.Sessions {
		ses, err := db.Session(ctx, q.project, part.SessionID)
		if errors.Is(err, store.ErrNotFound) {
			return nil, report, models.NewError(models.TrainingDataGone)
		}
		if err != nil {
			return nil, report, err
		}
		if ds.Channels == nil {
			if ds.Channels = q.channels; len(q.channels) == 0 {
				ds.Channels = ses.Channels
			}
			ds.Rate = ses.SampleRateHz
		}
		rows, err := epoch.Rows(nil, ses.Channels, epoch.CanonicalNames(ds.Channels))
		if err != nil {
			return nil, report, err
		}
		subject := slices.Index(users, ses.ExternalUserID)
		if subject < 0 {
			subject, users = len(users), append(users, ses.ExternalUserID)
		}
		events, err := q.labelled(ctx, db, ses, part)
		if err != nil {
			return nil, report, err
		}
		report.Found += len(events)
		c := cutter{db: db, ses: ses, segment: segment.New(len(ses.Channels)), unpack: q.unpack}
		lead, length := int64(math.Round(q.before*ds.Rate)), int64(math.Round((q.before+q.after)*ds.Rate))
		for _, e := range events {
			if bytes += length * int64(len(rows)) * 8; bytes > q.maxBytes {
				return nil, report, decoders.Errorf(string(models.PayloadTooLarge), map[string]any{"limit_bytes": q.maxBytes, "trials_so_far": len(ds.Trials), "channels": len(rows)},
					"the trials take more than %d bytes; name fewer sessions or channels, or a shorter window", q.maxBytes)
			}
			x, err := c.cut(ctx, e.sample-lead, length, rows)
			if err != nil {
				return nil, report, err
			}
			if x == nil {
				report.SamplesMissing++
				bytes -= length * int64(len(rows)) * 8
				continue
			}
			ds.Trials = append(ds.Trials, decoders.Trial{Data: x, Label: e.label, Group: "s" + strconv.Itoa(run+1), Onset: float64(e.sample) / ds.Rate})
			subjects = append(subjects, subject)
		}
	}
	if ds.Subject = "p1"; len(users) > 1 {
		ds.Subject = ""
		for i := range ds.Trials {
			ds.Trials[i].Group = "p" + strconv.Itoa(subjects[i]+1) + "/" + ds.Trials[i].Group
		}
	}
	if q.RejectLowQuality == nil || *q.RejectLowQuality {
		var good quality.Report
		var lost contact.Gated
		err := q.compute(func() (err error) {
			if ds, good, err = quality.Gate(ctx, ds); err == nil {
				ds, lost, err = contact.Gate(ctx, ds)
			}
			return err
		})
		if err != nil {
			return nil, report, err
		}
		report.Quality, report.Contact = &good, &lost
	}
	report.Used = len(ds.Trials)
	for _, t := range ds.Trials {
		report.ByClass[q.classes[t.Label]]++
	}
	return ds, report, nil
}

// labelledEvent is an event that begins a trial.
type labelledEvent struct {
	sample int64 // from the session's origin
	label  int
}

// labelled returns the events of a session that stand for a class, in the order of their time.
func (q trialQuery) labelled(ctx context.Context, db TrialStore, ses models.Session, part models.TrainingSession) ([]labelledEvent, error) {
	if ses.OriginMS == nil { // without samples there is no place for an event
		return nil, nil
	}
	var out []labelledEvent
	var flashes []models.SessionMark // of which letters tell whether they were attended
	err := db.EachSessionEvent(ctx, ses.ProjectID, ses.ID, func(m models.SessionMark) error {
		if part.StartMS != nil && m.AtMS < float64(*part.StartMS) || part.EndMS != nil && m.AtMS >= float64(*part.EndMS) {
			return nil
		}
		class, ok := q.Classes[m.Label]
		if !ok {
			class, ok = q.Classes[strconv.Itoa(m.Code)]
		}
		switch {
		case part.Letters != "":
			flashes = append(flashes, m)
			return nil
		case len(q.Classes) == 0 && m.Target != nil:
			class, ok = map[bool]string{true: p300.Target, false: p300.NonTarget}[*m.Target], true
		}
		if ok {
			out = append(out, labelledEvent{ses.Nearest(m.AtMS), slices.Index(q.classes, class)})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if part.Letters != "" {
		if out, err = q.spelled(ses, part.Letters, flashes); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b labelledEvent) int { return cmp.Compare(a.sample, b.sample) })
	return out, nil
}

// spelled returns the flashes of a session by what was spelled. Errors: invalid_stimulus, with the session.
func (q trialQuery) spelled(ses models.Session, text string, flashes []models.SessionMark) ([]labelledEvent, error) {
	slices.SortStableFunc(flashes, func(a, b models.SessionMark) int { return cmp.Compare(a.AtMS, b.AtMS) })
	events := make([]eeg.Event, len(flashes))
	for i, m := range flashes {
		events[i] = eeg.Event{Onset: (m.AtMS - flashes[0].AtMS) / 1000, Code: m.Code, Label: m.Label}
	}
	if q.Stimulus == nil { // accepted by another version of the program
		q.Stimulus = &models.Speller{}
	}
	st, err := decode.Stimulus(&eeg.Stimulus{Matrix: q.Stimulus.Matrix, Flashes: q.Stimulus.Flashes})
	var attended, letters []string
	if err == nil {
		letters, err = cue.Letters(st, text)
	}
	if err == nil {
		attended, err = cue.Attended(st, letters, events)
	}
	if fault := (*decoders.Error)(nil); errors.As(err, &fault) {
		details := maps.Clone(fault.Details)
		details["session_id"] = ses.ID
		return nil, decoders.Errorf(fault.Code, details, "session %s: %s", ses.ID, fault.Message)
	}
	if err != nil {
		return nil, err
	}
	var out []labelledEvent
	for i, class := range attended {
		if class != "" {
			out = append(out, labelledEvent{ses.Nearest(flashes[i].AtMS), slices.Index(q.classes, class)})
		}
	}
	return out, nil
}

// cutter cuts trials from a session, whose samples it reads a segment at a time, in order.
type cutter struct {
	db      TrialStore
	ses     models.Session
	segment *segment.Segment
	batches int    // only those with a lower number count; 0 for all
	unpack  unpack // nil for who computes already
}

// unpack is store.BatchRange.Compute.
type unpack func(ctx context.Context, bytes int, f func() error) error

// cut returns length samples from a sample on of the given channels; nil where one is missing.
func (c *cutter) cut(ctx context.Context, from, length int64, rows []int) (*mat.Dense, error) {
	if length <= 0 {
		return nil, nil
	}
	if s := c.segment; from < s.Start || from+length > s.End {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := loadSegment(ctx, c.db, c.ses, s, from, from+max(length, trialSegment), c.batches, c.unpack); err != nil {
			return nil, err
		}
	}
	if !c.segment.Complete(from, from+length) {
		return nil, nil
	}
	x := mat.NewDense(len(rows), int(length), nil)
	at := from - c.segment.Start
	for i, r := range rows {
		x.SetRow(i, c.segment.Rows[r][at:at+length])
	}
	return x, nil
}

// classesOf returns the classes of trials in the order that a model has them in. Where none is given they are those of flashes.
func classesOf(l models.LabelledTrials) []string {
	if len(l.Classes) == 0 {
		return []string{p300.NonTarget, p300.Target}
	}
	return slices.Compact(slices.Sorted(maps.Values(l.Classes)))
}

// withEvents adds the events that stand for classes to what a card lists of them; the newer word on an event counts.
func withEvents(known map[string][]string, classes map[string]string) map[string][]string {
	if len(classes) == 0 {
		return known
	}
	out := make(map[string][]string, len(known))
	for class, events := range known {
		out[class] = slices.DeleteFunc(slices.Clone(events), func(event string) bool { return classes[event] != "" })
	}
	for _, event := range slices.Sorted(maps.Keys(classes)) {
		out[classes[event]] = append(out[classes[event]], event)
	}
	return out
}

// limits are the sentences of a card about trials that were left out.
func (r trialReport) limits() []string {
	if r.Contact == nil || r.Contact.Rejected == 0 {
		return nil
	}
	return []string{r.Contact.Limit()}
}

// minTrialsPerClass is the fewest trials a class that a model is made of: fewer cannot be held back in five folds.
const minTrialsPerClass = 5

// needs is how many trials of each class a training takes: what the pipeline asks for, or five, or with others to start from two.
func needs(p decoders.Pipeline, classes []string, base *training.Base) map[string]int {
	if own := training.Needs(p, classes); own != nil {
		return own
	}
	least := minTrialsPerClass
	if base != nil {
		least = training.LeastOnTop
	}
	out := map[string]int{}
	for _, c := range classes {
		out[c] = least
	}
	return out
}

// enough refuses trials of which some class has too few. The trials of any target teach what others evoke where codes are decoded: how
// many those need together, the pipeline says.
func (r trialReport) enough(p eeg.Paradigm) error {
	if p == eeg.CVEP {
		return nil
	}
	if missing := training.Missing(r.ByClass, r.needed); missing != nil {
		return r.tooFew(missing.Message, nil)
	}
	return nil
}

// tooFew is the too_few_trials error with everything that is known of the trials.
func (r trialReport) tooFew(why string, fold map[string]any) error {
	details := map[string]any{"trials": r.Used, "classes": r.ByClass, "found": r.Found, "samples_missing": r.SamplesMissing}
	if len(r.needed) > 0 {
		details["needed"] = r.needed
		if alike := slices.Collect(maps.Values(r.needed)); slices.Min(alike) == slices.Max(alike) {
			details["needed_per_class"] = alike[0]
		}
	}
	if r.Quality != nil {
		details["rejected"] = r.Quality.Rejected
	}
	if r.Contact != nil {
		details["without_eeg"], details["channels_without_eeg"] = r.Contact.Rejected, r.Contact.Channels
	}
	if missing := training.Missing(r.ByClass, r.needed); missing != nil {
		details["missing"] = missing.Details["missing"]
	}
	switch {
	case fold["missing"] != nil: // the whole set was judged
		details["needed"], details["missing"] = fold["needed"], fold["missing"]
	case fold != nil:
		details["fold"] = fold
	}
	return decoders.Errorf(decoders.CodeTooFewTrials, details, "%s", why)
}
