//go:build unix

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/testkit/neurod"
)

// benchWhere tells where the time of a decode goes, by process, and compares two programs where two are given.
func benchWhere(ctx context.Context, opt options) error {
	fmt.Printf("\n## Processor time of a decode by process: %d closed-loop clients, 8 channels × 4 s motor imagery\n", opt.clients)
	programs := []string{opt.neurod}
	if opt.beside != "" {
		programs = []string{opt.beside, opt.neurod}
	}
	totals := make([][]float64, len(programs))
	for round := range opt.rounds {
		for i, program := range programs {
			opt.neurod = program
			measure := func(ctx context.Context, opt options, d *deployment, c *neurod.Client, spent func(context.Context) (spent, error)) error {
				if _, _, err := closedLoop(ctx, c, opt.clients, time.Second); err != nil { // warm
					return err
				}
				before, err := spent(ctx)
				if err != nil {
					return err
				}
				rate, lat, err := closedLoop(ctx, c, opt.clients, opt.load)
				if err != nil {
					return err
				}
				after, err := spent(ctx)
				if err != nil {
					return err
				}
				fmt.Printf("%s, %s, round %d: %.0f decodes/s, p50 %s ms; ", program, d.name, round+1, rate, ms(percentile(lat, .5)))
				totals[i] = append(totals[i], tellWhere(before, after, len(lat)))
				return nil
			}
			var err error
			if opt.pair == "embedded" {
				err = onEmbedded(ctx, opt, func(ctx context.Context, opt options, d *deployment, c *neurod.Client) error {
					return measure(ctx, opt, d, c, func(context.Context) (used spent, err error) {
						own, err := processorTime()
						used.processors[0], used.processors[4] = cpuOf(d.own), own.Seconds()
						return used, err
					})
				})
			} else {
				err = onStage(ctx, opt, func(ctx context.Context, opt options, s *stage) error {
					return measure(ctx, opt, s.deployment, s.client, s.spent)
				})
			}
			if err != nil {
				return err
			}
		}
	}
	for i, program := range programs {
		fmt.Printf("%s: median %.0f µs a decode\n", program, median(totals[i]))
	}
	return nil
}

// benchTurns compares the latency of two programs, each on stores of its own: a decode by one and a decode by the other in turns, so that
// what else the machine does delays both.
func benchTurns(ctx context.Context, opt options) error {
	if opt.beside == "" {
		return nil // there is nothing to compare with
	}
	fmt.Println("\n## Latency of two programs in turns: POST to result through wait, 8 channels × 4 s motor imagery, PostgreSQL+Redis")
	beside := opt
	beside.neurod = opt.beside
	return onStage(ctx, opt, func(ctx context.Context, opt options, ours *stage) error {
		return onStage(ctx, beside, func(ctx context.Context, _ options, theirs *stage) error {
			body := requestBody(1)
			const warm = 20
			var times [2][]time.Duration
			var ratios []float64
			for i := range opt.requests + warm {
				var took [2]time.Duration
				for k := range took {
					side := (i + k) % 2 // each goes first as often
					start := time.Now()
					if err := decodeOnce(ctx, []*stage{ours, theirs}[side].client, body); err != nil {
						return err
					}
					took[side] = time.Since(start)
				}
				if i < warm {
					continue
				}
				for side := range took {
					times[side] = append(times[side], took[side])
				}
				ratios = append(ratios, float64(took[0])/float64(took[1]))
			}
			fmt.Printf("%s p50 %s ms, %s p50 %s ms; of two calls after each other the former took %.2f of the latter at the median, n=%d\n", opt.neurod, ms(percentile(times[0], .5)),
				opt.beside, ms(percentile(times[1], .5)), median(ratios), len(ratios))
			return nil
		})
	})
}

// spent is what the processes of a stage, and this one, have used so far.
type spent struct {
	processors [5]float64 // s: API, worker, PostgreSQL, Redis, and the clients, which are this process
	commits    float64    // transactions of PostgreSQL
	wal        float64    // bytes that it wrote ahead
	commands   float64    // that Redis was given
}

// spenders name the processors of spent.
var spenders = [...]string{"API", "worker", "PostgreSQL", "Redis", "clients"}

// spent reads what was used so far.
func (s *stage) spent(ctx context.Context) (used spent, err error) {
	conn, err := pgx.Connect(ctx, s.pg.DSN())
	if err != nil {
		return used, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if err := conn.QueryRow(ctx, "SELECT sum(xact_commit)::float8, (pg_current_wal_insert_lsn() - '0/0')::float8 FROM pg_stat_database").Scan(&used.commits, &used.wal); err != nil {
		return used, err
	}
	rdb := redis.NewClient(&redis.Options{Addr: s.redis.Addr()})
	defer rdb.Close()
	stats, err := rdb.Info(ctx, "stats").Result()
	if err != nil {
		return used, err
	}
	for line := range strings.Lines(stats) {
		if n, found := strings.CutPrefix(line, "total_commands_processed:"); found {
			if used.commands, err = strconv.ParseFloat(strings.TrimSpace(n), 64); err != nil {
				return used, err
			}
		}
	}
	own, err := processorTime()
	if err != nil {
		return used, err
	}
	four := s.processors()
	copy(used.processors[:], four[:])
	used.processors[4] = own.Seconds()
	return used, nil
}

// tellWhere prints what each of so many decodes between two readings took, by process, and returns it, all together, in µs.
func tellWhere(from, to spent, decodes int) float64 {
	each := func(a, b float64) float64 { return (b - a) / float64(max(decodes, 1)) }
	total := 0.0
	var b strings.Builder
	for i, name := range spenders {
		us := each(from.processors[i], to.processors[i]) * 1e6
		total += us
		fmt.Fprintf(&b, "%s %.0f, ", name, us)
	}
	fmt.Printf("processor time of a decode, µs: %stogether %.0f; %.2f transactions, %.1f kB of write-ahead log, %.1f commands of Redis\n", b.String(), total,
		each(from.commits, to.commits), each(from.wal, to.wal)/1000, each(from.commands, to.commands))
	return total
}
