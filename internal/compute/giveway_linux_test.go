package compute

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestThreadsGiveWay reads the priority of the thread that computes what is lengthy, and that of the one that computes what is brief.
func TestThreadsGiveWay(t *testing.T) {
	s := New(1)
	defer s.Close()
	nice := func(w Work) (nice int32) {
		err := s.Do(t.Context(), w, func() error {
			a, err := unix.SchedGetAttr(0, 0)
			if err == nil {
				nice = a.Nice
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return nice
	}
	usual := nice(Work{})
	for range 2 {
		if got := nice(Work{Unwatched: true}); got != min(usual+asideNice, mostNice) {
			t.Errorf("a lengthy computation runs at %d, a brief one at %d", got, usual)
		}
		if got := nice(Work{}); got != usual {
			t.Errorf("a brief one runs at %d after a lengthy one, before at %d", got, usual)
		}
	}
}
