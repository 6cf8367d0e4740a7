//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// hookLoad is the receivers of webhooks: a good one, and one that fails in every way that one can. Every job that has ended must have
// been told to both, each under one webhook-id, and nothing that has not.
type hookLoad struct {
	server *http.Server
	mu     sync.Mutex
	told   map[string]map[string]map[string]int // receiver, job, webhook-id: how often
	broken int                                  // requests that the bad receiver did not take
}

// hookKinds are the events that they are told of.
var hookKinds = []string{"job.completed", "job.failed", "job.canceled"}

// startHooks makes the receivers, and a webhook to each.
func startHooks(ctx context.Context, l *load) (*hookLoad, error) {
	h := &hookLoad{told: map[string]map[string]map[string]int{"good": {}, "bad": {}}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h.server = &http.Server{Handler: http.HandlerFunc(h.receive), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = h.server.Serve(listener) }()
	for name := range h.told {
		body, err := json.Marshal(map[string]any{"url": "http://" + listener.Addr().String() + "/" + name, "events": hookKinds})
		if err != nil {
			return nil, err
		}
		var made struct{}
		if err := l.client.Do(ctx, http.MethodPost, "/api/v1/webhooks", l.client.Key, body, nil, &made); err != nil {
			return nil, fmt.Errorf("make a webhook: %w", err)
		}
	}
	return h, nil
}

func (h *hookLoad) receive(w http.ResponseWriter, r *http.Request) {
	var e struct {
		Data struct {
			JobID string `json:"job_id"`
		} `json:"data"`
	}
	b, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(b, &e) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "bad" {
		if fault := rand.IntN(8); fault < 4 {
			h.mu.Lock()
			h.broken++
			h.mu.Unlock()
			switch fault {
			case 0:
				w.WriteHeader(http.StatusServiceUnavailable)
			case 1:
				w.Header().Set("Location", "/good")
				w.WriteHeader(http.StatusTemporaryRedirect)
			case 2:
				panic(http.ErrAbortHandler)
			case 3:
				time.Sleep(500 * time.Millisecond)
				w.WriteHeader(http.StatusInternalServerError)
			}
			return
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	jobs := h.told[name]
	if jobs[e.Data.JobID] == nil {
		jobs[e.Data.JobID] = map[string]int{}
	}
	jobs[e.Data.JobID][r.Header.Get("webhook-id")]++
}

// hookReport is what came of it.
type hookReport struct {
	ended, attempts, again, broken int
	lost, doubled, madeUp          int
}

// hooksTimeout is how long the last events may take once the jobs have ended.
const hooksTimeout = 2 * time.Minute

// check waits for the last events, with the pauses between attempts taken out, and counts.
func (h *hookLoad) check(ctx context.Context, a *audit) (r hookReport, err error) {
	defer h.server.Close()
	for end := time.Now().Add(hooksTimeout); time.Now().Before(end); {
		var pending int
		if err := a.pool.QueryRow(ctx, "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'").Scan(&pending); err != nil {
			return r, err
		}
		if pending == 0 {
			break
		}
		// What runs has put its time ahead by its lease of a minute, as what was lost has: only what waits for its pause is made due.
		if _, err := a.pool.Exec(ctx, `UPDATE webhook_deliveries d SET next_attempt_at = now() WHERE state = 'pending' AND next_attempt_at > now()
			AND EXISTS (SELECT 1 FROM webhook_attempts t WHERE t.delivery_id = d.id AND t.attempt = d.attempts AND (t.duration_ms IS NOT NULL OR t.started_at < now() - interval '30 seconds'))`); err != nil {
			return r, err
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return r, ctx.Err()
		}
	}
	if err := a.pool.QueryRow(ctx, "SELECT count(*) FROM webhook_attempts").Scan(&r.attempts); err != nil {
		return r, err
	}
	rows, err := a.pool.Query(ctx, `SELECT id FROM jobs WHERE finished_at IS NOT NULL AND parent_id IS NULL AND NOT (kind = 'session_windows' AND state = 'completed')`)
	if err != nil {
		return r, err
	}
	defer rows.Close()
	ended := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return r, err
		}
		ended[id] = true
	}
	r.ended = len(ended)
	h.mu.Lock()
	defer h.mu.Unlock()
	r.broken = h.broken
	for _, jobs := range h.told {
		for id := range ended {
			if len(jobs[id]) == 0 {
				r.lost++
			}
		}
		for id, ids := range jobs {
			if !ended[id] {
				r.madeUp++ // or erased since: erasures take their jobs along, see print
			}
			if len(ids) > 1 {
				r.doubled++
			}
			for _, n := range ids {
				r.again += n - 1
			}
		}
	}
	return r, rows.Err()
}

// print tells, and reports whether the promise was kept. Jobs that were erased after they had been told are not there to compare with.
func (r hookReport) print() bool {
	fmt.Printf("\nwebhooks: %d jobs ended; %d attempts to two receivers, %d of them refused, dropped or redirected by the bad one, %d events taken more than once, %d of jobs erased since\n",
		r.ended, r.attempts, r.broken, r.again, r.madeUp)
	fmt.Printf("  %-38s %d\n  %-38s %d\n", "events lost", r.lost, "events under two ids", r.doubled)
	return r.lost == 0 && r.doubled == 0
}
