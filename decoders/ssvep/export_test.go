package ssvep

// The calibration, for the test that fits it again.
const (
	GainCCA       = gainCCA
	GainFBCCA     = gainFBCCA
	PresenceSlope = presenceSlope
	PresenceEven  = presenceEven
)
