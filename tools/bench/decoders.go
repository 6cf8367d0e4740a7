package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/decoders/synthetic"
)

// decoderCase is one timed piece of the science and the longest it may take.
type decoderCase struct {
	name  string
	limit float64 // ms on one core; 0 where none is stated
	make  func(context.Context) (func() error, error)
}

// benchDecoders times each decoder for one trial on one core, beside its limit.
func benchDecoders(ctx context.Context) error {
	fmt.Println("\n## Time of one decode, one core")
	for _, c := range decoderCases() {
		call, err := c.make(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		var failed error
		r := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := call(); err != nil {
					failed = err
					return
				}
			}
		})
		if failed != nil {
			return fmt.Errorf("%s: %w", c.name, failed)
		}
		took := float64(r.NsPerOp()) / 1e6
		limit := ""
		if c.limit > 0 {
			limit = fmt.Sprintf(" (limit %g: %s)", c.limit, verdict(took <= c.limit))
		}
		fmt.Printf("%-44s %8.3f ms%s, %d allocations\n", c.name, took, limit, r.AllocsPerOp())
	}
	return nil
}

func decoderCases() []decoderCase {
	return []decoderCase{
		{"CSP+LDA, 8 channels × 4 s", .5, imagery(motorimagery.CSPLDA(), 8)},
		{"CSP+LDA, 64 channels × 4 s", 1, imagery(motorimagery.CSPLDA(), 64)},
		{"tangent space + LR, 8 channels × 4 s", 0, imagery(motorimagery.TSLR(), 8)},
		{"CCA, 40 targets × 5 harmonics, 8 × 4 s", 1, flicker(ssvep.Config{Method: ssvep.CCA, Harmonics: 5})},
		{"FBCCA, 40 targets × 5 harmonics, 8 × 4 s", 5, flicker(ssvep.Config{Method: ssvep.FBCCA})},
		{"feature window, 8 channels × 2 s", .15, window(8)},
		{"feature window, 64 channels × 2 s", 1, window(64)},
		{"covariance + tangent vector, 22 channels × 2 s", .3, tangent(22)},
		{"P300 letter, 12 codes × 15 repetitions, 8 ch", 0, letter},
		{"seizure check, 8 channels × 20 s", 0, check},
	}
}

// noise is channels × samples of white noise, µV.
func noise(rng *rand.Rand, channels, samples int) *mat.Dense {
	x := mat.NewDense(channels, samples, nil)
	x.Apply(func(int, int, float64) float64 { return 10 * rng.NormFloat64() }, x)
	return x
}

func labels(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("E%d", i+1)
	}
	return out
}

func imagery(p decoders.Pipeline, channels int) func(context.Context) (func() error, error) {
	return func(ctx context.Context) (func() error, error) {
		rng := rand.New(rand.NewPCG(1, 1))
		ds := &decoders.Dataset{Channels: labels(channels), Rate: 250, Classes: []string{"left_hand", "right_hand"}}
		for i := range 40 {
			ds.Trials = append(ds.Trials, decoders.Trial{Data: noise(rng, channels, 1000), Label: i % 2})
		}
		d, err := p.Train(ctx, ds, nil)
		if err != nil {
			return nil, err
		}
		in := &decoders.Input{Signal: decoders.Signal{Data: noise(rng, channels, 1000), Channels: ds.Channels, Rate: 250}}
		return func() error { _, err := d.Decode(ctx, in); return err }, nil
	}
}

func flicker(cfg ssvep.Config) func(context.Context) (func() error, error) {
	return func(ctx context.Context) (func() error, error) {
		d, err := ssvep.New(cfg)
		if err != nil {
			return nil, err
		}
		targets := make([]decoders.Target, 40)
		for i := range targets {
			targets[i].Frequency = 8 + .2*float64(i) // the 40 targets of Chen et al. 2015
		}
		s, err := synthetic.SSVEP(synthetic.Config{Channels: []string{"Oz", "O1", "O2", "PO3", "PO4", "POz", "PO7", "PO8"}},
			synthetic.FlickerConfig{Targets: []decoders.Target{{Frequency: 12}}, TrialsPerTarget: 1, TrialSeconds: 6})
		if err != nil {
			return nil, err
		}
		from := int(s.Events[0].Onset * s.Rate)
		clip := mat.DenseCopyOf(s.Data.Slice(0, 8, from, from+1000))
		in := &decoders.Input{Signal: decoders.Signal{Data: clip, Channels: s.Channels, Rate: s.Rate}, Stimulus: decoders.Stimulus{Targets: targets}}
		return func() error { _, err := d.Decode(ctx, in); return err }, nil
	}
}

func window(channels int) func(context.Context) (func() error, error) {
	return func(context.Context) (func() error, error) {
		// Blinks are looked for on frontal electrodes only, so the names matter.
		names, _ := recording.MontageFor("", channels)
		ex, err := features.New(features.Config{Rate: 250, Channels: names})
		if err != nil {
			return nil, err
		}
		x := noise(rand.New(rand.NewPCG(2, 1)), channels, ex.Samples())
		var w features.Window
		return func() error { return ex.Compute(&w, x) }, nil
	}
}

func tangent(channels int) func(context.Context) (func() error, error) {
	return func(context.Context) (func() error, error) {
		rng := rand.New(rand.NewPCG(3, 1))
		var covs []*mat.SymDense
		for range 30 {
			c := mat.NewSymDense(channels, nil)
			if err := riemann.OAS(c, noise(rng, channels, 500)); err != nil {
				return nil, err
			}
			covs = append(covs, c)
		}
		ts, err := riemann.FitTangentSpace(covs)
		if err != nil {
			return nil, err
		}
		x, cov, v := noise(rng, channels, 500), mat.NewSymDense(channels, nil), make([]float64, ts.Dim())
		est := riemann.NewCovariance(riemann.KindOAS)
		return func() error {
			if _, err := est.Estimate(cov, x); err != nil {
				return err
			}
			_, err := ts.Project(v, cov)
			return err
		}, nil
	}
}

func letter(ctx context.Context) (func() error, error) {
	cfg := synthetic.Config{Channels: []string{"Fz", "Cz", "P3", "Pz", "P4", "PO7", "Oz", "PO8"}}
	train, err := synthetic.Speller(cfg, synthetic.SpellerConfig{Text: "CAT"})
	if err != nil {
		return nil, err
	}
	ds := p300.NewDataset(train.Channels, train.Rate)
	ds.Trials = p300.Trials(train.Signal, train.Events, train.Targets, "1")
	d, err := p300.XDAWNLDA().Train(ctx, ds, nil)
	if err != nil {
		return nil, err
	}
	cfg.Seed = 1
	one, err := synthetic.Speller(cfg, synthetic.SpellerConfig{Text: "D", Repetitions: 15})
	if err != nil {
		return nil, err
	}
	in := one.Input()
	return func() error { _, err := d.Decode(ctx, in); return err }, nil
}

func check(context.Context) (func() error, error) {
	s, err := synthetic.Rest(synthetic.Config{Channels: synthetic.TenTwenty()[:8]}, 20, true)
	if err != nil {
		return nil, err
	}
	return func() error {
		if verdict, _ := seizure.Check(s.Signal); verdict != nil && *verdict {
			return errors.New("rest was called ictal-like")
		}
		return nil
	}, nil
}
