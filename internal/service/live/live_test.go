package live_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/neurod/neurod/decoders/causal"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The servers that testkit started live as long as the test process.
		goleak.IgnoreAnyFunction("os/exec.(*Cmd).Wait"),
		goleak.IgnoreAnyFunction("os/exec.(*Cmd).Start.func2"),
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"),
	)
}

// patience bounds every wait; nothing depends on how long things take.
const patience = time.Minute

// topics is the engine's part: signals within this process.
type topics struct {
	mu      sync.Mutex
	subs    map[string]map[chan struct{}]struct{}
	drained chan struct{}
}

func newTopics() *topics {
	return &topics{subs: map[string]map[chan struct{}]struct{}{}, drained: make(chan struct{})}
}

func (t *topics) Subscribe(topic string) (<-chan struct{}, func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := make(chan struct{}, 1)
	if t.subs[topic] == nil {
		t.subs[topic] = map[chan struct{}]struct{}{}
	}
	t.subs[topic][c] = struct{}{}
	return c, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.subs[topic], c)
	}
}

func (t *topics) Drained() <-chan struct{} { return t.drained }

func (t *topics) notify(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.subs[topic] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// keyed is a database in which keys are good as long as a test says so, and which counts what is asked of it.
type keyed struct {
	*store.Store
	mu   sync.Mutex
	keys map[string]string
	news int
	fail bool
	// around is called before each read of what is new, and what it returns behind it; nil for nothing.
	around func(q store.NewsQuery) func()
}

func (k *keyed) ActiveKeys(context.Context, []string, time.Time) (map[string]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := map[string]string{}
	for id, project := range k.keys {
		out[id] = project
	}
	return out, nil
}

func (k *keyed) News(ctx context.Context, q store.NewsQuery) (store.News, error) {
	k.mu.Lock()
	k.news++
	fail := k.fail
	k.mu.Unlock()
	if fail {
		return store.News{}, errors.New("the database is away")
	}
	if k.around != nil {
		defer k.around(q)()
	}
	return k.Store.News(ctx, q)
}

func (k *keyed) asked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.news
}

// bench is a session that is recorded and followed.
type bench struct {
	db     *keyed
	topics *topics
	live   *live.Service
	who    models.Principal
	ses    models.Session
	n      int
	truth  map[int64][]float32 // by position: what is stored
}

func newBench(t *testing.T, db *store.Store, channels int) *bench {
	t.Helper()
	b := &bench{db: &keyed{Store: db, keys: map[string]string{}}, topics: newTopics(), truth: map[int64][]float32{},
		who: models.Principal{ProjectID: models.NewID(), KeyID: models.NewID(), Scopes: []models.Scope{models.ScopeSessions}}}
	b.db.keys[b.who.KeyID] = b.who.ProjectID
	b.live = live.New(live.Config{Store: b.db, Topics: b.topics, NewFilter: func(f eeg.Filters, rate float64, channels int) (live.Filter, error) {
		return causal.New(f, rate, channels)
	}})
	now, origin := time.Now(), int64(1_700_000_000_000)
	b.ses = models.Session{ID: models.NewID(), ProjectID: b.who.ProjectID, ExternalUserID: "u", DeviceType: "d", SampleRateHz: 250, JitterMS: 0,
		IngestionMode: models.ModeStreaming, State: models.SessionOpen, HopMS: 2000, CreatedAt: now, StartedAt: now, OriginMS: &origin}
	for i := range channels {
		b.ses.Channels = append(b.ses.Channels, fmt.Sprintf("E%d", i+1))
	}
	if err := db.CreateSession(t.Context(), b.ses); err != nil {
		t.Fatal(err)
	}
	return b
}

// ingest stores n samples a channel from a position on.
func (b *bench) ingest(t *testing.T, rng *rand.Rand, first int64, n int) {
	t.Helper()
	k := len(b.ses.Channels)
	data := make([]byte, 4*n*k)
	for i := range n {
		row := make([]float32, k)
		for c := range row {
			row[c] = float32(rng.NormFloat64() * 50)
			binary.LittleEndian.PutUint32(data[4*(i*k+c):], math.Float32bits(row[c]))
		}
		if _, there := b.truth[first+int64(i)]; !there {
			b.truth[first+int64(i)] = row
		}
	}
	b.n++
	codec, packed := store.PackSamples(data)
	job := models.Job{ID: models.NewID(), ProjectID: b.ses.ProjectID, Kind: models.KindSessionWindows, State: models.JobQueued, Request: []byte(`{}`), CreatedAt: time.Now(), NextCheck: time.Now()}
	_, err := b.db.IngestBatch(t.Context(), store.Ingest{Samples: int64(n), First: &first, Job: job, Batch: models.SampleBatch{SessionID: b.ses.ID,
		BatchID: fmt.Sprint("b", b.n), ProjectID: b.ses.ProjectID, StartMS: b.ses.TimeOf(first), Codec: codec, Size: len(data), Data: packed, CreatedAt: time.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	b.topics.notify(service.SampleTopic(b.ses.ID))
}

func (b *bench) follow(t *testing.T, r live.Request) *live.Follower {
	t.Helper()
	r.SessionID = b.ses.ID
	f, err := b.live.Follow(t.Context(), b.who, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func next(t *testing.T, f *live.Follower) []live.Item {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	items, err := f.Next(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// seen is what a follower has put together.
type seen struct {
	at      map[int64][]float32
	last    *live.Block
	gaps    map[int64]int64
	opening int64 // sample that came
	dropped []live.Dropped
}

func newSeen() *seen {
	return &seen{at: map[int64][]float32{}, gaps: map[int64]int64{}}
}

func (s *seen) take(t *testing.T, items []live.Item) {
	t.Helper()
	for _, i := range items {
		if i.Dropped != nil {
			s.dropped = append(s.dropped, *i.Dropped)
		}
		b := i.Block
		if b == nil {
			continue
		}
		if s.last != nil && b.Seq < s.last.Seq {
			t.Fatalf("batch %d after %d", b.Seq, s.last.Seq)
		}
		if s.last == nil {
			s.opening = b.First
		}
		s.last = b
		if b.Gap > 0 {
			s.gaps[b.First] = b.Gap
		}
		k := len(b.Session.Channels)
		for n := range b.Frames {
			at := b.First + int64(n)*b.Step
			if _, twice := s.at[at]; twice {
				t.Fatalf("sample %d is given twice", at)
			}
			s.at[at] = b.Data[n*k : (n+1)*k]
		}
	}
}

func (s *seen) same(t *testing.T, truth map[int64][]float32) {
	t.Helper()
	if len(s.at) != len(truth) {
		t.Errorf("%d samples seen, %d stored", len(s.at), len(truth))
	}
	for at, row := range truth {
		for c, v := range row {
			if got := s.at[at]; got == nil || got[c] != v {
				t.Fatalf("sample %d: seen %v, stored %v", at, got, row)
			}
		}
	}
}

// until takes what comes until everything that is stored was seen.
func (s *seen) until(t *testing.T, f *live.Follower, b *bench) {
	t.Helper()
	for s.last == nil || s.last.Seq < b.n-1 {
		before := len(s.at)
		s.take(t, next(t, f))
		if len(s.at) == len(b.truth) && before != len(s.at) {
			break
		}
	}
}

// TestWhatIsSeenIsWhatIsStored: batches come in order, late, with gaps and over each other; whoever follows from the beginning, begins in the
// middle of it all with everything, or loses the connection within a batch and resumes, has every sample once and as it is stored.
func TestWhatIsSeenIsWhatIsStored(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t, db, 3)
		all := -1
		there := b.follow(t, live.Request{Kinds: live.Samples, Loss: live.Every})
		from := newSeen()
		broken, parts := b.follow(t, live.Request{Kinds: live.Samples, Loss: live.Every, AfterBatch: &all}), newSeen()
		end := int64(0)
		told := 0
		for range 60 {
			n := 1 + rng.IntN(40)
			switch rng.IntN(6) {
			case 0: // a gap
				end += int64(1 + rng.IntN(50))
				b.ingest(t, rng, end, n)
				end += int64(n)
			case 1: // late, or over what is there
				b.ingest(t, rng, max(0, end-int64(rng.IntN(200))), n)
				for at := range b.truth {
					end = max(end, at+1)
				}
			default:
				b.ingest(t, rng, end, n)
				end += int64(n)
			}
			if rng.IntN(3) == 0 && len(b.truth) > told { // a batch that lies over others whole gives nothing
				told = len(b.truth)
				items := next(t, broken)
				cut := 1 + rng.IntN(len(items)) // the rest was lost with the connection
				parts.take(t, items[:cut])
				if rng.IntN(2) == 0 {
					seq, through := parts.last.Seq, parts.last.Through
					r := live.Request{Kinds: live.Samples, Loss: live.Every, AfterBatch: &seq}
					if !parts.last.Last || rng.IntN(2) == 0 {
						r.AfterSample = &through
					}
					broken.Close()
					broken = b.follow(t, r)
				} else if cut < len(items) {
					parts.take(t, items[cut:])
				}
			}
		}
		last := b.n
		b.ingest(t, rng, end+100, 5) // none is over it: it is seen last
		for _, f := range []struct {
			*live.Follower
			*seen
		}{{there, from}, {broken, parts}, {b.follow(t, live.Request{Kinds: live.Samples, AfterBatch: &all}), newSeen()}} {
			for f.last == nil || f.last.Seq < last {
				f.take(t, next(t, f.Follower))
			}
			f.same(t, b.truth)
		}
		// The gaps that were told when they came are those before each sample that has none before it, unless filled later.
		for at, gap := range from.gaps {
			if _, filled := b.truth[at-1-gap]; !filled {
				t.Errorf("a gap of %d before %d does not begin behind a sample", gap, at)
			}
		}
		for at := range b.truth {
			if _, before := b.truth[at-1]; before || at == 0 {
				continue
			}
			if from.gaps[at] == 0 && at != from.opening && hasBefore(b.truth, at) { // nothing was before the first when it came
				t.Errorf("no gap was told before %d", at)
			}
		}
	})
}

func hasBefore(truth map[int64][]float32, at int64) bool {
	for k := range truth {
		if k < at {
			return true
		}
	}
	return false
}

// TestTheSlowLoseSamplesAndAreToldWhich: who comes back after more than is kept goes on with the newest, knows exactly what was left out, and can
// fetch it; nobody else notices.
func TestTheSlowLoseSamplesAndAreToldWhich(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		rng := rand.New(rand.NewPCG(7, 1))
		b := newBench(t, db, 64)
		slow, quick := b.follow(t, live.Request{Kinds: live.Samples}), b.follow(t, live.Request{Kinds: live.Samples, Loss: live.Every})
		mine, theirs := newSeen(), newSeen()
		b.ingest(t, rng, 0, 10)
		mine.take(t, next(t, slow))
		for i := range 40 { // 64 KiB each: some eight are kept
			b.ingest(t, rng, 10+int64(i)*256, 256)
			theirs.until(t, quick, b)
		}
		for mine.last.Seq < b.n-1 {
			mine.take(t, next(t, slow))
		}
		theirs.same(t, b.truth)
		if len(mine.dropped) != 1 {
			t.Fatalf("dropped: %+v", mine.dropped)
		}
		d := mine.dropped[0]
		if d.FirstSeq != 1 || d.LastSeq != 39 || d.Samples != 39*256 || d.Total != d.Samples {
			t.Errorf("dropped: %+v", d)
		}
		before := d.FirstSeq - 1
		again, rest := b.follow(t, live.Request{Kinds: live.Samples, AfterBatch: &before}), newSeen()
		rest.at = mine.at
		for rest.last == nil || rest.last.Seq < d.LastSeq {
			items := next(t, again)
			for i := range items {
				if items[i].Block.Seq <= d.LastSeq {
					rest.take(t, items[i:i+1])
				}
			}
		}
		rest.same(t, b.truth)
	})
}

// TestALargeBatchComesInParts: one that is not kept for everybody is seen whole all the same, cut where it lies over another.
func TestALargeBatchComesInParts(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		rng := rand.New(rand.NewPCG(8, 1))
		b := newBench(t, db, 32)
		b.ingest(t, rng, 5000, 100)
		f, all := b.follow(t, live.Request{Kinds: live.Samples}), newSeen()
		b.ingest(t, rng, 0, 20_000) // 2.5 MiB
		b.ingest(t, rng, 20_000, 10)
		for all.last == nil || all.last.Seq < 2 {
			items := next(t, f)
			size := 0
			for _, i := range items {
				size += len(i.Block.Data)
			}
			if size > 1<<19 {
				t.Errorf("%d values at once", size)
			}
			all.take(t, items)
		}
		for at := int64(5000); at < 5100; at++ {
			delete(b.truth, at) // came before it began to follow
		}
		all.same(t, b.truth)
	})
}

// TestViewsAreOnePass: filtered and decimated samples are those of one pass over what is stored, whether a follower was there from the beginning, came in the
// middle, or resumed.
func TestViewsAreOnePass(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		rng := rand.New(rand.NewPCG(9, 1))
		b := newBench(t, db, 2)
		view := live.View{Filters: eeg.Filters{Notch: 50, HighPass: 0.5, LowPass: 40}, Decimate: 5}
		early, one := b.follow(t, live.Request{Kinds: live.Samples, Loss: live.Every, View: view}), newSeen()
		end := int64(3)
		for i := range 120 {
			if i == 60 {
				end += 1000 // 4 s: the pass begins anew behind it
			}
			b.ingest(t, rng, end, 25)
			end += 25
			if i == 80 {
				one.until(t, early, &bench{n: b.n, truth: nil})
			}
		}
		late := 99
		for name, r := range map[string]live.Request{"resumed": {Kinds: live.Samples, View: view, AfterBatch: &late}} {
			f, got := b.follow(t, r), newSeen()
			b.ingest(t, rng, end, 25) // one that comes live, for all
			end += 25
			for got.last == nil || got.last.Seq < b.n-1 {
				got.take(t, next(t, f))
			}
			for one.last.Seq < b.n-1 {
				one.take(t, next(t, early))
			}
			want := pass(t, b, view)
			if len(one.at) != len(want) {
				t.Errorf("%d samples shown of %d", len(one.at), len(want))
			}
			for at, row := range want {
				near(t, "from the beginning", at, one.at[at], row)
				if at >= got.first() {
					near(t, name, at, got.at[at], row)
				}
			}
		}
	})
}

func (s *seen) first() int64 {
	first := int64(math.MaxInt64)
	for at := range s.at {
		first = min(first, at)
	}
	return first
}

func near(t *testing.T, name string, at int64, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: sample %d is missing", name, at)
	}
	for c := range want {
		if math.Abs(float64(got[c]-want[c])) > 1e-3 { // of ±200 µV
			t.Fatalf("%s: sample %d channel %d is %g, want %g", name, at, c, got[c], want[c])
		}
	}
}

// pass is one pass over all that is stored.
func pass(t *testing.T, b *bench, v live.View) map[int64][]float32 {
	t.Helper()
	k := len(b.ses.Channels)
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for at := range b.truth {
		first, last = min(first, at), max(last, at)
	}
	low := eeg.Filters{LowPass: 250. / float64(v.Decimate) / 4}
	out := map[int64][]float32{}
	chain := []eeg.Filters{v.Filters, low, low}
	var filters []*causal.Filter
	for _, f := range chain {
		made, err := causal.New(f, 250, k)
		if err != nil {
			t.Fatal(err)
		}
		filters = append(filters, made)
	}
	for at := first; at <= last; at++ {
		row, there := b.truth[at]
		if !there {
			continue
		}
		for _, f := range filters {
			var err error
			if row, err = f.Process(nil, row, at); err != nil {
				t.Fatal(err)
			}
		}
		if at%int64(v.Decimate) == 0 {
			out[at] = row
		}
	}
	return out
}

// TestManyFollowersReadOnce: the feed reads for all of them together, and nothing while nothing happens.
func TestManyFollowersReadOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		rng := rand.New(rand.NewPCG(10, 1))
		b := newBench(t, db, 8)
		var all []*live.Follower
		for range 100 {
			all = append(all, b.follow(t, live.Request{Kinds: live.Samples}))
		}
		b.ingest(t, rng, 0, 10)
		for _, f := range all {
			next(t, f)
		}
		before := b.db.asked()
		for i := range 5 {
			b.ingest(t, rng, int64(10+10*i), 10)
			for _, f := range all {
				if items := next(t, f); len(items) != 1 || items[0].Block == nil {
					t.Fatalf("%+v", items)
				}
			}
		}
		if asked := b.db.asked() - before; asked > 10 { // a signal may come while the feed reads already
			t.Errorf("5 batches for 100 followers were read %d times", asked)
		}
	})
}

// TestFollowersEnd with their session, with it being erased, with their right and with the process; and they outlast a database that is away.
func TestFollowersEnd(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		rng := rand.New(rand.NewPCG(11, 1))
		ends := func(f *live.Follower) error {
			for {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				items, err := f.Next(ctx)
				cancel()
				if err != nil {
					return err
				}
				for _, i := range items {
					if i.Ended != nil && i.Ended.EndedAt == nil {
						t.Error("it has not ended")
					}
				}
			}
		}
		b := newBench(t, db, 1)
		f := b.follow(t, live.Request{Kinds: live.Samples | live.Windows | live.Events})
		b.db.mu.Lock()
		b.db.fail = true
		b.db.mu.Unlock()
		b.ingest(t, rng, 0, 10)
		b.db.mu.Lock()
		b.db.fail = false
		b.db.mu.Unlock()
		if items := next(t, f); items[0].Block.Frames != 10 {
			t.Errorf("%+v", items)
		}
		job := models.Job{ID: models.NewID(), ProjectID: b.ses.ProjectID, Kind: models.KindSessionWindows, State: models.JobQueued, Request: []byte(`{}`), CreatedAt: time.Now(), NextCheck: time.Now()}
		out, err := db.EndSession(t.Context(), store.SessionEnd{ProjectID: b.ses.ProjectID, SessionID: b.ses.ID, At: time.Now(), Job: job})
		if err != nil || !out.Changed {
			t.Fatal(err)
		}
		b.topics.notify(b.ses.ID)
		if err := ends(f); !errors.Is(err, io.EOF) {
			t.Errorf("ended session: %v", err)
		}

		b = newBench(t, db, 1)
		f = b.follow(t, live.Request{Kinds: live.Samples})
		b.db.mu.Lock()
		clear(b.db.keys)
		b.db.mu.Unlock()
		var known *models.Error
		if err := ends(f); !errors.As(err, &known) || known.Code != models.InvalidAPIKey {
			t.Errorf("revoked key: %v", err)
		}
		if _, err := b.live.Follow(t.Context(), b.who, live.Request{SessionID: b.ses.ID}); !errors.As(err, &known) || known.Code != models.InvalidAPIKey {
			t.Errorf("revoked key: %v", err)
		}

		b = newBench(t, db, 1)
		f = b.follow(t, live.Request{Kinds: live.Samples})
		close(b.topics.drained)
		if err := ends(f); !errors.Is(err, live.ErrDraining) {
			t.Errorf("stopped process: %v", err)
		}
		stranger := b.who
		stranger.ProjectID = models.NewID()
		b.db.keys[stranger.KeyID] = stranger.ProjectID
		if _, err := b.live.Follow(t.Context(), stranger, live.Request{SessionID: b.ses.ID}); !errors.As(err, &known) || known.Code != models.SessionNotFound {
			t.Errorf("another project's session: %v", err)
		}
	})
}

// TestACrowdThatCatchesUpTakesTurns: of thirty who read from the store for themselves at once no more than four ask it at once, and all see all.
func TestACrowdThatCatchesUpTakesTurns(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		const crowd, most, batches = 30, 4, 40
		rng := rand.New(rand.NewPCG(21, 22))
		b := newBench(t, db, 4)
		for i := range batches {
			b.ingest(t, rng, int64(50*i), 50)
		}
		var mu sync.Mutex
		inside, atOnce, begun := 0, 0, 0
		full := make(chan struct{}) // so many are there that the next would come at once, if it may
		b.db.around = func(q store.NewsQuery) func() {
			if q.FromBatch >= batches { // the feed, for all
				return func() {}
			}
			mu.Lock()
			inside++
			atOnce = max(atOnce, inside)
			if inside == most {
				select {
				case <-full:
				default:
					close(full)
				}
			}
			mu.Unlock()
			<-full
			for range 1000 {
				runtime.Gosched()
			}
			return func() {
				mu.Lock()
				inside--
				mu.Unlock()
			}
		}
		all := -1
		var everyone sync.WaitGroup
		list := make([]*seen, crowd)
		for i := range list {
			f, s := b.follow(t, live.Request{Kinds: live.Samples, Loss: live.Every, AfterBatch: &all}), newSeen()
			list[i] = s
			everyone.Go(func() {
				for s.last == nil || s.last.Seq < batches-1 {
					items, err := f.Next(t.Context())
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					begun++
					mu.Unlock()
					for _, i := range items {
						if i.Block != nil {
							s.last = i.Block
							for n := range i.Block.Frames {
								s.at[i.Block.First+int64(n)] = i.Block.Data[n*4 : (n+1)*4]
							}
						}
					}
				}
			})
		}
		everyone.Wait()
		for _, s := range list {
			s.same(t, b.truth)
		}
		if atOnce != most || begun < crowd {
			t.Errorf("%d asked the store at once in %d reads, want %d", atOnce, begun, most)
		}
	})
}
