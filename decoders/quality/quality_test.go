package quality_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/quality"
	"github.com/neurod/neurod/decoders/synthetic"
)

// trials cuts a synthetic session into trials of 4 s, of alternating classes.
func trials(t testing.TB, n int) *decoders.Dataset {
	t.Helper()
	s, err := synthetic.Rest(synthetic.Config{Seed: 1, Channels: []string{"Fz", "C3", "Cz", "C4", "Pz", "Oz"}, Rate: 200}, 4*float64(n), false)
	if err != nil {
		t.Fatal(err)
	}
	ds := &decoders.Dataset{Channels: s.Channels, Rate: s.Rate, Classes: []string{"left", "right"}}
	rows, _ := s.Data.Dims()
	for i := range n {
		ds.Trials = append(ds.Trials, decoders.Trial{Data: mat.DenseCopyOf(s.Data.Slice(0, rows, 800*i, 800*(i+1))), Label: i % 2})
	}
	return ds
}

func TestGate(t *testing.T) {
	t.Parallel()
	noise := func(d *mat.Dense) {
		d.Apply(func(i, j int, v float64) float64 { return v + 600*math.Sin(float64(j*j+i)) }, d)
	}
	for name, tc := range map[string]struct {
		change   func(ds *decoders.Dataset)
		rejected []int
		over     bool
		reason   string
	}{
		"clean":                 {func(*decoders.Dataset) {}, nil, false, ""},
		"one off the head":      {func(ds *decoders.Dataset) { noise(ds.Trials[3].Data) }, []int{3}, false, "poor_contact"},
		"flat":                  {func(ds *decoders.Dataset) { ds.Trials[0].Data.Zero() }, []int{0}, false, "poor_contact"},
		"a bad channel of six":  {func(ds *decoders.Dataset) { noise(ds.Trials[3].Data.Slice(2, 3, 0, 800).(*mat.Dense)) }, nil, false, ""},
		"a bad quarter":         {func(ds *decoders.Dataset) { noise(ds.Trials[3].Data.Slice(0, 6, 0, 200).(*mat.Dense)) }, nil, false, ""},
		"no number":             {func(ds *decoders.Dataset) { ds.Trials[5].Data.Set(2, 17, math.NaN()) }, []int{5}, false, decoders.CodeInvalidSignal},
		"no data":               {func(ds *decoders.Dataset) { ds.Trials[5].Data = nil }, []int{5}, false, decoders.CodePayloadMalformed},
		"offset of a headset":   {func(ds *decoders.Dataset) { offset(ds, 800) }, nil, false, ""},
		"hum of the mains":      {func(ds *decoders.Dataset) { hum(ds) }, nil, false, ""},
		"no microvolts":         {func(ds *decoders.Dataset) { scale(ds, 100); ds.Trials[2].Data = nil }, []int{2}, true, "low_quality"},
		"more than half is bad": {func(ds *decoders.Dataset) { bad(ds, noise, 6) }, nil, true, "low_quality"},
		"half is bad":           {func(ds *decoders.Dataset) { bad(ds, noise, 5) }, []int{0, 1, 2, 3, 4}, false, "low_quality"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ds := trials(t, 10)
			tc.change(ds)
			before := slices.Clone(ds.Trials)
			kept, r, err := quality.Gate(t.Context(), ds)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.Index, tc.rejected) || r.Rejected != len(tc.rejected) || r.Trials != 10 || r.Overruled != tc.over {
				t.Errorf("%+v, want %v rejected, overruled %v", r, tc.rejected, tc.over)
			}
			if tc.reason != "" && r.Reasons[tc.reason] == 0 || tc.reason == "" && len(r.Reasons) > 0 {
				t.Errorf("reasons %v, want %q", r.Reasons, tc.reason)
			}
			if len(kept.Trials) != 10-r.Rejected || r.Classes["left"]+r.Classes["right"] != r.Rejected {
				t.Errorf("%d kept, %+v", len(kept.Trials), r)
			}
			for i, tr := range before {
				if ds.Trials[i].Data != tr.Data {
					t.Errorf("trial %d of the dataset was changed", i)
				}
				stays := slices.ContainsFunc(kept.Trials, func(k decoders.Trial) bool { return k.Data == tr.Data })
				if tr.Data != nil && stays == slices.Contains(tc.rejected, i) {
					t.Errorf("trial %d kept: %v", i, stays)
				}
			}
		})
	}
}

func offset(ds *decoders.Dataset, uv float64) {
	for _, tr := range ds.Trials {
		tr.Data.Apply(func(_, _ int, v float64) float64 { return v + uv }, tr.Data)
	}
}

func scale(ds *decoders.Dataset, k float64) {
	for _, tr := range ds.Trials {
		tr.Data.Scale(k, tr.Data)
	}
}

func hum(ds *decoders.Dataset) {
	for _, tr := range ds.Trials {
		tr.Data.Apply(func(_, j int, v float64) float64 { return v + 60*math.Sin(2*math.Pi*50*float64(j)/ds.Rate) }, tr.Data)
	}
}

func bad(ds *decoders.Dataset, f func(*mat.Dense), n int) {
	for _, tr := range ds.Trials[:n] {
		f(tr.Data)
	}
}

func TestGateStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := quality.Gate(ctx, trials(t, 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPasses(t *testing.T) {
	t.Parallel()
	ds := trials(t, 1)
	sig := decoders.Signal{Data: ds.Trials[0].Data, Channels: ds.Channels, Rate: ds.Rate}
	if !quality.Passes(sig) {
		t.Error("a clean clip fails")
	}
	for name, bad := range map[string]decoders.Signal{
		"nothing":       {},
		"names":         {Data: sig.Data, Channels: sig.Channels[1:], Rate: sig.Rate},
		"rate":          {Data: sig.Data, Channels: sig.Channels, Rate: math.NaN()},
		"rate of one":   {Data: sig.Data, Channels: sig.Channels, Rate: 1},
		"three samples": {Data: mat.NewDense(1, 3, nil), Channels: []string{"Cz"}, Rate: 200},
	} {
		if quality.Passes(bad) {
			t.Errorf("%s passes", name)
		}
	}
}

func BenchmarkGate(b *testing.B) {
	ds := trials(b, 10)
	for b.Loop() {
		if _, _, err := quality.Gate(b.Context(), ds); err != nil {
			b.Fatal(err)
		}
	}
}
