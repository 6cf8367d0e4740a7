package formats_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
)

func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, content string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestZip(t *testing.T) {
	t.Parallel()
	edfFile := exampleOf(edf.Reader)
	b := zipped(t, map[string]string{"S1/b.edf": edfFile, "S1/a.txt": "1\n2\n", ".hidden": "x", "__MACOSX/a.txt": "x", "S1/bomb.txt": strings.Repeat("1\n", 4<<20)})
	members, err := formats.OpenZip(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range members {
		names = append(names, m.Name)
	}
	if diff := cmp.Diff([]string{"S1/a.txt", "S1/b.edf", "S1/bomb.txt"}, names); diff != "" {
		t.Fatal(diff)
	}
	if rec, err := members[1].Open(); err != nil || !strings.HasPrefix(string(rec.Format), "EDF") {
		t.Errorf("member: %v", err)
	}
	if _, err := members[2].Open(); readertest.CodeOf(err) != decoders.CodePayloadMalformed || !strings.Contains(err.Error(), "unpacks to more than") {
		t.Errorf("bomb: %v", err)
	}
	if _, err := formats.OpenZip(strings.NewReader("PK\x03\x04"), 4); readertest.CodeOf(err) != decoders.CodePayloadMalformed {
		t.Errorf("cut archive: %v", err)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	rec, err := open("x.txt.gz", gzipped(t, "C3 C4\n1 2\n"))
	if err != nil || len(rec.Channels) != 2 {
		t.Errorf("table: %v", err)
	}
	for name, content := range map[string]string{
		"bomb":   gzipped(t, strings.Repeat("1\n", 4<<20)),
		"cut":    gzipped(t, strings.Repeat("1 2 3\n", 1000))[:40],
		"nested": gzipped(t, gzipped(t, "1\n")),
	} {
		if _, err := open("x.txt.gz", content); readertest.CodeOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A ZIP archive is imported where it holds one recording, BrainVision's files together.
func TestArchiveOfOneRecording(t *testing.T) {
	t.Parallel()
	header := fmt.Sprintf(readertest.BrainVisionHeader, "MULTIPLEXED", "INT_16")
	edf := exampleOf(edf.Reader)
	samples := make([]int, 2*500)
	for i := range samples {
		samples[i] = i
	}
	eeg := string(readertest.Int16s(samples...))
	markers := "[Marker Infos]\nMk1=New Segment,,1,1,0,20240909105744613000\nMk2=Stimulus,S  7,251,1,0\nMk3=Stimulus,S  8,400,25,0\n"
	for _, tt := range []struct {
		name  string
		files map[string]string
		code  string // of the refusal
		word  string
	}{
		{"BrainVision", map[string]string{"S1/x.vhdr": header, "S1/x.eeg": eeg, "S1/x.vmrk": markers, "S1/README.txt": "none"}, "", ""},
		{"EDF with a note", map[string]string{"x.edf": edf, "notes.txt": "nothing of interest"}, "", ""},
		{"two recordings", map[string]string{"x.edf": edf, "y.edf": edf}, decoders.CodeUnsupportedFormat, "holds 2 recordings"},
		{"no recording", map[string]string{"notes.md": "nothing at all"}, decoders.CodeUnsupportedFormat, "no recording"},
		{"without its samples", map[string]string{"x.vhdr": header}, decoders.CodePayloadMalformed, "x.eeg is missing"},
		{"a bomb", map[string]string{"x.txt": strings.Repeat("1\n", 4<<20)}, decoders.CodePayloadMalformed, "unpacks to more"},
	} {
		file := zipped(t, tt.files)
		rec, plan, err := formats.Inspect("x.zip", bytes.NewReader(file))
		if tt.code != "" {
			if readertest.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.word) {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		s, err := formats.OpenStream(plan, bytes.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var b recording.Block
		n, notes := 0, []recording.Annotation{}
		for s.Next(&b) == nil {
			n += len(b.Samples[0])
			notes = append(notes, b.Annotations...)
			if len(b.Events) > 0 {
				t.Errorf("%s: events that are annotations already: %v", tt.name, b.Events)
			}
		}
		want, marks := 8, 1
		if tt.name == "BrainVision" {
			want, marks = 500, 2
		}
		if n != want || len(notes) != marks || len(rec.Channels) == 0 || rec.Channels[0].Samples != nil {
			t.Errorf("%s: %d samples, annotations %v", tt.name, n, notes)
		}
		if marks > 1 && (math.Abs(notes[0].Onset-1) > 1e-9 || notes[1].Duration != 0.1 || notes[0].Code() != 7) {
			t.Errorf("%s: annotations %+v", tt.name, notes)
		}
	}
}

func open(name, content string) (*recording.Recording, error) {
	return formats.Open(name, strings.NewReader(content), int64(len(content)))
}

// exampleOf is the small file of a reader.
func exampleOf(r recording.Reader) string {
	_, content := r.Example(r.Formats[0])
	return string(content)
}
