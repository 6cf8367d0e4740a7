package openbci

import (
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
