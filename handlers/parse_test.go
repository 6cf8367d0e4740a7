package handlers

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/internal/testkit/documents"
	"github.com/neurod/neurod/models"
)

// FuzzParseRecording holds the one-pass parse to encoding/json: whatever it accepts, encoding/json reads the same
// from the whole text.
func FuzzParseRecording(f *testing.F) {
	for _, s := range []string{
		documents.DecodeRequest, `{}`, `null`, `[]`, `{"input":{"data":"\/w=="},"input":{"type":"eeg"}}`, `{"input":{"DATA":"QQ==","data":"QUE="}}`,
		`{"input":{"channels":["C3","C4"],"events":[{"onset_s":1e2,"code":-1}],"stimulus":{"matrix":[["A"]],"flashes":{"1":["A"]}}}}`,
		`{"input":{"channels":1e400}}`, `{"context":{"a":{"b":[{}]},"locale":7}}`, strings.Repeat(`{"input":`, 80),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		rec, err := parseRecording(body)
		if err != nil {
			var e *models.Error
			if !errors.As(err, &e) || e.Code != models.InvalidRequestBody {
				t.Fatalf("%q: %v is not invalid_request_body", body, err)
			}
			return
		}
		if strictjson.Check(body) != nil {
			return // what is lifted out is checked as base64 later
		}
		var want eeg.Request
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("accepted %q, which encoding/json refuses: %v", body, err)
		}
		// Keys that differ in case only are merged by encoding/json in their order; no promise is made about them.
		if n := strings.Count(strings.ToLower(string(body)), `"data"`); n == 1 && strings.Count(string(body), `"input"`) == 1 {
			if got := string(rec.Data) + rec.Request.Input.Data; got != want.Input.Data {
				t.Fatalf("%q: data %q, want %q", body, got, want.Input.Data)
			}
		}
		rec.Request.Input.Data, want.Input.Data = "", ""
		if d := cmp.Diff(want, rec.Request); d != "" {
			t.Fatalf("%q (-encoding/json +ours):\n%s", body, d)
		}
	})
}

// FuzzParseBatch checks that no batch makes the parser panic, and that every item is accounted for.
func FuzzParseBatch(f *testing.F) {
	for _, s := range []string{
		`{"items":[` + documents.DecodeRequest + `,7,{"input":{"channels":"x"}}],"defaults":{"input":{"sample_rate":250}}}`,
		`{"items":{}}`, `{"items":[]}`, `{"defaults":null,"items":[null]}`, `{"defaults":{"input":{"data":"x"}},"items":[{}]}`, `[]`,
		`{"items":[{}],"defaults":{"input":7}}`, `{"items":[1],"items":[2,3]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		recs, err := parseBatch(body)
		if err != nil {
			var e *models.Error
			if !errors.As(err, &e) || e.Code != models.InvalidRequestBody {
				t.Fatalf("%q: %v is not invalid_request_body", body, err)
			}
			return
		}
		var whole struct {
			Items []json.RawMessage `json:"items"`
		}
		if strictjson.Check(body) != nil || strings.Count(strings.ToLower(string(body)), "items") != 1 {
			return
		}
		if err := json.Unmarshal(body, &whole); err == nil && len(whole.Items) != len(recs) {
			t.Fatalf("%q: %d items, want %d", body, len(recs), len(whole.Items))
		}
	})
}

func TestBatchDefaults(t *testing.T) {
	t.Parallel()
	recs, err := parseBatch([]byte(`{
		"defaults": {"input": {"type": "eeg", "channels": 8, "sample_rate": 250, "events": [{"onset_s": 1, "code": 5}]}, "context": {"locale": "en"}},
		"items": [
			{"input": {"data": "QQ=="}},
			{"input": {"data": "QUE=", "channels": ["C3", "C4"], "events": [{"onset_s": 2}]}, "context": {"ui_mode": "cursor"}},
			{"input": "no object"},
			{"input": {"data": "QQ==", "sample_rate": "fast"}}
		]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	first, second := recs[0].Request, recs[1].Request
	if string(recs[0].Data) != "QQ==" || first.Input.Channels.Count != 8 || first.Input.SampleRate != 250 || first.Context.Locale != "en" {
		t.Errorf("first item: %+v", first)
	}
	if string(recs[1].Data) != "QUE=" || second.Input.Channels.Count != 2 || second.Input.SampleRate != 250 || second.Context.Locale != "en" || second.Context.UIMode != "cursor" {
		t.Errorf("second item: %+v", second)
	}
	if d := cmp.Diff(eeg.Events{{Onset: 2}}, second.Input.Events); d != "" {
		t.Errorf("events of the item replace the default's (-want +got):\n%s", d)
	}
	for i, pointer := range map[int]string{2: "/input", 3: "/input/sample_rate"} {
		e := models.AsError(recs[i].Err)
		if len(e.Fields) != 1 || strictjson.Pointer(e.Fields[0].Path) != pointer {
			t.Errorf("item %d: %v with fields %v, want %s", i, e, e.Fields, pointer)
		}
	}
}

// BenchmarkParse compares the parse with what it replaces, on the request of the throughput measurement:
// 8 channels × 4 s at 250 Hz, 43 kB of base64.
func BenchmarkParse(b *testing.B) {
	data := base64.StdEncoding.EncodeToString(make([]byte, 8*1000*4))
	body := []byte(strings.Replace(documents.DecodeRequest, "dGVzdA==", data, 1))
	b.Run("lifted", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseRecording(body); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var req eeg.Request
			if err := json.Unmarshal(body, &req); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, n := range []int{100, 5000} {
		var events strings.Builder
		for i := range n {
			fmt.Fprintf(&events, `{"onset_s":%.3f,"code":%d},`, float64(i)/10, i%12)
		}
		long := []byte(strings.Replace(string(body), `"channels": 8`, `"channels": 8, "events": [`+strings.TrimSuffix(events.String(), ",")+`]`, 1))
		b.Run(fmt.Sprintf("lifted, %d events", n), func(b *testing.B) {
			b.SetBytes(int64(len(long)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := parseRecording(long); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
