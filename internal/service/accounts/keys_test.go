package accounts_test

import (
	"context"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/service/accounts"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestKeyGrace: a refreshed key works to the end of its grace and not a moment longer, also where it is remembered.
func TestKeyGrace(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, nil)
		ada := b.member(t, "ada@example.org")
		project := b.project(t, ada)
		_, raw, err := b.CreateKey(ctx, ada, project.ID, accounts.NewKey{Name: "k", License: models.LicenseResearch})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.AuthenticateKey(ctx, raw); err != nil { // which is remembered
			t.Fatal(err)
		}
		fresh, next, old, err := b.RefreshKey(ctx, raw)
		if err != nil || old.ExpiresAt == nil || !old.ExpiresAt.Equal(b.now().Add(accounts.KeyGrace)) || fresh.ExpiresAt != nil {
			t.Fatalf("%+v, %+v, %v", fresh, old, err)
		}
		for _, key := range []string{raw, next} {
			if p, err := b.AuthenticateRegistryKey(ctx, key); err != nil || p.ProjectID != project.ID || p.License != models.LicenseResearch {
				t.Errorf("%+v, %v", p, err)
			}
		}
		b.pass(accounts.KeyGrace - time.Second)
		if _, err := b.AuthenticateKey(ctx, raw); err != nil {
			t.Errorf("a second before the end: %v", err)
		}
		b.pass(time.Second)
		_, err = b.AuthenticateKey(ctx, raw)
		wantCode(t, err, models.ExpiredAPIKey)
		_, _, _, err = b.RefreshKey(ctx, raw)
		wantCode(t, err, models.ExpiredAPIKey)
		_, err = b.DescribeKey(ctx, raw)
		wantCode(t, err, models.ExpiredAPIKey)
		if k, err := b.DescribeKey(ctx, next); err != nil || k.ID != fresh.ID {
			t.Errorf("%+v, %v", k, err)
		}
		if _, _, err := b.RevokeRawKey(ctx, raw, false); err != nil { // what has expired can still be revoked
			t.Error(err)
		}
		if _, _, err := b.RevokeRawKey(ctx, next, false); err != nil {
			t.Error(err)
		}
		_, err = b.AuthenticateKey(ctx, next)
		wantCode(t, err, models.InvalidAPIKey)
		_, _, err = b.RevokeRawKey(ctx, next, false)
		wantCode(t, err, models.KeyNotFound)
		for raw, code := range map[string]models.Code{"": models.MissingKey, "x": models.InvalidKeyFormat, auth.NewRefreshToken(): models.InvalidKeyFormat, auth.NewKey(): models.InvalidAPIKey} {
			_, err := b.AuthenticateRegistryKey(ctx, raw)
			wantCode(t, err, code)
			_, err = b.DescribeKey(ctx, raw)
			wantCode(t, err, code)
			_, _, _, err = b.RefreshKey(ctx, raw)
			wantCode(t, err, code)
		}
	})
}

// TestRefreshesAreBounded: a project cannot fill the table with keys that were refreshed.
func TestRefreshesAreBounded(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, backend testkit.Backend) {
		ctx := context.Background()
		b := newAccounts(t, backend, func(c *accounts.Config) { c.MaxKeys = 2 })
		ada := b.member(t, "ada@example.org")
		project := b.project(t, ada)
		var raw string
		var err error
		for range 2 {
			if _, raw, err = b.CreateKey(ctx, ada, project.ID, accounts.NewKey{Name: "k"}); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if _, raw, _, err = b.RefreshKey(ctx, raw); err != nil {
				t.Fatal(err)
			}
		}
		_, _, _, err = b.RefreshKey(ctx, raw)
		wantCode(t, err, models.InvalidRequestBody)
		b.pass(accounts.KeyGrace)
		if _, _, _, err = b.RefreshKey(ctx, raw); err != nil {
			t.Errorf("after the grace of the others: %v", err)
		}
	})
}

func TestLicencesOfKeys(t *testing.T) {
	t.Parallel()
	for i, have := range models.Licenses() {
		for j, need := range models.Licenses() {
			if have.Covers(need) != (i >= j) {
				t.Errorf("%s covers %s: %v", have, need, have.Covers(need))
			}
		}
		if have.Covers("gold") || models.License("gold").Covers(have) || models.License("").Covers(have) {
			t.Errorf("%s and tiers that are none", have)
		}
	}
}
