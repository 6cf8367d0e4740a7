package classify_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"gonum.org/v1/gonum/mat"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders/classify"
)

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestMeasuresByHand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"accuracy", classify.Accuracy([]int{0, 1, 1, 0}, []int{0, 1, 0, 0}), 0.75},
		// Positives 3, 2; negatives 1, 2: of four pairs three win and one ties.
		{"AUC with a tie", classify.AUC([]float64{3, 2, 1, 2}, []bool{true, true, false, false}), 0.875},
		{"AUC all tied", classify.AUC([]float64{1, 1, 1}, []bool{true, false, false}), 0.5},
		{"AUC perfect", classify.AUC([]float64{1, 2, 3}, []bool{false, true, true}), 1},
		{"AUC reversed", classify.AUC([]float64{3, 2, 1}, []bool{false, false, true}), 0},
		{"AUC of infinite scores", classify.AUC([]float64{math.Inf(-1), 0, math.Inf(1)}, []bool{false, false, true}), 1},
		// Agreement 0.7; chance 0.5·0.6 + 0.5·0.4 = 0.5.
		{"kappa", classify.Kappa([]int{0, 0, 0, 0, 1, 1, 1, 0, 0, 1}, []int{0, 0, 0, 0, 0, 1, 1, 1, 1, 1}), 0.4},
		{"kappa at chance", classify.Kappa([]int{0, 1, 0, 1}, []int{0, 0, 1, 1}), 0},
		{"Brier", classify.Brier([][]float64{{0.8, 0.2}, {0.4, 0.6}}, []int{0, 0}), (0.04 + 0.04 + 0.36 + 0.36) / 2},
		{"Brier certain and wrong", classify.Brier([][]float64{{1, 0}}, []int{1}), 2},
		{"log loss", classify.LogLoss([][]float64{{0.5, 0.5}, {0.25, 0.75}}, []int{0, 1}), (math.Log(2) - math.Log(0.75)) / 2},
		// 0.95 and 0.91 share a bin: confidence 1.86, one hit. 0.55 is alone and right.
		{"ECE", classify.ECE([][]float64{{0.95, 0.05}, {0.09, 0.91}, {0.55, 0.45}}, []int{0, 0, 0}, 10), (0.86 + 0.45) / 3},
		{"ECE honest", classify.ECE([][]float64{{0.75, 0.25}, {0.75, 0.25}, {0.75, 0.25}, {0.75, 0.25}}, []int{0, 0, 0, 1}, 10), 0},
		{"ECE certain and right", classify.ECE([][]float64{{1, 0}, {0, 1}}, []int{0, 1}, 10), 0},
		{"log-sum-exp of large numbers", classify.LogSumExp([]float64{1000, 1000}), 1000 + math.Ln2},
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
	if v := classify.AUC([]float64{1, 2}, []bool{true, true}); !math.IsNaN(v) {
		t.Errorf("AUC of one class is %v, want NaN", v)
	}
	if v := classify.AUC([]float64{math.NaN(), 2}, []bool{true, false}); !math.IsNaN(v) {
		t.Errorf("AUC of NaN is %v, want NaN", v)
	}
	if diff := cmp.Diff([][]int{{2, 1}, {0, 1}}, classify.Confusion([]int{0, 1, 0, 1}, []int{0, 0, 0, 1}, 2)); diff != "" {
		t.Error("confusion counts:", diff)
	}
}

func TestCurvesByHand(t *testing.T) {
	t.Parallel()
	roc := classify.ROC([]float64{3, 2, 2, 1}, []bool{true, true, false, false})
	want := []classify.ROCPoint{{math.Inf(1), 0, 0}, {3, 0, 0.5}, {2, 0.5, 1}, {1, 1, 1}}
	if diff := cmp.Diff(want, roc); diff != "" {
		t.Error("ROC:", diff)
	}
	cov := classify.CoverageAccuracy([][]float64{{0.9, 0.1}, {0.4, 0.6}, {0.6, 0.4}, {0.55, 0.45}}, []int{0, 1, 1, 0})
	wantCov := []classify.CoveragePoint{{0.9, 0.25, 1}, {0.6, 0.75, 2.0 / 3}, {0.55, 1, 0.75}}
	if diff := cmp.Diff(wantCov, cov); diff != "" {
		t.Error("coverage:", diff)
	}
}

func TestAUCIsTheShareOfPairsWon(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ints := rapid.SliceOfN(rapid.IntRange(0, 6), 2, 40).Draw(t, "scores")
		scores, positive := make([]float64, len(ints)), make([]bool, len(ints))
		for i, v := range ints {
			scores[i], positive[i] = float64(v), rapid.Bool().Draw(t, "positive")
		}
		positive[0], positive[1] = true, false
		var won, pairs float64
		for i := range scores {
			for j := range scores {
				if positive[i] && !positive[j] {
					pairs++
					switch {
					case scores[i] > scores[j]:
						won++
					case scores[i] == scores[j]:
						won += 0.5
					}
				}
			}
		}
		if got := classify.AUC(scores, positive); math.Abs(got-won/pairs) > 1e-12 {
			t.Fatalf("AUC %v, pairs won %v", got, won/pairs)
		}
	})
}

func TestSoftmaxOfAnyFiniteScoresSumsToOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.SliceOfN(rapid.Float64Range(-1e300, 1e300), 1, 10).Draw(t, "scores")
		sum := 0.0
		for _, p := range classify.Softmax(nil, x) {
			if math.IsNaN(p) || p < 0 {
				t.Fatalf("probability %v", p)
			}
			sum += p
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("sum %v", sum)
		}
	})
}

// TestECENoise holds the noise of the ECE to what drawing the outcomes gives, for few samples and for many, and shows that it
// tells honest probabilities from sharpened ones where the ECE alone does not.
// TestReliabilityIsWhatECEAverages: the bins account for every sample, hold the confidences that they say, and their gaps are the ECE.
func TestReliabilityIsWhatECEAverages(t *testing.T) {
	t.Parallel()
	got := classify.Reliability([][]float64{{0.3, 0.7}, {0.65, 0.35}, {0, 1}, {0.9, 0.1}}, []int{1, 1, 1, 0}, 10)
	want := []classify.ReliabilityBin{{From: 0.6, To: 0.7, Count: 2, Confidence: 0.675, Accuracy: 0.5}, {From: 0.8, To: 0.9, Count: 1, Confidence: 0.9, Accuracy: 1}, {From: 0.9, To: 1, Count: 1, Confidence: 1, Accuracy: 1}}
	if d := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Error(d)
	}
	rapid.Check(t, func(t *rapid.T) {
		n, classes, bins := rapid.IntRange(1, 60).Draw(t, "samples"), rapid.IntRange(2, 5).Draw(t, "classes"), rapid.IntRange(1, 20).Draw(t, "bins")
		probabilities, labels := make([][]float64, n), make([]int, n)
		for i := range probabilities {
			probabilities[i] = classify.Softmax(nil, rapid.SliceOfN(rapid.Float64Range(-5, 5), classes, classes).Draw(t, "scores"))
			labels[i] = rapid.IntRange(0, classes-1).Draw(t, "label")
		}
		count, sum, last := 0, 0.0, 0.0
		for _, b := range classify.Reliability(probabilities, labels, bins) {
			if b.Count < 1 || b.From < last || b.Confidence <= b.From-1e-9 || b.Confidence > b.To+1e-9 || b.Accuracy < 0 || b.Accuracy > 1 {
				t.Fatalf("%+v", b)
			}
			count, sum, last = count+b.Count, sum+float64(b.Count)*math.Abs(b.Confidence-b.Accuracy), b.To
		}
		if ece := classify.ECE(probabilities, labels, bins); count != n || math.Abs(sum/float64(n)-ece) > 1e-9 {
			t.Fatalf("%d samples of %d, ECE %v, want %v", count, n, sum/float64(n), ece)
		}
	})
}

func TestECENoise(t *testing.T) {
	t.Parallel()
	// One sample: with 0.8 it is right, 0.2 off, and with 0.2 wrong, 0.8 off.
	mean, sd := classify.ECENoise([][]float64{{0.2, 0.8}}, 10)
	if math.Abs(mean-0.32) > 1e-12 || math.Abs(sd-0.24) > 1e-12 {
		t.Errorf("one sample: %v ± %v, want 0.32 ± 0.24", mean, sd)
	}
	if mean, sd := classify.ECENoise([][]float64{{0, 1}, {1, 0}}, 10); mean != 0 || sd != 0 {
		t.Errorf("certain answers: %v ± %v", mean, sd)
	}
	const seed = 9
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, n := range []int{24, 72, 5000} {
		probabilities, sharp := make([][]float64, n), make([][]float64, n)
		for i := range probabilities {
			scores := []float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
			probabilities[i] = classify.Softmax(nil, scores)
			sharp[i] = classify.Temperature{T: 0.25}.Probabilities(nil, scores)
		}
		mean, sd := classify.ECENoise(probabilities, 10)
		const draws = 2000
		var sum, square float64
		labels := make([]int, n)
		for range draws {
			for i, p := range probabilities {
				u, label := rng.Float64(), 0
				for u > p[label] && label < 2 {
					u -= p[label]
					label++
				}
				labels[i] = label
			}
			ece := classify.ECE(probabilities, labels, 10)
			sum, square = sum+ece, square+ece*ece
		}
		drawn := sum / draws
		drawnSD := math.Sqrt(square/draws - drawn*drawn)
		if math.Abs(mean-drawn) > 4*drawnSD/math.Sqrt(draws) || math.Abs(sd/drawnSD-1) > 0.1 {
			t.Errorf("seed %d: %d samples: %v ± %v, drawn %v ± %v", seed, n, mean, sd, drawn, drawnSD)
		}
		wide, wideSD := classify.ECENoise(sharp, 10)
		if ece := classify.ECE(sharp, labels, 10); n > 50 && ece < wide+3*wideSD {
			t.Errorf("seed %d: %d samples four times too sharp have ECE %v, noise is %v ± %v", seed, n, ece, wide, wideSD)
		}
	}
}

func TestSoftmaxOfEqualScores(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{0, -3, 1e300, -1e300, math.MaxFloat64} {
		if p := classify.Softmax(nil, []float64{v, v}); p[0] != 0.5 || p[1] != 0.5 {
			t.Errorf("two scores of %v: %v", v, p)
		}
	}
}

func TestTemperatureUndoesAFactorOnTheScores(t *testing.T) {
	t.Parallel()
	const seed = 4
	rng := rand.New(rand.NewPCG(seed, 1))
	var scores [][]float64
	var labels []int
	for range 20_000 {
		honest := []float64{rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()}
		p := classify.Softmax(nil, honest)
		u, label := rng.Float64(), 0
		for u > p[label] && label < 2 {
			u -= p[label]
			label++
		}
		labels = append(labels, label)
		for k := range honest {
			honest[k] *= 3
		}
		scores = append(scores, honest)
	}
	temp := must[classify.Temperature](t)(classify.FitTemperature(scores, labels))
	if math.Abs(temp.T-3) > 0.15 {
		t.Errorf("seed %d: temperature %v, want 3", seed, temp.T)
	}
	before, after := make([][]float64, len(scores)), make([][]float64, len(scores))
	for i, s := range scores {
		before[i], after[i] = classify.Softmax(nil, s), temp.Probabilities(nil, s)
	}
	if a, b := classify.ECE(after, labels, 10), classify.ECE(before, labels, 10); a > 0.02 || a > b/4 {
		t.Errorf("seed %d: ECE %v before, %v after", seed, b, a)
	}
}

// TestHumbleTemperature: n samples told apart without an error give a probability of n/(n+1), whatever the number of
// classes, where the plain fit gives certainty; and among many samples with errors of their own one more changes nothing.
func TestHumbleTemperature(t *testing.T) {
	t.Parallel()
	for _, classes := range []int{2, 3, 40} {
		var scores [][]float64
		var labels []int
		for i := range 3 * classes {
			s := make([]float64, classes)
			s[i%classes] = 1
			scores, labels = append(scores, s), append(labels, i%classes)
		}
		n := float64(len(scores))
		plain := must[classify.Temperature](t)(classify.FitTemperature(scores, labels))
		humble := must[classify.Temperature](t)(classify.FitHumbleTemperature(scores, labels))
		if p := plain.Probabilities(nil, scores[0])[0]; p < 1-1e-6 {
			t.Errorf("%d classes: plain probability %v", classes, p)
		}
		// The added errors have all their weight on one of the wrong classes, which the likelihood cannot tell from the others.
		if p := humble.Probabilities(nil, scores[0])[0]; math.Abs(p-n/(n+1)) > 1e-9 {
			t.Errorf("%d classes: probability %v of the right one, want %v", classes, p, n/(n+1))
		}
		if len(scores) != 3*classes || len(labels) != 3*classes {
			t.Error("the samples were changed")
		}
	}
	const seed = 6
	rng := rand.New(rand.NewPCG(seed, 1))
	var scores [][]float64
	var labels []int
	for range 20_000 {
		s := []float64{2 * rng.NormFloat64(), 0}
		label := 0
		if rng.Float64() > classify.Softmax(nil, s)[0] {
			label = 1
		}
		scores, labels = append(scores, s), append(labels, label)
	}
	plain := must[classify.Temperature](t)(classify.FitTemperature(scores, labels))
	humble := must[classify.Temperature](t)(classify.FitHumbleTemperature(scores, labels))
	if !(humble.T > plain.T) || humble.T > 1.001*plain.T {
		t.Errorf("seed %d: temperature %v, humble %v", seed, plain.T, humble.T)
	}
	if _, err := classify.FitHumbleTemperature([][]float64{{1, 2}, {1}}, []int{0, 1}); err == nil {
		t.Error("ragged scores were taken")
	}
	if _, err := classify.FitHumbleTemperature(nil, nil); err == nil {
		t.Error("no scores were taken")
	}
}

func TestTemperatureStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	perfect := [][]float64{{5, 0}, {0, 5}, {4, 1}}
	if temp := must[classify.Temperature](t)(classify.FitTemperature(perfect, []int{0, 1, 0})); temp.T != 0.05 {
		t.Errorf("separable scores: temperature %v, want 0.05", temp.T)
	}
	if temp := must[classify.Temperature](t)(classify.FitTemperature(perfect, []int{1, 0, 1})); temp.T != 100 {
		t.Errorf("scores that are always wrong: temperature %v, want 100", temp.T)
	}
}

func TestPlattFindsTheSigmoid(t *testing.T) {
	t.Parallel()
	const seed = 5
	rng := rand.New(rand.NewPCG(seed, 1))
	scores, positive := make([]float64, 20_000), make([]bool, 20_000)
	for i := range scores {
		scores[i] = 100 * rng.NormFloat64()
		positive[i] = rng.Float64() < 1/(1+math.Exp(-0.02*scores[i]+0.5))
	}
	p := must[classify.Platt](t)(classify.FitPlatt(scores, positive))
	if math.Abs(p.A+0.02) > 0.002 || math.Abs(p.B-0.5) > 0.08 {
		t.Errorf("seed %d: A %v, B %v, want -0.02 and 0.5", seed, p.A, p.B)
	}
	if lo, hi := p.Probability(-1e6), p.Probability(1e6); lo != 0 && lo > 1e-9 || hi < 1-1e-9 {
		t.Errorf("probabilities of extreme scores are %v and %v", lo, hi)
	}
}

func TestPlattOfSeparableScoresStaysOffTheEnds(t *testing.T) {
	t.Parallel()
	p := must[classify.Platt](t)(classify.FitPlatt([]float64{-2, -1, 1, 2}, []bool{false, false, true, true}))
	if hi := p.Probability(2); hi < 0.6 || hi > 0.9 {
		t.Errorf("probability of the highest of four separable scores is %v, want about 3/4", hi)
	}
	same := must[classify.Platt](t)(classify.FitPlatt([]float64{1, 1, 1}, []bool{true, true, false}))
	if v := same.Probability(1); math.Abs(v-(2*0.75+1.0/3)/3) > 1e-6 {
		t.Errorf("equal scores: probability %v, want the mean target %v", v, (2*0.75+1.0/3)/3)
	}
}

func TestStratifiedFoldsPartitionAndKeepShares(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(2, 6).Draw(t, "k")
		classes := rapid.IntRange(1, 4).Draw(t, "classes")
		var labels []int
		counts := make([]int, classes)
		for c := range classes {
			counts[c] = rapid.IntRange(k, 25).Draw(t, "count")
			labels = append(labels, slices.Repeat([]int{c}, counts[c])...)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, 9)).Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
		folds, err := classify.StratifiedKFold(labels, k, seed)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := classify.StratifiedKFold(labels, k, seed)
		if !cmp.Equal(folds, again) {
			t.Fatal("the same seed gives other folds")
		}
		tested := make([]int, len(labels))
		for _, f := range folds {
			per := make([]int, classes)
			for _, i := range f.Test {
				tested[i]++
				per[labels[i]]++
			}
			for c, n := range per {
				if n < counts[c]/k || n > (counts[c]+k-1)/k {
					t.Fatalf("a fold tests %d of %d samples of class %d in %d folds", n, counts[c], c, k)
				}
			}
			both := append(slices.Clone(f.Train), f.Test...)
			slices.Sort(both)
			if len(both) != len(labels) || both[0] != 0 || both[len(both)-1] != len(labels)-1 || len(slices.Compact(both)) != len(labels) {
				t.Fatal("train and test are not a partition")
			}
		}
		for i, n := range tested {
			if n != 1 {
				t.Fatalf("sample %d is tested %d times", i, n)
			}
		}
	})
}

func TestShuffleSplitsPartition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		samples := rapid.IntRange(2, 60).Draw(t, "samples")
		test := rapid.IntRange(1, samples-1).Draw(t, "test")
		folds, err := classify.ShuffleSplit(samples, 3, (float64(test)-.5)/float64(samples), rapid.Uint64Range(0, 1<<32-1).Draw(t, "seed"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range folds {
			if len(f.Test) != test {
				t.Fatalf("%d samples tested, want %d", len(f.Test), test)
			}
			both := append(slices.Clone(f.Train), f.Test...)
			slices.Sort(both)
			if len(both) != samples || both[0] != 0 || both[samples-1] != samples-1 || len(slices.Compact(both)) != samples {
				t.Fatal("train and test are not a partition")
			}
		}
	})
}

func TestSeedsShuffle(t *testing.T) {
	t.Parallel()
	labels := slices.Repeat([]int{0, 1}, 20)
	a, b := must[[]classify.Fold](t)(classify.StratifiedKFold(labels, 5, 1)), must[[]classify.Fold](t)(classify.StratifiedKFold(labels, 5, 2))
	if cmp.Equal(a, b) {
		t.Error("seeds 1 and 2 give the same folds")
	}
}

func TestGroupFoldsLeaveOneGroupOut(t *testing.T) {
	t.Parallel()
	folds := must[[]classify.Fold](t)(classify.GroupKFold([]string{"R04", "R08", "R04", "R12", "R08"}))
	want := []classify.Fold{
		{Train: []int{1, 3, 4}, Test: []int{0, 2}},
		{Train: []int{0, 2, 3}, Test: []int{1, 4}},
		{Train: []int{0, 1, 2, 4}, Test: []int{3}},
	}
	if diff := cmp.Diff(want, folds); diff != "" {
		t.Error(diff)
	}
}

func TestFoldsFromTestsTakeForeignSplits(t *testing.T) {
	t.Parallel()
	folds := must[[]classify.Fold](t)(classify.FoldsFromTests(4, [][]int{{3, 0}, {0, 1}}))
	want := []classify.Fold{{Train: []int{1, 2}, Test: []int{0, 3}}, {Train: []int{2, 3}, Test: []int{0, 1}}}
	if diff := cmp.Diff(want, folds); diff != "" {
		t.Error(diff)
	}
}

func TestFittedClassifiersTellCloudsApart(t *testing.T) {
	t.Parallel()
	const seed = 6
	x, y := clouds(600, 10, 3, 4, seed)
	train := x.Slice(0, 300, 0, 10).(*mat.Dense)
	lda := must[*classify.LDA](t)(classify.FitLDA(train, y[:300], 3, classify.LDAConfig{}))
	lr := must[*classify.LogisticRegression](t)(classify.FitLogistic(train, y[:300], 3, classify.LogisticConfig{}))
	for name, l := range map[string]*classify.Linear{"LDA": &lda.Linear, "logistic regression": &lr.Linear} {
		predicted := make([]int, 300)
		for i := range predicted {
			predicted[i] = l.Predict(x.RawRowView(300 + i))
		}
		// Neighbouring clouds are four standard deviations apart: 2.3 % beyond each midpoint.
		if acc := classify.Accuracy(predicted, y[300:]); acc < 0.94 {
			t.Errorf("seed %d: %s reaches %v", seed, name, acc)
		}
	}
}

func TestPriorsMoveTheInterceptAlone(t *testing.T) {
	t.Parallel()
	x, y := clouds(60, 4, 2, 1, 7)
	even := must[*classify.LDA](t)(classify.FitLDA(x, y, 2, classify.LDAConfig{}))
	odds := must[*classify.LDA](t)(classify.FitLDA(x, y, 2, classify.LDAConfig{Priors: []float64{1, 3}}))
	row := x.RawRowView(5)
	shift := odds.Decision(row) - even.Decision(row)
	// Both classes have 30 samples and the pooled covariance changes with the priors, so the shift is log 3 up to that.
	if math.Abs(shift-math.Log(3)) > 0.3 {
		t.Errorf("priors 1:3 move the log-odds by %v, want about %v", shift, math.Log(3))
	}
}

func TestLogisticWeightsCountSamples(t *testing.T) {
	t.Parallel()
	x, y := clouds(30, 3, 2, 1, 8)
	weights := make([]float64, 30)
	double := mat.NewDense(40, 3, nil)
	labels := slices.Clone(y)
	for i := range 30 {
		weights[i] = 1
		double.SetRow(i, x.RawRowView(i))
	}
	for i := range 10 {
		weights[i] = 2
		double.SetRow(30+i, x.RawRowView(i))
		labels = append(labels, y[i])
	}
	a := must[*classify.LogisticRegression](t)(classify.FitLogistic(x, y, 2, classify.LogisticConfig{Weights: weights}))
	b := must[*classify.LogisticRegression](t)(classify.FitLogistic(double, labels, 2, classify.LogisticConfig{}))
	if !mat.EqualApprox(a.Coef, b.Coef, 1e-8) {
		t.Error("a weight of 2 is not a sample taken twice")
	}
}

func TestLogisticOfSeparableClassesIsFinite(t *testing.T) {
	t.Parallel()
	x := mat.NewDense(4, 1, []float64{-1e4, -1e4, 1e4, 1e4})
	for _, c := range []float64{1e-6, 1, 1e6} {
		lr := must[*classify.LogisticRegression](t)(classify.FitLogistic(x, []int{0, 0, 1, 1}, 2, classify.LogisticConfig{C: c}))
		if err := lr.Valid(); err != nil {
			t.Error(err)
		}
		if p := lr.Probabilities(nil, []float64{1e4}); p[1] < 0.5 {
			t.Errorf("C %v: probability %v of the right class", c, p[1])
		}
	}
}

func TestBadTrainingSetsAreErrors(t *testing.T) {
	t.Parallel()
	x, y := clouds(6, 2, 2, 1, 9)
	nan := mat.DenseCopyOf(x)
	nan.Set(3, 1, math.NaN())
	half := 1.5
	lda := func(x *mat.Dense, y []int, k int, c classify.LDAConfig) error {
		_, err := classify.FitLDA(x, y, k, c)
		return err
	}
	lr := func(x *mat.Dense, y []int, k int, c classify.LogisticConfig) error {
		_, err := classify.FitLogistic(x, y, k, c)
		return err
	}
	err2 := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"LDA of NaN":                        lda(nan, y, 2, classify.LDAConfig{}),
		"LDA of nothing":                    lda(new(mat.Dense), nil, 2, classify.LDAConfig{}),
		"LDA of nil":                        lda(nil, nil, 2, classify.LDAConfig{}),
		"LDA with too few labels":           lda(x, y[:5], 2, classify.LDAConfig{}),
		"LDA with an empty class":           lda(x, y, 3, classify.LDAConfig{}),
		"LDA with one class":                lda(x, make([]int, 6), 1, classify.LDAConfig{}),
		"LDA with a negative label":         lda(x, []int{0, 1, 0, 1, 0, -1}, 2, classify.LDAConfig{}),
		"LDA with shrinkage beyond 1":       lda(x, y, 2, classify.LDAConfig{Shrinkage: &half}),
		"LDA with a zero prior":             lda(x, y, 2, classify.LDAConfig{Priors: []float64{0, 1}}),
		"LDA with three priors":             lda(x, y, 2, classify.LDAConfig{Priors: []float64{1, 1, 1}}),
		"logistic regression of NaN":        lr(nan, y, 2, classify.LogisticConfig{}),
		"logistic regression, negative C":   lr(x, y, 2, classify.LogisticConfig{C: -1}),
		"logistic regression, weights":      lr(x, y, 2, classify.LogisticConfig{Weights: []float64{1}}),
		"logistic regression, NaN weight":   lr(x, y, 2, classify.LogisticConfig{Weights: []float64{1, 1, 1, 1, 1, math.NaN()}}),
		"standardizer of NaN":               err2(classify.Standardize(nan)),
		"standardizer of nothing":           err2(classify.Standardize(new(mat.Dense))),
		"temperature of nothing":            err2(classify.FitTemperature(nil, nil)),
		"temperature of NaN":                err2(classify.FitTemperature([][]float64{{1, math.NaN()}}, []int{0})),
		"temperature with a label too high": err2(classify.FitTemperature([][]float64{{1, 2}}, []int{2})),
		"temperature of ragged scores":      err2(classify.FitTemperature([][]float64{{1, 2}, {1}}, []int{0, 0})),
		"Platt of one class":                err2(classify.FitPlatt([]float64{1, 2}, []bool{true, true})),
		"Platt of infinity":                 err2(classify.FitPlatt([]float64{1, math.Inf(1)}, []bool{true, false})),
		"Platt with too few labels":         err2(classify.FitPlatt([]float64{1, 2}, []bool{true})),
		"one fold":                          err2(classify.StratifiedKFold(y, 1, 1)),
		"more folds than samples":           err2(classify.StratifiedKFold(y, 4, 1)),
		"folds of nothing":                  err2(classify.StratifiedKFold(nil, 2, 1)),
		"no splits":                         err2(classify.ShuffleSplit(3, 0, .5, 1)),
		"splits of a share above 1":         err2(classify.ShuffleSplit(3, 1, 1.5, 1)),
		"splits that train on nothing":      err2(classify.ShuffleSplit(3, 1, .9, 1)),
		"one group":                         err2(classify.GroupKFold([]string{"a", "a"})),
		"fold beyond the samples":           err2(classify.FoldsFromTests(3, [][]int{{3}})),
		"fold with a sample twice":          err2(classify.FoldsFromTests(3, [][]int{{1, 1}})),
		"empty fold":                        err2(classify.FoldsFromTests(3, [][]int{{}})),
		"fold of everything":                err2(classify.FoldsFromTests(2, [][]int{{0, 1}})),
		"classifier without coefficients":   (&classify.Linear{}).Valid(),
		"classifier with NaN": (&classify.Linear{
			Coef: mat.NewDense(2, 1, []float64{1, math.NaN()}), Intercept: []float64{0, 0},
		}).Valid(),
		"classifier with one intercept": (&classify.Linear{Coef: mat.NewDense(2, 1, nil), Intercept: []float64{0}}).Valid(),
	} {
		if !errors.Is(err, classify.ErrData) {
			t.Errorf("%s: error %v, want one that wraps ErrData", name, err)
		}
	}
}

func TestConstantFeaturesDoNotFail(t *testing.T) {
	t.Parallel()
	x := mat.NewDense(8, 2, nil)
	y := []int{0, 1, 0, 1, 0, 1, 0, 1}
	for i := range 8 {
		x.Set(i, 0, 3) // constant everywhere
		x.Set(i, 1, float64(y[i]))
	}
	lda := must[*classify.LDA](t)(classify.FitLDA(x, y, 2, classify.LDAConfig{}))
	lr := must[*classify.LogisticRegression](t)(classify.FitLogistic(x, y, 2, classify.LogisticConfig{}))
	for name, l := range map[string]*classify.Linear{"LDA": &lda.Linear, "logistic regression": &lr.Linear} {
		if err := l.Valid(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Not parallel: AllocsPerRun counts the allocations of the whole process.
func TestFittedClassifiersDoNotAllocate(t *testing.T) {
	x, y := clouds(40, 12, 3, 1, 10)
	lda := must[*classify.LDA](t)(classify.FitLDA(x, y, 3, classify.LDAConfig{}))
	std := must[*classify.Standardizer](t)(classify.Standardize(x))
	row, p, z := x.RawRowView(0), make([]float64, 3), make([]float64, 12)
	temp := classify.Temperature{T: 1.5}
	for name, f := range map[string]func(){
		"Scores":        func() { lda.Scores(p, row) },
		"Probabilities": func() { lda.Probabilities(p, row) },
		"Predict":       func() { lda.Predict(row) },
		"Standardizer":  func() { std.Apply(z, row) },
		"Temperature":   func() { temp.Probabilities(p, p) },
	} {
		if n := testing.AllocsPerRun(20, f); n != 0 {
			t.Errorf("%s: %v allocations a call", name, n)
		}
	}
}

// TestLogisticStartsFromAPrior: without weight on the samples it is the prior, with much it is the fit of the samples. A class without samples keeps what the prior says of it.
func TestLogisticStartsFromAPrior(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	x := mat.NewDense(30, 4, nil)
	x.Apply(func(int, int, float64) float64 { return rng.NormFloat64() }, x)
	for _, classes := range []int{2, 3} {
		labels := make([]int, 30)
		for i := range labels {
			labels[i] = i % classes
		}
		prior := &classify.Linear{Coef: mat.NewDense(classes, 4, nil), Intercept: make([]float64, classes)}
		prior.Coef.Apply(func(int, int, float64) float64 { return rng.NormFloat64() }, prior.Coef)
		fit := func(c float64) *classify.LogisticRegression {
			lr, err := classify.FitLogistic(x, labels, classes, classify.LogisticConfig{C: c, Prior: prior})
			if err != nil {
				t.Fatal(err)
			}
			return lr
		}
		scores := func(l classify.Linear) []float64 {
			var out []float64
			for i := range 30 {
				s := l.Scores(nil, x.RawRowView(i))
				for k := 1; k < classes; k++ {
					out = append(out, s[k]-s[0])
				}
			}
			return out
		}
		if a, b := scores(fit(1e-9).Linear), scores(*prior); !alike(a, b, 1e-6) {
			t.Errorf("%d classes: %v without samples, the prior says %v", classes, a, b)
		}
		free, err := classify.FitLogistic(x, labels, classes, classify.LogisticConfig{C: 1e6})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := scores(fit(1e6).Linear), scores(free.Linear); !alike(a, b, 1e-2) {
			t.Errorf("%d classes: %v with all weight on the samples, their own fit says %v", classes, a, b)
		}
	}
	prior := &classify.Linear{Coef: mat.NewDense(2, 4, []float64{-1, 0, 0, 0, 1, 0, 0, 0}), Intercept: []float64{0, 0}}
	if _, err := classify.FitLogistic(x, make([]int, 30), 2, classify.LogisticConfig{Prior: prior}); err != nil {
		t.Errorf("samples of one class: %v", err)
	}
	if _, err := classify.FitLogistic(x, make([]int, 30), 2, classify.LogisticConfig{}); err == nil {
		t.Error("samples of one class make a classifier without a prior")
	}
}

func alike(a, b []float64, tol float64) bool {
	for i := range a {
		if math.Abs(a[i]-b[i]) > tol*max(1, math.Abs(b[i])) {
			return false
		}
	}
	return len(a) == len(b)
}
