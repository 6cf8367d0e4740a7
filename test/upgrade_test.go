package test

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/neurodtest"
)

// formerProgram returns the program of the version before this one: the file that NEUROD_FORMER_PROGRAM names, or the last commit of the history whose
// schema is older than this one's, built. Where the clone has no such history, the test is skipped.
func formerProgram(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("NEUROD_FORMER_PROGRAM"); path != "" {
		return path
	}
	git := func(args ...string) (string, error) {
		cmd := exec.Command("git", args...)
		cmd.Dir = ".."
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	newest := ""
	added, err := git("log", "--format=%H", "--diff-filter=A", "--", "migrations/postgres")
	for commit := range strings.FieldsSeq(added) {
		before, missing := git("rev-parse", "--verify", "--quiet", commit+"^")
		if missing != nil {
			break
		}
		files, unreadable := git("ls-tree", "--name-only", before, "migrations/postgres/")
		if unreadable == nil && numberedOnce(files) { // two that came at once may have had one number for a moment: no program starts on that
			newest = before
			break
		}
	}
	if err != nil || newest == "" {
		t.Skip("NOT TESTED: the clone has no history with an older schema; name the program of the last release in NEUROD_FORMER_PROGRAM")
	}
	dir := filepath.Join(scratch, "former")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	archive := exec.Command("git", "archive", newest)
	archive.Dir = ".."
	unpack := exec.Command("tar", "-x", "-C", dir)
	var said, told bytes.Buffer
	if unpack.Stdin, err = archive.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	unpack.Stderr, archive.Stderr = &said, &told
	if err := unpack.Start(); err != nil {
		t.Fatal(err)
	}
	if err := archive.Run(); err != nil {
		t.Fatalf("git archive: %v\n%s", err, told.String())
	}
	if err := unpack.Wait(); err != nil {
		t.Fatalf("tar: %v\n%s", err, said.String())
	}
	path := filepath.Join(scratch, "neurod-former")
	build := exec.Command("go", "build", "-o", path, "./cmd/neurod")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build of %s: %v\n%s", newest, err, out)
	}
	t.Logf("the version before is %s", newest)
	return path
}

// numberedOnce reports whether no two migrations of a list of files have one number.
func numberedOnce(files string) bool {
	seen := map[string]bool{}
	for file := range strings.FieldsSeq(files) {
		number, _, _ := strings.Cut(filepath.Base(file), "_")
		if seen[number] {
			return false
		}
		seen[number] = true
	}
	return true
}

// eightChannels is a request to decode 4 s of noise.
func eightChannels() object {
	rng := rand.New(rand.NewPCG(5, 6))
	b := make([]byte, 0, 4*8*1000)
	for range 8 * 1000 {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(10*rng.NormFloat64())))
	}
	return object{"input": object{"type": "eeg", "paradigm": "motor_imagery", "device": "OpenBCI Cyton", "channels": 8, "sample_rate": 250,
		"data": base64.StdEncoding.EncodeToString(b)}}
}

// client calls a process of any version: the contract is this version's, and is not held to it.
func client(addr string) neurodtest.JSON {
	return func(t testing.TB, status int, method, path, credential string, body any, headers ...string) neurodtest.Object {
		t.Helper()
		b := neurodtest.Body(t, body)
		res, got, err := neurodtest.Raw(addr, method, path, neurodtest.Headers(credential, b, headers...), b)
		if err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		if res.StatusCode != status {
			t.Fatalf("%s %s: %d %s, want %d", method, path, res.StatusCode, got, status)
		}
		return neurodtest.ObjectOf(t, got)
	}
}

// TestARollingUpgrade: the schema moves and processes of this version take over from those of the one before while clients send, with both beside each
// other for a while. Every job that was accepted completes, none is made twice, and no client sees an error that a retry with the same key does
// not end.
func TestARollingUpgrade(t *testing.T) {
	t.Parallel()
	former := formerProgram(t)
	current, err := program()
	if err != nil {
		t.Fatal(err)
	}
	b := testkit.Backend{Name: "postgres+redis", Store: store.Config{DatabaseURL: testkit.EmptyPostgres(t)}, DataDir: t.TempDir(), Redis: testkit.RedisServer(t)}
	migrate := func(path string) string {
		t.Helper()
		cmd := exec.Command(path, "migrate", "up")
		cmd.Env = append(os.Environ(), environment(b)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("migrate: %v\n%s", err, out)
		}
		return string(out)
	}
	migrate(former)
	oldAPI, oldWorker := startProgram(t, former, "api", b), startProgram(t, former, "worker", b)
	account := neurodtest.SignUp(t, client(oldAPI.addr), "owner@example.com")

	var open atomic.Pointer[[]string] // the addresses that clients know
	open.Store(&[]string{oldAPI.addr})
	var mu sync.Mutex
	accepted := map[string]string{} // id of a job by its key
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(accepted)
	}
	stop := make(chan struct{})
	var clients sync.WaitGroup
	t.Cleanup(clients.Wait)
	for c := range 3 {
		clients.Go(func() {
			body := neurodtest.Body(t, eightChannels())
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				key := fmt.Sprintf("%d-%d", c, n)
				for try := 0; ; try++ {
					addrs := *open.Load()
					res, got, err := neurodtest.Raw(addrs[try%len(addrs)], http.MethodPost, "/api/v1/neuro/decode",
						neurodtest.Headers(account.Key, body, "Idempotency-Key: "+key), body)
					if err == nil && res.StatusCode == http.StatusAccepted {
						id, _ := neurodtest.ObjectOf(t, got)["id"].(string)
						mu.Lock()
						accepted[key] = id
						mu.Unlock()
						break
					}
					// A process that stops refuses connections, or says so.
					if try > 200 || err == nil && res.StatusCode != 503 && res.StatusCode != 502 && res.StatusCode != 409 {
						t.Errorf("key %s: %v, %v %s", key, err, res, got)
						return
					}
					time.Sleep(25 * time.Millisecond) // as clients do between tries
				}
			}
		})
	}
	more := func(where string) {
		t.Helper()
		from := count()
		for began := time.Now(); count() < from+8; time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > patience {
				t.Fatalf("no jobs are accepted %s", where)
			}
		}
	}
	more("by the version before")
	if out := migrate(current); !strings.Contains(out, "applied") {
		t.Errorf("the schema did not move: %q", out)
	}
	more("by the version before, on the new schema")
	newAPI := startProgram(t, current, "api", b)
	startProgram(t, current, "worker", b)
	open.Store(&[]string{oldAPI.addr, newAPI.addr})
	more("by both versions")
	oldWorker.stop(t)
	more("by both, with workers of this version")
	open.Store(&[]string{newAPI.addr, oldAPI.addr})
	oldAPI.stop(t)
	more("by this version")
	open.Store(&[]string{newAPI.addr})
	close(stop)
	clients.Wait()

	for key, id := range accepted {
		job := neurodtest.Await(t, client(newAPI.addr), account.Key, id)
		if job["status"] != "completed" {
			t.Errorf("job %s: %v", id, job)
		}
		if again := client(newAPI.addr)(t, 202, "POST", "/api/v1/neuro/decode", account.Key, eightChannels(), "Idempotency-Key: "+key)["id"]; again != id {
			t.Errorf("the key %s made job %v, and had made %s", key, again, id)
		}
	}
	db, err := sql.Open("pgx", b.Store.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var jobs int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM jobs WHERE kind = 'neuro_decode'").Scan(&jobs); err != nil {
		t.Fatal(err)
	}
	if jobs != len(accepted) {
		t.Errorf("%d jobs were accepted, and there are %d", len(accepted), jobs)
	}
	t.Logf("%d jobs were accepted over the upgrade, and all are completed once", len(accepted))
}
