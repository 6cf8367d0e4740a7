//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/neurod/neurod/internal/testkit/jobtable"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

// What an operator makes again at the end.
const (
	deadLetters  = 10_000
	retryTimeout = 3 * time.Minute
)

// retried is what came of dead letters that an operator had made again while the processes that do it and the workers that run them were killed.
type retried struct {
	done, skipped int // as the operator is told
	made          jobtable.Retries
	took          time.Duration
}

// bulkRetry has dead letters made again, and kills one API and one worker after the other meanwhile.
func bulkRetry(ctx context.Context, c *cluster) (r retried, err error) {
	const mail, password = "operator@example.com", "correct horse battery"
	client, err := neurod.SignUp(ctx, c.url(), mail, password)
	if err != nil {
		return r, err
	}
	table, err := jobtable.Open(c.pg.URL("postgres"))
	if err != nil {
		return r, err
	}
	defer table.Close()
	if err := table.Operators(ctx); err != nil {
		return r, err
	}
	var login struct {
		AccessToken string `json:"access_token"`
	}
	if err := client.Do(ctx, http.MethodPost, "/v1/auth/login", "", []byte(`{"email":"`+mail+`","password":"`+password+`"}`), nil, &login); err != nil {
		return r, err
	}
	// One like which the dead letters are: it fails at once by what it is given.
	like, err := client.Decode(ctx, []byte(`{"input":{"type":"eeg","paradigm":"motor_imagery","device":"cyton","sample_rate":250,"channels":8,"data":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}`), "")
	if err != nil {
		return r, err
	}
	if _, err := client.Wait(ctx, like.Data.JobID, 30*time.Second, false); err != nil {
		return r, err
	}
	last, err := table.Fill(ctx, jobtable.Config{Jobs: deadLetters, Dead: deadLetters, Projects: 1, Like: like.Data.JobID})
	if err != nil {
		return r, err
	}
	before, err := table.Retries(ctx, last)
	if err != nil {
		return r, err
	}
	start := time.Now()
	var action struct {
		ID, State     string
		Done, Skipped int
	}
	ask := func(method, path string, body any) error {
		var b []byte
		if body != nil {
			if b, err = json.Marshal(body); err != nil {
				return err
			}
		}
		client.Base = c.url() // one that is down at the moment is asked again
		return client.Do(ctx, method, "/api/v1/admin/actions"+path, login.AccessToken, b, nil, &action)
	}
	if err := ask(http.MethodPost, "", map[string]any{"action": "retry"}); err != nil {
		return r, err
	}
	for i := range replicas {
		if err := until(ctx, func() (bool, error) {
			r.made, err = table.Retries(ctx, last)
			return r.made.Marked-before.Marked >= (2*i+1)*deadLetters/4, err
		}); err != nil {
			return r, err
		}
		c.api(i).Kill()
		c.worker(i).Kill()
		if err := c.startAPI(ctx, i); err != nil {
			return r, err
		}
		if err := c.startWorker(ctx, i); err != nil {
			return r, err
		}
	}
	if err := until(ctx, func() (bool, error) {
		_ = ask(http.MethodGet, "/"+action.ID, nil)
		r.made, err = table.Retries(ctx, last)
		return action.State == "completed" && r.made.Ended-before.Ended >= deadLetters, err
	}); err != nil {
		return r, err
	}
	r.done, r.skipped, r.took = action.Done, action.Skipped, time.Since(start)
	r.made = jobtable.Retries{Marked: r.made.Marked - before.Marked, Distinct: r.made.Distinct - before.Distinct, There: r.made.There - before.There,
		Ended: r.made.Ended - before.Ended, Later: r.made.Later - before.Later}
	return r, nil
}

// until waits for something, for a while.
func until(ctx context.Context, done func() (bool, error)) error {
	for end := time.Now().Add(retryTimeout); time.Now().Before(end); {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil // what is missing is counted
}

// print says what came of it, and whether each was made again once.
func (r retried) print() bool {
	n := deadLetters
	ok := r.done == n && r.skipped == 0 && r.made == jobtable.Retries{Marked: n, Distinct: n, There: n, Ended: n, Later: n}
	fmt.Printf("dead letters made again by an operator, two APIs and two workers killed meanwhile: %d of %d in %.0fs, %d skipped; jobs made %d, lost %d, doubled %d\n",
		r.done, n, r.took.Seconds(), r.skipped, r.made.Later, n-r.made.Ended, r.made.Later-r.made.Distinct)
	return ok
}
