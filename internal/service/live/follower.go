package live

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// What a follower is given at once.
const (
	batchesGiven = 64
	valuesGiven  = 1 << 18 // of a large batch, read for it alone
)

// Follower follows one session. Next may be called by one goroutine at a time; Close by any.
type Follower struct {
	svc     *Service
	grant   auth.StreamGrant
	req     Request
	feed    *feed
	page    int
	session models.Session
	lens    *lens // nil where samples are shown as they are stored

	batch   int   // number of the next batch
	have    int64 // position up to which it was had already
	owed    int   // batches before it are never left out
	frames  int64 // that counted before batch, once it is owed
	dropped int64 // frames
	result  int   // number of the last window or decode
	event   int
	// revision is how often events were changed and deleted when the follower was told last.
	revision int

	reach   int64 // the highest position that was read from the store for it
	known   Known
	ended   bool
	pending []Item // taken and not shown yet
	behind  bool

	once sync.Once
	err  error
	gone chan struct{} // closed when the follower has lost its right; err says why
	left sync.Once
}

// Close ends following; a second call does nothing.
func (f *Follower) Close() {
	f.left.Do(func() {
		f.svc.leave(f)
		f.svc.streams.leave(f.grant)
	})
}

// Session is the session that is followed, as it was when it was read last for this follower.
func (f *Follower) Session() models.Session { return f.session }

func (f *Follower) end(err error) {
	f.once.Do(func() {
		f.err = err
		close(f.gone)
	})
}

// Behind reports whether what Next returned last was read from the store for this follower alone: more of it may follow at once.
func (f *Follower) Behind() bool { return f.behind }

// Next waits for something new and returns all that there is of it, at most a page: events first, then samples in the order of their batches, then windows and
// decodes in the order of writing. Of each kind the numbers rise. The last item of all is the session's end (Item.Ended); after it the error is io.EOF.
// Other errors: InvalidAPIKey and InvalidToken when the follower has lost its right, SessionNotFound when the session is erased, ErrDraining, and ctx's.
func (f *Follower) Next(ctx context.Context) ([]Item, error) {
	for {
		select {
		case <-f.gone:
			return nil, f.err
		default:
		}
		if f.ended {
			return nil, io.EOF
		}
		t := taken{items: f.pending}
		if f.pending == nil {
			t = f.take()
			if f.behind = t.behind != 0; f.behind {
				var read []Item
				read, t.err = f.catchUp(ctx, t.behind)
				t.items = append(t.items, read...)
			}
		}
		if len(t.items) > 0 {
			if t.err = f.show(ctx, t.items); t.err == nil {
				f.pending = nil
				return t.items, nil
			}
			f.pending = t.items // they were taken, and go out when they can be shown
		}
		var known *models.Error
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.As(t.err, &known):
			return nil, known
		case t.err == nil && t.behind != 0:
			continue
		}
		var again <-chan time.Time
		if t.err != nil { // the database did not answer
			again = time.After(askAgainMost / 2)
		}
		select {
		case <-t.changed:
		case <-again:
		case <-f.gone:
		case <-f.svc.cfg.Topics.Drained():
			return nil, ErrDraining
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Each calls send with every item until the session has ended, which is nil, and pause whenever so much time has passed, or a little later. Errors: those of
// Next, send and pause.
func (f *Follower) Each(ctx context.Context, every time.Duration, send func(Item) error, pause func() error) error {
	for paused := time.Now(); ; {
		waiting, cancel := context.WithTimeout(ctx, time.Until(paused.Add(every)))
		items, err := f.Next(waiting)
		cancel()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil: // nothing has come
		case err != nil:
			return err
		}
		for _, i := range items {
			if err := send(i); err != nil {
				return err
			}
		}
		if time.Since(paused) >= every {
			paused = time.Now()
			if err := pause(); err != nil {
				return err
			}
		}
	}
}

// taken is what a feed had for a follower.
type taken struct {
	items   []Item
	behind  Kinds           // of which the feed does not keep what comes next
	changed <-chan struct{} // closed when the feed has more
	err     error
}

// take takes what the feed has.
func (f *Follower) take() taken {
	d := f.feed
	d.mu.Lock()
	defer d.mu.Unlock()
	t := taken{changed: d.changed}
	if f.req.Kinds&Events != 0 {
		f.takeEvents(d, &t)
	}
	if f.req.Kinds&Revisions != 0 && f.revision < d.revision {
		revision := d.revision
		f.revision = revision
		t.items = append(t.items, Item{Revised: &revision})
	}
	if f.req.Kinds&Samples != 0 {
		f.takeSamples(d, &t)
	}
	if f.req.Kinds&results != 0 {
		f.takeResults(d, &t)
	}
	if len(t.items) == 0 && t.behind == 0 && d.over != nil {
		f.ended = true
		t.items = append(t.items, Item{Ended: d.over})
	}
	return t
}

func (f *Follower) takeEvents(d *feed, t *taken) {
	if f.event < d.eventBase {
		t.behind |= Events
		return
	}
	for _, e := range d.events {
		if e.Seq > f.event {
			f.event = e.Seq
			t.items = append(t.items, Item{Event: e})
		}
	}
}

func (f *Follower) takeResults(d *feed, t *taken) {
	if f.result < d.resultBase {
		t.behind |= results
		return
	}
	for _, i := range d.results {
		if i.seq() > f.result {
			f.result = i.seq()
			f.add(t, i)
		}
	}
}

// add adds a window or decode of a kind that is followed.
func (f *Follower) add(t *taken, i Item) {
	if (i.Window != nil && f.req.Kinds&Windows != 0) || (i.Decode != nil && f.req.Kinds&Decodes != 0) {
		t.items = append(t.items, i)
	}
}

func (f *Follower) takeSamples(d *feed, t *taken) {
	base := d.batch
	if len(d.batches) > 0 {
		base = d.batches[0].seq
	}
	if f.batch < base {
		if f.batch < f.owed || f.req.Loss == Every || len(d.batches) == 0 {
			t.behind |= Samples
			return
		}
		newest := d.batches[len(d.batches)-1]
		lost := newest.before - f.frames
		f.dropped += lost
		t.items = append(t.items, Item{Dropped: &Dropped{FirstSeq: f.batch, LastSeq: newest.seq - 1, Samples: lost, Total: f.dropped}})
		f.batch, f.have = newest.seq, noSample
	}
	for given := 0; given < batchesGiven && f.batch < d.batch; given++ {
		e := d.batches[f.batch-base]
		if e.large {
			t.behind |= Samples
			return
		}
		blocks := e.blocks
		if f.lens != nil {
			if seen, made := e.views[f.req.View.key()]; made {
				blocks = seen
			}
		}
		f.give(t, blocks)
		f.passed(e.seq, e.before+e.frames)
	}
}

// passed notes that a batch was given.
func (f *Follower) passed(seq int, frames int64) {
	f.batch, f.have = seq+1, noSample
	if f.batch >= f.owed {
		f.frames = frames
	}
}

// give adds blocks, without what was had already.
func (f *Follower) give(t *taken, blocks []*Block) {
	for _, b := range blocks {
		if b.Seq == f.batch && f.have != noSample {
			if b = b.from(f.have); b == nil {
				continue
			}
		}
		t.items = append(t.items, Item{Block: b})
	}
}

// atOnce is how many batches of a session are read for one follower at once.
func atOnce(ses *models.Session) int {
	return int(max(1, min(batchesRead, bytesAlone/max(1, 4*ses.LongestBatch*int64(len(ses.Channels))))))
}

// catchingUp is how many followers read from the store for themselves at once: of a crowd that comes at once with all to read, the others wait
// here and not in the database, where whoever else asks it would wait with them.
const catchingUp = 4

// catchUp reads from the store what the feed does not keep any more, a page of it.
func (f *Follower) catchUp(ctx context.Context, behind Kinds) ([]Item, error) {
	select {
	case f.svc.catching <- struct{}{}:
		defer func() { <-f.svc.catching }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	q := store.NewsQuery{ProjectID: f.grant.ProjectID, SessionID: f.grant.SessionID}
	if behind&results != 0 {
		q.Results, q.AfterSeq = f.page, f.result
	}
	if behind&Samples != 0 {
		q.Batches, q.FromBatch, q.BatchBytes = atOnce(&f.session), f.batch, bytesRead
	}
	if behind&Events != 0 {
		q.Events, q.AfterEvent = eventsRead, f.event
	}
	n, err := f.svc.cfg.Store.News(ctx, q)
	if errors.Is(err, store.ErrNotFound) {
		return nil, models.NewError(models.SessionNotFound)
	}
	if err != nil {
		return nil, err
	}
	f.session = n.Session
	var t taken
	for i := range n.Events {
		f.event = n.Events[i].Seq
		t.items = append(t.items, Item{Event: &n.Events[i]})
	}
	if behind&Samples != 0 {
		if err := f.catchSamples(ctx, &n, &t); err != nil {
			return nil, err
		}
	}
	found, _ := merge(n, f.page)
	for _, i := range found {
		f.result = i.seq()
		f.add(&t, i)
	}
	f.skip(behind, &n)
	return t.items, nil
}

// skip goes on where the store has nothing of what the feed had: it is not there any more.
func (f *Follower) skip(behind Kinds, n *store.News) {
	d := f.feed
	d.mu.Lock()
	defer d.mu.Unlock()
	if behind&results != 0 && len(n.Windows)+len(n.Decodes) == 0 {
		f.result = max(f.result, d.resultBase)
	}
	if behind&Events != 0 && len(n.Events) == 0 {
		f.event = max(f.event, d.eventBase)
	}
	if behind&Samples != 0 && len(n.Batches) == 0 {
		f.passed(max(f.batch, d.batch)-1, d.frames)
	}
}

// catchSamples makes blocks of the batches that were read.
func (f *Follower) catchSamples(ctx context.Context, n *store.News, t *taken) error {
	f.feed.mu.Lock()
	known := f.feed.known
	f.feed.mu.Unlock()
	for rest := n.Batches; len(rest) > 0; {
		group, hull := together(rest)
		found, err := f.svc.cfg.Store.Covered(ctx, store.CoverQuery{ProjectID: n.Session.ProjectID, SessionID: n.Session.ID, Before: group[0].Seq,
			Start: hull.Start, End: hull.End, Longest: n.Session.LongestBatch})
		if err != nil {
			return err
		}
		before := cover{known: noSample, segments: found}
		for i := range group {
			b := &group[i]
			large := len(b.Data) == 0
			if large && len(t.items) > 0 {
				return nil // by itself, the next time
			}
			if large {
				if b.Data, err = f.svc.cfg.Store.BatchSamples(ctx, n.Session.ProjectID, n.Session.ID, b.Seq); err != nil {
					return err
				}
			}
			blocks := before.blocks(&n.Session, b, floats(b.Data), known)
			for _, x := range blocks {
				x.Late = x.Through < f.reach
				f.reach = max(f.reach, x.Through)
			}
			if large {
				f.giveLarge(t, b.Seq, blocks)
				return nil
			}
			f.give(t, blocks)
			f.passed(b.Seq, f.frames+framesOf(blocks))
			before.add(models.Segment{Start: b.StartSample, End: b.EndSample})
		}
		rest = rest[len(group):]
	}
	return nil
}

// together returns the batches at the beginning of a list that lie close together, at least one, and where they lie: what was there before them is asked for at
// once.
func together(list []models.SampleBatch) ([]models.SampleBatch, models.Segment) {
	hull := models.Segment{Start: list[0].StartSample, End: list[0].EndSample}
	sum := hull.End - hull.Start
	for i := 1; i < len(list); i++ {
		b := &list[i]
		lo, hi := min(hull.Start, b.StartSample), max(hull.End, b.EndSample)
		sum += b.EndSample - b.StartSample
		if hi-lo > 2*sum {
			return list[:i], hull
		}
		hull = models.Segment{Start: lo, End: hi}
	}
	return list, hull
}

func framesOf(blocks []*Block) (n int64) {
	for _, b := range blocks {
		n += int64(b.Frames)
	}
	return n
}

// giveLarge gives a part of a large batch; the rest is read again.
func (f *Follower) giveLarge(t *taken, seq int, blocks []*Block) {
	values := 0
	for i, b := range blocks {
		if b = b.from(f.have); b == nil {
			continue
		}
		t.items = append(t.items, Item{Block: b.alone()})
		f.have = b.Through
		if values += len(b.Data); values >= valuesGiven && i+1 < len(blocks) {
			return
		}
	}
	f.passed(seq, f.frames+framesOf(blocks))
}
