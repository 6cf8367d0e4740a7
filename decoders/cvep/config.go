package cvep

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/eeg"
)

// The stable names of the pipelines.
const (
	RCCAName     = "rcca"
	TemplateName = "cvep_template"
)

// TrainConfig are the options of the pipelines, as JSON in Pipeline.Train and in a stored state.
type TrainConfig struct {
	// Codes is the code book of the screen. Required: each class of the training data is one of its labels.
	Codes *eeg.CodeBook `json:"codes"`
	// Low and High are the edges of the band pass in Hz; both 0 leaves the signal as it is. Default to 2 and 30 (Thielen et al. 2021).
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Order of the band pass. Defaults to 4.
	Order int `json:"order"`
	// Seconds is the longest segment after the onset that is read, of training trials and of requests, up to 10. Defaults to 10.
	Seconds float64 `json:"seconds"`
	// Flashes says what flashes are told apart by: duration or contrast (rcca). Defaults to duration.
	Flashes string `json:"flashes"`
	// Response is the length of the response to a flash in s (rcca). Defaults to 0.3.
	Response float64 `json:"response"`
	// Ridge is the share of the mean variance that is added to the variances of the structure matrix (rcca), or of the templates.
	// Defaults to 1e-6: little enough to change nothing where there are trials enough, and enough where a kind of flash is rare.
	Ridge float64 `json:"ridge"`
	// Threshold is the probability of the best target at which a trial may be stopped. Defaults to 0.95.
	Threshold float64 `json:"threshold"`
	// Step is every how many seconds that is asked. Defaults to 0.1.
	Step float64 `json:"step"`
	// Folds of the cross-validation that fits the temperature, each a part of the trials in their order; 0 leaves probabilities
	// uncalibrated. Defaults to 5.
	Folds int `json:"folds"`
}

// DefaultTrainConfig returns the defaults, but for the codes.
func DefaultTrainConfig() TrainConfig {
	return TrainConfig{Low: 2, High: 30, Order: 4, Seconds: eeg.SSVEPSeconds, Flashes: ByDuration, Response: 0.3, Ridge: 1e-6, Threshold: 0.95, Step: 0.1, Folds: 5}
}

const (
	minRate      = 32.0 // Hz
	leastSeconds = 0.3  // a segment of less has not seen a whole response
	filterMargin = 2.0  // s of signal before the segment that the filter may see
	maxChannels  = 256
	maxValues    = 24 << 20 // numbers in the templates of a model: below 200 MB
	maxColumns   = 1024     // of a structure matrix: 8 MB
	minTrials    = 5        // that the filters are fitted to
)

// incompatible is the error for options and states that make no decoder.
func incompatible(format string, args ...any) error {
	return decoders.Errorf(decoders.CodeModelIncompatible, nil, "cvep: %s", fmt.Sprintf(format, args...))
}

// parseTrainConfig reads options over the defaults and checks them; rate in Hz is the training data's.
//
//nolint:gocyclo // one guard for each option
func parseTrainConfig(raw json.RawMessage, rate float64) (TrainConfig, *Book, error) {
	cfg := DefaultTrainConfig()
	if err := stored.Options(raw, &cfg); err != nil {
		return cfg, nil, incompatible("%v", err)
	}
	if cfg.Codes == nil {
		return cfg, nil, incompatible("the options have no codes: say what each target shows, such as {\"codes\":{\"kind\":\"m_sequence\",\"rate_hz\":60,\"degree\":6,\"labels\":[...]}}")
	}
	book, err := Expand(cfg.Codes)
	if err != nil {
		return cfg, nil, err
	}
	switch {
	case !(rate >= minRate) || rate > eeg.MaxSampleRate:
		return cfg, nil, incompatible("sampling rate %v Hz is not between %v and %d", rate, minRate, eeg.MaxSampleRate)
	case book.Rate > rate:
		return cfg, nil, incompatible("%g bits a second cannot be told apart at %g Hz", book.Rate, rate)
	case (cfg.Low != 0 || cfg.High != 0) && !(cfg.Low > 0 && cfg.High > cfg.Low && cfg.High <= 0.45*rate):
		return cfg, nil, incompatible("band %v-%v Hz is not within 0 and %.4g Hz; low and high 0 take the signal as it is", cfg.Low, cfg.High, 0.45*rate)
	case cfg.Order < 1 || cfg.Order > 10:
		return cfg, nil, incompatible("order %d is not between 1 and 10", cfg.Order)
	case !(cfg.Seconds >= leastSeconds) || cfg.Seconds > eeg.SSVEPSeconds:
		return cfg, nil, incompatible("seconds %v is not between %v and %d", cfg.Seconds, leastSeconds, eeg.SSVEPSeconds)
	case cfg.Flashes != ByDuration && cfg.Flashes != ByContrast:
		return cfg, nil, incompatible("flashes %q is neither %q nor %q", cfg.Flashes, ByDuration, ByContrast)
	case !(cfg.Response >= 0.05 && cfg.Response <= 1):
		return cfg, nil, incompatible("response %v s is not between 0.05 and 1", cfg.Response)
	case !(cfg.Ridge >= 0 && cfg.Ridge <= 1):
		return cfg, nil, incompatible("ridge %v is not between 0 and 1", cfg.Ridge)
	case !(cfg.Threshold > 0 && cfg.Threshold < 1):
		return cfg, nil, incompatible("threshold %v is not between 0 and 1", cfg.Threshold)
	case !(cfg.Step >= 0.02 && cfg.Step <= eeg.SSVEPSeconds):
		return cfg, nil, incompatible("step %v is not between 0.02 and %d s", cfg.Step, eeg.SSVEPSeconds)
	case cfg.Folds < 0 || cfg.Folds == 1 || cfg.Folds > 100:
		return cfg, nil, incompatible("folds %d is neither 0 nor between 2 and 100", cfg.Folds)
	}
	if cfg.Low != 0 {
		if _, err := dsp.ButterBandPass(cfg.Order, cfg.Low, cfg.High, rate); err != nil {
			return cfg, nil, incompatible("%v", err)
		}
	}
	return cfg, book, nil
}

// lengthOf is the response in samples.
func (c TrainConfig) lengthOf(rate float64) int { return max(1, int(math.Round(c.Response*rate))) }
