package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// OnceStore keeps answers by their Idempotency-Key.
type OnceStore interface {
	Once(ctx context.Context, r models.IdempotencyRecord, run func(context.Context, *models.IdempotencyRecord) error) (replayed *models.IdempotencyRecord, err error)
	KeptAnswer(ctx context.Context, k models.IdempotencyRecord) (*models.IdempotencyRecord, error)
}

var _ OnceStore = (*store.Store)(nil)

// OnceConfig is what Once needs.
type OnceConfig struct {
	// Store keeps the answers. Required.
	Store OnceStore
	// Tokens seals them. Required.
	Tokens *auth.Tokens
	// Retention is how long an answer is kept. Defaults to 24 h.
	Retention time.Duration
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Once makes calls that are not jobs safe to repeat: what a call stores and the answer to it are one transaction, and a
// repetition with the same Idempotency-Key gets that answer.
//
// Answers may hold what nobody else must see, as a new API key in clear. So every one is kept sealed, under a key that takes
// both the server's signing key and the caller's Idempotency-Key, of which only a hash is kept.
type Once struct{ cfg OnceConfig }

// NewOnce returns the use case.
func NewOnce(cfg OnceConfig) *Once {
	if cfg.Retention <= 0 {
		cfg.Retention = 24 * time.Hour
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Once{cfg}
}

// Made is what a call has made, and its answer.
type Made struct {
	Answer models.Answer
	// Ref is the id or name of what was made. For a session it is the id by which an erasure finds the answer.
	Ref string
}

// Do calls check and run, or returns the answer that they came to when they were called with the same key. owner is the project
// or the user whose keys they are. run is the transaction: it must be short and store with the context that it is given. What
// takes time or loads what others wait for, too, belongs into check, which may be nil. Errors are those of check and run, InvalidIdempotencyKey,
// IdempotencyKeyReused, IdempotencyKeyInFlight, Unavailable and StorageFull; after one nothing is stored.
func (o *Once) Do(ctx context.Context, owner, operation string, idem Idempotency, check func() error, run func(context.Context) (Made, error)) (Accepted, error) {
	if check == nil {
		check = func() error { return nil }
	}
	if idem.Key == "" {
		if err := check(); err != nil {
			return Accepted{}, err
		}
		a, err := run(ctx)
		return Accepted{Answer: a.Answer, JobID: a.Ref}, err
	}
	if err := CheckKey(idem); err != nil {
		return Accepted{}, err
	}
	hashed := sha256.Sum256([]byte(idem.Key))
	now := o.cfg.Now()
	record := models.IdempotencyRecord{ProjectID: owner, Operation: operation, Key: "sha256:" + hex.EncodeToString(hashed[:]),
		Fingerprint: idem.Fingerprint, CreatedAt: now, ExpiresAt: now.Add(o.cfg.Retention)}
	// What was checked for the first call need not hold any more: its model may be deleted.
	kept, err := o.cfg.Store.KeptAnswer(ctx, record)
	switch {
	case err != nil:
		return Accepted{}, Unavailable(err)
	case kept != nil:
		return o.open(kept, idem)
	}
	if err := check(); err != nil {
		return Accepted{}, err
	}
	var made Made
	var refused error
	kept, err = o.cfg.Store.Once(ctx, record, func(ctx context.Context, r *models.IdempotencyRecord) error {
		if made, refused = run(ctx); refused != nil {
			return refused
		}
		sealed, err := o.cfg.Tokens.Seal(made.Answer.Bytes, idem.Key, owner, operation, idem.Fingerprint)
		r.JobID, r.Answer = made.Ref, models.Answer{Protocol: made.Answer.Protocol, Bytes: sealed}
		return err
	})
	switch {
	case refused != nil:
		return Accepted{}, refused
	case errors.Is(err, store.ErrKeyInFlight):
		return Accepted{}, KeyFault(err)
	case err != nil:
		return Accepted{}, Unavailable(err)
	case kept == nil:
		return Accepted{Answer: made.Answer, JobID: made.Ref}, nil
	}
	return o.open(kept, idem)
}

// open returns a kept answer to the call that repeats the one it was made for.
func (o *Once) open(r *models.IdempotencyRecord, idem Idempotency) (Accepted, error) {
	accepted, err := Replay(r, idem)
	if err != nil {
		return Accepted{}, err
	}
	accepted.Answer.Bytes, err = o.cfg.Tokens.Unseal(r.Answer.Bytes, idem.Key, r.ProjectID, r.Operation, r.Fingerprint)
	if errors.Is(err, auth.ErrSealed) {
		return Accepted{}, models.Errorf(models.IdempotencyKeyReused, "The call with this idempotency key took effect, but its answer cannot be "+
			"opened any more: the server's signing key has changed since. Check its effect before you send it again with another key.").Wrap(err)
	}
	return accepted, err
}

// Accepted is the answer to a submission: what the caller's Respond made, or the stored answer of the same request.
type Accepted = jobs.Accepted

// Respond renders the answer to an accepted job; items is nil unless the job is a batch. The answer is stored with
// the job when there is an idempotency key.
type Respond func(job models.Job, items []models.Job) models.Answer

// Idempotency identifies a call that the caller may repeat.
type Idempotency = models.Idempotency

// CheckKey holds an Idempotency-Key to 1-255 printable ASCII characters.
func CheckKey(idem Idempotency) error {
	if len(idem.Key) > 255 {
		return models.NewError(models.InvalidIdempotencyKey)
	}
	for i := range len(idem.Key) {
		if c := idem.Key[i]; c < 0x20 || c > 0x7e {
			return models.NewError(models.InvalidIdempotencyKey)
		}
	}
	return nil
}

// Replay returns the answer that is kept under a key to the call that repeats the one it was made for. Error: IdempotencyKeyReused.
func Replay(r *models.IdempotencyRecord, idem Idempotency) (Accepted, error) {
	kept, err := r.Replay(idem)
	if err != nil {
		return Accepted{}, err
	}
	return Accepted{Answer: kept, Replayed: true, JobID: r.JobID}, nil
}

// KeyFault is the error of a call with an Idempotency-Key about a session.
func KeyFault(err error) error {
	if errors.Is(err, store.ErrKeyInFlight) {
		e := models.NewError(models.IdempotencyKeyInFlight).Wrap(err)
		e.RetryAfter = time.Second
		return e
	}
	return Absent(err, models.SessionNotFound)
}
