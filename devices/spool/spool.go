// Package spool keeps records on the disk until they are acknowledged: what a device gave while the network or the server was away.
//
// A spool is a folder:
//
//	000000000001.seg   records, oldest first; only appended to. The number is that of its first record
//	000000000314.seg   the newest is the one that is written
//	cursor             JSON: which records are done with, and which are being sent
//
//	record = length u32 · CRC-32C of the rest u32 · number u64 · bytes          little-endian
//
// Promises:
//
//   - A record that Append took survives the end of the process, however it ends, at once; and a power cut from the next sync on, which is at most
//     Sync later (Defaults to a second) and before a segment is closed.
//   - Records are read in their order, each with its number. A record that was torn by a crash is the last one, and was not taken: opening cuts it off.
//   - What is in the spool is never dropped for what comes: a spool that is full refuses the newest.
//   - Segments go when all their records are acknowledged. Nothing else is deleted.
//   - What is being sent is kept with its bounds, so that after a crash the same records go out again as the same batch.
package spool

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/neurod/neurod/internal/durable"
)

// ErrFull is the error of a record for which there is no room.
var ErrFull = errors.New("the spool is full")

// Config describes a spool.
type Config struct {
	// Dir is made where it is not there. Required.
	Dir string
	// Most bytes on the disk. Defaults to 1 GiB.
	Most int64
	// Segment is how large a segment gets before the next is begun. Defaults to 4 MiB.
	Segment int64
	// Sync is the longest time that a power cut may lose; negative syncs each record. Defaults to a second.
	Sync time.Duration
}

const (
	header = 16
	// largestRecord is what a length is believed.
	largestRecord = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Cursor says how far the records are.
type Cursor struct {
	Done    int64 `json:"done"`    // all up to this number are acknowledged
	Sending int64 `json:"sending"` // those behind Done up to this number are being sent; Done where none are
	Mark    int64 `json:"mark"`    // what the owner keeps with it
}

// segment is a file of records.
type segment struct {
	first int64 // number of its first record
	size  int64
}

// Spool is an open spool. It may be used by several goroutines, one of which appends.
type Spool struct {
	cfg Config

	mu       sync.Mutex
	segments []segment // oldest first
	total    int64
	out      *os.File // of the newest segment
	next     int64    // number of the next record
	cursor   Cursor
	synced   time.Time
	dirty    bool
	damaged  int64
	changed  chan struct{}
}

// Open opens a spool, and cuts off what a crash left of a record.
func Open(cfg Config) (*Spool, error) {
	if cfg.Most <= 0 {
		cfg.Most = 1 << 30
	}
	if cfg.Segment <= 0 {
		cfg.Segment = 4 << 20
	}
	if cfg.Sync == 0 {
		cfg.Sync = time.Second
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: %w", err)
	}
	s := &Spool{cfg: cfg, next: 1, changed: make(chan struct{}, 1)}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("spool %s: %w", cfg.Dir, err)
	}
	return s, nil
}

// load finds what is there.
func (s *Spool) load() error {
	b, err := os.ReadFile(s.path("cursor"))
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(b, &s.cursor); err != nil {
			return fmt.Errorf("cursor: %w", err)
		}
	}
	s.next = s.cursor.Done + 1
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".seg")
		first, err := strconv.ParseInt(name, 10, 64)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		s.segments = append(s.segments, segment{first, info.Size()})
	}
	slices.SortFunc(s.segments, func(a, b segment) int { return int(a.first - b.first) })
	for i := range s.segments {
		seg := &s.segments[i]
		last := i == len(s.segments)-1
		if last {
			end, size, err := s.scan(*seg)
			if err != nil {
				return err
			}
			if size < seg.size {
				if err := os.Truncate(s.name(*seg), size); err != nil {
					return err
				}
				seg.size = size
			}
			s.next = max(s.next, end, seg.first)
			if s.out, err = os.OpenFile(s.name(*seg), os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
				return err
			}
		}
		s.total += seg.size
	}
	return s.clean()
}

// scan returns the number behind the last whole record of a segment, and how many bytes are whole.
func (s *Spool) scan(seg segment) (next, size int64, err error) {
	f, err := os.Open(s.name(seg))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	next = seg.first
	for {
		number, rec, err := readRecord(f, seg.size-size)
		if err != nil {
			return next, size, nil // what is not whole is where the segment ends
		}
		next, size = number+1, size+header+int64(len(rec))
	}
}

var errDamaged = errors.New("a record is damaged")

// readRecord reads the next record of which at most left bytes are there. It returns io.EOF at the end.
func readRecord(r io.Reader, left int64) (number int64, rec []byte, err error) {
	if left == 0 {
		return 0, nil, io.EOF
	}
	var h [header]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, errDamaged
	}
	n := int64(binary.LittleEndian.Uint32(h[:]))
	if n > largestRecord || n > left-header {
		return 0, nil, errDamaged
	}
	rec = make([]byte, n)
	if _, err := io.ReadFull(r, rec); err != nil {
		return 0, nil, errDamaged
	}
	sum := crc32.Update(crc32.Checksum(h[8:], castagnoli), castagnoli, rec)
	if sum != binary.LittleEndian.Uint32(h[4:]) {
		return 0, nil, errDamaged
	}
	return int64(binary.LittleEndian.Uint64(h[8:])), rec, nil
}

func (s *Spool) path(name string) string     { return filepath.Join(s.cfg.Dir, name) }
func (s *Spool) name(seg segment) string     { return s.path(fmt.Sprintf("%012d.seg", seg.first)) }
func (s *Spool) Changed() <-chan struct{}    { return s.changed } // Changed gives a token after an Append.
func (s *Spool) newest() *segment            { return &s.segments[len(s.segments)-1] }
func (s *Spool) locked(f func() error) error { s.mu.Lock(); defer s.mu.Unlock(); return f() }

// Append takes a record and returns its number. Errors: ErrFull; those of the disk, after which the record is not in the spool.
func (s *Spool) Append(rec []byte) (number int64, err error) {
	err = s.locked(func() error {
		need := int64(header + len(rec))
		if need > largestRecord || s.total+need > s.cfg.Most {
			return ErrFull
		}
		if s.out == nil || s.newest().size >= s.cfg.Segment {
			if err := s.rotate(); err != nil {
				return err
			}
		}
		b := make([]byte, header, need)
		binary.LittleEndian.PutUint32(b, uint32(len(rec)))
		binary.LittleEndian.PutUint64(b[8:], uint64(s.next))
		b = append(b, rec...)
		binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
		seg := s.newest()
		if _, err := s.out.Write(b); err != nil {
			// What was written of it must not stand before the next record.
			return errors.Join(err, s.out.Truncate(seg.size))
		}
		seg.size += need
		s.total += need
		number = s.next
		s.next++
		s.dirty = true
		if s.cfg.Sync < 0 || time.Since(s.synced) >= s.cfg.Sync {
			return s.sync()
		}
		return nil
	})
	if err == nil {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
	return number, err
}

// rotate closes the segment that is written and begins the next. The caller holds the lock.
func (s *Spool) rotate() error {
	if s.out != nil {
		if err := s.sync(); err != nil {
			return err
		}
		if err := s.out.Close(); err != nil {
			return err
		}
		s.out = nil
	}
	seg := segment{first: s.next}
	f, err := os.OpenFile(s.name(seg), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	s.out = f
	s.segments = append(s.segments, seg)
	return durable.SyncDir(s.cfg.Dir)
}

// Sync brings to the disk what was appended.
func (s *Spool) Sync() error { return s.locked(s.sync) }

func (s *Spool) sync() error {
	s.synced = time.Now()
	if !s.dirty || s.out == nil {
		return nil
	}
	s.dirty = false
	return durable.Sync(s.out)
}

// Cursor returns how far the records are.
func (s *Spool) Cursor() Cursor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor
}

// Next returns the number of the next record; those between Cursor().Done and it wait.
func (s *Spool) Next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

// Bytes returns how much is on the disk.
func (s *Spool) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}

// Damaged returns how many times reading met a record that the disk did not keep. Those behind it in its segment cannot be read.
func (s *Spool) Damaged() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.damaged
}

// Sending keeps that the records up to a number are being sent. It is on the disk when it returns.
func (s *Spool) Sending(last int64) error {
	return s.locked(func() error {
		c := s.cursor
		c.Sending = last
		return s.move(c)
	})
}

// Acknowledge says that the records up to a number are done with, and keeps a mark of the owner with that. Their segments go.
func (s *Spool) Acknowledge(last, mark int64) error {
	return s.locked(func() error {
		if err := s.move(Cursor{Done: last, Sending: last, Mark: mark}); err != nil {
			return err
		}
		return s.clean()
	})
}

// move writes the cursor: to another file, which then takes its name.
func (s *Spool) move(c Cursor) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := WriteFile(s.path("cursor"), b); err != nil {
		return err
	}
	s.cursor = c
	return nil
}

// WriteFile replaces a file so that a crash leaves the old content or the new, and a power cut after it has returned the new.
func WriteFile(path string, b []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = durable.Sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// clean deletes segments of which every record is done with. The newest is only begun anew. The caller holds the lock.
func (s *Spool) clean() error {
	for len(s.segments) > 0 {
		end := s.next
		if len(s.segments) > 1 {
			end = s.segments[1].first
		}
		seg := s.segments[0]
		if end-1 > s.cursor.Done || seg.size == 0 {
			return nil
		}
		if len(s.segments) == 1 {
			if err := s.out.Close(); err != nil {
				return err
			}
			s.out, s.dirty = nil, false
		}
		if err := os.Remove(s.name(seg)); err != nil {
			return err
		}
		s.total -= seg.size
		s.segments = s.segments[1:]
	}
	return nil
}

// Read calls f with the records from a number on, in their order, until it returns false or there are no more. A record that the disk did not keep
// is passed over with the rest of its segment, and counted.
func (s *Spool) Read(from int64, f func(number int64, rec []byte) (more bool)) error {
	s.mu.Lock()
	segments := slices.Clone(s.segments)
	s.mu.Unlock()
	for i, seg := range segments {
		if i+1 < len(segments) && segments[i+1].first <= from {
			continue
		}
		more, err := s.readSegment(seg, from, f)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (s *Spool) readSegment(seg segment, from int64, f func(int64, []byte) bool) (more bool, err error) {
	file, err := os.Open(s.name(seg))
	if err != nil {
		return false, err
	}
	defer file.Close()
	for left := seg.size; ; {
		number, rec, err := readRecord(file, left)
		switch {
		case errors.Is(err, io.EOF):
			return true, nil
		case err != nil:
			s.mu.Lock()
			s.damaged++
			s.mu.Unlock()
			return true, nil
		}
		left -= header + int64(len(rec))
		if number >= from && !f(number, rec) {
			return false, nil
		}
	}
}

// Close brings everything to the disk and closes the spool.
func (s *Spool) Close() error {
	return s.locked(func() error {
		err := s.sync()
		if s.out != nil {
			err = errors.Join(err, s.out.Close())
			s.out = nil
		}
		return err
	})
}
