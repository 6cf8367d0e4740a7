// Package backup copies what the embedded mode keeps into one file, while the server runs, and brings it back.
//
// A backup is a tar archive: manifest.json says which version of the program made it, when, of which schema, and the size and SHA-256 of each
// of the files that follow: neurod.db, a copy of the database at one moment, and signing.key where the server made its key itself.
//
// Invariants:
//
//   - What was accepted before Write was called is in the backup; what a job or a caller had written half is not.
//   - A backup appears under its name whole and on the disk, or not at all.
//   - Restore reads and checks everything before it touches anything, and never under a running server. What it replaces is kept beside.
//   - A backup of a newer schema is refused; an older one is brought up to date when the server starts.
//   - Recordings that lie outside the database are not in it; the manifest says how many those are.
//   - A backup holds secrets: it is readable by its owner only.
package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/neurod/neurod/internal/durable"
	"github.com/neurod/neurod/internal/store"
)

// Names of the files of a backup.
const (
	manifestName = "manifest.json"
	databaseName = "neurod.db"
	keyName      = "signing.key"
)

// format is the version of the archive's form.
const format = 1

// File is a file of a backup.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// Manifest says what a backup holds.
type Manifest struct {
	Format    int       `json:"format"`
	Program   string    `json:"program"` // version that made it
	Schema    int64     `json:"schema"`  // newest migration of the database
	CreatedAt time.Time `json:"created_at"`
	Objects   int64     `json:"objects,omitempty"` // recordings that lie outside the database: they are not in the backup
	Files     []File    `json:"files"`
}

// What a backup or restore is refused for.
var (
	// ErrNotBackup says that a file is none, or is damaged.
	ErrNotBackup = errors.New("backup: not a backup, or a damaged one")
	// ErrNewer says that a newer program made the backup.
	ErrNewer = errors.New("backup: it was made by a newer version of the program")
	// ErrOccupied says that there is a database where one is to be restored.
	ErrOccupied = errors.New("backup: there is a database already")
)

// Place says where the embedded mode keeps things.
type Place struct {
	DataDir string // folder of the lock and the signing key
	Store   store.Config
}

func (p Place) database() (string, error) { return store.Path(p.Store) }
func (p Place) key() string               { return filepath.Join(p.DataDir, keyName) }

// Write makes a backup at a path where nothing is. The server may run. It takes as much room as the database, twice while it works.
func Write(ctx context.Context, from Place, path, program string) (m Manifest, err error) {
	database, err := from.database()
	if err != nil {
		return m, err
	}
	if _, err := os.Stat(database); err != nil { // store.Open would make one
		return m, fmt.Errorf("backup: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return m, fmt.Errorf("backup: %s is there already", path)
	}
	work, err := os.MkdirTemp(filepath.Dir(path), ".neurod-backup-")
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	s, err := store.Open(ctx, from.Store)
	if err != nil {
		return m, err
	}
	m = Manifest{Format: format, Program: program, CreatedAt: time.Now().UTC().Truncate(time.Second)}
	snapshot := filepath.Join(work, databaseName)
	schema, err := s.Schema(ctx)
	if err == nil {
		m.Schema = schema.Newest
		err = s.SnapshotTo(ctx, snapshot)
	}
	if err == nil && len(schema.Missing) == 0 {
		m.Objects, _, err = s.ObjectsKept(ctx)
	}
	if err := errors.Join(err, s.Close()); err != nil {
		return m, err
	}
	paths := []string{snapshot}
	if _, err := os.Stat(from.key()); err == nil {
		paths = append(paths, from.key())
	}
	for _, p := range paths {
		f, err := describe(p)
		if err != nil {
			return m, fmt.Errorf("backup: %w", err)
		}
		m.Files = append(m.Files, f)
	}
	whole := filepath.Join(work, "whole")
	if err := pack(whole, m, paths); err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	// A link, unlike a rename, replaces nothing. Not every file system has links.
	switch err := os.Link(whole, path); {
	case errors.Is(err, os.ErrExist):
		return m, fmt.Errorf("backup: %s is there already", path)
	case err != nil:
		if err := os.Rename(whole, path); err != nil {
			return m, fmt.Errorf("backup: %w", err)
		}
	}
	return m, durable.SyncDir(filepath.Dir(path))
}

func describe(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	return File{Name: filepath.Base(path), Size: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// pack writes the archive and waits for the disk.
func pack(path string, m Manifest, paths []string) (err error) {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w := tar.NewWriter(out)
	head, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	entry := func(name string, size int64, from io.Reader) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: m.CreatedAt}); err != nil {
			return err
		}
		_, err := io.Copy(w, from)
		return err
	}
	if err := entry(manifestName, int64(len(head)), bytes.NewReader(head)); err != nil {
		return err
	}
	for i, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		err = entry(m.Files[i].Name, m.Files[i].Size, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return durable.Sync(out)
}

// maxManifest is longer than any manifest.
const maxManifest = 1 << 20

// Read reads a backup whole, holds its files to the manifest, and hands each to keep, nil for nobody.
func Read(path string, keep func(name string, r io.Reader) error) (m Manifest, err error) {
	f, err := os.Open(path)
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	defer f.Close()
	r := tar.NewReader(f)
	head, err := r.Next()
	if err != nil || head.Name != manifestName {
		return m, fmt.Errorf("%w: it does not begin with %s", ErrNotBackup, manifestName)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return m, fmt.Errorf("%w: %w", ErrNotBackup, err)
	}
	if err := json.Unmarshal(text, &m); err != nil || m.Format < 1 {
		return m, fmt.Errorf("%w: %s cannot be read", ErrNotBackup, manifestName)
	}
	if m.Format > format {
		return m, fmt.Errorf("%w (%s)", ErrNewer, m.Program)
	}
	if len(m.Files) == 0 || m.Files[0].Name != databaseName {
		return m, fmt.Errorf("%w: it has no database", ErrNotBackup)
	}
	for i, want := range m.Files {
		if want.Name != []string{databaseName, keyName}[min(i, 1)] || i > 1 {
			return m, fmt.Errorf("%w: it has a file %q", ErrNotBackup, want.Name)
		}
		head, err := r.Next()
		if err != nil || head.Name != want.Name || head.Size != want.Size {
			return m, fmt.Errorf("%w: %s is not as the manifest says", ErrNotBackup, want.Name)
		}
		sum := sha256.New()
		if err := take(want.Name, io.TeeReader(r, sum), keep); err != nil {
			return m, fmt.Errorf("backup: %s: %w", want.Name, err)
		}
		if hex.EncodeToString(sum.Sum(nil)) != want.SHA256 {
			return m, fmt.Errorf("%w: the checksum of %s is another", ErrNotBackup, want.Name)
		}
	}
	return m, nil
}

func take(name string, r io.Reader, keep func(name string, r io.Reader) error) error {
	if keep != nil {
		if err := keep(name, r); err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, r) // all of it is summed up
	return err
}

// Restore puts a backup in the place of the embedded mode and returns the names of the files that it moved aside. Where a database is already,
// it is refused with ErrOccupied unless replace says to move that aside. The server must not run.
func Restore(ctx context.Context, path string, to Place, replace bool) (m Manifest, aside []string, err error) {
	database, err := to.database()
	if err != nil {
		return m, nil, err
	}
	if err := errors.Join(os.MkdirAll(to.DataDir, 0o700), os.MkdirAll(filepath.Dir(database), 0o700)); err != nil {
		return m, nil, fmt.Errorf("backup: %w", err)
	}
	lock, err := durable.Lock(to.DataDir, "neurod.lock")
	if err != nil {
		return m, nil, fmt.Errorf("backup: stop the server first: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if _, err := os.Lstat(database); err == nil && !replace {
		return m, nil, fmt.Errorf("%w: %s", ErrOccupied, database)
	}
	// Beside the database, so that nothing is copied when it is put into place.
	work, err := os.MkdirTemp(filepath.Dir(database), ".neurod-restore-")
	if err != nil {
		return m, nil, fmt.Errorf("backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	m, err = Read(path, func(name string, r io.Reader) error { return writeFile(filepath.Join(work, name), r) })
	if err != nil {
		return m, nil, err
	}
	if err := check(ctx, filepath.Join(work, databaseName), m); err != nil {
		return m, nil, err
	}
	at := time.Now().UTC().Format("20060102T150405Z")
	moves := []struct{ from, to string }{{filepath.Join(work, databaseName), database}}
	if slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == keyName }) {
		moves = append(moves, struct{ from, to string }{filepath.Join(work, keyName), to.key()})
	}
	// The log of the old database would be taken for one of the new: it goes first, with the database that it is of.
	old := []string{database, database + "-wal", database + "-shm"}
	if len(moves) > 1 {
		old = append(old, to.key())
	}
	for _, p := range old {
		name := p + ".before-restore-" + at
		switch err := os.Rename(p, name); {
		case err == nil:
			aside = append(aside, name)
		case !errors.Is(err, os.ErrNotExist):
			return m, aside, fmt.Errorf("backup: %w", err)
		}
	}
	for _, mv := range moves {
		if err := os.Rename(mv.from, mv.to); err != nil {
			return m, aside, fmt.Errorf("backup: %w", err)
		}
	}
	return m, aside, errors.Join(durable.SyncDir(filepath.Dir(database)), durable.SyncDir(to.DataDir))
}

func writeFile(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = durable.Sync(f)
	}
	return errors.Join(err, f.Close())
}

// check opens a restored database beside its place: it must be whole, and of no newer schema than this program knows.
func check(ctx context.Context, path string, m Manifest) (err error) {
	s, err := store.Open(ctx, store.Config{DatabaseURL: path, Readers: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Check(ctx); err != nil {
		return err
	}
	schema, err := s.Schema(ctx)
	if err != nil {
		return err
	}
	if len(schema.Unknown) > 0 {
		return fmt.Errorf("%w (%s): its schema is %d, and this program knows none after %d", ErrNewer, m.Program, schema.Newest, schema.Known)
	}
	if schema.Newest == 0 {
		return fmt.Errorf("%w: its database has no schema", ErrNotBackup)
	}
	return nil
}
