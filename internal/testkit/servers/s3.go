//go:build unix

package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

// s3Version is the one of https://github.com/versity/versitygw that is built.
const s3Version = "v1.8.0"

// s3Program builds the server once, and keeps it for later runs.
var s3Program = sync.OnceValues(func() (path string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "neurod-test", "versitygw-"+s3Version)
	path = filepath.Join(dir, "versitygw")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	cmd := exec.Command("go", "install", "github.com/versity/versitygw/cmd/versitygw@"+s3Version)
	cmd.Dir = os.TempDir() // its modules are not ours
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build versitygw: %w\n%s", err, out)
	}
	return path, nil
})

// What a client of S3 logs in with.
const (
	S3Access = "neurod-test"
	S3Secret = "neurod-test-secret" //nolint:gosec // of a server that lives for a test
)

// S3 is a server of our own that speaks the protocol of S3: versitygw over a folder.
type S3 struct {
	p      *process
	bucket string
}

// StartS3 builds and starts a server with an empty bucket.
func StartS3(ctx context.Context, bucket string) (*S3, error) {
	program, err := s3Program()
	if err != nil {
		return nil, err
	}
	p, err := newProcess("versitygw", "TERM", nil)
	if err != nil {
		return nil, err
	}
	s := &S3{p, bucket}
	root, health := filepath.Join(p.dir, "objects"), "/"+rand.Text() // another server's is another
	if err := os.MkdirAll(filepath.Join(root, bucket), 0o700); err != nil {
		return nil, errors.Join(err, p.close(syscall.SIGKILL))
	}
	p.command = func(port int) []string {
		return []string{program, "--port", "127.0.0.1:" + strconv.Itoa(port), "--access", S3Access, "--secret", S3Secret, "--health", health, "posix", "--nometa", root}
	}
	p.probe = func(ctx context.Context, _, _ int) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr()+health, nil)
		if err != nil {
			return err
		}
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d, %w", res.StatusCode, err)
		}
		return nil
	}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(err, p.close(syscall.SIGKILL))
	}
	return s, nil
}

// URL is by which gocloud.dev/blob opens the bucket; the credentials are in the environment of S3's own programs (AWS_ACCESS_KEY_ID).
func (s *S3) URL() string {
	return "s3://" + s.bucket + "?region=us-east-1&use_path_style=true&disable_https=true&endpoint=http://" + s.p.addr()
}

// Kill ends the server at once; Start runs it again on the same port, with what it has.
func (s *S3) Kill() error                     { return s.p.end(syscall.SIGKILL) }
func (s *S3) Start(ctx context.Context) error { return s.p.start(ctx) }

// Objects returns the files of the bucket.
func (s *S3) Objects() (files []string, err error) {
	root := filepath.Join(s.p.dir, "objects", s.bucket)
	err = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	return files, err
}

// Log returns the end of what it wrote.
func (s *S3) Log() string { return string(s.p.logTail()) }

// Close ends the server and removes its folder.
func (s *S3) Close() error { return s.p.close(syscall.SIGKILL) }
