package seizure

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// Reasons why there is no verdict.
const (
	ReasonTooShort  = "too_short"      // less than 10 s
	ReasonQuality   = "poor_quality"   // most of the clip cannot be read on enough channels
	ReasonAmplitude = "amplitude"      // a quarter of the channels is larger than EEG in µV can be: the unit, the gain, or electrodes that move
	ReasonInvalid   = "invalid_signal" // the samples are not EEG
)

// MinSeconds is the shortest clip with a verdict: an electrographic seizure lasts 10 s or more (Hirsch 2021).
const MinSeconds = 10.0

const (
	// lineLengthLimit is the line length of 1-30 Hz from which a window without a rhythm can be ictal, in µV/s. A wave of
	// f Hz and A µV peak to peak has 2·f·A: the largest alpha rhythm of adults, 200 µV at 10 Hz, reaches 4000.
	lineLengthLimit = 4000.0
	// rhythmicLimit is the same for a window that repeats itself: 170 µV at 3 Hz, half of a usual spike-and-wave.
	rhythmicLimit = 1000.0
	// persistShare of the windows within 10 s must show the pattern: a discharge waxes and wanes.
	persistShare = 2.0 / 3
	// segmentWindows is the number of windows in 10 s.
	segmentWindows = int((MinSeconds-windowSeconds)/hopSeconds) + 1
	// minUsable is the share of windows that must be readable.
	minUsable = 0.5
)

// Check judges a clip (channels × samples, µV) by rules that need no training. The verdict is nil where the clip is
// shorter than 10 s, where less than half of it can be read, where its amplitude is none of EEG in µV, or where the samples are not EEG;
// the evidence says why. A true verdict is a reason to look, not a diagnosis.
func Check(sig decoders.Signal) (verdict *bool, evidence eeg.SeizureEvidence) {
	a, err := check(sig)
	if err != nil {
		a = unknown(sig, ReasonInvalid)
		var de *decoders.Error
		if errors.As(err, &de) && de.Code == decoders.CodePayloadTooShort {
			a.Reason = ReasonTooShort
		}
	}
	return a.verdict(), a.SeizureEvidence
}

// check is Check with the reason as an error where the data cannot be judged at all.
func check(sig decoders.Signal) (assessment, error) {
	if err := epoch.Check(sig, minSamples(sig.Rate), minRate); err != nil {
		return assessment{}, err
	}
	if sig.Seconds() < MinSeconds { // the usual case next to other paradigms: nothing needs measuring
		return unknown(sig, ReasonTooShort), nil
	}
	c, err := measured(sig)
	if err != nil {
		return assessment{}, err
	}
	return c.judge((*measure).ictalLike), nil
}

// assessment is what is found of a clip. Verdict, classes and confidence all follow from it, so that they cannot contradict each
// other: where there is a reason against a verdict there is none, and nothing is more probable than something else.
type assessment struct {
	eeg.SeizureEvidence
	probability float64 // of ictal-like, from one half on it is called so; without meaning where there is a reason
	score       float64 // what the probability is before the line is moved
	threshold   float64 // the score of the line
	leaning     bool    // whether a model would call a clip so that is too short for a verdict
}

func unknown(sig decoders.Signal, reason string) assessment {
	a := assessment{SeizureEvidence: newEvidence(sig)}
	a.Reason = reason
	return a
}

// verdict returns nil where nothing can be said.
func (a *assessment) verdict() *bool {
	if a.Reason != "" {
		return nil
	}
	v := a.probability >= 0.5
	return &v
}

func newEvidence(sig decoders.Signal) eeg.SeizureEvidence {
	ev := eeg.SeizureEvidence{Channels: []string{}}
	if s := sig.Seconds(); s < 1e9 { // a rate near 0 makes it absurd or infinite
		ev.Seconds = s
	}
	return ev
}

// measured checks and measures a signal of at least one window.
func measured(sig decoders.Signal) (*clip, error) {
	if err := epoch.Check(sig, minSamples(sig.Rate), minRate); err != nil {
		return nil, err
	}
	m, err := newMeasurer(sig.Rate)
	if err != nil {
		return nil, err
	}
	return m.clip(sig)
}

// limit returns the line length from which a window can be ictal: the more it repeats itself, the less it needs.
// Autocorrelation of ongoing EEG stays below 0.5 but for alpha; of spike-and-wave it is near 0.9.
func (w *measure) limit() float64 {
	return lineLengthLimit * math.Pow(rhythmicLimit/lineLengthLimit, ramp(w.Rhythm, 0.5, 0.8))
}

// ictalLike scores a window by the rules, 0..1: large line length, in 2-12 Hz, neither alpha nor muscle.
func (w *measure) ictalLike() float64 {
	if w.Unusable {
		return 0
	}
	return w.large() * w.cerebral()
}

// large scores a window by its line length alone, 0..1 with the limit at one half.
func (w *measure) large() float64 { return ramp(math.Log2(max(w.LineLength, 1)/w.limit()), -1, 1) }

// cerebral is 1 for a window whose spectrum can be that of a discharge, 0 for alpha, muscle and slow motion.
func (w *measure) cerebral() float64 {
	// Background activity, whose power falls as 1/f, has 0.40 of 0.5-45 Hz within 2-12 Hz, however large it is scaled;
	// a flat spectrum, as of muscle, has 0.22, and slow motion lies below 2 Hz.
	return w.notAlpha() * ramp(w.Slow, 0.35, 0.55) * w.notMuscle()
}

// notAlpha is 0 for an alpha rhythm: more than half of 1-30 Hz in the alpha band, where noise has 0.17.
func (w *measure) notAlpha() float64 { return 1 - ramp(w.Alpha, 0.35, 0.55) }

func (w *measure) notMuscle() float64 { return 1 - ramp(w.Muscle, -0.5, 0.3) }

// judge applies rules, given as the score of a window, 0..1.
func (c *clip) judge(rules func(*measure) float64) assessment {
	a := assessment{SeizureEvidence: eeg.SeizureEvidence{Channels: []string{}, Seconds: c.seconds}}
	ev := &a.SeizureEvidence
	if len(c.windows[0]) < segmentWindows {
		ev.Reason = ReasonTooShort
		return a
	}
	usable := c.usable()
	ev.Usable = len(usable)
	plausible := slices.DeleteFunc(slices.Clone(usable), c.tooLarge)
	switch {
	case len(usable) == 0 || 2*len(usable) < len(c.channels):
		ev.Reason = ReasonQuality
		return a
	case 4*(len(usable)-len(plausible)) > len(usable): // as many as package features calls poor contact
		ev.Reason = ReasonAmplitude
		return a
	}
	usable = plausible
	score := func(i, k int) float64 { return rules(&c.windows[i][k]) }
	// The second channel decides where there are two: a single electrode may be loose.
	together := c.across(usable, min(2, len(usable)), score)
	if behind := c.awayFromEyes(usable); behind != nil {
		for k, v := range c.across(behind, 1, score) {
			together[k] = min(together[k], v)
		}
	}
	at, best := strongest(together)
	ev.Score = best
	ev.From = c.start(at)
	ev.To = c.start(at+segmentWindows-1) + windowSeconds

	type ranked struct {
		channel int
		score   float64
	}
	var order []ranked
	for _, i := range usable {
		own := make([]float64, segmentWindows)
		for k := range own {
			own[k] = score(i, at+k)
		}
		order = append(order, ranked{i, sustained(own)})
	}
	slices.SortStableFunc(order, func(a, b ranked) int { return cmp.Compare(b.score, a.score) })
	shown := order[:min(2, len(order))]
	for _, r := range order {
		if r.score >= 0.5 {
			ev.Channels = append(ev.Channels, c.channels[r.channel])
		}
	}
	if len(ev.Channels) > len(shown) {
		shown = order[:len(ev.Channels)]
	}
	typical := func(f func(*measure) float64) float64 {
		var v []float64
		for _, r := range shown {
			for k := range segmentWindows {
				v = append(v, f(&c.windows[r.channel][at+k]))
			}
		}
		return median(v)
	}
	ev.LineLength = typical(func(w *measure) float64 { return w.LineLength })
	ev.Limit = typical((*measure).limit)
	ev.Rhythm = typical(func(w *measure) float64 { return w.Rhythm })
	ev.Frequency = typical(func(w *measure) float64 { return w.Frequency })
	ev.Slow = typical(func(w *measure) float64 { return w.Slow })
	ev.Alpha = typical(func(w *measure) float64 { return w.Alpha })
	ev.Muscle = typical(func(w *measure) float64 { return w.Muscle })
	ev.Mobility = typical(func(w *measure) float64 { return w.Mobility })
	ev.Complexity = typical(func(w *measure) float64 { return w.Complexity })
	a.probability = ev.Score
	return a
}

// tooLarge reports whether most windows of a channel that can be read are larger than EEG.
func (c *clip) tooLarge(channel int) bool {
	read, large := 0, 0
	for k := range c.windows[channel] {
		if w := &c.windows[channel][k]; !w.Unusable {
			read++
			if w.Implausible {
				large++
			}
		}
	}
	return 2*large > read
}

// usable lists the channels of which enough windows can be read.
func (c *clip) usable() []int {
	var out []int
	for i, windows := range c.windows {
		bad := 0
		for k := range windows {
			if windows[k].Unusable {
				bad++
			}
		}
		if float64(len(windows)-bad) >= minUsable*float64(len(windows)) {
			out = append(out, i)
		}
	}
	return out
}

// across returns for each window the k-th largest score of the given channels.
func (c *clip) across(channels []int, k int, score func(channel, window int) float64) []float64 {
	out := make([]float64, len(c.windows[0]))
	v := make([]float64, len(channels))
	for w := range out {
		for j, i := range channels {
			v[j] = score(i, w)
		}
		slices.Sort(v)
		out[w] = v[len(v)-k]
	}
	return out
}

// sustained returns the score that persistShare of the windows reach. It sorts them.
func sustained(scores []float64) float64 {
	slices.Sort(scores)
	return scores[len(scores)-int(math.Ceil(persistShare*float64(len(scores))))]
}

// strongest returns where the 10 s begin whose sustained score is the highest, and that score.
func strongest(scores []float64) (at int, best float64) {
	part := make([]float64, segmentWindows)
	best = -1
	for k := 0; k+segmentWindows <= len(scores); k++ {
		copy(part, scores[k:])
		if s := sustained(part); s > best {
			at, best = k, s
		}
	}
	return at, best
}

// awayFromEyes returns those of the given channels that lie behind the frontal electrodes, where both kinds are there in
// number. A pattern that no such channel shows comes from the eyes, as flutter of the lids does; the price is that a
// seizure confined to the frontal electrodes is not called one.
func (c *clip) awayFromEyes(channels []int) []int {
	var behind []int
	for _, i := range channels {
		if !nearEyes(c.channels[i]) {
			behind = append(behind, i)
		}
	}
	if len(behind) < 2 || len(behind) == len(channels) {
		return nil
	}
	return behind
}

// nearEyes reports whether a channel is a frontal electrode: Fp, AF or F, or a derivation that starts there.
func nearEyes(name string) bool {
	u := strings.ToUpper(recording.CanonicalName(name))
	return strings.HasPrefix(u, "FP") || strings.HasPrefix(u, "AF") || len(u) > 1 && u[0] == 'F' && (u[1] == 'Z' || u[1] >= '0' && u[1] <= '9')
}
