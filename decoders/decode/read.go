package decode

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/intent"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/raw"
	"github.com/neurod/neurod/eeg"
)

const (
	maxChannels = 2 * eeg.MaxChannels // twice what the service takes; a claim beyond it is a mistake
	formatRaw   = "raw"
)

// loaded is what the request's recording turned out to be.
type loaded struct {
	decoders.Signal
	format string // "raw", "EDF", ...
	bytes  int
	events []eeg.Event
	// targets says of each event whether it was a target; nil where the recording does not.
	targets []bool
	flags   []eeg.Flag
	// strangeUnit is the unit that a file states for the channels, where it is not a voltage.
	strangeUnit string
	// warnings are what the file's reader says was wrong with it, each with its place.
	warnings []string
	// pending reads the samples of a raw payload, once it is known how many are needed.
	pending func() error
	memory  *[]float64 // that pending reads them to; nil where they are not the decode's own
}

// flag adds a warning; an empty message takes the table's.
func (l *loaded) flag(code, format string, args ...any) {
	f := intent.FlagOf(code)
	if format != "" {
		f.Message = fmt.Sprintf(format, args...)
	}
	l.flags = append(l.flags, f)
}

// open reads what a request says about its payload, and the payload itself where it is a file.
func open(in *eeg.Input, payload []byte) (*loaded, error) {
	if in.Encoding.Bare() {
		return openRaw(in, payload)
	}
	file, known := formats.Encoded(in.Encoding)
	if !known {
		return nil, decoders.Errorf(decoders.CodeUnsupportedFormat,
			map[string]any{"encoding": in.Encoding, "supported": eeg.Encodings()},
			"encoding %q is unknown; the choices are %s", in.Encoding, and(eeg.Names(eeg.Encodings())))
	}
	if len(payload) == 0 {
		return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"bytes": 0, "encoding": in.Encoding},
			"the payload is empty; an %s file was expected", strings.ToUpper(string(in.Encoding)))
	}
	rec, err := file.Read("", bytes.NewReader(payload), int64(len(payload)))
	if err != nil {
		return nil, err
	}
	l, err := fromRecording(in, rec)
	if err != nil {
		return nil, err
	}
	l.bytes = len(payload)
	return l, nil
}

// explain adds to a refusal what the reader had to say of the file, which may be why: samples beyond the range that a header states are
// missing, for one.
func (l *loaded) explain(err error) error {
	bad, ok := errors.AsType[*decoders.Error](err)
	if !ok || len(l.warnings) == 0 {
		return err
	}
	out := &decoders.Error{Code: bad.Code, Message: bad.Message, Details: map[string]any{"warnings": slices.Clone(l.warnings)}}
	maps.Copy(out.Details, bad.Details)
	if channel, ok := bad.Details["channel"].(string); ok && bad.Code == decoders.CodeInvalidSignal {
		for _, w := range l.warnings {
			if strings.HasPrefix(w, "channel "+channel+":") {
				out.Message += ". The file: " + w
			}
		}
	}
	return out
}

// fromRecording picks the signal of a recording that a request asks for.
//
//nolint:gocyclo // one guard for each thing that a request may say beside what its file says
func fromRecording(in *eeg.Input, rec *recording.Recording) (*loaded, error) {
	l := &loaded{format: string(rec.Format), warnings: rec.Warnings}
	if in.SampleRate > 0 {
		rec.SetRate(in.SampleRate)
	}
	scale, ok := eeg.Microvolts(in.Unit)
	if !ok {
		return nil, unknownUnit(in.Unit)
	}
	var labels []string
	if in.Channels != nil {
		labels = in.Channels.Names
	}
	if len(in.ChannelNames) > 0 {
		other := *rec // the caller's keeps its names
		other.Channels = slices.Clone(rec.Channels)
		if err := other.Rename(in.ChannelNames); err != nil {
			return nil, err
		}
		labels = slices.Clone(labels)
		for i, label := range labels {
			if name, ok := in.ChannelNames[label]; ok {
				labels[i] = name
			}
		}
		rec = &other
	}
	sig, err := rec.Signal(labels...)
	if err != nil {
		return nil, err
	}
	l.Signal = sig
	l.strangeUnit = rec.StrangeUnit(sig.Channels)
	if in.Unit != "" {
		if rec.StatesUnit(sig.Channels) {
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"unit": in.Unit},
				"the unit %s does not apply: the recording states the units of its channels", in.Unit)
		}
		l.Data.Scale(scale, l.Data)
	}
	rows, _ := sig.Data.Dims()
	if in.Channels != nil && in.Channels.Names == nil && in.Channels.Count != rows && in.Channels.Count != len(rec.Channels) {
		l.flag(intent.FlagMontageMismatch, "The request speaks of %d channels; the file has %d, of which %d are EEG.",
			in.Channels.Count, len(rec.Channels), rows)
	}
	if in.SampleRate > 0 && math.Abs(in.SampleRate-sig.Rate) > 0.01*sig.Rate {
		l.flag(intent.FlagRateUnusual, "The request says %g Hz and the file %g Hz; the file's rate is used.", in.SampleRate, sig.Rate)
	}
	if len(rec.Gaps) > 0 {
		l.flag(intent.FlagGapInRecording, "")
	}
	if err := checkRate(sig.Rate); err != nil {
		return nil, err
	}
	if len(in.Events) == 0 || in.Events.All() {
		l.events, l.targets = rec.Events, rec.Targets
	} else if l.events, err = eventsOf(in); err != nil {
		return nil, err
	}
	device, known := recording.Device(in.Device)
	checkDevice(l, in, sig.Channels, device, known)
	return l, nil
}

// openRaw checks what a request says about bare samples. The samples are read by pending.
func openRaw(in *eeg.Input, payload []byte) (*loaded, error) {
	l := &loaded{format: formatRaw, bytes: len(payload)}
	device, known := recording.Device(in.Device)
	names, err := rawChannels(l, in, device, known)
	if err != nil {
		return nil, err
	}
	rate := in.SampleRate
	if rate == 0 && known && len(device.Rates) > 0 {
		rate = device.Rates[0]
		l.flag(intent.FlagRateUnusual, "The request has no sample_rate; the usual %g Hz of %s were assumed.", rate, device.Name)
	}
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	l.Channels, l.Rate = names, rate
	if l.events, err = eventsOf(in); err != nil {
		return nil, err
	}
	scale, ok := eeg.Microvolts(in.Unit)
	if !ok {
		return nil, unknownUnit(in.Unit)
	}
	if in.ScaleUV != nil {
		scale *= *in.ScaleUV
	}
	if err := checkEncoding(in, payload, len(names)); err != nil {
		return nil, err
	}
	l.pending = func() error {
		l.memory = memories.Get().(*[]float64)
		data, err := raw.ReadTo(*l.memory, payload, in.Encoding, in.Layout, len(names), scale)
		if err != nil {
			return err
		}
		l.Data = data
		return nil
	}
	return l, nil
}

// memories are those of bare samples, one decode after the other: the largest part of what a decode needs, and decoders keep nothing of their input.
var memories = sync.Pool{New: func() any { return new([]float64) }}

// mostKept is how many samples a memory that nobody uses may hold on to: 64 channels for 8 s at 256 Hz.
const mostKept = 1 << 17

// release gives the memory of the samples back, where nobody reads them any more.
func (l *loaded) release() {
	if l.memory == nil {
		return
	}
	if l.Data != nil {
		*l.memory = l.Data.RawMatrix().Data
	}
	if l.Data = nil; cap(*l.memory) <= mostKept {
		memories.Put(l.memory)
	}
	l.memory = nil
}

func unknownUnit(unit string) error {
	return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"unit": unit}, "unit %q is unknown; the units are V, mV, uV and nV", unit)
}

// checkEncoding refuses bytes that cannot be the samples which the request says they are, and says what they look like.
func checkEncoding(in *eeg.Input, payload []byte, channels int) error {
	enc := cmp.Or(in.Encoding, eeg.Float32LE)
	looks := raw.Resembles(payload, enc, channels)
	if looks == "" {
		return nil
	}
	details := map[string]any{"encoding": string(enc), "looks_like": looks, "bytes": len(payload), "channels": channels}
	remedy := "send them as bare samples"
	switch {
	case eeg.Encoding(looks).Bare() || looks == "EDF" || looks == "BDF" || looks == "GDF":
		remedy = "send encoding " + strings.ToLower(looks)
	case looks == "float32be" || looks == "float64be":
		remedy = "turn them to little-endian"
	}
	return decoders.Errorf(decoders.CodePayloadMalformed, details, "the %d bytes of data look like %s and were sent as %s: %s", len(payload), looks, enc, remedy)
}

// rawChannels returns the names of the channels of bare samples.
func rawChannels(l *loaded, in *eeg.Input, device recording.Montage, known bool) ([]string, error) {
	if in.Channels == nil {
		if !known {
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"device": in.Device},
				"bare samples need channels: a count or the names, or a device that is known")
		}
		names, exact := recording.MontageFor(in.Device, len(device.Channels))
		if !exact {
			l.flag(intent.FlagMontageAssumed, "The request names no channels; the usual positions of %s were assumed: %s.", device.Name, strings.Join(names, ", "))
		}
		return recording.Renamed(names, in.ChannelNames)
	}
	if n := in.Channels.Count; n < 1 || n > maxChannels {
		return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"channels": n, "channels_most": maxChannels},
			"%d channels; there must be 1 to %d", n, maxChannels)
	}
	if names := in.Channels.Names; names != nil {
		seen := make(map[string]int, len(names))
		for i, name := range names {
			if j, twice := seen[name]; twice {
				return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"channel": name, "first": j, "second": i},
					"channels %d and %d have the same name %q", j, i, name)
			}
			seen[name] = i
		}
		names, err := recording.Renamed(names, in.ChannelNames)
		if err != nil {
			return nil, err
		}
		checkDevice(l, in, names, device, known)
		return names, nil
	}
	names, exact := recording.MontageFor(in.Device, in.Channels.Count)
	if !exact {
		l.flag(intent.FlagMontageAssumed, "Only a count of %d channels was given; they were taken for %s.", len(names), listed(names))
	}
	if known && in.SampleRate > 0 {
		checkDeviceRate(l, in.SampleRate, device)
	}
	return recording.Renamed(names, in.ChannelNames)
}

// checkDevice warns where channels or rate are not those of the device.
func checkDevice(l *loaded, in *eeg.Input, names []string, device recording.Montage, known bool) {
	if !known {
		return
	}
	if device.Fixed {
		have := map[string]bool{}
		for _, n := range append(slices.Clone(device.Channels), device.Extra...) {
			have[recording.CanonicalName(n)] = true
		}
		var strange []string
		for _, n := range names {
			if !have[recording.CanonicalName(n)] {
				strange = append(strange, n)
			}
		}
		if len(strange) > 0 {
			l.flag(intent.FlagMontageMismatch, "%s does not have the channels %s.", device.Name, listed(strange))
		}
	}
	rate := in.SampleRate
	if l.Rate > 0 {
		rate = l.Rate
	}
	checkDeviceRate(l, rate, device)
}

func checkDeviceRate(l *loaded, rate float64, device recording.Montage) {
	for _, r := range device.Rates {
		if math.Abs(r-rate) <= 0.02*r { // clocks of headsets are off by less than that
			return
		}
	}
	if rate > 0 && len(device.Rates) > 0 {
		l.flag(intent.FlagRateUnusual, "%s is not known to sample at %g Hz.", device.Name, rate)
	}
}

// listed joins names for a message, the first eight of many.
func listed(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

func checkRate(rate float64) error {
	if rate > 0 && rate <= eeg.MaxSampleRate {
		return nil
	}
	details := map[string]any{"sample_rate_most": eeg.MaxSampleRate}
	if !math.IsNaN(rate) && !math.IsInf(rate, 0) {
		details["sample_rate"] = rate
	}
	return decoders.Errorf(decoders.CodeInvalidSignal, details, "the sample rate is %g Hz; it must be above 0 and at most %d Hz", rate, eeg.MaxSampleRate)
}

// eventsOf returns the events of a request in order of time.
func eventsOf(in *eeg.Input) ([]eeg.Event, error) {
	if len(in.Events) == 0 {
		return nil, nil
	}
	if in.Events.All() {
		return nil, decoders.Errorf(decoders.CodeNoEvents, map[string]any{"events": "all"}, "bare samples hold no events of their own: list them, and ask for every one with trials")
	}
	for i, e := range in.Events {
		if math.IsNaN(e.Onset) || math.IsInf(e.Onset, 0) {
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"event": i}, "event %d has no finite onset", i)
		}
	}
	events := slices.Clone([]eeg.Event(in.Events))
	sort.SliceStable(events, func(a, b int) bool { return events[a].Onset < events[b].Onset })
	return events, nil
}

// Stimulus returns the stimulus of a request, nil for none, in the decoders' terms. Error: invalid_stimulus.
func Stimulus(st *eeg.Stimulus) (decoders.Stimulus, error) {
	var out decoders.Stimulus
	if st == nil {
		return out, nil
	}
	for i, t := range st.Targets {
		if math.IsNaN(t.Frequency) || math.IsInf(t.Frequency, 0) || math.IsNaN(t.Phase) || math.IsInf(t.Phase, 0) {
			return out, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"target": i}, "target %d has no finite frequency or phase", i)
		}
	}
	out.Targets, out.Codes, out.Matrix = st.Targets, st.Codes, st.Matrix
	if p := st.Presence; p != nil && p.FalseAccept != nil {
		if out.FalseAccept = *p.FalseAccept; !(out.FalseAccept >= eeg.MinFalseAccept && out.FalseAccept <= 1) {
			return out, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"false_accept_least": eeg.MinFalseAccept, "false_accept_most": 1},
				"presence.false_accept is %v, it must be between %v and 1", out.FalseAccept, eeg.MinFalseAccept)
		}
	}
	if len(st.Flashes) > 0 {
		out.Flashes = make(map[int][]string, len(st.Flashes))
		for key, symbols := range st.Flashes {
			code, err := strconv.Atoi(strings.TrimSpace(key))
			if err != nil {
				return out, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"flash": key}, "flash code %q is not a whole number", key)
			}
			if _, twice := out.Flashes[code]; twice {
				return out, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"flash": key}, "flash code %d occurs twice", code)
			}
			out.Flashes[code] = symbols
		}
	}
	return out, nil
}

// load reads the samples of a raw payload, or refuses it where it has fewer than need samples a channel.
func (l *loaded) load(in *eeg.Input, need int) error {
	channels := len(l.Channels)
	if l.pending == nil { // a file, which is read already
		if got := l.Samples(); got < need {
			return tooShort(need, float64(got), channels, l.Rate, "")
		}
		return nil
	}
	encoding := cmp.Or(in.Encoding, eeg.Float32LE)
	width := encoding.Width()
	if whole := width * channels; l.bytes < need*whole {
		return tooShort(need, float64(l.bytes)/float64(whole), channels, l.Rate,
			fmt.Sprintf(" × %d channels = %d bytes as %s", channels, need*whole, encoding))
	}
	return l.pending()
}

// tooShort is the payload_too_short error. got may be a fraction where the bytes do not make one whole sample.
func tooShort(need int, got float64, channels int, rate float64, size string) error {
	return decoders.Errorf(decoders.CodePayloadTooShort,
		map[string]any{"samples_needed": need, "samples_got": int(got), "channels": channels, "sample_rate": rate,
			"seconds_needed": round3(float64(need) / rate), "seconds_got": round3(math.Floor(got) / rate)},
		"needs at least %d samples a channel (%.3g s at %g Hz%s), got %.4g", need, float64(need)/rate, rate, size, got)
}

func round3(v float64) float64 { return math.Round(v*1000) / 1000 }
