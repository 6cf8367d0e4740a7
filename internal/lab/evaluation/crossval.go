package evaluation

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// pipelineRun is a pipeline with the options it is measured with.
type pipelineRun struct {
	label    string
	pipeline decoders.Pipeline
	config   json.RawMessage
}

func options(cfg any) json.RawMessage {
	b, err := json.Marshal(cfg)
	if err != nil {
		panic(err) // plain structs of ours
	}
	return b
}

// row turns an outcome into a report row. seconds is the length of the data behind one decision, for the information
// transfer rate; 0 leaves the rate out.
func row(o *crossval.Outcome, r Row, seconds float64) Row {
	acc := o.Accuracy()
	r.N = len(o.Labels)
	if n := len(o.Unread); n > 0 {
		r.Note = strings.TrimPrefix(fmt.Sprintf("%s; %d of %d trials could not be read", r.Note, n, n+r.N), "; ")
	}
	r.Metrics = map[string]float64{"accuracy": acc, "kappa": o.Kappa(), "ece": o.ECE(), "brier": o.Brier(), "auc": o.AUC()}
	if seconds > 0 {
		r.Metrics["itr_bits_min"], r.Metrics["itr_t_s"] = itr(acc, o.Classes, seconds), seconds
	}
	r.Coverage = coverage(classify.CoverageAccuracy(o.Probabilities, o.Labels))
	if len(r.Coverage) > 0 {
		r.Metrics["acc_at_50"] = r.Coverage[len(r.Coverage)/2-1].Accuracy
	}
	for k, v := range r.Metrics {
		if math.IsNaN(v) {
			delete(r.Metrics, k)
		}
	}
	ci := wilson(acc, r.N)
	r.AccuracyCI = &ci
	return r
}

// coverage is the accuracy of the surest 10, 20, ... 100 % of answers, each rounded up to the answers that are as sure as
// the last one counted in.
func coverage(curve []classify.CoveragePoint) []CoveragePoint {
	if len(curve) == 0 {
		return nil
	}
	out := make([]CoveragePoint, 0, 10)
	for tenth := 1; tenth <= 10; tenth++ {
		at := 0
		for at < len(curve)-1 && curve[at].Coverage < float64(tenth)/10-1e-9 {
			at++
		}
		out = append(out, CoveragePoint{Coverage: curve[at].Coverage, Accuracy: curve[at].Accuracy, Confidence: curve[at].Threshold})
	}
	return out
}

// unread lists the trials of an outcome that no decoder could read. They count in no figure.
func (e *evaluator) unread(r Row, o *crossval.Outcome) {
	for _, u := range o.Unread {
		e.problem(datasets.Problem{File: filepath.Join(e.cfg.Data, filepath.FromSlash(r.Dataset)),
			Err: fmt.Errorf("%s, %s, %s, trial %d of %d left out: %w", r.Subject, r.Task, r.Pipeline, u.Trial+1, len(o.Labels)+len(o.Unread), u.Err)})
	}
}

// measure appends the row of an outcome and keeps its answers for the paired tests.
func (e *evaluator) measure(o *crossval.Outcome, r Row, seconds float64) Row {
	r = row(o, r, seconds)
	e.unread(r, o)
	r.Metrics["ece_expected"] = expectedError(surest(o))
	e.add(r)
	e.remember(r, o)
	return r
}

// surest are the probabilities of the answers that were given.
func surest(o *crossval.Outcome) []float64 {
	out := make([]float64, len(o.Probabilities))
	for i, p := range o.Probabilities {
		out[i] = slices.Max(p)
	}
	return out
}

// itr is the information transfer rate in bit/min of decisions among n classes, each resting on the given seconds
// (Wolpaw et al. 2002); 0 at or below chance.
func itr(accuracy float64, n int, seconds float64) float64 {
	if accuracy <= 1/float64(n) {
		return 0
	}
	bits := math.Log2(float64(n))
	if accuracy < 1 {
		bits += accuracy*math.Log2(accuracy) + (1-accuracy)*math.Log2((1-accuracy)/float64(n-1))
	}
	return bits * 60 / seconds
}

// mean averages the metrics of rows into one row "all (mean)"; the interval of the accuracy is over the rows.
func (e *evaluator) mean(rows []Row, like Row) Row {
	like.Subject = "all (mean)"
	like.Metrics = map[string]float64{}
	count := map[string]int{}
	var accuracies []float64
	for _, r := range rows {
		like.N += r.N
		for k, v := range r.Metrics {
			like.Metrics[k] += v
			count[k]++
		}
		if v, ok := r.Metrics["accuracy"]; ok {
			accuracies = append(accuracies, v)
		}
		like.MillisPerTrial += r.MillisPerTrial / float64(len(rows))
	}
	for k := range like.Metrics {
		like.Metrics[k] /= float64(count[k])
	}
	if ece, expected, ok := e.pooledECE(like); ok {
		like.Metrics["ece_pooled"], like.Metrics["ece_pooled_expected"] = ece, expected
	}
	// Of fewer subjects a bootstrap says nothing: there are too few different draws.
	if len(accuracies) >= 5 {
		ci := bootstrap(accuracies, e.cfg.Seed)
		like.AccuracyCI = &ci
	}
	return like
}

// sizeCurve lists pipelines to measure with few training trials, on the test trials of the given folds.
func (e *evaluator) sizeCurve(pipelines []pipelineRun, ds *decoders.Dataset, folds []classify.Fold, memo *decoders.Memo, like Row, seconds float64) []crossing {
	var list []crossing
	for _, n := range e.cfg.Sizes {
		small := crossval.Shrink(folds, datasets.Labels(ds), len(ds.Classes), n, e.cfg.Seed)
		if small == nil {
			continue
		}
		for _, pr := range pipelines {
			list = append(list, crossing{pr, ds, small, memo, func(o *crossval.Outcome, ms float64) error {
				r := like
				r.Pipeline, r.Protocol, r.MillisPerTrial = pr.label, sizeProtocol(n), ms
				e.add(row(o, r, seconds))
				return nil
			}})
		}
	}
	return list
}

func sizeProtocol(n int) string { return fmt.Sprintf("%d trials a class", n) }

func (e *evaluator) sizeProtocols() []string {
	out := make([]string, len(e.cfg.Sizes))
	for i, n := range e.cfg.Sizes {
		out[i] = sizeProtocol(n)
	}
	return out
}
