package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/migrations"
	"github.com/neurod/neurod/models"
)

// How a newer version of the program takes over from an older one without a pause: first the schema moves (neurod migrate up), then processes are
// replaced, one after the other. So an older program works on a newer schema for a while, which holds as long as migrations only add. One
// that takes away what older programs use comes a release later than the program that no longer uses it, and raises the floor of the schema to
// the newest migration which that program knows:
//
//	UPDATE schema_floor SET version = 41;
//
// Programs that know less refuse to start on it, and the schema does not move there while one of them runs.

var (
	// ErrTooOld says that the schema has moved on to where this program cannot work.
	ErrTooOld = errors.New("store: the database schema needs a newer version of the program")
	// ErrInUse says that processes run that could not work on the schema to be made.
	ErrInUse = errors.New("store: processes run that the new schema would break")
)

// Known returns the newest migration of this program.
func (s *Store) Known() (int64, error) {
	p, err := s.provider()
	if err != nil {
		return 0, err
	}
	var newest int64
	for _, src := range p.ListSources() {
		newest = max(newest, src.Version)
	}
	return newest, nil
}

// floor returns the oldest program that may run on the schema, by the newest migration that it knows; 0 where the schema does not say.
func (s *Store) floor(ctx context.Context) (version int64, err error) {
	there, err := s.db.HasTable(ctx, "schema_floor")
	if err != nil || !there {
		return 0, translate(err)
	}
	err = s.write(ctx).Raw("SELECT coalesce(max(version), 0) FROM schema_floor").Scan(&version).Error
	return version, translate(err)
}

// checkFloor returns an ErrTooOld where this program is below the floor of the schema.
func (s *Store) checkFloor(ctx context.Context) error {
	floor, err := s.floor(ctx)
	if err != nil {
		return err
	}
	known, err := s.Known()
	if err == nil && known < floor {
		err = fmt.Errorf("%w: one that knows migration %d; this one knows none after %d", ErrTooOld, floor, known)
	}
	return err
}

// CheckNobodyBreaks returns an ErrInUse that names the processes, heard of since a time, which could not work on the schema that Migrate "up" would make.
func (s *Store) CheckNobodyBreaks(ctx context.Context, since time.Time) error {
	all, err := s.Migrate(ctx, "status")
	if err != nil {
		return err
	}
	var to int64
	for _, m := range all {
		if !m.Applied {
			floor, err := raisedFloor(s.dialect, m.Name)
			if err != nil {
				return err
			}
			to = max(to, floor)
		}
	}
	return s.nobodyBelow(ctx, to, since)
}

// nobodyBelow returns an ErrInUse that names the processes, heard of since a time, which know less than a migration.
func (s *Store) nobodyBelow(ctx context.Context, to int64, since time.Time) error {
	if to == 0 {
		return nil
	}
	there, err := s.db.HasTable(ctx, "processes")
	if err != nil || !there {
		return translate(err)
	}
	var running []models.Process
	if err := s.write(ctx).Where("seen_at >= ? AND ended_at IS NULL", utc(since)).Order("host, pid").Find(&running).Error; err != nil {
		return translate(err)
	}
	var old []string
	for _, p := range running {
		if p.KnownSchema < to {
			old = append(old, fmt.Sprintf("%s on %s (pid %d, %s)", p.Role, p.Host, p.Pid, p.Version))
		}
	}
	if len(old) == 0 {
		return nil
	}
	return fmt.Errorf("%w, which needs programs that know migration %d: %s; replace them first", ErrInUse, to, strings.Join(old, ", "))
}

// raise is how a migration raises the floor.
var raise = regexp.MustCompile(`(?m)^UPDATE schema_floor SET version = (\d+);`)

// raisedFloor returns the floor that a migration raises to, 0 where it does not.
func raisedFloor(d Dialect, name string) (int64, error) {
	b, err := fs.ReadFile(migrations.FS, string(d)+"/"+name)
	if err != nil {
		return 0, fmt.Errorf("store: %w", err)
	}
	up, _, _ := strings.Cut(string(b), "-- +goose Down")
	floors := []int64{0}
	for _, m := range raise.FindAllStringSubmatch(up, -1) {
		v, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("store: %s: %w", name, err)
		}
		floors = append(floors, v)
	}
	return slices.Max(floors), nil
}
