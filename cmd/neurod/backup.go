package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/neurod/neurod/internal/backup"
	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/store"
)

// errProduction sends who has PostgreSQL to its tools.
var errProduction = errors.New("DATABASE_URL names PostgreSQL, which pg_dump and pg_basebackup copy: docs/06-operations.md shows how")

// place is where the configured embedded mode keeps things.
func place() (backup.Place, error) {
	settings, err := config.Load(os.Environ())
	if err != nil {
		return backup.Place{}, err
	}
	if !settings.Embedded() {
		return backup.Place{}, errProduction
	}
	return backup.Place{DataDir: settings.DataDir, Store: settings.Store()}, nil
}

type backupCmd struct {
	File  string `arg:"" help:"File to write, where nothing is yet."`
	Check bool   `help:"Do not write: read a backup and hold it to its checksums."`
}

// Run makes a backup, or reads one.
func (c backupCmd) Run(ctx context.Context) error {
	if c.Check {
		m, err := backup.Read(c.File, nil)
		if err != nil {
			return err
		}
		tellBackup("whole:", c.File, m)
		return nil
	}
	from, err := place()
	if err != nil {
		return err
	}
	m, err := backup.Write(ctx, from, c.File, version())
	if errors.Is(err, store.ErrNoSnapshot) {
		return errProduction
	}
	if err != nil {
		return err
	}
	tellBackup("wrote", c.File, m)
	return nil
}

type restoreCmd struct {
	File    string `arg:"" help:"Backup to bring back."`
	Replace bool   `help:"Where there is a database already, move it aside."`
}

// Run brings a backup back.
func (c restoreCmd) Run(ctx context.Context) error {
	to, err := place()
	if err != nil {
		return err
	}
	m, aside, err := backup.Restore(ctx, c.File, to, c.Replace)
	if errors.Is(err, backup.ErrOccupied) {
		return fmt.Errorf("%w; give --replace to move it aside", err)
	}
	if err != nil {
		return err
	}
	tellBackup("restored", c.File, m)
	for _, name := range aside {
		fmt.Println("moved aside:", name)
	}
	return nil
}

func tellBackup(what, file string, m backup.Manifest) {
	size := int64(0)
	for _, f := range m.Files {
		size += f.Size
	}
	fmt.Printf("%s %s: %d bytes of %s, schema %d, neurod %s\n", what, file, size, m.CreatedAt.Format(time.RFC3339), m.Schema, m.Program)
	if m.Objects > 0 {
		fmt.Printf("not in it: %d recordings that lie outside the database (NEUROD_BLOB_URL); copy them, too\n", m.Objects)
	}
}
