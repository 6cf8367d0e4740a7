//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

// The sessions under chaos: short ones, one after another, so that every fault meets some at each point of their life.
const (
	recorders     = 6
	sessionRate   = 128
	sessionT0     = int64(1_730_000_000_000)
	batchesEach   = 40  // of half a second
	batchMS       = 500 // ms
	windowsEach   = batchesEach * batchMS / 2000
	importRepeats = 30                // the recording so often in a file: 10 min, so that faults meet its import
	patience      = 100 * time.Second // as long as a client repeats one call
	sessionSeeds  = 3                 // recordings; the same one is sent again and again
	followTimeout = 5 * time.Second
)

var sessionChannels = []string{"TP9", "C3", "C4", "TP10"}

// liveDecode has the sessions decoded as they run by a model that is moved to the clips before each, so that what a window
// decodes to depends on all that came before it.
var liveDecode = map[string]any{"paradigm": "motor_imagery", "window_s": 2, "hop_s": 1}

// decodesEach is how many windows of liveDecode a session has.
const decodesEach = batchesEach*batchMS/1000 - 1

// batchOf returns the samples of a batch: each seed is one recording, whoever sends it.
func batchOf(seed, k int) map[string][]float64 {
	n := sessionRate * batchMS / 1000
	out := map[string][]float64{}
	for ch, name := range sessionChannels {
		rng := rand.New(rand.NewPCG(uint64(seed), uint64(ch*batchesEach+k)))
		for i := range n {
			t := float64(k*n+i) / sessionRate
			// Two decimals survive float32 and JSON.
			out[name] = append(out[name], math.Round(100*(12*math.Sin(2*math.Pi*10*t+float64(ch))+5*rng.NormFloat64()))/100)
		}
	}
	return out
}

// recorded is one session and what its clients were told.
type recorded struct {
	id       string
	seed     int
	mode     string
	accepted map[int]int // batch → how often it was called accepted
	ended    bool
	seen     map[int]string // seq → type and index of the messages that a follower got
	twice    int            // messages that it got twice
	missing  []string
	user     string
	erased   bool // its user was erased, and the client was told so
}

// sessionLoad is the clients of sessions.
type sessionLoad struct {
	load *load

	cancel context.CancelFunc
	group  sync.WaitGroup
	mu     sync.Mutex
	all    []*recorded
	calls  int
	again  int // calls that had to be repeated
}

func (s *sessionLoad) start(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	for i := range recorders {
		s.group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				switch life, seed := context.WithoutCancel(ctx), (i+n)%sessionSeeds; i {
				case 0:
					s.importFile(life, seed)
				case 1:
					s.erase(life, s.record(life, seed, "STREAMING", 50*time.Millisecond))
				default:
					s.record(life, seed, []string{"STREAMING", "RECORDED"}[(i+n)%2], 250*time.Millisecond)
				}
			}
		})
	}
}

// stop lets the sessions that have begun end.
func (s *sessionLoad) stop() {
	s.cancel()
	s.group.Wait()
}

// call repeats one request to any API until one answers below 500.
func (s *sessionLoad) call(ctx context.Context, method, path string, body []byte, out any) error {
	return s.callWith(ctx, method, path, nil, body, out)
}

func (s *sessionLoad) callWith(ctx context.Context, method, path string, header http.Header, body []byte, out any) error {
	for end := time.Now().Add(patience); ; {
		c := s.load.at()
		err := c.Do(ctx, method, path, c.Key, body, header, out)
		s.mu.Lock()
		s.calls++
		s.mu.Unlock()
		var status *neurod.StatusError
		if err == nil || (errors.As(err, &status) && status.Status < 500 && status.Status != http.StatusConflict) || time.Now().After(end) {
			return err
		}
		s.mu.Lock()
		s.again++
		s.mu.Unlock()
		time.Sleep(200 * time.Millisecond)
	}
}

// add makes a session and returns what notes its faults.
func (s *sessionLoad) add(seed int, mode string) (*recorded, func(format string, args ...any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &recorded{seed: seed, mode: mode, accepted: map[int]int{}, seen: map[int]string{}, user: fmt.Sprintf("chaos-%d", len(s.all))}
	s.all = append(s.all, r)
	return r, func(format string, args ...any) {
		s.mu.Lock()
		defer s.mu.Unlock()
		r.missing = append(r.missing, fmt.Sprintf(format, args...))
	}
}

// importFile sends a recording as a file, with a key, until it is told that it is accepted.
func (s *sessionLoad) importFile(ctx context.Context, seed int) *recorded {
	r, note := s.add(seed, "IMPORT")
	file, err := fileOf(seed)
	if err != nil {
		note("file: %v", err)
		return r
	}
	var made struct {
		ID string `json:"session_id"`
	}
	header := http.Header{"Content-Type": {"application/octet-stream"}, "Idempotency-Key": {r.user}}
	if err := s.callWith(ctx, http.MethodPost, "/v1/sessions/import?external_user_id="+r.user, header, file, &made); err != nil {
		note("import: %v", err)
	}
	r.id, r.ended = made.ID, true
	for end := time.Now().Add(patience); time.Now().Before(end) && r.id != ""; time.Sleep(200 * time.Millisecond) {
		var st struct {
			State string `json:"processing_state"`
		}
		if err := s.call(ctx, http.MethodGet, "/v1/sessions/"+r.id+"/status", nil, &st); err != nil || st.State != "PROCESSING" {
			break // what became of it is seen at the end
		}
	}
	return r
}

// fileOf returns a recording as EDF.
func fileOf(seed int) ([]byte, error) {
	rec := &recording.Recording{StartTime: time.UnixMilli(sessionT0).UTC()}
	for _, name := range sessionChannels {
		c := recording.Channel{Label: name, Name: name, Kind: recording.EEG, Unit: "uV", Rate: sessionRate}
		for range importRepeats {
			for k := range batchesEach {
				c.Samples = append(c.Samples, batchOf(seed, k)[name]...)
			}
		}
		rec.Channels = append(rec.Channels, c)
	}
	var b bytes.Buffer
	err := edf.Write(&b, rec)
	return b.Bytes(), err
}

// erase erases the user of a session and calls until it is told.
func (s *sessionLoad) erase(ctx context.Context, r *recorded) {
	var told struct {
		Sessions *int64 `json:"sessions_deleted"`
	}
	err := s.call(ctx, http.MethodDelete, "/v1/users/"+r.user, nil, &told)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		r.missing = append(r.missing, fmt.Sprintf("erase: %v", err))
		return
	}
	r.erased = told.Sessions != nil // 202 means later
}

// record sends one session: some batches out of order, some twice, and follows it if it is live.
func (s *sessionLoad) record(ctx context.Context, seed int, mode string, pause time.Duration) *recorded {
	r, note := s.add(seed, mode)
	create, err := json.Marshal(map[string]any{"external_user_id": r.user, "device_type": "cap", "sample_rate_hz": sessionRate,
		"channels": sessionChannels, "ingestion_mode": mode, "started_at_unix_ms": sessionT0, "decode": liveDecode})
	if err != nil {
		panic(err) // plain values always encode
	}
	var made struct {
		ID string `json:"session_id"`
	}
	if err := s.call(ctx, http.MethodPost, "/v1/sessions", create, &made); err != nil {
		note("create: %v", err)
	}
	if r.id = made.ID; r.id == "" {
		return r
	}
	var following sync.WaitGroup
	if mode == "STREAMING" {
		following.Go(func() { s.follow(ctx, r, note) })
	}
	order := make([]int, batchesEach)
	for k := range order {
		order[k] = k
	}
	for k := 0; k+1 < batchesEach; k += 5 { // late by one
		order[k], order[k+1] = order[k+1], order[k]
	}
	for n, k := range order {
		body, err := json.Marshal(map[string]any{"batch_id": "b" + strconv.Itoa(k), "t0_unix_ms": sessionT0 + int64(k*batchMS), "data": batchOf(seed, k)})
		if err != nil {
			panic(err)
		}
		for range 1 + n%7/6 {
			var out struct {
				Status string `json:"status"`
			}
			if err := s.call(ctx, http.MethodPost, "/v1/sessions/"+r.id+"/ingest", body, &out); err != nil {
				note("batch %d: %v", k, err)
				continue
			}
			s.mu.Lock()
			if _, known := r.accepted[k]; !known {
				r.accepted[k] = 0
			}
			if out.Status == "accepted" {
				r.accepted[k]++
			}
			s.mu.Unlock()
		}
		time.Sleep(pause)
	}
	if err := s.call(ctx, http.MethodPost, "/v1/sessions/"+r.id+"/end", []byte("{}"), nil); err != nil {
		note("end: %v", err)
	} else {
		r.ended = true
	}
	following.Wait()
	return r
}

// follow reads a live session to its end, connecting again to any API with the number of the last message.
func (s *sessionLoad) follow(ctx context.Context, r *recorded, note func(string, ...any)) {
	after := 0
	for end := time.Now().Add(patience + time.Duration(batchesEach)*time.Second); time.Now().Before(end); {
		var token struct {
			Token string `json:"ws_token"`
		}
		if err := s.call(ctx, http.MethodPost, "/v1/sessions/"+r.id+"/ws-token", nil, &token); err != nil {
			note("token: %v", err)
			return
		}
		url := strings.Replace(s.load.cluster.url(), "http://", "ws://", 1) + fmt.Sprintf("/v1/ws?session_id=%s&ws_token=%s&after_seq=%d", r.id, token.Token, after)
		dialing, cancel := context.WithTimeout(ctx, followTimeout)
		conn, _, err := websocket.Dial(dialing, url, nil)
		cancel()
		if err != nil {
			time.Sleep(200 * time.Millisecond)
			continue
		}
		conn.SetReadLimit(1 << 20)
		for {
			// A process that was killed closes its connections; one that is frozen does not.
			reading, cancel := context.WithTimeout(ctx, 30*time.Second)
			_, b, err := conn.Read(reading)
			cancel()
			if err != nil {
				break
			}
			var m struct {
				Type string `json:"type"`
				Seq  int    `json:"seq"`
				Data struct {
					Index int `json:"index"`
				} `json:"data"`
			}
			if err := json.Unmarshal(b, &m); err != nil {
				note("message %.100s: %v", b, err)
				continue
			}
			if m.Type == "session_ended" {
				_ = conn.CloseNow()
				return
			}
			s.mu.Lock()
			if _, got := r.seen[m.Seq]; got || m.Seq <= after {
				r.twice++
			}
			r.seen[m.Seq] = m.Type + " " + strconv.Itoa(m.Data.Index)
			s.mu.Unlock()
			after = m.Seq
		}
		_ = conn.CloseNow()
	}
	note("the stream did not end")
}

// sessionReport is what became of the sessions.
type sessionReport struct {
	sessions, batches, windows int
	decodes, moved             int // live decodes compared, and those of them by a model that was moved
	imports, erased            int
	calls, again               int
	lost                       []string // accepted samples that are not exported as they were sent
	doubled                    []string // samples, windows or messages that are there twice
	missing                    []string // windows or messages that are not there
	changed                    []string // windows and decodes that differ from the undisturbed run
}

// exported is the part of an export that is looked at.
type exported struct {
	Session struct {
		State *string `json:"processing_state"`
	} `json:"session"`
	Windows []struct {
		Index    int             `json:"index"`
		Features json.RawMessage `json:"features"`
		Quality  json.RawMessage `json:"quality"`
	} `json:"feature_windows"`
	Raw []struct {
		BatchID string               `json:"batch_id"`
		Data    map[string][]float64 `json:"data"`
	} `json:"raw_batches"`
}

// due is how many windows there must be.
func (r *recorded) due() int {
	if r.mode == "IMPORT" {
		return importRepeats * windowsEach
	}
	return windowsEach
}

// check exports every session and compares it with what was sent and with a run that nothing disturbed.
func (s *sessionLoad) check(ctx context.Context, a *audit) (sessionReport, error) {
	rep := sessionReport{calls: s.calls, again: s.again}
	disturbed := slices.Clone(s.all)
	calm := map[string][]byte{} // how it was sent, seed and window → its features
	for seed := range sessionSeeds {
		for kind, r := range map[string]*recorded{"": s.record(ctx, seed, "RECORDED", 0), "IMPORT": s.importFile(ctx, seed)} {
			e, err := s.export(ctx, r)
			if err != nil {
				return rep, err
			}
			if want := r.due(); len(e.Windows) != want {
				return rep, fmt.Errorf("the undisturbed run %q has %d windows, not %d: %v", kind, len(e.Windows), want, r.missing)
			}
			for _, w := range e.Windows {
				calm[fmt.Sprint(kind, seed, w.Index)] = slices.Concat(w.Features, w.Quality)
			}
			if kind != "" {
				continue
			}
			decodes, err := s.decodes(ctx, r)
			if err != nil {
				return rep, err
			}
			if len(decodes) != decodesEach {
				return rep, fmt.Errorf("the undisturbed run has %d decodes, not %d: %v", len(decodes), decodesEach, r.missing)
			}
			for _, d := range decodes {
				calm[fmt.Sprint("decode", seed, d.index)] = d.said
			}
		}
	}
	for _, r := range disturbed {
		rep.sessions++
		for _, m := range r.missing {
			rep.missing = append(rep.missing, r.id+": "+m)
		}
		if r.id == "" {
			continue
		}
		if r.erased {
			rep.erased++
			var status *neurod.StatusError
			if err := s.call(ctx, http.MethodGet, "/v1/sessions/"+r.id, nil, nil); !errors.As(err, &status) || status.Status != http.StatusNotFound {
				rep.lost = append(rep.lost, fmt.Sprintf("%s is erased and answers %v", r.id, err))
			}
			n, err := a.rowsOf(ctx, r.id)
			if err != nil {
				return rep, err
			}
			if n > 0 {
				rep.doubled = append(rep.doubled, fmt.Sprintf("%s is erased and has %d rows", r.id, n))
			}
			continue
		}
		e, err := s.export(ctx, r)
		if err != nil {
			return rep, err
		}
		kind := ""
		if r.mode == "IMPORT" {
			kind = r.mode
			rep.imports++
			n := 0
			for _, b := range e.Raw {
				n += len(b.Data[sessionChannels[0]])
			}
			if want := importRepeats * batchesEach * sessionRate * batchMS / 1000; n != want {
				rep.lost = append(rep.lost, fmt.Sprintf("%s: %d samples of %d", r.id, n, want))
			}
			e.Raw = nil
		}
		got := map[string]int{}
		for _, b := range e.Raw {
			got[b.BatchID]++
			k, _ := strconv.Atoi(strings.TrimPrefix(b.BatchID, "b"))
			if want := batchOf(r.seed, k); !sameSamples(want, b.Data) {
				rep.lost = append(rep.lost, fmt.Sprintf("%s: batch %d holds other samples", r.id, k))
			}
		}
		for k, times := range r.accepted {
			rep.batches++
			switch n := got["b"+strconv.Itoa(k)]; {
			case n == 0:
				rep.lost = append(rep.lost, fmt.Sprintf("%s: batch %d", r.id, k))
			case n > 1:
				rep.doubled = append(rep.doubled, fmt.Sprintf("%s: batch %d is there %d times", r.id, k, n))
			}
			if times > 1 {
				rep.doubled = append(rep.doubled, fmt.Sprintf("%s: batch %d was accepted %d times", r.id, k, times))
			}
		}
		seen := map[int]int{}
		for _, w := range e.Windows {
			rep.windows++
			seen[w.Index]++
			if !bytes.Equal(calm[fmt.Sprint(kind, r.seed, w.Index)], slices.Concat(w.Features, w.Quality)) {
				rep.changed = append(rep.changed, fmt.Sprintf("%s: window %d", r.id, w.Index))
			}
		}
		if len(r.accepted) == batchesEach || kind != "" {
			for k := range r.due() {
				switch n := seen[k]; {
				case n == 0:
					rep.missing = append(rep.missing, fmt.Sprintf("%s: window %d", r.id, k))
				case n > 1:
					rep.doubled = append(rep.doubled, fmt.Sprintf("%s: window %d", r.id, k))
				}
			}
		}
		var decodes []decoded
		if kind == "" {
			if decodes, err = s.decodes(ctx, r); err != nil {
				return rep, err
			}
			rep.compare(r, decodes, calm)
		}
		if r.mode == "STREAMING" {
			if len(r.seen) != len(e.Windows)+len(decodes) {
				rep.missing = append(rep.missing, fmt.Sprintf("%s: the follower got %d of %d windows and %d decodes", r.id, len(r.seen), len(e.Windows), len(decodes)))
			}
			if r.twice > 0 {
				rep.doubled = append(rep.doubled, fmt.Sprintf("%s: the follower got %d messages twice", r.id, r.twice))
			}
		} else if r.ended && (e.Session.State == nil || *e.Session.State != "COMPLETE") {
			rep.missing = append(rep.missing, r.id+" is not complete")
		}
	}
	return rep, nil
}

// decoded is one live decode.
type decoded struct {
	index int
	moved bool
	said  []byte // without what is another in every run
}

// decodes reads the live decodes of a session in which no batch waits.
func (s *sessionLoad) decodes(ctx context.Context, r *recorded) ([]decoded, error) {
	var found []map[string]any
	if err := s.call(ctx, http.MethodGet, "/v1/sessions/"+r.id+"/decodes?limit=1000", nil, &found); err != nil {
		return nil, err
	}
	out := make([]decoded, len(found))
	for i, d := range found {
		index, _ := d["index"].(float64)
		alignment, _ := d["alignment"].(map[string]any)
		for _, k := range []string{"id", "session_id", "seq", "created_at"} {
			delete(d, k)
		}
		said, err := json.Marshal(d) // keys in order
		if err != nil {
			return nil, err
		}
		out[i] = decoded{int(index), alignment["kind"] == "recentred", said}
	}
	return out, nil
}

// compare holds the decodes of a session to those of the undisturbed run. Each depends on all before it, so that sessions to
// which some batch is missing are not compared.
func (rep *sessionReport) compare(r *recorded, decodes []decoded, calm map[string][]byte) {
	if len(r.accepted) != batchesEach {
		return
	}
	seen := map[int]int{}
	for _, d := range decodes {
		rep.decodes++
		if d.moved {
			rep.moved++
		}
		seen[d.index]++
		if !bytes.Equal(calm[fmt.Sprint("decode", r.seed, d.index)], d.said) {
			rep.changed = append(rep.changed, fmt.Sprintf("%s: decode %d", r.id, d.index))
		}
	}
	for k := range decodesEach {
		switch n := seen[k]; {
		case n == 0:
			rep.missing = append(rep.missing, fmt.Sprintf("%s: decode %d", r.id, k))
		case n > 1:
			rep.doubled = append(rep.doubled, fmt.Sprintf("%s: decode %d", r.id, k))
		}
	}
}

// export waits until no batch waits and reads the whole session.
func (s *sessionLoad) export(ctx context.Context, r *recorded) (e exported, err error) {
	for end := time.Now().Add(patience); ; {
		var st struct {
			Pending int     `json:"pending_batches"`
			State   *string `json:"processing_state"`
		}
		if err := s.call(ctx, http.MethodGet, "/v1/sessions/"+r.id+"/status", nil, &st); err != nil {
			return e, err
		}
		if (st.Pending == 0 && (st.State == nil || *st.State != "PROCESSING")) || time.Now().After(end) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	err = s.call(ctx, http.MethodGet, "/v1/sessions/"+r.id+"/export?include_raw=true&limit=5000", nil, &e)
	return e, err
}

func sameSamples(want, got map[string][]float64) bool {
	if len(want) != len(got) {
		return false
	}
	for name, w := range want {
		if !slices.EqualFunc(w, got[name], func(a, b float64) bool { return float32(a) == float32(b) }) {
			return false
		}
	}
	return true
}

// print prints the report and returns whether the promise was kept.
func (r sessionReport) print() bool {
	fmt.Printf("\n%d sessions (%d imported files, %d erased), %d batches accepted, %d windows and %d live decodes compared, %d of them by a moved model; %d calls, %d of them repeated\n",
		r.sessions, r.imports, r.erased, r.batches, r.windows, r.decodes, r.moved, r.calls, r.again)
	ok := r.windows > 0 && r.moved > 0 && r.imports > 0 && r.erased > 0
	for _, m := range []struct {
		name string
		list []string
	}{
		{"samples lost", r.lost}, {"doubled in sessions", r.doubled}, {"windows, decodes missing", r.missing}, {"windows, decodes changed", r.changed},
	} {
		verdict := "ok"
		if len(m.list) > 0 {
			ok, verdict = false, "MUST BE 0"
		}
		fmt.Printf("%-25s %6d  %s\n", m.name, len(m.list), verdict)
		for _, e := range m.list[:min(5, len(m.list))] {
			fmt.Println("    " + e)
		}
	}
	return ok
}
