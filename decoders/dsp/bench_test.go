package dsp_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders/dsp"
)

func noise(channels, samples int, seed uint64) *mat.Dense {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := mat.NewDense(channels, samples, nil)
	for i := range channels {
		row := x.RawRowView(i)
		for j := range row {
			row[j] = 10 * rng.NormFloat64()
		}
	}
	return x
}

func BenchmarkZeroPhase(b *testing.B) {
	for _, channels := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("order4/%dx1000", channels), func(b *testing.B) {
			sos, err := dsp.ButterBandPass(4, 8, 30, 250)
			if err != nil {
				b.Fatal(err)
			}
			x := noise(channels, 1000, 1)
			dst := mat.NewDense(channels, 1000, nil)
			f := dsp.NewZeroPhase(sos)
			b.ReportAllocs()
			for b.Loop() {
				f.Rows(dst, x)
			}
		})
	}
}

func BenchmarkFIR(b *testing.B) {
	h, err := dsp.FIRBandPass(7, 30, 160)
	if err != nil {
		b.Fatal(err)
	}
	x := noise(1, 20000, 1).RawRowView(0)
	f := dsp.NewFIRFilter(h)
	dst := make([]float64, len(x))
	b.ReportAllocs()
	for b.Loop() {
		f.Filter(dst, x)
	}
}

func BenchmarkWelch(b *testing.B) {
	w, err := dsp.NewWelch(256, 128, 256)
	if err != nil {
		b.Fatal(err)
	}
	x := noise(1, 512, 1).RawRowView(0)
	dst := make([]float64, w.Bins())
	b.ReportAllocs()
	for b.Loop() {
		w.PSD(dst, x)
	}
}

func BenchmarkResample(b *testing.B) {
	r, err := dsp.NewResampler(250, 160)
	if err != nil {
		b.Fatal(err)
	}
	x := noise(1, 1000, 1).RawRowView(0)
	dst := make([]float64, r.Len(len(x)))
	b.ReportAllocs()
	for b.Loop() {
		r.Resample(dst, x)
	}
}

func BenchmarkDesign(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dsp.ButterBandPass(4, 8, 30, 250); err != nil {
			b.Fatal(err)
		}
	}
}
