package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// epoch is a time with more digits than a database keeps, and not in UTC.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("somewhere", 5*3600+1800))

// stored is how the store gives epoch back.
var stored = epoch.UTC().Truncate(time.Microsecond)

func newUser(t testing.TB, s *store.Store) models.User {
	t.Helper()
	u := models.User{ID: models.NewID(), PasswordHash: "hash", CreatedAt: epoch}
	u.Email = u.ID + "@example.org"
	if err := s.CreateUser(context.Background(), u); err != nil {
		t.Fatal(err)
	}
	return u
}

func newProject(t testing.TB, s *store.Store, owner string) models.Project {
	t.Helper()
	p := models.Project{ID: models.NewID(), Name: "p", CreatedAt: epoch}
	if err := s.CreateProject(context.Background(), p, owner, 100); err != nil {
		t.Fatal(err)
	}
	return p
}

// ownerOf returns the id of a project's first member.
func ownerOf(t testing.TB, s *store.Store, projectID string) string {
	t.Helper()
	members, err := s.Members(context.Background(), projectID)
	if err != nil || len(members) == 0 {
		t.Fatal(members, err)
	}
	return members[0].UserID
}

func newKey(t testing.TB, s *store.Store, p models.Project) models.APIKey {
	t.Helper()
	later := epoch.Add(time.Hour)
	k := models.APIKey{ID: models.NewID(), ProjectID: p.ID, Name: "k", LastFour: "abcd", Scopes: models.Scopes(), License: models.LicenseResearch, CreatedAt: epoch, ExpiresAt: &later}
	k.Hash = "hash of " + k.ID
	by := ownerOf(t, s, p.ID)
	k.CreatedBy = &by
	if err := s.CreateKey(context.Background(), by, k, 100); err != nil {
		t.Fatal(err)
	}
	return k
}

func TestUsers(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		u := newUser(t, s)
		want := u
		want.CreatedAt = stored
		for name, get := range map[string]func() (models.User, error){
			"e-mail": func() (models.User, error) { return s.UserByEmail(ctx, u.Email) },
			"id":     func() (models.User, error) { return s.UserByID(ctx, u.ID) },
		} {
			got, err := get()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("by %s:\n%s", name, diff)
			}
			if got.CreatedAt.Location() != time.UTC {
				t.Errorf("by %s: time in %v", name, got.CreatedAt.Location())
			}
		}
		if _, err := s.UserByEmail(ctx, "nobody@example.org"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("unknown e-mail: %v", err)
		}
		other := models.User{ID: models.NewID(), Email: u.Email, PasswordHash: "x", CreatedAt: epoch}
		if err := s.CreateUser(ctx, other); !errors.Is(err, store.ErrDuplicate) {
			t.Errorf("e-mail taken: %v", err)
		}
		if err := s.ReplacePasswordHash(ctx, u.ID, "hash", "hash2"); err != nil {
			t.Error(err)
		}
		if err := s.ReplacePasswordHash(ctx, u.ID, "hash", "hash3"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("replace a hash that has changed: %v", err)
		}
		if got, err := s.UserByID(ctx, u.ID); err != nil || got.PasswordHash != "hash2" {
			t.Errorf("hash %q, %v", got.PasswordHash, err)
		}
	})
}

// TestTenantsAreSeparate asks for everything of one owner in the name of another.
func TestTenantsAreSeparate(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		mine, theirs := newUser(t, s), newUser(t, s)
		p, q := newProject(t, s, mine.ID), newProject(t, s, theirs.ID)
		k := newKey(t, s, p)
		for name, err := range map[string]error{
			"project":                           func() error { _, err := s.Project(ctx, theirs.ID, p.ID); return err }(),
			"keys":                              func() error { _, err := s.Keys(ctx, theirs.ID, p.ID); return err }(),
			"create key":                        s.CreateKey(ctx, theirs.ID, models.APIKey{ID: models.NewID(), ProjectID: p.ID, Hash: "h", CreatedAt: epoch}, 100),
			"revoke key":                        func() error { _, err := s.RevokeKey(ctx, theirs.ID, p.ID, k.ID, epoch); return err }(),
			"revoke key through an own project": func() error { _, err := s.RevokeKey(ctx, theirs.ID, q.ID, k.ID, epoch); return err }(),
			"absent project":                    func() error { _, err := s.Project(ctx, mine.ID, models.NewID()); return err }(),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			}
		}
		if got, err := s.Projects(ctx, theirs.ID); err != nil || len(got) != 1 || got[0].ID != q.ID {
			t.Errorf("projects %v, %v", got, err)
		}
		if got, err := s.KeyByHash(ctx, k.Hash); err != nil || got.RevokedAt != nil {
			t.Errorf("key %+v, %v", got, err)
		}
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		p := newProject(t, s, newUser(t, s).ID)
		k, second := newKey(t, s, p), newKey(t, s, p)
		want := k
		later := stored.Add(time.Hour)
		want.CreatedAt, want.ExpiresAt = stored, &later
		got, err := s.Keys(ctx, ownerOf(t, s, p.ID), p.ID)
		if err != nil || len(got) != 2 {
			t.Fatalf("%v, %v", got, err)
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Error(diff)
		}
		if err := s.CreateKey(ctx, ownerOf(t, s, p.ID), models.APIKey{ID: models.NewID(), ProjectID: p.ID, Hash: k.Hash, CreatedAt: epoch}, 100); !errors.Is(err, store.ErrDuplicate) {
			t.Errorf("same hash: %v", err)
		}

		for _, at := range []time.Duration{0, 30 * time.Second, time.Minute, 61 * time.Second} { // a use every so often
			now := epoch.Add(at)
			if err := s.TouchKey(ctx, k.ID, now, now.Add(-time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.KeyByHash(ctx, k.Hash); err != nil || got.LastUsedAt == nil || !got.LastUsedAt.Equal(stored.Add(61*time.Second)) {
			t.Errorf("last used %v, %v", got.LastUsedAt, err)
		}

		hashes, err := s.RevokeKey(ctx, ownerOf(t, s, p.ID), p.ID, k.ID, epoch)
		if err != nil || !slices.Equal(hashes, []string{k.Hash}) {
			t.Fatalf("%q, %v", hashes, err)
		}
		if _, err := s.RevokeKey(ctx, ownerOf(t, s, p.ID), p.ID, k.ID, epoch); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoked twice: %v", err)
		}
		if got, err := s.KeyByHash(ctx, k.Hash); err != nil || got.RevokedAt == nil || !got.RevokedAt.Equal(stored) {
			t.Errorf("revoked key %+v, %v", got, err)
		}
		if got, err := s.Keys(ctx, ownerOf(t, s, p.ID), p.ID); err != nil || len(got) != 1 || got[0].ID != second.ID {
			t.Errorf("keys after revoking %v, %v", got, err)
		}
	})
}

// TestLimitsHoldAtOnce makes projects and keys from many goroutines: never more than the limit come to be.
func TestLimitsHoldAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		u := newUser(t, s)
		p := newProject(t, s, u.ID)
		const limit = 5
		for name, create := range map[string]func() error{
			"projects": func() error {
				return s.CreateProject(ctx, models.Project{ID: models.NewID(), Name: "p", CreatedAt: epoch}, u.ID, limit+1)
			},
			"keys": func() error {
				id := models.NewID()
				return s.CreateKey(ctx, u.ID, models.APIKey{ID: id, ProjectID: p.ID, Hash: id, CreatedAt: epoch}, limit)
			},
		} {
			var mu sync.Mutex
			made := 0
			var wg sync.WaitGroup
			for range 4 * limit {
				wg.Go(func() {
					err := create()
					mu.Lock()
					defer mu.Unlock()
					switch {
					case err == nil:
						made++
					case !errors.Is(err, store.ErrTooMany):
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			wg.Wait()
			if made != limit {
				t.Errorf("%s: made %d, limit %d", name, made, limit)
			}
		}
		if err := s.CreateProject(ctx, models.Project{ID: models.NewID(), CreatedAt: epoch}, models.NewID(), limit); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("project of nobody: %v", err)
		}
	})
}

func TestRefreshTokenHasOneWinner(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		u := newUser(t, s)
		first := models.RefreshToken{ID: models.NewID(), UserID: u.ID, Family: "f", Hash: "first", CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour)}
		if err := s.CreateRefreshToken(ctx, first, ""); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		won, reused, refused := 0, 0, 0
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				next := models.RefreshToken{ID: models.NewID(), Hash: fmt.Sprint("next", i), CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour)}
				_, err := s.RotateRefreshToken(ctx, "first", next, 0)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errors.Is(err, store.ErrTokenReused):
					reused++
				case errors.Is(err, store.ErrNotFound):
					refused++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		// The second use revokes the family; after that the token is merely unknown.
		if won != 1 || reused < 1 || won+reused+refused != 8 {
			t.Errorf("%d won, %d reused, %d refused", won, reused, refused)
		}
	})
}

// tokenModel says what a chain of refresh tokens must answer.
type tokenModel struct {
	used, revoked bool
	family        int
	expires       time.Time
}

// TestRefreshTokens runs random logins, rotations, logouts and pauses against a model.
func TestRefreshTokens(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		rapid.Check(t, func(rt *rapid.T) {
			u := newUser(t, s)
			now := stored
			tokens := map[string]*tokenModel{}
			var hashes []string
			families := 0
			add := func(hash string, family int) {
				tokens[hash] = &tokenModel{family: family, expires: now.Add(time.Hour)}
				hashes = append(hashes, hash)
			}
			revoke := func(family int) {
				for _, m := range tokens {
					if m.family == family {
						m.revoked = true
					}
				}
			}
			rt.Repeat(map[string]func(*rapid.T){
				"login": func(rt *rapid.T) {
					families++
					id := models.NewID()
					err := s.CreateRefreshToken(ctx, models.RefreshToken{ID: id, UserID: u.ID, Family: u.ID + fmt.Sprint(families), Hash: id, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, "")
					if err != nil {
						rt.Fatal(err)
					}
					for h, m := range tokens { // a login removes what has expired
						if m.expires.Before(now) {
							delete(tokens, h)
							hashes = slices.DeleteFunc(hashes, func(x string) bool { return x == h })
						}
					}
					add(id, families)
				},
				"rotate": func(rt *rapid.T) {
					if len(hashes) == 0 {
						return
					}
					hash := rapid.SampledFrom(hashes).Draw(rt, "token")
					m := tokens[hash]
					id := models.NewID()
					next, err := s.RotateRefreshToken(ctx, hash, models.RefreshToken{ID: id, Hash: id, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}, 0)
					switch {
					case m.revoked || !m.used && !m.expires.After(now):
						if !errors.Is(err, store.ErrNotFound) {
							rt.Fatalf("revoked or expired: %v", err)
						}
					case m.used:
						if !errors.Is(err, store.ErrTokenReused) {
							rt.Fatalf("used: %v", err)
						}
						revoke(m.family)
					default:
						if err != nil || next.UserID != u.ID || next.Family != u.ID+fmt.Sprint(m.family) {
							rt.Fatalf("good: %+v, %v", next, err)
						}
						m.used = true
						add(id, m.family)
					}
				},
				"logout": func(rt *rapid.T) {
					if len(hashes) == 0 {
						return
					}
					hash := rapid.SampledFrom(hashes).Draw(rt, "token")
					if err := s.RevokeRefreshFamily(ctx, hash, now); err != nil {
						rt.Fatal(err)
					}
					revoke(tokens[hash].family)
				},
				"wait": func(rt *rapid.T) {
					now = now.Add(time.Duration(rapid.IntRange(1, 45).Draw(rt, "minutes")) * time.Minute)
				},
				"unknown": func(rt *rapid.T) {
					if _, err := s.RotateRefreshToken(ctx, "never seen", models.RefreshToken{ID: models.NewID(), Hash: models.NewID(), CreatedAt: now}, 0); !errors.Is(err, store.ErrNotFound) {
						rt.Fatal(err)
					}
					if err := s.RevokeRefreshFamily(ctx, "never seen", now); err != nil {
						rt.Fatal(err)
					}
				},
			})
		})
	})
}

// TestReadersSeeCommits: what one connection has written, the others read, while another transaction is open.
func TestReadersSeeCommits(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					u := newUser(t, s)
					if _, err := s.UserByID(ctx, u.ID); err != nil {
						t.Errorf("written and not found: %v", err)
					}
				}
			})
		}
		wg.Wait()
	})
}
