package features

import "github.com/neurod/neurod/eeg"

// Number is a number that may be unknown.
type Number = eeg.Number

// BandPower is the power in the bands, half-open, in µV².
type BandPower = eeg.BandPower

// Unknown is the Number of what cannot be computed.
func Unknown() Number { return eeg.Unknown() }

// Window is what one window of EEG says. Its JSON is the middle part of the feature window of the sessions API;
// the caller adds identifiers and times.
type Window struct {
	Features   Features   `json:"features"`
	Artifacts  Artifacts  `json:"artifacts"`
	Quality    Quality    `json:"quality"`
	Confidence Confidence `json:"confidence"`
	Gate       Gate       `json:"gate"`
	// Clipped names what the sampling rate cut short or made impossible: "gamma", "beta", ..., "line_50hz".
	Clipped []string `json:"clipped,omitempty"`
	// Channels holds the numbers of each channel, in montage order.
	Channels []Channel `json:"-"`

	asked answers // what Features.AskedFeatures points to
}

// Features are the spectral features of a window, averaged over all channels.
type Features struct {
	BandPower         BandPower `json:"bandpower"`
	Ratios            Ratios    `json:"ratios"`
	SpectralEntropy   Number    `json:"spectral_entropy"` // 0 (one line) .. 1 (flat), over 1-45 Hz
	eeg.AskedFeatures           // what Config.Features names
}

// Ratios are quotients of absolute band powers, unknown where the denominator is below 1e-3 µV².
type Ratios struct {
	AlphaBeta Number `json:"alpha_beta"`
	ThetaBeta Number `json:"theta_beta"`
}

// Artifacts are the scores of the window as a whole. Motion, EMG and contact are the mean over the worst quarter of
// the channels, so that what touches a few of them is seen and a single loose electrode does not stand for all;
// blinks are the mean of the two strongest frontal channels, because both eyes close together.
type Artifacts struct {
	eeg.ArtifactScores
	PerChannel eeg.ByChannel[eeg.ArtifactScores] `json:"per_channel"`
}

// Quality is the signal quality index (SQI), 0..1: of each channel, and their mean.
type Quality struct {
	Overall    float64                `json:"overall"`
	PerChannel eeg.ByChannel[float64] `json:"per_channel"`
}

// Confidence says how far the window's features can be relied on, 0..1: the mean over all channels of the SQI of
// those that are good enough to use, less what artifacts of the whole head put into the bands.
type Confidence struct {
	Overall float64 `json:"overall"`
}

// Gate says whether the window should be used.
type Gate struct {
	Passed bool `json:"passed"`
	// Reasons says why not, most telling first: "too_few_good_channels", then which artifacts were behind it.
	Reasons []string `json:"reasons,omitempty"`
}

// Channel holds what one channel of a window says.
type Channel struct {
	Name            string
	BandPower       BandPower
	SpectralEntropy Number
	Scores          eeg.ArtifactScores
	SQI             float64
	LineShare       float64 // power within 1 Hz of the stronger line frequency over the power above 0.5 Hz
	SD              float64 // µV, after detrending
	PeakToPeak      float64 // µV, after detrending
}
