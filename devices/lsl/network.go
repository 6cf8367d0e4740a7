package lsl

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/devices"
)

// Network says where streams are looked for and offered.
type Network struct {
	// Peers are hosts that are asked at each of the ports: what multicast does not reach. Defaults to 127.0.0.1.
	Peers []string
	// Multicast are the groups that are asked and listened at. Defaults to those of LSL's scope "site": 224.0.0.1, 224.0.0.183, 239.255.172.215 and
	// the broadcast. Empty and not nil is none.
	Multicast []string
	// MulticastPort defaults to 16571, BasePort to 16572, Ports to 32.
	MulticastPort, BasePort, Ports int
	// Listen is the address that an outlet listens at, and whose network alone it answers groups on. Defaults to all.
	Listen string
	// Session keeps laboratories apart that share a network. Defaults to "default".
	Session string
}

func (n Network) with() Network {
	if n.Peers == nil {
		n.Peers = []string{"127.0.0.1"}
	}
	if n.Multicast == nil {
		n.Multicast = []string{"255.255.255.255", "224.0.0.1", "224.0.0.183", "239.255.172.215"}
	}
	if n.MulticastPort == 0 {
		n.MulticastPort = 16571
	}
	if n.BasePort == 0 {
		n.BasePort = 16572
	}
	if n.Ports == 0 {
		n.Ports = 32
	}
	if n.Session == "" {
		n.Session = "default"
	}
	return n
}

// targets are the addresses that a query is sent to.
func (n Network) targets(ctx context.Context) []*net.UDPAddr {
	var out []*net.UDPAddr
	for _, group := range n.Multicast {
		if ip := net.ParseIP(group); ip != nil && ip.To4() != nil {
			out = append(out, &net.UDPAddr{IP: ip, Port: n.MulticastPort})
		}
	}
	for _, peer := range n.Peers {
		ips, err := net.DefaultResolver.LookupIP(ctx, "ip4", peer)
		if err != nil {
			continue // a host that is off today
		}
		for _, ip := range ips {
			for p := range n.Ports {
				out = append(out, &net.UDPAddr{IP: ip, Port: n.BasePort + p})
			}
		}
	}
	return out
}

// wave is how often a query is repeated, as long as nothing answers: datagrams get lost.
const wave = 500 * time.Millisecond

// quiet is how long is waited for further answers behind the first.
const quiet = 300 * time.Millisecond

// Resolve finds the streams that match a query, such as name='X' or type='EEG', until the context ends, or a little after the first answers. Streams
// of other sessions are left out. Errors: CodeInvalid for a query that cannot be read, CodeNotFound where nothing answers.
func Resolve(ctx context.Context, n Network, predicate string) ([]Info, error) {
	n = n.with()
	full := "session_id='" + n.Session + "'"
	if strings.TrimSpace(predicate) != "" {
		full += " and (" + predicate + ")"
	}
	matches, err := parseQuery(full)
	if err != nil {
		return nil, devices.Errorf(devices.CodeInvalid, "lsl: %w", err)
	}
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return nil, devices.Errorf(devices.CodeNotFound, "lsl: %w", err)
	}
	defer conn.Close()
	done := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer done()
	id := strconv.FormatInt(time.Now().UnixNano(), 10)
	message := fmt.Appendf(nil, "LSL:shortinfo\r\n%s\r\n%d %s\r\n", full, conn.LocalAddr().(*net.UDPAddr).Port, id)
	targets := n.targets(ctx)
	found := map[string]Info{}
	var order []string
	buf := make([]byte, 1<<16)
	until := time.Time{}
	for ctx.Err() == nil && (until.IsZero() || time.Now().Before(until)) {
		for _, t := range targets {
			_, _ = conn.WriteToUDP(message, t) // a network without a route is one where nothing is found
		}
		end := time.Now().Add(wave)
		if !until.IsZero() && until.Before(end) {
			end = until
		}
		_ = conn.SetReadDeadline(end)
		for ctx.Err() == nil {
			m, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				break // the time is up, or a port is closed
			}
			answered, text, _ := strings.Cut(string(buf[:m]), "\n")
			if strings.TrimSpace(answered) != id {
				continue
			}
			info, err := parseInfo(text)
			if err != nil || !matches(info.desc) {
				continue
			}
			// The way that an answer came is one that works; the first is the fastest.
			if _, known := found[info.UID]; !known {
				info.V4Address = from.IP.String()
				found[info.UID] = info
				order = append(order, info.UID)
			}
			if until.IsZero() {
				until = time.Now().Add(quiet)
				if until.Before(end) {
					_ = conn.SetReadDeadline(until)
				}
			}
		}
	}
	if len(found) == 0 {
		return nil, devices.Errorf(devices.CodeNotFound, "no LSL stream matches %s", full)
	}
	out := make([]Info, len(order))
	for i, uid := range order {
		out[i] = found[uid]
	}
	return out, nil
}

// fullInfo asks an outlet for its whole description.
func fullInfo(ctx context.Context, short Info) (Info, error) {
	conn, err := dial(ctx, short)
	if err != nil {
		return Info{}, err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("LSL:fullinfo\r\n")); err != nil {
		return Info{}, err
	}
	var text strings.Builder
	buf := make([]byte, 1<<14)
	for !strings.HasSuffix(strings.TrimRight(text.String()[max(0, text.Len()-64):], "\r\n \t"), "</info>") {
		m, err := conn.Read(buf)
		text.Write(buf[:m])
		if text.Len() > mostInfo {
			return Info{}, fmt.Errorf("a description of more than %d bytes", mostInfo)
		}
		if err != nil {
			break // the outlet closes behind it
		}
	}
	info, err := parseInfo(text.String())
	if err != nil {
		return Info{}, err
	}
	if info.UID != short.UID {
		return Info{}, fmt.Errorf("another stream answers at %s", conn.RemoteAddr())
	}
	info.V4Address = short.V4Address
	return info, nil
}

// dial connects to the data port of a stream. The connection ends with the context.
func dial(ctx context.Context, info Info) (net.Conn, error) {
	var d net.Dialer
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := d.DialContext(ctx, "tcp4", net.JoinHostPort(info.V4Address, strconv.Itoa(info.V4Data)))
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// ask measures how the clock of an outlet stands to this one, by so many questions: what must be added to its time, and half of the shortest
// round trip, which it may be off. ok is false where none was answered.
func ask(ctx context.Context, info Info, questions int, apart time.Duration) (offset, within float64, ok bool) {
	conn, err := net.Dial("udp4", net.JoinHostPort(info.V4Address, strconv.Itoa(info.V4Service)))
	if err != nil {
		return 0, 0, false
	}
	defer conn.Close()
	done := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer done()
	wave := int32(time.Now().UnixNano()) & 0x7fffffff
	buf := make([]byte, 1024)
	best := 0.0
	for range questions {
		if _, err := fmt.Fprintf(conn, "LSL:timedata\r\n%d %.9f\r\n", wave, localClock()); err != nil {
			continue
		}
		_ = conn.SetReadDeadline(time.Now().Add(max(apart, 128*time.Millisecond)))
		for ctx.Err() == nil {
			n, err := conn.Read(buf)
			t3 := localClock()
			if err != nil {
				break
			}
			var id int32
			var t0, t1, t2 float64
			if k, _ := fmt.Sscan(string(buf[:n]), &id, &t0, &t1, &t2); k != 4 || id != wave {
				continue
			}
			rtt := (t3 - t0) - (t2 - t1)
			if rtt >= 0 && (!ok || rtt < best) {
				best, ok = rtt, true
				offset, within = -((t1-t0)+(t2-t3))/2, rtt/2
			}
			break
		}
		if ctx.Err() != nil {
			break
		}
		if apart > 0 {
			t := time.NewTimer(apart)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
			}
		}
	}
	return offset, within, ok
}
