package agent

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/neurod/neurod/devices/synthetic"
)

// limited is a server whose key has a rate: calls a second for ever, and so many at once.
type limited struct {
	rate, burst float64
	away        func() bool // it answers 503

	mu      sync.Mutex
	left    float64
	at      time.Time
	calls   int
	refused int
	next    map[string]int64 // by session: behind the last sample
	largest int
	faults  []string
}

// RoundTrip makes it the client's transport: there is no network in a bubble.
func (s *limited) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result(), nil
}

func (s *limited) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.away != nil && s.away() {
		http.Error(w, `{"code":"unavailable","detail":"not now"}`, http.StatusServiceUnavailable)
		return
	}
	now := time.Now()
	if s.at.IsZero() {
		s.left = s.burst
	} else {
		s.left = min(s.burst, s.left+s.rate*now.Sub(s.at).Seconds())
	}
	s.at = now
	if s.left < 1 {
		s.refused++
		w.Header().Set("Retry-After", "1")
		http.Error(w, `{"code":"rate_limit_exceeded","detail":"Rate limit exceeded. Retry after 1 seconds."}`, http.StatusTooManyRequests)
		return
	}
	s.left--
	switch {
	case r.URL.Path == "/v1/sessions":
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"session_id":"`+r.Header.Get("Idempotency-Key")+`"}`)
	case strings.HasSuffix(r.URL.Path, "/ingest"):
		b, _ := io.ReadAll(r.Body)
		first, _ := strconv.ParseInt(r.URL.Query().Get("first_sample"), 10, 64)
		if want := s.next[r.URL.Path]; first != want {
			s.faults = append(s.faults, r.URL.String()+" comes after "+strconv.FormatInt(want, 10))
		}
		n := len(b) / 8
		s.next[r.URL.Path] = first + int64(n)
		s.largest = max(s.largest, n)
	}
}

// TestSeveralAgentsShareTheRateOfAKey: they would call three times as often as their key may. All samples arrive, in larger batches, without a refusal
// a second, and each agent tells of it once and not with each call.
func TestSeveralAgentsShareTheRateOfAKey(t *testing.T) {
	t.Parallel()
	const agents, seconds = 3, 180
	synctest.Test(t, func(t *testing.T) {
		s := &limited{rate: 1, burst: 10, next: map[string]int64{}}
		var wg sync.WaitGroup
		logs := make([]bytes.Buffer, agents)
		for i := range agents {
			wg.Go(func() {
				a := newAgent(t, s, &logs[i], seconds)
				if err := a.Run(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		total := int64(0)
		for _, n := range s.next {
			total += n
		}
		if want := int64(agents * seconds * 250); total != want || len(s.faults) > 0 {
			t.Errorf("%d samples arrived of %d; %v", total, want, s.faults)
		}
		t.Logf("%d calls, %d refused, %d samples in the largest batch", s.calls, s.refused, s.largest)
		if s.refused == 0 || s.refused > seconds/3 {
			t.Errorf("%d of %d calls were refused", s.refused, s.calls)
		}
		if s.largest < 2*250 {
			t.Errorf("the largest batch had %d samples: what waited went out one by one", s.largest)
		}
		for i := range logs {
			text := logs[i].String()
			warned, resumed := strings.Count(text, "the key's rate is used up"), strings.Count(text, "takes what is sent again")
			if strings.Contains(text, "away") || warned == 0 || warned > 4 || resumed != warned {
				t.Errorf("agent %d: %d lines that it waits, %d that it goes on:\n%s", i, warned, resumed, text)
			}
		}
	})
}

// TestAnOutageIsToldOnce: when it begins and when it ends, however often was tried.
func TestAnOutageIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := &limited{rate: 10, burst: 100, next: map[string]int64{}, away: func() bool {
			since := time.Since(began)
			return since > 20*time.Second && since < 80*time.Second
		}}
		var log bytes.Buffer
		if err := newAgent(t, s, &log, 120).Run(t.Context()); err != nil {
			t.Error(err)
		}
		for _, n := range s.next {
			if n != 120*250 {
				t.Errorf("%d samples arrived", n)
			}
		}
		text := log.String()
		if strings.Count(text, "the server is away") != 1 || strings.Count(text, "takes what is sent again") != 1 || strings.Contains(text, "rate") {
			t.Errorf("the log:\n%s", text)
		}
	})
}

// TestWhatIsLeftGoesOutInTimeAfterTheStop: who waits for the key's rate does not wait longer than the server asks for once nothing more comes.
func TestWhatIsLeftGoesOutInTimeAfterTheStop(t *testing.T) {
	t.Parallel()
	p := &patience{log: slog.New(slog.DiscardHandler)}
	busy := &answerError{status: http.StatusTooManyRequests, after: time.Second}
	last := time.Duration(0)
	for range 6 {
		pause, gather := p.failed(busy, 0)
		if pause < time.Second || pause > 3*time.Second {
			t.Errorf("a pause of %s", pause)
		}
		last = pause + gather
	}
	if last < longestRetry {
		t.Errorf("it grows to %s", last)
	}
	if pause, _ := p.failed(&answerError{status: http.StatusTooManyRequests, after: time.Minute}, 0); pause < time.Minute {
		t.Errorf("a pause of %s where a minute is asked for", pause)
	}
	ended := make(chan struct{})
	close(ended)
	if err := rest(context.Background(), time.Hour, ended); err != nil {
		t.Error(err)
	}
}

func newAgent(t *testing.T, s *limited, log io.Writer, seconds float64) *Agent {
	t.Helper()
	src, err := synthetic.New(synthetic.Config{Channels: []string{"C3", "C4"}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{Server: "http://neurod.example", Key: "key", Source: src, Dir: t.TempDir(), ExternalUserID: "u",
		Seconds: seconds, HTTP: &http.Client{Transport: s}, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
