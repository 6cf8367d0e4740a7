package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// onceKey is where the transaction of Once is in a context; one for each store, as a process may have several.
type onceKey struct{ s *Store }

// joined returns the transaction of Once that a context carries, nil for none.
func (s *Store) joined(ctx context.Context) *gorm.DB {
	tx, _ := ctx.Value(onceKey{s}).(*gorm.DB)
	if tx == nil {
		return nil
	}
	return tx.WithContext(ctx)
}

// Once calls run at most once for an Idempotency-Key. Whatever run stores with the context that it is given, and the answer
// that it fills into the record, is one transaction: both are there or neither is. Where the key has an answer already, that
// is returned and run is not called. An error of run is returned as it is, and nothing is stored. Error: ErrKeyInFlight.
//
// run must store through the methods of Store alone and with its context alone: those of Jobs have connections of their own,
// and on SQLite another context would wait for the writing connection that this transaction holds.
func (s *Store) Once(ctx context.Context, r models.IdempotencyRecord, run func(context.Context, *models.IdempotencyRecord) error) (replayed *models.IdempotencyRecord, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if replayed, err = s.takeKey(tx, r); err != nil || replayed != nil {
			return err
		}
		if err := run(context.WithValue(ctx, onceKey{s}, tx), &r); err != nil {
			return err
		}
		return dialect.KeepRecord(tx, r)
	})
	return replayed, err
}
