package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/strictjson"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	budget := strictjson.Budget{Values: 6, Members: 3}
	for _, tt := range []struct {
		name, text string
		large      bool
	}{
		{"as many values as may be", `[1,"2",null,{},[]]`, false},
		{"one more", `[1,"2",null,{},[],true]`, true},
		{"nested without commas", `[[[[[[[]]]]]]]`, true},
		{"keys are not values", `{"a":1,"b":2,"c":[3]}`, false},
		{"as many members as may be", `{ "a" : 1 , "b" : 2 , "c" : 3 }`, false},
		{"one more member", `{"a":1,"b":2,"c":3,"d":4}`, true},
		{"members of several objects", `[{"a":1,"b":2},{"c":3}]`, false},
		{"what a string holds", `["[[[[[[[,,,,,,{{{{\"\\\",[,["]`, false},
		{"a member behind a nested object", `{"a":{"x":1},"b":2,"c":3}`, false},
		{"one string", `"a,b,c,d,e,f,g,h,i,j"`, false},
		{"a string that does not end", `["a,,,,,,,,,,,`, false},
		{"no JSON at all", `}}}]],,,,,,:::::`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := budget.Check([]byte(tt.text))
			var fault *strictjson.Error
			if tt.large != errors.As(err, &fault) || tt.large && fault.Reason != strictjson.ReasonLarge {
				t.Errorf("%s: %v", tt.text, err)
			}
		})
	}
}

// FuzzBudget holds the count to what encoding/json finds in a text.
func FuzzBudget(f *testing.F) {
	for _, s := range []string{`{}`, `[1,{"a":[{}, "x\"]"]}]`, `{"a":{"b":1},"c":[[[]]]}`, `"\\"`, ` [ 1 , -2e5 ,true ] `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var any any
		if strictjson.Check(text) != nil || json.Unmarshal(text, &any) != nil {
			_ = strictjson.Budget{Values: 1, Members: 1}.Check(text) // it must not panic
			return
		}
		values := count(any)
		if err := (strictjson.Budget{Values: values + repeated(text)}).Check(text); err != nil {
			t.Errorf("%q has %d values: %v", text, values, err)
		}
		if err := (strictjson.Budget{Values: values - 1}).Check(text); values > 1 && err == nil {
			t.Errorf("%q has %d values and passes for %d", text, values, values-1)
		}
	})
}

// repeated returns more values than a text can lose to keys that stand there twice.
func repeated(text []byte) int {
	if strings.Count(string(text), ":") < 2 {
		return 0
	}
	return len(text)
}

func count(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += count(e)
		}
	case map[string]any:
		for _, e := range v {
			n += count(e)
		}
	}
	return n
}
