package cvep

import (
	"fmt"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// Book is a code book written out.
type Book struct {
	Labels []string
	Codes  [][]bool // of each target, one cycle; all of one length
	Rate   float64  // Hz: bits shown a second
	// Lag is by how many bits the code of a target comes after that of the one before it, where all are shifts of the first; else 0.
	Lag int
}

// Length returns the bits of a cycle.
func (b *Book) Length() int { return len(b.Codes[0]) }

// Seconds returns how long a cycle takes.
func (b *Book) Seconds() float64 { return float64(b.Length()) / b.Rate }

// primitive are the taps of a primitive polynomial of each degree, the first of a preferred pair where there is one; second are
// those of the other. Degrees that are multiples of 4 have no preferred pair (Gold 1967).
var (
	primitive = map[int][]int{3: {3, 2}, 4: {4, 3}, 5: {5, 2}, 6: {6, 1}, 7: {7, 3}, 8: {8, 6, 5, 4}, 9: {9, 4}, 10: {10, 3}}
	second    = map[int][]int{3: {3, 1}, 5: {5, 4, 3, 2}, 6: {6, 5, 2, 1}, 7: {7, 3, 2, 1}, 9: {9, 6, 4, 3}, 10: {10, 8, 3, 2}}
)

func invalid(details map[string]any, format string, args ...any) error {
	return decoders.Errorf(decoders.CodeInvalidStimulus, details, "codes: "+format, args...)
}

// Expand writes a code book out. Errors are invalid_stimulus, with the field and the number that is wrong.
func Expand(c *eeg.CodeBook) (*Book, error) {
	if !(c.RateHz > 0 && c.RateHz <= eeg.MaxCodeRate) {
		return nil, invalid(map[string]any{"rate_hz": fmt.Sprint(c.RateHz)}, "rate_hz is %v, it must be above 0 and at most %d", c.RateHz, eeg.MaxCodeRate)
	}
	var b *Book
	var err error
	switch c.Kind {
	case eeg.CodeBits:
		b, err = listed(c)
	case eeg.CodeMSequence:
		b, err = shifts(c)
	case eeg.CodeGold:
		b, err = golds(c)
	default:
		return nil, invalid(map[string]any{"kind": c.Kind}, "kind is %q, it must be one of %q", c.Kind, eeg.CodeKinds())
	}
	if err != nil {
		return nil, err
	}
	if c.Modulated {
		for i, code := range b.Codes {
			b.Codes[i] = modulated(code)
		}
		b.Lag *= 2
	}
	b.Rate = c.RateHz
	if err := b.name(c.Labels); err != nil {
		return nil, err
	}
	return b, b.check()
}

// name gives the targets their labels.
func (b *Book) name(labels []string) error {
	if len(labels) > 0 && len(labels) != len(b.Codes) {
		return invalid(map[string]any{"labels": len(labels), "targets": len(b.Codes)}, "there are %d labels for %d targets", len(labels), len(b.Codes))
	}
	b.Labels = slices.Clone(labels)
	for i := len(b.Labels); i < len(b.Codes); i++ {
		b.Labels = append(b.Labels, fmt.Sprintf("code_%d", i+1))
	}
	seen := make(map[string]int, len(b.Labels))
	for i, l := range b.Labels {
		j, twice := seen[l]
		switch {
		case l == "" || l == string(eeg.Undetermined):
			return invalid(map[string]any{"target": i, "label": l}, "target %d is named %q, which is empty or reserved", i, l)
		case twice:
			return invalid(map[string]any{"target": i, "other": j, "label": l}, "targets %d and %d are both named %q", j, i, l)
		}
		seen[l] = i
	}
	return nil
}

// check refuses codes that cannot be told apart: constant ones, and two that are the same.
func (b *Book) check() error {
	seen := make(map[string]int, len(b.Codes))
	for i, code := range b.Codes {
		if !slices.Contains(code, true) || !slices.Contains(code, false) {
			return invalid(map[string]any{"target": i}, "the code of target %d never changes", i)
		}
		key := make([]byte, len(code))
		for k, on := range code {
			if on {
				key[k] = 1
			}
		}
		if j, twice := seen[string(key)]; twice {
			return invalid(map[string]any{"target": i, "other": j}, "targets %d and %d have the same code", j, i)
		}
		seen[string(key)] = i
	}
	return nil
}

func listed(c *eeg.CodeBook) (*Book, error) {
	if n := len(c.Bits); n < 2 || n > eeg.MaxTargets {
		return nil, invalid(map[string]any{"bits": n}, "there are %d codes, there must be 2 to %d", n, eeg.MaxTargets)
	}
	if c.Targets != 0 && c.Targets != len(c.Bits) {
		return nil, invalid(map[string]any{"targets": c.Targets, "bits": len(c.Bits)}, "there are %d codes for %d targets", len(c.Bits), c.Targets)
	}
	b := &Book{}
	for i, text := range c.Bits {
		if n := len(text); n < 2 || n > eeg.MaxCodeBits || n != len(c.Bits[0]) {
			return nil, invalid(map[string]any{"target": i, "bits": n, "bits_first": len(c.Bits[0])}, "code %d has %d bits, it must have as many as the first, %d, and 2 to %d",
				i, n, len(c.Bits[0]), eeg.MaxCodeBits)
		}
		code := make([]bool, len(text))
		for k := range text {
			if text[k] != '0' && text[k] != '1' {
				return nil, invalid(map[string]any{"target": i, "bit": k}, "bit %d of code %d is %q, it must be 0 or 1", k, i, text[k])
			}
			code[k] = text[k] == '1'
		}
		b.Codes = append(b.Codes, code)
	}
	return b, nil
}

// asked returns how many targets a generated book has, of at most most.
func asked(c *eeg.CodeBook, most int) (int, error) {
	n := c.Targets
	if n == 0 {
		n = len(c.Labels)
	}
	if most = min(most, eeg.MaxTargets); n < 2 || n > most {
		return 0, invalid(map[string]any{"targets": n, "targets_most": most}, "there are %d targets, there must be 2 to %d: name them in labels, or say how many in targets", n, most)
	}
	return n, nil
}

func shifts(c *eeg.CodeBook) (*Book, error) {
	base, err := sequence(c.Degree, c.Taps, primitive, "taps")
	if err != nil {
		return nil, err
	}
	n, err := asked(c, len(base))
	if err != nil {
		return nil, err
	}
	lag := c.Lag
	if lag == 0 {
		lag = len(base) / n
	}
	if lag < 1 || lag*(n-1) >= len(base) {
		return nil, invalid(map[string]any{"lag": lag, "targets": n, "bits": len(base)}, "a lag of %d bits does not give %d targets of a sequence of %d bits", lag, n, len(base))
	}
	b := &Book{Lag: lag}
	for i := range n {
		b.Codes = append(b.Codes, later(base, i*lag))
	}
	return b, nil
}

func golds(c *eeg.CodeBook) (*Book, error) {
	if second[c.Degree] == nil && len(c.SecondTaps) == 0 && primitive[c.Degree] != nil {
		return nil, invalid(map[string]any{"degree": c.Degree}, "there are no Gold codes of degree %d", c.Degree)
	}
	u, err := sequence(c.Degree, c.Taps, primitive, "taps")
	if err != nil {
		return nil, err
	}
	v, err := sequence(c.Degree, c.SecondTaps, second, "second_taps")
	if err != nil {
		return nil, err
	}
	// Preferred pairs are those whose cross-correlation is never above 1 + 2^⌊(n+2)/2⌋ (Gold 1967).
	most := 1 + 1<<((c.Degree+2)/2)
	for k := range u {
		if r := agreement(u, v, k); r > most || -r > most {
			return nil, invalid(map[string]any{"degree": c.Degree, "correlation": r, "correlation_most": most}, "taps and second_taps make no preferred pair: their sequences correlate by %d at shift %d, at most %d is allowed", r, k, most)
		}
	}
	n, err := asked(c, len(u)+2)
	if err != nil {
		return nil, err
	}
	b := &Book{}
	for i := range n {
		switch i - len(u) {
		case 0:
			b.Codes = append(b.Codes, u)
		case 1:
			b.Codes = append(b.Codes, v)
		default:
			code := later(v, i)
			for k := range code {
				code[k] = code[k] != u[k]
			}
			b.Codes = append(b.Codes, code)
		}
	}
	return b, nil
}

// sequence returns the bits of a shift register that starts with ones: the last stage is the output, and the sum modulo 2 of the
// tapped stages is fed to the first.
func sequence(degree int, taps []int, usual map[int][]int, field string) ([]bool, error) {
	if degree < eeg.MinCodeDegree || degree > eeg.MaxCodeDegree {
		return nil, invalid(map[string]any{"degree": degree}, "degree is %d, it must be %d to %d", degree, eeg.MinCodeDegree, eeg.MaxCodeDegree)
	}
	if len(taps) == 0 {
		taps = usual[degree]
	}
	tapped := 0
	for _, t := range taps {
		if t < 1 || t > degree || tapped&(1<<(t-1)) != 0 {
			return nil, invalid(map[string]any{"field": field, "tap": t, "degree": degree}, "%s has %d: taps are stages from 1 to %d, each once", field, t, degree)
		}
		tapped |= 1 << (t - 1)
	}
	length := 1<<degree - 1
	out := make([]bool, length)
	state := length // stage s is bit s-1
	for i := range out {
		if i > 0 && state == length {
			return nil, invalid(map[string]any{"field": field, "taps": slices.Clone(taps), "bits": i, "bits_needed": length}, "%s %v repeat after %d bits, a sequence of degree %d has %d", field, taps, i, degree, length)
		}
		out[i] = state>>(degree-1)&1 == 1
		fed := 0
		for s := state & tapped; s != 0; s &= s - 1 {
			fed ^= 1
		}
		state = (state<<1 | fed) & length
	}
	if state != length {
		return nil, invalid(map[string]any{"field": field, "taps": slices.Clone(taps)}, "%s %v never come back to the start", field, taps)
	}
	return out, nil
}

// agreement is the number of bits in which u and v, shifted by k, agree, less those in which they differ.
func agreement(u, v []bool, k int) int {
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

// later returns a code k bits later: what is shown at bit b was shown at b - k.
func later(code []bool, k int) []bool {
	n := len(code)
	out := make([]bool, n)
	for i := range out {
		out[i] = code[((i-k)%n+n)%n]
	}
	return out
}

// modulated returns a code with a clock of twice the rate: b becomes b, not b.
func modulated(code []bool) []bool {
	out := make([]bool, 0, 2*len(code))
	for _, on := range code {
		out = append(out, on, !on)
	}
	return out
}
