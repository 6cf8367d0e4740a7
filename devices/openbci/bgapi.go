package openbci

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.bug.st/serial"

	"github.com/neurod/neurod/devices"
)

// The dongle of a Ganglion is a BLED112: it speaks BGAPI, Bluegiga's binary host protocol, over a serial port. A message is
//
//	kind u8 (0x00 answer or command, 0x80 event; low 3 bits are the high bits of the length) · length u8 · class u8 · id u8 · payload
//
// with numbers in little-endian and arrays behind their length, a byte.
//
// Source: Silicon Labs, Bluetooth Smart Software v1.3.1 API Reference.
const (
	classSystem     = 0
	classConnection = 3
	classAttributes = 4 // of a client
	classGAP        = 6

	idHello            = 1 // system
	idDisconnect       = 0 // connection
	idReadByGroupType  = 1 // attributes
	idFindInformation  = 3
	idAttributeWrite   = 5
	idDiscover         = 2 // GAP
	idConnectDirect    = 3
	idEndProcedure     = 4
	idScanParameters   = 7
	evtConnected       = 0 // connection
	evtDisconnected    = 4
	evtProcedureDone   = 1 // attributes
	evtGroupFound      = 2
	evtInformation     = 4
	evtAttributeValue  = 5
	evtScanResponse    = 0 // GAP
	event              = 0x80
	observation        = 2 // discover mode: whatever is heard
	largestMessage     = 4 + 2047
	connectedFlag      = 1
	primaryService     = 0x2800
	clientCharacterist = 0x2902
	ganglionService    = 0xFE84
)

// The characteristics of a Ganglion, as they come: 2d30c082-f39f-4ce6-923f-3484ea480596 is notified with what it sends, c083 takes commands.
var (
	receiveUUID = [16]byte{0x96, 0x05, 0x48, 0xea, 0x84, 0x34, 0x3f, 0x92, 0xe6, 0x4c, 0x9f, 0xf3, 0x82, 0xc0, 0x30, 0x2d}
	sendUUID    = [16]byte{0x96, 0x05, 0x48, 0xea, 0x84, 0x34, 0x3f, 0x92, 0xe6, 0x4c, 0x9f, 0xf3, 0x83, 0xc0, 0x30, 0x2d}
)

// message is one of the dongle.
type message struct {
	event     bool
	class, id byte
	payload   []byte // good until the next call
	at        time.Time
}

func (m *message) is(event bool, class, id byte) bool {
	return m.event == event && m.class == class && m.id == id
}

// u16 reads a number of the payload, 0 where it is too short.
func (m *message) u16(at int) uint16 {
	if at+2 > len(m.payload) {
		return 0
	}
	return binary.LittleEndian.Uint16(m.payload[at:])
}

// array reads the array at a place, behind its length; nil where it is cut.
func (m *message) array(at int) []byte {
	if at >= len(m.payload) || at+1+int(m.payload[at]) > len(m.payload) {
		return nil
	}
	return m.payload[at+1 : at+1+int(m.payload[at])]
}

// layout is the payload of a message that the driver waits for: its length, or what lies before an array at its end.
type layout struct {
	fixed int
	array bool
}

// layouts are those by (event, class, id). A message that is none of these is passed over by its length where its header may be one.
var layouts = map[[3]byte]layout{
	{0, classSystem, idHello}:               {0, false},
	{0, classConnection, idDisconnect}:      {3, false},
	{0, classAttributes, idReadByGroupType}: {3, false},
	{0, classAttributes, idFindInformation}: {3, false},
	{0, classAttributes, idAttributeWrite}:  {3, false},
	{0, classGAP, idDiscover}:               {2, false},
	{0, classGAP, idConnectDirect}:          {3, false},
	{0, classGAP, idEndProcedure}:           {2, false},
	{0, classGAP, idScanParameters}:         {2, false},

	{event, classConnection, evtConnected}:      {16, false},
	{event, classConnection, evtDisconnected}:   {3, false},
	{event, classAttributes, evtProcedureDone}:  {5, false},
	{event, classAttributes, evtGroupFound}:     {5, true},
	{event, classAttributes, evtInformation}:    {3, true},
	{event, classAttributes, evtAttributeValue}: {4, true},
	{event, classGAP, evtScanResponse}:          {10, true},
}

const classes = 10 // of BGAPI

// messages finds messages in a stream of bytes. The protocol has no mark where one begins: a message is one where the next begins right behind it, or nothing has come
// yet. What is none is passed over byte by byte, such as the rest of one that a reset cut.
type messages struct {
	buf     []byte
	skipped int64
}

// add takes bytes and calls f with the messages among them. final tells that no more will come for now, so that a last message has nothing behind it.
func (s *messages) add(b []byte, final bool, f func(message)) {
	s.buf = append(s.buf, b...)
	at := 0
	for len(s.buf)-at >= 4 {
		m, size, ok := parseMessage(s.buf[at:])
		if ok && size > len(s.buf)-at {
			break
		}
		if ok {
			behind := s.buf[at+size:]
			if len(behind) < 4 && !final {
				break
			}
			ok = begins(behind)
		}
		if !ok {
			at++
			s.skipped++
			continue
		}
		f(m)
		at += size
	}
	s.buf = append(s.buf[:0], s.buf[at:]...)
}

// begins tells by the header whether a message may begin with bytes, of which there may be few or none.
func begins(b []byte) bool {
	if len(b) >= 4 {
		_, _, ok := parseMessage(b[:4])
		return ok
	}
	return len(b) == 0 || b[0]&0x78 == 0
}

// parseMessage reads the message that bytes begin with. ok is false where they begin with none; size may be more than is there, and the message is not whole then.
func parseMessage(b []byte) (m message, size int, ok bool) {
	kind, class, id := b[0]&0x80, b[2], b[3]
	length := int(b[0]&7)<<8 | int(b[1])
	if b[0]&0x78 != 0 || class >= classes || length > 256 {
		return m, 0, false
	}
	l, known := layouts[[3]byte{kind, class, id}]
	switch {
	case !known && (id > 20 || length > 64): // nothing that is known has more
		return m, 0, false
	case known && !l.array && length != l.fixed, known && l.array && length < l.fixed+1:
		return m, 0, false
	case known && l.array && len(b) > 4+l.fixed && int(b[4+l.fixed]) != length-l.fixed-1:
		return m, 0, false
	}
	size = 4 + length
	m = message{event: kind != 0, class: class, id: id}
	if size <= len(b) {
		m.payload = b[4:size]
	}
	return m, size, true
}

// command returns the bytes of a command.
func command(class, id byte, payload ...byte) []byte {
	return append([]byte{0, byte(len(payload)), class, id}, payload...)
}

func le16(v uint16) []byte { return binary.LittleEndian.AppendUint16(nil, v) }

// dongle is a BLED112 with an open port.
type dongle struct {
	port    serial.Port
	r       *reader
	split   messages
	waiting []message // that came and were not looked at yet

	connection byte
	connected  bool
	receive    uint16 // handle of what the board sends
	send       uint16 // handle of commands
	notify     uint16 // handle that switches notifications
}

var errGone = errors.New("the board is gone")

// next returns the next message.
func (d *dongle) next(ctx context.Context) (message, error) {
	for {
		if len(d.waiting) > 0 {
			m := d.waiting[0]
			d.waiting = d.waiting[1:]
			return m, nil
		}
		select {
		case c, open := <-d.r.chunks:
			if !open {
				return message{}, io.EOF
			}
			d.split.add(c.bytes, true, func(m message) {
				m.payload, m.at = append([]byte(nil), m.payload...), c.at
				d.waiting = append(d.waiting, m)
			})
			if c.err != nil {
				return message{}, c.err
			}
		case <-ctx.Done():
			return message{}, errNoAnswer
		}
	}
}

// until reads messages until done says so.
func (d *dongle) until(ctx context.Context, limit time.Duration, done func(*message) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		m, err := d.next(ctx)
		if err != nil {
			return err
		}
		if m.is(true, classConnection, evtDisconnected) && d.connected && len(m.payload) > 0 && m.payload[0] == d.connection {
			d.connected = false
			return errGone
		}
		if over, err := done(&m); over || err != nil {
			return err
		}
	}
}

// call sends a command and waits for its answer.
func (d *dongle) call(ctx context.Context, limit time.Duration, class, id byte, payload ...byte) (message, error) {
	var answer message
	if _, err := d.port.Write(command(class, id, payload...)); err != nil {
		return answer, err
	}
	err := d.until(ctx, limit, func(m *message) (bool, error) {
		if m.is(false, class, id) {
			answer = *m
			return true, nil
		}
		return false, nil
	})
	return answer, err
}

// result is the error of an answer whose result lies at a place.
func (m *message) result(at int) error {
	if r := m.u16(at); r != 0 {
		return fmt.Errorf("the dongle answers 0x%04x", r)
	}
	return nil
}

// found is a board that was heard.
type found struct {
	address [6]byte
	kind    byte // of the address
	name    string
	rssi    int8
}

// addressText is an address as people write it.
func addressText(a [6]byte) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", a[5], a[4], a[3], a[2], a[1], a[0])
}

// advertised returns the name in what a board advertises, "" for none.
func advertised(data []byte) string {
	for len(data) > 1 {
		n := int(data[0])
		if n < 1 || n > len(data)-1 {
			return ""
		}
		if kind := data[1]; kind == 0x08 || kind == 0x09 { // short and complete local name
			return string(data[2 : 1+n])
		}
		data = data[1+n:]
	}
	return ""
}

// begin brings the dongle from any state to one that waits for commands.
func (d *dongle) begin(ctx context.Context, limit time.Duration) error {
	// It may scan, or hold a connection, of a program that was killed.
	var all []byte
	for c := range byte(3) {
		all = append(all, command(classConnection, idDisconnect, c)...)
	}
	all = append(all, command(classGAP, idEndProcedure)...)
	if _, err := d.port.Write(all); err != nil {
		return err
	}
	_, err := d.call(ctx, limit, classSystem, idHello)
	return err
}

// discover hears boards until one is named as wanted, or, where none is wanted by name, for a while after the first.
func (d *dongle) discover(ctx context.Context, limit, after time.Duration, wanted string) ([]found, error) {
	// 125 ms of 125 ms, asking for names.
	if _, err := d.call(ctx, limit, classGAP, idScanParameters, append(append(le16(200), le16(200)...), 1)...); err != nil {
		return nil, err
	}
	answer, err := d.call(ctx, limit, classGAP, idDiscover, observation)
	if err == nil {
		err = answer.result(0)
	}
	if err != nil {
		return nil, err
	}
	var boards []found
	var enough time.Time
	for {
		wait := limit
		if !enough.IsZero() {
			wait = time.Until(enough)
		}
		err := d.until(ctx, max(wait, time.Millisecond), func(m *message) (bool, error) {
			if !m.is(true, classGAP, evtScanResponse) {
				return false, nil
			}
			b := found{rssi: int8(m.payload[0]), kind: m.payload[8], name: advertised(m.array(10))}
			copy(b.address[:], m.payload[2:8])
			if !strings.Contains(strings.ToLower(b.name), "ganglion") {
				return false, nil
			}
			for _, other := range boards {
				if other.address == b.address {
					return false, nil
				}
			}
			boards = append(boards, b)
			return true, nil
		})
		if errors.Is(err, errNoAnswer) {
			break
		}
		if err != nil {
			return nil, err
		}
		if last := boards[len(boards)-1]; wanted != "" && last.matches(wanted) {
			boards = []found{last}
			break
		}
		if enough.IsZero() && wanted == "" {
			enough = time.Now().Add(after)
		}
	}
	_, err = d.call(context.WithoutCancel(ctx), limit, classGAP, idEndProcedure)
	return boards, err
}

func (b *found) matches(wanted string) bool {
	return strings.EqualFold(b.name, wanted) || strings.EqualFold(addressText(b.address), wanted)
}

// connect connects to a board, finds its characteristics and has it notify.
func (d *dongle) connect(ctx context.Context, limit time.Duration, b found) error {
	// Connection intervals of 12.5 to 95 ms and a supervision timeout of 1 s.
	p := append(append([]byte(nil), b.address[:]...), b.kind)
	for _, v := range []uint16{10, 76, 100, 0} {
		p = append(p, le16(v)...)
	}
	answer, err := d.call(ctx, limit, classGAP, idConnectDirect, p...)
	if err == nil {
		err = answer.result(0)
	}
	if err != nil {
		return err
	}
	d.connection = answer.payload[2]
	if err := d.until(ctx, limit, func(m *message) (bool, error) {
		return m.is(true, classConnection, evtConnected) && m.payload[0] == d.connection && m.payload[1]&connectedFlag != 0, nil
	}); err != nil {
		return err
	}
	d.connected = true
	first, last, err := d.service(ctx, limit)
	if err != nil {
		return err
	}
	if err := d.characteristics(ctx, limit, first, last); err != nil {
		return err
	}
	return d.write(ctx, limit, d.notify, 1, 0)
}

// service finds the handles of the board's service.
func (d *dongle) service(ctx context.Context, limit time.Duration) (first, last uint16, err error) {
	p := append(append([]byte{d.connection}, le16(1)...), le16(0xFFFF)...)
	err = d.procedure(ctx, limit, idReadByGroupType, append(append(p, 2), le16(primaryService)...), func(m *message) {
		if u := m.array(5); m.is(true, classAttributes, evtGroupFound) && len(u) == 2 && binary.LittleEndian.Uint16(u) == ganglionService {
			first, last = m.u16(1), m.u16(3)
		}
	})
	if err == nil && first == 0 {
		err = errors.New("it has not the service fe84 of a Ganglion")
	}
	return first, last, err
}

// characteristics finds the handles of what the board sends, of its notifications and of commands.
func (d *dongle) characteristics(ctx context.Context, limit time.Duration, first, last uint16) error {
	d.receive, d.send, d.notify = 0, 0, 0
	p := append(append([]byte{d.connection}, le16(first)...), le16(last)...)
	err := d.procedure(ctx, limit, idFindInformation, p, func(m *message) {
		if !m.is(true, classAttributes, evtInformation) {
			return
		}
		switch u, handle := m.array(3), m.u16(1); {
		case len(u) == 16 && [16]byte(u) == receiveUUID:
			d.receive = handle
		case len(u) == 16 && [16]byte(u) == sendUUID:
			d.send = handle
		case len(u) == 2 && binary.LittleEndian.Uint16(u) == clientCharacterist && d.notify == 0 && (d.receive == 0 || handle > d.receive):
			d.notify = handle
		}
	})
	if err == nil && (d.receive == 0 || d.send == 0 || d.notify == 0) {
		err = errors.New("it has not the characteristics of a Ganglion")
	}
	return err
}

// procedure asks for what comes in several events and is over with one that says so.
func (d *dongle) procedure(ctx context.Context, limit time.Duration, id byte, payload []byte, each func(*message)) error {
	answer, err := d.call(ctx, limit, classAttributes, id, payload...)
	if err == nil {
		err = answer.result(1)
	}
	if err != nil {
		return err
	}
	return d.until(ctx, limit, func(m *message) (bool, error) {
		if m.is(true, classAttributes, evtProcedureDone) {
			return true, m.result(1)
		}
		each(m)
		return false, nil
	})
}

// write writes an attribute and waits until the board has it.
func (d *dongle) write(ctx context.Context, limit time.Duration, handle uint16, value ...byte) error {
	return d.procedure(ctx, limit, idAttributeWrite, d.writing(handle, value...), func(*message) {})
}

// writing is the payload of a write.
func (d *dongle) writing(handle uint16, value ...byte) []byte {
	return append(append(append([]byte{d.connection}, le16(handle)...), byte(len(value))), value...)
}

// value returns the bytes that the board sent, nil where the message is something else.
func (d *dongle) value(m *message) []byte {
	if m.is(true, classAttributes, evtAttributeValue) && m.payload[0] == d.connection && m.u16(1) == d.receive {
		return m.array(4)
	}
	return nil
}

// say sends a command of characters to the board.
func (d *dongle) say(ctx context.Context, limit time.Duration, text string) error {
	return d.write(ctx, limit, d.send, []byte(text)...)
}

// text collects what the board prints: packets 206 up to one of 207.
func (d *dongle) text(ctx context.Context, limit time.Duration) (string, error) {
	var text []byte
	err := d.until(ctx, limit, func(m *message) (bool, error) {
		v := d.value(m)
		if len(v) == 0 || v[0] != idText && v[0] != idLastText || len(text) > 4096 {
			return false, nil
		}
		text = append(text, v[1:]...)
		return v[0] == idLastText, nil
	})
	return strings.TrimRight(string(text), "\x00"), err
}

// end lets go of the board and the port.
func (d *dongle) end() error {
	if d.connected {
		_, _ = d.port.Write(command(classAttributes, idAttributeWrite, d.writing(d.send, 's')...))
		_, _ = d.port.Write(command(classConnection, idDisconnect, d.connection))
	}
	return closePort(d.r, d.port)
}

// failure gives an error of a dongle its code.
func (d *dongle) failure(port string, err error) error {
	var known *devices.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, errNoAnswer):
		return devices.Errorf(devices.CodeNotFound, "no BLED112 answers at %s: %w", port, err)
	}
	return devices.Errorf(devices.CodeLost, "the dongle at %s: %w", port, err)
}
