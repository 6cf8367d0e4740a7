package features

import (
	"errors"
	"strconv"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// Flags of a Summary: stable codes of what is wrong with a clip as a whole.
const (
	FlagLowQuality     = "low_quality"     // most windows fail the gate
	FlagPoorContact    = "poor_contact"    // a quarter of the channels, or more, has poor contact most of the time
	FlagLineNoise      = "line_noise"      // the power line holds most of the power of a quarter of the channels
	FlagArtifactBlink  = "artifact_blink"  // a window in four, or more, holds a blink
	FlagArtifactMotion = "artifact_motion" // likewise motion
	FlagArtifactEMG    = "artifact_emg"    // likewise muscle activity
)

// Summary is the quality of a whole clip over its windows.
type Summary struct {
	Windows int `json:"windows"` // how many windows were looked at
	Passed  int `json:"passed"`  // how many of them passed the gate
	// Overall is the mean quality over windows and channels, PerChannel the mean over windows, 0..1.
	Overall    float64                `json:"overall"`
	PerChannel eeg.ByChannel[float64] `json:"per_channel"`
	Confidence float64                `json:"confidence"` // mean over windows
	Artifacts  eeg.ArtifactScores     `json:"artifacts"`  // mean over windows
	// Channels holds the mean scores of each channel.
	Channels eeg.ByChannel[eeg.ArtifactScores] `json:"artifacts_per_channel"`
	Flags    []string                          `json:"flags"`
}

// Summarize judges a clip by its 2-s windows, one after another; the last one ends with the clip and may overlap the
// one before. A clip shorter than 2 s is one window. It refuses clips of fewer than 16 samples and samples that are
// no EEG with a *decoders.Error.
func Summarize(sig decoders.Signal) (*Summary, error) {
	return SummarizeConfig(sig, Config{})
}

// SummarizeConfig is Summarize with a configuration; its Rate and Channels are those of sig.
func SummarizeConfig(sig decoders.Signal, cfg Config) (*Summary, error) {
	if sig.Samples() < minSamples {
		return nil, tooShort(sig, minSamples)
	}
	cfg.Rate, cfg.Channels = sig.Rate, names(sig)
	if cfg.Seconds == 0 {
		cfg.Seconds = 2
	}
	if sig.Seconds() < cfg.Seconds {
		cfg.Seconds = sig.Seconds()
	}
	e, err := borrow(cfg)
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"sample_rate": sig.Rate}, "%v", err)
	}
	defer giveBack(cfg, e)
	rows, _ := sig.Data.Dims()
	s := &Summary{
		PerChannel: eeg.ByChannel[float64]{Names: cfg.Channels, Values: make([]float64, rows)},
		Channels:   eeg.ByChannel[eeg.ArtifactScores]{Names: cfg.Channels, Values: make([]eeg.ArtifactScores, rows)},
		Flags:      []string{},
	}
	line := make([]float64, rows)
	var w Window
	blinks, motions, muscles := 0, 0, 0
	err = eachWindow(e, sig.Data, func(part *mat.Dense) error {
		if err := e.Compute(&w, part); err != nil {
			return err
		}
		s.Windows++
		if w.Gate.Passed {
			s.Passed++
		}
		s.Overall += w.Quality.Overall
		s.Confidence += w.Confidence.Overall
		addScores(&s.Artifacts, w.Artifacts.ArtifactScores)
		for i := range w.Channels {
			s.PerChannel.Values[i] += w.Channels[i].SQI
			addScores(&s.Channels.Values[i], w.Channels[i].Scores)
			line[i] += w.Channels[i].LineShare
		}
		blinks += above(w.Artifacts.BlinkLike)
		motions += above(w.Artifacts.MotionLike)
		muscles += above(w.Artifacts.EMGLike)
		return nil
	})
	if err != nil {
		return nil, err
	}
	k := 1 / float64(s.Windows)
	s.Overall *= k
	s.Confidence *= k
	scaleScores(&s.Artifacts, k)
	poor, humming := 0, 0
	for i := range rows {
		s.PerChannel.Values[i] *= k
		scaleScores(&s.Channels.Values[i], k)
		poor += above(s.Channels.Values[i].BadContact)
		humming += above(line[i] * k)
	}
	quarter := (rows + 3) / 4
	for _, f := range []struct {
		on   bool
		name string
	}{
		{2*s.Passed < s.Windows, FlagLowQuality},
		{poor >= quarter, FlagPoorContact},
		{humming >= quarter, FlagLineNoise},
		{4*blinks >= s.Windows && blinks > 0, FlagArtifactBlink},
		{4*motions >= s.Windows && motions > 0, FlagArtifactMotion},
		{4*muscles >= s.Windows && muscles > 0, FlagArtifactEMG},
	} {
		if f.on {
			s.Flags = append(s.Flags, f.name)
		}
	}
	return s, nil
}

// PoorContact names the channels whose contact is poor most of the time.
func (s *Summary) PoorContact() []string {
	var names []string
	for i, v := range s.Channels.Values {
		if above(v.BadContact) > 0 {
			names = append(names, s.Channels.Names[i])
		}
	}
	return names
}

// above is 1 where a score is at least one half, the middle of its ramp.
func above(score float64) int {
	if score >= 0.5 {
		return 1
	}
	return 0
}

// eachWindow calls f with the windows of data (channels × samples), from the start to the end.
func eachWindow(e *Extractor, data *mat.Dense, f func(*mat.Dense) error) error {
	rows, cols := data.Dims()
	for from := 0; from < cols; from += e.n {
		if from+e.n > cols {
			from = cols - e.n
		}
		if err := f(data.Slice(0, rows, from, from+e.n).(*mat.Dense)); err != nil {
			return offset(err, from)
		}
	}
	return nil
}

// offset corrects the sample number of an error found inside a window that starts at the given sample.
func offset(err error, from int) error {
	var de *decoders.Error
	if !errors.As(err, &de) {
		return err
	}
	if i, ok := de.Details["sample"].(int); ok {
		name, _ := de.Details["channel"].(string)
		de.Details["sample"] = i + from
		de.Message = "channel " + name + ", sample " + strconv.Itoa(i+from) + ": not a finite number within the range of an amplifier in µV"
	}
	return de
}

// names returns the channel names, numbering the channels where there are none.
func names(sig decoders.Signal) []string {
	rows, _ := sig.Data.Dims()
	if len(sig.Channels) == rows {
		return sig.Channels
	}
	out := make([]string, rows)
	for i := range out {
		out[i] = "ch" + strconv.Itoa(i+1)
	}
	return out
}

func addScores(s *eeg.ArtifactScores, o eeg.ArtifactScores) {
	s.BlinkLike += o.BlinkLike
	s.MotionLike += o.MotionLike
	s.EMGLike += o.EMGLike
	s.BadContact += o.BadContact
}

func scaleScores(s *eeg.ArtifactScores, k float64) {
	s.BlinkLike *= k
	s.MotionLike *= k
	s.EMGLike *= k
	s.BadContact *= k
}
