package workers

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// SessionStore is what writing the windows of sessions needs of the database; *store.Store is one.
type SessionStore interface {
	Session(ctx context.Context, projectID, id string) (models.Session, error)
	PendingBatches(ctx context.Context, sessionID string, limit int, maxSamples int64) ([]models.SampleBatch, error)
	BatchesOver(ctx context.Context, sessionID string, start, end, longest int64) ([]models.SampleBatch, error)
	WindowIndexes(ctx context.Context, sessionID string, first, last int64) ([]int64, error)
	CommitWindows(ctx context.Context, c store.WindowCommit) (written int, idle bool, err error)
}

var _ SessionStore = (*store.Store)(nil)

// Limits of one round: what is held in memory at once is about eight bytes a value of it, and the neighbors.
const (
	roundBatches = 64
	roundValues  = 4 << 20
)

// windowsOutput is the output of a job that wrote feature windows.
type windowsOutput struct {
	SessionID string `json:"session_id"`
	Batches   int    `json:"batches"` // looked at by this attempt
	Windows   int    `json:"windows"` // written by this attempt
}

// SessionWindows returns the handler of the jobs that write feature windows. notify is called after each commit.
//
// A round takes batches that no job has looked at, loads the stretches around them that share a window with them,
// computes each window that is complete and not yet written, and commits; so the cost of a batch depends on its own
// length and that of its neighbors, not on the session's. A window is complete when each of its samples is there: one that
// reaches into a gap waits until late samples fill it. The rounds end when the commit finds nothing pending.
func SessionWindows(db SessionStore, notify func(sessionID string)) Handler {
	return func(ctx context.Context, task *Task) (Result, error) {
		var req struct {
			SessionID string `json:"session_id"`
		}
		if err := json.Unmarshal(task.Job.Request, &req); err != nil {
			return Result{}, models.Errorf(models.InvalidRequestBody, "the job names no session").Wrap(err)
		}
		out := windowsOutput{SessionID: req.SessionID}
		var w *windower
		for idle := false; !idle; {
			if err := ctx.Err(); err != nil {
				return Result{}, err
			}
			ses, err := db.Session(ctx, task.Job.ProjectID, req.SessionID)
			if errors.Is(err, store.ErrNotFound) { // erased meanwhile
				break
			}
			if err != nil {
				return Result{}, err
			}
			if w == nil {
				if w, err = newWindower(ses); err != nil {
					return Result{}, err
				}
			}
			commit, err := w.round(ctx, db, ses)
			if err != nil {
				return Result{}, err
			}
			commit.JobID, commit.Attempt = task.Job.ID, task.Job.Attempts
			var written int
			written, idle, err = db.CommitWindows(ctx, commit)
			if errors.Is(err, store.ErrNotFound) {
				break
			}
			if err != nil {
				return Result{}, err
			}
			out.Batches, out.Windows = out.Batches+len(commit.Seen), out.Windows+written
			if written > 0 || idle {
				notify(ses.ID)
			}
		}
		b, err := json.Marshal(out)
		return Result{Output: b}, err
	}
}

// windower computes windows of one session. It is used by one attempt.
type windower struct {
	extractor *features.Extractor
	window    features.Window
	x         *mat.Dense // channels × samples of a window
}

func newWindower(ses models.Session) (*windower, error) {
	e, err := features.New(features.Config{Rate: ses.SampleRateHz, Channels: ses.Channels, Seconds: models.WindowMS / 1000.})
	if err != nil {
		return nil, models.Errorf(models.InvalidRequestBody, "no windows can be computed for this session: %v", err)
	}
	return &windower{extractor: e, x: mat.NewDense(len(ses.Channels), e.Samples(), nil)}, nil
}

// span is a range of windows, both ends included.
type span struct{ first, last int64 }

// round looks at the batches that are pending.
func (w *windower) round(ctx context.Context, db SessionStore, ses models.Session) (store.WindowCommit, error) {
	c := store.WindowCommit{ProjectID: ses.ProjectID, SessionID: ses.ID}
	pending, err := db.PendingBatches(ctx, ses.ID, roundBatches, max(1, roundValues/int64(len(ses.Channels))))
	if err != nil {
		return c, err
	}
	var spans []span
	for _, b := range pending {
		c.Seen = append(c.Seen, b.Seq)
		if first, last := ses.WindowsOver(b.StartSample, b.EndSample); first <= last {
			spans = append(spans, span{first, last})
		}
	}
	for _, s := range merge(spans) {
		windows, err := w.compute(ctx, db, ses, s)
		if err != nil {
			return c, err
		}
		c.Windows = append(c.Windows, windows...)
	}
	return c, nil
}

// merge joins ranges that overlap, so that no window is looked at twice.
func merge(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.first <= out[n-1].last+1 {
			out[n-1].last = max(out[n-1].last, s.last)
			continue
		}
		out = append(out, s)
	}
	return out
}

// compute returns the windows of a range that are complete and not yet written.
func (w *windower) compute(ctx context.Context, db SessionStore, ses models.Session, s span) ([]models.FeatureWindow, error) {
	start, end := ses.WindowStart(s.first), ses.WindowStart(s.last)+ses.WindowSamples()
	there, err := db.WindowIndexes(ctx, ses.ID, s.first, s.last)
	if err != nil {
		return nil, err
	}
	batches, err := db.BatchesOver(ctx, ses.ID, start, end, ses.LongestBatch)
	if err != nil {
		return nil, err
	}
	t, err := newStretch(len(ses.Channels), start, end, batches)
	if err != nil {
		return nil, err
	}
	var out []models.FeatureWindow
	for k := s.first; k <= s.last; k++ {
		at := ses.WindowStart(k)
		if _, written := slices.BinarySearch(there, k); written || !t.complete(at, at+ses.WindowSamples()) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for ch := range ses.Channels {
			copy(w.x.RawRowView(ch), t.rows[ch][at-start:])
		}
		if err := w.extractor.Compute(&w.window, w.x); err != nil {
			return nil, err
		}
		data, err := json.Marshal(&w.window)
		if err != nil {
			return nil, err
		}
		startMS := *ses.OriginMS + k*int64(ses.HopMS)
		out = append(out, models.FeatureWindow{SessionID: ses.ID, WindowIndex: k, ProjectID: ses.ProjectID, StartMS: startMS,
			EndMS: startMS + models.WindowMS, Passed: w.window.Gate.Passed, Data: string(data), CreatedAt: time.Now()})
	}
	return out, nil
}

// stretch holds the samples of a part of a session, and which of them are there.
type stretch struct {
	start   int64
	rows    [][]float64 // channels × samples, µV
	missing []int       // missing[i] is how many of the first i samples are not there
}

// newStretch lays batches, in the order of their acceptance, over the samples [start, end): the first keeps its samples.
func newStretch(channels int, start, end int64, batches []models.SampleBatch) (*stretch, error) {
	n := int(end - start)
	t := &stretch{start: start, rows: make([][]float64, channels), missing: make([]int, n+1)}
	for ch := range t.rows {
		t.rows[ch] = make([]float64, n)
	}
	filled := make([]bool, n)
	for _, b := range batches {
		if want := int(b.EndSample-b.StartSample) * channels * 4; len(b.Data) != want {
			return nil, fmt.Errorf("workers: batch %d of session %s holds %d bytes, not %d", b.Seq, b.SessionID, len(b.Data), want)
		}
		for at := max(b.StartSample, start); at < min(b.EndSample, end); at++ {
			i := at - start
			if filled[i] {
				continue
			}
			filled[i] = true
			sample := b.Data[(at-b.StartSample)*int64(channels)*4:]
			for ch := range t.rows {
				t.rows[ch][i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(sample[ch*4:])))
			}
		}
	}
	for i, ok := range filled {
		t.missing[i+1] = t.missing[i]
		if !ok {
			t.missing[i+1]++
		}
	}
	return t, nil
}

// complete reports whether every sample of [from, to) is there.
func (t *stretch) complete(from, to int64) bool {
	return t.missing[to-t.start] == t.missing[from-t.start]
}
