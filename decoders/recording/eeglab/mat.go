package eeglab

import (
	"compress/zlib"
	"encoding/binary"
	"io"
	"math"
	"strconv"
	"unicode/utf16"

	"github.com/neurod/neurod/decoders/recording"
)

// magic begins the files of levels 5 and 7.
const magic = "MATLAB 5.0 MAT-file"

// Sizes of the format.
const (
	headerSize = 128
	tagSize    = 8
)

// Types of data elements.
const (
	miInt8       = 1
	miUint8      = 2
	miInt16      = 3
	miUint16     = 4
	miInt32      = 5
	miUint32     = 6
	miSingle     = 7
	miDouble     = 9
	miInt64      = 12
	miUint64     = 13
	miMatrix     = 14
	miCompressed = 15
	miUTF8       = 16
	miUTF16      = 17
)

// Classes of arrays.
const (
	classStruct = 2
	classObject = 3
	classChar   = 4
	classDouble = 6
	classSingle = 7
	classUint64 = 15 // the last of the numbers
	complexFlag = 0x0800
)

// What is believed of a file.
const (
	mostText   = 4096 // characters of a name
	mostFields = 1024
	mostRatio  = 24 // of what unpacks to what is packed: recordings pack to a tenth at best
	ratioFloor = 4096
)

// mat reads a file.
type mat struct {
	src   *recording.Source
	order binary.ByteOrder
	from  *input
	zip   io.ReadCloser // used again for each element that is packed
}

// input is where bytes come from: the file, or what an element of it unpacks to.
type input struct {
	r    io.Reader
	at   int64
	left int64 // bytes that may still come
}

// array is the head of a matrix, whose values come next in the input.
type array struct {
	class   byte
	complex bool
	dims    []int64
	name    string
	end     int64 // of its bytes in the input
}

// count is the number of values; -1 where no file could hold them.
func (a array) count() int64 {
	n := int64(1)
	for _, d := range a.dims {
		if d < 0 || d > 0 && n > math.MaxInt64/16/d {
			return -1
		}
		n *= d
	}
	return n
}

// readMAT gives each variable of a file to visit, which reads of it what it wants.
func readMAT(src *recording.Source, visit func(m *mat, name string, a array) error) error {
	if src.Size() < headerSize {
		return nil // there is no variable
	}
	head, err := src.Bytes(headerSize, EEGLAB, "header")
	if err != nil {
		return err
	}
	m := &mat{src: src}
	switch string(head[126:128]) {
	case "IM":
		m.order = binary.LittleEndian
	case "MI":
		m.order = binary.BigEndian
	default:
		return recording.Malformed(EEGLAB, map[string]any{"endian": strconv.Quote(string(head[126:128]))}, "the header of the MATLAB file says %q where IM or MI is due", head[126:128])
	}
	file := &input{r: src, at: headerSize, left: src.Size() - headerSize}
	for file.left >= tagSize {
		m.from = file
		kind, n, small, err := m.tag()
		if err != nil {
			return err
		}
		if small != nil {
			continue
		}
		if kind != miCompressed {
			if err := m.variable(kind, n, visit); err != nil {
				return err
			}
			continue
		}
		if err := file.take(n, "packed variable"); err != nil {
			return err
		}
		packed := io.LimitReader(src, n)
		if err := m.unpack(packed, n); err != nil {
			return err
		}
		if kind, n, small, err = m.tag(); err == nil && small == nil {
			err = m.variable(kind, n, visit)
		}
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, packed); err != nil { // what is behind it
			return err
		}
	}
	return nil
}

// unpack has what follows come out of a packed element.
func (m *mat) unpack(packed io.Reader, size int64) (err error) {
	if m.zip == nil {
		m.zip, err = zlib.NewReader(packed)
	} else {
		err = m.zip.(zlib.Resetter).Reset(packed, nil)
	}
	if err != nil {
		return recording.Malformed(EEGLAB, nil, "a variable cannot be unpacked: %v", err)
	}
	m.from = &input{r: m.zip, left: mostRatio*size + ratioFloor}
	return nil
}

// variable gives a matrix to visit and passes over what that has left of it.
func (m *mat) variable(kind uint32, n int64, visit func(m *mat, name string, a array) error) error {
	end := m.from.at + n
	if kind == miMatrix && n > 0 {
		a, err := m.head(end)
		if err != nil {
			return err
		}
		if err := visit(m, a.name, a); err != nil {
			return err
		}
	}
	return m.passTo(end)
}

// take takes n bytes out of what may come.
func (in *input) take(n int64, what string) error {
	if n < 0 || n > in.left {
		return recording.Malformed(EEGLAB, map[string]any{"offset": in.at, "bytes_needed": n, "bytes_got": in.left},
			"ends inside the %s: %d bytes are announced at byte %d, and %d are there at most", what, n, in.at, in.left)
	}
	in.at += n
	in.left -= n
	return nil
}

// read fills p.
func (in *input) read(p []byte, what string) error {
	at := in.at
	if err := in.take(int64(len(p)), what); err != nil {
		return err
	}
	n, err := io.ReadFull(in.r, p)
	if err != nil {
		return unreadable(err, what, at, len(p), n)
	}
	return nil
}

// unreadable is the error of bytes that do not come, or cannot be unpacked.
func unreadable(err error, what string, at int64, needed, got int) error {
	return recording.Malformed(EEGLAB, map[string]any{"offset": at, "bytes_needed": needed, "bytes_got": got}, "ends inside the %s at byte %d: %v", what, at, err)
}

// passTo passes over the bytes up to a place.
func (m *mat) passTo(end int64) error {
	n := end - m.from.at
	if n == 0 {
		return nil
	}
	at := m.from.at
	if err := m.from.take(n, "value"); err != nil {
		return err
	}
	if got, err := io.CopyN(io.Discard, m.from.r, n); err != nil {
		return unreadable(err, "value", at, int(n), int(got))
	}
	return nil
}

// tag reads the tag of a data element. One of up to four bytes has them in its tag: they come in small.
func (m *mat) tag() (kind uint32, n int64, small []byte, err error) {
	var b [tagSize]byte
	if err := m.from.read(b[:], "tag of an element"); err != nil {
		return 0, 0, nil, err
	}
	kind = m.order.Uint32(b[:])
	if size := kind >> 16; size != 0 {
		if size > 4 {
			return 0, 0, nil, recording.Malformed(EEGLAB, map[string]any{"offset": m.from.at}, "a short element at byte %d has %d bytes", m.from.at, size)
		}
		return kind & 0xffff, int64(size), b[4 : 4+size], nil
	}
	return kind, int64(m.order.Uint32(b[4:])), nil, nil
}

// values reads a data element of at most so many bytes.
func (m *mat) values(most int64, what string) (kind uint32, b []byte, err error) {
	kind, n, small, err := m.tag()
	if err != nil || small != nil {
		return kind, small, err
	}
	if n > most {
		return 0, nil, recording.Malformed(EEGLAB, map[string]any{"offset": m.from.at, "bytes": n}, "the %s at byte %d has %d bytes", what, m.from.at, n)
	}
	b = make([]byte, n)
	if err := m.from.read(b, what); err != nil {
		return 0, nil, err
	}
	return kind, b, m.passTo(m.from.at + (tagSize-n%tagSize)%tagSize)
}

// head reads what a matrix says of itself.
func (m *mat) head(end int64) (a array, err error) {
	a.end = end
	if end-m.from.at > m.from.left {
		return a, m.from.take(end-m.from.at, "matrix")
	}
	kind, flags, err := m.values(8, "flags of a matrix")
	if err != nil {
		return a, err
	}
	if kind != miUint32 || len(flags) != 8 {
		return a, recording.Malformed(EEGLAB, map[string]any{"offset": m.from.at}, "there are no flags of a matrix at byte %d", m.from.at)
	}
	word := m.order.Uint32(flags)
	a.class, a.complex = byte(word), word&complexFlag != 0
	_, dims, err := m.values(4*16, "dimensions of a matrix")
	if err != nil {
		return a, err
	}
	for ; len(dims) >= 4; dims = dims[4:] {
		a.dims = append(a.dims, int64(int32(m.order.Uint32(dims))))
	}
	_, name, err := m.values(mostText, "name of a matrix")
	a.name = string(name)
	return a, err
}

// structs gives each field of each element of an array of structures to visit, one element after another.
func (m *mat) structs(a array, visit func(i int64, field string, a array) error) error {
	if a.class == classObject {
		if _, _, err := m.values(mostText, "name of a class"); err != nil {
			return err
		}
	}
	if a.class != classStruct && a.class != classObject {
		return nil // such as [] for none
	}
	_, width, err := m.values(4, "length of field names")
	if err != nil {
		return err
	}
	if len(width) != 4 {
		return recording.Malformed(EEGLAB, map[string]any{"offset": m.from.at}, "there is no length of field names at byte %d", m.from.at)
	}
	each := int64(int32(m.order.Uint32(width)))
	_, names, err := m.values(mostFields*64, "field names")
	if err != nil {
		return err
	}
	if each < 1 || int64(len(names))%each != 0 {
		return recording.Malformed(EEGLAB, map[string]any{"offset": m.from.at, "bytes": len(names), "bytes_each": each}, "field names of %d bytes each take %d bytes", each, len(names))
	}
	var fields []string
	for ; len(names) > 0; names = names[each:] {
		field := names[:each]
		for i, c := range field {
			if c == 0 {
				field = field[:i]
				break
			}
		}
		fields = append(fields, string(field))
	}
	n := a.count()
	if len(fields) == 0 {
		n = 0
	}
	for i := int64(0); i < n; i++ { // each field takes bytes, so it ends with them
		for _, field := range fields {
			kind, size, small, err := m.tag()
			if err != nil {
				return err
			}
			if kind != miMatrix || small != nil {
				return recording.Malformed(EEGLAB, map[string]any{"offset": m.from.at}, "the field %s at byte %d is no matrix", field, m.from.at)
			}
			err = m.variable(kind, size, func(_ *mat, _ string, a array) error { return visit(i, field, a) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// number reads the first value of an array of numbers; NaN where it has none.
func (m *mat) number(a array) (float64, error) {
	if a.class < classDouble || a.class > classUint64 || a.count() == 0 {
		return math.NaN(), nil
	}
	if a.count() != 1 {
		return math.NaN(), nil
	}
	kind, b, err := m.values(8, "number")
	if err != nil {
		return 0, err
	}
	width, value := numbers(kind, m.order)
	if width == 0 || len(b) < width {
		return 0, recording.Malformed(EEGLAB, map[string]any{"offset": m.from.at, "type": kind}, "there is no number at byte %d", m.from.at)
	}
	return value(b), nil
}

// text reads an array of characters.
func (m *mat) text(a array) (string, error) {
	if n := a.count(); n == 0 || n > mostText || n < 0 {
		return "", nil
	}
	kind, b, err := m.values(4*mostText, "text")
	if err != nil {
		return "", err
	}
	switch kind {
	case miUint16, miUTF16:
		var units []uint16
		for ; len(b) >= 2; b = b[2:] {
			units = append(units, m.order.Uint16(b))
		}
		return string(utf16.Decode(units)), nil
	default:
		return recording.ValidText(string(b)), nil
	}
}

// label reads a text, or a number as one.
func (m *mat) label(a array) (string, error) {
	if a.class == classChar {
		return m.text(a)
	}
	v, err := m.number(a)
	if err != nil || math.IsNaN(v) {
		return "", err
	}
	return strconv.FormatFloat(v, 'g', -1, 64), nil
}

// numbers returns the width of a type of numbers and how to read one; 0 for other types.
func numbers(kind uint32, order binary.ByteOrder) (width int, value func([]byte) float64) {
	switch kind {
	case miInt8:
		return 1, func(b []byte) float64 { return float64(int8(b[0])) }
	case miUint8:
		return 1, func(b []byte) float64 { return float64(b[0]) }
	case miInt16:
		return 2, func(b []byte) float64 { return float64(int16(order.Uint16(b))) }
	case miUint16:
		return 2, func(b []byte) float64 { return float64(order.Uint16(b)) }
	case miInt32:
		return 4, func(b []byte) float64 { return float64(int32(order.Uint32(b))) }
	case miUint32:
		return 4, func(b []byte) float64 { return float64(order.Uint32(b)) }
	case miSingle:
		return 4, func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) }
	case miDouble:
		return 8, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) }
	case miInt64:
		return 8, func(b []byte) float64 { return float64(int64(order.Uint64(b))) }
	case miUint64:
		return 8, func(b []byte) float64 { return float64(order.Uint64(b)) }
	}
	return 0, nil
}

// samples reads an array of numbers, channels × samples, which lie sample after sample; nil where there are none.
func (m *mat) samples(a array) ([][]float64, error) {
	if len(a.dims) < 2 || a.count() == 0 {
		return nil, nil
	}
	n := a.count()
	details := map[string]any{"dimensions": a.dims, "class": a.class}
	switch {
	case a.class < classDouble || a.class > classUint64 || a.complex || n < 0:
		return nil, recording.Malformed(EEGLAB, details, "data is no matrix of real numbers")
	case n != a.dims[0]*a.dims[1]:
		return nil, recording.Unsupported(EEGLAB, details, "the data set is cut into epochs; save the continuous one")
	}
	if err := recording.CheckColumns(EEGLAB, int(min(a.dims[0], math.MaxInt32))); err != nil {
		return nil, err
	}
	kind, size, small, err := m.tag()
	if err != nil {
		return nil, err
	}
	width, value := numbers(kind, m.order)
	if width == 0 || size != n*int64(width) {
		details["bytes"], details["type"] = size, kind
		return nil, recording.Malformed(EEGLAB, details, "data has %d values and %d bytes of type %d", n, size, kind)
	}
	if small == nil && size > m.from.left {
		return nil, m.from.take(size, "samples")
	}
	if err := m.src.Hold(8*n, EEGLAB, "samples"); err != nil {
		return nil, err
	}
	rows, columns := int(a.dims[0]), int(a.dims[1])
	out := make([][]float64, rows)
	for i := range out {
		out[i] = make([]float64, columns)
	}
	if small != nil {
		for i := range int(n) {
			out[i%rows][i/rows] = value(small[i*width:])
		}
		return out, nil
	}
	return out, fill(out, width, value, func(p []byte) error { return m.from.read(p, "samples") })
}

// fill reads samples that lie one moment after another.
func fill(out [][]float64, width int, value func([]byte) float64, read func([]byte) error) error {
	frame := width * len(out)
	buf := make([]byte, max(frame, (64<<10)/frame*frame))
	for at, columns := 0, len(out[0]); at < columns; {
		k := min(columns-at, len(buf)/frame)
		if err := read(buf[:k*frame]); err != nil {
			return err
		}
		b := buf
		for i := range k {
			for _, row := range out {
				row[at+i] = value(b)
				b = b[width:]
			}
		}
		at += k
	}
	return nil
}
