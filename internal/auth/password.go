package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
)

// Argon2 holds the cost of a password hash.
type Argon2 struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// defaultArgon2 is the first recommendation for argon2id with one thread and 19 MiB of the OWASP Password Storage
// Cheat Sheet (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html).
var defaultArgon2 = Argon2{Memory: 19 * 1024, Passes: 2, Threads: 1}

// Sizes of salt and hash, bytes (RFC 9106, section 4).
const (
	saltSize = 16
	hashSize = 32
)

// maxArgon2 bounds the cost that a stored hash may ask for, so that a damaged row cannot take the machine's memory.
var maxArgon2 = Argon2{Memory: 1 << 20, Passes: 64, Threads: 64}

// ErrMalformedHash says that a stored password hash cannot be read.
var ErrMalformedHash = errors.New("auth: malformed password hash")

// PasswordConfig sets what a hash costs.
type PasswordConfig struct {
	// Cost of new hashes. Defaults to 19 MiB, 2 passes, 1 thread (OWASP).
	Cost Argon2
	// Concurrent is how many hashes are computed at once; more wait. Defaults to the number of CPUs.
	Concurrent int
}

// Passwords hashes and verifies passwords. It is safe for concurrent use.
type Passwords struct {
	cost  Argon2
	slots *semaphore.Weighted
	dummy phc // hash of a random password, for e-mails that do not exist
}

// NewPasswords returns a hasher.
func NewPasswords(cfg PasswordConfig) *Passwords {
	if cfg.Cost == (Argon2{}) {
		cfg.Cost = defaultArgon2
	}
	if cfg.Concurrent <= 0 {
		cfg.Concurrent = runtime.NumCPU()
	}
	p := &Passwords{cost: cfg.Cost, slots: semaphore.NewWeighted(int64(cfg.Concurrent))}
	p.dummy = phc{cost: cfg.Cost, salt: make([]byte, saltSize), hash: make([]byte, hashSize)}
	rand.Read(p.dummy.salt) // never fails: crypto/rand ends the program rather
	rand.Read(p.dummy.hash)
	return p
}

// Hash returns the hash of a password as a PHC string, "$argon2id$v=19$m=…,t=…,p=…$salt$hash". The error is the
// context's.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	h := phc{cost: p.cost, salt: make([]byte, saltSize)}
	rand.Read(h.salt)
	var err error
	if h.hash, err = p.derive(ctx, password, h, hashSize); err != nil {
		return "", err
	}
	return h.String(), nil
}

// Verify reports whether the password is the one that was hashed, and whether it should be hashed anew because
// the cost has changed since. An unreadable hash is ErrMalformedHash; other errors are the context's.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (ok, stale bool, err error) {
	h, err := parsePHC(hash)
	if err != nil {
		return false, false, err
	}
	got, err := p.derive(ctx, password, h, len(h.hash))
	if err != nil {
		return false, false, err
	}
	ok = subtle.ConstantTimeCompare(got, h.hash) == 1
	return ok, ok && (h.cost != p.cost || len(h.salt) != saltSize || len(h.hash) != hashSize), nil
}

// VerifyNone does the work of Verify for an account that does not exist, so that the time of an answer does not
// tell which e-mails have one.
func (p *Passwords) VerifyNone(ctx context.Context, password string) error {
	got, err := p.derive(ctx, password, p.dummy, hashSize)
	if err == nil {
		subtle.ConstantTimeCompare(got, p.dummy.hash)
	}
	return err
}

func (p *Passwords) derive(ctx context.Context, password string, h phc, size int) ([]byte, error) {
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer p.slots.Release(1)
	return argon2.IDKey([]byte(password), h.salt, h.cost.Passes, h.cost.Memory, h.cost.Threads, uint32(size)), nil
}

// phc is a hash in the PHC string format
// (https://github.com/P-H-C/phc-string-format/blob/master/phc-sf-spec.md).
type phc struct {
	cost       Argon2
	salt, hash []byte
}

var b64 = base64.RawStdEncoding.Strict()

func (h phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		h.cost.Memory, h.cost.Passes, h.cost.Threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.hash))
}

// parsePHC reads what String writes; costs and sizes outside sane bounds are refused.
func parsePHC(s string) (phc, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, ErrMalformedHash
	}
	params := strings.Split(parts[3], ",")
	if len(params) != 3 {
		return phc{}, ErrMalformedHash
	}
	var n [3]uint64
	limits := [3]uint64{uint64(maxArgon2.Memory), uint64(maxArgon2.Passes), uint64(maxArgon2.Threads)}
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(params[i], name)
		v, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || v == 0 || v > limits[i] || digits != strconv.FormatUint(v, 10) {
			return phc{}, ErrMalformedHash
		}
		n[i] = v
	}
	h := phc{cost: Argon2{Memory: uint32(n[0]), Passes: uint32(n[1]), Threads: uint8(n[2])}}
	var err error
	if h.salt, err = b64.DecodeString(parts[4]); err != nil || len(h.salt) < 8 || len(h.salt) > 64 {
		return phc{}, ErrMalformedHash
	}
	if h.hash, err = b64.DecodeString(parts[5]); err != nil || len(h.hash) < 16 || len(h.hash) > 64 {
		return phc{}, ErrMalformedHash
	}
	return h, nil
}
