package lsl

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// Sample is one of a stream.
type Sample struct {
	Time    float64 // s of the outlet's clock
	Deduced bool    // the time was not sent: it follows from the rate
	Values  []float64
	Ints    []int64  // of int64 streams, exact beside Values
	Strings []string // of string streams, instead of Values
}

const (
	tagDeduced = 1
	tagTimed   = 2
	// mostString is the longest string that is read, and mostStrings all of a sample.
	mostString  = 16 << 20
	mostStrings = 64 << 20
	// patternTime is the time of the samples of the pattern.
	patternTime = 123456.789
)

// codec reads and writes the samples of one stream.
type codec struct {
	format   Format
	channels int
	order    binary.ByteOrder
	buf      []byte
}

func newCodec(format Format, channels int, order binary.ByteOrder) *codec {
	return &codec{format: format, channels: channels, order: order}
}

// read reads the next sample into s, whose memory it uses again.
func (c *codec) read(r *bufio.Reader, s *Sample) error {
	tag, err := r.ReadByte()
	if err != nil {
		return err
	}
	switch tag {
	case tagDeduced:
		s.Deduced, s.Time = true, 0
	case tagTimed:
		var b [8]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return whole(err)
		}
		s.Deduced, s.Time = false, math.Float64frombits(c.order.Uint64(b[:]))
	default:
		return fmt.Errorf("a sample begins with %d, which is neither 1 nor 2", tag)
	}
	if c.format == String {
		return c.readStrings(r, s)
	}
	size := c.format.size()
	if cap(c.buf) < size*c.channels {
		c.buf = make([]byte, size*c.channels)
	}
	b := c.buf[:size*c.channels]
	if _, err := io.ReadFull(r, b); err != nil {
		return whole(err)
	}
	s.Values = s.Values[:0]
	s.Ints = s.Ints[:0]
	for ; len(b) > 0; b = b[size:] {
		switch c.format {
		case Float32:
			s.Values = append(s.Values, float64(math.Float32frombits(c.order.Uint32(b))))
		case Double64:
			s.Values = append(s.Values, math.Float64frombits(c.order.Uint64(b)))
		case Int8:
			s.Values = append(s.Values, float64(int8(b[0])))
		case Int16:
			s.Values = append(s.Values, float64(int16(c.order.Uint16(b))))
		case Int32:
			s.Values = append(s.Values, float64(int32(c.order.Uint32(b))))
		case Int64:
			v := int64(c.order.Uint64(b))
			s.Ints = append(s.Ints, v)
			s.Values = append(s.Values, float64(v))
		}
	}
	return nil
}

// whole makes an end within a sample an error.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *codec) readStrings(r *bufio.Reader, s *Sample) error {
	s.Strings = s.Strings[:0]
	total := uint64(0)
	for range c.channels {
		width, err := r.ReadByte()
		if err != nil {
			return whole(err)
		}
		var b [8]byte
		switch width {
		case 1, 2, 4, 8:
		default:
			return fmt.Errorf("the length of a string has %d bytes", width)
		}
		if _, err := io.ReadFull(r, b[:width]); err != nil {
			return whole(err)
		}
		var n uint64
		switch width {
		case 1:
			n = uint64(b[0])
		case 2:
			n = uint64(c.order.Uint16(b[:]))
		case 4:
			n = uint64(c.order.Uint32(b[:]))
		case 8:
			n = c.order.Uint64(b[:])
		}
		if total += n; n > mostString || total > mostStrings {
			return fmt.Errorf("a string of %d bytes; at most %d are read", n, mostString)
		}
		// In proportion to what comes, not to what is claimed.
		var text bytes.Buffer
		if _, err := io.CopyN(&text, r, int64(n)); err != nil {
			return whole(err)
		}
		s.Strings = append(s.Strings, text.String())
	}
	return nil
}

// append appends a sample as it is sent, with its time.
func (c *codec) append(b []byte, s *Sample) []byte {
	if s.Deduced {
		b = append(b, tagDeduced)
	} else {
		b = append(b, tagTimed)
		b = c.appendUint(b, 8, math.Float64bits(s.Time))
	}
	if c.format == String {
		for _, text := range s.Strings {
			if len(text) <= 0xFF {
				b = append(b, 1, byte(len(text)))
			} else {
				b = c.appendUint(append(b, 4), 4, uint64(len(text)))
			}
			b = append(b, text...)
		}
		return b
	}
	for i, v := range s.Values {
		switch c.format {
		case Float32:
			b = c.appendUint(b, 4, uint64(math.Float32bits(float32(v))))
		case Double64:
			b = c.appendUint(b, 8, math.Float64bits(v))
		case Int64:
			n := int64(v)
			if i < len(s.Ints) {
				n = s.Ints[i]
			}
			b = c.appendUint(b, 8, uint64(n))
		default:
			b = c.appendUint(b, c.format.size(), uint64(int64(v)))
		}
	}
	return b
}

func (c *codec) appendUint(b []byte, size int, v uint64) []byte {
	var w [8]byte
	switch size {
	case 1:
		w[0] = byte(v)
	case 2:
		c.order.PutUint16(w[:], uint16(v))
	case 4:
		c.order.PutUint32(w[:], uint32(v))
	case 8:
		c.order.PutUint64(w[:], v)
	}
	return append(b, w[:size]...)
}

// pattern is the sample that both sides know, of an offset of 4 or 2: that they agree on it shows that they read the same format.
func (c *codec) pattern(offset int) Sample {
	s := Sample{Time: patternTime}
	for k := range c.channels {
		sign := 1.0
		if k%2 == 1 {
			sign = -1
		}
		if c.format == String {
			s.Strings = append(s.Strings, strconv.Itoa((k+10)*int(sign)))
			continue
		}
		v := int64(k + offset)
		switch c.format {
		case Double64:
			v += 16777217
		case Int32:
			v = (v + 65537) % math.MaxInt32
		case Int16:
			v = (v + 257) % math.MaxInt16
		case Int8:
			v = (v + 1) % math.MaxInt8
		case Int64:
			v += 2147483649
		}
		s.Values = append(s.Values, sign*float64(v))
		if c.format == Int64 {
			s.Ints = append(s.Ints, int64(sign)*v)
		}
	}
	return s
}

// same tells whether two samples hold the same.
func same(a, b *Sample) bool {
	if a.Deduced != b.Deduced || a.Time != b.Time || len(a.Values) != len(b.Values) || len(a.Strings) != len(b.Strings) {
		return false
	}
	for i := range a.Values {
		if a.Values[i] != b.Values[i] {
			return false
		}
	}
	for i := range a.Strings {
		if a.Strings[i] != b.Strings[i] {
			return false
		}
	}
	return true
}
