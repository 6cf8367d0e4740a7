package handlers

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// TestEveryRouteHasItsCost fails for a route whose row leaves open what a call may cost.
func TestEveryRouteHasItsCost(t *testing.T) {
	t.Parallel()
	for _, r := range New(Config{}).Routes() {
		name := r.Method + " " + r.Path
		if r.Query <= 0 || r.Query > 64<<10 {
			t.Errorf("%s: a query may have %d bytes", name, r.Query)
		}
		if r.Body == 0 {
			continue
		}
		if r.JSON.Values <= 0 || r.JSON.Members <= 0 {
			t.Errorf("%s reads a body, and nothing says how many values it may hold: %+v", name, r.JSON)
		}
		if n := int64(r.JSON.Values); n > 1<<20 && r.Path != "/v1/sessions/:id/ingest" {
			t.Errorf("%s: %d values", name, n)
		}
	}
}

// allocated returns how many bytes a call allocates.
func allocated(f func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc)
}

// TestBodiesCostWhatTheySend parses the bodies that used to cost the most, and holds the bytes that are allocated to a
// small multiple of those that were sent: memory that is freed on the way counts as well.
func TestBodiesCostWhatTheySend(t *testing.T) {
	const most = 64 << 20 // for a body of a megabyte
	item := `{"input":{"type":"eeg","data":"QUFBQQ=="}}`
	hundred := strings.TrimSuffix(strings.Repeat(item+",", 100), ",")
	list := func(head, unit, tail string) string {
		return head + strings.TrimSuffix(strings.Repeat(unit+",", (1_000_000-len(head))/(len(unit)+1)), ",") + tail
	}
	numbered := func(head, form, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < 990_000; i++ {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, form, i)
		}
		return b.String() + tail
	}
	batch := func(b []byte) error { _, err := parseBatch(b); return err }
	decode := func(b []byte) error { _, err := parseRecording(b); return err }
	ingest := func(b []byte) error { _, err := jsonBatch(b); return err }
	for name, tt := range map[string]struct {
		body string
		cost Cost
		read func([]byte) error
		fine bool
	}{
		"a large free key that a hundred items share": {`{"defaults":{"context":{"free":"` + strings.Repeat("k", 20_000) + `"}},"items":[` + hundred + `]}`, batchCost, batch, true},
		"a free key too large for a hundred items":    {`{"defaults":{"context":{"free":"` + strings.Repeat("k", 900_000) + `"}},"items":[` + hundred + `]}`, batchCost, batch, false},
		"keys that a hundred items share":             {numbered(`{"items":[`+hundred+`],"defaults":{"context":{`, `"%d":0`, `}}}`), batchCost, batch, false},
		"items without end":                           {list(`{"items":[`, "0", "]}"), batchCost, batch, false},
		"80,000 names of channels":                    {numbered(`{"batch_id":"b","t0_unix_ms":1,"data":{`, `"%d":[]`, `}}`), ingestCost, ingest, false},
		"400 channels, one of them long":              {`{"batch_id":"b","t0_unix_ms":1,"data":{"a":[` + strings.TrimSuffix(strings.Repeat("0,", 490_000), ",") + `]` + channels(400) + `}}`, ingestCost, ingest, true},
		"empty events":                                {list(`{"input":{"events":[`, "{}", "]}}"), decodeCost, decode, true},
		"numbers for channels":                        {list(`{"input":{"channels":[`, "0", "]}}"), decodeCost, decode, false},
		"free keys":                                   {numbered(`{"input":{},"context":{`, `"%d":0`, `}}`), decodeCost, decode, false},
		"sections without end":                        {list(`{`, `"input":{}`, `}`), decodeCost, decode, false},
		"nested arrays":                               {list(`{"context":{"a":[`, strings.Repeat("[", 60)+strings.Repeat("]", 60), "]}}"), decodeCost, decode, false},
		"flashes":                                     {numbered(`{"input":{"stimulus":{"flashes":{`, `"%d":[]`, `}}}}`), decodeCost, decode, false},
		"a key of half a megabyte":                    {`{"input":{"` + strings.Repeat("k", 500_000) + `":0}}`, decodeCost, decode, true},
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			n := allocated(func() {
				c, _ := gin.CreateTestContext(httptest.NewRecorder())
				c.Request = httptest.NewRequest("POST", "/", nil)
				if err = tt.cost.admit(c, []byte(tt.body)); err == nil {
					err = tt.read([]byte(tt.body))
				}
			})
			if n > most {
				t.Errorf("%d bytes of body allocate %d", len(tt.body), n)
			}
			if code := models.AsError(err).Code; err != nil && code != models.InvalidRequestBody {
				t.Errorf("refused with %v", err)
			}
			if tt.fine && err != nil && !strings.Contains(name, "key of half") {
				t.Errorf("refused: %v", models.AsError(err).Fields)
			}
			if !tt.fine && err == nil {
				t.Error("accepted")
			}
		})
	}
}

// channels are members of so many channels with one sample each.
func channels(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"c%d":[0]`, i)
	}
	return b.String()
}

// TestChannelsOfABatchAreCounted names the limit instead of comparing each name with all others.
func TestChannelsOfABatchAreCounted(t *testing.T) {
	t.Parallel()
	body := `{"batch_id":"b","t0_unix_ms":1,"data":{"a":[0]` + channels(eeg.MaxChannels) + `}}`
	_, err := jsonBatch([]byte(body))
	if e := models.AsError(err); len(e.Fields) != 1 || strictjson.Pointer(e.Fields[0].Path) != "/data" || e.Fields[0].Code != "too_many" {
		t.Errorf("%v with fields %v", err, e.Fields)
	}
	if _, err = jsonBatch([]byte(`{"batch_id":"b","t0_unix_ms":1,"data":{"a":[0],"b":[1],"a":[2]}}`)); models.AsError(err).Fields[0].Code != "duplicate" {
		t.Errorf("a name that is given twice: %v", err)
	}
}

// TestGzipMayNotGrowWithoutEnd takes what real data shrink to, and refuses zeros that shrink to a thousandth.
func TestGzipMayNotGrowWithoutEnd(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST("/", middleware.Prepare(middleware.BodyConfig{Limit: 48 << 20}), func(c *gin.Context) {
		b, err := readBody(c)
		if err != nil {
			fail(c, err)
			return
		}
		c.String(200, "%d", len(b))
	})
	send := func(plain []byte) *httptest.ResponseRecorder {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(plain)
		_ = w.Close()
		r := httptest.NewRequest("POST", "/", &packed)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Encoding", "gzip")
		out := httptest.NewRecorder()
		e.ServeHTTP(out, r)
		return out
	}
	if got := send(make([]byte, 4<<20)); got.Code != 200 || got.Body.String() != "4194304" {
		t.Errorf("4 MiB: %d %s", got.Code, got.Body)
	}
	text := make([]byte, 8<<20) // packs to about half
	digits := rand.New(rand.NewPCG(1, 1))
	for i := range text {
		text[i] = "0123456789,."[digits.IntN(12)]
	}
	if got := send(text); got.Code != 200 {
		t.Errorf("8 MiB of digits: %d %s", got.Code, got.Body)
	}
	if got := send(make([]byte, 5<<20)); got.Code != 413 || !strings.Contains(got.Body.String(), `"limit_times":5`) {
		t.Errorf("5 MiB of zeros: %d %s", got.Code, got.Body)
	}
}

// TestNobodyTakesAllTheRoom has one client fill its share: others go on, and so does it once it has given room back.
func TestNobodyTakesAllTheRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(300, 100)
		greedy := r.enter("greedy")
		defer r.leave("greedy", greedy)
		if err := r.take(t.Context(), greedy, 100); err != nil {
			t.Fatal(err)
		}
		err := r.take(t.Context(), greedy, 1)
		if e := models.AsError(err); e.Code != models.Unavailable || e.RetryAfter == 0 || !strings.Contains(e.Text(), "yours") {
			t.Errorf("beyond the share: %v", err)
		}
		for _, who := range []string{"other", "third"} {
			place := r.enter(who)
			if err := r.take(t.Context(), place, 100); err != nil {
				t.Errorf("%s: %v", who, err)
			}
			defer r.leave(who, place)
		}
		r.give(greedy, 50)
		if err := r.take(t.Context(), greedy, 50); err != nil {
			t.Errorf("after it gave room back: %v", err)
		}
	})
}

// TestSlowUploadsAreCutOff trickles a body: it is told so in time, and one that keeps its pace is taken.
func TestSlowUploadsAreCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := gin.New()
		var cause error
		e.POST("/", middleware.Prepare(middleware.BodyConfig{Limit: 48 << 20}), func(c *gin.Context) {
			b, err := readBody(c)
			if cause = err; err != nil {
				fail(c, err)
				return
			}
			c.String(200, "%d", len(b))
		})
		send := func(size, step int, pause time.Duration) (int, time.Duration) {
			client, server := net.Pipe()
			l := &oneConn{conn: server, done: make(chan struct{})}
			s := &http.Server{Handler: e}
			go func() { _ = s.Serve(l) }()
			start := time.Now()
			var sender sync.WaitGroup
			sender.Go(func() {
				_, _ = fmt.Fprintf(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", size)
				for sent := 0; sent < size; sent += step {
					if _, err := client.Write(bytes.Repeat([]byte("1"), min(step, size-sent))); err != nil {
						return
					}
					time.Sleep(pause)
				}
			})
			answer, err := io.ReadAll(client)
			if err != nil && !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("reading the answer: %v", err)
			}
			took := time.Since(start)
			_ = client.Close()
			_ = s.Close()
			l.close()
			sender.Wait()
			var status int
			_, _ = fmt.Sscanf(string(answer), "HTTP/1.1 %d", &status)
			return status, took
		}
		if status, took := send(60<<10, 100, time.Second); status != 408 || took > 15*time.Second || models.AsError(cause).Code != render.UploadTooSlow {
			t.Errorf("100 bytes a second: %d after %v: %v", status, took, cause)
		}
		if status, _ := send(500<<10, 10<<10, time.Second); status != 200 {
			t.Errorf("10 kB a second of a small body: %d: %v", status, cause)
		}
		if status, took := send(5<<20, 20<<10, 500*time.Millisecond); status != 408 || took > 60*time.Second {
			t.Errorf("40 kB a second of a large body: %d after %v: %v", status, took, cause)
		}
		if status, _ := send(5<<20, 64<<10, 500*time.Millisecond); status != 200 {
			t.Errorf("128 kB a second of a large body: %d: %v", status, cause)
		}
	})
}

// oneConn is a listener that accepts one connection.
type oneConn struct {
	conn net.Conn
	done chan struct{}
	once bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	if !l.once {
		l.once = true
		return l.conn, nil
	}
	<-l.done
	return nil, net.ErrClosed
}

func (l *oneConn) close() {
	select {
	case <-l.done:
	default:
		close(l.done)
	}
}
func (l *oneConn) Close() error   { l.close(); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }
