package cvep

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// What flashes are told apart by.
const (
	// ByDuration takes each length of a run of bright bits for a kind of its own (Thielen et al. 2015).
	ByDuration = "duration"
	// ByContrast takes the rises and the falls of brightness (Thielen et al. 2021).
	ByContrast = "contrast"
)

// kind is a kind of flash: the number of bits of a run, or one of these.
type kind int

const (
	rise  kind = -1
	fall  kind = -2
	onset kind = 0 // of all codes: a screen that begins to flash evokes a response of its own
)

// flash is where a flash of some kind begins, in bits since the codes began.
type flash struct {
	bit  int
	kind kind
}

// flashes returns the flashes of a code within the first so many bits; the code repeats. A run that the codes began in counts from
// there.
func flashes(code []bool, by string, bits int) []flash {
	n := len(code)
	out := []flash{{0, onset}}
	for b := range bits {
		before := b > 0 && code[(b-1)%n]
		switch now := code[b%n]; {
		case now == before:
		case by == ByContrast && now:
			out = append(out, flash{b, rise})
		case by == ByContrast:
			out = append(out, flash{b, fall})
		case now:
			run := 1
			for code[(b+run)%n] {
				run++
			}
			out = append(out, flash{b, kind(run)})
		}
	}
	return out
}

// kindsOf lists the kinds of flashes of a book, in order: durations from the shortest, or rise and fall, and the onset last.
func kindsOf(b *Book, by string) []kind {
	if by == ByContrast {
		return []kind{rise, fall, onset}
	}
	var out []kind
	for _, code := range b.Codes {
		for _, f := range flashes(code, by, 2*len(code)) {
			if f.kind != onset && !slices.Contains(out, f.kind) {
				out = append(out, f.kind)
			}
		}
	}
	slices.Sort(out)
	return append(out, onset)
}

// mark is where a flash begins in samples, and the index of its kind.
type mark struct{ at, kind int }

// marks returns the flashes of a code within the first so many samples at rate Hz, in order. The error names a kind that is not
// among kinds.
func marks(code []bool, by string, kinds []kind, bitRate, rate float64, samples int) ([]mark, error) {
	bits := int(math.Ceil(float64(samples)*bitRate/rate)) + 1
	var out []mark
	for _, f := range flashes(code, by, bits) {
		i := slices.Index(kinds, f.kind)
		if i < 0 {
			return nil, invalid(map[string]any{"duration_bits": int(f.kind), "durations_known": durations(kinds)},
				"a code has flashes of %d bits; the model knows those of %v", int(f.kind), durations(kinds))
		}
		if at := int(math.Round(float64(f.bit) * rate / bitRate)); at < samples {
			out = append(out, mark{at, i})
		}
	}
	slices.SortStableFunc(out, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	return out, nil
}

func durations(kinds []kind) []int {
	var out []int
	for _, k := range kinds {
		if k > 0 {
			out = append(out, int(k))
		}
	}
	return out
}

// columns calls f for each of the first so many samples with the columns of the structure matrix that are set there: kind·length +
// delay of each flash that is not over yet. The list belongs to columns.
func columns(list []mark, length, samples int, f func(t int, set []int)) {
	set := make([]int, 0, 64)
	first := 0
	for t := range samples {
		for first < len(list) && list[first].at+length <= t {
			first++
		}
		set = set[:0]
		for _, m := range list[first:] {
			if m.at > t {
				break
			}
			set = append(set, m.kind*length+t-m.at)
		}
		f(t, set)
	}
}

// response adds up the responses to the flashes of a code: dst[t] = Σ r[kind][t - at].
func response(dst []float64, list []mark, r []float64, length int) {
	clear(dst)
	for _, m := range list {
		part := r[m.kind*length:][:length]
		for d, v := range part[:max(0, min(length, len(dst)-m.at))] {
			dst[m.at+d] += v
		}
	}
}

func (k kind) String() string {
	switch k {
	case rise:
		return "rise"
	case fall:
		return "fall"
	case onset:
		return "onset"
	}
	return fmt.Sprintf("%d bits", int(k))
}
