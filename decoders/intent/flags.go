package intent

import (
	"slices"

	"github.com/neurod/neurod/eeg"
)

// Codes of red flags.
const (
	FlagLowConfidence   = "low_confidence"
	FlagAmbiguous       = "ambiguous"
	FlagNoTarget        = "no_target"
	FlagPossibleSeizure = "possible_seizure"
	FlagUnitsSuspect    = "units_suspect"
	FlagLowQuality      = "low_quality"
	FlagPoorContact     = "poor_contact"
	FlagArtifact        = "artifact"
	FlagLineNoise       = "line_noise"
	FlagMontageMismatch = "montage_mismatch"
	FlagMontageAssumed  = "montage_assumed"
	FlagRateUnusual     = "rate_unusual"
	FlagRateResampled   = "rate_resampled"
	FlagShortRecording  = "short_recording"
	FlagGapInRecording  = "gap_in_recording"
	FlagAlphaLike       = "alpha_like"
	FlagSeizureUnknown  = "seizure_unknown"
	FlagAmplitudeOnly   = "amplitude_only"
	FlagEventsIgnored   = "events_ignored"
	FlagUndetermined    = "undetermined"
)

// table lists the flags in the order in which an answer shows them, gravest first.
var table = []eeg.Flag{
	{Code: FlagPossibleSeizure, Severity: eeg.SeverityCritical, Message: "The recording looks like a seizure. This is not a diagnosis; have a person look at once."},
	{Code: FlagUnitsSuspect, Severity: eeg.SeverityWarning, Message: "The samples are not in microvolts, or not EEG, by their amplitude; nothing was decoded."},
	{Code: FlagUndetermined, Severity: eeg.SeverityWarning, Message: "What the person meant cannot be told from this recording; no intent was decoded."},
	{Code: FlagLowConfidence, Severity: eeg.SeverityWarning, Message: "The answer is hardly more probable than guessing."},
	{Code: FlagAmbiguous, Severity: eeg.SeverityWarning, Message: "The two most probable intents are close to each other."},
	{Code: FlagLowQuality, Severity: eeg.SeverityWarning, Message: "Most of the recording is too noisy to rely on; nothing was decoded."},
	{Code: FlagPoorContact, Severity: eeg.SeverityWarning, Message: "Electrodes have poor contact; the message names them."},
	{Code: FlagArtifact, Severity: eeg.SeverityWarning, Message: "Blinks, movement or muscle activity cover the brain's signal."},
	{Code: FlagMontageMismatch, Severity: eeg.SeverityWarning, Message: "The channels are not those that the device has."},
	{Code: FlagGapInRecording, Severity: eeg.SeverityWarning, Message: "The recording has gaps; what follows one is joined to what was before it."},
	{Code: FlagSeizureUnknown, Severity: eeg.SeverityWarning, Message: "The recording is too short, too noisy or in a wrong unit to tell whether it looks like a seizure."},
	{Code: FlagAmplitudeOnly, Severity: eeg.SeverityWarning, Message: "The trained model finds the clip ictal-like but the rules do not, so the answer does not say that it is: its amplitude alone may be the reason."},
	{Code: FlagAlphaLike, Severity: eeg.SeverityWarning, Message: "The strongest frequency looks like the alpha rhythm of closed eyes, not like a flicker."},
	{Code: FlagEventsIgnored, Severity: eeg.SeverityWarning, Message: "No event has enough signal after it; the recording was decoded from its start."},
	{Code: FlagNoTarget, Severity: eeg.SeverityInfo, Message: "The person seems to look at none of the targets."},
	{Code: FlagLineNoise, Severity: eeg.SeverityInfo, Message: "The power line is strong in the signal."},
	{Code: FlagMontageAssumed, Severity: eeg.SeverityInfo, Message: "Only a channel count was given; the device's usual electrode positions were assumed."},
	{Code: FlagRateUnusual, Severity: eeg.SeverityInfo, Message: "The device is not known to sample at this rate."},
	{Code: FlagRateResampled, Severity: eeg.SeverityInfo, Message: "The recording has a lower sampling rate than the model; the upper part of its band is missing."},
	{Code: FlagShortRecording, Severity: eeg.SeverityInfo, Message: "The recording is shorter than the 2 s that the quality measures need."},
}

// Flags returns the table of red flags: every code with its severity and usual message, gravest first.
func Flags() []eeg.Flag { return slices.Clone(table) }

// FlagOf returns the flag of a code. A code that a decoder made up itself is a warning with its own name.
func FlagOf(code string) eeg.Flag {
	for _, f := range table {
		if f.Code == code {
			return f
		}
	}
	return eeg.Flag{Code: code, Severity: eeg.SeverityWarning, Message: "The decoder warns: " + code + "."}
}

// Sort removes repeated flags, the first of a code stays, and orders them as the table does; unknown codes come
// after the warnings they are.
func Sort(flags []eeg.Flag) []eeg.Flag {
	rank := func(f eeg.Flag) int {
		for i, t := range table {
			if t.Code == f.Code {
				return 2 * i
			}
		}
		for i, t := range table {
			if t.Severity == eeg.SeverityInfo {
				return 2*i - 1
			}
		}
		return 2 * len(table)
	}
	out := flags[:0:0]
	for _, f := range flags {
		if !slices.ContainsFunc(out, func(o eeg.Flag) bool { return o.Code == f.Code }) {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b eeg.Flag) int { return rank(a) - rank(b) })
	return out
}

// Disclaimer is in every answer.
const Disclaimer = "BCI outputs are probabilistic. neurod is not a medical device and nothing here is a diagnosis. " +
	"Keep a person in charge and a hardware or software interlock between a decoded intent and anything that moves, opens, doses or calls."

// LowConfidence reports whether the first of n possible intents is hardly better than guessing: less than 0.3 of the
// way from chance, 1/n, to certainty. That is 0.65 for two intents, 0.32 for the 36 of a speller.
func LowConfidence(confidence float64, n int) bool {
	if n < 2 {
		return confidence < 0.5
	}
	chance := 1 / float64(n)
	return (confidence-chance)/(1-chance) < 0.3
}

// Ambiguous reports whether the first two intents lie within 0.1 of each other.
func Ambiguous(ranked []eeg.Ranked) bool {
	return len(ranked) > 1 && ranked[0].Confidence-ranked[1].Confidence < 0.1
}
