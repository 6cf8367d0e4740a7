package eeg

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
)

// Feature names a feature that windows and clips carry on request, beside those that every window has.
type Feature string

// The features that can be asked for.
const (
	FeatureBandPower     Feature = "band_power"     // the power in each band of each channel
	FeatureRelativePower Feature = "relative_power" // the share of each band
	FeatureAperiodic     Feature = "aperiodic"      // exponent and offset of the 1/f part of the spectrum
	FeatureAlphaPeak     Feature = "alpha_peak"     // the individual alpha peak
)

// Features lists the features that can be asked for.
var Features = []Feature{FeatureBandPower, FeatureRelativePower, FeatureAperiodic, FeatureAlphaPeak}

// Known reports whether f can be asked for.
func (f Feature) Known() bool { return slices.Contains(Features, f) }

// fitWork is what it costs to tell the 1/f part of the spectrum of one channel from its peaks, in samples of a feature window: 0.2 ms
// against 25 ns, whatever the sampling rate is, because the band is the same.
const fitWork = 8192

// FeatureWork is what the features that were asked for add to the cost of a window for each channel, in samples of the window.
func FeatureWork(asked []Feature) int64 {
	if slices.Contains(asked, FeatureAperiodic) || slices.Contains(asked, FeatureAlphaPeak) {
		return fitWork
	}
	return 0
}

// Number is a float64 that may be unknown: NaN is null in JSON.
type Number float64

// Unknown is the Number of what cannot be computed.
func Unknown() Number { return Number(math.NaN()) }

// Known reports whether n has a value.
func (n Number) Known() bool { return !math.IsNaN(float64(n)) }

// MarshalJSON writes the number, or null where it is unknown.
func (n Number) MarshalJSON() ([]byte, error) {
	f := float64(n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
}

// UnmarshalJSON reads a number or null.
func (n *Number) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*n = Unknown()
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// BandPower is the power in the bands, half-open, in µV².
type BandPower struct {
	Delta Number `json:"delta"` // 1-4 Hz
	Theta Number `json:"theta"` // 4-8 Hz
	Alpha Number `json:"alpha"` // 8-13 Hz
	Beta  Number `json:"beta"`  // 13-30 Hz
	Gamma Number `json:"gamma"` // 30-45 Hz
}

// Aperiodic is the 1/f part of a spectrum, log10 P(f) = offset - exponent·log10 f with P in µV²/Hz and f in Hz. Both are unknown where
// the spectrum is: of a flat line, and at rates that hold less than 2-20 Hz.
type Aperiodic struct {
	Exponent Number `json:"exponent"`
	Offset   Number `json:"offset"`
}

// AlphaPeak is the highest peak that stands out of the 1/f part at 7-13 Hz. Its JSON is null where there is none.
type AlphaPeak struct {
	Found     bool
	Frequency float64 // Hz
	Power     float64 // log10 of the density at the peak over that of the 1/f part
	Width     float64 // Hz, two standard deviations
}

type alphaPeakJSON struct {
	Frequency float64 `json:"frequency_hz"`
	Power     float64 `json:"power"`
	Width     float64 `json:"width_hz"`
}

// MarshalJSON writes the peak, or null where there is none.
func (p AlphaPeak) MarshalJSON() ([]byte, error) {
	if !p.Found {
		return []byte("null"), nil
	}
	return json.Marshal(alphaPeakJSON{p.Frequency, p.Power, p.Width})
}

// UnmarshalJSON reads a peak or null.
func (p *AlphaPeak) UnmarshalJSON(b []byte) error {
	var v *alphaPeakJSON
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*p = AlphaPeak{}
	if v != nil {
		*p = AlphaPeak{true, v.Frequency, v.Power, v.Width}
	}
	return nil
}

// ChannelFeatures are the features of a channel that were asked for.
type ChannelFeatures struct {
	BandPower     *BandPower `json:"bandpower,omitempty"`
	RelativePower *BandPower `json:"relative_power,omitempty"`
	Aperiodic     *Aperiodic `json:"aperiodic,omitempty"`
	AlphaPeak     *AlphaPeak `json:"alpha_peak,omitempty"`
}

// AskedFeatures are the features that were asked for beside those that every window has. Those of all channels together are the mean of
// the relative powers, and the 1/f part and peak of the mean of the log spectra of the good channels, of all where none is.
type AskedFeatures struct {
	RelativePower *BandPower                  `json:"relative_power,omitempty"`
	Aperiodic     *Aperiodic                  `json:"aperiodic,omitempty"`
	AlphaPeak     *AlphaPeak                  `json:"alpha_peak,omitempty"`
	PerChannel    *ByChannel[ChannelFeatures] `json:"per_channel,omitempty"`
}

// ClipFeatures are the features of a clip, of the mean spectra of its windows.
type ClipFeatures struct {
	BandPower BandPower `json:"bandpower"`
	AskedFeatures
	Windows int `json:"windows"` // that the spectra are the mean of
}
