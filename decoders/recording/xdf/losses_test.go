package xdf_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// TestLossesAtTheirTrueTime: whatever a stream lost, from a tenth of a second to minutes, and however its stamps jitter, alone or in chunks:
// every sample that is there has its true time within a sample, or half of what chunks are late by, and the rate is the nominal one.
func TestLossesAtTheirTrueTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "jitter"), 3))
		rate := rapid.SampledFrom([]float64{100, 125, 250, 256, 500, 512}).Draw(rt, "rate")
		truth := rate * (1 + rapid.Float64Range(-0.002, 0.002).Draw(rt, "crystal")) // within what counts as nominal
		chunk := rapid.SampledFrom([]int{1, 1, 4, 8, 32}).Draw(rt, "chunk")
		// Each sample by itself up to half its interval off, or chunks that arrive late as a whole.
		jitter := rapid.Float64Range(0, 0.5).Draw(rt, "share") / rate
		late := rapid.Float64Range(0, 0.02).Draw(rt, "late")
		rows := int(rate * rapid.Float64Range(8, 25).Draw(rt, "seconds"))
		lost := map[int]int{} // samples, before a chunk
		for range rapid.IntRange(0, 8).Draw(rt, "losses") {
			at := rapid.IntRange(int(rate), rows-int(rate)).Draw(rt, "at") / chunk
			near := false
			for k := range lost {
				near = near || math.Abs(float64(k-at))*float64(chunk) < rate
			}
			if near {
				continue
			}
			seconds := rapid.OneOf(rapid.Float64Range(0.1, 0.3), rapid.Float64Range(0.25, 1), rapid.Float64Range(0.5, 3), rapid.Float64Range(1, 100)).Draw(rt, "length")
			lost[at] = int(seconds * rate)
		}
		tolerance := 1.001
		if chunk > 1 { // a segment of few late chunks does not tell better where it lies
			tolerance += 0.5 * late * rate
		}
		stamps, sample := make([]float64, rows), make([]int, rows)
		at, delay := 0, 0.0
		for i := range stamps {
			if i%chunk == 0 {
				at += lost[i/chunk]
				if chunk > 1 {
					delay = late * rng.Float64()
				}
			}
			sample[i] = at
			stamps[i] = 1000 + float64(at)/truth + delay + jitter*(2*rng.Float64()-1)
			at++
		}
		f := newXDF()
		f.header(1, "amp", "EEG", "float32", 1, rate, "Cz")
		f.samples(1, stamps, func(i int) []byte { return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(i))) })
		rec, err := readXDF(f)
		if err != nil {
			rt.Fatal(err)
		}
		if r := rec.Channels[0].Rate; r != rate || len(rec.Channels[0].Samples) != rows {
			rt.Fatalf("%g Hz, %d samples of %d", r, len(rec.Channels[0].Samples), rows)
		}
		missing, g := 0.0, 0
		for i, want := range sample {
			for g < len(rec.Gaps) && rec.Gaps[g].At*rate < float64(i)+0.5 {
				missing += rec.Gaps[g].Length * truth
				g++
			}
			if got := float64(i) + missing; math.Abs(got-float64(want)) > tolerance {
				rt.Fatalf("sample %d is %.2f, true is %d; gaps %v", i, got, want, rec.Gaps)
			}
		}
	})
}
