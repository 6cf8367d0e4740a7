package entity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/vikstrous/dataloadgen"

	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// Sessions is what types read of sessions; *sessions.Service is one.
type Sessions interface {
	ByID(ctx context.Context, p models.Principal, ids []string) (map[string]models.Session, error)
	OfDevices(ctx context.Context, p models.Principal, devices []string, each int) (map[string][]models.Session, error)
	Count(ctx context.Context, p models.Principal, f sessions.Search) (int64, error)
	Progress(ctx context.Context, p models.Principal, sessions []models.Session) (map[string]models.Progress, error)
	Recordings(ctx context.Context, p models.Principal, sessions []models.Session, offset, each int) (map[string][]sessions.Recording, error)
	Qualities(ctx context.Context, p models.Principal, list []sessions.Recording) ([]sessions.RecordingQuality, error)
	Artifacts(ctx context.Context, p models.Principal, list []sessions.Recording, from *time.Time, each int) ([][]sessions.Artifact, error)
	LatestDecodes(ctx context.Context, p models.Principal, sessions []string, each int) (map[string][]models.SessionDecode, error)
	LatestWindows(ctx context.Context, p models.Principal, sessions []string, each int) (map[string][]models.FeatureWindow, error)
	EventsOf(ctx context.Context, p models.Principal, sessions []string, after, each int) (map[string][]models.SessionMark, error)
}

// Devices is what types read of devices; *devices.Service is one.
type Devices interface {
	All(ctx context.Context, p models.Principal) ([]devices.Device, error)
}

// Analyses is what types read of analyses; *analysis.Service is one.
type Analyses interface {
	Of(ctx context.Context, p models.Principal, sessions []models.Session) (map[string][]analysis.Analysis, error)
}

var (
	_ Sessions = (*sessions.Service)(nil)
	_ Devices  = (*devices.Service)(nil)
	_ Analyses = (*analysis.Service)(nil)
)

// LoadersConfig is what loaders ask.
type LoadersConfig struct {
	Sessions Sessions
	Devices  Devices
	Analyses Analyses
	// Wait is how long the first that asks waits for others. Defaults to 1 ms.
	Wait time.Duration
}

// page is a part of what hangs on a session.
type page struct{ offset, limit int }

// of is a key: what is asked for, and for which session or recording.
type of[T comparable, A comparable] struct {
	what T
	args A
}

// Loaders read what hangs on things, each kind in one call for all that ask at the same moment. They belong to one operation, or one message
// of a subscription.
type Loaders struct {
	cfg LoadersConfig
	p   models.Principal

	sessions   *dataloadgen.Loader[string, *models.Session]
	devices    *dataloadgen.Loader[string, *devices.Device]
	ofDevice   *dataloadgen.Loader[of[string, int], []models.Session]
	progress   *dataloadgen.Loader[*models.Session, models.Progress]
	recordings *dataloadgen.Loader[of[*models.Session, page], []sessions.Recording]
	quality    *dataloadgen.Loader[*sessions.Recording, sessions.RecordingQuality]
	artifacts  *dataloadgen.Loader[of[*sessions.Recording, artifactsAsked], []sessions.Artifact]
	analyses   *dataloadgen.Loader[*models.Session, []analysis.Analysis]
	decodes    *dataloadgen.Loader[of[string, int], []models.SessionDecode]
	windows    *dataloadgen.Loader[of[string, int], []models.FeatureWindow]
	events     *dataloadgen.Loader[of[string, page], []models.SessionMark]
}

type artifactsAsked struct {
	from  time.Time // zero for the beginning
	limit int
}

// NewLoaders returns loaders that ask for a principal.
func NewLoaders(cfg LoadersConfig, p models.Principal) *Loaders {
	if cfg.Wait <= 0 {
		cfg.Wait = time.Millisecond
	}
	l := &Loaders{cfg: cfg, p: p}
	wait := dataloadgen.WithWait(cfg.Wait)
	l.sessions = dataloadgen.NewLoader(func(ctx context.Context, ids []string) ([]*models.Session, []error) {
		found, err := cfg.Sessions.ByID(ctx, p, ids)
		return inOrder(ids, err, func(id string) *models.Session {
			if ses, there := found[id]; there {
				return &ses
			}
			return nil
		})
	}, wait)
	l.devices = dataloadgen.NewLoader(func(ctx context.Context, ids []string) ([]*devices.Device, []error) {
		all, err := cfg.Devices.All(ctx, p)
		found := make(map[string]*devices.Device, len(all))
		for i := range all {
			found[all[i].ID] = &all[i]
		}
		return inOrder(ids, err, func(id string) *devices.Device { return found[id] })
	}, wait)
	l.progress = dataloadgen.NewLoader(func(ctx context.Context, list []*models.Session) ([]models.Progress, []error) {
		found, err := cfg.Sessions.Progress(ctx, p, values(list))
		return inOrder(list, err, func(ses *models.Session) models.Progress { return found[ses.ID] })
	}, wait)
	l.analyses = dataloadgen.NewLoader(func(ctx context.Context, list []*models.Session) ([][]analysis.Analysis, []error) {
		found, err := cfg.Analyses.Of(ctx, p, values(list))
		return inOrder(list, err, func(ses *models.Session) []analysis.Analysis { return found[ses.ID] })
	}, wait)
	l.quality = dataloadgen.NewLoader(func(ctx context.Context, list []*sessions.Recording) ([]sessions.RecordingQuality, []error) {
		found, err := cfg.Sessions.Qualities(ctx, p, values(list))
		return listed(found, err, len(list))
	}, wait)
	l.ofDevice = grouped(wait, func(ctx context.Context, ids []string, each int) (map[string][]models.Session, error) {
		return cfg.Sessions.OfDevices(ctx, p, ids, each)
	}, itself)
	l.recordings = grouped(wait, func(ctx context.Context, list []*models.Session, of page) (map[string][]sessions.Recording, error) {
		return cfg.Sessions.Recordings(ctx, p, values(list), of.offset, of.limit)
	}, idOf)
	l.artifacts = grouped(wait, func(ctx context.Context, list []*sessions.Recording, asked artifactsAsked) (map[string][]sessions.Artifact, error) {
		var from *time.Time
		if !asked.from.IsZero() {
			from = &asked.from
		}
		found, err := cfg.Sessions.Artifacts(ctx, p, values(list), from, asked.limit)
		out := make(map[string][]sessions.Artifact, len(list))
		for i := range found {
			out[list[i].ID()] = found[i]
		}
		return out, err
	}, (*sessions.Recording).ID)
	l.decodes = grouped(wait, func(ctx context.Context, ids []string, each int) (map[string][]models.SessionDecode, error) {
		return cfg.Sessions.LatestDecodes(ctx, p, ids, each)
	}, itself)
	l.windows = grouped(wait, func(ctx context.Context, ids []string, each int) (map[string][]models.FeatureWindow, error) {
		return cfg.Sessions.LatestWindows(ctx, p, ids, each)
	}, itself)
	l.events = grouped(wait, func(ctx context.Context, ids []string, of page) (map[string][]models.SessionMark, error) {
		return cfg.Sessions.EventsOf(ctx, p, ids, of.offset, of.limit)
	}, itself)
	return l
}

func itself(id string) string         { return id }
func idOf(ses *models.Session) string { return ses.ID }
func object(s string) json.RawMessage { return json.RawMessage(s) }
func nonNil[T any](list []T) []T      { return append([]T{}, list...) }

// Optional is a text, nil for none.
func Optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func values[T any](list []*T) []T {
	out := make([]T, len(list))
	for i, v := range list {
		out[i] = *v
	}
	return out
}

// inOrder answers each key.
func inOrder[K comparable, V any](keys []K, err error, find func(K) V) ([]V, []error) {
	if err != nil {
		return failed[V](err, len(keys))
	}
	out := make([]V, len(keys))
	for i, k := range keys {
		out[i] = find(k)
	}
	return out, nil
}

func listed[V any](found []V, err error, n int) ([]V, []error) {
	if err != nil {
		return failed[V](err, n)
	}
	return found, nil
}

func failed[V any](err error, n int) ([]V, []error) {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return make([]V, n), errs
}

// grouped loads lists that are found by id: in one call for those that are asked for with the same arguments.
func grouped[T, A comparable, V any](wait dataloadgen.Option, fetch func(ctx context.Context, list []T, args A) (map[string][]V, error), id func(T) string) *dataloadgen.Loader[of[T, A], []V] {
	return dataloadgen.NewLoader(func(ctx context.Context, keys []of[T, A]) ([][]V, []error) {
		out, errs := make([][]V, len(keys)), make([]error, len(keys))
		groups := map[A][]int{}
		for i, k := range keys {
			groups[k.args] = append(groups[k.args], i)
		}
		for args, places := range groups {
			list := make([]T, len(places))
			for n, i := range places {
				list[n] = keys[i].what
			}
			found, err := fetch(ctx, list, args)
			for _, i := range places {
				out[i], errs[i] = found[id(keys[i].what)], err
			}
		}
		return out, errs
	}, wait)
}

type loadersKey struct{}

// WithLoaders returns a context with the loaders of an operation.
func WithLoaders(ctx context.Context, l *Loaders) context.Context {
	return context.WithValue(ctx, loadersKey{}, l)
}

// loadersOf returns the loaders of an operation.
func loadersOf(ctx context.Context) *Loaders { return ctx.Value(loadersKey{}).(*Loaders) }

// FindSession returns a session of the project, nil where there is none.
func FindSession(ctx context.Context, id string) (*Session, error) {
	ses, err := loadersOf(ctx).sessions.Load(ctx, id)
	if err != nil || ses == nil {
		return nil, err
	}
	return SessionOf(*ses), nil
}
