package validate

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestJSONLength counts strings as RFC 8259 lets them be written shortest.
func TestJSONLength(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := strings.ToValidUTF8(rapid.String().Draw(t, "text"), "")
		want := 2 // the quotes
		for _, r := range s {
			switch {
			case strings.ContainsRune("\"\\\b\f\n\r\t", r):
				want += 2
			case r < 0x20:
				want += 6
			default:
				want++
			}
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := jsonLength(text); got != want {
			t.Fatalf("%s counts %d characters, want %d", text, got, want)
		}
		// However it is escaped, the count is the same.
		var escaped strings.Builder
		escaped.WriteByte('"')
		for _, r := range s {
			if r <= 0xffff {
				escaped.WriteString(`\u` + hex4(r))
			} else {
				escaped.WriteString(`\u` + hex4(0xd800+(r-0x10000)>>10) + `\u` + hex4(0xdc00+(r-0x10000)&0x3ff))
			}
		}
		escaped.WriteByte('"')
		if got := jsonLength([]byte(escaped.String())); got != want {
			t.Fatalf("%s counts %d characters, want %d", escaped.String(), got, want)
		}
	})
}

func hex4(r rune) string {
	const digits = "0123456789abcdef"
	return string([]byte{digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15]})
}
