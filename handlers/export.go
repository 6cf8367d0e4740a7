package handlers

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// exportStall is how long a client may take nothing of an export. The server's own limit is for answers of bounded length.
const exportStall = 60 * time.Second

// exportFormat is a form in which a session can be had.
type exportFormat struct {
	name  string
	media string
	takes []string // parameters
}

// exportFormats lists them; the first is the default. EDF and BDF have no registered media type: "x-" says so.
var exportFormats = []exportFormat{
	{"json", "application/json", []string{"limit", "offset", "include_raw"}},
	{"csv", "text/csv", []string{"limit", "offset", "only_passed"}},
	{"edf", "application/x-edf", nil},
	{"bdf", "application/x-bdf", nil},
}

// exportFormatOf chooses by the parameter format, else by Accept, in which the first that is known counts.
func exportFormatOf(c *gin.Context, q *query) exportFormat {
	if name, given := c.GetQuery("format"); given {
		for _, f := range exportFormats {
			if f.name == name {
				return f
			}
		}
		q.bad("format", "not_allowed", "must be json, csv, edf or bdf")
		return exportFormats[0]
	}
	for part := range strings.SplitSeq(strings.Join(c.Request.Header.Values("Accept"), ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if quality, stated := params["q"]; err != nil || stated && strings.Trim(quality, "0.") == "" {
			continue
		}
		for _, f := range exportFormats {
			if media == f.media || media == "*/*" {
				return f
			}
		}
	}
	return exportFormats[0]
}

// export is GET /v1/sessions/:id/export, written as it is read. A fault in its middle closes the connection, because
// nobody must take half an export for a whole one.
func (a *API) export(c *gin.Context) {
	q := query{c: c}
	format := exportFormatOf(c, &q)
	page := sessions.ExportPage{Offset: q.integer("offset", 0, 0, 1<<31-1), OnlyPassed: q.boolean("only_passed")}
	if format.name == "json" {
		page.Limit = q.integer("limit", 1000, 1, sessions.MaxExportPage)
	} else {
		page.Limit = q.integer("limit", 0, 1, 1<<31-1)
	}
	raw := q.boolean("include_raw")
	for _, name := range []string{"limit", "offset", "include_raw", "only_passed"} {
		takes := false
		for _, t := range format.takes {
			takes = takes || t == name
		}
		if _, given := c.GetQuery(name); given && !takes {
			q.bad(name, "not_applicable", "has no meaning for the format "+format.name)
		}
	}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	a.writeExport(c, c.Param("id"), format, page, raw)
}

// writeExport answers with a session in a format.
func (a *API) writeExport(c *gin.Context, id string, format exportFormat, page sessions.ExportPage, raw bool) {
	ctx := c.Request.Context()
	e, err := a.cfg.Sessions.Export(ctx, principal(c), id, page)
	if err != nil {
		fail(c, err)
		return
	}
	out := &exportWriter{c: c, control: http.NewResponseController(c.Writer), format: format, name: "session_" + e.Session.ID + "." + format.name}
	if isHead(c) {
		out.begin()
		return
	}
	w := bufio.NewWriterSize(out, 64<<10)
	switch format.name {
	case "json":
		err = exportJSON(ctx, w, e, raw)
	case "csv":
		err = exportCSV(ctx, w, e)
	default:
		err = exportSignals(ctx, w, e, sessions.SignalFormat(format.name), out)
	}
	if err == nil {
		err = w.Flush()
	}
	a.endExport(c, out, e.Session.ID, err)
}

// endExport ends an answer that is written as it is read.
func (a *API) endExport(c *gin.Context, out *exportWriter, id string, err error) {
	if err == nil {
		return
	}
	if !out.begun {
		fail(c, err)
		return
	}
	if c.Request.Context().Err() == nil {
		a.cfg.Log.ErrorContext(c.Request.Context(), "an export broke off", "session_id", id, "format", out.format.name, "error", err.Error())
	}
	panic(http.ErrAbortHandler)
}

// exportWriter sends the headers with the first bytes, and gives the client time as long as it takes bytes.
type exportWriter struct {
	c       *gin.Context
	control *http.ResponseController
	format  exportFormat
	name    string // of the file: letters, digits and hyphens, so it needs no escaping; "" for an answer that is no file
	size    int64  // 0 where it is not known beforehand
	begun   bool
	limit   time.Time
}

func (w *exportWriter) begin() {
	w.begun = true
	media := w.format.media
	switch w.format.name {
	case "json":
		media = jsonType
	case "csv":
		media = "text/csv; charset=utf-8; header=present" // RFC 4180, section 3
	}
	h := w.c.Writer.Header()
	h.Set("Content-Type", media)
	if w.name != "" {
		h.Set("Content-Disposition", `attachment; filename="`+w.name+`"`)
		h.Set("Vary", "Accept")
	}
	if w.size > 0 {
		h.Set("Content-Length", strconv.FormatInt(w.size, 10))
	}
	w.c.Status(http.StatusOK)
}

func (w *exportWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.begin()
	}
	if now := time.Now(); w.limit.Sub(now) < exportStall/2 {
		w.limit = now.Add(exportStall)
		if err := w.control.SetWriteDeadline(w.limit); err != nil {
			return 0, err
		}
	}
	return w.c.Writer.Write(p)
}

// exportSignals writes the raw samples as a file of its own.
func exportSignals(ctx context.Context, w io.Writer, e *sessions.Export, f sessions.SignalFormat, out *exportWriter) error {
	signals, err := e.Signals(ctx, f)
	if err != nil {
		return err
	}
	out.size = signals.Bytes
	return signals.Write(ctx, w)
}

// exportJSON writes the session, a page of its windows, its events, and its raw batches if they were asked for.
func exportJSON(ctx context.Context, w *bufio.Writer, e *sessions.Export, raw bool) error {
	s := e.Session
	head, err := json.Marshal(struct {
		ID              string               `json:"id"`
		ExternalUserID  string               `json:"external_user_id"`
		DeviceType      string               `json:"device_type"`
		SampleRateHz    float64              `json:"sample_rate_hz"`
		Channels        []string             `json:"channels"`
		IngestionMode   models.IngestionMode `json:"ingestion_mode"`
		ProcessingState *models.SessionState `json:"processing_state"`
		StartedAt       string               `json:"started_at"`
		EndedAt         *string              `json:"ended_at"`
		aboutFields
	}{s.ID, s.ExternalUserID, s.DeviceType, s.SampleRateHz, s.Channels, s.IngestionMode, s.ProcessingState(), instant(s.Began()), instantp(s.Ended()), aboutOf(s)})
	if err != nil {
		return err
	}
	buf := append(append([]byte(`{"session":`), head...), `,"feature_windows":[`...)
	// next sends what has gathered and puts a comma between elements.
	n := 0
	next := func() error {
		_, err := w.Write(buf)
		if buf = buf[:0]; n > 0 {
			buf = append(buf, ',')
		}
		n++
		return err
	}
	err = e.Windows(ctx, func(win *models.FeatureWindow) error {
		if err := next(); err != nil {
			return err
		}
		buf = appendWindow(buf, win)
		return nil
	})
	if err != nil {
		return err
	}
	windows := n
	n, buf = 0, append(buf, `],"events":[`...)
	err = e.Events(ctx, func(ev sessions.ExportEvent) error {
		if err := next(); err != nil {
			return err
		}
		buf = appendEvent(buf, e, ev)
		return nil
	})
	if err != nil {
		return err
	}
	buf = append(buf, ']')
	if raw {
		n, buf = 0, append(buf, `,"raw_batches":[`...)
		err := e.Batches(ctx, func(b sessions.RawBatch) error {
			if err := next(); err != nil {
				return err
			}
			buf, err = writeBatch(w, buf, s.Channels, b)
			return err
		})
		if err != nil {
			return err
		}
		buf = append(buf, ']')
	}
	buf = append(buf, `,"pagination":{"offset":`+strconv.Itoa(e.Page.Offset)+`,"limit":`+strconv.Itoa(e.Page.Limit)+`,"total":`+strconv.Itoa(e.Total)+
		`,"has_more":`+strconv.FormatBool(e.Page.Offset+windows < e.Total)+"}}\n"...)
	_, err = w.Write(buf)
	return err
}

// appendEvent writes an event.
func appendEvent(b []byte, e *sessions.Export, ev sessions.ExportEvent) []byte {
	label, _ := json.Marshal(ev.Label) // cannot fail: a string
	b = strconv.AppendInt(append(b, `{"sample":`...), ev.Sample, 10)
	b = strconv.AppendInt(append(b, `,"t_unix_ms":`...), e.TimeOf(ev.Sample).Round(time.Millisecond).UnixMilli(), 10)
	b = strconv.AppendFloat(append(b, `,"duration_s":`...), ev.DurationS, 'g', -1, 64)
	b = strconv.AppendInt(append(b, `,"code":`...), int64(ev.Code), 10)
	return append(append(append(b, `,"label":`...), label...), '}')
}

// writeBatch writes a raw batch in the form in which it may be ingested again. What is not yet sent is returned.
func writeBatch(w io.Writer, b []byte, channels []string, batch sessions.RawBatch) ([]byte, error) {
	id, _ := json.Marshal(batch.BatchID) // cannot fail: a string
	b = append(append(b, `{"batch_id":`...), id...)
	b = strconv.AppendInt(append(b, `,"t0_unix_ms":`...), batch.StartMS, 10)
	if batch.First >= 0 { // before the origin its time alone tells
		b = strconv.AppendInt(append(b, `,"first_sample":`...), batch.First, 10)
	}
	b = strconv.AppendInt(append(b, `,"sample_count":`...), int64(batch.Samples), 10)
	b = append(b, `,"data":{`...)
	frame := 4 * len(channels)
	for ch := range channels {
		if ch > 0 {
			b = append(b, ',')
		}
		name, _ := json.Marshal(channels[ch])
		b = append(append(b, name...), ':', '[')
		for i := range batch.Samples {
			if i > 0 {
				b = append(b, ',')
			}
			v := math.Float32frombits(binary.LittleEndian.Uint32(batch.Data[i*frame+4*ch:]))
			b = strconv.AppendFloat(b, float64(v), 'g', -1, 32)
			if len(b) > 32<<10 {
				if _, err := w.Write(b); err != nil {
					return nil, err
				}
				b = b[:0]
			}
		}
		b = append(b, ']')
	}
	return append(b, "}}"...), nil
}

// windowColumns are the columns of the CSV export; a column for the quality of each channel follows, and then those of the features that
// the session's windows carry on request: of all channels together, and of each.
var windowColumns = []string{
	"index", "seq", "window_start_ms", "window_end_ms",
	"delta", "theta", "alpha", "beta", "gamma", "alpha_beta", "theta_beta", "spectral_entropy",
	"blink_like", "motion_like", "emg_like", "bad_contact",
	"quality", "confidence", "passed", "reasons", "clipped", "created_at",
}

// csvBands are the powers or shares of the five bands.
type csvBands struct{ Delta, Theta, Alpha, Beta, Gamma json.Number }

// csvAsked is what of the features on request goes into cells.
type csvAsked struct {
	Bandpower csvBands `json:"bandpower"`
	Relative  csvBands `json:"relative_power"`
	Aperiodic struct {
		Exponent, Offset json.Number
	} `json:"aperiodic"`
	AlphaPeak struct {
		Frequency json.Number `json:"frequency_hz"`
		Power     json.Number `json:"power"`
		Width     json.Number `json:"width_hz"`
	} `json:"alpha_peak"`
}

func (b *csvBands) cells() []string {
	return []string{string(b.Delta), string(b.Theta), string(b.Alpha), string(b.Beta), string(b.Gamma)}
}

// askedColumns names the columns of a feature. The band powers of all channels together are among windowColumns.
func askedColumns(f eeg.Feature, whole bool) []string {
	switch f {
	case eeg.FeatureBandPower:
		if whole {
			return nil
		}
		return []string{"delta", "theta", "alpha", "beta", "gamma"}
	case eeg.FeatureRelativePower:
		return []string{"relative_delta", "relative_theta", "relative_alpha", "relative_beta", "relative_gamma"}
	case eeg.FeatureAperiodic:
		return []string{"aperiodic_exponent", "aperiodic_offset"}
	case eeg.FeatureAlphaPeak:
		return []string{"alpha_peak_hz", "alpha_peak_power", "alpha_peak_width_hz"}
	}
	return nil
}

// cells are what stands in the columns of a feature.
func (a *csvAsked) cells(f eeg.Feature, whole bool) []string {
	switch f {
	case eeg.FeatureBandPower:
		if whole {
			return nil
		}
		return a.Bandpower.cells()
	case eeg.FeatureRelativePower:
		return a.Relative.cells()
	case eeg.FeatureAperiodic:
		return []string{string(a.Aperiodic.Exponent), string(a.Aperiodic.Offset)}
	case eeg.FeatureAlphaPeak:
		return []string{string(a.AlphaPeak.Frequency), string(a.AlphaPeak.Power), string(a.AlphaPeak.Width)}
	}
	return nil
}

// csvWindow is what of a window goes into cells. Numbers stay as they are written; null is an empty cell.
type csvWindow struct {
	Features struct {
		csvAsked
		PerChannel map[string]csvAsked `json:"per_channel"`
		Ratios     struct {
			AlphaBeta json.Number `json:"alpha_beta"`
			ThetaBeta json.Number `json:"theta_beta"`
		} `json:"ratios"`
		SpectralEntropy json.Number `json:"spectral_entropy"`
	} `json:"features"`
	Artifacts struct {
		BlinkLike  json.Number `json:"blink_like"`
		MotionLike json.Number `json:"motion_like"`
		EMGLike    json.Number `json:"emg_like"`
		BadContact json.Number `json:"bad_contact"`
	} `json:"artifacts"`
	Quality struct {
		Overall    json.Number            `json:"overall"`
		PerChannel map[string]json.Number `json:"per_channel"`
	} `json:"quality"`
	Confidence struct {
		Overall json.Number `json:"overall"`
	} `json:"confidence"`
	Gate struct {
		Passed  bool     `json:"passed"`
		Reasons []string `json:"reasons"`
	} `json:"gate"`
	Clipped []string `json:"clipped"`
}

// exportCSV writes the windows as a table (RFC 4180).
func exportCSV(ctx context.Context, w io.Writer, e *sessions.Export) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	row := append([]string(nil), windowColumns...)
	for _, ch := range e.Session.Channels {
		row = append(row, csvText("quality_"+csvText(ch)))
	}
	asked := e.Session.Features
	for _, f := range asked {
		row = append(row, askedColumns(f, true)...)
	}
	for _, ch := range e.Session.Channels {
		for _, f := range asked {
			for _, name := range askedColumns(f, false) {
				row = append(row, csvText(name+"_"+csvText(ch)))
			}
		}
	}
	if err := out.Write(row); err != nil {
		return err
	}
	err := e.Windows(ctx, func(win *models.FeatureWindow) error {
		var v csvWindow
		if err := json.Unmarshal([]byte(win.Data), &v); err != nil {
			return fmt.Errorf("window %d: %w", win.WindowIndex, err)
		}
		f, b, a := &v.Features, &v.Features.Bandpower, &v.Artifacts
		row = append(row[:0], strconv.FormatInt(win.WindowIndex, 10), strconv.Itoa(win.Seq), strconv.FormatInt(win.StartMS, 10), strconv.FormatInt(win.EndMS, 10),
			string(b.Delta), string(b.Theta), string(b.Alpha), string(b.Beta), string(b.Gamma), string(f.Ratios.AlphaBeta), string(f.Ratios.ThetaBeta), string(f.SpectralEntropy),
			string(a.BlinkLike), string(a.MotionLike), string(a.EMGLike), string(a.BadContact),
			string(v.Quality.Overall), string(v.Confidence.Overall), strconv.FormatBool(v.Gate.Passed), csvList(v.Gate.Reasons), csvList(v.Clipped), rfc3339(win.CreatedAt))
		for _, ch := range e.Session.Channels {
			row = append(row, string(v.Quality.PerChannel[ch]))
		}
		for _, name := range asked {
			row = append(row, f.cells(name, true)...)
		}
		for _, ch := range e.Session.Channels {
			of := f.PerChannel[ch]
			for _, name := range asked {
				row = append(row, of.cells(name, false)...)
			}
		}
		return out.Write(row)
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// csvText returns a text as a cell that no spreadsheet takes for a formula (OWASP, "CSV Injection"): a quote goes before =, +, -,
// @ (their wide forms, too), tab, CR and LF at its beginning, and where another separator than ours would begin a cell.
func csvText(s string) string {
	var b strings.Builder
	begins := true
	for _, r := range s {
		switch r {
		case '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠':
			if begins {
				b.WriteByte('\'')
			}
		}
		b.WriteRune(r)
		begins = r == ';' || r == ',' || r == '\t' || r == '\r' || r == '\n'
	}
	return b.String()
}

// csvList is several texts in one cell.
func csvList(list []string) string { return csvText(strings.Join(list, ";")) }
