package handlers

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// recordedSession is a session as the devices' document has it. It is the same session as at /v1/sessions, by other names.
type recordedSession struct {
	ID              string                `json:"id"`
	SessionID       string                `json:"session_id"`
	Name            string                `json:"name"`
	Status          models.Progress       `json:"status"`
	PatientID       string                `json:"patient_id"` // external_user_id
	DeviceID        *string               `json:"device_id"`
	DeviceIDs       []string              `json:"device_ids"`
	DeviceType      string                `json:"device_type"`
	Protocol        *string               `json:"protocol"`
	Tags            []string              `json:"tags"`
	Metadata        json.RawMessage       `json:"metadata"`
	DurationMinutes *float64              `json:"duration_minutes"` // as planned
	StartTime       string                `json:"start_time"`
	EndTime         *string               `json:"end_time"`
	CreatedAt       string                `json:"created_at"`
	SampleRate      float64               `json:"sample_rate"`
	ChannelCount    int                   `json:"channel_count"`
	Channels        []string              `json:"channels"`
	SampleCount     int64                 `json:"sample_count"` // a channel
	IngestionMode   models.IngestionMode  `json:"ingestion_mode"`
	ProcessingState *models.SessionState  `json:"processing_state"`
	Links           map[string]linkFields `json:"_links"`
}

type linkFields struct {
	Href string `json:"href"`
}

func textp(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func timestampp(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := render.Timestamp(*t)
	return &s
}

func recordedOf(s models.Session, progress models.Progress) recordedSession {
	out := recordedSession{ID: s.ID, SessionID: s.ID, Name: s.Name, Status: progress, PatientID: s.ExternalUserID, DeviceID: textp(s.DeviceID), DeviceIDs: []string{},
		DeviceType: s.DeviceType, Protocol: textp(s.Protocol), Tags: texts(s.Tags), Metadata: sessions.MetadataOf(s), StartTime: render.Timestamp(s.Began()), EndTime: timestampp(s.Ended()),
		CreatedAt: render.Timestamp(s.CreatedAt), SampleRate: s.SampleRateHz, ChannelCount: len(s.Channels), Channels: s.Channels, SampleCount: s.SampleCount - s.OverlapCount,
		IngestionMode: s.IngestionMode, ProcessingState: s.ProcessingState(), Links: map[string]linkFields{
			"self": {"/v2/sessions/" + s.ID}, "recordings": {"/v2/sessions/" + s.ID + "/recordings"}, "ingest": {"/v1/sessions/" + s.ID + "/ingest"}}}
	if s.DeviceID != "" {
		out.DeviceIDs = []string{s.DeviceID}
	}
	if s.PlannedMS != nil {
		minutes := float64(*s.PlannedMS) / 60_000
		out.DurationMinutes = &minutes
	}
	return out
}

// progressOf tells of sessions how far they are.
func (a *API) progressOf(c *gin.Context, list ...models.Session) (map[string]models.Progress, bool) {
	progress, err := a.cfg.Sessions.Progress(c.Request.Context(), principal(c), list)
	if err != nil {
		fail(c, err)
	}
	return progress, err == nil
}

// recordedBody is the body that makes a session under /v2.
type recordedBody struct {
	Name            *string         `json:"name"`
	PatientID       string          `json:"patient_id"`
	DeviceIDs       []string        `json:"device_ids"`
	DeviceID        string          `json:"device_id"`
	DeviceType      string          `json:"device_type"`
	DurationMinutes *float64        `json:"duration_minutes"`
	Protocol        *string         `json:"protocol"`
	Metadata        json.RawMessage `json:"metadata"`
	Tags            *[]string       `json:"tags"`
	SampleRate      float64         `json:"sample_rate"`
	Channels        []string        `json:"channels"`
	IngestionMode   string          `json:"ingestion_mode"`

	Decode   *sessions.NewLiveDecode `json:"decode"`
	Features []eeg.Feature           `json:"features"`
}

// v2Fields are the names that fields of a session have under /v2.
var v2Fields = map[string]string{"external_user_id": "patient_id", "sample_rate_hz": "sample_rate"}

// renamed names the wrong fields of an error as a surface does.
func renamed(err error, names map[string]string) error {
	var known *models.Error
	if !errors.As(err, &known) || len(known.Fields) == 0 {
		return err
	}
	e := *known
	e.Fields = slices.Clone(known.Fields)
	for i, f := range e.Fields {
		if len(f.Path) == 0 {
			continue
		}
		if name, is := f.Path[0].Name(); is && names[name] != "" {
			e.Fields[i].Path = models.At(names[name]).Join(f.Path[1:])
		}
	}
	return &e
}

func (b recordedBody) session() (sessions.NewSession, error) {
	ids := b.DeviceIDs
	switch {
	case len(ids) > 1:
		// A session is samples of one rate on one grid, which two devices do not share.
		return sessions.NewSession{}, models.InvalidField(models.At("device_ids"), "too_many", "has %d devices; a session is recorded from one: make one for each, with a tag that they share", len(ids))
	case b.DeviceID != "" && len(ids) == 1 && ids[0] != b.DeviceID:
		return sessions.NewSession{}, models.InvalidField(models.At("device_id"), "conflict", "is another device than device_ids names")
	case b.DeviceID != "":
		ids = []string{b.DeviceID}
	}
	n := sessions.NewSession{ExternalUserID: b.PatientID, DeviceType: b.DeviceType, SampleRateHz: b.SampleRate, Channels: b.Channels, IngestionMode: b.IngestionMode, Decode: b.Decode, Features: b.Features,
		About: sessions.About{Name: b.Name, Tags: b.Tags, Metadata: b.Metadata, Protocol: b.Protocol, PlannedMinutes: b.DurationMinutes}}
	if len(ids) == 1 {
		n.DeviceID = &ids[0]
	}
	return n, nil
}

// createRecorded is POST /v2/sessions.
func (a *API) createRecorded(c *gin.Context) {
	var body recordedBody
	idem, ok := bindKeyed(c, &body)
	if !ok {
		return
	}
	who := principal(c)
	location := func(id string) string { return "/v2/sessions/" + id }
	var s models.Session
	check := func() error {
		n, err := body.session()
		if err != nil {
			return err
		}
		s, err = a.cfg.Sessions.Check(c.Request.Context(), who, n)
		return renamed(err, v2Fields)
	}
	a.once(c, who.ProjectID, idem, nil, location, check, func(ctx context.Context) (int, any, string, error) {
		err := a.cfg.Sessions.Create(ctx, who, s)
		return http.StatusCreated, recordedOf(s, models.ProgressPreparing), s.ID, err
	})
}

// listRecorded is GET /v2/sessions.
func (a *API) listRecorded(c *gin.Context) {
	q := query{c: c}
	limit, offset := q.integer("limit", 50, 1, sessions.MaxPage), q.integer("offset", 0, 0, 1<<31-1)
	f := sessions.Search{ExternalUserID: c.Query("patient_id"), Text: c.Query("search"), Protocol: c.Query("protocol"), Tags: c.QueryArray("tag")}
	if id := c.Query("device_id"); id != "" {
		f.DeviceIDs = []string{id}
	}
	if f.Progress = models.Progress(strings.ToUpper(c.Query("status"))); f.Progress != "" && !slices.Contains(models.Progresses(), f.Progress) {
		q.bad("status", "not_allowed", fmt.Sprintf("must be one of %v", models.Progresses()))
	}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ctx, who := c.Request.Context(), principal(c)
	found, err := a.cfg.Sessions.Find(ctx, who, f, sessions.Span{First: &limit, Offset: offset})
	if err != nil {
		fail(c, err)
		return
	}
	total, err := a.cfg.Sessions.Count(ctx, who, f)
	if err != nil {
		fail(c, err)
		return
	}
	progress, ok := a.progressOf(c, found.Sessions...)
	if !ok {
		return
	}
	out := make([]recordedSession, len(found.Sessions))
	for i, s := range found.Sessions {
		out[i] = recordedOf(s, progress[s.ID])
	}
	if found.Next {
		linkNext(c, "offset", strconv.Itoa(offset+limit))
	}
	c.PureJSON(http.StatusOK, struct {
		Sessions []recordedSession `json:"sessions"`
		Total    int64             `json:"total"`
		Limit    int               `json:"limit"`
		Offset   int               `json:"offset"`
		HasMore  bool              `json:"has_more"`
	}{out, total, limit, offset, found.Next})
}

// writeRecorded answers with a session.
func (a *API) writeRecorded(c *gin.Context, s models.Session) {
	if progress, ok := a.progressOf(c, s); ok {
		c.PureJSON(http.StatusOK, recordedOf(s, progress[s.ID]))
	}
}

// getRecorded is GET /v2/sessions/:id.
func (a *API) getRecorded(c *gin.Context) {
	s, err := a.cfg.Sessions.Get(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	a.writeRecorded(c, s)
}

// changeRecorded is PATCH /v2/sessions/:id. The status COMPLETED ends the session.
func (a *API) changeRecorded(c *gin.Context) {
	var body struct {
		Name            *string         `json:"name"`
		Tags            *[]string       `json:"tags"`
		Metadata        json.RawMessage `json:"metadata"`
		Protocol        *string         `json:"protocol"`
		DurationMinutes *float64        `json:"duration_minutes"`
		Status          string          `json:"status" validate:"omitempty,oneof=COMPLETED"`
	}
	if !bindJSON(c, &body) {
		return
	}
	s, err := a.cfg.Sessions.Update(c.Request.Context(), principal(c), c.Param("id"), sessions.About{Name: body.Name, Tags: body.Tags, Metadata: body.Metadata, Protocol: body.Protocol,
		PlannedMinutes: body.DurationMinutes})
	if err == nil && body.Status != "" {
		s, err = a.cfg.Sessions.Finish(c.Request.Context(), principal(c), s.ID)
	}
	if err != nil {
		fail(c, err)
		return
	}
	a.writeRecorded(c, s)
}

// deleteRecorded is DELETE /v2/sessions/:id: an erasure of this session alone.
func (a *API) deleteRecorded(c *gin.Context) {
	erased, err := a.cfg.Sessions.EraseSession(c.Request.Context(), principal(c), c.Param("id"))
	switch {
	case err != nil && c.Request.Context().Err() != nil: // the client has gone: nobody reads an answer
		c.AbortWithStatus(statusClientGone)
	case err != nil:
		fail(c, err)
	case erased.Audit == nil: // it is out of reach, and goes on going
		c.PureJSON(http.StatusAccepted, struct {
			ID     string `json:"id"`
			Status string `json:"status"`
			JobID  string `json:"job_id"`
		}{c.Param("id"), "deleting", erased.Job.ID})
	default:
		c.PureJSON(http.StatusOK, struct {
			ID       string `json:"id"`
			Status   string `json:"status"`
			Samples  int64  `json:"samples_deleted"`
			Features int64  `json:"features_deleted"`
			AuditID  string `json:"audit_id"`
		}{c.Param("id"), "deleted", erased.Audit.SamplesDeleted, erased.Audit.FeaturesDeleted, erased.Audit.PublicID()})
	}
}

// recordingFields is a contiguous part of a session.
type recordingFields struct {
	ID           string           `json:"id"`
	SessionID    string           `json:"session_id"`
	DeviceID     *string          `json:"device_id"`
	StartTime    string           `json:"start_time"`
	EndTime      string           `json:"end_time"`
	Duration     float64          `json:"duration"` // s
	SampleCount  int64            `json:"sample_count"`
	ChannelCount int              `json:"channel_count"`
	SampleRate   float64          `json:"sample_rate"`
	FirstSample  int64            `json:"first_sample"`
	Quality      *float64         `json:"quality"`      // null where no window could be judged
	PassedShare  *float64         `json:"passed_share"` // of the windows, that passed the gate
	Artifacts    []artifactFields `json:"artifacts"`
}

type artifactFields struct {
	Type      string  `json:"type"`
	StartTime string  `json:"start_time"`
	EndTime   string  `json:"end_time"`
	Score     float64 `json:"score"`
	Windows   int     `json:"windows"`
}

// listRecordings is GET /v2/sessions/:id/recordings.
func (a *API) listRecordings(c *gin.Context) {
	q := query{c: c}
	limit, offset := q.integer("limit", 100, 1, sessions.MaxRecordings), q.integer("offset", 0, 0, 1<<31-1)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ctx, who := c.Request.Context(), principal(c)
	s, err := a.cfg.Sessions.Get(ctx, who, c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	found, err := a.cfg.Sessions.Recordings(ctx, who, []models.Session{s}, offset, limit+1)
	if err != nil {
		fail(c, err)
		return
	}
	list := found[s.ID]
	more := len(list) > limit
	list = list[:min(len(list), limit)]
	qualities, err := a.cfg.Sessions.Qualities(ctx, who, list)
	if err != nil {
		fail(c, err)
		return
	}
	artifacts, err := a.cfg.Sessions.Artifacts(ctx, who, list, nil, sessions.MaxArtifacts)
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]recordingFields, len(list))
	for i, r := range list {
		out[i] = recordingFields{ID: r.ID(), SessionID: s.ID, DeviceID: textp(s.DeviceID), StartTime: render.Timestamp(r.Begin()), EndTime: render.Timestamp(r.Finish()), Duration: r.Seconds(),
			SampleCount: r.Samples(), ChannelCount: len(s.Channels), SampleRate: s.SampleRateHz, FirstSample: r.Start, Quality: qualities[i].Quality, PassedShare: qualities[i].Passed,
			Artifacts: make([]artifactFields, len(artifacts[i]))}
		for k, f := range artifacts[i] {
			out[i].Artifacts[k] = artifactFields{f.Type, render.Timestamp(time.UnixMilli(f.StartMS)), render.Timestamp(time.UnixMilli(f.EndMS)), f.Score, f.Windows}
		}
	}
	if more {
		linkNext(c, "offset", strconv.Itoa(offset+limit))
	}
	c.PureJSON(http.StatusOK, struct {
		Recordings []recordingFields `json:"recordings"`
		Limit      int               `json:"limit"`
		Offset     int               `json:"offset"`
		HasMore    bool              `json:"has_more"`
	}{out, limit, offset, more})
}

// instantOf reads a time: RFC 3339, or Unix ms, which need not be whole.
func (q *query) instantOf(name string) *float64 {
	text := q.c.Query(name)
	if text == "" {
		return nil
	}
	if ms, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(ms) <= 1<<53 {
		return &ms
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		q.bad(name, "type", "must be a time as RFC 3339 has it, with its offset, or Unix time in milliseconds")
		return nil
	}
	ms := float64(at.UnixMicro()) / 1000
	return &ms
}

// timeseries is GET /v2/data/timeseries.
func (a *API) timeseries(c *gin.Context) {
	q := query{c: c}
	format := c.DefaultQuery("format", "json")
	if format != "json" && format != "csv" {
		q.bad("format", "not_allowed", "must be json or csv; whole files come from /v2/data/export")
	}
	ask := sessions.Timeseries{From: q.instantOf("start"), To: q.instantOf("end"), Limit: q.integer("limit", 10_000, 1, sessions.MaxTimeseries)}
	for _, text := range c.QueryArray("channels") {
		for name := range strings.SplitSeq(text, ",") {
			ask.Channels = append(ask.Channels, strings.TrimSpace(name))
		}
	}
	if c.Query("session_id") == "" {
		q.bad("session_id", "required", "is required: the session whose samples are wanted")
	}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ctx := c.Request.Context()
	samples, err := a.cfg.Sessions.Timeseries(ctx, principal(c), c.Query("session_id"), ask)
	if err != nil {
		fail(c, err)
		return
	}
	out := &exportWriter{c: c, control: http.NewResponseController(c.Writer), format: exportFormat{name: format}}
	w := bufio.NewWriterSize(out, 64<<10)
	if format == "csv" {
		err = timeseriesCSV(ctx, w, samples)
	} else {
		err = timeseriesJSON(ctx, w, samples)
	}
	if err == nil {
		err = w.Flush()
	}
	a.endExport(c, out, samples.Session.ID, err)
}

func timeseriesJSON(ctx context.Context, w *bufio.Writer, r *sessions.SampleRange) error {
	type channel struct {
		Number int    `json:"number"`
		Name   string `json:"name"`
	}
	channels := make([]channel, len(r.Channels))
	for i, name := range r.Channels {
		channels[i] = channel{r.Numbers[i], name}
	}
	head, err := json.Marshal(struct {
		SessionID  string    `json:"session_id"`
		DeviceID   *string   `json:"device_id"`
		SampleRate float64   `json:"sample_rate"`
		Unit       string    `json:"unit"`
		Channels   []channel `json:"channels"`
	}{r.Session.ID, textp(r.Session.DeviceID), r.Session.SampleRateHz, "uV", channels})
	if err != nil {
		return err
	}
	b := append(head[:len(head)-1], `,"samples":[`...)
	n := 0
	next, err := r.Each(ctx, func(row sessions.SampleRow) error {
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, `{"sample":`...), row.Sample, 10)
		b = strconv.AppendFloat(append(b, `,"timestamp":`...), row.AtMS, 'f', -1, 64)
		b = append(b, `,"values":[`...)
		for i, v := range row.Values {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendFloat(b, v, 'g', -1, 32)
		}
		b = append(b, "]}"...)
		_, err := w.Write(b)
		b = b[:0]
		return err
	})
	if err != nil {
		return err
	}
	b = strconv.AppendInt(append(b, `],"sample_count":`...), int64(n), 10)
	b = append(b, `,"next_start":`...)
	if next == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendFloat(b, *next, 'f', -1, 64)
	}
	_, err = w.Write(append(b, "}\n"...))
	return err
}

func timeseriesCSV(ctx context.Context, w *bufio.Writer, r *sessions.SampleRange) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180, section 2
	row := []string{"sample", "timestamp"}
	for _, name := range r.Channels {
		row = append(row, csvText(name))
	}
	if err := out.Write(row); err != nil {
		return err
	}
	_, err := r.Each(ctx, func(s sessions.SampleRow) error {
		row = append(row[:0], strconv.FormatInt(s.Sample, 10), strconv.FormatFloat(s.AtMS, 'f', -1, 64))
		for _, v := range s.Values {
			row = append(row, strconv.FormatFloat(v, 'g', -1, 32))
		}
		return out.Write(row)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// exportRecorded is POST /v2/data/export: the file itself.
func (a *API) exportRecorded(c *gin.Context) {
	var body struct {
		SessionID  string `json:"session_id" validate:"required"`
		Format     string `json:"format"`
		IncludeRaw bool   `json:"include_raw"`
		OnlyPassed bool   `json:"only_passed"`
	}
	if !bindJSON(c, &body) {
		return
	}
	if body.Format == "" {
		body.Format = "edf"
	}
	at := slices.IndexFunc(exportFormats, func(f exportFormat) bool { return f.name == body.Format })
	switch {
	case body.Format == "mat" || body.Format == "fif":
		fail(c, models.InvalidField(models.At("format"), "not_supported", "is %q, which this server does not write; take edf, bdf, csv or json", body.Format))
		return
	case at < 0:
		fail(c, models.InvalidField(models.At("format"), "not_allowed", "must be json, csv, edf or bdf"))
		return
	}
	page := sessions.ExportPage{OnlyPassed: body.OnlyPassed}
	a.writeExport(c, body.SessionID, exportFormats[at], page, body.IncludeRaw)
}
