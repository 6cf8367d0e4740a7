package validate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service/validate"
)

// TestCodeBooks names each wrong field of a code book by its place.
func TestCodeBooks(t *testing.T) {
	t.Parallel()
	good := func() *eeg.CodeBook {
		return &eeg.CodeBook{Kind: eeg.CodeGold, RateHz: 60, Degree: 6, Modulated: true, Labels: []string{"a", "b", "c"}}
	}
	for name, tc := range map[string]struct {
		change func(*eeg.CodeBook)
		want   []string
	}{
		"right":            {func(*eeg.CodeBook) {}, nil},
		"nothing":          {func(c *eeg.CodeBook) { *c = eeg.CodeBook{} }, []string{"kind required", "rate_hz out_of_range", "degree out_of_range"}},
		"another kind":     {func(c *eeg.CodeBook) { c.Kind = "golden" }, []string{"kind not_allowed"}},
		"a rate":           {func(c *eeg.CodeBook) { c.RateHz = -1 }, []string{"rate_hz out_of_range"}},
		"a degree":         {func(c *eeg.CodeBook) { c.Degree = 11 }, []string{"degree out_of_range"}},
		"a lag":            {func(c *eeg.CodeBook) { c.Lag = 3 }, []string{"lag not_applicable"}},
		"a negative lag":   {func(c *eeg.CodeBook) { c.Kind, c.Lag = eeg.CodeMSequence, -3 }, []string{"lag out_of_range"}},
		"bits":             {func(c *eeg.CodeBook) { c.Bits = []string{"01", "10"} }, []string{"bits not_applicable"}},
		"one target":       {func(c *eeg.CodeBook) { c.Targets = 1 }, []string{"targets out_of_range"}},
		"labels":           {func(c *eeg.CodeBook) { c.Labels = []string{"a", "", "a"} }, []string{"labels[1] required", "labels[2] duplicate"}},
		"a long label":     {func(c *eeg.CodeBook) { c.Labels[2] = strings.Repeat("x", 65) }, []string{"labels[2] too_long"}},
		"many labels":      {func(c *eeg.CodeBook) { c.Labels = slices.Repeat([]string{"a"}, 201) }, []string{"labels too_many"}},
		"many taps":        {func(c *eeg.CodeBook) { c.Taps = make([]int, 11) }, []string{"taps too_many"}},
		"no codes":         {func(c *eeg.CodeBook) { *c = eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60} }, []string{"bits out_of_range"}},
		"codes of letters": {func(c *eeg.CodeBook) { *c = eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"01", "1x"}} }, []string{"bits[1] invalid"}},
		"lengths": {func(c *eeg.CodeBook) {
			*c = eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"01", "100", "1"}}
		}, []string{"bits[1] not_rectangular", "bits[2] out_of_range"}},
		"a degree of bits": {func(c *eeg.CodeBook) {
			*c = eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Degree: 6, Bits: []string{"01", "10"}}
		}, []string{"degree not_applicable"}},
		"second taps":       {func(c *eeg.CodeBook) { c.Kind, c.SecondTaps = eeg.CodeMSequence, []int{6, 1} }, []string{"second_taps not_applicable"}},
		"a rate of no kind": {func(c *eeg.CodeBook) { c.RateHz = eeg.MaxCodeRate + 1 }, []string{"rate_hz out_of_range"}},
	} {
		c := good()
		tc.change(c)
		var f validate.Fields
		validate.Stimulus(&eeg.Stimulus{Codes: c}, 250, &f)
		var got []string
		for _, fault := range f {
			got = append(got, strings.TrimPrefix(fault.Path.String(), "input.stimulus.codes.")+" "+fault.Code)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
