package handlers

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// FuzzParseChannels holds the reader of samples to encoding/json: what it takes is what encoding/json reads, except that
// it refuses null, keys that come twice and numbers that no float64 holds are infinite.
func FuzzParseChannels(f *testing.F) {
	for _, seed := range []string{
		`{"TP9":[820.5, 821.2],"AF7":[-1e-3,0]}`, `{}`, `{"a":[]}`, `{"a":[null]}`, `{"a":[1e999]}`, `{"a":["1"]}`, `{"a":[[1]]}`,
		`{"\u0061\"b":[1]}`, `{"a":[1],"a":[2]}`, `[1]`, `{"a":1}`, "{\n\t\"a\" : [ 1 , 2 ] }", `{"a":[1,{"b":2}]}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if strictjson.Check(b) != nil {
			return
		}
		got, err := parseChannels(b)
		var reference map[string][]*float64
		refused := json.Unmarshal(b, &reference)
		if err != nil {
			if e := models.AsError(err); e.Code != models.InvalidRequestBody {
				t.Fatalf("%q: %v", b, err)
			}
			return
		}
		if len(got) > 0 && refused == nil && len(got) != len(reference) {
			t.Fatalf("%q: %d channels, encoding/json reads %d", b, len(got), len(reference))
		}
		for _, c := range got {
			for i, v := range c.Values {
				if math.IsInf(v, 0) {
					continue
				}
				if refused == nil && (reference[c.Name][i] == nil || *reference[c.Name][i] != v) {
					t.Fatalf("%q: %s[%d] = %v", b, c.Name, i, v)
				}
			}
			if refused == nil && len(c.Values) != len(reference[c.Name]) {
				t.Fatalf("%q: %s has %d values", b, c.Name, len(c.Values))
			}
		}
	})
}

// FuzzPlainBatch holds the one-pass reader to the one that takes every batch: what it takes, the other reads the same.
func FuzzPlainBatch(f *testing.F) {
	for _, s := range []string{
		`{"batch_id":"b1","t0_unix_ms":1730000000000,"data":{"TP9":[820.5,821.2,-819.8,0,-0,1e3],"AF7":[1]}}`,
		`{"batch_id":"b1","t0_unix_ms":1730000000000,"data":{"TP9":[820.5, 821.25 ],"AF7":[ 830.1,0.000000001]}} `,
		`{"batch_id":"b1","t0_unix_ms":17.0,"data":{}}`, `{"data":{"a":[]}}`, `{"data":{"a":[1,]}}`, `{"data":{"a":[01]}}`, `{"data":{"a":[1.]}}`,
		`{"data":{"a":[1]},"data":{"a":[2]}}`, `{"batch_id":"é","data":{"a":[1]}}`, `{"batch_id":"\u0041","data":{"a":[1]}}`, `{"data":{"a":[1],"a":[2]}}`,
		`{"data":{"a":[123456789012345678,0.1234567890123456789]}}`, `{"data":{"a":[1]}}x`, `{"x":1,"data":{"a":[1]}}`, `{"t0_unix_ms":9007199254740993,"data":{"a":[1]}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := plainBatch(body)
		if !ok {
			return
		}
		want, err := anyBatch(body)
		if err != nil {
			t.Fatalf("took %q, which is refused: %v", body, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%q (-any +plain):\n%s", body, d)
		}
	})
}

// BenchmarkBatch reads a second of 8 channels at 250 Hz both ways.
func BenchmarkBatch(b *testing.B) {
	var s strings.Builder
	s.WriteString(`{"batch_id":"b1","t0_unix_ms":1730000000000,"data":{`)
	for ch := range 8 {
		if ch > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `"C%d":[0`, ch)
		for i := range 249 {
			fmt.Fprintf(&s, ",%.2f", 40*math.Sin(float64(i*(ch+1))))
		}
		s.WriteByte(']')
	}
	s.WriteString("}}")
	body := []byte(s.String())
	for name, read := range map[string]func([]byte) (sessions.Batch, error){"one pass": jsonBatch, "all checks": anyBatch} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := read(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
