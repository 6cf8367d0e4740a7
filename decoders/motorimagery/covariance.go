package motorimagery

import (
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/riemann"
)

// covModel is a model whose features are the covariance of a clip's window, with oracle shrinkage.
type covModel struct{ *model }

// covariance returns the aligned covariance of a clip's window. It belongs to sc.
func (m *covModel) covariance(in *decoders.Input, s span, sc *scratch) (*mat.SymDense, error) {
	w, err := m.window(in, s, nil, sc)
	if err != nil {
		return nil, err
	}
	in.Step("filter")
	if sc.cov == nil {
		n := len(m.channels)
		sc.cov, sc.moved = mat.NewSymDense(n, nil), mat.NewSymDense(n, nil)
		sc.estimate = riemann.NewCovariance(riemann.KindOAS)
	}
	if _, err := sc.estimate.Estimate(sc.cov, w); err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "%v", err)
	}
	if err := usable(sc.cov, m.cfg.Normalize); err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "%v", err)
	}
	move := m.move(0)
	if move == nil {
		return sc.cov, nil
	}
	riemann.Congruence(sc.moved, move, sc.cov)
	return sc.moved, nil
}

func (m *covModel) covariances(in *decoders.Input) ([]*mat.SymDense, error) {
	return m.locationOf(in, riemann.KindOAS)
}

// degenerate is the error for a clip whose covariance cannot be compared with the model's.
func degenerate(err error) error {
	return decoders.Errorf(decoders.CodeInvalidSignal, nil, "the covariance of the channels is degenerate: %v", err)
}

func covariancesOf(examples []example, index []int) []*mat.SymDense {
	out := make([]*mat.SymDense, len(index))
	for k, i := range index {
		out[k] = examples[i].cov
	}
	return out
}

// classCovariances returns the mean covariance of each class; labels are those of the examples in train.
func classCovariances(examples []example, train, labels []int, classes int) ([]*mat.SymDense, error) {
	n := examples[0].cov.SymmetricDim()
	covs, counts := make([]*mat.SymDense, classes), make([]float64, classes)
	for k := range covs {
		covs[k] = mat.NewSymDense(n, nil)
	}
	for r, i := range train {
		covs[labels[r]].AddSym(covs[labels[r]], examples[i].cov)
		counts[labels[r]]++
	}
	for k, c := range covs {
		if counts[k] == 0 {
			return nil, decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": len(train), "class": k}, "class %d has no trial to train on", k)
		}
		c.ScaleSym(1/counts[k], c)
	}
	return covs, nil
}

func labelsOf(examples []example, index []int) []int {
	out := make([]int, len(index))
	for k, i := range index {
		out[k] = examples[i].label
	}
	return out
}
