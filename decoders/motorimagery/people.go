package motorimagery

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/cue"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/internal/shrinkage"
	"github.com/neurod/neurod/decoders/riemann"
)

// People are labelled trials of people who were recorded before, as far as a decoder of covariances learns from them: the
// covariance of each trial's window in one band, of all electrodes. No recording can be made of it. What a smaller montage
// would have had is a part of each matrix, and the shrinkage follows from the part.
//
// A trial is kept as M^-½·C·M^-½ in 16 bits a number, where M is the person's mean: whatever the electrodes, what is lost is
// then the same small share of every direction, however unlike their amplitudes are.
type People struct {
	PeopleHeader
	means  []*mat.SymDense
	trials [][]packed
}

// PeopleHeader says what the matrices are.
type PeopleHeader struct {
	Classes  []string `json:"classes"`
	Channels []string `json:"channels"` // canonical names
	Rate     float64  `json:"rate_hz"`
	Samples  int      `json:"samples"` // of a window
	// Mirror tells that the two classes mirror each other, as left and right hand do.
	Mirror bool `json:"mirror"`
	// Front are the options of the window: band, order, window after the cue.
	Front PeopleFront `json:"front"`
	// Labels are the classes of each person's trials.
	Labels  [][]int        `json:"labels"`
	Sources []PeopleSource `json:"sources"`
}

// PeopleFront is how the windows were cut and filtered; the fields are those of Config.
type PeopleFront struct {
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Order int     `json:"order"`
	Start float64 `json:"start"`
	End   float64 `json:"end"`
}

// PeopleSource is where the recordings are from.
type PeopleSource struct {
	Name     string `json:"name"`
	Licence  string `json:"licence"`
	Source   string `json:"source,omitempty"`
	Citation string `json:"citation,omitempty"`
}

// packed is the upper triangle of a symmetric matrix, row by row, in units of scale/32767.
type packed struct {
	scale  float32
	values []int16
}

// Trials returns the number of trials of all people.
func (p *People) Trials() int {
	n := 0
	for _, t := range p.trials {
		n += len(t)
	}
	return n
}

// Without returns the people but for one, by the order in which they came, so that somebody can be a stranger to them.
func (p *People) Without(person int) *People {
	out := &People{PeopleHeader: p.PeopleHeader}
	for k := range p.means {
		if k != person {
			out.means, out.trials = append(out.means, p.means[k]), append(out.trials, p.trials[k])
		}
	}
	out.Labels = slices.Delete(slices.Clone(p.Labels), person, person+1)
	return out
}

// NewPeople makes the statistics of a dataset of several people (Trial.Group before its first "/"), in the band and window of
// front. Two classes that mirror each other are told by mirror.
func NewPeople(ds *decoders.Dataset, front PeopleFront, mirror bool, sources ...PeopleSource) (*People, error) {
	cfg := DefaultConfig()
	cfg.Low, cfg.High, cfg.Order, cfg.Start, cfg.End = front.Low, front.High, front.Order, front.Start, front.End
	f, err := newFrontend(cfg, ds.Channels, ds.Rate)
	if err != nil {
		return nil, err
	}
	p := &People{PeopleHeader: PeopleHeader{Classes: slices.Clone(ds.Classes), Channels: f.channels, Rate: ds.Rate, Samples: epoch.Samples(cfg.End-cfg.Start, ds.Rate),
		Mirror: mirror, Front: front, Sources: sources}}
	var names []string
	var all [][]*mat.SymDense
	sc := f.pool.Get().(*scratch)
	defer f.pool.Put(sc)
	for i, t := range ds.Trials {
		x, err := f.trial(ds, i, sc)
		if err != nil {
			return nil, fmt.Errorf("trial %d: %w", i, err)
		}
		if _, n := x.Dims(); n != p.Samples {
			return nil, fmt.Errorf("trial %d has %d samples of %d", i, n, p.Samples)
		}
		c := mat.NewSymDense(len(f.channels), nil)
		if err := riemann.SCM(c, x); err != nil {
			return nil, fmt.Errorf("trial %d: %w", i, err)
		}
		if err := usable(c, true); err != nil {
			return nil, fmt.Errorf("trial %d: %w", i, err)
		}
		name, _, _ := strings.Cut(t.Group, "/")
		k := slices.Index(names, name)
		if k < 0 {
			k = len(names)
			names, all, p.Labels = append(names, name), append(all, nil), append(p.Labels, nil)
		}
		all[k], p.Labels[k] = append(all[k], c), append(p.Labels[k], t.Label)
	}
	for k, covs := range all {
		mean, trials, err := pack(covs)
		if err != nil {
			return nil, fmt.Errorf("person %d: %w", k+1, err)
		}
		p.means, p.trials = append(p.means, mean), append(p.trials, trials)
	}
	return p, nil
}

// pack writes covariances around their mean.
func pack(covs []*mat.SymDense) (*mat.SymDense, []packed, error) {
	exact, err := riemann.EuclidMean(covs, nil)
	if err != nil {
		return nil, nil, err
	}
	// The mean is kept in 32 bits; the trials are written around what is kept.
	n := exact.SymmetricDim()
	mean := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			mean.SetSym(i, j, float64(float32(exact.At(i, j))))
		}
	}
	around, err := riemann.Recenter(covs, mean)
	if err != nil {
		return nil, nil, err
	}
	out := make([]packed, len(around))
	for t, c := range around {
		largest := 0.0
		for i := range n {
			for j := i; j < n; j++ {
				largest = max(largest, math.Abs(c.At(i, j)))
			}
		}
		k := packed{scale: float32(largest) * (1 + 1e-6), values: make([]int16, 0, n*(n+1)/2)}
		for i := range n {
			for j := i; j < n; j++ {
				k.values = append(k.values, int16(math.Round(c.At(i, j)/float64(k.scale)*math.MaxInt16)))
			}
		}
		out[t] = k
	}
	return mean, out, nil
}

const (
	peopleMagic   = "NRDPEOPL"
	peopleVersion = 1
	// mostPeopleChannels and mostPeopleTrials bound what a file may ask to be made room for.
	mostPeopleChannels = 512
	mostPeopleTrials   = 1 << 20
)

// Write writes the statistics: a magic word, a version and the length of the header as integers of 32 and 64 bits, the header as
// JSON, then for each person the mean (upper triangle, float32) and for each trial its scale (float32) and upper triangle
// (int16, in units of scale/32767); all little-endian, with the SHA-256 of all of it behind.
func (p *People) Write(w io.Writer) error {
	head, err := json.Marshal(p.PeopleHeader)
	if err != nil {
		return fmt.Errorf("motor imagery: people: %w", err)
	}
	b := append([]byte(peopleMagic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[len(peopleMagic):], peopleVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(head)))
	b = append(b, head...)
	for k, mean := range p.means {
		n := mean.SymmetricDim()
		for i := range n {
			for j := i; j < n; j++ {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(mean.At(i, j))))
			}
		}
		for _, t := range p.trials[k] {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(t.scale))
			for _, v := range t.values {
				b = binary.LittleEndian.AppendUint16(b, uint16(v))
			}
		}
	}
	sum := sha256.Sum256(b)
	_, err = w.Write(append(b, sum[:]...))
	return err
}

// ParsePeople reads what Write wrote. A file that is none is model_incompatible.
func ParsePeople(b []byte) (*People, error) {
	const prefix = len(peopleMagic) + 12
	if len(b) < prefix+sha256.Size || string(b[:len(peopleMagic)]) != peopleMagic {
		return nil, incompatible("no statistics of people: the file does not start with %q", peopleMagic)
	}
	body, stored := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], stored) {
		return nil, incompatible("the statistics of people are damaged: the checksum does not fit")
	}
	if v := binary.LittleEndian.Uint32(b[len(peopleMagic):]); v != peopleVersion {
		return nil, incompatible("statistics of people of version %d; this program reads version %d", v, peopleVersion)
	}
	size := binary.LittleEndian.Uint64(b[len(peopleMagic)+4:])
	if size > uint64(len(body)-prefix) {
		return nil, incompatible("the header of the statistics claims %d bytes", size)
	}
	p := &People{}
	if err := json.Unmarshal(body[prefix:prefix+int(size)], &p.PeopleHeader); err != nil {
		return nil, incompatible("the header of the statistics: %v", err)
	}
	rest := body[prefix+int(size):]
	if err := p.check(len(rest)); err != nil {
		return nil, err
	}
	n := len(p.Channels)
	for _, labels := range p.Labels {
		mean := mat.NewSymDense(n, nil)
		for i := range n {
			for j := i; j < n; j++ {
				mean.SetSym(i, j, float64(math.Float32frombits(binary.LittleEndian.Uint32(rest))))
				rest = rest[4:]
			}
		}
		trials := make([]packed, len(labels))
		for t := range trials {
			trials[t] = packed{scale: math.Float32frombits(binary.LittleEndian.Uint32(rest)), values: make([]int16, n*(n+1)/2)}
			rest = rest[4:]
			for k := range trials[t].values {
				trials[t].values[k] = int16(binary.LittleEndian.Uint16(rest))
				rest = rest[2:]
			}
		}
		p.means, p.trials = append(p.means, mean), append(p.trials, trials)
	}
	return p, nil
}

// check holds a header to itself and to the bytes behind it.
func (p *People) check(size int) error {
	n, trials := len(p.Channels), 0
	if n < 2 || n > mostPeopleChannels || len(p.Classes) < 2 || len(p.Labels) == 0 || p.Samples < 1 {
		return incompatible("statistics of %d channels, %d classes, %d people and %d samples", n, len(p.Classes), len(p.Labels), p.Samples)
	}
	for _, labels := range p.Labels {
		trials += len(labels)
		if len(labels) == 0 || trials > mostPeopleTrials {
			return incompatible("a person of the statistics has %d trials", len(labels))
		}
		for _, l := range labels {
			if l < 0 || l >= len(p.Classes) {
				return incompatible("the statistics have label %d of %d classes", l, len(p.Classes))
			}
		}
	}
	triangle := n * (n + 1) / 2
	if want := len(p.Labels)*4*triangle + trials*(4+2*triangle); want != size {
		return incompatible("the statistics have %d bytes of numbers, their header tells of %d", size, want)
	}
	_, err := parseConfig(TSLRName, mustOptions(p.options()), p.Rate)
	return err
}

// options are those of a decoder that learns from the people.
func (p *People) options() Config {
	c := CrossSubject()
	c.Low, c.High, c.Order, c.Start, c.End = p.Front.Low, p.Front.High, p.Front.Order, p.Front.Start, p.Front.End
	c.MinSeconds = min(c.MinSeconds, c.End-c.Start)
	c.Align, c.Center, c.Mirror, c.Weight = true, CenterRiemann, p.Mirror, DefaultWeight
	return c
}

func mustOptions(c Config) json.RawMessage {
	raw, err := json.Marshal(c)
	if err != nil {
		return json.RawMessage("{}") // a number that JSON lacks, which parseConfig of the header refuses
	}
	return raw
}

// Knows returns those of some channels that the people have, in their order.
func (p *People) Knows(channels []string) []string {
	var out []string
	for i, c := range epoch.CanonicalNames(channels) {
		if slices.Contains(p.Channels, c) {
			out = append(out, channels[i])
		}
	}
	return out
}

// relabel returns the index in classes of each class of the people, whatever the caller calls a movement ("left", "left_hand",
// "left fist"); nil where the two are not the same classes.
func relabel(own, classes []string) []int {
	if len(own) != len(classes) {
		return nil
	}
	out := make([]int, len(own))
	taken := make([]bool, len(classes))
	for k, name := range own {
		at := slices.IndexFunc(classes, func(c string) bool { return cue.Movement(c) == cue.Movement(name) })
		if at < 0 || taken[at] {
			return nil
		}
		out[k], taken[at] = at, true
	}
	return out
}

// examples returns the covariances of the people on some electrodes, as examples of a training: shrunk as those of a recording
// of these electrodes would be, with the labels that to gives to classes.
func (p *People) examples(channels []string, to []int) ([]example, error) {
	rows := make([]int, len(channels))
	for i, c := range epoch.CanonicalNames(channels) {
		if rows[i] = slices.Index(p.Channels, c); rows[i] < 0 {
			return nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"channels_missing": []string{c}}, "the people were recorded without %s", c)
		}
	}
	n := len(p.Channels)
	var out []example
	for s, mean := range p.means {
		half := mat.NewSymDense(n, nil)
		if err := riemann.Sqrtm(half, mean); err != nil {
			return nil, incompatible("the mean of person %d: %v", s+1, err)
		}
		root := mat.NewDense(len(rows), n, nil)
		for i, r := range rows {
			for j := range n {
				root.Set(i, j, half.At(r, j))
			}
		}
		around := mat.NewSymDense(n, nil)
		var left, full mat.Dense
		for t, k := range p.trials[s] {
			at := 0
			for i := range n {
				for j := i; j < n; j++ {
					around.SetSym(i, j, float64(k.values[at])*float64(k.scale)/math.MaxInt16)
					at++
				}
			}
			left.Mul(root, around)
			full.Mul(&left, root.T())
			c := mat.NewSymDense(len(rows), nil)
			for i := range rows {
				for j := i; j < len(rows); j++ {
					c.SetSym(i, j, full.At(i, j))
				}
			}
			if _, err := shrinkage.OASOf(c, p.Samples); err != nil {
				return nil, incompatible("trial %d of person %d: %v", t+1, s+1, err)
			}
			if err := usable(c, true); err != nil {
				return nil, incompatible("trial %d of person %d: %v", t+1, s+1, err)
			}
			out = append(out, example{cov: c, label: to[p.Labels[s][t]], subject: s, copied: len(out)})
		}
	}
	return out, nil
}
