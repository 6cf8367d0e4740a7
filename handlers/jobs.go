package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/models"
)

// jobDocument is what callers see of a job.
type jobDocument struct {
	ID         string          `json:"id"`
	Object     string          `json:"object"`
	Kind       models.JobKind  `json:"kind"`
	Status     models.JobState `json:"status"`
	CreatedAt  int64           `json:"created_at"` // Unix seconds, as all times of a job
	StartedAt  *int64          `json:"started_at"`
	FinishedAt *int64          `json:"finished_at"`
	Attempts   int             `json:"attempts"`
	Data       jobData         `json:"data"`

	Output      json.RawMessage `json:"output,omitempty"`
	Error       *jobError       `json:"error,omitempty"`
	Diagnostics json.RawMessage `json:"diagnostics,omitempty"`
	Batch       *batchDocument  `json:"batch,omitempty"`
}

// jobData has the output and the error as well, where other pages of the decode document's service have them.
type jobData struct {
	JobID    string      `json:"job_id"`
	ParentID *string     `json:"parent_id,omitempty"`
	Index    *int        `json:"index,omitempty"`
	Payload  *jobPayload `json:"payload,omitempty"`
	ErrorLog *jobError   `json:"error_log,omitempty"`
}

type jobPayload struct {
	Output json.RawMessage `json:"output"`
}

type jobError struct {
	Type    string          `json:"type"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Details json.RawMessage `json:"details,omitempty"`
}

// batchDocument accounts for every item: the four counts add up to total.
type batchDocument struct {
	Total     int         `json:"total"`
	Completed int         `json:"completed"`
	Failed    int         `json:"failed"`
	Canceled  int         `json:"canceled"`
	Pending   int         `json:"pending"` // queued or running
	Items     []batchItem `json:"items"`
}

type batchItem struct {
	Index  int             `json:"index"`
	ID     string          `json:"id"`
	JobID  string          `json:"job_id"`
	Status models.JobState `json:"status"`
	Output json.RawMessage `json:"output,omitempty"`
	Error  *jobError       `json:"error,omitempty"`
}

func documentOf(v decoding.JobView, diagnostics bool) jobDocument {
	j := &v.Job
	d := jobDocument{
		ID:         models.RequestID(j.ID),
		Object:     "job",
		Kind:       j.Kind,
		Status:     j.State,
		CreatedAt:  j.CreatedAt.Unix(),
		StartedAt:  unix(j.StartedAt),
		FinishedAt: unix(j.FinishedAt),
		Attempts:   j.Attempts,
		Data:       jobData{JobID: j.ID, ParentID: j.ParentID, Index: j.ItemIndex},
		Output:     j.Output,
		Error:      errorOf(j),
	}
	d.Data.ErrorLog = d.Error
	if len(j.Output) > 0 {
		d.Data.Payload = &jobPayload{j.Output}
	}
	if len(j.Diagnostics) > 0 && (diagnostics || wantsDiagnostics(j.Request)) {
		d.Diagnostics = j.Diagnostics
	}
	if v.Items != nil {
		d.Batch = batchOf(v.Items, true)
	}
	return d
}

// wantsDiagnostics reports whether the request itself asked for diagnostics (output.include_diagnostics).
func wantsDiagnostics(request json.RawMessage) bool {
	var r struct {
		Output struct {
			IncludeDiagnostics bool `json:"include_diagnostics"`
		} `json:"output"`
	}
	return json.Unmarshal(request, &r) == nil && r.Output.IncludeDiagnostics
}

func errorOf(j *models.Job) *jobError {
	if j.ErrorCode == nil {
		return nil
	}
	e := &jobError{Type: errorType(models.Code(*j.ErrorCode)), Code: *j.ErrorCode, Details: render.StoredDetails(models.Code(*j.ErrorCode), j.ErrorDetails)}
	if j.ErrorMessage != nil {
		e.Message = render.Stored(models.Code(e.Code), *j.ErrorMessage)
	}
	return e
}

// The types of the errors of jobs: whether the recording or request is at fault, or the service.
const (
	requestFault = "invalid_request_error"
	serviceFault = "api_error"
)

// errorType returns the type of a failed job's error. Codes that stand in the table without a class are those of jobs that the
// service gave up; the decoder's own do not stand there.
func errorType(code models.Code) string {
	if e, known := models.ErrorTable[code]; known && (e.Class == "" || e.Class.Ours()) {
		return serviceFault
	}
	return requestFault
}

func batchOf(items []models.Job, outputs bool) *batchDocument {
	b := &batchDocument{Total: len(items), Items: make([]batchItem, len(items))}
	for i := range items {
		j := &items[i]
		switch j.State {
		case models.JobCompleted:
			b.Completed++
		case models.JobFailed:
			b.Failed++
		case models.JobCanceled:
			b.Canceled++
		default:
			b.Pending++
		}
		item := batchItem{Index: i, ID: models.RequestID(j.ID), JobID: j.ID, Status: j.State, Error: errorOf(j)}
		if j.ItemIndex != nil {
			item.Index = *j.ItemIndex
		}
		if outputs {
			item.Output = j.Output
		}
		b.Items[i] = item
	}
	return b
}

// getJob is GET /api/v1/jobs/:id.
func (a *API) getJob(c *gin.Context) {
	id, ok := models.ParseJobID(c.Param("id"))
	if !ok {
		fail(c, models.NewError(models.JobNotFound))
		return
	}
	q := query{c: c}
	wait := q.boolean("wait_for_completion")
	timeout := q.timeout("timeout_seconds")
	diagnostics := false
	for _, parameter := range []string{"include", "expand"} { // one is the other's alias
		for _, name := range q.list(parameter, "diagnostics") {
			diagnostics = diagnostics || name == "diagnostics"
		}
	}
	fields := q.list("fields", jobFields...)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	var view decoding.JobView
	var err error
	if wait {
		view, err = a.cfg.Jobs.Wait(c.Request.Context(), principal(c), id, timeout)
	} else {
		view, err = a.cfg.Jobs.Get(c.Request.Context(), principal(c), id)
	}
	if err != nil {
		if c.Request.Context().Err() != nil { // the client has gone: nobody reads an answer
			c.AbortWithStatus(statusClientGone)
			return
		}
		fail(c, err)
		return
	}
	d := documentOf(view, diagnostics)
	if len(fields) == 0 {
		c.PureJSON(http.StatusOK, d)
		return
	}
	chosen, err := choose(d, fields)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, chosen)
}

// jobFields are the fields of a job's document by which callers choose.
var jobFields = func() []string {
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[jobDocument]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}()

// choose returns the fields of a job's document that were asked for, and its id; those that the job does not have are left out.
func choose(d jobDocument, fields []string) (map[string]json.RawMessage, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		return nil, err
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(b.Bytes(), &all); err != nil {
		return nil, err
	}
	for name := range all {
		if name != "id" && !slices.Contains(fields, name) {
			delete(all, name)
		}
	}
	return all, nil
}

// statusClientGone is in the access log where the client left before its answer. No RFC has a status for it;
// 499 is what proxies log.
const statusClientGone = 499

type jobList struct {
	Object     string        `json:"object"`
	Data       []jobDocument `json:"data"`
	HasMore    bool          `json:"has_more"`
	NextCursor *string       `json:"next_cursor"`
}

// listJobs is GET /api/v1/jobs.
func (a *API) listJobs(c *gin.Context) {
	q := query{c: c}
	var f decoding.JobFilter
	for _, s := range q.list("state", names(models.JobStates())...) {
		f.States = append(f.States, models.JobState(s))
	}
	for _, k := range q.list("kind", names(decoding.JobKinds())...) {
		f.Kinds = append(f.Kinds, models.JobKind(k))
	}
	f.Limit = q.integer("limit", decoding.DefaultLimit, 1, decoding.MaxLimit)
	f.Cursor = c.Query("cursor")
	f.Before, f.After = q.instant("created_before"), q.instant("created_after")
	if parent := c.Query("parent_id"); parent != "" {
		id, ok := models.ParseJobID(parent)
		if !ok {
			q.bad("parent_id", "invalid", "must be the id of a batch")
		}
		f.Parent = id
	}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	page, err := a.cfg.Jobs.List(c.Request.Context(), principal(c), f)
	if err != nil {
		fail(c, err)
		return
	}
	out := jobList{Object: "list", Data: make([]jobDocument, len(page.Jobs))}
	for i, j := range page.Jobs {
		out.Data[i] = documentOf(decoding.JobView{Job: j}, false)
	}
	if page.Next != "" {
		out.HasMore, out.NextCursor = true, &page.Next
	}
	c.PureJSON(http.StatusOK, out)
}

// cancelJob is POST /api/v1/jobs/:id/cancel.
func (a *API) cancelJob(c *gin.Context) {
	id, ok := models.ParseJobID(c.Param("id"))
	if !ok {
		fail(c, models.NewError(models.JobNotFound))
		return
	}
	view, err := a.cfg.Jobs.Cancel(c.Request.Context(), principal(c), id)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, documentOf(view, false))
}

// workerName is what callers are told of a worker: enough to know it again, and nothing of its host.
func workerName(owner string) string {
	sum := sha256.Sum256([]byte(owner))
	return "worker-" + hex.EncodeToString(sum[:4])
}

// jobAttempts is GET /api/v1/jobs/:id/attempts. Of what went wrong in an attempt that did not end the job, callers are told the kind: the rest is
// about the server.
func (a *API) jobAttempts(c *gin.Context) {
	id, ok := jobID(c)
	if !ok {
		return
	}
	d, err := a.cfg.Jobs.Attempts(c.Request.Context(), principal(c), id)
	if err != nil {
		fail(c, err)
		return
	}
	type attempt struct {
		Attempt   int     `json:"attempt"`
		Worker    *string `json:"worker"`
		StartedAt *string `json:"started_at"`
		EndedAt   *string `json:"ended_at"`
		Outcome   string  `json:"outcome"`
		ErrorCode *string `json:"error_code"`
	}
	runs := attemptsOf(d.Job, d.Begun, d.Past)
	out := make([]attempt, len(runs))
	for i, r := range runs {
		out[i] = attempt{Attempt: r.Attempt, StartedAt: r.StartedAt, EndedAt: r.EndedAt, Outcome: r.Outcome}
		if r.Worker != "" {
			name := workerName(r.Worker)
			out[i].Worker = &name
		}
		code := r.Error
		switch r.Outcome {
		case "lost":
			code = string(models.WorkerLost)
		case "retried":
			code = string(models.Internal)
		}
		if code != "" {
			out[i].ErrorCode = &code
		}
	}
	writeList(c, out, "")
}

// runAgain is POST /api/v1/jobs/:id/run-again.
func (a *API) runAgain(c *gin.Context) {
	id, ok := jobID(c)
	if !ok {
		return
	}
	idem, ok := keyedWithoutBody(c)
	if !ok {
		return
	}
	who := principal(c)
	a.once(c, who.ProjectID, idem, []string{id}, nil, nil, func(ctx context.Context) (int, any, string, error) {
		job, err := a.cfg.Jobs.RunAgain(ctx, who, id)
		return http.StatusAccepted, documentOf(decoding.JobView{Job: job}, false), job.ID, err
	})
}

// names returns the names of states or kinds.
func names[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
