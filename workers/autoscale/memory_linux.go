package autoscale

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// System reads the memory of this machine: what the kernel has for processes (MemAvailable, proc_meminfo(5)), or what the limit of the cgroup
// that this process is in, or of one above it, leaves, whichever is less.
func System() Memories { return linux{root: "/"} }

// linux reads files below root.
type linux struct{ root string }

// Memory implements Memories.
func (l linux) Memory() (Memory, error) {
	b, err := os.ReadFile(filepath.Join(l.root, "proc/meminfo"))
	if err != nil {
		return Memory{}, err
	}
	m := Memory{Available: fieldOf(b, "MemAvailable:") << 10, All: fieldOf(b, "MemTotal:") << 10}
	if m.All <= 0 {
		return Memory{}, fmt.Errorf("autoscale: no MemTotal in meminfo")
	}
	for _, c := range l.cgroups() {
		limit, used := c.limit, c.used
		if limit > 0 && limit < m.All {
			m.All = limit
		}
		if limit > 0 {
			m.Available = min(m.Available, max(limit-used, 0))
		}
	}
	return m, nil
}

// Resident implements Memories.
func (l linux) Resident(pid int) (int64, error) {
	b, err := os.ReadFile(filepath.Join(l.root, "proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	return fieldOf(b, "VmRSS:") << 10, nil
}

// cgroup is the limit and the use of memory of a group; limit 0 for none.
type cgroup struct{ limit, used int64 }

// cgroups are those that this process is in, from the innermost outwards: of version 2, or the one of version 1's memory controller. Files that the
// kernel may drop are not counted as used.
func (l linux) cgroups() (out []cgroup) {
	b, err := os.ReadFile(filepath.Join(l.root, "proc/self/cgroup"))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		base, limit, used, inactive := "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
		switch {
		case parts[0] == "0" && parts[1] == "":
		case strings.Contains(parts[1], "memory"):
			base, limit, used, inactive = "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
		default:
			continue
		}
		for dir := filepath.Clean("/" + parts[2]); ; dir = filepath.Dir(dir) {
			at := filepath.Join(l.root, base, dir)
			c := cgroup{limit: l.number(at, limit), used: l.number(at, used)}
			if stat, err := os.ReadFile(filepath.Join(at, "memory.stat")); err == nil {
				c.used -= fieldOf(stat, inactive)
			}
			if c.limit > 0 && c.limit < 1<<60 { // version 1 writes a huge number for none
				out = append(out, c)
			}
			if dir == "/" {
				break
			}
		}
	}
	return out
}

// number reads a file with a number, 0 where there is none or none in it.
func (l linux) number(dir, name string) int64 {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// fieldOf returns the number behind a name at the beginning of a line, 0 for none.
func fieldOf(b []byte, name string) int64 {
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) >= 2 && f[0] == name {
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				return n
			}
		}
	}
	return 0
}
