//go:build unix

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/testkit/neurod"
)

const (
	fairWaiting = 10_000 // jobs that wait before the decodes beside them are timed
	fairLeft    = 500    // with fewer of them left no more are timed
	fairTimes   = 2      // how many times its p99 alone a decode's p99 may be
	fairBatch   = 100    // items of a batch
	fairTimed   = 400    // decodes, beside the backlogs
	fairRound   = 200    // and alone, before each backlog
	fairLook    = 10     // between two looks at what is left
	fairRounds  = 6      // backlogs at most

	reservedImports = 4
)

// waited is a decode that someone waited for.
type waited struct {
	id         string
	begin, end time.Time
}

func (w waited) took() time.Duration { return w.end.Sub(w.begin) }

// paced times decodes one after another, with short pauses of chance between, for as long as goOn says.
func paced(ctx context.Context, c *neurod.Client, goOn func(done int) (bool, error)) ([]waited, error) {
	rng := rand.New(rand.NewPCG(5, 6))
	body := requestBody(2)
	var out []waited
	for {
		more, err := goOn(len(out))
		if err != nil || !more {
			return out, err
		}
		time.Sleep(10*time.Millisecond + time.Duration(rng.IntN(20))*time.Millisecond)
		w := waited{begin: time.Now()}
		if w.id, err = decodeOne(ctx, c, body); err != nil {
			return nil, err
		}
		w.end = time.Now()
		out = append(out, w)
	}
}

// upTo has paced time so many.
func upTo(n int) func(int) (bool, error) {
	return func(done int) (bool, error) { return done < n, nil }
}

// backlog is how many tasks wait in a queue of Redis. (/metrics/scale reads all jobs that wait, which takes a processor for longer than a decode.)
func backlog(ctx context.Context, rdb *redis.Client, queue string) (int, error) {
	n, err := rdb.LLen(ctx, "asynq:{"+queue+"}:pending").Result()
	return int(n), err
}

// several returns a client of another account on the same server.
func several(ctx context.Context, st *stage) (*neurod.Client, error) {
	c, err := neurod.SignUp(ctx, st.api, "many@example.com", "correct horse battery")
	if err == nil {
		c.HTTP = st.client.HTTP
	}
	return c, err
}

// benchFair times the decodes of one project alone, and while another has 10,000 jobs waiting.
func benchFair(ctx context.Context, opt options, st *stage) error {
	fmt.Printf("\n## Fair: decodes of one project, one after another, while another project has up to %d jobs waiting in the same queue\n", fairWaiting)
	other, err := several(ctx, st)
	if err != nil {
		return err
	}
	return beside(ctx, opt, st, "interactive", func() error {
		return many(ctx, fairWaiting, 16, func(ctx context.Context, k int) error {
			_, err := other.Decode(ctx, requestBody(uint64(k%8)+1), "")
			return err
		})
	})
}

// beside times decodes alone and beside what fill puts into a queue while nobody works it off, in turns, and tells both and where their
// time went.
func beside(ctx context.Context, opt options, st *stage, queue string, fill func() error) error {
	if _, err := paced(ctx, st.client, upTo(50)); err != nil { // warm
		return err
	}
	rdb := redis.NewClient(&redis.Options{Addr: st.redis.Addr()})
	defer rdb.Close()
	var alone, loaded []waited
	waiting, worked := 0, 0
	var working time.Duration
	for round := 0; round < fairRounds && len(loaded) < fairTimed; round++ {
		more, err := paced(ctx, st.client, upTo(fairRound))
		if err != nil {
			return err
		}
		alone = append(alone, more...)
		// Jobs are accepted while workers stand still, so that the worker alone is what is beside the decodes.
		if err := st.stopWorkers(); err != nil {
			return err
		}
		if err := fill(); err != nil {
			return err
		}
		before, err := backlog(ctx, rdb, queue)
		if err != nil {
			return err
		}
		if _, err := startWorker(ctx, opt, st); err != nil {
			return err
		}
		if err := decodeOnce(ctx, st.client, requestBody(2)); err != nil { // it runs
			return err
		}
		from, left := time.Now(), before
		more, err = paced(ctx, st.client, func(done int) (bool, error) {
			if done%fairLook == 0 {
				if left, err = backlog(ctx, rdb, queue); err != nil {
					return false, err
				}
			}
			return left >= fairLeft && len(loaded)+done < fairTimed, nil
		})
		if err != nil {
			return err
		}
		loaded = append(loaded, more...)
		waiting, worked, working = waiting+before, worked+before-left, working+time.Since(from)
		for left > 0 {
			if left, err = backlog(ctx, rdb, queue); err != nil {
				return err
			}
			time.Sleep(200 * time.Millisecond)
		}
	}
	if len(loaded) < fairTimed/2 {
		return fmt.Errorf("%d decodes could be timed before the backlogs were gone", len(loaded))
	}
	a50, a99, b50, b99 := quantile(alone, .5), quantile(alone, .99), quantile(loaded, .5), quantile(loaded, .99)
	fmt.Printf("alone: p50 %s ms, p99 %s ms, n=%d; beside %d waiting jobs (%.0f of them done a second): p50 %s ms, p99 %s ms, n=%d: p99 %.2f times (limit %d: %s)\n",
		ms(a50), ms(a99), len(alone), waiting, float64(worked)/working.Seconds(), ms(b50), ms(b99), len(loaded), float64(b99)/float64(a99), fairTimes, verdict(b99 <= fairTimes*a99))
	for _, of := range []struct {
		name string
		list []waited
	}{{"alone", alone}, {"beside", loaded}} {
		if err := tellSteps(ctx, st, of.name, of.list); err != nil {
			return err
		}
	}
	return nil
}

func quantile(list []waited, q float64) time.Duration {
	took := make([]time.Duration, len(list))
	for i, w := range list {
		took[i] = w.took()
	}
	return percentile(took, q)
}

// tellSteps tells what decodes waited for, by the times that the database has of them: all in the middle, and the slowest twentieth.
func tellSteps(ctx context.Context, st *stage, name string, list []waited) error {
	conn, err := pgx.Connect(ctx, st.pg.DSN())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	slices.SortFunc(list, func(a, b waited) int { return cmp.Compare(a.took(), b.took()) })
	ids, byID := make([]string, len(list)), map[string]waited{}
	for i, w := range list {
		ids[i] = strings.TrimPrefix(w.id, "req_pi_")
		byID[ids[i]] = w
	}
	rows, err := conn.Query(ctx, "SELECT id, created_at, claimed_at, finished_at FROM jobs WHERE id = ANY($1)", ids)
	if err != nil {
		return err
	}
	steps := map[string][4]time.Duration{}
	var id string
	var created, claimed, finished time.Time
	if _, err := pgx.ForEachRow(rows, []any{&id, &created, &claimed, &finished}, func() error {
		w := byID[id]
		steps[id] = [4]time.Duration{created.Sub(w.begin), claimed.Sub(created), finished.Sub(claimed), w.end.Sub(finished)}
		return nil
	}); err != nil {
		return err
	}
	of := func(ids []string) (text string) {
		for k, step := range []string{"sent", "taken by a worker", "decoded", "kept and told"} {
			var sum time.Duration
			for _, id := range ids {
				sum += steps[id][k]
			}
			text += fmt.Sprintf(", %s %s", step, ms(sum/time.Duration(max(1, len(ids)))))
		}
		return text[2:]
	}
	fmt.Printf("  %s, mean ms: %s; of the slowest twentieth: %s\n", name, of(ids), of(ids[len(ids)*19/20:]))
	return nil
}

// startWorker starts another worker process of the stage.
func startWorker(ctx context.Context, opt options, st *stage) (*neurod.Process, error) {
	p, err := neurod.Start(ctx, neurod.Config{Program: opt.neurod, Args: []string{"worker"}, Env: st.env, Worker: true, Log: os.Stderr})
	if err == nil {
		st.procs = append(st.procs, p)
	}
	return p, err
}

// many makes n calls, so many at once.
func many(ctx context.Context, n, at int, call func(context.Context, int) error) error {
	next := make(chan int)
	var group sync.WaitGroup
	var mu sync.Mutex
	var first error
	for range at {
		group.Go(func() {
			for k := range next {
				if err := call(ctx, k); err != nil {
					mu.Lock()
					first = errors.Join(first, err)
					mu.Unlock()
				}
			}
		})
	}
	for k := range n {
		next <- k
	}
	close(next)
	group.Wait()
	return first
}

// benchReserved times decodes that someone waits for, idle and while batches and imports keep every slot that bulk work may have.
func benchReserved(ctx context.Context, opt options, st *stage) error {
	fmt.Printf("\n## Reserved: decodes one after another, idle and while a backlog of %d items of batches and %d imports of an hour is worked off by the same worker\n", fairWaiting, reservedImports)
	other, err := several(ctx, st)
	if err != nil {
		return err
	}
	var items [][]byte
	for k := range fairBatch {
		items = append(items, requestBody(uint64(k%8)+1))
	}
	batch, err := json.Marshal(map[string]any{"items": raws(items)})
	if err != nil {
		return err
	}
	hour := hourEDF(1)
	return beside(ctx, opt, st, "bulk", func() error {
		for range reservedImports {
			if err := importAccepted(ctx, other, hour); err != nil {
				return err
			}
		}
		for range fairWaiting / fairBatch {
			if err := other.Do(ctx, http.MethodPost, "/api/v1/neuro/decode/batch", other.Key, batch, nil, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// stopWorkers ends the worker processes of the stage.
func (st *stage) stopWorkers() error {
	for _, p := range st.procs[1:] {
		if err := p.Stop(30 * time.Second); err != nil {
			return err
		}
	}
	st.procs = st.procs[:1]
	return nil
}

// raws are JSON documents as parts of another.
func raws(list [][]byte) []json.RawMessage {
	out := make([]json.RawMessage, len(list))
	for i, b := range list {
		out[i] = b
	}
	return out
}

// importAccepted sends a recording to be imported, and does not wait for its end.
func importAccepted(ctx context.Context, c *neurod.Client, file []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base+"/v1/sessions/import?external_user_id=u", bytes.NewReader(file))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.Key)
	req.Header.Set("Content-Type", "application/octet-stream")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusAccepted {
		return fmt.Errorf("import: HTTP %d", res.StatusCode)
	}
	return nil
}
