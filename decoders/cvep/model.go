package cvep

import (
	"encoding/json"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/decoders/internal/vector"
	"github.com/neurod/neurod/eeg"
)

// trained is a decoder with calibration data. It is immutable and safe for concurrent use.
type trained struct {
	name, version, pipeline string
	cfg                     TrainConfig
	raw                     json.RawMessage // options, all filled in
	book                    *Book
	kinds                   []kind   // of flashes (rcca)
	labels                  []string // channels as the training data spelled them
	channels                []string // canonical
	rate                    float64  // Hz the decoder works at
	sos                     dsp.SOS  // nil without a band pass
	fitted
	screen      *screen // of the model's own book
	temperature float64
	pool        *sync.Pool // of *space
}

var (
	_ decoders.Trained = (*trained)(nil)
	_ decoders.Spatial = (*trained)(nil)
)

// fitted is what one training gives.
type fitted struct {
	filter     []float64     // of the channels
	response   []float64     // to a flash of each kind, one after the other (rcca)
	cycles     [][]float64   // filtered mean response to a cycle: one, or one for each target (cvep_template)
	covariance *mat.SymDense // of the channels in the band
}

// screen is a code book with the response that each of its codes is expected to evoke.
type screen struct {
	book *Book
	// responses to each code from its beginning on: samples. Behind begun they repeat every period samples, which need not be whole.
	responses [][]float64
	sums      [][]float64 // of the responses before a sample
	squares   [][]float64
	begun     int
	period    float64
}

func newScreen(b *Book, responses [][]float64, begun int, period float64) *screen {
	s := &screen{book: b, responses: responses, begun: begun, period: period}
	for _, r := range responses {
		sum, square := make([]float64, len(r)+1), make([]float64, len(r)+1)
		for i, v := range r {
			sum[i+1], square[i+1] = sum[i]+v, square[i]+v*v
		}
		s.sums, s.squares = append(s.sums, sum), append(s.squares, square)
	}
	return s
}

// at returns the sample of the responses that is shown so many samples after the beginning.
func (s *screen) at(samples float64) int {
	if samples > float64(s.begun) {
		samples -= s.period * math.Floor((samples-float64(s.begun))/s.period)
	}
	return int(math.Round(samples))
}

// newTrained starts a decoder; rate is the training data's.
func newTrained(pipeline, name, version string, labels []string, rate float64, config json.RawMessage) (*trained, error) {
	cfg, book, err := parseTrainConfig(config, rate)
	if err != nil {
		return nil, err
	}
	d := &trained{name: name, version: version, pipeline: pipeline, cfg: cfg, book: book, labels: slices.Clone(labels), channels: epoch.CanonicalNames(labels),
		rate: rate, temperature: 1}
	if len(labels) == 0 || len(labels) > maxChannels {
		return nil, incompatible("%d channels, need 1 to %d", len(labels), maxChannels)
	}
	for i, c := range d.channels {
		if c == "" || slices.Contains(d.channels[:i], c) {
			return nil, incompatible("channel %d, %q, is empty or there twice", i, c)
		}
	}
	if cfg.Low != 0 {
		if d.sos, err = dsp.ButterBandPass(cfg.Order, cfg.Low, cfg.High, rate); err != nil {
			return nil, incompatible("%v", err)
		}
	}
	if pipeline == RCCAName {
		d.kinds = kindsOf(book, cfg.Flashes)
		if n := len(d.kinds) * cfg.lengthOf(rate); n > maxColumns {
			return nil, incompatible("responses of %g s to %d kinds of flashes are %d numbers, at most %d are possible: take flashes %q, a shorter response or a lower rate",
				cfg.Response, len(d.kinds), n, maxColumns, ByContrast)
		}
	}
	if n := len(book.Codes) * d.horizon(book); n > maxValues {
		return nil, incompatible("templates of %d numbers are more than %d", n, maxValues)
	}
	if d.raw, err = json.Marshal(cfg); err != nil {
		return nil, incompatible("options: %v", err)
	}
	d.pool = &sync.Pool{New: func() any { return newSpace(d) }}
	return d, nil
}

// horizon is how many samples of responses are kept: the longest segment that begins within the first two cycles.
func (d *trained) horizon(b *Book) int {
	return int(math.Ceil(2*b.Seconds()*d.rate)) + d.most() + d.cfg.lengthOf(d.rate) + 2
}

// most is the longest segment in samples.
func (d *trained) most() int { return epoch.Samples(d.cfg.Seconds, d.rate) }

// predict returns the responses to a book. Error: invalid_stimulus where the model cannot know them.
func (d *trained) predict(b *Book, f *fitted) (*screen, error) {
	period := b.Seconds() * d.rate
	n := d.horizon(b)
	responses := make([][]float64, len(b.Codes))
	if d.pipeline == RCCAName {
		length := d.cfg.lengthOf(d.rate)
		for k, code := range b.Codes {
			list, err := marks(code, d.cfg.Flashes, d.kinds, b.Rate, d.rate, n)
			if err != nil {
				return nil, err
			}
			responses[k] = make([]float64, n)
			response(responses[k], list, f.response, length)
		}
		return newScreen(b, responses, int(math.Ceil(period))+length, period), nil
	}
	for k := range b.Codes {
		cycle, lag := f.cycles[0], k*b.Lag
		if len(f.cycles) > 1 {
			cycle, lag = f.cycles[k], 0
		}
		responses[k] = make([]float64, n)
		for t := range responses[k] {
			responses[k][t] = cycle[d.phase(b, t, lag)]
		}
	}
	return newScreen(b, responses, 0, period), nil
}

// phase is the sample of the cycle of a code that begins lag bits later, at sample t.
func (d *trained) phase(b *Book, t, lag int) int {
	bits := math.Mod(float64(t)*b.Rate/d.rate-float64(lag), float64(b.Length()))
	if bits < 0 {
		bits += float64(b.Length())
	}
	return int(math.Round(bits*d.rate/b.Rate)) % d.bins(b)
}

// bins is how many samples a cycle has.
func (d *trained) bins(b *Book) int { return max(1, int(math.Round(b.Seconds()*d.rate))) }

func (d *trained) minSamples(rate float64) int { return epoch.Samples(leastSeconds, rate) + 1 }

// Info lists the targets of the model's own code book.
func (d *trained) Info() decoders.Info {
	return decoders.Info{
		Name: d.name, Version: d.version, Pipeline: d.pipeline, Paradigm: eeg.CVEP,
		Classes: slices.Clone(d.book.Labels), Channels: slices.Clone(d.labels), Rate: d.rate, MinSamples: d.minSamples,
	}
}

// Covariance is that of the channels in training.
func (d *trained) Covariance() *mat.SymDense { return d.covariance }

// Band returns the edges of the band pass, and the whole of the spectrum without one.
func (d *trained) Band() (low, high float64) {
	if d.cfg.Low == 0 {
		return 0.5, 0.45 * d.rate
	}
	return d.cfg.Low, d.cfg.High
}

// State holds everything a decode needs.
func (d *trained) State() decoders.State {
	st := decoders.State{
		Pipeline: d.pipeline, Classes: slices.Clone(d.book.Labels), Channels: slices.Clone(d.labels), Rate: d.rate, Config: slices.Clone(d.raw),
		Arrays: map[string]decoders.Array{
			"filter": stored.Vector(d.filter...), "covariance": stored.Matrix(d.covariance), "calibration": stored.Vector(d.temperature),
		},
	}
	if d.pipeline == RCCAName {
		st.Arrays["response"] = decoders.Array{Shape: []int{len(d.kinds), d.cfg.lengthOf(d.rate)}, Data: slices.Clone(d.response)}
		return st
	}
	a := decoders.Array{Shape: []int{len(d.cycles), len(d.cycles[0])}}
	for _, c := range d.cycles {
		a.Data = append(a.Data, c...)
	}
	st.Arrays["cycles"] = a
	return st
}

// Restore rebuilds a decoder. Errors are model_incompatible.
func (p pipeline) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	if st.Pipeline != p.name {
		return nil, incompatible("the state is of pipeline %q, not %q", st.Pipeline, p.name)
	}
	d, err := newTrained(p.name, name, version, st.Channels, st.Rate, st.Config)
	if err != nil {
		return nil, incompatible("%v", err)
	}
	if !slices.Equal(st.Classes, d.book.Labels) {
		return nil, incompatible("the classes %q are not the labels of the codes, %q", st.Classes, d.book.Labels)
	}
	if d.filter, err = stored.Array(st, "filter", len(st.Channels)); err != nil {
		return nil, err
	}
	if d.covariance, err = stored.Symmetric(st, "covariance", len(st.Channels)); err != nil {
		return nil, err
	}
	calibration, err := stored.Array(st, "calibration", 1)
	if err != nil {
		return nil, err
	}
	if d.temperature = calibration[0]; !(d.temperature > 0) {
		return nil, incompatible("temperature is %v", d.temperature)
	}
	if p.name == RCCAName {
		if d.response, err = stored.Array(st, "response", len(d.kinds), d.cfg.lengthOf(d.rate)); err != nil {
			return nil, err
		}
	} else {
		count, bins := len(d.book.Codes), d.bins(d.book)
		if d.book.Lag > 0 {
			count = 1
		}
		all, err := stored.Array(st, "cycles", count, bins)
		if err != nil {
			return nil, err
		}
		for k := range count {
			d.cycles = append(d.cycles, all[k*bins:(k+1)*bins:(k+1)*bins])
		}
	}
	if d.screen, err = d.predict(d.book, &d.fitted); err != nil {
		return nil, incompatible("%v", err)
	}
	return d, nil
}

// unit is how many independent samples a second of a response counts for; the temperature amends it.
const unit = 50.0

// sharpest bounds a correlation away from 1, where a likelihood would be infinite.
const sharpest = 1 - 1e-9

// evidence is the log likelihood of a code, up to a constant: a response of its shape and of unknown size in Gaussian noise; one that
// is upside down counts as none.
func evidence(r, seconds float64) float64 {
	r = min(max(r, 0), sharpest)
	return -0.5 * unit * seconds * math.Log1p(-r*r)
}

// correlate adds up, over steps of a segment, the products of z with the responses of a screen from sample from on, and calls each
// at the end of every step with the correlations so far.
func (s *screen) correlate(z []float64, from, step int, r []float64, each func(samples int)) {
	dots := make([]float64, len(s.responses))
	sum, square := 0.0, 0.0
	for lo := 0; lo < len(z); {
		hi := min(len(z), lo+step)
		if len(z)-hi < step/2 {
			hi = len(z)
		}
		part := z[lo:hi]
		sum += vector.Sum(part)
		square += vector.Dot(part, part)
		n := float64(hi)
		power := square - sum*sum/n
		for k, x := range s.responses {
			dots[k] += vector.Dot(part, x[from+lo:from+hi])
			a := s.sums[k][from+hi] - s.sums[k][from]
			b := s.squares[k][from+hi] - s.squares[k][from]
			r[k] = cosine(dots[k]-sum*a/n, power, b-a*a/n)
		}
		each(hi)
		lo = hi
	}
}

// cosine is dot/√(a·b), 0 where there is nothing to compare.
func cosine(dot, a, b float64) float64 {
	if !(a > 0) || !(b > 0) {
		return 0
	}
	return dot / math.Sqrt(a) / math.Sqrt(b)
}

// probabilities writes those of the codes to dst.
func (d *trained) probabilities(dst, r []float64, seconds float64) []float64 {
	if dst == nil {
		dst = make([]float64, len(r))
	}
	for k, v := range r {
		dst[k] = evidence(v, seconds)
	}
	return classify.Temperature{T: d.temperature}.Probabilities(dst, dst)
}

// sure reports whether the best code could pass the threshold: it does not where the second alone holds it below.
func (d *trained) sure(r []float64, seconds float64) bool {
	first, second := math.Inf(-1), math.Inf(-1)
	for _, v := range r {
		switch {
		case v > first:
			first, second = v, first
		case v > second:
			second = v
		}
	}
	apart := (evidence(first, seconds) - evidence(second, seconds)) / d.temperature
	return !(apart < math.Log(d.cfg.Threshold/(1-d.cfg.Threshold))-1e-9)
}

// best is the index of the largest.
func best(x []float64) int { return floats.MaxIdx(x) }
