package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file keep the models of projects. Invariants, the same on both databases:
//
//   - A version is a file that never changes. Versions of a name only rise, also after they were deleted.
//   - Of a name that has versions, exactly one is active.
//   - A model depends on the sessions it was trained on, and on those of the model it was made from. It is stored only while
//     all of them are there, and erased with any of them: both lock the session's row first.
//   - A job stores one model, however many attempts it takes, and none once it was canceled or given to another attempt.

var (
	// ErrDamaged says that a stored file is not the one that was stored.
	ErrDamaged = errors.New("store: the file does not fit its checksum")
	// ErrVersion says that a version does not come after those that there are or were.
	ErrVersion = errors.New("store: the version is not later than the last")
	// ErrTooManyModels says that the project has as many versions of models as it may.
	ErrTooManyModels = errors.New("store: the project has too many models")
	// ErrSessionGone says that a session a model was trained on, or the model it was made from, is no longer there.
	ErrSessionGone = errors.New("store: what the model was trained on is gone")
)

// projectModelRow is the row of a models.ProjectModel.
type projectModelRow struct {
	ID        string
	ProjectID string
	Name      string
	Number    int
	Version   string
	Paradigm  eeg.Paradigm
	Pipeline  string
	State     models.ModelState
	Size      int64
	SHA256    string
	Info      string
	Codec     string
	Data      []byte
	JobID     *string // of the job that made it
	CreatedAt time.Time
}

// TableName tells gorm the table.
func (projectModelRow) TableName() string { return "project_models" }

func (r projectModelRow) entity() (models.ProjectModel, error) {
	m := models.ProjectModel{ID: r.ID, ProjectID: r.ProjectID, Name: r.Name, Number: r.Number, Version: r.Version, Paradigm: r.Paradigm,
		Pipeline: r.Pipeline, State: r.State, Size: r.Size, SHA256: r.SHA256, Codec: r.Codec, Data: r.Data, JobID: r.JobID, CreatedAt: r.CreatedAt}
	if err := json.Unmarshal([]byte(r.Info), &m.Info); err != nil {
		return models.ProjectModel{}, fmt.Errorf("store: info of model %s: %w", r.ID, err)
	}
	return m, nil
}

// NewModel is a version to be stored.
type NewModel struct {
	// Model without Number, State, Codec and Data.
	Model models.ProjectModel
	File  []byte
	// Sessions are those of the project that the model was trained on.
	Sessions []string
	// Parent is the id of the model it was made from, whose sessions count as well; "" for none.
	Parent string
	// MaxBytes limits the files of the project together.
	MaxBytes int64
	// MaxModels limits the versions of models that the project has together. Defaults to no limit.
	MaxModels int64
	// Attempt is the run of the job that made it; the zero value for none.
	Attempt Attempt
}

// PutModel stores a version and makes it the active one of its name. A file that is there already is returned as it is kept,
// and fresh is false; so is the model that an earlier attempt of its job stored, whatever its version. Errors: ErrDuplicate where
// the version is another file, ErrVersion, ErrSessionGone, ErrTooMany, ErrTooManyModels, ErrFenced where the attempt no longer holds its job.
//
//nolint:gocyclo // one transaction: versions, sources, bounds and the file stand or fall together
func (s *Store) PutModel(ctx context.Context, n NewModel) (out models.ProjectModel, fresh bool, err error) {
	m := n.Model
	info, err := json.Marshal(m.Info)
	if err != nil {
		return models.ProjectModel{}, false, fmt.Errorf("store: %w", err)
	}
	row := projectModelRow{ID: m.ID, ProjectID: m.ProjectID, Name: m.Name, Version: m.Version, Paradigm: m.Paradigm, Pipeline: m.Pipeline,
		State: models.ModelActive, Size: int64(len(n.File)), SHA256: m.SHA256, Info: string(info), CreatedAt: utc(m.CreatedAt)}
	if n.Attempt.ID != "" {
		row.JobID = &n.Attempt.ID
	}
	row.Codec, row.Data = dialect.Pack(n.File)
	err = s.tx(ctx, func(tx *gorm.DB) error {
		fresh = false
		// The name's row is the lock: versions of a name come one after another.
		name := models.ProjectModelName{ProjectID: m.ProjectID, Name: m.Name}
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&name).Error; err != nil {
			return err
		}
		if err := forUpdate(tx).Where("project_id = ? AND name = ?", m.ProjectID, m.Name).Take(&name).Error; err != nil {
			return err
		}
		if row.JobID != nil {
			var made []projectModelRow
			if err := tx.Omit("data").Where("project_id = ? AND job_id = ?", m.ProjectID, *row.JobID).Limit(1).Find(&made).Error; err != nil {
				return err
			}
			if len(made) > 0 {
				out, err = made[0].entity()
				return err
			}
		}
		var same []projectModelRow
		err := tx.Omit("data").Where("project_id = ? AND name = ? AND version = ?", m.ProjectID, m.Name, m.Version).Limit(1).Find(&same).Error
		switch {
		case err != nil:
			return err
		case len(same) > 0 && same[0].SHA256 == m.SHA256:
			out, err = same[0].entity()
			return err
		case len(same) > 0:
			return ErrDuplicate
		case name.LastNumber > 0 && !LaterVersion(m.Version, name.LastVersion):
			return ErrVersion
		}
		links, err := trainedOn(tx, n)
		if err != nil {
			return err
		}
		if row.JobID != nil { // after the sessions, whose erasure takes the job along
			var held []string
			err := forUpdate(tx).Table("jobs").Where("id = ? AND state = ? AND attempts = ?", n.Attempt.ID, models.JobRunning, n.Attempt.Attempt).
				Pluck("id", &held).Error
			if err != nil {
				return err
			}
			if len(held) == 0 {
				return ErrFenced
			}
		}
		if n.MaxModels > 0 { // names have locks of their own: those of a project come one after another here
			if err := s.db.LockModels(tx, m.ProjectID); err != nil {
				return err
			}
			var have int64
			if err := tx.Model(&projectModelRow{}).Where("project_id = ?", m.ProjectID).Count(&have).Error; err != nil {
				return err
			}
			if have >= n.MaxModels {
				return ErrTooManyModels
			}
		}
		var bytes int64
		if err := tx.Model(&projectModelRow{}).Where("project_id = ?", m.ProjectID).Select("coalesce(sum(size), 0)").Scan(&bytes).Error; err != nil {
			return err
		}
		if bytes+row.Size > n.MaxBytes {
			return ErrTooMany
		}
		if err := lockVersions(tx, m.ProjectID, m.Name); err != nil {
			return err
		}
		row.Number = name.LastNumber + 1
		err = tx.Model(&projectModelRow{}).Where("project_id = ? AND name = ? AND state = ?", m.ProjectID, m.Name, models.ModelActive).
			Update("state", models.ModelRetired).Error
		if err != nil {
			return err
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		for chunk := range slices.Chunk(links, modelChunk) {
			if err := tx.Create(&chunk).Error; err != nil {
				return err
			}
		}
		if out, err = row.entity(); err != nil {
			return err
		}
		out.Data, fresh = nil, true
		return one(tx.Model(&models.ProjectModelName{}).Where("project_id = ? AND name = ?", m.ProjectID, m.Name).
			Updates(map[string]any{"last_number": row.Number, "last_version": row.Version}))
	})
	return out, fresh, err
}

// modelChunk is how many ids one statement takes.
const modelChunk = 500

// trainedOn returns the links to the sessions of a new model, whose rows it locks.
func trainedOn(tx *gorm.DB, n NewModel) ([]models.ProjectModelSession, error) {
	ids := slices.Clone(n.Sessions)
	if n.Parent != "" {
		var of []string
		if err := tx.Model(&models.ProjectModelSession{}).Where("model_id = ? AND project_id = ?", n.Parent, n.Model.ProjectID).Pluck("session_id", &of).Error; err != nil {
			return nil, err
		}
		ids = append(ids, of...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for chunk := range slices.Chunk(ids, modelChunk) {
		var found []dialect.SessionRow
		err := forUpdate(tx).Select("id").Where("project_id = ? AND id IN ?", n.Model.ProjectID, chunk).Order("id").Find(&found).Error
		if err != nil {
			return nil, err
		}
		if len(found) < len(chunk) {
			return nil, ErrSessionGone
		}
	}
	if n.Parent != "" { // after its sessions, as an erasure does: had it been erased meanwhile, it would be gone
		var found []projectModelRow
		err := forUpdate(tx).Select("id").Where("id = ? AND project_id = ?", n.Parent, n.Model.ProjectID).Find(&found).Error
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, ErrSessionGone
		}
	}
	links := make([]models.ProjectModelSession, len(ids))
	for i, id := range ids {
		links[i] = models.ProjectModelSession{ModelID: n.Model.ID, SessionID: id, ProjectID: n.Model.ProjectID}
	}
	return links, nil
}

// LaterVersion reports whether version a, of the form 1 or 1.2.3, comes after b.
func LaterVersion(a, b string) bool { return slices.Compare(versionNumbers(a), versionNumbers(b)) > 0 }

func versionNumbers(v string) []int {
	var out []int
	for part := range strings.SplitSeq(v, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = -1
		}
		out = append(out, n)
	}
	return out
}

// LastVersion returns the number and version that a name of the project last had, 0 and "" for none.
func (s *Store) LastVersion(ctx context.Context, projectID, name string) (models.ProjectModelName, error) {
	var out []models.ProjectModelName
	if err := s.read(ctx).Where("project_id = ? AND name = ?", projectID, name).Limit(1).Find(&out).Error; err != nil {
		return models.ProjectModelName{}, translate(err)
	}
	if len(out) == 0 {
		return models.ProjectModelName{ProjectID: projectID, Name: name}, nil
	}
	return out[0], nil
}

// ProjectModels returns the models of a project without their files, by name, the latest version first. name may be "" for
// all.
func (s *Store) ProjectModels(ctx context.Context, projectID, name string) ([]models.ProjectModel, error) {
	q := s.read(ctx).Omit("data").Where("project_id = ?", projectID)
	if name != "" {
		q = q.Where("name = ?", name)
	}
	var rows []projectModelRow
	if err := q.Order("name, number DESC").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	out := make([]models.ProjectModel, 0, len(rows))
	for _, r := range rows {
		m, err := r.entity()
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// ProjectModel returns a version of a project's model without its file, the active one where version is "", or ErrNotFound.
func (s *Store) ProjectModel(ctx context.Context, projectID, name, version string) (models.ProjectModel, error) {
	q := s.read(ctx).Omit("data").Where("project_id = ? AND name = ?", projectID, name)
	if version == "" {
		q = q.Where("state = ?", models.ModelActive)
	} else {
		q = q.Where("version = ?", version)
	}
	var row projectModelRow
	if err := q.Take(&row).Error; err != nil {
		return models.ProjectModel{}, translate(err)
	}
	return row.entity()
}

// ModelFile returns the file of a project's model. Errors: ErrNotFound, ErrDamaged.
func (s *Store) ModelFile(ctx context.Context, projectID, id string) ([]byte, error) {
	var row projectModelRow
	err := s.read(ctx).Select("codec", "size", "sha256", "data").Where("id = ? AND project_id = ?", id, projectID).Take(&row).Error
	if err != nil {
		return nil, translate(err)
	}
	b, err := dialect.Unpack(row.Codec, int(row.Size), row.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: model %s: %w", ErrDamaged, id, err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != row.SHA256 {
		return nil, fmt.Errorf("%w: model %s has %x, stored was %s", ErrDamaged, id, sum, row.SHA256)
	}
	return b, nil
}

// ActivateModel makes a version the one that its name means; "" for the version before the active one. Error: ErrNotFound.
func (s *Store) ActivateModel(ctx context.Context, projectID, name, version string) (out models.ProjectModel, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if err := lockName(tx, projectID, name); err != nil {
			return err
		}
		var active, chosen projectModelRow
		versions := func() *gorm.DB { return tx.Omit("data").Where("project_id = ? AND name = ?", projectID, name) }
		if err := versions().Where("state = ?", models.ModelActive).Take(&active).Error; err != nil {
			return err
		}
		q := versions().Where("version = ?", version)
		if version == "" {
			q = versions().Where("number < ?", active.Number).Order("number DESC").Limit(1)
		}
		if err := q.Take(&chosen).Error; err != nil {
			return err
		}
		if chosen.ID != active.ID {
			if err := setState(tx, active.ID, models.ModelRetired); err != nil {
				return err
			}
			if err := setState(tx, chosen.ID, models.ModelActive); err != nil {
				return err
			}
			chosen.State = models.ModelActive
		}
		out, err = chosen.entity()
		return err
	})
	return out, err
}

func setState(tx *gorm.DB, id string, to models.ModelState) error {
	return one(tx.Model(&projectModelRow{}).Where("id = ?", id).Update("state", to))
}

// lockName keeps others from changing which versions of a name there are.
func lockName(tx *gorm.DB, projectID, name string) error {
	err := forUpdate(tx).Where("project_id = ? AND name = ?", projectID, name).Take(&models.ProjectModelName{}).Error
	if err != nil {
		return err
	}
	return lockVersions(tx, projectID, name)
}

// lockVersions locks every version of names. An erasure, which holds sessions, must not wait for a name whose holder may wait
// for sessions: it has these locks alone, and all take them in the order of the ids.
func lockVersions(tx *gorm.DB, projectID string, names ...string) error {
	for chunk := range slices.Chunk(names, modelChunk) {
		var rows []projectModelRow
		err := forUpdate(tx).Select("id").Where("project_id = ? AND name IN ?", projectID, chunk).Order("id").Find(&rows).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteModel deletes a version of a project's model, or all of them where version is "", and returns how many. When the
// active one is among them, the latest of the others becomes active. Error: ErrNotFound.
func (s *Store) DeleteModel(ctx context.Context, projectID, name, version string) (n int, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		if err := lockName(tx, projectID, name); err != nil {
			return err
		}
		q := tx.Model(&projectModelRow{}).Where("project_id = ? AND name = ?", projectID, name)
		if version != "" {
			q = q.Where("version = ?", version)
		}
		var ids []string
		if err := q.Pluck("id", &ids).Error; err != nil {
			return err
		}
		if n = len(ids); n == 0 {
			return ErrNotFound
		}
		return deleteModels(tx, projectID, ids, []string{name})
	})
	return n, err
}

// deleteModels deletes models with their links, and sees to it that what is left of the names has an active version.
func deleteModels(tx *gorm.DB, projectID string, ids, names []string) error {
	for chunk := range slices.Chunk(ids, modelChunk) {
		if err := tx.Where("model_id IN ?", chunk).Delete(&models.ProjectModelSession{}).Error; err != nil {
			return err
		}
		if err := tx.Where("project_id = ? AND id IN ?", projectID, chunk).Delete(&projectModelRow{}).Error; err != nil {
			return err
		}
	}
	for _, name := range names {
		var left []projectModelRow
		err := tx.Select("id", "state").Where("project_id = ? AND name = ?", projectID, name).Order("number DESC").Find(&left).Error
		if err != nil {
			return err
		}
		if len(left) > 0 && !slices.ContainsFunc(left, func(r projectModelRow) bool { return r.State == models.ModelActive }) {
			if err := setState(tx, left[0].ID, models.ModelActive); err != nil {
				return err
			}
		}
	}
	return nil
}

// eraseModels deletes every model that was trained on one of the sessions, whose rows the transaction has locked.
func eraseModels(tx *gorm.DB, projectID string, sessionIDs []string) error {
	var ids []string
	for chunk := range slices.Chunk(sessionIDs, modelChunk) {
		var of []string
		if err := tx.Model(&models.ProjectModelSession{}).Where("session_id IN ?", chunk).Distinct().Pluck("model_id", &of).Error; err != nil {
			return err
		}
		ids = append(ids, of...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var names []string
	for chunk := range slices.Chunk(ids, modelChunk) {
		var rows []projectModelRow
		if err := tx.Select("name").Where("project_id = ? AND id IN ?", projectID, chunk).Find(&rows).Error; err != nil {
			return err
		}
		for _, r := range rows {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if err := lockVersions(tx, projectID, names...); err != nil {
		return err
	}
	return deleteModels(tx, projectID, ids, names)
}
