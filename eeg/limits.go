package eeg

// Limits of a decode request. They bound what one request can make the service hold and the decoders compute.
const (
	MaxPayloadBytes  = 32 << 20 // of a recording, decoded
	MaxChannels      = 512      // the largest EEG caps have 256 electrodes; twice that leaves room for auxiliaries
	MaxSampleRate    = 20_000   // Hz; amplifiers for high-frequency oscillations reach 20 kHz
	MaxEvents        = 100_000
	MaxTargets       = 200    // the largest published SSVEP spellers have 160 targets
	MaxCodeBits      = 4096   // of a c-VEP code; the longest in use have 254
	MinCodeDegree    = 3      // of a shift register: 7 bits
	MaxCodeDegree    = 10     // 1023 bits
	MaxCodeRate      = 1000   // Hz; the fastest screens have 540
	MaxMatrixSide    = 20     // rows and columns of a P300 matrix
	MaxFlashCodes    = 1000   // of a P300 matrix; events that EventClasses explains
	MaxContextLength = 16_000 // characters, as the decode document says
	MaxNameLength    = 64     // of a channel, symbol or target, in characters
	MaxLabelLength   = 200    // of a device or an event, in characters
	MinFalseAccept   = 0.001  // least level of false accepts: rarer ones were not counted
	MinThreshold     = 0.01   // of the seizure check; a clip's score is 0 to 1
	MaxThreshold     = 0.99
	MaxFalseAlarms   = 86_400 // a day: one each second
)

// Limits of the trials of one recording.
const (
	MaxTrials = 1000 // that are decoded where all are asked for
	// MaxTrialOverlap bounds the samples of all trials together, in recordings: epochs of flashes overlap 16 times.
	MaxTrialOverlap = 20
)
