package handlers_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestSessionsSayWhatWasSaid: what a session was made with stands in every answer about it, and what was not said in none.
func TestSessionsSayWhatWasSaid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const fields = `"external_user_id":"u","device_type":"d","sample_rate_hz":250,"channels":["Cz"]`
	said := b.made(t, "/v1/sessions", b.key, `{`+fields+`,"name":"Day 2","tags":["pilot","left"],"metadata":{"room": 7},"protocol":"mi-2","device_id":"openbci_001"}`)
	bare := b.made(t, "/v1/sessions", b.key, `{`+fields+`,"name":null,"tags":null,"metadata":null}`)
	base := b.serve(t)
	for what, id := range map[string]string{"said": said.text(t, "session_id"), "bare": bare.text(t, "session_id")} {
		for _, path := range []string{"/v1/sessions/" + id, "/v1/sessions/" + id + "/export"} {
			got := send(t, "GET", base+path, b.key, nil)
			for _, field := range []string{`"name":"Day 2"`, `"tags":["pilot","left"]`, `"metadata":{"room":7}`, `"protocol":"mi-2"`, `"device_id":"openbci_001"`} {
				if there := strings.Contains(got.raw, field); there != (what == "said") {
					t.Errorf("%s, %s: %s is there: %t\n%s", what, path, field, there, got.raw)
				}
			}
			if what == "bare" && strings.Contains(got.raw, `"metadata"`) {
				t.Errorf("bare, %s: has metadata\n%s", path, got.raw)
			}
		}
	}
	for name, c := range map[string]struct{ field, pointer, code string }{
		"a tag twice":    {`"tags":["a","a"]`, "/tags/1", "duplicate"},
		"an empty tag":   {`"tags":[""]`, "/tags/0", "required"},
		"many tags":      {`"tags":["` + strings.Repeat(`x","`, 32) + `y"]`, "/tags", "too_many"},
		"a list":         {`"metadata":[1]`, "/metadata", "type"},
		"much metadata":  {`"metadata":{"a":"` + strings.Repeat("x", 16_000) + `"}`, "/metadata", "too_long"},
		"a line in name": {`"name":"a\nb"`, "/name", "invalid"},
		"a long name":    {`"name":"` + strings.Repeat("x", 256) + `"`, "/name", "too_long"},
	} {
		got := b.call(t, "POST", "/v1/sessions", b.key, `{`+fields+`,`+c.field+`}`)
		var doc struct {
			Errors []struct{ Pointer, Code string }
		}
		if err := json.Unmarshal([]byte(got.raw), &doc); err != nil || got.status != 400 || len(doc.Errors) != 1 || doc.Errors[0].Pointer != c.pointer || doc.Errors[0].Code != c.code {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
}
