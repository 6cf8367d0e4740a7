package evaluation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
)

// outcome is what a decoder said of each test trial.
type outcome struct {
	labels        []int
	predicted     []int
	probabilities [][]float64
	spent         time.Duration // over all decodes
}

// predict decodes one trial and returns the probability of each class of the dataset.
func predict(ctx context.Context, d decoders.Decoder, ds *decoders.Dataset, tr decoders.Trial) ([]float64, error) {
	in := &decoders.Input{Signal: decoders.Signal{Data: tr.Data, Channels: ds.Channels, Rate: ds.Rate}}
	if ds.Cue > 0 {
		in.Events = []decoders.Event{{Onset: ds.Cue, Code: 1, Label: "cue"}}
	}
	res, err := d.Decode(ctx, in)
	if err != nil {
		return nil, err
	}
	p := make([]float64, len(ds.Classes))
	for i, name := range ds.Classes {
		for _, c := range res.Classes {
			if c.Name == name {
				p[i] = c.Probability
			}
		}
	}
	return p, nil
}

// add decodes the test trials with a trained decoder.
func (o *outcome) add(ctx context.Context, e *evaluator, d decoders.Decoder, ds *decoders.Dataset, test []int) error {
	for _, i := range test {
		start := e.cfg.Now()
		p, err := predict(ctx, d, ds, ds.Trials[i])
		o.spent += e.cfg.Now().Sub(start)
		if err != nil {
			return fmt.Errorf("trial %d: %w", i, err)
		}
		best := 0
		for c := range p {
			if p[c] > p[best] {
				best = c
			}
		}
		o.labels = append(o.labels, ds.Trials[i].Label)
		o.predicted = append(o.predicted, best)
		o.probabilities = append(o.probabilities, p)
	}
	return nil
}

// subset returns the dataset with only the trials of the given indices.
func subset(ds *decoders.Dataset, index []int) *decoders.Dataset {
	out := *ds
	out.Trials = make([]decoders.Trial, len(index))
	for i, j := range index {
		out.Trials[i] = ds.Trials[j]
	}
	return &out
}

// crossValidate trains a pipeline on each fold's training trials and decodes its test trials. Folds with too little
// to train on are left out; when all are, the error says why.
func (e *evaluator) crossValidate(ctx context.Context, p decoders.Pipeline, config json.RawMessage, ds *decoders.Dataset, folds []classify.Fold) (*outcome, error) {
	o := &outcome{}
	var last error
	for _, f := range folds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		d, err := p.Train(ctx, subset(ds, f.Train), config)
		if err != nil {
			var refused *decoders.Error
			if errors.As(err, &refused) {
				last = err
				continue
			}
			return nil, err
		}
		if err := o.add(ctx, e, d, ds, f.Test); err != nil {
			return nil, err
		}
	}
	if len(o.labels) == 0 {
		return nil, last
	}
	return o, nil
}

// row turns an outcome into a report row. seconds is the length of the data behind one decision, for the information
// transfer rate; 0 leaves the rate out.
func (o *outcome) row(r Row, seconds float64) Row {
	classes := len(o.probabilities[0])
	acc := classify.Accuracy(o.predicted, o.labels)
	r.N = len(o.labels)
	r.Metrics = map[string]float64{
		"accuracy": acc,
		"kappa":    classify.Kappa(o.predicted, o.labels),
		"ece":      classify.ECE(o.probabilities, o.labels, 10),
		"brier":    classify.Brier(o.probabilities, o.labels),
	}
	if classes == 2 {
		r.Metrics["auc"] = classify.AUC(column(o.probabilities, 1), equal(o.labels, 1))
	}
	if seconds > 0 {
		r.Metrics["itr_bits_min"] = itr(acc, classes, seconds)
	}
	for k, v := range r.Metrics {
		if math.IsNaN(v) {
			delete(r.Metrics, k)
		}
	}
	r.MillisPerTrial = o.spent.Seconds() * 1000 / float64(len(o.labels))
	return hold(r)
}

func column(p [][]float64, c int) []float64 {
	out := make([]float64, len(p))
	for i := range p {
		out[i] = p[i][c]
	}
	return out
}

func equal(labels []int, class int) []bool {
	out := make([]bool, len(labels))
	for i, l := range labels {
		out[i] = l == class
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
	return hold(like)
}
