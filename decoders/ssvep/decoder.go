package ssvep

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/eeg"
)

// The methods.
const (
	CCA   = "cca"
	FBCCA = "fbcca"
)

// NoTarget is the class and the flag of a signal in which nothing follows a flicker.
const NoTarget = "no_target"

// FlagAlphaLike says that the strongest frequency lies at 8-13 Hz and its harmonics show nothing, as in eyes-closed rest.
const FlagAlphaLike = "alpha_like"

// Config describes a decoder.
type Config struct {
	// Name and Version of the decoder. Default to "ssvep-" with the method, and "1".
	Name, Version string
	// Method is "cca" or "fbcca". Defaults to "fbcca".
	Method string
	// Harmonics of the references, 1-5. Defaults to 3 for CCA and 5 for FBCCA.
	Harmonics int
	// SubBands of FBCCA, 1-5. Defaults to 5.
	SubBands int
	// Skip is the time between onset and the first sample used, in s. Defaults to 0.14, the latency of the visual
	// pathway (Chen 2015). A negative value means none.
	Skip float64
	// Seconds is the longest segment used after Skip. Defaults to 10; shorter clips are used whole.
	Seconds float64
	// Low and High are the edges of the CCA band in Hz. They default to 6 and 60, and give way to targets outside.
	Low, High float64
	// Prior is the probability, before looking at the signal, that the person looks at a target, 0-1 exclusive. It moves the
	// probabilities; the verdict is the request's level of false accepts. Defaults to 0.5.
	Prior float64
}

const (
	minSeconds   = 1.0  // five periods of the slowest flicker in use, 5 Hz
	minRate      = 32.0 // Hz; below it 8 Hz and its harmonic do not fit
	maxTargets   = 1000
	maxFrequency = 100.0 // Hz; flicker fusion ends at 60-90 Hz, and no response is known above 100 Hz (Herrmann 2001)
	filterMargin = 2.0   // s of signal around the window that the filter may see
	workRate     = 250.0 // Hz that is enough for 5 harmonics of 17 Hz; faster signals are thinned to at least this
)

// Decoder is a training-free SSVEP decoder. It is safe for concurrent use.
type Decoder struct {
	cfg   Config
	cache bankCache
	pool  sync.Pool // of *workspace
}

var _ decoders.Decoder = (*Decoder)(nil)

// New returns a decoder. It refuses an unknown method and options out of range.
//
//nolint:gocyclo // one guard for each option
func New(cfg Config) (*Decoder, error) {
	if cfg.Method == "" {
		cfg.Method = FBCCA
	}
	if cfg.Name == "" {
		cfg.Name = "ssvep-" + cfg.Method
	}
	if cfg.Version == "" {
		cfg.Version = "1"
	}
	if cfg.Harmonics == 0 {
		cfg.Harmonics = maxHarmonics
		if cfg.Method == CCA {
			cfg.Harmonics = 3
		}
	}
	if cfg.SubBands == 0 {
		cfg.SubBands = len(subBandWeights)
	}
	if cfg.Skip == 0 {
		cfg.Skip = 0.14
	}
	cfg.Skip = max(cfg.Skip, 0)
	if cfg.Seconds == 0 {
		cfg.Seconds = eeg.SSVEPSeconds
	}
	if cfg.Low == 0 {
		cfg.Low = 6
	}
	if cfg.High == 0 {
		cfg.High = 60
	}
	if cfg.Prior == 0 {
		cfg.Prior = 0.5
	}
	switch {
	case !(cfg.Prior > 0 && cfg.Prior < 1):
		return nil, fmt.Errorf("ssvep: prior %v is not between 0 and 1", cfg.Prior)
	case cfg.Method != CCA && cfg.Method != FBCCA:
		return nil, fmt.Errorf("ssvep: method %q is neither %q nor %q", cfg.Method, CCA, FBCCA)
	case cfg.Harmonics < 1 || cfg.Harmonics > maxHarmonics:
		return nil, fmt.Errorf("ssvep: %d harmonics are not between 1 and %d", cfg.Harmonics, maxHarmonics)
	case cfg.SubBands < 1 || cfg.SubBands > len(subBandWeights):
		return nil, fmt.Errorf("ssvep: %d sub-bands are not between 1 and %d", cfg.SubBands, len(subBandWeights))
	case !(cfg.Skip < 60) || !(cfg.Seconds >= minSeconds) || cfg.Seconds > 60:
		return nil, fmt.Errorf("ssvep: window of %v s after %v s is not between %v and 60 s", cfg.Seconds, cfg.Skip, minSeconds)
	case !(cfg.Low > 0) || !(cfg.High > cfg.Low+1) || cfg.High > 500:
		return nil, fmt.Errorf("ssvep: band %v-%v Hz is empty", cfg.Low, cfg.High)
	}
	d := &Decoder{cfg: cfg}
	d.pool.New = func() any { return new(workspace) }
	return d, nil
}

// Info describes the decoder: any montage, any rate from 32 Hz, classes from the request.
func (d *Decoder) Info() decoders.Info {
	return decoders.Info{
		Name: d.cfg.Name, Version: d.cfg.Version, Pipeline: d.cfg.Method, Paradigm: eeg.SSVEP,
		MinSamples: func(rate float64) int { return epoch.Samples(d.cfg.Skip+minSeconds, rate) },
	}
}

// workspace is what one decode needs; it is reused.
type workspace struct {
	filters  map[filterKey]*dsp.ZeroPhase
	scaled   *mat.Dense // cut and scaled input
	filtered *mat.Dense
	z        *mat.Dense // window: filtered, thinned, centred
	even     [][]float64
	odd      [][]float64
	halves   []float64
	white    whitener
	proj     []float64
	m        []float64
	spec     spectrum
}

// filterKey names a filter of the workspace.
type filterKey struct {
	lo, hi, rate float64
	cheby        bool
}

// window says which samples of the input a decode uses.
type window struct {
	from, to int // samples of the input
	onset    float64
	byEvent  bool
	ignored  bool // there are events, none of which leaves enough signal
}

// target is one candidate.
type target struct {
	label string
	freq  float64
}

// analysis is what a decode measures.
type analysis struct {
	targets  []target
	scan     bool
	grid     int       // frequencies of the scan
	scores   []float64 // the method's score of each target
	rho      []float64 // broad-band canonical correlations
	best     int
	seconds  float64
	rate     float64 // Hz of the input
	channels int
	win      window
	detected Detection

	probabilities []float64 // of each target
}

// Detection says whether a signal follows a flicker, and which.
type Detection struct {
	Label     string  `json:"label"`     // of the best target
	Frequency float64 `json:"frequency"` // Hz
	Rho       float64 `json:"rho"`       // its largest canonical correlation
	// P is the probability that the surrogates of any of the targets stand out as much (Šidák's correction for their number),
	// and Z the same as SDs of a normal distribution; for a best target at 8-13 Hz the larger of P and HarmonicP.
	P float64 `json:"p"`
	Z float64 `json:"z"`
	// HarmonicP is P of the second harmonic alone, for a best target at 8-13 Hz; else nil.
	HarmonicP *float64 `json:"harmonic_p"`
	// FalseAccept is the share of recordings without a target that stand out as much, for this window and montage, and Level the
	// share that the request allows: the target is accepted where the first does not exceed the second.
	FalseAccept float64 `json:"false_accept"`
	Level       float64 `json:"level"`
	Accepted    bool    `json:"accepted"`
	// Probability is the calibrated probability that there is a target.
	Probability float64 `json:"probability"`
	// AlphaLike tells that the best target lies at 8-13 Hz and its harmonics do not carry the verdict.
	AlphaLike bool `json:"alpha_like"`
	// Tested is false where the band leaves too few neighbours for surrogates; P and Probability then say nothing.
	Tested bool `json:"tested"`
}

var defaultDetector = sync.OnceValue(func() *Decoder {
	d, err := New(Config{Method: CCA})
	if err != nil {
		panic(err) // constants
	}
	return d
})

// Detect reports whether the signal follows one of the stimulus' targets, or, where it names none, any flicker of
// 5-45 Hz. It is the evidence behind paradigm "auto": P < 0.01 speaks for SSVEP.
// Errors are those of Decode.
func Detect(in *decoders.Input) (Detection, error) {
	a, err := defaultDetector().analyze(context.Background(), in)
	if err != nil {
		return Detection{}, err
	}
	return a.detected, nil
}

// Decode ranks the targets of in.Stimulus, or, where there are none, the strongest frequencies of a scan, and "no_target".
// The window starts at the first event, or with the clip. Errors: payload_too_short, payload_malformed, invalid_signal,
// invalid_stimulus.
func (d *Decoder) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	a, err := d.analyze(ctx, in)
	if err != nil {
		return nil, err
	}
	return d.result(a), nil
}

func (d *Decoder) analyze(ctx context.Context, in *decoders.Input) (*analysis, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := epoch.Check(in.Signal, d.Info().MinSamples(in.Rate), minRate); err != nil {
		return nil, err
	}
	in = focused(in)
	win := d.cut(in)
	a := &analysis{win: win, seconds: float64(win.to-win.from) / in.Rate, rate: in.Rate, channels: len(in.Channels)}
	var err error
	if a.detected.Level, err = level(in.Stimulus); err != nil {
		return nil, err
	}
	if a.targets, err = targetsOf(in.Stimulus.Targets, in.Rate); err != nil {
		return nil, err
	}
	if len(a.targets) == 0 {
		a.scan = true
		a.targets = scanTargets(a.seconds, in.Rate)
		a.grid = len(a.targets)
	}
	ws := d.pool.Get().(*workspace)
	defer d.pool.Put(ws)
	if err := ws.load(in, win); err != nil {
		return nil, err
	}
	in.Step("load")
	if err := d.score(ctx, ws, in, a); err != nil {
		return nil, err
	}
	in.Step("correlate")
	if a.scan {
		a.peaks()
	}
	if err := d.detect(ws, in, a); err != nil {
		return nil, err
	}
	in.Step("surrogates")
	return a, nil
}

// mostChannels is how many channels are correlated: with more, a clip of some seconds has as many channels as cycles, and
// follows any frequency; and the work grows with their cube.
const mostChannels = 64

// focused returns the input with mostChannels of its channels at most: those over the visual cortex first, then those around
// it, then the others, each in their order.
func focused(in *decoders.Input) *decoders.Input {
	if len(in.Channels) <= mostChannels {
		return in
	}
	var rows []int
	for _, prefixes := range [][]string{{"O", "PO", "I"}, {"P", "TP", "CP"}, {""}} {
		for i, name := range in.Channels {
			far := !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(strings.ToUpper(name), p) })
			if far || len(rows) == mostChannels || slices.Contains(rows, i) {
				continue
			}
			rows = append(rows, i)
		}
	}
	slices.Sort(rows)
	few := *in
	few.Channels = make([]string, len(rows))
	few.Data = mat.NewDense(len(rows), in.Samples(), nil)
	for k, i := range rows {
		few.Channels[k] = in.Channels[i]
		few.Data.SetRow(k, in.Data.RawRowView(i))
	}
	return &few
}

// cut chooses the window: from the first event that leaves enough signal, else from the start of the clip.
func (d *Decoder) cut(in *decoders.Input) window {
	n := in.Samples()
	need := epoch.Samples(minSeconds, in.Rate)
	w := window{ignored: len(in.Events) > 0}
	at := math.Inf(1)
	for _, e := range in.Events {
		if e.Onset >= 0 && e.Onset < at && int(min(math.Round((e.Onset+d.cfg.Skip)*in.Rate), 1e15))+need <= n {
			at = e.Onset
		}
	}
	if !math.IsInf(at, 1) {
		w.onset, w.byEvent, w.ignored = at, true, false
	}
	w.from = int(math.Round((w.onset + d.cfg.Skip) * in.Rate))
	w.to = min(n, w.from+int(d.cfg.Seconds*in.Rate))
	return w
}

// targetsOf checks and names the targets of a request.
func targetsOf(list []eeg.Target, rate float64) ([]target, error) {
	if len(list) > maxTargets {
		return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"targets": len(list), "targets_most": maxTargets},
			"%d targets, at most %d are possible", len(list), maxTargets)
	}
	limit := min(maxFrequency, 0.45*rate)
	out := make([]target, 0, len(list))
	labels := make(map[string]int, len(list))
	frequencies := make(map[float64]int, len(list))
	for i, t := range list {
		if !(t.Frequency >= 1 && t.Frequency <= limit) {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus,
				map[string]any{"target": i, "label": t.Label, "frequency": fmt.Sprint(t.Frequency), "frequency_most": limit, "sample_rate": rate},
				"target %d flickers at %v Hz, it must be between 1 and %.4g Hz at this sampling rate", i, t.Frequency, limit)
		}
		label := t.Label
		if label == "" {
			label = frequencyLabel(t.Frequency)
		}
		if label == NoTarget {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"target": i, "label": label},
				"target %d is named %q, which stands for the absence of a target", i, label)
		}
		if j, ok := labels[label]; ok {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"target": i, "other": j, "label": label},
				"targets %d and %d are both named %q", j, i, label)
		}
		if j, ok := frequencies[t.Frequency]; ok {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"target": i, "other": j, "frequency": t.Frequency},
				"targets %d and %d both flicker at %v Hz: without calibration data only frequencies can be told apart", j, i, t.Frequency)
		}
		labels[label], frequencies[t.Frequency] = i, i
		out = append(out, target{label, t.Frequency})
	}
	return out, nil
}

func frequencyLabel(f float64) string { return fmt.Sprintf("freq_%.2fhz", f) }

// load copies the part of the input that filters may see, each channel centred and scaled to 1: correlations do not
// depend on either, and squares then neither overflow nor vanish.
func (ws *workspace) load(in *decoders.Input, win window) error {
	p, n := in.Data.Dims()
	all := make([]int, p)
	for i := range all {
		all[i] = i
	}
	margin := int(filterMargin * in.Rate)
	from, to := max(0, win.from-margin), min(n, win.to+margin)
	if err := epoch.CheckValues(in.Signal, all, from, to); err != nil {
		return err
	}
	ws.scaled = shaped(ws.scaled, p, to-from)
	flat := true
	for i := range p {
		row := ws.scaled.RawRowView(i)
		dsp.Demean(row, in.Data.RawRowView(i)[from:to])
		largest := 0.0
		for _, v := range row {
			largest = max(largest, math.Abs(v))
		}
		// An electrode that is off gives a constant; what is left of it is the rounding of its mean.
		if largest <= 1e-9*math.Abs(in.Data.At(i, from)) || largest < 1e-150 {
			clear(row)
			continue
		}
		flat = false
		for j := range row {
			row[j] /= largest
		}
	}
	if flat {
		return epoch.Flat(in.Channels)
	}
	return nil
}

// band filters the loaded signal to lo-hi Hz, by a Butterworth filter or by the filter bank's Chebyshev, and makes z and its folded halves from the window.
func (ws *workspace) band(in *decoders.Input, win window, cheby bool, lo, hi float64) error {
	p, n := ws.scaled.Dims()
	key := filterKey{lo, hi, in.Rate, cheby}
	f, ok := ws.filters[key]
	if !ok {
		sos, err := dsp.ButterBandPass(4, lo, hi, in.Rate)
		if cheby {
			sos, err = dsp.Cheby1BandPass(4, 0.5, lo, hi, in.Rate)
		}
		if err != nil {
			return decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"sample_rate": in.Rate},
				"no filter for %.4g-%.4g Hz at %g Hz: %v", lo, hi, in.Rate, err)
		}
		f = dsp.NewZeroPhase(sos)
		if ws.filters == nil || len(ws.filters) > 64 { // a caller with ever new rates must not fill the memory
			ws.filters = make(map[filterKey]*dsp.ZeroPhase)
		}
		ws.filters[key] = f
	}
	ws.filtered = shaped(ws.filtered, p, n)
	f.Rows(ws.filtered, ws.scaled)

	start := win.from - max(0, win.from-int(filterMargin*in.Rate))
	q := thinning(in.Rate)
	size := (win.to - win.from + q - 1) / q
	ws.z = shaped(ws.z, p, size)
	half := (size + 1) / 2
	ws.halves = grow(ws.halves, 2*p*half)
	ws.even, ws.odd = ws.even[:0], ws.odd[:0]
	for i := range p {
		x := ws.filtered.RawRowView(i)[start:]
		row := ws.z.RawRowView(i)
		for j := range row {
			row[j] = x[j*q]
		}
		dsp.Demean(row, row)
		even := ws.halves[2*i*half:][:half]
		odd := ws.halves[(2*i+1)*half:][:size/2]
		foldEven(even, row)
		foldOdd(odd, row)
		ws.even, ws.odd = append(ws.even, even), append(ws.odd, odd)
	}
	ws.white.fit(ws.z)
	return nil
}

// thinning returns the factor by which a signal can be thinned after the band pass: it ends at 88 Hz or below, so
// 250 Hz keeps all of it.
func thinning(rate float64) int { return max(1, int(rate/workRate)) }

// correlate writes the largest canonical correlation of every frequency of the bank to dst.
func (ws *workspace) correlate(ctx context.Context, dst []float64, b *bank) error {
	p := len(ws.even)
	r := len(ws.white.rows)
	ws.proj = grow(ws.proj, maxSide*p)
	ws.m = grow(ws.m, maxSide*r)
	for k := range b.frequencies {
		if k%64 == 63 && ctx.Err() != nil {
			return ctx.Err()
		}
		dst[k] = ws.one(b.reference(k))
	}
	return nil
}

// one returns the largest canonical correlation with a reference.
func (ws *workspace) one(ref *reference) float64 {
	p, r := len(ws.even), len(ws.white.rows)
	ws.proj = grow(ws.proj, maxSide*p)
	ws.m = grow(ws.m, maxSide*r)
	ref.project(ws.proj, ws.even, ws.odd)
	cols := ref.columns()
	for c := range cols {
		ws.white.apply(ws.m[c*r:(c+1)*r], ws.proj[c*p:(c+1)*p])
	}
	return correlation(ws.m, r, cols)
}

// subBandWeights are m^-1.25 + 0.25 (Chen 2015).
var subBandWeights = func() (w [5]float64) {
	for m := range w {
		w[m] = math.Pow(float64(m+1), -1.25) + 0.25
	}
	return w
}()

// broadBand returns the edges of the band in which correlations are taken and tested.
func (d *Decoder) broadBand(a *analysis, rate float64) (lo, hi float64) {
	lo, hi = d.cfg.Low, d.cfg.High
	if d.cfg.Method == FBCCA {
		lo, hi = 8, 88
	}
	slowest, fastest := math.Inf(1), 0.0
	for _, t := range a.targets {
		slowest, fastest = min(slowest, t.freq), max(fastest, t.freq)
	}
	if slowest < lo {
		lo = max(0.5, slowest-2) // keeps the slowest fundamental well inside
	}
	// 0.45 of the rate leaves the filter its slope below Nyquist.
	return lo, min(max(hi, fastest+2), 0.45*rate)
}

// score fills the scores of all targets.
//
//nolint:gocyclo // one pass over bands and targets for each method, which share their workspace
func (d *Decoder) score(ctx context.Context, ws *workspace, in *decoders.Input, a *analysis) error {
	frequencies := make([]float64, len(a.targets))
	for i, t := range a.targets {
		frequencies[i] = t.freq
	}
	q := thinning(in.Rate)
	rate := in.Rate / float64(q)
	size := (a.win.to - a.win.from + q - 1) / q
	bank := d.cache.get(frequencies, d.cfg.Harmonics, size, rate, a.scan)
	lo, hi := d.broadBand(a, in.Rate)
	a.rho = make([]float64, len(frequencies))
	a.scores = make([]float64, len(frequencies))

	if d.cfg.Method == FBCCA {
		part := make([]float64, len(frequencies))
		var bands []*workspace // of the sub-bands so far, where the references are too many to keep
		var weights []float64
		// From the highest band to the broadest, which is the one the surrogates are made of afterwards.
		for m := d.cfg.SubBands; m >= 1; m-- {
			low := 8 * float64(m)
			if m == 1 {
				low = lo
			} else if low+8 > hi {
				continue // less than one harmonic's distance is left
			}
			w := ws
			if bank.refs == nil && m > 1 {
				w = &workspace{scaled: ws.scaled, filters: ws.filters, filtered: ws.filtered}
			}
			if err := w.band(in, a.win, true, low, hi); err != nil {
				return err
			}
			if ws.filters == nil {
				ws.filters = w.filters
			}
			ws.filtered = w.filtered
			if bank.refs == nil {
				bands, weights = append(bands, w), append(weights, subBandWeights[m-1])
				continue
			}
			if err := w.correlate(ctx, part, bank); err != nil {
				return err
			}
			for k, rho := range part {
				a.scores[k] += subBandWeights[m-1] * rho * rho
			}
		}
		for k := range frequencies {
			if bank.refs != nil {
				break
			}
			if k%64 == 63 && ctx.Err() != nil {
				return ctx.Err()
			}
			ref := bank.reference(k) // made once for all bands: it costs more than they do
			for i, w := range bands {
				part[k] = w.one(ref)
				a.scores[k] += weights[i] * part[k] * part[k]
			}
		}
		copy(a.rho, part)
	} else {
		if err := ws.band(in, a.win, false, lo, hi); err != nil {
			return err
		}
		if err := ws.correlate(ctx, a.rho, bank); err != nil {
			return err
		}
		copy(a.scores, a.rho)
	}
	if len(ws.white.rows) == 0 {
		return epoch.Flat(in.Channels)
	}
	for k := range a.scores {
		if a.scores[k] > a.scores[a.best] {
			a.best = k
		}
	}
	return nil
}

// detect compares the best target with its surrogates.
func (d *Decoder) detect(ws *workspace, in *decoders.Input, a *analysis) error {
	best := a.targets[a.best]
	det := &a.detected
	det.Label, det.Frequency, det.Rho = best.label, best.freq, a.rho[a.best]

	lo, hi := d.broadBand(a, in.Rate)
	if low := min(lo, d.cfg.Low); low < lo {
		// The filter bank starts where the targets start. The slowest ones need neighbours on both sides.
		lo = low
		if err := ws.band(in, a.win, false, lo, hi); err != nil {
			return err
		}
	}
	thinned := in.Rate / float64(thinning(in.Rate))
	ws.spec.fit(ws.z, thinned)
	// What the filter has removed cannot be asked.
	harmonics := harmonicsOf(best.freq, testHarmonics, min(thinned, 2*hi), true)
	one, ok := ws.spec.exceed(ws.z, best.freq, harmonics, lo, hi)
	if !ok {
		det.P = 1
		d.weigh(a, 0)
		return nil
	}
	det.Tested = true
	tests := float64(len(a.targets))
	if a.scan {
		tests = float64(a.grid)
	}
	det.P = -math.Expm1(tests * math.Log1p(-min(one, 1-1e-16))) // Šidák
	p := det.P
	alpha := best.freq >= alphaLow && best.freq < alphaHigh
	if alpha {
		// The alpha rhythm: there the harmonics have to carry the case.
		if harmonics[0] == 1 {
			harmonics = harmonics[1:]
		}
		p = 1
		if v, ok := ws.spec.exceed(ws.z, best.freq, harmonics, lo, hi); ok {
			det.HarmonicP = &v
			p = max(det.P, v)
		}
	}
	det.Z = normal(p)
	rare := det.Z
	if !a.scan { // the correction for the hundreds of frequencies of a scan is too strict by more than this amends
		rare = rarity(det.Z, a.seconds, a.channels, alpha)
	}
	d.weigh(a, rare)
	det.AlphaLike = alpha && p > det.P && !det.Accepted
	return nil
}

// The alpha band, half-open, in Hz.
const (
	alphaLow  = 8
	alphaHigh = 13
)

// shaped returns m with the given shape, reusing its memory where it is large enough; the values are not kept.
func shaped(m *mat.Dense, r, c int) *mat.Dense {
	if m != nil {
		raw := m.RawMatrix()
		if cap(raw.Data) >= r*c {
			return mat.NewDense(r, c, raw.Data[:r*c])
		}
	}
	return mat.NewDense(r, c, nil)
}
