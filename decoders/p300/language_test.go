package p300_test

import (
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/language"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/race"
)

// withBackspace is a speller's matrix whose < takes the last letter back.
var withBackspace = [][]string{
	strings.Split("ABCDEF", ""), strings.Split("GHIJKL", ""), strings.Split("MNOPQR", ""),
	strings.Split("STUVWX", ""), strings.Split("YZ1234", ""), strings.Split("5678<_", ""),
}

// weakSession spells a text with responses that are hard to see.
func weakSession(t testing.TB, text string, seed uint64) synthetic.Session {
	t.Helper()
	s, err := synthetic.Speller(synthetic.Config{Seed: seed, Channels: []string{"Fz", "Cz", "P3", "Pz", "P4", "PO7", "Oz", "PO8"}, Rate: 128},
		synthetic.SpellerConfig{Text: text, Matrix: withBackspace, Repetitions: 6, P300UV: 5})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// selections are the flashes of each letter.
func selections(s synthetic.Session) [][]eeg.Event {
	per := len(s.Events) / len(s.Labels)
	var out [][]eeg.Event
	for i := range s.Labels {
		out = append(out, s.Events[i*per:(i+1)*per])
	}
	return out
}

// TestLanguageModelSpellsBetter spells a text with a mistake in it that is taken back, letter by letter, with the
// language model's prior and with a flat one, after every number of repetitions.
func TestLanguageModelSpellsBetter(t *testing.T) {
	if race.Enabled {
		t.Skip("a measurement of one goroutine that takes a minute under the race detector: the run without it makes it")
	}
	t.Parallel()
	train := weakSession(t, "QUICK_BROWN_FOX_JUMPS", 1)
	ds := p300.NewDataset(train.Channels, train.Rate)
	ds.Trials = p300.Trials(train.Signal, train.Events, train.Targets, "r")
	d := mustTrain(t, p300.XDAWNLDA(), ds, p300.DefaultConfig())

	const text, seed = "I_NEEX<D_WATER_PLEASE", 2
	s := weakSession(t, text, seed)
	const codes = 12
	var flat, model [6]int
	backspaces := 0
	for i, events := range selections(s) {
		history := strings.Split(text[:i], "")
		for n := range flat {
			in := &decoders.Input{Signal: s.Signal, Events: events[:codes*(n+1)], Stimulus: s.Stimulus}
			want := "letter_" + s.Labels[i]
			without := decode(t, d, in)
			if without.Classes[0].Name == want {
				flat[n]++
			}
			in.Prior, in.History = language.English().Prior(history), history
			with := decode(t, d, in)
			if with.Classes[0].Name == want {
				model[n]++
			}
			if s.Labels[i] == "<" && probability(with, want) > probability(without, want) {
				backspaces++
			}
		}
	}
	t.Logf("seed %d: letters right of %d after 1..6 repetitions: flat prior %v, language model %v", seed, len(text), flat, model)
	sum := func(x [6]int) (s int) {
		for _, v := range x {
			s += v
		}
		return s
	}
	for n := range flat {
		if model[n] < flat[n] {
			t.Errorf("seed %d: %d right with the model after %d repetitions, %d without", seed, model[n], n+1, flat[n])
		}
	}
	if sum(model) < sum(flat)+6 {
		t.Errorf("seed %d: the model adds only %d letters over all repetitions", seed, sum(model)-sum(flat))
	}
	if backspaces < 5 {
		t.Errorf("seed %d: the backspace became more probable after %d of 6 repetitions", seed, backspaces)
	}
}

func probability(res *decoders.Result, class string) float64 {
	for _, c := range res.Classes {
		if c.Name == class {
			return c.Probability
		}
	}
	return 0
}

func auc(t testing.TB, d decoders.Decoder, ds *decoders.Dataset, index []int) float64 {
	t.Helper()
	scores, positive, _, _ := flashScores(t, d, ds, index)
	return classify.AUC(scores, positive)
}

// TestLearnsLetters keeps learning from letters that are known: single flashes are then told apart better.
func TestLearnsLetters(t *testing.T) {
	t.Parallel()
	s := weakSession(t, "WATER_AND_BREAD_AND_TEA", 3)
	letters := selections(s)
	per := len(letters[0])
	ds := p300.NewDataset(s.Channels, s.Rate)
	ds.Trials = p300.Trials(s.Signal, s.Events[:3*per], s.Targets[:3*per], "r")
	cfg := p300.DefaultConfig()
	d := mustTrain(t, p300.XDAWNRxLDA(), ds, cfg).(decoders.Adaptive)
	test := p300.NewDataset(s.Channels, s.Rate)
	test.Trials = p300.Trials(s.Signal, s.Events[13*per:], s.Targets[13*per:], "r")
	index := make([]int, len(test.Trials))
	for i := range index {
		index[i] = i
	}
	before := auc(t, d, test, index)
	for i := 3; i < 13; i++ {
		var err error
		in := &decoders.Input{Signal: s.Signal, Events: letters[i], Stimulus: s.Stimulus}
		if d, err = d.Update(t.Context(), in, "letter_"+s.Labels[i]); err != nil {
			t.Fatal(err)
		}
	}
	after := auc(t, d, test, index)
	t.Logf("AUC %.3f after 3 letters, %.3f after 10 more", before, after)
	if after < before+0.02 {
		t.Errorf("AUC %.3f after 3 letters, %.3f after 10 more", before, after)
	}
}
