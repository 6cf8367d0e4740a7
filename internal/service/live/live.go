// Package live holds the use case of following sessions as they are recorded: raw samples, feature windows, live decodes, events, and the end.
//
// Whatever way in a follower comes by, it goes through one mechanism. Nothing is passed from a writer to a follower: a writer commits, and then says that
// a session has changed (a topic of the engine, which may be lost, and no more than that); the session's feed in each process reads from the store what is new,
// once however many follow there, and keeps the latest of it; each follower takes from the feed at its own pace. So what is seen is what is stored, sample
// by sample, whichever process took it in.
//
//	ingest ─ commit ─ Notify ──► feed (one a session and process) ─ one read ─► Follower, Follower, ...
//	                                                              store ──────► a follower that is behind what the feed keeps
//
// Everything has a number by which a follower resumes: samples that of their batch in the order of acceptance, from 0; windows and decodes one sequence
// that they share, from 1; events one of their own, from 1. Of events that are changed or deleted it is told how often that has happened, and no more.
//
// Back-pressure: nothing waits for a follower. Windows, decodes and events are never left out: one that is behind reads them from the store when it
// comes back for more, and it is the way in that lets it go when it takes nothing for too long. Samples go by the follower's own choice (Samples):
// Newest, where one that is behind what the feed keeps goes on with the newest batch and is told what was left out, or Every.
//
// A follower that waits costs nothing. Its right is looked at every two seconds, with two queries for all followers of the process together; the same
// look finds what a lost signal has left.
package live

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// ErrDraining ends a follower because the process stops; its client may come again at once and resume.
var ErrDraining = errors.New("live: the process stops")

// Store is what following needs of the database.
type Store interface {
	Session(ctx context.Context, projectID, id string) (models.Session, error)
	FailSession(ctx context.Context, projectID, id string) (models.Session, error)
	News(ctx context.Context, q store.NewsQuery) (store.News, error)
	LastEvent(ctx context.Context, projectID, sessionID string) (seq, revision int, err error)
	Clock(ctx context.Context, projectID, sessionID string) (models.SessionClock, error)
	BatchSamples(ctx context.Context, projectID, sessionID string, seq int) ([]byte, error)
	Covered(ctx context.Context, q store.CoverQuery) ([]models.Segment, error)
	EachBatchOver(ctx context.Context, r store.BatchRange, start, end int64, each func(*models.SampleBatch) error) error
	FeatureWindows(ctx context.Context, projectID string, l store.WindowListing) ([]models.FeatureWindow, error)
	MembershipsIn(ctx context.Context, projects, users []string) (map[[2]string]models.Role, error)
	ActiveKeys(ctx context.Context, ids []string, at time.Time) (map[string]string, error)
	SessionsByID(ctx context.Context, ids []string) (map[string]models.Session, error)
}

var _ Store = (*store.Store)(nil)

// Topics is what following needs of the engine.
type Topics interface {
	Subscribe(topic string) (<-chan struct{}, func())
	Drained() <-chan struct{}
}

var _ Topics = (*jobs.Engine)(nil)

// Filter filters the samples of one stream as they come; package decoders/causal has it.
type Filter interface {
	// Settles is how many samples before the first that is wanted a new filter must be given.
	Settles() int64
	// Process takes the next samples, sample-major, of which the first has a position in the stream; dst may be samples.
	Process(dst, samples []float32, first int64) ([]float32, error)
}

// Config is what the use case needs.
type Config struct {
	// Store keeps the sessions. Required.
	Store Store
	// Topics says when something has changed. Required.
	Topics Topics
	// Tokens signs and verifies the tokens of streams that take no other credential. Required for those.
	Tokens *auth.Tokens
	// PerKey and PerProject are how many followers this process keeps for a key or a user, and for a project. Default to no limit.
	PerKey, PerProject int
	// NewFilter makes a filter for samples of so many channels at a rate in Hz. Errors: *eeg.FilterFault. Defaults to none: a View that filters is
	// refused.
	NewFilter func(f eeg.Filters, rateHz float64, channels int) (Filter, error)
	// Compute runs what takes long. Defaults to at once.
	Compute service.Compute
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Service is the use case of following sessions. It is safe for concurrent use.
type Service struct {
	cfg     Config
	streams streams

	catching chan struct{} // held by followers that read for themselves

	mu     sync.Mutex
	feeds  map[string]*feed // by session
	guards map[*Guard]struct{}
	keeper func() // ends the look at all rights; nil while nobody follows
}

// New returns the use case.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg: cfg, streams: streams{perKey: cfg.PerKey, perProject: cfg.PerProject}, catching: make(chan struct{}, catchingUp), feeds: map[string]*feed{}, guards: map[*Guard]struct{}{}}
}

// Kinds says what of a session is followed. Its end always is.
type Kinds uint8

// The kinds.
const (
	Samples   Kinds = 1 << iota // raw samples
	Windows                     // feature windows
	Decodes                     // live decodes
	Events                      // what happened during the session: markers, cues, annotations
	Revisions                   // that events were changed or deleted
)

const results = Windows | Decodes

// Loss says what becomes of samples that a follower is too slow for.
type Loss uint8

// The choices.
const (
	// Newest leaves them out: the follower goes on with the newest batch, and is told (Dropped).
	Newest Loss = iota
	// Every leaves nothing out: the follower reads them from the store, as late as it is.
	Every
)

// View says how samples are shown. The zero View shows them as they are stored.
type View struct {
	// Filters are applied causally, in one pass over the session. Defaults to none.
	Filters eeg.Filters
	// Decimate n shows the samples whose position is a multiple of n, behind a causal low-pass of 8 poles (two Butterworth filters of fourth order in a
	// row) that has -6 dB at a quarter of the new rate and at least -48 dB from half of it on, so that nothing folds down. Defaults to 1, every sample.
	Decimate int
}

func (v View) plain() bool { return !v.Filters.Any() && v.Decimate <= 1 }

// viewKey is a View that can be compared.
type viewKey struct {
	notch, high, low float64
	decimate         int
}

func (v View) key() viewKey {
	f := v.Filters.Edges()
	return viewKey{f.Notch, f.HighPass, f.LowPass, max(1, v.Decimate)}
}

// Request says what is to be followed.
type Request struct {
	SessionID string
	Kinds     Kinds
	// Loss says what becomes of samples that the follower is too slow for. Defaults to Newest. Samples from AfterBatch to what there is when it begins
	// are never left out.
	Loss Loss
	View View
	// AfterBatch resumes the samples: those of batches with a higher number follow, -1 for all. Defaults to what comes from now on.
	AfterBatch *int
	// AfterSample, beside AfterBatch, says that the batch of that number was not had to its end: samples at higher positions follow, of it and of
	// later batches all. Defaults to its end.
	AfterSample *int64
	// AfterResult resumes windows and decodes behind this number, 0 for all. Defaults to what comes from now on.
	AfterResult *int
	// AfterEvent resumes events behind this number, 0 for all. Defaults to what comes from now on.
	AfterEvent *int
}

// Item is one thing that a follower is told: exactly one of its fields is set.
type Item struct {
	Block   *Block
	Window  *models.FeatureWindow
	Decode  *models.SessionDecode
	Event   *models.SessionMark
	Dropped *Dropped
	// Revised is how often events of the session were changed and deleted: what is behind the number that a reader has is read by the use case of events.
	Revised *int
	// Ended is the session when it takes no more samples and all of its windows and decodes have come. It is the last item.
	Ended *models.Session
}

// seq returns the number of a window or decode.
func (i Item) seq() int {
	if i.Window != nil {
		return i.Window.Seq
	}
	return i.Decode.Seq
}

// Dropped says which samples a follower was not shown because it was too slow. They are stored: a follower that begins with AfterBatch FirstSeq-1 sees them.
type Dropped struct {
	FirstSeq, LastSeq int   // batches
	Samples           int64 // a channel
	Total             int64 // a channel, since the follower began
}

// noSample is before every position.
const noSample = math.MinInt64

// Follow begins to follow a session for a principal. The caller closes the follower. Errors: SessionNotFound, TooManyStreams, InsufficientScope and
// InsufficientRole, InvalidParameter for a View that the session's rate does not allow.
func (s *Service) Follow(ctx context.Context, p models.Principal, r Request) (*Follower, error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return nil, err
	}
	id, ok := models.ParseID(r.SessionID)
	if !ok {
		return nil, models.NewError(models.SessionNotFound)
	}
	r.SessionID = id
	return s.follow(ctx, grantOf(p, id), r)
}

func (s *Service) follow(ctx context.Context, g auth.StreamGrant, r Request) (*Follower, error) {
	if err := s.streams.take(g); err != nil { // before anything is looked up for it
		return nil, err
	}
	f, err := s.enter(ctx, g, r)
	if err != nil {
		s.streams.leave(g)
		return nil, err
	}
	return f, nil
}

// enter finds where a follower begins and adds it to the feed of its session.
func (s *Service) enter(ctx context.Context, g auth.StreamGrant, r Request) (*Follower, error) {
	who, err := s.holders(ctx, []auth.StreamGrant{g}, s.cfg.Now())
	if err != nil {
		return nil, service.Unavailable(err)
	}
	if err := who.fault(g); err != nil {
		return nil, err
	}
	ses, err := s.session(ctx, g.ProjectID, g.SessionID)
	if err != nil {
		return nil, err
	}
	f := &Follower{svc: s, grant: g, req: r, session: ses, gone: make(chan struct{}), page: pageOf(len(ses.Channels)),
		batch: ses.BatchCount, have: noSample, reach: noSample, result: ses.LastSeq, owed: ses.BatchCount,
		frames: ses.SampleCount - ses.OverlapCount}
	if r.AfterBatch != nil {
		f.batch = *r.AfterBatch + 1
		if r.AfterSample != nil && *r.AfterBatch >= 0 {
			f.batch, f.have = *r.AfterBatch, *r.AfterSample
		}
	}
	if r.AfterResult != nil {
		f.result = *r.AfterResult
	}
	if (r.Kinds&Events != 0 && r.AfterEvent == nil) || r.Kinds&Revisions != 0 {
		if f.event, f.revision, err = s.cfg.Store.LastEvent(ctx, g.ProjectID, g.SessionID); err != nil {
			return nil, service.Unavailable(err)
		}
	}
	if r.AfterEvent != nil {
		f.event = *r.AfterEvent
	}
	if r.Kinds&Samples != 0 && !r.View.plain() {
		if f.lens, err = s.newLens(r.View, ses); err != nil {
			return nil, err
		}
	}
	if r.Kinds&Samples != 0 {
		if err := s.see(ctx, f, ses); err != nil {
			return nil, err
		}
	}
	s.join(f, ses)
	return f, nil
}

// see finds what is known of a session's source: the clock, and the quality of the channels by the window that starts last.
func (s *Service) see(ctx context.Context, f *Follower, ses models.Session) error {
	var err error
	if f.known.Clock, err = s.clock(ctx, ses.ProjectID, ses.ID); err != nil {
		return service.Unavailable(err)
	}
	if ses.WindowCount == 0 {
		return nil
	}
	last, err := s.cfg.Store.FeatureWindows(ctx, ses.ProjectID, store.WindowListing{SessionID: ses.ID, Descending: true, Limit: 1})
	if err != nil {
		return service.Unavailable(err)
	}
	if len(last) > 0 {
		f.known.Quality = qualityOf(&last[0], ses.Channels)
	}
	return nil
}

// clock returns what the clock of a session's source was last found to do, nil where nobody has said.
func (s *Service) clock(ctx context.Context, projectID, id string) (*Clock, error) {
	row, err := s.cfg.Store.Clock(ctx, projectID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // nobody has said
	}
	if err != nil {
		return nil, err
	}
	c, err := row.Clock()
	return &Clock{c, row.UpdatedAt}, err
}

// session returns a session as it is now. Error: SessionNotFound.
func (s *Service) session(ctx context.Context, projectID, id string) (models.Session, error) {
	ses, err := s.cfg.Store.Session(ctx, projectID, id)
	if err == nil && (ses.State == models.SessionProcessing || (ses.State == models.SessionEnded && ses.JobOpen)) {
		// Whoever looks first notices that its job has failed.
		ses, err = s.cfg.Store.FailSession(ctx, projectID, id)
	}
	if err != nil {
		return models.Session{}, service.Absent(err, models.SessionNotFound)
	}
	return ses, nil
}

// Drained is closed when the process stops: followers end.
func (s *Service) Drained() <-chan struct{} { return s.cfg.Topics.Drained() }
