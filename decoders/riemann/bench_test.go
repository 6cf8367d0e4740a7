package riemann_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/riemann"
)

// mixed returns trials of noise mixed by one random matrix, as volume conduction mixes sources.
func mixed(trials, channels, samples int, seed uint64) []*mat.Dense {
	rng := rand.New(rand.NewPCG(seed, 2))
	mixing := mat.NewDense(channels, channels, nil)
	for i := range channels {
		for j := range channels {
			mixing.Set(i, j, rng.NormFloat64())
		}
		mixing.Set(i, i, mixing.At(i, i)+3)
	}
	out := make([]*mat.Dense, trials)
	for k := range out {
		s := mat.NewDense(channels, samples, nil)
		for i := range channels {
			power := 5 + 5*rng.Float64()
			for j := range samples {
				s.Set(i, j, power*rng.NormFloat64())
			}
		}
		out[k] = new(mat.Dense)
		out[k].Mul(mixing, s)
	}
	return out
}

func BenchmarkCovarianceAndTangent(b *testing.B) {
	for _, channels := range []int{8, 22, 64} {
		b.Run(fmt.Sprintf("%dx500", channels), func(b *testing.B) {
			trials := mixed(10, channels, 500, 1)
			covs, err := riemann.Covariances(trials, riemann.KindOAS)
			if err != nil {
				b.Fatal(err)
			}
			ts, err := riemann.FitTangentSpace(covs)
			if err != nil {
				b.Fatal(err)
			}
			e := riemann.NewCovariance(riemann.KindOAS)
			c := mat.NewSymDense(channels, nil)
			v := make([]float64, ts.Dim())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Estimate(c, trials[0]); err != nil {
					b.Fatal(err)
				}
				if _, err := ts.Project(v, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCovariance(b *testing.B) {
	for _, kind := range []riemann.Kind{riemann.KindOAS, riemann.KindLedoitWolf} {
		b.Run(fmt.Sprintf("kind%d/22x500", kind), func(b *testing.B) {
			x := mixed(1, 22, 500, 1)[0]
			e := riemann.NewCovariance(kind)
			c := mat.NewSymDense(22, nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Estimate(c, x); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMean(b *testing.B) {
	covs, err := riemann.Covariances(mixed(45, 22, 500, 1), riemann.KindOAS)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := riemann.Mean(covs, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMDM(b *testing.B) {
	covs, err := riemann.Covariances(mixed(10, 22, 500, 1), riemann.KindOAS)
	if err != nil {
		b.Fatal(err)
	}
	labels := make([]int, len(covs))
	for i := range labels {
		labels[i] = i % 2
	}
	m, err := riemann.FitMDM(covs, labels, 2)
	if err != nil {
		b.Fatal(err)
	}
	p := make([]float64, 2)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Probabilities(p, covs[0]); err != nil {
			b.Fatal(err)
		}
	}
}
