package evaluation

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestFoldsEqualScikitLearn holds the splits to tools/golden/folds.py.
func TestFoldsEqualScikitLearn(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/golden/folds.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Labels     []int
		Stratified []struct {
			K    int
			Seed uint64
			Test [][]int
		}
		Shuffle []struct {
			Trials, N int
			Share     float64
			Seed      uint64
			Test      [][]int
		}
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	for _, g := range golden.Stratified {
		for i, f := range stratified(golden.Labels, g.K, g.Seed) {
			if diff := cmp.Diff(g.Test[i], f.test); diff != "" {
				t.Errorf("stratified k=%d seed=%d fold %d (-want +got):\n%s", g.K, g.Seed, i, diff)
			}
		}
	}
	for _, g := range golden.Shuffle {
		for i, f := range shuffleSplit(g.Trials, g.N, g.Share, g.Seed) {
			if diff := cmp.Diff(g.Test[i], f.test); diff != "" {
				t.Errorf("shuffle n=%d split %d (-want +got):\n%s", g.Trials, i, diff)
			}
		}
	}
}

func TestFoldsPartition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.SliceOfN(rapid.IntRange(0, 3), 10, 60).Draw(t, "labels")
		k := rapid.IntRange(2, 6).Draw(t, "k")
		seen := make([]int, len(labels))
		for _, f := range stratified(labels, k, rapid.Uint64Range(0, 1<<32-1).Draw(t, "seed")) {
			for _, i := range f.test {
				seen[i]++
				if slices.Contains(f.train, i) {
					t.Fatalf("trial %d is in training and test", i)
				}
			}
			if len(f.train)+len(f.test) != len(labels) {
				t.Fatalf("fold holds %d of %d trials", len(f.train)+len(f.test), len(labels))
			}
		}
		for i, n := range seen {
			if n != 1 {
				t.Fatalf("trial %d is tested %d times", i, n)
			}
		}
	})
}
