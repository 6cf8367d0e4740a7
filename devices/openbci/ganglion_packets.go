package openbci

import (
	"strconv"
	"strings"
)

// Packets of a Ganglion.
const (
	ganglionRate     = 200
	ganglionChannels = 4
	ganglionPacket   = 20
	// Identifiers of packets that are not samples.
	idImpedance = 201 // of channels 1 to 4, and of the reference at 205
	idReference = 205
	idText      = 206
	idLastText  = 207
	// ganglionAccel is of a count of the accelerometer, g.
	ganglionAccel = 0.032
)

// ganglionScale is µV a count: 1.2 V / 1.5 / 51 / (2²³ - 1).
const ganglionScale = 1.2 / 1.5 / 51 / (1<<23 - 1) * 1e6

// ganglionDecoder turns packets of a Ganglion into samples. Their identifiers count:
//
//	firmware 3   0-99    18 bits a value, accelerometer beside      two samples, each the highest bits of the value
//	             100-199 19 bits
//	firmware 2   0       24 bits                                    one sample, whole
//	             1-100   18 bits, accelerometer beside              two samples, each less than the one before by the value
//	             101-200 19 bits
//
// A value of 18 or 19 bits is two's complement whose lowest bit repeats the sign and says nothing.
type ganglionDecoder struct {
	firmware int
	begun    bool
	next     int64 // place in the cycle of the sample that should come
	known    bool  // last is there: firmware 2 tells differences
	last     [ganglionChannels]int32
	accel    [3]float64
}

// cycle is how many samples the identifiers count before they begin again.
func (d *ganglionDecoder) cycle() int64 {
	if d.firmware == 2 {
		return 201
	}
	return 200
}

// sampled is what a packet held.
type sampled struct {
	lost   int64                       // samples missing before it, by the identifier
	values [][ganglionChannels]float64 // µV
	// unknown samples were in the packet, and cannot be told: firmware 2 says how much less than one that was lost.
	unknown int64
	accel   *[3]float64 // g, when all three have come anew
}

// add takes a packet of samples. ok is false where it is none.
func (d *ganglionDecoder) add(b []byte) (s sampled, ok bool) {
	if len(b) < ganglionPacket || b[0] > 200 || d.firmware == 3 && b[0] == 200 {
		return s, false
	}
	id := int64(b[0])
	first, count := id%100*2, int64(2)
	if d.firmware == 2 {
		switch {
		case id == 0:
			first, count = 0, 1
		case id <= 100:
			first = 2*id - 1
		default:
			first = 2*(id-100) - 1
		}
	}
	if d.begun {
		s.lost = (first - d.next + d.cycle()) % d.cycle()
		if s.lost > 0 {
			d.known = false
		}
	}
	d.begun, d.next = true, (first+count)%d.cycle()
	if d.firmware == 2 && id == 0 {
		for c := range d.last {
			d.last[c] = int24(b[1+3*c:])
		}
		d.known = true
		s.values = append(s.values, scaled(d.last))
		return s, true
	}
	bits := 19
	if id < 100 || d.firmware == 2 && id == 100 {
		bits = 18
		s.accel = d.accelerometer(id, int8(b[19]))
	}
	for i := range count {
		if d.firmware == 2 && !d.known {
			s.unknown++
			continue
		}
		for c := range d.last {
			v := ganglionValue(b[1:], (int(i)*ganglionChannels+c)*bits, bits)
			if d.firmware == 2 {
				d.last[c] -= v
			} else {
				d.last[c] = v << (24 - bits)
			}
		}
		s.values = append(s.values, scaled(d.last))
	}
	return s, true
}

// accelerometer takes an axis: x with identifiers that end in 1, y in 2, z in 3.
func (d *ganglionDecoder) accelerometer(id int64, v int8) *[3]float64 {
	axis := id%10 - 1
	if axis < 0 || axis > 2 {
		return nil
	}
	d.accel[axis] = float64(v) * ganglionAccel
	if axis < 2 {
		return nil
	}
	a := d.accel
	return &a
}

func scaled(v [ganglionChannels]int32) (out [ganglionChannels]float64) {
	for c := range v {
		out[c] = float64(v[c]) * ganglionScale
	}
	return out
}

// ganglionValue reads a value of so many bits at a bit of the packet, highest bit first.
func ganglionValue(b []byte, at, bits int) int32 {
	v := int32(0)
	for i := at; i < at+bits; i++ {
		v = v<<1 | int32(b[i/8]>>(7-i%8)&1)
	}
	v &^= 1
	if v>>(bits-1) != 0 {
		v -= 1 << bits
	}
	return v
}

// impedance reads a packet of an impedance: ohms in ASCII, up to a Z. Channel 0 is the reference.
func impedance(b []byte) (channel int, ohm float64, ok bool) {
	if len(b) < 2 || b[0] < idImpedance || b[0] > idReference {
		return 0, 0, false
	}
	text, _, _ := strings.Cut(string(b[1:]), "Z")
	v, err := strconv.ParseUint(strings.Trim(text, " \x00\r\n"), 10, 31)
	if err != nil {
		return 0, 0, false
	}
	return int(b[0]-idImpedance+1) % 5, float64(v), true
}
