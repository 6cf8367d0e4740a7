package p300_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/race"
)

// asSpeller gives the flashes of a g.tec run codes, of which the file tells targets alone: of the 16 flashes of a repetition, two
// of them targets, the targets are row 1 and column 1, and the others are dealt out. 15 repetitions are a letter.
func asSpeller(t *testing.T, r run, rng *rand.Rand) (letters [][]eeg.Event, matrix [][]string) {
	t.Helper()
	const round, repetitions, side = 16, 15, 8
	for i := range side {
		matrix = append(matrix, nil)
		for j := range side {
			matrix[i] = append(matrix[i], fmt.Sprintf("%d-%d", i, j))
		}
	}
	for at := 0; at+round*repetitions <= len(r.events); at += round * repetitions {
		var letter []eeg.Event
		for k := range repetitions {
			others := rng.Perm(round - 2)
			attended := []int{1, side + 1} // a column, a row
			rng.Shuffle(2, func(i, j int) { attended[i], attended[j] = attended[j], attended[i] })
			for i := range round {
				e := r.events[at+k*round+i]
				if r.targets[at+k*round+i] {
					if len(attended) == 0 {
						t.Fatal("more than two targets in a repetition")
					}
					e.Code, attended = attended[0], attended[1:]
				} else {
					e.Code = 2 + others[0] // columns 2-8, then rows 2-8, which begin at 10
					if e.Code > side {
						e.Code++
					}
					others = others[1:]
				}
				letter = append(letter, e)
			}
		}
		letters = append(letters, letter)
	}
	return letters, matrix
}

// TestLettersUnderShift spells by models of the same session and of another person, whose responses they were not trained on. The
// confidence follows what is right in both; by the sum of the ratios the answers for other people were 0.4 surer than right, and a third of
// those above 0.9 wrong.
func TestLettersUnderShift(t *testing.T) {
	t.Parallel()
	if race.Enabled {
		t.Skip("the race detector is on")
	}
	runs := map[string]run{}
	names := []string{"S1", "S2", "S3"}
	for _, name := range names {
		runs[name] = readRun(t, eegdata.File(t, "p300/gtec/"+name+".f32"))
	}
	part := func(r run, from, to int) run { return run{r.sig, r.events[from:to], r.targets[from:to]} }
	for _, pipeline := range []decoders.Pipeline{p300.ERPLDA(), p300.XDAWNLDA()} {
		for _, shift := range []string{"same session", "another person"} {
			rng := rand.New(rand.NewPCG(3, 4))
			sure, answers, surest, right, wrong := 0.0, 0, 0, 0, 0
			for _, name := range names {
				train, others := runs[name], names
				if shift == "same session" {
					train, others = part(train, 0, 480), []string{name}
				}
				d := mustTrain(t, pipeline, gather(t, train), p300.DefaultConfig())
				for _, other := range others {
					test := runs[other]
					if shift == "same session" {
						test = part(test, 480, 1200)
					} else if other == name {
						continue
					}
					letters, matrix := asSpeller(t, test, rng)
					for _, letter := range letters {
						for _, repetitions := range []int{1, 3, 5, 8, 12, 15} {
							res, err := d.Decode(t.Context(), &decoders.Input{Signal: test.sig, Events: letter[:16*repetitions], Stimulus: decoders.Stimulus{Matrix: matrix}})
							if err != nil {
								t.Fatal(err)
							}
							best := res.Classes[0]
							ok := best.Name == "letter_0-0"
							if ok {
								right++
							}
							answers++
							sure += best.Probability
							if best.Probability > 0.9 {
								surest++
								if !ok {
									wrong++
								}
							}
						}
					}
				}
			}
			n := float64(answers)
			t.Logf("%-9s %-14s %d answers, %.3f right, mean confidence %.3f; %d above 0.9, of which %d wrong",
				pipeline.Name(), shift, answers, float64(right)/n, sure/n, surest, wrong)
			if d := sure/n - float64(right)/n; d > 0.2 || d < -0.15 {
				t.Errorf("%s, %s: %.3f surer than right", pipeline.Name(), shift, d)
			}
			if 4*wrong > surest+8 {
				t.Errorf("%s, %s: %d of %d answers above 0.9 are wrong", pipeline.Name(), shift, wrong, surest)
			}
		}
	}
}
