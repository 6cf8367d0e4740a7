package experiments

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// The window of trials, as of the people of the built-in models.
const (
	lead    = 0.5 // s before the cue that is filtered along
	seconds = 4.0
	low     = 8.0
	high    = 30.0
)

// montages are the caps that are measured.
var montages = []struct {
	name     string
	channels []string
}{
	{"8 channels", []string{"FC3", "FC4", "C3", "Cz", "C4", "CP3", "CP4", "Pz"}},
	{"21 channels", []string{"FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "CP5", "CP3", "CP1", "CPz", "CP2", "CP4", "CP6"}},
}

// imagery reads left and right hand imagery of everybody, all electrodes.
func imagery(ctx context.Context, cfg Config) (*decoders.Dataset, error) {
	var sets []*decoders.Dataset
	task := datasets.LeftRightImagery
	for _, file := range datasets.Glob(cfg.Data, "motor_imagery/eegmmidb/*.zip") {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		runs, _ := datasets.Open(file, func(base string) bool { return task.Has(datasets.Stem(base)) })
		if ds, _ := task.Dataset(datasets.Stem(file), runs, nil, lead, seconds); ds != nil {
			sets = append(sets, ds)
		}
	}
	pooled, _ := datasets.Pool(sets)
	if len(sets) < 4 {
		return nil, fmt.Errorf("%d people below %s; an experiment over people needs four", len(sets), cfg.Data)
	}
	return pooled, nil
}

// person is somebody's trials, re-centred, in the tangent space.
type person struct {
	name     string
	labels   []int
	vectors  *mat.Dense // trials × dimensions
	mirrored *mat.Dense // the same with left and right exchanged
}

// tangents are the trials of everybody on some electrodes: OAS covariances, each person moved to the identity by the geometric mean of all of theirs.
func tangents(ds *decoders.Dataset, channels []string) ([]person, error) {
	ds, err := datasets.Pick(ds, channels)
	if err != nil {
		return nil, err
	}
	sos, err := dsp.ButterBandPass(4, low, high, ds.Rate)
	if err != nil {
		return nil, err
	}
	filter := dsp.NewZeroPhase(sos)
	opposite, err := mirror(channels)
	if err != nil {
		return nil, err
	}
	identity := mat.NewSymDense(len(channels), nil)
	for i := range channels {
		identity.SetSym(i, i, 1)
	}
	space, err := riemann.NewTangentSpace(identity)
	if err != nil {
		return nil, err
	}
	subjects := datasets.Subjects(ds)
	from, to := int(lead*ds.Rate), int((lead+seconds)*ds.Rate)
	var out []person
	for _, name := range slices.Compact(slices.Clone(subjects)) {
		p := person{name: name}
		var trials []*mat.Dense
		for i, tr := range ds.Trials {
			if subjects[i] != name {
				continue
			}
			x := mat.DenseCopyOf(tr.Data)
			filter.Rows(x, x)
			rows, n := x.Dims()
			trials = append(trials, mat.DenseCopyOf(x.Slice(0, rows, from, min(to, n))))
			p.labels = append(p.labels, tr.Label)
		}
		covs, err := riemann.Covariances(trials, riemann.KindOAS)
		if err != nil {
			return nil, err
		}
		mean, err := riemann.Mean(covs, nil)
		if err != nil {
			return nil, err
		}
		if covs, err = riemann.Recenter(covs, mean); err != nil {
			return nil, err
		}
		if p.vectors, err = space.ProjectAll(covs); err != nil {
			return nil, err
		}
		for k, c := range covs {
			covs[k] = permuted(c, opposite)
		}
		if p.mirrored, err = space.ProjectAll(covs); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// mirror returns the place of the electrode on the other side of each.
func mirror(channels []string) ([]int, error) {
	out := make([]int, len(channels))
	for i, c := range channels {
		other := c
		if n, err := strconv.Atoi(c[len(c)-1:]); err == nil {
			n += 2*(n%2) - 1
			other = c[:len(c)-1] + strconv.Itoa(n)
		}
		if out[i] = slices.Index(channels, other); out[i] < 0 {
			return nil, fmt.Errorf("no %s opposite of %s", other, c)
		}
	}
	return out, nil
}

func permuted(c *mat.SymDense, order []int) *mat.SymDense {
	out := mat.NewSymDense(len(order), nil)
	for i, a := range order {
		for j, b := range order {
			if j >= i {
				out.SetSym(i, j, c.At(a, b))
			}
		}
	}
	return out
}

// source is what is known of the people that a model was trained on.
type source struct {
	linear classify.Linear
	cov    *mat.SymDense // of the tangent vectors of people, who each have the mean 0
	spread float64       // mean squared length of the vectors
}

// fit trains on people, each trial as it is and mirrored, as the aligned models of left and right hand are.
func fit(people []person) (*source, error) {
	n := 0
	for _, p := range people {
		n += 2 * len(p.labels)
	}
	_, dims := people[0].vectors.Dims()
	x := mat.NewDense(n, dims, nil)
	labels := make([]int, 0, n)
	for _, p := range people {
		for i, l := range p.labels {
			x.SetRow(len(labels), p.vectors.RawRowView(i))
			labels = append(labels, l)
			x.SetRow(len(labels), p.mirrored.RawRowView(i))
			labels = append(labels, 1-l)
		}
	}
	lr, err := classify.FitLogistic(x, labels, 2, classify.LogisticConfig{C: motorimagery.CrossSubject().C, Tol: 1e-6})
	if err != nil {
		return nil, err
	}
	s := &source{linear: lr.Linear}
	s.cov, s.spread = scatterOf(x)
	return s, nil
}

// scatterOf is the mean of x·xᵀ over the rows, and of |x|².
func scatterOf(x *mat.Dense) (*mat.SymDense, float64) {
	n, dims := x.Dims()
	c := mat.NewSymDense(dims, nil)
	c.SymOuterK(1/float64(n), x.T())
	return c, mat.Trace(c)
}

// scores are the log odds of the second class.
func (s *source) scores(x *mat.Dense) []float64 {
	n, _ := x.Dims()
	out := make([]float64, n)
	for i := range out {
		out[i] = s.linear.Decision(x.RawRowView(i))
	}
	return out
}

// accuracy is the share of scores on the right side of 0.
func accuracy(scores []float64, labels []int) float64 {
	right := 0.0
	for i, s := range scores {
		if (s > 0) == (labels[i] == 1) {
			right++
		}
	}
	return right / float64(len(labels))
}
