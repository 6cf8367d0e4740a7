package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file delete projects and accounts. A project goes as a user's data go (erase.go): accepting it takes the
// project, its keys and its sessions out of reach in one transaction, and a job deletes what they leave, a part at a time, and
// writes the audit record. An erasure of a whole project is one whose subject is projectSubject.

// projectSubject is in place of the hash of an external user's id.
func projectSubject(projectID string) string {
	sum := sha256.Sum256([]byte("project\x00" + projectID))
	return hex.EncodeToString(sum[:])
}

// projectTable is a table with rows that belong to a project itself and not to one of its sessions.
type projectTable struct {
	name  string
	blobs bool // rows may hold megabytes: fewer go at once
}

// projectTables lists the tables that are emptied of a project by its id, jobs apart. A new one needs a line here, in
// sessionTables or in keptTables; a test holds the schema to it.
var projectTables = []projectTable{
	{name: "project_model_sessions"},
	{name: "project_models", blobs: true},
	{name: "project_model_names"},
	{name: "webhook_deliveries"}, // with their attempts
	{name: "webhook_events"},
	{name: "analytics_events"},
	{name: "analytics_months"},
	{name: "idempotency_records"},
	{name: "project_usage"}, // last: the deletions before are counted in it
}

// keptTables are the tables with a project's id that a deletion does not empty by it, and why.
var keptTables = map[string]string{
	"api_keys":          "gone when the deletion was accepted",
	"project_quotas":    "gone with the row of the project when the deletion was accepted",
	"project_retention": "gone with the row of the project when the deletion was accepted",
	"memberships":       "gone with the row of the project when the deletion was accepted",
	"invitations":       "gone with the row of the project when the deletion was accepted",
	"devices":           "gone with the row of the project when the deletion was accepted",
	"webhooks":          "gone with the row of the project when the deletion was accepted",
	"sessions":          "gone when the deletion was accepted",
	"jobs":              "deleted by eraseJobs",
	"job_payloads":      "deleted by eraseJobs",
	"objects":           "deleted before the audit record is written",
	"erasures":          "go with the last of their sessions",
	"erased_sessions":   "go one by one",
	"audit_records":     "only ever added",
	"audit_events":      "only ever added, and pruned by their age",
}

// NewDeletion says what is to be deleted.
type NewDeletion struct {
	UserID    string // who deletes
	ProjectID string // "" for the user's account, and the projects that nobody else is in
	At        time.Time
	// Job makes the job that works on the deletion of a project with the id given.
	Job func(projectID, erasureID string) models.Job
}

// Deletion is a project that has gone out of reach.
type Deletion struct {
	ProjectID string
	ErasureID string
	Job       models.Job // stored; it must be handed to the queue
	Sessions  []string   // that have just become unreachable
}

// Delete takes a project, or an account with all the projects that nobody else is in, out of reach, and stores the jobs that
// delete what they leave. Projects with another owner lose a member. Errors: ErrNotFound where the user is absent, or no member
// of the project; ErrForbidden where they may not delete it; *LastOwnerError for an account that is the only owner of projects
// with other members.
func (s *Store) Delete(ctx context.Context, n NewDeletion) (out []Deletion, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		out = nil
		if err := lockUser(tx, n.UserID); err != nil {
			return err
		}
		if n.ProjectID == "" {
			out, err = deleteAccount(tx, n)
			return err
		}
		if err := lockProject(tx, n.ProjectID); err != nil {
			return err
		}
		if err := allow(tx, n.ProjectID, n.UserID, models.RightProjectDelete); err != nil {
			return err
		}
		d, err := deleteProject(tx, n, n.ProjectID)
		out = append(out, d)
		return err
	})
	return out, err
}

// deleteAccount is Delete of an account, whose row is held: nobody can make it join or own a project meanwhile.
func deleteAccount(tx *gorm.DB, n NewDeletion) (out []Deletion, err error) {
	var projects []models.Project
	err = forUpdate(tx).Where("id IN (SELECT project_id FROM memberships WHERE user_id = ?)", n.UserID).Order("id").Find(&projects).Error
	if err != nil {
		return nil, err
	}
	var last LastOwnerError
	for _, p := range projects {
		var members []models.Membership
		if err := tx.Where("project_id = ?", p.ID).Find(&members).Error; err != nil {
			return nil, err
		}
		mine := slices.IndexFunc(members, func(m models.Membership) bool { return m.UserID == n.UserID })
		if mine < 0 { // removed while its row was waited for
			continue
		}
		role := members[mine].Role
		members = slices.Delete(members, mine, mine+1)
		owned := slices.ContainsFunc(members, func(m models.Membership) bool { return m.Role == models.RoleOwner })
		switch {
		case len(members) == 0:
			d, err := deleteProject(tx, n, p.ID)
			if err != nil {
				return nil, err
			}
			out = append(out, d)
		case !owned:
			last.Projects = append(last.Projects, p.ID)
		default: // the row of the membership goes with the account's
			err := appendAudit(tx, models.AuditEvent{AccountID: &n.UserID, ProjectID: &p.ID, ActorKind: models.ActorUser, Actor: n.UserID,
				Action: models.AuditMemberLeft, Subject: n.UserID}, map[string]any{"role": role})
			if err != nil {
				return nil, err
			}
		}
	}
	if len(last.Projects) > 0 {
		return nil, &last
	}
	if err := tx.Where("user_id = ?", n.UserID).Delete(&models.RefreshToken{}).Error; err != nil {
		return nil, err
	}
	// Answers about the account itself are kept under its id; those about its projects go with them.
	if err := tx.Where("project_id = ?", n.UserID).Delete(&dialect.RecordRow{}).Error; err != nil {
		return nil, err
	}
	if err := one(tx.Where("id = ?", n.UserID).Delete(&models.User{})); err != nil {
		return nil, err
	}
	return out, appendAudit(tx, models.AuditEvent{AccountID: &n.UserID, ActorKind: models.ActorUser, Actor: n.UserID,
		Action: models.AuditAccountDeleted, Subject: n.UserID}, map[string]any{"projects": len(out)})
}

func deleteProject(tx *gorm.DB, n NewDeletion, projectID string) (Deletion, error) {
	e := models.Erasure{ID: models.NewID(), ProjectID: projectID, SubjectHash: projectSubject(projectID), Actor: n.UserID, CreatedAt: utc(n.At)}
	d := Deletion{ProjectID: projectID, ErasureID: e.ID, Job: n.Job(projectID, e.ID)}
	e.JobID = d.Job.ID
	if err := tx.Create(&e).Error; err != nil {
		return d, err
	}
	if err := dialect.InsertJob(tx, d.Job); err != nil {
		return d, err
	}
	var err error
	if d.Sessions, err = eraseSessions(tx, e, "project_id = ?", projectID); err != nil {
		return d, err
	}
	if err := tx.Where("project_id = ?", projectID).Delete(&apiKey{}).Error; err != nil {
		return d, err
	}
	if err := one(tx.Where("id = ?", projectID).Delete(&models.Project{})); err != nil {
		return d, err
	}
	return d, appendAudit(tx, models.AuditEvent{AccountID: &n.UserID, ProjectID: &projectID, ActorKind: models.ActorUser, Actor: n.UserID,
		Action: models.AuditProjectDeleting, Subject: projectID}, map[string]any{"sessions": len(d.Sessions)})
}

// eraseProject deletes about limit rows of a project whose sessions are gone, and returns how many; 0 when nothing is left. The
// job that does so stays, and so do erasures of users that are under way, which finish by themselves.
func (s *Store) eraseProject(tx *gorm.DB, e *models.Erasure, limit int) (rows int, err error) {
	var ids []string
	err = tx.Table("jobs").Where("project_id = ? AND parent_id IS NULL AND id <> ? AND NOT (kind = ? AND finished_at IS NULL)", e.ProjectID, e.JobID, models.KindUserErase).
		Order("id").Limit(max(1, limit/blobShare)).Pluck("id", &ids).Error
	if err != nil {
		return 0, err
	}
	if len(ids) > 0 {
		return blobShare * len(ids), eraseJobs(tx, e.ProjectID, ids)
	}
	for _, t := range projectTables {
		weight := 1
		if t.blobs {
			weight = blobShare
		}
		res := tx.Exec("DELETE FROM "+t.name+" WHERE "+s.db.SomeRows(t.name, "project_id = ?"), e.ProjectID, (limit-rows+weight-1)/weight)
		if res.Error != nil {
			return 0, res.Error
		}
		if rows += weight * int(res.RowsAffected); rows >= limit {
			break
		}
	}
	return rows, nil
}

// eraseSessions takes sessions out of table sessions and lists them for an erasure, and deletes the models trained on them.
func eraseSessions(tx *gorm.DB, e models.Erasure, where string, args ...any) (ids []string, err error) {
	var sessions []dialect.SessionRow
	if err := forUpdate(tx).Select("id", "job_id").Where(where, args...).Order("id").Find(&sessions).Error; err != nil || len(sessions) == 0 {
		return nil, err
	}
	gone := make([]models.ErasedSession, len(sessions))
	for i, ses := range sessions {
		ids = append(ids, ses.ID)
		gone[i] = models.ErasedSession{SessionID: ses.ID, ErasureID: e.ID, ProjectID: e.ProjectID, JobID: ses.JobID}
	}
	for chunk := range slices.Chunk(gone, eraseIDs) {
		if err := tx.Create(&chunk).Error; err != nil {
			return nil, err
		}
	}
	for chunk := range slices.Chunk(ids, eraseIDs) {
		if err := tx.Where("id IN ?", chunk).Delete(&dialect.SessionRow{}).Error; err != nil {
			return nil, err
		}
	}
	return ids, eraseModels(tx, e.ProjectID, ids)
}

// SetPassword gives a user another password and revokes every refresh token: whoever has logged in with the old one logs in
// again. Error: ErrNotFound.
func (s *Store) SetPassword(ctx context.Context, userID, hash string, at time.Time) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := one(tx.Model(&models.User{}).Where("id = ?", userID).Update("password_hash", hash)); err != nil {
			return err
		}
		if err := revokeLogins(tx, userID, utc(at)); err != nil {
			return err
		}
		return appendAudit(tx, models.AuditEvent{AccountID: &userID, ActorKind: models.ActorUser, Actor: userID,
			Action: models.AuditPasswordChanged, Subject: userID}, nil)
	})
}

// UserListing is a user with what they are in projects.
type UserListing struct {
	ID        string
	Email     string
	Operator  bool
	CreatedAt time.Time
	Projects  int // that they own
	Member    int // in which they are something else
}

// Users returns every user, by e-mail.
func (s *Store) Users(ctx context.Context) ([]UserListing, error) {
	var out []UserListing
	err := s.read(ctx).Raw(`SELECT u.id, u.email, u.operator, u.created_at,
		(SELECT count(*) FROM memberships m WHERE m.user_id = u.id AND m.role = 'owner') AS projects,
		(SELECT count(*) FROM memberships m WHERE m.user_id = u.id AND m.role <> 'owner') AS member
		FROM users u ORDER BY u.email`).Scan(&out).Error
	return out, translate(err)
}
