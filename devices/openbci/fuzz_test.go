package openbci

import (
	"math"
	"testing"
)

func packetBytes(n byte) []byte {
	b := make([]byte, packetSize)
	b[0], b[1], b[packetSize-1] = startByte, n, 0xC0
	b[2] = 0x80
	return b
}

// FuzzBytes: whatever a port gives, finding packets does not panic, holds less than two packets, and does not depend on how the bytes come.
func FuzzBytes(f *testing.F) {
	f.Add(append(packetBytes(1), packetBytes(2)...), 7)
	f.Add(append(packetBytes(1)[:20], packetBytes(2)...), 1)
	f.Add([]byte("OpenBCI V3\n$$$\xA0\xA0\xC0"), 3)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		if size < 1 || size > 1000 {
			t.Skip()
		}
		var once, twice []packet
		var s splitter
		s.add(b, false, func(p packet) { once = append(once, p) })
		if len(s.buf) > packetSize {
			t.Fatalf("%d bytes are held", len(s.buf))
		}
		var parts splitter
		for rest := b; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			parts.add(rest[:min(size, len(rest))], false, func(p packet) { twice = append(twice, p) })
		}
		if len(once) != len(twice) {
			t.Fatalf("%d packets at once, %d in parts", len(once), len(twice))
		}
		for i := range once {
			if once[i] != twice[i] {
				t.Fatalf("packet %d differs", i)
			}
		}
		for _, daisy := range []bool{false, true} {
			j := &join{daisy: daisy}
			for _, p := range once {
				if v, lost, ok := j.add(p); ok && (lost < 0 || lost > 255 || len(v) != map[bool]int{false: 8, true: 16}[daisy]) {
					t.Fatalf("%d values, %d lost", len(v), lost)
				}
			}
		}
		_, _ = parseBanner(string(b))
	})
}

// TestScale: the documentation states 0.02235 µV a count at gain 24.
func TestScale(t *testing.T) {
	t.Parallel()
	if s := scale(24); s < 0.022351 || s > 0.022352 {
		t.Errorf("%g µV a count", s)
	}
	for b, want := range map[[3]byte]int32{{0, 0, 0}: 0, {0x7f, 0xff, 0xff}: 8388607, {0x80, 0, 0}: -8388608, {0xff, 0xff, 0xff}: -1} {
		if got := int24(b[:]); got != want {
			t.Errorf("%x is %d", b, got)
		}
	}
}

// TestContact: 32 cycles of the current at either rate, beside an offset and alpha, give the impedance.
func TestContact(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{125, 250} {
		for _, want := range []float64{0, 5, 80} {
			values := make([]float64, int(leadOffCycles*rate/leadOffHz))
			for i := range values {
				s := float64(i) / rate
				values[i] = 3000 + 20*math.Sin(2*math.Pi*10*s) + leadOffAmpere*(1000*want+seriesOhm)*1e6*math.Sin(2*math.Pi*leadOffHz*s+1)
			}
			if got := contact(values, rate, 187500); got == nil || math.Abs(*got-want) > 0.05*want+0.2 {
				t.Errorf("%v kΩ at %g Hz, want %g", got, rate, want)
			}
		}
	}
}

// FuzzDongle: whatever a port gives, finding messages and reading packets does not panic, holds less than two messages, and does not depend on how the bytes come.
func FuzzDongle(f *testing.F) {
	value := append([]byte{event, 25, classAttributes, evtAttributeValue, 0, 0x0e, 0, 1, 20}, make([]byte, 20)...)
	f.Add(append(append([]byte(nil), value...), value...), 7)
	f.Add(append(value[:17], value...), 1)
	f.Add([]byte{0, 3, classGAP, idConnectDirect, 0, 0, 0, event, 16, classConnection, evtConnected}, 3)
	f.Add(append([]byte{event, 13, classGAP, evtScanResponse, 1, 0, 1, 2, 3, 4, 5, 6, 1, 0xff, 2, 1, 9}, 0xff), 2)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		if size < 1 || size > 1000 {
			t.Skip()
		}
		var once, twice []message
		keep := func(list *[]message) func(message) {
			return func(m message) {
				m.payload = append([]byte(nil), m.payload...)
				*list = append(*list, m)
			}
		}
		var s messages
		s.add(b, false, keep(&once))
		if len(s.buf) > largestMessage {
			t.Fatalf("%d bytes are held", len(s.buf))
		}
		var parts messages
		for rest := b; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			parts.add(rest[:min(size, len(rest))], false, keep(&twice))
		}
		if len(once) != len(twice) {
			t.Fatalf("%d messages at once, %d in parts", len(once), len(twice))
		}
		d := &dongle{receive: 0x0e}
		for _, firmware := range []int{2, 3} {
			g := &ganglionDecoder{firmware: firmware}
			for i, m := range once {
				if m.is(twice[i].event, twice[i].class, twice[i].id) == false || string(m.payload) != string(twice[i].payload) {
					t.Fatalf("message %d differs", i)
				}
				if m.is(true, classGAP, evtScanResponse) {
					_ = advertised(m.array(10))
				}
				v := d.value(&m)
				_, _, _ = impedance(v)
				if p, ok := g.add(v); ok && (p.lost < 0 || p.lost >= g.cycle() || len(p.values)+int(p.unknown) > 2 || len(p.values)+int(p.unknown) == 0) {
					t.Fatalf("%+v", p)
				}
			}
		}
		if p, ok := (&ganglionDecoder{firmware: 3}).add(b); ok && len(p.values) != 2 {
			t.Fatalf("%+v", p)
		}
	})
}
