package handlers

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service/sessions"
)

// viewDocument is what a view says of itself: all of it in JSON but the values, and the head of the binary form.
type viewDocument struct {
	SessionID       string   `json:"session_id"`
	SampleRateHz    float64  `json:"sample_rate_hz"`
	Unit            string   `json:"unit"`
	Kind            string   `json:"kind"` // samples, or envelope
	SamplesPerPoint int64    `json:"samples_per_point"`
	FirstSample     int64    `json:"first_sample"`
	StartMS         *float64 `json:"start_unix_ms"` // of the first sample; null where the session has none
	Points          int      `json:"points"`
	Channels        []string `json:"channels"`
}

// maxPadding keeps the values of the binary form at a multiple of their length.
const maxPadding = 3

// viewSamples is GET /v1/sessions/:id/samples.
func (a *API) viewSamples(c *gin.Context) {
	q := query{c: c}
	r := sessions.ViewRange{StartMS: q.unixMS("start"), EndMS: q.unixMS("end"), Channels: c.QueryArray("channels"),
		Points: q.integer("points", sessions.DefaultViewPoints, 1, sessions.MaxViewPoints)}
	format := c.DefaultQuery("format", "json")
	if format != "json" && format != "binary" {
		q.bad("format", "not_allowed", "must be json or binary")
	}
	if err := q.err(); err != nil {
		fail(c, err)
		return
	}
	v, err := a.cfg.Sessions.View(c.Request.Context(), principal(c), c.Param("id"), r)
	if err != nil {
		fail(c, err)
		return
	}
	doc := viewDocument{SessionID: v.Session.ID, SampleRateHz: v.Session.SampleRateHz, Unit: "uV", Kind: "envelope", SamplesPerPoint: v.Block,
		FirstSample: v.First, Channels: v.Channels}
	if len(v.Min) > 0 {
		doc.Points = len(v.Min[0])
	}
	if v.Block == 1 {
		doc.Kind = "samples"
	}
	if v.Session.OriginMS != nil {
		at := float64(*v.Session.OriginMS) + float64(v.First)*1000/v.Session.SampleRateHz
		doc.StartMS = &at
	}
	head, err := json.Marshal(doc)
	if err != nil {
		fail(c, err)
		return
	}
	if format == "binary" {
		c.Data(http.StatusOK, octets, binaryView(head, v))
		return
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", jsonView(head, v))
}

// unixMS reads a time, nil where none is given.
func (q *query) unixMS(name string) *float64 {
	text, given := q.c.GetQuery(name)
	if !given {
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > 1e15 {
		q.bad(name, "not_a_time", "must be Unix time in milliseconds")
		return nil
	}
	return &v
}

// planes gives the values of a view: of each channel the samples, or the least and then the greatest of each block.
func planes(v sessions.View, each func(channel int, what string, values []float32)) {
	for ch := range v.Channels {
		if v.Block == 1 {
			each(ch, "values", v.Min[ch])
			continue
		}
		each(ch, "min", v.Min[ch])
		each(ch, "max", v.Max[ch])
	}
}

// binaryView is a view as bytes: the length of the head as uint32, the head in JSON with spaces up to a multiple of four bytes, then the
// planes as float32, all little-endian.
func binaryView(head []byte, v sessions.View) []byte {
	padding := (4 - len(head)%4) & maxPadding
	size := 4 + len(head) + padding
	planes(v, func(_ int, _ string, values []float32) { size += 4 * len(values) })
	out := make([]byte, 0, size)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(head)+padding))
	out = append(append(out, head...), "   "[:padding]...)
	planes(v, func(_ int, _ string, values []float32) {
		for _, x := range values {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(x))
		}
	})
	return out
}

// jsonView is a view as JSON: the head, and the planes by channel, null where there are no samples.
func jsonView(head []byte, v sessions.View) []byte {
	out := append([]byte(nil), head[:len(head)-1]...)
	out = append(out, `,"data":[`...)
	last := -1
	planes(v, func(ch int, what string, values []float32) {
		if ch == last {
			out = append(out, ',')
		} else {
			if ch > 0 {
				out = append(out, "},"...)
			}
			out = append(out, '{')
			last = ch
		}
		out = append(out, `"`+what+`":[`...)
		for i, x := range values {
			if i > 0 {
				out = append(out, ',')
			}
			if x != x {
				out = append(out, "null"...)
			} else {
				out = strconv.AppendFloat(out, float64(x), 'g', -1, 32)
			}
		}
		out = append(out, ']')
	})
	if last >= 0 {
		out = append(out, '}')
	}
	return append(out, "]}\n"...)
}
