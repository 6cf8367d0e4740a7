package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

// local is this process's own count. It is exact for as many keys as it has room for; keys beyond those share
// counters, so that its size is fixed and a flood of keys makes it stricter, never forgetful. Times are ns of a clock that is never
// set: one that is set back would refuse everybody for as long as it was set back by.
type local struct {
	mu    sync.Mutex
	room  int
	exact map[id]int64 // TAT, ns
	swept int64        // ns of the last sweep
	more  *sketch      // made when there was no room
}

// sweepPause is the least time between two looks for keys that have come to rest.
const sweepPause = time.Second

func (l *local) init(room int) { l.room, l.exact = room, map[id]int64{} }

// take counts n requests at once, unless they must wait. ahead is how far the key's TAT is ahead of now.
func (l *local) take(key id, rate Rate, n int, at time.Duration) (wait, ahead time.Duration) {
	now := int64(at)
	l.mu.Lock()
	defer l.mu.Unlock()
	old, found := l.exact[key]
	if !found {
		found = l.makeRoom(now)
		if l.more != nil {
			old = l.more.get(key) // perhaps it was counted there before
		}
	}
	old = max(old, now)
	tat := old + int64(rate.cost(n))
	if wait := time.Duration(tat - now - int64(rate.whole())); wait > 0 {
		return wait, time.Duration(old - now)
	}
	if found {
		l.exact[key] = tat
	} else {
		l.more.raise(key, tat)
	}
	return 0, time.Duration(tat - now)
}

// makeRoom reports whether one more key can be told apart. Where it cannot, l.more is there.
func (l *local) makeRoom(now int64) bool {
	if len(l.exact) < l.room {
		return true
	}
	if now-l.swept >= int64(sweepPause) || now < l.swept {
		l.swept = now
		for k, tat := range l.exact {
			if tat <= now {
				delete(l.exact, k)
			}
		}
		if len(l.exact) < l.room {
			return true
		}
	}
	if l.more == nil {
		l.more = newSketch()
	}
	return false
}

func (l *local) refund(key id, rate Rate, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if tat, found := l.exact[key]; found {
		l.exact[key] = tat - int64(rate.cost(n))
	} else if l.more != nil {
		l.more.lower(key, int64(rate.cost(n)))
	}
}

// cells is how many counters a row of a sketch has: 2 rows of 65,536 × 8 bytes are 1 MiB.
const cells = 1 << 16

// sketch is a count-min sketch (Cormode and Muthukrishnan 2005) of TATs: a key's TAT is the smaller of its two cells,
// which is never less than the true one. Keys find their cells by a hash that nobody outside can predict.
type sketch struct {
	rows [2]struct {
		seed maphash.Seed
		tat  [cells]int64 // ns
	}
}

func newSketch() *sketch {
	s := new(sketch)
	for i := range s.rows {
		s.rows[i].seed = maphash.MakeSeed()
	}
	return s
}

func (s *sketch) cells(key id) (a, b *int64) {
	return &s.rows[0].tat[maphash.Bytes(s.rows[0].seed, key[:])%cells], &s.rows[1].tat[maphash.Bytes(s.rows[1].seed, key[:])%cells]
}

func (s *sketch) get(key id) int64 {
	a, b := s.cells(key)
	return min(*a, *b)
}

func (s *sketch) raise(key id, tat int64) {
	a, b := s.cells(key)
	*a, *b = max(*a, tat), max(*b, tat)
}

func (s *sketch) lower(key id, by int64) {
	a, b := s.cells(key)
	*a -= by
	*b -= by
}
