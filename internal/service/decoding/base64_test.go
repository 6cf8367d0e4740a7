package decoding

import (
	"bytes"
	"encoding/base64"
	"testing"
)

// FuzzDecodeBase64 holds the decoder to encoding/base64: it takes what one of the four forms takes, gives the same
// bytes, and locates a fault inside the text.
func FuzzDecodeBase64(f *testing.F) {
	for _, s := range []string{"", "dGVzdA==", "dGVzdA", "-_-_", "+/+/", "+_", "=", "====", "A===", "AA=A", "A\n==", "\xff\xfe", "QUJD", "QUI="} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, bad := decodeBase64(text)
		var want []byte
		taken := false
		if !bytes.ContainsAny(text, "\r\n") { // which encoding/base64 skips
			for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
				if b, err := enc.DecodeString(string(text)); err == nil {
					want, taken = b, true
				}
			}
		}
		if taken != (bad == nil) {
			t.Fatalf("%q: encoding/base64 takes it: %v, ours: %+v", text, taken, bad)
		}
		if bad != nil {
			if bad.position >= len(text) || bad.reason == "" {
				t.Fatalf("%q: %+v", text, bad)
			}
			runeAt(text, max(bad.position, 0))
			return
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%q: %x, want %x", text, got, want)
		}
	})
}
