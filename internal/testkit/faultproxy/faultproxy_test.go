package faultproxy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// start gives a proxy in front of a server that answers with what it is sent and counts its calls.
func start(t *testing.T) (*Proxy, *atomic.Int64) {
	t.Helper()
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		calls.Add(1)
		_, _ = w.Write(b)
	}))
	t.Cleanup(server.Close)
	p, err := Start(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, &calls
}

// post sends a body and returns the status, 0 where no whole answer came, and what came of the body.
func post(url, body string) (status int, came string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, string(b)
	}
	return res.StatusCode, string(b)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 10_000)
	for _, tt := range []struct {
		name   string
		faults Faults
		status int
		acted  int64
	}{
		{"none", Faults{}, 200, 1},
		{"delay", Faults{Delay: 1, DelayMS: 5}, 200, 1},
		{"too many", Faults{TooMany: 1}, 429, 0},
		{"unavailable", Faults{Unavailable: 1}, 503, 0},
		{"reset before", Faults{ResetBefore: 1}, 0, 0},
		{"reset in the body", Faults{ResetBody: 1}, 0, 0},
		{"lost answer", Faults{LoseAnswer: 1}, 0, 1},
		{"cut answer", Faults{CutAnswer: 1}, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, acted := start(t)
			tt.faults.Seed = 7
			b, err := json.Marshal(tt.faults)
			if err != nil {
				t.Fatal(err)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, p.Control, bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			status, came := post(p.URL+"/v1/x", long)
			if status != tt.status || acted.Load() != tt.acted {
				t.Errorf("status %d, the server acted %d times; want %d and %d", status, acted.Load(), tt.status, tt.acted)
			}
			if status == 200 && came != long {
				t.Errorf("%d bytes came back of %d", len(came), len(long))
			}
			if got := p.Counts().Calls; got < 1 { // a client of Go's repeats some by itself
				t.Errorf("%d calls counted", got)
			}
		})
	}
}
