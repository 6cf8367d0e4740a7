package service

import (
	"errors"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Unavailable is the error of a call that the database did not answer.
func Unavailable(err error) error {
	if store.IsFull(err) {
		return StorageFull(err)
	}
	if errors.Is(err, store.ErrObjectLost) {
		return models.NewError(models.RecordingLost).Wrap(err)
	}
	e := models.NewError(models.Unavailable).Wrap(err)
	e.RetryAfter = time.Second
	return e
}

// fullRetry is when to try again where the disk is full: somebody has to make room.
const fullRetry = 30 * time.Second

// StorageFull is the error of a call that the database had no room for.
func StorageFull(err error) *models.Error {
	e := models.NewError(models.StorageFull).Wrap(err)
	e.RetryAfter = fullRetry
	return e
}

// Absent is the error of a call about something that is not there, or not the caller's.
func Absent(err error, code models.Code) error {
	if errors.Is(err, store.ErrNotFound) {
		return models.NewError(code)
	}
	return Unavailable(err)
}

// Unanswered gives a fault of the job store its place in the error table: what is not a *models.Error is a database that
// did not answer, and the caller may try again.
func Unanswered(err error) error {
	var known *models.Error
	if errors.As(err, &known) {
		return err
	}
	return Unavailable(err)
}
