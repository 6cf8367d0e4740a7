package service

import (
	"errors"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// unavailable is the error of a call that the database did not answer.
func unavailable(err error) error {
	if store.IsFull(err) {
		return storageFull(err)
	}
	e := models.NewError(models.Unavailable).Wrap(err)
	e.RetryAfter = time.Second
	return e
}

// fullRetry is when to try again where the disk is full: somebody has to make room.
const fullRetry = 30 * time.Second

// storageFull is the error of a call that the database had no room for.
func storageFull(err error) error {
	e := models.NewError(models.StorageFull).Wrap(err)
	e.RetryAfter = fullRetry
	return e
}

// absent is the error of a call about something that is not there, or not the caller's.
func absent(err error, code models.Code) error {
	if errors.Is(err, store.ErrNotFound) {
		return models.NewError(code)
	}
	return unavailable(err)
}

// unanswered gives a fault of the job store its place in the error table: what is no *models.Error is a database that
// did not answer, and the caller may try again.
func unanswered(err error) error {
	var known *models.Error
	if errors.As(err, &known) {
		return err
	}
	return unavailable(err)
}
