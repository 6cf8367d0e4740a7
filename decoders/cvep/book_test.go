package cvep_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/cvep"
	"github.com/neurod/neurod/eeg"
)

func bitsOf(code []bool) string {
	var b strings.Builder
	for _, on := range code {
		b.WriteByte(map[bool]byte{false: '0', true: '1'}[on])
	}
	return b.String()
}

// correlation is the number of bits that agree, less those that differ, at a shift.
func correlation(u, v []bool, k int) int {
	sum := 0
	for i := range u {
		if u[i] == v[(i+k)%len(v)] {
			sum++
		} else {
			sum--
		}
	}
	return sum
}

// TestMaximumLengthSequences: of every degree they are balanced, and agree with themselves at no shift but 0 (Golomb 1967).
func TestMaximumLengthSequences(t *testing.T) {
	t.Parallel()
	for degree := eeg.MinCodeDegree; degree <= eeg.MaxCodeDegree; degree++ {
		b, err := cvep.Expand(&eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: degree, Targets: 2})
		if err != nil {
			t.Fatal(err)
		}
		code := b.Codes[0]
		ones := 0
		for _, on := range code {
			if on {
				ones++
			}
		}
		if len(code) != 1<<degree-1 || ones != 1<<(degree-1) {
			t.Errorf("degree %d: %d of %d bits are 1", degree, ones, len(code))
		}
		for k := 1; k < len(code); k++ {
			if c := correlation(code, code, k); c != -1 {
				t.Fatalf("degree %d: correlation %d at shift %d", degree, c, k)
			}
		}
		if lag := len(code) / 2; b.Lag != lag || !slices.Equal(b.Codes[1], slices.Concat(code[len(code)-lag:], code[:len(code)-lag])) {
			t.Errorf("degree %d: the second target is not the first, %d bits later", degree, lag)
		}
	}
	// x³ + x² + 1 from ones, by hand.
	b, err := cvep.Expand(&eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: 3, Targets: 2})
	if err != nil || bitsOf(b.Codes[0]) != "1110010" {
		t.Errorf("%v, %v", b, err)
	}
}

// TestGoldCodes: any two, at any shift, correlate by one of three numbers (Gold 1967).
func TestGoldCodes(t *testing.T) {
	t.Parallel()
	for degree, allowed := range map[int][]int{5: {-9, -1, 7}, 6: {-17, -1, 15}, 7: {-17, -1, 15}} {
		b, err := cvep.Expand(&eeg.CodeBook{Kind: eeg.CodeGold, RateHz: 60, Degree: degree, Targets: 1<<degree + 1})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			for j := range i {
				for k := range b.Codes[0] {
					if c := correlation(b.Codes[i], b.Codes[j], k); !slices.Contains(allowed, c) {
						t.Fatalf("degree %d: codes %d and %d correlate by %d at shift %d", degree, i, j, c, k)
					}
				}
			}
		}
	}
	for _, degree := range []int{4, 8} {
		if _, err := cvep.Expand(&eeg.CodeBook{Kind: eeg.CodeGold, RateHz: 60, Degree: degree, Targets: 4}); err == nil {
			t.Errorf("degree %d has Gold codes", degree)
		}
	}
}

func TestModulatedCodesHaveFlashesOfOneAndTwoBits(t *testing.T) {
	t.Parallel()
	b, err := cvep.Expand(&eeg.CodeBook{Kind: eeg.CodeGold, RateHz: 120, Degree: 6, Targets: 20, Modulated: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, code := range b.Codes {
		text := bitsOf(code)
		if len(text) != 126 || strings.Contains(text+text, "111") || strings.Contains(text+text, "000") {
			t.Errorf("code %d is %s", i, text)
		}
	}
	if b.Seconds() != 126./120 {
		t.Errorf("a cycle takes %v s", b.Seconds())
	}
}

func TestCodeBooksThatAreRefused(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("01", eeg.MaxCodeBits)
	for name, tc := range map[string]struct {
		book   eeg.CodeBook
		detail string
	}{
		"no kind":               {eeg.CodeBook{RateHz: 60}, "kind"},
		"no rate":               {eeg.CodeBook{Kind: eeg.CodeBits, Bits: []string{"01", "10"}}, "rate_hz"},
		"a rate beyond screens": {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 1e9, Bits: []string{"01", "10"}}, "rate_hz"},
		"no degree":             {eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Targets: 4}, "degree"},
		"a high degree":         {eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: 64, Targets: 4}, "degree"},
		"no targets":            {eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: 6}, "targets"},
		"more than fit":         {eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: 3, Targets: 8}, "targets"},
		"a lag that overlaps":   {eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: 3, Targets: 7, Lag: 2}, "lag"},
		"taps of a short cycle": {eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: 6, Targets: 4, Taps: []int{6, 3}}, "taps"},
		"taps that die out":     {eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: 6, Targets: 4, Taps: []int{1}}, "taps"},
		"a tap outside":         {eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: 6, Targets: 4, Taps: []int{6, 7}}, "tap"},
		"a tap twice":           {eeg.CodeBook{Kind: eeg.CodeMSequence, RateHz: 60, Degree: 6, Targets: 4, Taps: []int{6, 6}}, "tap"},
		"no preferred pair":     {eeg.CodeBook{Kind: eeg.CodeGold, RateHz: 60, Degree: 7, Targets: 4, SecondTaps: []int{7, 3}}, "correlation"},
		"one code":              {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"01"}}, "bits"},
		"lengths that differ":   {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"011", "10"}}, "target"},
		"a long code":           {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{long, long}}, "target"},
		"something else":        {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"01", "1x"}}, "bit"},
		"a constant":            {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"11", "10"}}, "target"},
		"the same code twice":   {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"10", "10"}}, "other"},
		"targets that differ":   {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Targets: 3, Bits: []string{"10", "01"}}, "targets"},
		"labels too few":        {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"10", "01"}, Labels: []string{"a"}}, "labels"},
		"a label twice":         {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"10", "01"}, Labels: []string{"a", "a"}}, "label"},
		"a reserved label":      {eeg.CodeBook{Kind: eeg.CodeBits, RateHz: 60, Bits: []string{"10", "01"}, Labels: []string{"a", "undetermined"}}, "label"},
	} {
		_, err := cvep.Expand(&tc.book)
		var e *decoders.Error
		if !errors.As(err, &e) || e.Code != decoders.CodeInvalidStimulus {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, ok := e.Details[tc.detail]; !ok {
			t.Errorf("%s: details %v", name, e.Details)
		}
	}
}

// TestAnyCodeBook draws books of every kind: one that is written out has targets that differ, of one length; any other is refused.
func TestAnyCodeBook(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tap := rapid.SliceOfN(rapid.IntRange(-1, 12), 0, 5)
		c := &eeg.CodeBook{
			Kind: rapid.SampledFrom(append(eeg.CodeKinds(), "", "x")).Draw(t, "kind"), RateHz: rapid.Float64Range(-1, 1200).Draw(t, "rate"),
			Degree: rapid.IntRange(-1, 12).Draw(t, "degree"), Taps: tap.Draw(t, "taps"), SecondTaps: tap.Draw(t, "second"), Modulated: rapid.Bool().Draw(t, "modulated"),
			Targets: rapid.IntRange(-1, 300).Draw(t, "targets"), Lag: rapid.IntRange(-1, 20).Draw(t, "lag"),
			Bits:   rapid.SliceOfN(rapid.StringMatching(`[01]{2,6}|[012]{0,3}`), 0, 5).Draw(t, "bits"),
			Labels: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", ""}), 0, 3).Draw(t, "labels"),
		}
		b, err := cvep.Expand(c)
		if err != nil {
			var e *decoders.Error
			if !errors.As(err, &e) || e.Code != decoders.CodeInvalidStimulus || len(e.Details) == 0 {
				t.Fatal(err)
			}
			return
		}
		seen := map[string]bool{}
		for _, code := range b.Codes {
			seen[bitsOf(code)] = true
		}
		if len(b.Codes) < 2 || len(b.Labels) != len(b.Codes) || len(seen) != len(b.Codes) || !(b.Seconds() > 0) {
			t.Fatalf("%+v", b)
		}
	})
}
