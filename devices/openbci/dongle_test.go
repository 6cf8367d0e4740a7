//go:build linux

package openbci_test

import (
	"encoding/binary"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// bled is a BLED112 with Ganglions in reach, as far as the documents describe them: it answers BGAPI and lets a board send over a pseudo-terminal.
type bled struct {
	t    testing.TB
	path string
	in   *os.File

	mu        sync.Mutex
	boards    []string // names
	firmware  int
	mute      bool // the board says nothing of itself
	deaf      bool // no dongle answers
	accel     bool
	connected bool
	notified  bool
	streams   bool
	impedance bool
	quiet     bool
	lose      int // packets
	n         int64
	packets   func(n int64) []byte // what packet n of the stream is
	commands  strings.Builder
	raw       []byte
	stop      chan struct{}
	wg        sync.WaitGroup
}

func newBLED(t testing.TB, firmware int, boards ...string) *bled {
	t.Helper()
	e := &bled{t: t, firmware: firmware, boards: boards, path: t.TempDir() + "/bled"}
	e.packets = func(n int64) []byte { return ganglionPacketOf(e.firmware, n, e.accel) }
	e.plug()
	t.Cleanup(e.unplug)
	return e
}

func (e *bled) plug() {
	e.t.Helper()
	e.in = terminal(e.t, e.path)
	e.connected, e.streams, e.notified, e.impedance = false, false, false, false
	e.stop = make(chan struct{})
	e.wg.Go(e.listen)
	e.wg.Go(e.send)
}

func (e *bled) unplug() {
	select {
	case <-e.stop:
		return
	default:
	}
	close(e.stop)
	_ = os.Remove(e.path)
	_ = e.in.Close()
	e.wg.Wait()
}

func (e *bled) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

func (e *bled) has(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Contains(e.commands.String(), text)
}

// Handles of the board's attributes.
const (
	handleService = 0x000c
	handleReceive = 0x000e
	handleNotify  = 0x000f
	handleSend    = 0x0011
	handleLast    = 0x0014
)

// event and answer write a message of the dongle. The caller holds the lock.
func (e *bled) event(class, id byte, payload ...byte) {
	_, _ = e.in.Write(append([]byte{0x80, byte(len(payload)), class, id}, payload...))
}

func (e *bled) answer(class, id byte, payload ...byte) {
	_, _ = e.in.Write(append([]byte{0, byte(len(payload)), class, id}, payload...))
}

func u16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func address(board int) []byte { return []byte{byte(board), 0x58, 0x08, 0x3d, 0x95, 0xe4} }

func (e *bled) listen() {
	in := e.in
	var held []byte
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		if err != nil {
			select {
			case <-e.stop:
				return
			case <-time.After(time.Millisecond): // nobody has the port open
				held = nil
				continue
			}
		}
		held = append(held, buf[:n]...)
		for len(held) >= 4 && len(held) >= 4+int(held[1]) {
			size := 4 + int(held[1])
			e.mu.Lock()
			if !e.deaf {
				e.command(held[2], held[3], held[4:size])
			}
			e.mu.Unlock()
			held = held[size:]
		}
	}
}

// command does what the host asks for.
func (e *bled) command(class, id byte, p []byte) {
	ok := []byte{0, 0}
	switch [2]byte{class, id} {
	case [2]byte{0, 0}: // reset: the port goes away and comes back
		e.connected, e.streams, e.notified = false, false, false
	case [2]byte{0, 1}:
		e.answer(0, 1)
	case [2]byte{3, 0}:
		if e.connected && p[0] == 0 {
			e.connected, e.streams, e.notified, e.impedance = false, false, false, false
			e.answer(3, 0, p[0], 0, 0)
			e.event(3, 4, p[0], 0x16, 0x02)
			return
		}
		e.answer(3, 0, p[0], 0x86, 0x01) // not connected
	case [2]byte{6, 7}, [2]byte{6, 4}:
		e.answer(6, id, ok...)
	case [2]byte{6, 2}:
		e.answer(6, id, ok...)
		e.event(6, 0, join([]byte{200, 0}, []byte{1, 2, 3, 4, 5, 6}, []byte{1, 0xff, 3}, []byte{2, 1, 6})...) // a stranger without a name
		for i, name := range e.boards {
			ad := join([]byte{byte(len(name) + 1), 9}, []byte(name))
			e.event(6, 0, join([]byte{198, 4}, address(i), []byte{1, 0xff, byte(len(ad))}, ad)...)
		}
	case [2]byte{6, 3}:
		e.answer(6, id, 0, 0, 0)
		e.connected, e.n = true, 0
		e.event(3, 0, join([]byte{0, 5}, p[:6], []byte{1}, u16(76), u16(100), u16(0), []byte{0xff})...)
	case [2]byte{4, 1}:
		e.answer(4, id, 0, 0, 0)
		e.event(4, 2, join([]byte{0}, u16(1), u16(7), []byte{2, 0x00, 0x18})...)
		e.event(4, 2, join([]byte{0}, u16(handleService), u16(handleLast), []byte{2, 0x84, 0xfe})...)
		e.event(4, 1, join([]byte{0}, ok, u16(handleLast))...)
	case [2]byte{4, 3}:
		e.answer(4, id, 0, 0, 0)
		uuid := func(n byte) []byte {
			return []byte{16, 0x96, 0x05, 0x48, 0xea, 0x84, 0x34, 0x3f, 0x92, 0xe6, 0x4c, 0x9f, 0xf3, n, 0xc0, 0x30, 0x2d}
		}
		e.event(4, 4, join([]byte{0}, u16(handleService), []byte{2, 0x00, 0x28})...)
		e.event(4, 4, join([]byte{0}, u16(handleReceive), uuid(0x82))...)
		e.event(4, 4, join([]byte{0}, u16(handleNotify), []byte{2, 0x02, 0x29})...)
		e.event(4, 4, join([]byte{0}, u16(handleSend), uuid(0x83))...)
		e.event(4, 1, join([]byte{0}, ok, u16(handleLast))...)
	case [2]byte{4, 10}:
		e.answer(4, id, 0, 0, 0)
	case [2]byte{4, 5}:
		handle := int(binary.LittleEndian.Uint16(p[1:]))
		e.answer(4, id, 0, 0, 0)
		e.event(4, 1, join([]byte{0}, ok, u16(handle))...)
		switch handle {
		case handleNotify:
			e.notified = p[4] == 1
		case handleSend:
			for _, c := range string(p[4:]) {
				e.told(c)
			}
		}
	}
}

// told does what the board is told.
func (e *bled) told(c rune) {
	e.commands.WriteRune(c)
	switch c {
	case 'v':
		e.streams = false
		if !e.mute {
			text := "OpenBCI Ganglion v" + strconv.Itoa(e.firmware) + ".0.1\nLIS2DH ID: 0x33\nMCP3912 CONFIG_1: 0xXX\n"
			for len(text) > 19 {
				e.value(append([]byte{206}, text[:19]...))
				text = text[19:]
			}
			e.value(append([]byte{207}, text...))
		}
	case 'b':
		e.streams, e.n = true, 0
	case 's':
		e.streams = false
	case 'n':
		e.accel = true
	case 'N':
		e.accel = false
	case 'z':
		e.impedance = true
	case 'Z':
		e.impedance = false
	}
}

// value notifies the host of bytes of the board.
func (e *bled) value(b []byte) {
	if e.notified {
		e.event(4, 5, join([]byte{0}, u16(handleReceive), []byte{1, byte(len(b))}, b)...)
	}
}

// send sends packets in real time: 100 a second.
func (e *bled) send() {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	due := time.Now()
	for {
		select {
		case <-tick.C:
		case <-e.stop:
			return
		}
		e.mu.Lock()
		for ; due.Before(time.Now()); due = due.Add(10 * time.Millisecond) {
			if e.quiet || !e.connected {
				continue
			}
			if e.impedance {
				e.n++
				if id := 201 + e.n/5%5; e.n%5 == 0 {
					text := strconv.FormatInt((id-200)*1500, 10) + "Z\n"
					b := make([]byte, 20)
					b[0] = byte(id)
					copy(b[1:], text)
					e.value(b)
				}
				continue
			}
			if !e.streams {
				continue
			}
			e.n++
			if e.lose > 0 {
				e.lose--
				continue
			}
			if e.raw != nil {
				_, _ = e.in.Write(e.raw)
				e.raw = nil
			}
			e.value(e.packets(e.n - 1))
		}
		e.mu.Unlock()
	}
}

// ganglionCounts is the truth: what channel c is at sample n, counts. They are multiples of 128, so that 18 bits tell them whole, and move less than a difference may.
func ganglionCounts(n int64, c int) int32 {
	return 128 * int32(c+1) * int32(math.Round(500*math.Sin(2*math.Pi*float64(n)/100+float64(c))))
}

// bitWriter appends values whose lowest bit is their sign.
type bitWriter struct {
	b  []byte
	at int
}

func (w *bitWriter) add(v int32, bits int) {
	u := uint32(v) &^ 1
	if v < 0 {
		u |= 1
	}
	for i := bits - 1; i >= 0; i-- {
		if u>>i&1 != 0 {
			w.b[w.at/8] |= 1 << (7 - w.at%8)
		}
		w.at++
	}
}

// ganglionPacketOf is packet n of a stream that began at 0.
func ganglionPacketOf(firmware int, n int64, accel bool) []byte {
	b := make([]byte, 20)
	bits := 19
	if accel {
		bits = 18
	}
	axes := map[int64]int8{1: 10, 2: -20, 3: 30}
	if firmware == 3 {
		id := n % 100
		if accel {
			b[19] = byte(axes[id%10])
		} else {
			id += 100
		}
		b[0] = byte(id)
		w := bitWriter{b: b[1:]}
		for i := range int64(2) {
			for c := range 4 {
				w.add(ganglionCounts(2*n+i, c)>>(24-bits), bits)
			}
		}
		return b
	}
	id, cycles := n%101, n/101
	first := cycles*201 + max(0, 2*id-1)
	if id == 0 {
		for c := range 4 {
			v := uint32(ganglionCounts(first, c))
			b[1+3*c], b[2+3*c], b[3+3*c] = byte(v>>16), byte(v>>8), byte(v)
		}
		return b
	}
	b[0] = byte(100 + id)
	if accel {
		b[0], b[19] = byte(id), byte(axes[id%10])
	}
	w := bitWriter{b: b[1:]}
	for i := range int64(2) {
		for c := range 4 {
			w.add(ganglionCounts(first+i-1, c)-ganglionCounts(first+i, c), bits)
		}
	}
	return b
}
