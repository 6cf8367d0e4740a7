package raw

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/neurod/neurod/eeg"
)

// Resembles says what the bytes of a raw buffer are, other than the samples that a caller takes them for: the name of a file
// format ("EDF", "gzip", "text", ...) or of an encoding ("float64le", ...). It is "" where the bytes may well be what
// the caller says.
//
// A file is known by its first bytes. Another encoding is named where a share of the values cannot be of EEG as the caller reads
// them, or they lie wildly apart, and all can be as the other reads them. float64 values that are whole numbers are told by their lower halves, which
// are all 0: every second float32 is 0, and the others lie near 2.
//
//nolint:gocyclo // one test for each thing that bytes can look like
func Resembles(b []byte, enc eeg.Encoding, channels int) string {
	if f := fileOf(b); f != "" {
		return f
	}
	if enc == "" {
		enc = eeg.Float32LE
	}
	if channels < 1 || enc.Width() == 0 || enc == eeg.Int16LE { // every pattern of bits is an int16
		return ""
	}
	b = b[:min(len(b), mostResembled)]
	halves := enc == eeg.Float32LE && emptyHalves(b)
	strange := impossible(b, enc) >= fewImpossible
	if !halves && !strange && (enc == eeg.Float32LE || decades(b, enc) < wild) {
		return ""
	}
	for _, other := range []eeg.Encoding{eeg.Float64LE, eeg.Float32LE} {
		w := other.Width()
		if other == enc || len(b) < w || len(b)%w != 0 || impossible(b, other) > 0 {
			continue
		}
		if strange || halves || decades(b, other) < wild/2 {
			return string(other)
		}
	}
	if !strange {
		return ""
	}
	if big := swapped(b, enc.Width()); impossible(big, enc) == 0 {
		return string(enc[:len(enc)-2]) + "be"
	}
	if runsOn(b, channels) {
		return string(eeg.Int16LE)
	}
	return ""
}

const (
	// mostResembled is how many bytes are looked at: a multiple of every width.
	mostResembled = 1 << 16
	// fewImpossible is the share of values that EEG has no reason to hold from which the encoding is in doubt: one bad value in
	// a buffer is a bad value.
	fewImpossible = 0.01
	// wild is how many decades the middle half of the values may span. EEG spans less than one, and two where channels have
	// offsets; pairs of float32 read as float64 span four and more.
	wild = 3.0
)

// fileOf returns the format of a file by its first bytes, "" for none. Bytes of samples begin like a file by chance once in 2³².
func fileOf(b []byte) string {
	for _, m := range []struct{ magic, name string }{
		{"0       ", "EDF"}, {"\xffBIOSEMI", "BDF"}, {"GDF ", "GDF"}, {"XDF:", "XDF"}, {"PK\x03\x04", "ZIP"}, {"\x1f\x8b\x08", "gzip"},
		{"MATLAB 5", "MATLAB"}, {"\x89HDF", "HDF5"}, {"\x93NUMPY", "NumPy"}, {"RIFF", "WAV"},
	} {
		if bytes.HasPrefix(b, []byte(m.magic)) {
			return m.name
		}
	}
	if len(b) >= 16 && isText(b[:min(len(b), 4096)]) {
		return "text"
	}
	return ""
}

// isText reports whether all bytes are those of a text in UTF-8. Its last rune may be cut.
func isText(b []byte) bool {
	for i, c := range b {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' || c == 0x7f {
			return false
		}
		if c >= utf8.RuneSelf && !utf8.FullRune(b[i:]) && len(b)-i < utf8.UTFMax {
			return utf8.Valid(b[:i])
		}
	}
	return utf8.Valid(b)
}

// impossible returns the share of values that no recording holds in any unit: not finite, larger than 10¹³, which is beyond any
// amplifier in nV, or closer to 0 than 10⁻¹⁵ and not 0.
func impossible(b []byte, enc eeg.Encoding) float64 {
	if enc == eeg.Float32LE { // nearly every request's
		return impossibleFloat32(b)
	}
	read, w := valueReader(enc), enc.Width()
	n, bad := 0, 0
	for ; len(b) >= w; b = b[w:] {
		n++
		if a := math.Abs(read(b)); !(a <= 1e13) || a < 1e-15 && a != 0 {
			bad++
		}
	}
	if n == 0 {
		return 0
	}
	return float64(bad) / float64(n)
}

func impossibleFloat32(b []byte) float64 {
	n, bad := len(b)/4, 0
	for i := 0; i+4 <= len(b); i += 4 {
		a := float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i:]) &^ (1 << 31)))
		if !(a <= 1e13) || a < 1e-15 && a != 0 {
			bad++
		}
	}
	if n == 0 {
		return 0
	}
	return float64(bad) / float64(n)
}

// decades returns how many powers of ten the middle half of the values that are not 0 spans.
func decades(b []byte, enc eeg.Encoding) float64 {
	read, w := valueReader(enc), enc.Width()
	var logs []float64
	for ; len(b) >= w; b = b[w:] {
		if v := math.Log10(math.Abs(read(b))); !math.IsInf(v, 0) && !math.IsNaN(v) {
			logs = append(logs, v)
		}
	}
	if len(logs) == 0 {
		return 0
	}
	slices.Sort(logs)
	return logs[len(logs)*3/4] - logs[len(logs)/4]
}

// emptyHalves reports whether the bytes are whole numbers as float64: every second 32-bit word is 0, and the others are upper halves of
// numbers from 1 to 2³⁰, which as float32 lie between 1.875 and 14. A channel that is dead is 0 too, but a live one beside it
// crosses 0.
func emptyHalves(b []byte) bool {
	pairs, whole, moves := 0, 0, 0
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint32(b) != 0 {
			return false
		}
		pairs++
		high := binary.LittleEndian.Uint32(b[4:])
		switch a := math.Abs(float64(math.Float32frombits(high))); {
		case high&0x7fffffff == 0:
			whole++
		case a >= 1.875 && a < 14:
			whole, moves = whole+1, moves+1
		}
	}
	return pairs >= 16 && whole == pairs && 4*moves >= pairs && len(b) == 0
}

// swapped returns the bytes with every value turned round.
func swapped(b []byte, width int) []byte {
	out := make([]byte, len(b)/width*width)
	for i := 0; i < len(out); i += width {
		for k := range width {
			out[i+k] = b[i+width-1-k]
		}
	}
	return out
}

// runsOn reports whether the bytes as int16, sample-major, go on from sample to sample as signals do: neighbours differ by less
// than half of what samples far from each other differ by, in square. Noise has no neighbours.
func runsOn(b []byte, channels int) bool {
	n := len(b) / 2
	frames := n / channels
	if frames < 64 {
		return false
	}
	at := func(i int) float64 { return float64(int16(binary.LittleEndian.Uint16(b[2*i:]))) }
	var near, far float64
	for c := range channels {
		for f := 0; f+frames/2 < frames; f++ {
			d, e := at((f+1)*channels+c)-at(f*channels+c), at((f+frames/2)*channels+c)-at(f*channels+c)
			near, far = near+d*d, far+e*e
		}
	}
	return far > 0 && near < 0.5*far
}
