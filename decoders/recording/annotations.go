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
	found         []Annotation // not yet taken, with onsets in the file's time
	count         int
	bad, latin    int
	beyondMaximum bool
}

// read reads the lists of one annotation signal in one record. It returns the starting time that a timekeeper tells for
// the record, else NaN.
func (t *talReader) read(lists []byte, timekeeper bool) (start float64) {
	start = math.NaN()
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
				start = onset // an empty first text: EDF+ 2.2.4
			}
		}
	}
	return start
}

func (t *talReader) add(onset, duration float64, label []byte) {
	if t.count >= mostEvents {
		t.beyondMaximum = true
		return
	}
	s := string(label)
	if !utf8.ValidString(s) {
		s = latin1(s)
		t.latin++
	}
	t.count++
	t.found = append(t.found, Annotation{Onset: onset, Duration: duration, Label: s})
}

// close says what the lists had wrong.
func (t *talReader) close(rec *Recording) {
	if t.bad > 0 {
		rec.warn("%d annotation lists cannot be read and were left out", t.bad)
	}
	if t.latin > 0 {
		rec.warn("%d annotations are not UTF-8 and were read as Latin-1", t.latin)
	}
	if t.beyondMaximum {
		rec.warn("only the first %d annotations were read", mostEvents)
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

// Code returns the number that the text of an annotation stands for, such as 1 for "T1" and 7 for "Stimulus/S  7"; 0
// where it stands for none.
func (a Annotation) Code() int { return codeIn(a.Label) }

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

// triggerState follows one trigger channel.
type triggerState struct {
	last  int
	seen  int // samples
	count int // events
}

// add appends an event for every change of a trigger channel to a code other than 0. The value of the first sample is a
// resting level, no change. masked keeps the 16 trigger inputs of BioSemi's status word, whose higher bits tell the state
// of the amplifier.
func (t *triggerState) add(events []decoders.Event, samples []float64, rate float64, masked bool, rec *Recording) []decoders.Event {
	for _, v := range samples {
		code := 0
		if v > math.MinInt32 && v < math.MaxInt32 { // false for NaN
			code = int(math.Round(v))
		}
		if masked {
			code &= 0xFFFF
		}
		if t.seen > 0 && code != t.last && code != 0 {
			if t.count == mostEvents {
				rec.warn("only the first %d events of a trigger channel were read", mostEvents)
			}
			if t.count++; t.count <= mostEvents {
				events = append(events, decoders.Event{Onset: float64(t.seen) / rate, Code: code})
			}
		}
		t.last = code
		t.seen++
	}
	return events
}

// labelOf returns the text of an annotation that stands for an event.
func labelOf(e decoders.Event) string {
	if e.Label == "" {
		return strconv.Itoa(e.Code)
	}
	return e.Label
}
