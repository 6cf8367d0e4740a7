package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/neurod/neurod/internal/store/dialect"
	"github.com/neurod/neurod/models"
)

// The methods of this file keep devices. Invariants, the same on both databases:
//
//   - Whatever changes a device locks its row first and looks at it as it is then, so that of two starts at once one finds the stream of the other.
//   - The row of a stream's session is written in the transaction that makes the stream wanted: neither is there without the other.
//   - Only who holds the lease writes what was observed, and a change of holders raises the fence: one who has lost the lease is told ErrFenced.

// ErrHeld says that somebody else holds the device.
var ErrHeld = fmt.Errorf("%w: the device is held by another", dialect.ErrFenced)

// deviceRow is a models.Device with its parts as JSON text.
type deviceRow struct {
	ProjectID       string `gorm:"primaryKey"`
	ID              string `gorm:"primaryKey"`
	Name            string
	Type            string
	Driver          string
	Agent           string
	SerialNumber    string
	FirmwareVersion string
	Settings        *string
	Metadata        *string
	Capabilities    string
	Config          string
	Maintenance     bool
	Stream          *string
	Command         *string
	Revision        int64
	Holder          string
	Fence           int64
	LeaseEnd        *time.Time
	Report          string
	SeenAt          *time.Time
	CreatedAt       time.Time `gorm:"autoCreateTime:false"`
	UpdatedAt       time.Time `gorm:"autoUpdateTime:false"`
}

// TableName tells gorm the table.
func (deviceRow) TableName() string { return "devices" }

func (r deviceRow) entity() (models.Device, error) {
	d := models.Device{ProjectID: r.ProjectID, ID: r.ID, Name: r.Name, Type: models.DeviceType(r.Type), Driver: r.Driver, Agent: r.Agent,
		SerialNumber: r.SerialNumber, FirmwareVersion: r.FirmwareVersion, Maintenance: r.Maintenance, Revision: r.Revision,
		Holder: r.Holder, Fence: r.Fence, LeaseEnd: r.LeaseEnd, SeenAt: r.SeenAt, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
	if r.Settings != nil {
		d.Settings = json.RawMessage(*r.Settings)
	}
	if r.Metadata != nil {
		d.Metadata = json.RawMessage(*r.Metadata)
	}
	read := func(text string, into any) error {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return fmt.Errorf("store: device %s: %w", r.ID, err)
		}
		return nil
	}
	for text, into := range map[*string]any{&r.Capabilities: &d.Capabilities, &r.Config: &d.Config, &r.Report: &d.Report} {
		if err := read(*text, into); err != nil {
			return d, err
		}
	}
	if r.Stream != nil {
		if err := read(*r.Stream, &d.Stream); err != nil {
			return d, err
		}
	}
	if r.Command != nil {
		return d, read(*r.Command, &d.Command)
	}
	return d, nil
}

func rowOfDevice(d models.Device) (r deviceRow, err error) {
	r = deviceRow{ProjectID: d.ProjectID, ID: d.ID, Name: dialect.CleanText(d.Name), Type: string(d.Type), Driver: d.Driver, Agent: d.Agent,
		SerialNumber: dialect.CleanText(d.SerialNumber), FirmwareVersion: dialect.CleanText(d.FirmwareVersion), Settings: dialect.Text(d.Settings), Metadata: dialect.Text(d.Metadata),
		Maintenance: d.Maintenance, Revision: d.Revision, Holder: d.Holder, Fence: d.Fence, LeaseEnd: dialect.OptionalUTC(d.LeaseEnd),
		SeenAt: dialect.OptionalUTC(d.SeenAt), CreatedAt: utc(d.CreatedAt), UpdatedAt: utc(d.UpdatedAt)}
	write := func(v any) string {
		b, e := json.Marshal(v)
		if e != nil && err == nil {
			err = fmt.Errorf("store: device %s: %w", d.ID, e)
		}
		return dialect.CleanText(string(b))
	}
	r.Capabilities, r.Config, r.Report = write(d.Capabilities), write(d.Config), write(d.Report)
	if d.Stream != nil {
		text := write(d.Stream)
		r.Stream = &text
	}
	if d.Command != nil {
		text := write(d.Command)
		r.Command = &text
	}
	return r, err
}

func deviceEntities(rows []deviceRow) ([]models.Device, error) {
	out := make([]models.Device, len(rows))
	for i, r := range rows {
		var err error
		if out[i], err = r.entity(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// CreateDevice stores a device. Errors: ErrDuplicate where the project has one of this id, ErrNotFound where the project is absent.
func (s *Store) CreateDevice(ctx context.Context, d models.Device, event models.AuditEvent) error {
	row, err := rowOfDevice(d)
	if err != nil {
		return err
	}
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := lockProject(tx, d.ProjectID); err != nil {
			return err
		}
		// Looked at first: a statement that fails would end an enclosing transaction of PostgreSQL.
		var n int64
		if err := tx.Model(&deviceRow{}).Where("project_id = ? AND id = ?", d.ProjectID, d.ID).Count(&n).Error; err != nil {
			return err
		}
		if n > 0 {
			return ErrDuplicate
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return auditProject(tx, event, d.ProjectID, map[string]any{"driver": d.Driver})
	})
}

// Devices returns the devices of a project by their ids.
func (s *Store) Devices(ctx context.Context, projectID string) ([]models.Device, error) {
	var rows []deviceRow
	if err := s.read(ctx).Where("project_id = ?", projectID).Order("id").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	return deviceEntities(rows)
}

// Device returns a device of a project, or ErrNotFound.
func (s *Store) Device(ctx context.Context, projectID, id string) (models.Device, error) {
	var row deviceRow
	if err := s.read(ctx).Where("project_id = ? AND id = ?", projectID, id).Take(&row).Error; err != nil {
		return models.Device{}, translate(err)
	}
	return row.entity()
}

// DeviceChange is a change of a device.
type DeviceChange struct {
	ProjectID, ID string
	// Change changes the device, or refuses to with an error, which is returned as it is. It may run more than once.
	Change func(*models.Device) error
	// Event is the line of the audit log, nil for none, and Details what it says.
	Event   *models.AuditEvent
	Details map[string]any
	// Session is one that is made with the change, nil for none.
	Session *models.Session
}

// ChangeDevice changes a device and returns it as it is then. Errors: ErrNotFound, and those of Change.
func (s *Store) ChangeDevice(ctx context.Context, c DeviceChange) (out models.Device, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		var row deviceRow
		if err := forUpdate(tx).Where("project_id = ? AND id = ?", c.ProjectID, c.ID).Take(&row).Error; err != nil {
			return err
		}
		if out, err = row.entity(); err != nil {
			return err
		}
		if err := c.Change(&out); err != nil {
			return err
		}
		out.ProjectID, out.ID = c.ProjectID, c.ID
		if row, err = rowOfDevice(out); err != nil {
			return err
		}
		if c.Session != nil {
			ses, err := dialect.NewSessionRow(*c.Session)
			if err != nil {
				return err
			}
			if err := tx.Create(&ses).Error; err != nil {
				return err
			}
		}
		if err := one(tx.Model(&deviceRow{}).Where("project_id = ? AND id = ?", c.ProjectID, c.ID).Select("*").Updates(&row)); err != nil {
			return err
		}
		if c.Event != nil {
			return auditProject(tx, *c.Event, c.ProjectID, c.Details)
		}
		return nil
	})
	return out, err
}

// DeleteDevice deletes a device, unless refuse has an error about it. Errors: ErrNotFound, and those of refuse.
func (s *Store) DeleteDevice(ctx context.Context, projectID, id string, event models.AuditEvent, refuse func(models.Device) error) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		var row deviceRow
		if err := forUpdate(tx).Where("project_id = ? AND id = ?", projectID, id).Take(&row).Error; err != nil {
			return err
		}
		d, err := row.entity()
		if err != nil {
			return err
		}
		if err := refuse(d); err != nil {
			return err
		}
		if err := one(tx.Where("project_id = ? AND id = ?", projectID, id).Delete(&deviceRow{})); err != nil {
			return err
		}
		return auditProject(tx, event, projectID, nil)
	})
}

// wantedDevices are those that somebody has to see to.
const wantedDevices = "(stream IS NOT NULL OR command IS NOT NULL)"

// FreeDevices returns the devices of drivers, those of agents apart, of which something is wanted and which nobody holds at a time.
func (s *Store) FreeDevices(ctx context.Context, drivers []string, at time.Time) ([]models.Device, error) {
	if len(drivers) == 0 {
		return nil, nil
	}
	var rows []deviceRow
	err := s.read(ctx).Where(wantedDevices+" AND agent = '' AND driver IN ? AND (holder = '' OR lease_end IS NULL OR lease_end <= ?)", drivers, utc(at)).
		Order("project_id, id").Find(&rows).Error
	if err != nil {
		return nil, translate(err)
	}
	return deviceEntities(rows)
}

// RenewDevices gives what a holder holds another lease, also where the last one has ended and nobody has taken the device since, and returns it.
func (s *Store) RenewDevices(ctx context.Context, holder string, until time.Time) ([]models.Device, error) {
	if holder == "" {
		return nil, nil
	}
	if err := s.write(ctx).Model(&deviceRow{}).Where("holder = ?", holder).UpdateColumn("lease_end", utc(until)).Error; err != nil {
		return nil, translate(err)
	}
	return s.heldDevices(s.write(ctx), holder)
}

// HeldDevices returns what a holder holds, also with a lease that has ended.
func (s *Store) HeldDevices(ctx context.Context, holder string) ([]models.Device, error) {
	return s.heldDevices(s.read(ctx), holder)
}

func (s *Store) heldDevices(db *gorm.DB, holder string) ([]models.Device, error) {
	var rows []deviceRow
	if err := db.Where("holder = ? AND holder <> ''", holder).Order("project_id, id").Find(&rows).Error; err != nil {
		return nil, translate(err)
	}
	return deviceEntities(rows)
}
