// Package epoch makes EEG fit a decoder: it checks a signal, finds the model's channels by name, changes the
// sampling rate, and cuts segments around events, for decoding and for training alike.
//
// Invariants:
//
//   - Whatever is wrong with the data is a *decoders.Error that names the field and the number.
//   - Nothing here changes its input, and memory is proportional to it.
//   - Channels are compared by their 10-10 names (recording.CanonicalName), so "Fc5.", "FC5" and "EEG FC5-REF" are one.
package epoch

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/internal/vector"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// MaxAmplitude in µV is beyond any electrode and any amplifier's offset: BioSemi, with the widest range in use,
// ends at ±262,144 µV.
const MaxAmplitude = 1e7

// Samples returns how many samples cover s seconds at rate Hz, at least 1. A rate that is not usable gives 1.
func Samples(s, rate float64) int {
	if !(rate > 0 && rate <= eeg.MaxSampleRate) || !(s > 0) {
		return 1
	}
	return max(1, int(math.Ceil(s*rate-1e-9)))
}

// Check refuses a signal whose matrix, names or rate are unusable, or that has fewer than minSamples samples a channel.
// The rate must be at least minRate Hz.
//
// Errors: payload_malformed, invalid_signal (details sample_rate, sample_rate_needed), payload_too_short.
func Check(sig decoders.Signal, minSamples int, minRate float64) error {
	if sig.Samples() == 0 {
		return decoders.Errorf(decoders.CodePayloadTooShort, shortDetails(sig, minSamples, 0, 0), "the signal is empty, %d samples are needed", minSamples)
	}
	rows, n := sig.Data.Dims()
	if len(sig.Channels) != rows {
		return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"channels": len(sig.Channels), "rows": rows},
			"%d channel names for %d channels of data", len(sig.Channels), rows)
	}
	if !(sig.Rate > 0) || math.IsInf(sig.Rate, 0) {
		return decoders.Errorf(decoders.CodePayloadMalformed, nil, "the sample rate %v Hz is not a positive number", sig.Rate)
	}
	if sig.Rate < minRate || sig.Rate > eeg.MaxSampleRate {
		return decoders.Errorf(decoders.CodeInvalidSignal,
			map[string]any{"sample_rate": sig.Rate, "sample_rate_needed": minRate, "sample_rate_most": eeg.MaxSampleRate},
			"the sample rate is %g Hz, it must be between %g and %d Hz", sig.Rate, minRate, eeg.MaxSampleRate)
	}
	if n < minSamples {
		return decoders.Errorf(decoders.CodePayloadTooShort, shortDetails(sig, minSamples, n, rows),
			"%d samples a channel, %d are needed at %g Hz", n, minSamples, sig.Rate)
	}
	return nil
}

func shortDetails(sig decoders.Signal, need, got, rows int) map[string]any {
	rate := sig.Rate
	if math.IsNaN(rate) || math.IsInf(rate, 0) {
		rate = 0
	}
	return map[string]any{"samples_needed": need, "samples_got": got, "channels": max(rows, len(sig.Channels)), "sample_rate": rate}
}

// TooShort is the payload_too_short error for a signal that lacks samples for another reason than its whole length.
func TooShort(sig decoders.Signal, need, got int, why string) error {
	rows := 0
	if sig.Samples() > 0 {
		rows, _ = sig.Data.Dims()
	}
	return decoders.Errorf(decoders.CodePayloadTooShort, shortDetails(sig, need, got, rows), "%s: %d samples, %d are needed at %g Hz", why, got, need, sig.Rate)
}

// CanonicalNames returns the 10-10 names of labels.
func CanonicalNames(labels []string) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = recording.CanonicalName(l)
	}
	return out
}

// Rows writes to dst the row of have that holds each channel of need and returns it; need holds names from
// CanonicalNames. The first row of a name counts and rows of other names are ignored.
//
// Errors: montage_mismatch with channels_needed, channels_missing and channels_got.
func Rows(dst []int, have, need []string) ([]int, error) {
	dst = dst[:0]
	if slices.Equal(have, need) {
		for i := range need {
			dst = append(dst, i)
		}
		return dst, nil
	}
	at := make(map[string]int, len(have))
	for i, label := range have {
		name := recording.CanonicalName(label)
		if _, ok := at[name]; !ok {
			at[name] = i
		}
		if fold := strings.ToUpper(name); fold != name {
			if _, ok := at[fold]; !ok {
				at[fold] = i
			}
		}
	}
	var missing []string
	for _, name := range need {
		i, ok := at[name]
		if !ok {
			i, ok = at[strings.ToUpper(name)]
		}
		if !ok {
			missing = append(missing, name)
		}
		dst = append(dst, i)
	}
	if len(missing) > 0 {
		return nil, recording.Mismatch("the model", have, need, missing, nil)
	}
	return dst, nil
}

// missing counts the values that are not finite, and tells where the last of them is.
func missing(row []float64) (n, last int) {
	for i, v := range row {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			n, last = n+1, i
		}
	}
	return n, last
}

// CheckValues refuses samples from to to (exclusive) of the given rows that are not finite or exceed MaxAmplitude.
// The error is invalid_signal with channel, sample and, where it is a number, value; else with how many are none and the last of them.
func CheckValues(sig decoders.Signal, rows []int, from, to int) error {
	for _, r := range rows {
		row := sig.Data.RawRowView(r)[from:to]
		if len(row) == 0 {
			continue
		}
		if lo, hi := vector.Extremes(row); lo >= -MaxAmplitude && hi <= MaxAmplitude { // NaN is neither
			continue
		}
		for j, v := range row {
			if v >= -MaxAmplitude && v <= MaxAmplitude {
				continue
			}
			details := map[string]any{"channel": sig.Channels[r], "sample": from + j, "limit_uv": MaxAmplitude}
			if math.IsNaN(v) || math.IsInf(v, 0) {
				more := ""
				if n, last := missing(row); n > 1 {
					details["samples"], details["last_sample"] = n, from+last
					more = fmt.Sprintf(", and %d more up to sample %d", n-1, from+last)
				}
				return decoders.Errorf(decoders.CodeInvalidSignal, details, "sample %d of channel %s is %v%s: leave the channel out, or decode a part without it", from+j, sig.Channels[r], v, more)
			}
			details["value_uv"] = v
			return decoders.Errorf(decoders.CodeInvalidSignal, details, "sample %d of channel %s is %g µV, more than any amplifier gives",
				from+j, sig.Channels[r], v)
		}
	}
	return nil
}

// Flat is the invalid_signal error for a signal without any activity.
func Flat(channels []string) error {
	return decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"channels": slices.Clone(channels)},
		"the signal is flat: there is no activity in the band the decoder reads")
}

// Resampler returns what turns from Hz into to Hz, or nil where the two differ by less than half a percent: that
// shifts a band edge by 0.15 Hz at 30 Hz, less than a headset's clock and the filter's slope. A ratio without a small
// fraction is approximated to within 0.1 %.
func Resampler(from, to float64) (*dsp.Resampler, error) {
	if math.Abs(from-to) <= 0.005*to {
		return nil, nil
	}
	if r, err := dsp.NewResampler(from, to); err == nil {
		if up, down := r.Factors(); max(up, down) <= maxFactor {
			return r, nil
		}
	}
	up, down := fraction(to / from)
	r, err := dsp.NewResampler(float64(down), float64(up))
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"sample_rate": from}, "cannot resample from %g Hz to %g Hz", from, to)
	}
	return r, nil
}

// maxFactor keeps the anti-alias filter, 20 times as long, below some twenty thousand taps.
const maxFactor = 1024

// fraction returns the first fraction up/down within 0.1 % of v, or the closest with a denominator up to maxFactor.
func fraction(v float64) (up, down int) {
	best := math.Inf(1)
	for q := 1; q <= maxFactor; q++ {
		p := math.Round(v * float64(q))
		if p < 1 || p > 1<<20 {
			continue
		}
		if e := math.Abs(p/float64(q)-v) / v; e < best {
			best, up, down = e, int(p), q
			if e <= 1e-3 {
				break
			}
		}
	}
	return up, down
}

// Cut takes the trials around events: label says which class an event starts, or a negative number for none. Each
// trial runs from before s before the event to after s after it; events without that much signal are left out. The
// trials are views of sig, unfiltered, so that overlapping ones cost nothing. group names the run, "subject/run" where
// several people share a dataset. The dataset's Cue is before.
func Cut(sig decoders.Signal, events []eeg.Event, label func(eeg.Event) int, before, after float64, group string) []decoders.Trial {
	if sig.Samples() == 0 || !(sig.Rate > 0) {
		return nil
	}
	rows, n := sig.Data.Dims()
	length := int(math.Round((before + after) * sig.Rate))
	if length <= 0 {
		return nil
	}
	var trials []decoders.Trial
	for _, e := range events {
		class := label(e)
		if class < 0 || !(math.Abs(e.Onset) < 1e9) {
			continue
		}
		from := int(math.Round(e.Onset*sig.Rate)) - int(math.Round(before*sig.Rate))
		if from < 0 || from+length > n {
			continue
		}
		trials = append(trials, decoders.Trial{
			Data: sig.Data.Slice(0, rows, from, from+length).(*mat.Dense), Label: class, Group: group, Onset: e.Onset,
		})
	}
	return trials
}
