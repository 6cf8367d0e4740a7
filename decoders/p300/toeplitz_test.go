package p300_test

import (
	"encoding/json"
	"errors"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/race"
)

// shareOf reads the share of the block-Toeplitz structure that a model was trained with.
func shareOf(t testing.TB, d decoders.Trained) float64 {
	t.Helper()
	var cfg p300.Config
	if err := json.Unmarshal(d.State().Config, &cfg); err != nil {
		t.Fatal(err)
	}
	if cfg.Toeplitz == nil {
		return 0
	}
	return *cfg.Toeplitz
}

// TestShareOfToeplitz: with few targets the structure helps each person of the speller, and the training finds so by itself; a montage of many
// channels does without.
func TestShareOfToeplitz(t *testing.T) {
	t.Parallel()
	if race.Enabled {
		t.Skip("the race detector is on; run without -race")
	}
	const targets, draws = 40, 2
	shares := []float64{0, 0.5, 1}
	taken := 0
	for _, name := range []string{"S1", "S2", "S3"} {
		ds := gather(t, readRun(t, eegdata.File(t, "p300/gtec/"+name+".f32")))
		auc := make([]float64, len(shares))
		for seed := range uint64(draws) {
			train, test := few(ds, targets, seed)
			for k, share := range shares {
				cfg := p300.DefaultConfig()
				cfg.Toeplitz = &share
				folds, _ := crossValidate(t, p300.ERPLDA(), subset(ds, append(train, test...)), [][]int{after(len(train), len(ds.Trials))}, cfg)
				auc[k] += stat.Mean(folds, nil) / draws
			}
			if shareOf(t, mustTrain(t, p300.ERPLDA(), subset(ds, train), p300.DefaultConfig())) > 0 {
				taken++
			}
		}
		t.Logf("%s: AUC %.3f with the shares %v", name, auc, shares)
		if auc[1] < auc[0]+0.002 {
			t.Errorf("%s: AUC %.4f with half of the structure, %.4f without", name, auc[1], auc[0])
		}
	}
	if taken < 4 {
		t.Errorf("%d of 6 trainings took the structure", taken)
	}
}

// after are the numbers from n to all.
func after(n, all int) []int {
	var out []int
	for i := n; i < all; i++ {
		out = append(out, i)
	}
	return out
}

// TestToeplitzIsAnOption of erp_lda alone, and what was chosen is what is restored.
func TestToeplitzIsAnOption(t *testing.T) {
	t.Parallel()
	ds := training(1, 200)
	for _, share := range []string{"0", "0.25", "1"} {
		d := train(t, p300.ERPLDA(), ds, `{"toeplitz":`+share+`,"folds":2}`)
		again, err := p300.ERPLDA().Restore("m", "1", d.State())
		if err != nil {
			t.Fatal(err)
		}
		in := spell(5, 200, 3)
		a, b := decode(t, d, in), decode(t, again, in)
		if a.Classes[0] != b.Classes[0] || a.Classes[0].Name != "letter_F" {
			t.Errorf("share %s: %v, restored %v", share, a.Classes[0], b.Classes[0])
		}
	}
	var fault *decoders.Error
	for _, bad := range []struct {
		p       decoders.Pipeline
		options string
	}{{p300.ERPLDA(), `{"toeplitz":1.5}`}, {p300.ERPLDA(), `{"toeplitz":-0.1}`}, {p300.XDAWNLDA(), `{"toeplitz":0.5}`}} {
		if _, err := bad.p.Train(t.Context(), ds, json.RawMessage(bad.options)); !errors.As(err, &fault) || fault.Code != decoders.CodeModelIncompatible {
			t.Errorf("%s %s: %v", bad.p.Name(), bad.options, err)
		}
	}
}
