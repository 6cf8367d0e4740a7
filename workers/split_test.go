package workers_test

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// counted is a memory that notes its commits.
type counted struct {
	*memory
	commits []int // windows of each
}

func (c *counted) CommitWindows(ctx context.Context, w store.WindowCommit) (store.Committed, error) {
	c.commits = append(c.commits, len(w.Windows))
	return c.memory.CommitWindows(ctx, w)
}

// windowed returns a session of dense windows with a batch of so many seconds, and how many windows it has.
func windowed(seconds int) (*counted, int) {
	m := newMemory(models.LiveDecode{})
	m.ses.Decode, m.ses.HopMS = nil, 50
	r := rand.New(rand.NewPCG(1, 2))
	samples := seconds * int(m.ses.SampleRateHz)
	x := mat.NewDense(len(m.ses.Channels), samples, nil)
	for ch := range m.ses.Channels {
		for i := range samples {
			x.Set(ch, i, 20*r.NormFloat64())
		}
	}
	m.accept(models.SampleBatch{EndSample: int64(samples), Data: float32s(x, 0, samples)})
	return &counted{memory: m}, (1000*seconds-models.WindowMS)/m.ses.HopMS + 1
}

// run is one attempt at a session's job.
func (c *counted) run() error {
	handler := workers.SessionWindows(c, nil, func(string) {})
	_, err := handler(context.Background(), &workers.Task{Job: models.Job{ID: "j", ProjectID: "p", Request: []byte(`{"session_id":"s"}`)}})
	return err
}

// TestWindowsAreWrittenAPartAtATime bounds each commit, and goes on after an attempt that was lost between two of them: every
// window is there once, as if nothing had happened.
func TestWindowsAreWrittenAPartAtATime(t *testing.T) {
	t.Parallel()
	whole, want := windowed(60)
	if err := whole.run(); err != nil {
		t.Fatal(err)
	}
	if len(whole.windows) != want || slices.Max(whole.commits) > 250 || len(whole.commits) < want/250 {
		t.Fatalf("%d windows, want %d, in commits of %v", len(whole.windows), want, whole.commits)
	}
	for _, fault := range []int{1, 2} {
		lost, _ := windowed(60)
		lost.fault = func() int {
			if len(lost.commits) == 3 {
				return fault
			}
			return 0
		}
		if err := lost.run(); err == nil {
			t.Fatal("the attempt was not lost")
		}
		if n := len(lost.windows); n == 0 || n == want || lost.ses.SeenCount != 0 {
			t.Errorf("fault %d: %d windows are there, and %d batches count as looked at", fault, n, lost.ses.SeenCount)
		}
		if err := lost.run(); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(lost.windows, whole.windows) || lost.ses.Pending() != 0 {
			t.Errorf("fault %d: %d windows, %d batches pending", fault, len(lost.windows), lost.ses.Pending())
		}
	}
}

// TestSamplesSentAgainCostNoWindows sends a sample of a session again and again, each time as another batch: 40 windows overlap
// it, and none is computed a second time.
func TestSamplesSentAgainCostNoWindows(t *testing.T) {
	t.Parallel()
	c, want := windowed(10)
	if err := c.run(); err != nil {
		t.Fatal(err)
	}
	c.commits = nil
	for range 3 {
		b := c.batches[0]
		b.StartSample, b.EndSample, b.Data = 700, 701, b.Data[:4*len(c.ses.Channels)]
		c.accept(b)
		if err := c.run(); err != nil {
			t.Fatal(err)
		}
	}
	if slices.Max(c.commits) != 0 || len(c.windows) != want {
		t.Errorf("commits of %v windows; %d are there, want %d", c.commits, len(c.windows), want)
	}
	// A batch that fills a gap makes each window that spans it, once.
	gap, _ := windowed(10)
	late := gap.batches[0]
	first, rest := late, late
	cut := int64(600)
	frame := int64(4 * len(gap.ses.Channels))
	first.EndSample, first.Data = cut, late.Data[:cut*frame]
	rest.StartSample, rest.Data = cut+1, late.Data[(cut+1)*frame:]
	late.StartSample, late.EndSample, late.Data = cut, cut+1, late.Data[cut*frame:(cut+1)*frame]
	gap.batches, gap.ses.BatchCount, gap.cover = nil, 0, nil
	for _, b := range []models.SampleBatch{first, rest, late} {
		gap.accept(b)
		if err := gap.run(); err != nil {
			t.Fatal(err)
		}
	}
	if !maps.Equal(gap.windows, c.windows) {
		t.Errorf("%d windows with a late sample, %d without", len(gap.windows), len(c.windows))
	}
}
