//go:build unix

package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Sentinels is a Redis server with a replica, watched by three Sentinels, which make the replica the master when the master is gone.
type Sentinels struct {
	Master, Replica *Redis
	watchers        []*process
}

// SentinelName is the name under which Sentinels know the master.
const SentinelName = "main"

// StartSentinels starts a server, its replica and their watchers, and returns when all know of each other. They notice within a second
// that the master is gone.
func StartSentinels(ctx context.Context) (_ *Sentinels, err error) {
	s := &Sentinels{}
	defer func() {
		if err != nil {
			_ = s.Close() // the first error tells more
		}
	}()
	if s.Master, err = StartRedis(ctx); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(s.Master.Addr())
	if err != nil {
		return nil, err
	}
	if s.Replica, err = StartRedis(ctx, "replicaof "+host+" "+port, "repl-diskless-sync-delay 0"); err != nil {
		return nil, err
	}
	server, err := findRedis()
	if err != nil {
		return nil, err
	}
	for range 3 {
		p, err := newProcess("sentinel", "TERM", nil)
		if err != nil {
			return nil, err
		}
		s.watchers = append(s.watchers, p)
		p.probe = p.redisAnswers
		p.command = func(own int) []string {
			config := filepath.Join(p.dir, "sentinel.conf")
			text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %[3]s %s %s 2\nsentinel down-after-milliseconds %[3]s 1000\nsentinel failover-timeout %[3]s 5000\n",
				own, p.dir, SentinelName, host, port)
			if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
				return []string{"false"} // it does not start, and says so
			}
			return []string{server, config, "--sentinel"}
		}
		if err := p.start(ctx); err != nil {
			return nil, err
		}
	}
	return s, until(ctx, "the Sentinels", func() bool {
		for _, p := range s.watchers {
			out, err := redisCLI(ctx, p.addr(), "sentinel", "master", SentinelName)
			if err != nil || !says(out, "num-slaves", "1") || !says(out, "num-other-sentinels", "2") {
				return false
			}
		}
		return true
	})
}

// URL returns the URL of the Sentinels, as REDIS_URL takes it.
func (s *Sentinels) URL() string {
	return fmt.Sprintf("redis-sentinel://%s/0?master_name=%s&addr=%s&addr=%s", s.watchers[0].addr(), SentinelName, s.watchers[1].addr(), s.watchers[2].addr())
}

// Current returns the address of the master as the Sentinels know it.
func (s *Sentinels) Current(ctx context.Context) (string, error) {
	out, err := redisCLI(ctx, s.watchers[0].addr(), "sentinel", "get-master-addr-by-name", SentinelName)
	host, port, _ := strings.Cut(strings.TrimSpace(out), "\n")
	return net.JoinHostPort(host, strings.TrimSpace(port)), err
}

// Close ends all. A second call does nothing.
func (s *Sentinels) Close() error {
	var errs []error
	for _, p := range s.watchers {
		errs = append(errs, p.close(syscall.SIGTERM))
	}
	for _, r := range []*Redis{s.Replica, s.Master} {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	return errors.Join(errs...)
}

// RedisCluster is a Redis Cluster: three masters with a replica each.
type RedisCluster struct{ Nodes []*Redis }

// StartRedisCluster starts the nodes, joins them and returns when all slots are served.
func StartRedisCluster(ctx context.Context) (_ *RedisCluster, err error) {
	c := &RedisCluster{}
	defer func() {
		if err != nil {
			_ = c.Close() // the first error tells more
		}
	}()
	args := []string{"--cluster", "create"}
	for range 6 {
		bus, err := freePort() // by default it is the port + 10,000, which may be none
		if err != nil {
			return nil, err
		}
		r, err := StartRedis(ctx, "cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-node-timeout 1500", "cluster-port "+strconv.Itoa(bus),
			"repl-diskless-sync-delay 0", "cluster-replica-validity-factor 0")
		if err != nil {
			return nil, err
		}
		c.Nodes = append(c.Nodes, r)
		args = append(args, r.Addr())
	}
	if out, err := redisCLI(ctx, c.Nodes[0].Addr(), append(args, "--cluster-replicas", "1", "--cluster-yes")...); err != nil {
		return nil, fmt.Errorf("make the cluster: %w\n%s", err, out)
	}
	return c, until(ctx, "the cluster", func() bool {
		for _, r := range c.Nodes {
			info, err := redisCLI(ctx, r.Addr(), "cluster", "info")
			if err != nil || !strings.Contains(info, "cluster_state:ok") {
				return false
			}
			if role, err := redisCLI(ctx, r.Addr(), "info", "replication"); err != nil ||
				strings.Contains(role, "role:slave") && !strings.Contains(role, "master_link_status:up") {
				return false
			}
		}
		return true
	})
}

// URL returns the URL of the cluster, as REDIS_URL takes it.
func (c *RedisCluster) URL() string {
	return fmt.Sprintf("redis-cluster://%s?addr=%s&addr=%s", c.Nodes[0].Addr(), c.Nodes[1].Addr(), c.Nodes[2].Addr())
}

// MasterOf returns the node that serves a key.
func (c *RedisCluster) MasterOf(ctx context.Context, key string) (*Redis, error) {
	for _, r := range c.Nodes {
		if r.PID() == 0 {
			continue
		}
		role, err := redisCLI(ctx, r.Addr(), "info", "replication")
		if err != nil {
			return nil, err
		}
		if !strings.Contains(role, "role:master") {
			continue
		}
		if out, err := redisCLI(ctx, r.Addr(), "exists", key); err == nil && !strings.Contains(out, "MOVED") {
			return r, nil
		}
	}
	return nil, fmt.Errorf("no node serves %s", key)
}

// Close ends all. A second call does nothing.
func (c *RedisCluster) Close() error {
	var errs []error
	for _, r := range c.Nodes {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// redisCLI runs redis-cli against a server.
func redisCLI(ctx context.Context, addr string, args ...string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "redis-cli", append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	return string(out), err
}

// says reports whether an answer of redis-cli, name and value on a line each, gives a name the value.
func says(out, name, value string) bool {
	lines := strings.Split(out, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		if strings.TrimSpace(lines[i]) == name {
			return strings.TrimSpace(lines[i+1]) == value
		}
	}
	return false
}

// until waits for a condition.
func until(ctx context.Context, what string, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not ready: %w", what, ctx.Err())
		case <-ticker.C:
		}
	}
	return nil
}
