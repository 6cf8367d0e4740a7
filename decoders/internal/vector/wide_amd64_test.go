package vector_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/internal/vector"
)

// TestWide holds the question to the processor to what the system says of it.
func TestWide(t *testing.T) {
	t.Parallel()
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip("no /proc/cpuinfo to compare with")
	}
	if want := slices.Contains(strings.Fields(string(info)), "avx"); vector.Wide != want {
		t.Errorf("vectors of four: %v, /proc/cpuinfo: %v", vector.Wide, want)
	}
}
