package stored

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	t.Parallel()
	dense := mat.NewDense(2, 3, []float64{1, 2, 3, 4, 5, 6})
	sym := mat.NewSymDense(2, []float64{1, 2, 2, 5})
	st := decoders.State{Arrays: map[string]decoders.Array{
		"vector": Vector(1, 2), "matrix": Matrix(dense.Slice(0, 2, 1, 3)), "sym": Matrix(sym), "syms": Matrices([]*mat.SymDense{sym, sym}),
	}}
	if got, err := Array(st, "matrix", 2, 2); err != nil || got[0] != 2 || got[3] != 6 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := Symmetric(st, "sym", 2); err != nil || !mat.Equal(got, sym) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := Symmetrics(st, "syms", 2, 2); err != nil || !mat.Equal(got[1], sym) {
		t.Errorf("%v, %v", got, err)
	}
	got, err := Array(st, "vector", 2)
	if err != nil {
		t.Fatal(err)
	}
	got[0] = 9
	if st.Arrays["vector"].Data[0] != 1 {
		t.Error("an array read shares memory with the state")
	}
}

func TestWrongArraysAreRefused(t *testing.T) {
	t.Parallel()
	st := decoders.State{Arrays: map[string]decoders.Array{
		"nan":      Vector(1, math.NaN()),
		"infinite": Vector(math.Inf(1), 1),
		"large":    Vector(1e61, 1),
		"short":    {Shape: []int{2}, Data: []float64{1}},
		"overflow": {Shape: []int{1 << 62, 4}, Data: nil},
		"skew":     {Shape: []int{2, 2}, Data: []float64{1, 2, 3, 4}},
	}}
	for name := range st.Arrays {
		_, err := Array(st, name, 2)
		if name == "skew" {
			_, err = Symmetric(st, name, 2)
		}
		var e *decoders.Error
		if !errors.As(err, &e) || e.Code != decoders.CodeModelIncompatible {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Array(st, "absent"); err == nil {
		t.Error("an absent array was read")
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	type options struct {
		Order int     `json:"order"`
		High  float64 `json:"high"`
	}
	for raw, want := range map[string]string{
		"": "", "{}": "", `{"order":3}`: "", " {\"high\": 2}\n": "",
		`{"odrer":3}`: `options: json: unknown field "odrer"`, `{"order":"x"}`: "options: json: cannot unmarshal string into Go struct field options.order of type int",
		`{} {}`: "options: more than one JSON value", `{"order":3}}`: "options: more than one JSON value", `{`: "options: unexpected EOF",
	} {
		cfg := options{Order: 4, High: 12}
		err := Options(json.RawMessage(raw), &cfg)
		if got := fmt.Sprint(err); err == nil && want != "" || err != nil && got != want {
			t.Errorf("%q: %v, want %q", raw, err, want)
		}
		if err == nil && raw == `{"order":3}` && cfg != (options{3, 12}) {
			t.Errorf("%q: %+v", raw, cfg)
		}
	}
}
