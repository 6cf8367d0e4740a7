package handlers

import (
	"encoding/json"
	"math"
	"testing"

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
