//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	neurascalev1 "github.com/neurod/neurod/api/proto/neurascale/v1"
	"github.com/neurod/neurod/internal/testkit/neurod"
)

// What is streamed: samples in pieces of 40 ms, as devices give them.
const (
	pieceSamples = sessionRate / 25
	piece        = time.Second / 25
	// streamHop is the hop of windows, so that Server-Sent Events, which carry windows, come as often as can be.
	streamHop = 0.08
	// streamDevices stream at once, and fanOut follow one session at once, of whom one does not read.
	streamDevices = 200
	fanOut        = 500
)

// arrival is a piece of a session that a subscriber got: its samples lie from first to before end.
type arrival struct {
	first, end int64
	dropped    int64
	ended      time.Time // when its last sample ended, by the session's clock
}

// subscriber follows a session until ctx ends or the stream does, and calls got with each piece as it comes. begun is called once it is let in.
type subscriber func(ctx context.Context, st *stage, session string, begun func(), got func(arrival)) error

// ways in, by name, in the order in which they are measured.
var waysIn = []struct {
	name      string
	subscribe subscriber
	windows   bool // it carries windows, not samples
}{
	{"gRPC", grpcSubscriber, false},
	{"WebSocket", socketSubscriber, false},
	{"SSE", eventsSubscriber, true},
}

// errNoWayIn says that the program does not have a way in.
var errNoWayIn = errors.New("the program has no such way in")

// connections are those of gRPC: a hundred streams share one.
type connections struct {
	mu   sync.Mutex
	all  []*grpc.ClientConn
	used int
}

const streamsPerConnection = 100

func (c *connections) get(api string) (*grpc.ClientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.used%streamsPerConnection == 0 {
		conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(api, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, conn)
	}
	c.used++
	return c.all[len(c.all)-1], nil
}

func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.all {
		_ = conn.Close() // nothing is to be done about it
	}
	c.all, c.used = nil, 0
}

var grpcConnections connections

// grpcSubscriber follows by neurascale.v1.NeuralService, a packet for each piece.
func grpcSubscriber(ctx context.Context, st *stage, session string, begun func(), got func(arrival)) error {
	conn, err := grpcConnections.get(st.api)
	if err != nil {
		return err
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+st.client.Key)
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/neurascale.v1.NeuralService/StreamNeuralData")
	if err != nil {
		return err
	}
	if err := s.SendMsg(&neurascalev1.StreamRequest{SessionId: session, Batches: true}); err != nil {
		return err
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	if _, err := s.Header(); err != nil {
		return err
	}
	begun()
	for {
		var p neurascalev1.NeuralDataPacket
		if err := s.RecvMsg(&p); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if b := p.Batch; b != nil {
			got(arrival{p.Sample, p.Sample + int64(b.SampleCount), p.Dropped, time.UnixMilli(p.Timestamp).Add(time.Duration(float64(b.SampleCount) / b.SampleRate * 1e9))})
		}
	}
}

// socketSubscriber follows by /ws, a frame of bytes for each piece.
func socketSubscriber(ctx context.Context, st *stage, session string, begun func(), got func(arrival)) error {
	conn, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(st.api, "http")+"/ws", nil)
	if err != nil {
		if res != nil && res.StatusCode == http.StatusNotFound {
			return errNoWayIn
		}
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	for _, m := range []map[string]any{{"type": "auth", "token": st.client.Key},
		{"type": "subscribe", "topic": "neural_data", "session_id": session, "format": "binary", "filters": map[string]any{}}} {
		b, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if err := conn.Write(ctx, websocket.MessageText, b); err != nil {
			return err
		}
	}
	dropped := int64(0)
	for {
		kind, b, err := conn.Read(ctx)
		switch {
		case err != nil:
			return err
		case kind == websocket.MessageBinary:
			if len(b) < 56 {
				return fmt.Errorf("a frame of %d bytes", len(b))
			}
			first, n := int64(binary.LittleEndian.Uint64(b[16:])), int64(binary.LittleEndian.Uint32(b[44:]))
			got(arrival{first: first, end: first + n, dropped: dropped})
			dropped = 0
			continue
		}
		var m struct {
			Type    string `json:"type"`
			Code    string `json:"error_code"`
			Message string `json:"message"`
			Samples int64  `json:"samples"`
		}
		if err := json.Unmarshal(b, &m); err != nil {
			return err
		}
		switch m.Type {
		case "subscription_confirmed":
			begun()
		case "error":
			return fmt.Errorf("%s: %s", m.Code, m.Message)
		case "dropped":
			dropped += m.Samples
		}
	}
}

// eventsSubscriber follows the windows of a session by Server-Sent Events. A window counts as the samples of its last hop.
func eventsSubscriber(ctx context.Context, st *stage, session string, begun func(), got func(arrival)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, st.api+"/v1/sessions/"+session+"/features/stream", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+st.client.Key)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(io.LimitReader(res.Body, 1000)) // it tells why, or not
		return fmt.Errorf("%s: %s", res.Status, b)
	}
	begun()
	const hop = int64(streamHop * sessionRate)
	in := bufio.NewScanner(res.Body)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		_, after, found := strings.Cut(in.Text(), `"index":`)
		if !found {
			continue
		}
		number, _, _ := strings.Cut(after, ",")
		k, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return err
		}
		end := k*hop + 2*sessionRate
		got(arrival{first: end - hop, end: end})
	}
	return in.Err()
}

// streamed is what subscribers together got.
type streamed struct {
	mu     sync.Mutex
	late   []time.Duration
	pieces int
	faults []string
}

func (s *streamed) fault(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) < 5 {
		s.faults = append(s.faults, fmt.Sprintf(format, args...))
	} else if len(s.faults) == 5 {
		s.faults = append(s.faults, "and more")
	}
}

// reader returns what a subscriber calls with its pieces: each must follow the one before. at says when the sample before a position was sent;
// without it the time is that of the piece itself.
func (s *streamed) reader(name string, at func(end int64) (time.Time, bool)) (got func(arrival), last *atomic.Int64) {
	last = new(atomic.Int64)
	next := int64(-1)
	return func(a arrival) {
		now := time.Now()
		if next >= 0 && a.first != next || a.dropped > 0 {
			s.fault("%s: samples from %d on, behind %d; %d dropped", name, a.first, next, a.dropped)
		}
		next = a.end
		last.Store(a.end)
		sent, ok := a.ended, true
		if at != nil {
			sent, ok = at(a.end)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pieces++
		if ok {
			s.late = append(s.late, now.Sub(sent))
		}
	}, last
}

// benchStream measures the way of samples from a device to those who follow it.
func benchStream(ctx context.Context, opt options, st *stage) error {
	defer grpcConnections.close()
	fmt.Printf("\n## Streams: samples in pieces of %v, from their sending to their arrival, %s\n", piece, st.name)
	for _, way := range waysIn {
		if err := fanned(ctx, opt, st, way.name, way.subscribe, way.windows, 1); err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
	}
	for _, d := range []struct {
		devices, channels int
		rate              int
	}{{1, 8, 250}, {streamDevices, 8, 250}, {1, 64, 2000}} {
		if err := fromDevices(ctx, opt, st, d.devices, d.channels, d.rate); err != nil {
			return err
		}
	}
	for _, way := range waysIn {
		if err := fanned(ctx, opt, st, way.name, way.subscribe, way.windows, fanOut); err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
	}
	return nil
}

// fanned sends a session in pieces to so many subscribers. Of many, one does not read.
func fanned(ctx context.Context, opt options, st *stage, name string, subscribe subscriber, windows bool, subscribers int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, err := json.Marshal(map[string]any{"external_user_id": "bench", "device_type": "CYTON", "sample_rate_hz": sessionRate, "channels": sessionChannels, "hop_s": streamHop})
	if err != nil {
		return err
	}
	var ses struct {
		ID string `json:"session_id"`
	}
	if err := st.client.Do(ctx, http.MethodPost, "/v1/sessions", st.client.Key, body, nil, &ses); err != nil {
		return err
	}
	raw, _ := seconds(7, 1)
	pieces := int(opt.load / piece)
	var mu sync.Mutex
	sent := make([]time.Time, pieces)
	at := func(end int64) (time.Time, bool) {
		mu.Lock()
		defer mu.Unlock()
		k := (end - 1) / pieceSamples
		// What comes in the first three seconds warms up.
		return sent[k], k > int64(3*time.Second/piece)
	}
	var (
		all     streamed
		group   sync.WaitGroup
		let     = make(chan struct{}, subscribers)
		refused atomic.Pointer[error]
		lasts   []*atomic.Int64
	)
	stopped := make(chan struct{})
	for i := range subscribers {
		slow := subscribers > 1 && i == 0
		got, last := all.reader(fmt.Sprintf("%s %d", name, i), at)
		if slow {
			got = func(arrival) { <-stopped } // it takes the first piece, and no more
		} else {
			lasts = append(lasts, last)
		}
		group.Go(func() {
			err := subscribe(ctx, st, ses.ID, func() { let <- struct{}{} }, got)
			if err != nil && ctx.Err() == nil && !slow {
				refused.CompareAndSwap(nil, &err)
				cancel()
			}
		})
	}
	end := func() error {
		cancel()
		close(stopped)
		group.Wait()
		if err := refused.Load(); err != nil {
			return *err
		}
		return nil
	}
	for range subscribers {
		select {
		case <-let:
		case <-ctx.Done():
			if err := end(); errors.Is(err, errNoWayIn) {
				fmt.Printf("%s: not there\n", name)
				return nil
			} else {
				return err
			}
		}
	}
	before, begin := st.processors(), time.Now()
	const pieceBytes = pieceSamples * 8 * 4
	for k := range pieces {
		rest := time.NewTimer(time.Until(begin.Add(time.Duration(k) * piece)))
		select {
		case <-rest.C:
		case <-ctx.Done():
			return end()
		}
		mu.Lock()
		sent[k] = time.Now()
		mu.Unlock()
		from := k % 25 * pieceBytes
		t0 := sessionT0 + int64(k)*piece.Milliseconds()
		path := "/v1/sessions/" + ses.ID + "/ingest?batch_id=b" + strconv.Itoa(k) + "&t0_unix_ms=" + strconv.FormatInt(t0, 10)
		if err := post(ctx, st.client, path, raw[from:from+pieceBytes], http.Header{"Content-Type": {"application/octet-stream"}}); err != nil {
			return errors.Join(err, end())
		}
	}
	took := time.Since(begin)
	want := int64(pieces * pieceSamples)
	if windows { // the last that is complete
		const hop = int64(streamHop * sessionRate)
		want = (want-2*sessionRate)/hop*hop + 2*sessionRate
	}
	var missing int
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		missing = 0
		for _, last := range lasts {
			if last.Load() < want {
				missing++
			}
		}
		if missing == 0 || time.Now().After(deadline) {
			break
		}
	}
	cpu := st.processors()
	if err := end(); err != nil {
		return err
	}
	if missing > 0 {
		all.fault("%d subscribers lack the end", missing)
	}
	who := "one subscriber"
	if subscribers > 1 {
		who = fmt.Sprintf("%d subscribers, and one who does not read", subscribers-1)
	}
	what := "samples"
	if windows {
		what = "windows"
	}
	total := 0.0
	for i := range cpu {
		total += cpu[i] - before[i]
	}
	p50, p99 := percentile(all.late, .5), percentile(all.late, .99)
	limit := ""
	if subscribers == 1 && !windows {
		limit = fmt.Sprintf(" (limits 5 and 25: %s)", verdict(p50 <= 5*time.Millisecond && p99 <= 25*time.Millisecond))
	}
	fmt.Printf("%s, %s of 8 channels × 250 Hz to %s: p50 %s, p99 %s ms%s, %.0f messages/s, %.0f %% of a core with stores; lost or out of order: %s\n", name, what, who, ms(p50), ms(p99), limit,
		float64(all.pieces)/took.Seconds(), total/took.Seconds()*100, verdictOf(all.faults))
	return nil
}

func verdictOf(faults []string) string {
	if len(faults) == 0 {
		return "none"
	}
	return "MISSED: " + strings.Join(faults, "; ")
}

// fromDevices runs synthetic devices in the API's process, each followed by gRPC, and accounts for every sample.
func fromDevices(ctx context.Context, opt options, st *stage, devices, channels, rate int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	names := electrodes[:channels]
	var (
		all   streamed
		group sync.WaitGroup
		lasts = make([]*atomic.Int64, devices)
		ids   = make([]string, devices)
		found = make([]string, devices) // sessions
	)
	c := st.client
	for i := range devices {
		id := fmt.Sprintf("bench_%d_%d_%d_%d", devices, channels, rate, i)
		body, err := json.Marshal(map[string]any{"id": id, "driver": "synthetic", "settings": map[string]any{"pattern": "sine", "channels": names}, "config": map[string]any{"sample_rate": rate}})
		if err != nil {
			return err
		}
		if err := c.Do(ctx, http.MethodPost, "/v2/devices", c.Key, body, nil, nil); err != nil {
			return err
		}
		var started struct {
			SessionID string `json:"session_id"`
		}
		start, err := json.Marshal(map[string]any{"sample_rate": rate})
		if err != nil {
			return err
		}
		if err := c.Do(ctx, http.MethodPost, "/v2/devices/"+id+"/stream/start", c.Key, start, nil, &started); err != nil {
			return fmt.Errorf("device %d: %w", i, err)
		}
		ids[i], found[i] = id, started.SessionID
		got, last := all.reader(id, nil)
		lasts[i] = last
		let := make(chan error, 2)
		group.Go(func() {
			err := grpcSubscriber(ctx, st, started.SessionID, func() { let <- nil }, got)
			if err != nil && ctx.Err() == nil {
				all.fault("%s: %v", id, err)
				let <- err
			}
		})
		if err := <-let; err != nil {
			return err
		}
	}
	all.mu.Lock()
	all.pieces, all.late = 0, nil
	all.mu.Unlock()
	before, begin := st.processors(), time.Now()
	rest := time.NewTimer(opt.load)
	select {
	case <-rest.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	cpu, took := st.processors(), time.Since(begin)
	all.mu.Lock()
	pieces, p50, p99 := all.pieces, percentile(all.late, .5), percentile(all.late, .99)
	all.mu.Unlock()
	var samples, missing int64
	for i, id := range ids {
		if err := c.Do(ctx, http.MethodPost, "/v2/devices/"+id+"/stream/stop", c.Key, []byte("{}"), nil, nil); err != nil {
			return err
		}
		n, lost, err := stoppedDevice(ctx, c, id, found[i])
		if err != nil {
			return err
		}
		samples, missing = samples+n, missing+lost
		for deadline := time.Now().Add(10 * time.Second); lasts[i].Load() < n && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		if got := lasts[i].Load(); got != n {
			all.fault("%s: its subscriber has %d of %d samples", id, got, n)
		}
	}
	cancel()
	group.Wait()
	if missing > 0 {
		all.fault("%d samples are missing", missing)
	}
	each := func(k int) float64 { return (cpu[k] - before[k]) / took.Seconds() / float64(devices) * 100 }
	fmt.Printf("devices: %d × %d channels × %d Hz, each followed by gRPC: %d samples a channel, %.0f pieces/s, the last sample of a piece p50 %s, p99 %s ms ago; of a core a stream: API %.2f %%, worker %.2f %%, PostgreSQL %.2f %%, Redis %.2f %%; lost or out of order: %s\n",
		devices, channels, rate, samples, float64(pieces)/took.Seconds(), ms(p50), ms(p99), each(0), each(1), each(2), each(3), verdictOf(all.faults))
	return nil
}

// stoppedDevice waits until a device has stopped and returns how many samples its session has, and how many the device did not give.
func stoppedDevice(ctx context.Context, c *neurod.Client, id, session string) (samples, missing int64, err error) {
	for {
		var d struct {
			Stream   *struct{} `json:"stream"`
			Observed *struct {
				Samples int64            `json:"samples"`
				Missing map[string]int64 `json:"missing"`
			} `json:"observed"`
		}
		if err := c.Do(ctx, http.MethodGet, "/v2/devices/"+id, c.Key, nil, nil, &d); err != nil {
			return 0, 0, err
		}
		if d.Stream == nil && d.Observed != nil {
			var ses struct {
				Samples int64 `json:"sample_count"`
			}
			if err := c.Do(ctx, http.MethodGet, "/v1/sessions/"+session+"/status", c.Key, nil, nil, &ses); err != nil {
				return 0, 0, err
			}
			for _, n := range d.Observed.Missing {
				missing += n
			}
			if ses.Samples != d.Observed.Samples {
				missing += max(1, d.Observed.Samples-ses.Samples)
			}
			return ses.Samples, missing, nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}

// electrodes are 64 of the 10-10 system, those of sessionChannels first.
var electrodes = strings.Fields("Fp1 Fp2 C3 C4 P3 P4 O1 O2 F7 F3 Fz F4 F8 T7 Cz T8 P7 Pz P8 AF7 AF3 AFz AF4 AF8 F5 F1 F2 F6 FT7 FC5 FC3 FC1 FCz FC2 FC4 FC6 FT8 C5 C1 C2 C6 TP7 CP5 CP3 CP1 CPz CP2 CP4 CP6 TP8 P5 P1 P2 P6 PO7 PO3 POz PO4 PO8 Oz Fpz Iz P9 P10")
