package handlers_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"mime/multipart"
	"net/url"
	"strings"
	"testing"

	"github.com/neurod/neurod/models"
)

// table is a recording of two channels as CSV, some samples long.
func table(samples int) string {
	var b strings.Builder
	b.WriteString("C3,C4\n")
	for i := range samples {
		fmt.Fprintf(&b, "%d,%d\n", i%7, i%5)
	}
	return b.String()
}

// part is a field of a form, or its file.
type part struct{ name, value string }

// form writes parts in order.
func form(t *testing.T, parts ...part) (body, media string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		var err error
		if p.name == "file" {
			file, fault := w.CreateFormFile("file", "rec.csv")
			if err = fault; err == nil {
				_, err = file.Write([]byte(p.value))
			}
		} else {
			err = w.WriteField(p.name, p.value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// TestFilesAreImported as the body and as a part of a form, plain and as gzip, what is known beside in the query or the form.
func TestFilesAreImported(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.serve(t) + "/v1/sessions/import"
	about := url.Values{"external_user_id": {"u1"}, "sample_rate_hz": {"250"}, "name": {"rec.csv"}}.Encode()
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write([]byte(table(500))); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	before, first := form(t, part{"external_user_id", "u1"}, part{"sample_rate_hz", "250"}, part{"channels", `["C4"]`}, part{"file", table(500)})
	behind, last := form(t, part{"file", table(500)}, part{"external_user_id", "u1"}, part{"channels", "C3, C4"}, part{"sample_rate_hz", "250"}, part{"device_type", "cap"})
	for name, tc := range map[string]struct {
		query, media, body, channels, device string
		encoded                              bool
	}{
		"a body":                  {about, "text/csv", table(500), "[C3 C4]", "table", false},
		"a gzip file":             {about, "application/gzip", packed.String(), "[C3 C4]", "table", false},
		"a body that is encoded":  {about, "text/csv", packed.String(), "[C3 C4]", "table", true},
		"a form, the file last":   {"", first, before, "[C4]", "table", false},
		"a form, the file first":  {"", last, behind, "[C3 C4]", "cap", false},
		"said twice, the same":    {about + "&external_user_id=u1", last, behind, "[C3 C4]", "cap", false},
		"with the project's name": {about + "&project_id=" + b.project, "text/csv", table(500), "[C3 C4]", "table", false},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{"Content-Type", tc.media}
			if tc.encoded {
				headers = append(headers, "Content-Encoding", "gzip")
			}
			a := send(t, "POST", path+"?"+tc.query, b.key, strings.NewReader(tc.body), headers...)
			if a.status != 202 || a.body["status"] != "accepted" || a.text(t, "job_id") == "" || fmt.Sprint(a.body["channels"]) != tc.channels || a.body["device_type"] != tc.device ||
				a.body["external_user_id"] != "u1" || a.body["ingestion_mode"] != "RECORDED" {
				t.Errorf("%d %s", a.status, a.raw)
			}
			about, _ := a.body["import"].(map[string]any)
			if about["done_bytes"] != 0. || about["total_bytes"] == 0. {
				t.Errorf("import %v", about)
			}
		})
	}
}

// TestImportsAreRepeated by the same key and the same file, and refused with another file.
func TestImportsAreRepeated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.serve(t) + "/v1/sessions/import?external_user_id=u1&sample_rate_hz=250&name=rec.csv"
	again := func(body string) answer {
		return send(t, "POST", path, b.key, strings.NewReader(body), "Content-Type", "text/csv", "Idempotency-Key", "k")
	}
	first, second := again(table(500)), again(table(500))
	if first.status != 202 || second.raw != first.raw || second.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%d %s, then %d %s", first.status, first.raw, second.status, second.raw)
	}
	again(table(501)).problem(t, 422, models.IdempotencyKeyReused)
	if list := b.call(t, "GET", "/v1/sessions", b.key, ""); len(list.list) != 1 {
		t.Errorf("%d sessions of one import", len(list.list))
	}
}

// TestImportsAreRefused with the field that is wrong, and nothing of them stays.
func TestImportsAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	path := b.serve(t) + "/v1/sessions/import"
	about := "external_user_id=u1&sample_rate_hz=250&name=rec.csv"
	none, noneType := form(t, part{"external_user_id", "u1"})
	twice, twiceType := form(t, part{"external_user_id", "u1"}, part{"sample_rate_hz", "250"}, part{"file", table(500)}, part{"file", table(500)})
	long, longType := form(t, part{"channels", strings.Repeat("x", 65<<10)}, part{"file", table(500)})
	cut, cutType := form(t, part{"external_user_id", "u1"}, part{"file", table(500)})
	for name, tc := range map[string]struct {
		query, media, body string
		status             int
		code               models.Code
		pointers           []string
	}{
		"no body":              {about, "text/csv", "", 400, models.InvalidRequestBody, []string{"/file"}},
		"a form without file":  {"", noneType, none, 400, models.InvalidRequestBody, []string{"/file"}},
		"a form with two":      {"", twiceType, twice, 400, models.InvalidRequestBody, []string{"/file"}},
		"a field too long":     {about, longType, long, 400, models.InvalidRequestBody, []string{"/channels"}},
		"a form cut off":       {"", cutType, cut[:len(cut)-100], 400, models.InvalidRequestBody, nil},
		"a form without bound": {"", "multipart/form-data", cut, 400, models.InvalidRequestBody, nil},
		"JSON":                 {about, "application/json", `{}`, 415, "unsupported_media_type", nil},
		"no user":              {"sample_rate_hz=250&name=rec.csv", "text/csv", table(500), 400, models.InvalidRequestBody, []string{"/external_user_id"}},
		"no number, no time":   {"external_user_id=u1&sample_rate_hz=fast&started_at_unix_ms=noon&hop_s=NaN", "text/csv", table(500), 400, models.InvalidRequestBody, []string{"/sample_rate_hz", "/hop_s", "/started_at_unix_ms"}},
		"channels not a list":  {about + "&channels=" + url.QueryEscape(`["C3",7]`), "text/csv", table(500), 400, models.InvalidRequestBody, []string{"/channels"}},
		"a misspelled field":   {about + "&chanels=C3", "text/csv", table(500), 400, models.InvalidRequestBody, []string{"/chanels"}},
		"said twice, two ways": {about + "&external_user_id=u2", "text/csv", table(500), 400, models.InvalidRequestBody, []string{"/external_user_id"}},
		"a rate no EEG has":    {"external_user_id=u1&sample_rate_hz=1e9&name=rec.csv", "text/csv", table(500), 400, models.InvalidRequestBody, []string{"/sample_rate_hz"}},
		"another channel":      {about + "&channels=Oz", "text/csv", table(500), 422, models.MontageMismatch, nil},
		"no format we know":    {about, "application/octet-stream", strings.Repeat("\x00\x01\x02\xff", 512), 422, models.UnsupportedFormat, nil},
	} {
		t.Run(name, func(t *testing.T) {
			send(t, "POST", path+"?"+tc.query, b.key, strings.NewReader(tc.body), "Content-Type", tc.media).problem(t, tc.status, tc.code, tc.pointers...)
		})
	}
	if list := b.call(t, "GET", "/v1/sessions", b.key, ""); len(list.list) != 0 {
		t.Errorf("refused imports made sessions: %s", list.raw)
	}
}

// TestEventsAreAddedAndListed page by page; wrong ones are named one by one, and then none is kept.
func TestEventsAreAddedAndListed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.session(t)
	path := "/v1/sessions/" + id + "/events"
	for name, tc := range map[string]struct {
		body     string
		pointers []string
	}{
		"none":          {`{"events":[]}`, []string{"/events"}},
		"nothing":       {`{}`, []string{"/events"}},
		"no list":       {`{"events":{}}`, []string{"/events"}},
		"no time":       {`{"events":[{"code":1}]}`, []string{"/events/0"}},
		"no origin":     {`{"events":[{"t_unix_ms":1730000000000,"code":1},{"onset_ms":5,"code":1}]}`, []string{"/events/1"}},
		"seconds":       {`{"events":[{"t_unix_ms":1730000000,"code":1}]}`, []string{"/events/0/t_unix_ms"}},
		"nothing said":  {`{"events":[{"t_unix_ms":1730000000000}]}`, []string{"/events/0"}},
		"a long label":  {`{"events":[{"t_unix_ms":1730000000000,"label":"` + strings.Repeat("x", 1001) + `"}]}`, []string{"/events/0/label"}},
		"a wide code":   {`{"events":[{"t_unix_ms":1730000000000,"code":4294967296}]}`, []string{"/events/0/code"}},
		"a past length": {`{"events":[{"t_unix_ms":1730000000000,"code":1,"duration_ms":-1}]}`, []string{"/events/0/duration_ms"}},
	} {
		t.Run(name, func(t *testing.T) {
			b.call(t, "POST", path, b.key, tc.body).problem(t, 400, models.InvalidRequestBody, tc.pointers...)
		})
	}
	const body = `{"events":[{"t_unix_ms":1730000000250,"code":2},{"t_unix_ms":1730000000000,"label":"cue","duration_ms":100}]}`
	first := b.call(t, "POST", path, b.key, body, "Idempotency-Key", "k")
	again := b.call(t, "POST", path, b.key, body, "Idempotency-Key", "k")
	if first.status != 201 || len(first.list) != 2 || first.list[0]["code"] != 2. || first.list[1]["label"] != "cue" || first.list[0]["onset_ms"] != nil || first.list[0]["source"] != "api" || again.raw != first.raw {
		t.Fatalf("%d %s, then %s", first.status, first.raw, again.raw)
	}
	page := b.call(t, "GET", path+"?limit=1", b.key, "")
	if page.status != 200 || len(page.list) != 1 || page.header.Get("Link") == "" {
		t.Errorf("%d %s %v", page.status, page.raw, page.header)
	}
	rest := b.call(t, "GET", fmt.Sprintf("%s?after=%v", path, page.list[0]["seq"]), b.key, "")
	if len(rest.list) != 1 || rest.header.Get("Link") != "" {
		t.Errorf("%s %v", rest.raw, rest.header)
	}
	b.call(t, "GET", path+"?limit=0&after=-1", b.key, "").problem(t, 400, models.InvalidParameter, "limit", "after")
	b.call(t, "GET", "/v1/sessions/"+models.NewID()+"/events", b.key, "").problem(t, 404, models.SessionNotFound)
}
