package motorimagery_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/motorimagery"
)

// strangers is a dataset of several people whose channels are mixed differently, each by a well-conditioned matrix.
func strangers(people, perClass int, seed uint64) *decoders.Dataset {
	all := dataset(2, perClass, 160, seed)
	all.Trials = nil
	for s := range people {
		ds := dataset(2, perClass, 160, seed+uint64(s)+10)
		mix := mixing(seed+uint64(s), 0.35)
		for i, tr := range ds.Trials {
			tr.Data = mixed(mix, tr.Data)
			tr.Group = fmt.Sprintf("p%d/%d", s, i/10)
			all.Trials = append(all.Trials, tr)
		}
	}
	return all
}

func mixing(seed uint64, spread float64) *mat.Dense {
	rng := rand.New(rand.NewPCG(seed, 77))
	m := mat.NewDense(len(names), len(names), nil)
	m.Apply(func(i, j int, _ float64) float64 {
		v := spread * rng.NormFloat64()
		if i == j {
			v += 1 + rng.Float64()
		}
		return v
	}, m)
	return m
}

func mixed(mix, x *mat.Dense) *mat.Dense {
	var out mat.Dense
	out.Mul(mix, x)
	return &out
}

var alignments = map[string]string{
	motorimagery.CSPLDAName: `{"align":true}`, motorimagery.FBCSPName: `{"align":true}`,
	motorimagery.TSLRName: `{"align":true,"center":"riemann"}`, motorimagery.MDMName: `{"align":true,"center":"riemann"}`,
	motorimagery.FgMDMName:    `{"align":true}`,
	motorimagery.CSPRxLDAName: `{"align":true}`, motorimagery.CSPRxGMMName: `{"align":true}`,
}

// TestRecentringMeetsAStranger: the clips of somebody whose channels mix differently are decoded better once they are
// moved to where the training people's lie, by all of them at once and clip by clip.
func TestRecentringMeetsAStranger(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines {
		t.Run(p.Name(), func(t *testing.T) {
			t.Parallel()
			d := train(t, p, strangers(4, 12, 5), alignments[p.Name()])
			mix := mixing(99, 0.35)
			clips := make([]*decoders.Input, 60)
			for i := range clips {
				clips[i] = input(i%2, 160, uint64(900+i))
				clips[i].Data = mixed(mix, clips[i].Data)
			}
			right := func(decoder func(i int) decoders.Decoder) int {
				hits := 0
				for i, in := range clips {
					res, err := decoder(i).Decode(t.Context(), in)
					if err != nil {
						t.Fatal(err)
					}
					if res.Classes[0].Name == d.Info().Classes[i%2] {
						hits++
					}
				}
				return hits
			}
			plain := right(func(int) decoders.Decoder { return d })
			batch, err := motorimagery.NewRecentring(d, motorimagery.RecentringConfig{})
			if err != nil {
				t.Fatal(err)
			}
			for _, in := range clips {
				if err := batch.Observe(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			moved, err := batch.Decoder()
			if err != nil {
				t.Fatal(err)
			}
			aligned := right(func(int) decoders.Decoder { return moved })
			online, err := motorimagery.NewRecentring(d, motorimagery.RecentringConfig{Prior: 2, Forget: 0.02})
			if err != nil {
				t.Fatal(err)
			}
			following := right(func(i int) decoders.Decoder {
				now, err := online.Decoder()
				if err != nil {
					t.Fatal(err)
				}
				if err := online.Observe(t.Context(), clips[i]); err != nil {
					t.Fatal(err)
				}
				return now
			})
			t.Logf("of 60 right: %d without, %d by all clips, %d clip by clip", plain, aligned, following)
			if batch.Seen() != 60 || aligned < 50 || aligned < plain || following < 45 {
				t.Errorf("of 60 right: %d without, %d by all clips, %d clip by clip", plain, aligned, following)
			}
			// What was moved is a model like any other.
			restored, err := p.Restore("m", "1", moved.State())
			if err != nil {
				t.Fatal(err)
			}
			a, err := moved.Decode(t.Context(), clips[0])
			if err != nil {
				t.Fatal(err)
			}
			b, err := restored.Decode(t.Context(), clips[0])
			if err != nil {
				t.Fatal(err)
			}
			if a.Classes[0] != b.Classes[0] {
				t.Errorf("moved: %v, restored %v", a.Classes, b.Classes)
			}
		})
	}
}

// TestRecentringForgetsTheStart holds what Forget promises at its end: all weight on the newest clip leaves nothing else.
func TestRecentringForgetsTheStart(t *testing.T) {
	t.Parallel()
	d := train(t, motorimagery.MDM(), strangers(3, 8, 5), `{"align":true,"center":"riemann"}`)
	in := input(0, 160, 3)
	var centers []decoders.Array
	for _, first := range []int{0, 1} {
		r, err := motorimagery.NewRecentring(d, motorimagery.RecentringConfig{Forget: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, clip := range []*decoders.Input{input(first, 160, 8), in} {
			if err := r.Observe(t.Context(), clip); err != nil {
				t.Fatal(err)
			}
		}
		moved, err := r.Decoder()
		if err != nil {
			t.Fatal(err)
		}
		centers = append(centers, moved.State().Arrays["center"])
	}
	for i, v := range centers[0].Data {
		if v != centers[1].Data[i] {
			t.Fatalf("with all weight on the newest clip the first one still counts: %v and %v", v, centers[1].Data[i])
		}
	}
}

func TestRecentringRefuses(t *testing.T) {
	t.Parallel()
	plain := train(t, motorimagery.TSLR(), dataset(2, 5, 160, 1), "")
	var e *decoders.Error
	if _, err := motorimagery.NewRecentring(plain, motorimagery.RecentringConfig{}); !errors.As(err, &e) || e.Code != decoders.CodeModelIncompatible {
		t.Errorf("a decoder without alignment: %v", err)
	}
	d := train(t, motorimagery.TSLR(), dataset(2, 5, 160, 1), `{"align":true}`)
	for _, cfg := range []motorimagery.RecentringConfig{{Forget: -1}, {Forget: 2}, {Prior: -1}} {
		if _, err := motorimagery.NewRecentring(d, cfg); !errors.As(err, &e) || e.Code != decoders.CodeModelIncompatible {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	r, err := motorimagery.NewRecentring(d, motorimagery.RecentringConfig{})
	if err != nil {
		t.Fatal(err)
	}
	bad := input(0, 160, 1)
	bad.Data.Zero()
	if err := r.Observe(t.Context(), bad); !errors.As(err, &e) || e.Code != decoders.CodeInvalidSignal || r.Seen() != 0 {
		t.Errorf("a flat clip: %v, %d seen", err, r.Seen())
	}
	for _, p := range []decoders.Pipeline{motorimagery.CSPLDA(), motorimagery.FBCSP()} {
		if _, err := p.Train(t.Context(), dataset(2, 5, 160, 1), []byte(`{"align":true,"center":"riemann"}`)); !errors.As(err, &e) || e.Code != decoders.CodeModelIncompatible {
			t.Errorf("%s around a geometric mean: %v", p.Name(), err)
		}
	}
}

// TestRecentringFollowsDrift lets a person's channels change over a session: what was aligned to the first clips loses
// its ground, what follows with a forgetting rate does not.
func TestRecentringFollowsDrift(t *testing.T) {
	t.Parallel()
	const clips, first = 120, 20
	from, to := mixing(51, 0.2), mixing(52, 0.6)
	inputs := make([]*decoders.Input, clips)
	for i := range inputs {
		at := float64(i) / (clips - 1)
		var mix, add mat.Dense
		mix.Scale(1-at, from)
		add.Scale(at, to)
		mix.Add(&mix, &add)
		inputs[i] = input(i%2, 160, uint64(2000+i))
		inputs[i].Data = mixed(&mix, inputs[i].Data)
	}
	for _, p := range []decoders.Pipeline{motorimagery.TSLR(), motorimagery.MDM()} {
		d := train(t, p, strangers(4, 12, 5), alignments[p.Name()])
		follow, err := motorimagery.NewRecentring(d, motorimagery.RecentringConfig{Forget: 0.1})
		if err != nil {
			t.Fatal(err)
		}
		var fixed, now decoders.Trained
		stale, fresh := 0, 0
		for i, in := range inputs {
			if i == first {
				if fixed, err = follow.Decoder(); err != nil {
					t.Fatal(err)
				}
			}
			if i >= clips/2 {
				if now, err = follow.Decoder(); err != nil {
					t.Fatal(err)
				}
				want := d.Info().Classes[i%2]
				for decoder, hits := range map[decoders.Decoder]*int{fixed: &stale, now: &fresh} {
					res, err := decoder.Decode(t.Context(), in)
					if err != nil {
						t.Fatal(err)
					}
					if res.Classes[0].Name == want {
						*hits++
					}
				}
			}
			if err := follow.Observe(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("%s: of %d late clips %d right when aligned to the first %d, %d when following", p.Name(), clips/2, stale, first, fresh)
		if fresh <= stale || fresh < 50 {
			t.Errorf("%s: of %d late clips %d right when aligned to the first %d, %d when following", p.Name(), clips/2, stale, first, fresh)
		}
	}
}

// TestRecentringResumes goes on from the numbers that a recentring gave, and comes to the very same mean as without a break.
func TestRecentringResumes(t *testing.T) {
	t.Parallel()
	for _, p := range pipelines {
		d := train(t, p, strangers(3, 8, 5), alignments[p.Name()])
		whole, err := motorimagery.NewRecentring(d, motorimagery.DefaultRecentring())
		if err != nil {
			t.Fatal(err)
		}
		part := whole
		for k := range 6 {
			in := input(k%2, 160, uint64(40+k))
			if k%2 == 0 { // another attempt goes on
				next, err := motorimagery.NewRecentring(d, motorimagery.DefaultRecentring())
				if err != nil {
					t.Fatal(err)
				}
				if err := next.Resume(part.Seen(), part.Mean()); err != nil {
					t.Fatal(err)
				}
				part = next
			}
			for _, r := range []*motorimagery.Recentring{whole, part} {
				if err := r.Observe(t.Context(), in); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(whole.Mean(), part.Mean()) || whole.Seen() != part.Seen() {
				t.Fatalf("%s: after clip %d another mean", p.Name(), k)
			}
		}
		var e *decoders.Error
		good := whole.Mean()
		for name, bad := range map[string][]float64{"short": good[1:], "empty": {}, "zero": make([]float64, len(good)), "not finite": append([]float64{math.NaN()}, good[1:]...)} {
			if err := whole.Resume(1, bad); !errors.As(err, &e) || e.Code != decoders.CodeModelIncompatible || !slices.Equal(whole.Mean(), good) {
				t.Errorf("%s: a mean that is %s: %v", p.Name(), name, err)
			}
		}
		if err := whole.Resume(-1, good); !errors.As(err, &e) {
			t.Errorf("%s: over -1 clips: %v", p.Name(), err)
		}
	}
}
