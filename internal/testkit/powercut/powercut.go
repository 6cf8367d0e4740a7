// Package powercut puts a file system with a plug to pull under SQLite, for tests.
//
// It is an SQLite VFS (https://sqlite.org/vfs.html) around the platform's own that becomes the default of the process. Files
// in folders that nobody watches pass through. Of a watched folder it knows what a disk would hold if the power went now: what
// was written and then synced, and, in any order and torn at the edge of a sector, any part of what was written and not
// synced. A file that was deleted stays deleted, which is the harder case for a database that has no journal files.
//
// The bytes that SQLite's own code reads and writes meanwhile are the real files': a cut is a copy and disturbs nothing.
package powercut

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/neurod/neurod/internal/durable"
)

// sector is the unit that a disk writes whole.
const sector = 512

// Disk is a watched folder.
type Disk struct {
	dir string
	// hasty: nobody will cut its power, so that nothing is remembered and a sync does nothing.
	hasty bool

	mu    sync.Mutex
	files map[string]*image // by name within the folder
	full  bool
	slow  time.Duration // of a sync
	fails bool          // the next sync beside SQLite
	syncs int
}

// image is what the disk holds of a file.
type image struct {
	synced  []byte
	exists  bool    // the file has been synced once, with its entry in the folder
	pending []write // since
}

// write is a change of a file; a truncation where data is nil.
type write struct {
	at   int64
	data []byte
}

// apply returns the file with the change.
func (w write) apply(b []byte) []byte {
	if w.data == nil {
		return grown(b, w.at)[:w.at]
	}
	b = grown(b, w.at+int64(len(w.data)))
	copy(b[w.at:], w.data)
	return b
}

// grown returns b with at least n bytes, zeros where there was nothing.
func grown(b []byte, n int64) []byte {
	if more := n - int64(len(b)); more > 0 {
		b = append(b, make([]byte, more)...)
	}
	return b
}

// The one VFS of the process. SQLite calls it through plain functions, so its state is here.
var (
	once   sync.Once
	below  uintptr // the platform's VFS
	shared struct {
		sync.Mutex
		disks   map[string]*Disk    // by folder
		open    map[uintptr]*opened // by sqlite3_file
		methods map[uintptr]uintptr // ours by the platform's
	}
)

// opened is an open file of a watched folder.
type opened struct {
	disk *Disk
	name string
	file *sqlite3.Tsqlite3_io_methods // the platform's methods
}

// Watch begins to watch a folder, which must not hold a database yet. It ends with the process.
func Watch(dir string) (*Disk, error) { return watch(dir, false) }

// NeverSync makes syncs in a folder do nothing, for tests that are not about crashes: they run several times as fast.
func NeverSync(dir string) error {
	_, err := watch(dir, true)
	return err
}

func watch(dir string, hasty bool) (*Disk, error) {
	once.Do(register)
	dir, err := filepath.EvalSymlinks(dir)
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("powercut: %w", err)
	}
	d := &Disk{dir: dir, hasty: hasty, files: map[string]*image{}}
	shared.Lock()
	defer shared.Unlock()
	shared.disks[dir] = d
	return d, nil
}

// Cut is what a disk holds after the power went.
type Cut struct{ files map[string][]byte }

// Cut returns what the disk would hold if the power went now. Of what was not synced it holds nothing when rng is nil, and
// a random part otherwise.
func (d *Disk) Cut(rng *rand.Rand) Cut {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := Cut{map[string][]byte{}}
	for name, f := range d.files {
		if !f.exists && (rng == nil || rng.IntN(2) == 0) {
			continue
		}
		b := append([]byte(nil), f.synced...)
		if rng != nil {
			for _, w := range f.pending {
				if w.data == nil {
					if rng.IntN(2) == 0 {
						b = w.apply(b)
					}
					continue
				}
				for at := 0; at < len(w.data); {
					end := min(len(w.data), at+sector-int((w.at+int64(at))%sector))
					if rng.IntN(2) == 0 {
						b = write{w.at + int64(at), w.data[at:end]}.apply(b)
					}
					at = end
				}
			}
		}
		c.files[name] = b
	}
	return c
}

// Save writes what the disk holds into a folder.
func (c Cut) Save(dir string) error {
	for name, b := range c.files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return fmt.Errorf("powercut: %w", err)
		}
	}
	return nil
}

// Files returns the size of each file that the disk holds.
func (c Cut) Files() map[string]int {
	sizes := map[string]int{}
	for name, b := range maps.All(c.files) {
		sizes[name] = len(b)
	}
	return sizes
}

// SetFull makes every write fail for want of room, as on a full disk, until it is undone.
func (d *Disk) SetFull(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

// SetSlow makes every sync take so long, as on a slow disk; 0 for no longer than it takes.
func (d *Disk) SetSlow(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow = by
}

// wait waits as long as a sync takes.
func (d *Disk) wait() {
	d.mu.Lock()
	by := d.slow
	d.mu.Unlock()
	time.Sleep(by)
}

// FailSync makes the next sync that is not SQLite's own fail. The disk never gets what was to be synced: a kernel takes pages that
// it could not write for clean (https://wiki.postgresql.org/wiki/Fsync_Errors).
func (d *Disk) FailSync() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails = true
}

// Syncs returns how many syncs there were.
func (d *Disk) Syncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// file returns the image of a file. The caller holds d.mu.
func (d *Disk) file(name string) *image {
	f := d.files[name]
	if f == nil {
		f = &image{}
		d.files[name] = f
	}
	return f
}

// at turns an address that SQLite has given into a pointer.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// address returns how SQLite calls a function of Go: what is in the interface of a function is the address of its code's
// descriptor, which for plain functions never moves.
func address(f any) uintptr { return (*[2]uintptr)(unsafe.Pointer(&f))[1] }

// function returns the function of Go at such an address.
func function[F any](p uintptr) F {
	descriptor := &struct{ uintptr }{p}
	return *(*F)(unsafe.Pointer(&descriptor.uintptr))
}

type (
	xOpen     = func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	xDelete   = func(*libc.TLS, uintptr, uintptr, int32) int32
	xClose    = func(*libc.TLS, uintptr) int32
	xWrite    = func(*libc.TLS, uintptr, uintptr, int32, int64) int32
	xTruncate = func(*libc.TLS, uintptr, int64) int32
)

func register() {
	durable.Intercept(fileSync)
	shared.disks, shared.open, shared.methods = map[string]*Disk{}, map[uintptr]*opened{}, map[uintptr]uintptr{}
	tls := libc.NewTLS() // lives as long as the process
	below = sqlite3.Xsqlite3_vfs_find(tls, 0)
	ours := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
	name, err := libc.CString("powercut")
	if below == 0 || ours == 0 || err != nil {
		panic("powercut: no memory")
	}
	v := at[sqlite3.Tsqlite3_vfs](ours)
	*v = *at[sqlite3.Tsqlite3_vfs](below)
	v.FzName, v.FpNext = name, 0
	v.FxOpen, v.FxDelete = address(vfsOpen), address(vfsDelete)
	if rc := sqlite3.Xsqlite3_vfs_register(tls, ours, 1); rc != sqlite3.SQLITE_OK {
		panic(fmt.Sprintf("powercut: register: %d", rc))
	}
}

// watched returns the disk that a file is on and its name there; nil for others.
func watched(zName uintptr) (*Disk, string) {
	if zName == 0 {
		return nil, "" // a temporary file
	}
	path := libc.GoString(zName)
	shared.Lock()
	defer shared.Unlock()
	return shared.disks[filepath.Dir(path)], filepath.Base(path)
}

func vfsOpen(tls *libc.TLS, _, zName, file uintptr, flags int32, outFlags uintptr) int32 {
	rc := function[xOpen](at[sqlite3.Tsqlite3_vfs](below).FxOpen)(tls, below, zName, file, flags, outFlags)
	disk, name := watched(zName)
	if rc != sqlite3.SQLITE_OK || disk == nil {
		return rc
	}
	f := at[sqlite3.Tsqlite3_file](file)
	theirs := f.FpMethods
	shared.Lock()
	defer shared.Unlock()
	ours := shared.methods[theirs]
	if ours == 0 {
		ours = libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
		if ours == 0 {
			panic("powercut: no memory")
		}
		m := at[sqlite3.Tsqlite3_io_methods](ours)
		*m = *at[sqlite3.Tsqlite3_io_methods](theirs)
		m.FxClose, m.FxWrite, m.FxTruncate, m.FxSync = address(ioClose), address(ioWrite), address(ioTruncate), address(ioSync)
		shared.methods[theirs] = ours
	}
	f.FpMethods = ours
	shared.open[file] = &opened{disk, name, at[sqlite3.Tsqlite3_io_methods](theirs)}
	disk.mu.Lock()
	defer disk.mu.Unlock()
	disk.file(name)
	return rc
}

func vfsDelete(tls *libc.TLS, _, zName uintptr, sync int32) int32 {
	rc := function[xDelete](at[sqlite3.Tsqlite3_vfs](below).FxDelete)(tls, below, zName, sync)
	if disk, name := watched(zName); disk != nil && rc == sqlite3.SQLITE_OK {
		disk.mu.Lock()
		defer disk.mu.Unlock()
		delete(disk.files, name)
	}
	return rc
}

func of(file uintptr) *opened {
	shared.Lock()
	defer shared.Unlock()
	return shared.open[file]
}

func ioClose(tls *libc.TLS, file uintptr) int32 {
	o := of(file)
	shared.Lock()
	delete(shared.open, file)
	shared.Unlock()
	return function[xClose](o.file.FxClose)(tls, file)
}

func ioWrite(tls *libc.TLS, file, data uintptr, n int32, offset int64) int32 {
	o := of(file)
	o.disk.mu.Lock()
	defer o.disk.mu.Unlock()
	if o.disk.full {
		return sqlite3.SQLITE_FULL
	}
	rc := function[xWrite](o.file.FxWrite)(tls, file, data, n, offset)
	if rc == sqlite3.SQLITE_OK && !o.disk.hasty {
		b := append([]byte{}, unsafe.Slice(at[byte](data), n)...)
		f := o.disk.file(o.name)
		f.pending = append(f.pending, write{offset, b})
	}
	return rc
}

func ioTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	o := of(file)
	o.disk.mu.Lock()
	defer o.disk.mu.Unlock()
	rc := function[xTruncate](o.file.FxTruncate)(tls, file, size)
	if rc == sqlite3.SQLITE_OK && !o.disk.hasty {
		f := o.disk.file(o.name)
		f.pending = append(f.pending, write{at: size})
	}
	return rc
}

// ioSync syncs the image and not the real file, whose fate nobody cares about.
func ioSync(_ *libc.TLS, file uintptr, _ int32) int32 {
	o := of(file)
	o.disk.wait()
	o.disk.mu.Lock()
	defer o.disk.mu.Unlock()
	o.disk.sync(o.name)
	return sqlite3.SQLITE_OK
}

// fileSync is ioSync for who syncs a database's file beside SQLite.
func fileSync(path string) (done bool, err error) {
	shared.Lock()
	d := shared.disks[filepath.Dir(path)]
	shared.Unlock()
	if d == nil {
		return false, nil
	}
	d.wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails {
		d.fails = false
		d.file(filepath.Base(path)).pending = nil
		return true, syscall.EIO
	}
	d.sync(filepath.Base(path))
	return true, nil
}

// sync has the disk take what was written to a file. The caller holds d.mu.
func (d *Disk) sync(name string) {
	d.syncs++
	f := d.file(name)
	for _, w := range f.pending {
		f.synced = w.apply(f.synced)
	}
	f.pending, f.exists = nil, true
}
