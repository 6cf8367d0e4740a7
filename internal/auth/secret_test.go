package auth_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/internal/auth"
)

func TestNewKey(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^vxl_[0-9A-Za-z]{49}$`)
	seen := map[string]bool{}
	for range 1000 {
		k := auth.NewKey()
		if !form.MatchString(k) {
			t.Fatalf("key %q", k)
		}
		if !auth.WellFormedKey(k) || auth.WellFormedRefreshToken(k) {
			t.Fatalf("key %q: well-formed key %v, refresh token %v", k, auth.WellFormedKey(k), auth.WellFormedRefreshToken(k))
		}
		if seen[k] {
			t.Fatalf("key %q twice", k)
		}
		seen[k] = true
		if !strings.HasSuffix(k, auth.LastFour(k)) || len(auth.LastFour(k)) != 4 {
			t.Fatalf("last four of %q: %q", k, auth.LastFour(k))
		}
	}
	if r := auth.NewRefreshToken(); !auth.WellFormedRefreshToken(r) || auth.WellFormedKey(r) {
		t.Errorf("refresh token %q", r)
	}
}

// TestWellFormedKeyKnown pins the form, so that keys already given out stay good: CRC-32 of "vxl_" and 43 zeros.
func TestWellFormedKeyKnown(t *testing.T) {
	t.Parallel()
	const known = "vxl_0000000000000000000000000000000000000000000" + "1Xxd0L"
	if !auth.WellFormedKey(known) {
		t.Errorf("%s is not well-formed", known)
	}
	for name, s := range map[string]string{
		"empty": "", "prefix": "vxl_", "short": known[:len(known)-1], "long": known + "0",
		"other prefix": "vxr_" + known[4:], "upper case prefix": "VXL_" + known[4:],
		"wrong checksum": known[:len(known)-1] + "a", "not base 62": known[:10] + "-" + known[11:], "jwt": "eyJhbGciOiJIUzI1NiJ9.e30.x",
	} {
		if auth.WellFormedKey(s) {
			t.Errorf("%s: %q is well-formed", name, s)
		}
	}
}

// TestOneWrongCharacter: a CRC finds every error of up to 32 bits in a row, so every wrong character.
func TestOneWrongCharacter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := []byte(auth.NewKey())
		i := rapid.IntRange(0, len(key)-1).Draw(t, "position")
		c := rapid.Byte().Draw(t, "character")
		if key[i] == c {
			return
		}
		key[i] = c
		if auth.WellFormedKey(string(key)) {
			t.Fatalf("%q is well-formed", key)
		}
	})
}

func FuzzWellFormedKey(f *testing.F) {
	f.Add("vxl_00000000000000000000000000000000000000000001Xxd0L")
	f.Add("vxl_")
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		if auth.WellFormedKey(s) && len(s) != 53 {
			t.Errorf("%q", s)
		}
	})
}

func TestHashSecret(t *testing.T) {
	t.Parallel()
	// FIPS 180-2, appendix B.1.
	if got := auth.HashSecret("abc"); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("HashSecret = %s", got)
	}
}

func TestSigningKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "signing.key")
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys { // as many processes starting together
		wg.Go(func() {
			var err error
			if keys[i], err = auth.SigningKeyFile(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if len(k) != auth.SigningKeySize || !bytes.Equal(k, keys[0]) {
			t.Fatalf("keys differ: %x", keys)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files in the folder, want 1", len(left))
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.SigningKeyFile(path); err == nil {
		t.Error("a file that others can read is accepted")
	}
	for name, content := range map[string]string{"empty": "", "short": hex.EncodeToString(make([]byte, 31)), "text": "secret"} {
		bad := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(bad, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := auth.SigningKeyFile(bad); err == nil {
			t.Errorf("%s file is accepted", name)
		} else if content != "" && strings.Contains(err.Error(), content) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
}
