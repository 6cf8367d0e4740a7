package raw_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/raw"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/eeg"
)

func TestBuffer(t *testing.T) {
	t.Parallel()
	header := `{"sample_rate":100,"channels":["Cz","Pz"],"units":"mV","encoding":"int16le","layout":"channel_major","samples":3}`
	events := "sample,onset_s,code,label,target\n2,0.9,12,b,1\n1,0.01,3,a,0\n"
	files := fstest.MapFS{"x.f32": {Data: readertest.Int16s(1, 2, 3, 4, 5, 6)}, "x.json": {Data: []byte(header)}, "x.events.csv": {Data: []byte(events)}}
	rec, err := formats.OpenFS(files, "x.f32")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{4000, 5000, 6000}, rec.Channels[1].Samples); diff != "" {
		t.Error(diff)
	}
	// The column sample wins over the rounded onset, and targets follow the order of the events.
	if diff := cmp.Diff([]eeg.Event{{Onset: .01, Code: 3, Label: "a"}, {Onset: .02, Code: 12, Label: "b"}}, rec.Events); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bool{false, true}, rec.Targets); diff != "" {
		t.Error(diff)
	}
	for name, change := range map[string]func(fstest.MapFS){
		"no JSON":      func(f fstest.MapFS) { delete(f, "x.json") },
		"bad JSON":     func(f fstest.MapFS) { f["x.json"] = &fstest.MapFile{Data: []byte("{")} },
		"no rate":      func(f fstest.MapFS) { f["x.json"] = &fstest.MapFile{Data: []byte(`{"channels":["Cz"]}`)} },
		"no channels":  func(f fstest.MapFS) { f["x.json"] = &fstest.MapFile{Data: []byte(`{"sample_rate":1}`)} },
		"half a value": func(f fstest.MapFS) { f["x.f32"] = &fstest.MapFile{Data: []byte{1, 2, 3}} },
		"events":       func(f fstest.MapFS) { f["x.events.csv"] = &fstest.MapFile{Data: []byte("a,b\n1,2\n")} },
		"event row":    func(f fstest.MapFS) { f["x.events.csv"] = &fstest.MapFile{Data: []byte("sample,code\n1\n")} },
		"event value":  func(f fstest.MapFS) { f["x.events.csv"] = &fstest.MapFile{Data: []byte("sample,code\n1,x\n")} },
	} {
		bad := fstest.MapFS{}
		for k, v := range files {
			bad[k] = v
		}
		change(bad)
		if _, err := formats.OpenFS(bad, "x.f32"); readertest.CodeOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzBuffer(f *testing.F) {
	f.Add(`{"sample_rate":100,"channels":["Cz","Pz"],"units":"mV","encoding":"int16le","layout":"channel_major"}`, "sample,code,target\n2,12,1\n", readertest.Int16s(1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, header, events string, data []byte) {
		readertest.Parsed(t, len(header)+len(events)+len(data), func() (*recording.Recording, error) {
			return raw.ReadBuffer(strings.NewReader(header), bytes.NewReader(data), int64(len(data)), strings.NewReader(events))
		})
	})
}

// Events are CSV: a label with a comma or a quote is in quotes, lines may end in CR LF, and a byte order mark may come first.
func TestEventsAreCSV(t *testing.T) {
	t.Parallel()
	events := "\ufeffsample,code,label\r\n1,3,\"left, slow\"\r\n\r\n2,4,\"the \"\"other\"\" hand\"\r\n"
	rec, err := raw.ReadBuffer(strings.NewReader(`{"sample_rate":100,"channels":["Cz"],"encoding":"int16le"}`), bytes.NewReader(readertest.Int16s(1, 2, 3)), 6, strings.NewReader(events))
	if err != nil {
		t.Fatal(err)
	}
	want := []eeg.Event{{Onset: .01, Code: 3, Label: "left, slow"}, {Onset: .02, Code: 4, Label: `the "other" hand`}}
	if diff := cmp.Diff(want, rec.Events); diff != "" {
		t.Error(diff)
	}
	_, err = raw.ReadBuffer(strings.NewReader(`{"sample_rate":100,"channels":["Cz"],"encoding":"int16le"}`), bytes.NewReader(readertest.Int16s(1, 2, 3)), 6, strings.NewReader("sample,code\n\n\n1,x\n"))
	if readertest.CodeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), "line 4") {
		t.Errorf("%v", err)
	}
}
