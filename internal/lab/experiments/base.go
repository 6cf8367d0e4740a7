package experiments

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// baseSizes are the person's own trials of each class.
var baseSizes = []int{2, 5, 10, 14}

// candidate is a way to add a person's trials to others: pooled with a weight, or the others' model fine-tuned with a C.
type candidate struct {
	name    string
	options string
	tuned   bool
}

func baseCandidates() []candidate {
	var out []candidate
	for _, w := range []float64{3, 10, 30, 100} {
		out = append(out, candidate{name: fmt.Sprintf("pooled, weight %g", w), options: fmt.Sprintf(`{"weight":%g,"folds":0}`, w)})
	}
	for _, c := range []float64{0.3, 1, 3, 10} {
		out = append(out, candidate{fmt.Sprintf("fine-tuned, C %g", c), fmt.Sprintf(`{"c":%g,"folds":0}`, c), true})
	}
	return out
}

// base compares ways to train on top of others: each person new to the others, one run left out, by the mean of single clips and of clips to which
// the decoder is moved online. The last line chooses anew without each person.
func base(ctx context.Context, cfg Config) error {
	everything, err := imagery(ctx, cfg)
	if err != nil {
		return err
	}
	for i, t := range everything.Trials { // trials begin at the cue, as those of requests do
		rows, n := t.Data.Dims()
		everything.Trials[i].Data = t.Data.Slice(0, rows, int(lead*everything.Rate), n).(*mat.Dense)
	}
	everything.Cue = 0
	subjects := datasets.Subjects(everything)
	names := slices.Compact(slices.Clone(subjects))
	list := baseCandidates()
	byCap := make([][][]float64, len(montages)) // cap × person × candidate, mean over sizes
	for m, of := range montages {
		all, err := datasets.Pick(everything, of.channels)
		if err != nil {
			return err
		}
		statistics, err := motorimagery.NewPeople(all, motorimagery.PeopleFront{Low: low, High: high, Order: 4, Start: 0, End: seconds}, true)
		if err != nil {
			return err
		}
		byCap[m] = make([][]float64, len(names))
		g, gctx := guarded.WithContext(ctx)
		for k, name := range names {
			g.Go(func() (err error) {
				byCap[m][k], err = onTop(gctx, statistics.Without(k), all, subjects, name, list)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	// of is a candidate's accuracy for a person on one cap; on all where m is -1.
	of := func(m, k, c int) float64 {
		if m >= 0 {
			return byCap[m][k][c]
		}
		sum := 0.0
		for m := range byCap {
			sum += byCap[m][k][c] / float64(len(byCap))
		}
		return sum
	}
	mean := func(m, c, without int) float64 {
		sum, n := 0.0, 0.0
		for k := range names {
			if k != without {
				sum, n = sum+of(m, k, c), n+1
			}
		}
		return sum / n
	}
	fmt.Fprintf(cfg.Out, "\nOn top of others: %d people, %v own trials of each hand, one run left out, mean of single clips and online\n\n| way |", len(names), baseSizes)
	for _, m := range montages {
		fmt.Fprintf(cfg.Out, " %s |", m.name)
	}
	fmt.Fprintf(cfg.Out, " mean |\n|%s\n", strings.Repeat(" --- |", len(montages)+2))
	for c, w := range list {
		fmt.Fprintf(cfg.Out, "| %s |", w.name)
		for m := range montages {
			fmt.Fprintf(cfg.Out, " %.3f |", mean(m, c, -1))
		}
		fmt.Fprintf(cfg.Out, " %.3f |\n", mean(-1, c, -1))
	}
	nested, chosen := 0.0, make([]int, len(list))
	for k := range names {
		best := 0
		for c := range list {
			if mean(-1, c, k) > mean(-1, best, k) {
				best = c
			}
		}
		nested += of(-1, k, best) / float64(len(names))
		chosen[best]++
	}
	fmt.Fprintf(cfg.Out, "| chosen without each person in turn |%s %.3f |\n\n", strings.Repeat(" |", len(montages)), nested)
	for c, n := range chosen {
		if n > 0 {
			fmt.Fprintf(cfg.Out, "%s is chosen for %d of %d people\n", list[c].name, n, len(names))
		}
	}
	return nil
}

// onTop measures the candidates on one person; each has the mean over sizes and both ways of decoding.
func onTop(ctx context.Context, people *motorimagery.People, all *decoders.Dataset, subjects []string, name string, list []candidate) ([]float64, error) {
	var own, rest []int
	for i, s := range subjects {
		if s == name {
			own = append(own, i)
		} else {
			rest = append(rest, i)
		}
	}
	ds := datasets.Subset(all, own)
	runs, err := classify.GroupKFold(datasets.Groups(ds))
	if err != nil {
		return nil, err
	}
	cross := motorimagery.CrossSubject()
	cross.Align, cross.Center, cross.Start, cross.End, cross.Folds = true, motorimagery.CenterRiemann, 0, seconds, 0
	options, err := json.Marshal(cross)
	if err != nil {
		return nil, err
	}
	others, err := motorimagery.TSLR().Train(ctx, datasets.Subset(all, rest), options)
	if err != nil {
		return nil, err
	}
	tuned, err := motorimagery.OnTopOfModel(others)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(list))
	for c, w := range list {
		p := motorimagery.OnTopOf(people)
		if w.tuned {
			p = tuned
		}
		prepared, err := p.Prepare(ds, json.RawMessage(w.options), nil)
		if err != nil {
			return nil, err
		}
		for _, n := range baseSizes {
			right, asked := 0.0, 0.0
			for _, f := range crossval.Shrink(runs, datasets.Labels(ds), len(ds.Classes), n, 42) {
				d, err := prepared.Train(ctx, f.Train)
				if err != nil {
					return nil, err
				}
				single, err := crossval.Decode(ctx, d, ds, f.Test, crossval.Config{Parallel: 1})
				if err != nil {
					return nil, err
				}
				online, err := crossval.Recentred(ctx, d, ds, f.Test, motorimagery.DefaultRecentring(), true, crossval.Config{Parallel: 1})
				if err != nil {
					return nil, err
				}
				k := float64(len(f.Test))
				right, asked = right+k*(single.Accuracy()+online.Accuracy())/2, asked+k
			}
			out[c] += right / asked / float64(len(baseSizes))
		}
	}
	return out, nil
}
