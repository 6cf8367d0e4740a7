package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/neurod/neurod/internal/auth"
)

// cheap keeps tests quick; the default cost is tested once.
var cheap = auth.Argon2{Memory: 64, Passes: 1, Threads: 1}

func TestPasswordDefaultCost(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := auth.NewPasswords(auth.PasswordConfig{})
	hash, err := p.Hash(ctx, "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %q has not the OWASP cost", hash)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct Horse": false, "": false, "correct horse\x00": false} {
		ok, stale, err := p.Verify(ctx, hash, password)
		if err != nil || ok != want || stale {
			t.Errorf("Verify(%q) = %v, %v, %v; want %v", password, ok, stale, err, want)
		}
	}
	again, err := p.Hash(ctx, "correct horse")
	if err != nil || again == hash {
		t.Errorf("two hashes of one password are the same (%v)", err)
	}
}

// TestPasswordInterchange reads a hash assembled from argon2's own output, not by the package under test.
func TestPasswordInterchange(t *testing.T) {
	t.Parallel()
	salt := []byte("0123456789abcdef")
	key := argon2.IDKey([]byte("pw"), salt, 3, 128, 2, 24)
	b64 := base64.RawStdEncoding.EncodeToString
	hash := fmt.Sprintf("$argon2id$v=19$m=128,t=3,p=2$%s$%s", b64(salt), b64(key))
	ok, stale, err := auth.NewPasswords(auth.PasswordConfig{Cost: cheap}).Verify(context.Background(), hash, "pw")
	if err != nil || !ok {
		t.Fatalf("Verify = %v, %v", ok, err)
	}
	if !stale {
		t.Error("a hash of another cost is not stale")
	}
}

func TestMalformedHashes(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(auth.PasswordConfig{Cost: cheap})
	salt, hash := strings.Repeat("A", 22), strings.Repeat("A", 43)
	for name, s := range map[string]string{
		"empty":             "",
		"plain text":        "hunter2",
		"bcrypt":            "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		"argon2i":           "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + hash,
		"old version":       "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + hash,
		"absurd memory":     "$argon2id$v=19$m=4294967295,t=1,p=1$" + salt + "$" + hash,
		"absurd passes":     "$argon2id$v=19$m=64,t=4294967295,p=1$" + salt + "$" + hash,
		"no thread":         "$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + hash,
		"thread overflow":   "$argon2id$v=19$m=64,t=1,p=257$" + salt + "$" + hash,
		"short salt":        "$argon2id$v=19$m=64,t=1,p=1$AAAA$" + hash,
		"empty hash":        "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"parameter missing": "$argon2id$v=19$m=64,t=1$" + salt + "$" + hash,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if ok, _, err := p.Verify(context.Background(), s, "x"); ok || !errors.Is(err, auth.ErrMalformedHash) {
				t.Errorf("Verify = %v, %v", ok, err)
			}
		})
	}
}

func TestPasswordsShareSlots(t *testing.T) {
	t.Parallel()
	p := auth.NewPasswords(auth.PasswordConfig{Cost: cheap, Concurrent: 1})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := p.VerifyNone(context.Background(), "x"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.VerifyNone(gone, "x"); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func FuzzPasswordHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$" + strings.Repeat("A", 22) + "$" + strings.Repeat("A", 43))
	f.Add("$argon2id$v=19$m=64,t=1,p=1$$")
	f.Add("$$$$$")
	p := auth.NewPasswords(auth.PasswordConfig{Cost: cheap})
	f.Fuzz(func(t *testing.T, hash string) {
		// Only cheap hashes are worked out: a made-up cost could take minutes.
		if !strings.Contains(hash, "$m=64,t=1,p=1$") {
			return
		}
		if ok, _, err := p.Verify(context.Background(), hash, "some password"); ok && err != nil {
			t.Errorf("%q: ok with error %v", hash, err)
		}
	})
}
