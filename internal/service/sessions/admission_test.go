package sessions

import (
	"strings"
	"testing"

	"github.com/neurod/neurod/internal/service/validate"
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
		var wrong validate.Fields
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
		var wrong validate.Fields
		admitGrid(tt.ses, &wrong)
		if (tt.bad == "") != (len(wrong) == 0) || tt.bad != "" && strictjson.Pointer(wrong[0].Path) != tt.bad {
			t.Errorf("%s: %v, want %q", tt.name, wrong, tt.bad)
		}
	}
}
