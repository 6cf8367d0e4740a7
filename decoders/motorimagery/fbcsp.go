package motorimagery

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/internal/stored"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
)

// FBCSPName is the stable name of the pipeline of a filter bank with common spatial patterns.
const FBCSPName = "fbcsp"

// FBCSP returns the pipeline of a filter bank, common spatial patterns in each band, selection of features by their
// mutual information with the class, and shrinkage LDA. Its options are a [Config]; see [DefaultFBCSP].
func FBCSP() decoders.Preparer { return fbCSP{} }

type fbCSP struct{}

var _ decoders.Preparer = fbCSP{}

func (fbCSP) Name() string           { return FBCSPName }
func (fbCSP) Paradigm() eeg.Paradigm { return eeg.MotorImagery }

// fbcspDecoder is a trained fbcsp decoder.
type fbcspDecoder struct {
	*model
	linear  *classify.Linear
	fronts  []*frontend // one a band
	filters *mat.Dense  // features × aligned channels
	bands   []int       // band of each feature, ascending
	project []*mat.Dense
}

var _ decoders.Trained = (*fbcspDecoder)(nil)

// bank returns the edges of the bands in Hz; the last one may be narrower, by half at most.
func (c Config) bank() [][2]float64 {
	n := max(1, int(math.Round((c.High-c.Low)/c.BandWidth)))
	out := make([][2]float64, n)
	for b := range out {
		out[b] = [2]float64{c.Low + float64(b)*c.BandWidth, c.Low + float64(b+1)*c.BandWidth}
	}
	out[n-1][1] = c.High
	return out
}

func bankSize(c Config) int { return len(c.bank()) }

// bankFronts returns a front end for each band of a model.
func bankFronts(m *model) ([]*frontend, error) {
	bank := m.cfg.bank()
	fronts := make([]*frontend, len(bank))
	for b, edges := range bank {
		cfg := m.cfg
		cfg.Low, cfg.High = edges[0], edges[1]
		var err error
		if fronts[b], err = newFrontend(cfg, m.labels, m.rate); err != nil {
			return nil, err
		}
	}
	return fronts, nil
}

// bankFit is what one training of the bank gives.
type bankFit struct {
	linear  *classify.Linear
	filters *mat.Dense
	bands   []int
}

func (p fbCSP) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	return train(ctx, p, ds, config)
}

func (fbCSP) Prepare(ds *decoders.Dataset, config json.RawMessage, memo *decoders.Memo) (decoders.Prepared, error) {
	return prepare(FBCSPName, ds, config, memo, plain, trainFBCSP)
}

func trainFBCSP(ctx context.Context, l *lesson) (decoders.Trained, error) {
	m, examples, classes := l.model, l.bands, len(l.classes)
	fronts, err := bankFronts(m)
	if err != nil {
		return nil, err
	}
	fit, err := fitBank(m.cfg, examples, all(len(examples[0])), classes)
	if err != nil {
		return nil, err
	}
	m.temperature, err = calibrate(ctx, m.cfg, examples[0], classes, func(train []int) (func(int) []float64, error) {
		fit, err := fitBank(m.cfg, examples, train, classes)
		if err != nil {
			return nil, err
		}
		return func(i int) []float64 { return fit.linear.Scores(nil, fit.features(m.cfg, examples, i)) }, nil
	})
	if err != nil {
		return nil, err
	}
	return newFBCSPDecoder(m, fronts, fit), nil
}

// fitBank finds the filters of every band, selects features and fits the discriminant. More than two classes are asked
// one against the rest each, and the discriminant weighs what all the questions selected.
func fitBank(cfg Config, examples [][]example, train []int, classes int) (*bankFit, error) {
	labels := labelsOf(examples[0], train)
	questions := 1
	if classes > 2 {
		questions = classes
	}
	var chosen []candidate
	for q := range questions {
		binary := labels
		if classes > 2 {
			binary = make([]int, len(labels))
			for r, l := range labels {
				if l == q {
					binary[r] = 1
				}
			}
		}
		some, err := selectFeatures(cfg, examples, train, binary)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, some...)
	}
	slices.SortStableFunc(chosen, func(a, b candidate) int { return cmp.Compare(a.band, b.band) })
	fit := &bankFit{}
	var rows []float64
	for _, c := range chosen {
		rows = append(rows, c.filter...)
		fit.bands = append(fit.bands, c.band)
	}
	if cfg.Normalize && len(fit.bands) < 2 {
		return nil, incompatible("normalize compares features, and there is one: select more")
	}
	fit.filters = mat.NewDense(len(fit.bands), len(rows)/len(fit.bands), rows)
	x := mat.NewDense(len(train), len(fit.bands), nil)
	for r, i := range train {
		x.SetRow(r, fit.features(cfg, examples, i))
	}
	lda, err := classify.FitLDA(x, labels, classes, classify.LDAConfig{Shrinkage: cfg.Shrinkage})
	if err != nil {
		return nil, unusable(err)
	}
	fit.linear = &lda.Linear
	return fit, nil
}

// features are the log powers of example i.
func (f *bankFit) features(cfg Config, examples [][]example, i int) []float64 {
	x := make([]float64, len(f.bands))
	for k, b := range f.bands {
		w := mat.NewVecDense(f.filters.RawMatrix().Cols, f.filters.RawRowView(k))
		x[k] = math.Log(mat.Inner(w, examples[b][i].cov, w))
	}
	if cfg.Normalize {
		relative(x)
	}
	return x
}

// candidate is one filter of one band.
type candidate struct {
	band   int
	filter []float64
}

// selectFeatures returns the filters whose log power tells most of a binary label, each with its pair.
func selectFeatures(cfg Config, examples [][]example, train, binary []int) ([]candidate, error) {
	var list []candidate
	var info []float64
	var pair []int // index of the filter at the other end of the band's eigenvalues, or its own
	x := make([]float64, len(train))
	for b := range examples {
		filters, err := pairedCSP(examples[b], train, binary, cfg.Components)
		if err != nil {
			return nil, err
		}
		k, n := filters.Dims()
		first := len(list)
		for f := range k {
			w := mat.NewVecDense(n, filters.RawRowView(f))
			for r, i := range train {
				x[r] = math.Log(mat.Inner(w, examples[b][i].cov, w))
			}
			list, info = append(list, candidate{b, filters.RawRowView(f)}), append(info, MutualInformation(x, binary, 2))
			other := f ^ 1
			if other >= k {
				other = f
			}
			pair = append(pair, first+other)
		}
	}
	keep := make([]bool, len(list))
	for _, i := range ranked(len(list), func(i int) float64 { return info[i] })[:min(cfg.Select, len(list))] {
		keep[i], keep[pair[i]] = true, true
	}
	var out []candidate
	for i, c := range list {
		if keep[i] {
			out = append(out, c)
		}
	}
	return out, nil
}

// pairedCSP returns the filters of one band for a binary label. They come from the two ends of the eigenvalues in turn,
// the largest first, so that 2i and 2i+1 are a pair.
func pairedCSP(examples []example, train, binary []int, components int) (*mat.Dense, error) {
	covs, err := classCovariances(examples, train, binary, 2)
	if err != nil {
		return nil, err
	}
	n := covs[0].SymmetricDim()
	csp, err := FitCSP(covs, nil, n) // all of them: the ends are found below
	if err != nil {
		return nil, unusable(err)
	}
	rank, _ := csp.Filters.Dims()
	order := ranked(rank, func(i int) float64 { return csp.Eigenvalues[i] })
	out := mat.NewDense(min(components, rank), n, nil)
	for i := range min(components, rank) {
		at := order[i/2]
		if i%2 == 1 {
			at = order[rank-1-i/2]
		}
		out.SetRow(i, csp.Filters.RawRowView(at))
	}
	return out, nil
}

// MutualInformation estimates what a feature says about the class, in bit: H(class) - H(class|feature), with the density
// of the feature in each class from Gaussian windows of width σ·(4/(3n))^(1/5) around its n values, which have standard
// deviation σ (Ang et al. 2012, section 2.3). Every class from 0 to classes-1 has at least one value.
func MutualInformation(x []float64, labels []int, classes int) float64 {
	groups := make([][]float64, classes)
	for i, l := range labels {
		groups[l] = append(groups[l], x[i])
	}
	width := make([]float64, classes)
	prior := make([]float64, classes)
	entropy := 0.0
	for k, g := range groups {
		n := float64(len(g))
		prior[k] = n / float64(len(x))
		entropy -= prior[k] * math.Log2(prior[k])
		width[k] = 1e-12 * (1 + math.Abs(g[0])) // equal values have no spread
		if len(g) > 1 {
			width[k] = max(width[k], stat.StdDev(g, nil)*math.Pow(4/(3*n), 0.2))
		}
	}
	conditional := 0.0
	log := make([]float64, classes)
	var terms []float64
	for _, v := range x {
		for k, g := range groups {
			terms = terms[:0]
			for _, u := range g {
				z := (v - u) / width[k]
				terms = append(terms, -z*z/2)
			}
			log[k] = math.Log(prior[k]/float64(len(g))) - math.Log(width[k]) + classify.LogSumExp(terms)
		}
		total := classify.LogSumExp(log)
		for _, l := range log {
			if p := math.Exp(l - total); p > 0 {
				conditional -= p * (l - total) / math.Ln2 / float64(len(x))
			}
		}
	}
	return entropy - conditional
}

func newFBCSPDecoder(m *model, fronts []*frontend, fit *bankFit) *fbcspDecoder {
	d := &fbcspDecoder{model: m, linear: fit.linear, fronts: fronts, filters: fit.filters, bands: fit.bands, project: make([]*mat.Dense, len(fronts))}
	_, n := fit.filters.Dims()
	for from := 0; from < len(d.bands); {
		b, to := d.bands[from], from+1
		for to < len(d.bands) && d.bands[to] == b {
			to++
		}
		d.project[b] = after(mat.DenseCopyOf(fit.filters.Slice(from, to, 0, n)), m.move(b))
		from = to
	}
	return d
}

func (d *fbcspDecoder) Decode(ctx context.Context, in *decoders.Input) (*decoders.Result, error) {
	return d.decode(ctx, in, func(in *decoders.Input, s span, sc *scratch) ([]float64, error) {
		sc.features = grow(sc.features, len(d.bands))
		at := 0
		for b, filters := range d.project {
			if filters == nil {
				continue
			}
			k, _ := filters.Dims()
			if err := d.fronts[b].powers(sc.features[at:at+k], in, s, filters); err != nil {
				return nil, err
			}
			at += k
		}
		in.Step("filter")
		if d.cfg.Normalize {
			relative(sc.features)
		}
		in.Step("features")
		return d.linear.Scores(nil, sc.features), nil
	})
}

// powers writes the log power of each filtered component of a window to dst.
func (f *frontend) powers(dst []float64, in *decoders.Input, s span, filters *mat.Dense) error {
	sc := f.pool.Get().(*scratch)
	defer f.pool.Put(sc)
	w, err := f.window(in, s, filters, sc)
	if err != nil {
		return err
	}
	return logPowers(dst, w)
}

func (d *fbcspDecoder) State() decoders.State {
	st := linearState(d.state(), d.linear)
	bands := make([]float64, len(d.bands))
	for i, b := range d.bands {
		bands[i] = float64(b)
	}
	st.Arrays["filters"], st.Arrays["bands"] = stored.Matrix(d.filters), stored.Vector(bands...)
	return st
}

func (fbCSP) Restore(name, version string, st decoders.State) (decoders.Trained, error) {
	m, err := restoreModel(FBCSPName, name, version, st, bankSize)
	if err != nil {
		return nil, err
	}
	fronts, err := bankFronts(m)
	if err != nil {
		return nil, err
	}
	filters, err := restoreFilters(st)
	if err != nil {
		return nil, err
	}
	features, _ := filters.Dims()
	linear, err := restoreLinear(st, features)
	if err != nil {
		return nil, err
	}
	stated, err := stored.Array(st, "bands", features)
	if err != nil {
		return nil, err
	}
	bands := make([]int, features)
	for i, v := range stated {
		if !(v >= 0 && v < float64(len(fronts))) || v != math.Trunc(v) || i > 0 && v < stated[i-1] {
			return nil, incompatible("array \"bands\" holds %v at %d, want ascending numbers below %d", v, i, len(fronts))
		}
		bands[i] = int(v)
	}
	return newFBCSPDecoder(m, fronts, &bankFit{linear, filters, bands}), nil
}

func (d *fbcspDecoder) covariances(in *decoders.Input) ([]*mat.SymDense, error) {
	out := make([]*mat.SymDense, len(d.fronts))
	for b, f := range d.fronts {
		var err error
		if out[b], err = f.location(in, riemann.KindSCM); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *fbcspDecoder) recentred(centers []*mat.SymDense) (decoders.Trained, error) {
	m, err := d.at(centers)
	if err != nil {
		return nil, err
	}
	return newFBCSPDecoder(m, d.fronts, &bankFit{d.linear, d.filters, d.bands}), nil
}
