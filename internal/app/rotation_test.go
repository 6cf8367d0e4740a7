package app

import (
	"errors"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/testkit"
)

// TestTheSigningKeyChangesWithoutDowntime: processes of each step of a change run side by side on one database. A login made at any is good at those
// of the steps beside it, what was answered once is answered again, and secrets of webhooks move to the new key by themselves.
func TestTheSigningKeyChangesWithoutDowntime(t *testing.T) {
	t.Parallel()
	old, fresh := "old-0123456789abcdefghijklmnopqrst", "new-0123456789abcdefghijklmnopqrst"
	path := testkit.Postgres(t)
	b := testkit.Backend{DataDir: t.TempDir(), Redis: testkit.RedisServer(t)}
	b.Store.DatabaseURL = path
	begin := func(env ...string) *wired { return &wired{App: start(t, settings(t, b, env...))} }

	first := begin("NEUROD_JWT_SECRET=" + old)
	first.signUp(t)
	login := func(at *wired) string {
		return at.json(t, 200, "POST", "/v1/auth/login", "", object{"email": "owner@example.com", "password": "correct horse battery"})["access_token"].(string)
	}
	name := object{"name": "a key"}
	made := first.json(t, 201, "POST", "/v1/projects/"+first.project+"/keys", first.token, name, "Idempotency-Key: one")
	hook := first.json(t, 201, "POST", "/api/v1/webhooks", first.key, object{"url": "https://example.org/hook", "events": []string{"job.completed"}})
	id, _ := hook["id"].(string)

	told := begin("NEUROD_JWT_SECRET="+old, "NEUROD_JWT_SECRETS_PREVIOUS="+fresh)
	turned := begin("NEUROD_JWT_SECRET="+fresh, "NEUROD_JWT_SECRETS_PREVIOUS="+old)
	until(t, "the secret of the webhook under the new key", func() bool {
		w, err := turned.store.Webhook(t.Context(), first.project, id)
		if err != nil {
			t.Fatal(err)
		}
		vault, err := auth.NewVault([]byte(fresh))
		if err != nil {
			t.Fatal(err)
		}
		text, err := vault.Unseal(w.Secret, "webhook", first.project, id)
		if err != nil && !errors.Is(err, auth.ErrSealed) {
			t.Fatal(err)
		}
		return err == nil && strings.HasPrefix(string(text), "whsec_") && string(text) == hook["secret"]
	})
	last := begin("NEUROD_JWT_SECRET=" + fresh)

	steps := []*wired{first, told, turned, last}
	for i, by := range steps {
		token := login(by)
		for j, at := range steps {
			status := at.call(t, "GET", "/v1/projects", token, nil).StatusCode
			if beside := i-j <= 1 && j-i <= 1; beside && status != 200 {
				t.Errorf("a login at step %d: %d at step %d", i, status, j)
			}
			if i == 0 && j == 3 && status != 401 {
				t.Errorf("a login with the old key: %d where it is gone", status)
			}
		}
	}
	for i, at := range []*wired{told, turned} {
		again := at.json(t, 201, "POST", "/v1/projects/"+first.project+"/keys", login(at), name, "Idempotency-Key: one")
		if again["raw_key"] != made["raw_key"] || made["raw_key"] == nil {
			t.Errorf("step %d answers a repeated key with another: %v", i+1, again)
		}
	}
}
