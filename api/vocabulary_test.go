package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/jobs"
)

// node is a part of the document.
type node = map[string]any

func document(t *testing.T) node {
	t.Helper()
	text, err := api.OpenAPIJSON()
	if err != nil {
		t.Fatal(err)
	}
	var doc node
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at follows a path of keys and indices; nil where it leads to nothing.
func at(v any, path ...string) any {
	for _, key := range path {
		switch x := v.(type) {
		case node:
			v = x[key]
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// enums calls f with the place and the values of every enumeration of texts.
func enums(v any, place string, f func(place string, values []string)) {
	switch x := v.(type) {
	case node:
		if list, ok := x["enum"].([]any); ok {
			var values []string
			for _, e := range list {
				if s, isText := e.(string); isText {
					values = append(values, s)
				}
			}
			f(place, values)
		}
		for _, k := range slices.Sorted(maps.Keys(x)) {
			enums(x[k], place+"/"+k, f)
		}
	case []any:
		for i, e := range x {
			enums(e, fmt.Sprintf("%s/%d", place, i), f)
		}
	}
}

// TestEnumerationsAreTheVocabulary holds every enumeration that has a word of a list of package eeg to all of the list, or to
// one of its parts.
func TestEnumerationsAreTheVocabulary(t *testing.T) {
	t.Parallel()
	words := map[string][][]string{
		"paradigms": {
			eeg.Names(eeg.Paradigms()), eeg.Names(eeg.DecodedParadigms()), eeg.Names(eeg.LiveParadigms()),
			append(eeg.Names(eeg.DecodedParadigms()), string(eeg.Undetermined)),
			{"motor_imagery", "p300", "ssvep", "cvep"}, // those that pipelines train, and those that auto tries
		},
		"encodings":  {eeg.Names(eeg.Encodings()), eeg.Names(eeg.FloatEncodings()), {"json", "csv", "edf", "bdf"}}, // and the formats of exports
		"layouts":    {eeg.Names(eeg.Layouts())},
		"units":      {eeg.Units()},
		"alignments": {eeg.Alignments(), {"none", "recentred", "balanced"}}, // and what was done
		"trials":     {eeg.TrialChoices()},
	}
	seen := map[string]int{}
	enums(document(t), "", func(place string, values []string) {
		for of, lists := range words {
			if !slices.ContainsFunc(values, func(v string) bool { return v != string(eeg.Auto) && slices.Contains(lists[0], v) }) {
				continue
			}
			if seen[of]++; !slices.ContainsFunc(lists, func(l []string) bool { return slices.Equal(l, values) }) {
				t.Errorf("%s lists %v; %s are %v", place, values, of, lists[0])
			}
		}
	})
	for of := range words {
		if seen[of] == 0 {
			t.Errorf("no enumeration of %s in the document", of)
		}
	}
}

// TestDecodeRequestIsTheVocabulary holds the schemas of a decode request to the fields and limits of package eeg.
func TestDecodeRequestIsTheVocabulary(t *testing.T) {
	t.Parallel()
	schemas := at(document(t), "components", "schemas")
	for name, of := range map[string]reflect.Type{
		"DecodeRequest": reflect.TypeFor[eeg.Request](), "DecodeInput": reflect.TypeFor[eeg.Input](), "DecodeEvent": reflect.TypeFor[eeg.Event](),
		"DecodeStimulus": reflect.TypeFor[eeg.Stimulus](), "DecodeSeizure": reflect.TypeFor[eeg.SeizureOptions](), "CodeBook": reflect.TypeFor[eeg.CodeBook](), "DecodeContext": reflect.TypeFor[eeg.Context](), "DecodeOutput": reflect.TypeFor[eeg.OutputOptions](),
	} {
		var fields []string
		for i := range of.NumField() {
			if f, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); f != "-" {
				fields = append(fields, f)
			}
		}
		slices.Sort(fields)
		properties, _ := at(schemas, name, "properties").(node)
		if documented := slices.Sorted(maps.Keys(properties)); !slices.Equal(documented, fields) {
			t.Errorf("%s has the properties %v, %s the fields %v", name, documented, of, fields)
		}
	}
	for path, want := range map[string]any{
		"DecodeInput/properties/encoding/enum":                               eeg.Names(eeg.Encodings()),
		"DecodeInput/properties/layout/enum":                                 eeg.Names(eeg.Layouts()),
		"DecodeInput/properties/paradigm/enum":                               eeg.Names(eeg.Paradigms()),
		"DecodeInput/properties/unit/enum":                                   eeg.Units(),
		"DecodeInput/properties/trials/enum":                                 eeg.TrialChoices(),
		"DecodeInput/properties/alignment/enum":                              eeg.Alignments(),
		"DecodeContext/properties/ui_mode/examples":                          eeg.Names(eeg.UIModes()),
		"DecodeInput/properties/channels/oneOf/0/maximum":                    eeg.MaxChannels,
		"DecodeInput/properties/channels/oneOf/1/maxItems":                   eeg.MaxChannels,
		"DecodeInput/properties/channels/oneOf/1/items/maxLength":            eeg.MaxNameLength,
		"DecodeInput/properties/channel_names/maxProperties":                 eeg.MaxChannels,
		"DecodeInput/properties/sample_rate/maximum":                         eeg.MaxSampleRate,
		"DecodeInput/properties/events/oneOf/0/maxItems":                     eeg.MaxEvents,
		"DecodeInput/properties/event_classes/maxProperties":                 eeg.MaxFlashCodes,
		"DecodeInput/properties/device/maxLength":                            eeg.MaxLabelLength,
		"DecodeEvent/properties/label/maxLength":                             eeg.MaxLabelLength,
		"DecodeStimulus/properties/targets/maxItems":                         eeg.MaxTargets,
		"DecodeStimulus/properties/targets/items/properties/label/maxLength": eeg.MaxNameLength,
		"DecodeStimulus/properties/matrix/maxItems":                          eeg.MaxMatrixSide,
		"CodeBook/properties/kind/enum":                                      eeg.CodeKinds(),
		"CodeBook/properties/rate_hz/maximum":                                eeg.MaxCodeRate,
		"CodeBook/properties/degree/minimum":                                 eeg.MinCodeDegree,
		"CodeBook/properties/degree/maximum":                                 eeg.MaxCodeDegree,
		"CodeBook/properties/targets/maximum":                                eeg.MaxTargets,
		"CodeBook/properties/bits/maxItems":                                  eeg.MaxTargets,
		"CodeBook/properties/labels/items/maxLength":                         eeg.MaxNameLength,
		"DecodeStimulus/properties/matrix/items/maxItems":                    eeg.MaxMatrixSide,
		"DecodeStimulus/properties/flashes/maxProperties":                    eeg.MaxFlashCodes,
		"DecodeStimulus/properties/presence/properties/false_accept/minimum": eeg.MinFalseAccept,
		"DecodeSeizure/properties/threshold/minimum":                         eeg.MinThreshold,
		"DecodeSeizure/properties/threshold/maximum":                         eeg.MaxThreshold,
		"DecodeSeizure/properties/false_alarms_per_day/maximum":              eeg.MaxFalseAlarms,
	} {
		if got := at(schemas, strings.Split(path, "/")...); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

// TestJobKindsAreTheRegistry holds the kinds of jobs that the document promises, and the operations of Idempotency-Key, to the registry.
func TestJobKindsAreTheRegistry(t *testing.T) {
	t.Parallel()
	doc := document(t)
	listed := jobs.ListedKinds()
	if got := at(doc, "components", "schemas", "JobKind", "enum"); fmt.Sprint(got) != fmt.Sprint(listed) {
		t.Errorf("JobKind is %v, the registry lists %v", got, listed)
	}
	words, _ := at(doc, "components", "parameters", "IdempotencyKey", "description").(string)
	for _, k := range jobs.Kinds() {
		if k.Operation != "" && !strings.Contains(words, "`"+k.Operation+"`") {
			t.Errorf("Idempotency-Key does not name the operation %s", k.Operation)
		}
	}
	known := eeg.Names(listed)
	enums(doc, "", func(place string, values []string) {
		for _, v := range values {
			if slices.ContainsFunc(values, func(v string) bool { return slices.Contains(known, v) }) && !slices.Contains(known, v) {
				t.Errorf("%s lists %q among kinds of jobs", place, v)
			}
		}
	})
}
