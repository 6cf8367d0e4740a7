package classify

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Every measure panics when its arguments differ in length and is NaN where it is not defined: accuracy of no
// samples, AUC of one class.

func sameLength(a, b int) {
	if a != b {
		panic(fmt.Sprintf("classify: lengths %d and %d differ", a, b))
	}
}

// Accuracy returns the share of predictions that equal the label.
func Accuracy(predicted, labels []int) float64 {
	sameLength(len(predicted), len(labels))
	hits := 0
	for i, l := range labels {
		if predicted[i] == l {
			hits++
		}
	}
	return float64(hits) / float64(len(labels))
}

// Confusion returns counts[label][predicted] for class indices below classes.
func Confusion(predicted, labels []int, classes int) [][]int {
	sameLength(len(predicted), len(labels))
	m := make([][]int, classes)
	for k := range m {
		m[k] = make([]int, classes)
	}
	for i, l := range labels {
		m[l][predicted[i]]++
	}
	return m
}

// Kappa returns Cohen's kappa, the agreement of predictions and labels beyond chance: 1 is perfect, 0 is chance.
func Kappa(predicted, labels []int) float64 {
	sameLength(len(predicted), len(labels))
	n := float64(len(labels))
	rows, cols := map[int]float64{}, map[int]float64{}
	for i, l := range labels {
		rows[l]++
		cols[predicted[i]]++
	}
	// Classes in order, so that the sum is the same on every run.
	classes := make([]int, 0, len(rows))
	for k := range rows {
		classes = append(classes, k)
	}
	slices.Sort(classes)
	chance := 0.0
	for _, k := range classes {
		chance += rows[k] / n * cols[k] / n
	}
	return (Accuracy(predicted, labels) - chance) / (1 - chance)
}

// AUC returns the area under the ROC curve: the probability that a positive scores above a negative, ties counting
// half.
func AUC(scores []float64, positive []bool) float64 {
	sameLength(len(scores), len(positive))
	order := byScore(scores)
	// Mann-Whitney: ranks of the positives, equal scores sharing their mean rank.
	var ranks, pos float64
	for i := 0; i < len(order); {
		j := i
		tied := 0.0
		for ; j < len(order) && scores[order[j]] == scores[order[i]]; j++ {
			if positive[order[j]] {
				tied++
			}
		}
		if j == i { // NaN equals nothing
			return math.NaN()
		}
		ranks += tied * float64(i+1+j) / 2
		pos += tied
		i = j
	}
	neg := float64(len(scores)) - pos
	return (ranks - pos*(pos+1)/2) / (pos * neg)
}

func byScore(scores []float64) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[a], scores[b]) })
	return order
}

// ROCPoint is one operating point: scores at or above Threshold count as positive.
type ROCPoint struct {
	Threshold         float64
	FalsePositiveRate float64
	TruePositiveRate  float64
}

// ROC returns the operating points from the highest threshold, which lets nothing pass, to the lowest. The first
// threshold is +Inf.
func ROC(scores []float64, positive []bool) []ROCPoint {
	sameLength(len(scores), len(positive))
	pos := 0.0
	for _, p := range positive {
		if p {
			pos++
		}
	}
	neg := float64(len(positive)) - pos
	order := byScore(scores)
	points := []ROCPoint{{Threshold: math.Inf(1)}}
	var tp, fp float64
	for i := len(order) - 1; i >= 0; i-- {
		if positive[order[i]] {
			tp++
		} else {
			fp++
		}
		if i == 0 || scores[order[i-1]] != scores[order[i]] {
			points = append(points, ROCPoint{scores[order[i]], fp / neg, tp / pos})
		}
	}
	return points
}

// top returns the most probable class, the first of equals, and its probability.
func top(p []float64) (class int, confidence float64) {
	confidence = math.Inf(-1)
	for k, v := range p {
		if v > confidence {
			class, confidence = k, v
		}
	}
	return class, confidence
}

// bin returns the bin of a probability. Bins are (lo, hi]; a probability on an edge belongs to the lower bin.
func bin(p float64, bins int) int { return min(max(int(math.Ceil(p*float64(bins)))-1, 0), bins-1) }

// ECE returns the expected calibration error of class probabilities (samples × classes): the samples are put in bins
// of equal width by the probability of their top class, and the gaps between mean probability and accuracy are
// averaged by the bins' sizes. 10 bins are usual.
func ECE(probabilities [][]float64, labels []int, bins int) float64 {
	_, hits, conf := binned(probabilities, labels, bins)
	sum := 0.0
	for b := range bins {
		sum += math.Abs(hits[b] - conf[b])
	}
	return sum / float64(len(labels))
}

// binned returns of each bin how many samples it has, how many of them are right, and the sum of their top probabilities.
func binned(probabilities [][]float64, labels []int, bins int) (counts []int, hits, conf []float64) {
	sameLength(len(probabilities), len(labels))
	counts, hits, conf = make([]int, bins), make([]float64, bins), make([]float64, bins)
	for i, p := range probabilities {
		k, c := top(p)
		b := bin(c, bins)
		counts[b]++
		conf[b] += c
		if k == labels[i] {
			hits[b]++
		}
	}
	return counts, hits, conf
}

// ReliabilityBin is a point of a reliability diagram: the samples whose top class has a probability in (From, To].
type ReliabilityBin struct {
	From, To   float64
	Count      int     // samples, at least 1
	Confidence float64 // mean probability of the top class
	Accuracy   float64 // share of them that are right
}

// Reliability returns the bins of [ECE] that have samples, in order: ECE is the mean of |Confidence - Accuracy| by their counts (DeGroot and
// Fienberg 1983, The Statistician 32, 12-22).
func Reliability(probabilities [][]float64, labels []int, bins int) []ReliabilityBin {
	counts, hits, conf := binned(probabilities, labels, bins)
	var out []ReliabilityBin
	for b, n := range counts {
		if n > 0 {
			width := float64(bins)
			out = append(out, ReliabilityBin{From: float64(b) / width, To: float64(b+1) / width, Count: n, Confidence: conf[b] / float64(n), Accuracy: hits[b] / float64(n)})
		}
	}
	return out
}

// exactBin is the number of samples in a bin up to which ECENoise counts every outcome; beyond it the normal
// distribution is as good: the mean gap then differs by less than 0.1 %.
const exactBin = 400

// ECENoise returns mean and standard deviation of the ECE that answers with these probabilities have when they are
// perfectly calibrated: each is right with the probability that it gives its top class, independently (Bröcker and
// Smith 2007, Wea. Forecasting 22, 651-661). A few dozen samples spread over ten bins have 0.1 by chance alone, so an ECE
// tells miscalibration only where it lies above this.
func ECENoise(probabilities [][]float64, bins int) (mean, sd float64) {
	groups := make([][]float64, bins)
	for _, p := range probabilities {
		_, c := top(p)
		b := bin(c, bins)
		groups[b] = append(groups[b], c)
	}
	variance := 0.0
	for _, g := range groups {
		gap, square := binNoise(g)
		mean += gap
		variance += max(square-gap*gap, 0)
	}
	n := float64(len(probabilities))
	return mean / n, math.Sqrt(variance) / n
}

// binNoise returns the mean of |hits - Σp| and of its square for independent hits with these probabilities.
func binNoise(p []float64) (gap, square float64) {
	sum := 0.0
	for _, v := range p {
		sum += v
		square += v * (1 - v)
	}
	if len(p) > exactBin {
		return math.Sqrt(square * 2 / math.Pi), square
	}
	// The distribution of the number of hits, one sample after the other.
	hits := make([]float64, len(p)+1)
	hits[0] = 1
	for i, v := range p {
		for k := i + 1; k > 0; k-- {
			hits[k] = hits[k]*(1-v) + hits[k-1]*v
		}
		hits[0] *= 1 - v
	}
	for k, v := range hits {
		gap += v * math.Abs(float64(k)-sum)
	}
	return gap, square
}

// Brier returns the mean over samples of Σ (p_k - y_k)² over classes: 0 is perfect, 2 is certain and wrong. For two
// classes it is twice the score of the positive class alone.
func Brier(probabilities [][]float64, labels []int) float64 {
	sameLength(len(probabilities), len(labels))
	sum := 0.0
	for i, p := range probabilities {
		for k, v := range p {
			if k == labels[i] {
				v -= 1
			}
			sum += v * v
		}
	}
	return sum / float64(len(labels))
}

// LogLoss returns the mean of -log p of the true class; a probability below 1e-15 counts as 1e-15.
func LogLoss(probabilities [][]float64, labels []int) float64 {
	sameLength(len(probabilities), len(labels))
	sum := 0.0
	for i, p := range probabilities {
		sum -= math.Log(max(p[labels[i]], 1e-15))
	}
	return sum / float64(len(labels))
}

// CoveragePoint says how accurate the answers are when only the surest are given.
type CoveragePoint struct {
	Threshold float64 // probability of the top class from which an answer is given
	Coverage  float64 // share of samples answered
	Accuracy  float64 // share of right answers among them
}

// CoverageAccuracy returns the curve from the surest sample to all samples, one point for each distinct confidence.
func CoverageAccuracy(probabilities [][]float64, labels []int) []CoveragePoint {
	sameLength(len(probabilities), len(labels))
	conf, hit := make([]float64, len(labels)), make([]bool, len(labels))
	for i, p := range probabilities {
		var k int
		k, conf[i] = top(p)
		hit[i] = k == labels[i]
	}
	order := byScore(conf)
	var points []CoveragePoint
	hits, given := 0.0, 0.0
	for i := len(order) - 1; i >= 0; i-- {
		given++
		if hit[order[i]] {
			hits++
		}
		if i == 0 || conf[order[i-1]] != conf[order[i]] {
			points = append(points, CoveragePoint{conf[order[i]], given / float64(len(labels)), hits / given})
		}
	}
	return points
}
