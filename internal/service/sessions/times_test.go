package sessions

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestTimesOfAnyUnit holds times to their unit: in ms they are taken, in any other they are refused by its name.
func TestTimesOfAnyUnit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(rapid.Int64Range(1_700_000_000_000, 4_000_000_000_000).Draw(t, "now"))
		at := time.UnixMilli(rapid.Int64Range(year2000.UnixMilli(), now.Add(maxFuture).UnixMilli()).Draw(t, "at"))
		if fault := timeFault(at.UnixMilli(), now); fault != "" {
			t.Fatalf("%v in ms: %s", at, fault)
		}
		for unit, v := range map[string]int64{"seconds": at.Unix(), "microseconds": at.UnixMicro(), "nanoseconds": at.UnixNano()} {
			if fault := timeFault(v, now); !strings.Contains(fault, "looks like "+unit) {
				t.Fatalf("%v in %s: %q", at, unit, fault)
			}
		}
	})
}

func TestOddTimes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		ms  int64
		odd bool
	}{
		{0, true}, {1, true}, {year2000.UnixMilli() - 1, true}, {year2000.UnixMilli(), false}, {now.UnixMilli(), false},
		{now.Add(clockSkew).UnixMilli(), false}, {now.Add(clockSkew + time.Millisecond).UnixMilli(), true},
	} {
		if text := oddTime(tt.ms, now); (text != "") != tt.odd {
			t.Errorf("%d: %q", tt.ms, text)
		}
	}
}
