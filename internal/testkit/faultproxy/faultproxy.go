// Package faultproxy stands between a client and a server and breaks what passes: it delays, refuses with 429 and 503, resets
// connections before a request is passed on, in the middle of a body either way or after the server has answered, and cuts streams.
//
// What it breaks is drawn from a seed, so that a run can be repeated. The most wicked fault is the answer that is lost after the
// server has acted (LoseAnswer): a client that repeats such a call without care does everything twice.
package faultproxy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Faults says how often what is broken. Shares are of calls, from 0 to 1, and are drawn one after the other.
type Faults struct {
	Seed uint64 `json:"seed"` // 0 keeps the sequence that is running

	Delay   float64 `json:"delay"`    // share of calls that wait
	DelayMS int     `json:"delay_ms"` // at most so long

	TooMany     float64 `json:"too_many"`    // 429 with Retry-After, not passed on
	RetryAfterS int     `json:"retry_after"` // what that says
	Unavailable float64 `json:"unavailable"` // 503, not passed on

	ResetBefore float64 `json:"reset_before"` // the connection breaks before anything is passed on
	ResetBody   float64 `json:"reset_body"`   // the connection breaks in the middle of the request's body
	LoseAnswer  float64 `json:"lose_answer"`  // the server acts, its answer is lost
	CutAnswer   float64 `json:"cut_answer"`   // the connection breaks in the middle of the answer's body

	CutStream      float64 `json:"cut_stream"`       // share of WebSockets and event streams that are cut
	CutStreamBytes int     `json:"cut_stream_bytes"` // after at most so many bytes; 4096 without
}

// Counts counts what happened.
type Counts struct {
	Calls       int `json:"calls"` // that came, broken or not
	Streams     int `json:"streams"`
	Delay       int `json:"delay"`
	TooMany     int `json:"too_many"`
	Unavailable int `json:"unavailable"`
	ResetBefore int `json:"reset_before"`
	ResetBody   int `json:"reset_body"`
	LoseAnswer  int `json:"lose_answer"`
	CutAnswer   int `json:"cut_answer"`
	CutStream   int `json:"cut_stream"`
}

// Proxy is a running proxy.
type Proxy struct {
	URL string // where clients connect
	// Control is where a client sets faults and reads counts over HTTP: PUT Control with Faults as JSON, GET Control for Counts.
	Control string

	target    *url.URL
	transport *http.Transport
	front     *http.Server
	control   *http.Server

	mu     sync.Mutex
	faults Faults
	rng    *rand.Rand
	counts Counts
	open   map[net.Conn]struct{} // streams, which Shutdown does not know
}

// Start starts a proxy in front of a base URL on free loopback ports. It breaks nothing until Set is called.
func Start(target string) (*Proxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: u, transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		rng: rand.New(rand.NewPCG(1, 1)), open: map[net.Conn]struct{}{}}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, front.Close())
	}
	p.URL, p.Control = "http://"+front.Addr().String(), "http://"+control.Addr().String()+"/"
	p.front = &http.Server{Handler: http.HandlerFunc(p.pass), ReadHeaderTimeout: time.Minute}
	p.control = &http.Server{Handler: http.HandlerFunc(p.steer), ReadHeaderTimeout: time.Minute}
	go func() { _ = p.front.Serve(front) }()
	go func() { _ = p.control.Serve(control) }()
	return p, nil
}

// Close ends the proxy and every connection through it.
func (p *Proxy) Close() error {
	err := errors.Join(p.front.Close(), p.control.Close())
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		err = errors.Join(err, conn.Close())
	}
	p.open = map[net.Conn]struct{}{}
	p.transport.CloseIdleConnections()
	return err
}

// Set takes faults into force for the calls that follow.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
	if f.Seed != 0 {
		p.rng = rand.New(rand.NewPCG(f.Seed, f.Seed))
	}
}

// Counts returns what happened so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

func (p *Proxy) steer(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPut, http.MethodPost:
		var f Faults
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&f); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p.Set(f)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(p.Counts())
	}
}

// plan is what is done to one call.
type plan struct {
	delay  time.Duration
	kind   string
	share  float64 // of a body that passes before it breaks
	retry  int
	cut    bool // of streams
	cutAt  int
	stream bool
}

// draw decides about a call. The counts follow what is drawn; a fault that finds nothing to break, such as a body, counts all the same.
func (p *Proxy) draw(stream bool) plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, c := p.faults, &p.counts
	d := plan{share: p.rng.Float64(), retry: f.RetryAfterS, stream: stream}
	c.Calls++
	if p.rng.Float64() < f.Delay && f.DelayMS > 0 {
		d.delay = time.Duration(1+p.rng.IntN(f.DelayMS)) * time.Millisecond
		c.Delay++
	}
	kinds := []struct {
		name  string
		share float64
		count *int
	}{
		{"too_many", f.TooMany, &c.TooMany},
		{"unavailable", f.Unavailable, &c.Unavailable},
		{"reset_before", f.ResetBefore, &c.ResetBefore},
		{"reset_body", f.ResetBody, &c.ResetBody},
		{"lose_answer", f.LoseAnswer, &c.LoseAnswer},
		{"cut_answer", f.CutAnswer, &c.CutAnswer},
	}
	if stream { // what is left of a stream is cut in it
		kinds = kinds[:3]
	}
	draw := p.rng.Float64()
	for _, k := range kinds {
		if draw < k.share {
			d.kind = k.name
			*k.count++
			return d
		}
		draw -= k.share
	}
	if stream {
		c.Streams++
		if p.rng.Float64() < f.CutStream {
			most := f.CutStreamBytes
			if most <= 0 {
				most = 4096
			}
			d.cut, d.cutAt = true, 1+p.rng.IntN(most)
			c.CutStream++
		}
	}
	return d
}

func (p *Proxy) pass(w http.ResponseWriter, r *http.Request) {
	socket := strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
	d := p.draw(socket || strings.HasSuffix(r.URL.Path, "/stream"))
	if d.delay > 0 {
		select {
		case <-time.After(d.delay):
		case <-r.Context().Done():
			return
		}
	}
	switch d.kind {
	case "too_many":
		w.Header().Set("Retry-After", fmt.Sprint(d.retry))
		refuse(w, r, http.StatusTooManyRequests, "rate_limited")
		return
	case "unavailable":
		refuse(w, r, http.StatusServiceUnavailable, "unavailable")
		return
	case "reset_before":
		reset(w)
		return
	case "reset_body":
		_, _ = io.CopyN(io.Discard, r.Body, int64(d.share*float64(max(r.ContentLength, 0))))
		reset(w)
		return
	}
	if socket {
		p.socket(w, r, d)
		return
	}
	p.forward(w, r, d)
}

// refuse answers in the shape of the family of paths.
func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	var body any = map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": "by the fault proxy", "code": code, "request_id": "proxy"}
	w.Header().Set("Content-Type", "application/problem+json")
	if strings.HasPrefix(r.URL.Path, "/api/") {
		w.Header().Set("Content-Type", "application/json")
		body = map[string]any{"error": map[string]any{"code": code, "message": "by the fault proxy", "details": map[string]any{}, "request_id": "proxy",
			"timestamp": time.Now().UTC().Format(time.RFC3339)}}
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// reset breaks the client's connection as a lost peer does: with RST, whatever is still on its way.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	breakOff(conn)
}

func breakOff(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, d plan) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.RequestURI = p.target.Scheme, p.target.Host, ""
	out.Header.Del("Connection")
	if r.ContentLength == 0 {
		out.Body = nil
	}
	res, err := p.transport.RoundTrip(out)
	if err != nil {
		reset(w)
		return
	}
	defer res.Body.Close()
	if d.kind == "lose_answer" {
		_, _ = io.Copy(io.Discard, res.Body) // the server has done all of it
		reset(w)
		return
	}
	if d.kind == "cut_answer" {
		p.cut(w, res, d.share)
		return
	}
	for k, v := range res.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(res.StatusCode)
	passed := 0
	buf := make([]byte, 32<<10)
	for {
		n, err := res.Body.Read(buf)
		if d.cut && passed+n >= d.cutAt {
			_, _ = w.Write(buf[:d.cutAt-passed])
			_ = http.NewResponseController(w).Flush()
			reset(w)
			return
		}
		passed += n
		if _, failed := w.Write(buf[:n]); failed != nil {
			return
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				reset(w)
			}
			return
		}
		if d.stream {
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// cut writes the head of an answer and a part of its body, byte by byte as it would have come, and breaks the connection.
func (p *Proxy) cut(w http.ResponseWriter, res *http.Response, share float64) {
	body, err := io.ReadAll(res.Body)
	if err != nil {
		reset(w)
		return
	}
	res.Body, res.ContentLength, res.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
	var whole bytes.Buffer
	if err := res.Write(&whole); err != nil {
		reset(w)
		return
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	head := whole.Len() - len(body)
	part := head + int(share*float64(len(body)))
	_, _ = conn.Write(whole.Bytes()[:min(part, whole.Len()-1)])
	breakOff(conn)
}

// socket passes a WebSocket on, byte by byte, until one side ends or its time to be cut has come.
func (p *Proxy) socket(w http.ResponseWriter, r *http.Request, d plan) {
	server, err := net.Dial("tcp", p.target.Host)
	if err != nil {
		reset(w)
		return
	}
	if err := r.Write(server); err != nil {
		_ = server.Close()
		reset(w)
		return
	}
	answer := bufio.NewReader(server)
	res, err := http.ReadResponse(answer, r)
	if err != nil {
		_ = server.Close()
		reset(w)
		return
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		defer server.Close()
		for k, v := range res.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
		return
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		_ = server.Close()
		return
	}
	client, buffered, err := hijacker.Hijack()
	if err != nil {
		_ = server.Close()
		return
	}
	p.hold(client, server)
	defer p.release(client, server)
	if err := res.Write(client); err != nil {
		return
	}
	ended := make(chan struct{}, 2)
	go func() {
		_, _ = io.Copy(server, buffered)
		ended <- struct{}{}
	}()
	go func() {
		if d.cut {
			_, _ = io.CopyN(client, answer, int64(d.cutAt))
			breakOff(client)
		} else {
			_, _ = io.Copy(client, answer)
		}
		ended <- struct{}{}
	}()
	<-ended
}

func (p *Proxy) hold(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = struct{}{}
	}
}

func (p *Proxy) release(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.open, c)
		_ = c.Close()
	}
}
