package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// decode is POST /api/v1/neuro/decode.
func (a *API) decode(c *gin.Context) {
	accept(a, c, parseRecording, func(ctx context.Context, p models.Principal, rec decoding.Recording, idem service.Idempotency, ask models.Room) (service.Accepted, error) {
		rec.Room = ask
		return a.cfg.Decode.Submit(ctx, p, rec, idem, respondAccepted)
	})
}

// decodeBatch is POST /api/v1/neuro/decode/batch.
func (a *API) decodeBatch(c *gin.Context) {
	accept(a, c, parseBatch, func(ctx context.Context, p models.Principal, recs []decoding.Recording, idem service.Idempotency, ask models.Room) (service.Accepted, error) {
		for i := range recs {
			recs[i].Room = ask
		}
		return a.cfg.Decode.SubmitBatch(ctx, p, recs, idem, respondBatchAccepted)
	})
}

// accept reads, parses and submits the body of a decode call: the right to decode comes before the body is read.
func accept[T any](a *API, c *gin.Context, parse func([]byte) (T, error), submit func(context.Context, models.Principal, T, service.Idempotency, models.Room) (service.Accepted, error)) {
	p := principal(c)
	if err := a.cfg.Decode.Admit(p); err != nil {
		fail(c, err)
		return
	}
	body, idem, release, err := a.readKeyed(c)
	if err != nil {
		fail(c, err)
		return
	}
	defer release()
	var request T
	err = computing(c, len(body), func() (err error) {
		request, err = parse(body)
		return err
	})
	if err != nil {
		fail(c, err)
		return
	}
	ask, give := a.roomOf(c)
	defer give()
	accepted, err := submit(c.Request.Context(), p, request, idem, ask)
	if err != nil {
		fail(c, err)
		return
	}
	writeAccepted(c, accepted)
}

// parseRecording reads a decode request. The base64 text, nearly all of a body, is lifted out before encoding/json
// sees the rest, so that it is looked at once; the Recording keeps it as a part of body.
func parseRecording(body []byte) (decoding.Recording, error) {
	rest, data, _, err := strictjson.Cut(body, "input", "data")
	if err != nil {
		return decoding.Recording{}, jsonFault(body, err)
	}
	if err := decodeCost.beside(len(rest)); err != nil {
		return decoding.Recording{}, err
	}
	rec := decoding.Recording{Data: data}
	if err := mismatches(strictjson.Decode(rest, &rec.Request)); err != nil {
		return decoding.Recording{}, err
	}
	return rec, nil
}

// parseBatch reads a batch: items, and defaults whose fields apply where an item has none. A fault of the frame
// is an error; the fault of an item goes with the item.
func parseBatch(body []byte) ([]decoding.Recording, error) {
	items, found, err := strictjson.Elements(body, "items")
	if err != nil {
		return nil, jsonFault(body, err)
	}
	var frame struct {
		Items    json.RawMessage `json:"items"`
		Defaults json.RawMessage `json:"defaults"`
	}
	around := withoutItems(body, items)
	beside := len(around)
	if err := batchCost.beside(beside); err != nil {
		return nil, err
	}
	if err := mismatches(strictjson.Decode(around, &frame)); err != nil {
		return nil, err
	}
	if !found {
		return nil, models.InvalidField(models.At("items"), "required", "is required: an array of 1 to %d decode requests", decoding.MaxBatchItems)
	}
	if n := len(items); n > decoding.MaxBatchItems {
		return nil, models.InvalidField(models.At("items"), "too_many", "has %d recordings; at most %d are allowed", n, decoding.MaxBatchItems)
	}
	if n := len(frame.Defaults) * len(items); n > decoding.MaxSharedBytes {
		return nil, models.InvalidField(models.At("defaults"), "too_large", "has %d bytes, which are stored with each of the %d items; at most %d together are allowed",
			len(frame.Defaults), len(items), decoding.MaxSharedBytes)
	}
	shared, err := parseDefaults(frame.Defaults)
	if err != nil {
		return nil, err
	}
	recs := make([]decoding.Recording, len(items))
	for i, at := range items {
		var n int
		recs[i], n = parseItem(at.Of(body), shared)
		beside += n
		if err := batchCost.beside(beside); err != nil {
			return nil, err
		}
	}
	return recs, nil
}

// withoutItems returns the frame of a batch: the body with the elements of items taken out.
func withoutItems(body []byte, items []strictjson.Span) []byte {
	if len(items) == 0 {
		return body
	}
	first, last := items[0].Start, items[len(items)-1].End
	frame := make([]byte, 0, len(body)-(last-first))
	return append(append(frame, body[:first]...), body[last:]...)
}

// defaults are the shared part of a batch, read once: where an item's section has no such member, the item's request points
// to what stands here, so that it costs the same however many items there are.
type defaults struct {
	request eeg.Request
	given   given
}

// given says which members each section of a request has.
type given map[string]map[string]json.RawMessage

// sections are the objects of a decode request: a field of an item's section replaces the default's.
var sections = []string{"input", "context", "output"}

// givenIn returns the members of a request. A section that is missing, null or no object has none.
func givenIn(request []byte) given {
	var all map[string]json.RawMessage
	if json.Unmarshal(request, &all) != nil {
		return nil
	}
	out := make(given, len(sections))
	for _, s := range sections {
		var m map[string]json.RawMessage
		if json.Unmarshal(all[s], &m) == nil {
			out[s] = m
		}
	}
	return out
}

// parseDefaults reads the shared part of a batch; nil for none.
func parseDefaults(raw json.RawMessage) (*defaults, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	d := &defaults{given: givenIn(raw)}
	if _, there := d.given["input"]["data"]; there {
		return nil, models.InvalidField(models.At("defaults", "input", "data"), "not_applicable", "belongs in the items")
	}
	if err := mismatches(strictjson.Decode(raw, &d.request)); err != nil {
		e := models.AsError(err)
		for i := range e.Fields {
			e.Fields[i].Path = models.At("defaults").Join(e.Fields[i].Path)
		}
		return nil, e
	}
	return d, nil
}

// parseItem reads one request of a batch. beside is how many bytes are beside its recording.
func parseItem(item []byte, shared *defaults) (rec decoding.Recording, beside int) {
	rest, data, _, err := strictjson.Cut(item, "input", "data")
	if err != nil {
		return decoding.Recording{Err: jsonFault(item, err)}, len(item)
	}
	rec = decoding.Recording{Data: data}
	if err := mismatches(strictjson.Decode(rest, &rec.Request)); err != nil {
		return decoding.Recording{Err: err}, len(rest)
	}
	if shared != nil {
		shared.fill(&rec.Request, givenIn(rest))
	}
	return rec, len(rest)
}

// fill has a request point to what it leaves out.
func (d *defaults) fill(req *eeg.Request, own given) {
	fillFields(&req.Input, &d.request.Input, own["input"])
	switch c := d.request.Context; {
	case c == nil:
	case len(own["context"]) == 0:
		req.Context = c
	default:
		fillFields(req.Context, c, own["context"])
		for k, v := range c.Extra {
			if _, there := own["context"][k]; !there {
				if req.Context.Extra == nil {
					req.Context.Extra = make(map[string]json.RawMessage, len(c.Extra))
				}
				req.Context.Extra[k] = v
			}
		}
	}
	switch o := d.request.Output; {
	case o == nil:
	case len(own["output"]) == 0:
		req.Output = o
	default:
		fillFields(req.Output, o, own["output"])
	}
}

// fillFields sets those fields of a section that it was not given to the default's.
func fillFields[T any](dst, src *T, own map[string]json.RawMessage) {
	to, from := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()
	for i := range to.NumField() {
		name, _, _ := strings.Cut(to.Type().Field(i).Tag.Get("json"), ",")
		if _, there := own[name]; name != "-" && !there {
			to.Field(i).Set(from.Field(i))
		}
	}
}

// respondAccepted is the decode document's answer to an accepted recording.
func respondAccepted(job models.Job, _ []models.Job) models.Answer {
	return keep(http.StatusAccepted, append(acceptedHead(make([]byte, 0, 192), job), "}}\n"...))
}

// acceptedHead writes the document's answer up to the end of data.job_id.
func acceptedHead(b []byte, job models.Job) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, models.RequestID(job.ID)...)
	b = append(b, `","object":"job","status":"`...)
	b = append(b, job.State...)
	b = append(b, `","created_at":`...)
	b = strconv.AppendInt(b, job.CreatedAt.Unix(), 10)
	b = append(b, `,"data":{"job_id":"`...)
	b = append(b, job.ID...)
	return append(b, '"')
}

// respondBatchAccepted adds the items, so that a caller sees at once which of them were refused.
func respondBatchAccepted(job models.Job, items []models.Job) models.Answer {
	batch, err := json.Marshal(batchOf(items, false))
	if err != nil {
		batch = []byte("null")
	}
	b := append(acceptedHead(make([]byte, 0, 192+len(batch)), job), `},"batch":`...)
	return keep(http.StatusAccepted, append(append(b, batch...), "}\n"...))
}

// writeAccepted answers with what was kept and where the job is.
func writeAccepted(c *gin.Context, a service.Accepted) {
	c.Header("Location", "/api/v1/jobs/"+a.JobID)
	c.Header("Content-Length", strconv.Itoa(len(a.Answer.Bytes)))
	writeKept(c, a)
}

const jsonType = "application/json; charset=utf-8"
