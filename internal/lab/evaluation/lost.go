package evaluation

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// losses are the ways in which the sweep loses a channel. Trial i loses channel i modulo their number, so that each is lost as often as the others.
var losses = []struct {
	name     string
	artifact synthetic.Artifact
}{
	{"all channels", synthetic.Artifact{}},
	{"one flat", synthetic.Artifact{Kind: synthetic.Flat}},
	{"one railed", synthetic.Artifact{Kind: synthetic.Rail}},
	{"one in 200 µV of 50 Hz", synthetic.Artifact{Kind: synthetic.Mains, PeakUV: 200}},
	{"one disconnected", synthetic.Artifact{Kind: synthetic.Disconnected}},
	{"one noise", synthetic.Artifact{Kind: synthetic.Noise}},
}

// LossTask ends the task of rows of the sweep.
const LossTask = ", a channel lost"

// lossTally counts what a decoder answered.
type lossTally struct {
	asked, answered, right int
	confidence             float64 // sum
}

func (t *lossTally) join(o lossTally) {
	t.asked, t.answered, t.right, t.confidence = t.asked+o.asked, t.answered+o.answered, t.right+o.right, t.confidence+o.confidence
}

// lossKey names a row of the sweep.
type lossKey struct{ dataset, task, pipeline, protocol string }

// lost asks a decoder about test trials with a channel lost in each way, with package contact before it as in the service and alone, and adds to
// the tallies.
func (e *evaluator) lost(ctx context.Context, key lossKey, d decoders.Decoder, inputs []*decoders.Input, want []string, into map[lossKey]*lossTally) error {
	if into == nil {
		return nil
	}
	sums := make([][2]lossTally, len(losses))
	g, gctx := guarded.WithContext(ctx)
	g.SetLimit(e.cfg.Parallel)
	for n, loss := range losses {
		g.Go(func() error {
			for i, in := range inputs {
				view := *in
				if loss.artifact.Kind != "" {
					a := loss.artifact
					a.Channels, a.Seed = []string{in.Channels[i%len(in.Channels)]}, e.cfg.Seed+uint64(i)
					sig, err := synthetic.Inject(in.Signal, a)
					if err != nil {
						return err
					}
					view.Signal = sig
				}
				for k, decode := range []func() (*decoders.Result, error){
					func() (*decoders.Result, error) { return contact.Decode(gctx, d, &view) },
					func() (*decoders.Result, error) { return d.Decode(gctx, &view) },
				} {
					res, err := decode()
					if gctx.Err() != nil {
						return gctx.Err()
					}
					sums[n][k].asked++
					if err != nil {
						continue // no answer
					}
					sums[n][k].confidence += res.Classes[0].Probability
					if res.Classes[0].Name == string(eeg.Undetermined) {
						continue
					}
					sums[n][k].answered++
					if res.Classes[0].Name == want[i] {
						sums[n][k].right++
					}
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for n, loss := range losses {
		for k, guard := range []string{"", ", decoder alone"} {
			at := key
			at.protocol = loss.name + guard
			if into[at] == nil {
				into[at] = &lossTally{}
			}
			into[at].join(sums[n][k])
		}
	}
	return nil
}

// lossRows writes the tallies of one dataset, task and pipeline in the order of the losses.
func (e *evaluator) lossRows(key lossKey, from map[lossKey]*lossTally) {
	for _, loss := range losses {
		for _, guard := range []string{"", ", decoder alone"} {
			at := key
			at.protocol = loss.name + guard
			t := from[at]
			if t == nil || t.asked == 0 {
				continue
			}
			m := map[string]float64{"coverage": float64(t.answered) / float64(t.asked), "confidence": t.confidence / float64(t.asked)}
			r := Row{Dataset: key.dataset, Subject: "all", Task: key.task + LossTask, Pipeline: key.pipeline, Protocol: at.protocol, N: t.asked, Metrics: m}
			if t.answered > 0 {
				m["accuracy"] = float64(t.right) / float64(t.answered)
				ci := wilson(m["accuracy"], t.answered)
				r.AccuracyCI = &ci
			}
			e.add(r)
		}
	}
}

// sortedLosses returns what the tallies are of, each once and in order.
func sortedLosses(tallies map[lossKey]*lossTally) []lossKey {
	var keys []lossKey
	for k := range tallies {
		if k.protocol = ""; !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b lossKey) int {
		return cmp.Or(cmp.Compare(a.dataset, b.dataset), cmp.Compare(a.task, b.task), cmp.Compare(a.pipeline, b.pipeline))
	})
	return keys
}

// lossMontage is where the sweep of motor imagery is made: the eight electrodes of a Unicorn, of which a built-in model knows nothing of the person.
var lossMontage = strings.Fields("Fz C3 Cz C4 Pz PO7 Oz PO8")

// lostImagery leaves one person out at a time and loses a channel of each clip of that person.
func (e *evaluator) lostImagery(ctx context.Context, dataset, task string, people []*decoders.Dataset) error {
	all, problems := datasets.Pool(people)
	e.problem(problems...)
	if all == nil {
		return nil
	}
	all, err := datasets.Pick(all, lossMontage)
	if err != nil {
		return nil //nolint:nilerr // another cap: nothing to measure
	}
	folds, err := classify.GroupKFold(datasets.Subjects(all))
	if err != nil || len(folds) < 2 {
		return err
	}
	cfg := motorimagery.CrossSubject()
	cfg.Mirror = strings.HasPrefix(task, "left/right")
	for _, p := range []decoders.Preparer{motorimagery.CSPLDA(), motorimagery.TSLR(), motorimagery.MDM()} {
		e.progress("%s %s %s, channels lost", dataset, task, p.Name())
		prepared, err := p.Prepare(all, options(cfg), nil)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name(), err)
		}
		key, sums := lossKey{dataset, task, p.Name() + " 8 ch", ""}, map[lossKey]*lossTally{}
		for _, f := range folds {
			d, err := prepared.Train(ctx, f.Train)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name(), err)
			}
			inputs, want := clips(all, f.Test)
			if err := e.lost(ctx, key, d, inputs, want, sums); err != nil {
				return fmt.Errorf("%s: %w", p.Name(), err)
			}
		}
		e.lossRows(key, sums)
	}
	return nil
}

// lostFlashes trains on four fifths of one person's flashes and loses a channel of each of the others, some hundred at most.
func (e *evaluator) lostFlashes(ctx context.Context, dataset string, people []*decoders.Dataset) error {
	const most = 120
	for _, pr := range flashPipelines("") {
		key, sums := lossKey{dataset, "target/other flash", pr.label, ""}, map[lossKey]*lossTally{}
		for _, ds := range people {
			if rarest(ds) < 5 || len(ds.Channels) < 3 {
				continue
			}
			folds, err := classify.StratifiedKFold(datasets.Labels(ds), 5, e.cfg.Seed)
			if err != nil {
				return err
			}
			d, err := pr.pipeline.Train(ctx, datasets.Subset(ds, folds[0].Train), pr.config)
			if err != nil {
				return fmt.Errorf("%s: %w", pr.label, err)
			}
			inputs, want := clips(ds, folds[0].Test[:min(most, len(folds[0].Test))])
			if err := e.lost(ctx, key, d, inputs, want, sums); err != nil {
				return fmt.Errorf("%s: %w", pr.label, err)
			}
		}
		e.lossRows(key, sums)
	}
	return nil
}

// clips are the requests for trials, and their classes.
func clips(ds *decoders.Dataset, index []int) ([]*decoders.Input, []string) {
	var inputs []*decoders.Input
	var want []string
	for _, i := range index {
		inputs, want = append(inputs, crossval.ClipRequest(ds, ds.Trials[i])), append(want, ds.Classes[ds.Trials[i].Label])
	}
	return inputs, want
}

// lostFlickers loses a channel of each trial of a flicker before the methods without training.
func (e *evaluator) lostFlickers(ctx context.Context, dataset, method string, d decoders.Decoder, set ssvepSet, sigs []decoders.Signal, trials [][]flicker) error {
	var inputs []*decoders.Input
	var want []string
	for i, sig := range sigs {
		if len(sig.Channels) < 3 {
			return nil
		}
		for _, tr := range trials[i] {
			from := max(0, tr.start-ssvepMargin)
			to := min(tr.start+set.end+ssvepMargin, sig.Seconds()-1/sig.Rate)
			data, ok := cut(sig, from, to)
			if !ok || to < tr.start+set.end || tr.frequency == 0 {
				continue
			}
			for _, t := range set.targets {
				if t.Frequency == tr.frequency {
					inputs = append(inputs, &decoders.Input{Signal: decoders.Signal{Data: mat.DenseCopyOf(data), Channels: sig.Channels, Rate: sig.Rate},
						Events: []eeg.Event{{Onset: tr.start - from, Code: 1}}, Stimulus: decoders.Stimulus{Targets: set.targets}})
					want = append(want, t.Label)
				}
			}
		}
	}
	return e.lost(ctx, lossKey{dataset, "flicker", method, ""}, d, inputs, want, e.flickerLosses)
}
