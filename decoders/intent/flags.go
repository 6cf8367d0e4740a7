package intent

import "slices"

// Severity says what an interface should do about a flag.
type Severity string

// The severities.
const (
	Info     Severity = "info"     // show it where there is room
	Warning  Severity = "warning"  // show it; do not act without the person confirming
	Critical Severity = "critical" // stop what is moving and call a person
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

// Flag is one warning about an answer.
type Flag struct {
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
}

// table lists the flags in the order in which an answer shows them, gravest first.
var table = []Flag{
	{FlagPossibleSeizure, Critical, "The recording looks like a seizure. This is no diagnosis; have a person look at once."},
	{FlagUnitsSuspect, Warning, "The samples are not in microvolts, or not EEG, by their amplitude; nothing was decoded."},
	{FlagUndetermined, Warning, "What the person meant cannot be told from this recording; no intent was decoded."},
	{FlagLowConfidence, Warning, "The answer is hardly more probable than guessing."},
	{FlagAmbiguous, Warning, "The two most probable intents are close to each other."},
	{FlagLowQuality, Warning, "Most of the recording is too noisy to rely on; nothing was decoded."},
	{FlagPoorContact, Warning, "Electrodes have poor contact; the message names them."},
	{FlagArtifact, Warning, "Blinks, movement or muscle activity cover the brain's signal."},
	{FlagMontageMismatch, Warning, "The channels are not those that the device has."},
	{FlagGapInRecording, Warning, "The recording has gaps; what follows one is joined to what was before it."},
	{FlagSeizureUnknown, Warning, "The recording is too short, too noisy or in a wrong unit to tell whether it looks like a seizure."},
	{FlagAmplitudeOnly, Warning, "The trained model finds the clip ictal-like, the rules do not, so the answer does not: its amplitude alone may be the reason."},
	{FlagAlphaLike, Warning, "The strongest frequency looks like the alpha rhythm of closed eyes, not like a flicker."},
	{FlagEventsIgnored, Warning, "No event leaves enough signal behind it; the recording was decoded from its start."},
	{FlagNoTarget, Info, "The person seems to look at none of the targets."},
	{FlagLineNoise, Info, "The power line is strong in the signal."},
	{FlagMontageAssumed, Info, "Only a channel count was given; the device's usual electrode positions were assumed."},
	{FlagRateUnusual, Info, "The device is not known to sample at this rate."},
	{FlagRateResampled, Info, "The recording was sampled more slowly than the model works; the upper part of its band is missing."},
	{FlagShortRecording, Info, "The recording is shorter than the 2 s that the quality measures need."},
}

// Flags returns the table of red flags: every code with its severity and usual message, gravest first.
func Flags() []Flag { return slices.Clone(table) }

// FlagOf returns the flag of a code. A code that a decoder made up itself is a warning with its own name.
func FlagOf(code string) Flag {
	for _, f := range table {
		if f.Code == code {
			return f
		}
	}
	return Flag{Code: code, Severity: Warning, Message: "The decoder warns: " + code + "."}
}

// Sort removes repeated flags, the first of a code stays, and orders them as the table does; unknown codes come
// after the warnings they are.
func Sort(flags []Flag) []Flag {
	rank := func(f Flag) int {
		for i, t := range table {
			if t.Code == f.Code {
				return 2 * i
			}
		}
		for i, t := range table {
			if t.Severity == Info {
				return 2*i - 1
			}
		}
		return 2 * len(table)
	}
	out := flags[:0:0]
	for _, f := range flags {
		if !slices.ContainsFunc(out, func(o Flag) bool { return o.Code == f.Code }) {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b Flag) int { return rank(a) - rank(b) })
	return out
}

// Disclaimer stands in every answer.
const Disclaimer = "BCI outputs are probabilistic. neurod is not a medical device and nothing here is a diagnosis. " +
	"Keep a person in charge and a hardware or software interlock between a decoded intent and anything that moves, opens, doses or calls."

// LowConfidence tells whether the first of n possible intents is hardly better than guessing: less than 0.3 of the
// way from chance, 1/n, to certainty. That is 0.65 for two intents, 0.32 for the 36 of a speller.
func LowConfidence(confidence float64, n int) bool {
	if n < 2 {
		return confidence < 0.5
	}
	chance := 1 / float64(n)
	return (confidence-chance)/(1-chance) < 0.3
}

// Ambiguous tells whether the first two intents lie within 0.1 of each other.
func Ambiguous(ranked []Ranked) bool {
	return len(ranked) > 1 && ranked[0].Confidence-ranked[1].Confidence < 0.1
}
