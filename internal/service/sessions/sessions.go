// Package sessions holds the use cases of recorded and live sessions: they are created, take batches, events and imported files, are
// exported, ended and erased. Package live follows them.
package sessions

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Operations of sessions that take an Idempotency-Key.
const (
	OperationCreate = "session_create"
	OperationIngest = "session_ingest"
	OperationEnd    = "session_end"
)

// Limits of sessions.
const (
	MaxPage        = 200  // sessions in one answer
	MaxFeaturePage = 1000 // windows in one answer
	MaxExportPage  = 5000 // windows in one export
	maxChannelName = 64
	minRateHz      = 8     // 16 samples a window, the least a spectrum can be made of
	maxRateHz      = 20000 // as for decodes
	minHopMS       = 50
	maxHopMS       = 60_000
	// liveJitterMS is what clients' clocks and networks do to the times of live batches. It lets a sample lie so far from its
	// place at most, and is under the length of the shortest batches that are sent on purpose.
	liveJitterMS   = 40
	maxJitterMS    = 1000
	minDecodeMS    = 500    // no decoder says anything of less
	maxDecodeMS    = 60_000 // as the longest clip that is decoded live
	defaultDecodeS = 4      // s
	defaultEveryS  = 1      // s
)

// Jobs is what sessions need of the engine.
type Jobs interface {
	Prepare(ctx context.Context, projectID string, kind models.JobKind, request json.RawMessage) models.Job
	HandOver(job models.Job)
	Settled(job models.Job)
	Wait(ctx context.Context, projectID, id string, d time.Duration) (models.Job, error)
	Notify(topic string)
	IdempotencyRetention() time.Duration
}

var _ Jobs = (*jobs.Engine)(nil)

// Config is what the use cases of sessions need.
type Config struct {
	// Store keeps the sessions. Required.
	Store Store
	// Jobs runs what is to be done with the samples. Required.
	Jobs Jobs
	// CheckModel reports whether the caller may use the model that a live decode names; registry.Service.CheckModel. Defaults to all.
	CheckModel func(ctx context.Context, p models.Principal, ref string) error
	// CheckMontage reports whether a session's channels are those that its live decode can use. Defaults to all.
	CheckMontage func(ctx context.Context, ses models.Session) error
	// Device returns what a device of the caller's project records, which a session takes that does not say otherwise. Defaults to
	// nothing, for any name.
	Device func(ctx context.Context, p models.Principal, id string) (Recorder, error)
	// Files makes the files in which raw samples are exported. Defaults to none: the formats EDF and BDF are refused.
	Files SignalFiles
	// Quotas holds projects to what they may use. Defaults to none.
	Quotas *service.Quotas
	// Tally counts what is kept. Defaults to none.
	Tally *service.Tally
	// Compute runs what takes long. Defaults to at once.
	Compute service.Compute
	// Inspect looks into uploaded files. Required for imports.
	Inspect Inspect
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Service is the use case of live and recorded sessions. It is safe for concurrent use.
type Service struct {
	cfg      Config
	montages montages
}

// New returns the use case.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Compute != nil {
		cfg.Store = unpackingStore{cfg.Store, cfg.Compute}
	}
	return &Service{cfg: cfg}
}

// unpackingStore unpacks samples when there is a processor for it. Nobody here computes while it reads.
type unpackingStore struct {
	Store
	compute service.Compute
}

// EachBatchOver implements [Store].
func (s unpackingStore) EachBatchOver(ctx context.Context, r store.BatchRange, start, end int64, each func(*models.SampleBatch) error) error {
	r.Compute = s.compute.Unpacking(r.ProjectID)
	return s.Store.EachBatchOver(ctx, r, start, end, each)
}

// NewSession describes a session to be made.
type NewSession struct {
	ExternalUserID string
	DeviceType     string
	SampleRateHz   float64
	Channels       []string
	IngestionMode  string   // defaults to STREAMING
	HopS           *float64 // s between the starts of two windows; defaults to 2
	JitterMS       *int     // ms by which a batch's time may be off its neighbor and still continue it; defaults to 40 live and 1 recorded
	StartedAtMS    *int64   // Unix ms of the window grid's origin; defaults to the time of the first batch
	Decode         *NewLiveDecode
	Features       []eeg.Feature // that windows carry beside those that every window has; defaults to none
	About
}

// Recorder is what a device records; what is not known is empty.
type Recorder struct {
	DeviceType string
	RateHz     float64
	Channels   []string
}

// recordedBy takes what is not said from the device that records.
func (n *NewSession) recordedBy(of Recorder) {
	if n.DeviceType == "" {
		n.DeviceType = of.DeviceType
	}
	if n.SampleRateHz == 0 {
		n.SampleRateHz = of.RateHz
	}
	if len(n.Channels) == 0 {
		n.Channels = of.Channels
	}
}

// Check judges what a session is to be and returns it as Create stores it. Errors: InvalidRequestBody naming each wrong field,
// those of Config.CheckModel and Config.Device, MontageMismatch.
func (s *Service) Check(ctx context.Context, p models.Principal, n NewSession) (models.Session, error) {
	if err := service.Authorize(p, models.RightSessionsWrite); err != nil {
		return models.Session{}, err
	}
	if id := n.DeviceID; id != nil && *id != "" && s.cfg.Device != nil {
		of, err := s.cfg.Device(ctx, p, *id)
		if err != nil {
			return models.Session{}, err
		}
		n.recordedBy(of)
	}
	now := s.cfg.Now()
	ses, wrong := n.check(now)
	if len(wrong) > 0 {
		return models.Session{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	if ses.Decode != nil && s.cfg.CheckModel != nil {
		if err := s.cfg.CheckModel(ctx, p, ses.Decode.Model); err != nil {
			return models.Session{}, err
		}
	}
	ses.ID, ses.ProjectID = models.NewID(), p.ProjectID
	if ses.Decode != nil && s.cfg.CheckMontage != nil {
		if err := s.cfg.CheckMontage(ctx, ses); err != nil {
			return models.Session{}, err
		}
	}
	return ses, nil
}

// Create makes a session that was checked. Errors: ProjectQuotaExceeded (windows of the day), ProjectQuotaFull (open sessions).
func (s *Service) Create(ctx context.Context, p models.Principal, ses models.Session) error {
	if err := service.Authorize(p, models.RightSessionsWrite); err != nil {
		return err
	}
	if ses.ProjectID != p.ProjectID {
		return models.NewError(models.SessionNotFound)
	}
	done, err := s.cfg.Quotas.Take(ctx, p.ProjectID, service.Wants{models.QuotaOpenSessions: 1, models.QuotaWindowsPerDay: 1}, nil)
	if err != nil {
		return err
	}
	defer done()
	if err := s.cfg.Store.CreateSession(ctx, ses); err != nil {
		return service.Unavailable(err)
	}
	return nil
}

func (n NewSession) check(now time.Time) (models.Session, validate.Fields) {
	var wrong validate.Fields
	name := func(path models.Path, v string, most int) {
		if fault := validate.NameFault(v, most); fault != "" {
			wrong.Add(path, fault, "must have 1 to %d characters and no control characters", most)
		}
	}
	ses := models.Session{ExternalUserID: n.ExternalUserID, DeviceType: n.DeviceType, SampleRateHz: n.SampleRateHz,
		Channels: n.Channels, IngestionMode: models.ModeStreaming, HopMS: models.WindowMS, CreatedAt: now, StartedAt: now}
	name(models.At("external_user_id"), n.ExternalUserID, validate.MaxName)
	name(models.At("device_type"), n.DeviceType, validate.MaxName)
	if !(n.SampleRateHz >= minRateHz && n.SampleRateHz <= maxRateHz) {
		wrong.Add(models.At("sample_rate_hz"), "out_of_range", "must be a number of Hz from %d to %d", minRateHz, maxRateHz)
	}
	switch {
	case len(n.Channels) == 0:
		wrong.Add(models.At("channels"), "required", "is required: the names of the channels in order")
	case len(n.Channels) > eeg.MaxChannels:
		wrong.Add(models.At("channels"), "too_many", "has %d channels; at most %d are allowed", len(n.Channels), eeg.MaxChannels)
	default:
		seen := make(map[string]int, len(n.Channels))
		for i, c := range n.Channels {
			path := models.At("channels").Index(i)
			name(path, c, maxChannelName)
			if first, twice := seen[c]; twice {
				wrong.Add(path, "duplicate", "is the same as channel %d", first)
			}
			seen[c] = i
		}
	}
	if n.IngestionMode != "" {
		ses.IngestionMode = models.IngestionMode(n.IngestionMode)
	}
	if !ses.IngestionMode.Valid() {
		wrong.Add(models.At("ingestion_mode"), "not_allowed", "must be STREAMING or RECORDED")
	}
	ses.State = ses.IngestionMode.First()
	ses.HopMS = wrong.Seconds(models.At("hop_s"), n.HopS, models.WindowMS, minHopMS, maxHopMS, n.SampleRateHz)
	if ses.JitterMS = 1; ses.IngestionMode == models.ModeStreaming {
		ses.JitterMS = liveJitterMS
	}
	if j := n.JitterMS; j != nil {
		if ses.JitterMS = *j; *j < 0 || *j > maxJitterMS {
			wrong.Add(models.At("jitter_ms"), "out_of_range", "must be a whole number of milliseconds from 0 to %d", maxJitterMS)
		}
	}
	n.About.apply(&ses, &wrong)
	ses.Features = validate.Features(models.At("features"), n.Features, &wrong)
	if n.Decode != nil {
		ses.Decode = n.Decode.check(n.SampleRateHz, &wrong)
	}
	if len(wrong) == 0 {
		admitGrid(ses, &wrong)
	}
	if n.StartedAtMS != nil {
		if fault := timeFault(*n.StartedAtMS, now); fault != "" {
			wrong.Add(models.At("started_at_unix_ms"), "out_of_range", "%s", fault)
		}
		origin := *n.StartedAtMS
		ses.OriginMS, ses.StartedAt = &origin, time.UnixMilli(origin)
	}
	return ses, wrong
}

// Get returns a session as it is now. Error: SessionNotFound.
func (s *Service) Get(ctx context.Context, p models.Principal, id string) (models.Session, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return models.Session{}, err
	}
	return s.get(ctx, p.ProjectID, id)
}

func (s *Service) get(ctx context.Context, projectID, id string) (models.Session, error) {
	id, ok := models.ParseID(id)
	if !ok {
		return models.Session{}, models.NewError(models.SessionNotFound)
	}
	ses, err := s.cfg.Store.Session(ctx, projectID, id)
	if err != nil {
		return models.Session{}, service.Absent(err, models.SessionNotFound)
	}
	if ses.State == models.SessionProcessing || (ses.State == models.SessionEnded && ses.JobOpen) {
		// Whoever looks first notices that its job has failed.
		if ses, err = s.cfg.Store.FailSession(ctx, projectID, id); err != nil {
			return models.Session{}, service.Absent(err, models.SessionNotFound)
		}
	}
	return ses, nil
}

// maxGaps is how many gaps a status lists.
const maxGaps = 100

// Gap is a span of time that was not recorded.
type Gap struct {
	StartMS int64 // Unix ms
	EndMS   int64
	Samples int64 // a channel that are missing
}

// Status is how far the processing of a session is.
type Status struct {
	Session  models.Session
	Gaps     []Gap // in order, the first 100
	MoreGaps bool
	Warnings []string // what is strange about the times of its batches
	Clock    *Clock   // of its source, nil where nobody has said
}

// Status returns a session as it is now, with its gaps. Error: SessionNotFound.
func (s *Service) Status(ctx context.Context, p models.Principal, id string) (Status, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return Status{}, err
	}
	found, err := s.cfg.Store.Segments(ctx, ses, maxGaps+2) // one more segment than gaps between them
	if err != nil {
		return Status{}, service.Unavailable(err)
	}
	out := Status{Session: ses, Warnings: warningsOf(ses)}
	if out.Clock, err = s.clockOf(ctx, ses); err != nil {
		return Status{}, err
	}
	for i := 1; i < len(found); i++ {
		if len(out.Gaps) == maxGaps {
			out.MoreGaps = true
			break
		}
		from, to := found[i-1].End, found[i].Start
		out.Gaps = append(out.Gaps, Gap{StartMS: ses.TimeOf(from), EndMS: ses.TimeOf(to), Samples: to - from})
	}
	return out, nil
}

// Filter selects sessions of the project.
type Filter struct {
	Mode           models.IngestionMode // "" for both
	ExternalUserID string               // "" for everyone's
	Limit          int
	Cursor         string // Page.Next of the page before
}

// Page is a part of a list, newest first.
type Page struct {
	Sessions []models.Session
	Next     string // "" at the end
}

// List returns a page of sessions. Error: InvalidParameter for a cursor that is none.
func (s *Service) List(ctx context.Context, p models.Principal, f Filter) (Page, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return Page{}, err
	}
	l := store.SessionListing{ProjectID: p.ProjectID, Mode: f.Mode, ExternalUserID: f.ExternalUserID, Limit: f.Limit + 1}
	if f.Cursor != "" {
		b, err := base64.RawURLEncoding.DecodeString(f.Cursor)
		id, ok := models.ParseID(string(b))
		if err != nil || !ok {
			return Page{}, models.Errorf(models.InvalidParameter, "cursor is not one that this list returned.")
		}
		l.BeforeID = id
	}
	found, err := s.cfg.Store.Sessions(ctx, l)
	if err != nil {
		return Page{}, service.Unavailable(err)
	}
	page := Page{Sessions: found}
	if len(found) > f.Limit {
		page.Sessions = found[:f.Limit]
		page.Next = base64.RawURLEncoding.EncodeToString([]byte(page.Sessions[f.Limit-1].ID))
	}
	return page, nil
}

// job returns the job that would write the windows of a session.
func (s *Service) job(ctx context.Context, ses models.Session) models.Job {
	return s.cfg.Jobs.Prepare(ctx, ses.ProjectID, models.KindSessionWindows, json.RawMessage(`{"session_id":"`+ses.ID+`"}`))
}

// record is what an Idempotency-Key is stored with, without the answer.
func (s *Service) record(p models.Principal, operation string, idem service.Idempotency, now time.Time) models.IdempotencyRecord {
	return models.IdempotencyRecord{ProjectID: p.ProjectID, Operation: operation, Key: idem.Key, Fingerprint: idem.Fingerprint,
		CreatedAt: now, ExpiresAt: now.Add(s.cfg.Jobs.IdempotencyRetention())}
}

// admitWrite refuses principals that may not write sessions, and calls with a key that cannot be one.
func admitWrite(p models.Principal, idem service.Idempotency) error {
	if err := service.Authorize(p, models.RightSessionsWrite); err != nil {
		return err
	}
	return service.CheckKey(idem)
}

// End ends a session: a STREAMING one at once, a RECORDED one when its windows are written. Ending it again changes
// nothing. endedAtMS defaults to now. Errors: SessionNotFound, InvalidRequestBody, and those of idempotency keys.
func (s *Service) End(ctx context.Context, p models.Principal, id string, endedAtMS *int64, idem service.Idempotency, respond func(models.Session) models.Answer) (service.Accepted, error) {
	if err := admitWrite(p, idem); err != nil {
		return service.Accepted{}, err
	}
	now := s.cfg.Now()
	if endedAtMS != nil {
		if fault := timeFault(*endedAtMS, now); fault != "" {
			return service.Accepted{}, models.InvalidField(models.At("ended_at_unix_ms"), "out_of_range", "%s", fault)
		}
	}
	ses, err := s.get(ctx, p.ProjectID, id)
	if err != nil {
		return service.Accepted{}, err
	}
	job := s.job(ctx, ses)
	end := store.SessionEnd{ProjectID: p.ProjectID, SessionID: ses.ID, At: now, Job: job}
	if endedAtMS != nil {
		if end.At, err = endGiven(ses, *endedAtMS); err != nil {
			return service.Accepted{}, err
		}
		end.Given = true
	}
	if idem.Key != "" {
		key := s.record(p, OperationEnd, idem, now)
		end.Key = &key
		end.Record = func(out store.SessionEnded) models.IdempotencyRecord {
			r := key
			r.JobID = out.Session.ID // where erasure finds it
			if out.Session.JobID != nil {
				r.JobID = *out.Session.JobID
			}
			r.Answer = respond(out.Session)
			return r
		}
	}
	out, err := s.cfg.Store.EndSession(ctx, end)
	if err != nil {
		return service.Accepted{}, service.KeyFault(err)
	}
	if out.Replayed != nil {
		return service.Replay(out.Replayed, idem)
	}
	if out.NewJob {
		s.cfg.Jobs.HandOver(job)
	}
	if out.Changed {
		s.cfg.Jobs.Notify(ses.ID)
	}
	a := service.Accepted{Answer: respond(out.Session)}
	if out.Session.JobID != nil {
		a.JobID = *out.Session.JobID
	}
	return a, nil
}

// endGiven returns the end that a caller gives a session, which is not before it began. Where no sample tells the caller's
// clock, it may be behind ours.
func endGiven(ses models.Session, ms int64) (time.Time, error) {
	at, began := time.UnixMilli(ms), ses.Began()
	switch {
	case ses.Ending() || !at.Before(began):
		return at, nil
	case ses.OriginMS == nil && began.Sub(at) <= maxFuture:
		return began, nil
	}
	return at, models.InvalidField(models.At("ended_at_unix_ms"), "out_of_range", "is %s, before the session began (%s)",
		at.UTC().Format(time.RFC3339Nano), began.UTC().Format(time.RFC3339Nano))
}

// FeatureFilter selects windows of a session.
type FeatureFilter struct {
	AfterMS    *int64 // only windows that start later
	OnlyPassed bool
	Newest     bool // the latest first
	Limit      int
}

// Features returns feature windows in the order of their start. Error: SessionNotFound.
func (s *Service) Features(ctx context.Context, p models.Principal, id string, f FeatureFilter) ([]models.FeatureWindow, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return nil, err
	}
	found, err := s.cfg.Store.FeatureWindows(ctx, p.ProjectID, store.WindowListing{SessionID: ses.ID, AfterMS: f.AfterMS,
		OnlyPassed: f.OnlyPassed, Descending: f.Newest, Limit: f.Limit})
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return found, nil
}

// LatestFeatures returns the window of a session that starts last. Error: NoFeaturesYet where there is none.
func (s *Service) LatestFeatures(ctx context.Context, p models.Principal, id string, onlyPassed bool) (models.FeatureWindow, error) {
	found, err := s.Features(ctx, p, id, FeatureFilter{OnlyPassed: onlyPassed, Newest: true, Limit: 1})
	if err == nil && len(found) == 0 {
		err = models.NewError(models.NoFeaturesYet)
	}
	if err != nil {
		return models.FeatureWindow{}, err
	}
	return found[0], nil
}
