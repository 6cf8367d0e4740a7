// Package recording is the contract of EEG recordings: what one holds, what a reader of a format promises, and the montages of devices.
//
//	recording              the contract: Recording, Source, Stream, Reader, montages
//	recording/edf          EDF, EDF+, BDF, BDF+: reading and writing
//	recording/gdf          GDF 1 and 2
//	recording/brainvision  BrainVision
//	recording/xdf          XDF
//	recording/eeglab       EEGLAB
//	recording/text         Muse, Mind Monitor, OpenBCI, tables of numbers
//	recording/raw          bare samples, and buffers with a JSON header
//	recording/formats      the registry of them all: Open, OpenFS, Inspect, OpenStream
//	recording/readertest   the conformance suite
//
// Invariants of every reader:
//
//   - Samples are in µV wherever the source states a unit of voltage; otherwise they are as the source has
//     them and Channel.Unit says so.
//   - Every channel has its own sampling rate. Nothing is resampled, filtered or re-referenced.
//   - Memory is proportional to the bytes that are really there, whatever a header claims.
//   - Bad input gives an error of type *decoders.Error, with code unsupported_format (we do not read this)
//     or payload_malformed (it breaks its own format); nothing panics.
//   - What was tolerated is said in Recording.Warnings.
//
// Sources are cited at each reader.
package recording

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// Kind says what a channel measures.
type Kind string

// The kinds of channel.
const (
	EEG     Kind = "eeg"
	EOG     Kind = "eog"
	EMG     Kind = "emg"
	ECG     Kind = "ecg"
	Motion  Kind = "motion"  // accelerometer, gyroscope
	Trigger Kind = "trigger" // status or marker codes, not a waveform
	Other   Kind = "other"
)

// Channel is one signal of a recording.
type Channel struct {
	Label   string    // as the source has it; a repeated label gets "#2", "#3", ...
	Name    string    // 10-20 name where Label is one (CanonicalName), else Label
	Kind    Kind      // what it measures, as far as label and unit tell
	Unit    string    // "uV" after conversion from V, mV or nV; else the source's own text, "" when it states none
	Rate    float64   // Hz; 0 when the source does not tell
	Samples []float64 // in Unit
}

// Annotation is a span of time with a text.
type Annotation struct {
	Onset    float64 // s after the first sample, in samples' time (see Recording.Gaps)
	Duration float64 // s; 0 when the source gives none
	Label    string
}

// Gap is a span of time that was not recorded. The samples before and after it are adjacent.
type Gap struct {
	At     float64 // s of samples before the gap
	Length float64 // s that are missing
}

// Recording is what a file holds.
type Recording struct {
	Format      Format
	Channels    []Channel
	Events      []eeg.Event  // triggers and annotations together, ordered by onset
	Annotations []Annotation // only those with a text, with their durations
	Targets     []bool       // one an event, where the source tells which events are targets; else nil
	StartTime   time.Time    // of the first sample, in the zone of the source, which most do not state; zero when unknown
	Subject     string       // the source's own patient field; may identify a person
	Device      string       // the source's own description of the equipment
	Gaps        []Gap        // ordered; empty when continuous
	// Irregular tells that the samples are not a waveform: not evenly spaced, or picked out of one now and then. Rate
	// is only an average then, and Signal refuses.
	Irregular bool
	Remedy    string   // what would make a waveform of it, where Irregular
	Warnings  []string // what was wrong with the source and how it was read all the same
}

// Warnf says what was wrong with the source and how it was read all the same.
func (r *Recording) Warnf(format string, args ...any) {
	const most = 100 // enough to understand; a hostile file must not make us hold more
	if len(r.Warnings) < most {
		r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
	}
}

// Channel returns the channel of the given label or 10-20 name, and whether there is one. Labels are compared
// exactly first, then by CanonicalName.
func (r *Recording) Channel(label string) (*Channel, bool) {
	for i := range r.Channels {
		if r.Channels[i].Label == label {
			return &r.Channels[i], true
		}
	}
	name := CanonicalName(label)
	for i := range r.Channels {
		if strings.EqualFold(r.Channels[i].Name, name) {
			return &r.Channels[i], true
		}
	}
	return nil, false
}

// Labels returns the labels of all channels.
func (r *Recording) Labels() []string {
	labels := make([]string, len(r.Channels))
	for i := range r.Channels {
		labels[i] = r.Channels[i].Label
	}
	return labels
}

// Seconds returns the length of the longest channel in s, gaps not counted; 0 when no rate is known.
func (r *Recording) Seconds() float64 {
	var longest float64
	for i := range r.Channels {
		if c := &r.Channels[i]; c.Rate > 0 {
			longest = max(longest, float64(len(c.Samples))/c.Rate)
		}
	}
	return longest
}

// SetRate gives the channels whose rate the source does not tell the rate hz. Other channels keep theirs.
func (r *Recording) SetRate(hz float64) {
	for i := range r.Channels {
		if r.Channels[i].Rate == 0 {
			r.Channels[i].Rate = hz
		}
	}
}

// Position turns s elapsed since the first sample into s of samples, which is less by the gaps before it, and
// reports whether the moment lies inside a gap (the position is then the gap's own).
func (r *Recording) Position(elapsed float64) (at float64, inGap bool) {
	var missing float64
	rounding := 1e-9 * (1 + math.Abs(elapsed)) // what begins with the samples after a gap is not in it
	for _, g := range r.Gaps {
		start := g.At + missing // elapsed time at which the gap starts
		if elapsed < start-rounding {
			break
		}
		if elapsed < start+g.Length-rounding {
			return g.At, true
		}
		missing += g.Length
	}
	return elapsed - missing, false
}

// Signal returns the channels of the given labels or 10-20 names as one signal, channels × samples in that
// order. Without labels it takes all EEG channels of the rate that most of them have.
//
// Errors: montage_mismatch where a channel is missing (details channels_missing, channels_available) or the
// rates differ (details rates); payload_malformed where the rate is unknown, the recording is Irregular or has no
// samples.
func (r *Recording) Signal(labels ...string) (decoders.Signal, error) {
	if err := r.waveform(); err != nil {
		return decoders.Signal{}, err
	}
	picked, err := r.pick(labels)
	if err != nil {
		return decoders.Signal{}, err
	}
	n := len(picked[0].Samples)
	for _, c := range picked {
		n = min(n, len(c.Samples))
	}
	if n == 0 {
		return decoders.Signal{}, decoders.Errorf(decoders.CodePayloadMalformed, nil, "the recording has no samples")
	}
	if picked[0].Rate <= 0 {
		return decoders.Signal{}, r.NoRate()
	}
	out := decoders.Signal{
		Data:     mat.NewDense(len(picked), n, nil),
		Channels: make([]string, len(picked)),
		Rate:     picked[0].Rate,
	}
	for i, c := range picked {
		copy(out.Data.RawRowView(i), c.Samples)
		out.Channels[i] = c.Name
	}
	return out, nil
}

// waveform refuses a recording whose samples are none.
func (r *Recording) waveform() error {
	if !r.Irregular {
		return nil
	}
	remedy := ""
	if r.Remedy != "" {
		remedy = ". " + r.Remedy
	}
	return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"format": string(r.Format), "average_rate": r.dominantRate()},
		"the samples are not an EEG waveform: they were picked at an interval or are not evenly spaced (on average %.3g a second)%s", r.dominantRate(), remedy)
}

// NoRate is the error of a recording whose rate nothing shows.
func (r *Recording) NoRate() error {
	return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"format": string(r.Format)},
		"the recording does not state its sampling rate")
}

func (r *Recording) pick(labels []string) ([]*Channel, error) {
	var picked []*Channel
	if len(labels) == 0 {
		rate := r.dominantRate()
		for i := range r.Channels {
			if c := &r.Channels[i]; c.Kind == EEG && c.Rate == rate {
				picked = append(picked, c)
			}
		}
		if len(picked) == 0 {
			return nil, decoders.Errorf(decoders.CodeMontageMismatch,
				map[string]any{"channels_available": r.Labels()},
				"the recording has no channel that is known to be EEG; it has %s. "+
					"Name those to read in channels (--channels on the command line), or say what electrodes they are in channel_names (--rename)",
				r.labelsAndKinds())
		}
		return picked, nil
	}
	var missing []string
	rates := map[string]float64{}
	differ := false
	for _, label := range labels {
		c, ok := r.Channel(label)
		if !ok {
			missing = append(missing, label)
			continue
		}
		picked = append(picked, c)
		rates[label] = c.Rate
		differ = differ || c.Rate != picked[0].Rate
	}
	if len(missing) > 0 {
		have := r.Labels()
		return nil, decoders.Errorf(decoders.CodeMontageMismatch,
			map[string]any{"channels_needed": labels, "channels_missing": missing, "channels_available": have, "channels_nearest": Nearest(have, labels, missing)},
			"the recording lacks %s; it has %s", strings.Join(missing, ", "), FewNames(have))
	}
	if differ {
		return nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"rates": rates},
			"the channels asked for have different sampling rates")
	}
	return picked, nil
}

// labelsAndKinds lists the channels in a text.
func (r *Recording) labelsAndKinds() string {
	names := make([]string, len(r.Channels))
	for i := range r.Channels {
		names[i] = r.Channels[i].Label + " (" + string(r.Channels[i].Kind) + ")"
	}
	return FewNames(names)
}

// dominantRate returns the rate that most EEG channels have, the higher one of equals.
func (r *Recording) dominantRate() float64 {
	count := map[float64]int{}
	var best float64
	for i := range r.Channels {
		if r.Channels[i].Kind == EEG {
			count[r.Channels[i].Rate]++
		}
	}
	for rate, n := range count {
		if n > count[best] || n == count[best] && rate > best {
			best = rate
		}
	}
	return best
}

// Finish gives the channels their names and kinds, makes labels unique and orders the events. Every reader that does not
// stream ends with it.
func (r *Recording) Finish() *Recording {
	r.NameChannels()
	r.SortEvents()
	return r
}

// NameChannels makes the labels unique and gives the channels their names and kinds.
func (r *Recording) NameChannels() {
	used, next := map[string]bool{}, map[string]int{}
	for i := range r.Channels {
		c := &r.Channels[i]
		if c.Label == "" {
			c.Label = fmt.Sprintf("Ch%d", i+1)
		}
		base := c.Label
		for used[c.Label] {
			next[base]++
			c.Label = fmt.Sprintf("%s#%d", base, next[base]+1)
		}
		used[c.Label] = true
		if c.Label != base {
			r.Warnf("channel label %q occurs again: channel %d is called %q", base, i+1, c.Label)
		}
	}
	nameChannels(r.Channels)
}

// SortEvents orders events and annotations by onset.
func (r *Recording) SortEvents() {
	byOnset := func(a, b eeg.Event) int { return cmp.Compare(a.Onset, b.Onset) }
	slices.SortStableFunc(r.Events, byOnset)
	slices.SortStableFunc(r.Annotations, func(a, b Annotation) int { return cmp.Compare(a.Onset, b.Onset) })
}

// Malformed is the error of input that breaks its own format.
func Malformed(format Format, details map[string]any, text string, args ...any) error {
	return fault(decoders.CodePayloadMalformed, format, details, text, args...)
}

// Unsupported is the error of input that we do not read.
func Unsupported(format Format, details map[string]any, text string, args ...any) error {
	return fault(decoders.CodeUnsupportedFormat, format, details, text, args...)
}

func fault(code string, format Format, details map[string]any, text string, args ...any) error {
	if details == nil {
		details = map[string]any{}
	}
	details["format"] = string(format)
	return decoders.Errorf(code, details, "%s: %s", format, fmt.Sprintf(text, args...))
}

// ReadFull reads len(p) bytes at off. A source that ends early is malformed input.
func ReadFull(r io.ReaderAt, p []byte, off int64, format Format, what string) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return Malformed(format, map[string]any{"offset": off, "bytes_needed": len(p), "bytes_got": n},
			"ends inside the %s", what)
	}
	return fmt.Errorf("reading the %s: %w", what, err)
}
