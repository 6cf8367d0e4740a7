package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/strictjson"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct {
		name, text string
		reason     string // "" where the text is good
	}{
		{"object", `{"a":[1,-2.5e+3,true,false,null,"x\u00e9\n"],"b":{}}`, ""},
		{"white space around", " \n\t{ } \r\n", ""},
		{"bare number", `0`, ""},
		{"duplicate keys", `{"a":1,"a":2}`, ""},
		{"surrogate pair", `"\ud83e\udde0"`, ""},
		{"as deep as it may", deep(strictjson.MaxDepth), ""},
		{"empty", ``, strictjson.ReasonSyntax},
		{"NaN", `{"a":NaN}`, strictjson.ReasonSyntax},
		{"Infinity", `{"a":-Infinity}`, strictjson.ReasonSyntax},
		{"leading zero", `01`, strictjson.ReasonSyntax},
		{"plus sign", `+1`, strictjson.ReasonSyntax},
		{"bare point", `.5`, strictjson.ReasonSyntax},
		{"trailing point", `5.`, strictjson.ReasonSyntax},
		{"empty exponent", `5e`, strictjson.ReasonSyntax},
		{"single quotes", `{'a':1}`, strictjson.ReasonSyntax},
		{"trailing comma", `[1,]`, strictjson.ReasonSyntax},
		{"missing colon", `{"a" 1}`, strictjson.ReasonSyntax},
		{"trailing garbage", `{} x`, strictjson.ReasonSyntax},
		{"two texts", `{}{}`, strictjson.ReasonSyntax},
		{"comment", `{/* */}`, strictjson.ReasonSyntax},
		{"byte order mark", "\ufeff{}", strictjson.ReasonSyntax},
		{"cut in a string", `{"a":"b`, strictjson.ReasonSyntax},
		{"cut in an escape", `"\`, strictjson.ReasonSyntax},
		{"unknown escape", `"\x41"`, strictjson.ReasonSyntax},
		{"short escape", `"\u12"`, strictjson.ReasonSyntax},
		{"raw line break", "\"a\nb\"", strictjson.ReasonSyntax},
		{"too deep", deep(strictjson.MaxDepth + 1), strictjson.ReasonDepth},
		{"far too deep", strings.Repeat(`{"a":`, 1<<20), strictjson.ReasonDepth},
		{"high surrogate alone", `"\ud83e"`, strictjson.ReasonUnicode},
		{"low surrogate alone", `"\udde0"`, strictjson.ReasonUnicode},
		{"surrogates the wrong way round", `"\udde0\ud83e"`, strictjson.ReasonUnicode},
		{"U+0000", `"\u0000"`, strictjson.ReasonUnicode},
		{"not UTF-8", "\"\xff\"", strictjson.ReasonUnicode},
		{"overlong UTF-8", "\"\xc0\xaf\"", strictjson.ReasonUnicode},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", strictjson.ReasonUnicode},
		{"not UTF-8 in a key", "{\"\xff\":1}", strictjson.ReasonUnicode},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := strictjson.Check([]byte(tt.text))
			if tt.reason == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			var fault *strictjson.Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want reason %s", err, tt.reason)
			}
			if fault.Reason != tt.reason {
				t.Errorf("reason %q (%v), want %q", fault.Reason, fault, tt.reason)
			}
			if fault.Offset < 0 || fault.Offset > len(tt.text) {
				t.Errorf("offset %d lies outside the text of %d bytes", fault.Offset, len(tt.text))
			}
		})
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text   string
		rest, lifted string
		found        bool
	}{
		{"in the middle", `{"input":{"type":"eeg","data":"AAAA","x":1}}`, `{"input":{"type":"eeg","data":"","x":1}}`, "AAAA", true},
		{"with spaces", `{ "input" : { "data" : "AA" } }`, `{ "input" : { "data" : "" } }`, "AA", true},
		{"empty string", `{"input":{"data":""}}`, `{"input":{"data":""}}`, "", true},
		{"escaped slash", `{"input":{"data":"A\/B"}}`, `{"input":{"data":""}}`, "A/B", true},
		{"escaped quote inside", `{"input":{"data":"A\"B"}}`, `{"input":{"data":""}}`, `A"B`, true},
		{"backslash at the end", `{"input":{"data":"A\\"}}`, `{"input":{"data":""}}`, `A\`, true},
		{"escaped key", `{"inp\u0075t":{"d\u0061ta":"AA"}}`, `{"inp\u0075t":{"d\u0061ta":""}}`, "AA", true},
		{"the last of duplicates", `{"input":{"data":"A","data":"B"}}`, `{"input":{"data":"","data":""}}`, "B", true},
		{"same key elsewhere", `{"data":"A","context":{"data":"B","input":{"data":"C"}}}`, `{"data":"A","context":{"data":"B","input":{"data":"C"}}}`, "", false},
		{"deeper than the path", `{"input":{"data":{"data":"A"}}}`, `{"input":{"data":{"data":"A"}}}`, "", false},
		{"within an array", `{"input":[{"data":"A"}]}`, `{"input":[{"data":"A"}]}`, "", false},
		{"no string", `{"input":{"data":7}}`, `{"input":{"data":7}}`, "", false},
		{"no object", `[]`, `[]`, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rest, lifted, found, err := strictjson.Cut([]byte(tt.text), "input", "data")
			if err != nil {
				t.Fatal(err)
			}
			if string(rest) != tt.rest || string(lifted) != tt.lifted || found != tt.found {
				t.Errorf("got rest %s, lifted %q, found %v", rest, lifted, found)
			}
		})
	}
}

func TestCutRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"input":{"data":"AA}}`, `{"input":{"data":"A\"}}`, `{"input":{"data":"A\q"}}`, `{"input":{"data":"AA"}} x`, `{"input":{"data":"AA"`,
	} {
		if _, _, _, err := strictjson.Cut([]byte(text), "input", "data"); err == nil {
			t.Errorf("%s passed", text)
		}
	}
}

func TestElements(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []string
		found      bool
	}{
		{"two", `{"a":1,"items":[ {"b":[1,2]} , "x" ],"c":[3]}`, []string{`{"b":[1,2]}`, `"x"`}, true},
		{"none", `{"items":[]}`, nil, true},
		{"no array", `{"items":{"0":1}}`, nil, false},
		{"missing", `{"a":[1]}`, nil, false},
		{"not at the top", `{"a":{"items":[1]}}`, nil, false},
		{"the last of duplicates", `{"items":[1,2],"items":[3]}`, []string{"3"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spans, found, err := strictjson.Elements([]byte(tt.text), "items")
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range spans {
				got = append(got, string(s.Of([]byte(tt.text))))
			}
			if d := cmp.Diff(tt.want, got); d != "" || found != tt.found {
				t.Errorf("found %v, elements (-want +got):\n%s", found, d)
			}
		})
	}
}

type half struct{}

func (*half) UnmarshalJSON([]byte) error { return errors.New("must be one half") }

func TestDecodeNamesEveryMismatch(t *testing.T) {
	t.Parallel()
	type inner struct {
		N int     `json:"n"`
		F float64 `json:"f"`
	}
	type Shared struct {
		E int `json:"e"`
	}
	type outer struct {
		Shared
		S     string              `json:"s"`
		B     *bool               `json:"b"`
		List  []inner             `json:"list"`
		Map   map[string][]string `json:"map"`
		Own   half                `json:"own"`
		Inner inner               `json:"a/b~c"`
		Skip  int                 `json:"-"`
	}
	const text = `{"s":1,"b":"no","list":[{"n":1},{"n":1.5,"f":1e999},7],"map":{"k":["x",2]},"own":0,"a/b~c":{"n":"x"},"Skip":"fine","free":{},"e":"x"}`
	got := strictjson.Decode([]byte(text), &outer{})
	var lines []string
	for _, m := range got {
		lines = append(lines, strictjson.Pointer(m.Path)+" "+m.Code+" "+m.Text)
	}
	want := []string{
		"/e type must be a whole number",
		"/s type must be a string",
		"/b type must be true or false",
		"/list/1/n range must be a whole number of at most 64 bits",
		"/list/1/f range must be a finite number",
		"/list/2 type must be an object",
		"/map/k/1 type must be a string",
		"/own type must be one half",
		"/a~1b~0c/n type must be a whole number",
		"/Skip unknown_field is not a field of this object", // JSON does not see it
		"/free unknown_field is not a field of this object",
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Errorf("mismatches (-want +got):\n%s", d)
	}
	var ok outer
	if got := strictjson.Decode([]byte(`{"s":"x","list":null}`), &ok); got != nil || ok.S != "x" {
		t.Errorf("good text: %v, %+v", got, ok)
	}
	if got := strictjson.Decode([]byte(`[]`), &outer{}); len(got) != 1 || strictjson.Pointer(got[0].Path) != "" {
		t.Errorf("array for an object: %v", got)
	}
}

// few is a list that may also be a word.
type few []struct {
	Onset float64 `json:"onset"`
}

func (*few) UnmarshalJSON(b []byte) error {
	if b[0] == '"' {
		return nil
	}
	var list []struct {
		Onset float64 `json:"onset"`
	}
	return json.Unmarshal(b, &list)
}

type self struct{ Any int }

func (*self) UnmarshalJSON([]byte) error { return nil }

func TestUnknownKeysAreNamed(t *testing.T) {
	t.Parallel()
	type target struct {
		Frequency float64 `json:"frequency"`
	}
	type stimulus struct {
		Targets []target          `json:"targets"`
		Flashes map[string]string `json:"flashes"`
	}
	type input struct {
		Paradigm string    `json:"paradigm"`
		Stimulus *stimulus `json:"stimulus"`
		Free     self      `json:"free"`
		Later    json.RawMessage
		Events   few `json:"events"`
	}
	type request struct {
		Input input            `json:"input"`
		Named map[string]input `json:"named"`
	}
	long := strings.Repeat("y", 1<<16)
	for text, want := range map[string][]string{
		`{}`:                         nil,
		`null`:                       nil,
		`{"input":{"paradigm":"x"}}`: nil,
		`{"INPUT":{"Paradigm":"x"}}`: nil, // as encoding/json matches
		`{"input":{"free":{"any":1,"thing":{"x":[]}},"later":{"y":1}}}`: nil,
		`{"input":{"stimulus":{"flashes":{"9":"A","x":"B"}}}}`:          nil,
		`{"input":{"events":"all"}}`:                                    nil,
		`{"input":{"events":[{"onst":1}]}}`:                             {`/input/events/0/onst is not a field of this object; did you mean "onset"?`},
		`{"inptu":{}}`:                                                  {`/inptu is not a field of this object; did you mean "input"?`},
		`{"input":{"stimulis":{"targets":1}}}`:                          {`/input/stimulis is not a field of this object; did you mean "stimulus"?`},
		`{"paradigm":"p300","input":{}}`:                                {`/paradigm is not a field of this object; it is one of /input`},
		`{"input":{"frequency":1}}`:                                     {`/input/frequency is not a field of this object`},
		`{"input":{"stimulus":{"targets":[{"frequency":1},{"frequncy":2,"n":{"a":"}]"}}]}},"a\u002Fb":"\"]"}`: {`/input/stimulus/targets/1/frequncy is not a field of this object; did you mean "frequency"?`, `/input/stimulus/targets/1/n is not a field of this object`, `/a~1b is not a field of this object`},
		`{"named":{"one":{"paradigm":""},"two":{"paradim":""}}}`:                                              {`/named/two/paradim is not a field of this object; did you mean "paradigm"?`},
		`{"` + long + `":1}`: {`/` + long[:64] + `… is not a field of this object`},
	} {
		if err := strictjson.Check([]byte(text)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range strictjson.Unknown([]byte(text), reflect.TypeFor[request]()) {
			got = append(got, strictjson.Pointer(m.Path)+" "+m.Text)
			if m.Code != strictjson.CodeUnknown {
				t.Errorf("%s: code %s", strictjson.Pointer(m.Path), m.Code)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%.80s (-want +got):\n%s", text, d)
		}
	}
	many := "{" + strings.Repeat(`"x":1,`, 1000) + `"y":2}`
	if got := strictjson.Unknown([]byte(many), reflect.TypeFor[request]()); len(got) != 20 {
		t.Errorf("%d keys are named", len(got))
	}
}

// FuzzUnknown holds the walk over keys to encoding/json: of a text that fits, it refuses exactly what DisallowUnknownFields
// does.
func FuzzUnknown(f *testing.F) {
	type inner struct {
		A int                        `json:"a"`
		M map[string]struct{ X any } `json:"m"`
	}
	type outer struct {
		I inner   `json:"i"`
		L []inner `json:"l"`
		P *inner  `json:"p"`
		R any     `json:"r"`
	}
	for _, s := range []string{`{"i":{"a":1,"b":2}}`, `{"l":[{"m":{"k":{"x":{"y":1}}}},{"c":"}"}],"r":[{"z":"\""}]}`, `{"p":null,"q":0}`, `{"\u0069":{}}`, `{"i":{"m":{"":{"Y":1}}}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if strictjson.Check(b) != nil || json.Unmarshal(b, new(outer)) != nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		err := d.Decode(new(outer))
		if got := strictjson.Unknown(b, reflect.TypeFor[outer]()); (len(got) > 0) != (err != nil) {
			t.Fatalf("%q: unknown %v, encoding/json says %v", b, got, err)
		}
	})
}

// FuzzCheck holds Check to encoding/json: what it lets pass is valid there, and what it refuses for its syntax is
// not. Cut must agree with decoding the whole text.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{
		`{"input":{"data":"dGVzdA==","channels":8}}`, `{"input":{"data":"\/\/8="}}`, `[1,2.5e-3,"\ud83e\udde0"]`, `"\u0000"`, "\"\xff\"",
		`{"input":{"data":"A","data":"B"}}`, strings.Repeat("[", 70), `{"a":NaN}`, ` null `, `-0.0`, `{"":{"":""}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := strictjson.Check(b)
		valid := json.Valid(b)
		var fault *strictjson.Error
		switch {
		case err == nil && (!valid || !utf8.Valid(b)):
			t.Fatalf("passed, but encoding/json refuses %q", b)
		case errors.As(err, &fault) && fault.Reason == strictjson.ReasonSyntax && valid:
			t.Fatalf("refused with %v, but encoding/json takes %q", err, b)
		}
		rest, lifted, found, cutErr := strictjson.Cut(b, "input", "data")
		if err != nil || cutErr != nil {
			// Cut looks at less of the lifted string, so it may pass what Check refuses, never the reverse.
			if err == nil {
				t.Fatalf("Cut refuses %q: %v", b, cutErr)
			}
			return
		}
		if !json.Valid(rest) {
			t.Fatalf("Cut left %q of %q", rest, b)
		}
		if !found && !bytes.Equal(rest, b) {
			t.Fatalf("Cut found nothing and changed %q to %q", b, rest)
		}
		if found {
			var whole struct {
				Input map[string]json.RawMessage `json:"input"`
			}
			var text string
			// Where keys are unique, what was lifted is what encoding/json reads there.
			if bytes.Count(b, []byte("input"))+bytes.Count(b, []byte("data")) == 2 && json.Unmarshal(b, &whole) == nil &&
				json.Unmarshal(whole.Input["data"], &text) == nil && text != string(lifted) {
				t.Fatalf("Cut lifted %q, encoding/json reads %q", lifted, text)
			}
		}
	})
}
