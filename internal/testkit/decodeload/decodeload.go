// Package decodeload sends decodes to a neurod, keeps which of them were accepted, and says what became of those: whether one was lost, or done
// twice.
package decodeload

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/neurod/neurod/internal/testkit/neurod"
)

// Body is a decode of 2 s of 8 channels of noise.
func Body(rng *rand.Rand) []byte {
	raw := make([]byte, 0, 4*8*500)
	for range 8 * 500 {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(10*rng.NormFloat64())))
	}
	b, err := json.Marshal(map[string]any{"input": map[string]any{"type": "eeg", "data": base64.StdEncoding.EncodeToString(raw), "paradigm": "motor_imagery",
		"device": "OpenBCI Cyton", "channels": 8, "sample_rate": 250}})
	if err != nil {
		panic(err) // a map of plain values always encodes
	}
	return b
}

// Tally is what was sent. The zero Tally has sent nothing; it is safe for concurrent use.
type Tally struct {
	mu       sync.Mutex
	accepted []string
	refused  int
	refusal  error
}

// Submit sends a decode and notes whether it was accepted, and returns the job, with no ID where it was refused.
func (t *Tally) Submit(ctx context.Context, c *neurod.Client, body []byte) string {
	j, err := c.Decode(ctx, body, "")
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.refused++
		t.refusal = err
		return ""
	}
	t.accepted = append(t.accepted, j.Data.JobID)
	return j.Data.JobID
}

// Refused returns how many decodes were refused, and why the last one was.
func (t *Tally) Refused() (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused, t.refusal
}

// Outcome is what became of the decodes of a tally, in a database that has no other jobs.
type Outcome struct {
	Accepted, Refused int
	Unfinished        int             // jobs that still waited or ran when it was no longer waited for
	Lost              int             // accepted, and not ended
	Doubled           int             // stored beyond those that were accepted
	Again             int             // jobs that were begun more than once
	Waits             []time.Duration // from acceptance to the first start of a job, sorted
}

// Whole reports whether every accepted decode has ended, once.
func (o Outcome) Whole() bool { return o.Lost == 0 && o.Doubled == 0 && o.Unfinished == 0 }

// Quantile returns a quantile of the waits, 0 where there are none.
func (o Outcome) Quantile(q float64) time.Duration {
	if len(o.Waits) == 0 {
		return 0
	}
	return o.Waits[min(int(q*float64(len(o.Waits))), len(o.Waits)-1)]
}

// Audit waits until no job waits or runs, for so long at most, and says what became of what was accepted.
func (t *Tally) Audit(ctx context.Context, pool *pgxpool.Pool, atMost time.Duration) (Outcome, error) {
	t.mu.Lock()
	accepted := slices.Clone(t.accepted)
	o := Outcome{Accepted: len(t.accepted), Refused: t.refused, Unfinished: -1}
	t.mu.Unlock()
	for deadline := time.Now().Add(atMost); time.Now().Before(deadline) && o.Unfinished != 0; time.Sleep(200 * time.Millisecond) {
		if err := pool.QueryRow(ctx, "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')").Scan(&o.Unfinished); err != nil {
			return o, err
		}
	}
	rows, err := pool.Query(ctx, "SELECT id, state, attempts, extract(epoch FROM started_at - created_at) FROM jobs ORDER BY id")
	if err != nil {
		return o, err
	}
	done, stored := map[string]bool{}, 0
	var id, state string
	var attempts int
	var waited *float64
	if _, err := pgx.ForEachRow(rows, []any{&id, &state, &attempts, &waited}, func() error {
		stored++
		done[id] = state == "completed" || state == "failed"
		if attempts > 1 {
			o.Again++
		}
		if waited != nil {
			o.Waits = append(o.Waits, time.Duration(*waited*float64(time.Second)))
		}
		return nil
	}); err != nil {
		return o, err
	}
	for _, id := range accepted {
		if !done[strings.TrimPrefix(id, "req_pi_")] {
			o.Lost++
		}
	}
	o.Doubled = stored - len(accepted)
	slices.Sort(o.Waits)
	return o, nil
}
