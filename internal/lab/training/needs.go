package training

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
)

// Needs returns how many trials of each class a training by a pipeline takes: those that it learns from at least, and one more to be measured with. It is
// nil for a pipeline that asks nothing special of any class.
func Needs(p decoders.Pipeline, classes []string) map[string]int {
	d, ok := p.(decoders.Demanding)
	if !ok {
		return nil
	}
	out := map[string]int{}
	for _, c := range classes {
		out[c] = d.Least(c) + 1
	}
	return out
}

// Missing is the too_few_trials error for classes that have fewer trials than are needed, nil where none has. details has trials, classes, needed and
// missing, each class by its name.
func Missing(have, needed map[string]int) *decoders.Error {
	missing := map[string]int{}
	var texts []string
	trials := 0
	for _, n := range have {
		trials += n
	}
	for _, class := range slices.Sorted(maps.Keys(needed)) {
		if n := needed[class] - have[class]; n > 0 {
			missing[class] = n
			texts = append(texts, fmt.Sprintf("there are %s of the class %q, and %d are needed", decoders.Counted(have[class], "usable trial"), class, needed[class]))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": trials, "classes": have, "needed": needed, "missing": missing}, "%s", strings.Join(texts, "; "))
}

// least is how many trials of each class every candidate can be trained on.
func (s Spec) least(classes []string) []int {
	out := slices.Repeat([]int{1}, len(classes))
	for _, c := range s.Candidates {
		if d, ok := c.Pipeline.(decoders.Demanding); ok {
			for k, class := range classes {
				out[k] = max(out[k], d.Least(class))
			}
		}
	}
	return out
}

// leftOut returns in how many folds trials are held back: so many as are asked for, or more where else too few of a class would be left to train on,
// and no more than each class has trials. Where least is 1 for every class the number is not raised.
//
// Error: too_few_trials, see Missing, where no number will do.
func leftOut(ds *decoders.Dataset, folds int, least []int) (int, error) {
	counts := perClass(ds)
	most := slices.Min(counts)
	needed := map[string]int{}
	demanding := false
	for k, class := range ds.Classes {
		needed[class], demanding = least[k]+1, demanding || least[k] > 1
	}
	if !demanding {
		return min(folds, most), nil
	}
	if err := Missing(countsByName(ds), needed); err != nil {
		return 0, err
	}
	for k := min(folds, most); k <= most; k++ {
		if !slices.ContainsFunc(ds.Classes, func(class string) bool {
			at := slices.Index(ds.Classes, class)
			return counts[at]-(counts[at]+k-1)/k < least[at]
		}) {
			return k, nil
		}
	}
	for k, class := range ds.Classes {
		for n := needed[class]; n-(n+most-1)/most < least[k]; n++ {
			needed[class] = n + 1
		}
	}
	return 0, Missing(countsByName(ds), needed)
}
