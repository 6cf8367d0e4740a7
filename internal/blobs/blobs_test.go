//go:build unix

package blobs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/neurod/neurod/internal/blobs"
	"github.com/neurod/neurod/internal/durable"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// flushes counts what the process brings to the disk, and can refuse it.
var flushes struct {
	sync.Mutex
	paths  []string
	refuse map[string]error // by the folder it lies in
}

func TestMain(m *testing.M) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": servers.S3Access, "AWS_SECRET_ACCESS_KEY": servers.S3Secret, "AWS_EC2_METADATA_DISABLED": "true"} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	durable.Intercept(func(path string) (bool, error) {
		flushes.Lock()
		defer flushes.Unlock()
		flushes.paths = append(flushes.paths, path)
		for folder, err := range flushes.refuse {
			if strings.HasPrefix(path, folder) {
				return true, err
			}
		}
		return false, nil
	})
	os.Exit(m.Run())
}

func open(t *testing.T, address string) *blobs.Bucket {
	t.Helper()
	b, err := blobs.Open(context.Background(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{9}).Read(b)
	return b
}

// keep holds a bucket to what every one promises.
func keep(t *testing.T, b *blobs.Bucket) {
	ctx := context.Background()
	for _, n := range []int{0, 1, 4096, 6 << 20} { // the last takes S3's protocol more than one part
		key := fmt.Sprintf("a/p/%d", n)
		if err := b.Put(ctx, key, noise(n)); err != nil {
			t.Fatalf("put %d bytes: %v", n, err)
		}
		got, err := b.Get(ctx, key, n)
		if err != nil || !bytes.Equal(got, noise(n)) {
			t.Errorf("%d bytes came back with %d, %v", n, len(got), err)
		}
		if n > 0 {
			if got, err := b.Get(ctx, key, n-1); err != nil || len(got) != n {
				t.Errorf("of %d bytes, where one less was expected, came %d, %v", n, len(got), err)
			}
		}
		if got, err := b.Get(ctx, key, n+100); err != nil || len(got) != n {
			t.Errorf("of %d bytes, where more were expected, came %d, %v", n, len(got), err)
		}
	}
	if got, err := b.Get(ctx, "a/p/none", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %d bytes, %v", len(got), err)
	}
	if err := b.Delete(ctx, "a/p/none"); err != nil {
		t.Errorf("delete what is not there: %v", err)
	}
	if err := b.Delete(ctx, "a/p/1"); err != nil {
		t.Error(err)
	}
	if _, err := b.Get(ctx, "a/p/1", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was deleted: %v", err)
	}
	// More than a page, beside others.
	want := []string{"a/p/0", "a/p/4096", fmt.Sprintf("a/p/%d", 6<<20)}
	for i := range 600 {
		key := fmt.Sprintf("a/q/%04d", i)
		want = append(want, key)
		if err := b.Put(ctx, key, []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Put(ctx, "b/x", []byte{1}); err != nil {
		t.Fatal(err)
	}
	var got []string
	pages := 0
	for from := []byte(nil); ; pages++ {
		keys, next, err := b.List(ctx, "a/", from)
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, keys...); next == nil {
			break
		}
		from = next
	}
	slices.Sort(want)
	if !slices.Equal(got, want) || pages == 0 {
		t.Errorf("%d keys on %d pages more, want %d", len(got), pages, len(want))
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := b.Put(ended, "a/p/late", []byte{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the call: %v", err)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	keep(t, open(t, "file://"+filepath.Join(t.TempDir(), "not", "yet")))
}

// TestFolderIsFlushed: what a power cut might take is not said to be kept.
func TestFolderIsFlushed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	folder := filepath.Join(t.TempDir(), "objects")
	b := open(t, "file://"+folder)
	if err := b.Put(ctx, "a/p/1", noise(10)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "a", "p", "1")
	flushes.Lock()
	flushed := slices.Contains(flushes.paths, path)
	broken := &fs.PathError{Op: "fdatasync", Path: path, Err: syscall.ENOSPC}
	flushes.refuse = map[string]error{folder: broken}
	flushes.Unlock()
	if !flushed {
		t.Error("an object was kept without a flush")
	}
	if err := b.Put(ctx, "a/p/2", noise(10)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the disk refused, and put said %v", err)
	}
	for at := filepath.Dir(path); at != filepath.Dir(folder); at = filepath.Dir(at) {
		if i, err := os.Stat(at); err != nil || i.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v, %v", at, i.Mode(), err)
		}
	}
	// A folder in which nothing can be made.
	if err := os.WriteFile(filepath.Join(folder, "c"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.Put(ctx, "c/p/1", noise(10)); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("put below a file: %v", err)
	}
}

func TestWhatCannotBeOpened(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"file://" + file, "ftp://x", "s3://", "s3://user:secret%zz@x"} {
		b, err := blobs.Open(context.Background(), address)
		if err == nil {
			b.Close()
			t.Errorf("%s was opened", address)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

// TestS3 speaks to a real server of S3's protocol.
func TestS3(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, err := servers.StartS3(ctx, "recordings")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of the server:\n%s", s.Log())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	b := open(t, s.URL())
	keep(t, b)
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(ctx, "a/p/4096", 4096); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a server that is away: %v", err)
	}
	if err := b.Put(ctx, "a/p/away", noise(10)); err == nil {
		t.Error("put to a server that is away")
	}
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Get(ctx, "a/p/4096", 4096); err != nil || !bytes.Equal(got, noise(4096)) {
		t.Errorf("after it came back: %d bytes, %v", len(got), err)
	}
	none := open(t, strings.Replace(s.URL(), "recordings", "absent", 1))
	if err := none.Put(ctx, "a/p/1", noise(10)); err == nil {
		t.Error("put to a bucket that is not there")
	}
}
