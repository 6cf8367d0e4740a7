package recording

import (
	"bytes"
	"io"
	"math"
	"slices"

	"github.com/neurod/neurod/eeg"
)

// MostHeld is the largest file, unpacked, that is read as it comes in and cannot be used before its end is there: the clocks of
// XDF stand throughout the file, a ZIP archive's list at its end. Such a file is held in memory, and its samples.
const MostHeld = 64 << 20

// Held returns the Inspect and the Open of a format that must be held: they read it as a whole.
func Held(format Format, whole func(src *Source, at io.ReaderAt, name string) (*Recording, error)) (
	inspect func(src *Source, name string, plan *Plan) (*Recording, error), open func(src *Source, plan Plan) (*Stream, error)) {
	read := func(src *Source, name string) (*Recording, error) {
		b, err := io.ReadAll(io.LimitReader(src, MostHeld+1))
		if err != nil {
			return nil, err
		}
		if len(b) > MostHeld {
			return nil, Unsupported(format, map[string]any{"bytes_limit": MostHeld},
				"a file of this format is held in memory while it is imported, so it may have at most %d bytes; convert it to EDF or BDF, or cut it", MostHeld)
		}
		src.size = int64(len(b))
		return whole(WholeSource(bytes.NewReader(b), int64(len(b))), bytes.NewReader(b), name)
	}
	inspect = func(src *Source, name string, plan *Plan) (*Recording, error) {
		rec, err := read(src, name)
		if err != nil {
			return nil, err
		}
		plan.Name = name
		rec.Events, rec.Targets, rec.Annotations, rec.Gaps = nil, nil, nil, nil
		for i := range rec.Channels {
			rec.Channels[i].Samples = nil
		}
		return rec, nil
	}
	open = func(src *Source, plan Plan) (*Stream, error) {
		rec, err := read(src, plan.Name)
		if err != nil {
			return nil, err
		}
		return streamOf(src, rec), nil
	}
	return inspect, open
}

// heldStream gives a recording that is in memory as blocks.
type heldStream struct {
	rec    *Recording // with samples
	skip   []bool
	at     float64 // s of samples that were given
	gap    int     // of rec.Gaps, that comes next
	marked int     // events that were given
	noted  int     // annotations
	before float64 // s of gaps before at
	end    float64 // s of samples
	step   float64 // s of a block
	events []eeg.Event
	// targets says of each of events whether it was a target; nil where the recording does not.
	targets []bool
}

// streamOf takes the samples out of a recording and gives them as a stream.
func streamOf(src *Source, rec *Recording) *Stream {
	head := *rec
	head.Channels = slices.Clone(rec.Channels)
	head.Gaps, head.Events, head.Annotations, head.Targets = nil, nil, nil, nil
	s := &heldStream{rec: rec, skip: make([]bool, len(rec.Channels)), end: rec.Seconds()}
	perSecond := 1.0
	for i := range head.Channels {
		head.Channels[i].Samples = nil
		perSecond += head.Channels[i].Rate
	}
	s.step = max((1<<16)/perSecond, s.end/4096) // a rate of next to nothing makes no endless row of blocks
	// Every annotation has made an event, which would come twice.
	type key struct {
		onset float64
		label string
	}
	noted := map[key]int{}
	for _, a := range rec.Annotations {
		noted[key{a.Onset, a.Label}]++
	}
	for i, e := range rec.Events {
		if k := (key{e.Onset, e.Label}); noted[k] > 0 {
			noted[k]--
			continue
		}
		s.events = append(s.events, e)
		if len(rec.Targets) == len(rec.Events) {
			s.targets = append(s.targets, rec.Targets[i])
		}
	}
	return NewStream(src, &head, s, s.skip)
}

func (s *heldStream) Next(b *Block) error {
	if s.at >= s.end {
		return io.EOF
	}
	b.At = s.at
	if s.gap < len(s.rec.Gaps) && s.at >= s.rec.Gaps[s.gap].At {
		b.Gap = s.rec.Gaps[s.gap].Length
		s.before += b.Gap
		s.gap++
	}
	to := s.at + s.step
	if s.gap < len(s.rec.Gaps) {
		to = min(to, s.rec.Gaps[s.gap].At)
	}
	last := to >= s.end
	for i := range s.rec.Channels {
		c := &s.rec.Channels[i]
		if s.skip[i] || c.Rate <= 0 {
			continue
		}
		index := func(at float64) int { return min(len(c.Samples), int(math.Round(at*c.Rate))) }
		from, end := index(s.at), index(to)
		if last {
			end = len(c.Samples)
		}
		b.Samples[i] = append(b.Samples[i], c.Samples[from:max(from, end)]...)
	}
	for ; s.marked < len(s.events) && (last || s.events[s.marked].Onset < to); s.marked++ {
		b.Events = append(b.Events, s.events[s.marked])
		if s.targets != nil {
			b.Targets = append(b.Targets, s.targets[s.marked])
		}
	}
	for ; s.noted < len(s.rec.Annotations) && (last || s.rec.Annotations[s.noted].Onset < to); s.noted++ {
		a := s.rec.Annotations[s.noted]
		a.Onset += s.before
		b.Annotations = append(b.Annotations, a)
	}
	if s.at = to; last {
		s.at = s.end
	}
	return nil
}
