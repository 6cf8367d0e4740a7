package handlers

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/models"
)

// dataStream is GET /v2/data/stream/:id: the samples of a stream as they are stored, as server-sent events. The id is a stream's that a
// device was started with, or a session's.
func (a *API) dataStream(c *gin.Context) {
	q := query{c: c}
	r := live.Request{Kinds: live.Samples | live.Events, View: live.View{Decimate: q.integer("decimate", 1, 1, 1000)}}
	if text := c.GetHeader("Last-Event-ID"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			q.bad("Last-Event-ID", "type", "must be the id of an event of this stream")
		}
		r.AfterBatch = &n
	}
	err := q.err()
	if err == nil {
		r.SessionID, err = a.sessionOfStream(c, c.Param("id"))
	}
	var follower *live.Follower
	if err == nil {
		follower, err = a.cfg.Live.Follow(c.Request.Context(), principal(c), r)
	}
	ended := a.streams.opened(overEvents, err)
	if err != nil {
		fail(c, err)
		return
	}
	defer func() {
		follower.Close()
		ended(err)
	}()
	write := eventStream(c)
	if err = write(": stream of session " + r.SessionID + "\n\n"); err != nil {
		return
	}
	err = follower.Each(c.Request.Context(), streamPing, func(i live.Item) error { // the answer has begun: the end says all there is
		switch {
		case i.Block != nil:
			text := "event: neural_data\ndata: " + string(blockDocument(i.Block)) + "\n\n"
			if i.Block.Last { // who has its batch whole resumes behind it
				text = "id: " + strconv.Itoa(i.Block.Seq) + "\n" + text
			}
			return write(text)
		case i.Event != nil:
			b, err := json.Marshal(struct {
				Type      string  `json:"type"`
				Timestamp float64 `json:"timestamp"`
				Code      int     `json:"code"`
				Seq       int     `json:"seq"`
			}{i.Event.Label, i.Event.AtMS, i.Event.Code, i.Event.Seq})
			if err != nil {
				return err
			}
			return write("event: session_event\ndata: " + string(b) + "\n\n")
		case i.Dropped != nil:
			return write("event: dropped\ndata: {\"samples\":" + strconv.FormatInt(i.Dropped.Samples, 10) + ",\"total\":" + strconv.FormatInt(i.Dropped.Total, 10) + "}\n\n")
		}
		return write("event: session_ended\ndata: " + string(endedData(i.Ended)) + "\n\n")
	}, func() error { return write(": alive\n\n") })
}

// sessionOfStream returns the session of a stream. Errors: STREAM_UNAVAILABLE where no device streams it and it is no session's id.
func (a *API) sessionOfStream(c *gin.Context, id string) (string, error) {
	who := principal(c)
	if who.May(models.RightDevicesRead) {
		all, err := a.cfg.Devices.All(c.Request.Context(), who)
		if err != nil {
			return "", err
		}
		for _, d := range all {
			if d.Stream != nil && d.Stream.ID == id {
				return d.Stream.SessionID, nil
			}
		}
	}
	if _, err := a.cfg.Sessions.Get(c.Request.Context(), who, id); err != nil {
		if models.AsError(err).Code != models.SessionNotFound {
			return "", err
		}
		e := models.Errorf(models.StreamUnavailable, "No device streams '%s'. Start it first.", models.Cut(id, 64))
		e.Details = map[string]any{"resource_type": "stream", "resource_id": models.Cut(id, 64)}
		return "", e
	}
	return id, nil
}

// blockDocument is a run of samples: each channel with its values in order, in µV.
func blockDocument(b *live.Block) []byte {
	ses := b.Session
	head, err := json.Marshal(struct {
		SessionID   string  `json:"session_id"`
		DeviceID    *string `json:"device_id"`
		Seq         int     `json:"seq"`
		FirstSample int64   `json:"first_sample"`
		Step        int64   `json:"step"`
		Start       string  `json:"timestamp_start"`
		Samples     int     `json:"sample_count"`
		SampleRate  float64 `json:"sample_rate"`
		Gap         int64   `json:"gap"` // samples that are missing right before
	}{ses.ID, textp(ses.DeviceID), b.Seq, b.First, b.Step, render.Timestamp(time.UnixMilli(b.TimeMS(0))), b.Frames, ses.SampleRateHz / float64(b.Step), b.Gap})
	if err != nil { // cannot be: texts and finite numbers
		return nil
	}
	out := append(appendClock(head[:len(head)-1], b.Clock), `,"channels":[`...)
	for ch, name := range ses.Channels {
		if ch > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(append(out, `{"number":`...), int64(ch+1), 10)
		text, _ := json.Marshal(name) // cannot fail: a text
		out = append(append(out, `,"name":`...), text...)
		out = append(out, `,"quality":`...)
		if ch < len(b.Quality) {
			out = strconv.AppendFloat(out, b.Quality[ch], 'g', -1, 64)
		} else {
			out = append(out, "null"...)
		}
		out = append(out, `,"values":[`...)
		for f := range b.Frames {
			if f > 0 {
				out = append(out, ',')
			}
			out = strconv.AppendFloat(out, float64(b.At(f, ch)), 'g', -1, 32)
		}
		out = append(out, "]}"...)
	}
	return append(out, "]}"...)
}
