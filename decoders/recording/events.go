package recording

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/neurod/neurod/eeg"
)

// MostEvents bounds the events of a recording. An hour of flashes at 10 Hz has 36,000; two bytes of a hostile
// file could make one.
const MostEvents = 1 << 20

// numbered matches the labels that stand for a code: "7", "T1", "S 12", "Stimulus 3", "Trigger#2".
var numbered = regexp.MustCompile(`^[A-Za-z]{0,10}[ #/_-]{0,3}(\d{1,9})$`)

// Code returns the number that the text of an annotation stands for, such as 1 for "T1" and 7 for "Stimulus/S  7"; 0
// where it stands for none.
func (a Annotation) Code() int { return CodeIn(a.Label) }

// CodeIn returns the code that a label stands for, 0 when it stands for none. Of "Stimulus/S  1" the part behind the
// last slash counts.
func CodeIn(label string) int {
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
func (r *Recording) AddAnnotationEvents() {
	for _, a := range r.Annotations {
		r.Events = append(r.Events, eeg.Event{Onset: a.Onset, Code: CodeIn(a.Label), Label: a.Label})
	}
}

// Triggers follows one trigger channel.
type Triggers struct {
	last  int
	seen  int // samples
	count int // events
}

// Add appends an event for every change of a trigger channel to a code other than 0. The value of the first sample is a
// resting level, no change. masked keeps the 16 trigger inputs of BioSemi's status word, whose higher bits tell the state
// of the amplifier.
func (t *Triggers) Add(events []eeg.Event, samples []float64, rate float64, masked bool, rec *Recording) []eeg.Event {
	for _, v := range samples {
		code := 0
		if v > math.MinInt32 && v < math.MaxInt32 { // false for NaN
			code = int(math.Round(v))
		}
		if masked {
			code &= 0xFFFF
		}
		if t.seen > 0 && code != t.last && code != 0 {
			if t.count == MostEvents {
				rec.Warnf("only the first %d events of a trigger channel were read", MostEvents)
			}
			if t.count++; t.count <= MostEvents {
				events = append(events, eeg.Event{Onset: float64(t.seen) / rate, Code: code})
			}
		}
		t.last = code
		t.seen++
	}
	return events
}

// LabelOf returns the text of an annotation that stands for an event.
func LabelOf(e eeg.Event) string {
	if e.Label == "" {
		return strconv.Itoa(e.Code)
	}
	return e.Label
}

// EventLabel returns a text from which the code of an event can be read back.
func EventLabel(ev eeg.Event) string {
	switch {
	case ev.Label == "":
		return strconv.Itoa(ev.Code)
	case CodeIn(ev.Label) == ev.Code:
		return ev.Label
	}
	return ev.Label + "/" + strconv.Itoa(ev.Code)
}
