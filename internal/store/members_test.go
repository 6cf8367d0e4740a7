package store_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// invite makes an invitation and returns its hash.
func invite(t testing.TB, s *store.Store, by, project, email string, role models.Role) models.Invitation {
	t.Helper()
	i := models.Invitation{ID: models.NewID(), ProjectID: project, Email: email, Role: role, CreatedBy: by, CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour)}
	i.Hash = "hash of " + i.ID
	if err := s.Invite(context.Background(), i, 1000); err != nil {
		t.Fatal(err)
	}
	return i
}

// newMember makes a user and a member of a project.
func newMember(t testing.TB, s *store.Store, owner, project string, role models.Role) models.User {
	t.Helper()
	u := newUser(t, s)
	i := invite(t, s, owner, project, u.Email, role)
	if _, err := s.Accept(context.Background(), i.Hash, u.ID, epoch, 1000); err != nil {
		t.Fatal(err)
	}
	return u
}

// change gives a member another role for by.
func change(s *store.Store, by, project, user string, role models.Role) error {
	_, err := s.ChangeMember(context.Background(), store.MemberChange{ProjectID: project, By: by, UserID: user, Role: role, MaxOwned: 1000})
	return err
}

func owners(t testing.TB, s *store.Store, project string) (n int) {
	t.Helper()
	members, err := s.Members(context.Background(), project)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.Role == models.RoleOwner {
			n++
		}
	}
	return n
}

// TestAProjectKeepsAnOwner: of owners who all leave, step down, are removed or delete their accounts at the same moment, one stays.
func TestAProjectKeepsAnOwner(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for name, act := range map[string]func(project string, all []models.User, i int) error{
			"leave": func(p string, all []models.User, i int) error { return change(s, all[i].ID, p, all[i].ID, "") },
			"step down": func(p string, all []models.User, i int) error {
				return change(s, all[i].ID, p, all[i].ID, models.RoleViewer)
			},
			"remove each other": func(p string, all []models.User, i int) error {
				return change(s, all[i].ID, p, all[(i+1)%len(all)].ID, "")
			},
			"delete their accounts": func(p string, all []models.User, i int) error {
				_, err := s.Delete(ctx, store.NewDeletion{UserID: all[i].ID, At: epoch, Job: func(project, _ string) models.Job { return newJob(project) }})
				return err
			},
			"all of it": func(p string, all []models.User, i int) error {
				switch i % 3 {
				case 0:
					return change(s, all[i].ID, p, all[i].ID, "")
				case 1:
					return change(s, all[i].ID, p, all[0].ID, models.RoleMember)
				}
				_, err := s.Delete(ctx, store.NewDeletion{UserID: all[i].ID, At: epoch, Job: func(project, _ string) models.Job { return newJob(project) }})
				return err
			},
		} {
			all := []models.User{newUser(t, s)}
			p := newProject(t, s, all[0].ID)
			newMember(t, s, all[0].ID, p.ID, models.RoleViewer) // who would be left alone
			for range 5 {
				all = append(all, newMember(t, s, all[0].ID, p.ID, models.RoleOwner))
			}
			var wg sync.WaitGroup
			for i := range all {
				wg.Go(func() {
					err := act(p.ID, all, i)
					var last *store.LastOwnerError
					switch {
					case err == nil, errors.Is(err, store.ErrForbidden), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrNoMember):
					case errors.As(err, &last):
						if !slices.Equal(last.Projects, []string{p.ID}) {
							t.Errorf("%s: %v", name, err)
						}
					default:
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			wg.Wait()
			if n := owners(t, s, p.ID); n < 1 {
				t.Errorf("%s: nobody owns the project", name)
			}
		}
	})
}

// TestInvitations are good once, for one e-mail, for a while, and no longer than an owner wants.
func TestInvitations(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		owner, bob, eve := newUser(t, s), newUser(t, s), newUser(t, s)
		p, other := newProject(t, s, owner.ID), newProject(t, s, eve.ID)
		accept := func(i models.Invitation, u models.User, at time.Time) error {
			_, err := s.Accept(ctx, i.Hash, u.ID, at, 1000)
			return err
		}
		first := invite(t, s, owner.ID, p.ID, bob.Email, models.RoleMember)
		second := invite(t, s, owner.ID, p.ID, bob.Email, models.RoleViewer)
		if list, err := s.Invitations(ctx, p.ID, epoch); err != nil || len(list) != 1 || list[0].ID != second.ID {
			t.Errorf("%v, %v", list, err)
		}
		if list, err := s.Invitations(ctx, other.ID, epoch); err != nil || len(list) != 0 {
			t.Errorf("another project lists %v, %v", list, err)
		}
		for name, err := range map[string]error{
			"replaced":                  accept(first, bob, epoch),
			"by another":                accept(second, eve, epoch),
			"too late":                  accept(second, bob, epoch.Add(time.Hour)),
			"revoked by a stranger":     s.RevokeInvitation(ctx, p.ID, eve.ID, second.ID, epoch),
			"revoked through another":   s.RevokeInvitation(ctx, other.ID, eve.ID, second.ID, epoch),
			"an e-mail that is not his": func() error { _, err := s.OpenInvitation(ctx, second.Hash, eve.Email, epoch); return err }(),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		joined := 0
		for range 8 {
			wg.Go(func() {
				err := accept(second, bob, epoch)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					joined++
				case !errors.Is(err, store.ErrNotFound):
					t.Errorf("accepted again: %v", err)
				}
			})
		}
		wg.Wait()
		if m, err := s.Membership(ctx, p.ID, bob.ID); joined != 1 || err != nil || m.Role != models.RoleViewer {
			t.Errorf("joined %d times as %+v, %v", joined, m, err)
		}
		// Who is removed has nothing left of it.
		if err := change(s, owner.ID, p.ID, bob.ID, ""); err != nil {
			t.Fatal(err)
		}
		if err := accept(second, bob, epoch); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a used invitation after the removal: %v", err)
		}
		i := invite(t, s, owner.ID, p.ID, bob.Email, models.RoleMember)
		if err := s.RevokeInvitation(ctx, p.ID, owner.ID, i.ID, epoch); err != nil {
			t.Fatal(err)
		}
		if err := accept(i, bob, epoch); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a revoked invitation: %v", err)
		}
		if err := s.RevokeInvitation(ctx, p.ID, owner.ID, i.ID, epoch); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("revoked twice: %v", err)
		}
		viewer := newMember(t, s, owner.ID, p.ID, models.RoleViewer)
		i.ID, i.Hash, i.CreatedBy = models.NewID(), "x", viewer.ID
		if err := s.Invite(ctx, i, 1000); !errors.Is(err, store.ErrForbidden) {
			t.Errorf("a viewer invites: %v", err)
		}
		i.CreatedBy, i.Email = owner.ID, viewer.Email
		if err := s.Invite(ctx, i, 1000); !errors.Is(err, store.ErrMember) {
			t.Errorf("a member is invited: %v", err)
		}
		i.Email = "new@example.org"
		if err := s.Invite(ctx, i, 2); !errors.Is(err, store.ErrTooMany) {
			t.Errorf("one too many: %v", err)
		}
		// An account that comes with an invitation comes with it or not at all.
		u := models.User{ID: models.NewID(), Email: "new@example.org", CreatedAt: epoch}
		if _, err := s.CreateInvitedUser(ctx, u, second.Hash); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("signed up with a used invitation: %v", err)
		}
		if _, err := s.UserByEmail(ctx, u.Email); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the account is there: %v", err)
		}
		i = invite(t, s, owner.ID, p.ID, u.Email, models.RoleOwner)
		if got, err := s.CreateInvitedUser(ctx, u, i.Hash); err != nil || got.ID != p.ID || got.Role != models.RoleOwner {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestOwnedProjectsAreLimitedHoweverTheyCome: by making them, by an invitation, and by another's hand.
func TestOwnedProjectsAreLimitedHoweverTheyCome(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		giver, taker := newUser(t, s), newUser(t, s)
		newProject(t, s, taker.ID)
		p := newProject(t, s, giver.ID)
		i := invite(t, s, giver.ID, p.ID, taker.Email, models.RoleOwner)
		if _, err := s.Accept(ctx, i.Hash, taker.ID, epoch, 1); !errors.Is(err, store.ErrTooMany) {
			t.Errorf("accepted: %v", err)
		}
		i = invite(t, s, giver.ID, p.ID, taker.Email, models.RoleMember)
		if _, err := s.Accept(ctx, i.Hash, taker.ID, epoch, 1); err != nil {
			t.Fatal(err)
		}
		_, err := s.ChangeMember(ctx, store.MemberChange{ProjectID: p.ID, By: giver.ID, UserID: taker.ID, Role: models.RoleOwner, MaxOwned: 1})
		if !errors.Is(err, store.ErrTooMany) {
			t.Errorf("made owner: %v", err)
		}
		if err := change(s, giver.ID, p.ID, taker.ID, models.RoleOwner); err != nil {
			t.Fatal(err)
		}
		if err := change(s, giver.ID, p.ID, giver.ID, ""); err != nil { // handed over
			t.Fatal(err)
		}
		if n := owners(t, s, p.ID); n != 1 {
			t.Errorf("%d owners", n)
		}
	})
}

// TestMembersProperty: whatever members do to each other, what they may is what their role says, a project with members has an owner,
// and the log has a line for every change.
func TestMembersProperty(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		rapid.Check(t, func(rt *rapid.T) {
			ctx := context.Background()
			users := make([]models.User, 4)
			for i := range users {
				users[i] = newUser(t, s)
			}
			p := newProject(t, s, users[0].ID)
			roles := map[int]models.Role{0: models.RoleOwner}
			countOwners := func() (n int) {
				for _, r := range roles {
					if r == models.RoleOwner {
						n++
					}
				}
				return n
			}
			changes := 0
			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				by, to := rapid.IntRange(0, 3).Draw(rt, "by"), rapid.IntRange(0, 3).Draw(rt, "to")
				role := rapid.SampledFrom([]models.Role{models.RoleOwner, models.RoleMember, models.RoleViewer, ""}).Draw(rt, "role")
				if _, in := roles[to]; !in && role != "" { // comes by an invitation
					i := models.Invitation{ID: models.NewID(), ProjectID: p.ID, Email: users[to].Email, Role: role, CreatedBy: users[by].ID, CreatedAt: epoch, ExpiresAt: epoch.Add(time.Hour)}
					i.Hash = i.ID
					err := s.Invite(ctx, i, 100)
					want := error(nil)
					switch {
					case roles[by] == "":
						want = store.ErrNotFound
					case roles[by] != models.RoleOwner:
						want = store.ErrForbidden
					}
					if !errors.Is(err, want) {
						rt.Fatalf("%s invites: %v, want %v", roles[by], err, want)
					}
					if err == nil {
						if _, err := s.Accept(ctx, i.Hash, users[to].ID, epoch, 100); err != nil {
							rt.Fatal(err)
						}
						roles[to] = role
						changes += 2
					}
					continue
				}
				err := change(s, users[by].ID, p.ID, users[to].ID, role)
				var last *store.LastOwnerError
				was, in := roles[to]
				switch {
				case roles[by] == "":
					if !errors.Is(err, store.ErrNotFound) {
						rt.Fatalf("a stranger: %v", err)
					}
				case roles[by] != models.RoleOwner && !(by == to && role == ""):
					if !errors.Is(err, store.ErrForbidden) {
						rt.Fatalf("a %s: %v", roles[by], err)
					}
				case !in:
					if !errors.Is(err, store.ErrNoMember) {
						rt.Fatalf("of a stranger: %v", err)
					}
				case was == models.RoleOwner && role != models.RoleOwner && countOwners() == 1:
					if !errors.As(err, &last) {
						rt.Fatalf("the last owner: %v", err)
					}
				case err != nil:
					rt.Fatal(err)
				default:
					if was != role {
						changes++
					}
					roles[to] = role
					if role == "" {
						delete(roles, to)
					}
				}
			}
			members, err := s.Members(ctx, p.ID)
			if err != nil || len(members) != len(roles) || owners(t, s, p.ID) != countOwners() {
				rt.Fatalf("%v, %v; want %v", members, err, roles)
			}
			for i, u := range users {
				may := s.CreateKey(ctx, u.ID, models.APIKey{ID: models.NewID(), ProjectID: p.ID, Hash: models.NewID(), CreatedAt: epoch}, 100)
				if (may == nil) != (roles[i] == models.RoleOwner) {
					rt.Fatalf("a key of a %s: %v", roles[i], may)
				}
			}
			events, err := s.AuditEvents(ctx, models.AuditQuery{ProjectID: p.ID, Limit: 1000})
			if err != nil {
				rt.Fatal(err)
			}
			logged := 0
			for _, e := range events {
				switch e.Action {
				case models.AuditMemberInvited, models.AuditMemberJoined, models.AuditRoleChanged, models.AuditMemberRemoved, models.AuditMemberLeft:
					logged++
				}
			}
			if logged != changes {
				rt.Fatalf("%d lines for %d changes", logged, changes)
			}
		})
	})
}

// TestAuditLogOfMembers: owners see what happens in a project; who was removed sees only what happened to themselves.
func TestAuditLogOfMembers(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		ada := newUser(t, s)
		p := newProject(t, s, ada.ID)
		bob := newMember(t, s, ada.ID, p.ID, models.RoleOwner)
		newKey(t, s, p) // as ada
		sees := func(u models.User) []models.AuditAction {
			all, err := s.AuditEvents(ctx, models.AuditQuery{AccountID: u.ID, ProjectID: p.ID, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			var out []models.AuditAction
			for _, e := range all {
				out = append(out, e.Action)
			}
			slices.Reverse(out)
			return out
		}
		all := []models.AuditAction{models.AuditProjectCreated, models.AuditMemberInvited, models.AuditMemberJoined, models.AuditKeyCreated}
		if got := sees(bob); !slices.Equal(got, all) {
			t.Errorf("an owner sees %v", got)
		}
		if err := change(s, ada.ID, p.ID, bob.ID, models.RoleMember); err != nil {
			t.Fatal(err)
		}
		if err := change(s, ada.ID, p.ID, bob.ID, ""); err != nil {
			t.Fatal(err)
		}
		newKey(t, s, p)
		mine := []models.AuditAction{models.AuditMemberJoined, models.AuditRoleChanged, models.AuditMemberRemoved}
		if got := sees(bob); !slices.Equal(got, mine) {
			t.Errorf("one who was removed sees %v, want %v", got, mine)
		}
		if got := sees(ada); !slices.Equal(got, append(slices.Clone(all), models.AuditRoleChanged, models.AuditMemberRemoved, models.AuditKeyCreated)) {
			t.Errorf("the owner sees %v", got)
		}
		// Page by page it is the same.
		var pages []models.AuditAction
		for before := ""; ; {
			page, err := s.AuditEvents(ctx, models.AuditQuery{AccountID: ada.ID, ProjectID: p.ID, BeforeID: before, Limit: 2})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				pages, before = append(pages, e.Action), e.ID
			}
			if len(page) < 2 {
				break
			}
		}
		slices.Reverse(pages)
		if !slices.Equal(pages, sees(ada)) {
			t.Errorf("by pages %v", pages)
		}
	})
}

// TestOwnersAreCarriedOver moves a project of a schema without members up, and back.
func TestOwnersAreCarriedOver(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	empties(t, func(t *testing.T, cfg store.Config, raw *sql.DB) {
		s := openStore(t, cfg)
		exec := func(sql string) {
			t.Helper()
			if _, err := raw.Exec(sql); err != nil {
				t.Fatal(err)
			}
		}
		down := func() {
			t.Helper()
			for version := int64(0); version != 24; {
				moved, err := s.Migrate(ctx, "down")
				if err != nil || len(moved) != 1 {
					t.Fatal(moved, err)
				}
				version = moved[0].Version
			}
		}
		if _, err := s.Migrate(ctx, "up"); err != nil {
			t.Fatal(err)
		}
		down()
		exec(`INSERT INTO users (id, email, password_hash, created_at) VALUES ('u', 'u@example.org', '', '2026-01-01 00:00:00+00:00'), ('v', 'v@example.org', '', '2026-01-01 00:00:00+00:00')`)
		exec(`INSERT INTO projects (id, owner_id, name, created_at) VALUES ('p', 'u', 'P', '2026-01-01 00:00:00+00:00'), ('q', 'v', 'Q', '2026-01-01 00:00:00+00:00')`)
		exec(`INSERT INTO api_keys (id, project_id, name, hash, last_four, scopes, created_at) VALUES ('k', 'p', 'K', 'h', '0000', '[]', '2026-01-01 00:00:00+00:00')`)
		if _, err := s.Migrate(ctx, "up"); err != nil {
			t.Fatal(err)
		}
		for user, project := range map[string]string{"u": "p", "v": "q"} {
			if got, err := s.Projects(ctx, user); err != nil || len(got) != 1 || got[0].ID != project || got[0].Role != models.RoleOwner {
				t.Errorf("%s: %+v, %v", user, got, err)
			}
		}
		if k, err := s.KeyByHash(ctx, "h"); err != nil || k.CreatedBy == nil || *k.CreatedBy != "u" {
			t.Errorf("%+v, %v", k, err)
		}
		down()
		var owner string
		if err := raw.QueryRow(`SELECT owner_id FROM projects WHERE id = 'q'`).Scan(&owner); err != nil || owner != "v" {
			t.Errorf("back down %q, %v", owner, err)
		}
	})
}
