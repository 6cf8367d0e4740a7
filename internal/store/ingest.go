package store

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/internal/telemetry"
	"github.com/neurod/neurod/models"
)

// NewPayload returns a job's payload as it is stored: compressed when it is long and gets shorter by it.
func NewPayload(job models.Job, data []byte) models.Payload { return dialect.NewPayload(job, data) }

// PackSamples returns the samples of a batch as they are stored: compressed when they are long and get shorter by it.
func PackSamples(data []byte) (codec string, packed []byte) {
	p := NewPayload(models.Job{}, data)
	return p.Codec, p.Data
}

// Ingest is a batch to be stored.
type Ingest struct {
	// Batch has all but Seq, StartSample, EndSample and JobID.
	Batch   models.SampleBatch
	Samples int64 // a channel
	// First is the number of the first sample where the caller counts them; nil where its time tells.
	First *int64
	// Job looks at the batch if the session has no open job. Where the batch is all that waits and completes no window, there is
	// nothing to look at: the job is stored as completed.
	Job models.Job
	// Record makes the answer to be kept for an Idempotency-Key; Key is its scope, nil for none.
	Key    *models.IdempotencyRecord
	Record func(Ingested) models.IdempotencyRecord
}

// Ingested is what became of a batch.
type Ingested struct {
	Replayed  *models.IdempotencyRecord // the key was used before: nothing was stored
	Duplicate bool                      // the batch id was used before: nothing was stored
	Differs   bool                      // and with other samples
	JobID     string                    // the job that looks at the batch
	NewJob    bool                      // it has just been stored
	Idle      bool                      // and is completed already; otherwise it must be handed to the queue
	First     bool                      // the session had no batch before
	Overlap   int64                     // samples a channel that lie where samples were before
}

// ingestOutcome is what became of one of the calls that shared a flow.
type ingestOutcome struct {
	out Ingested
	err error
}

// IngestBatch stores a batch once. Errors: ErrNotFound, ErrSessionClosed, ErrKeyInFlight.
func (s *Store) IngestBatch(ctx context.Context, in Ingest) (out Ingested, err error) {
	if s.objects.at != nil {
		var key string
		b := &in.Batch
		if b.Codec, b.Data, key, err = s.out(ctx, b.ProjectID, b.Codec, b.Data); err != nil {
			return Ingested{}, err
		}
		defer func() {
			if key != "" && (out.Replayed != nil || out.Duplicate || errors.Is(err, ErrNotFound) || errors.Is(err, ErrSessionClosed) || errors.Is(err, ErrKeyInFlight)) {
				s.drop(ctx, []string{key})
			}
		}()
	}
	return s.ingest(ctx, in)
}

func (s *Store) ingest(ctx context.Context, in Ingest) (Ingested, error) {
	if in.Key != nil { // its lock and its answer are this call's alone
		out, err := s.ingestMany(ctx, []*Ingest{&in})
		if err != nil {
			return Ingested{}, translate(err)
		}
		return out[0].out, out[0].err
	}
	ctx, span := telemetry.Start(ctx, "store ingest", telemetry.Client)
	out, err := s.openLanes().ingests.Do(ctx, &in)
	telemetry.End(span, err)
	if err != nil {
		return Ingested{}, translate(err)
	}
	return out.out, out.err
}

// ingestMany stores batches of any sessions in one flow.
func (s *Store) ingestMany(ctx context.Context, calls []*Ingest) ([]ingestOutcome, error) {
	r := &dialect.FlowRead{}
	for _, in := range calls {
		r.Sessions = append(r.Sessions, in.Batch.SessionID)
		r.Batches = append(r.Batches, dialect.BatchName{Session: in.Batch.SessionID, Batch: in.Batch.BatchID})
		if in.Key != nil {
			r.Key = in.Key
		}
	}
	slices.Sort(r.Sessions)
	r.Sessions = slices.Compact(r.Sessions)
	var out []ingestOutcome
	err := s.db.Flow(ctx, r, dialect.Decision{
		Reach: func(f *dialect.FlowFound) []dialect.Span { return reachOf(f, calls) },
		Decide: func(f *dialect.FlowFound) (w *dialect.FlowWrite, err error) {
			w, out = decideIngest(f, calls)
			return w, nil
		},
	})
	return out, err
}

// reachOf returns the segments that batches may touch which do not lie at the end of what their session has.
func reachOf(f *dialect.FlowFound, calls []*Ingest) []dialect.Span {
	reach := map[string]dialect.Span{}
	for _, in := range calls {
		ses := f.Sessions[in.Batch.SessionID]
		if ses == nil {
			continue
		}
		tail, ok := ses.Tail()
		if !ok || ses.OriginMS == nil {
			continue // nothing is there yet
		}
		at, margin := in.at(ses), 2*ses.SeamSamples(in.Samples)
		if at-margin >= tail.Start {
			continue // all other segments end before the tail begins
		}
		lo, hi := at-margin, at+in.Samples+margin
		if r, ok := reach[ses.ID]; ok {
			lo, hi = min(lo, r.First), max(hi, r.Last)
		}
		reach[ses.ID] = dialect.Span{Session: ses.ID, First: lo, Last: hi}
	}
	var out []dialect.Span
	for _, r := range reach {
		out = append(out, r)
	}
	return out
}

// at returns where the batch begins by the caller's count, or by its time.
func (in *Ingest) at(ses *models.Session) int64 {
	if in.First != nil {
		return *in.First
	}
	return ses.SampleAt(in.Batch.StartMS)
}

// decideIngest takes batches in turn, each against what those before it have made of its session.
func decideIngest(f *dialect.FlowFound, calls []*Ingest) (*dialect.FlowWrite, []ingestOutcome) {
	w := &dialect.FlowWrite{}
	out := make([]ingestOutcome, len(calls))
	covers := map[string]*cover{}
	changed := map[string]bool{}
	for i, in := range calls {
		o := &out[i]
		if in.Key != nil && f.Record != nil {
			o.out.Replayed = f.Record
			continue
		}
		b := in.Batch
		ses := f.Sessions[b.SessionID]
		if ses == nil || ses.ProjectID != b.ProjectID {
			o.err = ErrNotFound
			continue
		}
		name := dialect.BatchName{Session: b.SessionID, Batch: b.BatchID}
		if same, twice := f.Batches[name]; twice {
			o.out = Ingested{Duplicate: true, Differs: same.Digest != b.Digest, JobID: same.JobID}
			o.keep(w, in)
			continue
		}
		state, ok := ses.State.Next(models.TriggerIngest)
		if !ok {
			o.err = ErrSessionClosed
			continue
		}
		ses.State = state
		if ses.OriginMS == nil {
			origin := b.StartMS
			if in.First != nil { // sample 0 was before it
				origin -= int64(math.Round(float64(*in.First) * 1000 / ses.SampleRateHz))
			}
			ses.OriginMS = &origin
		}
		c := covers[ses.ID]
		if c == nil {
			c = newCover(ses, f.Segments[ses.ID])
			covers[ses.ID] = c
		}
		if b.StartSample = in.at(ses); in.First == nil {
			b.StartSample = models.Place(c.now, b.StartSample, in.Samples, ses.SeamSamples(in.Samples))
		}
		b.EndSample = b.StartSample + in.Samples
		o.out.First, o.out.Overlap = ses.BatchCount == 0, models.Overlap(c.now, models.Segment{Start: b.StartSample, End: b.EndSample})
		ses.OverlapCount += o.out.Overlap
		c.now = models.Cover(c.now, models.Segment{Start: b.StartSample, End: b.EndSample})
		idle := ses.Pending() == 0 && (o.out.Overlap == in.Samples || !ses.Completes(b.StartSample, b.EndSample, c.around(b.StartSample)))
		if !ses.JobOpen || ses.JobID == nil || !f.Open[*ses.JobID] { // a job that failed or was canceled never closed itself
			job := in.Job
			if idle {
				job.State, job.Output = models.JobCompleted, models.WindowsOutput{SessionID: ses.ID, Batches: 1}.JSON()
				job.StartedAt, job.FinishedAt = &job.CreatedAt, &job.CreatedAt
			}
			ses.JobID, ses.JobOpen, f.Open[job.ID] = &job.ID, !idle, !idle
			w.Jobs = append(w.Jobs, job)
			o.out.NewJob, o.out.Idle = true, idle
		}
		o.out.JobID = *ses.JobID
		b.Seq, b.JobID = ses.BatchCount, o.out.JobID
		ses.BatchCount++
		if o.out.Idle {
			ses.SeenCount = ses.BatchCount
		}
		ses.SampleCount += in.Samples
		ses.LongestBatch = max(ses.LongestBatch, in.Samples)
		w.Batches = append(w.Batches, b)
		f.Batches[name] = b
		if !changed[ses.ID] {
			changed[ses.ID] = true
			w.Sessions = append(w.Sessions, ses)
		}
		o.keep(w, in)
	}
	for id, c := range covers {
		c.settle(f.Sessions[id], w)
	}
	return w, out
}

// keep has the answer to an Idempotency-Key stored.
func (o *ingestOutcome) keep(w *dialect.FlowWrite, in *Ingest) {
	if in.Key != nil {
		r := in.Record(o.out)
		w.Record = &r
	}
}

// cover is what is known of the segments of a session while batches are added.
type cover struct {
	loaded []models.Segment // as they are in the table
	now    []models.Segment // with the tail
}

func newCover(ses *models.Session, loaded []models.Segment) *cover {
	c := &cover{loaded: loaded, now: slices.Clone(loaded)}
	if tail, ok := ses.Tail(); ok {
		c.now = append(c.now, tail)
	}
	return c
}

// around returns the segment that a sample lies in.
func (c *cover) around(sample int64) models.Segment {
	i, _ := slices.BinarySearchFunc(c.now, sample, func(t models.Segment, at int64) int { return cmp.Compare(t.End, at+1) })
	return c.now[i]
}

// settle puts what has changed into the session and into what is written.
func (c *cover) settle(ses *models.Session, w *dialect.FlowWrite) {
	last := len(c.now) - 1
	tail := c.now[last]
	ses.TailStart, ses.TailEnd = &tail.Start, &tail.End
	row := func(s models.Segment) models.SessionSegment {
		return models.SessionSegment{SessionID: ses.ID, StartSample: s.Start, EndSample: s.End}
	}
	for _, s := range c.loaded {
		if !slices.Contains(c.now[:last], s) {
			w.Gone = append(w.Gone, row(s))
		}
	}
	for _, s := range c.now[:last] {
		if !slices.Contains(c.loaded, s) {
			w.Fresh = append(w.Fresh, row(s))
		}
	}
}

// Segments returns the contiguous segments of a session's samples in order, the first limit of them. What lies between
// two is a gap.
func (s *Store) Segments(ctx context.Context, ses models.Session, limit int) ([]models.Segment, error) {
	var rows []models.SessionSegment
	if err := s.read(ctx).Where("session_id = ?", ses.ID).Order("end_sample").Limit(limit).Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	out := make([]models.Segment, 0, len(rows)+1)
	for _, r := range rows {
		out = append(out, models.Segment{Start: r.StartSample, End: r.EndSample})
	}
	if tail, ok := ses.Tail(); ok && len(out) < limit {
		out = append(out, tail)
	}
	return out, nil
}
