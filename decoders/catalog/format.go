package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

const (
	magic         = "NRDMODEL"
	formatVersion = 1
	prefixSize    = len(magic) + 4 + 8
	alignment     = 64 // a cache line, and enough for any vector load of a mapped file
	sumSize       = sha256.Size

	// Extension is how the name of a model file ends.
	Extension = ".nrdm"
	// MaxFileSize is the largest model file that Load reads, in bytes.
	MaxFileSize = 256 << 20
	// CodeModelMalformed is the code of errors about model files.
	CodeModelMalformed = "model_malformed"

	// maxClasses is how many classes a model may have. It looks at eeg.MaxChannels at most: restoring it takes the cube of
	// them, and recordings have no more.
	maxClasses = 1024

	maxNameLength = 128
	maxDims       = 8
)

var (
	nameForm    = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)
	versionForm = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,3}$`)
)

// Model is a model file in memory.
type Model struct {
	Name     string
	Version  string
	Paradigm eeg.Paradigm
	Card     ModelCard
	State    decoders.State
	SHA256   string // checksum of the file, hex
	Size     int64  // bytes of the file
}

// ID returns name@version.
func (m *Model) ID() string { return m.Name + "@" + m.Version }

type header struct {
	Name     string          `json:"name"`
	Version  string          `json:"version"`
	Paradigm eeg.Paradigm    `json:"paradigm"`
	Pipeline string          `json:"pipeline"`
	Classes  []string        `json:"classes"`
	Channels []string        `json:"channels"`
	Rate     float64         `json:"rate_hz"`
	Config   json.RawMessage `json:"config,omitempty"`
	Card     ModelCard       `json:"card"`
	Arrays   []arrayHeader   `json:"arrays"`
}

type arrayHeader struct {
	Name   string `json:"name"`
	DType  string `json:"dtype"`
	Shape  []int  `json:"shape"`
	Offset int64  `json:"offset"`
}

// width returns the bytes of one number, 0 for a dtype that we do not know.
func (a arrayHeader) width() int64 {
	switch a.DType {
	case "float64":
		return 8
	case "float32":
		return 4
	}
	return 0
}

// Write writes a trained decoder as a model file with float64 arrays.
func Write(w io.Writer, paradigm eeg.Paradigm, name, version string, card ModelCard, st decoders.State) error {
	return write(w, paradigm, name, version, card, st, "float64")
}

func write(w io.Writer, paradigm eeg.Paradigm, name, version string, card ModelCard, st decoders.State, dtype string) error {
	h := header{Name: name, Version: version, Paradigm: paradigm, Pipeline: st.Pipeline, Classes: st.Classes,
		Channels: st.Channels, Rate: st.Rate, Config: st.Config, Card: card}
	if err := h.check(); err != nil {
		return err
	}
	for _, n := range st.ArrayNames() {
		a := st.Arrays[n]
		ah := arrayHeader{Name: n, DType: dtype, Shape: slices.Clone(a.Shape)}
		if ah.Shape == nil {
			ah.Shape = []int{}
		}
		count, err := ah.count(int64(len(a.Data)))
		if err != nil {
			return err
		}
		if count != int64(len(a.Data)) {
			return malformed("array %q of shape %v has %d numbers", n, a.Shape, len(a.Data))
		}
		for i, v := range a.Data {
			if dtype == "float32" {
				v = float64(float32(v))
			}
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return malformed("array %q has a number that is not finite at %d", n, i)
			}
		}
		h.Arrays = append(h.Arrays, ah)
	}

	// Offsets lengthen the header and the header moves the offsets: repeat until both stand still.
	var text []byte
	var end int64
	for range 8 {
		before := len(text)
		var err error
		if text, err = json.Marshal(h); err != nil {
			return fmt.Errorf("catalog: header: %w", err)
		}
		end = int64(prefixSize + len(text))
		for i := range h.Arrays {
			a := &h.Arrays[i]
			count, _ := a.count(math.MaxInt32)
			a.Offset = align(end)
			end = a.Offset + count*a.width()
		}
		if len(text) == before {
			break
		}
	}
	text, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("catalog: header: %w", err)
	}
	if len(h.Arrays) > 0 && int64(prefixSize+len(text)) > h.Arrays[0].Offset {
		return malformed("the header does not fit before its arrays")
	}
	if end+int64(sumSize) > MaxFileSize {
		return malformed("the file would have %d bytes, more than %d", end+int64(sumSize), MaxFileSize)
	}

	b := make([]byte, 0, end+int64(sumSize))
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint32(b, formatVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(text)))
	b = append(b, text...)
	for _, a := range h.Arrays {
		b = append(b, make([]byte, a.Offset-int64(len(b)))...)
		for _, v := range st.Arrays[a.Name].Data {
			if a.DType == "float32" {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
			} else {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
			}
		}
	}
	sum := sha256.Sum256(b)
	_, err = w.Write(append(b, sum[:]...))
	return err
}

func align(n int64) int64 { return (n + alignment - 1) / alignment * alignment }

// Parse reads a model file and checks it: checksum, form, and that every array is inside the file. It keeps nothing of b.
// The state is not yet a decoder; Catalog.Add makes it one.
// Errors are *decoders.Error with CodeModelMalformed.
func Parse(b []byte) (*Model, error) {
	if int64(len(b)) > MaxFileSize {
		return nil, malformed("the file has more than %d bytes", MaxFileSize)
	}
	if len(b) < prefixSize+sumSize || string(b[:len(magic)]) != magic {
		return nil, malformed("this is not a model file: it does not start with %q", magic)
	}
	if v := binary.LittleEndian.Uint32(b[len(magic):]); v != formatVersion {
		return nil, malformed("format version %d is unknown; this program reads version %d", v, formatVersion)
	}
	body, stored := b[:len(b)-sumSize], b[len(b)-sumSize:]
	sum := sha256.Sum256(body)
	if !bytes.Equal(sum[:], stored) {
		return nil, malformed("the checksum does not fit: the file is damaged or cut off")
	}
	size := binary.LittleEndian.Uint64(b[len(magic)+4:])
	if size > uint64(len(body)-prefixSize) {
		return nil, malformed("the header claims %d bytes and the file has %d", size, len(body)-prefixSize)
	}
	var h header
	if err := json.Unmarshal(body[prefixSize:prefixSize+int(size)], &h); err != nil {
		return nil, malformed("the header is not the JSON of a model: %v", err)
	}
	if err := h.check(); err != nil {
		return nil, err
	}

	m := &Model{Name: h.Name, Version: h.Version, Paradigm: h.Paradigm, Card: h.Card,
		SHA256: hex.EncodeToString(stored), Size: int64(len(b)),
		State: decoders.State{Pipeline: h.Pipeline, Classes: h.Classes, Channels: h.Channels, Rate: h.Rate,
			Config: h.Config, Arrays: make(map[string]decoders.Array)}}
	end := int64(prefixSize) + int64(size)
	for _, a := range h.Arrays {
		if _, twice := m.State.Arrays[a.Name]; twice {
			return nil, malformed("array %q occurs twice", a.Name)
		}
		if a.width() == 0 {
			return nil, malformed("array %q has the unknown dtype %q", a.Name, a.DType)
		}
		// Ordered, disjoint and inside the file: so all arrays together are no larger than the file.
		if a.Offset%alignment != 0 || a.Offset < end || a.Offset > int64(len(body)) {
			return nil, malformed("array %q cannot be at offset %d", a.Name, a.Offset)
		}
		room := (int64(len(body)) - a.Offset) / a.width()
		count, err := a.count(room)
		if err != nil {
			return nil, err
		}
		end = a.Offset + count*a.width()
		data := make([]float64, count)
		raw := body[a.Offset:end]
		for i := range data {
			if a.DType == "float32" {
				data[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
			} else {
				data[i] = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
			}
			if math.IsNaN(data[i]) || math.IsInf(data[i], 0) {
				return nil, malformed("array %q has a number that is not finite at %d", a.Name, i)
			}
		}
		m.State.Arrays[a.Name] = decoders.Array{Shape: a.Shape, Data: data}
	}
	if end != int64(len(body)) {
		return nil, malformed("%d bytes after the last array", int64(len(body))-end)
	}
	return m, nil
}

// count returns how many numbers the shape has, an error where that is none or more than room.
func (a arrayHeader) count(room int64) (int64, error) {
	if a.Name == "" || len(a.Name) > maxNameLength {
		return 0, malformed("an array has a name of %d bytes", len(a.Name))
	}
	if len(a.Shape) > maxDims {
		return 0, malformed("array %q has %d dimensions, more than %d", a.Name, len(a.Shape), maxDims)
	}
	n := int64(1)
	for _, d := range a.Shape {
		if d < 1 {
			return 0, malformed("array %q has the shape %v", a.Name, a.Shape)
		}
		if int64(d) > room/n { // by division: the product may overflow
			return 0, malformed("array %q of shape %v does not fit into %d numbers", a.Name, a.Shape, room)
		}
		n *= int64(d)
	}
	if n > room {
		return 0, malformed("array %q of shape %v does not fit into %d numbers", a.Name, a.Shape, room)
	}
	return n, nil
}

func (h *header) check() error {
	if err := checkName(h.Name); err != nil {
		return err
	}
	if !versionForm.MatchString(h.Version) {
		return malformed("version %q is not of the form 1 or 1.2.3", clip(h.Version))
	}
	if h.Pipeline == "" || len(h.Pipeline) > maxNameLength {
		return malformed("the pipeline has a name of %d bytes", len(h.Pipeline))
	}
	if !slices.Contains(eeg.DecodedParadigms(), h.Paradigm) {
		return malformed("paradigm %q is unknown", clip(string(h.Paradigm)))
	}
	if math.IsNaN(h.Rate) || h.Rate < 0 || h.Rate > 1e6 {
		return malformed("the rate %v Hz is impossible", h.Rate)
	}
	switch h.Card.RequiresLicense {
	case "", LicenseFree, "research", "commercial":
	default:
		return malformed("the card requires the unknown licence %q", clip(h.Card.RequiresLicense))
	}
	if n := len(h.Channels); n > eeg.MaxChannels {
		return malformed("the model has %d channels, more than %d", n, eeg.MaxChannels)
	}
	if n := len(h.Classes); n > maxClasses {
		return malformed("the model has %d classes, more than %d", n, maxClasses)
	}
	if err := checkUnique("class", h.Classes); err != nil {
		return err
	}
	return checkUnique("channel", h.Channels)
}

func checkName(name string) error {
	if len(name) > maxNameLength || !nameForm.MatchString(name) {
		return malformed("name %q is not 1 to %d of a-z 0-9 _ . -, starting with a letter or digit", clip(name), maxNameLength)
	}
	return nil
}

func checkUnique(what string, names []string) error {
	seen := make(map[string]bool, len(names))
	for _, n := range names {
		if n == "" || len(n) > maxNameLength || seen[n] {
			return malformed("%s %q is empty, too long or occurs twice", what, clip(n))
		}
		seen[n] = true
	}
	return nil
}

func clip(s string) string {
	if len(s) > maxNameLength {
		return strings.ToValidUTF8(s[:maxNameLength], "") + "..."
	}
	return s
}

func malformed(format string, args ...any) error {
	return decoders.Errorf(CodeModelMalformed, nil, format, args...)
}
