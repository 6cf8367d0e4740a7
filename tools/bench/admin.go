//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/neurod/neurod/internal/testkit/jobtable"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

// What operators look at.
const (
	adminCalls = 40 // of each page
	adminLimit = 300 * time.Millisecond
)

var adminTable = jobtable.Config{Jobs: 100_000, Dead: 10_000, Waiting: 10_000, Projects: 50}

// benchAdmin times every page of operators with many jobs in the table, and has the dead ones made again.
func benchAdmin(ctx context.Context, opt options) error {
	fmt.Printf("\n## Operators: %d jobs, %d of them dead letters and %d waiting, %d calls of each page\n", adminTable.Jobs, adminTable.Dead, adminTable.Waiting, adminCalls)
	if opt.pair != "embedded" {
		err := onStage(ctx, opt, func(ctx context.Context, _ options, s *stage) error {
			return adminPages(ctx, s.deployment, s.client, s.pg.DSN())
		})
		if err != nil || opt.pair == "production" {
			return err
		}
	}
	return onEmbedded(ctx, opt, func(ctx context.Context, _ options, d *deployment, c *neurod.Client) error {
		return adminPages(ctx, d, c, filepath.Join(d.data, "neurod.db"))
	})
}

// operator calls the API as one.
type operator struct {
	client *neurod.Client
	token  string
}

func (o operator) call(ctx context.Context, method, path string, body, out any) error {
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return err
		}
	}
	if err := o.client.Do(ctx, method, "/api/v1/admin/"+path, o.token, b, nil, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// adminPages fills the table beside the service, times the pages, and has the dead jobs made again.
func adminPages(ctx context.Context, d *deployment, c *neurod.Client, database string) error {
	table, err := jobtable.Open(database)
	if err != nil {
		return err
	}
	defer table.Close()
	if err := table.Operators(ctx); err != nil {
		return err
	}
	var login struct {
		AccessToken string `json:"access_token"`
	}
	if err := c.Do(ctx, http.MethodPost, "/v1/auth/login", "", []byte(`{"email":"`+benchMail+`","password":"`+benchPassword+`"}`), nil, &login); err != nil {
		return err
	}
	who := operator{c, login.AccessToken}
	for _, queue := range []string{"interactive", "bulk"} { // what waits stays
		if err := who.call(ctx, http.MethodPost, "queues/"+queue+"/pause", nil, nil); err != nil {
			return err
		}
	}
	last, err := table.Fill(ctx, adminTable)
	if err != nil {
		return err
	}
	if err := timePages(ctx, d, who, c.ProjectID, last); err != nil {
		return err
	}
	return retryAll(ctx, d, who, table, last)
}

// timePages times each page that operators have. Filters are those that find much, little and nothing.
func timePages(ctx context.Context, d *deployment, who operator, project, job string) error {
	pages := []string{"queues", "stats?period=1h", "stats?period=24h", "stats?period=7d", "workers", "dead-letters", "load", "system", "audit", "actions", "projects", "jobs/" + job}
	for _, filter := range []string{"", "&state=queued", "&state=running", "&state=canceled", "&state=failed&kind=neuro_decode", "&kind=model_train", "&queue=bulk&state=queued", "&queue=bulk",
		"&job_project_id=" + project, "&error_code=retries_exhausted", "&error_code=worker_lost", "&dead=true", "&dead=true&kind=model_train", "&dead=false&attempts=3", "&attempts=3",
		"&worker=nobody", "&worker=host:1:a-worker-of-then", "&created_before=2000-01-01T00:00:00Z", "&id=" + job} {
		pages = append(pages, "jobs?limit=50"+filter)
	}
	worst := time.Duration(0)
	for _, page := range pages {
		var times []time.Duration
		for range adminCalls {
			begin := time.Now()
			if err := who.call(ctx, http.MethodGet, page, nil, nil); err != nil {
				return err
			}
			times = append(times, time.Since(begin))
		}
		p95 := percentile(times, .95)
		worst = max(worst, p95)
		fmt.Printf("%s: %-48s p50 %7s ms, p95 %7s ms\n", d.name, strings.NewReplacer(job, "ID", project, "ID").Replace(page), ms(percentile(times, .5)), ms(p95))
	}
	var count []time.Duration
	for _, filter := range []map[string]any{{}, {"dead": true}, {"error_code": "retries_exhausted"}, {"worker": "nobody"}} {
		for range adminCalls / 4 {
			begin := time.Now()
			if err := who.call(ctx, http.MethodPost, "actions", map[string]any{"action": "retry", "filter": filter, "dry_run": true}, nil); err != nil {
				return err
			}
			count = append(count, time.Since(begin))
		}
	}
	p95 := percentile(count, .95)
	worst = max(worst, p95)
	fmt.Printf("%s: %-48s p50 %7s ms, p95 %7s ms\n", d.name, "actions, counted first", ms(percentile(count, .5)), ms(p95))
	fmt.Printf("%s: the slowest has p95 %s ms (limit %d: %s)\n", d.name, ms(worst), adminLimit.Milliseconds(), verdict(worst <= adminLimit))
	return nil
}

// retryAll has every dead job made again, and counts what came of it.
func retryAll(ctx context.Context, d *deployment, who operator, table *jobtable.Table, last string) error {
	var action struct {
		ID                   string
		State                string
		Total, Done, Skipped int
	}
	begin := time.Now()
	if err := who.call(ctx, http.MethodPost, "actions", map[string]any{"action": "retry"}, &action); err != nil {
		return err
	}
	for action.State != "completed" {
		time.Sleep(50 * time.Millisecond)
		if err := who.call(ctx, http.MethodGet, "actions/"+action.ID, nil, &action); err != nil {
			return err
		}
	}
	took := time.Since(begin)
	made, err := table.Retries(ctx, last)
	if err != nil {
		return err
	}
	n := adminTable.Dead
	fmt.Printf("%s: %d dead jobs made again in %.1f s: %d done, %d skipped, %d new jobs (%s: none lost, none doubled)\n", d.name, action.Total, took.Seconds(), action.Done, action.Skipped, made.Later,
		verdict(action.Done == n && action.Skipped == 0 && made == jobtable.Retries{Marked: n, Distinct: n, There: n, Later: n}))
	return nil
}
