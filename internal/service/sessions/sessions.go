// Package sessions holds the use cases of recorded and live sessions: they are created, take batches, events and imported files, are
// followed by streams, exported, ended and erased.
package sessions

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/auth"
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
	liveJitterMS    = 40
	maxJitterMS     = 1000
	minDecodeMS     = 500    // no decoder says anything of less
	maxDecodeMS     = 60_000 // as the longest clip that is decoded live
	defaultDecodeS  = 4      // s
	defaultEveryS   = 1      // s
	maxSampleErrors = 20
)

// MaxAmplitude is the largest sample that is taken, in µV: what lies beyond is a wrong unit. The decoders have the
// same limit.
const MaxAmplitude = 1e7

// Jobs is what sessions need of the engine.
type Jobs interface {
	Prepare(projectID string, kind models.JobKind, request json.RawMessage) models.Job
	HandOver(job models.Job)
	Settled(job models.Job)
	Wait(ctx context.Context, projectID, id string, d time.Duration) (models.Job, error)
	Notify(topic string)
	Subscribe(topic string) (<-chan struct{}, func())
	Drained() <-chan struct{}
	IdempotencyRetention() time.Duration
}

var _ Jobs = (*jobs.Engine)(nil)

// Config is what Sessions is made of.
type Config struct {
	// Store keeps the sessions. Required.
	Store Store
	// Jobs runs what is to be done with the samples. Required.
	Jobs Jobs
	// Tokens signs and verifies the tokens of live streams. Required.
	Tokens *auth.Tokens
	// CheckModel tells whether the caller may use the model that a live decode names; registry.Service.CheckModel. Defaults to all.
	CheckModel func(ctx context.Context, p models.Principal, ref string) error
	// CheckMontage tells whether a session's channels are those that its live decode can use. Defaults to all.
	CheckMontage func(ctx context.Context, ses models.Session) error
	// Files makes the files in which raw samples are exported. Defaults to none: the formats EDF and BDF are refused.
	Files SignalFiles
	// Quotas holds projects to what they may use. Defaults to none.
	Quotas *service.Quotas
	// StreamsPerKey and StreamsPerProject are how many live streams this process keeps open for a key or a user, and for a
	// project. Default to no limit.
	StreamsPerKey, StreamsPerProject int
	// Inspect looks into uploaded files. Required for imports.
	Inspect Inspect
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Service is the use case of live and recorded sessions. It is safe for concurrent use.
type Service struct {
	cfg      Config
	watch    watch
	streams  streams
	montages montages
}

// New returns the use case.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg: cfg, streams: streams{perKey: cfg.StreamsPerKey, perProject: cfg.StreamsPerProject}}
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
}

// Check judges what a session is to be and returns it as Create stores it. Errors: InvalidRequestBody naming each wrong field,
// those of Config.CheckModel, MontageMismatch.
func (s *Service) Check(ctx context.Context, p models.Principal, n NewSession) (models.Session, error) {
	if err := service.Authorize(p, models.RightSessionsWrite); err != nil {
		return models.Session{}, err
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

// Get returns a session as it stands. Error: SessionNotFound.
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

// Gap is a stretch of time that was not recorded.
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
}

// Status returns a session as it stands, with its gaps. Error: SessionNotFound.
func (s *Service) Status(ctx context.Context, p models.Principal, id string) (Status, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return Status{}, err
	}
	found, err := s.cfg.Store.Segments(ctx, ses, maxGaps+2) // one more stretch than gaps between them
	if err != nil {
		return Status{}, service.Unavailable(err)
	}
	out := Status{Session: ses, Warnings: warningsOf(ses)}
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

// ChannelSamples are the samples of one channel as they came in, µV.
type ChannelSamples struct {
	Name   string
	Values []float64
}

// Batch is a stretch of samples to be added to a session.
type Batch struct {
	BatchID string
	StartMS *int64           // Unix ms of the first sample
	Named   []ChannelSamples // one a channel, in any order
	Raw     []byte           // or little-endian floats, sample-major, in the order of the session's channels
	// Encoding of Raw: float32le or float64le. Defaults to float32le.
	Encoding string
	// Unit of the samples, one of models.UnitNames. They are kept in µV. Defaults to uV.
	Unit string
}

// Ingested is what became of a batch.
type Ingested struct {
	Duplicate bool
	Differs   bool // the batch id came with other samples before
	Samples   int  // a channel; 0 for a duplicate
	JobID     string
	Overlap   int64    // of Samples, those that lie where the session had samples before: the first are kept
	Warnings  []string // what is strange about the batch's time
}

// Ingest adds a batch to a session and answers once it is durable. Errors: SessionNotFound, SessionClosed,
// InvalidRequestBody (batch id or time missing or senseless), InvalidSamples naming channel and index,
// ProjectQuotaExceeded (windows of the day), ProjectQuotaFull (stored bytes), and those of idempotency keys.
func (s *Service) Ingest(ctx context.Context, p models.Principal, id string, b Batch, idem service.Idempotency, respond func(Ingested) models.Answer) (service.Accepted, error) {
	if err := service.Authorize(p, models.RightSessionsWrite); err != nil {
		return service.Accepted{}, err
	}
	if err := service.CheckKey(idem); err != nil {
		return service.Accepted{}, err
	}
	id, ok := models.ParseID(id)
	if !ok {
		return service.Accepted{}, models.NewError(models.SessionNotFound)
	}
	ses, err := s.montage(ctx, p.ProjectID, id)
	if err != nil {
		return service.Accepted{}, service.Absent(err, models.SessionNotFound)
	}
	now := s.cfg.Now()
	data, err := b.check(ses, now)
	if err != nil {
		return service.Accepted{}, err
	}
	samples := len(data) / 4 / len(ses.Channels)
	codec, packed := store.PackSamples(data)
	job := s.job(ses)
	in := store.Ingest{
		Batch: models.SampleBatch{SessionID: ses.ID, BatchID: b.BatchID, ProjectID: p.ProjectID, StartMS: *b.StartMS,
			Digest: digest(*b.StartMS, data), Codec: codec, Size: len(data), Data: packed, CreatedAt: now},
		Samples: int64(samples), Job: job,
	}
	answer := func(out store.Ingested) Ingested {
		i := Ingested{Duplicate: out.Duplicate, Differs: out.Differs, JobID: out.JobID}
		if !out.Duplicate {
			i.Samples, i.Overlap = samples, out.Overlap
		}
		if out.First {
			if text := oddTime(*b.StartMS, now); text != "" {
				i.Warnings = append(i.Warnings, text)
			}
		}
		if out.Overlap > 0 {
			i.Warnings = append(i.Warnings, overlapText(out.Overlap, in.Samples))
		}
		return i
	}
	if idem.Key != "" {
		key := s.record(p, OperationIngest, idem, now)
		in.Key = &key
		in.Record = func(out store.Ingested) models.IdempotencyRecord {
			r := key
			r.JobID = out.JobID
			r.Answer = respond(answer(out))
			return r
		}
	}
	done, err := s.cfg.Quotas.Take(ctx, p.ProjectID, service.Wants{models.QuotaStoredBytes: int64(len(packed)), models.QuotaWindowsPerDay: windowsOf(ses, samples)},
		s.ingested(ctx, ses, b, idem))
	if err != nil {
		return service.Accepted{}, err
	}
	defer done()
	out, err := s.cfg.Store.IngestBatch(ctx, in)
	switch {
	case errors.Is(err, store.ErrSessionClosed):
		return service.Accepted{}, models.NewError(models.SessionClosed)
	case errors.Is(err, store.ErrNotFound):
		s.montages.drop(ses.ID)
		return service.Accepted{}, service.KeyFault(err)
	case err != nil:
		return service.Accepted{}, service.KeyFault(err)
	case out.Replayed != nil:
		return service.Replay(out.Replayed, idem)
	}
	switch {
	case out.Idle:
		s.cfg.Jobs.Settled(job)
	case out.NewJob:
		s.cfg.Jobs.HandOver(job)
	}
	return service.Accepted{Answer: respond(answer(out)), JobID: out.JobID}, nil
}

// windowsOf is how many windows so many samples of a session can begin at most.
func windowsOf(ses models.Session, samples int) int64 {
	return int64(math.Ceil(float64(samples) * 1000 / (float64(ses.HopMS) * ses.SampleRateHz)))
}

// ingested returns the question whether a batch is there already, by its key or by its own name.
func (s *Service) ingested(ctx context.Context, ses models.Session, b Batch, idem service.Idempotency) func() bool {
	kept := s.cfg.Quotas.Kept(ctx, ses.ProjectID, OperationIngest, idem)
	return func() bool {
		if kept != nil && kept() {
			return true
		}
		there, err := s.cfg.Store.HasBatch(ctx, ses.ID, b.BatchID)
		return err == nil && there
	}
}

// job returns the job that would write the windows of a session.
func (s *Service) job(ses models.Session) models.Job {
	return s.cfg.Jobs.Prepare(ses.ProjectID, models.KindSessionWindows, json.RawMessage(`{"session_id":"`+ses.ID+`"}`))
}

// record is what an Idempotency-Key is stored with, without the answer.
func (s *Service) record(p models.Principal, operation string, idem service.Idempotency, now time.Time) models.IdempotencyRecord {
	return models.IdempotencyRecord{ProjectID: p.ProjectID, Operation: operation, Key: idem.Key, Fingerprint: idem.Fingerprint,
		CreatedAt: now, ExpiresAt: now.Add(s.cfg.Jobs.IdempotencyRetention())}
}

// digest names the content of a batch.
func digest(startMS int64, data []byte) string {
	h := sha256.New()
	var at [8]byte
	binary.LittleEndian.PutUint64(at[:], uint64(startMS))
	h.Write(at[:])
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// check returns the samples of a batch as float32 little-endian, sample-major.
func (b *Batch) check(ses models.Session, now time.Time) ([]byte, error) {
	var wrong validate.Fields
	if fault := validate.NameFault(b.BatchID, validate.MaxName); fault != "" {
		wrong.Add(models.At("batch_id"), fault, "must have 1 to %d characters and no control characters", validate.MaxName)
	}
	if b.StartMS == nil {
		wrong.Add(models.At("t0_unix_ms"), "required", "is required: Unix time of the first sample in milliseconds")
	} else if fault := timeFault(*b.StartMS, now); fault != "" {
		wrong.Add(models.At("t0_unix_ms"), "out_of_range", "%s", fault)
	}
	uv, known := eeg.Microvolts(b.Unit)
	if !known {
		wrong.OneOf(models.At("unit"), b.Unit, validate.Units)
	}
	if b.Raw != nil {
		wrong.OneOf(models.At("encoding"), b.Encoding, eeg.Names(eeg.FloatEncodings()))
	}
	if len(wrong) > 0 {
		return nil, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	var data []byte
	if b.Raw != nil {
		data = b.checkRaw(ses, uv, &wrong)
	} else {
		data = b.checkNamed(ses, uv, &wrong)
	}
	if len(wrong) == 0 {
		admitBatch(ses, int64(len(data)/4/len(ses.Channels)), &wrong)
	}
	if len(wrong) > 0 {
		return nil, &models.Error{Code: models.InvalidSamples, Fields: wrong}
	}
	return data, nil
}

func (b *Batch) checkRaw(ses models.Session, uv float64, wrong *validate.Fields) []byte {
	width, name := 4, "float32"
	if b.Encoding == "float64le" {
		width, name = 8, "float64"
	}
	frame := width * len(ses.Channels)
	if len(b.Raw) == 0 || len(b.Raw)%frame != 0 {
		wrong.Add(nil, "length", "holds %d bytes; %d channels of %s take a multiple of %d", len(b.Raw), len(ses.Channels), name, frame)
		return nil
	}
	data := b.Raw
	if width != 4 || uv != 1 {
		data = make([]byte, len(b.Raw)/width*4)
	}
	for i := 0; i < len(b.Raw) && len(*wrong) < maxSampleErrors; i += width {
		var v float64
		if width == 8 {
			v = math.Float64frombits(binary.LittleEndian.Uint64(b.Raw[i:]))
		} else {
			v = float64(math.Float32frombits(binary.LittleEndian.Uint32(b.Raw[i:])))
		}
		v *= uv
		judge(v, ses.Channels[i/width%len(ses.Channels)], i/frame, wrong)
		if width != 4 || uv != 1 {
			binary.LittleEndian.PutUint32(data[i/width*4:], math.Float32bits(float32(v)))
		}
	}
	return data
}

func (b *Batch) checkNamed(ses models.Session, uv float64, wrong *validate.Fields) []byte {
	index := make(map[string]int, len(ses.Channels))
	for i, c := range ses.Channels {
		index[c] = i
	}
	rows := make([][]float64, len(ses.Channels))
	for _, c := range b.Named {
		i, declared := index[c.Name]
		if !declared {
			wrong.Add(models.At("data", c.Name), "unknown_channel", "is not a channel of this session")
			continue
		}
		rows[i] = c.Values
	}
	n := -1
	for i, row := range rows {
		path := models.At("data", ses.Channels[i])
		switch {
		case row == nil:
			wrong.Add(path, "missing_channel", "is missing: every declared channel must be in every batch")
		case n < 0:
			if n = len(row); n == 0 {
				wrong.Add(path, "too_few", "holds no samples")
			}
		case len(row) != n:
			wrong.Add(path, "unequal_length", "holds %d samples, the channel before it %d", len(row), n)
		}
	}
	if len(*wrong) > 0 {
		return nil
	}
	data := make([]byte, 4*n*len(rows))
	for i, row := range rows {
		for k, v := range row {
			v *= uv
			judge(v, ses.Channels[i], k, wrong)
			if len(*wrong) >= maxSampleErrors {
				return nil
			}
			binary.LittleEndian.PutUint32(data[4*(k*len(rows)+i):], math.Float32bits(float32(v)))
		}
	}
	return data
}

// judge adds what is wrong with a sample.
func judge(v float64, channel string, index int, wrong *validate.Fields) {
	if math.Abs(v) <= MaxAmplitude {
		return
	}
	path := models.At("data", channel).Index(index)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		wrong.Add(path, "not_finite", "is %v; samples are finite numbers of µV", v)
		return
	}
	wrong.Add(path, "out_of_range", "is %g µV; no electrode gives more than %g", v, float64(MaxAmplitude))
}

// End ends a session: a STREAMING one at once, a RECORDED one when its windows are written. Ending it again changes
// nothing. endedAtMS defaults to now. Errors: SessionNotFound, InvalidRequestBody, and those of idempotency keys.
func (s *Service) End(ctx context.Context, p models.Principal, id string, endedAtMS *int64, idem service.Idempotency, respond func(models.Session) models.Answer) (service.Accepted, error) {
	if err := service.Authorize(p, models.RightSessionsWrite); err != nil {
		return service.Accepted{}, err
	}
	if err := service.CheckKey(idem); err != nil {
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
	job := s.job(ses)
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
