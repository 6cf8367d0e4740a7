package p300_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// few draws n flashes of each kind to train on.
func few(ds *decoders.Dataset, n int, seed uint64) (train, test []int) {
	rng := rand.New(rand.NewPCG(seed, 5))
	left := [2]int{n, n}
	for _, i := range rng.Perm(len(ds.Trials)) {
		if l := ds.Trials[i].Label; left[l] > 0 {
			left[l]--
			train = append(train, i)
		} else {
			test = append(test, i)
		}
	}
	slices.Sort(train)
	slices.Sort(test)
	return train, test
}

// TestFewFlashes: a person's first 20 flashes of each kind already give probabilities that mean what they say, over several
// people. The classifiers whose scores they are calibrated with see nearly as much as the one that decodes.
func TestFewFlashes(t *testing.T) {
	t.Parallel()
	const first = 60
	for _, p := range []decoders.Pipeline{p300.ERPLDA(), p300.XDAWNLDA()} {
		var probabilities [][]float64
		var labels []int
		hits, sure := 0.0, 0.0
		for seed := uint64(first); seed < first+12; seed++ {
			ds := p300.NewDataset(channels, 250)
			sig, events, targets := session(seed, 250, 0.2, 4, shuffled(seed, 6, 60), func(c int) bool { return c == 2 })
			ds.Trials = p300.Trials(sig, events, targets, "run")
			train, test := few(ds, 20, seed)
			d := mustTrain(t, p, subset(ds, train), p300.DefaultConfig())
			_, _, prob, truth := flashScores(t, d, ds, test)
			probabilities, labels = append(probabilities, prob...), append(labels, truth...)
			for i, pr := range prob {
				sure += max(pr[0], pr[1])
				if (pr[1] > pr[0]) == (truth[i] == 1) {
					hits++
				}
			}
		}
		n := float64(len(labels))
		ece := classify.ECE(probabilities, labels, 10)
		name := fmt.Sprintf("%s, seeds from %d", p.Name(), first)
		t.Logf("%s: accuracy %.3f, mean probability %.3f, ECE %.3f", name, hits/n, sure/n, ece)
		if ece > 0.035 {
			t.Errorf("%s: ECE %.3f", name, ece)
		}
	}
}

// TestFewFlashesOfSpellers holds the same on recordings, over three people and three draws of each one's flashes. Of one
// draw it cannot be asked: the calibration of 40 or 80 flashes has an error of its own.
func TestFewFlashesOfSpellers(t *testing.T) {
	t.Parallel()
	const draws = 3
	for _, p := range []decoders.Pipeline{p300.ERPLDA(), p300.XDAWNLDA()} {
		for _, n := range []int{20, 40} {
			var probabilities [][]float64
			var labels []int
			auc := 0.0
			for _, name := range []string{"S1", "S2", "S3"} {
				ds := gather(t, readRun(t, eegdata.File(t, "p300/gtec/"+name+".f32")))
				for seed := range uint64(draws) {
					train, test := few(ds, n, seed)
					scores, positive, prob, truth := flashScores(t, mustTrain(t, p, subset(ds, train), p300.DefaultConfig()), ds, test)
					probabilities, labels = append(probabilities, prob...), append(labels, truth...)
					auc += classify.AUC(scores, positive) / (3 * draws)
				}
			}
			ece := classify.ECE(probabilities, labels, 10)
			t.Logf("%-9s %d of each kind: mean AUC %.3f, ECE %.3f", p.Name(), n, auc, ece)
			if ece > maxECE {
				t.Errorf("%s trained on %d of each kind has an ECE of %.3f", p.Name(), n, ece)
			}
		}
	}
}

// TestNoResponseIsNotTurnedAround: where left-out flashes happen to score the wrong way round, the scores tell nothing; to
// believe the opposite of a classifier would be to believe noise. What they say is next to nothing then, but in their order: the
// classifier of all flashes may rank others right.
func TestNoResponseIsNotTurnedAround(t *testing.T) {
	t.Parallel()
	const first = 80
	nothing := 0
	for seed := uint64(first); seed < first+8; seed++ {
		ds := p300.NewDataset(channels, 250)
		sig, events, targets := session(seed, 250, 0.2, 0, shuffled(seed, 6, 20), func(c int) bool { return c == 2 })
		ds.Trials = p300.Trials(sig, events, targets, "run")
		d := mustTrain(t, p300.ERPLDA(), ds, p300.DefaultConfig())
		switch slope := d.State().Arrays["likelihood"].Data[0]; {
		case slope <= 0:
			t.Errorf("seed %d: slope %v", seed, slope)
		case slope < 1e-3:
			nothing++
			res := decode(t, d, spell(seed, 250, 2))
			if p := res.Classes[0].Probability; p > 1./6+1e-3 || p == res.Classes[1].Probability {
				t.Errorf("seed %d: %s has probability %v of 6 symbols, the next %v", seed, res.Classes[0].Name, p, res.Classes[1].Probability)
			}
		}
	}
	if nothing == 0 {
		t.Errorf("seeds from %d: no training without a response was turned around", first)
	}
}
