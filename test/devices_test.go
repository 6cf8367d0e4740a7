package test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
)

// TestDevicesAsTheirDocumentHasThem walks the REST part of the devices' document with a token that names no project: its login, its routes, its example, and
// its codes with their statuses. Every answer is held to the OpenAPI document as well.
func TestDevicesAsTheirDocumentHasThem(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		login := s.json(t, 200, "POST", "/v2/auth/login", "", object{"email": s.mail("owner@example.com"), "password": "correct horse battery"})
		token := login["access_token"].(string)
		fails := func(status int, code, method, path, credential string, body any, headers ...string) object {
			t.Helper()
			a := s.call(t, method, path, credential, body, headers...)
			e, _ := a.object(t)["error"].(object)
			if a.StatusCode != status || e["code"] != code {
				t.Errorf("%s %s: %d %s, want %d %s", method, path, a.StatusCode, a.body, status, code)
				return object{}
			}
			at, err := time.Parse("2006-01-02T15:04:05.000Z", fmt.Sprint(e["timestamp"]))
			if err != nil || time.Since(at).Abs() > patience || !strings.HasPrefix(fmt.Sprint(e["request_id"]), "req_") || e["message"] == "" {
				t.Errorf("%s %s: %s", method, path, a.body)
			}
			details, _ := e["details"].(object)
			return details
		}

		for i, id := range []string{"openbci_002", "emotiv_001"} {
			d := s.json(t, 201, "POST", "/v2/devices", token, object{"id": id, "name": "Board " + id, "driver": "synthetic", "serial_number": fmt.Sprint("SN-", i),
				"settings": object{"pattern": "sine", "channels": []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}}})
			if d["id"] != id || d["status"] != "ONLINE" || d["stream"] != nil {
				t.Errorf("made %v", d)
			}
		}
		details := fails(404, "DEVICE_NOT_FOUND", "POST", "/v2/devices/openbci_001/stream/start", token, object{})
		if there := fmt.Sprint(details["available_devices"]); details["resource_type"] != "device" || details["resource_id"] != "openbci_001" || there != "[emotiv_001 openbci_002]" {
			t.Errorf("details %v", details)
		}
		s.json(t, 201, "POST", "/v2/devices", token, object{"id": "openbci_001", "driver": "synthetic",
			"settings": object{"pattern": "sine", "channels": []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}}})
		fails(409, "DEVICE_ID_TAKEN", "POST", "/v2/devices", token, object{"id": "openbci_001", "driver": "synthetic"})

		list := s.json(t, 200, "GET", "/v2/devices?status=online&type=eeg&search=BOARD&size=1&page=2", token, nil)
		if items := list["items"].([]any); len(items) != 1 || fmt.Sprint(list["total"], list["pages"]) != "2 2" || list["has_next"] != false || list["has_prev"] != true {
			t.Errorf("list %v", list)
		}

		// The document's example, as it stands.
		example := object{"sample_rate": 250, "channels": []int{1, 2, 3, 4, 5, 6, 7, 8}, "filters": object{"notch": 60, "highpass": 0.5, "lowpass": 100}}
		stream := s.json(t, 200, "POST", "/v2/devices/openbci_001/stream/start", token, example, "Idempotency-Key: one")
		if stream["stream_id"] == "" || stream["session_id"] == "" || stream["status"] != "streaming" {
			t.Errorf("started %v", stream)
		}
		again := s.call(t, "POST", "/v2/devices/openbci_001/stream/start", token, example, "Idempotency-Key: one")
		if again.StatusCode != 200 || again.object(t)["stream_id"] != stream["stream_id"] || again.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("repeated: %d %s", again.StatusCode, again.body)
		}
		fails(422, "IDEMPOTENCY_KEY_REUSED", "POST", "/v2/devices/openbci_001/stream/start", token, object{}, "Idempotency-Key: one")
		if d := fails(409, "DEVICE_BUSY", "POST", "/v2/devices/openbci_001/stream/start", token, example); d["stream_id"] != stream["stream_id"] {
			t.Errorf("details %v", d)
		}
		fails(409, "DEVICE_BUSY", "PATCH", "/v2/devices/openbci_001/config", token, object{"sample_rate": 500})
		d := s.json(t, 200, "PATCH", "/v2/devices/openbci_001/config", token, object{"filters": object{"bandpass": []float64{1, 40}}})
		if got := fmt.Sprint(d["stream"].(object)["config"].(object)["filters"]); got != "map[highpass:1 lowpass:40]" {
			t.Errorf("filters %s", got)
		}
		ses := s.json(t, 200, "GET", "/v2/sessions/"+stream["session_id"].(string), token, nil)
		if ses["device_id"] != "openbci_001" || fmt.Sprint(ses["channels"]) != "[Fp1 Fp2 C3 C4 P7 P8 O1 O2]" {
			t.Errorf("session %v", ses)
		}
		z := s.json(t, 200, "GET", "/v2/devices/openbci_001/impedance", token, nil)
		if first := z["channels"].([]any)[0].(object); z["measured"] != false || first["impedance_kohm"] != nil || first["name"] != "Fp1" {
			t.Errorf("impedance %v", z)
		}
		check := s.json(t, 200, "POST", "/v2/devices/openbci_001/check", token, object{"seconds": 4})
		if len(check["channels"].([]any)) != 8 {
			t.Errorf("check %v", check)
		}
		end := s.json(t, 200, "POST", "/v2/devices/openbci_001/stream/stop", token, nil)
		if end["status"] != "stopped" || end["stream_id"] != stream["stream_id"] {
			t.Errorf("stopped %v", end)
		}
		fails(409, "STREAM_UNAVAILABLE", "POST", "/v2/devices/openbci_001/stream/stop", token, nil)

		for name, body := range map[string]object{
			"sample_rate":       {"sample_rate": 1e6},
			"channels/1":        {"channels": []any{1, 9}},
			"channels/0":        {"channels": []any{"Cz"}},
			"channels/2":        {"channels": []any{1, "Fp2", 1}},
			"filters/notch":     {"filters": object{"notch": 125}},
			"filters/highpass":  {"filters": object{"highpass": 50, "lowpass": 10}},
			"filters/bandpass":  {"filters": object{"bandpass": []float64{1}}},
			"filters/bandpass ": {"filters": object{"bandpass": []float64{1, 2}, "lowpass": 2}},
		} {
			for _, call := range [][2]string{{"PATCH", "/config"}, {"POST", "/stream/start"}} {
				details := fails(422, "INVALID_CONFIGURATION", call[0], "/v2/devices/openbci_001"+call[1], token, body)
				fields, _ := details["fields"].([]any)
				if !slices.ContainsFunc(fields, func(f any) bool { return f.(object)["pointer"] == "/"+strings.TrimSpace(name) }) {
					t.Errorf("%v: %v names no %s", body, details, name)
				}
			}
		}
		if details := fails(422, "INVALID_CONFIGURATION", "PATCH", "/v2/devices/openbci_001/config", token, object{"channels": []int{9}}); len(details["supported"].(object)["channels"].([]any)) != 8 {
			t.Errorf("%v does not say what the device can", details)
		}
		fails(422, "INVALID_CONFIGURATION", "POST", "/v2/devices", token, object{"driver": "lsl"}) // not allowed without the operator
		fails(422, "INVALID_CONFIGURATION", "POST", "/v2/devices", token, object{"driver": "openbci", "settings": object{"port": "/dev/ttyUSB0"}})
		fails(422, "INVALID_CONFIGURATION", "POST", "/v2/devices", token, object{"driver": "playback", "settings": object{"file": "/etc/passwd"}})
		fails(422, "INVALID_CONFIGURATION", "POST", "/v2/devices", token, object{"driver": "synthetic", "settings": object{"patern": "rest"}})
		fails(400, "INVALID_REQUEST_BODY", "POST", "/v2/devices", token, object{"driver": "synthetic", "id": "../x"})
		fails(400, "INVALID_REQUEST_BODY", "PATCH", "/v2/devices/openbci_001/config", token, `{"sample_rate":"fast"}`)
		fails(400, "INVALID_PARAMETER", "GET", "/v2/devices?status=asleep", token, nil)
		fails(401, "INVALID_TOKEN", "GET", "/v2/devices", "", nil)
		fails(401, "INVALID_TOKEN", "GET", "/v2/devices", "neither.a.token", nil)
		fails(401, "INVALID_CREDENTIALS", "POST", "/v2/auth/login", "", object{"email": s.mail("owner@example.com"), "password": "wrong horse battery"})
		fails(404, "SESSION_NOT_FOUND", "GET", "/v2/sessions/"+stream["stream_id"].(string), token, nil)
		viewer := s.json(t, 201, "POST", "/v1/projects/"+s.project+"/keys", s.token, object{"name": "reads", "scopes": []string{"devices:read"}})["raw_key"].(string)
		s.json(t, 200, "GET", "/v2/devices/openbci_001", viewer, nil)
		fails(403, "INSUFFICIENT_PERMISSIONS", "POST", "/v2/devices/openbci_001/stream/start", viewer, nil)

		s.json(t, 200, "PATCH", "/v2/devices/emotiv_001", token, object{"status": "MAINTENANCE"})
		fails(409, "DEVICE_BUSY", "POST", "/v2/devices/emotiv_001/stream/start", token, nil)
		found := s.json(t, 200, "GET", "/v2/devices/discover", token, nil)["devices"].([]any)
		if len(found) != 1 || found[0].(object)["driver"] != "synthetic" {
			t.Errorf("discovered %v", found)
		}
		if a := s.call(t, "DELETE", "/v2/devices/emotiv_001", token, nil); a.StatusCode != 204 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}

		s.json(t, 201, "POST", "/v1/projects", token, object{"name": "second"})
		fails(400, "PROJECT_REQUIRED", "GET", "/v2/devices", token, nil)
		s.json(t, 200, "GET", "/v2/devices", token, nil, "X-Project-Id: "+s.project)

		tokens := s.json(t, 200, "POST", "/v2/auth/refresh", "", object{"refresh_token": login["refresh_token"]})
		if a := s.call(t, "POST", "/v2/auth/logout", "", object{"refresh_token": tokens["refresh_token"]}); a.StatusCode != 204 {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
		fails(401, "INVALID_TOKEN", "POST", "/v2/auth/refresh", "", object{"refresh_token": tokens["refresh_token"]})
	})
}

// TestAThousandCallsAnHour: of a user's token, as the devices' document states.
func TestAThousandCallsAnHour(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()}, "NEUROD_RATE_LIMIT_DEVICES=600")
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 8 {
		wg.Go(func() {
			for range 128 {
				a, err := s.tryRaw("GET", "/v2/devices", []string{"Authorization: Bearer " + s.token}, nil)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				statuses[a.StatusCode]++
				if a.StatusCode == 429 && (a.code() != "RATE_LIMIT_EXCEEDED" || a.Header.Get("Retry-After") == "" || a.Header.Get("X-RateLimit-Limit") != "1000") {
					t.Errorf("%v %s", a.Header, a.body)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	// A call is granted anew each 3.6 s: the machine may be slow.
	if statuses[200] < 1000 || statuses[200] > 1023 || statuses[200]+statuses[429] != 1024 {
		t.Errorf("answers %v", statuses)
	}
}
