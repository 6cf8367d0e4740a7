package p300_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/decodertest"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/race"
)

// tally counts answers and how sure they were, with those above 0.9.
type tally struct {
	asked, answered, right, sure90, wrong90 int
	sure, worst                             float64 // worst is the confidence of the surest wrong answer
}

func (y *tally) add(res *decoders.Result, want string) {
	y.asked++
	best := res.Classes[0]
	if best.Name == string(eeg.Undetermined) {
		return
	}
	y.answered++
	y.sure += best.Probability
	above := 0
	if best.Probability > 0.9+1e-9 {
		above = 1
	}
	y.sure90 += above
	if best.Name == want {
		y.right++
		return
	}
	y.wrong90 += above
	y.worst = max(y.worst, best.Probability)
}

func (y *tally) join(o tally) {
	y.asked, y.answered, y.right, y.sure90, y.wrong90 = y.asked+o.asked, y.answered+o.answered, y.right+o.right, y.sure90+o.sure90, y.wrong90+o.wrong90
	y.sure, y.worst = y.sure+o.sure, max(y.worst, o.worst)
}

func (y tally) String() string {
	n := float64(max(1, y.answered))
	return fmt.Sprintf("%3d of %3d answered, %.2f right, mean confidence %.2f, %d wrong above 0.9, the surest wrong one %.2f",
		y.answered, y.asked, float64(y.right)/n, y.sure/n, y.wrong90, y.worst)
}

// design is what flashes, and which of it is attended.
type design struct {
	name     string
	codes    func(rng *rand.Rand) []int
	target   map[int]bool
	stimulus decoders.Stimulus
	want     string
}

// drawn shuffles so many flashes of each code, from 1 on.
func drawn(counts ...int) func(*rand.Rand) []int {
	return func(rng *rand.Rand) []int {
		var codes []int
		for i, n := range counts {
			for range n {
				codes = append(codes, i+1)
			}
		}
		rng.Shuffle(len(codes), func(i, j int) { codes[i], codes[j] = codes[j], codes[i] })
		return codes
	}
}

var designs = []design{
	{"one of six is rare", drawn(20, 100), map[int]bool{1: true}, decoders.Stimulus{}, "select_1"},
	{"one of three is rare", drawn(40, 80), map[int]bool{1: true}, decoders.Stimulus{}, "select_1"},
	{"oddball with a distractor", drawn(16, 16, 88), map[int]bool{1: true}, decoders.Stimulus{}, "select_1"},
	{"halves", drawn(60, 60), map[int]bool{1: true}, decoders.Stimulus{}, "select_1"},
	{"three codes", drawn(40, 40, 40), map[int]bool{1: true}, decoders.Stimulus{}, "select_1"},
	{"six codes", drawn(20, 20, 20, 20, 20, 20), map[int]bool{1: true}, decoders.Stimulus{}, "select_1"},
	{"letters", drawn(24, 24, 24, 24, 24), map[int]bool{3: true, 5: true}, decoders.Stimulus{Matrix: small}, "letter_F"},
	{"letters of two rows and columns", drawn(30, 30, 30, 30), map[int]bool{2: true, 4: true}, decoders.Stimulus{Matrix: [][]string{{"A", "B"}, {"C", "D"}}}, "letter_D"},
}

// TestModelThatDoesNotFit asks a model what was attended where responses are not as those it learned: of the other polarity, of every size, none
// at all, and with flashes at other distances, in every design. What it answers it must not be surer of than it is right, and of an oddball the
// frequent stimulus is never the answer, which stands above the rare one where that stands below. Where two options are the halves of the
// flashes, nothing tells the sign of a response: there no answer is surer than what is known of it beforehand.
func TestModelThatDoesNotFit(t *testing.T) {
	t.Parallel()
	models := map[string]decoders.Decoder{"xdawn_lda, standardized": train(t, p300.XDAWNLDA(), training(1, 200), `{"standardize":true}`)}
	const first = 20
	amplitudes, seeds := []float64{-8, 0, 8}, uint64(1)
	if !race.Enabled {
		models["erp_lda"] = usual(t, p300.ERPLDA())
		amplitudes, seeds = []float64{-16, -8, -4, -2, 0, 2, 4, 8, 16}, 6
	}
	for name, d := range models {
		for _, y := range designs {
			t.Run(name+"/"+y.name, func(t *testing.T) {
				t.Parallel()
				halves := y.name == "halves" || len(y.stimulus.Matrix) == 2 && len(y.stimulus.Matrix[0]) == 2
				var fits, other tally
				for _, amplitude := range amplitudes {
					var at tally
					for _, soa := range []float64{0.2, 0.3, 0.6} {
						for seed := uint64(first); seed < first+seeds; seed++ {
							sig, events, _ := session(seed, 200, soa, amplitude, y.codes(rand.New(rand.NewPCG(seed, 6))), func(c int) bool { return y.target[c] })
							res := decode(t, d, &decoders.Input{Signal: sig, Events: events, Stimulus: y.stimulus})
							best := res.Classes[0]
							if err := decodertest.CheckResult(d.Info(), res); err != nil {
								t.Error(err)
							}
							want := y.want
							if amplitude == 0 {
								want = "" // every answer is wrong
							}
							at.add(res, want)
							if best.Name == fmt.Sprint("select_", len(y.target)+1) && y.name[:3] == "one" {
								t.Errorf("seed %d, %g µV, every %g s: the frequent stimulus, %v", seed, amplitude, soa, res.Classes)
							}
							if halves && best.Probability > 0.9001 {
								t.Errorf("seed %d, %g µV, every %g s: %v", seed, amplitude, soa, res.Classes)
							}
						}
					}
					t.Logf("%4g µV: %v", amplitude, at)
					if amplitude > 0 {
						fits.join(at)
					} else {
						other.join(at)
					}
				}
				t.Logf("as learned: %v", fits)
				t.Logf("otherwise:  %v", other)
				if fits.right < fits.asked*9/10 {
					t.Errorf("as learned: %v", fits)
				}
				// Of answers above 0.9 one in ten may be wrong.
				if n := fits.sure90 + other.sure90; 10*(fits.wrong90+other.wrong90) > n {
					t.Errorf("%d of %d answers above 0.9 are wrong", fits.wrong90+other.wrong90, n)
				}
				if !halves && other.answered > 0 && other.sure > 0.6*float64(other.asked) {
					t.Errorf("otherwise: %v", other)
				}
			})
		}
	}
}
