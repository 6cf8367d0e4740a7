package recording

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/neurod/neurod/decoders"
)

// Separators of time-stamped annotation lists (EDF+ 2.2.2).
const (
	talText     = 0x14
	talDuration = 0x15
	talEnd      = 0x00
)

// mostEvents bounds the events of a recording. An hour of flashes at 10 Hz has 36,000; two bytes of a hostile
// file could make one.
const mostEvents = 1 << 20

// talReader reads the time-stamped annotation lists of one record after the other.
type talReader struct {
	rec           *Recording
	starts        []float64 // of each record, in the file's time
	bad, latin    int
	beyondMaximum bool
}

// read reads the lists of one annotation signal in one record.
func (t *talReader) read(lists []byte, timekeeper bool) {
	if timekeeper {
		t.starts = append(t.starts, math.NaN())
	}
	for first := true; len(lists) > 0; first = false {
		var tal []byte
		tal, lists, _ = bytes.Cut(lists, []byte{talEnd})
		if len(tal) == 0 {
			continue // padding
		}
		onset, duration, texts, ok := parseTAL(tal)
		if !ok {
			t.bad++
			continue
		}
		for i := 0; len(texts) > 0; i++ {
			var label []byte
			label, texts, _ = bytes.Cut(texts, []byte{talText})
			if len(label) > 0 {
				t.add(onset, duration, label)
			} else if timekeeper && first && i == 0 {
				t.starts[len(t.starts)-1] = onset // an empty first text: EDF+ 2.2.4
			}
		}
	}
}

func (t *talReader) add(onset, duration float64, label []byte) {
	if len(t.rec.Annotations) >= mostEvents {
		t.beyondMaximum = true
		return
	}
	s := string(label)
	if !utf8.ValidString(s) {
		s = latin1(s)
		t.latin++
	}
	t.rec.Annotations = append(t.rec.Annotations, Annotation{Onset: onset, Duration: duration, Label: s})
}

func (t *talReader) close() {
	if t.bad > 0 {
		t.rec.warn("%d annotation lists cannot be read and were left out", t.bad)
	}
	if t.latin > 0 {
		t.rec.warn("%d annotations are not UTF-8 and were read as Latin-1", t.latin)
	}
	if t.beyondMaximum {
		t.rec.warn("only the first %d annotations were read", mostEvents)
	}
}

// parseTAL splits "+12.5\x150.3\x14text\x14text\x14" into onset, duration and texts. ok is false where a number is
// none.
func parseTAL(tal []byte) (onset, duration float64, texts []byte, ok bool) {
	stamp, texts, found := bytes.Cut(tal, []byte{talText})
	if !found {
		return 0, 0, nil, false
	}
	at, length, hasDuration := bytes.Cut(stamp, []byte{talDuration})
	onset, ok = seconds(at)
	if !ok {
		return 0, 0, nil, false
	}
	if hasDuration && len(length) > 0 {
		if duration, ok = seconds(length); !ok || duration < 0 {
			return 0, 0, nil, false
		}
	}
	return onset, duration, texts, true
}

func seconds(b []byte) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(string(b)), 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// numbered matches the labels that stand for a code: "7", "T1", "S 12", "Stimulus 3", "Trigger#2".
var numbered = regexp.MustCompile(`^[A-Za-z]{0,10}[ #/_-]{0,3}(\d{1,9})$`)

// codeIn returns the code that a label stands for, 0 when it stands for none. Of "Stimulus/S  1" the part behind the
// last slash counts.
func codeIn(label string) int {
	label = label[strings.LastIndexByte(label, '/')+1:]
	label = strings.TrimSpace(label)
	if code, err := strconv.Atoi(label); err == nil && code > math.MinInt32 && code < math.MaxInt32 {
		return code // with its sign
	}
	m := numbered.FindStringSubmatch(label)
	if m == nil {
		return 0
	}
	code, err := strconv.Atoi(m[1])
	if err != nil {
		return 0
	}
	return code
}

// annotationEvents adds an event for every annotation.
func (r *Recording) annotationEvents() {
	for _, a := range r.Annotations {
		r.Events = append(r.Events, decoders.Event{Onset: a.Onset, Code: codeIn(a.Label), Label: a.Label})
	}
}

// addTriggers adds an event for every change of a trigger channel to a code other than 0. The value of the first
// sample is a resting level, no change. masked keeps the 16 trigger inputs of BioSemi's status word, whose higher
// bits tell the state of the amplifier.
func (r *Recording) addTriggers(c *Channel, masked bool) {
	last := 0
	for i, v := range c.Samples {
		code := 0
		if v > math.MinInt32 && v < math.MaxInt32 { // false for NaN
			code = int(math.Round(v))
		}
		if masked {
			code &= 0xFFFF
		}
		if i > 0 && code != last && code != 0 {
			if len(r.Events) >= 2*mostEvents { // annotations and triggers
				r.warn("only the first %d events were read", len(r.Events))
				return
			}
			r.Events = append(r.Events, decoders.Event{Onset: float64(i) / c.Rate, Code: code})
		}
		last = code
	}
}
