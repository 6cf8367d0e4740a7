package handlers

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// sessionBody is the body that makes a session.
type sessionBody struct {
	ExternalUserID string   `json:"external_user_id"`
	DeviceType     string   `json:"device_type"`
	SampleRateHz   float64  `json:"sample_rate_hz"`
	Channels       []string `json:"channels"`
	IngestionMode  string   `json:"ingestion_mode"`
	HopS           *float64 `json:"hop_s"`
	JitterMS       *int     `json:"jitter_ms"`
	StartedAtMS    *int64   `json:"started_at_unix_ms"`

	Decode   *sessions.NewLiveDecode `json:"decode"`
	Features []eeg.Feature           `json:"features"`

	aboutBody
}

// aboutBody is what may be said about a session.
type aboutBody struct {
	Name     *string         `json:"name"`
	Tags     *[]string       `json:"tags"`
	Metadata json.RawMessage `json:"metadata"`
	Protocol *string         `json:"protocol"`
	DeviceID *string         `json:"device_id"`
}

func (b aboutBody) about() sessions.About {
	return sessions.About{Name: b.Name, Tags: b.Tags, Metadata: b.Metadata, Protocol: b.Protocol, DeviceID: b.DeviceID}
}

// sessionFields is what callers see of a session.
type sessionFields struct {
	SessionID       string                  `json:"session_id"`
	ProjectID       string                  `json:"project_id"`
	ExternalUserID  string                  `json:"external_user_id"`
	DeviceType      string                  `json:"device_type"`
	SampleRateHz    float64                 `json:"sample_rate_hz"`
	Channels        []string                `json:"channels"`
	StartedAt       string                  `json:"started_at"`
	EndedAt         *string                 `json:"ended_at"`
	IngestionMode   models.IngestionMode    `json:"ingestion_mode"`
	ProcessingState *models.SessionState    `json:"processing_state"`
	HopS            float64                 `json:"hop_s"`
	JitterMS        int                     `json:"jitter_ms"`
	Decode          *liveFields             `json:"decode,omitempty"`
	WindowFeatures  []eeg.Feature           `json:"window_features,omitempty"`  // where the session was made with any
	SkippedChannels []models.SkippedChannel `json:"skipped_channels,omitempty"` // of the file that the session was made of
	aboutFields
	WSURL string `json:"ws_url,omitempty"`
}

// aboutFields is what was said about a session; what was not is left out.
type aboutFields struct {
	Name     string          `json:"name,omitempty"`
	Tags     []string        `json:"tags,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Protocol string          `json:"protocol,omitempty"`
	DeviceID string          `json:"device_id,omitempty"`
}

func aboutOf(s models.Session) aboutFields {
	out := aboutFields{Name: s.Name, Tags: s.Tags, Protocol: s.Protocol, DeviceID: s.DeviceID}
	if s.Metadata != "" && s.Metadata != "{}" {
		out.Metadata = json.RawMessage(s.Metadata)
	}
	return out
}

// liveFields is what callers see of how a session is decoded as it runs.
type liveFields struct {
	Paradigm eeg.Paradigm      `json:"paradigm"`
	Model    string            `json:"model,omitempty"`
	WindowS  float64           `json:"window_s"`
	HopS     float64           `json:"hop_s"`
	Stimulus *eeg.Stimulus     `json:"stimulus,omitempty"`
	Intents  map[string]string `json:"intents,omitempty"`
	// Alignment is given where the session was made with it.
	Alignment string              `json:"alignment,omitempty"`
	Seizure   *eeg.SeizureOptions `json:"seizure,omitempty"`
}

func sessionOfModel(s models.Session) sessionFields {
	out := sessionFields{SessionID: s.ID, ProjectID: s.ProjectID, ExternalUserID: s.ExternalUserID, DeviceType: s.DeviceType,
		SampleRateHz: s.SampleRateHz, Channels: s.Channels, StartedAt: instant(s.Began()), EndedAt: instantp(s.Ended()),
		IngestionMode: s.IngestionMode, ProcessingState: s.ProcessingState(), HopS: float64(s.HopMS) / 1000, JitterMS: s.JitterMS,
		WindowFeatures: s.Features, aboutFields: aboutOf(s)}
	if d := s.Decode; d != nil {
		out.Decode = &liveFields{d.Paradigm, d.Model, float64(d.WindowMS) / 1000, float64(d.HopMS) / 1000, d.Stimulus, d.Intents, d.Alignment, d.Seizure}
	}
	return out
}

// createSession is POST /v1/sessions.
func (a *API) createSession(c *gin.Context) {
	var body sessionBody
	idem, ok := bindKeyed(c, &body)
	if !ok {
		return
	}
	who := principal(c)
	location := func(id string) string { return "/v1/sessions/" + id }
	var s models.Session
	check := func() (err error) {
		s, err = a.cfg.Sessions.Check(c.Request.Context(), who, sessions.NewSession{
			ExternalUserID: body.ExternalUserID, DeviceType: body.DeviceType, SampleRateHz: body.SampleRateHz, Channels: body.Channels,
			IngestionMode: body.IngestionMode, HopS: body.HopS, JitterMS: body.JitterMS, StartedAtMS: body.StartedAtMS, Decode: body.Decode,
			Features: body.Features, About: body.about(),
		})
		return err
	}
	a.once(c, who.ProjectID, idem, nil, location, check, func(ctx context.Context) (int, any, string, error) {
		if err := a.cfg.Sessions.Create(ctx, who, s); err != nil {
			return 0, nil, "", err
		}
		token, _, err := a.cfg.Live.Token(ctx, who, s.ID)
		out := sessionOfModel(s)
		out.WSURL = a.wsURL(c, s.ID, token)
		return http.StatusCreated, out, s.ID, err
	})
}

// listSessions is GET /v1/sessions: a plain array, as this family's lists are; the next page is named in headers.
func (a *API) listSessions(c *gin.Context) {
	q := query{c: c}
	f := sessions.Filter{ExternalUserID: c.Query("external_user_id"), Cursor: c.Query("cursor")}
	switch f.Mode = models.IngestionMode(c.Query("ingestion_mode")); {
	case f.Mode != "" && !f.Mode.Valid():
		q.bad("ingestion_mode", "not_allowed", "must be STREAMING or RECORDED")
	}
	f.Limit = q.integer("limit", 50, 1, sessions.MaxPage)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	page, err := a.cfg.Sessions.List(c.Request.Context(), principal(c), f)
	if err != nil {
		fail(c, err)
		return
	}
	c.Header("X-Has-More", strconv.FormatBool(page.Next != ""))
	if page.Next != "" {
		c.Header("X-Next-Cursor", page.Next)
		linkNext(c, "cursor", page.Next)
	}
	out := make([]sessionFields, len(page.Sessions))
	for i, s := range page.Sessions {
		out[i] = sessionOfModel(s)
	}
	c.PureJSON(http.StatusOK, out)
}

// getSession is GET /v1/sessions/:id.
func (a *API) getSession(c *gin.Context) {
	s, err := a.cfg.Sessions.Get(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	imp, err := a.cfg.Sessions.ImportOf(c.Request.Context(), s)
	if err != nil {
		fail(c, err)
		return
	}
	out := sessionOfModel(s)
	if imp != nil {
		out.SkippedChannels = imp.Skipped()
	}
	c.PureJSON(http.StatusOK, out)
}

// gapFields is a span of time that was not recorded.
type gapFields struct {
	StartMS int64 `json:"start_ms"`
	EndMS   int64 `json:"end_ms"`
	Samples int64 `json:"samples"`
}

// sessionStatus is GET /v1/sessions/:id/status.
func (a *API) sessionStatus(c *gin.Context) {
	st, err := a.cfg.Sessions.Status(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	gaps := make([]gapFields, len(st.Gaps))
	for i, g := range st.Gaps {
		gaps[i] = gapFields(g)
	}
	s := st.Session
	imp, err := a.cfg.Sessions.ImportOf(c.Request.Context(), s)
	if err != nil {
		fail(c, err)
		return
	}
	var warnings []string
	if imp != nil {
		if warnings, err = a.cfg.Sessions.ImportWarnings(c.Request.Context(), *imp); err != nil {
			fail(c, err)
			return
		}
	}
	c.PureJSON(http.StatusOK, struct {
		SessionID       string               `json:"session_id"`
		IngestionMode   models.IngestionMode `json:"ingestion_mode"`
		ProcessingState *models.SessionState `json:"processing_state"`
		EndedAt         *string              `json:"ended_at"`
		WindowCount     int                  `json:"window_count"`
		DecodeCount     int                  `json:"decode_count"`
		SampleCount     int64                `json:"sample_count"`
		OverlapCount    int64                `json:"overlapped_sample_count"`
		BatchCount      int                  `json:"batch_count"`
		PendingBatches  int                  `json:"pending_batches"`
		Gaps            []gapFields          `json:"gaps"`
		MoreGaps        bool                 `json:"more_gaps"`
		Warnings        []string             `json:"warnings"`
		JobID           *string              `json:"job_id"`
		Import          *importFields        `json:"import,omitempty"`
		Clock           *clockFields         `json:"clock"`
	}{s.ID, s.IngestionMode, s.ProcessingState(), instantp(s.Ended()), s.WindowCount, s.DecodeCount, s.SampleCount, s.OverlapCount, s.BatchCount, s.Pending(),
		gaps, st.MoreGaps, append(append([]string{}, st.Warnings...), warnings...), s.JobID, importOfModel(imp), clockOf(st.Clock)})
}

// clockFields is what the clock of a session's source does.
type clockFields struct {
	models.SourceClock
	ReportedAt string `json:"reported_at"`
}

func clockOf(c *sessions.Clock) *clockFields {
	if c == nil {
		return nil
	}
	return &clockFields{c.SourceClock, instant(c.At)}
}

// octets is the media type of float32 little-endian samples.
const octets = "application/octet-stream"

// ingest is POST /v1/sessions/:id/ingest.
func (a *API) ingest(c *gin.Context) {
	body, idem, release, err := a.readKeyed(c)
	if err != nil {
		fail(c, err)
		return
	}
	defer release()
	var b sessions.Batch
	if media, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type")); media == octets {
		b, err = binaryBatch(c, body)
	} else {
		err = computing(c, len(body), func() (err error) {
			b, err = jsonBatch(body)
			return err
		})
	}
	if err != nil {
		fail(c, err)
		return
	}
	if idem.Key != "" {
		idem.Fingerprint = fingerprint(c.Param("id"), b.BatchID, ms(b.StartMS), idem.Fingerprint)
		if b.Raw != nil && b.First != nil { // it is beside the body
			idem.Fingerprint = fingerprint(idem.Fingerprint, ms(b.First))
		}
		if b.Raw != nil && b.Unit+b.Encoding != "" { // they are beside the body
			idem.Fingerprint = fingerprint(idem.Fingerprint, b.Unit, b.Encoding)
		}
	}
	accepted, err := a.cfg.Sessions.Ingest(c.Request.Context(), principal(c), c.Param("id"), b, idem, respondIngested)
	if err != nil {
		fail(c, err)
		return
	}
	writeAccepted(c, accepted)
}

func ms(v *int64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatInt(*v, 10)
}

// respondIngested is the document's answer to a batch.
func respondIngested(i sessions.Ingested) models.Answer {
	if i.Duplicate {
		if i.Differs {
			return keep(http.StatusOK, []byte(`{"status":"duplicate_ignored","sample_count":0,"payload_differs":true}`+"\n"))
		}
		return keep(http.StatusOK, []byte(`{"status":"duplicate_ignored","sample_count":0}`+"\n"))
	}
	b := []byte(`{"status":"accepted","sample_count":` + strconv.Itoa(i.Samples) + `,"job_id":"` + i.JobID + `"`)
	if i.Overlap > 0 {
		b = strconv.AppendInt(append(b, `,"overlapped_sample_count":`...), i.Overlap, 10)
	}
	if len(i.Warnings) > 0 {
		if texts, err := json.Marshal(i.Warnings); err == nil { // texts always encode
			b = append(append(b, `,"warnings":`...), texts...)
		}
	}
	return keep(http.StatusAccepted, append(b, "}\n"...))
}

// binaryBatch reads a batch of bare samples, whose id and time are in headers or in the query, as their unit and encoding do.
func binaryBatch(c *gin.Context, body []byte) (sessions.Batch, error) {
	either := func(header, parameter string) string {
		if v := c.GetHeader(header); v != "" {
			return v
		}
		return c.Query(parameter)
	}
	b := sessions.Batch{BatchID: either("X-Batch-Id", "batch_id"), Raw: body, Unit: c.Query("unit"), Encoding: c.Query("encoding")}
	if b.Raw == nil {
		b.Raw = []byte{}
	}
	if text := either("X-T0-Unix-Ms", "t0_unix_ms"); text != "" {
		t0, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return b, models.InvalidField(models.At("t0_unix_ms"), "type", "must be a whole number of milliseconds")
		}
		b.StartMS = &t0
	}
	if text := c.Query("first_sample"); text != "" {
		first, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return b, models.InvalidField(models.At("first_sample"), "type", "must be a whole number")
		}
		b.First = &first
	}
	if text := c.Query("clock"); text != "" {
		b.Clock = new(models.SourceClock)
		if err := decodeJSON([]byte(text), b.Clock); err != nil {
			return b, under("clock", err)
		}
	}
	return b, nil
}

// under puts the fields that an error names below another.
func under(name string, err error) error {
	e := models.AsError(err)
	for i := range e.Fields {
		e.Fields[i].Path = models.At(name).Join(e.Fields[i].Path)
	}
	return e
}

// endSession is POST /v1/sessions/:id/end. The body may be missing.
func (a *API) endSession(c *gin.Context) {
	body, idem, release, err := a.readKeyed(c)
	if err != nil {
		fail(c, err)
		return
	}
	defer release()
	var doc struct {
		EndedAtMS *int64 `json:"ended_at_unix_ms"`
	}
	if len(body) > 0 {
		if err := decodeJSON(body, &doc); err != nil {
			fail(c, err)
			return
		}
	}
	if idem.Key != "" {
		idem.Fingerprint = fingerprint(c.Param("id"), idem.Fingerprint)
	}
	accepted, err := a.cfg.Sessions.End(c.Request.Context(), principal(c), c.Param("id"), doc.EndedAtMS, idem, respondEnded)
	if err != nil {
		fail(c, err)
		return
	}
	if statusOf(accepted.Answer) == http.StatusAccepted {
		writeAccepted(c, accepted)
		return
	}
	writeKept(c, accepted)
}

// respondEnded is the session as it is then: 200, or 202 with the job while its windows are being written.
func respondEnded(s models.Session) models.Answer {
	out := struct {
		sessionFields
		Status string  `json:"status"`
		JobID  *string `json:"job_id,omitempty"`
	}{sessionFields: sessionOfModel(s), Status: "ended"}
	status := http.StatusOK
	if s.IngestionMode == models.ModeRecorded {
		out.JobID = s.JobID
		if s.State == models.SessionProcessing {
			out.Status, status = "accepted", http.StatusAccepted
		}
	}
	b, err := json.Marshal(out)
	if err != nil { // cannot be: strings and finite numbers
		return keep(http.StatusInternalServerError, nil)
	}
	return keep(status, append(b, '\n'))
}

// appendTimed writes what was computed from a segment of a session: its id and times, the members of its JSON object,
// and its place.
func appendTimed(b []byte, id, sessionID string, startMS, endMS int64, data string, created time.Time, index int64, seq int) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, id...)
	b = append(b, `","session_id":"`...)
	b = append(b, sessionID...)
	b = append(b, `","window_start_ms":`...)
	b = strconv.AppendInt(b, startMS, 10)
	b = append(b, `,"window_end_ms":`...)
	b = strconv.AppendInt(b, endMS, 10)
	if n := len(data); n > 2 { // an object: its members go among these
		b = append(b, ',')
		b = append(b, data[1:n-1]...)
	}
	b = append(b, `,"created_at":"`...)
	b = append(b, rfc3339(created)...)
	b = append(b, `","index":`...)
	b = strconv.AppendInt(b, index, 10)
	b = append(b, `,"seq":`...)
	b = strconv.AppendInt(b, int64(seq), 10)
	return append(b, '}')
}

// appendWindow writes a feature window as the document shows it.
func appendWindow(b []byte, w *models.FeatureWindow) []byte {
	return appendTimed(b, w.ID(), w.SessionID, w.StartMS, w.EndMS, w.Data, w.CreatedAt, w.WindowIndex, w.Seq)
}

// appendDecode writes a live decode: the fields of a decode's output, or its error, in its window.
func appendDecode(b []byte, d *models.SessionDecode) []byte {
	return appendTimed(b, d.ID(), d.SessionID, d.StartMS, d.EndMS, d.Data, d.CreatedAt, d.DecodeIndex, d.Seq)
}

// appendArray writes a list of what append writes one of.
func appendArray[T any](b []byte, list []T, one func([]byte, *T) []byte) []byte {
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, &list[i])
	}
	return append(b, "]\n"...)
}

// linkNext names the next page of a list, which is this one with a parameter set (RFC 8288).
func linkNext(c *gin.Context, parameter, value string) {
	next := c.Request.URL.Query()
	next.Set(parameter, value)
	c.Header("Link", "<"+(&url.URL{Path: c.Request.URL.Path, RawQuery: next.Encode()}).String()+`>; rel="next"`)
}

// morePages cuts a list that was read one longer than its page, and says in headers whether more follow and where. after
// names the parameter that leads behind an element, with its value; "" where none does.
func morePages[T any](c *gin.Context, found []T, limit int, after func(last T) (parameter, value string)) []T {
	more := len(found) > limit
	c.Header("X-Has-More", strconv.FormatBool(more))
	if !more {
		return found
	}
	found = found[:limit]
	if parameter, value := after(found[limit-1]); value != "" {
		linkNext(c, parameter, value)
	}
	return found
}

// ascending is the time behind which the next page of a list begins, "" where the list goes the other way.
func ascending(newest bool, ms int64) string {
	if newest {
		return ""
	}
	return strconv.FormatInt(ms, 10)
}

// features is GET /v1/sessions/:id/features.
func (a *API) features(c *gin.Context) {
	q := query{c: c}
	f := sessions.FeatureFilter{Limit: q.integer("limit", sessions.MaxFeaturePage, 1, sessions.MaxFeaturePage), OnlyPassed: q.boolean("only_passed"),
		AfterMS: q.afterMS(), Newest: q.newestFirst()}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	limit := f.Limit
	f.Limit++
	found, err := a.cfg.Sessions.Features(c.Request.Context(), principal(c), c.Param("id"), f)
	if err != nil {
		fail(c, err)
		return
	}
	found = morePages(c, found, limit, func(last models.FeatureWindow) (string, string) { return "after_ms", ascending(f.Newest, last.StartMS) })
	c.Data(http.StatusOK, jsonType, appendArray(make([]byte, 0, 2+1024*len(found)), found, appendWindow))
}

// latestFeatures is GET /v1/sessions/:id/features/latest.
func (a *API) latestFeatures(c *gin.Context) {
	q := query{c: c}
	onlyPassed := q.boolean("only_passed")
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	w, err := a.cfg.Sessions.LatestFeatures(c.Request.Context(), principal(c), c.Param("id"), onlyPassed)
	if err != nil {
		fail(c, err)
		return
	}
	c.Data(http.StatusOK, jsonType, append(appendWindow(nil, &w), '\n'))
}

// decodes is GET /v1/sessions/:id/decodes.
func (a *API) decodes(c *gin.Context) {
	q := query{c: c}
	f := sessions.DecodeFilter{Limit: q.integer("limit", sessions.MaxFeaturePage, 1, sessions.MaxFeaturePage), AfterMS: q.afterMS(), Newest: q.newestFirst()}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	limit := f.Limit
	f.Limit++
	found, err := a.cfg.Sessions.Decodes(c.Request.Context(), principal(c), c.Param("id"), f)
	if err != nil {
		fail(c, err)
		return
	}
	found = morePages(c, found, limit, func(last models.SessionDecode) (string, string) { return "after_ms", ascending(f.Newest, last.StartMS) })
	c.Data(http.StatusOK, jsonType, appendArray(make([]byte, 0, 2+2048*len(found)), found, appendDecode))
}
