package service_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// TestAuthorizeJob: who has every right of a kind may submit it, who lacks one may not, and a kind without rights, or one that
// nobody knows, is refused to everyone.
func TestAuthorizeJob(t *testing.T) {
	t.Parallel()
	key := models.Principal{ProjectID: "p", KeyID: "k", Scopes: models.Scopes()}
	everyone := map[string]models.Principal{
		"a key with every scope": key,
		"an owner":               {ProjectID: "p", UserID: "u", Role: models.RoleOwner},
		"an operator":            {UserID: "u", Operator: true},
	}
	free := 0
	for _, k := range append(jobs.Kinds(), jobs.Kind{Name: "made_by_a_newer_version"}) {
		if len(k.Rights) == 0 {
			free++
			for who, p := range everyone {
				if err := service.AuthorizeJob(p, k.Name); models.CodeOf(err) != models.InsufficientScope {
					t.Errorf("%s submits a job of kind %s, which names no right: %v", who, k.Name, err)
				}
			}
			continue
		}
		if err := service.AuthorizeJob(key, k.Name); err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		for _, right := range k.Rights {
			less := key
			less.Scopes = nil
			for _, s := range models.Scopes() {
				if s != models.ScopeOf(right) {
					less.Scopes = append(less.Scopes, s)
				}
			}
			if err := service.AuthorizeJob(less, k.Name); models.CodeOf(err) != models.InsufficientScope {
				t.Errorf("%s without the scope %s: %v", k.Name, models.ScopeOf(right), err)
			}
		}
	}
	if free < 2 {
		t.Error("every kind names a right: nothing shows that the others are refused")
	}
}

// TestWhoLacksAScopeIsToldHowToGetIt: a key keeps the scopes that it was made with, so that those of later versions are in new keys alone.
func TestWhoLacksAScopeIsToldHowToGetIt(t *testing.T) {
	t.Parallel()
	old := models.Principal{ProjectID: "p", KeyID: "k", Scopes: []models.Scope{models.ScopeDecode}}
	for right, role := range map[models.Right]string{
		models.RightWebhooksWrite: "an owner", models.RightWebhooksRead: "a member", models.RightErase: "an owner", models.RightCatalogRead: "a viewer",
	} {
		var e *models.Error
		if err := service.Authorize(old, right); !errors.As(err, &e) || e.Code != models.InsufficientScope || e.Details["scope"] != string(models.ScopeOf(right)) {
			t.Errorf("%s: %v", right, err)
			continue
		}
		for _, want := range []string{`the scope "` + string(models.ScopeOf(right)) + `"`, "make another one with it", "log in as " + role} {
			if !strings.Contains(e.Message, want) {
				t.Errorf("%s: %q does not say %q", right, e.Message, want)
			}
		}
	}
}
