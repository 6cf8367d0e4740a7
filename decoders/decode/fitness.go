package decode

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/intent"
	"github.com/neurod/neurod/decoders/quality"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// fitness is what a recording is good for. Where it is unfit no decoder's answer is passed on: the one place in which failed quality
// and wrong units become no answer, for every paradigm.
type fitness struct {
	summary *features.Summary // nil where the recording is too short or too slow to say
	low     bool              // most of it is too bad to be read, in the band that decoders read
	units   *quality.Units    // what speaks against its unit
	unit    string            // the unit that its file states, where that is not a voltage
}

func (f fitness) unfit() bool { return f.low || f.units != nil || f.unit != "" }

const (
	// ongoing is the amplitude of ongoing EEG, as the SD in µV. A clip that is called a discharge is judged as if it were as large: its
	// spikes are not a movement, and that it can be read package seizure has found.
	ongoing = 30.0
	// insideTimes is how many times as large EEG from inside the head may be. The largest of Bonn's set S has 630 µV, where bad contact
	// begins at 90 on the scalp.
	insideTimes = 7.0
)

// assess judges a recording for what a decoder found in it; result is nil where none was asked.
func assess(l *loaded, result *decoders.Result) fitness {
	f := fitness{units: quality.SuspectUnits(l.Signal), unit: l.strangeUnit}
	f.summary, f.low = judge(l.Signal)
	if !f.low || result == nil || result.Paradigm != eeg.Seizure {
		return f
	}
	switch {
	case result.Seizure != nil && *result.Seizure:
		f.summary, _ = judge(smaller(l.Signal, max(1, quality.Amplitude(l.Signal)/ongoing)))
		f.low = false
	case !slices.ContainsFunc(l.Channels, recording.IsElectrode):
		f.summary, f.low = judge(smaller(l.Signal, insideTimes))
	}
	return f
}

// smaller returns the signal divided by a number.
func smaller(sig decoders.Signal, times float64) decoders.Signal {
	x := mat.DenseCopyOf(sig.Data)
	x.Scale(1/times, x)
	sig.Data = x
	return sig
}

// judge returns the quality of a signal, nil where it is too short or too slow to say, and whether it is failed.
func judge(sig decoders.Signal) (*features.Summary, bool) {
	s, err := features.Summarize(sig)
	if err != nil {
		return nil, false
	}
	return s, 2*s.Passed < s.Windows && !quality.Passes(sig)
}

// assessPart judges samples lo to hi (exclusive) alone.
func assessPart(l *loaded, lo, hi int, result *decoders.Result) fitness {
	rows, n := l.Data.Dims()
	lo, hi = max(0, lo), min(n, hi)
	if lo >= hi {
		return fitness{}
	}
	part := &loaded{Signal: l.Signal, strangeUnit: l.strangeUnit}
	part.Data = l.Data.Slice(0, rows, lo, hi).(*mat.Dense)
	return assess(part, result)
}

// reason says in a sentence why an unfit recording has no answer.
func (f fitness) reason() string {
	if f.unit != "" || f.units != nil {
		return intent.FlagOf(intent.FlagUnitsSuspect).Message
	}
	return intent.FlagOf(intent.FlagLowQuality).Message
}

// flags are the warnings about the recording itself.
func (f fitness) flags() []eeg.Flag {
	var flags []eeg.Flag
	switch {
	case f.unit != "":
		w := intent.FlagOf(intent.FlagUnitsSuspect)
		w.Message = fmt.Sprintf("The file states its samples in %q, which is not a unit of voltage; EEG is read in microvolts, so nothing was decoded.", f.unit)
		flags = append(flags, w)
	case f.units != nil:
		w := intent.FlagOf(intent.FlagUnitsSuspect)
		w.Message = fmt.Sprintf("The typical channel has %.3g µV between 0.5 and 40 Hz, EEG has %g to %g; nothing was decoded.",
			f.units.Typical, quality.Smallest, quality.LargestScalp)
		if f.units.LooksLike != "" {
			w.Message += fmt.Sprintf(" The values look like %s: send input.unit.", f.units.LooksLike)
		} else {
			w.Message += " The values look like the numbers of a converter: send them as int16le with scale_uv, or multiplied."
		}
		flags = append(flags, w)
	}
	if f.summary == nil {
		return flags
	}
	if f.low {
		flags = append(flags, intent.FlagOf(intent.FlagLowQuality))
	}
	var artifacts []string
	for _, code := range f.summary.Flags {
		switch code {
		case features.FlagLowQuality: // it may be the mains alone, which decoders do not read
		case features.FlagArtifactBlink:
			artifacts = append(artifacts, "blinks")
		case features.FlagArtifactMotion:
			artifacts = append(artifacts, "movement")
		case features.FlagArtifactEMG:
			artifacts = append(artifacts, "muscle activity")
		case features.FlagPoorContact:
			w := intent.FlagOf(intent.FlagPoorContact)
			w.Message = "Poor contact in " + recording.FewNames(f.summary.PoorContact()) + "; quality.per_channel says how good each is."
			flags = append(flags, w)
		default: // line_noise has the same code here
			flags = append(flags, intent.FlagOf(code))
		}
	}
	if len(artifacts) > 0 {
		w := intent.FlagOf(intent.FlagArtifact)
		w.Message = "The recording holds " + strings.Join(artifacts, ", ") + "."
		flags = append(flags, w)
	}
	return flags
}
