package edf

import (
	"io"
	"strconv"
	"time"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
)

// Write writes a recording as EDF+ with 16-bit samples: contiguous, or discontinuous where its gaps fall between
// data records. Events and annotations become EDF+ annotations; trigger channels are not written, since their
// changes are among the events.
//
// A channel whose samples are all multiples of one step (integers, most often, or what another EDF file held) keeps the step
// and is exact, where the header can state it. Any other channel is scaled to its own largest value: the error of a sample is
// then at most 1/65534 of the channel's largest absolute value (rounded up to the seven characters that the header has for it).
// Where the length does not divide into records of equal length, the last value is repeated to the end of the last
// record. A gap within a record is written as an annotation.
//
// Errors: invalid_signal where a sample is NaN or Inf; unsupported_format where the rates of the channels do not fit
// into common records or are unknown.
func Write(w io.Writer, rec *recording.Recording) error { return write(w, rec, 2) }

// WriteBDF writes a recording as BDF+ with 24-bit samples, otherwise as Write does.
func WriteBDF(w io.Writer, rec *recording.Recording) error { return write(w, rec, 3) }

func write(w io.Writer, rec *recording.Recording, width int) error {
	e := &writer{width: width, subject: rec.Subject, device: rec.Device, gaps: rec.Gaps}
	e.startAt(rec.StartTime)
	var channels []*recording.Channel
	for i := range rec.Channels {
		c := &rec.Channels[i]
		if c.Kind == recording.Trigger {
			continue
		}
		channels = append(channels, c)
		e.channels = append(e.channels, channel{label: c.Label, unit: c.Unit, rate: c.Rate, samples: len(c.Samples)})
	}
	if err := e.layOut(); err != nil {
		return err
	}
	for i, c := range channels {
		values := newValueRange(width)
		if k := values.add(c.Samples); k >= 0 {
			return notFinite(c.Label, k)
		}
		if err := e.channels[i].calibrate(values, e.format()); err != nil {
			return err
		}
	}
	e.annotate(notesOf(rec, e))
	if err := e.begin(w); err != nil {
		return err
	}
	rows := make([][]float64, len(channels))
	for r := range e.records {
		for i, c := range channels {
			n := e.channels[i].perRecord
			rows[i] = c.Samples[min(r*n, len(c.Samples)):min((r+1)*n, len(c.Samples))]
		}
		if err := e.write(rows); err != nil {
			return err
		}
	}
	return e.close()
}

func notFinite(channel string, sample int) error {
	return decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"channel": channel, "sample": sample},
		"channel %s, sample %d is not a finite number", channel, sample)
}

// startAt puts the start into the header's whole second and the rest.
func (e *writer) startAt(t time.Time) {
	if !t.IsZero() {
		e.start = t.Truncate(time.Second)
		e.offset = t.Sub(e.start).Seconds()
	}
}

// notesOf returns the annotations, events and unwritten gaps of a recording.
func notesOf(rec *recording.Recording, e *writer) []note {
	var notes []note
	add := func(onset, duration float64, label string) {
		at := 0
		if e.seconds > 0 && onset > 0 {
			at = int(min(onset/e.seconds, float64(e.records-1)))
		}
		notes = append(notes, note{onset: e.fileTime(onset), duration: duration, label: label, record: at})
	}
	type key struct {
		onset float64
		label string
	}
	written := map[key]int{}
	for _, a := range rec.Annotations {
		add(a.Onset, a.Duration, a.Label)
		written[key{a.Onset, a.Label}]++
	}
	for _, ev := range rec.Events {
		if k := (key{ev.Onset, ev.Label}); written[k] > 0 {
			written[k]--
			continue
		}
		add(ev.Onset, 0, recording.EventLabel(ev))
	}
	if !e.split {
		for _, g := range rec.Gaps {
			add(g.At, 0, "gap of "+strconv.FormatFloat(g.Length, 'g', 6, 64)+" s")
		}
	}
	return notes
}
