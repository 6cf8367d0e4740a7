package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file keep what is long outside the database, where Config.Objects is set: recordings of jobs and batches of samples, as they are
// packed. The row has codec "outside", and its data name the object. What was stored inside is read as before, and so is what lies outside after
// nothing more is put there. Invariants:
//
//   - An object is on its disk before the transaction begins that stores its row: what was accepted can be read. A crash between the two leaves an
//     object without a row, which SweepObjects finds.
//   - An object is deleted only after the transaction that deleted the last row which names it: table objects, kept by triggers, says which those are.
//     Who copies such a row holds it.
//   - What is read has the length and the SHA-256 that the row names, or is refused with ErrObjectLost.
//   - A key holds a random number of this database, the project's id and a random number of the object: nothing of a user.

// Objects is where they lie; package blobs has one.
type Objects interface {
	// Put stores an object; once it returns nil, a power cut does not take it.
	Put(ctx context.Context, key string, data []byte) error
	// Get returns an object, or at least one byte more than size of a longer one. The error wraps fs.ErrNotExist where there is none.
	Get(ctx context.Context, key string, size int) ([]byte, error)
	// Delete removes an object. That there is none is no error.
	Delete(ctx context.Context, key string) error
	// List returns a page of the keys that begin with prefix, and where the next begins, nil for none. from is nil for the first.
	List(ctx context.Context, prefix string, from []byte) (keys []string, next []byte, err error)
}

var (
	// ErrObjects says that where objects lie outside the database does not answer, or is not set.
	ErrObjects = dialect.ErrObjects
	// ErrObjectLost says that an object is missing, or is not what was stored.
	ErrObjectLost = errors.New("store: an object outside the database is missing or has changed")
)

// objectsAtOnce is how many objects one call puts, gets or deletes at once: the journey to a bucket takes longer than what is done there.
const objectsAtOnce = 8

// object is what a row with codec "outside" says of its object.
type object struct {
	Key    string `json:"key"`
	Bytes  int    `json:"bytes"` // length of the object
	SHA256 string `json:"sha256"`
	Codec  string `json:"codec"` // how what lies in it is packed
}

// objects is the state of what lies outside.
type objects struct {
	at   Objects // nil for nothing
	from int     // bytes from which data are put there, as they are packed; 0 for none

	mu     sync.Mutex
	prefix string // of this database's keys, "" until it was read

	// Of SweepObjects: where it reads on, and which objects without a row it saw when.
	sweep    sync.Mutex
	next     []byte
	suspects map[string]time.Time
}

// out puts data outside, where they are long enough, and returns what the row has instead. key is "" where they stay.
func (s *Store) out(ctx context.Context, projectID, codec string, data []byte) (_ string, _ []byte, key string, err error) {
	o := &s.objects
	if o.at == nil || o.from == 0 || len(data) < o.from || codec == dialect.CodecOutside {
		return codec, data, "", nil
	}
	prefix, err := s.objectPrefix(ctx)
	if err != nil {
		return "", nil, "", err
	}
	name := make([]byte, 16)
	rand.Read(name)
	sum := sha256.Sum256(data)
	ref := object{Key: prefix + projectID + "/" + hex.EncodeToString(name), Bytes: len(data), SHA256: hex.EncodeToString(sum[:]), Codec: codec}
	row, err := json.Marshal(ref)
	if err != nil {
		return "", nil, "", err
	}
	if err := o.at.Put(ctx, ref.Key, data); err != nil {
		// It may be there nevertheless, in part or whole; nobody waits for this.
		s.drop(ctx, []string{ref.Key})
		return "", nil, "", fmt.Errorf("%w: %w", ErrObjects, err)
	}
	return dialect.CodecOutside, row, ref.Key, nil
}

// objectPrefix is what the keys of this database begin with.
func (s *Store) objectPrefix(ctx context.Context) (string, error) {
	o := &s.objects
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.prefix == "" {
		var row models.ObjectStore
		if err := s.read(ctx).Take(&row).Error; err != nil {
			return "", fmt.Errorf("store: read the prefix of objects: %w", translate(err))
		}
		o.prefix = row.Prefix + "/"
	}
	return o.prefix, nil
}

// dropTimeout bounds how long a call that was refused waits for the deletion of what it had put outside.
const dropTimeout = 5 * time.Second

// drop deletes objects that have no row and get none. Where that fails, SweepObjects finds them.
func (s *Store) drop(ctx context.Context, keys []string) {
	if len(keys) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
	defer cancel()
	_ = s.deleteObjects(ctx, keys)
}

func (s *Store) deleteObjects(ctx context.Context, keys []string) error {
	g, ctx := guarded.WithContext(ctx)
	g.SetLimit(objectsAtOnce)
	for _, key := range keys {
		g.Go(func() error { return s.objects.at.Delete(ctx, key) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("%w: %w", ErrObjects, err)
	}
	return nil
}

// outMany puts outside what is long enough of n pieces of data and returns the keys. Where one fails it takes the others back.
func (s *Store) outMany(ctx context.Context, n int, piece func(i int) (projectID string, codec *string, data *[]byte)) ([]string, error) {
	keys := make([]string, n)
	g, gctx := guarded.WithContext(ctx)
	g.SetLimit(objectsAtOnce)
	for i := range n {
		g.Go(func() (err error) {
			projectID, codec, data := piece(i)
			*codec, *data, keys[i], err = s.out(gctx, projectID, *codec, *data)
			return err
		})
	}
	err := g.Wait()
	keys = slices.DeleteFunc(keys, func(k string) bool { return k == "" })
	if err != nil {
		s.drop(ctx, keys)
		return nil, err
	}
	return keys, nil
}

// outBatches returns batches of which the long ones lie outside, and the keys of those.
func (s *Store) outBatches(ctx context.Context, list []models.SampleBatch) ([]models.SampleBatch, []string, error) {
	if s.objects.at == nil {
		return list, nil, nil
	}
	list = slices.Clone(list)
	keys, err := s.outMany(ctx, len(list), func(i int) (string, *string, *[]byte) { return list[i].ProjectID, &list[i].Codec, &list[i].Data })
	return list, keys, err
}

// inside returns data as they are packed, from outside where they lie there, with their codec.
func (s *Store) inside(ctx context.Context, codec string, data []byte) (string, []byte, error) {
	if codec != dialect.CodecOutside || s.objects.at == nil {
		return codec, data, nil // Unpack says that no store of objects is set
	}
	var ref object
	if err := json.Unmarshal(data, &ref); err != nil {
		return "", nil, fmt.Errorf("%w: its row cannot be read: %w", ErrObjectLost, err)
	}
	found, err := s.objects.at.Get(ctx, ref.Key, ref.Bytes)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil, fmt.Errorf("%w: %s: %w", ErrObjectLost, ref.Key, err)
	case err != nil:
		return "", nil, fmt.Errorf("%w: %w", ErrObjects, err)
	}
	if sum := sha256.Sum256(found); len(found) != ref.Bytes || hex.EncodeToString(sum[:]) != ref.SHA256 {
		return "", nil, fmt.Errorf("%w: %s: the length or SHA-256 is another", ErrObjectLost, ref.Key)
	}
	return ref.Codec, found, nil
}

// unpack returns data as they were before they were packed, and perhaps put outside. size is their length then.
func (s *Store) unpack(ctx context.Context, codec string, size int, data []byte) ([]byte, error) {
	codec, data, err := s.inside(ctx, codec, data)
	if err != nil {
		return nil, err
	}
	return dialect.Unpack(codec, size, data)
}

// insideBatches gets those batches that lie outside.
func (s *Store) insideBatches(ctx context.Context, list []models.SampleBatch) error {
	g, ctx := guarded.WithContext(ctx)
	g.SetLimit(objectsAtOnce)
	for i := range list {
		if b := &list[i]; b.Codec == dialect.CodecOutside && len(b.Data) > 0 {
			g.Go(func() (err error) {
				b.Codec, b.Data, err = s.inside(ctx, b.Codec, b.Data)
				return err
			})
		}
	}
	return g.Wait()
}

// unpackBatches unpacks batches, as far as their data were read.
func (s *Store) unpackBatches(ctx context.Context, list []models.SampleBatch) error {
	if err := s.insideBatches(ctx, list); err != nil {
		return err
	}
	for i := range list {
		b := &list[i]
		if len(b.Data) == 0 {
			continue
		}
		var err error
		if b.Data, err = dialect.Unpack(b.Codec, b.Size, b.Data); err != nil {
			return err
		}
	}
	return nil
}

// acceptOutside puts long recordings of an acceptance outside before accept stores it.
func (s *Store) acceptOutside(ctx context.Context, a *Acceptance, accept func(context.Context, *Acceptance) (*models.IdempotencyRecord, error)) (*models.IdempotencyRecord, error) {
	moved := *a
	moved.Payloads = slices.Clone(a.Payloads)
	keys, err := s.outMany(ctx, len(moved.Payloads), func(i int) (string, *string, *[]byte) {
		p := &moved.Payloads[i]
		return p.ProjectID, &p.Codec, &p.Data
	})
	if err != nil {
		return nil, err
	}
	existing, err := accept(ctx, &moved)
	// After any other error it is not known whether the rows are there.
	if existing != nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrKeyInFlight) {
		s.drop(ctx, keys)
	}
	return existing, err
}

// ProbeObjects puts, gets and deletes an object of this database.
func (s *Store) ProbeObjects(ctx context.Context, at Objects) (err error) {
	prefix, err := s.objectPrefix(ctx)
	if err != nil {
		return err
	}
	data := make([]byte, probeSize)
	rand.Read(data)
	key := prefix + "probe/" + hex.EncodeToString(data[:16])
	defer func() { err = errors.Join(err, at.Delete(context.WithoutCancel(ctx), key)) }()
	if err := at.Put(ctx, key, data); err != nil {
		return err
	}
	found, err := at.Get(ctx, key, len(data))
	if err == nil && !bytes.Equal(found, data) {
		err = errors.New("store: what was read is not what was written")
	}
	return err
}

// ObjectsKept returns how many objects the rows of the database name, and their bytes.
func (s *Store) ObjectsKept(ctx context.Context) (n, size int64, err error) {
	err = s.read(ctx).Model(&models.Object{}).Where("refs > 0").Select("count(*), coalesce(sum(bytes), 0)").Row().Scan(&n, &size)
	return n, size, translate(err)
}

// DeleteObjects deletes objects whose rows were deleted, at most limit, and their lines in table objects; of one project, or of all with "". It returns
// how many.
func (s *Store) DeleteObjects(ctx context.Context, projectID string, limit int) (int, error) {
	var keys []string
	q := s.read(ctx).Model(&models.Object{}).Where("refs = 0")
	if projectID != "" {
		q = q.Where("project_id = ?", projectID)
	}
	if err := q.Order("project_id, key").Limit(limit).Pluck("key", &keys).Error; err != nil || len(keys) == 0 {
		return 0, translate(err)
	}
	if s.objects.at == nil {
		return 0, fmt.Errorf("%w: none is set", ErrObjects)
	}
	// Some rows are deleted by commits that do not wait for the disk. This one does, and takes those along: no power cut brings back a row without
	// its object.
	if err := s.write(ctx).Exec("UPDATE object_stores SET prefix = prefix").Error; err != nil {
		return 0, translate(err)
	}
	if err := s.deleteObjects(ctx, keys); err != nil {
		return 0, err
	}
	return len(keys), translate(s.write(ctx).Where("key IN ?", keys).Delete(&models.Object{}).Error)
}

// objectsGone reports within a transaction whether objects of a project wait to be deleted.
func objectsGone(tx *gorm.DB, projectID string) (bool, error) {
	var found []string
	err := tx.Model(&models.Object{}).Where("project_id = ? AND refs = 0", projectID).Limit(1).Pluck("key", &found).Error
	return len(found) > 0, err
}

// How long an object must have been without a row before it is taken for what a crash has left, by this process's own count of time, and how many such are
// remembered. Nothing stores a row an hour after its object.
const (
	orphanAge   = time.Hour
	maxSuspects = 10_000
)

// SweepObjects looks at one page of the objects of this database and deletes those that have no row and had none the last time, at least an hour
// before. It returns how many. now is when that is, in a time with a monotonic reading.
func (s *Store) SweepObjects(ctx context.Context, now time.Time) (int, error) {
	o := &s.objects
	if o.at == nil {
		return 0, nil
	}
	prefix, err := s.objectPrefix(ctx)
	if err != nil {
		return 0, err
	}
	o.sweep.Lock()
	defer o.sweep.Unlock()
	keys, next, err := o.at.List(ctx, prefix, o.next)
	if err != nil {
		o.next = nil // where it was may be no place any more
		return 0, fmt.Errorf("%w: %w", ErrObjects, err)
	}
	o.next = next
	var known []string
	for chunk := range slices.Chunk(keys, idChunk) {
		var found []string
		if err := s.read(ctx).Model(&models.Object{}).Where("key IN ?", chunk).Pluck("key", &found).Error; err != nil {
			return 0, translate(err)
		}
		known = append(known, found...)
	}
	slices.Sort(known)
	var orphans []string
	for _, key := range keys {
		if _, has := slices.BinarySearch(known, key); has {
			delete(o.suspects, key)
			continue
		}
		since, suspect := o.suspects[key]
		switch {
		case suspect && now.Sub(since) >= orphanAge:
			orphans = append(orphans, key)
		case !suspect && len(o.suspects) < maxSuspects:
			if o.suspects == nil {
				o.suspects = map[string]time.Time{}
			}
			o.suspects[key] = now
		}
	}
	if err := s.deleteObjects(ctx, orphans); err != nil {
		return 0, err
	}
	for _, key := range orphans {
		delete(o.suspects, key)
	}
	return len(orphans), nil
}
