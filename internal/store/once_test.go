package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestOnceKeepsAllOrNothing ends the transaction of a call in every way: what was made and the answer are both there or
// neither is, and what comes after works.
func TestOnceKeepsAllOrNothing(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		u := newUser(t, s)
		record := func(key string) models.IdempotencyRecord {
			now := time.Now()
			return models.IdempotencyRecord{ProjectID: u.ID, Operation: "o", Key: key, Fingerprint: "f", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
		}
		// project makes one with a key, as two calls of the store, and looks at both from inside.
		project := func(ctx context.Context, r *models.IdempotencyRecord) (models.Project, error) {
			p := models.Project{ID: models.NewID(), Name: "p", CreatedAt: epoch}
			if err := s.CreateProject(ctx, p, u.ID, 100); err != nil {
				return p, err
			}
			k := models.APIKey{ID: models.NewID(), ProjectID: p.ID, Hash: "hash of " + p.ID, Scopes: models.Scopes(), CreatedAt: epoch}
			if err := s.CreateKey(ctx, u.ID, k, 100); err != nil {
				return p, err
			}
			if _, err := s.KeyByID(ctx, p.ID, k.ID); err != nil {
				t.Errorf("the transaction does not see what it has written: %v", err)
			}
			r.JobID, r.Answer = p.ID, models.Answer{Protocol: "http/201", Bytes: []byte("answer about " + p.ID)}
			return p, nil
		}
		count := func(t *testing.T, key string) (projects int, kept bool) {
			t.Helper()
			found, err := s.Projects(context.Background(), u.ID)
			if err != nil {
				t.Fatal(err)
			}
			r, err := s.KeptAnswer(context.Background(), record(key))
			if err != nil {
				t.Fatal(err)
			}
			return len(found), r != nil
		}
		refused := errors.New("refused")
		for name, end := range map[string]func(ctx context.Context, stop context.CancelFunc) error{
			"refused":            func(context.Context, context.CancelFunc) error { return refused },
			"the caller is gone": func(_ context.Context, stop context.CancelFunc) error { stop(); return nil },
			"panic":              func(context.Context, context.CancelFunc) error { panic(refused) },
		} {
			t.Run(name, func(t *testing.T) {
				before, _ := count(t, name)
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				func() {
					defer func() { _ = recover() }()
					_, err := s.Once(ctx, record(name), func(ctx context.Context, r *models.IdempotencyRecord) error {
						if _, err := project(ctx, r); err != nil {
							t.Error(err)
						}
						return end(ctx, stop)
					})
					if err == nil {
						t.Error("no error")
					}
				}()
				if after, kept := count(t, name); after != before || kept {
					t.Errorf("%d projects more, answer kept: %v", after-before, kept)
				}
				again := func() error {
					_, err := s.Once(t.Context(), record(name), func(ctx context.Context, r *models.IdempotencyRecord) error {
						_, err := project(ctx, r)
						return err
					})
					return err
				}
				err := again()
				for end := time.Now().Add(30 * time.Second); errors.Is(err, store.ErrKeyInFlight) && time.Now().Before(end); {
					err = again() // PostgreSQL keeps the key's lock until it notices that the connection is gone
				}
				if err != nil {
					t.Fatalf("the call after it: %v", err)
				}
				if after, kept := count(t, name); after != before+1 || !kept {
					t.Errorf("the call after it: %d projects more, answer kept: %v", after-before, kept)
				}
			})
		}

		t.Run("a part that fails is undone by itself", func(t *testing.T) {
			before, _ := count(t, "part")
			_, err := s.Once(t.Context(), record("part"), func(ctx context.Context, r *models.IdempotencyRecord) error {
				p, err := project(ctx, r)
				if err != nil {
					return err
				}
				if err := s.CreateProject(ctx, models.Project{ID: p.ID, CreatedAt: epoch}, u.ID, 100); !errors.Is(err, store.ErrDuplicate) {
					t.Errorf("the same id twice: %v", err)
				}
				return nil
			})
			if after, kept := count(t, "part"); err != nil || after != before+1 || !kept {
				t.Errorf("%v; %d projects more, answer kept: %v", err, after-before, kept)
			}
		})
		t.Run("the second call", func(t *testing.T) {
			r, err := s.Once(t.Context(), record("part"), func(context.Context, *models.IdempotencyRecord) error {
				t.Error("it ran again")
				return nil
			})
			if err != nil || r == nil || r.Answer.Protocol != "http/201" || string(r.Answer.Bytes) != "answer about "+r.JobID {
				t.Errorf("%+v, %v", r, err)
			}
		})
		t.Run("an expired answer makes room", func(t *testing.T) {
			old := record("old")
			old.ExpiresAt = time.Now().Add(-time.Hour)
			for range 2 {
				r, err := s.Once(t.Context(), old, func(_ context.Context, r *models.IdempotencyRecord) error {
					r.Answer.Bytes = []byte("b")
					return nil
				})
				if r != nil || err != nil {
					t.Errorf("%+v, %v", r, err)
				}
			}
		})
		t.Run("they go with the account", func(t *testing.T) {
			if _, err := s.Delete(t.Context(), store.NewDeletion{UserID: u.ID, At: time.Now(), Job: func(project, _ string) models.Job { return newJob(project) }}); err != nil {
				t.Fatal(err)
			}
			if _, kept := count(t, "part"); kept {
				t.Error("an answer is still there")
			}
		})
	})
}
