package seizure_test

import (
	"math"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/decoders/synthetic"
)

// TestThresholds: whatever the clip, verdict, class and probability agree at every threshold; a stricter one never alarms where a looser one
// does not; and one half is what there is without a threshold.
func TestThresholds(t *testing.T) {
	t.Parallel()
	list := []decoders.Decoder{seizure.New(), trained(t, ""), trained(t, `{"amplitude":false}`)}
	var mu sync.Mutex
	made := map[int]decoders.Signal{}
	clip := func(uv int) decoders.Signal { // of a seizure that is so large
		mu.Lock()
		defer mu.Unlock()
		sig, ok := made[uv]
		if !ok {
			sig = session(t)(synthetic.Seizure(synthetic.Config{Seed: uint64(uv), Channels: []string{"Cz", "Pz", "O1"}},
				synthetic.SeizureConfig{Seconds: 20, Onset: 3, Duration: 14, AmplitudeUV: float64(uv)})).Signal
			made[uv] = sig
		}
		return sig
	}
	ask := func(t *rapid.T, d decoders.Decoder, sig decoders.Signal, threshold float64) *decoders.Result {
		r, err := d.Decode(t.Context(), &decoders.Input{Signal: sig, Threshold: threshold})
		if err != nil {
			t.Fatal(err)
		}
		p := r.Classes[slices.IndexFunc(r.Classes, func(c decoders.Class) bool { return c.Name == seizure.IctalLike })].Probability
		if r.Seizure == nil {
			if p != 0.5 {
				t.Fatalf("without a verdict ictal_like has %v", p)
			}
			return r
		}
		if *r.Seizure != (p >= 0.5) || *r.Seizure != (r.Classes[0].Name == seizure.IctalLike) || *r.Seizure != slices.Contains(r.Flags, seizure.FlagPossible) {
			t.Fatalf("at %v: verdict %v, %+v, flags %v", threshold, *r.Seizure, r.Classes, r.Flags)
		}
		score := r.Evidence["score"].(float64)
		if math.Abs(score-threshold) > 1e-12 && threshold > 0 && *r.Seizure != (score >= threshold) {
			t.Fatalf("a score of %v at %v is called %v", score, threshold, *r.Seizure)
		}
		return r
	}
	alarms := 0
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(list).Draw(t, "decoder")
		sig := clip(10 * rapid.IntRange(1, 30).Draw(t, "tens of µV"))
		loose := rapid.Float64Range(0.01, 0.99).Draw(t, "loose")
		strict := rapid.Float64Range(loose, 0.99).Draw(t, "strict")
		a, b := ask(t, d, sig, loose), ask(t, d, sig, strict)
		if (a.Seizure == nil) != (b.Seizure == nil) {
			t.Fatalf("a verdict at one of %v and %v", loose, strict)
		}
		if a.Seizure != nil {
			if *b.Seizure && !*a.Seizure {
				t.Fatalf("%v alarms and %v does not", strict, loose)
			}
			if *a.Seizure {
				alarms++
			}
		}
		plain, half := ask(t, d, sig, 0), ask(t, d, sig, 0.5)
		if plain.Seizure != nil && *plain.Seizure != *half.Seizure || math.Abs(plain.Classes[0].Probability-half.Classes[0].Probability) > 1e-12 {
			t.Fatalf("%+v by itself, %+v at one half", plain.Classes, half.Classes)
		}
	})
	if alarms == 0 {
		t.Error("no clip was called ictal-like at all")
	}
}
