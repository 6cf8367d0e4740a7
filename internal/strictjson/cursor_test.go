package strictjson_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/strictjson"
)

// FuzzCursor: a cursor reads the numbers and the strings that Check passes and no others, as encoding/json reads them.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{`0`, `-0`, ` 12.50 `, `1e3`, `1E-7`, `1e400`, `-1e400`, `1e-400`, `01`, `1.`, `.5`, `-`, `1e`, `1e+`, `123456789012345678`,
		`0.1234567890123456789`, `99999999999999.5`, `"C3"`, `"é"`, `"\u0041\n"`, `"\ud83e\udde0"`, `"\ud83e"`, `"\u0000"`, "\"\xff\"", `"a`, `"\x"`, `""`, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		good := strictjson.Check(text) == nil
		first := strings.TrimLeft(string(text), " \n\r\t")
		c := strictjson.NewCursor(text)
		v, whole, ok := c.Number()
		if want := good && first != "" && strings.ContainsRune("-0123456789", rune(first[0])); want != (ok && c.End()) {
			t.Fatalf("%q: a number is %v, want %v", text, ok, want)
		} else if want {
			var number float64
			if err := json.Unmarshal(text, &number); err == nil && math.Float64bits(number) != math.Float64bits(v) || err != nil && !math.IsInf(v, 0) {
				t.Fatalf("%q: %v, encoding/json reads %v, %v", text, v, number, err)
			}
			if whole == strings.ContainsAny(first, ".eE") {
				t.Fatalf("%q: whole is %v", text, whole)
			}
		}
		c = strictjson.NewCursor(text)
		name, ok := c.Name()
		if want := good && strings.HasPrefix(first, `"`); want != (ok && c.End()) {
			t.Fatalf("%q: a string is %v, want %v", text, ok, want)
		} else if want {
			var s string
			if err := json.Unmarshal(text, &s); err != nil || s != name {
				t.Fatalf("%q: %q, encoding/json reads %q, %v", text, name, s, err)
			}
		}
	})
}
