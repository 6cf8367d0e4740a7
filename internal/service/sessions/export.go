package sessions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"time"

	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// SignalFormat names a file format of raw samples.
type SignalFormat string

// The formats.
const (
	FormatEDF SignalFormat = "edf" // EDF+, 16 bits
	FormatBDF SignalFormat = "bdf" // BDF+, 24 bits
)

// SignalFile is a file that is written without holding its samples: they come twice, in segments that are in order and
// do not overlap, first to be measured, then to be written. Samples are channels × samples in µV, valid during the call.
type SignalFile interface {
	Measure(start int64, rows [][]float64) error
	// Plan decides on the layout of the file and returns its size in bytes.
	Plan(about SignalAbout) (int64, error)
	Begin(w io.Writer) error
	Write(start int64, rows [][]float64) error
	Close() error
}

// SignalAbout is what a file says beside its samples.
type SignalAbout struct {
	Start  time.Time // of the first sample
	Device string
	Events []ExportEvent
}

// SignalFiles makes a file for channels of one rate, in Hz.
type SignalFiles func(f SignalFormat, channels []string, rate float64) (SignalFile, error)

// ExportEvent is an event of a session.
type ExportEvent struct {
	Sample    int64   // counted from the session's origin
	DurationS float64 // 0 for a moment
	Code      int
	Label     string
}

// ExportPage selects the windows of an export.
type ExportPage struct {
	Offset     int
	Limit      int // 0 for all
	OnlyPassed bool
}

// Export is the content of a session as it stood when it was opened, to be read once, a little at a time.
type Export struct {
	Session models.Session
	Page    ExportPage
	Total   int // windows of the session

	sessions *Service
}

// How much an export holds in memory at once, whatever the session's length.
const (
	exportWindows = 200
	exportBytes   = 2 << 20 // of raw samples, unless one batch has more
)

// Export opens a session for export. Error: SessionNotFound.
func (s *Service) Export(ctx context.Context, p models.Principal, id string, page ExportPage) (*Export, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return nil, err
	}
	return &Export{Session: ses, Page: page, Total: ses.WindowCount, sessions: s}, nil
}

// ErrChanged says that a session was erased while it was exported.
var ErrChanged = errors.New("service: the session was erased during its export")

// whole makes sure that the session is still there: what was read before is then all that there was.
func (e *Export) whole(ctx context.Context) error {
	_, err := e.sessions.cfg.Store.Session(ctx, e.Session.ProjectID, e.Session.ID)
	if errors.Is(err, store.ErrNotFound) {
		return ErrChanged
	}
	return err
}

// Windows calls each with every window of the page, in the order of their start.
func (e *Export) Windows(ctx context.Context, each func(*models.FeatureWindow) error) error {
	left := e.Page.Limit
	if left == 0 {
		left = math.MaxInt
	}
	l := store.WindowListing{SessionID: e.Session.ID, Offset: e.Page.Offset, OnlyPassed: e.Page.OnlyPassed}
	for left > 0 {
		l.Limit = min(left, exportWindows)
		found, err := e.sessions.cfg.Store.FeatureWindows(ctx, e.Session.ProjectID, l)
		if err != nil {
			return service.Unavailable(err)
		}
		for i := range found {
			if err := each(&found[i]); err != nil {
				return err
			}
		}
		if len(found) < l.Limit {
			break
		}
		left -= len(found)
		l.Offset, l.AfterIndex = 0, &found[len(found)-1].WindowIndex
	}
	return e.whole(ctx)
}

// Events calls each with every event of the session.
func (e *Export) Events(ctx context.Context, each func(ExportEvent) error) error {
	return e.sessions.eachEvent(ctx, e.Session.ProjectID, e.Session.ID, each)
}

// eachEvent calls each with every event of a session, in the order in which they were added, at its place among the samples.
func (s *Service) eachEvent(ctx context.Context, projectID, sessionID string, each func(ExportEvent) error) error {
	ses, err := s.cfg.Store.Session(ctx, projectID, sessionID)
	if err != nil || ses.OriginMS == nil { // without samples there is no place for an event
		return err
	}
	return s.cfg.Store.EachSessionEvent(ctx, projectID, sessionID, func(m models.SessionMark) error {
		return each(ExportEvent{Sample: ses.Nearest(m.AtMS), DurationS: m.DurationMS / 1000, Code: m.Code, Label: m.Label})
	})
}

// TimeOf returns the time of a sample.
func (e *Export) TimeOf(sample int64) time.Time {
	if e.Session.OriginMS == nil {
		return e.Session.StartedAt
	}
	whole := math.Floor(float64(sample) / e.Session.SampleRateHz)
	rest := float64(sample)/e.Session.SampleRateHz - whole
	return time.UnixMilli(*e.Session.OriginMS + int64(whole)*1000).Add(time.Duration(math.Round(rest * 1e9))).UTC()
}

func (e *Export) batches() store.BatchRange {
	return store.BatchRange{ProjectID: e.Session.ProjectID, SessionID: e.Session.ID, Before: e.Session.BatchCount, Longest: e.Session.LongestBatch}
}

// RawBatch is a batch as it came in.
type RawBatch struct {
	BatchID string
	StartMS int64
	First   int64  // number of its first sample
	Samples int    // a channel
	Data    []byte // float32 little-endian, sample-major, µV
}

// Batches calls each with every batch of the session, in the order of their end. Error: ErrChanged when one is gone.
func (e *Export) Batches(ctx context.Context, each func(RawBatch) error) error {
	frame := 4 * len(e.Session.Channels)
	limit := int(min(max(1, exportBytes/(max(1, e.Session.LongestBatch)*int64(frame))), 512))
	end, seq, seen := int64(math.MinInt64), -1, 0
	for {
		found, err := e.sessions.cfg.Store.BatchesByEnd(ctx, e.batches(), end, seq, limit)
		if err != nil {
			return service.Unavailable(err)
		}
		for i := range found {
			b := &found[i]
			if err := each(RawBatch{BatchID: b.BatchID, StartMS: b.StartMS, First: b.StartSample, Samples: len(b.Data) / frame, Data: b.Data}); err != nil {
				return err
			}
		}
		if seen += len(found); len(found) < limit {
			break
		}
		last := &found[len(found)-1]
		end, seq = last.EndSample, last.Seq
	}
	if seen != e.Session.BatchCount {
		return fmt.Errorf("%w: %d batches of %d", ErrChanged, seen, e.Session.BatchCount)
	}
	return nil
}

// segments gives the samples of the session, segment by segment, in order: where batches overlap, those of the one that was
// accepted first. The rows are valid until the next.
func (e *Export) segments(ctx context.Context, fault *error) iter.Seq2[int64, [][]float64] {
	return e.segmentsFrom(ctx, math.MinInt64, fault)
}

// segmentsFrom is segments from about a sample on.
func (e *Export) segmentsFrom(ctx context.Context, from int64, fault *error) iter.Seq2[int64, [][]float64] {
	return func(yield func(int64, [][]float64) bool) {
		*fault = e.walk(ctx, from, yield)
	}
}

func (e *Export) walk(ctx context.Context, from int64, yield func(int64, [][]float64) bool) error {
	db, batches := e.sessions.cfg.Store, e.batches()
	channels := len(e.Session.Channels)
	values := int64(exportBytes / 8 / channels)
	// A long batch is read as often as ranges touch it.
	step := max(values, min(batches.Longest, 8*values), 1)
	part := segment.New(channels)
	rows := make([][]float64, channels)
	at, adjoins := from, false
	for {
		if !adjoins {
			first, ok, err := db.FirstSample(ctx, batches, at)
			if err != nil {
				return service.Unavailable(err)
			}
			if !ok {
				return nil
			}
			at = first
		}
		part.Reset(at, at+step)
		if err := db.EachBatchOver(ctx, batches, at, at+step, part.Add); err != nil {
			return service.Unavailable(err)
		}
		adjoins = false
		for from, to := range part.Runs() {
			for ch := range rows {
				rows[ch] = part.Rows[ch][from-at : to-at]
			}
			if !yield(from, rows) {
				return nil
			}
			adjoins = to == at+step
		}
		at += step
	}
}

// Signals is the raw samples of a session on their way into a file.
type Signals struct {
	Bytes int64 // size of the file

	export *Export
	file   SignalFile
}

// Signals reads the samples once and plans the file. Errors: SessionNotFound when it was erased meanwhile.
func (e *Export) Signals(ctx context.Context, f SignalFormat) (*Signals, error) {
	if e.sessions.cfg.Files == nil {
		return nil, models.Errorf(models.Internal, "no file formats are configured")
	}
	file, err := e.sessions.cfg.Files(f, e.Session.Channels, e.Session.SampleRateHz)
	if err != nil {
		return nil, err
	}
	var fault error
	first, any := int64(0), false
	for start, rows := range e.segments(ctx, &fault) {
		if !any {
			first, any = start, true
		}
		if err := file.Measure(start, rows); err != nil {
			return nil, err
		}
	}
	if fault != nil {
		return nil, fault
	}
	if !any && e.Session.BatchCount > 0 {
		return nil, models.NewError(models.SessionNotFound).Wrap(ErrChanged)
	}
	about := SignalAbout{Start: e.TimeOf(first), Device: e.Session.DeviceType}
	err = e.Events(ctx, func(ev ExportEvent) error {
		ev.Sample -= first
		about.Events = append(about.Events, ev)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := &Signals{export: e, file: file}
	s.Bytes, err = file.Plan(about)
	return s, err
}

// Write reads the samples again and writes the file.
func (s *Signals) Write(ctx context.Context, w io.Writer) error {
	if err := s.file.Begin(w); err != nil {
		return err
	}
	var fault error
	for start, rows := range s.export.segments(ctx, &fault) {
		if err := s.file.Write(start, rows); err != nil {
			return err
		}
	}
	if fault != nil {
		return fault
	}
	return s.file.Close()
}
