package handlers

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/operations"
	"github.com/neurod/neurod/models"
)

// Operators see here how the server does and act on it. Of what jobs were given and found they are told the size, and nothing else.

// writeList answers with a page of a list.
func writeList(c *gin.Context, data any, next string) {
	out := struct {
		Object     string  `json:"object"`
		Data       any     `json:"data"`
		HasMore    bool    `json:"has_more"`
		NextCursor *string `json:"next_cursor"`
	}{Object: "list", Data: data}
	if next != "" {
		out.HasMore, out.NextCursor = true, &next
	}
	c.PureJSON(http.StatusOK, out)
}

// seconds is a time span as callers see it.
func seconds(d time.Duration) float64 { return d.Seconds() }

type queueDocument struct {
	Queue         string         `json:"queue"`
	Queued        int            `json:"queued"` // pending and scheduled
	Running       int            `json:"running"`
	Pending       int            `json:"pending"`
	Scheduled     int            `json:"scheduled"`
	Retrying      int            `json:"retrying"`
	Dead          int            `json:"dead"`
	LatencyS      float64        `json:"latency_seconds"` // age of the oldest job that is due
	OldestWaiting *string        `json:"oldest_waiting_at"`
	Paused        *pauseDocument `json:"paused"`
}

type pauseDocument struct {
	By string `json:"by"`
	At string `json:"at"`
}

// adminQueues is GET /api/v1/admin/queues.
func (a *API) adminQueues(c *gin.Context) {
	found, err := a.cfg.Operations.Queues(c.Request.Context(), principal(c))
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]queueDocument, len(found))
	for i, q := range found {
		d := queueDocument{Queue: q.Queue, Queued: q.Pending + q.Scheduled, Running: q.Running, Pending: q.Pending, Scheduled: q.Scheduled, Retrying: q.Retrying, Dead: q.Dead,
			OldestWaiting: rfc3339p(q.Oldest)}
		if q.Oldest != nil {
			d.LatencyS = max(0, seconds(time.Since(*q.Oldest)))
		}
		if q.Paused != nil {
			d.Paused = &pauseDocument{q.Paused.PausedBy, rfc3339(q.Paused.CreatedAt)}
		}
		out[i] = d
	}
	c.PureJSON(http.StatusOK, gin.H{"object": "list", "data": out})
}

// pauseQueue is POST /api/v1/admin/queues/:queue/pause, and resume.
func (a *API) pauseQueue(paused bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := a.cfg.Operations.Pause(c.Request.Context(), principal(c), c.Param("queue"), paused); err != nil {
			fail(c, err)
			return
		}
		a.adminQueues(c)
	}
}

// adminJob is a job as operators see it.
type adminJob struct {
	ID           string          `json:"id"`
	ProjectID    string          `json:"project_id"`
	ProjectName  string          `json:"project_name"`
	Kind         models.JobKind  `json:"kind"`
	Queue        string          `json:"queue"`
	State        models.JobState `json:"state"`
	ParentID     *string         `json:"parent_id"`
	Attempts     int             `json:"attempts"`
	LostWorkers  int             `json:"lost_workers"`
	Worker       *string         `json:"worker"`
	DeadLetter   bool            `json:"dead_letter"`
	RetriedAs    *string         `json:"retried_as"`
	ErrorCode    *string         `json:"error_code"`
	ErrorMessage *string         `json:"error_message"`
	RequestBytes int             `json:"request_bytes"`
	OutputBytes  int             `json:"output_bytes"`
	CreatedAt    string          `json:"created_at"`
	NotBefore    *string         `json:"not_before"`
	StartedAt    *string         `json:"started_at"`
	ClaimedAt    *string         `json:"claimed_at"`
	FinishedAt   *string         `json:"finished_at"`
	LeaseUntil   *string         `json:"lease_until"`
	ItemsTotal   int             `json:"items_total"`
	ItemsPending int             `json:"items_pending"`
}

func (a *API) adminJobOf(j models.AdminJob) adminJob {
	d := adminJob{ID: j.ID, ProjectID: j.ProjectID, ProjectName: j.ProjectName, Kind: j.Kind, Queue: a.cfg.Operations.QueueOf(j.Job), State: j.State, ParentID: j.ParentID,
		Attempts: j.Attempts, LostWorkers: j.LostWorkers, Worker: j.Owner, DeadLetter: j.DeadLetter, RetriedAs: j.RetriedAs, ErrorCode: j.ErrorCode, RequestBytes: j.RequestBytes,
		OutputBytes: j.OutputBytes, CreatedAt: rfc3339(j.CreatedAt), StartedAt: rfc3339p(j.StartedAt), ClaimedAt: rfc3339p(j.ClaimedAt), FinishedAt: rfc3339p(j.FinishedAt),
		LeaseUntil: rfc3339p(j.LeaseUntil), ItemsTotal: j.ItemsTotal, ItemsPending: j.ItemsPending}
	if j.State == models.JobQueued {
		d.NotBefore = rfc3339p(j.NotBefore)
	}
	if j.ErrorCode != nil && j.ErrorMessage != nil {
		m := render.Stored(models.Code(*j.ErrorCode), *j.ErrorMessage)
		d.ErrorMessage = &m
	}
	return d
}

func (a *API) adminJobsOf(found []models.AdminJob) []adminJob {
	out := make([]adminJob, len(found))
	for i, j := range found {
		out[i] = a.adminJobOf(j)
	}
	return out
}

// jobFilterParams are the parameters of a jobs filter.
var jobFilterParams = []string{"state...", "kind...", "queue", "job_project_id", "error_code", "worker", "dead", "attempts", "created_before", "created_after"}

// jobFilter reads the parameters of a filter.
func (q *query) jobFilter() models.JobFilter {
	var f models.JobFilter
	for _, s := range q.list("state", names(models.JobStates())...) {
		f.States = append(f.States, models.JobState(s))
	}
	for _, k := range q.list("kind", names(decoding.JobKinds())...) {
		f.Kinds = append(f.Kinds, models.JobKind(k))
	}
	if f.Queue = q.c.Query("queue"); f.Queue != "" && !slices.Contains(operations.QueueNames(), f.Queue) {
		q.bad("queue", "not_allowed", "must be interactive or bulk")
	}
	if text := q.c.Query("job_project_id"); text != "" {
		id, ok := models.ParseID(text)
		if !ok {
			q.bad("job_project_id", "invalid", "must be the id of a project")
		}
		f.ProjectID = id
	}
	f.ErrorCode, f.Owner = q.c.Query("error_code"), q.c.Query("worker")
	if q.c.Query("dead") != "" {
		dead := q.boolean("dead")
		f.Dead = &dead
	}
	f.Attempts = q.integer("attempts", 0, 0, 1000)
	f.Before, f.After = q.instant("created_before"), q.instant("created_after")
	return f
}

// instant reads an RFC 3339 time, nil where none is given.
func (q *query) instant(name string) *time.Time {
	text := q.c.Query(name)
	if text == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		q.bad(name, "not_a_time", "must be an RFC 3339 time such as 2030-01-31T12:00:00Z")
		return nil
	}
	return &t
}

// adminJobs is GET /api/v1/admin/jobs.
func (a *API) adminJobs(c *gin.Context) {
	q := query{c: c}
	f := q.jobFilter()
	limit := q.integer("limit", operations.DefaultLimit, 1, operations.MaxLimit)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	if id := c.Query("id"); id != "" { // one, by its id
		a.adminJobByID(c, id)
		return
	}
	page, err := a.cfg.Operations.Jobs(c.Request.Context(), principal(c), f, c.Query("cursor"), limit)
	if err != nil {
		fail(c, err)
		return
	}
	writeList(c, a.adminJobsOf(page.Jobs), page.Next)
}

// adminJobByID lists the job with an id, or none.
func (a *API) adminJobByID(c *gin.Context, text string) {
	out := []adminJob{}
	if id, ok := models.ParseJobID(text); ok {
		d, err := a.cfg.Operations.Job(c.Request.Context(), principal(c), id)
		switch {
		case err == nil:
			out = append(out, a.adminJobOf(d.Job))
		case models.AsError(err).Code != models.JobNotFound:
			fail(c, err)
			return
		}
	}
	writeList(c, out, "")
}

type runDocument struct {
	Attempt   int     `json:"attempt"`
	Worker    string  `json:"worker"`
	StartedAt *string `json:"started_at"`
	EndedAt   *string `json:"ended_at"`
	Outcome   string  `json:"outcome"` // running, completed, failed, canceled, retried, handed_back or lost
	Error     string  `json:"error"`
}

// jobID reads the job that a path names.
func jobID(c *gin.Context) (string, bool) {
	id, ok := models.ParseJobID(c.Param("id"))
	if !ok {
		fail(c, models.NewError(models.JobNotFound))
	}
	return id, ok
}

// adminJob is GET /api/v1/admin/jobs/:id.
func (a *API) adminJob(c *gin.Context) {
	id, ok := jobID(c)
	if !ok {
		return
	}
	d, err := a.cfg.Operations.Job(c.Request.Context(), principal(c), id)
	if err != nil {
		fail(c, err)
		return
	}
	type payload struct {
		Bytes  int    `json:"bytes"`
		SHA256 string `json:"sha256"`
	}
	out := struct {
		adminJob
		Payload  *payload      `json:"payload"`
		Attempts []runDocument `json:"attempt_list"`
	}{adminJob: a.adminJobOf(d.Job), Attempts: attemptsOf(d.Job.Job, d.Job.ClaimedAt, d.Past)}
	if d.Payload != nil {
		out.Payload = &payload{d.Payload.Bytes, d.Payload.SHA256}
	}
	c.PureJSON(http.StatusOK, out)
}

// attemptsOf returns every attempt of a job: those that did not end it, and the one that did or runs.
func attemptsOf(j models.Job, begun *time.Time, past []models.Past) []runDocument {
	out := []runDocument{}
	for _, p := range past {
		ended := p.EndedAt
		out = append(out, runDocument{p.Attempt, p.Owner, rfc3339p(p.StartedAt), rfc3339p(&ended), p.Outcome, p.Error})
	}
	if j.Attempts == 0 || len(out) > 0 && out[len(out)-1].Attempt == j.Attempts {
		return out
	}
	last := runDocument{Attempt: j.Attempts, StartedAt: rfc3339p(begun), EndedAt: rfc3339p(j.FinishedAt), Outcome: string(j.State)}
	if j.Owner != nil {
		last.Worker = *j.Owner
	}
	if j.ErrorCode != nil {
		last.Error = *j.ErrorCode
	}
	return append(out, last)
}

// actOnJob is POST /api/v1/admin/jobs/:id/retry, cancel and discard.
func (a *API) actOnJob(verb models.OperatorVerb) gin.HandlerFunc {
	return func(c *gin.Context) {
		id, ok := jobID(c)
		if !ok {
			return
		}
		made, err := a.cfg.Operations.Apply(c.Request.Context(), principal(c), verb, id)
		if err == nil {
			if made != "" {
				id = made
			}
			var d operations.JobDetail
			if d, err = a.cfg.Operations.Job(c.Request.Context(), principal(c), id); err == nil {
				c.PureJSON(http.StatusOK, a.adminJobOf(d.Job))
				return
			}
		}
		fail(c, err)
	}
}

// adminDeadLetters is GET /api/v1/admin/dead-letters.
func (a *API) adminDeadLetters(c *gin.Context) {
	found, err := a.cfg.Operations.DeadLetters(c.Request.Context(), principal(c))
	if err != nil {
		fail(c, err)
		return
	}
	type row struct {
		Kind      models.JobKind `json:"kind"`
		ErrorCode string         `json:"error_code"`
		Message   string         `json:"message"`
		Jobs      int            `json:"jobs"`
		Oldest    string         `json:"oldest_at"`
		Newest    string         `json:"newest_at"`
	}
	out := make([]row, len(found))
	for i, d := range found {
		out[i] = row{d.Kind, d.ErrorCode, render.Message(models.Code(d.ErrorCode)), d.Jobs, rfc3339(d.Oldest), rfc3339(d.Newest)}
	}
	writeList(c, out, "")
}

// adminLoad is GET /api/v1/admin/load.
func (a *API) adminLoad(c *gin.Context) {
	q := query{c: c}
	limit := q.integer("limit", operations.DefaultLimit, 1, operations.MaxLimit)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	found, err := a.cfg.Operations.Loads(c.Request.Context(), principal(c), limit)
	if err != nil {
		fail(c, err)
		return
	}
	type row struct {
		ProjectID string  `json:"project_id"`
		Name      string  `json:"project_name"`
		Queued    int     `json:"queued"`
		Running   int     `json:"running"`
		Oldest    *string `json:"oldest_waiting_at"`
	}
	out := make([]row, len(found))
	for i, l := range found {
		out[i] = row{l.ProjectID, l.Name, l.Queued, l.Running, rfc3339p(l.Oldest)}
	}
	writeList(c, out, "")
}

// adminWorkers is GET /api/v1/admin/workers.
func (a *API) adminWorkers(c *gin.Context) {
	found, running, err := a.cfg.Operations.Processes(c.Request.Context(), principal(c))
	if err != nil {
		fail(c, err)
		return
	}
	type row struct {
		ID        string     `json:"id"`
		Role      string     `json:"role"`
		Host      string     `json:"host"`
		Pid       int        `json:"pid"`
		Version   string     `json:"version"`
		State     string     `json:"state"` // alive, lost or ended
		Slots     int        `json:"slots"`
		Running   int        `json:"running"`
		Memory    int64      `json:"memory_bytes"`
		StartedAt string     `json:"started_at"`
		SeenAt    string     `json:"seen_at"`
		EndedAt   *string    `json:"ended_at"`
		Jobs      []adminJob `json:"jobs"`
	}
	out := make([]row, len(found))
	for i, p := range found {
		state := "alive"
		switch {
		case p.EndedAt != nil:
			state = "ended"
		case time.Since(p.SeenAt) > operations.Silent:
			state = "lost"
		}
		mine := slices.DeleteFunc(slices.Clone(running), func(j models.AdminJob) bool { return j.Owner == nil || *j.Owner != p.ID })
		out[i] = row{p.ID, p.Role, p.Host, p.Pid, p.Version, state, p.Slots, len(mine), p.Memory, rfc3339(p.StartedAt), rfc3339(p.SeenAt), rfc3339p(p.EndedAt), a.adminJobsOf(mine)}
	}
	writeList(c, out, "")
}

type percentilesDocument struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

func percentilesOf(p operations.Percentiles) percentilesDocument {
	return percentilesDocument{seconds(p.P50), seconds(p.P95), seconds(p.P99)}
}

// adminStats is GET /api/v1/admin/stats.
func (a *API) adminStats(c *gin.Context) {
	q := query{c: c}
	period := c.DefaultQuery("period", "1h")
	if _, ok := operations.Periods[period]; !ok {
		q.bad("period", "not_allowed", "must be 1h, 24h or 7d")
	}
	queue := c.Query("queue")
	if queue != "" && !slices.Contains(operations.QueueNames(), queue) {
		q.bad("queue", "not_allowed", "must be interactive or bulk")
	}
	kinds := q.list("kind", names(decoding.JobKinds())...)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	kind := models.JobKind("")
	if len(kinds) > 0 {
		kind = models.JobKind(kinds[0])
	}
	s, err := a.cfg.Operations.Stats(c.Request.Context(), principal(c), period, queue, kind)
	if err != nil {
		fail(c, err)
		return
	}
	type row struct {
		Queue     string              `json:"queue"`
		Kind      models.JobKind      `json:"kind"`
		Completed int                 `json:"completed"`
		Failed    int                 `json:"failed"`
		Canceled  int                 `json:"canceled"`
		Waiting   percentilesDocument `json:"waiting_seconds"`
		Running   percentilesDocument `json:"running_seconds"`
	}
	type point struct {
		At        string              `json:"at"`
		Completed int                 `json:"completed"`
		Failed    int                 `json:"failed"`
		Canceled  int                 `json:"canceled"`
		Waiting   percentilesDocument `json:"waiting_seconds"`
		Running   percentilesDocument `json:"running_seconds"`
	}
	out := struct {
		Object string  `json:"object"`
		Period string  `json:"period"`
		From   string  `json:"from"`
		To     string  `json:"to"`
		Step   float64 `json:"step_seconds"`
		Kinds  []row   `json:"kinds"`
		Series []point `json:"series"`
	}{"stats", period, rfc3339(s.From), rfc3339(s.To), seconds(s.Step), make([]row, len(s.Kinds)), make([]point, len(s.Series))}
	for i, k := range s.Kinds {
		out.Kinds[i] = row{k.Queue, k.Kind, k.Completed, k.Failed, k.Canceled, percentilesOf(k.Waited), percentilesOf(k.Ran)}
	}
	for i, p := range s.Series {
		out.Series[i] = point{rfc3339(p.At), p.Completed, p.Failed, p.Canceled, percentilesOf(p.Waited), percentilesOf(p.Ran)}
	}
	c.PureJSON(http.StatusOK, out)
}

// adminSystem is GET /api/v1/admin/system.
func (a *API) adminSystem(c *gin.Context) {
	s, err := a.cfg.Operations.System(c.Request.Context(), principal(c))
	if err != nil {
		fail(c, err)
		return
	}
	retention := map[string]float64{}
	for name, d := range s.Retention {
		retention[name] = seconds(d)
	}
	c.PureJSON(http.StatusOK, gin.H{
		"object":    "system",
		"embedded":  s.Embedded,
		"database":  gin.H{"kind": s.Database, "bytes": s.DatabaseBytes, "ping_seconds": seconds(s.DatabasePing)},
		"redis":     gin.H{"embedded": s.Embedded, "ping_seconds": seconds(s.RedisPing), "down_seconds": seconds(s.RedisDownFor)},
		"disk":      gin.H{"free_bytes": s.DiskFree, "total_bytes": s.DiskAll},
		"retention": gin.H{"seconds": retention, "oldest_job_at": rfc3339p(s.OldestJob)},
		"process":   gin.H{"id": s.Process.ID, "host": s.Process.Host, "pid": s.Process.Pid, "version": s.Process.Version, "started_at": rfc3339(s.Process.StartedAt), "memory_bytes": s.Process.Memory},
	})
}

type actionDocument struct {
	ID          string              `json:"id"`
	Object      string              `json:"object"`
	Action      models.OperatorVerb `json:"action"`
	Filter      models.JobFilter    `json:"filter"`
	State       models.ActionState  `json:"state"`
	RequestedBy string              `json:"requested_by"`
	Limit       int                 `json:"limit"`
	Total       int                 `json:"total"`
	Done        int                 `json:"done"`
	Skipped     int                 `json:"skipped"`
	Reasons     map[string]int      `json:"skipped_by_reason"`
	CreatedAt   string              `json:"created_at"`
	FinishedAt  *string             `json:"finished_at"`
}

func actionDocumentOf(a operations.Action) actionDocument {
	return actionDocument{a.ID, "action", a.Action, a.Filter, a.State, a.RequestedBy, a.Most, a.Total, a.Done, a.Skipped, maps.Clone(a.Reasons), rfc3339(a.CreatedAt), rfc3339p(a.FinishedAt)}
}

// startAction is POST /api/v1/admin/actions.
func (a *API) startAction(c *gin.Context) {
	var body struct {
		Action models.OperatorVerb `json:"action" validate:"required"`
		Filter struct {
			States    []models.JobState `json:"state"`
			Kinds     []models.JobKind  `json:"kind"`
			Queue     string            `json:"queue"`
			ProjectID string            `json:"project_id"`
			ErrorCode string            `json:"error_code"`
			Worker    string            `json:"worker"`
			Dead      *bool             `json:"dead"`
			Attempts  int               `json:"attempts"`
			Before    *string           `json:"created_before"`
			After     *string           `json:"created_after"`
		} `json:"filter"`
		Limit  int  `json:"limit"`
		DryRun bool `json:"dry_run"`
	}
	if !bindJSON(c, &body) {
		return
	}
	// The filter is read as the list of jobs reads it, so that an action is for what was looked at.
	values := url.Values{}
	for name, text := range map[string]string{"queue": body.Filter.Queue, "job_project_id": body.Filter.ProjectID} {
		if text != "" {
			values.Set(name, text)
		}
	}
	for name, at := range map[string]*string{"created_before": body.Filter.Before, "created_after": body.Filter.After} {
		if at != nil {
			values.Set(name, *at)
		}
	}
	for _, s := range body.Filter.States {
		values.Add("state", string(s))
	}
	for _, k := range body.Filter.Kinds {
		values.Add("kind", string(k))
	}
	asked := *c.Request
	asked.URL = &url.URL{RawQuery: values.Encode()}
	q := query{c: &gin.Context{Request: &asked}}
	f := q.jobFilter()
	if len(q.wrong) > 0 {
		for i := range q.wrong {
			if q.wrong[i].Path.String() == "job_project_id" {
				q.wrong[i].Path = models.At("project_id")
			}
			q.wrong[i].Path = append(models.At("filter"), q.wrong[i].Path...)
		}
		fail(c, &models.Error{Code: models.InvalidRequestBody, Fields: q.wrong})
		return
	}
	f.ErrorCode, f.Owner, f.Dead, f.Attempts = body.Filter.ErrorCode, body.Filter.Worker, body.Filter.Dead, body.Filter.Attempts
	n := operations.NewAction{Verb: body.Action, Filter: f, Most: body.Limit}
	if body.DryRun {
		count, filter, err := a.cfg.Operations.Count(c.Request.Context(), principal(c), n)
		if err != nil {
			fail(c, err)
			return
		}
		c.PureJSON(http.StatusOK, gin.H{"object": "action_preview", "action": body.Action, "filter": filter, "total": count, "dry_run": true})
		return
	}
	made, err := a.cfg.Operations.Act(c.Request.Context(), principal(c), n)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusAccepted, actionDocumentOf(made))
}

// listActions is GET /api/v1/admin/actions.
func (a *API) listActions(c *gin.Context) {
	q := query{c: c}
	limit := q.integer("limit", operations.DefaultLimit, 1, operations.MaxLimit)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	found, next, err := a.cfg.Operations.Actions(c.Request.Context(), principal(c), c.Query("cursor"), limit)
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]actionDocument, len(found))
	for i, one := range found {
		out[i] = actionDocumentOf(one)
	}
	writeList(c, out, next)
}

// getAction is GET /api/v1/admin/actions/:id, and cancel.
func (a *API) getAction(c *gin.Context) { a.oneAction(c, a.cfg.Operations.Action) }

// cancelAction is POST /api/v1/admin/actions/:id/cancel.
func (a *API) cancelAction(c *gin.Context) { a.oneAction(c, a.cfg.Operations.CancelAction) }

func (a *API) oneAction(c *gin.Context, do func(context.Context, models.Principal, string) (operations.Action, error)) {
	id, ok := models.ParseID(c.Param("id"))
	if !ok {
		fail(c, models.NewError(models.ActionNotFound))
		return
	}
	found, err := do(c.Request.Context(), principal(c), id)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, actionDocumentOf(found))
}

// adminAudit is GET /api/v1/admin/audit.
func (a *API) adminAudit(c *gin.Context) {
	q := query{c: c}
	limit := q.integer("limit", operations.DefaultLimit, 1, operations.MaxLimit)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	page, err := a.cfg.Operations.Audit(c.Request.Context(), principal(c), c.Query("cursor"), limit)
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]auditDocument, len(page.Events))
	for i, e := range page.Events {
		out[i] = auditDocument{e.ID, e.CreatedAt.UTC().Format(time.RFC3339Nano), e.Action, e.ActorKind, e.Actor, e.ProjectID, e.Subject,
			json.RawMessage(e.Details), e.Remote, e.RequestID}
	}
	writeList(c, out, page.Next)
}
