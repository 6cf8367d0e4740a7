package segment_test

import (
	"encoding/binary"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/models"
)

// batchOf makes a batch whose samples tell batch, place and channel.
func batchOf(seq int, start, end int64, channels int) models.SampleBatch {
	b := models.SampleBatch{Seq: seq, StartSample: start, EndSample: end}
	for i := start; i < end; i++ {
		for ch := range channels {
			b.Data = binary.LittleEndian.AppendUint32(b.Data, math.Float32bits(value(seq, i, ch)))
		}
	}
	return b
}

func value(seq int, sample int64, ch int) float32 {
	return float32(seq*1000+ch*100) + float32(sample)/64
}

// TestTheFirstKeepsItsSamples compares with a map that is filled in the order of acceptance, whatever order they are added in.
func TestTheFirstKeepsItsSamples(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 3).Draw(t, "channels")
		var batches []models.SampleBatch
		want := map[int64]int{} // sample → batch
		for seq := range rapid.IntRange(0, 12).Draw(t, "batches") {
			start := rapid.Int64Range(-40, 60).Draw(t, "start")
			end := start + rapid.Int64Range(1, 25).Draw(t, "samples")
			batches = append(batches, batchOf(seq, start, end, channels))
			for i := start; i < end; i++ {
				if _, taken := want[i]; !taken {
					want[i] = seq
				}
			}
		}
		batches = rapid.Permutation(batches).Draw(t, "order")
		start := rapid.Int64Range(-50, 60).Draw(t, "from")
		end := start + rapid.Int64Range(0, 60).Draw(t, "length")
		s := segment.New(channels)
		s.Reset(-1000, -900) // it has been used before
		s.Reset(start, end)
		for i := range batches {
			if err := s.Add(&batches[i]); err != nil {
				t.Fatal(err)
			}
		}
		there := map[int64]bool{}
		last := start - 1
		for from, to := range s.Runs() {
			if from <= last || to <= from {
				t.Fatalf("run [%d, %d) after %d", from, to, last)
			}
			last = to // the sample there is missing, or the run would go on
			for i := from; i < to; i++ {
				there[i] = true
			}
		}
		for i := start; i < end; i++ {
			seq, ok := want[i]
			if ok != there[i] || s.Complete(i, i+1) != ok {
				t.Fatalf("sample %d: there %v and %v, want %v", i, there[i], s.Complete(i, i+1), ok)
			}
			for ch := range channels {
				v := float32(0)
				if ok {
					v = value(seq, i, ch)
				}
				if got := s.Rows[ch][i-start]; got != float64(v) {
					t.Fatalf("channel %d sample %d is %v, want %v of batch %d", ch, i, got, v, seq)
				}
			}
		}
		from := rapid.Int64Range(start, end).Draw(t, "part from")
		to := rapid.Int64Range(from, end).Draw(t, "part to")
		whole := true
		for i := from; i < to; i++ {
			whole = whole && there[i]
		}
		if s.Complete(from, to) != whole {
			t.Fatalf("complete [%d, %d): %v, want %v", from, to, !whole, whole)
		}
	})
}

func TestABatchMustHoldItsSamples(t *testing.T) {
	t.Parallel()
	b := batchOf(0, 0, 5, 2)
	b.Data = b.Data[:len(b.Data)-4]
	if err := segment.New(2).Load(0, 5, []models.SampleBatch{b}); err == nil {
		t.Error("a batch that lacks a value was loaded")
	}
}

// BenchmarkAdd is the cost of a minute of 8 channels at 250 Hz in batches of 1 s.
func BenchmarkAdd(b *testing.B) {
	var batches []models.SampleBatch
	for i := range 60 {
		batches = append(batches, batchOf(i, int64(i)*250, int64(i+1)*250, 8))
	}
	s := segment.New(8)
	b.SetBytes(60 * 250 * 8 * 4)
	b.ReportAllocs()
	for b.Loop() {
		s.Reset(0, 60*250)
		for i := range batches {
			if err := s.Add(&batches[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
}
