package sessions

import (
	"context"
	"sync"

	"github.com/neurod/neurod/models"
)

// maxMontages bounds the memory of the cache.
const maxMontages = 4096

// montages keeps what never changes in a session, so that a batch is checked without asking the database: whether the
// session is still there and takes batches is asked where the batch is stored. It is safe for concurrent use.
type montages struct {
	mu   sync.RWMutex
	byID map[string]models.Session
}

// montage returns what of a session never changes: its id, project, channels, rate, grids and features; the other fields are empty. Error:
// store.ErrNotFound.
func (s *Service) montage(ctx context.Context, projectID, id string) (models.Session, error) {
	m := &s.montages
	m.mu.RLock()
	ses, ok := m.byID[id]
	m.mu.RUnlock()
	if ok && ses.ProjectID == projectID {
		return ses, nil
	}
	ses, err := s.cfg.Store.Session(ctx, projectID, id)
	if err != nil {
		return models.Session{}, err
	}
	ses = models.Session{ID: ses.ID, ProjectID: ses.ProjectID, Channels: ses.Channels, SampleRateHz: ses.SampleRateHz, HopMS: ses.HopMS, Decode: ses.Decode, Features: ses.Features}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byID == nil || len(m.byID) >= maxMontages {
		m.byID = map[string]models.Session{}
	}
	m.byID[id] = ses
	return ses, nil
}

// drop forgets a session that is gone.
func (m *montages) drop(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byID, id)
}
