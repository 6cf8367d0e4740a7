package workers_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

var liveChannels = []string{"C3", "Cz", "C4"}

const liveRate = 100 // Hz

// brains gives clips of people whose channels mix differently: class 0 has its rhythm at C4, class 1 at C3.
func brains(seed uint64) func(class int, seconds float64) *mat.Dense {
	rng := rand.New(rand.NewPCG(seed, 7))
	return func(class int, seconds float64) *mat.Dense {
		n := int(seconds * liveRate)
		x := mat.NewDense(3, n, nil)
		phase := 2 * math.Pi * rng.Float64()
		for i := range n {
			wave := 8 * math.Sin(2*math.Pi*11*float64(i)/liveRate+phase)
			for ch := range 3 {
				v := 5 * rng.NormFloat64()
				if ch == 2-2*class {
					v += wave
				}
				x.Set(ch, i, v)
			}
		}
		return synthetic.Remix(decoders.Signal{Data: x}, seed, 0.7, 0.3).Data
	}
}

// alignedCatalog has one model, which was trained with alignment, and went through a model file.
var alignedCatalog = sync.OnceValues(func() (*catalog.Catalog, error) {
	return liveCatalog(motorimagery.MDM(), `{"start":0,"end":2,"align":true,"center":"riemann"}`)
})

// plainCatalog has one that was not.
var plainCatalog = sync.OnceValues(func() (*catalog.Catalog, error) {
	return liveCatalog(motorimagery.CSPLDA(), `{"start":0,"end":2,"normalize":true}`)
})

func liveCatalog(pipeline decoders.Pipeline, options string) (*catalog.Catalog, error) {
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: liveChannels, Rate: liveRate, Classes: []string{"left", "right"}}
	for p := range 3 {
		brain := brains(uint64(p) + 1)
		for i := range 16 {
			ds.Trials = append(ds.Trials, decoders.Trial{Data: brain(i%2, 2), Label: i % 2, Group: fmt.Sprintf("p%d/r", p)})
		}
	}
	d, err := pipeline.Train(context.Background(), ds, json.RawMessage(options))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := catalog.Write(&b, eeg.MotorImagery, "moved", "1", catalog.ModelCard{Summary: "made of synthetic people"}, d.State()); err != nil {
		return nil, err
	}
	file, err := catalog.Parse(b.Bytes())
	if err != nil {
		return nil, err
	}
	cat, err := catalog.New(catalog.Pipelines()...)
	if err != nil {
		return nil, err
	}
	return cat, cat.AddModel(file, eeg.SourceAdded)
}

// memory is the part of the database that a session's job needs, for one session.
type memory struct {
	ses       models.Session
	batches   []models.SampleBatch // by Seq
	cover     []models.Segment
	windows   map[int64]string
	decodes   map[int64]string
	order     []int64 // of decodes
	alignment models.SessionAlignment

	most  func() int // batches a round
	fault func() int // 0 none, 1 before the commit, 2 after it
	reads int        // calls of BatchesOver
}

var _ workers.SessionStore = (*memory)(nil)

func newMemory(decode models.LiveDecode) *memory {
	origin := int64(1_730_000_000_000)
	return &memory{windows: map[int64]string{}, decodes: map[int64]string{}, most: func() int { return 64 }, fault: func() int { return 0 },
		ses: models.Session{ID: "s", ProjectID: "p", SampleRateHz: liveRate, Channels: liveChannels, HopMS: 2000, OriginMS: &origin, Decode: &decode}}
}

// accept stores a batch, and has it seen at once where it completes nothing, as ingestion does.
func (m *memory) accept(b models.SampleBatch) {
	idle := m.ses.Pending() == 0
	b.SessionID, b.Seq = "s", m.ses.BatchCount
	m.batches = append(m.batches, b)
	m.ses.BatchCount++
	m.ses.LongestBatch = max(m.ses.LongestBatch, b.EndSample-b.StartSample)
	m.cover = models.Cover(m.cover, models.Segment{Start: b.StartSample, End: b.EndSample})
	for _, t := range m.cover {
		if t.Start <= b.StartSample && b.EndSample <= t.End && idle && !m.ses.Completes(b.StartSample, b.EndSample, t) {
			m.ses.SeenCount = m.ses.BatchCount
		}
	}
}

func (m *memory) Work(_ context.Context, q store.WorkQuery) (store.Work, error) {
	w := store.Work{Session: m.ses}
	w.Pending = slices.Clone(m.batches[m.ses.SeenCount:])
	w.Pending = w.Pending[:min(len(w.Pending), q.Batches, m.most())]
	return w, nil
}

func (m *memory) BatchesOver(_ context.Context, _ string, start, end, _ int64) ([]models.SampleBatch, error) {
	m.reads++
	var out []models.SampleBatch
	for _, b := range m.batches {
		if b.StartSample < end && b.EndSample > start {
			out = append(out, b)
		}
	}
	return out, nil
}

func (m *memory) Alignment(context.Context, string, string) (models.SessionAlignment, error) {
	return m.alignment, nil
}

func (m *memory) CommitWindows(_ context.Context, c store.WindowCommit) (store.Committed, error) {
	fault := m.fault()
	if fault == 1 {
		return store.Committed{}, store.ErrFenced
	}
	var out store.Committed
	for _, w := range c.Windows {
		if _, there := m.windows[w.WindowIndex]; !there {
			m.windows[w.WindowIndex] = w.Data
			out.Windows++
		}
	}
	for _, d := range c.Decodes {
		if _, there := m.decodes[d.DecodeIndex]; !there {
			m.decodes[d.DecodeIndex] = d.Data
			m.order = append(m.order, d.DecodeIndex)
			out.Decodes++
		}
	}
	if c.Alignment != nil {
		m.alignment = *c.Alignment
	}
	m.ses.SeenCount = max(m.ses.SeenCount, min(c.SeenCount, m.ses.BatchCount))
	out.Idle = m.ses.Pending() == 0
	if fault == 2 {
		return store.Committed{}, context.DeadlineExceeded
	}
	return out, nil
}

// work runs the session's job until it is done, by one attempt after the other.
func (m *memory) work(t interface{ Fatal(...any) }, found *workers.Models) {
	for try := 0; ; try++ {
		handler := workers.SessionWindows(m, found, func(string) {})
		if _, err := handler(context.Background(), &workers.Task{Job: models.Job{ID: "j", ProjectID: "p", Request: json.RawMessage(`{"session_id":"s"}`)}}); err == nil {
			return
		} else if try > 1000 {
			t.Fatal(err)
		}
	}
}

// float32s packs samples [from, to) as they are stored.
func float32s(x *mat.Dense, from, to int) []byte {
	rows, _ := x.Dims()
	var out []byte
	for i := from; i < to; i++ {
		for ch := range rows {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(x.At(ch, i))))
		}
	}
	return out
}

// TestLiveAlignmentIsOneWhoeverComputes: what the clips before a window tell of the person is the same to the last bit however
// the batches fall into rounds, whatever attempts are lost before or after their commit, and when samples came late, twice or
// not at all.
func TestLiveAlignmentIsOneWhoeverComputes(t *testing.T) {
	t.Parallel()
	aligned, err := alignedCatalog()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := plainCatalog()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		how := rapid.SampledFrom([]string{"", eeg.AlignmentBalance}).Draw(t, "alignment")
		found := workers.NewModels(map[string]*catalog.Catalog{"": aligned, eeg.AlignmentBalance: plain}[how], nil, 0, nil)
		brain := brains(rapid.Uint64().Draw(t, "person"))
		const seconds = 24
		x := mat.NewDense(3, seconds*liveRate, nil)
		for s := range seconds / 2 {
			clip := brain(s%2, 2)
			for ch := range 3 {
				copy(x.RawRowView(ch)[2*s*liveRate:], clip.RawRowView(ch))
			}
		}
		decode := models.LiveDecode{Paradigm: "motor_imagery", WindowMS: 2000, HopMS: rapid.SampledFrom([]int{500, 1000, 2000, 3000}).Draw(t, "hop"), Alignment: how}
		var batches []models.SampleBatch
		for from := 0; from < seconds*liveRate; {
			to := min(seconds*liveRate, from+rapid.IntRange(20, 400).Draw(t, "batch"))
			switch rapid.IntRange(0, 9).Draw(t, "fate") {
			case 0: // lost
			case 1: // longer than it need be
				from = max(0, from-50)
				fallthrough
			default:
				batches = append(batches, models.SampleBatch{StartSample: int64(from), EndSample: int64(to), Data: float32s(x, from, to)})
			}
			from = to
		}
		for range rapid.IntRange(0, 4).Draw(t, "late") { // one comes later than the next
			if n := len(batches); n > 1 {
				k := rapid.IntRange(0, n-2).Draw(t, "which")
				batches[k], batches[k+1] = batches[k+1], batches[k]
			}
		}

		calm := newMemory(decode)
		for _, b := range batches {
			calm.accept(b)
		}
		calm.work(t, found)

		rough := newMemory(decode)
		rough.most = func() int { return rapid.IntRange(1, 64).Draw(t, "most") }
		rough.fault = func() int { return rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "fault") }
		for _, b := range batches {
			rough.accept(b)
			if rapid.Bool().Draw(t, "work") {
				rough.work(t, found)
			}
		}
		rough.work(t, found)

		if d := cmp.Diff(calm.decodes, rough.decodes); d != "" {
			t.Fatalf("decodes (-calm +rough):\n%s", d)
		}
		if d := cmp.Diff(calm.windows, rough.windows); d != "" {
			t.Fatalf("windows (-calm +rough):\n%s", d)
		}
		if d := cmp.Diff(calm.alignment, rough.alignment); d != "" {
			t.Fatalf("alignment (-calm +rough):\n%s", d)
		}
		if !slices.Equal(calm.order, rough.order) {
			t.Fatalf("written as %v, in the calm run as %v", rough.order, calm.order)
		}
	})
}

// TestLiveAlignmentHelpsAStranger decodes a person whose channels mix as nobody's of the training: with the mean of the
// clips before each window more are right than without, and the answers say over how many clips it was.
func TestLiveAlignmentHelpsAStranger(t *testing.T) {
	t.Parallel()
	cat, err := alignedCatalog()
	if err != nil {
		t.Fatal(err)
	}
	found := workers.NewModels(cat, nil, 0, nil)
	right := map[string]int{}
	for _, alignment := range []string{"", "none"} {
		for person := range 4 {
			brain := brains(uint64(person) + 100)
			m := newMemory(models.LiveDecode{Paradigm: "motor_imagery", WindowMS: 2000, HopMS: 2000, Alignment: alignment})
			const clips = 40
			for k := range clips {
				m.accept(models.SampleBatch{StartSample: int64(200 * k), EndSample: int64(200 * (k + 1)), Data: float32s(brain(k%2, 2), 0, 200)})
			}
			m.work(t, found)
			for k := range clips {
				var out struct {
					Intent    string `json:"decoded_class"`
					Alignment struct {
						Kind  string
						Clips int
					}
				}
				if err := json.Unmarshal([]byte(m.decodes[int64(k)]), &out); err != nil {
					t.Fatal(err)
				}
				if out.Intent == []string{"left", "right"}[k%2] {
					right[alignment]++
				}
				if want := k; alignment == "" && k > 0 && (out.Alignment.Kind != "recentred" || out.Alignment.Clips != want) {
					t.Errorf("window %d: %+v, want recentred over %d clips", k, out.Alignment, want)
				} else if (alignment == "none" || k == 0) && (out.Alignment.Kind != "none" || out.Alignment.Clips != 0) {
					t.Errorf("window %d: %+v, want none", k, out.Alignment)
				}
			}
			if alignment == "none" && m.alignment.Clips != 0 {
				t.Errorf("a session without alignment keeps a mean over %d clips", m.alignment.Clips)
			}
		}
	}
	t.Logf("of 160 windows right: %d moved to the clips before, %d as they are", right[""], right["none"])
	if right[""] < right["none"]+16 {
		t.Errorf("of 160 windows right: %d moved to the clips before, %d as they are", right[""], right["none"])
	}
}

// TestLiveBalanceHelpsAStranger decodes people for whom a model ranks clips well, and has its even odds elsewhere: by the odds of the windows before each
// more are right, and the answers say of how many. Of one window alone nothing is known, and "auto" leaves the model as it is.
func TestLiveBalanceHelpsAStranger(t *testing.T) {
	t.Parallel()
	cat, err := plainCatalog()
	if err != nil {
		t.Fatal(err)
	}
	found := workers.NewModels(cat, nil, 0, nil)
	right := map[string]int{}
	for _, alignment := range []string{"", eeg.AlignmentBalance} {
		for person := range 4 {
			brain := brains(uint64(person) + 100)
			m := newMemory(models.LiveDecode{Paradigm: "motor_imagery", WindowMS: 2000, HopMS: 2000, Alignment: alignment})
			const clips = 40
			for k := range clips {
				m.accept(models.SampleBatch{StartSample: int64(200 * k), EndSample: int64(200 * (k + 1)), Data: float32s(brain(k%2, 2), 0, 200)})
			}
			m.work(t, found)
			for k := range clips {
				var out struct {
					Intent    string `json:"decoded_class"`
					Alignment eeg.Alignment
				}
				if err := json.Unmarshal([]byte(m.decodes[int64(k)]), &out); err != nil {
					t.Fatal(err)
				}
				if out.Intent == []string{"left", "right"}[k%2] {
					right[alignment]++
				}
				// Windows of which the model says nothing do not count.
				a := out.Alignment
				if fits := alignment != "" && a.Clips <= k && a.Clips >= k/2; !fits && a.Clips > 0 || (a.Kind == eeg.Balanced) != (a.Clips > 0) || alignment != "" && k > 4 && a.Clips == 0 {
					t.Errorf("%q, window %d: %+v", alignment, k, a)
				}
			}
		}
	}
	t.Logf("of 160 windows right: %d balanced, %d as they are", right[eeg.AlignmentBalance], right[""])
	if right[eeg.AlignmentBalance] < right[""]+16 {
		t.Errorf("of 160 windows right: %d balanced, %d as they are", right[eeg.AlignmentBalance], right[""])
	}
}
