package p300

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/internal/stored"
)

// Config are the options of all pipelines, as JSON in Pipeline.Train and in a stored state.
type Config struct {
	// Low and High are the edges of the band in Hz. Defaults to 0.5 and 12: the wave is slow, and of the bands in use
	// this one did best on the speller recordings.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Order of the Butterworth band pass, which runs forward and backward. Defaults to 4.
	Order int `json:"order"`
	// End is the length of an epoch in s after the flash. Defaults to 0.7.
	End float64 `json:"end"`
	// Bins is how many averages a second an epoch is reduced to. Defaults to 32, in xdawn_rxgmm to 12.
	Bins float64 `json:"bins"`
	// Components is the number of spatial filters, for each kind of flash in xdawncov_ts_lr. erp_lda has none. Defaults to
	// 6, in xdawncov_ts_lr to 4, in xdawn_rxgmm to 1, or the rank where that is less.
	Components int `json:"components"`
	// Limit holds epochs down whose standard deviation exceeds this many times the median of the training epochs: they
	// are scaled to it, so that a blink counts for no more than a large response. 0 lets everything through.
	// Defaults to 1.5.
	Limit float64 `json:"limit"`
	// Reject leaves flashes out whose 2 s of signal hold no usable EEG by the rule of package quality, and says in the
	// evidence how many. Meant for a Limit of 0, which lets artifacts count in full; beside the default limit it changed
	// nothing for a speller whose cap moves. Defaults to false.
	Reject bool `json:"reject,omitempty"`
	// Standardize brings every epoch to standard deviation 1, which takes out the difference in amplitude between
	// people, caps and amplifiers. Meant for models of several people. Defaults to false.
	Standardize bool `json:"standardize"`
	// Shrinkage of the discriminant of erp_lda and xdawn_lda, between 0 and 1. Defaults to Ledoit and Wolf's.
	Shrinkage *float64 `json:"shrinkage,omitempty"`
	// Toeplitz is the share, between 0 and 1, of the structure in the covariance of erp_lda that a stationary signal would have (blocks of channels that depend
	// on the time between two bins alone, Sosulski and Tangermann 2022), with which fewer epochs are enough. Defaults to 0 or 0.5, whichever ranks the
	// epochs better that each fold of the calibration leaves out; to 0 with more than 16 channels, a fixed Shrinkage or Standardize.
	Toeplitz *float64 `json:"toeplitz,omitempty"`
	// Threshold is the posterior at which dynamic stopping would end a selection. Defaults to 0.9.
	Threshold float64 `json:"threshold"`
	// Folds of the cross-validation that calibrates the likelihood ratios, at least 20 of fewer than 200 epochs. Defaults to 5.
	Folds int `json:"folds"`
	// Seed draws the folds. Defaults to 1.
	Seed uint64 `json:"seed"`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{Low: 0.5, High: 12, Order: 4, End: 0.7, Bins: 32, Components: 6, Limit: 1.5, Threshold: 0.9, Folds: 5, Seed: 1}
}

// CrossSubject returns the options for a model of several people that meets a stranger: every epoch at its own scale.
func CrossSubject() Config {
	c := DefaultConfig()
	c.Standardize = true
	return c
}

// parseConfig reads options over the defaults of a pipeline and checks them.
//
//nolint:gocyclo // one guard for each option
func parseConfig(raw json.RawMessage, pipeline string) (Config, error) {
	cfg := DefaultConfig()
	switch pipeline {
	case XDAWNCovName:
		cfg.Components = 4
	case XDAWNRxGMMName: // each kind of flash has a covariance of its own, for which there are too few targets to learn more from
		cfg.Components, cfg.Bins = 1, 12
	}
	if err := stored.Options(raw, &cfg); err != nil {
		return cfg, incompatible("%v", err)
	}
	switch {
	case cfg.Order < 1 || cfg.Order > 10:
		return cfg, incompatible("order %d is not between 1 and 10", cfg.Order)
	case !(cfg.End >= 0.2 && cfg.End <= 5):
		return cfg, incompatible("end %v s is not between 0.2 and 5", cfg.End)
	case !(cfg.Bins >= 8 && cfg.Bins <= 1000):
		return cfg, incompatible("bins %v a second is not between 8 and 1000", cfg.Bins)
	case cfg.Components < 1 || cfg.Components > 1024:
		return cfg, incompatible("components %d is not between 1 and 1024", cfg.Components)
	case !(cfg.Limit == 0 || cfg.Limit >= 0.1 && cfg.Limit <= 1e6):
		return cfg, incompatible("limit %v is neither 0 nor between 0.1 and 1e6", cfg.Limit)
	case cfg.Shrinkage != nil && !(*cfg.Shrinkage >= 0 && *cfg.Shrinkage <= 1):
		return cfg, incompatible("shrinkage %v is not between 0 and 1", *cfg.Shrinkage)
	case cfg.Toeplitz != nil && pipeline != ERPLDAName:
		return cfg, incompatible("toeplitz is an option of %s, not of %s", ERPLDAName, pipeline)
	case cfg.Toeplitz != nil && !(*cfg.Toeplitz >= 0 && *cfg.Toeplitz <= 1):
		return cfg, incompatible("toeplitz %v is not between 0 and 1", *cfg.Toeplitz)
	case !(cfg.Threshold > 0 && cfg.Threshold < 1):
		return cfg, incompatible("threshold %v is not between 0 and 1", cfg.Threshold)
	case cfg.Folds < 2 || cfg.Folds > 100:
		return cfg, incompatible("folds %d is not between 2 and 100", cfg.Folds)
	case !(cfg.High <= 200):
		return cfg, incompatible("high %v Hz is above 200", cfg.High)
	}
	// The design is tried at a rate that suits the band; each request has its own.
	if _, err := dsp.ButterBandPass(cfg.Order, cfg.Low, cfg.High, cfg.minRate()); err != nil {
		return cfg, incompatible("%v", err)
	}
	return cfg, nil
}

// minRate in Hz leaves a tenth of room above the band's upper edge and gives every bin a sample.
func (c Config) minRate() float64 { return max(2.2*c.High, c.Bins) }

// bins is the number of averages of an epoch.
func (c Config) bins() int { return int(math.Round(c.End * c.Bins)) }

// incompatible is the error for options and states that make no decoder.
func incompatible(format string, args ...any) error {
	return decoders.Errorf(decoders.CodeModelIncompatible, nil, "P300: %s", fmt.Sprintf(format, args...))
}
