package vector_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/floats"

	"github.com/neurod/neurod/decoders/internal/vector"
)

// TestSums holds Dot and Sum to exact arithmetic for every length up to 200, and to the same bits wherever the numbers lie.
func TestSums(t *testing.T) {
	t.Parallel()
	const seed = 12
	rng := rand.New(rand.NewPCG(seed, 1))
	for n := range 200 {
		x, y := make([]float64, n), make([]float64, n)
		exact, plain, size := new(big.Float).SetPrec(500), new(big.Float).SetPrec(500), 0.0
		for i := range x {
			x[i], y[i] = rng.NormFloat64(), rng.NormFloat64()
			a, b := new(big.Float).SetPrec(500).SetFloat64(x[i]), new(big.Float).SetPrec(500).SetFloat64(y[i])
			plain.Add(plain, a)
			exact.Add(exact, a.Mul(a, b))
			size += math.Abs(x[i]*y[i]) + math.Abs(x[i])
		}
		dot, sum := vector.Dot(x, y), vector.Sum(x)
		if want, _ := exact.Float64(); math.Abs(dot-want) > 1e-15*size*2 {
			t.Errorf("seed %d: n = %d: dot %v, want %v", seed, n, dot, want)
		}
		if want, _ := plain.Float64(); math.Abs(sum-want) > 1e-15*size*2 {
			t.Errorf("seed %d: n = %d: sum %v, want %v", seed, n, sum, want)
		}
		for shift := 1; shift < 4; shift++ {
			u, v := append(make([]float64, shift), x...), append(make([]float64, 2*shift), y...)
			if got := vector.Dot(u[shift:], v[2*shift:]); got != dot {
				t.Errorf("seed %d: n = %d: dot %v, shifted by %d %v", seed, n, dot, shift, got)
			}
		}
		// Numbers behind the end do not count.
		if got := vector.Dot(x, append(append([]float64(nil), y...), math.NaN(), math.NaN())); got != dot {
			t.Errorf("seed %d: n = %d: dot %v, with a longer y %v", seed, n, dot, got)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a y that is too short was taken")
		}
	}()
	vector.Dot(make([]float64, 32), make([]float64, 31, 32)[:31:31])
}

// TestExtremes holds Extremes to a plain search for every length up to 200, wherever the extremes lie, and finds a NaN and infinities at any place.
func TestExtremes(t *testing.T) {
	t.Parallel()
	const seed = 13
	rng := rand.New(rand.NewPCG(seed, 1))
	for n := 1; n < 200; n++ {
		x := make([]float64, n, n+1)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		check := func(what string) {
			t.Helper()
			lo, hi := vector.Extremes(x)
			if wantLo, wantHi := slices.Min(x), slices.Max(x); lo != wantLo && wantLo == wantLo || hi != wantHi && wantHi == wantHi || (lo != lo) != (wantLo != wantLo) || (hi != hi) != (wantHi != wantHi) {
				t.Errorf("seed %d: n = %d, %s: %v and %v, want %v and %v", seed, n, what, lo, hi, wantLo, wantHi)
			}
		}
		check("noise")
		for i := range x {
			for _, v := range []float64{-100, 100, math.NaN(), math.Inf(1), math.Inf(-1)} {
				was := x[i]
				x[i] = v
				check(fmt.Sprintf("%v at %d", v, i))
				x[i] = was
			}
		}
	}
}

func BenchmarkExtremes(b *testing.B) {
	x := make([]float64, 1000)
	for i := range x {
		x[i] = math.Sin(float64(i))
	}
	for b.Loop() {
		vector.Extremes(x)
	}
}

func BenchmarkDot(b *testing.B) {
	for _, n := range []int{8, 22, 482} {
		x, y := make([]float64, n), make([]float64, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				vector.Dot(x, y)
			}
		})
		b.Run(fmt.Sprint(n, " gonum"), func(b *testing.B) {
			for b.Loop() {
				floats.Dot(x, y)
			}
		})
	}
}

// TestParts holds what works on rows of numbers to plain loops for every length up to 200, wherever the numbers lie.
func TestParts(t *testing.T) {
	t.Parallel()
	const seed = 14
	rng := rand.New(rand.NewPCG(seed, 1))
	for n := range 200 {
		rows, w := make([][]float64, 7), make([]float64, 7)
		for k := range rows {
			w[k] = rng.NormFloat64()
			rows[k] = make([]float64, n+k)[k:]
			for i := range rows[k] {
				rows[k][i] = rng.NormFloat64()
			}
		}
		x, mean, slope, at := rows[1], 0.3, -0.7, -float64(n-1)/2
		sum, size := 0.0, 0.0
		level, mixed := make([]float64, n), slices.Clone(rows[0])
		for i, v := range x {
			sum += (at + float64(i)) * (v - mean)
			size += math.Abs((at + float64(i)) * (v - mean))
			level[i] = v - mean - slope*(at+float64(i))
			for k := range rows {
				mixed[i] += w[k] * rows[k][i]
			}
		}
		if got := vector.Slope(x, mean, at); math.Abs(got-sum) > 1e-14*size {
			t.Errorf("seed %d: n = %d: slope %v, want %v", seed, n, got, sum)
		}
		got := make([]float64, n+3)
		vector.Level(got[3:], x, mean, slope, at)
		if !slices.Equal(got[3:], level) {
			t.Errorf("seed %d: n = %d: level %v, want %v", seed, n, got[3:], level)
		}
		copy(got[3:], rows[0])
		vector.Mix(got[3:], w, rows...)
		if !slices.Equal(got[3:], mixed) {
			t.Errorf("seed %d: n = %d: mix %v, want %v", seed, n, got[3:], mixed)
		}
		for i := range x {
			x[i] = math.Round(2 * x[i])
		}
		want := 0
		for i := range x {
			if x[i] == 1 || x[i] == -2 {
				want++
			}
		}
		if found := vector.Count(x, 1, -2); found != want {
			t.Errorf("seed %d: n = %d: %d are 1 or -2, want %d", seed, n, found, want)
		}
	}
}

// TestSpread holds it to single numbers for lengths up to 40 and steps of 16 bytes and more, NaN among them.
func TestSpread(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(15, 1))
	for n := range 40 {
		for _, step := range []int{16, 20, 32, 37} {
			b := make([]byte, max(0, n-1)*step+16)
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			var rows [4][]float64
			for k := range rows {
				rows[k] = make([]float64, n+1)[:n]
			}
			vector.Spread(&rows, b, step, 0.25)
			for k, row := range rows {
				for i, got := range row {
					want := 0.25 * float64(math.Float32frombits(binary.LittleEndian.Uint32(b[i*step+4*k:])))
					if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
						t.Fatalf("%d samples, %d bytes apart: number %d of row %d is %v, want %v", n, step, i, k, got, want)
					}
				}
			}
		}
	}
}
