package edf

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/neurod/neurod/decoders/recording"
)

// Separators of time-stamped annotation lists (EDF+ 2.2.2).
const (
	talText     = 0x14
	talDuration = 0x15
	talEnd      = 0x00
)

// talReader reads the time-stamped annotation lists of one record after the other.
type talReader struct {
	found         []recording.Annotation // not yet taken, with onsets in the file's time
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
	if t.count >= recording.MostEvents {
		t.beyondMaximum = true
		return
	}
	s := string(label)
	if !utf8.ValidString(s) {
		s = recording.Latin1(s)
		t.latin++
	}
	t.count++
	t.found = append(t.found, recording.Annotation{Onset: onset, Duration: duration, Label: s})
}

// close says what the lists had wrong.
func (t *talReader) close(rec *recording.Recording) {
	if t.bad > 0 {
		rec.Warnf("%d annotation lists cannot be read and were left out", t.bad)
	}
	if t.latin > 0 {
		rec.Warnf("%d annotations are not UTF-8 and were read as Latin-1", t.latin)
	}
	if t.beyondMaximum {
		rec.Warnf("only the first %d annotations were read", recording.MostEvents)
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
