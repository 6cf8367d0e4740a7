package handlers

import (
	"bytes"
	"encoding/json"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// jsonBatch reads a batch in JSON.
//
// A batch is some thousand numbers and comes every second from every device, so the usual text is read in one pass; any
// other, right or wrong, is read again with all checks.
func jsonBatch(body []byte) (sessions.Batch, error) {
	if b, ok := plainBatch(body); ok {
		return b, nil
	}
	return anyBatch(body)
}

// anyBatch reads every batch and says what is wrong with one.
func anyBatch(body []byte) (sessions.Batch, error) {
	var doc struct {
		BatchID string          `json:"batch_id"`
		StartMS *int64          `json:"t0_unix_ms"`
		First   *int64          `json:"first_sample"`
		Unit    string          `json:"unit"`
		Data    json.RawMessage `json:"data"`
	}
	if err := decodeJSON(body, &doc); err != nil {
		return sessions.Batch{}, err
	}
	b := sessions.Batch{BatchID: doc.BatchID, StartMS: doc.StartMS, First: doc.First, Unit: doc.Unit}
	if len(doc.Data) == 0 || string(doc.Data) == "null" {
		return b, models.InvalidField(models.At("data"), "required", "is required: an object with an array of numbers for each channel")
	}
	var err error
	b.Named, err = parseChannels(doc.Data)
	return b, err
}

// parseChannels reads {"name": [numbers], ...}.
func parseChannels(b []byte) ([]sessions.ChannelSamples, error) {
	return readChannels(strictjson.NewCursor(b))
}

// readChannels reads {"name": [numbers], ...}, each name once. encoding/json would take null for 0, and says of a wrong element neither
// channel nor index. A number that no float64 can hold is infinite, which the service refuses by name.
func readChannels(p *strictjson.Cursor) ([]sessions.ChannelSamples, error) {
	if !p.Take('{') {
		return nil, noChannels()
	}
	var out []sessions.ChannelSamples
	seen := map[string]bool{}
	for !p.Take('}') {
		if len(out) > 0 && !p.Take(',') {
			return nil, noChannels()
		}
		name, ok := p.Name()
		if !ok || !p.Take(':') {
			return nil, noChannels()
		}
		switch {
		case seen[name]:
			return nil, models.InvalidField(models.At("data", name), "duplicate", "is given twice")
		case len(out) == eeg.MaxChannels:
			return nil, models.InvalidField(models.At("data"), "too_many", "has more than %d channels", eeg.MaxChannels)
		case !p.Take('['):
			return nil, models.InvalidField(models.At("data", name), "type", "must be an array of numbers")
		}
		seen[name] = true
		values := make([]float64, 0, elements(p.Rest()))
		for !p.Take(']') {
			v, ok := 0.0, len(values) == 0 || p.Take(',')
			if ok {
				v, _, ok = p.Number()
			}
			if !ok {
				return nil, models.InvalidField(models.At("data", name).Index(len(values)), "type", "must be a number")
			}
			values = append(values, v)
		}
		out = append(out, sessions.ChannelSamples{Name: name, Values: values})
	}
	return out, nil
}

func noChannels() error {
	return models.InvalidField(models.At("data"), "type", "must be an object with an array of numbers for each channel")
}

// elements returns how many numbers an array holds at most, given the text behind its bracket: room is made for what is
// there, not for what another channel had.
func elements(b []byte) int {
	end := bytes.IndexByte(b, ']')
	if end <= 0 {
		return 0
	}
	return bytes.Count(b[:end], comma) + 1
}

var comma = []byte{','}

// plainBatch reads a batch with the members of the document, each once. ok is false for all else, which may still be right.
func plainBatch(body []byte) (b sessions.Batch, ok bool) {
	p := strictjson.NewCursor(body)
	if !p.Take('{') {
		return b, false
	}
	var data bool
	for first := true; !p.Take('}'); first = false {
		if !first && !p.Take(',') {
			return b, false
		}
		name, ok := p.Name()
		if !ok || !p.Take(':') {
			return b, false
		}
		switch name {
		case "batch_id":
			if b.BatchID != "" {
				return b, false
			}
			if b.BatchID, ok = p.Name(); !ok || b.BatchID == "" {
				return b, false
			}
		case "t0_unix_ms":
			v, whole, ok := p.Number()
			if !ok || !whole || b.StartMS != nil || v < 0 || v >= 1<<53 {
				return b, false
			}
			ms := int64(v)
			b.StartMS = &ms
		case "data":
			var err error
			if b.Named, err = readChannels(p); err != nil || data {
				return b, false
			}
			data = true
		default:
			return b, false
		}
	}
	return b, p.End() && data
}
