// Package alarms measures a seizure check in recordings that run on: how often it alarms where nobody has a seizure, and how many of the
// marked ones it finds, at one threshold after another.
//
// The check judges clips of 30 s, a new one every 15 s. Clips whose score reaches the threshold are alarms; those less than 90 s apart are
// one, and one of more than 300 s counts for each 300 s of it, as SzCORE counts (Dan et al. 2025). A marked seizure is found by an alarm
// from 30 s before it to 60 s after it, and an alarm that touches none is a false one. Time counts where the check could say something,
// outside of the marked seizures and of the same margins: what gets no verdict raises no alarm, and is no evidence that none would come.
package alarms

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/quality"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/internal/lab/datasets"
)

const (
	clipSeconds = 30.0
	stepSeconds = 15.0
	hourSeconds = 3600.0
	dayHours    = 24.0
	// oneSided is the confidence of each limit of an interval.
	oneSided = 0.95
)

// Thresholds are the scores at which a check is measured.
var Thresholds = []float64{0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}

// scalp are the folders of recordings from the scalp below a root.
var scalp = []string{"motor_imagery/*/*.zip", "motor_imagery/*/*.gdf", "p300/*/*.f32", "p300/*/*.csv", "ssvep/*/*.gdf", "ssvep/*/*.csv", "seizure/*/*.f32"}

// Files lists the recordings from the scalp below a root, archives among them.
func Files(root string) []string {
	var out []string
	for _, pattern := range scalp {
		out = append(out, datasets.Glob(root, pattern)...)
	}
	// What goes with a recording is none.
	return slices.DeleteFunc(out, func(file string) bool { return strings.HasSuffix(file, ".events.csv") })
}

// clip is what a check says of one clip.
type clip struct {
	start float64 // s
	score float64
}

// run is a recording as the check saw it: the clips of which it could say something.
type run struct {
	seconds float64
	marked  []seizure.Event
	clips   []clip
}

// Tally is what a check said of recordings.
type Tally struct{ runs []run }

// Listen runs a seizure decoder over the recordings of files. A clip that it refuses or has no verdict on, and one whose unit is suspect, of
// which the service gives no answer, is left out. Files that cannot be read are problems.
func Listen(ctx context.Context, d decoders.Decoder, files []string) (*Tally, []datasets.Problem, error) {
	t := &Tally{}
	var problems []datasets.Problem
	for _, file := range files {
		opened, p := datasets.Open(file, nil)
		problems = append(problems, p...)
		for _, r := range opened {
			sig, err := r.Recording.Signal()
			if err != nil {
				problems = append(problems, datasets.Problem{File: file, Err: err})
				continue
			}
			one := run{seconds: sig.Seconds(), marked: datasets.MarkedSeizures(r)}
			if one.clips, err = listen(ctx, d, sig); err != nil {
				return nil, problems, err
			}
			t.runs = append(t.runs, one)
		}
	}
	return t, problems, nil
}

func listen(ctx context.Context, d decoders.Decoder, sig decoders.Signal) ([]clip, error) {
	rows, n := sig.Data.Dims()
	length, step := int(clipSeconds*sig.Rate), int(stepSeconds*sig.Rate)
	var out []clip
	for at := 0; step > 0 && at+length <= n; at += step {
		part := sig
		part.Data = sig.Data.Slice(0, rows, at, at+length).(*mat.Dense)
		if quality.SuspectUnits(part) != nil {
			continue
		}
		r, err := d.Decode(ctx, &decoders.Input{Signal: part})
		if errors.As(err, new(*decoders.Error)) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if score, ok := r.Evidence["score"].(float64); ok && r.Seizure != nil {
			out = append(out, clip{float64(at) / sig.Rate, score})
		}
	}
	return out, nil
}

// Points returns the operating points at the thresholds; nil where there was nothing to count.
func (t *Tally) Points(thresholds []float64) ([]catalog.OperatingPoint, error) {
	hours := t.hours()
	if hours == 0 {
		return nil, nil
	}
	var out []catalog.OperatingPoint
	for _, threshold := range thresholds {
		p := catalog.OperatingPoint{Threshold: threshold, Hours: hours}
		found := 0
		for _, r := range t.runs {
			var alarms []seizure.Event
			for _, c := range r.clips {
				if c.score >= threshold {
					alarms = append(alarms, seizure.Event{Start: c.start, End: c.start + clipSeconds})
				}
			}
			s, err := seizure.ScoreEvents(r.marked, alarms, r.seconds)
			if err != nil {
				return nil, err
			}
			found += s.TruePos
			p.Events += s.References
			p.FalseAlarms += s.FalsePos
		}
		p.FalseAlarmsPerDay = float64(p.FalseAlarms) / hours * dayHours
		low, high := PoissonLimits(p.FalseAlarms)
		p.Interval = [2]float64{low / hours * dayHours, high / hours * dayHours}
		if p.Events > 0 {
			p.Sensitivity = float64(found) / float64(p.Events)
		}
		out = append(out, p)
	}
	return out, nil
}

// hours is the time without a seizure that clips with a verdict cover, to the second.
func (t *Tally) hours() float64 {
	seconds := 0
	for _, r := range t.runs {
		heard := make([]bool, int(r.seconds)+1)
		for _, c := range r.clips {
			for s := int(c.start); s < int(c.start+clipSeconds) && s < len(heard); s++ {
				heard[s] = true
			}
		}
		for s, h := range heard {
			if h && !seizure.NearAny(r.marked, float64(s), float64(s+1)) {
				seconds++
			}
		}
	}
	return float64(seconds) / hourSeconds
}

// PoissonLimits returns the exact limits of the expected count where so many were counted, each of 95 % confidence (Garwood 1936). None
// counted leaves 3.0.
func PoissonLimits(count int) (low, high float64) {
	if count > 0 {
		low = distuv.ChiSquared{K: float64(2 * count)}.Quantile(1-oneSided) / 2
	}
	return low, distuv.ChiSquared{K: float64(2*count + 2)}.Quantile(oneSided) / 2
}
