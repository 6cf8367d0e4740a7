package p300_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/decodertest"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// part is a view of an input with the events of [from, to) s; times count from where it begins, a second before.
func part(in *decoders.Input, from, to float64) decoders.Input {
	lo, hi := max(0, int((from-1)*in.Rate)), min(in.Samples(), int((to+1)*in.Rate))
	rows, _ := in.Data.Dims()
	out := *in
	out.Data = in.Data.Slice(0, rows, lo, hi).(*mat.Dense)
	out.Events = nil
	for _, e := range in.Events {
		if e.Onset >= from && e.Onset < to {
			e.Onset -= float64(lo) / in.Rate
			out.Events = append(out.Events, e)
		}
	}
	return out
}

// choices divides a speller's run where it pauses, with the first so many repetitions of each of its 12 codes.
func choices(in *decoders.Input, repetitions int) []decoders.Input {
	var out []decoders.Input
	begin := 0
	for i := range in.Events {
		if i+1 < len(in.Events) && in.Events[i+1].Onset-in.Events[i].Onset < 1.5 {
			continue
		}
		last := min(i, begin+12*repetitions-1)
		out = append(out, part(in, in.Events[begin].Onset, in.Events[last].Onset+0.7))
		out[len(out)-1].Events = out[len(out)-1].Events[:last-begin+1]
		begin = i + 1
	}
	return out
}

func spellsAs(t *testing.T, list []decoders.Input) (text string, mean float64) {
	t.Helper()
	u := p300.NewUMM()
	for i := range list {
		in := list[i]
		in.Earlier = list[:i]
		res, err := u.Decode(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		text += res.Classes[0].Name[len("letter_"):]
		mean += res.Classes[0].Probability / float64(len(list))
	}
	return text, mean
}

// TestSpellingWithoutCalibration spells the two runs of BCI Competition II from the first letter on, with what was spelled before.
func TestSpellingWithoutCalibration(t *testing.T) {
	t.Parallel()
	root := eegdata.Dir(t)
	var all, few []decoders.Input
	for _, name := range []string{"AAS010R01.f32", "AAS010R02.f32"} {
		r := readRun(t, filepath.Join(root, "p300", "bci2_iib", name))
		in := &decoders.Input{Signal: r.sig, Events: r.events, Stimulus: decoders.Stimulus{Matrix: [][]string{
			{"A", "B", "C", "D", "E", "F"}, {"G", "H", "I", "J", "K", "L"}, {"M", "N", "O", "P", "Q", "R"},
			{"S", "T", "U", "V", "W", "X"}, {"Y", "Z", "1", "2", "3", "4"}, {"5", "6", "7", "8", "9", "_"}}}}
		all, few = append(all, choices(in, 15)...), append(few, choices(in, 8)...)
	}
	for name, list := range map[string][]decoders.Input{"15 repetitions": all, "8 repetitions": few} {
		text, mean := spellsAs(t, list)
		right := 0
		for i := range min(len(text), 6) {
			if text[i] == "CATDOG"[i] {
				right++
			}
		}
		t.Logf("%s: %s, mean confidence %.2f", name, text, mean)
		if right < 5 {
			t.Errorf("%s: %s is right in %d of 6 letters", name, text, right)
		}
	}
}

func ummSession(seed uint64, text string) synthetic.Session {
	s, err := synthetic.Speller(synthetic.Config{Seed: seed, Channels: []string{"Fz", "Cz", "P3", "Pz", "P4", "PO7", "Oz", "PO8"}, Rate: 128}, synthetic.SpellerConfig{Text: text, Repetitions: 10, P300UV: 20})
	if err != nil {
		panic(err) // the options are ours
	}
	return s
}

// TestEarlierChoicesHelp: with those that were spelled before, fewer flashes are enough.
func TestEarlierChoicesHelp(t *testing.T) {
	t.Parallel()
	s := ummSession(3, "NEURODECODER")
	list := choices(s.Input(), 4)
	with, _ := spellsAs(t, list)
	alone := ""
	for i := range list {
		text, _ := spellsAs(t, list[i:i+1])
		alone += text
	}
	right := func(text string) (n int) {
		for i := range text {
			if text[i] == "NEURODECODER"[i] {
				n++
			}
		}
		return n
	}
	if right(with) < right(alone) || right(with) < 7 {
		t.Errorf("%d of 12 with earlier choices (%s), %d alone (%s)", right(with), with, right(alone), alone)
	}
}

func TestUMMRefuses(t *testing.T) {
	t.Parallel()
	s := ummSession(4, "A")
	u := p300.NewUMM()
	in := s.Input()
	in.Events = in.Events[:8]
	var e *decoders.Error
	if _, err := u.Decode(t.Context(), in); !errors.As(err, &e) || e.Code != decoders.CodeNoEvents || e.Details["flashes_needed"] != 12 {
		t.Errorf("eight flashes: %v", err)
	}
	in = s.Input()
	in.Stimulus = decoders.Stimulus{}
	for i := range in.Events {
		in.Events[i].Code = 1 + i%2
	}
	res, err := u.Decode(t.Context(), in)
	if err != nil || res.Classes[0].Name != "undetermined" || res.Reason == "" {
		t.Errorf("two codes: %v, %v", res, err)
	}
	for i := range in.Events {
		in.Events[i].Code = 7
	}
	if _, err := u.Decode(t.Context(), in); !errors.As(err, &e) || e.Code != decoders.CodeNoEvents {
		t.Errorf("one code: %v", err)
	}
	in = s.Input()
	rows, n := in.Data.Dims()
	in.Data = mat.NewDense(rows, n, nil)
	if _, err := u.Decode(t.Context(), in); !errors.As(err, &e) || e.Code != decoders.CodeInvalidSignal {
		t.Errorf("a flat signal: %v", err)
	}
}

// ummCase is a request of one letter.
func ummCase() decodertest.Case {
	return decodertest.Case{Decoder: p300.NewUMM(), Valid: func(seed uint64) *decoders.Input {
		s := ummSession(seed, "K")
		in := s.Input()
		in.Events = slices.Clone(in.Events)
		return in
	}}
}

func TestUMMConformance(t *testing.T) {
	t.Parallel()
	decodertest.Run(t, ummCase())
}

func FuzzUMM(f *testing.F) { decodertest.Fuzz(f, ummCase()) }
