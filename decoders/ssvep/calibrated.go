package ssvep

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/eeg"
)

// The stable names of the pipelines with calibration data.
const (
	ECCAName  = "ecca"
	TRCAName  = "trca"
	ETRCAName = "etrca"
	TDCAName  = "tdca"
)

// TrainConfig are the options of the pipelines with calibration data, as JSON in Pipeline.Train and in a stored state.
type TrainConfig struct {
	// Frequencies of the classes in Hz, in their order. Defaults to what the classes' names say, such as "13 Hz" or
	// "freq_13.00hz".
	Frequencies []float64 `json:"frequencies"`
	// Skip is the time between onset and the first sample used, in s. Defaults to 0.14, the latency of the visual
	// pathway (Chen 2015).
	Skip float64 `json:"skip"`
	// Seconds is the length of the window after Skip. A request must have all of it. Defaults to 1.
	Seconds float64 `json:"seconds"`
	// SubBands of the filter bank, 1-5; 1 is a single band. Defaults to 5.
	SubBands int `json:"sub_bands"`
	// Harmonics of the references of ecca and tdca, 1-5. Defaults to 5.
	Harmonics int `json:"harmonics"`
	// Components is the number of spatial filters of tdca. Defaults to 8 (Liu et al. 2021), or the rank where that is less.
	Components int `json:"components"`
	// Delays is how many copies of the channels, each one sample later, tdca puts beside them. Defaults to 5 (Liu et al.
	// 2021).
	Delays int `json:"delays"`
	// FreeRunning says that onsets are not locked to the flicker's phase, as with lights that blink on their own clock.
	// Training then brings the trials of a class into phase, and decoding tries every shift within one period.
	// Defaults to what the trials show: phases that agree, or which of the two reads more of the trials left out.
	FreeRunning bool `json:"free_running"`
	// Folds of the cross-validation that calibrates the probabilities: whole blocks (Trial.Group) where there are that
	// many, else stratified trials. 0 leaves them uncalibrated and never answers "no_target". Defaults to 5.
	Folds int `json:"folds"`
	// Seed draws the folds. Defaults to 1.
	Seed uint64 `json:"seed"`
}

// DefaultTrainConfig returns the defaults.
func DefaultTrainConfig() TrainConfig {
	return TrainConfig{Skip: 0.14, Seconds: 1, SubBands: len(subBandWeights), Harmonics: maxHarmonics, Components: 8, Delays: 5, Folds: 5, Seed: 1}
}

// Limits of a trained decoder: a screen of 160 targets, and templates that stay below 100 MB.
const (
	maxClasses        = 160
	maxTrainChannels  = 256
	maxTemplateValues = 12 << 20
	leastSeconds      = 0.1 // two periods of 20 Hz
)

// minTrials is the least number of trials a class: leaving some out still has to leave two, whose agreement is the method.
const minTrials = 3

// The pipelines learn a person's own responses: extended CCA (Chen et al. 2015), task-related component analysis and its
// ensemble (Nakanishi et al. 2018) and task-discriminant component analysis (Liu et al. 2021), each in a filter bank. Their
// options are a [TrainConfig].

// ECCA returns the pipeline of canonical correlation with sines and with the person's own templates.
func ECCA() decoders.Pipeline { return calibrated{ECCAName} }

// TRCA returns the pipeline of task-related component analysis with one filter a target.
func TRCA() decoders.Pipeline { return calibrated{TRCAName} }

// ETRCA returns the pipeline of task-related component analysis in which every target is seen through all filters.
func ETRCA() decoders.Pipeline { return calibrated{ETRCAName} }

// TDCA returns the pipeline of task-discriminant component analysis.
func TDCA() decoders.Pipeline { return calibrated{TDCAName} }

type calibrated struct{ name string }

var _ decoders.Pipeline = calibrated{}

func (p calibrated) Name() string           { return p.name }
func (p calibrated) Paradigm() eeg.Paradigm { return eeg.SSVEP }

// incompatible is the error for options and states that make no decoder.
func incompatible(format string, args ...any) error {
	return decoders.Errorf(decoders.CodeModelIncompatible, nil, "ssvep: %s", fmt.Sprintf(format, args...))
}

var hertz = regexp.MustCompile(`(?i)(\d+(?:\.\d+)?)\s*hz\b`)

// parseTrainConfig reads options over the defaults and checks them against the classes and the rate in Hz.
//
//nolint:gocyclo // one guard for each option
func parseTrainConfig(raw json.RawMessage, classes []string, rate float64) (TrainConfig, error) {
	cfg := DefaultTrainConfig()
	if err := stored.Options(raw, &cfg); err != nil {
		return cfg, incompatible("%v", err)
	}
	if len(cfg.Frequencies) == 0 {
		for _, c := range classes {
			m := hertz.FindStringSubmatch(c)
			if m == nil {
				return cfg, incompatible("class %q does not tell its frequency: give frequencies", c)
			}
			f, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				return cfg, incompatible("class %q: %v", c, err)
			}
			cfg.Frequencies = append(cfg.Frequencies, f)
		}
	}
	switch {
	case !(rate >= minRate) || rate > eeg.MaxSampleRate:
		return cfg, incompatible("sampling rate %v Hz is not between %v and %d", rate, minRate, eeg.MaxSampleRate)
	case len(cfg.Frequencies) != len(classes):
		return cfg, incompatible("%d frequencies for %d classes", len(cfg.Frequencies), len(classes))
	case !(cfg.Skip >= 0) || cfg.Skip > 10:
		return cfg, incompatible("skip %v is not between 0 and 10 s", cfg.Skip)
	case !(cfg.Seconds >= leastSeconds) || cfg.Seconds > 10:
		return cfg, incompatible("seconds %v is not between %v and 10", cfg.Seconds, leastSeconds)
	case cfg.SubBands < 1 || cfg.SubBands > len(subBandWeights):
		return cfg, incompatible("sub_bands %d is not between 1 and %d", cfg.SubBands, len(subBandWeights))
	case cfg.Harmonics < 1 || cfg.Harmonics > maxHarmonics:
		return cfg, incompatible("harmonics %d is not between 1 and %d", cfg.Harmonics, maxHarmonics)
	case cfg.Components < 1 || cfg.Components > 1024:
		return cfg, incompatible("components %d is not between 1 and 1024", cfg.Components)
	case cfg.Delays < 0 || cfg.Delays > 32:
		return cfg, incompatible("delays %d is not between 0 and 32", cfg.Delays)
	case cfg.Folds < 0 || cfg.Folds == 1 || cfg.Folds > 100:
		return cfg, incompatible("folds %d is neither 0 nor between 2 and 100", cfg.Folds)
	}
	limit := min(maxFrequency, 0.4*rate)
	for k, f := range cfg.Frequencies {
		if !(f >= 1 && f <= limit) {
			return cfg, incompatible("class %q flickers at %v Hz, it must be between 1 and %.4g Hz at this sampling rate", classes[k], f, limit)
		}
	}
	return cfg, nil
}

// trained is a decoder with calibration data. It is immutable and safe for concurrent use.
type trained struct {
	name, version, pipeline string
	cfg                     TrainConfig
	raw                     json.RawMessage // options, all filled in
	labels                  []string        // channels as the training data spelled them
	channels                []string        // canonical
	classes                 []string        // targets, without no_target
	rate                    float64         // Hz the decoder works at
	samples                 int             // of the window
	shifts                  []int           // of each class: the samples of one period, or 1
	sos                     []dsp.SOS       // one a band
	method                  method
	temperature             float64
	presence                classify.Platt
	asked                   bool // presence was calibrated
	unattended              unattended
	locking                 locking  // of the training trials; not stored
	leftOut                 int      // trials that were read by what the others trained
	notes                   []string // for the card
	pool                    *sync.Pool
}

var (
	_ decoders.Trained = (*trained)(nil)
	_ decoders.Noted   = (*trained)(nil)
)

// method is what tells the pipelines apart: it scores windows of one band against the templates of each class.
type method interface {
	// load prepares what all windows of the segment x (channels × samples) of band b share.
	load(b int, x *mat.Dense, sc *scoring)
	// shift takes the window that starts s samples into the segment.
	shift(b, s int, sc *scoring)
	// score is the agreement of that window with class k, in -1..1 or a sum of such numbers.
	score(b, k int, sc *scoring) float64
	arrays() map[string]decoders.Array
}

// newTrained starts a decoder; rate is the training data's.
func newTrained(pipeline, name, version string, classes, labels []string, rate float64, config json.RawMessage) (*trained, error) {
	if len(classes) < 2 || len(classes) > maxClasses {
		return nil, incompatible("%d classes, need 2 to %d", len(classes), maxClasses)
	}
	for i, c := range classes {
		if c == "" || c == NoTarget || slices.Contains(classes[:i], c) {
			return nil, incompatible("class %d, %q, is empty, reserved or there twice", i, c)
		}
	}
	cfg, err := parseTrainConfig(config, classes, rate)
	if err != nil {
		return nil, err
	}
	d := &trained{
		name: name, version: version, pipeline: pipeline, cfg: cfg, labels: slices.Clone(labels), channels: epoch.CanonicalNames(labels),
		classes: slices.Clone(classes), rate: rate, samples: epoch.Samples(cfg.Seconds, rate), temperature: 1,
	}
	if len(labels) == 0 || len(labels) > maxTrainChannels {
		return nil, incompatible("%d channels, need 1 to %d", len(labels), maxTrainChannels)
	}
	for i, c := range d.channels {
		if c == "" || slices.Contains(d.channels[:i], c) {
			return nil, incompatible("channel %d, %q, is empty or there twice", i, c)
		}
	}
	if d.raw, err = json.Marshal(cfg); err != nil {
		return nil, incompatible("options: %v", err)
	}
	for _, f := range cfg.Frequencies {
		shifts := 1
		if cfg.FreeRunning {
			shifts = max(1, int(math.Round(rate/f)))
		}
		d.shifts = append(d.shifts, shifts)
	}
	// The bands of the filter bank, as for fbcca: from 8m Hz, or from below the slowest target, to 88 Hz.
	low, high := min(8, max(0.5, slices.Min(cfg.Frequencies)-2)), min(max(88, slices.Max(cfg.Frequencies)+2), 0.45*rate)
	for m := 1; m <= cfg.SubBands; m++ {
		edge := 8 * float64(m)
		if m == 1 {
			edge = low
		} else if edge+8 > high {
			break
		}
		sos, err := dsp.Cheby1BandPass(4, 0.5, edge, high, rate)
		if err != nil {
			return nil, incompatible("%v", err)
		}
		d.sos = append(d.sos, sos)
	}
	if values := len(d.sos) * len(classes) * len(labels) * d.samples; values > maxTemplateValues {
		return nil, incompatible("templates of %d numbers are more than %d", values, maxTemplateValues)
	}
	d.pool = &sync.Pool{New: func() any { return newSpace(d) }}
	return d, nil
}

// length is how many samples a window has before it is shifted.
func (d *trained) length() int { return d.samples + slices.Max(d.shifts) - 1 }

// Window is the one that was trained on, with what filters see before it.
func (d *trained) Window() (start, end, along float64) {
	return d.cfg.Skip, d.cfg.Skip + d.cfg.Seconds, filterMargin
}

func (d *trained) minSamples(rate float64) int {
	return epoch.Samples(d.cfg.Skip, rate) + epoch.Samples(float64(d.length())/d.rate, rate) + 1
}

// Info lists the targets and "no_target".
func (d *trained) Info() decoders.Info {
	return decoders.Info{
		Name: d.name, Version: d.version, Pipeline: d.pipeline, Paradigm: eeg.SSVEP,
		Classes: append(slices.Clone(d.classes), NoTarget), Channels: slices.Clone(d.labels), Rate: d.rate, MinSamples: d.minSamples,
	}
}

// Decode ranks the targets that the decoder was trained on, and "no_target". The window starts at the first event that
// leaves enough signal, or with the clip. Errors: payload_too_short, payload_malformed, invalid_signal, montage_mismatch.
func (d *trained) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sp := d.pool.Get().(*space)
	defer d.pool.Put(sp)
	win, err := sp.window(d, in)
	if err != nil {
		return nil, err
	}
	in.Step("filter")
	scores := make([]float64, len(d.classes))
	d.scores(scores, d.method, sp)
	for _, v := range scores {
		if v-v != 0 {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "the amplitudes are beyond what the model can compare")
		}
	}
	in.Step("correlate")
	res, err := d.result(scores, win, in.Stimulus)
	if err != nil {
		return nil, err
	}
	res.From, res.To = float64(win.from)/in.Rate, float64(win.to)/in.Rate
	return res, nil
}

// scores writes the score of each class to dst: over the bands Σ (m^-1.25 + 0.25)·r, at the best shift where the
// flicker's phase is free.
func (d *trained) scores(dst []float64, m method, sp *space) {
	most := slices.Max(d.shifts)
	sp.sums = grow(sp.sums, most*len(d.classes))
	clear(sp.sums)
	for b, long := range sp.bands {
		m.load(b, long, &sp.scoring)
		for s := range most {
			m.shift(b, s, &sp.scoring)
			for k := range dst {
				if s < d.shifts[k] {
					sp.sums[s*len(dst)+k] += subBandWeights[b] * m.score(b, k, &sp.scoring)
				}
			}
		}
	}
	for k := range dst {
		dst[k] = sp.sums[k]
		for s := 1; s < d.shifts[k]; s++ {
			dst[k] = max(dst[k], sp.sums[s*len(dst)+k])
		}
	}
}

func (d *trained) result(scores []float64, win window, st decoders.Stimulus) (*decoders.Result, error) {
	asked, err := level(st)
	if err != nil {
		return nil, err
	}
	best := 0
	for k, v := range scores {
		if v > scores[best] {
			best = k
		}
	}
	there := 1.0
	if d.asked {
		there = d.presence.Probability(scores[best])
	}
	p := classify.Temperature{T: d.temperature}.Probabilities(nil, scores)
	var rare any
	if st.FalseAccept > 0 && d.asked && (asked >= 1 || d.unattended.count > 0) {
		// The caller's level decides: by the share of targets that nobody looked at with as high a score in training.
		share := d.unattended.share(scores[best])
		rare = share
		logOdds := math.Log(there) - math.Log1p(-there) + math.Log(p[best])
		if accepted := asked >= 1 || share <= asked; accepted {
			logOdds = max(logOdds, tie)
		} else {
			logOdds = min(logOdds, -tie)
		}
		there = 1 - withNone(slices.Clone(p), logOdds)
	}
	classes := make([]decoders.Class, len(p), len(p)+1)
	targets := make([]map[string]any, len(p))
	for k, v := range p {
		classes[k] = decoders.Class{Name: d.classes[k], Probability: v * there}
		targets[k] = map[string]any{"label": d.classes[k], "frequency": d.cfg.Frequencies[k], "score": scores[k]}
	}
	classes = append(classes, decoders.Class{Name: NoTarget, Probability: 1 - there})
	slices.SortStableFunc(classes, func(a, b decoders.Class) int { return cmp.Compare(b.Probability, a.Probability) })
	var flags []string
	if classes[0].Name == NoTarget {
		flags = append(flags, NoTarget)
	}
	if win.ignored {
		flags = append(flags, "events_ignored")
	}
	return &decoders.Result{
		Paradigm: eeg.SSVEP, Classes: classes, Flags: flags,
		Evidence: map[string]any{
			"method": d.pipeline, "window_s": d.cfg.Seconds, "start_s": win.onset + d.cfg.Skip, "onset_from_event": win.byEvent,
			"best_target": d.classes[best], "targets": targets, "presence": there, "false_accept": rare,
		},
	}, nil
}

// State holds everything a decode needs.
func (d *trained) State() decoders.State {
	st := decoders.State{
		Pipeline: d.pipeline, Classes: append(slices.Clone(d.classes), NoTarget), Channels: slices.Clone(d.labels), Rate: d.rate,
		Config: slices.Clone(d.raw), Arrays: d.method.arrays(),
	}
	asked := 0.0
	if d.asked {
		asked = 1
	}
	calibration := []float64{d.temperature, d.presence.A, d.presence.B, asked}
	if d.unattended.count > 0 {
		calibration = append(append(calibration, d.unattended.count), d.unattended.scores[:]...)
	}
	st.Arrays["calibration"] = stored.Vector(calibration...)
	return st
}

// Restore rebuilds a decoder. Errors are model_incompatible.
func (p calibrated) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	if st.Pipeline != p.name {
		return nil, incompatible("the state is of pipeline %q, not %q", st.Pipeline, p.name)
	}
	last := len(st.Classes) - 1
	if last < 0 || st.Classes[last] != NoTarget {
		return nil, incompatible("the last class is not %q", NoTarget)
	}
	d, err := newTrained(p.name, name, version, st.Classes[:last], st.Channels, st.Rate, st.Config)
	if err != nil {
		return nil, err
	}
	numbers := 4 // in models made before the scores of targets that nobody looked at were kept
	if shape := st.Arrays["calibration"].Shape; len(shape) == 1 && shape[0] != numbers {
		numbers += 1 + unattendedScores
	}
	c, err := stored.Array(st, "calibration", numbers)
	if err != nil {
		return nil, err
	}
	if !(c[0] > 0) || c[3] != 0 && c[3] != 1 {
		return nil, incompatible("temperature is %v, asked %v", c[0], c[3])
	}
	d.temperature, d.presence, d.asked = c[0], classify.Platt{A: c[1], B: c[2]}, c[3] == 1
	if numbers > 4 {
		d.unattended.count = c[4]
		copy(d.unattended.scores[:], c[5:])
		if !(d.unattended.count >= 1 && d.unattended.count < 1e9) || !slices.IsSorted(d.unattended.scores[:]) {
			return nil, incompatible("the scores of targets that nobody looked at are %v of %v", d.unattended.scores, d.unattended.count)
		}
	}
	if d.method, err = p.restore(d, st); err != nil {
		return nil, err
	}
	return d, nil
}
