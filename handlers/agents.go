package handlers

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/models"
)

// syncBody is what an agent says in an exchange.
type syncBody struct {
	Instance string       `json:"instance"`
	WaitS    *float64     `json:"wait_s"`
	Devices  []syncedBody `json:"devices"`
}

// syncedBody is what an agent says of a device.
type syncedBody struct {
	ID              string            `json:"id"`
	Name            string            `json:"name"`
	Type            models.DeviceType `json:"type"`
	SerialNumber    string            `json:"serial_number"`
	FirmwareVersion string            `json:"firmware_version"`
	Metadata        json.RawMessage   `json:"metadata"`
	Capabilities    struct {
		Channels      []string  `json:"channels"`
		SampleRates   []float64 `json:"sample_rates"`
		MinSampleRate float64   `json:"min_sample_rate"`
		MaxSampleRate float64   `json:"max_sample_rate"`
		SampleRate    float64   `json:"sample_rate"`
		Impedance     bool      `json:"impedance"`
		Counter       bool      `json:"counter"`
	} `json:"capabilities"`
	Revision int64 `json:"revision"`
	Report   struct {
		StreamID string             `json:"stream_id"`
		State    models.StreamState `json:"state"`
		Samples  int64              `json:"samples"`
		Missing  map[string]int64   `json:"missing"`
		Waiting  int64              `json:"waiting_bytes"`
		Dropped  int                `json:"dropped_markers"`
		Clock    json.RawMessage    `json:"clock"`
		Readings map[string]struct {
			Unit   string    `json:"unit"`
			Values []float64 `json:"values"`
			AtMS   int64     `json:"at_unix_ms"`
		} `json:"readings"`
		Fault  *faultBody      `json:"fault"`
		Done   string          `json:"done"`
		Result json.RawMessage `json:"result"`
		Failed *faultBody      `json:"failed"`
	} `json:"report"`
	Ended string     `json:"ended"`
	Fault *faultBody `json:"fault"`
}

type faultBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (f *faultBody) of() *models.DeviceFault {
	if f == nil {
		return nil
	}
	return &models.DeviceFault{Code: f.Code, Message: f.Message}
}

// nonNull returns a value of JSON, nil for null.
func nonNull(b json.RawMessage) json.RawMessage {
	if len(b) == 0 || string(b) == "null" {
		return nil
	}
	return b
}

func (b syncedBody) of() devices.Announced {
	r := b.Report
	a := devices.Announced{ID: b.ID, Name: b.Name, Type: b.Type, SerialNumber: b.SerialNumber, FirmwareVersion: b.FirmwareVersion, Metadata: b.Metadata,
		Capabilities: models.DeviceCapabilities(b.Capabilities), Revision: b.Revision, Ended: b.Ended, Fault: b.Fault.of(),
		Report: models.DeviceReport{StreamID: r.StreamID, State: r.State, Revision: b.Revision, Fault: r.Fault.of(), Samples: r.Samples, Missing: r.Missing, Waiting: r.Waiting,
			Dropped: r.Dropped, Clock: nonNull(r.Clock), Done: r.Done, Result: nonNull(r.Result), Failed: r.Failed.of()}}
	for name, v := range r.Readings {
		if a.Report.Readings == nil {
			a.Report.Readings = map[string]models.DeviceReading{}
		}
		a.Report.Readings[name] = models.DeviceReading(v)
	}
	return a
}

// wantedDocument is what an agent is told of a device.
type wantedDocument struct {
	ID       string                `json:"id"`
	Held     bool                  `json:"held"`
	Revision int64                 `json:"revision"`
	Stream   *wantedStream         `json:"stream"`
	Command  *models.DeviceCommand `json:"command"`
	Error    json.RawMessage       `json:"error"`
}

type wantedStream struct {
	StreamID  string              `json:"stream_id"`
	SessionID string              `json:"session_id"`
	Stopping  bool                `json:"stopping"`
	Config    models.StreamConfig `json:"config"`
	StartedAt string              `json:"started_at"`
}

// syncAgent is POST /v2/agents/:name/sync.
func (a *API) syncAgent(c *gin.Context) {
	var body syncBody
	if !bindJSON(c, &body) {
		return
	}
	x := devices.Exchange{Agent: c.Param("name"), Instance: body.Instance, Wait: devices.MaxSyncWait}
	if w := body.WaitS; w != nil {
		if !(*w >= 0 && *w <= devices.MaxSyncWait.Seconds()) {
			fail(c, models.InvalidField(models.At("wait_s"), "out_of_range", "must be a number of seconds from 0 to %g", devices.MaxSyncWait.Seconds()))
			return
		}
		x.Wait = time.Duration(*w * float64(time.Second))
	}
	for _, d := range body.Devices {
		x.Devices = append(x.Devices, d.of())
	}
	found, err := a.cfg.Devices.Sync(c.Request.Context(), principal(c), x)
	if err != nil {
		fail(c, err)
		return
	}
	out := struct {
		LeaseS  float64          `json:"lease_s"`
		Devices []wantedDocument `json:"devices"`
	}{models.DeviceLease.Seconds(), make([]wantedDocument, len(found))}
	for i, w := range found {
		d := wantedDocument{ID: w.ID, Held: w.Held, Revision: w.Revision, Command: w.Command}
		if st := w.Stream; st != nil {
			d.Stream = &wantedStream{StreamID: st.ID, SessionID: st.SessionID, Stopping: st.Stopping, Config: st.Config, StartedAt: rfc3339(st.StartedAt)}
		}
		if w.Error != nil {
			_, _, text := render.Body(render.Devices, models.AsError(w.Error), middleware.ID(c), time.Now())
			var e struct {
				Error json.RawMessage `json:"error"`
			}
			if json.Unmarshal(text, &e) == nil {
				d.Error = e.Error
			}
		}
		out.Devices[i] = d
	}
	c.PureJSON(http.StatusOK, out)
}
