package workers

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestBulkIsFewBesideOthers: bulk jobs have all of their slots while nobody waits for a decode, few of them while somebody does, and one that takes long is
// not one of the few any longer.
func TestBulkIsFewBesideOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		present, freed := false, 0
		r := &reserve{most: 6, few: 2, present: func() bool { return present }, free: func() { freed++ }}
		var over []func()
		fill := func() (n int) {
			for r.may() {
				r.fetch()
				over = append(over, r.begin())
				n++
			}
			return n
		}
		if n := fill(); n != 6 {
			t.Errorf("%d run while nobody waits, want 6", n)
		}
		for _, end := range over {
			end()
		}
		if freed != 1 {
			t.Errorf("the fetcher was told %d times that it may look again, want once", freed)
		}
		over, present = nil, true
		if n := fill(); n != 2 {
			t.Errorf("%d run while somebody waits, want 2", n)
		}
		time.Sleep(longJob)
		if n := fill(); n != 2 {
			t.Errorf("%d more run when two take long, want 2", n)
		}
		over[2]()
		if n := fill(); n != 1 {
			t.Errorf("%d run for one that has ended, want 1", n)
		}
		time.Sleep(longJob)
		if n := fill(); n != 2 {
			t.Errorf("%d run up to the slots of bulk, want 2", n)
		}
	})
}
