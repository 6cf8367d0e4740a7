// Package blobs keeps objects in a folder, or in a bucket of S3 or what speaks its protocol, of Google Cloud Storage or of Azure, by gocloud.dev/blob.
//
// Invariants:
//
//   - What Put has returned nil for is on the disk: of a folder, file and name are flushed; the others promise it themselves.
//   - An object is written once and never changed: a reader gets all of it or none.
//   - An error of an object that is not there wraps fs.ErrNotExist, one of a full disk syscall.ENOSPC.
package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"github.com/neurod/neurod/internal/durable"
)

// Bucket keeps objects. Its methods are safe for concurrent use.
type Bucket struct {
	bucket  *blob.Bucket
	folder  string   // of file://, "" otherwise
	flushed sync.Map // folders in it whose names are on the disk

	operations *prometheus.CounterVec
	bytes      *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
}

// Open opens file:///PATH, s3://BUCKET, gs://BUCKET or azblob://CONTAINER, with the parameters that gocloud.dev/blob has for the last three.
// Credentials come from where the clouds' own programs take them. A folder is made when missing, readable by its owner only. Nothing is asked of a
// bucket yet.
func Open(ctx context.Context, address string) (*Bucket, error) {
	b := &Bucket{
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "neurod_object_operations_total",
			Help: "Operations on objects outside the database, by what was done (put, get, delete, list) and its result (ok, missing, error)."}, []string{"operation", "result"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "neurod_object_bytes_total",
			Help: "Bytes of objects put and got, as they are packed."}, []string{"operation"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "neurod_object_operation_seconds",
			Help: "Time that operations on objects took, in seconds.", Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10}}, []string{"operation"}),
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address of the store of objects is not a URL") // which may hold a secret
	}
	if q := u.Query(); u.Scheme == "s3" && !q.Has(checksums) {
		q.Set(checksums, "when_required")
		u.RawQuery = q.Encode()
		address = u.String()
	}
	if u.Scheme != fileblob.Scheme {
		if b.bucket, err = blob.OpenBucket(ctx, address); err != nil {
			return nil, fmt.Errorf("open the store of objects: %w", err)
		}
		return b, nil
	}
	if b.folder, err = filepath.Abs(folderOf(u)); err != nil {
		return nil, err
	}
	// Where temporary files lie elsewhere, renaming one is copying it, or fails.
	b.bucket, err = fileblob.OpenBucket(b.folder, &fileblob.Options{CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("open the folder of objects: %w", err)
	}
	return b, b.flush(b.folder, filepath.Dir(b.folder))
}

// checksums has the client of S3 not look for checksums of its own in answers, and complain of each that has none: whoever gets an object holds it to
// its SHA-256.
const checksums = "response_checksum_validation"

// folderOf is the path of a file URL: file:///PATH, or file://./PATH below the working folder.
func folderOf(u *url.URL) string {
	path := u.Path
	if u.Host == "." || os.PathSeparator != '/' {
		path = strings.TrimPrefix(path, "/")
	}
	return filepath.FromSlash(path)
}

// timeout bounds every operation: a bucket that does not answer is away, and who waits is told so.
const timeout = 30 * time.Second

// Put stores an object.
func (b *Bucket) Put(ctx context.Context, key string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begun := time.Now()
	err := b.bucket.WriteAll(ctx, key, data, &blob.WriterOptions{ContentType: "application/octet-stream"})
	if err == nil && b.folder != "" {
		err = b.settle(key)
	}
	b.observe("put", begun, len(data), err)
	if err != nil {
		return fmt.Errorf("put an object: %w", err)
	}
	return nil
}

// settle flushes the file of an object, and the folders that its name is in.
func (b *Bucket) settle(key string) error {
	path := filepath.Join(b.folder, filepath.FromSlash(key))
	f, err := os.OpenFile(path, os.O_RDWR, 0) // Windows flushes only what may be written to
	if err != nil {
		return err
	}
	if err := errors.Join(durable.Sync(f), f.Close()); err != nil {
		return err
	}
	return b.flush(filepath.Dir(path), b.folder)
}

// flush brings the names in a folder to the disk, and those of the folders above it as far as one, where this process has not yet.
func (b *Bucket) flush(folder, top string) error {
	if err := durable.SyncDir(folder); err != nil {
		return err
	}
	for at := folder; at != top; at = filepath.Dir(at) {
		if _, known := b.flushed.Load(at); known {
			return nil
		}
		if err := durable.SyncDir(filepath.Dir(at)); err != nil {
			return err
		}
	}
	b.flushed.Store(folder, struct{}{})
	return nil
}

// Get returns an object of at most so many bytes, or one byte more of a longer one.
func (b *Bucket) Get(ctx context.Context, key string, size int) (data []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begun := time.Now()
	defer func() { b.observe("get", begun, len(data), err) }()
	r, err := b.bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, told("get an object", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	data = make([]byte, min(size, int(max(r.Size(), 0)))+1)
	n, err := io.ReadFull(r, data)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, told("get an object", err)
	}
	return data[:n], nil
}

// Delete removes an object. That there is none is no error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begun := time.Now()
	err := b.bucket.Delete(ctx, key)
	if err == nil && b.folder != "" {
		// Gone is gone: who asked for it is told so, and a power cut must not bring it back.
		err = durable.SyncDir(filepath.Dir(filepath.Join(b.folder, filepath.FromSlash(key))))
	}
	err = told("delete an object", err)
	b.observe("delete", begun, 0, err)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// page is how many keys List returns at most.
const page = 500

// List returns a page of the keys that begin with prefix. from is what the call before returned as next, nil for the first page; next is nil with
// the last.
func (b *Bucket) List(ctx context.Context, prefix string, from []byte) (keys []string, next []byte, err error) {
	if from == nil {
		from = blob.FirstPageToken
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	begun := time.Now()
	list, next, err := b.bucket.ListPage(ctx, from, page, &blob.ListOptions{Prefix: prefix})
	b.observe("list", begun, 0, err)
	if err != nil {
		return nil, nil, told("list objects", err)
	}
	for _, o := range list {
		keys = append(keys, o.Key)
	}
	return keys, next, nil
}

// told gives the error of an object that is not there the form that the package promises.
func told(what string, err error) error {
	if err == nil {
		return nil
	}
	if gcerrors.Code(err) == gcerrors.NotFound {
		err = errors.Join(fs.ErrNotExist, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

func (b *Bucket) observe(operation string, begun time.Time, bytes int, err error) {
	result := "ok"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		result = "missing"
	case err != nil:
		result = "error"
	}
	b.operations.WithLabelValues(operation, result).Inc()
	b.seconds.WithLabelValues(operation).Observe(time.Since(begun).Seconds())
	if err == nil && bytes > 0 {
		b.bytes.WithLabelValues(operation).Add(float64(bytes))
	}
}

// Describe implements prometheus.Collector.
func (b *Bucket) Describe(to chan<- *prometheus.Desc) {
	b.operations.Describe(to)
	b.bytes.Describe(to)
	b.seconds.Describe(to)
}

// Collect implements prometheus.Collector.
func (b *Bucket) Collect(to chan<- prometheus.Metric) {
	b.operations.Collect(to)
	b.bytes.Collect(to)
	b.seconds.Collect(to)
}

// Close lets go of the bucket.
func (b *Bucket) Close() error { return b.bucket.Close() }
