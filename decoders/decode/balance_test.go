package decode_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/eeg"
)

// tilted says "left" by the first sample, and is tilted to one side for everybody.
type tilted struct{ tilt float64 }

func (tilted) Info() decoders.Info {
	return decoders.Info{Name: "tilted", Version: "1", Paradigm: eeg.MotorImagery, Classes: []string{"left", "right"}, Channels: []string{"C3"}}
}
func (tilted) Window() (start, end, along float64) { return 0, 1, 0 }
func (d tilted) Decode(_ context.Context, in *decoders.Input) (*decoders.Result, error) {
	p := 1 / (1 + math.Exp(-in.Data.At(0, 0)-d.tilt))
	return &decoders.Result{Paradigm: eeg.MotorImagery, Classes: ranked("left", p, "right")}, nil
}

func ranked(a string, p float64, b string) []decoders.Class {
	if p < 0.5 {
		return []decoders.Class{{Name: b, Probability: 1 - p}, {Name: a, Probability: p}}
	}
	return []decoders.Class{{Name: a, Probability: p}, {Name: b, Probability: 1 - p}}
}

func choiceOf(d decoders.Decoder) *catalog.Choice {
	return &catalog.Choice{Entry: catalog.Entry{Info: d.Info()}, Decoder: d}
}

// TestBalanceFindsTheEvenOdds of a model that leans to one side, whichever its classes' order, and goes on from what was kept.
func TestBalanceFindsTheEvenOdds(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	d := tilted{tilt: 1.5}
	var clips []*decoders.Input
	var left []bool
	for i := range 60 {
		v := rng.NormFloat64() * 0.3
		left = append(left, i%3 != 0) // two of three: the median holds the threshold between the classes all the same
		if left[i] {
			v++
		} else {
			v--
		}
		x := mat.NewDense(1, 100, nil)
		for j := range 100 {
			x.Set(0, j, v)
		}
		clips = append(clips, &decoders.Input{Signal: decoders.Signal{Data: x, Channels: []string{"C3"}, Rate: 100}})
	}
	b := decode.NewBalance(choiceOf(d))
	right, plain := 0, 0
	for i, clip := range clips {
		res, err := d.Decode(t.Context(), clip)
		if err != nil {
			t.Fatal(err)
		}
		if (res.Classes[0].Name == "left") == left[i] {
			plain++
		}
		moved := b.Apply(res)
		if (moved.Classes[0].Name == "left") == left[i] {
			right++
		}
		if sum := moved.Classes[0].Probability + moved.Classes[1].Probability; math.Abs(sum-1) > 1e-12 || moved.Classes[0].Probability < moved.Classes[1].Probability {
			t.Fatalf("%+v", moved.Classes)
		}
		if !b.CountLast() || b.CountLast() {
			t.Fatal("a clip counts once")
		}
	}
	if right < plain+10 || b.Clips() != decode.MostClips {
		t.Errorf("%d of 60 right balanced over %d clips, %d as they are", right, b.Clips(), plain)
	}
	again := decode.NewBalance(choiceOf(d))
	if err := again.Resume(b.Odds()); err != nil || again.Shift() != b.Shift() {
		t.Errorf("resumed at %v, was at %v: %v", again.Shift(), b.Shift(), err)
	}
	for _, bad := range [][]float64{{math.NaN()}, make([]float64, decode.MostClips+1)} {
		if again.Resume(bad) == nil {
			t.Errorf("resumed from %d odds", len(bad))
		}
	}
	// What is certain moves nothing without bound, and what has no answer stays.
	sure := b.Apply(&decoders.Result{Classes: ranked("left", 1, "right")})
	if p := sure.Classes[0].Probability; p-p != 0 || p > 1 {
		t.Errorf("certain: %v", p)
	}
	none := decoders.Abstained(&decoders.Result{Classes: ranked("left", 0.7, "right")})
	if got := b.Apply(none); got != none || b.CountLast() {
		t.Error("a result without an answer was balanced, or counted")
	}
	var nobody *decode.Balance
	if nobody.Apply(none) != none {
		t.Error("a nil balance moves")
	}
}

// TestBalanceIsForModelsThatAreNotMoved otherwise, of two classes.
func TestBalanceIsForModelsThatAreNotMoved(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*catalog.Entry){
		"aligned":          func(e *catalog.Entry) { e.Aligned = true },
		"three classes":    func(e *catalog.Entry) { e.Classes = []string{"a", "b", "c"} },
		"another paradigm": func(e *catalog.Entry) { e.Paradigm = eeg.SSVEP },
	} {
		c := choiceOf(tilted{})
		if decode.NewBalance(c) == nil {
			t.Fatal("a model of two classes is not balanced")
		}
		if change(&c.Entry); decode.NewBalance(c) != nil {
			t.Errorf("%s: balanced", name)
		}
	}
	b, err := decode.BalanceOver(t.Context(), choiceOf(tilted{}), func(decoders.Windowed) ([]*decoders.Input, error) { return nil, nil })
	if b != nil || err != nil {
		t.Errorf("over no clips: %v, %v", b, err)
	}
}
