package lsl

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/internal/guarded"
)

// OutletConfig describes a stream that is given.
type OutletConfig struct {
	// Name is required. Type defaults to EEG.
	Name, Type string
	// Labels are those of the channels. Required.
	Labels []string
	// Unit of all channels, as LSL's descriptions name them. Defaults to microvolts; "-" is none.
	Unit string
	// Rate in Hz; 0 is an irregular one.
	Rate float64
	// Format defaults to Float32.
	Format Format
	// SourceID lets inlets find the stream again when the outlet has been started anew. Defaults to the name and the host's.
	SourceID string
	// Network is where it is given.
	Network Network
}

const (
	mostConsumers = 64
	// handshake is how long a program may take over its request.
	handshake = 10 * time.Second
	// stalled is how long a consumer may take nothing before it is let go.
	stalled      = 60 * time.Second
	mostRequest  = 16 << 10
	mostBuffered = 64 << 20 // bytes that wait for a consumer
)

// Outlet gives a stream to whoever asks on the network. It may be used by several goroutines.
type Outlet struct {
	info        Info
	short, full string
	tcp         net.Listener
	udp         []net.PacketConn
	tree        *node
	stop        context.CancelFunc
	group       *guarded.Group

	mu        sync.Mutex
	consumers map[*consumer]bool
	dropped   int64
}

// consumer is a program that takes the stream.
type consumer struct {
	codec *codec
	ready chan struct{}
	most  int // samples

	mu    sync.Mutex
	queue [][]byte
	bytes int
}

// NewOutlet offers a stream. Errors: CodeInvalid for what no stream is; CodeBusy where no port is free.
func NewOutlet(cfg OutletConfig) (*Outlet, error) {
	n := cfg.Network.with()
	if cfg.Type == "" {
		cfg.Type = "EEG"
	}
	if cfg.Format == "" {
		cfg.Format = Float32
	}
	if cfg.Unit == "" {
		cfg.Unit = "microvolts"
	}
	if cfg.Name == "" || len(cfg.Labels) == 0 || len(cfg.Labels) > mostChannels || cfg.Format.size() < 0 || !(cfg.Rate >= 0) {
		return nil, devices.Errorf(devices.CodeInvalid, "an outlet needs a name, channels, a format that there is and a rate of 0 or more")
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	if cfg.SourceID == "" {
		cfg.SourceID = "neurod-" + cfg.Name + "-" + host
	}
	o := &Outlet{consumers: map[*consumer]bool{}}
	o.info = Info{Name: cfg.Name, Type: cfg.Type, Channels: len(cfg.Labels), Format: cfg.Format, Rate: cfg.Rate, SourceID: cfg.SourceID, UID: newUID(), SessionID: n.Session, Hostname: host,
		Version: 1.1, CreatedAt: localClock(), Labels: slices.Clone(cfg.Labels)}
	if cfg.Unit != "-" && cfg.Format != String {
		for range cfg.Labels {
			o.info.Units = append(o.info.Units, cfg.Unit)
		}
	}
	if err := o.listen(n); err != nil {
		return nil, err
	}
	o.short, o.full, o.tree = o.info.document(false), o.info.document(true), o.info.tree(true)
	ctx, stop := context.WithCancel(context.Background())
	o.stop = stop
	o.group, _ = guarded.WithContext(ctx)
	for _, c := range o.udp {
		o.group.Go(func() error { o.answer(ctx, c); return nil })
	}
	o.group.Go(func() error { o.accept(ctx); return nil })
	return o, nil
}

// newUID is a random UUID.
func newUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// listen takes the ports: one for samples and one for questions among those that are asked at, and those of the groups.
func (o *Outlet) listen(n Network) (err error) {
	for p := 0; p <= n.Ports && o.tcp == nil; p++ {
		port := n.BasePort + p
		if p == n.Ports {
			port = 0 // any; then only groups find it
		}
		o.tcp, err = net.Listen("tcp4", net.JoinHostPort(n.Listen, strconv.Itoa(port)))
	}
	if err != nil {
		return devices.Errorf(devices.CodeBusy, "lsl: %w", err)
	}
	var own net.PacketConn
	for p := 0; p <= n.Ports && own == nil; p++ {
		port := n.BasePort + p
		if p == n.Ports {
			port = 0
		}
		own, err = net.ListenPacket("udp4", net.JoinHostPort(n.Listen, strconv.Itoa(port)))
	}
	if err != nil {
		return errors.Join(devices.Errorf(devices.CodeBusy, "lsl: %w", err), o.tcp.Close())
	}
	o.info.V4Data, o.info.V4Service = o.tcp.Addr().(*net.TCPAddr).Port, own.LocalAddr().(*net.UDPAddr).Port
	o.udp = []net.PacketConn{own}
	listen := net.ListenConfig{Control: reuse}
	for _, group := range n.Multicast {
		// What cannot be listened at, such as a group without a network, is left to the ports that are asked.
		ip := net.ParseIP(group)
		switch {
		case ip == nil || ip.To4() == nil:
		case ip.IsMulticast():
			interfaces, _ := net.Interfaces()
			for i := range interfaces {
				if interfaces[i].Flags&net.FlagMulticast == 0 || interfaces[i].Flags&net.FlagUp == 0 || !has(&interfaces[i], n.Listen) {
					continue
				}
				if c, err := net.ListenMulticastUDP("udp4", &interfaces[i], &net.UDPAddr{IP: ip, Port: n.MulticastPort}); err == nil {
					o.udp = append(o.udp, c)
				}
			}
		default:
			if c, err := listen.ListenPacket(context.Background(), "udp4", net.JoinHostPort(n.Listen, strconv.Itoa(n.MulticastPort))); err == nil {
				o.udp = append(o.udp, c)
			}
		}
	}
	return nil
}

// has tells whether an interface has an address; each has the empty one.
func has(i *net.Interface, address string) bool {
	ip := net.ParseIP(address)
	if ip == nil || ip.IsUnspecified() {
		return true
	}
	addrs, _ := i.Addrs()
	return slices.ContainsFunc(addrs, func(a net.Addr) bool { n, ok := a.(*net.IPNet); return ok && n.IP.Equal(ip) })
}

// Info describes the stream.
func (o *Outlet) Info() Info { i := o.info; i.desc = nil; return i }

// Consumers returns how many programs take the stream.
func (o *Outlet) Consumers() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.consumers)
}

// Dropped returns how many samples were not sent to a program that took too long: those that were oldest.
func (o *Outlet) Dropped() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// Close stops giving the stream.
func (o *Outlet) Close() error {
	o.stop()
	err := o.tcp.Close()
	for _, c := range o.udp {
		err = errors.Join(err, c.Close())
	}
	return errors.Join(err, o.group.Wait())
}

// Now is the time of LSL's clock of this machine, which stamps are given in, s.
func Now() float64 { return localClock() }

// At is the time of LSL's clock at a time of the host.
func At(t time.Time) float64 { return localClock() - time.Since(t).Seconds() }

// Push gives a sample. It never waits: a program that takes too long loses the oldest. Errors: CodeInvalid for a sample that the stream has no place for.
func (o *Outlet) Push(s Sample) error {
	n := len(s.Values)
	if o.info.Format == String {
		n = len(s.Strings)
	}
	if n != o.info.Channels {
		return devices.Errorf(devices.CodeInvalid, "a sample of %d values for a stream of %d channels", n, o.info.Channels)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	encoded := map[binary.ByteOrder][]byte{}
	for c := range o.consumers {
		b, ok := encoded[c.codec.order]
		if !ok {
			b = c.codec.append(nil, &s)
			encoded[c.codec.order] = b
		}
		o.dropped += c.put(b)
	}
	return nil
}

// put queues a sample, and returns how many were dropped for it.
func (c *consumer) put(b []byte) (dropped int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 && (len(c.queue) >= c.most || c.bytes+len(b) > mostBuffered) {
		c.bytes -= len(c.queue[0])
		c.queue = c.queue[1:]
		dropped++
	}
	c.queue = append(c.queue, b)
	c.bytes += len(b)
	select {
	case c.ready <- struct{}{}:
	default:
	}
	return dropped
}

// take returns all that waits.
func (c *consumer) take() [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queue
	c.queue, c.bytes = nil, 0
	return q
}

// answer answers questions at a UDP port until it is closed.
func (o *Outlet) answer(ctx context.Context, c net.PacketConn) {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := c.ReadFrom(buf)
		t1 := localClock()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		to, reply := o.reply(string(buf[:n]), t1)
		if reply == "" {
			continue
		}
		addr := from.(*net.UDPAddr)
		if to != 0 {
			addr = &net.UDPAddr{IP: addr.IP, Port: to, Zone: addr.Zone}
		}
		_, _ = c.WriteTo([]byte(reply), addr) // who asked asks again
	}
}

// reply is the answer to a datagram, "" for none, and the port that it goes to, 0 for that which it came from.
func (o *Outlet) reply(text string, t1 float64) (port int, reply string) {
	method, rest, _ := strings.Cut(text, "\n")
	switch strings.TrimSpace(method) {
	case "LSL:shortinfo":
		q, rest, _ := strings.Cut(rest, "\n")
		back := strings.Fields(rest)
		if len(back) < 2 {
			return 0, ""
		}
		port, err := strconv.Atoi(back[0])
		matches, qerr := parseQuery(q)
		if err != nil || qerr != nil || port < 1 || port > 65535 || !matches(o.tree) {
			return 0, ""
		}
		return port, back[1] + "\r\n" + o.short
	case "LSL:timedata":
		asked := strings.Fields(rest)
		if len(asked) < 2 {
			return 0, ""
		}
		return 0, fmt.Sprintf(" %.30s %.30s %.9f %.9f", asked[0], asked[1], t1, localClock())
	}
	return 0, ""
}

// accept takes connections until the outlet is closed.
func (o *Outlet) accept(ctx context.Context) {
	slots := make(chan struct{}, mostConsumers)
	for {
		conn, err := o.tcp.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		o.group.Go(func() error {
			defer func() { <-slots }()
			defer conn.Close()
			done := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer done()
			_ = o.serve(ctx, conn) // a program that is gone
			return nil
		})
	}
}

// serve answers one connection.
func (o *Outlet) serve(ctx context.Context, conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(handshake)); err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(conn, mostRequest))
	line, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	method := strings.TrimSpace(line)
	switch {
	case method == "LSL:fullinfo":
		_, err = io.WriteString(conn, o.full)
	case method == "LSL:shortinfo":
		if line, err = r.ReadString('\n'); err != nil {
			return err
		}
		if q, err := parseQuery(strings.TrimSpace(line)); err != nil || !q(o.tree) {
			return err
		}
		_, err = io.WriteString(conn, o.short)
	case strings.HasPrefix(method, "LSL:streamfeed/"):
		return o.feed(ctx, conn, r, strings.TrimPrefix(method, "LSL:streamfeed/"))
	case method == "LSL:streamfeed":
		_, err = io.WriteString(conn, "LSL/110 505 Version not supported\r\n\r\n")
	}
	return err
}

// readHeaders reads the lines of a request up to an empty one, by their names in lower case and without comments.
func readHeaders(r *bufio.Reader) (map[string]string, error) {
	headers := map[string]string{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line = strings.TrimSpace(line); line == "" {
			return headers, nil
		}
		name, value, _ := strings.Cut(line, ":")
		value, _, _ = strings.Cut(value, ";")
		headers[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
	}
}

// feed agrees with a program on how samples go, and sends them.
func (o *Outlet) feed(ctx context.Context, conn net.Conn, r *bufio.Reader, request string) error {
	version, uid, _ := strings.Cut(request, " ")
	headers, err := readHeaders(r)
	if err != nil {
		return err
	}
	refuse := func(why string) error {
		_, err := io.WriteString(conn, "LSL/110 "+why+"\r\n\r\n")
		return err
	}
	if v, err := strconv.Atoi(version); err != nil || v < 110 || v >= 200 {
		return refuse("505 Version not supported")
	}
	if uid = strings.TrimSpace(uid); uid != "" && uid != o.info.UID {
		return refuse("404 Not found")
	}
	if size := headers["value-size"]; size != "" && o.info.Format != String && size != strconv.Itoa(o.info.Format.size()) {
		return refuse("501 Not implemented") // the library would fall back to version 1.00
	}
	order, name := binary.ByteOrder(binary.LittleEndian), "1234"
	if headers["native-byte-order"] == "4321" {
		order, name = binary.BigEndian, "4321"
	}
	buffered, err := strconv.Atoi(headers["max-buffer-length"])
	if err != nil {
		buffered = 36_000
	}
	c := &consumer{codec: newCodec(o.info.Format, o.info.Channels, order), ready: make(chan struct{}, 1), most: max(1, min(buffered, 1<<24))}
	b := []byte("LSL/110 200 OK\r\nUID: " + o.info.UID + "\r\nByte-Order: " + name + "\r\nSuppress-Subnormals: 0\r\nData-Protocol-Version: 110\r\n\r\n")
	for _, offset := range []int{4, 2} {
		s := c.codec.pattern(offset)
		b = c.codec.append(b, &s)
	}
	if _, err := conn.Write(b); err != nil || buffered <= 0 {
		return err // 0 asks only whether both understand each other
	}
	o.mu.Lock()
	o.consumers[c] = true
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.consumers, c)
	}()
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	// A consumer sends nothing more: what is read is its end.
	gone := make(chan struct{})
	o.group.Go(func() error {
		defer close(gone)
		_, _ = io.Copy(io.Discard, conn)
		return nil
	})
	defer func() { _ = conn.Close(); <-gone }()
	return c.write(ctx, conn, gone)
}

// write sends what comes for a consumer until it is gone or ctx ends.
func (c *consumer) write(ctx context.Context, conn net.Conn, gone <-chan struct{}) error {
	for {
		select {
		case <-c.ready:
		case <-gone:
			return nil
		case <-ctx.Done():
			return nil
		}
		if err := conn.SetWriteDeadline(time.Now().Add(stalled)); err != nil {
			return err
		}
		buffers := net.Buffers(c.take())
		if _, err := buffers.WriteTo(conn); err != nil {
			return err
		}
	}
}
