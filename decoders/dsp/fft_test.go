package dsp_test

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/neurod/neurod/decoders/dsp"
)

// TestRealFFT holds the transform to gonum's for every length up to 300 and those of two seconds at usual rates, and to the
// definition for a few.
func TestRealFFT(t *testing.T) {
	t.Parallel()
	const seed = 14
	rng := rand.New(rand.NewPCG(seed, 1))
	lengths := []int{320, 347, 400, 480, 500, 512, 600, 640, 960, 1000, 1024, 2000, 4096, 4500}
	for n := 1; n <= 300; n++ {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		f := dsp.NewRealFFT(n)
		if f.Len() != n {
			t.Fatalf("length %d of %d", f.Len(), n)
		}
		f.Coefficients(nil, make([]float64, n)) // a second call does not see the first
		got, want := f.Coefficients(nil, x), fourier.NewFFT(n).Coefficients(nil, x)
		for k := range want {
			if n < 20 {
				want[k] = 0
				for j, v := range x {
					want[k] += complex(v, 0) * cmplx.Rect(1, -2*math.Pi*float64(j*k)/float64(n))
				}
			}
			if cmplx.Abs(got[k]-want[k]) > 1e-14*float64(n)+1e-13 {
				t.Fatalf("seed %d: n = %d, k = %d: %v, want %v", seed, n, k, got[k], want[k])
			}
		}
	}
}

func BenchmarkRealFFT(b *testing.B) {
	for _, n := range []int{500, 512} {
		x := make([]float64, n)
		for i := range x {
			x[i] = math.Sin(float64(i * i))
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f, dst := dsp.NewRealFFT(n), make([]complex128, n/2+1)
			b.ReportAllocs()
			for b.Loop() {
				f.Coefficients(dst, x)
			}
		})
		b.Run(fmt.Sprint(n, " gonum"), func(b *testing.B) {
			f, dst := fourier.NewFFT(n), make([]complex128, n/2+1)
			for b.Loop() {
				f.Coefficients(dst, x)
			}
		})
	}
}
