package handlers

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/models"
)

// FuzzModelOfJSON reads bodies that hold a file: one that is taken gives back the very bytes, all others name what is wrong.
func FuzzModelOfJSON(f *testing.F) {
	for _, seed := range []string{`{"file":"AAAA"}`, `{"file":"AA=="}`, `{"file":"A\/=="}`, `{"file":""}`, `{"file":7}`, `{"file":"?"}`, `{}`, `[]`, `null`, ``, `{"file":"AAAA","file":"BBBB"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := modelOfJSON(b)
		if err != nil {
			if e := models.AsError(err); e.Code != models.InvalidRequestBody {
				t.Fatalf("%q: %v", b, err)
			}
			return
		}
		again, err := json.Marshal(map[string]string{"file": base64.StdEncoding.EncodeToString(file)})
		if err != nil {
			t.Fatal(err)
		}
		if back, err := modelOfJSON(again); err != nil && len(file) > 0 || !bytes.Equal(back, file) {
			t.Fatalf("%q gave %q, which gives %q, %v", b, file, back, err)
		}
	})
}

// FuzzEvent reads bodies of analytics events: whatever comes, it is an event or an error about the body.
func FuzzEvent(f *testing.F) {
	for _, seed := range []string{`{"event_type":"inference","duration_ms":245,"success":true,"metadata":{"n":1}}`, `{"event_type":7,"duration_ms":"x"}`,
		`{"duration_ms":1e999}`, `{"metadata":[]}`, `{"success":null}`, `{`, `null`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var event registry.Event
		var key ownKeyBody
		for _, dst := range []any{&key, &event} {
			if err := decodeJSON(b, dst); err != nil && models.AsError(err).Code != models.InvalidRequestBody {
				t.Fatalf("%q: %v", b, err)
			}
		}
	})
}
