package formats_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/brainvision"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/gdf"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/decoders/recording/text"
	"github.com/neurod/neurod/decoders/recording/xdf"
	"github.com/neurod/neurod/eeg"
)

func TestSniffLooksAtContentFirst(t *testing.T) {
	t.Parallel()
	file := exampleOf(edf.Reader)
	for _, tt := range []struct {
		name, head string
		want       recording.Format
	}{
		{"recording.bdf", file, edf.EDF},
		{"recording", file, edf.EDF},
		{"x.edf", "\xffBIOSEMI", edf.BDF},
		{"x.bin", "GDF 1.25", gdf.GDF1},
		{"x.bin", "GDF 2.20", gdf.GDF2},
		{"x.edf", "SR_RESEARCH_1000", formats.EyeLink},
		{"x.bdf", "version https://git-lfs.github.com/spec/v1", formats.GitLFS},
		{"x.edf", "XDF:", xdf.XDF},
		{"x", "PK\x03\x04", formats.Zip},
		{"x.edf", "\x00\x01\x02", edf.EDF},
		{"x.VHDR", "\x00", brainvision.BrainVision},
		{"x", "timestamps,TP9\n1,2\n", text.MuseCSV},
		{"x", "\x00\x01", recording.Unknown},
		{"x", "", recording.Unknown},
		{"x", strings.Repeat("\n", 4096), recording.Unknown},
		{"x", strings.Repeat(" ", 4096), recording.Unknown},
		{"x", "\ufeff\t\r\n", recording.Unknown},
	} {
		if got := formats.Sniff(tt.name, []byte(tt.head)); got != tt.want {
			t.Errorf("Sniff(%q, %.20q) = %s, want %s", tt.name, tt.head, got, tt.want)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("x.zip", zipped(f, map[string]string{"a.txt": "1\n2\n"}))
	f.Add("x.gz", []byte(gzipped(f, "C3 C4\n1 2\n")))
	f.Add("x.edf", []byte("0       "))
	f.Add("x.txt", []byte("version https://git-lfs.github.com/spec/v1\n"))
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		readertest.Parsed(t, readertest.MostOf(string(b)), func() (*recording.Recording, error) { return formats.Open(name, bytes.NewReader(b), int64(len(b))) })
		members, err := formats.OpenZip(bytes.NewReader(b), int64(len(b)))
		if err != nil && readertest.CodeOf(err) == "" {
			t.Fatalf("ZIP: error without code: %v", err)
		}
		for _, m := range members {
			readertest.Parsed(t, readertest.MostOf(string(b)), m.Open)
		}
	})
}

// TestEveryEncodingThatIsAFileHasAReader: the encodings of decode requests are in package eeg, which knows no reader.
func TestEveryEncodingThatIsAFileHasAReader(t *testing.T) {
	t.Parallel()
	for _, encoding := range eeg.Encodings() {
		if r, ok := formats.Encoded(encoding); ok == encoding.Bare() || ok && r.Whole == nil {
			t.Errorf("%s: a reader %v, bare samples %v", encoding, ok, encoding.Bare())
		}
	}
}

func TestListsFollowTheTable(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{
		strings.Join(formats.Supported(), ", "):  {"EDF", "EDF+", "BDF", "GDF 1.x and 2.x", "BrainVision", "XDF", "Muse CSV", "tables of numbers", "raw float32 or int16 with JSON"},
		strings.Join(formats.Extensions(), ", "): {".edf", ".bdf", ".gdf", ".vhdr", ".f32", ".xdf", ".csv", ".zip"},
		strings.Join(formats.MediaTypes(), ", "): {"application/x-edf", "application/x-xdf", "application/zip", "text/csv"},
	} {
		for _, w := range want {
			if !slices.Contains(strings.Split(list, ", "), w) {
				t.Errorf("%s lacks %s", list, w)
			}
		}
		if strings.Contains(list, ".vmrk") || strings.Contains(list, "MATLAB") {
			t.Errorf("%s lists what is not a recording that is read", list)
		}
	}
}
