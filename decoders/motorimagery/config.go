package motorimagery

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/internal/stored"
)

// Config are the options of all pipelines, as JSON in Pipeline.Train and in a stored state. A pipeline ignores those
// that name another.
type Config struct {
	// Low and High are the edges of the band in Hz. Defaults to 8 and 30, the mu and beta rhythms; for fbcsp to 4 and
	// 40, which its bank divides.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Order of the Butterworth band pass, which runs forward and backward. Defaults to 4.
	Order int `json:"order"`
	// Start and End are the window in s after the cue. Defaults to 0.5 and 2.5. A request without events is taken
	// whole.
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	// MinSeconds is the least of the window that must be there. Defaults to 1.
	MinSeconds float64 `json:"min_seconds"`
	// Components is the number of spatial filters of csp_lda, and of each band of fbcsp. Defaults to 6, for fbcsp to 4
	// (two pairs), or the rank where that is less.
	Components int `json:"components"`
	// BandWidth of the bank of fbcsp in Hz. Defaults to 4.
	BandWidth float64 `json:"band_width,omitempty"`
	// Select is how many features of fbcsp are taken for what they tell of the class; the other feature of each one's pair
	// comes along. Defaults to 4.
	Select int `json:"select,omitempty"`
	// Shrinkage of the linear discriminant of csp_lda and fbcsp, between 0 and 1. Defaults to Ledoit and Wolf's.
	Shrinkage *float64 `json:"shrinkage,omitempty"`
	// C is the weight of the data against the penalty in the logistic regression of ts_lr. Defaults to 1.
	C float64 `json:"c"`
	// Normalize takes each trial's overall power out, which differs between people, caps and amplifiers more than
	// between classes. Meant for models of several people. Defaults to false.
	Normalize bool `json:"normalize"`
	// Mirror also trains on each trial with left and right hemisphere swapped, as a trial of the other class. For two
	// classes that mirror each other, such as left and right hand. Defaults to false.
	Mirror bool `json:"mirror"`
	// Align moves the trials of each training subject (Trial.Group up to the first "/") to a common mean covariance
	// first. One clip has no mean of its own, so decoding takes the subjects' average until a [Recentring] knows the
	// person's. Defaults to false.
	Align bool `json:"align"`
	// Center is the mean that Align moves to the identity: "euclid", the arithmetic one (He and Wu 2020), or, for
	// pipelines of covariances, "riemann", the geometric one (Zanini 2018). Defaults to "euclid".
	Center string `json:"center,omitempty"`
	// Weight is how much a trial of the person counts against one of the people that a training starts from, see [OnTopOf]. Defaults to
	// DefaultWeight there; others ignore it.
	Weight float64 `json:"weight,omitempty"`
	// Folds of the cross-validation that calibrates the probabilities: whole subjects where there are several, else
	// stratified trials. 0 leaves them uncalibrated. Defaults to 5.
	Folds int `json:"folds"`
	// Seed draws the folds. Defaults to 1.
	Seed uint64 `json:"seed"`
}

// The values of Config.Center.
const (
	CenterEuclid  = "euclid"
	CenterRiemann = "riemann"
)

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{Low: 8, High: 30, Order: 4, Start: 0.5, End: 2.5, MinSeconds: 1, Components: 6, C: 1, Folds: 5, Seed: 1}
}

// DefaultFBCSP returns the defaults of fbcsp: nine bands of 4 Hz, two pairs of filters in each, four features selected
// (Ang et al. 2012).
func DefaultFBCSP() Config {
	c := DefaultConfig()
	c.Low, c.High, c.BandWidth, c.Components, c.Select = 4, 40, 4, 4, 4
	return c
}

// CrossSubject returns the options for a model of several people that meets a stranger's single clip: the whole 4 s
// of imagery, each trial's power taken out, hemispheres mirrored, a stronger penalty. Leaving one of twelve people of
// EEGMMIDB out at a time, mirroring and the longer window are worth three to five points each on 10-20 montages; alignment
// without the stranger's own data is worth nothing, so it stays off.
func CrossSubject() Config {
	c := DefaultConfig()
	c.Start, c.End = 0, 4
	c.Normalize, c.Mirror = true, true
	c.C = 0.3
	return c
}

// parseConfig reads options over the pipeline's defaults and checks them against the rate in Hz.
//
//nolint:gocyclo // one guard for each option
func parseConfig(pipeline string, raw json.RawMessage, rate float64) (Config, error) {
	cfg := DefaultConfig()
	if pipeline == FBCSPName {
		cfg = DefaultFBCSP()
	}
	if err := stored.Options(raw, &cfg); err != nil {
		return cfg, incompatible("%v", err)
	}
	switch {
	case !(rate > 0) || math.IsInf(rate, 0):
		return cfg, incompatible("sampling rate %v Hz", rate)
	case cfg.Order < 1 || cfg.Order > 10:
		return cfg, incompatible("order %d is not between 1 and 10", cfg.Order)
	case !(cfg.Start >= -10) || !(cfg.End <= 60) || !(cfg.End > cfg.Start):
		return cfg, incompatible("window %v to %v s is empty or beyond -10 to 60 s", cfg.Start, cfg.End)
	case !(cfg.MinSeconds >= 0.25) || cfg.MinSeconds > cfg.End-cfg.Start:
		return cfg, incompatible("min_seconds %v is not between 0.25 and the window's %v", cfg.MinSeconds, cfg.End-cfg.Start)
	case cfg.Components < 1 || cfg.Components > 1024:
		return cfg, incompatible("components %d is not between 1 and 1024", cfg.Components)
	case cfg.Shrinkage != nil && !(*cfg.Shrinkage >= 0 && *cfg.Shrinkage <= 1):
		return cfg, incompatible("shrinkage %v is not between 0 and 1", *cfg.Shrinkage)
	case !(cfg.C > 0) || cfg.C > 1e6:
		return cfg, incompatible("c %v is not between 0 and 1e6", cfg.C)
	case !(cfg.Weight >= 0) || cfg.Weight > 1e6:
		return cfg, incompatible("weight %v is not between 0 and 1e6", cfg.Weight)
	case cfg.Center != "" && cfg.Center != CenterEuclid && cfg.Center != CenterRiemann:
		return cfg, incompatible("center %q is neither %q nor %q", cfg.Center, CenterEuclid, CenterRiemann)
	case cfg.Center == CenterRiemann && (pipeline == CSPLDAName || pipeline == FBCSPName):
		return cfg, incompatible("center %q needs covariances of full rank, which %s does not make", cfg.Center, pipeline)
	case pipeline == FBCSPName && (!(cfg.BandWidth >= 1) || cfg.BandWidth > cfg.High-cfg.Low+1e-9):
		return cfg, incompatible("band_width %v is not between 1 Hz and the bank's %v", cfg.BandWidth, cfg.High-cfg.Low)
	case pipeline == FBCSPName && (cfg.High-cfg.Low)/cfg.BandWidth > 64:
		return cfg, incompatible("%v to %v Hz are more than 64 bands of %v Hz", cfg.Low, cfg.High, cfg.BandWidth)
	case pipeline == FBCSPName && (cfg.Select < 1 || cfg.Select > 1024):
		return cfg, incompatible("select %d is not between 1 and 1024", cfg.Select)
	case cfg.Folds < 0 || cfg.Folds == 1 || cfg.Folds > 100:
		return cfg, incompatible("folds %d is neither 0 nor between 2 and 100", cfg.Folds)
	}
	if _, err := dsp.ButterBandPass(cfg.Order, cfg.Low, cfg.High, rate); err != nil {
		return cfg, incompatible("%v", err)
	}
	return cfg, nil
}

// incompatible is the error for options and states that make no decoder.
func incompatible(format string, args ...any) error {
	return decoders.Errorf(decoders.CodeModelIncompatible, nil, "motor imagery: %s", fmt.Sprintf(format, args...))
}
