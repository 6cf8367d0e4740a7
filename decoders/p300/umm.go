package p300

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/internal/shrinkage"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// UMMName is the stable name of unsupervised mean-difference maximization.
const UMMName = "umm"

// UMM spells without calibration, by unsupervised mean-difference maximization (Sosulski and Tangermann 2023, arXiv 2306.11830). Each option
// says which flashes were targets if it is the right one. For the right one the mean response to targets differs most from that to the
// others, in the measure of the noise: with the means of both kinds and the covariance Σ of all epochs of a choice,
//
//	the option is arg max over o of Δ_oᵀ Σ⁻¹ Δ_o,  Δ_o = mean of its targets - mean of the others.
//
// Σ is estimated with the structure that a stationary signal gives it: blocks of channels that depend on the time between two bins alone,
// shrunk (Ledoit and Wolf 2004) and tapered so that it stays positive definite (Sosulski and Tangermann 2022, J. Neural Eng. 19, 066001).
//
// It grows into a supervised model while choices come. With t targets and r others, m = 1/(1/t+1/r), and a difference that is normal around that
// of earlier choices with the covariance Σ/κ, where κ is their m, the logarithm of the likelihood of an option is, but for what all options share,
//
//	(κ+m)/2 · Δ_oᵀ Σ⁻¹ Δ_o,  Δ_o of the flashes of this choice and the earlier ones together.
//
// Without earlier choices that is the rule above; with many of them it tends to m·δᵀΣ⁻¹d_o, the discriminant of known targets whose covariance is
// that of erp_lda with block_toeplitz. Choices before this one (Input.Earlier) are decided in the same way, each by those before it, and teach with
// their probabilities: every option's means count by how probable it is, so that a choice that tells nothing teaches nothing. Σ is that of all flashes,
// earlier ones around the means of what they are taken for.
//
// The logarithms are divided by ummDesign, as flashes that overlap are not independent. It takes any montage.
type UMM struct {
	cfg  Config
	pool sync.Pool // of *scratch
}

var (
	_ decoders.Decoder  = (*UMM)(nil)
	_ decoders.Windowed = (*UMM)(nil)
	_ decoders.Backward = (*UMM)(nil)
)

// ummDesign is by how much the likelihoods of flashes overstate. Over 21 letters of 4 people (BCI Competition II, and g.tec with codes drawn for the flashes
// that were no targets), with 2 to 15 repetitions, the mean log loss is least with 2 of 1, 2, 3 and 5, with earlier choices and without.
const ummDesign = 2.0

// ummElectrodes are those that are read where four of them are there; else all channels are, up to ummChannels.
var ummElectrodes = []string{"Fz", "Cz", "Pz", "Oz", "P3", "P4", "PO7", "PO8"}

const (
	ummChannels = 32
	ummFlashes  = 12 // fewer tell no mean from another
	ummEarlier  = 20 // choices that are looked back at
)

// NewUMM returns the decoder.
func NewUMM() *UMM {
	cfg := DefaultConfig()
	cfg.Low, cfg.High, cfg.Order, cfg.End, cfg.Bins = 0.5, 8, 3, 0.7, 20
	u := &UMM{cfg: cfg}
	u.pool.New = func() any { return new(scratch) }
	return u
}

// Info describes the decoder: any montage, classes from the request.
func (u *UMM) Info() decoders.Info {
	return decoders.Info{Name: "p300-umm", Version: "2", Pipeline: UMMName, Paradigm: eeg.P300,
		MinSamples: func(rate float64) int { return epoch.Samples(u.cfg.End, rate) }}
}

// Earlier is how many choices are looked back at.
func (*UMM) Earlier() int { return ummEarlier }

// Window is the epoch after a flash, with what is filtered along.
func (u *UMM) Window() (start, end, along float64) { return 0, u.cfg.End, margin }

// flashed is the flashes of one choice with their epochs, time by time: bins × channels each.
type flashed struct {
	x        [][]float64
	channels int
	events   []eeg.Event
	sel      *selection
}

// montage picks the channels.
func (u *UMM) montage(channels []string) []string {
	var wanted, all []string
	for _, c := range channels {
		name := recording.CanonicalName(c)
		if slices.Contains(all, name) || name == "" {
			continue
		}
		if all = append(all, name); slices.Contains(ummElectrodes, name) {
			wanted = append(wanted, name)
		}
	}
	if len(wanted) >= 4 {
		return wanted
	}
	return all[:min(len(all), ummChannels)]
}

// read cuts the epochs of an input's flashes.
func (u *UMM) read(in *decoders.Input, sc *scratch) (*flashed, error) {
	if err := epoch.Check(in.Signal, u.Info().MinSamples(in.Rate), u.cfg.minRate()); err != nil {
		return nil, err
	}
	sel, err := newSelection(in)
	if err != nil {
		return nil, err
	}
	front, err := newFrontend(u.cfg, u.montage(in.Channels))
	if err != nil {
		return nil, err
	}
	relevant := slices.DeleteFunc(slices.Clone(in.Events), func(e eeg.Event) bool { return !sel.flashed(e.Code) })
	view := *in
	view.Events = relevant
	index, onsets, dropped := front.usable(&view)
	sel.ignored, sel.outside = len(in.Events)-len(relevant), dropped
	if len(onsets) < ummFlashes {
		return nil, decoders.Errorf(decoders.CodeNoEvents, map[string]any{"events": len(in.Events), "flashes": len(onsets), "flashes_needed": ummFlashes, "outside": dropped},
			"%d flashes of the stimulus have %g s of signal after them; without calibration at least %d are needed", len(onsets), u.cfg.End, ummFlashes)
	}
	m, err := front.epochs(in.Signal, onsets, nil, sc)
	if err != nil {
		return nil, err
	}
	c := &flashed{sel: sel}
	channels, bins := len(front.channels), u.cfg.bins()
	c.channels = channels
	deviations := make([]float64, len(onsets))
	for i := range onsets {
		deviations[i] = deviation(m.RawRowView(i))
	}
	limit := u.cfg.Limit * median(deviations)
	for i, at := range index {
		row := m.RawRowView(i)
		if !u.cfg.scale(row, limit) {
			return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"onset_s": onsets[i]}, "the signal is flat after the flash at %g s", onsets[i])
		}
		x := make([]float64, channels*bins)
		for ch := range channels {
			for b := range bins {
				x[b*channels+ch] = row[ch*bins+b]
			}
		}
		c.x, c.events = append(c.x, x), append(c.events, relevant[at])
	}
	return c, nil
}

// Decode chooses a symbol, or a code where the stimulus has none. Errors: no_events for fewer than 12 flashes, and those of the pipelines.
func (u *UMM) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	sc := u.pool.Get().(*scratch)
	defer u.pool.Put(sc)
	now, err := u.read(in, sc)
	if err != nil {
		return nil, err
	}
	in.Step("epochs")
	var past learned
	looked := 0
	for i := max(0, len(in.Earlier)-ummEarlier); i < len(in.Earlier); i++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		before, err := u.read(&in.Earlier[i], sc)
		if err != nil || len(before.x[0]) != len(now.x[0]) {
			continue // what cannot be read teaches nothing
		}
		found, err := before.choose(&in.Earlier[i], &past)
		if err != nil || found.ambiguous {
			continue
		}
		past.learn(before, found)
		looked++
	}
	found, err := now.choose(in, &past)
	if err != nil {
		return nil, err
	}
	in.Step("difference")
	res := &decoders.Result{Paradigm: eeg.P300, From: slices.MinFunc(now.events, byOnset).Onset, To: min(in.Seconds(), slices.MaxFunc(now.events, byOnset).Onset+u.cfg.End),
		Evidence: map[string]any{"method": UMMName, "flashes": len(now.x), "events_ignored": now.sel.ignored, "events_outside": now.sel.outside, "earlier_choices": looked,
			"standing_out": found.z[found.best]}}
	for i, o := range found.options {
		res.Classes = append(res.Classes, decoders.Class{Name: o.name, Probability: found.p[i]})
	}
	slices.SortStableFunc(res.Classes, func(a, b decoders.Class) int { return cmp.Compare(b.Probability, a.Probability) })
	if found.ambiguous {
		res = decoders.Abstained(res)
		res.Reason = "Two kinds of flashes are each other's complement: without calibration nothing tells which of them was attended."
	}
	return res, nil
}

func byOnset(a, b eeg.Event) int { return cmp.Compare(a.Onset, b.Onset) }

// means are sums of epochs that were targets, and of the others.
type means struct {
	target, other []float64
	n, rest       float64
}

// add counts others in, each as so much.
func (m *means) add(o means, weight float64) {
	if m.target == nil {
		m.target, m.other = make([]float64, len(o.target)), make([]float64, len(o.other))
	}
	for i := range o.target {
		m.target[i] += weight * o.target[i]
		m.other[i] += weight * o.other[i]
	}
	m.n, m.rest = m.n+weight*o.n, m.rest+weight*o.rest
}

// learned is what earlier choices taught.
type learned struct {
	means
	around scatter
}

// scatter is how epochs lie around their means.
type scatter struct {
	sum    *mat.SymDense // of the products of each with itself
	n      int
	fourth float64 // sum of the fourth powers of their lengths
}

// add counts epochs in around the means of the two kinds that target tells apart; nil for a single kind.
func (s *scatter) add(c *flashed, target func(code int) bool) {
	dims := len(c.x[0])
	var m means
	m.target, m.other = make([]float64, dims), make([]float64, dims)
	of := func(i int) ([]float64, *float64) {
		if target != nil && target(c.events[i].Code) {
			return m.target, &m.n
		}
		return m.other, &m.rest
	}
	for i, x := range c.x {
		sum, n := of(i)
		floats.Add(sum, x)
		*n++
	}
	z := mat.NewDense(len(c.x), dims, nil)
	for i, x := range c.x {
		sum, n := of(i)
		row, length := z.RawRowView(i), 0.0
		for j, v := range x {
			row[j] = v - sum[j] / *n
			length += row[j] * row[j]
		}
		s.fourth += length * length
	}
	if s.sum == nil {
		s.sum = mat.NewSymDense(dims, nil)
	}
	s.sum.SymRankK(s.sum, 1, z.T())
	s.n += len(c.x)
}

// learn counts a choice in, each of its options as it is probable.
func (l *learned) learn(c *flashed, f *found) {
	for i, m := range f.means {
		if f.p[i] > leastTaught {
			l.add(m, f.p[i])
		}
	}
	l.around.add(c, func(code int) bool { return f.options[f.best].codes[code] })
}

// leastTaught is the probability below which an option teaches nothing that could be told from nothing.
const leastTaught = 0.01

// found is what a choice comes to.
type found struct {
	options   []option
	means     []means // of each option, of this choice alone
	z, p      []float64
	best      int
	ambiguous bool
}

// choose scores the options, with the means of earlier choices.
func (c *flashed) choose(in *decoders.Input, past *learned) (*found, error) {
	codes := map[int]bool{}
	for _, e := range c.events {
		codes[e.Code] = true
	}
	options, err := c.sel.options(in, codes)
	if err != nil {
		return nil, err
	}
	f := &found{}
	dims := len(c.x[0])
	sums := map[int]*means{} // by code, in target
	for i, e := range c.events {
		if sums[e.Code] == nil {
			sums[e.Code] = &means{target: make([]float64, dims)}
		}
		s := sums[e.Code]
		for j, v := range c.x[i] {
			s.target[j] += v
		}
		s.n++
	}
	for _, o := range options {
		m := means{target: make([]float64, dims), other: make([]float64, dims)}
		for _, code := range slices.Sorted(maps.Keys(sums)) {
			s := sums[code]
			into, n := m.other, &m.rest
			if o.codes[code] {
				into, n = m.target, &m.n
			}
			for j, v := range s.target {
				into[j] += v
			}
			*n += s.n
		}
		if m.n > 0 && m.rest > 0 {
			f.options, f.means = append(f.options, o), append(f.means, m)
		}
	}
	if len(f.options) < 2 {
		return nil, decoders.Errorf(decoders.CodeNoEvents, map[string]any{"codes": len(codes), "options": len(f.options)},
			"flashes of %d codes leave %d options to choose between; without calibration at least two are needed", len(codes), len(f.options))
	}
	f.ambiguous = len(codes) == 2 && past.n == 0
	inverse, err := c.whiten(past.around)
	if err != nil {
		return nil, err
	}
	f.score(inverse, past.means)
	if err := f.weigh(); err != nil {
		return nil, err
	}
	return f, nil
}

// score fills in the log likelihoods of the options, with the means of earlier choices.
func (f *found) score(inverse *mat.Cholesky, past means) {
	dims := len(f.means[0].target)
	f.z = make([]float64, len(f.options))
	// With Σ = UᵀU, ΔᵀΣ⁻¹Δ is |U⁻ᵀΔ|²: one triangle is solved instead of two.
	var u mat.TriDense
	inverse.UTo(&u)
	difference := mat.NewVecDense(dims, nil)
	for i, m := range f.means {
		if past.n > 0 {
			m = means{slices.Clone(m.target), slices.Clone(m.other), m.n, m.rest}
			m.add(past, 1)
		}
		for j := range dims {
			difference.SetVec(j, m.target[j]/m.n-m.other[j]/m.rest)
		}
		blas64.Trsv(blas.Trans, u.RawTriangular(), difference.RawVector())
		f.z[i] = mat.Dot(difference, difference) / (2 * ummDesign * (1/m.n + 1/m.rest))
	}
}

// weigh turns the log likelihoods into probabilities, and into standard deviations of them all.
func (f *found) weigh() error {
	f.p = make([]float64, len(f.z))
	largest, mean, square := math.Inf(-1), 0.0, 0.0
	for i, v := range f.z {
		f.p[i] = v + f.options[i].prior
		largest = max(largest, f.p[i])
		mean += v / float64(len(f.z))
	}
	for _, v := range f.z {
		square += (v - mean) * (v - mean) / float64(len(f.z))
	}
	sd := math.Sqrt(square)
	for i, v := range f.z {
		if f.z[i] = 0; sd > 1e-12*math.Abs(mean) {
			f.z[i] = (v - mean) / sd
		}
	}
	sum := 0.0
	for i, v := range f.p {
		f.p[i] = math.Exp(v - largest)
		sum += f.p[i]
		if f.p[i] > f.p[f.best] {
			f.best = i
		}
	}
	for i := range f.p {
		if f.p[i] /= sum; math.IsNaN(f.p[i]) {
			return decoders.Errorf(decoders.CodeInvalidSignal, nil, "the amplitudes are beyond what can be compared")
		}
	}
	return nil
}

// whiten returns the factored covariance of the epochs and of earlier ones: that of Ledoit and Wolf, with the structure of a stationary signal.
func (c *flashed) whiten(past scatter) (*mat.Cholesky, error) {
	n, dims := len(c.x), len(c.x[0])
	own := scatter{n: past.n, fourth: past.fourth}
	if past.sum != nil {
		own.sum = mat.NewSymDense(dims, nil)
		own.sum.CopySym(past.sum)
	}
	own.add(c, nil)
	own.sum.ScaleSym(1/float64(own.n), own.sum)
	if _, err := shrinkage.LedoitWolfOf(own.sum, own.n, own.fourth); err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"flashes": n}, "the flashes cannot be compared: %v", err)
	}
	cov := blockToeplitz(own.sum, c.channels, dims/c.channels, func(channel, bin int) int { return bin*c.channels + channel })
	var chol mat.Cholesky
	if !chol.Factorize(cov) {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"flashes": n}, "the flashes cannot be compared: their channels depend on one another")
	}
	return &chol, nil
}
