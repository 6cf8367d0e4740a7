package sessions

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// MaxAmplitude is the largest sample that is taken, in µV: what lies beyond is a wrong unit. The decoders have the
// same limit.
const MaxAmplitude = 1e7

// maxSampleErrors is how many wrong samples of a batch are named.
const maxSampleErrors = 20

// maxFirstSample is the largest number of a sample: at 20 kHz a year and a half.
const maxFirstSample = 1 << 40

// ChannelSamples are the samples of one channel as they came in, µV.
type ChannelSamples struct {
	Name   string
	Values []float64
}

// Batch is a segment of samples to be added to a session.
type Batch struct {
	BatchID string
	StartMS *int64           // Unix ms of the first sample
	First   *int64           // its number, counted from the session's origin, where a device numbers its samples; nil where StartMS places the batch
	Named   []ChannelSamples // one a channel, in any order
	Raw     []byte           // or little-endian floats, sample-major, in the order of the session's channels
	// Encoding of Raw: float32le or float64le. Defaults to float32le.
	Encoding string
	// Unit of the samples, one of eeg.Units. They are kept in µV. Defaults to uV.
	Unit string
	// Clock is what the clock of the source was found to do by now; nil for nothing new.
	Clock *models.SourceClock
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
	if err := admitWrite(p, idem); err != nil {
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
	var in store.Ingest
	err = s.cfg.Compute.Run(ctx, p.ProjectID, time.Duration(b.size())*packByte, func() (err error) {
		in, err = b.pack(ses, now)
		return err
	})
	if err != nil {
		return service.Accepted{}, err
	}
	job, samples, packed := s.job(ctx, ses), int(in.Samples), in.Batch.Data
	in.Job = job
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
	if !out.Duplicate {
		s.cfg.Tally.Add(p.ProjectID, models.ActivitySamples, (in.Samples-out.Overlap)*int64(len(ses.Channels)))
		s.cfg.Jobs.Notify(service.SampleTopic(ses.ID))
	}
	if b.Clock != nil {
		// The samples are there, whatever becomes of it; the next batch has another.
		_ = s.putClock(ctx, p.ProjectID, ses.ID, *b.Clock)
	}
	switch {
	case out.Idle:
		s.cfg.Jobs.Settled(job)
	case out.NewJob:
		s.cfg.Jobs.HandOver(job)
	}
	return service.Accepted{Answer: respond(answer(out)), JobID: out.JobID}, nil
}

// packByte is about how long it takes to check, compress and name a byte of samples.
const packByte = 10 * time.Nanosecond

// size is about how many bytes of samples a batch has.
func (b *Batch) size() int {
	n := len(b.Raw)
	for _, row := range b.Named {
		n += 4 * len(row.Values)
	}
	return n
}

// pack checks a batch and returns it as it is stored, without its job.
func (b *Batch) pack(ses models.Session, now time.Time) (store.Ingest, error) {
	data, err := b.check(ses, now)
	if err != nil {
		return store.Ingest{}, err
	}
	codec, packed := store.PackSamples(data)
	return store.Ingest{
		Batch: models.SampleBatch{SessionID: ses.ID, BatchID: b.BatchID, ProjectID: ses.ProjectID, StartMS: *b.StartMS,
			Digest: digest(*b.StartMS, b.First, data), Codec: codec, Size: len(data), Data: packed, CreatedAt: now},
		Samples: int64(len(data) / 4 / len(ses.Channels)), First: b.First,
	}, nil
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

// digest names the content of a batch.
func digest(startMS int64, first *int64, data []byte) string {
	h := sha256.New()
	var at [8]byte
	binary.LittleEndian.PutUint64(at[:], uint64(startMS))
	h.Write(at[:])
	if first != nil {
		binary.LittleEndian.PutUint64(at[:], uint64(*first))
		h.Write(at[:])
	}
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
	if b.First != nil && (*b.First < 0 || *b.First > maxFirstSample) {
		wrong.Add(models.At("first_sample"), "out_of_range", "must be a whole number from 0 to %d", int64(maxFirstSample))
	}
	uv, known := eeg.Microvolts(b.Unit)
	if !known {
		wrong.OneOf(models.At("unit"), b.Unit, validate.Units)
	}
	if b.Raw != nil {
		wrong.OneOf(models.At("encoding"), b.Encoding, eeg.Names(eeg.FloatEncodings()))
	}
	if b.Clock != nil {
		checkClock(b.Clock, ses.SampleRateHz, &wrong)
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
				wrong.Add(path, "too_few", "has no samples")
			}
		case len(row) != n:
			wrong.Add(path, "unequal_length", "has %d samples; the channel before it has %d", len(row), n)
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
