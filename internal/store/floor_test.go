package store_test

import (
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/migrations"
	"github.com/neurod/neurod/models"
)

// contracts finds statements after which a program that does not know the migration may fail: it takes something away, gives it another name or
// type, or asks for something that older programs do not give.
var contracts = regexp.MustCompile(`(?i)\bDROP (TABLE|COLUMN|FUNCTION)\b|\bRENAME (COLUMN|TO)\b|\bALTER COLUMN \w+ (SET DATA )?(TYPE|SET NOT NULL)\b|\bADD CONSTRAINT\b|\bCREATE UNIQUE INDEX\b`)

// addsRequired finds columns that older programs do not fill.
var addsRequired = regexp.MustCompile(`(?i)\bADD COLUMN [^;,]*\bNOT NULL\b[^;,]*`)

var raises = regexp.MustCompile(`(?m)^UPDATE schema_floor SET version = (\d+);`)

// TestMigrationsThatTakeAwayRaiseTheFloor: from the migration on that makes the floor, each that an older program does not survive says which programs
// do, on both databases alike; so an upgrade never breaks a process that runs.
func TestMigrationsThatTakeAwayRaiseTheFloor(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(migrations.FS, "postgres/*.sql")
	if err != nil || len(files) < 10 {
		t.Fatalf("%v, %v", files, err)
	}
	up := func(name string) string {
		b, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		text, _, _ := strings.Cut(string(b), "-- +goose Down")
		return text
	}
	begun := false
	for _, name := range files {
		text := up(name)
		if !begun {
			begun = strings.Contains(text, "CREATE TABLE schema_floor")
			continue
		}
		takes := contracts.FindString(text)
		for _, column := range addsRequired.FindAllString(text, -1) {
			if !strings.Contains(strings.ToUpper(column), "DEFAULT") {
				takes = column
			}
		}
		floor := raises.FindStringSubmatch(text)
		if takes != "" && floor == nil {
			t.Errorf("%s has %q, which programs of the release before do not survive: raise schema_floor", name, takes)
		}
		if lite := raises.FindStringSubmatch(up(strings.Replace(name, "postgres/", "sqlite/", 1))); !slices.Equal(lite, floor) {
			t.Errorf("%s raises the floor by %v, on SQLite by %v", name, floor, lite)
		}
		if floor != nil {
			number, err := strconv.Atoi(strings.TrimPrefix(name, "postgres/")[:5])
			if to, convErr := strconv.Atoi(floor[1]); err != nil || convErr != nil || to >= number {
				t.Errorf("%s raises the floor to %s: a release that knows that migration must have come before", name, floor[1])
			}
		}
	}
	if !begun {
		t.Error("no migration makes schema_floor")
	}
}

// TestContractsAreFound holds the pattern to what it is for.
func TestContractsAreFound(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]bool{
		"ALTER TABLE jobs DROP COLUMN seq;": true, "DROP TABLE jobs;": true, "ALTER TABLE jobs RENAME COLUMN a TO b;": true, "ALTER TABLE jobs RENAME TO work;": true,
		"ALTER TABLE jobs ALTER COLUMN seq TYPE bigint;": true, "ALTER TABLE jobs ALTER COLUMN seq SET NOT NULL;": true, "CREATE UNIQUE INDEX a ON jobs (b);": true,
		"ALTER TABLE jobs ADD COLUMN a text;": false, "CREATE TABLE a (b text NOT NULL);": false, "CREATE INDEX a ON jobs (b);": false, "ALTER TABLE jobs ALTER COLUMN a DROP NOT NULL;": false,
		"DROP INDEX a;": false, "DROP TRIGGER a ON jobs;": false,
	} {
		if got := contracts.MatchString(sql); got != want {
			t.Errorf("%s: %v", sql, got)
		}
	}
}

// TestAProgramBelowTheFloorDoesNotStart: a program that knows less than the schema asks for says so, and one that knows enough starts, also on a
// schema that is newer than itself.
func TestAProgramBelowTheFloorDoesNotStart(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		known, err := s.Known()
		if err != nil || known < 34 {
			t.Fatalf("%d, %v", known, err)
		}
		for floor, want := range map[int64]error{1: nil, known: nil, known + 1: store.ErrTooOld} {
			if err := s.SetFloor(t.Context(), floor); err != nil {
				t.Fatal(err)
			}
			if err := s.CheckMigrated(t.Context()); !errors.Is(err, want) {
				t.Errorf("a floor of %d, and %d is known: %v, want %v", floor, known, err, want)
			}
		}
	})
}

// TestTheSchemaDoesNotMoveUnderOldProcesses: while a process runs that the new schema would break, it stays as it is.
func TestTheSchemaDoesNotMoveUnderOldProcesses(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		now := time.Now()
		old := models.Process{ID: models.NewID(), Role: "worker", Host: "old-host", Pid: 7, Version: "0.1.0", KnownSchema: 35, StartedAt: now, SeenAt: now}
		ended, gone := now, models.Process{ID: models.NewID(), Role: "worker", Host: "gone", Version: "0.0.1", KnownSchema: 1, StartedAt: now, SeenAt: now}
		gone.EndedAt = &ended
		lost := models.Process{ID: models.NewID(), Role: "worker", Host: "lost", Version: "0.0.1", KnownSchema: 1, StartedAt: now, SeenAt: now.Add(-time.Hour)}
		for _, p := range []models.Process{old, gone, lost} {
			if err := s.SaveProcess(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		since := now.Add(-time.Minute)
		if err := s.CheckNobodyBreaks(t.Context(), since); err != nil {
			t.Errorf("nothing is to be done: %v", err)
		}
		for to, want := range map[int64]error{0: nil, 35: nil, 36: store.ErrInUse} {
			err := s.NobodyBelow(t.Context(), to, since)
			if !errors.Is(err, want) || err != nil && (!strings.Contains(err.Error(), "worker on old-host (pid 7, 0.1.0)") || strings.Contains(err.Error(), "gone")) {
				t.Errorf("to %d: %v, want %v", to, err, want)
			}
		}
	})
}
