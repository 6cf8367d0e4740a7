package decodertest

import (
	"encoding/binary"
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// Fuzz lets the fuzzer combine the suite's bad inputs, cut the signal and write arbitrary numbers into the
// samples, the rate and the events. Whatever comes of it, the decoder answers properly or refuses properly.
// It is called from a fuzz target:
//
//	func FuzzDecode(f *testing.F) { decodertest.Fuzz(f, makeCase(f)) }
func Fuzz(f *testing.F, c Case) {
	f.Helper()
	f.Add(uint64(1), []byte{})
	for i := range mutations {
		f.Add(uint64(1), []byte{opMutate, byte(i)})
	}
	f.Add(uint64(2), append([]byte{opSample, 0, 0, 3, 0}, number(math.MaxFloat64)...))
	f.Add(uint64(3), append([]byte{opRate}, number(44100)...))
	f.Add(uint64(4), append([]byte{opOnset, 0}, number(-0.25)...))
	f.Add(uint64(5), []byte{opCut, 100, 0})
	info := c.Decoder.Info()
	f.Fuzz(func(t *testing.T, seed uint64, ops []byte) {
		in := clone(c.Valid(seed))
		d := &tape{ops}
		for steps := 0; steps < 8 && len(d.b) > 0; steps++ {
			op := d.byte()
			switch {
			case op%5 == opMutate:
				m := mutations[int(d.byte())%len(mutations)]
				if in.Data != nil && !in.Data.IsEmpty() && len(in.Channels) > 1 {
					m.apply(in)
				}
			case op%5 == opRate:
				in.Rate = d.float()
			case op%5 == opOnset:
				if i := int(d.byte()); len(in.Events) > 0 {
					in.Events[i%len(in.Events)].Onset = d.float()
				}
			case in.Data == nil || in.Data.IsEmpty():
			case op%5 == opSample:
				rows, n := in.Data.Dims()
				in.Data.Set(d.uint16()%rows, d.uint16()%n, d.float())
			default: // opCut
				rows, n := in.Data.Dims()
				in.Data = mat.DenseCopyOf(in.Data.Slice(0, rows, 0, 1+d.uint16()%n))
			}
		}
		res, err := decode(t.Context(), c.Decoder, in)
		if fault := checkOutcome(info, res, err); fault != nil {
			t.Errorf("seed %d, %x: %v", seed, ops, fault)
		}
	})
}

// Operations of a fuzz input.
const (
	opMutate = iota // index of a mutation
	opRate          // float64
	opOnset         // event, float64
	opSample        // row, column (two bytes each), float64
	opCut           // samples to keep (two bytes)
)

func number(v float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)) }

// tape reads a fuzz input; past its end there are zeros.
type tape struct{ b []byte }

func (d *tape) take(n int) []byte {
	out := make([]byte, n)
	d.b = d.b[copy(out, d.b):]
	return out
}
func (d *tape) byte() byte     { return d.take(1)[0] }
func (d *tape) uint16() int    { return int(binary.LittleEndian.Uint16(d.take(2))) }
func (d *tape) float() float64 { return math.Float64frombits(binary.LittleEndian.Uint64(d.take(8))) }
