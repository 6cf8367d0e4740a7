package sqlite

import (
	"context"
	"slices"
	"sync"

	"github.com/neurod/neurod/models"
)

// early counts the ends of jobs that are in the database and perhaps not yet on the disk. They commit as relaxed, so that others
// write while the disk does; who reads such a job waits for the disk, so that nobody sees an end that a power cut takes back.
type early struct {
	mu   sync.Mutex
	jobs map[string]int
}

// show counts an end that is about to be committed.
func (e *early) show(id string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.jobs == nil {
		e.jobs = map[string]int{}
	}
	e.jobs[id]++
	return id
}

// hide takes ends out of the count: they are on the disk, or nowhere.
func (e *early) hide(ids []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range ids {
		if e.jobs[id]--; e.jobs[id] == 0 {
			delete(e.jobs, id)
		}
	}
}

// any reports whether one of the jobs is counted.
func (e *early) any(list []models.Job) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.jobs) > 0 && slices.ContainsFunc(list, func(job models.Job) bool { return e.jobs[job.ID] > 0 })
}

// kept returns jobs that were read once what they show is on the disk.
func (j *jobStore) kept(ctx context.Context, list []models.Job, err error) ([]models.Job, error) {
	if err == nil && j.early.any(list) {
		err = j.wal.flush(ctx)
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}
