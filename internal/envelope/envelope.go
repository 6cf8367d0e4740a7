// Package envelope holds what a long stretch of samples looks like from afar: the least and the greatest sample of each channel in blocks
// of equal length, so that a session of many hours is drawn without reading it.
//
// A session is cut into chunks of ChunkSamples, counted from its origin; each is kept with its blocks in three sizes (Levels), so that a
// view of any length needs about as many blocks as it has columns. A block without samples has no least and no greatest: NaN.
//
// Invariant: an envelope is of the samples that the session has, as package segment merges them, and its blocks lie where those of every
// other of the same size do. So a block is the fold of those within it, whatever they were computed from.
package envelope

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/neurod/neurod/internal/segment"
)

// Sizes, in samples a channel. A minute of 64 channels at 250 Hz is 3.8 MB of samples, and its envelopes are a thirtieth of it.
const (
	Fine         = 64
	Mid          = 16 * Fine
	Coarse       = 16 * Mid
	ChunkSamples = Coarse
)

// Levels are the lengths of blocks that are kept, the shortest first.
var Levels = []int64{Fine, Mid, Coarse}

// Envelope is the least and the greatest sample of blocks of equal length, block by block, and within a block channel by channel.
type Envelope struct {
	Channels int
	Block    int64 // samples a channel
	First    int64 // the number of the first block: it begins at sample First × Block
	Min, Max []float32
}

// New returns an envelope of the blocks that the samples [start, end) touch, all empty.
func New(channels int, block, start, end int64) *Envelope {
	first := Floor(start, block)
	n := max(0, int(Floor(end-1, block)-first+1)) * channels
	e := &Envelope{Channels: channels, Block: block, First: first, Min: make([]float32, n), Max: make([]float32, n)}
	none := float32(math.NaN())
	for i := range e.Min {
		e.Min[i], e.Max[i] = none, none
	}
	return e
}

// Floor returns the number of the block that a sample lies in.
func Floor(sample, block int64) int64 {
	n := sample / block
	if sample%block < 0 {
		n--
	}
	return n
}

// Blocks returns how many there are.
func (e *Envelope) Blocks() int {
	if e.Channels == 0 {
		return 0
	}
	return len(e.Min) / e.Channels
}

// at returns where the values of a block begin, and false where it is not one of the envelope's.
func (e *Envelope) at(block int64) (int, bool) {
	i := block - e.First
	return int(i) * e.Channels, i >= 0 && i < int64(e.Blocks())
}

// AddSegment folds the samples that a segment has into the blocks that they lie in. Those outside of the envelope are left out.
func (e *Envelope) AddSegment(s *segment.Segment) {
	for from, to := range s.Runs() {
		for from < to {
			block := Floor(from, e.Block)
			end := min(to, (block+1)*e.Block)
			if i, ok := e.at(block); ok {
				for ch, row := range s.Rows {
					e.fold(i+ch, row[from-s.Start:end-s.Start])
				}
			}
			from = end
		}
	}
}

func (e *Envelope) fold(i int, samples []float64) {
	lo, hi := samples[0], samples[0]
	for _, v := range samples[1:] {
		lo, hi = min(lo, v), max(hi, v)
	}
	e.take(i, float32(lo), float32(hi))
}

// take folds a least and a greatest into those of a block and channel.
func (e *Envelope) take(i int, lo, hi float32) {
	switch {
	case lo != lo: // nothing is there
	case e.Min[i] != e.Min[i]:
		e.Min[i], e.Max[i] = lo, hi
	default:
		e.Min[i], e.Max[i] = min(e.Min[i], lo), max(e.Max[i], hi)
	}
}

// Add folds an envelope of shorter blocks, of which a whole number makes one of these.
func (e *Envelope) Add(fine *Envelope) {
	for b := range fine.Blocks() {
		i, ok := e.at(Floor((fine.First+int64(b))*fine.Block, e.Block))
		if !ok {
			continue
		}
		for ch := range e.Channels {
			e.take(i+ch, fine.Min[b*fine.Channels+ch], fine.Max[b*fine.Channels+ch])
		}
	}
}

// Pack returns the blocks as they are stored: float32 little-endian, the least and the greatest of each channel.
func (e *Envelope) Pack() []byte {
	out := make([]byte, 0, 8*len(e.Min))
	for i := range e.Min {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(e.Min[i]))
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(e.Max[i]))
	}
	return out
}

// Unpack returns the envelope of a chunk as it was stored.
func Unpack(channels int, block, chunk int64, data []byte) (*Envelope, error) {
	n := int(ChunkSamples/block) * channels
	if len(data) != 8*n {
		return nil, fmt.Errorf("envelope: chunk %d holds %d bytes, not %d", chunk, len(data), 8*n)
	}
	e := &Envelope{Channels: channels, Block: block, First: chunk * (ChunkSamples / block), Min: make([]float32, n), Max: make([]float32, n)}
	for i := range n {
		e.Min[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[8*i:]))
		e.Max[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[8*i+4:]))
	}
	return e, nil
}

// Chunk is what is kept of a chunk.
type Chunk struct {
	Coarse, Mid, Fine []byte
}

// OfChunk folds a segment of a chunk's samples.
func OfChunk(chunk int64, s *segment.Segment) Chunk {
	start, end := chunk*ChunkSamples, (chunk+1)*ChunkSamples
	fine := New(len(s.Rows), Fine, start, end)
	fine.AddSegment(s)
	mid := New(len(s.Rows), Mid, start, end)
	mid.Add(fine)
	coarse := New(len(s.Rows), Coarse, start, end)
	coarse.Add(mid)
	return Chunk{Coarse: coarse.Pack(), Mid: mid.Pack(), Fine: fine.Pack()}
}

// LevelFor returns the longest kept block of which a whole number makes blocks of at least so many samples, and the length of those; 0
// and the length as it is where the samples themselves must be read.
func LevelFor(samples int64) (level, block int64) {
	for i := len(Levels) - 1; i >= 0; i-- {
		if l := Levels[i]; samples >= l {
			return l, (samples + l - 1) / l * l
		}
	}
	return 0, samples
}
