package evaluation

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/cvep"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// partsInOrder is the protocol of c-VEP: each fifth of the trials, in the order in which they were recorded, is decoded by what was
// trained on 4.2 s of the others.
const partsInOrder = "5 parts in order"

// codeSeconds are the lengths of the segments that are decoded: half a cycle, one and two. Trials are trained on for the longest.
var codeSeconds = []float64{1.05, 2.1, 4.2}

// cvep measures the pipelines of c-VEP on trials that begin with their codes, and stopping as soon as an answer is sure.
func (e *evaluator) cvep(ctx context.Context) error {
	for _, file := range e.glob("cvep/*/*.npz") {
		set, err := datasets.ReadCoded(file)
		if err == nil {
			e.use(file)
			_, set.Subject, _ = strings.Cut(datasets.Stem(file), "_")
			err = e.codedRows(ctx, e.folder(file), set)
		}
		if err := e.skip(ctx, file, err); err != nil {
			return err
		}
	}
	e.meanRows("cvep/", partsInOrder)
	return nil
}

func (e *evaluator) codedRows(ctx context.Context, dataset string, set *datasets.Coded) error {
	longest := codeSeconds[len(codeSeconds)-1]
	ds := shortened(set.Dataset, longest)
	folds, err := classify.GroupKFold(datasets.Groups(ds))
	if err != nil {
		return err
	}
	// As PyntBCI takes the recordings, and with the band pass that is the default.
	runs := []pipelineRun{{cvep.RCCAName, cvep.RCCA(), options(map[string]any{"codes": set.Codes, "low": 0, "high": 0})}}
	for _, p := range catalog.Of(eeg.CVEP) {
		runs = append(runs, pipelineRun{p.Name() + " 2-30 Hz", p, options(map[string]any{"codes": set.Codes})})
	}
	for _, pr := range runs {
		p, config := pr.pipeline, pr.config
		e.progress("%s %s, %s", dataset, set.Subject, pr.label)
		like := Row{Dataset: dataset, Subject: set.Subject, Pipeline: pr.label, Protocol: partsInOrder}
		outcomes := make([]*crossval.Outcome, len(codeSeconds))
		stop := stopped{}
		var first decoders.Trained
		for _, f := range folds {
			d, err := p.Train(ctx, datasets.Subset(ds, f.Train), config)
			if err != nil {
				return err
			}
			if first == nil {
				first = d
			}
			for i, seconds := range codeSeconds {
				part, err := crossval.Decode(ctx, d, shortened(ds, seconds), f.Test, crossval.Config{})
				if err != nil {
					return err
				}
				if outcomes[i] == nil {
					outcomes[i] = &crossval.Outcome{Classes: len(ds.Classes)}
				}
				outcomes[i].Join(part)
			}
			if err := stop.add(ctx, d, ds, f.Test); err != nil {
				return err
			}
		}
		for i, seconds := range codeSeconds {
			r := like
			r.Task = fmt.Sprintf("%d targets, %g s", len(ds.Classes), seconds)
			if r.MillisPerTrial, err = e.time(ctx, first, shortened(ds, seconds), folds[0].Test, crossval.ClipRequest); err != nil {
				return err
			}
			e.measure(outcomes[i], r, seconds)
		}
		like.Task = fmt.Sprintf("%d targets, stopped when sure", len(ds.Classes))
		e.add(stop.row(like, len(ds.Classes), longest))
	}
	return nil
}

// shortened is a dataset with the first seconds of each trial.
func shortened(ds *decoders.Dataset, seconds float64) *decoders.Dataset {
	out := *ds
	out.Trials = make([]decoders.Trial, len(ds.Trials))
	for i, t := range ds.Trials {
		rows, n := t.Data.Dims()
		t.Data = t.Data.Slice(0, rows, 0, min(n, int(math.Round(seconds*ds.Rate)))).(*mat.Dense)
		out.Trials[i] = t
	}
	return &out
}

// stopped counts trials that are ended as soon as their answer passes the model's threshold, and those that never do at their end.
type stopped struct {
	n, right, early, rightEarly int
	seconds                     float64
}

func (s *stopped) add(ctx context.Context, d decoders.Decoder, ds *decoders.Dataset, test []int) error {
	for _, i := range test {
		in := crossval.ClipRequest(ds, ds.Trials[i])
		res, err := d.Decode(ctx, in)
		if err != nil {
			return err
		}
		answer, seconds := res.Classes[0].Name, in.Seconds()
		at, early := res.Evidence["stopped_at_s"].(float64)
		if early {
			answer, seconds = res.Evidence["stopped_target"].(string), at
			s.early++
		}
		s.n++
		s.seconds += seconds
		if answer == ds.Classes[ds.Trials[i].Label] {
			s.right++
			if early {
				s.rightEarly++
			}
		}
	}
	return nil
}

func (s *stopped) row(r Row, classes int, longest float64) Row {
	acc, seconds := float64(s.right)/float64(s.n), s.seconds/float64(s.n)
	ci := wilson(acc, s.n)
	r.N, r.AccuracyCI = s.n, &ci
	r.Metrics = map[string]float64{"accuracy": acc, "itr_bits_min": itr(acc, classes, seconds), "itr_t_s": seconds, "coverage": float64(s.early) / float64(s.n)}
	r.Note = fmt.Sprintf("%d of %d stopped before %g s, %d of them right, at a probability of %g", s.early, s.n, longest, s.rightEarly, cvep.DefaultTrainConfig().Threshold)
	return r
}
