package sessions

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// OperationImport is the scope of Idempotency-Keys of uploads.
var OperationImport = jobs.KindOf(models.KindSessionImport).Operation

// MaxImportBytes is the largest file that is taken, unpacked.
const MaxImportBytes = 2 << 30

// importChunk is how many bytes of an upload are stored at once. Two of them are in memory.
const importChunk = 512 << 10

// AbandonedUpload is how long after its last chunk an upload that was not accepted is kept.
const AbandonedUpload = time.Hour

// Inspect reads an uploaded file to its end, keeping none of it, and tells what it holds. name is the file's, which may be
// empty. A file that it refuses gives a *models.Error, as early as the refusal is certain.
type Inspect func(ctx context.Context, projectID, name string, file io.Reader) (InspectedFile, error)

// InspectedFile is a file that was looked into.
type InspectedFile interface {
	// Choose picks the channels of the session: those named, or all EEG channels of one rate. rateHz is for files that do
	// not tell their rate, 0 for none. Errors are *models.Error.
	Choose(channels []string, rateHz float64) (ImportedFile, error)
}

// ImportedFile is what a session will have of its file.
type ImportedFile struct {
	Format    string
	RateHz    float64
	Channels  []string
	Skipped   []models.SkippedChannel
	StartedAt time.Time // zero where the file does not tell
	Bytes     int64
	Plan      json.RawMessage // for the worker
}

// ImportFields are what a caller says about a file.
type ImportFields struct {
	ExternalUserID string
	DeviceType     string   // defaults to the file's format
	RateHz         *float64 // for files that do not tell their rate
	HopS           *float64
	Channels       []string // defaults to all EEG channels of the rate that most have
	StartedAtMS    *int64   // defaults to what the file says, else to now
	// Features of the windows. Left out of the fingerprint where there are none, so that a call is the same as it always was.
	Features []eeg.Feature `json:",omitempty"`
}

// Import makes a RECORDED session of a file, which is read as it comes in: it is stored in pieces, looked into and hashed
// at once, and nothing of it is kept when it is refused. fields is called when the file is at its end. name counts where
// the content leaves the format open; it is not kept. A gzip file is unpacked.
//
// Errors: InvalidRequestBody naming each wrong field; UnsupportedFormat, PayloadMalformed and MontageMismatch with what is
// wrong with the file and where; PayloadTooLarge; ProjectQuotaExceeded and ProjectQuotaFull; whatever the file's reader gives; and those of idempotency keys.
func (s *Service) Import(ctx context.Context, p models.Principal, name string, file io.Reader, fields func() (ImportFields, error), idem service.Idempotency,
	respond func(models.Session, models.SessionImport) models.Answer) (service.Accepted, error) {
	if err := service.AdmitJob(p, models.KindSessionImport, idem); err != nil {
		return service.Accepted{}, err
	}
	now := s.cfg.Now()
	var key *models.IdempotencyRecord
	if idem.Key != "" {
		record := s.record(p, OperationImport, idem, now)
		key = &record
		kept, err := s.cfg.Store.KeptAnswer(ctx, record)
		if err != nil {
			return service.Accepted{}, service.Unavailable(err)
		}
		if kept != nil { // only the hash is wanted
			idem.Fingerprint, err = importFingerprint(file, fields)
			if err != nil {
				return service.Accepted{}, err
			}
			return service.Replay(kept, idem)
		}
	}
	id := models.NewID()
	accepted, err := s.importAs(ctx, p, id, name, file, fields, key, idem.Protocol, respond)
	if err != nil || accepted.Replayed {
		// The caller may be gone; the pieces must go all the same. What stays, retention deletes.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		_ = s.cfg.Store.DropChunks(ctx, id)
	}
	return accepted, err
}

func (s *Service) importAs(ctx context.Context, p models.Principal, id, name string, file io.Reader, fields func() (ImportFields, error),
	key *models.IdempotencyRecord, protocol string, respond func(models.Session, models.SessionImport) models.Answer) (service.Accepted, error) {
	done, err := s.cfg.Quotas.Take(ctx, p.ProjectID, service.Wants{models.QuotaWaitingJobs: 1, models.QuotaStoredBytes: 1, models.QuotaWindowsPerDay: 1}, nil)
	if err != nil {
		return service.Accepted{}, err
	}
	defer done()
	up := &upload{project: p.ProjectID, session: id}
	inspected, err := up.receive(ctx, s.cfg, name, file)
	if err != nil {
		return service.Accepted{}, err
	}
	f, err := fields()
	if err != nil {
		return service.Accepted{}, err
	}
	if key != nil { // before the defaults are filled in
		key.Fingerprint = fingerprintOf(up.hash.Sum(nil), f)
	}
	rate := 0.0
	if f.RateHz != nil {
		if rate = *f.RateHz; !(rate >= minRateHz && rate <= maxRateHz) {
			return service.Accepted{}, models.InvalidField(models.At("sample_rate_hz"), "out_of_range", "must be a number of Hz from %d to %d", minRateHz, maxRateHz)
		}
	}
	got, err := inspected.Choose(f.Channels, rate)
	if err != nil {
		return service.Accepted{}, err
	}
	now := s.cfg.Now()
	if f.DeviceType == "" {
		f.DeviceType = got.Format
	}
	if f.StartedAtMS == nil {
		at := now.UnixMilli()
		if !got.StartedAt.IsZero() && timeFault(got.StartedAt.UnixMilli(), now) == "" {
			at = got.StartedAt.UnixMilli()
		}
		f.StartedAtMS = &at
	}
	ses, wrong := NewSession{ExternalUserID: f.ExternalUserID, DeviceType: f.DeviceType, SampleRateHz: got.RateHz, Channels: got.Channels,
		IngestionMode: string(models.ModeRecorded), HopS: f.HopS, StartedAtMS: f.StartedAtMS, Features: f.Features}.check(now)
	if len(wrong) > 0 {
		return service.Accepted{}, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	ses.ID, ses.ProjectID = id, p.ProjectID
	ses.State, _ = ses.State.Next(models.TriggerEnd) // the upload has ended
	if got.Skipped == nil {
		got.Skipped = []models.SkippedChannel{}
	}
	skipped, err := json.Marshal(got.Skipped)
	if err != nil {
		return service.Accepted{}, err
	}
	job := s.cfg.Jobs.Prepare(ctx, p.ProjectID, models.KindSessionImport, json.RawMessage(`{"session_id":"`+id+`"}`))
	ses.JobID, ses.JobOpen = &job.ID, true
	imp := models.SessionImport{SessionID: id, ProjectID: p.ProjectID, JobID: job.ID, Format: got.Format, Plan: string(got.Plan),
		SkippedChannels: string(skipped), TotalBytes: got.Bytes, CreatedAt: now}
	answer := respond(ses, imp)
	if key != nil {
		key.JobID, key.Answer = job.ID, answer
	}
	replayed, err := s.cfg.Store.AcceptImport(ctx, store.ImportAcceptance{Session: ses, Import: imp, Chunks: up.chunks, Job: job, Record: key})
	switch {
	case errors.Is(err, store.ErrNotFound): // the pieces were taken for abandoned
		return service.Accepted{}, service.Unavailable(err)
	case err != nil:
		return service.Accepted{}, service.KeyFault(err)
	case replayed != nil:
		return service.Replay(replayed, service.Idempotency{Key: key.Key, Fingerprint: key.Fingerprint, Protocol: protocol})
	}
	s.cfg.Jobs.HandOver(job)
	return service.Accepted{Answer: answer, JobID: job.ID}, nil
}

// importFingerprint reads a file for its fingerprint alone.
func importFingerprint(file io.Reader, fields func() (ImportFields, error)) (string, error) {
	plain, _, err := unpacked("", file)
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, plain); err != nil {
		return "", err
	}
	f, err := fields()
	if err != nil {
		return "", err
	}
	return fingerprintOf(hash.Sum(nil), f), nil
}

// fingerprintOf names a file with what was said about it.
func fingerprintOf(content []byte, f ImportFields) string {
	h := sha256.New()
	h.Write(content)
	b, _ := json.Marshal(f) // strings and numbers that were read from text
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

// upload is a file that comes in.
type upload struct {
	project, session string
	chunks           int
	hash             interface{ Sum([]byte) []byte }
}

// receive stores a file in pieces while it is looked into.
func (u *upload) receive(ctx context.Context, cfg Config, name string, file io.Reader) (InspectedFile, error) {
	plain, name, err := unpacked(name, file)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	u.hash = hash
	group, ctx := guarded.WithContext(ctx)
	pr, pw := io.Pipe()
	// Whatever ends one of the three ends the others, also where they read from or write to one another.
	defer context.AfterFunc(ctx, func() { pr.CloseWithError(context.Cause(ctx)) })()
	var inspected InspectedFile
	group.Go(func() error {
		var err error
		seen := &failing{r: pr}
		if inspected, err = cfg.Inspect(ctx, u.project, name, seen); seen.err != nil {
			err = seen.err // what broke off the file counts, whatever was made of the bytes before
		}
		if err == nil {
			return nil
		}
		pr.CloseWithError(err) // whoever writes learns at once that the file is refused
		return err
	})
	var cut error // why the file could not be read to its end
	// Two buffers take turns: one is filled while the other is stored.
	free, full := make(chan []byte, 2), make(chan []byte, 1)
	free <- make([]byte, importChunk)
	free <- make([]byte, importChunk)
	group.Go(func() error {
		defer close(full)
		for {
			var buf []byte
			select {
			case buf = <-free:
			case <-ctx.Done():
				pw.CloseWithError(ctx.Err())
				return ctx.Err()
			}
			n, err := fill(plain, buf)
			end := errors.Is(err, io.EOF)
			if err != nil && !end {
				cut = err
				pw.CloseWithError(err)
				return err
			}
			if n > 0 {
				hash.Write(buf[:n])
				if _, err := pw.Write(buf[:n]); err != nil {
					return err
				}
				select {
				case full <- buf[:n]:
				case <-ctx.Done():
					pw.CloseWithError(ctx.Err())
					return ctx.Err()
				}
			}
			if end {
				return pw.Close()
			}
		}
	})
	group.Go(func() error {
		for chunk := range full {
			done, err := cfg.Quotas.Take(ctx, u.project, service.Wants{models.QuotaStoredBytes: int64(len(chunk))}, nil)
			if err != nil {
				return err
			}
			err = cfg.Store.AddChunk(ctx, models.UploadChunk{SessionID: u.session, Seq: u.chunks, ProjectID: u.project, Data: chunk, CreatedAt: cfg.Now()})
			done()
			if err != nil {
				return service.Unavailable(err)
			}
			u.chunks++
			free <- chunk[:importChunk]
		}
		return nil
	})
	switch err := group.Wait(); {
	case err == nil:
		return inspected, nil
	case errors.Is(err, io.ErrClosedPipe) && cut != nil:
		return nil, cut // a connection that breaks ends the request, too, which whoever looks into the file may notice first
	default:
		return nil, err
	}
}

// failing keeps the error that a file could not be read for.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// fill reads until the buffer is full or the file at its end, which is io.EOF itself: the error of a body that was cut off
// wraps io.ErrUnexpectedEOF and must not pass for the end.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// Unzipped is a file that gzip was taken off on its way: what is in it is not unpacked again.
type Unzipped struct{ io.Reader }

// What a gzip file may unpack to. Recordings shrink to a third or a quarter; zeros shrink to a thousandth, and each of them is
// parsed, stored and windowed.
const (
	inflatedFree  = 4 << 20 // bytes that any file may unpack to
	inflatedTimes = 6       // beyond them, so many times the bytes that arrived
)

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// inflated holds what was unpacked to what had to be read for it.
type inflated struct {
	r    io.Reader
	came *counter
	n    int64
}

func (f *inflated) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if f.n += int64(n); f.n > max(inflatedFree, inflatedTimes*f.came.n) {
		e := models.Errorf(models.PayloadTooLarge, "The file unpacks to more than %d times its size, which is allowed only up to %d bytes. Send it without gzip.", inflatedTimes, inflatedFree)
		e.Details = map[string]any{"limit_times": inflatedTimes, "limit_bytes": inflatedFree, "file_bytes": f.came.n}
		return 0, e
	}
	return n, err
}

// unpacked returns a file as it is read, with gzip around it taken off, and its name without the gzip extension.
// Reading more than MaxImportBytes gives PayloadTooLarge.
func unpacked(name string, file io.Reader) (io.Reader, string, error) {
	came := &counter{r: file}
	buffered := bufio.NewReaderSize(came, 64<<10)
	head, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	var plain io.Reader = buffered
	if bytes.Equal(head, []byte{0x1f, 0x8b}) {
		if plain, err = gzip.NewReader(buffered); err != nil {
			return nil, "", models.Errorf(models.PayloadMalformed, "gzip: %v", err)
		}
		if _, again := file.(Unzipped); again {
			return nil, "", models.Errorf(models.UnsupportedFormat, "gzip within gzip is not unpacked: send the file without Content-Encoding, or without its own gzip")
		}
		plain = &inflated{r: gunzip{plain}, came: came}
		if strings.EqualFold(path.Ext(name), ".gz") {
			name = strings.TrimSuffix(name, path.Ext(name))
		}
	}
	return &atMost{r: plain, left: MaxImportBytes}, name, nil
}

// gunzip gives faults of a gzip file their place in the error table.
type gunzip struct{ r io.Reader }

func (g gunzip) Read(p []byte) (int, error) {
	n, err := g.r.Read(p)
	var known *models.Error
	if err != nil && !errors.Is(err, io.EOF) && !errors.As(err, &known) {
		err = models.Errorf(models.PayloadMalformed, "gzip: %v", err)
	}
	return n, err
}

// atMost refuses a file that is too long.
type atMost struct {
	r    io.Reader
	left int64
}

func (l *atMost) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, &models.Error{Code: models.PayloadTooLarge, Details: map[string]any{"limit_bytes": MaxImportBytes}}
	}
	return n, err
}

// ImportOf returns how far the import of a session is, nil where the session was not made of a file.
func (s *Service) ImportOf(ctx context.Context, ses models.Session) (*models.SessionImport, error) {
	if ses.IngestionMode != models.ModeRecorded {
		return nil, nil
	}
	found, err := s.cfg.Store.Imports(ctx, ses.ProjectID, ses.ID)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	if imp, ok := found[ses.ID]; ok {
		return &imp, nil
	}
	return nil, nil
}

// ImportWarnings returns what the reader of a session's file met and how it was read all the same. Only a finished import has said it, and
// nothing says it any more when the job that it was is deleted.
func (s *Service) ImportWarnings(ctx context.Context, imp models.SessionImport) ([]string, error) {
	job, err := s.cfg.Jobs.Wait(ctx, imp.ProjectID, imp.JobID, 0)
	switch {
	case err != nil && models.AsError(err).Code == models.JobNotFound:
		return nil, nil
	case err != nil:
		return nil, err
	case len(job.Output) == 0:
		return nil, nil
	}
	var out struct {
		Warnings []string `json:"warnings"`
	}
	err = json.Unmarshal(job.Output, &out)
	return out.Warnings, err
}

// Limits of events.
const (
	MaxEventPage     = 1000 // events in one answer
	MaxEventsAdded   = 1000 // events in one call
	maxEventDuration = 7 * 24 * time.Hour
)

// OperationEvents is the scope of Idempotency-Keys of events.
const OperationEvents = "session_events"

// NewEvent is an event to be added to a session. One of the times must be given.
type NewEvent struct {
	AtMS       *float64 `json:"t_unix_ms"`   // Unix ms
	OnsetMS    *float64 `json:"onset_ms"`    // ms after the session's origin
	Sample     *int64   `json:"sample"`      // number of a sample, from 0 at the origin
	DurationMS float64  `json:"duration_ms"` // 0 for a moment
	Code       int      `json:"code"`
	Label      string   `json:"label"`
	Channel    string   `json:"channel"` // that it is about; "" for all
	Target     *bool    `json:"target"`  // whether the flash that it is was attended; nil where that is not known
}

// Events returns events of a session in the order in which they were added, after the one with the number given. Error:
// SessionNotFound.
func (s *Service) Events(ctx context.Context, p models.Principal, id string, after, limit int) (models.Session, []models.SessionMark, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return ses, nil, err
	}
	found, err := s.cfg.Store.SessionEvents(ctx, p.ProjectID, ses.ID, after, limit)
	if err != nil {
		return ses, nil, service.Unavailable(err)
	}
	return ses, found, nil
}

// AddEvents adds events to a session, all or none; also to one that has ended. Errors: SessionNotFound,
// InvalidRequestBody naming each wrong field, TooManyEvents, and those of idempotency keys.
func (s *Service) AddEvents(ctx context.Context, p models.Principal, id string, events []NewEvent, idem service.Idempotency,
	respond func(models.Session, []models.SessionMark) models.Answer) (service.Accepted, error) {
	if err := admitWrite(p, idem); err != nil {
		return service.Accepted{}, err
	}
	id, ok := models.ParseID(id)
	if !ok {
		return service.Accepted{}, models.NewError(models.SessionNotFound)
	}
	now := s.cfg.Now()
	add := store.EventsAddition{ProjectID: p.ProjectID, SessionID: id}
	var session models.Session
	add.Place = func(ses models.Session) ([]models.SessionMark, error) {
		session = ses
		return placeEvents(ses, events, now)
	}
	if idem.Key != "" {
		key := s.record(p, OperationEvents, idem, now)
		add.Key = &key
		add.Record = func(added []models.SessionMark) models.IdempotencyRecord {
			r := key
			r.JobID = id // where erasure finds it
			r.Answer = respond(session, added)
			return r
		}
	}
	added, replayed, err := s.cfg.Store.AddEvents(ctx, add)
	var known *models.Error
	switch {
	case errors.As(err, &known):
		return service.Accepted{}, known
	case errors.Is(err, store.ErrTooManyEvents):
		return service.Accepted{}, models.NewError(models.TooManyEvents)
	case err != nil:
		return service.Accepted{}, service.KeyFault(err)
	case replayed != nil:
		return service.Replay(replayed, idem)
	}
	s.cfg.Jobs.Notify(id)
	return service.Accepted{Answer: respond(session, added)}, nil
}

// placeEvents gives events their times and judges them.
//
//nolint:gocyclo // one guard for each thing that can be wrong with an event
func placeEvents(ses models.Session, events []NewEvent, now time.Time) ([]models.SessionMark, error) {
	var wrong validate.Fields
	switch {
	case len(events) == 0:
		wrong.Add(models.At("events"), "required", "is required: 1 to %d events", MaxEventsAdded)
	case len(events) > MaxEventsAdded:
		wrong.Add(models.At("events"), "too_many", "has %d events; at most %d are taken in one call", len(events), MaxEventsAdded)
		events = nil
	}
	latest := float64(now.Add(maxFuture).UnixMilli())
	out := make([]models.SessionMark, len(events))
	for i, e := range events {
		path := models.At("events").Index(i)
		m := models.SessionMark{SessionID: ses.ID, ProjectID: ses.ProjectID, DurationMS: e.DurationMS, Code: e.Code, Label: e.Label, Channel: e.Channel, Target: e.Target, Source: models.EventFromAPI}
		given, relative := 0, 0.0
		if e.AtMS != nil {
			given++
			m.AtMS = *e.AtMS
		}
		if e.OnsetMS != nil {
			given++
			relative = *e.OnsetMS
		}
		if e.Sample != nil {
			given++
			relative = float64(*e.Sample) * 1000 / ses.SampleRateHz
		}
		switch {
		case given != 1:
			wrong.Add(path, "required", "must have one of t_unix_ms, onset_ms and sample")
		case e.AtMS == nil && ses.OriginMS == nil:
			wrong.Add(path, "no_origin", "needs t_unix_ms: the session has no samples yet, so its origin is not known")
		case e.AtMS == nil:
			m.AtMS = float64(*ses.OriginMS) + relative
		}
		if unit, meant := likelyUnit(int64(min(m.AtMS, 1<<62)), now); e.AtMS != nil && unit != "" {
			wrong.Add(path.Name("t_unix_ms"), "out_of_range", "must be Unix time in milliseconds; %.0f looks like %s (%s)", m.AtMS, unit, meant.UTC().Format(time.RFC3339))
			continue
		}
		if given == 1 && !(m.AtMS >= 0 && m.AtMS <= latest) {
			wrong.Add(path, "out_of_range", "must be between 1970 and a day from now")
		}
		if !(e.DurationMS >= 0 && e.DurationMS <= float64(maxEventDuration.Milliseconds())) {
			wrong.Add(path.Name("duration_ms"), "out_of_range", "must be a number of ms from 0 to %d", maxEventDuration.Milliseconds())
		}
		if e.Code < -1<<31 || e.Code > 1<<31-1 {
			wrong.Add(path.Name("code"), "out_of_range", "must fit into 32 bits")
		}
		if e.Label != "" {
			if fault := validate.NameFault(e.Label, validate.MaxEventLabel); fault != "" {
				wrong.Add(path.Name("label"), fault, "must have at most %d characters and no control characters", validate.MaxEventLabel)
			}
		}
		if e.Channel != "" && !slices.Contains(ses.Channels, e.Channel) {
			wrong.Add(path.Name("channel"), "unknown", "must be a channel of the session")
		}
		if e.Label == "" && e.Code == 0 {
			wrong.Add(path, "required", "must have a code or a label")
		}
		out[i] = m
	}
	if len(wrong) > 0 {
		return nil, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	return out, nil
}
