package sessions

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Limits of what is read of many sessions at once.
const (
	MaxRecordings = 1000 // of a session
	MaxArtifacts  = 1000 // of a recording
	MaxEach       = 100  // sessions of a device, or decodes of a session, in one answer
	// scoredWindows is how many windows of a recording its quality and its artifacts are taken from: those of a day at the usual hop. Of
	// a longer recording the quality is that of every second, third, … window.
	scoredWindows = 43_200
	// artifactScore is from which score on a window holds an artifact, as in the flags of a decode.
	artifactScore = 0.5
)

// RecordingStore reads many sessions with as many statements as there are kinds of things.
type RecordingStore interface {
	ExpiredSessions(ctx context.Context, projectID string, before time.Time, limit int) ([]string, error)
	FindSessions(ctx context.Context, f store.SessionSearch, fromEnd bool, offset, limit int) ([]models.Session, error)
	CountSessions(ctx context.Context, f store.SessionSearch) (int64, error)
	DeviceSessions(ctx context.Context, projectID string, devices []string, each int) (map[string][]models.Session, error)
	LastBatchTimes(ctx context.Context, sessions []models.Session) (map[string]time.Time, error)
	SegmentsOf(ctx context.Context, sessions []models.Session, offset, each int) (map[string][]models.Segment, error)
	Qualities(ctx context.Context, projectID string, ranges []store.WindowRange) ([]store.RangeQuality, error)
	Findings(ctx context.Context, projectID string, ranges []store.WindowRange, score float64, each func(store.WindowFinding)) error
	LatestDecodes(ctx context.Context, projectID string, sessions []string, each int) (map[string][]models.SessionDecode, error)
	LatestWindows(ctx context.Context, projectID string, sessions []string, each int) (map[string][]models.FeatureWindow, error)
	EventsOf(ctx context.Context, projectID string, sessions []string, after, each int) (map[string][]models.SessionMark, error)
}

// Search selects sessions of the project. What is empty selects all.
type Search struct {
	Mode           models.IngestionMode
	Progress       models.Progress
	ExternalUserID string
	DeviceIDs      []string
	Tags           []string // all of them
	Text           string   // part of the name, in capitals or not
	Protocol       string
	StartedFrom    *time.Time
	StartedBefore  *time.Time
}

func (f Search) of(projectID string, now time.Time) store.SessionSearch {
	return store.SessionSearch{ProjectID: projectID, Mode: f.Mode, Progress: f.Progress, Since: now.Add(-models.PausedAfter), ExternalUserID: f.ExternalUserID,
		DeviceIDs: f.DeviceIDs, Tags: f.Tags, Text: f.Text, Protocol: f.Protocol, StartedFrom: f.StartedFrom, StartedBefore: f.StartedBefore}
}

// Span is a part of a list, newest first, in one of three ways: the first so many behind a cursor, the last so many before one, or
// by number.
type Span struct {
	First, Last   *int
	After, Before string // cursors
	Offset        int    // with First
}

// Found is a part of a list of sessions, newest first.
type Found struct {
	Sessions    []models.Session
	Next, Prior bool // there are more behind the last, and before the first
}

// SessionCursor names the place of a session in a list.
func SessionCursor(id string) string { return base64.RawURLEncoding.EncodeToString([]byte(id)) }

func cursorOf(name, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	id, ok := models.ParseID(string(b))
	if err != nil || !ok {
		return "", &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At(name), Code: "invalid", Message: "is not a cursor that this list returned"}}}
	}
	return id, nil
}

// DefaultSpan is how many sessions a part of a list has where nothing is said.
const DefaultSpan = 50

// Find returns a part of the sessions that a search selects. Errors: InvalidParameter for a cursor that is none, and for a span that
// says two things.
//
//nolint:gocyclo // one exit for each end of a page
func (s *Service) Find(ctx context.Context, p models.Principal, f Search, span Span) (Found, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return Found{}, err
	}
	limit, backward := DefaultSpan, false
	bad := func(name, code, format string, args ...any) error {
		return &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At(name), Code: code, Message: fmt.Sprintf(format, args...)}}}
	}
	switch {
	case span.First != nil && span.Last != nil:
		return Found{}, bad("last", "conflict", "is not allowed with first")
	case span.Last != nil:
		limit, backward = *span.Last, true
	case span.First != nil:
		limit = *span.First
	}
	if name := map[bool]string{true: "last", false: "first"}[backward]; limit < 0 || limit > MaxPage {
		return Found{}, bad(name, "out_of_range", "must be a whole number from 0 to %d", MaxPage)
	}
	after, err := cursorOf("after", span.After)
	if err != nil {
		return Found{}, err
	}
	before, err := cursorOf("before", span.Before)
	if err != nil {
		return Found{}, err
	}
	search := f.of(p.ProjectID, s.cfg.Now())
	search.AfterID, search.BeforeID = after, before
	found, err := s.cfg.Store.FindSessions(ctx, search, backward, span.Offset, limit+1)
	if err != nil {
		return Found{}, service.Unavailable(err)
	}
	more := len(found) > limit
	switch {
	case more && backward:
		found = found[1:]
	case more:
		found = found[:limit]
	}
	out := Found{Sessions: found, Next: more, Prior: span.Offset > 0}
	if backward {
		out.Next, out.Prior = false, more
	}
	// Whether there is something at the other end, which a page that was come to by a cursor mostly has: the session of the cursor itself.
	if backward && before != "" || !backward && after != "" {
		whole := f.of(p.ProjectID, s.cfg.Now())
		switch {
		case backward && len(found) > 0:
			whole.AfterID = found[len(found)-1].ID
		case backward:
			whole.UpToID = before
		case len(found) > 0:
			whole.BeforeID = found[0].ID
		default:
			whole.FromID = after
		}
		there, err := s.cfg.Store.FindSessions(ctx, whole, false, 0, 1)
		if err != nil {
			return Found{}, service.Unavailable(err)
		}
		if backward {
			out.Next = len(there) > 0
		} else {
			out.Prior = len(there) > 0
		}
	}
	return out, nil
}

// Count returns how many sessions a search selects.
func (s *Service) Count(ctx context.Context, p models.Principal, f Search) (int64, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return 0, err
	}
	n, err := s.cfg.Store.CountSessions(ctx, f.of(p.ProjectID, s.cfg.Now()))
	if err != nil {
		return 0, service.Unavailable(err)
	}
	return n, nil
}

// ByID returns those sessions of the project that are there, by id.
func (s *Service) ByID(ctx context.Context, p models.Principal, ids []string) (map[string]models.Session, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return nil, err
	}
	known := make([]string, 0, len(ids))
	for _, id := range ids {
		if id, ok := models.ParseID(id); ok {
			known = append(known, id)
		}
	}
	found, err := s.cfg.Store.FindSessions(ctx, store.SessionSearch{ProjectID: p.ProjectID, IDs: known}, false, 0, len(known))
	if err != nil {
		return nil, service.Unavailable(err)
	}
	out := make(map[string]models.Session, len(found))
	for _, ses := range found {
		out[ses.ID] = ses
	}
	return out, nil
}

// OfDevices returns the newest sessions of each device, at most so many of one, newest first.
func (s *Service) OfDevices(ctx context.Context, p models.Principal, devices []string, each int) (map[string][]models.Session, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return nil, err
	}
	found, err := s.cfg.Store.DeviceSessions(ctx, p.ProjectID, devices, each)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return found, nil
}

// Progress returns how far each session is, by id.
func (s *Service) Progress(ctx context.Context, p models.Principal, sessions []models.Session) (map[string]models.Progress, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return nil, err
	}
	var taking []models.Session
	for _, ses := range sessions {
		if !ses.Ending() && ses.ProjectID == p.ProjectID {
			taking = append(taking, ses)
		}
	}
	last, err := s.cfg.Store.LastBatchTimes(ctx, taking)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	out, now := make(map[string]models.Progress, len(sessions)), s.cfg.Now()
	for _, ses := range sessions {
		out[ses.ID] = ses.Progress(last[ses.ID], now)
	}
	return out, nil
}

// Recording is a contiguous part of a session: between two of them samples are missing.
type Recording struct {
	Session models.Session
	models.Segment
}

// ID names the recording; it stays the same while samples follow.
func (r Recording) ID() string { return "rec_" + r.Session.ID + "_" + strconv.FormatInt(r.Start, 10) }

// Begin and End are the times of the first sample and behind the last.
func (r Recording) Begin() time.Time { return time.UnixMilli(r.Session.TimeOf(r.Segment.Start)).UTC() }

// Finish is the time behind the last sample.
func (r Recording) Finish() time.Time { return time.UnixMilli(r.Session.TimeOf(r.Segment.End)).UTC() }

// Samples is how many there are, a channel.
func (r Recording) Samples() int64 { return r.Segment.End - r.Segment.Start }

// Seconds is how long it is.
func (r Recording) Seconds() float64 { return float64(r.Samples()) / r.Session.SampleRateHz }

// windows are the feature windows that lie in the recording.
func (r Recording) windows() store.WindowRange {
	first, last := r.Session.WindowGrid().Over(r.Segment.Start, r.Segment.End)
	return store.WindowRange{SessionID: r.Session.ID, First: first, Last: last}
}

// Recordings returns the recordings of each session in order, from the one with the number given, at most so many of one.
func (s *Service) Recordings(ctx context.Context, p models.Principal, sessions []models.Session, offset, each int) (map[string][]Recording, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return nil, err
	}
	sessions = slices.DeleteFunc(slices.Clone(sessions), func(ses models.Session) bool { return ses.ProjectID != p.ProjectID })
	found, err := s.cfg.Store.SegmentsOf(ctx, sessions, offset, each)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	out := make(map[string][]Recording, len(sessions))
	for _, ses := range sessions {
		for _, seg := range found[ses.ID] {
			out[ses.ID] = append(out[ses.ID], Recording{ses, seg})
		}
	}
	return out, nil
}

// RecordingQuality is how good the windows of a recording are; each is nil where it has none.
type RecordingQuality struct {
	Quality *float64 // mean, 0..1
	Passed  *float64 // share that passed the gate
}

// Qualities returns how good each recording is.
func (s *Service) Qualities(ctx context.Context, p models.Principal, list []Recording) ([]RecordingQuality, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return nil, err
	}
	ranges := make([]store.WindowRange, len(list))
	for i, r := range list {
		ranges[i] = r.windows()
		ranges[i].Every = (ranges[i].Last-ranges[i].First)/scoredWindows + 1
	}
	found, err := s.cfg.Store.Qualities(ctx, p.ProjectID, ranges)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	out := make([]RecordingQuality, len(list))
	for i, q := range found {
		out[i] = RecordingQuality{q.Quality, q.Passed}
	}
	return out, nil
}

// Artifact is an interval of a recording in which every window holds an artifact of one kind.
type Artifact struct {
	Type           string // blink, motion, emg, bad_contact
	StartMS, EndMS int64  // Unix ms; of the first and the last window
	Score          float64
	Windows        int
}

// Artifacts returns the artifacts of each recording in the order of their beginning, at most so many of one: windows of which the score is at
// least a half, merged where they follow one another. Of a recording longer than a day the first day is looked at, from the time given on, nil for its beginning.
func (s *Service) Artifacts(ctx context.Context, p models.Principal, list []Recording, from *time.Time, each int) ([][]Artifact, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return nil, err
	}
	ranges := make([]store.WindowRange, len(list))
	for i, r := range list {
		ranges[i] = r.windows()
		if from != nil {
			first, _ := r.Session.WindowGrid().Over(r.Session.SampleAt(from.UnixMilli()), r.Segment.End)
			ranges[i].First = max(ranges[i].First, first)
		}
		ranges[i].Last = min(ranges[i].Last, ranges[i].First+scoredWindows-1)
	}
	merged := make([]intervals, len(list))
	err := s.cfg.Store.Findings(ctx, p.ProjectID, ranges, artifactScore, func(w store.WindowFinding) { merged[w.N].add(w, each) })
	if err != nil {
		return nil, service.Unavailable(err)
	}
	out := make([][]Artifact, len(list))
	for i := range merged {
		out[i] = merged[i].list
	}
	return out, nil
}

// intervals merges windows that follow one another, kind by kind.
type intervals struct {
	list []Artifact // in the order of their beginning
	open map[string]int
}

// add takes the next window. A new interval is begun while there are fewer than most.
func (in *intervals) add(w store.WindowFinding, most int) {
	if in.open == nil {
		in.open = map[string]int{}
	}
	for _, of := range []struct {
		kind  string
		score float64
	}{{"bad_contact", w.Contact}, {"blink", w.Blink}, {"emg", w.EMG}, {"motion", w.Motion}} {
		if of.score < artifactScore {
			continue
		}
		at, any := in.open[of.kind]
		switch {
		case any && w.StartMS <= in.list[at].EndMS:
			a := &in.list[at]
			a.EndMS, a.Score, a.Windows = max(a.EndMS, w.EndMS), max(a.Score, of.score), a.Windows+1
		case len(in.list) < most:
			in.open[of.kind] = len(in.list)
			in.list = append(in.list, Artifact{Type: of.kind, StartMS: w.StartMS, EndMS: w.EndMS, Score: of.score, Windows: 1})
		}
	}
}

// LatestDecodes returns the live decodes of each session that start last, at most so many of one, in the order of their start.
func (s *Service) LatestDecodes(ctx context.Context, p models.Principal, sessions []string, each int) (map[string][]models.SessionDecode, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return nil, err
	}
	found, err := s.cfg.Store.LatestDecodes(ctx, p.ProjectID, sessions, each)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return found, nil
}

// LatestWindows returns the feature windows of each session that start last, at most so many of one, in the order of their start.
func (s *Service) LatestWindows(ctx context.Context, p models.Principal, sessions []string, each int) (map[string][]models.FeatureWindow, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return nil, err
	}
	found, err := s.cfg.Store.LatestWindows(ctx, p.ProjectID, sessions, each)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return found, nil
}

// EventsOf returns the events of each session with a number higher than after, at most so many of one, in the order in which they were added.
func (s *Service) EventsOf(ctx context.Context, p models.Principal, sessions []string, after, each int) (map[string][]models.SessionMark, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return nil, err
	}
	found, err := s.cfg.Store.EventsOf(ctx, p.ProjectID, sessions, after, each)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return found, nil
}

// EraseSession erases one session as EraseUser erases all of a user: it is out of reach at once, and a job deletes what it leaves. The call
// waits for the job as EraseUser does. Needs the right "erase". Errors: SessionNotFound, Unavailable.
func (s *Service) EraseSession(ctx context.Context, p models.Principal, id string) (Erased, error) {
	if err := service.AuthorizeJob(p, models.KindUserErase); err != nil {
		return Erased{}, err
	}
	id, ok := models.ParseID(id)
	if !ok {
		return Erased{}, models.NewError(models.SessionNotFound)
	}
	// The session must be there, but for an erasure of it that is under way.
	if _, err := s.cfg.Store.Session(ctx, p.ProjectID, id); err != nil {
		return Erased{}, service.Absent(err, models.SessionNotFound)
	}
	return s.erase(ctx, p, "session\x00"+id, store.NewErasure{SessionID: id})
}

// Timeseries bounds a range of samples.
type Timeseries struct {
	From, To *float64 // Unix ms, which need not be whole; nil for the first and behind the last sample
	Channels []string // in their order; nil for all
	Limit    int      // samples a channel
}

// MaxTimeseries is how many values of all channels together one answer has.
const MaxTimeseries = 1 << 20

// SampleRow is one sample of the channels that were asked for.
type SampleRow struct {
	Sample int64     // its number, from 0 at the session's origin
	AtMS   float64   // Unix ms
	Values []float64 // µV. Valid until the next
}

// farAway is further than any sample lies from the origin.
const farAway = 1 << 48

// SampleRange is samples of a session, from one to before another.
type SampleRange struct {
	Session  models.Session
	Channels []string
	Numbers  []int // of the channels, from 1
	From, To int64 // samples
	export   *Export
	columns  []int
	limit    int
}

// Timeseries opens a range of samples. A channel is named, or numbered from 1. Errors: SessionNotFound, InvalidParameter.
func (s *Service) Timeseries(ctx context.Context, p models.Principal, id string, q Timeseries) (*SampleRange, error) {
	e, err := s.Export(ctx, p, id, ExportPage{})
	if err != nil {
		return nil, err
	}
	ses := e.Session
	var wrong validate.Fields
	out := &SampleRange{Session: ses, export: e, limit: q.Limit}
	if q.Channels == nil {
		q.Channels = ses.Channels
	}
	for i, name := range q.Channels {
		at := slices.Index(ses.Channels, name)
		if n, err := strconv.Atoi(name); at < 0 && err == nil && n >= 1 && n <= len(ses.Channels) {
			at = n - 1
		}
		if at < 0 || slices.Contains(out.columns, at) {
			wrong.Add(models.At("channels").Index(i), "not_allowed", "is %q; must be a channel of the session, by its name or its number from 1 to %d, once", validate.Short(name), len(ses.Channels))
			continue
		}
		out.columns, out.Channels, out.Numbers = append(out.columns, at), append(out.Channels, ses.Channels[at]), append(out.Numbers, at+1)
	}
	if most := MaxTimeseries / max(1, len(out.columns)); out.limit > most {
		out.limit = most
	}
	out.From, out.To = -farAway, farAway
	if q.From != nil {
		out.From = max(-farAway, min(ses.Nearest(*q.From), farAway))
	}
	if q.To != nil {
		out.To = max(-farAway, min(ses.Nearest(*q.To), farAway))
	}
	if out.From > out.To {
		wrong.Add(models.At("end"), "too_small", "must not be before start")
	}
	if len(wrong) > 0 {
		return nil, &models.Error{Code: models.InvalidParameter, Fields: wrong}
	}
	return out, nil
}

// Each calls each with every sample of the range, in order, and returns the time of the first that the limit left out, nil for none.
func (r *SampleRange) Each(ctx context.Context, each func(SampleRow) error) (next *float64, err error) {
	if r.Session.OriginMS == nil {
		return nil, nil
	}
	at := func(sample int64) float64 {
		return float64(*r.Session.OriginMS) + float64(sample)*1000/r.Session.SampleRateHz
	}
	var fault, stopped error
	left := r.limit
	row := SampleRow{Values: make([]float64, len(r.columns))}
	for start, rows := range r.export.segmentsFrom(ctx, r.From, &fault) {
		n := int64(len(rows[0]))
		for i := max(0, r.From-start); i < n && start+i < r.To; i++ {
			if left == 0 {
				ms := at(start + i)
				return &ms, nil
			}
			left--
			row.Sample, row.AtMS = start+i, at(start+i)
			for c, column := range r.columns {
				row.Values[c] = rows[column][i]
			}
			if stopped = each(row); stopped != nil {
				return nil, stopped
			}
		}
		if start+n >= r.To {
			break
		}
	}
	return nil, fault
}

// Finish ends a session now, for a caller who keeps no Idempotency-Key: to end it again changes nothing. Error: SessionNotFound.
func (s *Service) Finish(ctx context.Context, p models.Principal, id string) (ended models.Session, err error) {
	_, err = s.End(ctx, p, id, nil, service.Idempotency{}, func(ses models.Session) models.Answer {
		ended = ses
		return models.Answer{}
	})
	return ended, err
}

// MetadataOf returns the metadata of a session as it was given, an empty object for none.
func MetadataOf(ses models.Session) json.RawMessage {
	if ses.Metadata == "" {
		return json.RawMessage("{}")
	}
	return json.RawMessage(ses.Metadata)
}
