package handlers

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/models"
)

// Frames of bytes begin with this, little-endian throughout:
//
//	 0   4  "NDS1"
//	 4   4  number of the subscription, u32
//	 8   8  seq: number of the batch, i64
//	16   8  position of the first sample from the session's origin, i64
//	24   8  its time, Unix ms, f64
//	32   8  samples that are missing right before it, i64
//	40   4  distance from one sample to the next, u32: 1, or the decimation
//	44   4  samples a channel n, u32
//	48   2  channels k, u16
//	50   2  flags, u16: 1 late, 2 last of its batch
//	52   4  0
//	56  4k  quality of each channel, f32, NaN where it is not known
//	   4nk  samples in µV, f32, all channels of one instant side by side
const (
	frameMagic  = "NDS1"
	frameHeader = 56

	flagLate = 1
	flagLast = 2
)

// encoded names what of a block some bytes are.
type encoded struct {
	format, subscription string
	number               int
	channels             string
	device               string
}

// data returns the messages of an item that carry what is followed, and what each brings its client to.
func (sub *subscription) data(i live.Item) (messages [][]byte, mark func(n int) ackMark) {
	switch {
	case i.Block != nil:
		return sub.samples(i.Block)
	case i.Window != nil:
		b := sub.head("features", i.Window.Seq)
		return [][]byte{append(appendWindow(append(b, `,"data":`...), i.Window), '}')}, at(i.Window.Seq)
	case i.Decode != nil:
		b := sub.head("decode", i.Decode.Seq)
		return [][]byte{append(appendDecode(append(b, `,"data":`...), i.Decode), '}')}, at(i.Decode.Seq)
	case i.Event != nil && sub.topic == topicSamples:
		sub.hold(i.Event)
	case i.Event != nil && (len(sub.types) == 0 || slices.Contains(sub.types, i.Event.Type())):
		b := sub.head("event", i.Event.Seq)
		return [][]byte{append(appendMark(append(b, `,"event":`...), i.Event), '}')}, at(i.Event.Seq)
	case i.Ended != nil && len(sub.pending) > 0:
		// Events that no samples came for.
		last := i.Ended.BatchCount - 1
		b := sub.head("neural_data", last)
		b = append(b, `,"timestamp":`...)
		b = strconv.AppendInt(b, int64(sub.pending[len(sub.pending)-1].AtMS), 10)
		b = sub.appendEvents(append(b, `,"channels":[],"events":`...), sub.pending)
		sub.pending = nil
		if sub.asked.Format == formatBinary {
			return nil, nil
		}
		return [][]byte{append(b, '}')}, at(last)
	}
	return nil, nil
}

// at is the mark of a message that stands alone.
func at(seq int) func(int) ackMark {
	return func(int) ackMark { return ackMark{seq, math.MaxInt64} }
}

// maxPending is how many events wait for samples; more go with the next ones whatever their time.
const maxPending = 1000

// hold keeps an event for the samples of its time. Frames of bytes carry no events.
func (sub *subscription) hold(e *models.SessionMark) {
	sub.lastEvent = e.Seq
	if sub.asked.Format != formatBinary {
		sub.pending = append(sub.pending, e)
	}
}

// due takes out the events that lie before a time, or have waited with too many others.
func (sub *subscription) due(untilMS int64) []*models.SessionMark {
	if len(sub.pending) == 0 {
		return nil
	}
	var out, rest []*models.SessionMark
	for _, e := range sub.pending {
		if e.AtMS < float64(untilMS) || len(sub.pending) > maxPending {
			out = append(out, e)
		} else {
			rest = append(rest, e)
		}
	}
	sub.pending = rest
	return out
}

// told returns what else an item has a client told.
func (sub *subscription) told(i live.Item) [][]byte {
	switch {
	case i.Dropped != nil:
		d := i.Dropped
		return [][]byte{outbound{Type: "dropped", SubscriptionID: sub.id, SessionID: sub.session.ID, Topic: sub.topic,
			droppedFields: &droppedFields{d.FirstSeq, d.LastSeq, d.Samples, d.Total}}.bytes()}
	case i.Revised != nil:
		return [][]byte{outbound{Type: "events_changed", SubscriptionID: sub.id, SessionID: sub.session.ID, DeviceID: sub.session.DeviceID, Revision: i.Revised}.bytes()}
	case i.Ended != nil:
		m := outbound{Type: "session_event", Event: "recording_ended", SubscriptionID: sub.id, SessionID: sub.session.ID, DeviceID: sub.session.DeviceID,
			UserID: sub.session.ExternalUserID}
		if at := i.Ended.Ended(); at != nil {
			m.Timestamp = at.UnixMilli()
		}
		return [][]byte{m.bytes()}
	}
	return nil
}

// head begins a message about a session.
func (sub *subscription) head(kind string, seq int) []byte {
	b := append([]byte(`{"type":"`), kind...)
	b = append(b, `","subscription_id":`...)
	b = appendText(b, sub.id)
	b = append(b, `,"session_id":"`...)
	b = append(b, sub.session.ID...)
	b = append(b, `","device_id":`...)
	if sub.session.DeviceID == "" {
		b = append(b, "null"...)
	} else {
		b = appendText(b, sub.session.DeviceID)
	}
	b = append(b, `,"seq":`...)
	return strconv.AppendInt(b, int64(seq), 10)
}

func appendText(b []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always encodes
	}
	return append(b, quoted...)
}

// appendMark writes an event as the devices' document shows it.
func appendMark(b []byte, e *models.SessionMark) []byte {
	b = append(b, `{"type":`...)
	b = appendText(b, e.Type())
	b = append(b, `,"timestamp":`...)
	b = strconv.AppendInt(b, int64(math.Round(e.AtMS)), 10)
	b = append(b, `,"data":{"seq":`...)
	b = strconv.AppendInt(b, int64(e.Seq), 10)
	if e.Code != 0 {
		b = append(b, `,"code":`...)
		b = strconv.AppendInt(b, int64(e.Code), 10)
	}
	if e.Label != "" {
		b = appendText(append(b, `,"label":`...), e.Label)
	}
	if e.Channel != "" {
		b = appendText(append(b, `,"channel":`...), e.Channel)
	}
	if e.DurationMS != 0 {
		b = append(b, `,"duration_ms":`...)
		b = strconv.AppendFloat(b, e.DurationMS, 'g', -1, 64)
	}
	if e.Target != nil {
		b = strconv.AppendBool(append(b, `,"target":`...), *e.Target)
	}
	b = append(b, `,"source":"`...)
	b = append(b, e.Source...)
	return append(b, `"}}`...)
}

func (sub *subscription) appendEvents(b []byte, events []*models.SessionMark) []byte {
	b = append(b, '[')
	for i, e := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMark(b, e)
	}
	return append(b, ']')
}

// samples returns the messages of a block. What needs no events is made once for all who ask for the same.
func (sub *subscription) samples(b *live.Block) ([][]byte, func(int) ackMark) {
	if b.Frames == 0 {
		return nil, nil // the view has left nothing of it
	}
	key := sub.encoded
	events := sub.due(b.TimeMS(b.Frames))
	switch sub.asked.Format {
	case formatBinary:
		return live.Shared(b, key, func() [][]byte { return [][]byte{sub.frame(b)} }), whole(b)
	case formatBatch:
		if len(events) > 0 {
			return [][]byte{sub.batch(b, events)}, whole(b)
		}
		return live.Shared(b, key, func() [][]byte { return [][]byte{sub.batch(b, nil)} }), whole(b)
	}
	mark := func(n int) ackMark {
		if n == b.Frames-1 {
			return ackMark{b.Seq, b.Through}
		}
		return ackMark{b.Seq, b.First + int64(n)*b.Step}
	}
	if len(events) > 0 {
		return sub.instants(b, events), mark
	}
	return live.Shared(b, key, func() [][]byte { return sub.instants(b, nil) }), mark
}

func whole(b *live.Block) func(int) ackMark {
	return func(int) ackMark { return ackMark{b.Seq, b.Through} }
}

// appendQuality writes the quality of a channel, null where it was not measured.
func appendQuality(out []byte, b *live.Block, channel int) []byte {
	if b.Quality == nil {
		return append(out, "null"...)
	}
	return strconv.AppendFloat(out, b.Quality[channel], 'g', -1, 64)
}

// instants returns a neural_data message for each instant. An event goes with the first instant that is not before it.
func (sub *subscription) instants(b *live.Block, events []*models.SessionMark) [][]byte {
	head, shown := sub.head("neural_data", b.Seq), sub.shown()
	out := make([][]byte, b.Frames)
	for n := range out {
		at := b.TimeMS(n)
		m := make([]byte, 0, len(head)+64+48*len(shown))
		m = append(append(m, head...), `,"sample":`...)
		m = strconv.AppendInt(m, b.First+int64(n)*b.Step, 10)
		m = append(m, `,"timestamp":`...)
		m = strconv.AppendInt(m, at, 10)
		if n == 0 {
			m = appendClock(appendPlace(m, b), b.Clock)
		}
		if n == b.Frames-1 && b.Last {
			m = append(m, `,"last":true`...)
		}
		m = append(m, `,"channels":[`...)
		for i, c := range shown {
			if i > 0 {
				m = append(m, ',')
			}
			m = append(m, `{"number":`...)
			m = strconv.AppendInt(m, int64(c)+1, 10)
			m = append(m, `,"value":`...)
			m = strconv.AppendFloat(m, float64(b.At(n, c)), 'g', -1, 32)
			m = append(m, `,"quality":`...)
			m = append(appendQuality(m, b, c), '}')
		}
		var with []*models.SessionMark
		if len(events) > 0 {
			with = slices.Collect(func(yield func(*models.SessionMark) bool) {
				for _, e := range events {
					if (e.AtMS <= float64(at) || n == b.Frames-1) && !yield(e) {
						return
					}
				}
			})
			events = slices.DeleteFunc(slices.Clone(events), func(e *models.SessionMark) bool { return slices.Contains(with, e) })
		}
		out[n] = append(sub.appendEvents(append(m, `],"events":`...), with), '}')
	}
	return out
}

// appendPlace says how a block lies to what came before it.
func appendPlace(m []byte, b *live.Block) []byte {
	if b.Gap > 0 {
		m = append(m, `,"gap":`...)
		m = strconv.AppendInt(m, b.Gap, 10)
	}
	if b.Late {
		m = append(m, `,"late":true`...)
	}
	if b.Overlap > 0 {
		m = append(m, `,"overlap":`...)
		m = strconv.AppendInt(m, b.Overlap, 10)
	}
	return m
}

// appendClock writes what the clock of the source was last found to do, nothing where nobody has said.
func appendClock(m []byte, c *live.Clock) []byte {
	if c == nil {
		return m
	}
	b, err := json.Marshal(struct {
		ReportedAt     int64                `json:"reported_at"`
		Stamps         string               `json:"stamps,omitempty"`
		RateHz         *float64             `json:"rate_hz"`
		DriftPPM       *float64             `json:"drift_ppm"`
		DriftWithinPPM *float64             `json:"drift_within_ppm"`
		JitterMS       float64              `json:"jitter_ms"`
		OffsetMS       float64              `json:"offset_ms"`
		WithinMS       float64              `json:"within_ms"`
		Device         *models.SourceOffset `json:"device,omitempty"`
	}{c.At.UnixMilli(), c.Stamps, c.RateHz, c.DriftPPM, c.DriftWithinPPM, c.JitterMS, c.OffsetMS, c.WithinMS, c.Device})
	if err != nil {
		panic(err) // the report was read from JSON: its numbers are finite
	}
	return append(append(m, `,"clock":`...), b...)
}

// zips are writers of gzip that may be used again.
var zips = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one there is
	}
	return z
}}

// batch returns a neural_data_batch message.
func (sub *subscription) batch(b *live.Block, events []*models.SessionMark) []byte {
	shown := sub.shown()
	var packed bytes.Buffer
	z := zips.Get().(*gzip.Writer)
	defer zips.Put(z)
	z.Reset(&packed)
	_, _ = z.Write(sub.bytes(nil, b, shown)) // into memory
	_ = z.Close()

	m := sub.head("neural_data_batch", b.Seq)
	m = append(m, `,"batch_id":"batch_`...)
	m = strconv.AppendInt(m, int64(b.Seq), 10)
	m = append(m, '_')
	m = strconv.AppendInt(m, b.First, 10)
	m = append(m, `","sample":`...)
	m = strconv.AppendInt(m, b.First, 10)
	m = append(m, `,"through_sample":`...)
	m = strconv.AppendInt(m, b.Through, 10)
	m = append(m, `,"step":`...)
	m = strconv.AppendInt(m, b.Step, 10)
	m = append(m, `,"last":`...)
	m = strconv.AppendBool(m, b.Last)
	m = append(m, `,"timestamp_start":`...)
	m = strconv.AppendInt(m, b.TimeMS(0), 10)
	m = append(m, `,"timestamp_end":`...)
	m = strconv.AppendInt(m, b.TimeMS(b.Frames), 10)
	m = append(m, `,"sample_count":`...)
	m = strconv.AppendInt(m, int64(b.Frames), 10)
	m = append(m, `,"sample_rate":`...)
	m = strconv.AppendFloat(m, b.Session.SampleRateHz/float64(b.Step), 'g', -1, 64)
	m = appendClock(appendPlace(m, b), b.Clock)
	m = append(m, `,"channels":[`...)
	for i, c := range shown {
		if i > 0 {
			m = append(m, ',')
		}
		m = append(m, `{"number":`...)
		m = strconv.AppendInt(m, int64(c)+1, 10)
		m = append(m, `,"quality":`...)
		m = append(appendQuality(m, b, c), '}')
	}
	m = append(m, `],"encoding":"float32le","layout":"sample_major","compression":"gzip","compressed_data":"`...)
	m = base64.StdEncoding.AppendEncode(m, packed.Bytes())
	return append(sub.appendEvents(append(m, `","events":`...), events), '}')
}

// bytes appends the samples of channels as float32, little-endian, sample-major.
func (sub *subscription) bytes(out []byte, b *live.Block, shown []int) []byte {
	out = slices.Grow(out, 4*b.Frames*len(shown))
	for n := range b.Frames {
		for _, c := range shown {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(b.At(n, c)))
		}
	}
	return out
}

// frame returns a frame of bytes.
func (sub *subscription) frame(b *live.Block) []byte {
	shown := sub.shown()
	out := make([]byte, 0, frameHeader+4*len(shown)*(1+b.Frames))
	le := binary.LittleEndian
	out = append(out, frameMagic...)
	out = le.AppendUint32(out, uint32(sub.number))
	out = le.AppendUint64(out, uint64(b.Seq))
	out = le.AppendUint64(out, uint64(b.First))
	out = le.AppendUint64(out, math.Float64bits(float64(b.TimeMS(0))))
	out = le.AppendUint64(out, uint64(b.Gap))
	out = le.AppendUint32(out, uint32(b.Step))
	out = le.AppendUint32(out, uint32(b.Frames))
	out = le.AppendUint16(out, uint16(len(shown)))
	flags := uint16(0)
	if b.Late {
		flags |= flagLate
	}
	if b.Last {
		flags |= flagLast
	}
	out = le.AppendUint16(out, flags)
	out = le.AppendUint32(out, 0)
	for _, c := range shown {
		q := float32(math.NaN())
		if b.Quality != nil {
			q = float32(b.Quality[c])
		}
		out = le.AppendUint32(out, math.Float32bits(q))
	}
	return sub.bytes(out, b, shown)
}
