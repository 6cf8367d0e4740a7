package handlers

import (
	"bytes"
	"container/list"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// ConnectionsConfig says how many connections may be open.
type ConnectionsConfig struct {
	// PerClient is how many connections one client may have open at once: an IPv4 address, or an IPv6 /64. 0 is no limit.
	PerClient int
	// TrustedProxies, addresses or networks, are not counted: their connections carry the calls of many.
	TrustedProxies []string
	// Metrics counts what was refused. Defaults to a registry of its own.
	Metrics *prometheus.Registry
}

// Connections hold each client to so many connections, before anything is read from them: a connection takes memory and a place
// in the process's table of files while it says nothing, or half a request. One more than allowed takes the place of the client's
// connection that has been idle between two requests for the longest; where none is, it is told so (429) and closed.
type Connections struct {
	most    int
	proxies []netip.Prefix
	refused prometheus.Counter

	telling chan struct{} // room for those that are being told

	mu    sync.Mutex
	peers map[string]*peer
}

// peer is what is open from one address or network.
type peer struct {
	open int
	idle list.List // of *clientConn, the longest idle first
}

// Limits of telling a client that it has too many connections.
const (
	tellMost = 64 // at once; others are closed without a word
	tellTime = 500 * time.Millisecond
	tellRead = 64 << 10 // of the request that nobody answers
)

// refusedRetry is when to try again: idle connections end by themselves.
const refusedRetry = 5 * time.Second

// NewConnections returns the bound on connections; nil, which bounds nothing, where the configuration has none.
func NewConnections(cfg ConnectionsConfig) *Connections {
	if cfg.PerClient <= 0 {
		return nil
	}
	if cfg.Metrics == nil {
		cfg.Metrics = prometheus.NewRegistry()
	}
	return &Connections{
		most: cfg.PerClient, proxies: networks(cfg.TrustedProxies), telling: make(chan struct{}, tellMost), peers: map[string]*peer{},
		refused: register(cfg.Metrics, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "neurod_connections_refused_total",
			Help: "Connections refused because their address had as many open as it may.",
		})),
	}
}

// Bound returns l with its connections counted.
func (b *Connections) Bound(l net.Listener) net.Listener {
	if b == nil {
		return l
	}
	return boundListener{l, b}
}

type boundListener struct {
	net.Listener
	bound *Connections
}

// Accept implements [net.Listener].
func (l boundListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := c.(*net.TCPConn)
		if !ok {
			return c, nil // it comes from no address
		}
		from, counted := l.bound.network(tcp)
		if !counted {
			return c, nil
		}
		if in := l.bound.enter(tcp, from); in != nil {
			return in, nil
		}
		l.bound.refused.Inc()
		l.bound.tell(tcp)
	}
}

// network returns what a connection is counted by, and whether it is counted.
func (b *Connections) network(c net.Conn) (string, bool) {
	addr, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return "", false
	}
	ip := addr.Addr().Unmap().WithZone("")
	if slices.ContainsFunc(b.proxies, func(p netip.Prefix) bool { return p.Contains(ip) }) {
		return "", false
	}
	return service.Network(ip.String()), true
}

// clientConn is a connection that is counted until it is closed.
type clientConn struct {
	*net.TCPConn
	bound *Connections
	from  string
	place *list.Element // in peer.idle; nil while it is not idle
	left  bool
}

// enter counts a connection, and returns nil where its client has as many as it may and none of them is idle.
func (b *Connections) enter(c *net.TCPConn, from string) *clientConn {
	var gone *clientConn
	in := &clientConn{TCPConn: c, bound: b, from: from}
	b.mu.Lock()
	of := b.peers[from]
	if of == nil {
		of = &peer{}
		b.peers[from] = of
	}
	if of.open >= b.most {
		if first := of.idle.Front(); first != nil {
			gone = first.Value.(*clientConn)
			b.leave(gone)
		}
	}
	enough := of.open >= b.most
	if !enough {
		of.open++
		b.peers[from] = of // the last one may just have left
	}
	b.mu.Unlock()
	if gone != nil {
		_ = gone.TCPConn.Close() // its client sees that, as when an idle connection has ended by itself
	}
	if enough {
		return nil
	}
	return in
}

// leave takes a connection out of the count, once. The caller holds the lock.
func (b *Connections) leave(c *clientConn) {
	if c.left {
		return
	}
	c.left = true
	of := b.peers[c.from]
	if c.place != nil {
		of.idle.Remove(c.place)
		c.place = nil
	}
	if of.open--; of.open == 0 {
		delete(b.peers, c.from)
	}
}

// Close implements [net.Conn].
func (c *clientConn) Close() error {
	c.bound.mu.Lock()
	c.bound.leave(c)
	c.bound.mu.Unlock()
	return c.TCPConn.Close()
}

// plain returns the connection that TLS is spoken over, or the one given.
func plain(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}

// State is the server's hook (http.Server.ConnState): it learns which connections are idle.
func (b *Connections) State(conn net.Conn, state http.ConnState) {
	c, ok := plain(conn).(*clientConn)
	if !ok {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch idle := state == http.StateIdle; {
	case c.left:
	case idle && c.place == nil:
		c.place = b.peers[c.from].idle.PushBack(c)
	case !idle && c.place != nil:
		b.peers[c.from].idle.Remove(c.place)
		c.place = nil
	}
}

// tell says why a connection is closed. Nothing of its request is known, so it is said in the general shape of errors.
func (b *Connections) tell(c *net.TCPConn) {
	select {
	case b.telling <- struct{}{}:
	default:
		_ = c.Close()
		return
	}
	go func() {
		defer func() { <-b.telling }()
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(tellTime))
		if _, err := c.Write(b.answer()); err != nil {
			return
		}
		// What has come and was not read would have the kernel drop the answer with the connection.
		_ = c.CloseWrite()
		_, _ = io.CopyN(io.Discard, c, tellRead)
	}()
}

func (b *Connections) answer() []byte {
	e := models.Errorf(models.TooManyConnections, "Your address has %d connections open here; no more are allowed: use those again, or end some.", b.most)
	e.Details = map[string]any{"limit": b.most}
	status, contentType, body := render.Body(render.Envelope, e, "", time.Now())
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nRetry-After: %d\r\nConnection: close\r\n\r\n",
		status, http.StatusText(status), contentType, len(body), int(math.Ceil(refusedRetry.Seconds())))
	out.Write(body)
	return out.Bytes()
}
