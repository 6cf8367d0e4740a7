// Package doctor looks at a server from outside: its settings, the stores behind it, its queues, processes, clocks and files. Each thing
// that it looks at is a finding with a level, and what is not well comes with its mend.
//
// Invariants:
//
//   - Looking changes nothing but the row that /readyz writes, too, to learn whether the database takes writes, and an object outside it that is made and
//     deleted; nothing is made that is missing.
//   - A check that fails hides no other: what depends on a store that does not answer is left out, all else is looked at.
//   - No finding holds a secret.
//   - The name of a check is stable: scripts match it.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/config"
	"github.com/neurod/neurod/internal/durable"
	"github.com/neurod/neurod/internal/nearest"
	"github.com/neurod/neurod/internal/store"
)

// Level says how much a finding matters.
type Level string

// The levels, from the least. A note is worth knowing and needs nothing done; with a warning the service works and something of it will not, or not as
// well as it could; an error keeps it from starting, from working or from keeping what it promises.
const (
	OK      Level = "ok"
	Note    Level = "note"
	Warning Level = "warning"
	Error   Level = "error"
)

var levels = []Level{OK, Note, Warning, Error}

// Finding is what one check found.
type Finding struct {
	Check string `json:"check"` // its name, as in redis.policy
	Level Level  `json:"level"`
	Says  string `json:"says"`
	Mend  string `json:"mend,omitempty"` // what to do; of everything above OK but notes
}

// Report is all that was found, in the order in which it was looked at.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Worst returns the highest level there is.
func (r Report) Worst() Level {
	worst := 0
	for _, f := range r.Findings {
		worst = max(worst, slices.Index(levels, f.Level))
	}
	return levels[worst]
}

// ExitCode is 0 where nothing is wrong, 1 for warnings and 2 for errors, as monitoring plugins have it
// (https://www.monitoring-plugins.org/doc/guidelines.html, 2.3).
func (r Report) ExitCode() int { return max(0, slices.Index(levels, r.Worst())-1) }

// Config says what to look at.
type Config struct {
	// Environ are the settings as "NAME=value" pairs, as os.Environ gives them.
	Environ []string
	// OpenRedis returns a client for a Redis URL. Required.
	OpenRedis func(url string) (redis.UniversalClient, error)
	// OpenObjects opens where recordings lie outside the database. Required.
	OpenObjects func(ctx context.Context, url string) (Objects, error)
	// LoadModels loads the models in the program and those of a folder, "" for none, and counts them. Required.
	LoadModels func(dir string) (int, error)
	// Timeout bounds each store's answers. Defaults to 10 s.
	Timeout time.Duration
	// Now is the clock by which certificates and waiting jobs are judged. Defaults to time.Now.
	Now func() time.Time
}

// Objects is where recordings lie outside the database.
type Objects interface {
	store.Objects
	io.Closer
}

// examination is one look at a server.
type examination struct {
	Config
	settings config.Config
	report   Report
}

func (e *examination) say(check string, level Level, mend, format string, args ...any) {
	e.report.Findings = append(e.report.Findings, Finding{Check: check, Level: level, Says: fmt.Sprintf(format, args...), Mend: mend})
}

func (e *examination) ok(check, format string, args ...any) { e.say(check, OK, "", format, args...) }

// Examine looks at the server that the settings describe.
func Examine(ctx context.Context, cfg Config) Report {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	e := &examination{Config: cfg}
	e.unknownSettings()
	var err error
	if e.settings, err = config.Load(cfg.Environ); err != nil {
		for line := range strings.Lines(strings.TrimPrefix(err.Error(), "config: ")) {
			e.say("settings", Error, "Set it right; docs/reference/configuration.md has every setting.", "%s", strings.TrimSpace(line))
		}
		return e.report // what they mean is not known
	}
	e.ok("settings", "the settings are well formed; mode: %s", mode(e.settings))
	e.secrets()
	e.files()
	e.certificate()
	e.models()
	e.within(ctx, e.provider)
	e.within(ctx, e.database)
	if !e.settings.Embedded() {
		e.within(ctx, e.redis)
	}
	return e.report
}

func (e *examination) within(ctx context.Context, look func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	look(ctx)
}

func mode(s config.Config) string {
	if s.Embedded() {
		return "embedded (SQLite)"
	}
	return "production (PostgreSQL and Redis)"
}

// unknownSettings finds variables that look like settings and are none: whoever set them believes in them.
func (e *examination) unknownSettings() {
	known := config.Names()
	for _, pair := range e.Environ {
		name, value, _ := strings.Cut(pair, "=")
		if value == "" || !strings.HasPrefix(name, "NEUROD_") && !strings.HasPrefix(name, "NEURO_") || slices.Contains(known, name) || slices.Contains(clients, name) {
			continue
		}
		mend := "Remove it."
		if meant := nearest.Name(name, known); meant != "" {
			mend = "It may have been meant to be " + meant + "."
		}
		e.say("settings.unknown", Warning, mend, "%s is set, which is not a setting: it has no effect", name)
	}
}

// clients are variables of the clients, which may stand in the same environment.
var clients = []string{"NEUROD_URL", "NEUROD_API_KEY", "NEUROD_TOKEN", "NEUROD_EEG_DATA"}

// secrets looks at what must not be known or readable.
func (e *examination) secrets() {
	s := e.settings
	switch {
	case s.JWTSecret != "":
		e.ok("settings.secret", "NEUROD_JWT_SECRET is set")
	case !s.Embedded():
		e.say("settings.secret", Error, "openssl rand -hex 32 makes one; give it to every API process, and to workers that send webhooks.",
			"NEUROD_JWT_SECRET is not set: neurod api does not start without it")
	default:
		e.private("settings.secret", filepath.Join(s.DataDir, "signing.key"), "the signing key")
	}
}

// private finds files that others of this machine can read.
func (e *examination) private(check, path, what string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		e.say(check, Note, "", "%s, %s, is made at the first start", what, path)
	case err != nil:
		e.say(check, Error, "Let the user of the server read it.", "%s cannot be read: %v", what, err)
	case info.Mode().Perm()&0o077 != 0 && isUnix:
		e.say(check, Warning, "chmod 600 "+path, "%s, %s, can be read by other users of this machine (mode %04o)", what, path, info.Mode().Perm())
	default:
		e.ok(check, "%s is readable by its owner only", what)
	}
}

// Room on the disk and open files below which something is said.
const (
	scarceDisk  = 0.10 // of the disk
	lastDisk    = 256 << 20
	files       = 4096 // a connection, its database connection and a file each for a thousand clients, and some
	fewestFiles = 512
)

// files looks at the folder of the embedded mode, at the room on its disk and at how many files may be open.
func (e *examination) files() {
	if most, ok := openFiles(); ok {
		const mend = "Raise it: LimitNOFILE= of systemd, ulimits of compose, or ulimit -n."
		switch {
		case most < fewestFiles:
			e.say("files", Error, mend, "a process may have %d files and connections open; a busy server needs %d", most, files)
		case most < files:
			e.say("files", Warning, mend, "a process may have %d files and connections open; a busy server needs %d", most, files)
		default:
			e.ok("files", "a process may have %d files and connections open", most)
		}
	}
	if !e.settings.Embedded() {
		e.say("disk", Note, "", "the data lie with PostgreSQL: watch the room on its disk there")
		return
	}
	dir := e.settings.DataDir
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		e.say("disk", Note, "", "the data folder %s is made at the first start", dir)
		return
	case err != nil:
		e.say("disk", Error, "Give the user of the server the folder, or name another in NEUROD_DATA_DIR.", "the data folder cannot be read: %v", err)
		return
	case !info.IsDir():
		e.say("disk", Error, "Name a folder in NEUROD_DATA_DIR.", "%s, the data folder, is not a folder", dir)
		return
	}
	free, all, err := durable.Disk(dir)
	if err != nil || all == 0 {
		e.say("disk", Note, "", "how much room the disk of %s has is not known here", dir)
		return
	}
	const mend = "Make room, or shorten NEUROD_PAYLOAD_RETENTION and NEUROD_RESULT_RETENTION. On a full disk nothing is accepted (503 storage_full), and nothing is lost."
	share := float64(free) / float64(all)
	switch {
	case free < lastDisk:
		e.say("disk", Error, mend, "the disk of %s has %d MiB left", dir, free>>20)
	case share < scarceDisk:
		e.say("disk", Warning, mend, "the disk of %s has %d MiB left, %.0f %% of it", dir, free>>20, 100*share)
	default:
		e.ok("disk", "the disk of %s has %d MiB left, %.0f %% of it", dir, free>>20, 100*share)
	}
}

func (e *examination) models() {
	n, err := e.LoadModels(e.settings.ModelsDir)
	if err != nil {
		e.say("models", Error, "Replace or remove the file that it names, in the folder of NEUROD_MODELS_DIR.", "the models cannot be loaded, and no process starts: %v", err)
		return
	}
	e.ok("models", "%d models can be loaded", n)
}

// said words an error of a store without what names the package.
func said(err error) string {
	text := err.Error()
	for _, p := range []string{"store: ", "app: "} {
		text = strings.TrimPrefix(text, p)
	}
	return text
}

// openStore opens the database where there is one: an SQLite file that is missing is not made. It says what is wrong with it.
func (e *examination) openStore(ctx context.Context) *store.Store {
	cfg := e.settings.Store()
	if e.settings.Embedded() {
		path, err := store.Path(cfg)
		if err != nil {
			e.say("database", Error, "Name a file in DATABASE_URL, or none.", "%s", said(err))
			return nil
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			e.say("database", Note, "", "there is no database yet: %s is made at the first start", path)
			return nil
		}
	}
	s, err := store.Open(ctx, cfg)
	if err != nil {
		e.say("database", Error, "See that it runs, that DATABASE_URL is right, and that this machine may reach it.", "the database does not answer: %s", said(err))
		return nil
	}
	return s
}
