package evaluation

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
)

type window = features.Window

// eachWindow computes the 2-s feature windows of a signal, one after another.
func eachWindow(sig decoders.Signal, see func(*window, *mat.Dense)) error {
	ex, err := features.New(features.Config{Rate: sig.Rate, Channels: sig.Channels})
	if err != nil {
		return err
	}
	rows, n := sig.Data.Dims()
	var w window
	for from := 0; from+ex.Samples() <= n; from += ex.Samples() {
		part := sig.Data.Slice(0, rows, from, from+ex.Samples()).(*mat.Dense)
		if err := ex.Compute(&w, part); err != nil {
			return err
		}
		see(&w, part)
	}
	return nil
}

// found is the score from which an artifact counts as found.
const found = .5

// artifacts lists, for each recording below artifacts/ and headsets/, the share of 2-s windows in which each artifact is
// found and which pass the gate. The blink recordings hold a voluntary blink in every 2-s block.
func (e *evaluator) artifacts(context.Context) error {
	for _, pattern := range []string{"artifacts/*/*", "headsets/*/*"} {
		for _, file := range e.glob(pattern) {
			if filepath.Base(file) == "SOURCE.txt" {
				continue
			}
			e.progress("%s", e.relative(file))
			runs := e.open(file, nil)
			if len(runs) == 0 {
				continue
			}
			sig, err := windowsSignal(e.relative(file), runs[0].Recording)
			if err != nil {
				e.problem(datasets.Problem{File: file, Err: err})
				continue
			}
			n, passed := 0, 0
			var sum eeg.ArtifactScores
			err = eachWindow(sig, func(w *window, _ *mat.Dense) {
				n++
				if w.Gate.Passed {
					passed++
				}
				count(&sum.BlinkLike, w.Artifacts.BlinkLike)
				count(&sum.MotionLike, w.Artifacts.MotionLike)
				count(&sum.EMGLike, w.Artifacts.EMGLike)
				count(&sum.BadContact, w.Artifacts.BadContact)
			})
			if err != nil || n == 0 {
				e.problem(datasets.Problem{File: file, Err: fmt.Errorf("no window: %w", err)})
				continue
			}
			share := func(v float64) float64 { return v / float64(n) }
			e.add(Row{Dataset: e.folder(file), Subject: datasets.Stem(file), Task: "share of windows", Pipeline: "features", Protocol: "2-s windows", N: n,
				Metrics: map[string]float64{"blink": share(sum.BlinkLike), "motion": share(sum.MotionLike), "emg": share(sum.EMGLike),
					"bad_contact": share(sum.BadContact), "gate_passed": share(float64(passed))}})
			var calls verdicts
			calls.of(sig)
			e.addVerdicts(e.folder(file), datasets.Stem(file), "called a seizure", calls)
		}
	}
	return nil
}

func count(to *float64, score float64) {
	if score >= found {
		*to++
	}
}

// windowsSignal is a recording's EEG. Tables without a clock get the rate that their source states.
func windowsSignal(file string, rec *recording.Recording) (decoders.Signal, error) {
	switch {
	case strings.HasPrefix(file, "artifacts/blink_muse/"):
		rec.SetRate(255) // one blink in every block of 510 samples
	case strings.HasPrefix(file, "artifacts/blink_pyriemann/"):
		rec.SetRate(128)
	}
	return rec.Signal()
}

// formats reads everything below formats/ and malformed/ and counts what is read and what is refused with a reason.
func (e *evaluator) formats(context.Context) error {
	for _, pattern := range []string{"formats/*/*", "malformed/*"} {
		read, refused := map[string]int{}, map[string]int{}
		for _, file := range e.glob(pattern) {
			if filepath.Base(file) == "SOURCE.txt" || isCompanion(file) {
				continue
			}
			dataset := e.folder(file)
			runs := e.open(file, nil)
			if len(runs) == 0 {
				refused[dataset]++
				continue
			}
			if !finite(runs[0].Recording) {
				return fmt.Errorf("%s: read with samples that are not numbers", file)
			}
			read[dataset]++
		}
		all := map[string]bool{}
		for k := range read {
			all[k] = true
		}
		for k := range refused {
			all[k] = true
		}
		for _, dataset := range sortedKeys(all) {
			e.add(Row{Dataset: dataset, Subject: "all", Task: "files", Pipeline: "recording", Protocol: "read or refused", N: read[dataset] + refused[dataset],
				Metrics: map[string]float64{"read": float64(read[dataset]), "refused": float64(refused[dataset])}})
		}
	}
	return nil
}

// isCompanion tells the files that are read with another one: the data and markers of BrainVision.
func isCompanion(file string) bool {
	ext := strings.ToLower(filepath.Ext(file))
	return ext == ".eeg" || ext == ".vmrk"
}

// finite reports whether a channel's samples are numbers; NaN is what a reader must never make up.
func finite(rec *recording.Recording) bool {
	for _, c := range rec.Channels {
		for _, v := range c.Samples {
			if v != v {
				return false
			}
		}
	}
	return true
}
