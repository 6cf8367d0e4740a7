package lsl_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/lsl"
)

// session is a server that gives a session's windows and decodes, five of each at a connection and then breaks it, and answers 503 in between.
type session struct {
	t     testing.TB
	ready chan struct{} // closed when somebody listens
	base  time.Time
	calls int
}

const followed = 20 // messages

func (s *session) message(seq int) string {
	end := s.base.Add(time.Duration(seq) * time.Second).UnixMilli()
	if seq%2 == 1 {
		return fmt.Sprintf("id: %d\nevent: features\ndata: "+`{"id":"wnd_1","window_end_ms":%d,"features":{"bandpower":{"delta":%d.5,"theta":2,"alpha":3,"beta":4,"gamma":null},"ratios":{"alpha_beta":0.75,"theta_beta":0.5},"spectral_entropy":0.9},`+
			`"artifacts":{"blink_like":0.1,"motion_like":0.2,"emg_like":0.3,"bad_contact":0.4},"quality":{"overall":0.8},"confidence":{"overall":0.7},"gate":{"passed":true}}`+"\n\n", seq, end, seq)
	}
	if seq == 10 {
		return fmt.Sprintf("id: %d\nevent: decode\ndata: {\"window_end_ms\":%d,\"error\":{\"code\":\"no_model\",\"message\":\"none\"}}\n\n", seq, end)
	}
	return fmt.Sprintf("id: %d\nevent: decode\ndata: {\"window_end_ms\":%d,\"decoded_intent\":\"intent_%d\",\"confidence\":0.5}\n\n", seq, end, seq)
}

func (s *session) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls++
	switch {
	case r.URL.Path != "/v1/sessions/ses/features/stream":
		http.Error(w, `{"code":"session_not_found"}`, http.StatusNotFound)
		return
	case r.Header.Get("Authorization") != "Bearer key":
		s.t.Errorf("the key is %q", r.Header.Get("Authorization"))
	case s.calls%3 == 2:
		http.Error(w, "{}", http.StatusServiceUnavailable)
		return
	}
	<-s.ready
	after, err := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	if err != nil {
		s.t.Errorf("Last-Event-ID: %v", err)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, ": stream of ses\n\n")
	for seq := after + 1; seq <= min(after+5, followed); seq++ {
		fmt.Fprint(w, s.message(seq))
		fmt.Fprint(w, ": alive\n\n")
	}
	if after+5 > followed {
		fmt.Fprint(w, "event: session_ended\ndata: {}\n\n")
	}
}

// TestWindowsAndDecodesAsStreams: the library of LSL reads the windows and the decodes of a session, each once and in order, over broken connections.
func TestWindowsAndDecodesAsStreams(t *testing.T) {
	t.Parallel()
	n := laboratory(t)
	s := &session{t: t, ready: make(chan struct{}), base: time.Now().Add(-time.Minute)}
	server := httptest.NewServer(s)
	defer server.Close()
	all := 0
	f, err := lsl.Follow(lsl.FollowConfig{Server: server.URL, Key: "key", Session: "ses", Name: "bci", After: &all, Network: n, HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := startLibrary(t, n)
	var xml string
	for _, name := range []string{"features", "intents", "decodes"} {
		l.do("inlet", map[string]any{"name": name, "predicate": "name='bci-" + name + "'"}, &xml)
	}
	l.do("inlet", map[string]any{"name": "described", "predicate": "name='bci-features'"}, &xml)
	for _, label := range lsl.FeatureLabels() {
		if !strings.Contains(xml, "<label>"+label+"</label>") {
			t.Errorf("the channel %s is not described:\n%s", label, xml)
		}
	}
	until(t, "a consumer of each stream", func() bool { return f.Consumers() >= 3 })
	close(s.ready)
	ran := make(chan error, 1)
	go func() { ran <- f.Run(t.Context()) }()
	type pulled[T any] struct {
		Samples [][]T
		Stamps  []float64
	}
	var intents, decodes pulled[string]
	var windows pulled[*float64]
	l.do("pull", map[string]any{"name": "intents", "count": followed/2 - 1, "seconds": 30}, &intents)
	l.do("pull", map[string]any{"name": "decodes", "count": followed / 2, "seconds": 30}, &decodes)
	l.do("pull_features", map[string]any{"name": "features", "count": followed / 2, "seconds": 30}, &windows)
	if err := <-ran; err != nil {
		t.Fatal(err)
	}
	if len(windows.Samples) != followed/2 || len(decodes.Samples) != followed/2 || len(intents.Samples) != followed/2-1 {
		t.Fatalf("%d windows, %d decodes, %d intents", len(windows.Samples), len(decodes.Samples), len(intents.Samples))
	}
	for i, w := range windows.Samples {
		seq := 2*i + 1
		if len(w) != len(lsl.FeatureLabels()) || *w[0] != float64(seq)+0.5 || w[4] != nil || *w[14] != 1 || math.Abs(*w[12]-0.8) > 1e-6 {
			t.Errorf("window %d is %v", i, w)
		}
		if at := lsl.At(s.base.Add(time.Duration(seq) * time.Second)); math.Abs(windows.Stamps[i]-at) > 0.01 {
			t.Errorf("window %d is of %g, want %g", i, windows.Stamps[i], at)
		}
	}
	k := 0
	for i, d := range decodes.Samples {
		seq := 2 * (i + 1)
		var got map[string]any
		if err := json.Unmarshal([]byte(d[0]), &got); err != nil {
			t.Fatal(err)
		}
		if seq == 10 {
			if got["error"] == nil {
				t.Errorf("decode %d is %s", i, d[0])
			}
			continue
		}
		if want := fmt.Sprint("intent_", seq); got["decoded_intent"] != want || intents.Samples[k][0] != want {
			t.Errorf("decode %d is %s, its intent %s", i, d[0], intents.Samples[k][0])
		}
		k++
	}
}

// TestFollowingWhatIsNotThere is refused, for good and with the server's words.
func TestFollowingWhatIsNotThere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&session{t: t, ready: make(chan struct{})})
	defer server.Close()
	f, err := lsl.Follow(lsl.FollowConfig{Server: server.URL, Key: "key", Session: "another", Name: "x", Network: laboratory(t), HTTP: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "404") || !strings.Contains(err.Error(), "session_not_found") {
		t.Errorf("%v", err)
	}
	for name, cfg := range map[string]lsl.FollowConfig{"server": {Server: "x", Key: "k", Session: "s", Name: "n"}, "key": {Server: "http://x", Session: "s", Name: "n"},
		"session": {Server: "http://x", Key: "k", Name: "n"}, "name": {Server: "http://x", Key: "k", Session: "s"}} {
		if _, err := lsl.Follow(cfg); err == nil || err.(*devices.Error).Code != devices.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
