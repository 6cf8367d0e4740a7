package evaluation

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/internal/lab/alarms"
	"github.com/neurod/neurod/internal/lab/crossval"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// bonnFolds is the number of folds that the published figures have.
const bonnFolds = 10

// seizure measures Bonn clips and continuous recordings with marked seizures.
func (e *evaluator) seizure(ctx context.Context) error {
	clips := map[string][]string{} // archives by folder
	for _, file := range e.glob("seizure/*/*.zip") {
		clips[e.folder(file)] = append(clips[e.folder(file)], file)
	}
	for _, folder := range sortedKeys(clips) {
		if err := e.skip(ctx, folder, e.bonn(ctx, folder, clips[folder])); err != nil {
			return err
		}
	}
	for _, file := range e.glob("seizure/*/*.f32") {
		if err := e.skip(ctx, file, e.continuous(file)); err != nil {
			return err
		}
	}
	return e.operatingPoints(ctx)
}

// EverybodysScalp names the rows over all recordings from the scalp together.
const EverybodysScalp = "all scalp recordings"

// operatingPoints counts what the seizure check that ships finds, and its false alarms, at every threshold of its card.
func (e *evaluator) operatingPoints(ctx context.Context) error {
	if len(e.glob("seizure/*/*.f32")) == 0 {
		return nil // without a marked seizure there is no sensitivity
	}
	e.progress("operating points of %s", ServedCheck)
	cat, err := catalog.Default()
	if err != nil {
		return err
	}
	choice, err := cat.Resolve(catalog.Query{Model: ServedCheck})
	if err != nil {
		return err
	}
	heard, _, err := alarms.Listen(ctx, choice.Decoder, alarms.Files(e.cfg.Data)) // what cannot be read is listed by its own family
	if err != nil {
		return err
	}
	points, err := heard.Points(alarms.Thresholds)
	if err != nil {
		return err
	}
	for _, p := range points {
		e.add(Row{Dataset: EverybodysScalp, Subject: "all", Task: fmt.Sprintf("threshold %.2f", p.Threshold), Pipeline: ServedCheck, Protocol: OperatingProtocol, N: p.Events,
			Metrics: map[string]float64{"sensitivity": p.Sensitivity, "false_alarms": float64(p.FalseAlarms), "false_alarms_day": p.FalseAlarmsPerDay,
				"false_alarms_day_low": p.Interval[0], "false_alarms_day_high": p.Interval[1], "hours": p.Hours}})
	}
	return nil
}

// OperatingProtocol is that of the operating points.
const OperatingProtocol = "30-s clips, a new one every 15 s"

// bonn tells set S from the others in ten folds, with the amplitude and without it: S is the only intracranial set
// recorded during seizures, so that amplitude alone tells much of it.
func (e *evaluator) bonn(ctx context.Context, folder string, archives []string) error {
	e.progress("%s", folder)
	ds, problems, err := datasets.Bonn(ctx, archives)
	e.problem(problems...)
	if ds != nil {
		for _, file := range archives {
			e.use(file)
		}
	}
	if err != nil {
		return err
	}
	if ds == nil || rarest(ds) < bonnFolds {
		return nil
	}
	split, err := classify.StratifiedKFold(datasets.Labels(ds), bonnFolds, e.cfg.Seed)
	if err != nil {
		return err
	}
	shape := seizure.DefaultModelConfig()
	shape.Amplitude = false
	var list []crossing
	for _, v := range []struct {
		task string
		cfg  seizure.ModelConfig
		ds   *decoders.Dataset
	}{{"S : rest", seizure.DefaultModelConfig(), ds}, {"S : rest, per-clip z-score", shape, scored(ds)}} {
		list = append(list, crossing{pipelineRun{"ictal_score", seizure.IctalScore(), options(v.cfg)}, v.ds, split, nil, func(o *crossval.Outcome, ms float64) error {
			e.measure(o, Row{Dataset: folder, Subject: "all", Task: v.task, Pipeline: "ictal_score", Protocol: "10-fold", MillisPerTrial: ms}, 0)
			scores, ictal := make([]float64, len(o.Labels)), make([]bool, len(o.Labels))
			for i, l := range o.Labels {
				scores[i], ictal[i] = o.Probabilities[i][1], l == 1
			}
			e.report.ROCs = append(e.report.ROCs, rocOf(folder, v.task, "ictal_score", scores, ictal))
			return nil
		}})
	}
	if err := e.run(ctx, list); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	// The rules need no training, so every clip is a test.
	wrong, judged := map[bool]int{}, map[bool]int{}
	for _, tr := range ds.Trials {
		verdict, _ := seizure.Check(decoders.Signal{Data: tr.Data, Channels: ds.Channels, Rate: ds.Rate})
		if verdict == nil {
			continue
		}
		ictal := tr.Label == 1
		if judged[ictal]++; *verdict != ictal {
			wrong[ictal]++
		}
	}
	if judged[true] == 0 || judged[false] == 0 {
		return nil
	}
	n := judged[true] + judged[false]
	r := Row{Dataset: folder, Subject: "all", Task: "S : rest", Pipeline: "seizure rules", Protocol: "training-free", N: n,
		Metrics: map[string]float64{
			"accuracy":     1 - float64(wrong[true]+wrong[false])/float64(n),
			"sensitivity":  1 - float64(wrong[true])/float64(judged[true]),
			"false_accept": float64(wrong[false]) / float64(judged[false]),
		}}
	if left := len(ds.Trials) - n; left > 0 {
		r.Note = fmt.Sprintf("%d of %d trials could not be read", left, len(ds.Trials))
	}
	e.add(r)
	return nil
}

// scored returns the dataset with every clip brought to mean 0 and standard deviation 1, times a typical 50 µV so that
// it still looks like EEG.
func scored(ds *decoders.Dataset) *decoders.Dataset {
	out := *ds
	out.Trials = slices.Clone(ds.Trials)
	for i, tr := range ds.Trials {
		x := mat.DenseCopyOf(tr.Data)
		rows, _ := x.Dims()
		for r := range rows {
			mean, sd := stat.MeanStdDev(x.RawRowView(r), nil)
			for k := range x.RawRowView(r) {
				x.RawRowView(r)[k] = 50 * (x.RawRowView(r)[k] - mean) / math.Max(sd, 1e-12)
			}
		}
		out.Trials[i].Data = x
	}
	return &out
}

// continuous detects seizures in a long recording and scores them the SzCORE way.
func (e *evaluator) continuous(file string) error {
	for _, r := range e.open(file, nil) {
		e.progress("%s", e.relative(file))
		ref := datasets.MarkedSeizures(r)
		if len(ref) == 0 {
			continue
		}
		sig, err := r.Recording.Signal(r.Recording.Labels()...)
		if err != nil {
			e.problem(datasets.Problem{File: file, Err: err})
			continue
		}
		d, err := seizure.NewDetector(seizure.DetectorConfig{})
		if err != nil {
			return err
		}
		begin := e.cfg.Now()
		found, err := d.Detect(sig)
		spent := e.cfg.Now().Sub(begin)
		if err != nil {
			e.problem(datasets.Problem{File: file, Err: err})
			continue
		}
		score, err := seizure.ScoreEvents(ref, found, sig.Seconds())
		if err != nil {
			e.problem(datasets.Problem{File: file, Err: err})
			continue
		}
		var text []string
		for _, ev := range found {
			text = append(text, fmt.Sprintf("%.0f-%.0f s", ev.Start, ev.End))
		}
		e.add(Row{Dataset: e.folder(file), Subject: r.Name, Task: "events (SzCORE)", Pipeline: "seizure detector", Protocol: "training-free", N: score.References,
			Metrics:        map[string]float64{"sensitivity": score.Sensitivity, "precision": score.Precision, "f1": score.F1, "false_alarms_day": score.PerDay, "false_alarms": float64(score.FalsePos)},
			MillisPerTrial: spent.Seconds() * 1000,
			Note:           fmt.Sprintf("found %s; %d false alarms in %.1f min without seizure", strings.Join(text, ", "), score.FalsePos, (sig.Seconds()-length(ref))/60)})
	}
	return nil
}

func length(events []seizure.Event) float64 {
	s := 0.0
	for _, ev := range events {
		s += ev.End - ev.Start
	}
	return s
}
