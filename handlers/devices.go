package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// deviceDocument is what callers see of a device.
type deviceDocument struct {
	ID              string                    `json:"id"`
	Name            string                    `json:"name"`
	Type            models.DeviceType         `json:"type"`
	Status          models.DeviceStatus       `json:"status"`
	Driver          string                    `json:"driver"`
	Agent           *string                   `json:"agent"`
	SerialNumber    string                    `json:"serial_number"`
	FirmwareVersion string                    `json:"firmware_version"`
	LastSeen        *string                   `json:"last_seen"`
	Calibration     *struct{}                 `json:"calibration"` // none is kept: null
	Settings        json.RawMessage           `json:"settings"`
	Metadata        json.RawMessage           `json:"metadata"`
	Capabilities    models.DeviceCapabilities `json:"capabilities"`
	Config          models.StreamConfig       `json:"config"`
	Stream          *streamDocument           `json:"stream"`
	Observed        *observedDocument         `json:"observed"`
	CreatedAt       string                    `json:"created_at"`
	UpdatedAt       string                    `json:"updated_at"`
	Links           map[string]linkFields     `json:"_links"`
}

// streamDocument is what callers see of a stream.
type streamDocument struct {
	StreamID  string              `json:"stream_id"`
	SessionID string              `json:"session_id"`
	DeviceID  string              `json:"device_id"`
	Status    string              `json:"status"` // starting, streaming, away, stopping; stopped
	Config    models.StreamConfig `json:"config"`
	StartedAt string              `json:"started_at"`
}

// observedDocument is what the holder of a device observed last.
type observedDocument struct {
	StreamID string                          `json:"stream_id"` // that it is about; "" for none yet
	Samples  int64                           `json:"samples"`   // the number behind the last one that was read
	Missing  map[string]int64                `json:"missing"`   // samples that were not, by cause
	Waiting  int64                           `json:"waiting_bytes"`
	Dropped  int                             `json:"dropped_markers"`
	Clock    json.RawMessage                 `json:"clock"`
	Readings map[string]models.DeviceReading `json:"readings"`
	Fault    *models.DeviceFault             `json:"fault"`
}

func object(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return json.RawMessage("{}")
	}
	return b
}

func deviceOf(d devices.Device) deviceDocument {
	self := "/v2/devices/" + url.PathEscape(d.ID)
	out := deviceDocument{ID: d.ID, Name: d.Name, Type: d.Type, Status: d.Status, Driver: d.Driver, SerialNumber: d.SerialNumber, FirmwareVersion: d.FirmwareVersion,
		LastSeen: rfc3339p(d.SeenAt), Settings: object(d.Settings), Metadata: object(d.Metadata), Capabilities: d.Capabilities, Config: d.Config,
		CreatedAt: rfc3339(d.CreatedAt), UpdatedAt: rfc3339(d.UpdatedAt),
		Links: map[string]linkFields{"self": {self}, "sessions": {"/v2/sessions?device_id=" + url.QueryEscape(d.ID)}, "start": {self + "/stream/start"}, "stop": {self + "/stream/stop"}}}
	if d.Agent != "" {
		out.Agent = &d.Agent
	}
	if d.Stream != nil {
		st := streamOf(d.ID, *d.Stream, string(d.State))
		out.Stream = &st
	}
	if d.SeenAt != nil {
		r := d.Report
		out.Observed = &observedDocument{StreamID: r.StreamID, Samples: r.Samples, Missing: r.Missing, Waiting: r.Waiting, Dropped: r.Dropped, Clock: r.Clock, Readings: r.Readings, Fault: r.Fault}
		if out.Observed.Missing == nil {
			out.Observed.Missing = map[string]int64{}
		}
		if out.Observed.Readings == nil {
			out.Observed.Readings = map[string]models.DeviceReading{}
		}
	}
	return out
}

func streamOf(device string, st models.DeviceStream, status string) streamDocument {
	return streamDocument{StreamID: st.ID, SessionID: st.SessionID, DeviceID: device, Status: status, Config: st.Config, StartedAt: rfc3339(st.StartedAt)}
}

// configBody is how a device is to stream. Channels are numbers from 1 on, or names.
type configBody struct {
	SampleRate *float64           `json:"sample_rate"`
	Channels   *[]json.RawMessage `json:"channels"`
	Filters    *filtersBody       `json:"filters"`
}

type filtersBody struct {
	Notch    *float64   `json:"notch"`
	Highpass *float64   `json:"highpass"`
	Lowpass  *float64   `json:"lowpass"`
	Bandpass *[]float64 `json:"bandpass"` // high-pass and low-pass by another name
}

func (b configBody) read() (devices.ConfigChange, error) {
	c := devices.ConfigChange{SampleRate: b.SampleRate}
	var wrong []models.FieldError
	if b.Channels != nil {
		list := make([]devices.Channel, len(*b.Channels))
		for i, raw := range *b.Channels {
			if json.Unmarshal(raw, &list[i].Name) == nil && list[i].Name != "" {
				continue
			}
			if json.Unmarshal(raw, &list[i].Number) != nil || list[i].Number == 0 {
				wrong = append(wrong, models.FieldError{Path: models.At("channels").Index(i), Code: "type", Message: "must be the number of a channel, from 1 on, or its name"})
			}
		}
		c.Channels = &list
	}
	if f := b.Filters; f != nil {
		c.Filters = &devices.FilterChange{Notch: f.Notch, Highpass: f.Highpass, Lowpass: f.Lowpass}
		if f.Bandpass != nil {
			if len(*f.Bandpass) != 2 {
				wrong = append(wrong, models.FieldError{Path: models.At("filters", "bandpass"), Code: "length", Message: "must be two frequencies, the low one first"})
			} else {
				c.Filters.Bandpass = &[2]float64{(*f.Bandpass)[0], (*f.Bandpass)[1]}
			}
		}
	}
	if len(wrong) > 0 {
		return c, &models.Error{Code: models.InvalidConfiguration, Fields: wrong}
	}
	return c, nil
}

// listDevices is GET /v2/devices.
func (a *API) listDevices(c *gin.Context) {
	q := query{c: c}
	f := devices.Filter{Search: c.Query("search"), Page: q.integer("page", 1, 1, math.MaxInt32), Size: q.integer("size", devices.DefaultPage, 1, devices.MaxPage),
		Status: models.DeviceStatus(strings.ToUpper(c.Query("status")))}
	if f.Status != "" && !f.Status.Valid() {
		q.bad("status", "not_allowed", "must be one of "+strings.Join(names(models.DeviceStatuses()), ", "))
	}
	if t := c.Query("type"); t != "" {
		i := slices.IndexFunc(models.DeviceTypes(), func(one models.DeviceType) bool { return strings.EqualFold(string(one), t) })
		if i < 0 {
			q.bad("type", "not_allowed", "must be one of "+strings.Join(names(models.DeviceTypes()), ", "))
		} else {
			f.Type = models.DeviceTypes()[i]
		}
	}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	page, err := a.cfg.Devices.List(c.Request.Context(), principal(c), f)
	if err != nil {
		fail(c, err)
		return
	}
	pages := (page.Total + page.Size - 1) / page.Size
	link := func(n int) linkFields {
		v := c.Request.URL.Query()
		v.Set("page", strconv.Itoa(n))
		v.Set("size", strconv.Itoa(page.Size))
		return linkFields{"/v2/devices?" + v.Encode()}
	}
	out := struct {
		Items   []deviceDocument      `json:"items"`
		Total   int                   `json:"total"`
		Page    int                   `json:"page"`
		Size    int                   `json:"size"`
		Pages   int                   `json:"pages"`
		HasNext bool                  `json:"has_next"`
		HasPrev bool                  `json:"has_prev"`
		Links   map[string]linkFields `json:"_links"`
	}{make([]deviceDocument, len(page.Devices)), page.Total, page.Page, page.Size, pages, page.Page < pages, page.Page > 1,
		map[string]linkFields{"self": link(page.Page), "first": link(1), "last": link(max(1, pages))}}
	for i, d := range page.Devices {
		out.Items[i] = deviceOf(d)
	}
	if out.HasNext {
		out.Links["next"] = link(page.Page + 1)
	}
	if out.HasPrev {
		out.Links["prev"] = link(page.Page - 1)
	}
	c.PureJSON(http.StatusOK, out)
}

// getDevice is GET /v2/devices/:id.
func (a *API) getDevice(c *gin.Context) {
	d, err := a.cfg.Devices.Get(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, deviceOf(d))
}

// deviceBody is the body of a device that is made.
type deviceBody struct {
	ID              string            `json:"id"`
	Name            string            `json:"name"`
	Type            models.DeviceType `json:"type"`
	Driver          string            `json:"driver"`
	SerialNumber    string            `json:"serial_number"`
	FirmwareVersion string            `json:"firmware_version"`
	Settings        json.RawMessage   `json:"settings"`
	Metadata        json.RawMessage   `json:"metadata"`
	Config          configBody        `json:"config"`
}

// createDevice is POST /v2/devices.
func (a *API) createDevice(c *gin.Context) {
	var body deviceBody
	idem, ok := bindKeyed(c, &body)
	if !ok {
		return
	}
	who := principal(c)
	var d models.Device
	check := func() error { // it may ask the device, which takes longer than a transaction may
		config, err := body.Config.read()
		if err != nil {
			return err
		}
		d, err = a.cfg.Devices.Draft(c.Request.Context(), who, devices.NewDevice{ID: body.ID, Name: body.Name, Type: body.Type, Driver: body.Driver,
			SerialNumber: body.SerialNumber, FirmwareVersion: body.FirmwareVersion, Settings: body.Settings, Metadata: body.Metadata, Config: config})
		return err
	}
	location := func(id string) string { return "/v2/devices/" + url.PathEscape(id) }
	a.once(c, who.ProjectID, idem, nil, location, check, func(ctx context.Context) (int, any, string, error) {
		made, err := a.cfg.Devices.Add(ctx, who, d)
		return http.StatusCreated, deviceOf(made), made.ID, err
	})
}

// changeDevice is PATCH /v2/devices/:id.
func (a *API) changeDevice(c *gin.Context) {
	var body struct {
		Name            *string              `json:"name"`
		SerialNumber    *string              `json:"serial_number"`
		FirmwareVersion *string              `json:"firmware_version"`
		Metadata        json.RawMessage      `json:"metadata"`
		Status          *models.DeviceStatus `json:"status"`
	}
	if !bindJSON(c, &body) {
		return
	}
	change := devices.Change{Name: body.Name, SerialNumber: body.SerialNumber, FirmwareVersion: body.FirmwareVersion, Metadata: body.Metadata}
	if s := body.Status; s != nil {
		if *s != models.DeviceMaintenance && *s != models.DeviceOnline {
			fail(c, models.InvalidField(models.At("status"), "not_allowed", "must be MAINTENANCE, which takes the device out of use, or ONLINE, which ends that; the rest is observed"))
			return
		}
		m := *s == models.DeviceMaintenance
		change.Maintenance = &m
	}
	d, err := a.cfg.Devices.Change(c.Request.Context(), principal(c), c.Param("id"), change)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, deviceOf(d))
}

// deleteDevice is DELETE /v2/devices/:id.
func (a *API) deleteDevice(c *gin.Context) {
	if err := a.cfg.Devices.Delete(c.Request.Context(), principal(c), c.Param("id")); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// configureDevice is PATCH /v2/devices/:id/config.
func (a *API) configureDevice(c *gin.Context) {
	var body configBody
	if !bindJSON(c, &body) {
		return
	}
	config, err := body.read()
	if err != nil {
		fail(c, err)
		return
	}
	d, err := a.cfg.Devices.Configure(c.Request.Context(), principal(c), c.Param("id"), config)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, deviceOf(d))
}

// optional reads a body that may be empty.
func optional(dst any) func([]byte) error {
	return func(b []byte) error {
		if len(bytes.TrimSpace(b)) == 0 {
			return nil
		}
		return decodeJSON(b, dst)
	}
}

// startStream is POST /v2/devices/:id/stream/start.
func (a *API) startStream(c *gin.Context) {
	var body struct {
		configBody
		ExternalUserID string                  `json:"external_user_id"`
		PatientID      string                  `json:"patient_id"` // the same by the name of /v2/sessions
		Name           string                  `json:"name"`
		Tags           []string                `json:"tags"`
		HopS           *float64                `json:"hop_s"`
		Features       []eeg.Feature           `json:"features"`
		Decode         *sessions.NewLiveDecode `json:"decode"`
	}
	idem, ok := keyed(c, optional(&body))
	if !ok {
		return
	}
	config, err := body.read()
	switch {
	case err != nil:
	case body.PatientID != "" && body.ExternalUserID != "" && body.PatientID != body.ExternalUserID:
		err = models.InvalidField(models.At("patient_id"), "conflict", "must not stand beside external_user_id, which is the same")
	}
	if err != nil {
		fail(c, err)
		return
	}
	r := devices.StreamRequest{Config: config, ExternalUserID: body.ExternalUserID + body.PatientID, Name: body.Name, Tags: body.Tags, HopS: body.HopS, Features: body.Features, Key: idem}
	if body.ExternalUserID != "" {
		r.ExternalUserID = body.ExternalUserID
	}
	if body.Decode != nil {
		r.Decode = body.Decode
	}
	st, err := a.cfg.Devices.Start(c.Request.Context(), principal(c), c.Param("id"), r)
	if err != nil {
		fail(c, err)
		return
	}
	if st.Repeated {
		c.Header("Idempotent-Replayed", "true")
	}
	status := string(st.Device.State)
	if st.Ended {
		status = stopped
	}
	c.PureJSON(http.StatusOK, streamOf(c.Param("id"), st.DeviceStream, status))
}

// stopped is the status of a stream that has ended.
const stopped = "stopped"

// stopStream is POST /v2/devices/:id/stream/stop.
func (a *API) stopStream(c *gin.Context) {
	var body struct {
		Force bool `json:"force"`
	}
	if _, ok := keyed(c, optional(&body)); !ok {
		return
	}
	st, err := a.cfg.Devices.Stop(c.Request.Context(), principal(c), c.Param("id"), body.Force)
	if err != nil {
		fail(c, err)
		return
	}
	status := string(models.StreamStopping)
	if st.Ended {
		status = stopped
	}
	c.PureJSON(http.StatusOK, streamOf(c.Param("id"), st.DeviceStream, status))
}

// deviceImpedance is GET /v2/devices/:id/impedance.
func (a *API) deviceImpedance(c *gin.Context) {
	z, err := a.cfg.Devices.Impedance(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	out := struct {
		DeviceID   string                     `json:"device_id"`
		Measured   bool                       `json:"measured"`
		Reason     *string                    `json:"reason"`
		MeasuredAt *string                    `json:"measured_at"`
		Channels   []devices.ChannelImpedance `json:"channels"`
	}{DeviceID: z.DeviceID, Measured: z.Measured, MeasuredAt: rfc3339p(z.At), Channels: z.Channels}
	if z.Reason != "" {
		out.Reason = &z.Reason
	}
	if out.Channels == nil {
		out.Channels = []devices.ChannelImpedance{}
	}
	c.PureJSON(http.StatusOK, out)
}

// checkDevice is POST /v2/devices/:id/check.
func (a *API) checkDevice(c *gin.Context) {
	var body struct {
		Seconds float64 `json:"seconds"`
	}
	if _, ok := keyed(c, optional(&body)); !ok {
		return
	}
	report, err := a.cfg.Devices.Check(c.Request.Context(), principal(c), c.Param("id"), body.Seconds)
	if err != nil {
		fail(c, err)
		return
	}
	c.Data(http.StatusOK, jsonType, report)
}

// discoverDevices is GET /v2/devices/discover.
func (a *API) discoverDevices(c *gin.Context) {
	found, err := a.cfg.Devices.Discover(c.Request.Context(), principal(c))
	if err != nil {
		fail(c, err)
		return
	}
	type document struct {
		Driver       string                    `json:"driver"`
		Name         string                    `json:"name"`
		Settings     json.RawMessage           `json:"settings"`
		Capabilities models.DeviceCapabilities `json:"capabilities"`
	}
	out := struct {
		Devices []document `json:"devices"`
	}{make([]document, len(found))}
	for i, f := range found {
		out.Devices[i] = document{f.Driver, f.Name, object(f.Settings), f.Capabilities}
	}
	c.PureJSON(http.StatusOK, out)
}

// refreshLogin is POST /v2/auth/refresh: exchanges a refresh token, once.
func (a *API) refreshLogin(c *gin.Context) {
	var body refreshBody
	if !bindJSON(c, &body) {
		return
	}
	s, err := a.cfg.Accounts.Refresh(c.Request.Context(), body.RefreshToken)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, loginOf(s))
}
