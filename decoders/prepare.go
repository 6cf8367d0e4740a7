package decoders

import (
	"context"
	"encoding/json"
	"sync"
)

// Preparer is a pipeline that trains again and again on parts of one dataset, as a cross-validation does, without repeating
// what depends on a trial alone, such as the covariance of its window.
type Preparer interface {
	Pipeline
	// Prepare refuses options that do not fit ds. Trials are looked at when they are first trained on, so a broken one
	// harms those trainings alone that want it. ds must not change afterwards. memo is ds's own; nil shares nothing with others.
	Prepare(ds *Dataset, config json.RawMessage, memo *Memo) (Prepared, error)
}

// Prepared trains on parts of a dataset. Any number of trainings may run at once.
type Prepared interface {
	// Train returns what Pipeline.Train makes of the trials with these indices, in this order, to the last bit.
	Train(ctx context.Context, trials []int) (Trained, error)
}

// Memo keeps what pipelines computed of one dataset for the others that want the same: the covariances of two that have the
// front end in common, the tangent space of two that trained on the same trials. It grows until it is dropped, so it suits
// one person's few dozen trials; a nil Memo keeps nothing.
type Memo struct {
	mu   sync.Mutex
	kept map[any]*memory
}

type memory struct {
	once  sync.Once
	value any
	err   error
}

// Do returns what make gave for this key the first time, error or not. Others that ask meanwhile wait for it.
func (m *Memo) Do(key any, make func() (any, error)) (any, error) {
	if m == nil {
		return make()
	}
	m.mu.Lock()
	if m.kept == nil {
		m.kept = map[any]*memory{}
	}
	k, ok := m.kept[key]
	if !ok {
		k = new(memory)
		m.kept[key] = k
	}
	m.mu.Unlock()
	k.once.Do(func() { k.value, k.err = make() })
	return k.value, k.err
}
