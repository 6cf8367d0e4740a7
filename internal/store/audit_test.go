package store_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// audited returns the actions of an account's log, oldest first.
func audited(t *testing.T, s *store.Store, account string) []models.AuditAction {
	t.Helper()
	events, err := s.AuditEvents(context.Background(), models.AuditQuery{AccountID: account, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	out := make([]models.AuditAction, len(events))
	for i, e := range events {
		out[len(events)-1-i] = e.Action
	}
	return out
}

// TestAuditLogTellsOfAccountsAndKeys: each act leaves one line, with who asked and from where; what did not happen leaves none.
func TestAuditLogTellsOfAccountsAndKeys(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := models.WithOrigin(context.Background(), models.Origin{Remote: "192.0.2.7", RequestID: "req"})
		u := newUser(t, s)
		p := newProject(t, s, u.ID)
		k := newKey(t, s, p)
		token := models.RefreshToken{ID: models.NewID(), UserID: u.ID, Family: "f", Hash: "h1", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
		if err := s.CreateRefreshToken(ctx, token, ""); err != nil {
			t.Fatal(err)
		}
		next := token
		next.ID, next.Hash = models.NewID(), "h2"
		if _, err := s.RotateRefreshToken(ctx, "h1", next, 0); err != nil {
			t.Fatal(err)
		}
		next.ID, next.Hash = models.NewID(), "h3"
		if _, err := s.RotateRefreshToken(ctx, "h1", next, 0); !errors.Is(err, store.ErrTokenReused) {
			t.Fatal(err)
		}
		if err := s.RevokeRefreshFamily(ctx, "h2", time.Now()); err != nil {
			t.Fatal(err)
		}
		fresh := models.APIKey{ID: models.NewID(), Hash: "fresh", LastFour: "4444", CreatedAt: epoch}
		if _, _, err := s.ReplaceKey(ctx, k.Hash, fresh, epoch.Add(time.Hour), 10); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RevokeKey(ctx, u.ID, p.ID, k.ID, epoch); err != nil {
			t.Fatal(err)
		}
		if _, err := s.RevokeKey(ctx, u.ID, p.ID, k.ID, epoch); !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		if err := s.CreateProject(ctx, models.Project{ID: models.NewID(), CreatedAt: epoch}, u.ID, 1); !errors.Is(err, store.ErrTooMany) {
			t.Fatal(err)
		}
		want := []models.AuditAction{models.AuditAccountCreated, models.AuditProjectCreated, models.AuditKeyCreated, models.AuditLogin,
			models.AuditTokenReused, models.AuditLogout, models.AuditKeyRefreshed, models.AuditKeyRevoked}
		if got := audited(t, s, u.ID); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		found, err := s.AuditEvents(ctx, models.AuditQuery{ProjectID: p.ID, Action: models.AuditKeyRevoked, Limit: 10})
		if err != nil || len(found) != 1 {
			t.Fatalf("%v, %v", found, err)
		}
		e := found[0]
		if e.Subject != k.ID || e.Actor != u.ID || e.ActorKind != models.ActorUser || e.Remote != "192.0.2.7" || e.RequestID != "req" || e.Details != `{"keys":2}` {
			t.Errorf("%+v", e)
		}
	})
}

// TestAuditLogOnlyGrows: the database refuses to change a line, and to delete one that is younger than 90 days.
func TestAuditLogOnlyGrows(t *testing.T) {
	t.Parallel()
	empties(t, func(t *testing.T, cfg store.Config, raw *sql.DB) {
		ctx := context.Background()
		s := openStore(t, cfg)
		if _, err := s.Migrate(ctx, "up"); err != nil {
			t.Fatal(err)
		}
		account := "a"
		for _, age := range []time.Duration{0, 89 * 24 * time.Hour, 91 * 24 * time.Hour} {
			e := models.AuditEvent{AccountID: &account, ActorKind: models.ActorSystem, Action: models.AuditLogin, CreatedAt: time.Now().Add(-age)}
			if err := s.AppendAudit(ctx, e, nil); err != nil {
				t.Fatal(err)
			}
		}
		tries := []string{"UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events",
			"INSERT INTO audit_events SELECT * FROM audit_events ON CONFLICT (id) DO UPDATE SET actor = 'x'"}
		if s.Dialect() == store.PostgreSQL {
			tries = append(tries, "TRUNCATE audit_events")
		} else {
			tries[2] = "INSERT INTO audit_events SELECT * FROM audit_events WHERE true ON CONFLICT (id) DO UPDATE SET actor = 'x'"
			tries = append(tries, "REPLACE INTO audit_events SELECT * FROM audit_events")
		}
		for _, q := range tries {
			if _, err := raw.Exec(q); err == nil || !strings.Contains(err.Error(), "only ever added") {
				t.Errorf("%s: %v", q, err)
			}
		}
		if n, err := s.PruneAudit(ctx, time.Now().Add(-store.MinAuditRetention), 10); err != nil || n != 1 {
			t.Errorf("pruned %d, %v", n, err)
		}
		if _, err := s.PruneAudit(ctx, time.Now(), 10); err == nil {
			t.Error("pruned what is young")
		}
		if got := audited(t, s, account); len(got) != 2 {
			t.Errorf("%d lines are left", len(got))
		}
	})
}

// TestRevokingAKeyTakesItsDescendants: of a forest of refreshed keys, revoking any takes what descends from it and nothing else.
func TestRevokingAKeyTakesItsDescendants(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		u := newUser(t, s)
		rapid.Check(t, func(rt *rapid.T) {
			p := models.Project{ID: models.NewID(), Name: "p", CreatedAt: epoch}
			if err := s.CreateProject(ctx, p, u.ID, 1_000_000); err != nil {
				rt.Fatal(err)
			}
			var keys []models.APIKey
			parent := map[string]string{}
			for i := range rapid.IntRange(1, 12).Draw(rt, "keys") {
				n := models.APIKey{ID: models.NewID(), LastFour: "0000", CreatedAt: epoch, ProjectID: p.ID, Name: "k", Scopes: models.Scopes()}
				n.Hash = n.ID
				if from := rapid.IntRange(-1, i-1).Draw(rt, "parent"); from < 0 {
					if err := s.CreateKey(ctx, u.ID, n, 100); err != nil {
						rt.Fatal(err)
					}
				} else {
					parent[n.ID] = keys[from].ID
					if _, _, err := s.ReplaceKey(ctx, keys[from].Hash, n, epoch.Add(time.Hour), 100); err != nil {
						rt.Fatal(err)
					}
				}
				keys = append(keys, n)
			}
			target := rapid.SampledFrom(keys).Draw(rt, "revoked")
			descends := func(id string) bool {
				for ; id != ""; id = parent[id] {
					if id == target.ID {
						return true
					}
				}
				return false
			}
			var hashes []string
			var err error
			if rapid.Bool().Draw(rt, "by its holder") {
				_, hashes, err = s.RevokeKeyByHash(ctx, target.Hash, true, epoch)
			} else {
				hashes, err = s.RevokeKey(ctx, u.ID, p.ID, target.ID, epoch)
			}
			if err != nil {
				rt.Fatal(err)
			}
			for _, k := range keys {
				got, err := s.KeyByHash(ctx, k.Hash)
				if err != nil {
					rt.Fatal(err)
				}
				if want := descends(k.ID); (got.RevokedAt != nil) != want || slices.Contains(hashes, k.Hash) != want {
					rt.Errorf("key %s: revoked %v, told %v, want %v", k.ID, got.RevokedAt != nil, slices.Contains(hashes, k.Hash), want)
				}
			}
		})
	})
}

// TestRevokingRacesRefreshing: a key that is refreshed while it is revoked leaves none that works.
func TestRevokingRacesRefreshing(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		u := newUser(t, s)
		p := newProject(t, s, u.ID)
		for range 20 {
			k := newKey(t, s, p)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					hash := k.Hash
					for range 3 {
						n := models.APIKey{ID: models.NewID(), LastFour: "0000", CreatedAt: epoch}
						n.Hash = n.ID
						if _, _, err := s.ReplaceKey(ctx, hash, n, epoch.Add(time.Hour), 1000); err != nil {
							if !errors.Is(err, store.ErrNotFound) {
								t.Error(err)
							}
							return
						}
						hash = n.Hash
					}
				})
			}
			_, err := s.RevokeKey(ctx, u.ID, p.ID, k.ID, epoch)
			wg.Wait()
			if err != nil {
				t.Fatal(err)
			}
			if left, err := s.Keys(ctx, u.ID, p.ID); err != nil || len(left) > 0 {
				t.Fatalf("%d keys are left, %v", len(left), err)
			}
		}
	})
}
