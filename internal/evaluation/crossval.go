package evaluation

import (
	"context"
	"encoding/json"
	"math"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/internal/crossval"
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

// crossValidate trains on each fold and decodes its test trials, one fold after another so that the times are true.
func (e *evaluator) crossValidate(ctx context.Context, pr pipelineRun, ds *decoders.Dataset, folds []classify.Fold) (*crossval.Outcome, error) {
	return crossval.Run(ctx, pr.pipeline, pr.config, ds, folds, crossval.Config{Parallel: e.cfg.Parallel, Now: e.cfg.Now})
}

// row turns an outcome into a report row. seconds is the length of the data behind one decision, for the information
// transfer rate; 0 leaves the rate out.
func row(o *crossval.Outcome, r Row, seconds float64) Row {
	acc := o.Accuracy()
	r.N = len(o.Labels)
	r.Metrics = map[string]float64{"accuracy": acc, "kappa": o.Kappa(), "ece": o.ECE(), "brier": o.Brier(), "auc": o.AUC()}
	if seconds > 0 {
		r.Metrics["itr_bits_min"] = itr(acc, o.Classes, seconds)
	}
	for k, v := range r.Metrics {
		if math.IsNaN(v) {
			delete(r.Metrics, k)
		}
	}
	r.MillisPerTrial = o.Spent.Seconds() * 1000 / float64(len(o.Labels))
	return r
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

// mean averages the metrics of rows into one row "all (mean)".
func mean(rows []Row, like Row) Row {
	like.Subject = "all (mean)"
	like.Metrics = map[string]float64{}
	count := map[string]int{}
	for _, r := range rows {
		like.N += r.N
		for k, v := range r.Metrics {
			like.Metrics[k] += v
			count[k]++
		}
		like.MillisPerTrial += r.MillisPerTrial / float64(len(rows))
	}
	for k := range like.Metrics {
		like.Metrics[k] /= float64(count[k])
	}
	return like
}
