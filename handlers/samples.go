package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service/sessions"
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
		Unit    string          `json:"unit"`
		Data    json.RawMessage `json:"data"`
	}
	if err := decodeJSON(body, &doc); err != nil {
		return sessions.Batch{}, err
	}
	b := sessions.Batch{BatchID: doc.BatchID, StartMS: doc.StartMS, Unit: doc.Unit}
	if len(doc.Data) == 0 || string(doc.Data) == "null" {
		return b, models.InvalidField(models.At("data"), "required", "is required: an object with an array of numbers for each channel")
	}
	var err error
	b.Named, err = parseChannels(doc.Data)
	return b, err
}

// parseChannels reads {"name": [numbers], ...}, a text that strictjson.Check has passed. encoding/json would take null
// for 0, and says of a wrong element neither channel nor index.
func parseChannels(b []byte) ([]sessions.ChannelSamples, error) {
	p := &numbers{b: b}
	if !p.take('{') {
		return nil, models.InvalidField(models.At("data"), "type", "must be an object with an array of numbers for each channel")
	}
	var out []sessions.ChannelSamples
	seen := map[string]bool{}
	for !p.take('}') {
		p.take(',')
		name, err := p.key()
		if err != nil {
			return nil, err
		}
		path := models.At("data", name)
		switch {
		case seen[name]:
			return nil, models.InvalidField(path, "duplicate", "is given twice")
		case len(out) == eeg.MaxChannels:
			return nil, models.InvalidField(models.At("data"), "too_many", "has more than %d channels", eeg.MaxChannels)
		}
		seen[name] = true
		p.take(':')
		if !p.take('[') {
			return nil, models.InvalidField(path, "type", "must be an array of numbers")
		}
		values := make([]float64, 0, elements(p.b[p.at:]))
		for !p.take(']') {
			p.take(',')
			v, ok := p.number()
			if !ok {
				return nil, models.InvalidField(path.Index(len(values)), "type", "must be a number")
			}
			values = append(values, v)
		}
		out = append(out, sessions.ChannelSamples{Name: name, Values: values})
	}
	return out, nil
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

// numbers walks through valid JSON.
type numbers struct {
	b  []byte
	at int
}

// take skips white space and then the byte, if it is next.
func (p *numbers) take(want byte) bool {
	for p.at < len(p.b) && (p.b[p.at] == ' ' || p.b[p.at] == '\n' || p.b[p.at] == '\t' || p.b[p.at] == '\r') {
		p.at++
	}
	if p.at < len(p.b) && p.b[p.at] == want {
		p.at++
		return true
	}
	return false
}

// key reads the name of a member.
func (p *numbers) key() (string, error) {
	if !p.take('"') {
		return "", models.InvalidField(models.At("data"), "type", "must be an object with an array of numbers for each channel")
	}
	start := p.at - 1
	for p.at < len(p.b) && p.b[p.at] != '"' {
		if p.b[p.at] == '\\' {
			p.at++
		}
		p.at++
	}
	p.at = min(p.at+1, len(p.b))
	var name string
	err := json.Unmarshal(p.b[start:p.at], &name)
	return name, err
}

// number reads a number; one that no float64 can hold is infinite, which the service refuses by name.
func (p *numbers) number() (float64, bool) {
	p.take(0) // white space
	start := p.at
	for p.at < len(p.b) {
		switch ch := p.b[p.at]; {
		case ch >= '0' && ch <= '9', ch == '-', ch == '+', ch == '.', ch == 'e', ch == 'E':
			p.at++
			continue
		}
		break
	}
	if p.at == start {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(p.b[start:p.at]), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return v, true
}

// plainBatch reads a batch with the members of the document, each once, whose names and texts are ASCII without escapes.
// ok is false for all else, which may still be right.
func plainBatch(body []byte) (b sessions.Batch, ok bool) {
	p := &plain{b: body}
	if !p.take('{') {
		return b, false
	}
	var data bool
	for first := true; !p.take('}'); first = false {
		if !first && !p.take(',') {
			return b, false
		}
		name, ok := p.text()
		if !ok || !p.take(':') {
			return b, false
		}
		switch name {
		case "batch_id":
			if b.BatchID != "" {
				return b, false
			}
			if b.BatchID, ok = p.text(); !ok || b.BatchID == "" {
				return b, false
			}
		case "t0_unix_ms":
			v, whole, ok := p.number()
			if !ok || !whole || b.StartMS != nil || v < 0 || v >= 1<<53 {
				return b, false
			}
			ms := int64(v)
			b.StartMS = &ms
		case "data":
			if b.Named, ok = p.channels(); !ok || data {
				return b, false
			}
			data = true
		default:
			return b, false
		}
	}
	return b, p.end() && data
}

// plain walks through JSON that it may give up on at any place.
type plain struct {
	b  []byte
	at int
}

func (p *plain) space() {
	for p.at < len(p.b) && (p.b[p.at] == ' ' || p.b[p.at] == '\n' || p.b[p.at] == '\t' || p.b[p.at] == '\r') {
		p.at++
	}
}

// take skips white space and then the byte, if it is next.
func (p *plain) take(want byte) bool {
	p.space()
	if p.at < len(p.b) && p.b[p.at] == want {
		p.at++
		return true
	}
	return false
}

func (p *plain) end() bool {
	p.space()
	return p.at == len(p.b)
}

// text reads a string of printable ASCII without escapes.
func (p *plain) text() (string, bool) {
	if !p.take('"') {
		return "", false
	}
	start := p.at
	for ; p.at < len(p.b); p.at++ {
		switch c := p.b[p.at]; {
		case c == '"':
			p.at++
			return string(p.b[start : p.at-1]), true
		case c < ' ' || c > '~' || c == '\\':
			return "", false
		}
	}
	return "", false
}

// channels reads {"name": [numbers], ...} with each name once.
func (p *plain) channels() ([]sessions.ChannelSamples, bool) {
	if !p.take('{') {
		return nil, false
	}
	var out []sessions.ChannelSamples
	seen := map[string]bool{}
	for !p.take('}') {
		if len(out) > 0 && !p.take(',') {
			return nil, false
		}
		name, ok := p.text()
		if !ok || !p.take(':') || !p.take('[') || seen[name] || len(out) == eeg.MaxChannels {
			return nil, false
		}
		seen[name] = true
		values := make([]float64, 0, elements(p.b[p.at:]))
		for !p.take(']') {
			if len(values) > 0 && !p.take(',') {
				return nil, false
			}
			v, _, ok := p.number()
			if !ok {
				return nil, false
			}
			values = append(values, v)
		}
		out = append(out, sessions.ChannelSamples{Name: name, Values: values})
	}
	return out, true
}

// tens are the powers of ten that a float64 holds exactly.
var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// number reads a JSON number, and whether it is written as a whole one. Up to 15 digits without an exponent are a quotient
// of two exact float64 and so rounded correctly (Clinger, "How to read floating point numbers accurately", PLDI 1990);
// strconv reads the others.
func (p *plain) number() (v float64, whole, ok bool) {
	p.space()
	b, at := p.b, p.at
	negative := at < len(b) && b[at] == '-'
	if negative {
		at++
	}
	first := at
	var mantissa uint64
	for at < len(b) && b[at]-'0' < 10 {
		mantissa = mantissa*10 + uint64(b[at]-'0')
		at++
	}
	digits := at - first
	if digits == 0 || (digits > 1 && b[first] == '0') {
		return 0, false, false
	}
	fraction := 0
	if at < len(b) && b[at] == '.' {
		at++
		point := at
		for at < len(b) && b[at]-'0' < 10 {
			mantissa = mantissa*10 + uint64(b[at]-'0')
			at++
		}
		if fraction = at - point; fraction == 0 {
			return 0, false, false
		}
	}
	if at < len(b) && (b[at] == 'e' || b[at] == 'E') {
		return 0, false, false
	}
	start := p.at
	p.at = at
	if digits+fraction > 15 {
		v, err := strconv.ParseFloat(string(b[start:at]), 64)
		return v, fraction == 0, err == nil
	}
	v = float64(mantissa) / tens[fraction]
	if negative {
		v = -v
	}
	return v, fraction == 0, true
}
