package eeg

// What decoding costs is counted in samples of one channel of a motor-imagery decode, as measured with tools/hostile.
const (
	// MaxDecodeWork bounds what the recordings of a decode or of a batch are decoded of together: about a second of a processor.
	// For each byte of a recording that was sent, DecodeWorkPerByte is added.
	MaxDecodeWork     = 32 << 20
	DecodeWorkPerByte = 16

	// SSVEPSeconds is how much of a recording SSVEP and c-VEP decoders read.
	SSVEPSeconds = 10

	bareDecode     = 2048 // of next to nothing
	scanWeight     = 16   // of a scan of frequencies
	scanOverhead   = 28   // channels that the references of a scan count for
	targetOverhead = 8    // and those of targets

	// What all trials of a recording may be decoded of: so much, and so much for each of its bytes. Trials that do not overlap take
	// at most half of the second.
	everyTrial     = 2 << 20
	everyTrialByte = 32
)

// WorkWeight is what a sample costs to decode. SSVEP and c-VEP compare each sample with every target, SSVEP without any with a grid
// of frequencies.
func WorkWeight(p Paradigm, targets int) int64 {
	switch {
	case p != SSVEP && p != CVEP:
		return 1
	case targets == 0 && p == SSVEP:
		return scanWeight
	}
	return 1 + int64(targets)/4
}

// Work estimates what decoding so many samples of all channels costs; a decode of next to nothing costs something, too.
func Work(p Paradigm, targets int, values int64) int64 {
	return (values + bareDecode) * WorkWeight(p, targets)
}

// MaxTrialsWork bounds what all trials of a recording of so many bytes are decoded of together.
func MaxTrialsWork(bytes int64) int64 { return everyTrial + everyTrialByte*bytes }

// Work estimates what a request costs to decode whose recording has so many bytes.
func (r *Request) Work(bytes int) int64 {
	work := r.Input.Work(bytes)
	if r.Output == nil {
		return work
	}
	// A file of 16 samples a channel is the widest that has features.
	channels := min(MaxChannels, int64(bytes)/(2*16))
	if c := r.Input.Channels; c != nil && r.Input.Encoding.Bare() {
		channels = max(int64(c.Count), int64(len(c.Names)))
	}
	return work + channels*FeatureWork(r.Output.Features)
}

// Work estimates what a recording of so many bytes costs to decode, before it is read. Where the request does not tell its
// channels, as with a file or a headset known by its name, it goes by the bytes.
func (in *Input) Work(bytes int) int64 {
	width := int64(4)
	switch in.Encoding {
	case Int16LE, EDF, GDF:
		width = 2
	case BDF:
		width = 3
	case Float64LE:
		width = 8
	}
	values := int64(bytes) / width
	channels := int64(0)
	if c := in.Channels; c != nil && (in.Encoding.Bare() || in.SessionID != "") {
		channels = max(int64(c.Count), int64(len(c.Names)))
	}
	targets := in.Stimulus.targets()
	weight, work := WorkWeight(in.Paradigm, targets), values
	if in.Paradigm == SSVEP || in.Paradigm == CVEP {
		overhead := int64(scanOverhead)
		if targets > 0 || in.Paradigm == CVEP {
			overhead = targetOverhead
		}
		if work = min(values*weight, int64(bytes)*DecodeWorkPerByte); channels > 0 {
			read := min(values/channels, int64(SSVEPSeconds*in.SampleRate))
			work = read * (channels + overhead) * weight
		}
	}
	work += bareDecode * weight
	if in.Events.All() || in.Trials == TrialsAll {
		trials := int64(MaxTrials)
		if n := len(in.Events); n > 0 && !in.Events.All() {
			trials = min(trials, int64(n))
		}
		work += min(MaxTrialsWork(int64(bytes)), (MaxTrialOverlap*values+trials*bareDecode)*weight)
	}
	return work
}
