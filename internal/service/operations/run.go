package operations

import (
	"context"
	"errors"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// How this process takes part in the work of operators.
const (
	beat        = 5 * time.Second  // between two words of a process
	Silent      = 20 * time.Second // after which one that has not said that it ends counts as lost
	actionLease = 15 * time.Second
	actionBatch = 100 // jobs of one transaction: on SQLite nobody else writes meanwhile
	look        = 2 * time.Second
)

// Run says that this process is there, counts how jobs did, and works on actions, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	told, end := s.cfg.Engine.Subscribe(actionTopic)
	defer end()
	s.speak(ctx, nil)
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	spoken := time.Now()
	for {
		if s.cfg.Serves {
			s.work(ctx)
			if err := s.rollUp(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.WarnContext(ctx, "statistics of jobs were not counted", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			at := s.cfg.Now()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			s.speak(last, &at)
			cancel()
			return nil
		case <-told:
		case <-ticker.C:
		}
		if time.Since(spoken) >= beat {
			s.speak(ctx, nil)
			spoken = time.Now()
		}
	}
}

// Speak notes at once what this process is.
func (s *Service) Speak(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s.speak(ctx, nil)
}

// speak notes what this process is.
func (s *Service) speak(ctx context.Context, ended *time.Time) {
	if s.cfg.Process == nil {
		return
	}
	p := s.cfg.Process()
	p.SeenAt, p.EndedAt = s.cfg.Now(), ended
	if err := s.cfg.Store.SaveProcess(ctx, p); err != nil && ctx.Err() == nil {
		s.cfg.Log.WarnContext(ctx, "this process was not noted", "error", err)
	}
}

// work goes through the actions that nobody else works on.
func (s *Service) work(ctx context.Context) {
	for ctx.Err() == nil {
		a, err := s.cfg.Store.ClaimAction(ctx, s.owner, actionLease)
		if err == nil {
			err = s.workOn(ctx, a)
		}
		switch {
		case err == nil || errors.Is(err, store.ErrFenced): // it is another's, or was canceled: perhaps there is one more
			continue
		case errors.Is(err, store.ErrNotFound) || ctx.Err() != nil:
		default:
			s.cfg.Log.WarnContext(ctx, "an action of an operator waits", "error", err)
		}
		return
	}
}

func (s *Service) workOn(ctx context.Context, a models.OperatorAction) error {
	known, err := actionOf(a)
	if err != nil {
		return err
	}
	step := store.ActionStep{ID: a.ID, Owner: s.owner, Lease: actionLease, Filter: known.Filter, BulkKinds: s.cfg.Engine.BulkKinds(), Limit: actionBatch}
	if a.Action == models.VerbCancel {
		step.Cancel = func(ctx context.Context, projectID, id string) (string, error) {
			job, _, _, err := s.cfg.Store.AdminJob(ctx, id)
			if errors.Is(err, store.ErrNotFound) {
				return store.SkipGone, nil
			}
			if err != nil {
				return "", err
			}
			return s.cancel(ctx, projectID, id, job.Kind, job.State)
		}
	}
	for {
		done, fresh, err := s.cfg.Store.StepAction(ctx, step)
		if err != nil {
			return err
		}
		for _, job := range fresh {
			s.cfg.Engine.HandOver(job)
		}
		if done.State != models.ActionRunning {
			return nil
		}
	}
}

// Processes returns the processes of the last day, each with the jobs that it runs.
func (s *Service) Processes(ctx context.Context, p models.Principal) ([]models.Process, []models.AdminJob, error) {
	if err := operator(p); err != nil {
		return nil, nil, err
	}
	list, err := s.cfg.Store.Processes(ctx, s.cfg.Now().Add(-24*time.Hour), maxProcesses)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	running, err := s.cfg.Store.RunningOf(ctx, maxRunning)
	if err != nil {
		return nil, nil, unavailable(err)
	}
	return list, running, nil
}

// ScaleEvents returns what supervisors of workers did, newest first.
func (s *Service) ScaleEvents(ctx context.Context, p models.Principal, cursor string, limit int) ([]models.ScaleEvent, string, error) {
	if err := operator(p); err != nil {
		return nil, "", err
	}
	before, ok := models.ParseID(cursor)
	if cursor != "" && !ok {
		return nil, "", models.Errorf(models.InvalidParameter, "cursor is not one that this list returned.")
	}
	found, err := s.cfg.Store.ScaleEvents(ctx, before, limit+1)
	if err != nil {
		return nil, "", unavailable(err)
	}
	next := ""
	if len(found) > limit {
		found, next = found[:limit], found[limit-1].ID
	}
	return found, next, nil
}
