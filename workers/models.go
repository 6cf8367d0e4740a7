package workers

import (
	"container/list"
	"context"
	"errors"
	"strings"
	"sync"

	"golang.org/x/sync/singleflight"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// ProjectModels gives the models of projects; *store.Store is one.
type ProjectModels interface {
	// ProjectModel returns a version without its file, the active one where version is "", or store.ErrNotFound.
	ProjectModel(ctx context.Context, projectID, name, version string) (models.ProjectModel, error)
	// ModelFile returns a file that fits its checksum.
	ModelFile(ctx context.Context, projectID, id string) ([]byte, error)
}

var _ ProjectModels = (*store.Store)(nil)

// Models finds the models of jobs: those of the job's project first, then those of the catalog. It is safe for concurrent use.
//
// Whether a project has a model is asked of the database for every job that names one, so that what was deleted, rolled back
// or erased is so at once, and no project sees another's. What was restored is kept by the checksum of its file: the
// same file is the same decoder, whoever has it.
type Models struct {
	cat      *catalog.Catalog
	projects ProjectModels
	max      int64
	slots    *compute.Slots
	loading  singleflight.Group

	mu     sync.Mutex
	kept   map[string]*list.Element // of *keptModel, by checksum
	recent *list.List               // the one used last is in front
	bytes  int64
}

type keptModel struct {
	sum    string
	bytes  int64
	loaded *catalog.Loaded
}

// NewModels returns the models of a catalog and of projects, nil for none; the cache holds up to maxBytes of model files, and at
// least the last one. Bringing one to life takes one of slots, nil for no limit, so For is not called from within one.
func NewModels(cat *catalog.Catalog, projects ProjectModels, maxBytes int64, slots *compute.Slots) *Models {
	return &Models{cat: cat, projects: projects, max: maxBytes, slots: slots, kept: map[string]*list.Element{}, recent: list.New()}
}

// For returns what resolves the models of a job of a project that names ref, "" for none.
func (m *Models) For(ctx context.Context, projectID, ref string) (catalog.Resolver, error) {
	if ref == "" || m.projects == nil {
		return m.cat, nil
	}
	name, version, pinned := strings.Cut(ref, "@")
	if pinned && version == "" {
		return m.cat, nil
	}
	own, err := m.projects.ProjectModel(ctx, projectID, name, version)
	if errors.Is(err, store.ErrNotFound) {
		return m.cat, nil
	}
	if err != nil {
		return nil, err
	}
	loaded, err := m.load(ctx, own)
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		return m.cat, nil
	}
	if err != nil {
		return nil, err
	}
	return m.cat.With(ref, loaded), nil
}

// load restores a model; of those who want it at once, one does.
func (m *Models) load(ctx context.Context, own models.ProjectModel) (*catalog.Loaded, error) {
	if l := m.get(own.SHA256); l != nil {
		return l, nil
	}
	v, err, _ := m.loading.Do(own.SHA256, func() (any, error) {
		if l := m.get(own.SHA256); l != nil {
			return l, nil
		}
		// Others wait for it, too: it does not end with the job that came first.
		ctx := context.WithoutCancel(ctx)
		b, err := m.projects.ModelFile(ctx, own.ProjectID, own.ID)
		if err != nil {
			return nil, err
		}
		var l *catalog.Loaded
		err = m.slots.Do(ctx, compute.Work{Project: own.ProjectID, Takes: compute.RestoreTakes(len(b))}, func() error {
			file, err := catalog.Parse(b)
			if err != nil {
				return err
			}
			l, err = m.cat.Load(file, eeg.SourceProject)
			return err
		})
		if err != nil {
			return nil, err
		}
		m.put(&keptModel{own.SHA256, own.Size, l})
		return l, nil
	})
	if err != nil {
		return nil, err
	}
	return v.(*catalog.Loaded), nil
}

func (m *Models) get(sum string) *catalog.Loaded {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.kept[sum]
	if !ok {
		return nil
	}
	m.recent.MoveToFront(e)
	return e.Value.(*keptModel).loaded
}

func (m *Models) put(k *keptModel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.kept[k.sum]; ok {
		return
	}
	m.kept[k.sum] = m.recent.PushFront(k)
	for m.bytes += k.bytes; m.bytes > m.max && m.recent.Len() > 1; {
		last := m.recent.Remove(m.recent.Back()).(*keptModel)
		delete(m.kept, last.sum)
		m.bytes -= last.bytes
	}
}
