package auth_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/auth"
)

func TestDownloadTokens(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	tokens := func(key string) *auth.Tokens {
		out, err := auth.NewTokens(auth.TokenConfig{Key: bytes.Repeat([]byte(key), 32), Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	ours, theirs := tokens("a"), tokens("b")
	grant := auth.DownloadGrant{Model: "m@1", ProjectID: "p", KeyID: "k"}
	raw, err := ours.IssueDownload(grant)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ours.VerifyDownload(raw); err != nil || got != grant {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := theirs.VerifyDownload(raw); !errors.Is(err, auth.ErrInvalidToken) {
		t.Errorf("another signer: %v", err)
	}
	if _, err := ours.Verify(raw); !errors.Is(err, auth.ErrInvalidToken) {
		t.Errorf("a download token as an access token: %v", err)
	}
	if _, err := ours.VerifyStream(raw); !errors.Is(err, auth.ErrInvalidToken) {
		t.Errorf("a download token as a stream token: %v", err)
	}
	stream, err := ours.IssueStream(auth.StreamGrant{SessionID: "m@1", ProjectID: "p", KeyID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ours.VerifyDownload(stream); !errors.Is(err, auth.ErrInvalidToken) {
		t.Errorf("a stream token as a download token: %v", err)
	}
	now = now.Add(auth.DownloadTTL - time.Second)
	if _, err := ours.VerifyDownload(raw); err != nil {
		t.Errorf("after 59:59: %v", err)
	}
	now = now.Add(time.Minute)
	if _, err := ours.VerifyDownload(raw); !errors.Is(err, auth.ErrExpiredToken) {
		t.Errorf("after an hour and the leeway: %v", err)
	}
}
