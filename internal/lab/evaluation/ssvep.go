package evaluation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// The OpenViBE stimulation codes of the exoskeleton recordings (Kalunga et al. 2016): a label comes 3 s before the trial.
const (
	codeRest       = 33024
	codeTrialStart = 32779
)

var (
	exoskeletonFrequency = map[int]float64{33025: 13, 33026: 21, 33027: 17}
	exoskeletonTargets   = []eeg.Target{{Label: "13 Hz", Frequency: 13}, {Label: "17 Hz", Frequency: 17}, {Label: "21 Hz", Frequency: 21}}
	museFrequency        = map[int]float64{1: 30, 2: 20}
	museTargets          = []eeg.Target{{Label: "20 Hz", Frequency: 20}, {Label: "30 Hz", Frequency: 30}}
)

// ssvepMargin is how many seconds of signal around a trial the decoder is given for its filters' edges.
const ssvepMargin = 2.0

// cut returns the samples from start to stop seconds (half open) of all channels, or false where the signal does not
// cover them.
func cut(sig decoders.Signal, start, stop float64) (*mat.Dense, bool) {
	from := int(start*sig.Rate + .5)
	n := int((stop-start)*sig.Rate + .5)
	if start < 0 || n < 1 || from+n > sig.Samples() {
		return nil, false
	}
	rows, _ := sig.Data.Dims()
	return sig.Data.Slice(0, rows, from, from+n).(*mat.Dense), true
}

// flicker is one SSVEP trial: where it starts and what was looked at (0 Hz for rest).
type flicker struct {
	start     float64 // s
	frequency float64 // Hz
}

// ssvepSet is how a kind of recording is decoded.
type ssvepSet struct {
	targets    []eeg.Target
	start, end float64 // s after the trial's start
	harmonics  int     // of CCA
}

// ssvep measures training-free decoding: exoskeleton recordings file by file, Muse recordings by subject.
func (e *evaluator) ssvep(ctx context.Context) error {
	exo := ssvepSet{exoskeletonTargets, .5, 4.5, 3}
	for _, file := range e.glob("ssvep/*/*.gdf") {
		for _, r := range e.open(file, nil) {
			sig, err := r.Recording.Signal()
			if err != nil {
				e.problem(datasets.Problem{File: file, Err: err})
				continue
			}
			sigs, trials := []decoders.Signal{sig}, [][]flicker{exoskeletonTrials(r.Recording.Events)}
			if err := e.skip(ctx, file, e.ssvepRows(ctx, e.folder(file), r.Name, exo, sigs, trials)); err != nil {
				return err
			}
			if err := e.skip(ctx, file, e.calibratedRows(ctx, e.folder(file), r.Name, exo, sigs, trials)); err != nil {
				return err
			}
		}
	}
	muse := ssvepSet{museTargets, .5, 3, 1}
	bySubject := map[string][]string{}
	for _, file := range e.glob("ssvep/*/*.csv") {
		key := filepath.Join(filepath.Dir(file), subjectOf(datasets.Stem(file)))
		bySubject[key] = append(bySubject[key], file)
	}
	for _, key := range sortedKeys(bySubject) {
		var sigs []decoders.Signal
		var trials [][]flicker
		for _, file := range bySubject[key] {
			for _, r := range e.open(file, nil) {
				sig, err := auxSignal(r.Recording)
				if err != nil {
					e.problem(datasets.Problem{File: file, Err: err})
					continue
				}
				var tr []flicker
				for _, ev := range r.Recording.Events {
					if f, ok := museFrequency[ev.Code]; ok {
						tr = append(tr, flicker{ev.Onset, f})
					}
				}
				sigs, trials = append(sigs, sig), append(trials, tr)
			}
		}
		if len(sigs) > 0 {
			folder, subject := e.folder(bySubject[key][0]), filepath.Base(key)
			if err := e.skip(ctx, key, e.ssvepRows(ctx, folder, subject, muse, sigs, trials)); err != nil {
				return err
			}
			if err := e.skip(ctx, key, e.calibratedRows(ctx, folder, subject, muse, sigs, trials)); err != nil {
				return err
			}
		}
	}
	e.totals()
	for _, key := range sortedLosses(e.flickerLosses) {
		e.lossRows(key, e.flickerLosses)
	}
	e.meanRows("ssvep/", "training-free", "rest against stimulus", leaveOneBlock)
	return nil
}

// auxSignal is the electrode on a Muse's auxiliary input alone.
func auxSignal(rec *recording.Recording) (decoders.Signal, error) {
	labels := rec.Labels()
	aux := slices.IndexFunc(labels, func(l string) bool { return strings.Contains(strings.ToUpper(l), "AUX") })
	if aux < 0 {
		return decoders.Signal{}, fmt.Errorf("no AUX electrode")
	}
	return rec.Signal(labels[aux])
}

// exoskeletonTrials pairs each label with the trial start that follows it.
func exoskeletonTrials(events []eeg.Event) []flicker {
	var out []flicker
	frequency, labelled := 0.0, false
	for _, ev := range events {
		f, stimulus := exoskeletonFrequency[ev.Code]
		switch {
		case stimulus:
			frequency, labelled = f, true
		case ev.Code == codeRest:
			frequency, labelled = 0, true
		case ev.Code == codeTrialStart && labelled:
			out = append(out, flicker{ev.Onset, frequency})
			labelled = false
		}
	}
	return out
}

// subjectOf is the part of a file name before its session, "subject1" of "subject1_session1_data_...".
func subjectOf(name string) string {
	s, _, _ := strings.Cut(name, "_")
	return s
}

func (e *evaluator) ssvepRows(ctx context.Context, dataset, subject string, set ssvepSet, sigs []decoders.Signal, trials [][]flicker) error {
	e.progress("%s %s", dataset, subject)
	for _, method := range []string{ssvep.CCA, ssvep.FBCCA} {
		cfg := ssvep.Config{Method: method, Skip: set.start, Seconds: set.end - set.start}
		if method == ssvep.CCA {
			cfg.Harmonics = set.harmonics
		}
		d, err := ssvep.New(cfg)
		if err != nil {
			return err
		}
		if err := e.lostFlickers(ctx, dataset, method, d, set, sigs, trials); err != nil {
			return err
		}
		right, shown := 0, 0
		var told presence
		var spent time.Duration
		for i, sig := range sigs {
			for _, tr := range trials[i] {
				// The filters see what a client would send along: two seconds on either side, where they were recorded.
				from := max(0, tr.start-ssvepMargin)
				to := min(tr.start+set.end+ssvepMargin, sig.Seconds()-1/sig.Rate)
				data, ok := cut(sig, from, to)
				if !ok || to < tr.start+set.end {
					continue
				}
				in := &decoders.Input{
					Signal:   decoders.Signal{Data: data, Channels: sig.Channels, Rate: sig.Rate},
					Events:   []eeg.Event{{Onset: tr.start - from, Code: 1}},
					Stimulus: decoders.Stimulus{Targets: set.targets},
				}
				begin := e.cfg.Now()
				res, err := d.Decode(ctx, in)
				spent += e.cfg.Now().Sub(begin)
				if errors.As(err, new(*decoders.Error)) && ctx.Err() == nil {
					e.problem(datasets.Problem{File: filepath.Join(e.cfg.Data, filepath.FromSlash(dataset)), Err: fmt.Errorf("%s, %s, trial at %.2f s left out: %w", subject, method, tr.start, err)})
					continue
				}
				if err != nil {
					return fmt.Errorf("%s at %.2f s: %w", subject, tr.start, err)
				}
				told.add(res, tr.frequency > 0)
				if tr.frequency == 0 {
					continue
				}
				shown++
				if best, _ := bestTarget(res); best == fmt.Sprintf("%g Hz", tr.frequency) {
					right++
				}
			}
		}
		if shown == 0 {
			continue
		}
		e.add(flickerRow(dataset, subject, method, set, right, shown, told, spent))
		total := e.flicker.of(dataset, method, fmt.Sprintf("no target, %g s", set.end-set.start))
		total.right, total.shown, total.targets = total.right+right, total.shown+shown, len(set.targets)
		if told.n[0] > 0 {
			e.add(told.row(Row{Dataset: dataset, Subject: subject, Task: "no target", Pipeline: method, Protocol: "rest against stimulus"}))
			total.join(&told)
		}
	}
	return nil
}

func flickerRow(dataset, subject, method string, set ssvepSet, right, shown int, told presence, spent time.Duration) Row {
	acc := float64(right) / float64(shown)
	ci := wilson(acc, shown)
	return Row{Dataset: dataset, Subject: subject, Task: fmt.Sprintf("%d targets", len(set.targets)), Pipeline: method, Protocol: "training-free", N: shown, AccuracyCI: &ci,
		Metrics:        map[string]float64{"accuracy": acc, "itr_bits_min": itr(acc, len(set.targets), set.end-set.start), "accepted": float64(told.accepted[1]) / float64(shown)},
		MillisPerTrial: spent.Seconds() * 1000 / float64(shown+told.n[0]), Note: fmt.Sprintf("%d/%d right", right, shown)}
}

// totals adds, for each kind of recording, the right answers of fbcca over everybody, which must not be fewer than those of
// cca where there are three targets, and what "no target" reaches over everybody. On a single electrode with two targets, cca
// with the fundamental alone is right a little more often.
func (e *evaluator) totals() {
	for _, t := range e.flicker.list {
		if len(t.looking) > 0 {
			e.add(t.row(Row{Dataset: t.dataset, Subject: "all (pooled)", Task: t.task, Pipeline: t.method, Protocol: "rest against stimulus"}))
			e.report.ROCs = append(e.report.ROCs, rocOf(t.dataset, t.task, t.method, t.there, t.looking))
		}
		if t.method != ssvep.FBCCA || t.shown == 0 {
			continue
		}
		cca := e.flicker.of(t.dataset, ssvep.CCA, t.task)
		share := float64(t.right) / float64(t.shown)
		ci := wilson(share, t.shown)
		r := Row{Dataset: t.dataset, Subject: "all (total)", Task: "targets", Pipeline: t.method, Protocol: "training-free", N: t.shown, AccuracyCI: &ci,
			Metrics: map[string]float64{"accuracy": share}, Note: fmt.Sprintf("%d right, cca %d", t.right, cca.right)}
		if t.targets > 2 {
			must := float64(cca.right) / float64(t.shown)
			r.Reference = &Reference{Metric: "accuracy", Value: must, Must: must, Source: "cca on the same trials", Pass: t.right >= cca.right}
		}
		e.add(r)
	}
}

// bestTarget returns the most probable target, whatever the verdict, and the probability of no target.
func bestTarget(res *decoders.Result) (best string, none float64) {
	for _, c := range res.Classes {
		switch {
		case c.Name == ssvep.NoTarget:
			none = c.Probability
		case best == "":
			best = c.Name
		}
	}
	return best, none
}

// rocText lists a few points of a curve.
func rocText(points []classify.ROCPoint) string {
	var parts []string
	for _, limit := range []float64{0, .05, .1, .2, .3} {
		best := 0.0
		for _, p := range points {
			if p.FalsePositiveRate <= limit+1e-9 {
				best = max(best, p.TruePositiveRate)
			}
		}
		parts = append(parts, fmt.Sprintf("%.2f → %.2f", limit, best))
	}
	return strings.Join(parts, ", ")
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
