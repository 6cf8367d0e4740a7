//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/procfs"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// Pairs of stores.
const (
	embedded = "embedded"
	postgres = "postgres"
)

// stores are where servers under attack keep what they have: each has a folder or a database of its own.
type stores struct {
	pair string
	dir  string
	pg   *servers.Postgres // nil for the embedded pair
	rd   *servers.Redis
	made int
}

// migrated is the database that others are copied of.
const migrated = "migrated"

func openStores(ctx context.Context, cfg config, pair string) (_ *stores, err error) {
	s := &stores{pair: pair}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "neurod-hostile-"); err != nil || pair == embedded {
		return s, err
	}
	if s.pg, err = servers.StartPostgres(ctx); err != nil {
		return nil, err
	}
	if cfg.every == 0 { // neighbours are timed
		if err = s.pg.RunIn(ctx); err != nil {
			return nil, err
		}
	}
	if s.rd, err = servers.StartRedis(ctx); err != nil {
		return nil, err
	}
	if err = s.pg.CreateDatabase(ctx, migrated, ""); err != nil {
		return nil, err
	}
	log := &lockedLog{}
	m, err := neurod.Start(ctx, neurod.Config{Program: cfg.program, Args: []string{"migrate", "up"}, Env: s.environ(s.pg.URL(migrated)), Worker: true, Log: log})
	if err != nil {
		return nil, err
	}
	<-m.Exited()
	if err = m.Stop(time.Minute); err != nil {
		return nil, fmt.Errorf("migrate: %w\n%s", err, log.tail())
	}
	return s, nil
}

func (s *stores) environ(database string) []string {
	return []string{"DATABASE_URL=" + database, "REDIS_URL=redis://" + s.rd.Addr() + "/0", "NEUROD_JWT_SECRET=8f1d6b0c94e27a35d0b7c81e6f2a49305c7d"}
}

// fresh returns the settings of a server with nothing in its stores.
func (s *stores) fresh(ctx context.Context) ([]string, error) {
	s.made++
	name := fmt.Sprint("hostile", s.made)
	if s.pair == embedded {
		return []string{"NEUROD_DATA_DIR=" + filepath.Join(s.dir, name)}, nil
	}
	if err := s.pg.CreateDatabase(ctx, name, migrated); err != nil {
		return nil, err
	}
	c := redis.NewClient(&redis.Options{Addr: s.rd.Addr()})
	defer c.Close()
	return s.environ(s.pg.URL(name)), c.FlushAll(ctx).Err()
}

func (s *stores) close() {
	if s.pg != nil {
		_ = s.pg.Close() // it ends with this process, too
	}
	if s.rd != nil {
		_ = s.rd.Close() // so does it
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // a temporary folder
	}
}

// arena is a server under attack.
type arena struct {
	process  *neurod.Process
	attacker *tenant
	neighbor *neurod.Client
	log      *lockedLog
	idle     int64
}

type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.b.Len() > 1<<20 { // the end is what tells
		l.b.Reset()
	}
	return l.b.Write(p)
}

func (l *lockedLog) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.b.String()
	return s[max(0, len(s)-4000):]
}

// open starts a server with API and workers on fresh stores, and lets it come to rest.
func (s *stores) open(ctx context.Context, cfg config) (*arena, error) {
	a := &arena{log: &lockedLog{}}
	env, err := s.fresh(ctx)
	if err != nil {
		return nil, err
	}
	env = append(append(neurod.NoLimits(), env...), "NEUROD_SIGNUPS_PER_HOUR=100000", "NEUROD_LOGIN_FAILURES=100000", "NEUROD_ACCESS_TTL=12h")
	if a.process, err = neurod.Start(ctx, neurod.Config{Program: cfg.program, Args: []string{"serve"}, Env: env, Log: a.log, Timeout: 2 * time.Minute}); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, a.log.tail())
	}
	const password = "correct horse battery"
	attacker, err := neurod.SignUp(ctx, a.process.URL, "attacker@example.com", password)
	if err == nil {
		a.attacker = &tenant{Client: attacker}
		err = a.attacker.settle(ctx, "attacker@example.com", password)
	}
	if err == nil {
		a.neighbor, err = neurod.SignUp(ctx, a.process.URL, "neighbour@example.com", password)
	}
	if err == nil {
		err = a.rest(ctx)
	}
	if err == nil {
		a.idle, _, err = procfs.Resident(a.process.PID())
	}
	if err != nil {
		a.process.Kill()
		return nil, err
	}
	return a, nil
}

var errExited = errors.New("the server has ended")

// rest waits until the process does nothing: its jobs are done then.
func (a *arena) rest(ctx context.Context) error {
	last, err := procfs.CPU(a.process.PID())
	if err != nil {
		return errExited
	}
	deadline := time.Now().Add(answerLimit)
	for quiet := 0; quiet < 2; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.process.Exited():
			return errExited
		case <-time.After(30 * time.Millisecond):
		}
		now, err := procfs.CPU(a.process.PID())
		if err != nil {
			return errExited
		}
		if quiet++; now-last > 0 {
			quiet = 0
		}
		last = now
		if quiet == 2 && a.attacker != nil && a.attacker.busy(ctx) {
			quiet = 0
			if last, err = procfs.CPU(a.process.PID()); err != nil {
				return errExited
			}
		}
		if time.Now().After(deadline) {
			return nil // what it has used is what counts
		}
	}
	return nil
}
