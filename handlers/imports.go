package handlers

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// importMedia are the media types of uploaded files.
var importMedia = []string{"multipart/form-data", octets, "text/csv", "text/plain", "text/tab-separated-values", "application/gzip", "application/x-gzip", "application/zip",
	"application/edf", "application/x-edf", "application/bdf", "application/x-bdf", "application/gdf", "application/x-gdf", "application/xdf", "application/x-xdf",
	"application/x-matlab-data"}

// Deadlines of an upload, which may take long: from one part of the body to the next, and for the answer.
const (
	importRead  = 60 * time.Second
	importWrite = 60 * time.Second
	importStep  = 1 << 20 // bytes after which the deadlines move
)

// slowBody is a body that may take as long as it needs while it keeps coming.
type slowBody struct {
	r       io.Reader
	control *http.ResponseController
	left    int
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		b.left = importStep
		now := time.Now()
		if err := errors.Join(b.control.SetReadDeadline(now.Add(importRead)), b.control.SetWriteDeadline(now.Add(importRead+importWrite))); err != nil {
			return 0, err
		}
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}

// importSession is POST /v1/sessions/import. What is known about the file is in the query, or in a form beside it.
func (a *API) importSession(c *gin.Context) {
	idem, err := idempotency(c, nil) // the service makes the fingerprint of what it reads
	if err != nil {
		fail(c, err)
		return
	}
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	form := importForm{values: url.Values{}}
	for name, values := range c.Request.URL.Query() {
		if name == middleware.ProjectParameter {
			continue
		}
		if err := form.set(name, values...); err != nil {
			fail(c, err)
			return
		}
	}
	var file io.Reader
	switch body := (&slowBody{r: c.Request.Body, control: http.NewResponseController(c.Writer)}); {
	case c.Request.Body == nil || c.Request.Body == http.NoBody:
		err = noFile()
	case kind == "multipart/form-data":
		c.Request.Body = io.NopCloser(body)
		if form.parts, err = c.Request.MultipartReader(); err != nil {
			err = models.Errorf(models.InvalidRequestBody, "The body is not a form: %v.", err)
			break
		}
		if file, err = form.untilFile(); err == nil && file == nil {
			err = noFile()
		}
	case kind == "" || strings.HasSuffix(kind, "json"):
		c.Header("Accept", strings.Join(importMedia, ", "))
		err = models.Errorf(render.UnsupportedMediaType, "This call takes Content-Type: %s.", strings.Join(importMedia, ", "))
	default:
		file = body
		_, err = form.fields() // nothing more will come
	}
	if err != nil {
		fail(c, err)
		return
	}
	if c.GetHeader("Content-Encoding") != "" {
		file = sessions.Unzipped{Reader: file}
	}
	accepted, err := a.cfg.Sessions.Import(c.Request.Context(), principal(c), form.values.Get("name"), file, form.rest, idem, respondImported)
	if err != nil {
		fail(c, err)
		return
	}
	writeAccepted(c, accepted)
}

func noFile() error {
	return models.InvalidField(models.At("file"), "required", "is required: the recording, as the body or as the part \"file\" of a form")
}

// importForm collects what is said about a file.
type importForm struct {
	values url.Values
	parts  *multipart.Reader // nil for a plain body
}

// maxFormField is the longest field of a form: 512 names of channels.
const maxFormField = 64 << 10

// importNames are the fields of an import; channels may be there several times.
var importNames = []string{"name", "external_user_id", "device_type", "sample_rate_hz", "hop_s", "started_at_unix_ms", "channels", "features"}

// set takes the values of a field. One that contradicts what was said before, in the query or in the form, is refused.
func (f *importForm) set(name string, values ...string) error {
	if !slices.Contains(importNames, name) {
		return models.InvalidField(models.At(name), "unknown_field", "%s", unknownName("field", name, importNames))
	}
	if name != "channels" {
		values = append(slices.Clone(f.values[name]), values...)
		if slices.ContainsFunc(values, func(v string) bool { return v != values[0] }) {
			return models.InvalidField(models.At(name), "duplicate", "is given more than once, with different values")
		}
	}
	f.values[name] = values
	return nil
}

// untilFile reads the fields before the file and returns the file.
func (f *importForm) untilFile() (io.Reader, error) {
	fresh := map[string]bool{}
	for {
		part, err := f.parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, formFault(err)
		}
		name := part.FormName()
		if name == "file" {
			if f.values.Get("name") == "" {
				f.values.Set("name", part.FileName())
			}
			return formFile{part}, nil
		}
		b, err := io.ReadAll(io.LimitReader(part, maxFormField+1))
		if err != nil {
			return nil, formFault(err)
		}
		if len(b) > maxFormField {
			return nil, models.InvalidField(models.At(name), "too_long", "must have at most %d bytes", maxFormField)
		}
		values := []string{string(b)}
		if fresh[name] {
			values = append(f.values[name], values...)
		}
		fresh[name] = true
		if err := f.set(name, values...); err != nil {
			return nil, err
		}
	}
}

// rest reads the fields behind the file, and returns all.
func (f *importForm) rest() (sessions.ImportFields, error) {
	if f.parts != nil {
		again, err := f.untilFile()
		if err != nil {
			return sessions.ImportFields{}, err
		}
		if again != nil {
			return sessions.ImportFields{}, models.InvalidField(models.At("file"), "duplicate", "is given twice; a session is made of one file")
		}
	}
	return f.fields()
}

// formFault is the error of a form that cannot be read.
func formFault(err error) error {
	var known *models.Error
	if errors.As(err, &known) {
		return known
	}
	return models.Errorf(models.InvalidRequestBody, "The form could not be read to its end.").Wrap(err)
}

// formFile is a part whose faults have their place in the error table.
type formFile struct{ part *multipart.Part }

func (f formFile) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = formFault(err)
	}
	return n, err
}

// fields reads the values.
func (f *importForm) fields() (sessions.ImportFields, error) {
	var wrong []models.FieldError
	bad := func(name, code, message string) {
		wrong = append(wrong, models.FieldError{Path: models.At(name), Code: code, Message: message})
	}
	number := func(name string) *float64 {
		text := f.values.Get(name)
		if text == "" {
			return nil
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			bad(name, "type", "must be a number")
			return nil
		}
		return &v
	}
	out := sessions.ImportFields{ExternalUserID: f.values.Get("external_user_id"), DeviceType: f.values.Get("device_type"),
		RateHz: number("sample_rate_hz"), HopS: number("hop_s")}
	if out.ExternalUserID == "" {
		bad("external_user_id", "required", "must have 1 to 255 characters and no control characters")
	}
	if text := f.values.Get("started_at_unix_ms"); text != "" {
		v, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			bad("started_at_unix_ms", "type", "must be a whole number of milliseconds")
		}
		out.StartedAtMS = &v
	}
	for _, text := range f.values["channels"] {
		var names []string
		if !strings.HasPrefix(strings.TrimSpace(text), "[") {
			names = strings.Split(text, ",")
		} else if json.Unmarshal([]byte(text), &names) != nil {
			bad("channels", "type", "must be names separated by commas, or a JSON array of names")
		}
		for _, name := range names {
			if name = strings.TrimSpace(name); name != "" {
				out.Channels = append(out.Channels, name)
			}
		}
	}
	for _, text := range f.values["features"] {
		for name := range strings.SplitSeq(text, ",") {
			if name = strings.TrimSpace(name); name != "" {
				out.Features = append(out.Features, eeg.Feature(name))
			}
		}
	}
	if len(wrong) > 0 {
		return out, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	return out, nil
}

// importFields is how far the import of a session is.
type importFields struct {
	Format     string  `json:"format"`
	TotalBytes int64   `json:"total_bytes"`
	DoneBytes  int64   `json:"done_bytes"`
	ShareDone  float64 `json:"share_done"`
}

func importOfModel(i *models.SessionImport) *importFields {
	if i == nil {
		return nil
	}
	return &importFields{Format: i.Format, TotalBytes: i.TotalBytes, DoneBytes: i.DoneBytes, ShareDone: i.Share()}
}

// respondImported is the session with the job that fills it.
func respondImported(s models.Session, i models.SessionImport) models.Answer {
	out := struct {
		sessionFields
		Status string        `json:"status"`
		JobID  string        `json:"job_id"`
		Import *importFields `json:"import"`
	}{sessionOfModel(s), "accepted", i.JobID, importOfModel(&i)}
	out.SkippedChannels = i.Skipped()
	b, err := json.Marshal(out)
	if err != nil { // cannot be: strings and finite numbers
		return keep(http.StatusInternalServerError, nil)
	}
	return keep(http.StatusAccepted, append(b, '\n'))
}

// eventFields is what callers see of an event.
type eventFields struct {
	Seq        int                `json:"seq"`
	AtMS       float64            `json:"t_unix_ms"`
	OnsetMS    *float64           `json:"onset_ms"` // after the session's origin; null while that is not known
	Sample     *int64             `json:"sample"`   // number of the sample nearest to it
	DurationMS float64            `json:"duration_ms"`
	Code       int                `json:"code"`
	Label      string             `json:"label"`
	Channel    string             `json:"channel"`
	Target     *bool              `json:"target,omitempty"` // left out where it is not known
	Source     models.EventSource `json:"source"`
	CreatedAt  string             `json:"created_at"`
}

func eventsOfModel(s models.Session, marks []models.SessionMark) []eventFields {
	out := make([]eventFields, len(marks))
	for i, m := range marks {
		out[i] = eventFields{Seq: m.Seq, AtMS: m.AtMS, DurationMS: m.DurationMS, Code: m.Code, Label: m.Label, Channel: m.Channel, Target: m.Target, Source: m.Source, CreatedAt: rfc3339(m.CreatedAt)}
		if s.OriginMS != nil {
			onset := m.AtMS - float64(*s.OriginMS)
			sample := int64(math.Round(onset * s.SampleRateHz / 1000))
			out[i].OnsetMS, out[i].Sample = &onset, &sample
		}
	}
	return out
}

// listEvents is GET /v1/sessions/:id/events.
func (a *API) listEvents(c *gin.Context) {
	q := query{c: c}
	limit := q.integer("limit", sessions.MaxEventPage, 1, sessions.MaxEventPage)
	after := q.integer("after", 0, 0, 1<<31-1)
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	ses, found, err := a.cfg.Sessions.Events(c.Request.Context(), principal(c), c.Param("id"), after, limit+1)
	if err != nil {
		fail(c, err)
		return
	}
	found = morePages(c, found, limit, func(last models.SessionMark) (string, string) { return "after", strconv.Itoa(last.Seq) })
	c.PureJSON(http.StatusOK, eventsOfModel(ses, found))
}

// addEvents is POST /v1/sessions/:id/events.
func (a *API) addEvents(c *gin.Context) {
	body, idem, release, err := a.readKeyed(c)
	if err != nil {
		fail(c, err)
		return
	}
	defer release()
	var doc struct {
		Events []sessions.NewEvent `json:"events"`
	}
	if err := decodeJSON(body, &doc); err != nil {
		fail(c, err)
		return
	}
	if idem.Key != "" {
		idem.Fingerprint = fingerprint(c.Param("id"), idem.Fingerprint)
	}
	accepted, err := a.cfg.Sessions.AddEvents(c.Request.Context(), principal(c), c.Param("id"), doc.Events, idem, respondEvents)
	if err != nil {
		fail(c, err)
		return
	}
	writeKept(c, accepted)
}

// respondEvents is the events as they were added.
func respondEvents(s models.Session, marks []models.SessionMark) models.Answer {
	b, err := json.Marshal(eventsOfModel(s, marks))
	if err != nil { // cannot be: strings and finite numbers
		return keep(http.StatusInternalServerError, nil)
	}
	return keep(http.StatusCreated, append(b, '\n'))
}
