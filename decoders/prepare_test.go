package decoders_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/neurod/neurod/decoders"
)

func TestMemoMakesOnce(t *testing.T) {
	t.Parallel()
	var memo decoders.Memo
	made := 0
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if v, err := memo.Do("a", func() (any, error) { made++; return 7, nil }); v != 7 || err != nil {
				t.Errorf("%v, %v", v, err)
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("made %d times", made)
	}
	fault := errors.New("no")
	for range 2 {
		if _, err := memo.Do("b", func() (any, error) { made++; return nil, fault }); !errors.Is(err, fault) {
			t.Errorf("got %v", err)
		}
	}
	if made != 2 {
		t.Errorf("an error was made %d times", made-1)
	}
	var none *decoders.Memo
	for range 2 {
		if v, err := none.Do("a", func() (any, error) { made++; return made, nil }); v != made || err != nil {
			t.Errorf("%v, %v", v, err)
		}
	}
	if made != 4 {
		t.Error("a nil memo kept something")
	}
}
