//go:build linux

package procfs

import (
	"os"
	"testing"
	"time"
)

// TestOwnProcess reads this process, which has used time and holds memory, and holds more once a block of it is touched.
func TestOwnProcess(t *testing.T) {
	pid := os.Getpid()
	if err := Forget(pid); err != nil {
		t.Skipf("clear_refs: %v", err)
	}
	before, _, err := Resident(pid)
	if err != nil || before < 1<<20 {
		t.Fatalf("%d bytes resident, %v", before, err)
	}
	const size = 32 << 20
	block := make([]byte, size)
	start, sum := time.Now(), byte(0)
	for time.Since(start) < 50*time.Millisecond {
		for i := 0; i < size; i += 4096 {
			block[i]++
			sum += block[i]
		}
	}
	now, peak, err := Resident(pid)
	if err != nil || now < before+size/2 || peak < now {
		t.Errorf("%d MiB of %d before, peak %d, with a block of %d: %v", now>>20, before>>20, peak>>20, size>>20, err)
	}
	if cpu, err := CPU(pid); err != nil || cpu <= 0 || sum == 1 && block[0] == 0 {
		t.Errorf("processor time %v, %v", cpu, err)
	}
	if _, err := CPU(1 << 30); err == nil {
		t.Error("a process that there is not has used time")
	}
}
