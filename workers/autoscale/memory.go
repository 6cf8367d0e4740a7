package autoscale

import "fmt"

// Memory is what the machine or the container has.
type Memory struct {
	Available int64 // bytes that processes could still take without anything being swapped out
	All       int64
}

// Memories reads memory. Where it cannot be read, nothing is bounded by it.
type Memories interface {
	// Memory returns what there is to have for this process.
	Memory() (Memory, error)
	// Resident returns how much a process has taken.
	Resident(pid int) (int64, error)
}

const (
	// assumedWorker is how much a worker takes where none has run for long; the first measured ones replace it.
	assumedWorker = 96 << 20
	// leastSpare is what is left for the rest of the machine at least.
	leastSpare = 256 << 20
)

// Room returns how many more workers there is memory for, beside spare bytes that are left for the rest of the machine (0 for a tenth of all,
// 256 MiB at least), and says why. A worker counts as the largest of those that run. Where less than half of what is to be spared is left, one is too
// many.
func Room(m Memories, spare int64) func(pids []int) (int, string) {
	return func(pids []int) (int, string) {
		now, err := m.Memory()
		if err != nil || now.All <= 0 {
			return NoRoomLimit, ""
		}
		each := int64(assumedWorker)
		for _, pid := range pids {
			if n, err := m.Resident(pid); err == nil {
				each = max(each, n)
			}
		}
		keep := spare
		if keep <= 0 {
			keep = max(now.All/10, leastSpare)
		}
		why := fmt.Sprintf("%d MiB of memory are free, %d are to be spared, and a worker takes %d", now.Available>>20, keep>>20, each>>20)
		if now.Available < keep/2 {
			return -1, why
		}
		return int(max(now.Available-keep, 0) / each), why
	}
}
