package envelope

import (
	"encoding/binary"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/segment"
	"github.com/neurod/neurod/models"
)

// TestEnvelopeIsThatOfItsSamples: the blocks of every level, and of every fold of them, are the least and the greatest of the samples that
// are there, whatever gaps and overlaps the batches have.
func TestEnvelopeIsThatOfItsSamples(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 3).Draw(t, "channels")
		chunk := rapid.Int64Range(-2, 2).Draw(t, "chunk")
		start := chunk * ChunkSamples
		seg := segment.New(channels)
		seg.Reset(start, start+ChunkSamples)
		there := map[int64][]float32{}
		for i := range rapid.IntRange(0, 4).Draw(t, "batches") {
			from := start + rapid.Int64Range(-100, ChunkSamples).Draw(t, "from")
			n := rapid.Int64Range(1, 3000).Draw(t, "samples")
			b := models.SampleBatch{Seq: i, StartSample: from, EndSample: from + n}
			for s := range n {
				for ch := range channels {
					v := float32(math.Sin(float64(from+s))*100) + float32(i*1000+ch)
					b.Data = binary.LittleEndian.AppendUint32(b.Data, math.Float32bits(v))
					if len(there[from+s]) <= ch {
						there[from+s] = append(there[from+s], v)
					}
				}
			}
			if err := seg.Add(&b); err != nil {
				t.Fatal(err)
			}
		}
		c := OfChunk(chunk, seg)
		levels := map[int64]*Envelope{}
		for block, data := range map[int64][]byte{Fine: c.Fine, Mid: c.Mid, Coarse: c.Coarse} {
			e, err := Unpack(channels, block, chunk, data)
			if err != nil {
				t.Fatal(err)
			}
			levels[block] = e
		}
		wide := New(channels, 5*Fine, start, start+ChunkSamples)
		wide.Add(levels[Fine])
		levels[wide.Block] = wide
		for block, e := range levels {
			for i := range e.Blocks() {
				for ch := range channels {
					lo, hi := float32(math.NaN()), float32(math.NaN())
					for s := max(start, (e.First+int64(i))*block); s < min(start+ChunkSamples, (e.First+int64(i)+1)*block); s++ {
						if v := there[s]; v != nil {
							if lo != lo {
								lo, hi = v[ch], v[ch]
							}
							lo, hi = min(lo, v[ch]), max(hi, v[ch])
						}
					}
					same := func(a, b float32) bool { return a == b || a != a && b != b }
					if got := i*channels + ch; !same(e.Min[got], lo) || !same(e.Max[got], hi) {
						t.Fatalf("block %d of %d samples, channel %d: %v to %v, want %v to %v", i, block, ch, e.Min[got], e.Max[got], lo, hi)
					}
				}
			}
		}
	})
}

// TestLevelFor: a view reads blocks that are no longer than its columns, and as few as can be.
func TestLevelFor(t *testing.T) {
	t.Parallel()
	for samples, want := range map[int64][2]int64{1: {0, 1}, 63: {0, 63}, 64: {Fine, 64}, 65: {Fine, 128}, 1000: {Fine, 1024}, 1024: {Mid, 1024}, 5400: {Mid, 6144}, 16384: {Coarse, 16384}, 20000: {Coarse, 32768}} {
		if level, block := LevelFor(samples); level != want[0] || block != want[1] {
			t.Errorf("%d: level %d, block %d, want %v", samples, level, block, want)
		}
	}
}
