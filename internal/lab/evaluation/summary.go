package evaluation

import (
	"math"
	"slices"

	"github.com/neurod/neurod/decoders/classify"
)

// Summary is what one pipeline's probabilities were worth over all people of a dataset together.
type Summary struct {
	Dataset  string `json:"dataset"`
	Task     string `json:"task"`
	Protocol string `json:"protocol"`
	Pipeline string `json:"pipeline"`
	N        int    `json:"n"`
	// Reliability has a point for each tenth of confidence in which there are answers.
	Reliability []ReliabilityPoint `json:"reliability"`
	// Coverage is the accuracy of the surest 10, 20, ... 100 % of the answers.
	Coverage []CoveragePoint `json:"coverage"`
}

// ReliabilityPoint is how often answers of about the same confidence were right.
type ReliabilityPoint struct {
	Confidence float64 `json:"confidence"` // mean
	Accuracy   float64 `json:"accuracy"`
	N          int     `json:"n"`
}

// ROC is the curve of a detector over everybody.
type ROC struct {
	Dataset  string     `json:"dataset"`
	Task     string     `json:"task"`
	Pipeline string     `json:"pipeline"`
	Points   []ROCPoint `json:"points"`
}

// ROCPoint is one threshold.
type ROCPoint struct {
	FalsePositive float64 `json:"fpr"`
	TruePositive  float64 `json:"tpr"`
}

// rocPoints is how many steps of the false positives a curve keeps.
const rocPoints = 50

// rocOf keeps the best true positive rate at every 2 % of false positives.
func rocOf(dataset, task, pipeline string, scores []float64, positive []bool) ROC {
	out := ROC{Dataset: dataset, Task: task, Pipeline: pipeline}
	curve := classify.ROC(scores, positive)
	for step := range rocPoints + 1 {
		limit, best := float64(step)/rocPoints, 0.0
		for _, p := range curve {
			if p.FalsePositiveRate <= limit+1e-9 {
				best = max(best, p.TruePositiveRate)
			}
		}
		out.Points = append(out.Points, ROCPoint{limit, best})
	}
	return out
}

// summaries are those of every group of answers that were kept, in the order they came.
func (e *evaluator) summaries() []Summary {
	var out []Summary
	for _, key := range e.pairs {
		for _, a := range e.answers[key] {
			s := Summary{Dataset: key.dataset, Task: key.task, Protocol: key.protocol, Pipeline: a.pipeline, N: len(a.sure), Reliability: reliability(a.sure, a.hit)}
			s.Coverage = answered(a.sure, a.hit)
			out = append(out, s)
		}
	}
	return out
}

// confidenceBin is the tenth that a confidence lies in, as for the calibration error.
func confidenceBin(p float64) int { return min(max(int(math.Ceil(p*10))-1, 0), 9) }

func reliability(sure []float64, hit []bool) []ReliabilityPoint {
	var bins [10]ReliabilityPoint
	for i, p := range sure {
		b := &bins[confidenceBin(p)]
		b.N++
		b.Confidence += p
		if hit[i] {
			b.Accuracy++
		}
	}
	var out []ReliabilityPoint
	for _, b := range bins {
		if b.N > 0 {
			b.Confidence, b.Accuracy = b.Confidence/float64(b.N), b.Accuracy/float64(b.N)
			out = append(out, b)
		}
	}
	return out
}

// answered is the accuracy of the surest 10, 20, ... 100 %, each rounded up to those that are as sure as the last one in.
func answered(sure []float64, hit []bool) []CoveragePoint {
	order := make([]int, len(sure))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case sure[a] > sure[b]:
			return -1
		case sure[a] < sure[b]:
			return 1
		}
		return 0
	})
	var out []CoveragePoint
	n, right := 0, 0.0
	for tenth := 1; tenth <= 10 && len(order) > 0; tenth++ {
		for n < len(order) && (float64(n) < float64(len(order)*tenth)/10-1e-9 || n > 0 && sure[order[n]] == sure[order[n-1]]) {
			if hit[order[n]] {
				right++
			}
			n++
		}
		out = append(out, CoveragePoint{Coverage: float64(n) / float64(len(order)), Accuracy: right / float64(n), Confidence: sure[order[n-1]]})
	}
	return out
}

// expectedError is the calibration error that a perfectly calibrated decoder would show on as many answers of the same
// confidence, on average (classify.ECENoise): what the noise of the bins alone makes.
func expectedError(sure []float64) float64 {
	probabilities := make([][]float64, len(sure))
	for i, p := range sure {
		probabilities[i] = []float64{p}
	}
	mean, _ := classify.ECENoise(probabilities, 10)
	return mean
}
