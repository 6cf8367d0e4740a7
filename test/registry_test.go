package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// cytonModel is a built-in model of a Cyton's montage: left against right hand, trained by the program itself.
const cytonModel = "motor_imagery-left_right-cyton"

// modelFile is that model under another name and version.
func modelFile(t testing.TB, name, version string, license models.License) []byte {
	t.Helper()
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, e := range cat.List() {
		if e.Name == cytonModel {
			if b, err = cat.File(e.Name, e.Version); err != nil {
				t.Fatal(err)
			}
		}
	}
	m, err := catalog.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	m.Card.RequiresLicense = string(license)
	var out bytes.Buffer
	if err := catalog.Write(&out, m.Paradigm, name, version, m.Card, m.State); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// uploadModel stores a model file of the key's project.
func (s *server) uploadModel(t testing.TB, key string, file []byte) object {
	t.Helper()
	a := s.raw(t, "POST", "/api/v1/models", []string{"Authorization: Bearer " + key, "Content-Type: application/octet-stream"}, file)
	if a.StatusCode != 201 {
		t.Fatalf("upload: %d %s", a.StatusCode, a.body)
	}
	return a.object(t)
}

// makeKey makes a key of the server's project.
func (s *server) makeKey(t testing.TB, body object) object {
	t.Helper()
	body["name"] = "made"
	return s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, body)
}

// operatorsModels is a folder with a model of each tier.
func operatorsModels(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, l := range models.Licenses() {
		if err := os.WriteFile(filepath.Join(dir, string(l)+catalog.Extension), modelFile(t, "op-"+string(l), "1.0.0", l), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

// list returns the models of GET /v1/models/list by name.
func (s *server) list(t testing.TB, key, query string) map[string]object {
	t.Helper()
	o := s.json(t, 200, "GET", "/v1/models/list"+query, key, nil)
	out := map[string]object{}
	for _, m := range o["models"].([]any) {
		m := m.(object)
		if out[m["name"].(string)] != nil {
			t.Errorf("%s is listed twice", m["name"])
		}
		out[m["name"].(string)] = m
	}
	if o["total"] != float64(len(out)) {
		t.Errorf("total %v of %d", o["total"], len(out))
	}
	return out
}

// TestRegistryDocument has a row for every statement of the registry's document about requests, fields, statuses and codes.
func TestRegistryDocument(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, append(documentedLimits, "NEUROD_MODELS_DIR="+operatorsModels(t), "NEUROD_ANALYTICS_QUOTA=50000")...)
		expired := s.expiredKey(t, s.project, s.token)
		revoked := s.makeKey(t, object{})["raw_key"].(string)
		s.json(t, 200, "POST", "/v1/auth/revoke", "", object{"api_key": revoked})

		research := s.makeKey(t, object{"license": "research"})["raw_key"].(string)

		example := object{"event_type": "inference", "model_name": "motor_imagery_4class_v1", "inference_type": "batch", "duration_ms": 245, "success": true,
			"metadata": object{"n_trials": 20, "accuracy": 0.85, "mean_confidence": 0.78}}
		event := func(change object) object {
			out := object{"api_key": s.key}
			for _, o := range []object{example, change} {
				for k, v := range o {
					out[k] = v
					if v == nil {
						delete(out, k)
					}
				}
			}
			return out
		}
		logged := `^{"logged":true,"event_id":"evt_[0-9a-f-]+","quota":{"used":[0-9]+,"remaining":[0-9]+}}$`
		for _, tt := range []struct {
			statement, method, path string
			body                    any
			headers                 []string
			status                  int
			code                    string // of an error
			want                    string // a regular expression of the body
		}{
			{statement: "the key stands in the query", method: "GET", path: "/v1/models/list?api_key=" + s.key, status: 200, want: `^{"models":\[{.*}\],"total":[0-9]+}$`},
			{statement: "and in the header", method: "GET", path: "/v1/models/list", headers: []string{"Authorization: Bearer " + s.key}, status: 200},
			{statement: "filter by paradigm", method: "GET", path: "/v1/models/list?paradigm=motor_imagery&api_key=" + s.key, status: 200, want: `"paradigm":"motor_imagery"`},
			{statement: "p300 is one", method: "GET", path: "/v1/models/list?paradigm=p300&api_key=" + s.key, status: 200, want: `"paradigm":"p300"`},
			{statement: "ssvep is one", method: "GET", path: "/v1/models/list?paradigm=ssvep&api_key=" + s.key, status: 200, want: `"paradigm":"ssvep"`},
			{statement: "another is wrong", method: "GET", path: "/v1/models/list?paradigm=sleep&api_key=" + s.key, status: 400, code: "INVALID_PARAMETER"},
			{statement: "the document's RxLDA models", method: "GET", path: "/v1/models/list?type=RxLDA&api_key=" + s.key, status: 200,
				want: `"name":"motor_imagery_2class_v1","version":"1.0.0","type":"RxLDA","paradigm":"motor_imagery",.*"name":"motor_imagery_4class_v1","version":"1.0.0","type":"RxLDA",.*"n_classes":4,.*"requires_license":"free"`},
			{statement: "RxGMM models need the research licence", method: "GET", path: "/v1/models/list?type=RxGMM&api_key=" + s.key, status: 200, want: `^{"models":\[\],"total":0}$`},
			{statement: "the document's RxGMM model", method: "GET", path: "/v1/models/list?type=RxGMM&api_key=" + research, status: 200,
				want: `"name":"p300_binary_v1","version":"1.0.0","type":"RxGMM","paradigm":"p300",.*"requires_license":"research"`},
			{statement: "its model for SSVEP", method: "GET", path: "/v1/models/list?paradigm=ssvep&api_key=" + research, status: 200, want: `"name":"ssvep_multiclass_v1","version":"1.0.0",.*"requires_license":"research"`},
			{statement: "filter by type", method: "GET", path: "/v1/models/list?type=csp_lda&api_key=" + s.key, status: 200, want: `"type":"csp_lda"`},
			{statement: "a type without models is not an error", method: "GET", path: "/v1/models/list?type=none&api_key=" + s.key, status: 200, want: `^{"models":\[\],"total":0}$`},
			{statement: "MISSING_KEY, list", method: "GET", path: "/v1/models/list", status: 400, code: "MISSING_KEY"},
			{statement: "INVALID_FORMAT, list", method: "GET", path: "/v1/models/list?api_key=nbci_live_your_key", status: 400, code: "INVALID_FORMAT"},
			{statement: "INVALID_KEY, list", method: "GET", path: "/v1/models/list?api_key=" + auth.NewKey(), status: 401, code: "INVALID_KEY"},
			{statement: "INVALID_KEY of an inactive one", method: "GET", path: "/v1/models/list?api_key=" + revoked, status: 401, code: "INVALID_KEY"},
			{statement: "KEY_EXPIRED, list", method: "GET", path: "/v1/models/list?api_key=" + expired, status: 401, code: "KEY_EXPIRED"},
			{statement: "METHOD_NOT_ALLOWED, list", method: "POST", path: "/v1/models/list", status: 405, code: "METHOD_NOT_ALLOWED"},

			{statement: "the example event", method: "POST", path: "/v1/analytics/log", body: event(nil), status: 200, want: logged},
			{statement: "the example of curl", method: "POST", path: "/v1/analytics/log", body: object{"api_key": s.key, "event_type": "inference",
				"model_name": "motor_imagery_4class_v1", "inference_type": "batch", "duration_ms": 245, "metadata": object{"n_trials": 20}}, status: 200, want: logged},
			{statement: "only the type is required", method: "POST", path: "/v1/analytics/log", body: object{"api_key": s.key, "event_type": "model_load"}, status: 200, want: logged},
			{statement: "the type error, with its text", method: "POST", path: "/v1/analytics/log", body: object{"api_key": s.key, "event_type": "error", "success": false, "error_message": "no model"}, status: 200, want: logged},
			{statement: "streaming", method: "POST", path: "/v1/analytics/log", body: event(object{"inference_type": "streaming"}), status: 200, want: logged},
			{statement: "the key in the header", method: "POST", path: "/v1/analytics/log", body: event(object{"api_key": nil}), headers: []string{"Authorization: Bearer " + s.key}, status: 200, want: logged},
			{statement: "MISSING_EVENT_TYPE", method: "POST", path: "/v1/analytics/log", body: event(object{"event_type": nil}), status: 400, code: "MISSING_EVENT_TYPE"},
			{statement: "an unknown type", method: "POST", path: "/v1/analytics/log", body: event(object{"event_type": "click"}), status: 400, code: "INVALID_REQUEST_BODY", want: `/event_type: is \\"click\\"; must be one of inference, model_load, error`},
			{statement: "an unknown inference", method: "POST", path: "/v1/analytics/log", body: event(object{"inference_type": "x"}), status: 400, code: "INVALID_REQUEST_BODY", want: "/inference_type: "},
			{statement: "an empty inference", method: "POST", path: "/v1/analytics/log", body: event(object{"inference_type": ""}), status: 400, code: "INVALID_REQUEST_BODY", want: "/inference_type: "},
			{statement: "a duration is a number", method: "POST", path: "/v1/analytics/log", body: event(object{"duration_ms": "245"}), status: 400, code: "INVALID_REQUEST_BODY", want: "/duration_ms: "},
			{statement: "and not negative", method: "POST", path: "/v1/analytics/log", body: event(object{"duration_ms": -1}), status: 400, code: "INVALID_REQUEST_BODY", want: "/duration_ms: "},
			{statement: "success is a boolean", method: "POST", path: "/v1/analytics/log", body: event(object{"success": "yes"}), status: 400, code: "INVALID_REQUEST_BODY", want: "/success: "},
			{statement: "model_name is a string", method: "POST", path: "/v1/analytics/log", body: event(object{"model_name": 7}), status: 400, code: "INVALID_REQUEST_BODY", want: "/model_name: "},
			{statement: "of some length", method: "POST", path: "/v1/analytics/log", body: event(object{"model_name": strings.Repeat("x", 201)}), status: 400, code: "INVALID_REQUEST_BODY", want: "/model_name: "},
			{statement: "error_message, too", method: "POST", path: "/v1/analytics/log", body: event(object{"error_message": strings.Repeat("x", 2001)}), status: 400, code: "INVALID_REQUEST_BODY", want: "/error_message: "},
			{statement: "metadata is an object", method: "POST", path: "/v1/analytics/log", body: event(object{"metadata": []int{1}}), status: 400, code: "INVALID_REQUEST_BODY", want: "/metadata: "},
			{statement: "of some size", method: "POST", path: "/v1/analytics/log", body: event(object{"metadata": object{"x": strings.Repeat("x", 16_000)}}), status: 400, code: "INVALID_REQUEST_BODY", want: "/metadata: "},
			{statement: "MISSING_KEY, log", method: "POST", path: "/v1/analytics/log", body: event(object{"api_key": nil}), status: 400, code: "MISSING_KEY"},
			{statement: "INVALID_FORMAT, log", method: "POST", path: "/v1/analytics/log", body: event(object{"api_key": "nbci_live_..."}), status: 400, code: "INVALID_FORMAT"},
			{statement: "INVALID_KEY, log", method: "POST", path: "/v1/analytics/log", body: event(object{"api_key": auth.NewKey()}), status: 401, code: "INVALID_KEY"},
			{statement: "KEY_EXPIRED, log", method: "POST", path: "/v1/analytics/log", body: event(object{"api_key": expired}), status: 401, code: "KEY_EXPIRED"},
			{statement: "METHOD_NOT_ALLOWED, log", method: "GET", path: "/v1/analytics/log", status: 405, code: "METHOD_NOT_ALLOWED"},

			{statement: "health", method: "GET", path: "/api/health", status: 200,
				want: `^{"database":"connected","status":"healthy","timestamp":"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,12}Z","version":"v1"}$`},
			{statement: "METHOD_NOT_ALLOWED, health", method: "POST", path: "/api/health", status: 405, code: "METHOD_NOT_ALLOWED"},

			{statement: "validate", method: "POST", path: "/v1/auth/validate", body: object{"api_key": s.key}, status: 200, want: `^{"valid":true,"key_id":".*"license":"free"`},
			{statement: "validate, as the registry's own client asks", method: "POST", path: "/auth/validate", body: object{"api_key": s.key}, status: 200, want: `"license_type":"free","features":\["decode",`},
			{statement: "MISSING_KEY, as the registry's own client asks", method: "POST", path: "/auth/validate", body: object{}, status: 400, code: "MISSING_KEY"},
			{statement: "METHOD_NOT_ALLOWED, as the registry's own client asks", method: "GET", path: "/auth/validate", status: 405, code: "METHOD_NOT_ALLOWED"},
			{statement: "refresh without a version", method: "POST", path: "/auth/refresh", body: object{"api_key": "x"}, status: 400, code: "INVALID_FORMAT"},
			{statement: "revoke without a version", method: "POST", path: "/auth/revoke", body: object{"api_key": revoked}, status: 404, code: "KEY_NOT_FOUND"},
			{statement: "the installer without a version", method: "POST", path: "/installer/github-token", body: object{"api_key": s.key}, status: 503, code: "NOT_CONFIGURED"},
			{statement: "validate by header, no body", method: "POST", path: "/v1/auth/validate", headers: []string{"Authorization: Bearer " + s.key}, status: 200, want: `^{"valid":true,`},
			{statement: "MISSING_KEY, validate", method: "POST", path: "/v1/auth/validate", body: object{}, status: 400, code: "MISSING_KEY"},
			{statement: "a key is a string", method: "POST", path: "/v1/auth/validate", body: object{"api_key": 7}, status: 400, code: "INVALID_REQUEST_BODY"},
			{statement: "INVALID_FORMAT, validate", method: "POST", path: "/v1/auth/validate", body: object{"api_key": s.key + "x"}, status: 400, code: "INVALID_FORMAT"},
			{statement: "INVALID_KEY, validate", method: "POST", path: "/v1/auth/validate", body: object{"api_key": revoked}, status: 401, code: "INVALID_KEY"},
			{statement: "KEY_EXPIRED, validate", method: "POST", path: "/v1/auth/validate", body: object{"api_key": expired}, status: 401, code: "KEY_EXPIRED"},
			{statement: "METHOD_NOT_ALLOWED, validate", method: "GET", path: "/v1/auth/validate", status: 405, code: "METHOD_NOT_ALLOWED"},

			{statement: "the installer has nothing to install", method: "POST", path: "/v1/installer/github-token", body: object{"api_key": s.key}, status: 503, code: "NOT_CONFIGURED", want: "There is nothing to install"},
			{statement: "MISSING_KEY, installer", method: "POST", path: "/v1/installer/github-token", body: object{}, status: 400, code: "MISSING_KEY"},
			{statement: "INVALID_FORMAT, installer", method: "POST", path: "/v1/installer/github-token", body: object{"api_key": "x"}, status: 400, code: "INVALID_FORMAT"},
			{statement: "INVALID_KEY, installer", method: "POST", path: "/v1/installer/github-token", body: object{"api_key": revoked}, status: 401, code: "INVALID_KEY"},
			{statement: "KEY_EXPIRED, installer", method: "POST", path: "/v1/installer/github-token", body: object{"api_key": expired}, status: 401, code: "KEY_EXPIRED"},
			{statement: "METHOD_NOT_ALLOWED, installer", method: "GET", path: "/v1/installer/github-token", status: 405, code: "METHOD_NOT_ALLOWED"},

			{statement: "MISSING_KEY, refresh", method: "POST", path: "/v1/auth/refresh", body: object{}, status: 400, code: "MISSING_KEY"},
			{statement: "INVALID_FORMAT, refresh", method: "POST", path: "/v1/auth/refresh", body: object{"api_key": "x"}, status: 400, code: "INVALID_FORMAT"},
			{statement: "INVALID_KEY, refresh", method: "POST", path: "/v1/auth/refresh", body: object{"api_key": auth.NewKey()}, status: 401, code: "INVALID_KEY"},
			{statement: "KEY_EXPIRED, refresh", method: "POST", path: "/v1/auth/refresh", body: object{"api_key": expired}, status: 401, code: "KEY_EXPIRED"},
			{statement: "METHOD_NOT_ALLOWED, refresh", method: "GET", path: "/v1/auth/refresh", status: 405, code: "METHOD_NOT_ALLOWED"},

			{statement: "MISSING_KEY, revoke", method: "POST", path: "/v1/auth/revoke", body: object{}, status: 400, code: "MISSING_KEY"},
			{statement: "INVALID_FORMAT, revoke", method: "POST", path: "/v1/auth/revoke", body: object{"api_key": "x"}, status: 400, code: "INVALID_FORMAT"},
			{statement: "KEY_NOT_FOUND, revoke", method: "POST", path: "/v1/auth/revoke", body: object{"api_key": auth.NewKey()}, status: 404, code: "KEY_NOT_FOUND"},
			{statement: "KEY_NOT_FOUND of one revoked", method: "POST", path: "/v1/auth/revoke", body: object{"api_key": revoked}, status: 404, code: "KEY_NOT_FOUND"},
			{statement: "METHOD_NOT_ALLOWED, revoke", method: "DELETE", path: "/v1/auth/revoke", status: 405, code: "METHOD_NOT_ALLOWED"},
		} {
			a := s.call(t, tt.method, tt.path, "", tt.body, tt.headers...)
			if a.StatusCode != tt.status || a.code() != tt.code {
				t.Errorf("%s: %d %s, want %d %s", tt.statement, a.StatusCode, a.body, tt.status, tt.code)
				continue
			}
			if tt.code != "" { // all endpoints return {"error","code"} and nothing else
				var e map[string]string
				if err := json.Unmarshal(a.body, &e); err != nil || len(e) != 2 || e["error"] == "" {
					t.Errorf("%s: %s", tt.statement, a.body)
				}
			}
			if ok, err := regexp.Match(tt.want, bytes.TrimSpace(a.body)); err != nil || !ok {
				t.Errorf("%s: %s is not %s (%v)", tt.statement, a.body, tt.want, err)
			}
		}

		// The documented requests a minute, in the documented headers.
		for path, limit := range map[string]int{"/v1/auth/validate": 100, "/v1/auth/refresh": 10, "/v1/auth/revoke": 10, "/v1/installer/github-token": 20, "/v1/models/list": 60, "/v1/analytics/log": 1000} {
			method, body := "POST", any(event(nil))
			if path == "/v1/models/list" {
				method, path, body = "GET", path+"?api_key="+s.key, nil
			}
			if strings.HasPrefix(path, "/v1/auth/") || strings.HasPrefix(path, "/v1/installer/") {
				body = object{}
			}
			if got, _, _ := s.call(t, method, path, "", body).quota(t); got != limit {
				t.Errorf("%s: limit %d, want %d", path, got, limit)
			}
		}
		var last answer
		for range 80 {
			if last = s.call(t, "GET", "/v1/models/list?api_key="+s.key, "", nil); last.StatusCode == 429 {
				break
			}
		}
		if last.StatusCode != 429 || last.code() != "RATE_LIMIT_EXCEEDED" || last.Header.Get("Retry-After") == "" {
			t.Errorf("too many lists: %d %s %v", last.StatusCode, last.body, last.Header)
		}

		log := s.logged(t)
		for _, secret := range []string{s.key, revoked, expired, "api_key="} {
			if strings.Contains(log, secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
		if !strings.Contains(log, `"path":"/v1/models/list"`) {
			t.Error("the log does not have the call at all")
		}
	})
}

// TestRegistryListsWhatIsDocumented holds every field of a listed model to the file that its download_url gives.
func TestRegistryListsWhatIsDocumented(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	listed := s.list(t, s.makeKey(t, object{"license": "commercial"})["raw_key"].(string), "")
	for _, e := range cat.List() {
		m := listed[e.Name]
		if m == nil {
			t.Errorf("%s is not listed", e.Name)
			continue
		}
		u, err := url.Parse(m["download_url"].(string))
		if err != nil || u.Host != s.addr || u.Scheme != "http" {
			t.Fatalf("%s: %v", m["download_url"], err)
		}
		a := s.raw(t, "GET", u.RequestURI(), nil, nil) // no key: the URL is enough
		if a.StatusCode != 200 || "sha256:"+sum(a.body) != m["checksum"] || float64(len(a.body))/1e6 != m["size_mb"] {
			t.Errorf("%s: %d, %d bytes; listed %v", e.Name, a.StatusCode, len(a.body), m)
		}
		file, err := catalog.Parse(a.body)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		meta := m["metadata"].(object)
		classes := len(file.State.Classes)
		if file.Paradigm == eeg.P300 { // the symbols come with a request; what the model tells apart are two kinds of flashes
			classes = 2
		}
		if len(file.Card.Evaluations) > 0 && meta["chance_level"] != file.Card.Evaluations[0].Chance {
			t.Errorf("%s: an accuracy beside chance level %v, the card has %v", e.Name, meta["chance_level"], file.Card.Evaluations[0].Chance)
		}
		want := object{"name": file.Name, "version": file.Version, "type": catalog.Kind(file.State.Pipeline), "paradigm": string(file.Paradigm),
			"n_features": float64(len(file.State.Channels)), "n_classes": float64(classes), "requires_license": file.Card.License(),
			"description": file.Card.Summary, "training_subjects": float64(file.Card.Subjects), "recommended_use": file.Card.IntendedUse}
		got := object{}
		for k := range want {
			if got[k] = m[k]; m[k] == nil {
				got[k] = meta[k]
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-file +listed):\n%s", e.Name, d)
		}
		if acc := meta["accuracy"].(string); len(file.Card.Evaluations) > 0 && acc != fmt.Sprintf("%.1f%%", 100**file.Card.Evaluations[0].Accuracy) {
			t.Errorf("%s: accuracy %q", e.Name, acc)
		}
		if meta["feature_type"] == "" {
			t.Errorf("%s: no feature type", e.Name)
		}
	}
	if len(listed) != len(cat.List()) {
		t.Errorf("%d models are listed, the catalog has %d", len(listed), len(cat.List()))
	}
}

// TestDownloadsInRanges resumes in the middle, asks for what is not there, and conditions requests on the checksum.
func TestDownloadsInRanges(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		file := modelFile(t, "mine", "1", "")
		s.uploadModel(t, s.key, file)
		const path = "/v1/models/mine/versions/1/download"
		key := "Authorization: Bearer " + s.key
		etag := `"` + sum(file) + `"`
		n := len(file)
		for _, tt := range []struct {
			name    string
			headers []string
			status  int
			want    []byte // of 200 and 206
			content string // Content-Range
		}{
			{"whole", nil, 200, file, ""},
			{"first half", []string{fmt.Sprintf("Range: bytes=0-%d", n/2-1)}, 206, file[:n/2], fmt.Sprintf("bytes 0-%d/%d", n/2-1, n)},
			{"resume in the middle", []string{fmt.Sprintf("Range: bytes=%d-", n/2), "If-Range: " + etag}, 206, file[n/2:], fmt.Sprintf("bytes %d-%d/%d", n/2, n-1, n)},
			{"resume of another file", []string{fmt.Sprintf("Range: bytes=%d-", n/2), `If-Range: "other"`}, 200, file, ""},
			{"the end", []string{"Range: bytes=-10"}, 206, file[n-10:], fmt.Sprintf("bytes %d-%d/%d", n-10, n-1, n)},
			{"past the end", []string{fmt.Sprintf("Range: bytes=%d-", n)}, 416, nil, fmt.Sprintf("bytes */%d", n)},
			{"no range", []string{"Range: bytes=9-3"}, 416, nil, ""},
			{"there already", []string{"If-None-Match: " + etag}, 304, nil, ""},
			{"only if it is another", []string{`If-Match: "other"`}, 412, nil, ""},
		} {
			a := s.raw(t, "GET", path, append([]string{key}, tt.headers...), nil)
			if a.StatusCode != tt.status || tt.want != nil && !bytes.Equal(a.body, tt.want) || tt.content != "" && a.Header.Get("Content-Range") != tt.content {
				t.Errorf("%s: %d, %d bytes, %v", tt.name, a.StatusCode, len(a.body), a.Header)
			}
			switch tt.status {
			case 416:
				if a.code() != "RANGE_NOT_SATISFIABLE" || a.Header.Get("Content-Type") != "application/json; charset=utf-8" || a.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: %v %s", tt.name, a.Header, a.body)
				}
			case 200, 206:
				digest, _ := hex.DecodeString(sum(file))
				if a.Header.Get("ETag") != etag || a.Header.Get("X-Checksum-Sha256") != sum(file) || a.Header.Get("Accept-Ranges") != "bytes" ||
					a.Header.Get("Repr-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(digest)+":" || a.Header.Get("Content-Type") != "application/octet-stream" {
					t.Errorf("%s: %v", tt.name, a.Header)
				}
			}
		}
		two, err := s.tryRaw("GET", path, []string{key, "Range: bytes=0-1,4-5"}, nil)
		if err != nil || two.StatusCode != 206 || !strings.HasPrefix(two.Header.Get("Content-Type"), "multipart/byteranges") || !bytes.Contains(two.body, file[4:6]) {
			t.Errorf("two ranges: %v %v", two.Response, err)
		}
		if a := s.raw(t, "HEAD", path, []string{key}, nil); a.StatusCode != 200 || a.Header.Get("Content-Length") != fmt.Sprint(n) || len(a.body) != 0 {
			t.Errorf("HEAD: %d %v", a.StatusCode, a.Header)
		}
	})
}

// TestDamagedFilesAreNeverServed: a file that no longer fits its checksum is SERVER_ERROR, and the log says why.
func TestDamagedFilesAreNeverServed(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		dir := operatorsModels(t)
		s := boot(t, b, "NEUROD_MODELS_DIR="+dir)
		for _, name := range []string{"flipped", "cut"} {
			s.uploadModel(t, s.key, modelFile(t, name, "1", ""))
		}
		damage(t, b, "flipped", "none", "00")
		damage(t, b, "cut", "zstd", "28b5")
		file := filepath.Join(dir, "free"+catalog.Extension)
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		content[len(content)/2] ^= 1
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		for path, cause := range map[string]string{
			"/v1/models/flipped/versions/1/download":     "does not fit its checksum",
			"/v1/models/cut/versions/1/download":         "does not fit its checksum",
			"/v1/models/op-free/versions/1.0.0/download": "does not fit its checksum",
		} {
			a := s.call(t, "GET", path, s.key, nil)
			if a.StatusCode != 500 || a.code() != "SERVER_ERROR" || bytes.Contains(a.body, []byte("checksum")) {
				t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
			}
			found := false
			for line := range strings.SplitSeq(s.logged(t), "\n") {
				found = found || strings.Contains(line, path) && strings.Contains(line, cause) && strings.Contains(line, `"level":"ERROR"`)
			}
			if !found {
				t.Errorf("%s: the log does not say %q", path, cause)
			}
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		if a := s.call(t, "GET", "/v1/models/op-free/versions/1.0.0/download", s.key, nil); a.StatusCode != 500 || a.code() != "SERVER_ERROR" {
			t.Errorf("a file that is gone: %d %s", a.StatusCode, a.body)
		}
	})
}

// damage overwrites the file of a stored model behind the server's back; content is hexadecimal.
func damage(t *testing.T, b testkit.Backend, model, codec, content string) {
	t.Helper()
	literal := "x'" + content + "'"
	if !b.Embedded() {
		literal = "decode('" + content + "', 'hex')"
	}
	if _, err := testkit.Raw(t, b.Store).Exec(fmt.Sprintf("UPDATE project_models SET codec = '%s', data = %s WHERE name = '%s'", codec, literal, model)); err != nil {
		t.Fatal(err)
	}
}

// TestLicenceTiers: what a key may list, download and decode with follows from its tier; the operator bounds the tiers.
func TestLicenceTiers(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, "NEUROD_MODELS_DIR="+operatorsModels(t))
		request := motorImagery()
		for i, tier := range models.Licenses() {
			made := s.makeKey(t, object{"license": tier})
			if made["license"] != string(tier) {
				t.Errorf("made %v, want %s", made["license"], tier)
			}
			key := made["raw_key"].(string)
			listed := s.list(t, key, "")
			for j, required := range models.Licenses() {
				name := "op-" + string(required)
				if m := listed[name]; (m != nil) != (j <= i) || m != nil && m["requires_license"] != string(required) {
					t.Errorf("%s lists %s: %v", tier, required, m)
				}
				a := s.call(t, "GET", "/v1/models/"+name+"/versions/1.0.0/download", key, nil)
				if j <= i && a.StatusCode != 200 || j > i && (a.StatusCode != 403 || a.code() != "LICENSE_REQUIRED") {
					t.Errorf("%s downloads %s: %d %s", tier, required, a.StatusCode, tail(string(a.body), 300))
				}
				request["input"].(object)["model"] = name
				a = s.call(t, "POST", "/api/v1/neuro/decode", key, request)
				if j <= i && a.StatusCode != 202 || j > i && (a.StatusCode != 403 || a.code() != "license_required") {
					t.Errorf("%s decodes with %s: %d %s", tier, required, a.StatusCode, a.body)
				}
				live := s.call(t, "POST", "/v1/sessions", key, object{"external_user_id": "u", "device_type": "d", "sample_rate_hz": 250, "channels": []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"},
					"decode": object{"paradigm": "motor_imagery", "model": name}})
				if (live.StatusCode == 201) != (j <= i) {
					t.Errorf("%s decodes live with %s: %d %s", tier, required, live.StatusCode, live.body)
				}
			}
		}
		if made := s.makeKey(t, object{}); made["license"] != "free" {
			t.Errorf("a key without a licence has %v", made["license"])
		}
		if a := s.call(t, "POST", "/v1/projects/"+s.project+"/keys", s.token, `{"name":"x","license":"gold"}`); a.StatusCode != 400 || !strings.Contains(string(a.body), `"/license"`) {
			t.Errorf("unknown tier: %d %s", a.StatusCode, a.body)
		}
	})
	t.Run("the operator's bound", func(t *testing.T) {
		t.Parallel()
		s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_LICENSE_MAX=research")
		s.makeKey(t, object{"license": "research"})
		if a := s.call(t, "POST", "/v1/projects/"+s.project+"/keys", s.token, `{"name":"x","license":"commercial"}`); a.StatusCode != 400 || !strings.Contains(string(a.body), `"not_granted"`) {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

// TestProjectModels stores versions of a model, decodes with them, rolls back and deletes, and another project sees nothing.
func TestProjectModels(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		_, _, foreign := s.account(t, "other@example.com")
		first, second := modelFile(t, "hands", "1", models.LicenseCommercial), modelFile(t, "hands", "1.5", "")
		made := s.uploadModel(t, s.key, first)
		if made["version"] != "1" || made["state"] != "active" || made["source"] != "project" || made["checksum"] != "sha256:"+sum(first) || made["requires_license"] != "free" {
			t.Errorf("made %v", made)
		}
		again := s.json(t, 200, "POST", "/api/v1/models", s.key, object{"file": base64.StdEncoding.EncodeToString(first)})
		if d := cmp.Diff(made, again); d != "" {
			t.Errorf("the same file again (-first +again):\n%s", d)
		}
		s.uploadModel(t, s.key, second)
		for name, tt := range map[string]struct {
			body   any
			status int
			code   string
		}{
			"another file of a version": {object{"file": base64.StdEncoding.EncodeToString(modelFile(t, "hands", "1", models.LicenseResearch))}, 409, "model_version_taken"},
			"an earlier version":        {object{"file": base64.StdEncoding.EncodeToString(modelFile(t, "hands", "1.4", ""))}, 409, "model_version_taken"},
			"a damaged file":            {object{"file": base64.StdEncoding.EncodeToString(append(bytes.Clone(first[:len(first)-1]), 0))}, 400, "invalid_request_body"},
			"no file":                   {object{}, 400, "invalid_request_body"},
			"no base64":                 {object{"file": "?"}, 400, "invalid_request_body"},
			"no model":                  {object{"file": "AAAA"}, 400, "invalid_request_body"},
			"null":                      {"null", 400, "invalid_request_body"},
		} {
			if a := s.call(t, "POST", "/api/v1/models", s.key, tt.body); a.StatusCode != tt.status || a.code() != tt.code {
				t.Errorf("%s: %d %s", name, a.StatusCode, tail(string(a.body), 400))
			}
		}
		decode := func(key, model string) object {
			t.Helper()
			request := motorImagery()
			request["input"].(object)["model"] = model
			id := s.json(t, 202, "POST", "/api/v1/neuro/decode", key, request)["id"].(string)
			job := s.json(t, 200, "GET", "/api/v1/jobs/"+id+"?wait_for_completion=true&timeout_seconds=30", key, nil)
			if job["status"] == "completed" {
				return job["output"].(object)["model"].(object)
			}
			return job["error"].(object)
		}
		uses := func(model, version, source string) {
			t.Helper()
			if got := decode(s.key, model); got["version"] != version || got["source"] != source {
				t.Errorf("%s decodes with %v, want %s of %s", model, got, version, source)
			}
		}
		uses("hands", "1.5", "project")
		uses("hands@1", "1", "project")
		if got := decode(foreign, "hands"); got["code"] != "model_not_found" {
			t.Errorf("another project decodes with %v", got)
		}
		for _, call := range [][2]string{{"GET", "/api/v1/models/hands"}, {"DELETE", "/api/v1/models/hands"}, {"DELETE", "/api/v1/models/hands@1"},
			{"POST", "/api/v1/models/hands/rollback"}, {"GET", "/v1/models/hands/versions/1/download"}} {
			mine, absent := s.call(t, call[0], call[1], foreign, nil), s.call(t, call[0], strings.Replace(call[1], "hands", "never", 1), foreign, nil)
			if mine.StatusCode != 404 || mine.code() != absent.code() || mine.object(t)["message"] != absent.object(t)["message"] {
				t.Errorf("%v of another project: %d %s, absent: %s", call, mine.StatusCode, mine.body, absent.body)
			}
		}
		if s.list(t, foreign, "")["hands"] != nil {
			t.Error("another project lists it")
		}
		// Another project may have the same name and file.
		s.uploadModel(t, foreign, first)
		if got := decode(foreign, "hands"); got["version"] != "1" {
			t.Errorf("the other project's own: %v", got)
		}

		if back := s.json(t, 200, "POST", "/api/v1/models/hands/rollback", s.key, nil); back["version"] != "1" || back["state"] != "active" {
			t.Errorf("rolled back to %v", back)
		}
		uses("hands", "1", "project")
		if m := s.list(t, s.key, "")["hands"]; m["version"] != "1" || m["own"] != true {
			t.Errorf("listed %v", m)
		}
		if a := s.call(t, "POST", "/api/v1/models/hands/rollback", s.key, nil); a.StatusCode != 404 {
			t.Errorf("before the first: %d %s", a.StatusCode, a.body)
		}
		s.json(t, 200, "POST", "/api/v1/models/hands/rollback", s.key, object{"version": "1.5"})
		versions := s.json(t, 200, "GET", "/api/v1/models/hands", s.key, nil)
		if versions["active_version"] != "1.5" || len(versions["versions"].([]any)) != 2 {
			t.Errorf("versions %v", versions)
		}
		if a := s.call(t, "DELETE", "/api/v1/models/hands@1.5", s.key, nil); a.StatusCode != 204 {
			t.Errorf("delete: %d %s", a.StatusCode, a.body)
		}
		uses("hands", "1", "project")
		if got := decode(s.key, "hands@1.5"); got["code"] != "model_not_found" {
			t.Errorf("a deleted version: %v", got)
		}
		if a := s.call(t, "POST", "/api/v1/models", s.key, object{"file": base64.StdEncoding.EncodeToString(second)}); a.StatusCode != 409 {
			t.Errorf("a deleted version comes back: %d", a.StatusCode)
		}
		// A project's own model hides a built-in one of its name, for that project alone.
		s.uploadModel(t, s.key, modelFile(t, cytonModel, "7", ""))
		uses(cytonModel, "7", "project")
		uses(cytonModel+"@1", "1", "builtin")
		if got := decode(foreign, cytonModel); got["source"] != "builtin" {
			t.Errorf("the other project decodes with %v", got)
		}
		if a := s.call(t, "DELETE", "/api/v1/models/"+cytonModel, s.key, nil); a.StatusCode != 204 {
			t.Errorf("delete: %d %s", a.StatusCode, a.body)
		}
		uses(cytonModel, "1", "builtin")
		if a := s.call(t, "DELETE", "/api/v1/models/"+cytonModel, s.key, nil); a.StatusCode != 404 {
			t.Errorf("a built-in model was deleted: %d", a.StatusCode)
		}
		all := s.json(t, 200, "GET", "/api/v1/models", s.key, nil)
		cat, err := catalog.Default()
		if err != nil {
			t.Fatal(err)
		}
		if all["total"] != float64(1+len(cat.List())) { // its own, and all of the server's whatever licence they need
			t.Errorf("%v models", all["total"])
		}
	})
}

// TestModelStorageIsBounded by the operator's setting.
func TestModelStorageIsBounded(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_MODEL_STORAGE_MB=1")
	file := modelFile(t, "m", "1", "")
	for i := 0; ; i++ {
		a := s.raw(t, "POST", "/api/v1/models", []string{"Authorization: Bearer " + s.key, "Content-Type: application/octet-stream"}, modelFile(t, fmt.Sprintf("m%d", i), "1", ""))
		if a.StatusCode == 409 && a.code() == "model_storage_full" {
			if n := 1 << 20 / len(file); i < n-2 || i > n+2 {
				t.Errorf("full after %d models of %d bytes", i, len(file))
			}
			break
		}
		if a.StatusCode != 201 || i > 1000 {
			t.Fatalf("%d: %d %s", i, a.StatusCode, a.body)
		}
	}
	s.call(t, "DELETE", "/api/v1/models/m0", s.key, nil)
	s.uploadModel(t, s.key, modelFile(t, "m", "1", ""))
}

// TestDownloadLinks: a link is good for its version alone, and dies with the key that asked for it.
func TestDownloadLinks(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	key := s.makeKey(t, object{})
	s.uploadModel(t, s.key, modelFile(t, "mine", "1", ""))
	list := s.list(t, key["raw_key"].(string), "")
	uri := func(name string) string {
		u, err := url.Parse(list[name]["download_url"].(string))
		if err != nil {
			t.Fatal(err)
		}
		return u.RequestURI()
	}
	mine, other := uri("mine"), uri(cytonModel)
	if a := s.raw(t, "GET", mine, nil, nil); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	_, token, _ := strings.Cut(other, "?")
	path, _, _ := strings.Cut(mine, "?")
	for name, target := range map[string]string{"the token of another model": path + "?" + token, "no token": path + "?token=x",
		"a link for a list": "/v1/models/list?" + token} {
		if a := s.raw(t, "GET", target, nil, nil); a.StatusCode != 401 || a.code() != "INVALID_TOKEN" {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	if a := s.raw(t, "GET", path, nil, nil); a.StatusCode != 400 || a.code() != "MISSING_KEY" {
		t.Errorf("no credential: %d %s", a.StatusCode, a.body)
	}
	s.json(t, 200, "POST", "/v1/auth/revoke", key["raw_key"].(string), nil)
	if a := s.raw(t, "GET", mine, nil, nil); a.StatusCode != 401 || a.code() != "INVALID_KEY" {
		t.Errorf("after the key was revoked: %d %s", a.StatusCode, a.body)
	}
	if log := s.logged(t); strings.Contains(log, "token=") || strings.Contains(log, token) {
		t.Error("the log holds a token")
	}
}

// TestKeysRefreshThemselves: the new key is like the old one, which works for an hour more; both speak as their families.
func TestKeysRefreshThemselves(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		made := s.makeKey(t, object{"license": "research", "scopes": []string{"catalog:read"}, "expires_in_days": 2, "rate_limits": object{"decode": object{"per_minute": 7}}})
		old := made["raw_key"].(string)
		got := s.json(t, 200, "POST", "/v1/auth/refresh", "", object{"api_key": old})
		fresh := got["api_key"].(string)
		if fresh == old || got["license"] != "research" || !cmp.Equal(got["scopes"], []any{"catalog:read"}) || got["expires_at"] != made["expires_at"] || got["name"] != "made" || got["key_id"] == made["id"] {
			t.Errorf("%v of %v", got, made)
		}
		ends, err := time.Parse(time.RFC3339, got["previous_key"].(object)["expires_at"].(string))
		if left := time.Until(ends); err != nil || left > time.Hour || left < 59*time.Minute {
			t.Errorf("the old key ends in %v, %v", left, err)
		}
		for _, key := range []string{old, fresh} {
			s.list(t, key, "")
			if a := s.call(t, "GET", "/api/v1/jobs", key, nil); a.StatusCode != 403 {
				t.Errorf("the scopes grew: %d", a.StatusCode)
			}
		}
		for _, k := range s.keys(t) {
			if k["id"] == got["key_id"] && !cmp.Equal(k["rate_limits"], object{"decode": object{"per_minute": 7., "burst": 14.}}) {
				t.Errorf("rates %v", k["rate_limits"])
			}
		}
		// A lost answer: the old key gives another one, and its time does not grow.
		again := s.json(t, 200, "POST", "/v1/auth/refresh", old, nil)
		if again["api_key"] == fresh || again["previous_key"].(object)["expires_at"] != got["previous_key"].(object)["expires_at"] {
			t.Errorf("again: %v", again)
		}
		s.json(t, 200, "POST", "/v1/auth/revoke", "", object{"api_key": old})
		if a := s.call(t, "GET", "/v1/models/list", old, nil); a.StatusCode != 401 || a.code() != "INVALID_KEY" {
			t.Errorf("revoked: %d %s", a.StatusCode, a.body)
		}
		s.list(t, fresh, "")

		// The same path for refresh tokens, in the family of sessions.
		login := s.json(t, 200, "POST", "/v1/auth/login", "", object{"email": s.mail("owner@example.com"), "password": "correct horse battery"})
		s.json(t, 200, "POST", "/v1/auth/refresh", "", object{"refresh_token": login["refresh_token"]})
		for name, tt := range map[string]struct {
			body   any
			status int
			code   string
			media  string
		}{
			"a token that was used":   {object{"refresh_token": login["refresh_token"]}, 401, "invalid_token", "application/problem+json"},
			"an empty token":          {object{"refresh_token": ""}, 400, "invalid_request_body", "application/problem+json"},
			"a token of another type": {object{"refresh_token": 7}, 400, "invalid_request_body", "application/problem+json"},
			"both":                    {object{"refresh_token": "x", "api_key": "y"}, 400, "invalid_request_body", "application/problem+json"},
			"neither":                 {object{}, 400, "MISSING_KEY", "application/json; charset=utf-8"},
			"a key of another type":   {object{"api_key": 7}, 400, "INVALID_REQUEST_BODY", "application/json; charset=utf-8"},
			"no JSON":                 {"{", 400, "INVALID_REQUEST_BODY", "application/json; charset=utf-8"},
		} {
			a := s.call(t, "POST", "/v1/auth/refresh", "", tt.body)
			if a.StatusCode != tt.status || a.code() != tt.code || a.Header.Get("Content-Type") != tt.media {
				t.Errorf("%s: %d %s %s", name, a.StatusCode, a.Header.Get("Content-Type"), a.body)
			}
		}
	})
}

// keys returns the keys of the server's project as its owner sees them.
func (s *server) keys(t testing.TB) []object {
	t.Helper()
	var out []object
	if err := json.Unmarshal(s.call(t, "GET", "/v1/projects/"+s.project+"/keys", s.token, nil).body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAnalyticsQuota: a project's events are counted by month, for all its keys together, and stay as they were logged.
func TestAnalyticsQuota(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, "NEUROD_ANALYTICS_QUOTA=3")
		_, _, foreign := s.account(t, "other@example.com")
		second := s.makeKey(t, object{"scopes": []string{"decode"}})["raw_key"].(string)
		for i, key := range []string{s.key, second, s.key} {
			got := s.json(t, 200, "POST", "/v1/analytics/log", "", object{"api_key": key, "event_type": "inference", "duration_ms": 1.5, "metadata": object{"i": i}})
			if d := cmp.Diff(object{"used": float64(i + 1), "remaining": float64(2 - i)}, got["quota"]); d != "" {
				t.Errorf("quota (-want +got):\n%s", d)
			}
		}
		a := s.call(t, "POST", "/v1/analytics/log", s.key, object{"event_type": "inference"})
		if a.StatusCode != 429 || a.code() != "QUOTA_EXCEEDED" || a.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s %v", a.StatusCode, a.body, a.Header)
		}
		s.json(t, 200, "POST", "/v1/analytics/log", foreign, object{"event_type": "error"}) // each its own
		stored, err := b.Open(t).AnalyticsEvents(t.Context(), s.project, 10)
		if err != nil || len(stored) != 3 {
			t.Fatalf("%d events are stored, %v", len(stored), err)
		}
		for i, e := range stored {
			if want := fmt.Sprintf(`{"i":%d}`, 2-i); e.EventType != "inference" || *e.DurationMS != 1.5 || *e.Metadata != want || e.ModelName != nil || e.Success != nil {
				t.Errorf("stored %+v", e)
			}
		}
	})
	t.Run("not configured", func(t *testing.T) {
		t.Parallel()
		s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_ANALYTICS_QUOTA=0")
		if a := s.call(t, "POST", "/v1/analytics/log", s.key, object{"event_type": "error"}); a.StatusCode != 503 || a.code() != "NOT_CONFIGURED" {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

// TestLiveSessionsUseOwnModels: a session that is decoded as it runs finds the project's model by its name.
func TestLiveSessionsUseOwnModels(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		s.uploadModel(t, s.key, modelFile(t, "hands", "3", ""))
		channels := []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}
		id := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "OpenBCI Cyton", "sample_rate_hz": 250, "channels": channels,
			"ingestion_mode": "RECORDED", "decode": object{"paradigm": "motor_imagery", "model": "hands", "window_s": 4}})["session_id"].(string)
		data := object{}
		rng := rand.New(rand.NewPCG(1, 2))
		for _, ch := range channels {
			x := make([]float64, 5*250)
			for i := range x {
				x[i] = 10 * rng.NormFloat64()
			}
			data[ch] = x
		}
		s.json(t, 202, "POST", "/v1/sessions/"+id+"/ingest", s.key, object{"batch_id": "b", "t0_unix_ms": 1730000000000, "data": data})
		end := s.json(t, 202, "POST", "/v1/sessions/"+id+"/end", s.key, nil)
		s.await(t, end["job_id"].(string))
		var decodes []object
		if err := json.Unmarshal(s.call(t, "GET", "/v1/sessions/"+id+"/decodes", s.key, nil).body, &decodes); err != nil || len(decodes) == 0 {
			t.Fatalf("%d decodes, %v", len(decodes), err)
		}
		m, _ := decodes[0]["model"].(object)
		if m["name"] != "hands" || m["version"] != "3" || m["source"] != "project" {
			t.Errorf("decoded with %v", decodes[0])
		}
	})
}

// TestRegistryTypes: models of the Bayesian classifiers are listed under the types that the document names, and decode.
func TestRegistryTypes(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	const perClass, seconds = 12, 4
	channels := []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}
	r, err := synthetic.MotorImagery(synthetic.Config{Seed: 3, Channels: channels, Rate: 250}, synthetic.ImageryConfig{TrialsPerClass: perClass})
	if err != nil {
		t.Fatal(err)
	}
	set := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: r.Channels, Rate: r.Rate, Cue: 1, Classes: []string{"left", "right"}}
	set.Trials = epoch.Cut(r.Signal, r.Events, func(e eeg.Event) int { return slices.Index(set.Classes, e.Label) }, 1, seconds, "r")
	if len(set.Trials) < perClass {
		t.Fatalf("%d trials", len(set.Trials))
	}
	for kind, pipeline := range map[string]decoders.Pipeline{"RxLDA": motorimagery.CSPRxLDA(), "RxGMM": motorimagery.CSPRxGMM()} {
		d, err := pipeline.Train(t.Context(), set, nil)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.ToLower(kind)
		var b bytes.Buffer
		if err := catalog.Write(&b, eeg.MotorImagery, name, "1.0.0", catalog.ModelCard{Summary: "made of simulated trials", Subjects: 1}, d.State()); err != nil {
			t.Fatal(err)
		}
		s.uploadModel(t, s.key, b.Bytes())
		listed := s.list(t, s.key, "?paradigm=motor_imagery&type="+kind)
		own := 0
		for _, m := range listed {
			if m["type"] != kind {
				t.Errorf("%s: listed %v", kind, m)
			}
			if m["own"] == true {
				own++
			}
		}
		if m := listed[name]; own != 1 || m["type"] != kind || m["n_features"] != 8. || m["n_classes"] != 2. || m["metadata"].(object)["feature_type"] != "csp" {
			t.Errorf("%s: listed %v", kind, listed)
		}
		if other := s.list(t, s.key, "?paradigm=p300&type="+kind); len(other) != 0 {
			t.Errorf("%s for P300: %v", kind, other)
		}
		request := motorImagery()
		request["input"].(object)["model"] = name
		job := s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, request)["id"].(string))
		if job["status"] != "completed" || job["output"].(object)["model"].(object)["pipeline"] != pipeline.Name() {
			t.Errorf("%s: %v", kind, job)
		}
	}
}
