package live

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// What a feed keeps and reads at once.
const (
	batchesKept = 256       // batches: 10 s of 25 a second
	bytesKept   = 512 << 10 // of samples
	batchesRead = 32
	bytesRead   = 256 << 10 // a batch of more is not held for whoever may want it: each reads it alone, in parts
	eventsRead  = 256
	bytesAlone  = 128 << 10 // that one follower reads for itself at once, and holds until its client has taken them

	// Of windows and decodes it reads streamPage at once, and fewer of many channels: some 300 bytes a channel and window.
	streamPage         = 100
	streamPageChannels = 256 // of all windows of a page together
)

// pageOf is how many windows of so many channels are read at once.
func pageOf(channels int) int {
	return max(1, min(streamPage, streamPageChannels/max(1, channels)))
}

// Pauses before a feed asks a database again that has not answered.
const (
	askAgain     = 100 * time.Millisecond
	askAgainMost = 2 * time.Second
)

// clockRead is how often a feed reads what the clock of the source does.
const clockRead = time.Second

// eventsTick is every how many looks a feed asks for events without having been told: the row of the session does not count them.
const eventsTick = 5

// feed has what is new in one session, for all who follow it in this process.
type feed struct {
	svc         *Service
	project, id string
	channels    int
	poke        chan struct{}
	stop        context.CancelFunc
	looks       int // of the keeper

	mu        sync.Mutex
	followers map[*Follower]struct{}
	changed   chan struct{} // closed, and replaced, when something was added
	kinds     Kinds         // that are read
	over      *models.Session
	known     Known
	clocked   time.Time // when the clock of the source was read

	batches []entry // the last that were read
	batch   int     // number of the next one
	frames  int64   // that counted in all batches before it
	bytes   int
	cover   cover
	lenses  map[viewKey]*lens

	results    []Item // windows and decodes, the last that were read
	resultBase int    // number of the one before them
	result     int    // of the last one

	events    []*models.SessionMark
	eventBase int
	event     int

	revision int // of the events
}

// entry is a batch that a feed keeps.
type entry struct {
	seq    int
	before int64 // frames that counted before it
	frames int64
	bytes  int
	blocks []*Block
	views  map[viewKey][]*Block
	large  bool // its samples are not kept
}

// join adds a follower to the feed of its session, as the session was when it was read for it.
func (s *Service) join(f *Follower, ses models.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.feeds[ses.ID]
	if d == nil {
		ctx, stop := context.WithCancel(context.Background())
		d = &feed{svc: s, project: ses.ProjectID, id: ses.ID, channels: len(ses.Channels), poke: make(chan struct{}, 1), stop: stop,
			followers: map[*Follower]struct{}{}, changed: make(chan struct{}), lenses: map[viewKey]*lens{}}
		s.feeds[ses.ID] = d
		defer func() { go d.run(ctx) }()
	}
	f.feed = d
	d.mu.Lock()
	defer d.mu.Unlock()
	d.followers[f] = struct{}{}
	d.want(f, ses)
	if s.keeper == nil {
		s.startKeeping()
	}
}

// reads returns what must be read for followers of kinds: the quality of samples comes with windows.
func reads(k Kinds) Kinds {
	if k&Samples != 0 {
		k |= Windows
	}
	if k&results != 0 {
		k |= results
	}
	return k
}

// want begins to read what a follower wants and nobody has wanted so far, from where the session stood. The caller holds the lock.
func (d *feed) want(f *Follower, ses models.Session) {
	fresh := reads(f.req.Kinds) &^ d.kinds
	d.kinds |= fresh
	if fresh&Samples != 0 {
		d.known.Clock, d.clocked = f.known.Clock, d.svc.cfg.Now()
		d.batches, d.bytes, d.batch, d.frames, d.cover = nil, 0, ses.BatchCount, ses.SampleCount-ses.OverlapCount, coverOf(ses)
	}
	if fresh&results != 0 {
		d.results, d.resultBase, d.result = nil, ses.LastSeq, ses.LastSeq
		d.known.Quality = f.known.Quality
	}
	if fresh&Events != 0 {
		d.events, d.eventBase, d.event = nil, f.event, f.event
	}
	if fresh&Revisions != 0 {
		d.revision = f.revision
	}
	if f.lens != nil {
		key := f.req.View.key()
		if d.lenses[key] == nil {
			l := *f.lens
			l.filters = nil
			d.lenses[key] = &l
		}
	}
	if fresh != 0 {
		d.over = nil
		wake(d.poke)
	}
}

// leave takes a follower out of its feed, which ends with the last.
func (s *Service) leave(f *Follower) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := f.feed
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.followers, f)
	var kinds Kinds
	views := map[viewKey]bool{}
	for one := range d.followers {
		kinds |= reads(one.req.Kinds)
		if one.lens != nil {
			views[one.req.View.key()] = true
		}
	}
	d.kinds = kinds
	maps.DeleteFunc(d.lenses, func(k viewKey, _ *lens) bool { return !views[k] })
	if kinds&Samples == 0 {
		d.batches, d.bytes = nil, 0
	}
	if len(d.followers) > 0 {
		return
	}
	d.stop()
	if s.feeds[d.id] == d {
		delete(s.feeds, d.id)
	}
	s.rest()
}

// all returns who follows.
func (d *feed) all() []*Follower {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.followers))
}

// check wakes the feed where its session has more than was read: a signal was lost, or a job has ended that should have given one.
func (d *feed) check(ses models.Session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looks++
	if (d.kinds&results != 0 && ses.LastSeq > d.result) || (d.kinds&Samples != 0 && ses.BatchCount > d.batch) ||
		(d.kinds&(Events|Revisions) != 0 && d.looks%eventsTick == 0) || (d.over == nil && (ses.Over() || ses.Pending() > 0)) {
		wake(d.poke)
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one waits already
	}
}

// run reads what is new whenever something has changed, until ctx ends.
func (d *feed) run(ctx context.Context) {
	changed, end := d.svc.cfg.Topics.Subscribe(d.id)
	defer end()
	sampled, end := d.svc.cfg.Topics.Subscribe(service.SampleTopic(d.id))
	defer end()
	pause := askAgain
	for {
		more, err := d.read(ctx)
		var again <-chan time.Time
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, store.ErrNotFound):
			for _, f := range d.all() {
				f.end(models.NewError(models.SessionNotFound))
			}
		case err != nil:
			again = time.After(pause)
			pause = min(2*pause, askAgainMost)
		case more:
			continue
		default:
			pause = askAgain
		}
		select {
		case <-changed:
		case <-sampled:
		case <-d.poke:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// query asks for what is wanted and not read yet. The caller holds the lock.
func (d *feed) query(page int) store.NewsQuery {
	q := store.NewsQuery{ProjectID: d.project, SessionID: d.id}
	if d.kinds&results != 0 {
		q.Results, q.AfterSeq = page, d.result
	}
	if d.kinds&Samples != 0 {
		q.Batches, q.FromBatch, q.BatchBytes = batchesRead, d.batch, bytesRead
	}
	if d.kinds&Events != 0 {
		q.Events, q.AfterEvent = eventsRead, d.event
	}
	q.Revision = d.kinds&Revisions != 0
	return q
}

// read reads what is new once, and whether there may be more.
func (d *feed) read(ctx context.Context) (more bool, err error) {
	d.mu.Lock()
	page := pageOf(d.channels)
	q := d.query(page)
	seen := d.cover
	seen.segments = slices.Clone(seen.segments)
	kinds := d.kinds
	known, clocked := d.known, d.clocked
	lenses := maps.Clone(d.lenses)
	d.mu.Unlock()

	n, err := d.svc.cfg.Store.News(ctx, q)
	if err != nil {
		return false, err
	}
	found, moreResults := merge(n, page)
	for _, i := range found {
		if i.Window != nil {
			if got := qualityOf(i.Window, n.Session.Channels); got != nil {
				known.Quality = got
			}
		}
	}
	if now := d.svc.cfg.Now(); len(n.Batches) > 0 && now.Sub(clocked) >= clockRead {
		if known.Clock, err = d.svc.clock(ctx, d.project, d.id); err != nil {
			return false, err
		}
		clocked = now
	}
	entries, err := d.entries(ctx, &n, &seen, known, lenses)
	if err != nil {
		return false, err
	}
	more = moreResults || (q.Batches > 0 && len(n.Batches) == q.Batches) || (q.Events > 0 && len(n.Events) == q.Events)
	over := !more && n.Session.Over()
	if !more && !over && n.Session.JobOpen && n.Session.Ending() {
		// Looking notices a job that has failed. If the session is over by now, the last windows may have come since they were read.
		ses, err := d.svc.session(ctx, d.project, d.id)
		if err != nil {
			var known *models.Error
			if errors.As(err, &known) && known.Code == models.SessionNotFound {
				err = store.ErrNotFound
			}
			return false, err
		}
		more = ses.Over()
	}

	d.take(&q, &n, reading{kinds: kinds, results: found, entries: entries, cover: seen, known: known, clocked: clocked, over: over})
	return more, nil
}

// reading is what was made of what was read.
type reading struct {
	kinds   Kinds // that were wanted when it began
	results []Item
	entries []entry
	cover   cover
	known   Known
	clocked time.Time
	over    bool // the session is
}

// take keeps what was read, where nothing else was read meanwhile, and wakes the followers.
func (d *feed) take(q *store.NewsQuery, n *store.News, r reading) {
	d.mu.Lock()
	defer d.mu.Unlock()
	added := false
	if q.Results > 0 && d.kinds&results != 0 && d.result == q.AfterSeq && len(r.results) > 0 {
		d.results, d.result, added = append(d.results, r.results...), r.results[len(r.results)-1].seq(), true
		d.known.Quality = r.known.Quality
		if drop := len(d.results) - 2*q.Results; drop > 0 {
			d.resultBase = d.results[drop-1].seq()
			d.results = slices.Clone(d.results[drop:]) // what was shown already may go
		}
	}
	if d.takeEvents(q, n) {
		added = true
	}
	if q.Batches > 0 && d.kinds&Samples != 0 && d.batch == q.FromBatch && len(r.entries) > 0 {
		d.keep(r.entries)
		d.cover, added = r.cover, true
		d.known.Clock, d.clocked = r.known.Clock, r.clocked
	}
	// A kind that somebody has begun to want meanwhile was not read; its reader has woken us.
	if r.over && d.over == nil && r.kinds == d.kinds {
		d.over, added = &n.Session, true
	}
	if added {
		close(d.changed)
		d.changed = make(chan struct{})
	}
}

// takeEvents keeps what was read of events, and reports whether there was anything. The caller holds the lock.
func (d *feed) takeEvents(q *store.NewsQuery, n *store.News) (added bool) {
	if q.Events > 0 && d.kinds&Events != 0 && d.event == q.AfterEvent && len(n.Events) > 0 {
		for i := range n.Events {
			d.events = append(d.events, &n.Events[i])
		}
		d.event, added = n.Events[len(n.Events)-1].Seq, true
		if drop := len(d.events) - 2*eventsRead; drop > 0 {
			d.eventBase = d.events[drop-1].Seq
			d.events = slices.Clone(d.events[drop:])
		}
	}
	if q.Revision && d.kinds&Revisions != 0 && n.Revision > d.revision {
		d.revision, added = n.Revision, true
	}
	return added
}

// keep adds batches and forgets the oldest where there are too many. The caller holds the lock.
func (d *feed) keep(entries []entry) {
	for _, e := range entries {
		e.before = d.frames
		d.frames += e.frames
		d.bytes += e.bytes
		d.batches = append(d.batches, e)
		d.batch = e.seq + 1
	}
	drop := 0
	for ; drop < len(d.batches)-1 && (len(d.batches)-drop > batchesKept || d.bytes > bytesKept); drop++ {
		d.bytes -= d.batches[drop].bytes
	}
	if drop > 0 {
		d.batches = slices.Delete(d.batches, 0, drop)
	}
}

// entries makes blocks of the batches that were read, and of those the views that somebody has.
func (d *feed) entries(ctx context.Context, n *store.News, seen *cover, known Known, lenses map[viewKey]*lens) ([]entry, error) {
	out := make([]entry, 0, len(n.Batches))
	for i := range n.Batches {
		b := &n.Batches[i]
		e := entry{seq: b.Seq}
		at, err := d.svc.coverFor(ctx, n.Session, b, seen)
		if err != nil {
			return nil, err
		}
		if len(b.Data) == 0 {
			e.large, e.frames = true, b.EndSample-b.StartSample-models.Overlap(at.segments, models.Segment{Start: b.StartSample, End: b.EndSample})
		} else {
			e.blocks = at.blocks(&n.Session, b, floats(b.Data), known)
			e.bytes = len(b.Data)
			for _, x := range e.blocks {
				e.frames += int64(x.Frames)
			}
			for key, l := range lenses {
				shown, err := l.see(ctx, e.blocks)
				if err != nil {
					return nil, err
				}
				if e.views == nil {
					e.views = map[viewKey][]*Block{}
				}
				e.views[key] = shown
			}
		}
		seen.add(models.Segment{Start: b.StartSample, End: b.EndSample})
		seen.trim()
		out = append(out, e)
	}
	return out, nil
}

// coverFor returns what was there before a batch: what is known, or what the store says.
func (s *Service) coverFor(ctx context.Context, ses models.Session, b *models.SampleBatch, seen *cover) (*cover, error) {
	if b.StartSample >= seen.known {
		return seen, nil
	}
	found, err := s.cfg.Store.Covered(ctx, store.CoverQuery{ProjectID: ses.ProjectID, SessionID: ses.ID, Before: b.Seq, Start: b.StartSample, End: b.EndSample,
		Longest: ses.LongestBatch})
	if err != nil {
		return nil, err
	}
	asked := cover{known: noSample, segments: found}
	if n := len(seen.segments); n > 0 { // for what lies behind the batch
		asked.segments = models.Cover(asked.segments, seen.segments[n-1])
	}
	return &asked, nil
}

// merge returns windows and decodes, at most a page of each, in the order of writing, and whether there may be more. Where one list is full, the
// other may have more before its end than was read.
func merge(n store.News, page int) (items []Item, more bool) {
	upTo := math.MaxInt
	if k := len(n.Windows); k == page {
		upTo, more = n.Windows[k-1].Seq, true
	}
	if k := len(n.Decodes); k == page {
		upTo, more = min(upTo, n.Decodes[k-1].Seq), true
	}
	for i := range n.Windows {
		if n.Windows[i].Seq <= upTo {
			items = append(items, Item{Window: &n.Windows[i]})
		}
	}
	for i := range n.Decodes {
		if n.Decodes[i].Seq <= upTo {
			items = append(items, Item{Decode: &n.Decodes[i]})
		}
	}
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.seq(), b.seq()) })
	return items, more
}
