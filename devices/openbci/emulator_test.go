//go:build linux

package openbci_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// emulator is a Cyton behind its dongle, as far as the documents describe one: it answers commands and sends packets over a pseudo-terminal. Channel c of
// packet n has the value n·100 + c, so that samples say where they belong.
type emulator struct {
	t    testing.TB
	path string // of the port
	in   *os.File

	mu       sync.Mutex
	daisy    bool
	streams  bool
	quiet    bool // says and sends nothing, as a board that is off
	failure  bool // the dongle does not reach its board
	lose     int  // packets
	n        int64
	commands strings.Builder
	raw      []byte               // what is sent before the next packet
	packets  func(n int64) []byte // what packet n of a stream is that begins at 1; nil for one that goes on
	rest     bool                 // channels are 0 but for the current by which contacts are measured; contact c has 2·c kΩ
	current  map[byte]bool
	wg       sync.WaitGroup
	stop     chan struct{}
}

func newEmulator(t testing.TB, daisy bool) *emulator {
	t.Helper()
	e := &emulator{t: t, daisy: daisy}
	e.plug()
	t.Cleanup(e.unplug)
	return e
}

// terminal makes a pseudo-terminal whose other side is a port at a path.
func terminal(t testing.TB, path string) *os.File {
	t.Helper()
	// One that does not block can be closed while it is read.
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	in := os.NewFile(uintptr(fd), "ptmx")
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprintf("/dev/pts/%d", n)
	_ = os.Remove(path)
	if err := os.Symlink(port, path); err != nil {
		t.Fatal(err)
	}
	return in
}

// plug makes the port.
func (e *emulator) plug() {
	e.t.Helper()
	// The port keeps its name when it comes back, as one by its serial number does.
	if e.path == "" {
		e.path = e.t.TempDir() + "/dongle"
	}
	e.in = terminal(e.t, e.path)
	e.streams = false // a pseudo-terminal that nobody reads would take only so much
	e.stop = make(chan struct{})
	e.wg.Go(e.listen)
	e.wg.Go(e.send)
}

// unplug takes the port away.
func (e *emulator) unplug() {
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

func (e *emulator) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// listen takes commands, a character at a time.
func (e *emulator) listen() {
	in := e.in
	buf := make([]byte, 256)
	long := ""
	for {
		n, err := in.Read(buf)
		if err != nil {
			select {
			case <-e.stop:
				return
			case <-time.After(time.Millisecond): // nobody has the port open
				continue
			}
		}
		for _, c := range string(buf[:n]) {
			e.mu.Lock()
			e.commands.WriteRune(c)
			answer := ""
			switch {
			case e.quiet:
			case e.failure:
				answer = "Failure: Communications timeout - Device failed to poll Host$$$"
			case long != "" || c == 'x' || c == 'z':
				if long += string(c); c == 'X' || c == 'Z' {
					answer = "Success: Channel set for " + long[1:2] + "$$$"
					if c == 'Z' {
						if e.current == nil {
							e.current = map[byte]bool{}
						}
						e.current[long[1]] = long[3] == '1'
					}
					long = ""
				}
			case c == 'v':
				e.streams = false
				answer = "OpenBCI V3 8-16 channel\nOn Board ADS1299 Device ID: 0x3E\n"
				if e.daisy {
					answer += "On Daisy ADS1299 Device ID: 0x3E\n"
				}
				answer += "LIS3DH Device ID: 0x33\nFirmware: v3.1.2\n$$$"
			case c == 'c':
				e.daisy = false
				answer = "daisy removed$$$"
			case c == 'b':
				e.streams = true
				if e.packets != nil {
					e.n = 0
				}
			case c == 's':
				e.streams = false
			}
			if answer != "" {
				_, _ = in.WriteString(answer)
			}
			e.mu.Unlock()
		}
	}
}

// send sends packets in real time.
func (e *emulator) send() {
	tick := time.NewTicker(8 * time.Millisecond)
	defer tick.Stop()
	due := time.Now()
	for {
		select {
		case <-tick.C:
		case <-e.stop:
			return
		}
		e.mu.Lock()
		for ; due.Before(time.Now()); due = due.Add(4 * time.Millisecond) {
			if !e.streams || e.quiet {
				continue
			}
			e.n++
			if e.lose > 0 {
				e.lose--
				continue
			}
			var p []byte
			switch {
			case e.rest:
				p = e.resting(e.n)
			case e.packets != nil:
				p = e.packets(e.n)
			default:
				p = packetOf(e.n)
			}
			b := append(e.raw, p...)
			e.raw = nil
			_, _ = e.in.Write(b)
		}
		e.mu.Unlock()
	}
}

// resting is packet n of electrodes at rest: a current of 6 nA at 31.25 Hz makes a voltage in a contact and in the 2.2 kΩ before the input. Channel 2 has a gain of 8.
func (e *emulator) resting(n int64) []byte {
	b := packetOf(n)
	clear(b[2:32])
	first, seconds := 0, float64(n)/250
	if e.daisy {
		first, seconds = 8*int(1-n%2), float64(n-n%2)/250
	}
	for c := range 8 {
		k := first + c
		if !e.current["12345678QWERTYUI"[k]] {
			continue
		}
		uv := 6e-9 * (2000*float64(k) + 2200) * 1e6 * math.Sin(2*math.Pi*31.25*seconds)
		gain := 24.0
		switch k {
		case 1:
			gain = 8
		case 3:
			uv = 4.5e6 / gain
		}
		v := uint32(int32(math.Round(uv / 1e6 * gain / 4.5 * (1<<23 - 1))))
		b[2+3*c], b[3+3*c], b[4+3*c] = byte(v>>16), byte(v>>8), byte(v)
	}
	return b
}

// packetOf is packet n.
func packetOf(n int64) []byte {
	b := make([]byte, 33)
	b[0], b[1], b[32] = 0xA0, byte(n), 0xC0
	for c := range 8 {
		v := uint32(int32(n*100%4_000_000) + int32(c))
		b[2+3*c], b[3+3*c], b[4+3*c] = byte(v>>16), byte(v>>8), byte(v)
	}
	if n%10 == 0 {
		binary.BigEndian.PutUint16(b[26:], 8000) // 1 g
		down := int16(-4000)
		binary.BigEndian.PutUint16(b[28:], uint16(down))
	}
	return b
}

// has waits until the board has been told something.
func (e *emulator) has(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Contains(e.commands.String(), text)
}
