package neurod

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Client calls a neurod server for one project.
type Client struct {
	Base      string
	ProjectID string
	Key       string
	HTTP      *http.Client
}

// Job is the part of a job document that callers here look at.
type Job struct {
	ID          string          `json:"id"`
	Status      string          `json:"status"`
	Attempts    int             `json:"attempts"`
	Output      json.RawMessage `json:"output"`
	Diagnostics json.RawMessage `json:"diagnostics"`
	Error       *struct {
		Code    string         `json:"code"`
		Message string         `json:"message"`
		Details map[string]any `json:"details"`
	} `json:"error"`
	Data struct {
		JobID string `json:"job_id"`
	} `json:"data"`
}

// StatusError is an answer outside 2xx.
type StatusError struct {
	Status int
	Body   []byte
}

func (e *StatusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.Status, e.Body) }

// Do sends one call with the credential given and decodes the JSON answer into out, when out is not nil. A body is JSON
// unless header says otherwise.
func (c *Client) Do(ctx context.Context, method, path, credential string, body []byte, header http.Header, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if body != nil && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	hc := c.HTTP
	if hc == nil {
		hc = http.DefaultClient
	}
	res, err := hc.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return &StatusError{res.StatusCode, b}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

// SignUp makes an account, a project and a key on the server, and returns a client that uses them.
func SignUp(ctx context.Context, base, email, password string) (*Client, error) {
	c := &Client{Base: base}
	cred, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		return nil, err
	}
	if err := c.Do(ctx, http.MethodPost, "/v1/auth/signup", "", cred, nil, nil); err != nil {
		return nil, fmt.Errorf("sign up: %w", err)
	}
	var login struct {
		AccessToken string `json:"access_token"`
	}
	if err := c.Do(ctx, http.MethodPost, "/v1/auth/login", "", cred, nil, &login); err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	var project struct{ ID string }
	if err := c.Do(ctx, http.MethodPost, "/v1/projects", login.AccessToken, []byte(`{"name":"neurod"}`), nil, &project); err != nil {
		return nil, fmt.Errorf("create a project: %w", err)
	}
	var key struct {
		RawKey string `json:"raw_key"`
	}
	if err := c.Do(ctx, http.MethodPost, "/v1/projects/"+project.ID+"/keys", login.AccessToken, []byte(`{"name":"neurod"}`), nil, &key); err != nil {
		return nil, fmt.Errorf("create a key: %w", err)
	}
	c.ProjectID, c.Key = project.ID, key.RawKey
	return c, nil
}

// Decode posts a decode request and returns the accepted job.
func (c *Client) Decode(ctx context.Context, body []byte, idempotencyKey string) (Job, error) {
	var h http.Header
	if idempotencyKey != "" {
		h = http.Header{"Idempotency-Key": {idempotencyKey}}
	}
	var j Job
	err := c.Do(ctx, http.MethodPost, "/api/v1/neuro/decode", c.Key, body, h, &j)
	return j, err
}

// Wait returns the job once it is in a final state, or as it is after the timeout.
func (c *Client) Wait(ctx context.Context, id string, timeout time.Duration, diagnostics bool) (Job, error) {
	q := url.Values{"wait_for_completion": {"true"}, "timeout_seconds": {fmt.Sprint(int(timeout.Seconds()))}}
	if diagnostics {
		q.Set("include", "diagnostics")
	}
	var j Job
	err := c.Do(ctx, http.MethodGet, "/api/v1/jobs/"+url.PathEscape(id)+"?"+q.Encode(), c.Key, nil, nil, &j)
	return j, err
}
