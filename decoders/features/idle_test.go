package features_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/synthetic"
)

// TestSummariesOfManyMontagesAtOnce shares the idle extractors among montages, rates and goroutines: each clip's summary
// is the same as alone.
func TestSummariesOfManyMontagesAtOnce(t *testing.T) {
	t.Parallel()
	var sessions []synthetic.Session
	for i, cfg := range []synthetic.Config{
		{Channels: []string{"Fp1", "Fp2", "C3"}}, {Channels: []string{"O1", "O2", "Pz"}}, {Rate: 128, Channels: []string{"Fp1", "Fp2", "C3"}}, {Rate: 160},
	} {
		cfg.Seed = uint64(i)
		s, err := synthetic.Rest(cfg, 5, i%2 == 0)
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	summary := func(s synthetic.Session) string {
		sum, err := features.Summarize(s.Signal)
		if err != nil {
			return err.Error()
		}
		b, err := json.Marshal(sum)
		if err != nil {
			return err.Error()
		}
		return string(b)
	}
	var want []string
	for _, s := range sessions {
		want = append(want, summary(s))
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for k := range 12 {
				i := (g + k) % len(sessions)
				if got := summary(sessions[i]); got != want[i] {
					t.Errorf("montage %d: alone\n%s\nbeside others\n%s", i, want[i], got)
				}
			}
		})
	}
	wg.Wait()
}
