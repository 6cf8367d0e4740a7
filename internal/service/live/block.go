package live

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/neurod/neurod/models"
)

// Block is a run of samples of a session, all of them of one batch and side by side. Samples that lie where an earlier batch has some already count
// for nothing, here as in exports: a batch that overlaps others makes a block of each part that counts, or none.
//
// A block is shared by all who follow: nobody may change it.
type Block struct {
	// Seq is the number of its batch in the order of acceptance, from 0, and Last that no other block of the batch follows: who has it resumes
	// behind the batch.
	Seq  int
	Last bool
	// First is the position of the first sample, counted from the session's origin, and Step the distance from one to the next: 1, or the factor by which the
	// view decimates.
	First int64
	Step  int64
	// Through is the position up to which the block reaches, with what the view has left out: who has the block resumes behind it (Request.AfterSample).
	Through int64
	// Frames is the number of samples a channel; a view that decimates may leave none.
	Frames int
	// Data are the samples in µV, sample-major: all channels of one instant side by side, in the session's order.
	Data []float32
	// Gap is how many samples are missing right before the block, 0 where it continues what is there or is the first.
	Gap int64
	// Late says that the block lies before samples that were accepted earlier: it fills a gap, or came out of order.
	Late bool
	// Overlap is how many samples a channel of the batch counted for nothing; it stands on the first block of the batch.
	Overlap int64
	// Known is what was known of the source when the block was read.
	Known
	// Session is the session as it was when the block was read; its rate, channels and origin do not change.
	Session *models.Session

	// AcceptedAt is when the batch was taken in.
	AcceptedAt time.Time

	viewed bool // a view has made it
	shared sync.Map
}

// Known is what is known of the source of a session's samples beside them.
type Known struct {
	// Quality is the signal quality of each channel, 0..1, by the newest window; nil before there is one.
	Quality []float64
	// Clock is what the source's clock was last found to do, nil where nobody has said.
	Clock *Clock
}

// Clock is a report of what the clock of a source does, and when it was made.
type Clock struct {
	models.SourceClock
	At time.Time
}

// At returns a channel's sample.
func (b *Block) At(frame, channel int) float32 {
	return b.Data[frame*len(b.Session.Channels)+channel]
}

// TimeMS returns when a frame was recorded, Unix ms.
func (b *Block) TimeMS(frame int) int64 { return b.Session.TimeOf(b.First + int64(frame)*b.Step) }

// Shared returns what make makes of a block, which is done once for each key however many ask: followers who want the same are sent the same bytes. The key must
// be comparable and say all that the result depends on.
func Shared[T any](b *Block, key any, make func() T) T {
	made, there := b.shared.Load(key)
	if !there {
		made, _ = b.shared.LoadOrStore(key, sync.OnceValue(make))
	}
	return made.(func() T)()
}

// Parts returns a block in parts of at most so many frames, in order: itself where it has no more.
func (b *Block) Parts(frames int) []*Block {
	if b.Frames <= frames {
		return []*Block{b}
	}
	var out []*Block
	k := len(b.Session.Channels)
	for lo := 0; lo < b.Frames; lo += frames {
		hi := min(lo+frames, b.Frames)
		part := &Block{Seq: b.Seq, First: b.First + int64(lo)*b.Step, Step: b.Step, Through: b.First + int64(hi-1)*b.Step, Frames: hi - lo, Data: b.Data[lo*k : hi*k],
			Late: b.Late, Known: b.Known, Session: b.Session, AcceptedAt: b.AcceptedAt, viewed: b.viewed}
		if lo == 0 {
			part.Gap, part.Overlap = b.Gap, b.Overlap
		}
		if hi == b.Frames {
			part.Last, part.Through = b.Last, b.Through
		}
		out = append(out, part)
	}
	return out
}

// from returns what of a block lies behind a position, nil for nothing.
func (b *Block) from(have int64) *Block {
	switch {
	case have < b.First:
		return b
	case have >= b.Through:
		return nil
	}
	skip := int((have-b.First)/b.Step) + 1
	if skip > b.Frames {
		skip = b.Frames
	}
	k := len(b.Session.Channels)
	return &Block{Seq: b.Seq, Last: b.Last, First: b.First + int64(skip)*b.Step, Step: b.Step, Through: b.Through, Frames: b.Frames - skip,
		Data: b.Data[skip*k:], Late: b.Late, Known: b.Known, Session: b.Session, AcceptedAt: b.AcceptedAt, viewed: b.viewed}
}

// alone returns the block with samples of its own, so that those of its batch may go.
func (b *Block) alone() *Block {
	return &Block{Seq: b.Seq, Last: b.Last, First: b.First, Step: b.Step, Through: b.Through, Frames: b.Frames, Data: slices.Clone(b.Data), Gap: b.Gap,
		Late: b.Late, Overlap: b.Overlap, Known: b.Known, Session: b.Session, AcceptedAt: b.AcceptedAt, viewed: b.viewed}
}

// maxBlock is how many values a block has at most, so that a message of it stays small: a longer run is cut.
const maxBlock = 1 << 16

// cover is what is known of where a session has samples.
type cover struct {
	known    int64 // positions from here on are known
	segments []models.Segment
}

// coverKept is how many segments a feed remembers; what lies before them is asked for.
const coverKept = 32

// coverOf is what a session's row says: its last contiguous segment.
func coverOf(ses models.Session) cover {
	tail, ok := ses.Tail()
	if !ok {
		return cover{known: noSample}
	}
	return cover{known: tail.Start, segments: []models.Segment{tail}}
}

// add takes in a batch.
func (c *cover) add(s models.Segment) {
	if len(c.segments) > 0 && s.End < c.known {
		return // what lies between is not known
	}
	c.segments = models.Cover(c.segments, s)
	if c.known > noSample {
		c.known = min(c.known, c.segments[0].Start)
	}
}

// trim forgets the segments that lie first where there are many.
func (c *cover) trim() {
	if n := len(c.segments) - coverKept; n > 0 {
		c.segments = slices.Delete(c.segments, 0, n)
		c.known = c.segments[0].Start
	}
}

// blocks cuts a batch into what counts of it, against what was there before.
func (c *cover) blocks(ses *models.Session, b *models.SampleBatch, data []float32, known Known) []*Block {
	own := models.Segment{Start: b.StartSample, End: b.EndSample}
	k := len(ses.Channels)
	var out []*Block
	last := int64(noSample) // end of the samples that were there before
	if n := len(c.segments); n > 0 {
		last = c.segments[n-1].End
	}
	add := func(lo, hi int64) {
		gap := int64(0)
		for _, s := range c.segments {
			if s.End <= lo {
				gap = lo - s.End // the nearest is the last of them
			}
		}
		per := int64(max(1, maxBlock/k))
		for at := lo; at < hi; at += per {
			end := min(hi, at+per)
			out = append(out, &Block{Seq: b.Seq, First: at, Step: 1, Through: end - 1, Frames: int(end - at),
				Data: data[(at-own.Start)*int64(k) : (end-own.Start)*int64(k)], Gap: gap, Late: end <= last, Known: known, Session: ses,
				AcceptedAt: b.CreatedAt})
			gap = 0
		}
	}
	at := own.Start
	for _, s := range c.segments {
		if s.End <= at || s.Start >= own.End {
			continue
		}
		if s.Start > at {
			add(at, s.Start)
		}
		at = max(at, min(s.End, own.End))
	}
	if at < own.End {
		add(at, own.End)
	}
	if n := len(out); n > 0 {
		out[n-1].Last = true
		counted := int64(0)
		for _, x := range out {
			counted += int64(x.Frames)
		}
		out[0].Overlap = own.End - own.Start - counted
	}
	return out
}

// floats reads samples as they are stored.
func floats(b []byte) []float32 {
	out := make([]float32, len(b)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

// qualityOf returns the quality of each channel by a window, nil where the window does not say.
func qualityOf(w *models.FeatureWindow, channels []string) []float64 {
	var said struct {
		Quality struct {
			PerChannel map[string]float64 `json:"per_channel"`
		} `json:"quality"`
	}
	if json.Unmarshal([]byte(w.Data), &said) != nil || len(said.Quality.PerChannel) == 0 {
		return nil
	}
	out := make([]float64, len(channels))
	for i, c := range channels {
		q, ok := said.Quality.PerChannel[c]
		if !ok {
			return nil
		}
		out[i] = q
	}
	return out
}
