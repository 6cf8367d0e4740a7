package evaluation

import (
	"fmt"
	"math"
	"slices"

	"github.com/neurod/neurod/internal/lab/crossval"
)

// Comparison is a paired test between two pipelines that answered the same trials.
type Comparison struct {
	Dataset  string `json:"dataset"`
	Task     string `json:"task"`
	Protocol string `json:"protocol"`
	A        string `json:"a"`
	B        string `json:"b"`
	// Test is "Wilcoxon signed-rank" of the subjects' accuracies, or "exact McNemar" of the trials where there are fewer
	// than 6 subjects, with which the former cannot reach p < 0.05. Both are two-sided.
	Test       string  `json:"test"`
	N          int     `json:"n"`          // subjects or trials that differ
	Difference float64 `json:"difference"` // accuracy of A less that of B, mean over subjects or over trials
	Statistic  float64 `json:"statistic"`  // smaller rank sum, or trials that only A has right
	P          float64 `json:"p"`
	// Corrected is P after Holm's correction for the pairs of the same dataset, task and protocol.
	Corrected float64 `json:"p_holm"`
}

// leastSubjects is the number of subjects from which the signed-rank test can tell anything: 2/2⁶ is below 0.05.
const leastSubjects = 6

// paired is a group of rows whose pipelines answered the same trials.
type paired struct{ dataset, task, protocol string }

// answers are the right and wrong answers of one pipeline by subject and trial, and how sure they were.
type answers struct {
	pipeline string
	subjects []string
	right    map[string]map[int]bool
	sure     []float64 // probability of each answer, in the order they came
	hit      []bool
}

// remember keeps the answers of an outcome for the tests; trial numbers name the same trial for every pipeline.
func (e *evaluator) remember(r Row, o *crossval.Outcome) {
	key := paired{r.Dataset, r.Task, r.Protocol}
	if e.answers == nil {
		e.answers = map[paired][]*answers{}
	}
	at := slices.IndexFunc(e.answers[key], func(a *answers) bool { return a.pipeline == r.Pipeline })
	if at < 0 {
		if len(e.answers[key]) == 0 {
			e.pairs = append(e.pairs, key)
		}
		at = len(e.answers[key])
		e.answers[key] = append(e.answers[key], &answers{pipeline: r.Pipeline, right: map[string]map[int]bool{}})
	}
	a := e.answers[key][at]
	if a.right[r.Subject] == nil {
		a.subjects = append(a.subjects, r.Subject)
		a.right[r.Subject] = map[int]bool{}
	}
	for i, t := range o.Trials {
		hit := o.Predicted[i] == o.Labels[i]
		a.right[r.Subject][t] = hit
		a.sure, a.hit = append(a.sure, slices.Max(o.Probabilities[i])), append(a.hit, hit)
	}
}

// pooledECE is the expected calibration error, in 10 bins, over the answers of all subjects; false where none were kept.
// The error of one person's few dozen trials is mostly the noise of its bins.
// expected is what a perfectly calibrated decoder would show.
func (e *evaluator) pooledECE(r Row) (ece, expected float64, ok bool) {
	for _, a := range e.answers[paired{r.Dataset, r.Task, r.Protocol}] {
		if a.pipeline == r.Pipeline {
			return calibrationError(a.sure, a.hit), expectedError(a.sure), true
		}
	}
	return 0, 0, false
}

// calibrationError is classify.ECE for answers of which only the probability and the outcome are known.
func calibrationError(sure []float64, hit []bool) float64 {
	var gap [10]float64
	for i, p := range sure {
		b := confidenceBin(p)
		gap[b] -= p
		if hit[i] {
			gap[b]++
		}
	}
	sum := 0.0
	for _, g := range gap {
		sum += math.Abs(g)
	}
	return sum / float64(len(sure))
}

// compare tests every pair of pipelines of each group, in the order they were measured.
func (e *evaluator) compare() []Comparison {
	var out []Comparison
	for _, key := range e.pairs {
		list := e.answers[key]
		from := len(out)
		for i, a := range list {
			for _, b := range list[i+1:] {
				if c, ok := test(a, b); ok {
					c.Dataset, c.Task, c.Protocol = key.dataset, key.task, key.protocol
					out = append(out, c)
				}
			}
		}
		p := make([]float64, len(out)-from)
		for i := range p {
			p[i] = out[from+i].P
		}
		for i, v := range holm(p) {
			out[from+i].Corrected = v
		}
	}
	return out
}

// test compares two pipelines on the trials that both answered; false where there are none.
func test(a, b *answers) (Comparison, bool) {
	c := Comparison{A: a.pipeline, B: b.pipeline}
	var differences []float64
	onlyA, onlyB, trials := 0, 0, 0
	for _, subject := range a.subjects {
		difference, n := 0, 0
		for t, right := range a.right[subject] {
			other, ok := b.right[subject][t]
			if !ok {
				continue
			}
			n++
			switch {
			case right && !other:
				difference++
				onlyA++
			case other && !right:
				difference--
				onlyB++
			}
		}
		if n > 0 {
			differences = append(differences, float64(difference)/float64(n))
			trials += n
		}
	}
	if trials == 0 {
		return c, false
	}
	if len(differences) < leastSubjects {
		c.Test, c.N, c.Statistic = "exact McNemar", onlyA+onlyB, float64(onlyA)
		c.Difference, c.P = float64(onlyA-onlyB)/float64(trials), mcnemar(onlyA, onlyB)
		return c, true
	}
	c.Test = "Wilcoxon signed-rank"
	c.Statistic, c.P, c.N = wilcoxon(differences)
	for _, d := range differences {
		c.Difference += d / float64(len(differences))
	}
	return c, true
}

// table lists comparisons as cells.
func (c Comparison) cells() []string {
	return []string{
		c.Task, c.Protocol, c.A, c.B, c.Test, fmt.Sprint(c.N), fmt.Sprintf("%+.3f", c.Difference), cell(c.Statistic, true),
		fmt.Sprintf("%.3g", c.P), fmt.Sprintf("%.3g", c.Corrected),
	}
}
