package agent

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/spool"
)

// description is what stands in session.json of a session's folder.
type description struct {
	ID string `json:"id"` // the agent's own name for the session

	Server         string       `json:"server"`
	Project        string       `json:"project,omitempty"`
	Info           devices.Info `json:"device"`
	ExternalUserID string       `json:"external_user_id"`
	DeviceType     string       `json:"device_type"`
	HopS           float64      `json:"hop_s,omitempty"`
	// OriginMS is the time of sample 0, Unix ms.
	OriginMS int64 `json:"origin_ms"`
	// SessionID is the server's, once it has made the session.
	SessionID string `json:"session_id,omitempty"`
	// EndedAtMS is set when nothing more comes: the session is ended when everything is there.
	EndedAtMS int64 `json:"ended_at_ms,omitempty"`
	// Refused is why the server takes nothing more of it.
	Refused string `json:"refused,omitempty"`
}

const descriptionFile = "session.json"

// folder is the folder of a session: its description and its spool.
type folder struct {
	dir   string
	spool *spool.Spool
	// clockDue is when the server is told of the clock again. It belongs to who sends.
	clockDue time.Time

	mu   sync.Mutex
	desc description
}

// about returns the description.
func (f *folder) about() description {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.desc
}

// change changes the description and keeps it, so that a crash leaves the old or the new one.
func (f *folder) change(with func(d *description)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	with(&f.desc)
	b, err := json.MarshalIndent(f.desc, "", "  ")
	if err != nil {
		return err
	}
	return spool.WriteFile(filepath.Join(f.dir, descriptionFile), append(b, '\n'))
}

// newFolder makes the folder of a session that begins.
func newFolder(root string, about description, cfg spool.Config) (*folder, error) {
	var id [8]byte
	rand.Read(id[:])
	about.ID = hex.EncodeToString(id[:])
	f := &folder{dir: filepath.Join(root, about.ID)}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, err
	}
	if err := f.change(func(d *description) { *d = about }); err != nil {
		return nil, err
	}
	return f, f.open(cfg)
}

// open opens the spool of the folder.
func (f *folder) open(cfg spool.Config) (err error) {
	cfg.Dir = f.dir
	f.spool, err = spool.Open(cfg)
	return err
}

// findFolders returns the sessions of a root that are not over, the oldest first. A folder without a description was made by a process that ended at once: it
// holds nothing.
func findFolders(root string) ([]*folder, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var out []*folder
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		f := &folder{dir: filepath.Join(root, e.Name())}
		b, err := os.ReadFile(filepath.Join(f.dir, descriptionFile))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &f.desc); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(f.dir, descriptionFile), err)
		}
		if f.desc.Refused == "" {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b *folder) int { return cmp.Compare(a.desc.OriginMS, b.desc.OriginMS) })
	return out, nil
}

// end returns the number behind the last sample that the folder has seen.
func (f *folder) end() (int64, error) {
	end := f.spool.Cursor().Mark
	var bad error
	err := f.spool.Read(f.spool.Cursor().Done+1, func(_ int64, b []byte) bool {
		var r record
		if r, bad = decodeRecord(b, len(f.about().Info.Channels)); bad != nil {
			return false
		}
		end = max(end, r.end())
		return true
	})
	return end, errors.Join(err, bad)
}

// continues tells whether a source gives what the session takes.
func (d *description) continues(of description) bool {
	return d.EndedAtMS == 0 && d.Server == of.Server && d.Project == of.Project && d.ExternalUserID == of.ExternalUserID && d.DeviceType == of.DeviceType && d.HopS == of.HopS &&
		d.Info.Rate == of.Info.Rate && slices.Equal(d.Info.Channels, of.Info.Channels)
}

// endAt keeps that the session ends behind a sample.
func (f *folder) endAt(end int64) error {
	return f.change(func(d *description) { d.EndedAtMS = d.OriginMS + int64(math.Round(float64(end)*1000/d.Info.Rate)) })
}
