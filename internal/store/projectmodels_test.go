package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// newModel is a version of a project's model whose file is content.
func newModel(projectID, name, version string, content []byte, sessions ...string) store.NewModel {
	sum := sha256.Sum256(content)
	return store.NewModel{File: content, Sessions: sessions, MaxBytes: 1 << 30, Model: models.ProjectModel{ID: models.NewID(), ProjectID: projectID, Name: name,
		Version: version, Paradigm: "p300", Pipeline: "erp_lda", SHA256: hex.EncodeToString(sum[:]), CreatedAt: epoch,
		Info: models.ModelInfo{Name: name, Version: version, Classes: []string{"a", "b"}, Accuracy: "64.1%", Card: []byte(`{"summary":"x"}`)}}}
}

// TestProjectModelsOnAModel drives the models of two projects at random and holds them to a model in memory: versions only
// rise and never change, one of each name is active, no project reaches another's, and an erased session takes its models and
// those made from them along.
func TestProjectModelsOnAModel(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	type version struct {
		id, version string
		number      int
		content     []byte
		sessions    map[string]bool
	}
	type key struct{ project, name string }
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		rapid.Check(t, func(t *rapid.T) {
			projects := []string{models.NewID(), models.NewID()}
			live := map[string][]string{} // sessions by project and user
			user := map[string]string{}
			for _, p := range projects {
				for i := range 3 {
					ses := models.Session{ID: models.NewID(), ProjectID: p, ExternalUserID: strconv.Itoa(i), DeviceType: "d", SampleRateHz: 100, Channels: []string{"Cz"},
						IngestionMode: models.ModeStreaming, State: models.ModeStreaming.First(), HopMS: 2000, CreatedAt: epoch, StartedAt: epoch}
					if err := s.CreateSession(ctx, ses); err != nil {
						t.Fatal(err)
					}
					live[p] = append(live[p], ses.ID)
					user[ses.ID] = ses.ExternalUserID
				}
			}
			kept := map[key][]version{} // oldest first
			active := map[key]string{}  // id
			last := map[key]version{}   // that there ever was
			remove := func(k key, gone func(version) bool) {
				kept[k] = slices.DeleteFunc(kept[k], gone)
				if n := len(kept[k]); n == 0 {
					delete(active, k)
				} else if !slices.ContainsFunc(kept[k], func(v version) bool { return v.id == active[k] }) {
					active[k] = kept[k][n-1].id
				}
			}
			for range rapid.IntRange(1, 25).Draw(t, "steps") {
				k := key{rapid.SampledFrom(projects).Draw(t, "project"), rapid.SampledFrom([]string{"m", "n"}).Draw(t, "name")}
				switch rapid.SampledFrom([]string{"put", "put", "put", "activate", "delete", "delete all", "erase"}).Draw(t, "action") {
				case "put":
					v := version{version: strconv.Itoa(rapid.IntRange(1, 9).Draw(t, "version")), content: []byte{byte(rapid.IntRange(0, 1).Draw(t, "content"))}, sessions: map[string]bool{}}
					n := newModel(k.project, k.name, v.version, v.content)
					gone := false
					if len(user) > 0 && rapid.Bool().Draw(t, "trained") {
						id := rapid.SampledFrom(slices.Sorted(maps.Keys(user))).Draw(t, "session")
						n.Sessions = []string{id, id}
						v.sessions[id] = true
						gone = !slices.Contains(live[k.project], id) // erased, or of another project
					}
					if of := kept[k]; len(of) > 0 && rapid.Bool().Draw(t, "derived") {
						n.Parent = of[0].id
						maps.Copy(v.sessions, of[0].sessions)
					}
					got, fresh, err := s.PutModel(ctx, n)
					at := slices.IndexFunc(kept[k], func(o version) bool { return o.version == v.version })
					switch {
					case at >= 0 && bytes.Equal(kept[k][at].content, v.content):
						if err != nil || fresh || got.ID != kept[k][at].id {
							t.Fatalf("the same file: %+v, fresh %v, %v", got, fresh, err)
						}
					case at >= 0:
						if !errors.Is(err, store.ErrDuplicate) {
							t.Fatalf("another file of %v@%s: %v", k, v.version, err)
						}
					case last[k].number > 0 && !store.LaterVersion(v.version, last[k].version):
						if !errors.Is(err, store.ErrVersion) {
							t.Fatalf("%v@%s after %s: %v", k, v.version, last[k].version, err)
						}
					case gone:
						if !errors.Is(err, store.ErrSessionGone) {
							t.Fatalf("trained on what is gone: %v", err)
						}
					default:
						if err != nil || !fresh || got.Number != last[k].number+1 || got.State != models.ModelActive {
							t.Fatalf("put %v@%s: %+v, fresh %v, %v", k, v.version, got, fresh, err)
						}
						v.id, v.number = got.ID, got.Number
						kept[k], active[k], last[k] = append(kept[k], v), v.id, v
					}
				case "activate":
					of := kept[k]
					if len(of) == 0 {
						if _, err := s.ActivateModel(ctx, k.project, k.name, ""); !errors.Is(err, store.ErrNotFound) {
							t.Fatalf("activate nothing: %v", err)
						}
						continue
					}
					if rapid.Bool().Draw(t, "back") {
						at := slices.IndexFunc(of, func(v version) bool { return v.id == active[k] })
						got, err := s.ActivateModel(ctx, k.project, k.name, "")
						if at == 0 {
							if !errors.Is(err, store.ErrNotFound) {
								t.Fatalf("back before the first: %v", err)
							}
							continue
						}
						if err != nil || got.ID != of[at-1].id {
							t.Fatalf("back: %+v, %v", got, err)
						}
						active[k] = got.ID
						continue
					}
					v := rapid.SampledFrom(of).Draw(t, "which")
					got, err := s.ActivateModel(ctx, k.project, k.name, v.version)
					if err != nil || got.ID != v.id || got.State != models.ModelActive {
						t.Fatalf("activate %v@%s: %+v, %v", k, v.version, got, err)
					}
					active[k] = v.id
				case "delete":
					version1 := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "deleted")
					there := slices.ContainsFunc(kept[k], func(v version) bool { return v.version == version1 })
					if _, err := s.DeleteModel(ctx, k.project, k.name, version1); there != (err == nil) || !there && !errors.Is(err, store.ErrNotFound) {
						t.Fatalf("delete %v@%s: %v", k, version1, err)
					}
					remove(k, func(v version) bool { return v.version == version1 })
				case "delete all":
					n, err := s.DeleteModel(ctx, k.project, k.name, "")
					if n != len(kept[k]) || (err == nil) != (n > 0) {
						t.Fatalf("delete %v: %d, %v", k, n, err)
					}
					remove(k, func(version) bool { return true })
				case "erase":
					who := rapid.SampledFrom([]string{"0", "1", "2"}).Draw(t, "user")
					if _, err := s.AcceptErasure(ctx, newErasure(k.project, who)); err != nil {
						t.Fatal(err)
					}
					live[k.project] = slices.DeleteFunc(live[k.project], func(id string) bool { return user[id] == who })
					for at := range maps.Clone(kept) {
						remove(at, func(v version) bool {
							for id := range v.sessions {
								if at.project == k.project && user[id] == who {
									return true
								}
							}
							return false
						})
					}
				}
				// What is read is what was put.
				for _, p := range projects {
					var got, want []string
					list, err := s.ProjectModels(ctx, p, "")
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range list {
						got = append(got, fmt.Sprint(m.Name, m.Version, m.Number, m.State, m.ID))
					}
					for _, name := range []string{"m", "n"} {
						for _, v := range slices.Backward(kept[key{p, name}]) {
							state := models.ModelRetired
							if active[key{p, name}] == v.id {
								state = models.ModelActive
							}
							want = append(want, fmt.Sprint(name, v.version, v.number, state, v.id))
							if b, err := s.ModelFile(ctx, p, v.id); err != nil || !bytes.Equal(b, v.content) {
								t.Fatalf("file of %s@%s: %v, %v", name, v.version, b, err)
							}
							for _, other := range projects {
								if _, err := s.ModelFile(ctx, other, v.id); (err == nil) != (other == p) {
									t.Fatalf("%s reads the file of %s: %v", other, p, err)
								}
							}
						}
					}
					if d := cmp.Diff(want, got); d != "" {
						t.Fatalf("models of %s (-want +got):\n%s", p, d)
					}
				}
			}
		})
	})
}

// TestProjectModelIsKeptAsItIs: what is read is what was stored, compressed where that helps, and nothing more.
func TestProjectModelIsKeptAsItIs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		project := models.NewID()
		for name, content := range map[string][]byte{"short": {1, 2, 3}, "zeros": make([]byte, 1<<20)} {
			n := newModel(project, name, "1", content)
			put, fresh, err := s.PutModel(ctx, n)
			if err != nil || !fresh {
				t.Fatal(fresh, err)
			}
			want := n.Model
			want.Number, want.State, want.Size, want.CreatedAt, want.Codec = 1, models.ModelActive, int64(len(content)), stored, map[string]string{"short": "none", "zeros": "zstd"}[name]
			if d := cmp.Diff(want, put); d != "" {
				t.Errorf("put (-want +got):\n%s", d)
			}
			for _, version := range []string{"", "1"} {
				got, err := s.ProjectModel(ctx, project, name, version)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("read (-want +got):\n%s", d)
				}
			}
			if b, err := s.ModelFile(ctx, project, put.ID); err != nil || !bytes.Equal(b, content) {
				t.Errorf("%s: %d bytes, %v", name, len(b), err)
			}
		}
		if _, err := s.ProjectModel(ctx, models.NewID(), "short", "1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("of another project: %v", err)
		}
		n := newModel(project, "large", "1", make([]byte, 100))
		n.MaxBytes = 1<<20 + 102
		if _, _, err := s.PutModel(ctx, n); !errors.Is(err, store.ErrTooMany) {
			t.Errorf("past the limit: %v", err)
		}
		n.MaxBytes++
		if _, _, err := s.PutModel(ctx, n); err != nil {
			t.Errorf("at the limit: %v", err)
		}
	})
}

// TestVersionsAtOnce: of those who publish the same version at once one wins, and one version is active at the end.
func TestVersionsAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		project := models.NewID()
		var mu sync.Mutex
		won := map[string]int{}
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				version := strconv.Itoa(1 + i%4)
				_, fresh, err := s.PutModel(ctx, newModel(project, "m", version, []byte{byte(i)}))
				switch {
				case err == nil && fresh:
					mu.Lock()
					won[version]++
					mu.Unlock()
				case !errors.Is(err, store.ErrDuplicate) && !errors.Is(err, store.ErrVersion):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		list, err := s.ProjectModels(ctx, project, "m")
		if err != nil || len(list) == 0 || len(list) != len(won) || list[0].State != models.ModelActive || list[0].Number != len(won) {
			t.Fatalf("%d versions of %v, %v", len(list), won, err)
		}
		for version, n := range won {
			if n != 1 {
				t.Errorf("version %s was stored %d times", version, n)
			}
		}
		for i, m := range list[1:] {
			if m.State != models.ModelRetired || !store.LaterVersion(list[i].Version, m.Version) {
				t.Errorf("%s comes after %s, %s", list[i].Version, m.Version, m.State)
			}
		}
	})
}

// TestTrainingAndErasureAtOnce: whichever comes first, no model is left of an erased session.
func TestTrainingAndErasureAtOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		for range 20 {
			ses := newSession(t, s, models.ModeStreaming)
			parent, _, err := s.PutModel(ctx, newModel(ses.ProjectID, "m", "1", []byte("parent"), ses.ID))
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := s.AcceptErasure(ctx, newErasure(ses.ProjectID, "u")); err != nil {
					t.Error(err)
				}
			})
			for i := range 3 {
				wg.Go(func() {
					n := newModel(ses.ProjectID, fmt.Sprintf("n%d", i), "1", []byte("child"))
					n.Parent = parent.ID
					if i == 0 {
						n.Sessions, n.Parent = []string{ses.ID}, ""
					}
					if _, _, err := s.PutModel(ctx, n); err != nil && !errors.Is(err, store.ErrSessionGone) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if left, err := s.ProjectModels(ctx, ses.ProjectID, ""); err != nil || len(left) > 0 {
				t.Fatalf("left are %v, %v", left, err)
			}
		}
	})
}

// TestManyHandsOnOneName: putting, activating, deleting and erasing at once neither wait for each other in a circle nor leave a
// name without its one active version.
func TestManyHandsOnOneName(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		for range 15 {
			ses := newSession(t, s, models.ModeStreaming)
			for i := range 6 {
				n := newModel(ses.ProjectID, "m", strconv.Itoa(i+1), []byte{byte(i)})
				if i%2 == 1 {
					n.Sessions = []string{ses.ID}
				}
				if _, _, err := s.PutModel(ctx, n); err != nil {
					t.Fatal(err)
				}
			}
			var wg sync.WaitGroup
			do := func(fn func() error) {
				wg.Go(func() {
					if err := fn(); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrVersion) && !errors.Is(err, store.ErrSessionGone) {
						t.Error(err)
					}
				})
			}
			for i := range 4 {
				do(func() error { _, err := s.ActivateModel(ctx, ses.ProjectID, "m", strconv.Itoa(1+i)); return err })
				do(func() error { _, err := s.ActivateModel(ctx, ses.ProjectID, "m", ""); return err })
				do(func() error {
					n := newModel(ses.ProjectID, "m", strconv.Itoa(7+i), []byte{byte(7 + i)})
					if i%2 == 0 {
						n.Sessions = []string{ses.ID}
					}
					_, _, err := s.PutModel(ctx, n)
					return err
				})
			}
			do(func() error { _, err := s.AcceptErasure(ctx, newErasure(ses.ProjectID, "u")); return err })
			do(func() error { _, err := s.DeleteModel(ctx, ses.ProjectID, "m", "3"); return err })
			wg.Wait()
			list, err := s.ProjectModels(ctx, ses.ProjectID, "m")
			if err != nil || len(list) < 2 {
				t.Fatalf("left are %d, %v", len(list), err)
			}
			active := 0
			for _, m := range list {
				if m.State == models.ModelActive {
					active++
				}
			}
			if active != 1 {
				t.Fatalf("%d versions are active", active)
			}
		}
	})
}

// TestAnalyticsCountsExactly, also when many log at once, and prunes what is old.
func TestAnalyticsCountsExactly(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		project := models.NewID()
		log := func(at time.Time, limit int64) (int64, error) {
			return s.LogEvent(ctx, models.AnalyticsEvent{ID: models.NewID(), ProjectID: project, KeyID: "k", EventType: "error", CreatedAt: at}, limit)
		}
		january, february := time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC), time.Date(2026, 2, 1, 5, 0, 0, 0, time.FixedZone("", 5*3600))
		var mu sync.Mutex
		counts := map[int64]int{}
		refused := 0
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				used, err := log(january, 20)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, store.ErrTooMany):
					refused++
				case err != nil:
					t.Error(err)
				default:
					counts[used]++
				}
			})
		}
		wg.Wait()
		if len(counts) != 20 || refused != 10 {
			t.Errorf("%d counts, %d refused", len(counts), refused)
		}
		if used, err := log(february, 20); err != nil || used != 1 {
			t.Errorf("the first of the next month: %d, %v", used, err)
		}
		if used, err := s.AnalyticsUsed(ctx, project, january); err != nil || used != 20 {
			t.Errorf("used %d, %v", used, err)
		}
		if used, err := log(january, 10); !errors.Is(err, store.ErrTooMany) {
			t.Errorf("past a quota that was lowered: %d, %v", used, err)
		}
		if n, err := s.PruneEvents(ctx, february, 15); err != nil || n != 15 {
			t.Errorf("pruned %d, %v", n, err)
		}
		if n, err := s.PruneEvents(ctx, february, 15); err != nil || n != 5 {
			t.Errorf("then %d, %v", n, err)
		}
		left, err := s.AnalyticsEvents(ctx, project, 100)
		if err != nil || len(left) != 1 {
			t.Errorf("left are %d, %v", len(left), err)
		}
		if used, err := s.AnalyticsUsed(ctx, project, january); err != nil || used != 0 {
			t.Errorf("the count of a month that is over: %d, %v", used, err)
		}
		if used, err := s.AnalyticsUsed(ctx, project, february); err != nil || used != 1 {
			t.Errorf("the count of this month: %d, %v", used, err)
		}
	})
}

// TestReplaceKey: what a key may do is copied, its end is not moved, and its own end comes no later for it.
func TestReplaceKey(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		u := newUser(t, s)
		p := newProject(t, s, u.ID)
		k := newKey(t, s, p)
		next := func() models.APIKey {
			n := models.APIKey{ID: models.NewID(), LastFour: "efgh", CreatedAt: epoch.Add(time.Minute)}
			n.Hash = "hash of " + n.ID
			return n
		}
		n := next()
		fresh, old, err := s.ReplaceKey(ctx, k.Hash, n, epoch.Add(2*time.Hour), 10)
		if err != nil || !old.ExpiresAt.Equal(stored.Add(time.Hour)) {
			t.Fatalf("the old key ends at %v, %v", old.ExpiresAt, err)
		}
		want := k
		want.ParentID = &k.ID
		want.ID, want.Hash, want.LastFour, want.CreatedAt = n.ID, n.Hash, n.LastFour, stored.Add(time.Minute)
		end := stored.Add(time.Hour)
		want.ExpiresAt = &end
		if d := cmp.Diff(want, fresh); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if _, old, err = s.ReplaceKey(ctx, k.Hash, next(), epoch.Add(30*time.Minute), 10); err != nil || !old.ExpiresAt.Equal(stored.Add(30*time.Minute)) {
			t.Errorf("sooner: %v, %v", old.ExpiresAt, err)
		}
		if _, _, err := s.ReplaceKey(ctx, k.Hash, next(), epoch.Add(time.Hour), 3); !errors.Is(err, store.ErrTooMany) {
			t.Errorf("too many: %v", err)
		}
		late := next()
		late.CreatedAt = epoch.Add(31 * time.Minute)
		if _, _, err := s.ReplaceKey(ctx, k.Hash, late, epoch.Add(time.Hour), 10); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after its end: %v", err)
		}
		if got, _, err := s.RevokeKeyByHash(ctx, n.Hash, false, epoch); err != nil || got.ID != n.ID {
			t.Errorf("revoke: %v, %v", got, err)
		}
		if _, _, err := s.RevokeKeyByHash(ctx, n.Hash, false, epoch); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoke again: %v", err)
		}
		if _, _, err := s.ReplaceKey(ctx, n.Hash, next(), epoch.Add(time.Hour), 10); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("replace what was revoked: %v", err)
		}
		if _, err := s.KeyByID(ctx, models.NewID(), n.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a key of another project: %v", err)
		}
	})
}
