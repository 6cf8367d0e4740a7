package autoscale

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/models"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"), goleak.IgnoreAnyFunction("os/exec.(*Cmd).Start.func2"))
}

// fake is a worker in memory.
type fake struct {
	pid              int
	mu               sync.Mutex
	ended            chan struct{}
	err              error
	drained, hurried bool
	busy             int // jobs that it runs
}

func (f *fake) Pid() int               { return f.pid }
func (f *fake) Ended() <-chan struct{} { return f.ended }
func (f *fake) Err() error             { return f.err }
func (f *fake) Hurry()                 { f.mu.Lock(); f.hurried = true; f.mu.Unlock(); f.end(nil) }
func (f *fake) Kill()                  { f.end(errors.New("killed")) }
func (f *fake) over() bool {
	select {
	case <-f.ended:
		return true
	default:
		return false
	}
}

// runs sets how many jobs it runs, load tells it, and gone whether it was told to drain.
func (f *fake) runs(jobs int) { f.mu.Lock(); defer f.mu.Unlock(); f.busy = jobs }
func (f *fake) load() int     { f.mu.Lock(); defer f.mu.Unlock(); return f.busy }
func (f *fake) gone() bool    { f.mu.Lock(); defer f.mu.Unlock(); return f.drained }
func (f *fake) rushed() bool  { f.mu.Lock(); defer f.mu.Unlock(); return f.hurried }

// Drain ends one that runs nothing.
func (f *fake) Drain() {
	f.mu.Lock()
	f.drained = true
	idle := f.busy == 0
	f.mu.Unlock()
	if idle {
		f.end(nil)
	}
}

func (f *fake) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.over() {
		f.err = err
		close(f.ended)
	}
}

// world is what supervisors see: a load, and the workers of all of them.
type world struct {
	mu       sync.Mutex
	load     Load
	workers  map[int]*fake
	keepers  []Keeper
	owner    map[int]string
	free     int // workers that nobody keeps
	broken   error
	failing  error // of starts
	dieAfter time.Duration
	events   map[string][]models.ScaleEvent
	room     int
}

func newWorld() *world {
	return &world{workers: map[int]*fake{}, owner: map[int]string{}, events: map[string][]models.ScaleEvent{}, room: NoRoomLimit}
}

// supervisor makes one of the world's.
func (w *world) supervisor(t *testing.T, id string, low, high int) *Supervisor {
	t.Helper()
	w.set(func() { w.keepers = append(w.keepers, Keeper{id, low, high}) })
	s, err := NewSupervisor(SupervisorConfig{ID: id, Host: "h", Min: low, Max: high, Law: Law{Slots: 1}, Log: slog.New(slog.DiscardHandler),
		Start: func() (Worker, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.failing != nil {
				return nil, w.failing
			}
			f := &fake{pid: 100 + len(w.workers), ended: make(chan struct{})}
			w.workers[f.pid], w.owner[f.pid] = f, id
			if w.dieAfter > 0 {
				time.AfterFunc(w.dieAfter, func() { f.end(errors.New("exit status 1")) })
			}
			return f, nil
		},
		Look: func(context.Context) (Sight, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.broken != nil {
				return Sight{}, w.broken
			}
			sight := Sight{Interactive: w.load, Keepers: slices.Clone(w.keepers), Others: w.free, Free: w.free, Slots: w.free, Running: map[int]int{}}
			for pid, f := range w.workers {
				if f.over() || f.gone() {
					continue
				}
				sight.Slots++
				sight.Running[pid] = f.load()
				if w.owner[pid] != id {
					sight.Others++
				}
			}
			return sight, nil
		},
		Room: func([]int) (int, string) { w.mu.Lock(); defer w.mu.Unlock(); return w.room, "memory is short" },
		Note: func(e models.ScaleEvent) { w.mu.Lock(); defer w.mu.Unlock(); w.events[id] = append(w.events[id], e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// set changes the world.
func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// live are the workers of a supervisor, "" for all, that take jobs.
func (w *world) live(of string) (out []*fake) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for pid, f := range w.workers {
		if (of == "" || w.owner[pid] == of) && !f.over() && !f.gone() {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *fake) int { return a.pid - b.pid })
	return out
}

// kinds are the kinds of events of a supervisor.
func (w *world) kinds(of string) (out []models.ScaleEventKind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events[of] {
		out = append(out, e.Kind)
	}
	return out
}

// during runs supervisors while a test looks at the world.
func during(t *testing.T, test func(t *testing.T, w *world), make ...func(w *world) *Supervisor) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for _, m := range make {
			s := m(w)
			group.Go(func() {
				if err := s.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		test(t, w)
		w.set(func() {
			for _, f := range w.workers {
				f.runs(0)
			}
		})
		cancel()
		group.Wait()
		for pid, f := range w.workers {
			if !f.over() {
				t.Errorf("worker %d outlives its supervisor", pid)
			}
		}
	})
}

func one(t *testing.T, low, high int) func(w *world) *Supervisor {
	return func(w *world) *Supervisor { return w.supervisor(t, "a", low, high) }
}

// TestFollowsTheLoad: workers are there within two seconds of need, stay for a minute, and go again, the least busy first; none that runs a job is
// cut off.
func TestFollowsTheLoad(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T, w *world) {
		if n := len(w.live("")); n != 1 {
			t.Fatalf("%d workers at the start, want 1", n)
		}
		w.set(func() { w.load = steady(5, time.Second) })
		time.Sleep(2 * time.Second)
		all := w.live("")
		if len(all) != 8 { // 5 / 0.7
			t.Fatalf("%d workers two seconds later, want 8", len(all))
		}
		w.set(func() {
			w.load = Load{}
			all[0].runs(1)
			all[7].runs(3)
		})
		time.Sleep(10 * time.Minute)
		left := w.live("")
		if len(left) != 1 || left[0] != all[7] {
			t.Errorf("%d are left, %d of them the busiest", len(left), len(left)-1)
		}
		if !all[0].gone() || all[0].over() || all[0].rushed() {
			t.Errorf("the one that runs a job: told to go %v, over %v, hurried %v", all[0].gone(), all[0].over(), all[0].rushed())
		}
		all[0].end(nil)
		synctest.Wait()
		if got := w.kinds("a"); slices.Contains(got, models.ScaleDeath) {
			t.Errorf("events %v", got)
		}
	}, one(t, 1, 8))
}

// TestStartsAgainWhatDies: at once where it had lived, and later and later where it ends soon after its start; that is a crash loop, which is told, and
// over when one lives.
func TestStartsAgainWhatDies(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T, w *world) {
		time.Sleep(time.Minute)
		w.live("")[0].end(errors.New("signal: killed"))
		time.Sleep(time.Second)
		if n := len(w.live("")); n != 2 {
			t.Fatalf("%d workers after one was killed, want 2", n)
		}
		if d := cmp.Diff([]models.ScaleEventKind{models.ScaleUp, models.ScaleDeath, models.ScaleUp}, w.kinds("a")); d != "" {
			t.Error(d)
		}

		w.set(func() {
			w.dieAfter = time.Second
			w.events["a"] = nil
		})
		for _, f := range w.live("") {
			f.end(errors.New("signal: killed"))
		}
		before := 0
		w.set(func() { before = len(w.workers) })
		time.Sleep(5 * time.Minute)
		w.set(func() {
			if tried := len(w.workers) - before; tried < 10 || tried > 20 { // 0.5, 1, 2, 4, 8, 16, 30, 30, … s
				t.Errorf("%d starts in five minutes", tried)
			}
			w.dieAfter = 0
		})
		if got := w.kinds("a"); !slices.Contains(got, models.ScaleCrashLoop) || slices.Contains(got, models.ScaleRecovered) {
			t.Errorf("events %v", got)
		}
		time.Sleep(time.Minute)
		if n := len(w.live("")); n != 2 {
			t.Errorf("%d workers when they live again, want 2", n)
		}
		if got := w.kinds("a"); !slices.Contains(got, models.ScaleRecovered) {
			t.Errorf("events %v", got)
		}
	}, one(t, 2, 2))
}

// TestStartsThatFail are put off as well, and nothing else is harmed.
func TestStartsThatFail(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T, w *world) {
		w.set(func() { w.failing, w.load = errors.New("no such file"), steady(3, time.Second) })
		time.Sleep(time.Minute)
		if n := len(w.live("")); n != 1 {
			t.Errorf("%d workers, want 1", n)
		}
		w.set(func() { w.failing = nil })
		time.Sleep(time.Minute)
		if n := len(w.live("")); n != 4 {
			t.Errorf("%d workers, want 4", n)
		}
	}, one(t, 1, 4))
}

// TestLeavesMemory: none is started without room, the least that there should be aside, and one goes where memory is short.
func TestLeavesMemory(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T, w *world) {
		w.set(func() { w.load, w.room = steady(5, time.Second), 2 })
		time.Sleep(time.Second)
		w.set(func() { w.room = 0 })
		time.Sleep(time.Minute)
		n := len(w.live(""))
		if n < 3 || n > 5 {
			t.Errorf("%d workers with room for two more at a time", n)
		}
		if got := w.kinds("a"); !slices.Contains(got, models.ScaleBlocked) {
			t.Errorf("events %v", got)
		}
		w.set(func() { w.room = -1 })
		time.Sleep(time.Minute)
		if n := len(w.live("")); n != 1 {
			t.Errorf("%d workers when memory is short, want 1", n)
		}
	}, one(t, 1, 8))
}

// TestTheDatabaseIsAway: what is there stays, and what dies is started again.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T, w *world) {
		w.set(func() { w.load = steady(5, time.Second) })
		time.Sleep(5 * time.Second)
		w.set(func() { w.broken = errors.New("connection refused") })
		time.Sleep(30 * time.Minute)
		if n := len(w.live("")); n != 8 {
			t.Errorf("%d workers, want 8", n)
		}
	}, one(t, 1, 8))
}

// TestStopWaitsForWhatRuns, as long as it may, and then has it handed back.
func TestStopWaitsForWhatRuns(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ends    time.Duration // when the worker's job does
		hurried bool
		within  time.Duration
	}{"a short job": {5 * time.Second, false, 6 * time.Second}, "a long job": {time.Hour, true, 21 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				s := w.supervisor(t, "a", 1, 1)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error)
				go func() { ended <- s.Run(ctx) }()
				synctest.Wait()
				f := w.live("")[0]
				f.runs(1)
				time.AfterFunc(tt.ends, func() { f.end(nil) })
				began := time.Now()
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if took := time.Since(began); took > tt.within || f.rushed() != tt.hurried || !f.gone() {
					t.Errorf("stopped after %v: told to go %v, hurried %v", took, f.gone(), f.rushed())
				}
				time.Sleep(tt.ends)
			})
		})
	}
}

// TestSupervisorsDoNotFight: two that see the same load keep what it takes between them, come to rest, and one takes over when the other is gone.
func TestSupervisorsDoNotFight(t *testing.T) {
	t.Parallel()
	during(t, func(t *testing.T, w *world) {
		w.set(func() { w.load, w.free = steady(7, time.Second), 1 }) // ten workers, of which one is nobody's
		time.Sleep(5 * time.Second)
		a, b := len(w.live("a")), len(w.live("b"))
		if a+b != 9 || a < 4 || b < 4 {
			t.Errorf("%d and %d workers, want 9 between them", a, b)
		}
		quiet := len(w.kinds("a")) + len(w.kinds("b"))
		time.Sleep(30 * time.Minute)
		if n := len(w.kinds("a")) + len(w.kinds("b")) - quiet; n != 0 || len(w.live("")) != 9 {
			t.Errorf("%d events at a steady load: a %v, b %v", n, w.kinds("a"), w.kinds("b"))
		}
		w.set(func() { w.load = Load{} })
		time.Sleep(30 * time.Minute)
		if a, b := len(w.live("a")), len(w.live("b")); a != 1 || b != 2 {
			t.Errorf("%d and %d workers without a load, want the least of each: 1 and 2", a, b)
		}
	}, one(t, 1, 8), func(w *world) *Supervisor { return w.supervisor(t, "b", 2, 8) })
}

// TestShares: what is wanted is shared whole, within each one's bounds, alike whoever counts, and more wanted means less for nobody.
func TestShares(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []Keeper
		low, high := 0, 0
		for i := range rapid.IntRange(1, 6).Draw(t, "supervisors") {
			k := Keeper{ID: fmt.Sprint(i), Min: rapid.IntRange(0, 5).Draw(t, "min")}
			k.Max = k.Min + rapid.IntRange(0, 20).Draw(t, "more")
			all, low, high = append(all, k), low+k.Min, high+k.Max
		}
		wanted := rapid.IntRange(-3, 150).Draw(t, "wanted")
		sum := 0
		for _, k := range all {
			n := Share(wanted, rapid.Permutation(all).Draw(t, "seen"), k.ID)
			if n < k.Min || n > k.Max {
				t.Fatalf("%d for %+v", n, k)
			}
			if more := Share(wanted+1, all, k.ID); more < n {
				t.Fatalf("%d of %d, and %d of one more", n, wanted, more)
			}
			sum += n
		}
		if want := min(max(wanted, low), high); sum != want {
			t.Fatalf("%d are kept, want %d", sum, want)
		}
	})
}

// TestBoundsAreChecked before anything is started.
func TestBoundsAreChecked(t *testing.T) {
	t.Parallel()
	for _, b := range [][2]int{{0, 0}, {2, 1}, {-1, 1}} {
		if _, err := NewSupervisor(SupervisorConfig{Min: b[0], Max: b[1], Start: func() (Worker, error) { return nil, nil }, Look: func(context.Context) (Sight, error) { return Sight{}, nil }}); err == nil {
			t.Errorf("bounds %v are taken", b)
		}
	}
}

// memories are made up.
type memories struct {
	Memory_  Memory
	resident map[int]int64
}

func (m memories) Memory() (Memory, error) {
	if m.Memory_.All == 0 {
		return Memory{}, errors.New("unknown")
	}
	return m.Memory_, nil
}

func (m memories) Resident(pid int) (int64, error) {
	if n, ok := m.resident[pid]; ok {
		return n, nil
	}
	return 0, os.ErrNotExist
}

func TestRoom(t *testing.T) {
	t.Parallel()
	const gib = 1 << 30
	for name, tt := range map[string]struct {
		memory Memory
		spare  int64
		taken  map[int]int64
		want   int
	}{
		"unknown":               {want: NoRoomLimit},
		"plenty":                {memory: Memory{Available: 9 * gib, All: 10 * gib}, want: 85}, // 8 GiB of 96 MiB
		"measured":              {memory: Memory{Available: 9 * gib, All: 10 * gib}, taken: map[int]int64{1: gib, 2: 2 * gib}, want: 4},
		"a small machine":       {memory: Memory{Available: 300 << 20, All: gib}, want: 0}, // 256 MiB are spared
		"nothing to spare":      {memory: Memory{Available: 200 << 20, All: gib}, want: 0},
		"short":                 {memory: Memory{Available: 100 << 20, All: gib}, want: -1},
		"as the operator wants": {memory: Memory{Available: 3 * gib, All: 10 * gib}, spare: 2 * gib, taken: map[int]int64{1: gib}, want: 1},
	} {
		pids := []int{1, 2}
		if got, _ := Room(memories{tt.memory, tt.taken}, tt.spare)(pids); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// TestMemoryOfContainers reads what a kernel writes, with limits of both versions of cgroups.
func TestMemoryOfContainers(t *testing.T) {
	t.Parallel()
	const meminfo = "MemTotal:       16000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\n"
	for name, tt := range map[string]struct {
		files map[string]string
		want  Memory
	}{
		"no limit": {map[string]string{"proc/self/cgroup": "0::/user.slice\n", "sys/fs/cgroup/user.slice/memory.max": "max\n", "sys/fs/cgroup/user.slice/memory.current": "5\n"},
			Memory{8000000 << 10, 16000000 << 10}},
		"version 2": {map[string]string{"proc/self/cgroup": "0::/pod/app\n", "sys/fs/cgroup/pod/app/memory.max": "max\n", "sys/fs/cgroup/pod/memory.max": "1073741824\n",
			"sys/fs/cgroup/pod/memory.current": "800000000\n", "sys/fs/cgroup/pod/memory.stat": "anon 1\ninactive_file 300000000\n"}, Memory{1073741824 - 500000000, 1073741824}},
		"version 1": {map[string]string{"proc/self/cgroup": "4:cpu:/x\n7:memory:/box\n", "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "2000000000\n",
			"sys/fs/cgroup/memory/box/memory.usage_in_bytes": "500000000\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, Memory{1500000000, 2000000000}},
	} {
		root := t.TempDir()
		tt.files["proc/meminfo"] = meminfo
		for path, text := range tt.files {
			at := filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := memoryAt(root); err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, tt.want)
		}
	}
	if n, err := System().Resident(os.Getpid()); err == nil && n < 1<<20 {
		t.Errorf("this process has %d bytes", n)
	}
}
