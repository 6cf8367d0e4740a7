package formats_test

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/raw"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/decoders/recording/text"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// expectedRefusals are the files that must be refused, with the code and a word of the reason. Every other file outside
// malformed must be read.
var expectedRefusals = []struct{ path, code, reason string }{
	{"malformed/EdfLib__ekg.edf", decoders.CodePayloadMalformed, "93 data records and the file holds none"},
	{"malformed/*Invalid_DataRecord_Count.edf", decoders.CodePayloadMalformed, "holds none"},
	{"malformed/*S001R06.edf", decoders.CodeUnsupportedFormat, "SR Research"},
	{"malformed/seizuer_prediction__sample_eeg.edf", decoders.CodeUnsupportedFormat, "Git LFS"},
	{"malformed/edfio__mne_test.bdf", decoders.CodeUnsupportedFormat, "Git LFS"},
}

func TestEveryFileIsReadOrRefusedWithAReason(t *testing.T) {
	t.Parallel()
	root := eegdata.Dir(t)
	seen := 0
	for _, folder := range []string{"formats", "headsets", "malformed", "artifacts", "p300", "ssvep", "seizure/chbmit", "motor_imagery/biosig"} {
		err := fs.WalkDir(os.DirFS(root), folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || d.Name() == "SOURCE.txt" {
				return err
			}
			switch filepath.Ext(path) {
			case ".json", ".csv":
				if _, err := os.Stat(filepath.Join(root, strings.TrimSuffix(strings.TrimSuffix(path, ".json"), ".events.csv")+".f32")); err == nil {
					return nil // belongs to a buffer
				}
			}
			seen++
			rec, err := formats.OpenFS(os.DirFS(root), path)
			for _, want := range expectedRefusals {
				if ok, _ := filepath.Match(want.path, path); ok {
					if readertest.CodeOf(err) != want.code || !strings.Contains(err.Error(), want.reason) {
						t.Errorf("%s: got %v, want %s ... %s", path, err, want.code, want.reason)
					}
					var e *decoders.Error
					if errors.As(err, &e) && e.Details["format"] == "" {
						t.Errorf("%s: the error does not name the format", path)
					}
					return nil
				}
			}
			if err != nil {
				// A file we do not know may be malformed in its own way; it still needs a code.
				if folder != "malformed" || readertest.CodeOf(err) == "" {
					t.Errorf("%s: %v", path, err)
				}
				return nil
			}
			readertest.CheckRecording(t, path, rec)
			return nil
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if seen == 0 {
		t.Skipf("%s: no recordings in the folders of the layout: this test was NOT run", eegdata.EnvDir)
	}
}

func TestHeadsetFiles(t *testing.T) {
	t.Parallel()
	read := 0
	for _, tt := range []struct {
		file     string
		format   recording.Format
		rate     float64
		eeg      int
		seconds  float64
		events   int
		gaps     int
		warning  string
		noSignal bool
	}{
		{file: "headsets/openbci/OpenBCI-RAW-2016-07-21_17-46-29.txt", format: text.OpenBCI, rate: 250, eeg: 8, seconds: 31.06, gaps: 4, warning: "4 samples were lost"},
		{file: "headsets/openbci/OpenBCI_GUI-v6-blinks-jawClench-alpha.txt", format: text.OpenBCI, rate: 250, eeg: 8, seconds: 89.96},
		{file: "headsets/openbci/SDconverted-2014-10-22_16-27-06.txt", format: text.OpenBCI, rate: 250, eeg: 8, seconds: 13.88, warning: "250 Hz is assumed"},
		// SOURCE.txt: 504, 169 and 5 blinks.
		{file: "headsets/mind_monitor/mindMonitor_2021-04-25--22-31-27.csv", format: text.MindMonitor, rate: 1, eeg: 4, seconds: 1145, events: 504, warning: "recorded at an interval", noSignal: true},
		{file: "headsets/mind_monitor/mindMonitor_2021-04-25--23-03-58.csv", format: text.MindMonitor, rate: 1, eeg: 4, seconds: 424, events: 169, warning: "recorded at an interval", noSignal: true},
		{file: "headsets/mind_monitor/mindMonitor_2021-04-25--23-16-05.csv", format: text.MindMonitor, rate: 1, eeg: 4, seconds: 578, events: 5, warning: "recorded at an interval", noSignal: true},
		{file: "artifacts/blink_pyriemann/sample-blinks.txt.gz", format: text.Table, rate: 128, eeg: 19, seconds: 11},
		{file: "formats/other/eeg_ec.txt", format: text.Table, rate: 125, eeg: 1, seconds: 305.75},
		{file: "artifacts/blink_muse/LongBlink2.csv", format: text.Table, rate: 0, eeg: 4, warning: "does not state its sampling rate", noSignal: true},
		{file: "p300/bci2_iib/AAS010R01.f32", format: raw.Buffer, rate: 240, eeg: 64, seconds: 109.7, events: 540},
		{file: "p300/gtec/S1.f32", format: raw.Buffer, rate: 250, eeg: 8, seconds: 243.48, events: 1200},
	} {
		if _, err := os.Stat(filepath.Join(eegdata.Dir(t), filepath.FromSlash(tt.file))); err != nil {
			t.Logf("%s is not there and was NOT read", tt.file)
			continue
		}
		rec, err := openAny(t, tt.file)
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		read++
		eeg := 0
		for _, c := range rec.Channels {
			if c.Kind == recording.EEG {
				eeg++
				if math.Abs(c.Rate-tt.rate) > 0.01*tt.rate {
					t.Errorf("%s %s: %g Hz, want %g", tt.file, c.Label, c.Rate, tt.rate)
				}
			}
		}
		if rec.Format != tt.format || eeg != tt.eeg || len(rec.Events) != tt.events || len(rec.Gaps) != tt.gaps {
			t.Errorf("%s: %s, %d EEG channels, %d events, %d gaps", tt.file, rec.Format, eeg, len(rec.Events), len(rec.Gaps))
		}
		if math.Abs(rec.Seconds()-tt.seconds) > 0.01+0.001*tt.seconds {
			t.Errorf("%s: %g s, want %g", tt.file, rec.Seconds(), tt.seconds)
		}
		if !strings.Contains(strings.Join(rec.Warnings, "\n"), tt.warning) {
			t.Errorf("%s: warnings %q lack %q", tt.file, rec.Warnings, tt.warning)
		}
		if _, err := rec.Signal(); (err != nil) != tt.noSignal {
			t.Errorf("%s: signal error %v", tt.file, err)
		}
	}
	if read == 0 {
		t.Skipf("%s: none of the headsets' recordings: this test was NOT run", eegdata.EnvDir)
	}
}

// The three letters of the first file spell CAT: 45 flashes of each of 12 codes, 90 of 540 are targets.
func TestTargetsOfSpeller(t *testing.T) {
	t.Parallel()
	rec, err := openAny(t, "p300/bci2_iib/AAS010R01.f32")
	if err != nil {
		t.Fatal(err)
	}
	targets, codes := 0, map[int]int{}
	for i, e := range rec.Events {
		codes[e.Code]++
		if rec.Targets[i] {
			targets++
		}
	}
	if targets != 90 || len(codes) != 12 || codes[1] != 45 || codes[12] != 45 {
		t.Errorf("%d targets, codes %v", targets, codes)
	}
}
