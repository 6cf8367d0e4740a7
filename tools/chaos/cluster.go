//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/servers"
)

// cluster is everything that runs.
type cluster struct {
	pg      *servers.Postgres
	redis   *servers.Redis
	program string
	log     io.WriteCloser

	mu      sync.Mutex
	apis    []*neurod.Process
	workers []*neurod.Process
	ports   []int
	extra   string // the API with a fail point: it gets its share of requests, too
}

// Two of each: what one loses the other finds.
const replicas = 2

func startCluster(ctx context.Context, opt options) (c *cluster, err error) {
	c = &cluster{program: opt.program, log: discard{}}
	if opt.log != "" {
		if c.log, err = os.Create(opt.log); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.pg, err = servers.StartPostgres(ctx); err != nil {
		return nil, err
	}
	if c.redis, err = servers.StartRedis(ctx); err != nil {
		return nil, err
	}
	migrate, err := neurod.Start(ctx, neurod.Config{Program: c.program, Args: []string{"migrate", "up"}, Env: c.env(), Worker: true, Log: c.log})
	if err != nil {
		return nil, err
	}
	<-migrate.Exited()
	for i := range replicas {
		port, err := neurod.FreePort()
		if err != nil {
			return nil, err
		}
		c.ports = append(c.ports, port)
		c.apis, c.workers = append(c.apis, nil), append(c.workers, nil)
		if err := c.startAPI(ctx, i); err != nil {
			return nil, err
		}
		if err := c.startWorker(ctx, i); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *cluster) env(more ...string) []string {
	return append(append(neurod.NoLimits(), "DATABASE_URL="+c.pg.URL("postgres"), "REDIS_URL="+c.redis.URL(),
		"NEUROD_JWT_SECRET=5e0c1f7be6a94d1cb0f2a7d9835f3b64aa12", "NEUROD_LOG_LEVEL=info",
		"NEUROD_WEBHOOK_HTTP=true", "NEUROD_WEBHOOK_ALLOW=127.0.0.0/8"), more...)
}

func (c *cluster) startAPI(ctx context.Context, i int) error {
	p, err := neurod.Start(ctx, neurod.Config{Program: c.program, Args: []string{"api"}, Env: c.env(), Port: c.ports[i], Log: c.log})
	if err != nil {
		return fmt.Errorf("start api %d: %w", i, err)
	}
	c.mu.Lock()
	c.apis[i] = p
	c.mu.Unlock()
	return nil
}

func (c *cluster) startWorker(ctx context.Context, i int) error {
	p, err := neurod.Start(ctx, neurod.Config{Program: c.program, Args: []string{"worker"}, Env: c.env(), Worker: true, Log: c.log})
	if err != nil {
		return fmt.Errorf("start worker %d: %w", i, err)
	}
	c.mu.Lock()
	c.workers[i] = p
	c.mu.Unlock()
	return nil
}

func (c *cluster) api(i int) *neurod.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.apis[i]
}

func (c *cluster) worker(i int) *neurod.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.workers[i]
}

// url returns the address of one of the APIs, dead or alive, as a load balancer without health checks would.
func (c *cluster) url() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.ports)
	if c.extra != "" {
		n++
	}
	i := rand.IntN(n)
	if i == len(c.ports) {
		return c.extra
	}
	return fmt.Sprintf("http://127.0.0.1:%d", c.ports[i])
}

// runToFailPoint starts one more process that kills itself at the n-th passage of the point, and returns when it has.
func (c *cluster) runToFailPoint(ctx context.Context, role, point string, n int, timeout time.Duration) error {
	p, err := neurod.Start(ctx, neurod.Config{Program: c.program, Args: []string{role}, Worker: role == "worker", Log: c.log,
		Env: c.env(fmt.Sprintf("NEUROD_FAILPOINT=%s:%d", point, n))})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.extra = p.URL
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.extra = ""
		c.mu.Unlock()
	}()
	select {
	case <-p.Exited():
		return nil
	case <-time.After(timeout):
		p.Kill()
		return fmt.Errorf("%s did not come to %s %d times in %v", role, point, n, timeout)
	}
}

// close ends whatever runs.
func (c *cluster) close() {
	for _, list := range [][]*neurod.Process{c.apis, c.workers} {
		for _, p := range list {
			if p != nil {
				_ = p.Signal(syscall.SIGCONT) // a frozen one, if the run was broken off
				p.Kill()
			}
		}
	}
	if c.redis != nil {
		_ = c.redis.Close()
	}
	if c.pg != nil {
		_ = c.pg.Close()
	}
	_ = c.log.Close()
}

// discard is a log that is not kept.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Close() error                { return nil }
