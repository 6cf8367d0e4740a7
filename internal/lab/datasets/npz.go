package datasets

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// Coded is a data set of c-VEP trials that begin with their codes.
type Coded struct {
	*decoders.Dataset
	Codes *eeg.CodeBook
}

// thielen8 are the channels of the recordings that PyntBCI ships, in their order (its cap file thielen8).
var thielen8 = []string{"Fpz", "T7", "O1", "POz", "Oz", "Iz", "O2", "T8"}

// thielenRate is how many bits a second their screen showed, Hz (Thielen et al. 2021).
const thielenRate = 60

// ReadCoded reads a file of NumPy arrays as PyntBCI ships them: X (trials × channels × samples, V), y (the code of each trial), V
// (codes × samples, one cycle at the rate of the samples) and fs (Hz). Trials are put into five parts in their order, "part 1" to
// "part 5", which are the folds of its examples.
func ReadCoded(file string) (*Coded, error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = z.Close() }()
	arrays := map[string]npy{}
	for _, f := range z.File {
		a, err := readNPY(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		arrays[strings.TrimSuffix(f.Name, ".npy")] = a
	}
	x, y, v, fs := arrays["X"], arrays["y"], arrays["V"], arrays["fs"]
	if len(x.shape) != 3 || len(y.shape) != 1 || len(v.shape) != 2 || len(fs.data) != 1 || y.shape[0] != x.shape[0] {
		return nil, errors.New("the arrays are not X, y, V and fs of one recording")
	}
	trials, channels, samples, rate := x.shape[0], x.shape[1], x.shape[2], fs.data[0]
	if channels != len(thielen8) || !(rate >= thielenRate) || math.Mod(rate, thielenRate) != 0 {
		return nil, fmt.Errorf("%d channels at %g Hz; %d at a multiple of %d Hz were expected", channels, rate, len(thielen8), thielenRate)
	}
	out := &Coded{&decoders.Dataset{Paradigm: eeg.CVEP, Channels: thielen8, Rate: rate}, &eeg.CodeBook{Kind: eeg.CodeBits, RateHz: thielenRate}}
	per := int(rate) / thielenRate
	for k := range v.shape[0] {
		var bits strings.Builder
		for s := 0; s < v.shape[1]; s += per {
			bits.WriteByte('0' + byte(v.data[k*v.shape[1]+s]))
		}
		out.Codes.Bits = append(out.Codes.Bits, bits.String())
		out.Classes = append(out.Classes, fmt.Sprintf("code_%d", k+1))
	}
	for i := range trials {
		data := mat.NewDense(channels, samples, nil)
		for j, u := range x.data[i*channels*samples : (i+1)*channels*samples] {
			data.RawMatrix().Data[j] = 1e6 * u // µV
		}
		label := int(y.data[i])
		if label < 0 || label >= len(out.Classes) {
			return nil, fmt.Errorf("trial %d is of code %d of %d", i, label, len(out.Classes))
		}
		out.Trials = append(out.Trials, decoders.Trial{Data: data, Label: label, Group: fmt.Sprintf("part %d", 1+5*i/trials)})
	}
	return out, nil
}

// npy is an array of a NumPy file.
type npy struct {
	shape []int
	data  []float64
}

// maxNPY bounds the numbers of an array.
const maxNPY = 1 << 26

var npyHeader = regexp.MustCompile(`^\{'descr': '([<|])([fiu])([1248])', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \}\s*$`)

// readNPY reads an array of plain numbers in C order (NumPy Enhancement Proposal 1, version 1.0).
func readNPY(f *zip.File) (npy, error) {
	r, err := f.Open()
	if err != nil {
		return npy{}, err
	}
	defer func() { _ = r.Close() }()
	var head [10]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return npy{}, err
	}
	if string(head[:8]) != "\x93NUMPY\x01\x00" {
		return npy{}, errors.New("not an array of NumPy, version 1.0")
	}
	text := make([]byte, binary.LittleEndian.Uint16(head[8:]))
	if _, err := io.ReadFull(r, text); err != nil {
		return npy{}, err
	}
	m := npyHeader.FindSubmatch(text)
	if m == nil {
		return npy{}, fmt.Errorf("an array of another kind: %s", bytes.TrimSpace(text))
	}
	var a npy
	n := 1
	for _, part := range strings.Split(string(m[4]), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		d, err := strconv.Atoi(part)
		if err != nil || d < 0 || d > maxNPY || n*d > maxNPY {
			return npy{}, fmt.Errorf("the shape (%s) is too large", m[4])
		}
		a.shape, n = append(a.shape, d), n*d
	}
	width := int(m[3][0] - '0')
	if uint64(n*width)+10+uint64(len(text)) != f.UncompressedSize64 {
		return npy{}, fmt.Errorf("%d bytes, %d numbers of %d bytes were expected", f.UncompressedSize64, n, width)
	}
	raw := make([]byte, n*width)
	if _, err := io.ReadFull(r, raw); err != nil {
		return npy{}, err
	}
	a.data = make([]float64, n)
	for i := range a.data {
		if a.data[i], err = number(m[2][0], raw[i*width:(i+1)*width]); err != nil {
			return npy{}, err
		}
	}
	return a, nil
}

// number reads a little-endian number of kind f, i or u.
func number(kind byte, b []byte) (float64, error) {
	switch {
	case kind == 'f' && len(b) == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), nil
	case kind == 'f' && len(b) == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), nil
	case kind == 'f':
		return 0, fmt.Errorf("floats of %d bytes", len(b))
	}
	var u uint64
	for i, v := range b {
		u |= uint64(v) << (8 * i)
	}
	if kind == 'i' {
		shift := 64 - 8*len(b)
		return float64(int64(u<<shift) >> shift), nil
	}
	return float64(u), nil
}
