// Package causal filters a stream of several channels as it comes: eeg.Filters in order, notch, highpass, lowpass.
//
// Whatever the stream is cut into, the result is that of one pass over the whole, to the last bit. The pass is this:
//
//   - It begins as if the signal had always been at the level of its first sample (Gustafsson 1996), so that an offset of millivolts, which
//     amplifiers without AC coupling have, makes no step.
//   - Over a gap of up to Bridge the state goes on along a straight line from the sample before it to the one behind it. What comes out there is not given: there
//     are no samples.
//   - Behind a longer gap it begins anew with the first sample.
//
// A filter that takes over in the middle of a stream, in another process or after a restart, either gets the state of the one before (MarshalBinary), and goes
// on to the last bit; or is warmed up with the stored samples of the Settles before the first that is wanted, and is then within 1e-6 of the range of the signal of
// what one pass gives: it has forgotten all but 1e-9 of how it began.
//
// Designs are those of package dsp, held to scipy.
package causal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/eeg"
)

const (
	// Bridge is the longest gap that the state goes on over, s.
	Bridge = 1.0
	// NotchQ is the quality of the notch: its frequency by its width at -3 dB.
	NotchQ = 30
	// orders of the Butterworth filters.
	highPassOrder = 2
	lowPassOrder  = 4
	// forgotten is the share of what was before that is left after Settles.
	forgotten = 1e-9
)

// Filter filters one stream. It belongs to one goroutine at a time.
type Filter struct {
	filters  eeg.Filters
	rate     float64
	sos      dsp.SOS
	channels []*dsp.SOSState
	begun    bool
	next     int64     // position behind the last sample
	last     []float64 // sample
	buf      []float64
}

// Design returns the sections of filters at a rate in Hz. Errors: *eeg.FilterFault, the first of eeg.Filters.Check.
func Design(f eeg.Filters, rate float64) (dsp.SOS, error) {
	if faults := f.Check(rate); len(faults) > 0 {
		return nil, faults[0]
	}
	f = f.Edges()
	var all dsp.SOS
	add := func(s dsp.SOS, err error) error {
		all = append(all, s...)
		return err
	}
	var err error
	if f.Notch > 0 {
		err = errors.Join(err, add(dsp.Notch(f.Notch, NotchQ, rate)))
	}
	if f.HighPass > 0 {
		err = errors.Join(err, add(dsp.ButterHighPass(highPassOrder, f.HighPass, rate)))
	}
	if f.LowPass > 0 {
		err = errors.Join(err, add(dsp.ButterLowPass(lowPassOrder, f.LowPass, rate)))
	}
	return all, err
}

// New returns the filter of a stream of so many channels at a rate in Hz. Errors: *eeg.FilterFault.
func New(f eeg.Filters, rate float64, channels int) (*Filter, error) {
	sos, err := Design(f, rate)
	if err != nil {
		return nil, err
	}
	if channels < 1 {
		return nil, fmt.Errorf("causal: a stream of %d channels", channels)
	}
	out := &Filter{filters: f.Edges(), rate: rate, sos: sos, channels: make([]*dsp.SOSState, channels), last: make([]float64, channels)}
	for c := range out.channels {
		out.channels[c] = sos.NewState()
	}
	return out, nil
}

// Settles returns how many samples before the first that is wanted a new filter must be given.
func (f *Filter) Settles() int64 { return int64(f.sos.Settles(forgotten)) }

// Next returns the position behind the last sample.
func (f *Filter) Next() int64 { return f.next }

// Process takes the next samples (sample-major, µV), of which the first has a position in the stream, and writes what comes out of them into dst, which has the
// same length and may be samples. A nil dst is allocated. Positions that were passed over are a gap. Errors: samples that are not whole, or lie before Next.
func (f *Filter) Process(dst, samples []float32, first int64) ([]float32, error) {
	k := len(f.channels)
	switch {
	case len(samples)%k != 0:
		return nil, fmt.Errorf("causal: %d values are no whole samples of %d channels", len(samples), k)
	case f.begun && first < f.next:
		return nil, fmt.Errorf("causal: sample %d comes after sample %d", first, f.next-1)
	case dst == nil:
		dst = make([]float32, len(samples))
	case len(dst) != len(samples):
		return nil, fmt.Errorf("causal: room for %d values of %d", len(dst), len(samples))
	}
	n := len(samples) / k
	if n == 0 {
		return dst, nil
	}
	missing := int64(0)
	begins := !f.begun
	if f.begun {
		missing = first - f.next
		begins = float64(missing) > Bridge*f.rate
	}
	for c, st := range f.channels {
		start := float64(samples[c])
		switch {
		case begins:
			st.Prime(start)
		case missing > 0:
			f.buf = f.buf[:0]
			for i := int64(1); i <= missing; i++ {
				f.buf = append(f.buf, f.last[c]+(start-f.last[c])*float64(i)/float64(missing+1))
			}
			st.Process(f.buf, f.buf)
		}
		f.buf = f.buf[:0]
		for i := range n {
			f.buf = append(f.buf, float64(samples[i*k+c]))
		}
		f.last[c] = f.buf[n-1]
		st.Process(f.buf, f.buf)
		for i, v := range f.buf {
			dst[i*k+c] = float32(v)
		}
	}
	f.begun, f.next = true, first+int64(n)
	return dst, nil
}

// The state of a filter:
//
//	version u8 · channels u32 · notch, highpass, lowpass, rate f64 · next i64, -1 before the first sample · for each channel its last sample and the memory of
//	its sections f64          little-endian
const stateVersion = 1

// MarshalBinary returns the state.
func (f *Filter) MarshalBinary() ([]byte, error) {
	next := f.next
	if !f.begun {
		next = -1
	}
	b := f.head(next)
	for c, st := range f.channels {
		b = appendFloats(b, f.last[c])
		b = appendFloats(b, st.Memory(nil)...)
	}
	return b, nil
}

// head is the beginning of a state.
func (f *Filter) head(next int64) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{stateVersion}, uint32(len(f.channels)))
	b = appendFloats(b, f.filters.Notch, f.filters.HighPass, f.filters.LowPass, f.rate)
	return binary.LittleEndian.AppendUint64(b, uint64(next))
}

func appendFloats(b []byte, values ...float64) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

// ErrState is returned for a state of other filters, another rate or other channels, or one that is damaged. The filter is as it was.
var ErrState = errors.New("causal: the state is not one of these filters")

// UnmarshalBinary goes on with a state that a filter of the same filters, rate and channels had. Error: ErrState.
func (f *Filter) UnmarshalBinary(b []byte) error {
	head := f.head(0)
	each := 1 + 2*len(f.sos)
	if len(b) != len(head)+8*each*len(f.channels) || string(b[:len(head)-8]) != string(head[:len(head)-8]) {
		return ErrState
	}
	next := int64(binary.LittleEndian.Uint64(b[len(head)-8:]))
	if next < -1 {
		return ErrState
	}
	values := make([]float64, each*len(f.channels))
	for i := range values {
		values[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[len(head)+8*i:]))
		if math.IsNaN(values[i]) || math.IsInf(values[i], 0) {
			return ErrState
		}
	}
	f.begun, f.next = next >= 0, max(0, next)
	for c, st := range f.channels {
		v := values[c*each : (c+1)*each]
		f.last[c] = v[0]
		st.Recall(v[1:])
	}
	return nil
}
