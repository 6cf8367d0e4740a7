package test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/testkit"
)

// toLoopback lets webhooks go to the receivers of these tests.
var toLoopback = []string{"NEUROD_WEBHOOK_HTTP=true", "NEUROD_WEBHOOK_ALLOW=127.0.0.0/8"}

// webhook makes a webhook for events, those by default for none.
func (s *server) webhook(t testing.TB, address string, events ...string) object {
	t.Helper()
	body := object{"url": address}
	if len(events) > 0 {
		body["events"] = events
	}
	return s.json(t, 201, "POST", "/api/v1/webhooks", s.key, body)
}

// event is what came in at a receiver.
type event struct {
	header http.Header
	raw    []byte
	body   object
}

func (e event) id() string { return e.header.Get("webhook-id") }

// receiver takes events, and answers as answer says: 200 where it is nil.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []event
	answer func(w http.ResponseWriter, e event, n int) // n counts from 1
}

func newReceiver(t testing.TB, answer func(w http.ResponseWriter, e event, n int)) *receiver {
	t.Helper()
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		e := event{header: req.Header.Clone(), raw: b}
		if err != nil || json.Unmarshal(b, &e.body) != nil {
			w.WriteHeader(400)
			return
		}
		r.mu.Lock()
		r.got = append(r.got, e)
		n, answer := len(r.got), r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, e, n)
		}
	}))
	t.Cleanup(func() {
		r.CloseClientConnections()
		r.Close()
	})
	return r
}

// events returns what has come in so far.
func (r *receiver) events() []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// types counts what has come in by type, each event once.
func (r *receiver) types() map[string]int {
	out, seen := map[string]int{}, map[string]bool{}
	for _, e := range r.events() {
		if !seen[e.id()] {
			seen[e.id()] = true
			out[e.body["type"].(string)]++
		}
	}
	return out
}

// await waits for events and returns the first n.
func (r *receiver) await(t testing.TB, n int) []event {
	t.Helper()
	until(t, fmt.Sprintf("event %d", n), func() bool { return len(r.events()) >= n })
	return r.events()[:n]
}

// verified reports whether an event is signed by a secret, as the specification of Standard Webhooks says a receiver is to see:
// written here anew, so that the server does not judge itself.
func (e event) verified(secret string) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(e.id() + "." + e.header.Get("webhook-timestamp") + "." + string(e.raw)))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	at, err := strconv.ParseInt(e.header.Get("webhook-timestamp"), 10, 64)
	return err == nil && time.Since(time.Unix(at, 0)).Abs() < 5*time.Minute && slices.Contains(strings.Split(e.header.Get("webhook-signature"), " "), want)
}

// deliveries returns the deliveries of a webhook, newest first.
func (s *server) deliveries(t testing.TB, hook object) []object {
	t.Helper()
	var out []object
	for _, d := range s.json(t, 200, "GET", "/api/v1/webhooks/"+hook["id"].(string)+"/deliveries?limit=100", s.key, nil)["data"].([]any) {
		out = append(out, d.(object))
	}
	return out
}

func attemptsOf(d object) []object {
	var out []object
	for _, a := range d["attempts"].([]any) {
		out = append(out, a.(object))
	}
	return out
}

// TestWebhooksTellWhatHappens makes every kind of event, and holds what comes in to what was done: each once, signed, small, and
// to those alone who asked for it.
func TestWebhooksTellWhatHappens(t *testing.T) {
	t.Parallel()
	f := newFlickering(t)
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, toLoopback...)
		all, few := newReceiver(t, nil), newReceiver(t, nil)
		hook := s.webhook(t, all.URL+"/hook?x=1", "job.completed", "job.failed", "job.canceled", "session.completed", "decode.intent", "model.trained")
		s.json(t, 201, "POST", "/api/v1/webhooks", s.key, object{"endpoint_url": few.URL})
		_, _, strangersKey := s.account(t, "stranger@example.com")
		others := newReceiver(t, nil)
		s.json(t, 201, "POST", "/api/v1/webhooks", strangersKey, object{"url": others.URL, "events": []string{"job.completed", "job.failed", "session.completed"}})

		good := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, ssvep())["id"].(string)
		bad := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, documentBody)["id"].(string)
		batch := s.json(t, 202, "POST", "/api/v1/neuro/decode/batch", s.key, object{"items": []any{ssvep(), ssvep()}})["id"].(string)
		for _, id := range []string{good, bad, batch} {
			s.await(t, id)
		}
		live := s.json(t, 201, "POST", "/v1/sessions", s.key, object{"external_user_id": "somebody", "device_type": "test", "sample_rate_hz": f.session.Rate,
			"channels": f.session.Channels, "decode": object{"paradigm": "ssvep", "window_s": 4, "hop_s": 4, "stimulus": object{"targets": f.targets}}})["session_id"].(string)
		for k := range 12 {
			s.ingest(t, live, f.batch(k))
		}
		s.json(t, 200, "POST", "/v1/sessions/"+live+"/end", s.key, nil)

		until(t, "every event", func() bool {
			n := all.types()
			return n["job.completed"] >= 2 && n["job.failed"] >= 1 && n["session.completed"] >= 1 && n["decode.intent"] >= 3
		})
		seen := map[string]event{}
		for _, e := range all.events() {
			kind, data := e.body["type"].(string), e.body["data"].(object)
			if !e.verified(hook["secret"].(string)) || e.verified("whsec_"+base64.StdEncoding.EncodeToString(make([]byte, 32))) {
				t.Errorf("the signature of %s: %v", e.raw, e.header)
			}
			mac := hmac.New(sha256.New, []byte(hook["secret"].(string)))
			mac.Write(e.raw)
			if e.header.Get("X-Pi-Signature") != "sha256="+hex.EncodeToString(mac.Sum(nil)) || e.header.Get("X-Pi-Event") != kind || e.body["id"] != e.id() ||
				e.body["object"] != "event" || !strings.HasPrefix(e.id(), "evt_pi_") || e.header.Get("Content-Type") != "application/json" {
				t.Errorf("%v: %s", e.header, e.raw)
			}
			if at, err := time.Parse(time.RFC3339, e.body["timestamp"].(string)); err != nil || time.Since(at).Abs() > 5*time.Minute {
				t.Errorf("happened at %v", e.body["timestamp"])
			}
			if len(e.raw) > 1500 || strings.Contains(string(e.raw), "somebody") {
				t.Errorf("%d bytes: %s", len(e.raw), e.raw)
			}
			if before, twice := seen[e.id()]; twice && string(before.raw) != string(e.raw) {
				t.Errorf("%s is told as %s and as %s", e.id(), before.raw, e.raw)
			}
			seen[e.id()] = e
			switch kind {
			case "job.completed", "job.failed":
				status, code := "completed", any(nil)
				if data["id"] == bad {
					status, code = "failed", any(object{"code": "payload_too_short"})
				}
				if data["status"] != status || fmt.Sprint(data["error"]) != fmt.Sprint(code) || !slices.Contains([]any{good, bad, batch}, data["id"]) || data["finished_at"].(float64) < data["created_at"].(float64) {
					t.Errorf("%s: %s", kind, e.raw)
				}
			case "session.completed":
				if data["session_id"] != live || data["ingestion_mode"] != "STREAMING" || data["window_count"] != 6. {
					t.Errorf("%s", e.raw)
				}
			case "decode.intent":
				kept := list(t, s.call(t, "GET", "/v1/sessions/"+live+"/decodes", s.key, nil))[int(data["index"].(float64))]
				if data["session_id"] != live || data["decoded_intent"] != kept["decoded_intent"] || data["confidence"] != kept["confidence"] || data["id"] != kept["id"] {
					t.Errorf("%s, and it was %v", e.raw, kept)
				}
			}
		}
		if n := all.types(); n["job.completed"] != 2 || n["job.failed"] != 1 || n["session.completed"] != 1 || n["decode.intent"] != 3 { // of items and windows nobody is told
			t.Errorf("events: %v", n)
		}
		few.await(t, 3)
		if n := few.types(); n["job.completed"] != 2 || n["job.failed"] != 1 || len(n) != 2 {
			t.Errorf("events by default: %v", n)
		}
		if got := others.events(); len(got) > 0 {
			t.Errorf("a stranger was told: %s", got[0].raw)
		}
		until(t, "the deliveries", func() bool {
			return !slices.ContainsFunc(s.deliveries(t, hook), func(d object) bool { return d["state"] != "delivered" })
		})
		for _, d := range s.deliveries(t, hook) {
			a := attemptsOf(d)
			if last := a[len(a)-1]; last["status"] != 200. || last["outcome"] != "delivered" || last["duration_ms"] == nil || last["error"] != nil || d["next_attempt_at"] != nil || d["finished_at"] == nil {
				t.Errorf("delivery %v", d)
			}
		}
		if w := s.json(t, 200, "GET", "/api/v1/webhooks/"+hook["id"].(string), s.key, nil); w["last_delivered_at"] == nil || w["failing_since"] != nil || w["secret"] != nil {
			t.Errorf("the webhook: %v", w)
		}
		for _, secret := range []string{hook["secret"].(string), strings.TrimPrefix(hook["secret"].(string), "whsec_")} {
			if strings.Contains(s.logged(t), secret) {
				t.Error("the secret is in the log")
			}
			var n int
			if err := s.database(t).QueryRow("SELECT count(*) FROM webhooks WHERE secret LIKE '%' || $1 || '%'", secret[8:24]).Scan(&n); err != nil || n > 0 {
				t.Errorf("the secret is in %d rows, %v", n, err)
			}
		}

		// What was erased is told nobody any more.
		s.json(t, 200, "DELETE", "/v1/users/somebody", s.key, nil)
		if n := s.count(t, "webhook_events", "session_id", live); n > 0 {
			t.Errorf("%d events of the erased session are left", n)
		}
		for _, d := range s.deliveries(t, hook) {
			if kind := d["event"]; kind == "decode.intent" || kind == "session.completed" {
				t.Errorf("%v is still listed", d)
			}
		}
	})
}

// TestModelsAndCancelsAreTold: a training that ends well, and a job that somebody ends.
func TestModelsAndCancelsAreTold(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, append([]string{"NEUROD_WORKER_CONCURRENCY=1"}, toLoopback...)...)
		r := newReceiver(t, nil)
		s.webhook(t, r.URL, "job.canceled", "model.trained")
		// A row as a worker leaves it, which is what tells: trainings themselves have tests of their own.
		id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, documentBody)["data"].(object)["job_id"].(string)
		s.await(t, id)
		s.exec(t, "UPDATE jobs SET kind = 'model_train', state = 'running', finished_at = NULL WHERE id = $1", id)
		s.exec(t, `UPDATE jobs SET state = 'completed', output = '{"model":"mine@3","name":"mine"}', finished_at = created_at WHERE id = $1`, id)
		var canceled string
		for range 50 { // until one is caught before it has ended
			id := s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, ssvep())["id"].(string)
			if s.json(t, 200, "POST", "/api/v1/jobs/"+id+"/cancel", s.key, nil)["status"] == "canceled" {
				canceled = id
				break
			}
		}
		if canceled == "" {
			t.Fatal("no job could be canceled")
		}
		for _, e := range r.await(t, 2) {
			data := e.body["data"].(object)
			switch e.body["type"] {
			case "model.trained":
				if data["model"] != "mine@3" || data["job_id"] != id {
					t.Errorf("%s", e.raw)
				}
			case "job.canceled":
				if data["id"] != canceled || data["status"] != "canceled" {
					t.Errorf("%s", e.raw)
				}
			default:
				t.Errorf("%s", e.raw)
			}
		}
	})
}

// TestReceiversOfEveryKind: failing, absent, redirecting, gone and slow ones. None holds up a good one, and each is listed as what
// it did.
func TestReceiversOfEveryKind(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, append([]string{"NEUROD_WEBHOOK_TIMEOUT=20s", "NEUROD_WEBHOOK_SLOTS=8"}, toLoopback...)...)
		release := make(chan struct{})
		defer close(release)
		good := newReceiver(t, nil)
		failing := newReceiver(t, func(w http.ResponseWriter, _ event, n int) {
			if n < 3 {
				http.Error(w, "not yet", http.StatusServiceUnavailable)
			}
		})
		elsewhere := newReceiver(t, nil)
		moved := newReceiver(t, func(w http.ResponseWriter, _ event, _ int) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(308)
		})
		gone := newReceiver(t, func(w http.ResponseWriter, _ event, _ int) { w.WriteHeader(410) })
		slow := newReceiver(t, func(http.ResponseWriter, event, int) { <-release })
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		absent := "http://" + l.Addr().String()
		l.Close()
		hooks := map[string]object{}
		for name, address := range map[string]string{"slow": slow.URL, "absent": absent, "failing": failing.URL, "moved": moved.URL, "gone": gone.URL, "good": good.URL} {
			hooks[name] = s.webhook(t, address, "job.completed")
		}
		const jobs = 12 // more than there are slots
		for i := range jobs {
			s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, ssvep())
			if i == 0 {
				slow.await(t, 1)
			}
		}
		good.await(t, jobs) // while the slow one holds on to the slots that it has
		if n := len(slow.events()); n == 0 || n > 4 {
			t.Errorf("the slow receiver holds %d slots", n)
		}
		until(t, "the failing receiver", func() bool { return len(failing.types()) == 1 && failing.types()["job.completed"] == jobs })
		until(t, "the one that is gone", func() bool {
			return s.json(t, 200, "GET", "/api/v1/webhooks/"+hooks["gone"]["id"].(string), s.key, nil)["enabled"] == false
		})
		w := s.json(t, 200, "GET", "/api/v1/webhooks/"+hooks["gone"]["id"].(string), s.key, nil)
		if w["disabled_reason"] != "The receiver answered 410 Gone." || w["is_active"] != false {
			t.Errorf("gone: %v", w)
		}
		audit := s.call(t, "GET", "/v1/audit?action=webhook.disabled", s.token, nil)
		if !strings.Contains(string(audit.body), hooks["gone"]["id"].(string)) || !strings.Contains(string(audit.body), "410 Gone") {
			t.Errorf("audit: %s", audit.body)
		}
		if a := s.call(t, "POST", "/api/v1/webhooks/"+hooks["gone"]["id"].(string)+"/test", s.key, nil); a.StatusCode != 409 || a.code() != "webhook_disabled" {
			t.Errorf("a test of one that is disabled: %d %s", a.StatusCode, a.body)
		}
		if n := len(elsewhere.events()); n > 0 {
			t.Errorf("%d redirects were followed", n)
		}
		for name, want := range map[string]struct {
			status any
			error  string
		}{"absent": {nil, "the connection was refused"}, "moved": {308., "redirects are not followed: give the webhook the address itself"}, "failing": {503., ""}, "gone": {410., ""}} {
			var first object
			until(t, "the attempt at "+name, func() bool {
				for _, d := range s.deliveries(t, hooks[name]) {
					for _, a := range attemptsOf(d) {
						if a["outcome"] == "failed" {
							first = a
							return true
						}
					}
				}
				return false
			})
			message := ""
			if first["error"] != nil {
				message = first["error"].(string)
			}
			if first["status"] != want.status || message != want.error || name == "failing" && first["answer"] != "not yet\n" {
				t.Errorf("%s: %v", name, first)
			}
		}
		if w := s.json(t, 200, "GET", "/api/v1/webhooks/"+hooks["absent"]["id"].(string), s.key, nil); w["failing_since"] == nil || w["enabled"] != true {
			t.Errorf("absent: %v", w)
		}

		// One that was gone and is there again gets what waited for it.
		gone.mu.Lock()
		gone.answer = nil
		gone.mu.Unlock()
		s.json(t, 200, "PATCH", "/api/v1/webhooks/"+hooks["gone"]["id"].(string), s.key, object{"is_active": true})
		before := len(gone.events())
		d := s.json(t, 202, "POST", "/api/v1/webhooks/"+hooks["gone"]["id"].(string)+"/test", s.key, nil)
		until(t, "the ping", func() bool {
			return slices.ContainsFunc(gone.events()[before:], func(e event) bool {
				return e.id() == d["event_id"] && e.body["type"] == "ping" && e.body["data"].(object)["webhook_id"] == hooks["gone"]["id"]
			})
		})
	})
}

// TestDeliveriesAreRepeated: by a call, under the same webhook-id, and signed with both secrets after a rotation.
func TestDeliveriesAreRepeated(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, toLoopback...)
		r := newReceiver(t, nil)
		const chosen = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		hook := s.json(t, 201, "POST", "/api/v1/webhooks", s.key, object{"url": r.URL, "secret": chosen})
		if hook["secret"] != chosen {
			t.Errorf("made %v", hook)
		}
		path := "/api/v1/webhooks/" + hook["id"].(string)
		s.json(t, 202, "POST", path+"/test", s.key, nil)
		first := r.await(t, 1)[0]
		var d object
		until(t, "the delivery", func() bool { d = s.deliveries(t, hook)[0]; return d["state"] == "delivered" })
		rotated := s.json(t, 200, "POST", path+"/rotate", s.key, nil)
		if ends, err := time.Parse(time.RFC3339, rotated["previous_secret_ends_at"].(string)); err != nil || time.Until(ends) < 23*time.Hour || rotated["secret"] == chosen {
			t.Errorf("rotated: %v", rotated)
		}
		again := s.json(t, 202, "POST", path+"/deliveries/"+d["id"].(string)+"/redeliver", s.key, nil)
		if again["state"] != "pending" || again["event_id"] != first.id() {
			t.Errorf("again: %v", again)
		}
		second := r.await(t, 2)[1]
		if second.id() != first.id() || string(second.raw) != string(first.raw) || !second.verified(chosen) || !second.verified(rotated["secret"].(string)) || first.verified(rotated["secret"].(string)) {
			t.Errorf("first %v %s\nsecond %v %s", first.header, first.raw, second.header, second.raw)
		}
		until(t, "the second attempt", func() bool {
			d = s.deliveries(t, hook)[0]
			return d["state"] == "delivered" && len(attemptsOf(d)) == 2
		})
		// The overlap ends.
		s.exec(t, "UPDATE webhooks SET old_secret_ends = created_at WHERE id = $1", hook["id"])
		s.json(t, 202, "POST", path+"/test", s.key, nil)
		if third := r.await(t, 3)[2]; third.verified(chosen) || !third.verified(rotated["secret"].(string)) {
			t.Errorf("third: %v", third.header)
		}

		for name, tt := range map[string]struct {
			method, path string
			body         any
			status       int
			has          string
		}{
			"no such delivery":   {"POST", path + "/deliveries/" + hook["id"].(string) + "/redeliver", nil, 404, "delivery_not_found"},
			"no delivery at all": {"POST", path + "/deliveries/x/redeliver", nil, 404, "delivery_not_found"},
			"no such webhook":    {"GET", "/api/v1/webhooks/" + d["id"].(string), nil, 404, "webhook_not_found"},
			"no cursor":          {"GET", path + "/deliveries?cursor=x", nil, 400, "cursor"},
			"no state":           {"GET", path + "/deliveries?state=deliverd", nil, 400, `did you mean \"delivered\"?`},
			"no address":         {"POST", "/api/v1/webhooks", object{}, 400, "/url"},
			"both names":         {"POST", "/api/v1/webhooks", object{"url": r.URL, "endpoint_url": r.URL}, 400, "/endpoint_url"},
			"a weak secret":      {"POST", "/api/v1/webhooks", object{"url": r.URL, "secret": "12345678"}, 400, "/secret"},
			"no events":          {"POST", "/api/v1/webhooks", object{"url": r.URL, "events": []string{}}, 400, "/events"},
			"an event twice":     {"POST", "/api/v1/webhooks", object{"url": r.URL, "events": []string{"job.failed", "job.failed"}}, 400, "/events/1"},
			"no such event":      {"PATCH", path, object{"events": []string{"job.finished"}}, 400, "job.completed, job.failed"},
			"ping":               {"PATCH", path, object{"events": []string{"ping"}}, 400, "/events/0"},
			"a long description": {"PATCH", path, object{"description": strings.Repeat("é", 201)}, 400, "/description"},
			"another place":      {"PATCH", path, object{"url": "http://10.0.0.1/"}, 400, "is not a public address"},
		} {
			if a := s.call(t, tt.method, tt.path, s.key, tt.body); a.StatusCode != tt.status || !strings.Contains(string(a.body), tt.has) {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
		page := s.json(t, 200, "GET", path+"/deliveries?limit=1&state=delivered", s.key, nil)
		if page["has_more"] != true || page["data"].([]any)[0].(object)["event"] != "ping" {
			t.Errorf("a page: %v", page)
		}
		next := s.json(t, 200, "GET", path+"/deliveries?limit=1&cursor="+page["next_cursor"].(string), s.key, nil)
		if next["has_more"] != false || next["data"].([]any)[0].(object)["id"] != d["id"] {
			t.Errorf("the next page: %v", next)
		}
		if a := s.call(t, "DELETE", path, s.key, nil); a.StatusCode != 204 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		if n := s.count(t, "webhook_deliveries", "webhook_id", hook["id"]); n != 0 {
			t.Errorf("%d deliveries are left", n)
		}
	})
}

// TestWebhooksStayOutside: without the operator's word no webhook goes to an address that only the server reaches, or over plain HTTP.
func TestWebhooksStayOutside(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	for _, address := range []string{"http://example.org/", "https://127.0.0.1/", "https://localhost/x", "https://10.1.2.3/", "https://[fd00::1]/", "https://169.254.169.254/latest/meta-data/",
		"https://[::ffff:192.168.0.1]/", "https://[64:ff9b::a00:1]/", "https://db/", "https://example.org:22/"} {
		if a := s.call(t, "POST", "/api/v1/webhooks", s.key, object{"url": address}); a.StatusCode != 400 || !strings.Contains(string(a.body), "/url") {
			t.Errorf("%s: %d %s", address, a.StatusCode, a.body)
		}
	}
	// A name that led outside when it was given, and leads inside now.
	r := newReceiver(t, nil)
	hook := s.webhook(t, "https://hook.example/x")
	s.exec(t, "UPDATE webhooks SET url = $1 WHERE id = $2", strings.Replace(r.URL, "127.0.0.1", "localhost", 1), hook["id"])
	s.json(t, 202, "POST", "/api/v1/webhooks/"+hook["id"].(string)+"/test", s.key, nil)
	until(t, "the attempt", func() bool {
		a := attemptsOf(s.deliveries(t, hook)[0])
		return len(a) > 0 && a[0]["error"] == "the address is not a public address" && a[0]["status"] == nil
	})
	if n := len(r.events()); n > 0 {
		t.Errorf("%d events came inside", n)
	}
}

// TestEventsSurviveKills kills every process again and again while jobs end and are told of, and while the receiver fails for some
// of them: in the end each job that ended has been told at least once, under one webhook-id, and none that did not.
func TestEventsSurviveKills(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b, toLoopback...)
		r := newReceiver(t, func(w http.ResponseWriter, _ event, n int) {
			switch n % 4 {
			case 1:
				w.WriteHeader(500)
			case 2:
				panic(http.ErrAbortHandler)
			}
		})
		s.webhook(t, r.URL, "job.completed", "job.failed")
		const rounds, each = 3, 8
		ended := map[string]bool{}
		for range rounds {
			var ids []string
			for i := range each {
				body := any(ssvep())
				if i%2 == 1 {
					body = documentBody
				}
				ids = append(ids, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, body)["id"].(string))
			}
			until(t, "something is told", func() bool { return len(r.events()) > 0 })
			s.process.Kill()
			next := start(t, "serve", b, toLoopback...)
			next.token, next.project, next.key, next.owner = s.token, s.project, s.key, s.owner
			s = next
			for _, id := range ids {
				ended[id] = true
				s.await(t, id)
			}
		}
		// Retries after lost processes wait for a lease, and after failures for their pause: make all of them due.
		told := func() map[string]string {
			out := map[string]string{}
			for _, e := range r.events() {
				id := e.body["data"].(object)["id"].(string)
				if before, twice := out[id]; twice && before != e.id() {
					t.Fatalf("%s is told as %s and as %s", id, before, e.id())
				}
				out[id] = e.id()
			}
			return out
		}
		due := time.Now().UTC().Add(-time.Second)
		until(t, "every job is told", func() bool {
			if _, err := s.database(t).Exec("UPDATE webhook_deliveries SET next_attempt_at = $1 WHERE state = 'pending'", due); err != nil {
				t.Logf("make due: %v", err)
			}
			var left int
			if err := s.database(t).QueryRow("SELECT count(*) FROM webhook_deliveries WHERE state <> 'delivered'").Scan(&left); err != nil {
				t.Logf("count: %v", err)
				return false
			}
			return len(told()) == rounds*each && left == 0
		})
		for id := range told() {
			if !ended[id] {
				t.Errorf("%s was told and is none of ours", id)
			}
		}
		var events int
		if err := s.database(t).QueryRow("SELECT count(*) FROM webhook_events").Scan(&events); err != nil || events != rounds*each {
			t.Errorf("%d events of %d jobs, %v", events, rounds*each, err)
		}
	})
}
