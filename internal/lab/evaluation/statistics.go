package evaluation

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/combin"
	"gonum.org/v1/gonum/stat/distuv"
)

// Interval is a 95 % confidence interval.
type Interval struct {
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Method string  `json:"method"` // "Wilson" or "bootstrap over subjects"
}

// z975 is the 97.5 % quantile of the normal distribution.
var z975 = distuv.UnitNormal.Quantile(0.975)

// wilson is the score interval of a share of right answers among n (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212).
func wilson(share float64, n int) Interval {
	m := float64(n)
	center := (share + z975*z975/(2*m)) / (1 + z975*z975/m)
	half := z975 / (1 + z975*z975/m) * math.Sqrt(share*(1-share)/m+z975*z975/(4*m*m))
	return Interval{max(0, center-half), min(1, center+half), "Wilson"}
}

// bootstrapDraws is how many resamplings of the subjects an interval rests on: enough for its ends to stand to the
// second digit.
const bootstrapDraws = 10_000

// bootstrap is the percentile interval of the mean of values, drawn with replacement (Efron 1979).
func bootstrap(values []float64, seed uint64) Interval {
	rng := rand.New(rand.NewPCG(seed, uint64(len(values))))
	means := make([]float64, bootstrapDraws)
	for i := range means {
		for range values {
			means[i] += values[rng.IntN(len(values))] / float64(len(values))
		}
	}
	slices.Sort(means)
	return Interval{means[bootstrapDraws*25/1000], means[bootstrapDraws*975/1000-1], "bootstrap over subjects"}
}

// mcnemar is the two-sided exact test of paired answers, b of which only the first and c of which only the second
// method has right: the binomial test of b among b+c with even odds (McNemar 1947, Psychometrika 12, 153-157).
func mcnemar(b, c int) float64 {
	n := b + c
	if n == 0 {
		return 1
	}
	tail := 0.0
	for k := range min(b, c) + 1 {
		tail += math.Exp(combin.LogGeneralizedBinomial(float64(n), float64(k)) - float64(n)*math.Ln2)
	}
	return min(1, 2*tail)
}

// wilcoxonExact is the number of differences up to which the signed-rank test sums all signs.
const wilcoxonExact = 50

// wilcoxon is the two-sided signed-rank test of paired differences (Wilcoxon 1945, Biometrics Bull. 1, 80-83). Zero
// differences are left out and equal ones share their ranks; the distribution over all signs is then exact, and normal
// for more than 50 differences. w is the smaller rank sum, n how many differences count; p is 1 where there is none.
func wilcoxon(differences []float64) (w, p float64, n int) {
	var d []float64
	for _, v := range differences {
		// Shares of a few dozen trials differ by rounding where they are equal.
		if math.Abs(v) > 1e-12 {
			d = append(d, v)
		}
	}
	n = len(d)
	if n == 0 {
		return 0, 1, 0
	}
	slices.SortFunc(d, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	doubled := make([]int, n) // ranks times two are whole numbers
	total := 0
	for i := 0; i < n; {
		j := i + 1
		for j < n && math.Abs(d[j])-math.Abs(d[i]) <= 1e-12 {
			j++
		}
		for k := i; k < j; k++ {
			doubled[k] = i + 1 + j
			total += doubled[k]
		}
		i = j
	}
	positive := 0
	for i, v := range d {
		if v > 0 {
			positive += doubled[i]
		}
	}
	smaller := min(positive, total-positive)
	if n > wilcoxonExact {
		variance := 0.0
		for _, r := range doubled {
			variance += float64(r*r) / 4
		}
		z := (float64(smaller) - float64(total)/2) / math.Sqrt(variance)
		return float64(smaller) / 2, min(1, 2*distuv.UnitNormal.CDF(z)), n
	}
	// share[s] is the probability that the positive ranks sum to s/2 when signs are tossed.
	share := make([]float64, total+1)
	share[0] = 1
	reach := 0
	for _, r := range doubled {
		for s := reach; s >= 0; s-- {
			share[s] /= 2
			share[s+r] += share[s]
		}
		reach += r
	}
	tail := 0.0
	for s := range smaller + 1 {
		tail += share[s]
	}
	return float64(smaller) / 2, min(1, 2*tail), n
}

// holm returns p-values corrected for their number (Holm 1979, Scand. J. Stat. 6, 65-70).
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	out := make([]float64, len(p))
	largest := 0.0
	for rank, i := range order {
		largest = max(largest, min(1, float64(len(p)-rank)*p[i]))
		out[i] = largest
	}
	return out
}
