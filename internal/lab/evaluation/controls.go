package evaluation

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// syntheticDataset is the name of what the program makes itself, which needs no folder.
const syntheticDataset = "synthetic"

// injectedWindows is how many windows each artifact is injected into.
const injectedWindows = 120

type injection struct {
	artifact synthetic.Artifact
	score    func(*window) float64
}

func (in injection) task() string {
	if in.artifact.Kind == synthetic.Flat || in.artifact.Kind == synthetic.Clipping {
		return fmt.Sprintf("%s : clean", in.artifact.Kind)
	}
	return fmt.Sprintf("%s at %g dB : clean", in.artifact.Kind, in.artifact.SNR)
}

// injections are the artifacts with the strength at which their score must tell them from clean windows: root mean square
// against the window's, in the channel where the artifact is strongest.
var injections = []injection{
	{synthetic.Artifact{Kind: synthetic.Blink, SNR: 10}, func(w *window) float64 { return w.Artifacts.BlinkLike }},
	{synthetic.Artifact{Kind: synthetic.Blink, SNR: 12}, func(w *window) float64 { return w.Artifacts.BlinkLike }},
	{synthetic.Artifact{Kind: synthetic.Muscle, SNR: 6}, func(w *window) float64 { return w.Artifacts.EMGLike }},
	{synthetic.Artifact{Kind: synthetic.Motion, SNR: 12}, func(w *window) float64 { return w.Artifacts.MotionLike }},
	{synthetic.Artifact{Kind: synthetic.Motion, SNR: 15}, func(w *window) float64 { return w.Artifacts.MotionLike }},
	{synthetic.Artifact{Kind: synthetic.Mains, SNR: 3}, func(w *window) float64 { return w.Artifacts.BadContact }},
	{synthetic.Artifact{Kind: synthetic.Mains, SNR: 20}, func(w *window) float64 { return w.Artifacts.BadContact }},
	{synthetic.Artifact{Kind: synthetic.Flat}, func(w *window) float64 { return w.Artifacts.BadContact }},
	{synthetic.Artifact{Kind: synthetic.Clipping}, func(w *window) float64 { return w.Artifacts.BadContact }},
}

// injected measures how well each artifact's score tells windows with the artifact from the same windows without it, and
// whether clips full of artifacts are called a seizure.
func (e *evaluator) injected(ctx context.Context) error {
	e.progress("synthetic artifacts")
	for _, in := range injections {
		if err := ctx.Err(); err != nil {
			return err
		}
		var score []float64
		var is []bool
		for seed := range uint64(injectedWindows) {
			clean, err := synthetic.Rest(synthetic.Config{Seed: seed}, 2, seed%2 == 0)
			if err != nil {
				return err
			}
			a := in.artifact
			a.Seed, a.Period = seed, 10
			if a.Kind == synthetic.Blink || a.Kind == synthetic.Motion {
				a.Start = 0.2 + float64(seed)/injectedWindows // anywhere but at the edges
			}
			hit, err := synthetic.Inject(clean.Signal, a)
			if err != nil {
				return err
			}
			for i, sig := range []decoders.Signal{clean.Signal, hit} {
				var w features.Window
				if err := features.Compute(&w, sig); err != nil {
					return err
				}
				score, is = append(score, in.score(&w)), append(is, i == 1)
			}
		}
		e.add(Row{Dataset: syntheticDataset, Subject: "all", Task: in.task(), Pipeline: "features", Protocol: "2-s windows", N: len(is), Metrics: map[string]float64{"auc": classify.AUC(score, is)}})
	}
	var calls verdicts
	for _, a := range []synthetic.Artifact{
		{Kind: synthetic.Blink, PeakUV: 300, Period: 1}, {Kind: synthetic.Blink, PeakUV: 300, Period: 0.5},
		{Kind: synthetic.Muscle, PeakUV: 100}, {Kind: synthetic.Muscle, PeakUV: 500}, {Kind: synthetic.Motion, PeakUV: 1000, Start: 3},
		{Kind: synthetic.Mains, PeakUV: 30}, {Kind: synthetic.Mains, PeakUV: 300, Frequency: 60}, {Kind: synthetic.Clipping}, {Kind: synthetic.Flat},
	} {
		for seed := range uint64(3) {
			clean, err := synthetic.Rest(synthetic.Config{Seed: seed}, controlSeconds, seed%2 == 0)
			if err != nil {
				return err
			}
			a.Seed = seed
			hit, err := synthetic.Inject(clean.Signal, a)
			if err != nil {
				return err
			}
			calls.of(hit)
		}
	}
	e.addVerdicts(syntheticDataset, "all", "blinks, muscle, motion, hum called a seizure", calls)
	return nil
}

// controlSeconds is the length of the clips that hold no seizure.
const controlSeconds = 30

// verdicts counts what the seizure check says of clips without a seizure.
type verdicts struct{ clips, called, silent int }

// of checks clips of 30 s, half a clip apart. No verdict is right too, where a signal cannot be read.
func (v *verdicts) of(sig decoders.Signal) {
	rows, n := sig.Data.Dims()
	size := int(controlSeconds * sig.Rate)
	for from := 0; from < n; from += size / 2 {
		part := sig
		part.Data = sig.Data.Slice(0, rows, from, min(n, from+size)).(*mat.Dense)
		if part.Seconds() < 10 {
			return
		}
		verdict, _ := seizure.Check(part)
		v.clips++
		switch {
		case verdict == nil:
			v.silent++
		case *verdict:
			v.called++
		}
	}
}

func (e *evaluator) addVerdicts(dataset, subject, task string, v verdicts) {
	if v.clips == 0 {
		return
	}
	e.add(Row{Dataset: dataset, Subject: subject, Task: task, Pipeline: "seizure rules", Protocol: "30-s clips", N: v.clips,
		Metrics: map[string]float64{"false_accept": float64(v.called) / float64(v.clips)}, Note: fmt.Sprintf("%d called so, %d without a verdict", v.called, v.silent)})
}

// gate counts the windows of a kind of recording that pass the gate, and which of the artifacts are found in them.
type gate struct{ windows, failed int }

// restGate is the share of a person's 2-s windows of rest, and of the clean ones of the first imagery run, that fail the gate.
func (e *evaluator) restGate(file, subject string, runs []datasets.Run) {
	var rest, imagery gate
	var closed verdicts
	for _, r := range runs {
		name := strings.TrimSuffix(r.Name, ".edf")
		isRest := strings.HasSuffix(name, "R01") || strings.HasSuffix(name, "R02")
		if !isRest && !strings.HasSuffix(name, "R04") {
			continue
		}
		sig, err := r.Recording.Signal()
		if err == nil {
			err = eachWindow(sig, func(w *window, _ *mat.Dense) {
				to := &imagery
				if isRest {
					to = &rest
				} else if !clean(w) {
					return
				}
				to.windows++
				if !w.Gate.Passed {
					to.failed++
				}
			})
		}
		if err != nil {
			e.problem(datasets.Problem{File: file, Err: err})
			continue
		}
		if strings.HasSuffix(name, "R02") {
			closed.of(sig)
		}
	}
	for _, g := range []struct {
		task string
		gate
	}{{"rest", rest}, {"clean windows of imagery", imagery}} {
		if g.windows > 0 {
			e.add(Row{Dataset: e.folder(file), Subject: subject, Task: g.task, Pipeline: "features", Protocol: "2-s windows", N: g.windows,
				Metrics: map[string]float64{"gate_failed": float64(g.failed) / float64(g.windows)}})
		}
	}
	e.addVerdicts(e.folder(file), subject, "closed eyes called a seizure", closed)
}

// clean reports whether a window is clean by the usual rule of laboratories, independent of the scores: on three quarters of
// the channels at most 200 µV peak to peak and no hum to speak of.
func clean(w *window) bool {
	quiet := 0
	for _, c := range w.Channels {
		if c.PeakToPeak < 200 && c.LineShare < 0.3 {
			quiet++
		}
	}
	return 4*quiet >= 3*len(w.Channels)
}

// pooledRows adds rows over all people of rows that carry a share of their windows or clips.
func (e *evaluator) pooledRows(metric string, tasks ...string) {
	type key struct{ dataset, task string }
	sum := map[key]*Row{}
	share := map[key]float64{}
	var order []key
	for _, r := range e.report.Rows {
		v, ok := r.Metrics[metric]
		for _, task := range tasks {
			if !ok || r.Task != task {
				continue
			}
			k := key{r.Dataset, r.Task}
			if sum[k] == nil {
				sum[k] = &Row{Dataset: r.Dataset, Subject: "all", Task: task, Pipeline: r.Pipeline, Protocol: r.Protocol}
				order = append(order, k)
			}
			sum[k].N += r.N
			share[k] += math.Round(v * float64(r.N))
		}
	}
	for _, k := range order {
		sum[k].Metrics = map[string]float64{metric: share[k] / float64(sum[k].N)}
		e.add(*sum[k])
	}
}
