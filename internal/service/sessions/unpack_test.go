package sessions

import (
	"strings"
	"testing"

	"github.com/neurod/neurod/models"
)

// TestGzipFilesMayNotGrowWithoutEnd takes what shrinks as recordings do, and refuses zeros.
func TestGzipFilesMayNotGrowWithoutEnd(t *testing.T) {
	t.Parallel()
	came := &counter{n: 1 << 20}
	for n, fine := range map[int64]bool{4 << 20: true, 6 << 20: true, 6<<20 + 1: false} {
		f := &inflated{r: strings.NewReader("x"), came: came, n: n - 1}
		if _, err := f.Read(make([]byte, 1)); (err == nil) != fine {
			t.Errorf("%d bytes of %d: %v", n, came.n, err)
		} else if !fine && models.AsError(err).Code != models.PayloadTooLarge {
			t.Errorf("refused with %v", err)
		}
	}
}
