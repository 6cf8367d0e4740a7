//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/testkit/decodeload"
	"github.com/neurod/neurod/internal/testkit/neurod"
	"github.com/neurod/neurod/internal/testkit/procfs"
	"github.com/neurod/neurod/internal/testkit/servers"
)

const (
	soakLoad    = .7 // of what was decoded in a second at most
	soakClients = 32
	soakProbe   = 15 * time.Second // for which the most is measured
	soakKept    = 2 * time.Minute  // how long finished jobs, their recordings and the answers to keys are kept, at most
	soakSettles = 6 * time.Minute  // after which retention goes on evenly: until then tables grow by what is due to go
	soakLeast   = 12               // looks in what is judged
)

// soaked is a process that is watched.
type soaked struct {
	name string
	pid  int
	url  string
}

// soak keeps 70 % of the load that the service takes at most for so many minutes, and prints what grows; an error where something does.
func soak(ctx context.Context, opt options, length time.Duration) error {
	kept := min(soakKept, length/10)
	pg, err := servers.StartPostgres(ctx)
	if err != nil {
		return err
	}
	defer pg.Close()
	rd, err := servers.StartRedis(ctx)
	if err != nil {
		return err
	}
	defer rd.Close()
	port, err := neurod.FreePort()
	if err != nil {
		return err
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	env := append(neurod.NoLimits(), "DATABASE_URL="+pg.DSN(), "REDIS_URL=redis://"+rd.Addr()+"/0", "NEUROD_JWT_SECRET="+secret, "NEUROD_LOG_LEVEL=warn", "NEUROD_WORKER_ADDR="+addr,
		"NEUROD_PAYLOAD_RETENTION="+kept.String(), "NEUROD_RESULT_RETENTION="+kept.String(), "NEUROD_IDEMPOTENCY_RETENTION="+kept.String())
	mig, err := neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"migrate", "up"}, Env: env, Worker: true, Log: os.Stderr})
	if err != nil {
		return err
	}
	<-mig.Exited()
	api, err := neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"api"}, Env: env, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer stop(api)
	worker, err := neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"worker"}, Env: env, Worker: true, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer stop(worker)
	pool, err := pgxpool.New(ctx, pg.DSN())
	if err != nil {
		return err
	}
	defer pool.Close()
	c, err := neurod.SignUp(ctx, api.URL, "soak@example.com", "correct horse battery")
	if err != nil {
		return err
	}
	c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * soakClients}}

	most, _, err := decodes(ctx, c, soakClients, 0, soakProbe)
	if err != nil {
		return err
	}
	rate := soakLoad * most
	warm := max(length/4, kept+soakSettles)
	fmt.Printf("## Soak: %.0f decodes/s at most; %.0f/s for %v, finished jobs are kept for %v; judged from minute %.1f on\n\n", most, rate, length, kept, warm.Minutes())
	rdb := redis.NewClient(&redis.Options{Addr: rd.Addr()})
	defer rdb.Close()
	look := func() (seen soakLook, err error) {
		for _, p := range []soaked{{"API", api.PID(), api.URL}, {"worker", worker.PID(), "http://" + addr}} {
			if err := seen.process(ctx, p); err != nil {
				return seen, err
			}
		}
		if err := seen.redis(ctx, rdb); err != nil {
			return seen, err
		}
		return seen, seen.tables(ctx, pool)
	}
	var judged []soakLook
	headed := false
	begin := time.Now()
	step := max(length/60, 10*time.Second)
	for time.Since(begin) < length && ctx.Err() == nil {
		did, times, err := decodes(ctx, c, soakClients, rate, min(step, length-time.Since(begin)+time.Second))
		if err != nil {
			return err
		}
		seen, err := look()
		if err != nil {
			return err
		}
		if !headed {
			headed = true
			fmt.Print("  min  decodes/s  p50 ms  p99 ms")
			for _, f := range seen {
				fmt.Print("  ", f.name)
			}
			fmt.Println()
		}
		fmt.Printf("%5.1f  %9.0f  %6.1f  %6.1f", time.Since(begin).Minutes(), did, milli(at(times, .5)), milli(at(times, .99)))
		for _, f := range seen {
			fmt.Printf("  %*.*f", len([]rune(f.name)), f.digits, f.value)
		}
		fmt.Println()
		if time.Since(begin) >= warm {
			judged = append(judged, seen)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return judge(judged)
}

// figure is a number that must not grow.
type figure struct {
	name   string
	value  float64
	digits int
	slack  float64 // by how much it may be greater in the end without being said to grow: what moves by itself
}

// soakLook is what was seen at a time.
type soakLook []figure

func (l *soakLook) add(f figure) { *l = append(*l, f) }

// process looks at a process.
func (l *soakLook) process(ctx context.Context, p soaked) error {
	resident, _, err := procfs.Resident(p.pid)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.pid))
	if err != nil {
		return err
	}
	goroutines, err := gauge(ctx, p.url, "go_goroutines")
	if err != nil {
		return err
	}
	l.add(figure{p.name + " MiB", float64(resident) / (1 << 20), 0, 8})
	l.add(figure{p.name + " files", float64(len(fds)), 0, 6})
	l.add(figure{p.name + " goroutines", goroutines, 0, 12})
	return nil
}

// redis looks at how much Redis holds.
func (l *soakLook) redis(ctx context.Context, rdb *redis.Client) error {
	keys, err := rdb.DBSize(ctx).Result()
	if err != nil {
		return err
	}
	info, err := rdb.InfoMap(ctx, "memory").Result()
	if err != nil {
		return err
	}
	used, err := strconv.ParseFloat(info["Memory"]["used_memory"], 64)
	if err != nil {
		return err
	}
	l.add(figure{"Redis MiB", used / (1 << 20), 1, 1})
	l.add(figure{"Redis keys", float64(keys), 0, 100})
	return nil
}

// tables looks at the size of the database and of the tables that grow with jobs, and at how many jobs are kept.
func (l *soakLook) tables(ctx context.Context, pool *pgxpool.Pool) error {
	for _, q := range []struct{ name, query string }{
		{"database MiB", "SELECT pg_database_size(current_database()) / 1048576.0"},
		{"jobs MiB", "SELECT pg_total_relation_size('jobs') / 1048576.0"},
		{"job_payloads MiB", "SELECT pg_total_relation_size('job_payloads') / 1048576.0"},
	} {
		var size float64
		if err := pool.QueryRow(ctx, q.query).Scan(&size); err != nil {
			return err
		}
		l.add(figure{q.name, size, 0, 8})
	}
	var rows float64
	if err := pool.QueryRow(ctx, "SELECT count(*)::float8 FROM jobs").Scan(&rows); err != nil {
		return err
	}
	l.add(figure{"jobs kept", rows, 0, 1000})
	return nil
}

// soakGrowth is how much greater than in the first half of what is judged the middle of a figure may be in the second: what a soak of an hour would
// add to a process in a day, if it leaked, is far more.
const soakGrowth = 1.1

// judge says of each figure whether it grew: its middle in the second half of the looks beside that in the first.
func judge(looks []soakLook) error {
	if len(looks) < soakLeast {
		return fmt.Errorf("%d looks after it had settled are too few to judge by: take more minutes", len(looks))
	}
	middle := func(part []soakLook, k int) float64 {
		var list []float64
		for _, l := range part {
			list = append(list, l[k].value)
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	var grown []string
	fmt.Printf("\n%d looks, the middle of the first half and of the second:\n", len(looks))
	for k, f := range looks[0] {
		before, after := middle(looks[:len(looks)/2], k), middle(looks[len(looks)/2:], k)
		said := "flat"
		if after > before*soakGrowth+f.slack {
			said = "GROWS"
			grown = append(grown, f.name)
		}
		fmt.Printf("  %-18s %9.*f %9.*f  %s\n", f.name, f.digits, before, f.digits, after, said)
	}
	if len(grown) > 0 {
		return errors.New("grows: " + strings.Join(grown, ", "))
	}
	return nil
}

// at returns a quantile of times, which it sorts.
func at(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[min(int(q*float64(len(times))), len(times)-1)]
}

// decodes has so many clients decode for a while, together so many a second, 0 for as many as they can. It returns how many a second that were, and how long each took.
func decodes(ctx context.Context, c *neurod.Client, clients int, rate float64, length time.Duration) (float64, []time.Duration, error) {
	var mu sync.Mutex
	var times []time.Duration
	var failed atomic.Pointer[error]
	var group sync.WaitGroup
	begin := time.Now()
	for k := range clients {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(k), 9))
			b := decodeload.Body(rng)
			next := begin
			for time.Since(begin) < length && ctx.Err() == nil && failed.Load() == nil {
				if rate > 0 {
					next = next.Add(time.Duration(rng.ExpFloat64() * float64(clients) / rate * float64(time.Second)))
					time.Sleep(time.Until(next))
				}
				start := time.Now()
				j, err := c.Decode(ctx, b, "")
				if err == nil {
					j, err = c.Wait(ctx, j.Data.JobID, 30*time.Second, false)
				}
				if err == nil && j.Status != "completed" && j.Status != "failed" {
					err = errors.New("a decode is " + j.Status)
				}
				if err != nil {
					failed.Store(&err)
					return
				}
				mu.Lock()
				times = append(times, time.Since(start))
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return 0, nil, *err
	}
	return float64(len(times)) / time.Since(begin).Seconds(), times, ctx.Err()
}

// gauge reads one number of a process's metrics.
func gauge(ctx context.Context, url, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		if value, found := strings.CutPrefix(s.Text(), name+" "); found {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no metric %s", name)
}
