package service

import (
	"strings"
	"testing"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// TestBatchesCostWhatTheyMay holds batches to the windows and decodes that they make, whatever their bytes.
func TestBatchesCostWhatTheyMay(t *testing.T) {
	t.Parallel()
	session := func(channels int, rate float64, hopMS int, decode *models.LiveDecode) models.Session {
		return models.Session{Channels: make([]string, channels), SampleRateHz: rate, HopMS: hopMS, Decode: decode}
	}
	for _, tt := range []struct {
		name    string
		ses     models.Session
		samples int64
		code    string
	}{
		{"a second of a headset", session(8, 250, 2000, nil), 250, ""},
		{"four minutes of 64 channels", session(64, 250, 2000, nil), 60_000, ""},
		{"an hour at the usual hop", session(1, 250, 2000, nil), 900_000, ""},
		{"100 s at the shortest hop", session(8, 250, 50, nil), 25_000, ""},
		{"a sample a window", session(1, 8, 125, nil), 99_985, "too_many_windows"},
		{"two hours", session(1, 8, 2000, nil), 57_600, "too_many_windows"},
		{"more values than a batch may hold", session(512, 250, 60_000, nil), 10_000, "too_many_values"},
		{"windows that overlap forty times", session(64, 500, 50, nil), 50_000, "too_much_work"},
		{"a minute decoded every second", session(8, 250, 2000, &models.LiveDecode{Paradigm: "motor_imagery", WindowMS: 4000, HopMS: 1000}), 15_000, ""},
		{"a minute decoded at the shortest hop", session(8, 250, 2000, &models.LiveDecode{Paradigm: "auto", WindowMS: 60_000, HopMS: 50}), 15_000, "too_much_work"},
		{"a scan of a minute every second", session(8, 250, 2000, &models.LiveDecode{Paradigm: "ssvep", WindowMS: 20_000, HopMS: 1000}), 25_000, "too_much_work"},
		{"a single window", session(512, 4000, 2000, nil), 1, ""},
	} {
		var wrong fieldErrors
		admitBatch(tt.ses, tt.samples, &wrong)
		switch {
		case tt.code == "" && len(wrong) > 0, tt.code != "" && (len(wrong) != 1 || wrong[0].Code != tt.code):
			t.Errorf("%s: %v, want %q", tt.name, wrong, tt.code)
		case tt.code != "" && !strings.Contains(wrong[0].Message, "at most"):
			t.Errorf("%s: %q names no limit", tt.name, wrong[0].Message)
		}
	}
	for _, tt := range []struct {
		name string
		ses  models.Session
		bad  string
	}{
		{"512 channels at 4 kHz", session(512, 4000, 2000, nil), ""},
		{"256 channels at 5 kHz", session(256, 5000, 50, nil), ""},
		{"512 channels at 20 kHz", session(512, 20_000, 2000, nil), "/channels"},
		{"a minute of 512 channels", session(512, 2000, 2000, &models.LiveDecode{Paradigm: "auto", WindowMS: 60_000, HopMS: 1000}), "/decode/window_s"},
	} {
		var wrong fieldErrors
		admitGrid(tt.ses, &wrong)
		if (tt.bad == "") != (len(wrong) == 0) || tt.bad != "" && strictjson.Pointer(wrong[0].Path) != tt.bad {
			t.Errorf("%s: %v, want %q", tt.name, wrong, tt.bad)
		}
	}
}

// TestDecodesCostWhatTheyMay holds what the recordings of a call take together to the bytes that came.
func TestDecodesCostWhatTheyMay(t *testing.T) {
	t.Parallel()
	clip := func(paradigm eeg.Paradigm, channels, targets int) eeg.Input {
		in := eeg.Input{Encoding: "int16le", Paradigm: paradigm, SampleRate: 250, Channels: &eeg.Channels{Count: channels}}
		if targets > 0 {
			in.Stimulus = &eeg.Stimulus{Targets: make([]eeg.Target, targets)}
		}
		return in
	}
	every := func(in eeg.Input, events int) eeg.Input {
		in.Trials, in.Events = "all", make(eeg.Events, events)
		return in
	}
	session := func(in eeg.Input) eeg.Input {
		in.SessionID, in.Encoding = "s", "float32le"
		return in
	}
	file := eeg.Input{Encoding: "edf", Events: nil, Trials: "all", Paradigm: "motor_imagery"}
	for _, tt := range []struct {
		name  string
		in    eeg.Input
		size  int
		items int
		fine  bool
	}{
		{"as much imagery as fits", clip("motor_imagery", 64, 0), eeg.MaxPayloadBytes, 1, true},
		{"a scan of a long recording", clip("ssvep", 64, 0), eeg.MaxPayloadBytes, 1, true},
		{"200 targets in a long recording", clip("ssvep", 512, 200), eeg.MaxPayloadBytes, 1, true},
		{"a hundred clips of imagery", clip("motor_imagery", 22, 0), 22 * 2 * 1000, 100, true},
		{"a hundred clips of 40 targets", clip("ssvep", 9, 40), 9 * 2 * 1250, 100, true},
		{"a hundred scans of a second", clip("ssvep", 1, 0), 2 * 250, 100, true},
		{"a hundred scans of 15 s", clip("ssvep", 1, 0), 2 * 3750, 100, false},
		{"a hundred recordings of 40 trials", every(clip("motor_imagery", 22, 0), 40), 22 * 2 * 250 * 60, 10, true},
		{"300 scans in each of a hundred", every(clip("ssvep", 1, 0), 300), 7000, 100, false},
		{"a hundred small files with trials", file, 10_000, 100, false},
		{"ten files with trials", file, 2 << 20, 10, true},
		{"a hundred stretches of a session", session(clip("motor_imagery", 3, 0)), 60_000, 100, true},
		{"a hundred stretches with 200 targets", session(clip("ssvep", 3, 200)), 60_000, 100, false},
	} {
		var all decodes
		for range tt.items {
			all.add(&tt.in, tt.size)
		}
		err := all.admit(models.At("items"))
		if (err == nil) != tt.fine {
			t.Errorf("%s: %v (%d of work)", tt.name, err, all.work)
		}
		if err != nil && models.AsError(err).Fields[0].Code != "too_much_work" {
			t.Errorf("%s: refused with %v", tt.name, err)
		}
	}
}

// TestGzipFilesMayNotGrowWithoutEnd takes what shrinks as recordings do, and refuses zeros.
func TestGzipFilesMayNotGrowWithoutEnd(t *testing.T) {
	t.Parallel()
	came := &counter{n: 1 << 20}
	for n, fine := range map[int64]bool{4 << 20: true, 6 << 20: true, 6<<20 + 1: false} {
		f := &inflated{r: strings.NewReader("x"), came: came, n: n - 1}
		if _, err := f.Read(make([]byte, 1)); (err == nil) != fine {
			t.Errorf("%d bytes of %d: %v", n, came.n, err)
		} else if !fine && models.AsError(err).Code != models.PayloadTooLarge {
			t.Errorf("refused with %v", err)
		}
	}
}
