package experiments

import (
	"context"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/riemann"
)

// adaptation turns what a model says of a stranger's re-centred clips, all of them without labels, into what it shall say.
type adaptation func(s *source, x *mat.Dense) ([]float64, error)

// way is a family of adaptations with what may be chosen of it.
type way struct {
	name    string
	choices []adaptation
}

// ways are what was tried. A temperature for each class is not among them: of two classes it divides both scores, and their order stays.
func ways() []way {
	list := []way{
		{"threshold at the median", []adaptation{median}},
		{"EM of the priors (Saerens 2002)", []adaptation{priors}},
		{"two normal scores, threshold between", []adaptation{mixture}},
	}
	stretch, match, turn, self := way{name: "re-centred and stretched (RPA)"}, way{name: "covariances of tangent vectors matched (CORAL)"},
		way{name: "re-centred and rotated by principal axes (RPA, no labels)"}, way{name: "self-training of the last layer, balanced"}
	for _, power := range []float64{0.5, 1} {
		stretch.choices = append(stretch.choices, stretched(power))
	}
	for _, shrink := range []float64{0.1, 0.3, 0.6, 0.9} {
		match.choices = append(match.choices, matched(shrink))
	}
	for _, axes := range []int{3, 5, 10} {
		turn.choices = append(turn.choices, rotated(axes))
	}
	for _, share := range []float64{0.3, 0.6, 1} {
		for _, c := range []float64{0.01, 0.1, 1} {
			self.choices = append(self.choices, selfTrained(share, c))
		}
	}
	list = append(list, stretch, match, turn, self)
	any := way{name: "whichever of all these, or none", choices: []adaptation{asItIs}}
	for _, w := range list {
		any.choices = append(any.choices, w.choices...)
	}
	return append(list, any)
}

func asItIs(s *source, x *mat.Dense) ([]float64, error) { return s.scores(x), nil }

func median(s *source, x *mat.Dense) ([]float64, error) {
	scores := s.scores(x)
	return moved(scores, middle(scores)), nil
}

func middle(scores []float64) float64 {
	sorted := slices.Sorted(slices.Values(scores))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

func moved(scores []float64, by float64) []float64 {
	out := slices.Clone(scores)
	for i := range out {
		out[i] -= by
	}
	return out
}

// priors finds how frequent the classes are (Saerens, Latinne and Decaestecker, Neural Comput. 14 (2002) 21-41) and takes that into the odds.
func priors(s *source, x *mat.Dense) ([]float64, error) {
	scores := s.scores(x)
	share := 0.5
	for range 100 {
		sum := 0.0
		for _, v := range scores {
			sum += 1 / (1 + math.Exp(-(v + math.Log(share/(1-share)))))
		}
		share = min(max(sum/float64(len(scores)), 0.01), 0.99)
	}
	return moved(scores, -math.Log(share/(1-share))), nil
}

// mixture takes the scores for two normal distributions of one variance, as frequent, and puts the threshold between their means.
func mixture(s *source, x *mat.Dense) ([]float64, error) {
	scores := s.scores(x)
	sorted := slices.Sorted(slices.Values(scores))
	a, b := sorted[len(sorted)/4], sorted[3*len(sorted)/4]
	variance := (b - a) * (b - a)
	for range 100 {
		var sa, sb, na, nb, square float64
		for _, v := range scores {
			p := 1 / (1 + math.Exp(((v-b)*(v-b)-(v-a)*(v-a))/(2*variance+1e-9)))
			sa, na, sb, nb = sa+(1-p)*v, na+1-p, sb+p*v, nb+p
			square += (1-p)*(v-a)*(v-a) + p*(v-b)*(v-b)
		}
		a, b, variance = sa/(na+1e-9), sb/(nb+1e-9), square/float64(len(scores))
	}
	return moved(scores, (a+b)/2), nil
}

// stretched brings the vectors to the length of those of training (Rodrigues, Jutten and Congedo, IEEE Trans. Biomed. Eng. 66 (2019) 2390-2401).
func stretched(power float64) adaptation {
	return func(s *source, x *mat.Dense) ([]float64, error) {
		_, spread := scatterOf(x)
		var y mat.Dense
		y.Scale(math.Pow(math.Sqrt(s.spread/spread), power), x)
		return s.scores(&y), nil
	}
}

// matched gives the vectors the covariance of those of training (Sun, Feng and Saenko, AAAI 2016), both shrunk.
func matched(shrink float64) adaptation {
	return func(s *source, x *mat.Dense) ([]float64, error) {
		own, _ := scatterOf(x)
		dims := own.SymmetricDim()
		white, colour := mat.NewSymDense(dims, nil), mat.NewSymDense(dims, nil)
		if err := riemann.InvSqrtm(white, shrunk(own, shrink)); err != nil {
			return nil, err
		}
		if err := riemann.Sqrtm(colour, shrunk(s.cov, shrink)); err != nil {
			return nil, err
		}
		var y mat.Dense
		y.Product(x, white, colour)
		return s.scores(&y), nil
	}
}

func shrunk(c *mat.SymDense, amount float64) *mat.SymDense {
	n := c.SymmetricDim()
	out := mat.NewSymDense(n, nil)
	out.ScaleSym(1-amount, c)
	for i := range n {
		out.SetSym(i, i, out.At(i, i)+amount*mat.Trace(c)/float64(n))
	}
	return out
}

// rotated turns the first principal axes of the vectors onto those of training, in order, each to the side that is nearer.
func rotated(axes int) adaptation {
	return func(s *source, x *mat.Dense) ([]float64, error) {
		own, _ := scatterOf(x)
		var a, b mat.EigenSym
		if !a.Factorize(own, true) || !b.Factorize(s.cov, true) {
			return nil, fmt.Errorf("eigenvalues did not converge")
		}
		var va, vb mat.Dense
		a.VectorsTo(&va)
		b.VectorsTo(&vb)
		n, dims := x.Dims()
		y := mat.DenseCopyOf(x)
		for k := range min(axes, dims) {
			from, to := va.ColView(dims-1-k), vb.ColView(dims-1-k)
			sign := math.Copysign(1, mat.Dot(from, to))
			for i := range n {
				row := mat.NewVecDense(dims, y.RawRowView(i))
				along := mat.Dot(x.RowView(i), from)
				row.AddScaledVec(row, -along, from)
				row.AddScaledVec(row, sign*along, to)
			}
		}
		return s.scores(y), nil
	}
}

// selfTrained fits the last layer, pulled to that of training, to the clips that it is surest of, as many of each class.
func selfTrained(share, c float64) adaptation {
	const rounds = 5
	return func(s *source, x *mat.Dense) ([]float64, error) {
		n, dims := x.Dims()
		now := *s
		for range rounds {
			scores := now.scores(x)
			order := make([]int, n)
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(i, j int) int {
				if scores[i] < scores[j] {
					return -1
				}
				return 1
			})
			each := max(1, int(share*float64(n)/2))
			rows := mat.NewDense(2*each, dims, nil)
			labels := make([]int, 2*each)
			for k := range each {
				rows.SetRow(k, x.RawRowView(order[k]))
				rows.SetRow(each+k, x.RawRowView(order[n-1-k]))
				labels[each+k] = 1
			}
			lr, err := classify.FitLogistic(rows, labels, 2, classify.LogisticConfig{C: c, Prior: &s.linear, Tol: 1e-6})
			if err != nil {
				return nil, err
			}
			now.linear = lr.Linear
		}
		scores := now.scores(x)
		return moved(scores, middle(scores)), nil
	}
}

// The must of an adaptation: so much better than the aligned default in the mean, and for nobody worse by more.
const (
	mustGain  = 0.03
	mostWorse = 0.02
)

// threshold measures adaptations to strangers, each person left out in turn; what is to be chosen of one is chosen over the others, with models that know neither.
func threshold(ctx context.Context, cfg Config) error {
	ds, err := imagery(ctx, cfg)
	if err != nil {
		return err
	}
	for _, m := range montages {
		people, err := tangents(ds, m.channels)
		if err != nil {
			return err
		}
		fmt.Fprintf(cfg.Out, "\nA stranger's threshold: left and right hand, %d people, %s, all clips of a person at hand, without labels\n", len(people), m.name)
		fmt.Fprintf(cfg.Out, "%-58s %8s %8s %8s %s\n", "", "accuracy", "gain", "worst", "must")
		n := len(people)
		models := make([][]*source, n) // without both
		for p := range people {
			models[p] = make([]*source, n)
			for q := range p + 1 {
				if err := ctx.Err(); err != nil {
					return err
				}
				s, err := fit(without(people, p, q))
				if err != nil {
					return err
				}
				models[p][q], models[q][p] = s, s
			}
		}
		plain, best := make([]float64, n), 0.0
		for p, who := range people {
			scores := models[p][p].scores(who.vectors)
			plain[p] = accuracy(scores, who.labels)
			top := 0.0
			for _, v := range scores {
				top = max(top, accuracy(moved(scores, v+1e-12), who.labels))
			}
			best += top / float64(n)
		}
		fmt.Fprintf(cfg.Out, "%-58s %8.3f\n", "as it is (aligned)", mean(plain))
		for _, w := range ways() {
			gains := make([]float64, n)
			got := make([]float64, n)
			for p, who := range people {
				chosen := 0
				if len(w.choices) > 1 {
					if chosen, err = choose(w, people, models, p); err != nil {
						return err
					}
				}
				scores, err := w.choices[chosen](models[p][p], who.vectors)
				if err != nil {
					return err
				}
				got[p] = accuracy(scores, who.labels)
				gains[p] = got[p] - plain[p]
			}
			met := "missed"
			if mean(gains) >= mustGain && slices.Min(gains) >= -mostWorse {
				met = "MET"
			}
			fmt.Fprintf(cfg.Out, "%-58s %8.3f %+8.3f %+8.3f %s\n", w.name, mean(got), mean(gains), slices.Min(gains), met)
		}
		fmt.Fprintf(cfg.Out, "%-58s %8.3f %+8.3f\n", "the best threshold in hindsight", best, best-mean(plain))
	}
	return nil
}

// choose returns the choice that does best for everybody but one.
func choose(w way, people []person, models [][]*source, left int) (int, error) {
	best, at := -1.0, 0
	for c, adapt := range w.choices {
		sum := 0.0
		for q, who := range people {
			if q == left {
				continue
			}
			scores, err := adapt(models[left][q], who.vectors)
			if err != nil {
				return 0, err
			}
			sum += accuracy(scores, who.labels)
		}
		if sum > best+1e-9 {
			best, at = sum, c
		}
	}
	return at, nil
}

// without leaves two people out, who may be the same.
func without(people []person, a, b int) []person {
	var out []person
	for i, p := range people {
		if i != a && i != b {
			out = append(out, p)
		}
	}
	return out
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}
