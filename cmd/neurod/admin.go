package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// adminCmd is an operator's way to a running server, over its API.
type adminCmd struct {
	Queues  adminQueuesCmd  `cmd:"" help:"How many jobs wait and why."`
	Pause   adminPauseCmd   `cmd:"" help:"Have no worker take jobs of a queue."`
	Resume  adminResumeCmd  `cmd:"" help:"Have workers take jobs of a queue again."`
	Jobs    adminJobsCmd    `cmd:"" help:"List jobs of all projects."`
	Job     adminJobCmd     `cmd:"" help:"Show a job with its attempts, and retry, cancel or discard it."`
	Workers adminWorkersCmd `cmd:"" help:"List the processes and what each runs."`
	Scale   adminScaleCmd   `cmd:"" help:"How many workers there should be and why, and what supervisors of workers did."`
}

// server is where and as whom a command acts.
type server struct {
	URL   string `name:"url" env:"NEUROD_URL" default:"http://localhost:8000" help:"Address of the server."`
	Email string `env:"NEUROD_EMAIL" help:"E-mail address of the operator. The password is NEUROD_PASSWORD, or the first line of standard input."`
	Token string `env:"NEUROD_TOKEN" help:"Access token of the operator, instead of e-mail and password."`
	JSON  bool   `name:"json" help:"Print what the server answers."`
}

// adminTimeout is longer than any answer of an operator's takes.
const adminTimeout = time.Minute

// call asks the server and returns its answer.
func (s *server) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	if s.Token == "" {
		if err := s.login(ctx); err != nil {
			return nil, err
		}
	}
	return s.send(ctx, method, path, body)
}

// login gets an access token.
func (s *server) login(ctx context.Context) error {
	if s.Email == "" {
		return errors.New("who are you? Give --email and NEUROD_PASSWORD, or --token")
	}
	password, given := os.LookupEnv("NEUROD_PASSWORD")
	if !given {
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, maxPasswordLine)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the password: %w", err)
		}
		password = strings.TrimRight(line, "\r\n")
	}
	b, err := s.send(ctx, http.MethodPost, "/v1/auth/login", map[string]string{"email": s.Email, "password": password})
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	var login struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(b, &login); err != nil || login.AccessToken == "" {
		return errors.New("log in: the server's answer has no access token; is it neurod?")
	}
	s.Token = login.AccessToken
	return nil
}

func (s *server) send(ctx context.Context, method, path string, body any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(s.URL, "/")+path, r)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode < 300 {
		return b, nil
	}
	var fault struct {
		Detail string `json:"detail"` // of problems
		Error  struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(b, &fault); err == nil && fault.Error.Message+fault.Detail != "" {
		return nil, errors.New(fault.Error.Message + fault.Detail)
	}
	return nil, fmt.Errorf("%s answers %s", s.URL, res.Status)
}

// show prints an answer: as it is, or as rows of a table.
func (s *server) show(answer []byte, head string, rows func(w io.Writer) error) error {
	if s.JSON {
		_, err := os.Stdout.Write(answer)
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if head != "" {
		fmt.Fprintln(w, head)
	}
	if err := rows(w); err != nil {
		return err
	}
	return w.Flush()
}

type adminQueuesCmd struct {
	server `embed:""`
}

// Run lists the queues.
func (c adminQueuesCmd) Run(ctx context.Context) error {
	b, err := c.call(ctx, http.MethodGet, "/api/v1/admin/queues", nil)
	if err != nil {
		return err
	}
	return c.showQueues(b)
}

func (s *server) showQueues(answer []byte) error {
	return s.show(answer, "QUEUE\tPENDING\tSCHEDULED\tRETRYING\tRUNNING\tDEAD\tLATENCY\tPAUSED", func(w io.Writer) error {
		var doc struct {
			Data []struct {
				Queue                                       string
				Pending, Scheduled, Retrying, Running, Dead int
				Latency                                     float64 `json:"latency_seconds"`
				Paused                                      *struct{ At string }
			}
		}
		if err := json.Unmarshal(answer, &doc); err != nil {
			return err
		}
		for _, q := range doc.Data {
			paused := ""
			if q.Paused != nil {
				paused = "since " + q.Paused.At
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f s\t%s\n", q.Queue, q.Pending, q.Scheduled, q.Retrying, q.Running, q.Dead, q.Latency, paused)
		}
		return nil
	})
}

type adminPauseCmd struct {
	Queue  string `arg:"" enum:"interactive,bulk" help:"interactive or bulk."`
	server `embed:""`
}

// Run pauses a queue.
func (c adminPauseCmd) Run(ctx context.Context) error {
	b, err := c.call(ctx, http.MethodPost, "/api/v1/admin/queues/"+c.Queue+"/pause", nil)
	if err != nil {
		return err
	}
	return c.showQueues(b)
}

type adminResumeCmd struct {
	Queue  string `arg:"" enum:"interactive,bulk" help:"interactive or bulk."`
	server `embed:""`
}

// Run has a queue go on.
func (c adminResumeCmd) Run(ctx context.Context) error {
	b, err := c.call(ctx, http.MethodPost, "/api/v1/admin/queues/"+c.Queue+"/resume", nil)
	if err != nil {
		return err
	}
	return c.showQueues(b)
}

// listedJob is what a list of jobs shows of one.
type listedJob struct {
	ID        string
	Project   string `json:"project_name"`
	ProjectID string `json:"project_id"`
	Kind      string
	State     string
	Attempts  int
	ErrorCode *string `json:"error_code"`
	CreatedAt string  `json:"created_at"`
}

type adminJobsCmd struct {
	State     []string `help:"Only these states: queued, running, completed, failed, canceled."`
	Kind      []string `help:"Only these kinds, such as neuro_decode."`
	Project   string   `help:"Only those of the project with this id."`
	ErrorCode string   `help:"Only those that failed with this code."`
	Worker    string   `help:"Only those that this worker held last."`
	Dead      bool     `help:"Only dead letters."`
	Limit     int      `default:"50" help:"At most so many, up to 200."`
	Cursor    string   `help:"Go on behind a page."`
	server    `embed:""`
}

// Run lists jobs.
func (c adminJobsCmd) Run(ctx context.Context) error {
	q := url.Values{"limit": {fmt.Sprint(c.Limit)}}
	for name, value := range map[string]string{"state": strings.Join(c.State, ","), "kind": strings.Join(c.Kind, ","), "job_project_id": c.Project,
		"error_code": c.ErrorCode, "worker": c.Worker, "cursor": c.Cursor} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if c.Dead {
		q.Set("dead", "true")
	}
	b, err := c.call(ctx, http.MethodGet, "/api/v1/admin/jobs?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	return c.show(b, "ID\tPROJECT\tKIND\tSTATE\tATTEMPTS\tERROR\tCREATED", func(w io.Writer) error {
		var doc struct {
			Data []listedJob
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			return err
		}
		for _, j := range doc.Data {
			code := ""
			if j.ErrorCode != nil {
				code = *j.ErrorCode
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", j.ID, printable(j.Project), j.Kind, j.State, j.Attempts, printable(code), j.CreatedAt)
		}
		if doc.Next != nil {
			fmt.Fprintf(w, "more with --cursor %s\n", *doc.Next)
		}
		return nil
	})
}

// printable returns what somebody has named something without what a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

type adminJobCmd struct {
	ID     string `arg:"" help:"Id of the job."`
	Do     string `enum:"show,retry,cancel,discard" default:"show" help:"show, retry (a job like it is made), cancel, or discard (it is no dead letter any more)."`
	server `embed:""`
}

// Run shows a job, or does something to it.
func (c adminJobCmd) Run(ctx context.Context) error {
	path := "/api/v1/admin/jobs/" + url.PathEscape(c.ID)
	method := http.MethodGet
	if c.Do != "show" {
		method, path = http.MethodPost, path+"/"+c.Do
	}
	b, err := c.call(ctx, method, path, nil)
	if err != nil {
		return err
	}
	return c.show(b, "", func(w io.Writer) error {
		var job struct {
			listedJob
			Message  *string `json:"error_message"`
			Started  *string `json:"started_at"`
			Finished *string `json:"finished_at"`
			Attempts []struct {
				Attempt                int
				Worker, Outcome, Error string
				StartedAt              *string `json:"started_at"`
				EndedAt                *string `json:"ended_at"`
			} `json:"attempt_list"`
		}
		if err := json.Unmarshal(b, &job); err != nil {
			return err
		}
		or := func(s *string) string {
			if s == nil {
				return "-"
			}
			return printable(*s)
		}
		fmt.Fprintf(w, "job\t%s\nproject\t%s (%s)\nkind\t%s\nstate\t%s\nerror\t%s %s\ncreated\t%s\nstarted\t%s\nfinished\t%s\n", job.ID, printable(job.Project), job.ProjectID, job.Kind, job.State,
			or(job.ErrorCode), or(job.Message), job.CreatedAt, or(job.Started), or(job.Finished))
		for _, a := range job.Attempts {
			fmt.Fprintf(w, "attempt %d\t%s to %s, %s, %s %s\n", a.Attempt, or(a.StartedAt), or(a.EndedAt), a.Outcome, printable(a.Worker), printable(a.Error))
		}
		return nil
	})
}

type adminWorkersCmd struct {
	server `embed:""`
}

// Run lists the processes.
func (c adminWorkersCmd) Run(ctx context.Context) error {
	b, err := c.call(ctx, http.MethodGet, "/api/v1/admin/workers", nil)
	if err != nil {
		return err
	}
	return c.show(b, "HOST\tPID\tROLE\tVERSION\tSTATE\tRUNS\tSLOTS\tSINCE\tSEEN", func(w io.Writer) error {
		var doc struct {
			Data []struct {
				Host, Role, Version, State string
				Pid, Running, Slots        int
				StartedAt                  string `json:"started_at"`
				SeenAt                     string `json:"seen_at"`
			}
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			return err
		}
		for _, p := range doc.Data {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n", p.Host, p.Pid, p.Role, p.Version, p.State, p.Running, p.Slots, p.StartedAt, p.SeenAt)
		}
		return nil
	})
}

type adminScaleCmd struct {
	Limit  int    `default:"20" help:"At most so many events, up to 200."`
	Cursor string `help:"Go on behind a page of events."`
	server `embed:""`
}

// Run shows how many workers there should be, and the latest scale events.
func (c adminScaleCmd) Run(ctx context.Context) error {
	q := url.Values{"limit": {fmt.Sprint(c.Limit)}}
	if c.Cursor != "" {
		q.Set("cursor", c.Cursor)
	}
	b, err := c.call(ctx, http.MethodGet, "/api/v1/admin/scale?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	return c.show(b, "", func(w io.Writer) error {
		var doc struct {
			Scale struct {
				Need, Wanted, Workers, Draining int
				Reason                          string
				Slots                           int `json:"slots_per_worker"`
				Queues                          map[string]struct {
					Backlog, Running int
					Oldest           float64 `json:"oldest_age_seconds"`
					Busy             float64 `json:"busy_slots"`
					Rate             float64 `json:"ended_per_second"`
					P50              float64 `json:"service_p50_ms"`
					Paused           bool
				}
			}
			Data []struct {
				At, Kind, Host, Reason string
				From                   int `json:"workers_from"`
				To                     int `json:"workers_to"`
				Need                   int
			}
			Next *string `json:"next_cursor"`
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			return err
		}
		s := doc.Scale
		fmt.Fprintf(w, "workers\t%d of %d slots, and %d that drain\nwanted\t%d (needed now: %d)\nwhy\t%s\n\n", s.Workers, s.Slots, s.Draining, s.Wanted, s.Need, printable(s.Reason))
		fmt.Fprintln(w, "QUEUE\tWAITING\tOLDEST\tRUNNING\tBUSY SLOTS\tENDED\tMEDIAN\tPAUSED")
		for _, name := range slices.Sorted(maps.Keys(s.Queues)) {
			q := s.Queues[name]
			paused := ""
			if q.Paused {
				paused = "yes"
			}
			fmt.Fprintf(w, "%s\t%d\t%.1f s\t%d\t%.1f\t%.1f/s\t%.0f ms\t%s\n", name, q.Backlog, q.Oldest, q.Running, q.Busy, q.Rate, q.P50, paused)
		}
		fmt.Fprintln(w, "\nWHEN\tWHAT\tWORKERS\tNEEDED\tHOST\tWHY")
		for _, e := range doc.Data {
			fmt.Fprintf(w, "%s\t%s\t%d to %d\t%d\t%s\t%s\n", e.At, e.Kind, e.From, e.To, e.Need, printable(e.Host), printable(e.Reason))
		}
		if len(doc.Data) == 0 {
			fmt.Fprintln(w, "no events: nobody keeps workers (neurod workers, neurod serve --max)")
		}
		if doc.Next != nil {
			fmt.Fprintf(w, "more with --cursor %s\n", *doc.Next)
		}
		return nil
	})
}
