package recording

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// Block is a segment of a recording without a gap in it.
type Block struct {
	// Gap is how much was not recorded before the block, in s; 0 where it continues the one before.
	Gap float64
	// At is the time before the block without gaps, in s of samples.
	At float64
	// Samples has a row for each channel of the recording. Rows of channels with other rates have other lengths; those of
	// channels that Only left out are empty.
	Samples [][]float64
	// Events are triggers and markers, with onsets in s of samples as in a Recording. They need not lie in the block: some
	// formats list them at the end. Durations has the length of each in s where the source gives them, else it is nil.
	// Targets says of each whether it was a target, where the source tells, else it is nil.
	Events    []eeg.Event
	Durations []float64
	Targets   []bool
	// Annotations have onsets in s elapsed since the first sample, gaps counted.
	Annotations []Annotation
}

// reset empties the block and keeps its memory.
func (b *Block) reset(channels int) {
	b.Gap, b.At = 0, 0
	b.Events, b.Durations, b.Targets, b.Annotations = b.Events[:0], b.Durations[:0], b.Targets[:0], b.Annotations[:0]
	if len(b.Samples) != channels {
		b.Samples = make([][]float64, channels)
	}
	for i := range b.Samples {
		b.Samples[i] = b.Samples[i][:0]
	}
}

// Stream reads a recording from its first byte to its last and holds one block of about a mebibyte of it. It is not safe
// for concurrent use.
type Stream struct {
	src    *Source
	rec    *Recording
	expect []int  // samples of each channel, to make room at once; nil when unknown
	skip   []bool // channels whose samples nobody wants
	blocks Blocks
}

// Blocks is what a reader gives to a Stream.
type Blocks interface {
	// Next appends to the block, which begins with the next sample. It returns io.EOF, and nothing else, at the end.
	Next(b *Block) error
}

// NewStream makes a stream of what a reader gives block by block. rec has the channels, without samples. skip has an entry for
// each of them: blocks leaves out the samples of those that are set, see Only.
func NewStream(src *Source, rec *Recording, blocks Blocks, skip []bool) *Stream {
	return &Stream{src: src, rec: rec, blocks: blocks, skip: skip}
}

// Expect tells how many samples each channel will have, so that Collect makes room for them at once.
func (s *Stream) Expect(samples []int) { s.expect = samples }

// Recording returns what the header tells: channels without samples. Its warnings are complete after the last block.
func (s *Stream) Recording() *Recording { return s.rec }

// Offset returns how many bytes of the source were read.
func (s *Stream) Offset() int64 { return s.src.At() }

// Only leaves out the samples of all channels but those with the indexes given. Their events come all the same.
func (s *Stream) Only(channels []int) {
	for i := range s.skip {
		s.skip[i] = true
	}
	for _, i := range channels {
		s.skip[i] = false
	}
}

// Next reads the next block into b, whose memory it uses again. It returns io.EOF after the last. Errors are those of
// Open.
func (s *Stream) Next(b *Block) error {
	b.reset(len(s.rec.Channels))
	return s.blocks.Next(b)
}

// Collect reads a whole stream into memory. An error of opening it passes through.
func Collect(s *Stream, err error) (*Recording, error) {
	if err != nil {
		return nil, err
	}
	rec := s.rec
	var b Block
	b.reset(len(rec.Channels))
	samples := int64(0)
	for _, n := range s.expect {
		samples += int64(n)
	}
	if err := s.src.Hold(8*samples, rec.Format, "samples"); err != nil {
		return nil, err
	}
	for i, n := range s.expect {
		b.Samples[i] = make([]float64, 0, n)
	}
	for {
		b.Gap = 0
		err := s.blocks.Next(&b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if b.Gap > 0 {
			rec.Gaps = append(rec.Gaps, Gap{At: b.At, Length: b.Gap})
		}
	}
	for i := range b.Samples {
		rec.Channels[i].Samples = b.Samples[i]
	}
	inGap := 0
	for _, a := range b.Annotations {
		at, lost := rec.Position(a.Onset)
		a.Onset = at
		rec.Annotations = append(rec.Annotations, a)
		if lost {
			inGap++
		}
	}
	if inGap > 0 {
		rec.Warnf("%d annotations lie in gaps of the recording; they are placed at the gap", inGap)
	}
	rec.AddAnnotationEvents()
	rec.Events = append(rec.Events, b.Events...)
	for i, d := range b.Durations {
		rec.Annotations = append(rec.Annotations, Annotation{Onset: b.Events[i].Onset, Duration: d, Label: LabelOf(b.Events[i])})
	}
	rec.SortEvents()
	return rec, nil
}

// Plan is what Inspect learned of a recording and OpenStream must know before it reads the first sample. It may be kept as
// JSON.
type Plan struct {
	Format   Format    `json:"format"` // as Sniff tells it
	Bytes    int64     `json:"bytes"`
	Rate     float64   `json:"rate,omitempty"`     // Hz; of text formats alone, 0 where nothing shows it: the caller must
	Name     string    `json:"name,omitempty"`     // of the file, where its format needs it again
	Gaps     []RowGap  `json:"gaps,omitempty"`     // of text formats: what is missing between rows
	Start    time.Time `json:"start,omitzero"`     // of the first row
	Warnings []string  `json:"warnings,omitempty"` // of the inspection
}

// RowGap is a loss before a row of a text format.
type RowGap struct {
	Row  int   `json:"row"`  // samples before it
	Lost int64 `json:"lost"` // samples
}

// Skipped is a channel that Select left out, and why.
type Skipped struct {
	Channel string `json:"channel"`
	Reason  string `json:"reason"`
}

// Select returns the indexes of the channels that make one signal: those of the given labels or 10-20 names in that
// order, or without labels all EEG channels of the rate that most of them have. skipped are the others. Errors: those
// of Signal.
func (r *Recording) Select(labels ...string) (picked []int, skipped []Skipped, err error) {
	if err := r.waveform(); err != nil {
		return nil, nil, err
	}
	channels, err := r.pick(labels)
	if err != nil {
		return nil, nil, err
	}
	rate := channels[0].Rate
	if rate <= 0 {
		return nil, nil, r.NoRate()
	}
	index := make(map[*Channel]int, len(r.Channels))
	for i := range r.Channels {
		index[&r.Channels[i]] = i
	}
	taken := make(map[int]bool, len(channels))
	for _, c := range channels {
		i := index[c]
		switch {
		case taken[i]:
			return nil, nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"channel": c.Label}, "the channel %s is asked for twice", c.Label)
		case c.Kind == Trigger:
			return nil, nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"channel": c.Label}, "the channel %s holds trigger codes, not a waveform", c.Label)
		}
		taken[i] = true
		picked = append(picked, i)
	}
	for i := range r.Channels {
		c := &r.Channels[i]
		if taken[i] {
			continue
		}
		s := Skipped{Channel: c.Label}
		switch {
		case c.Kind == Trigger:
			s.Reason = "its codes became events"
		case c.Rate != rate:
			s.Reason = fmt.Sprintf("it has %.6g Hz and the others have %.6g Hz", c.Rate, rate)
		case len(labels) > 0:
			s.Reason = "it was not asked for"
		default:
			s.Reason = fmt.Sprintf("it is not EEG (%s)", c.Kind)
		}
		skipped = append(skipped, s)
	}
	return picked, skipped, nil
}
