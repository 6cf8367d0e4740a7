package holder

import (
	"testing"

	"github.com/neurod/neurod/models"
)

// TestWhatABoardCanDependsOnItsRate: 64 channels of sines up to 320 Hz fit into 2 kHz, and not into 250 Hz.
func TestWhatABoardCanDependsOnItsRate(t *testing.T) {
	t.Parallel()
	d := NewDrivers(DriversConfig{Drivers: []Rule{{What: Synthetic}}})
	board := models.Device{ProjectID: "p", Driver: Synthetic, Settings: []byte(`{"pattern":"sine","channels":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17","18","19","20","21","22","23","24","25","26","27","28","29","30","31","32","33","34","35","36","37","38","39","40","41","42","43","44","45","46","47","48","49","50","51","52","53","54","55","56","57","58","59","60","61","62","63","64"]}`)}
	if _, err := d.Describe(t.Context(), board); err == nil {
		t.Error("at 250 Hz")
	}
	board.Config.SampleRate = 2000
	can, err := d.Describe(t.Context(), board)
	if err != nil || len(can.Channels) != 64 {
		t.Errorf("at 2 kHz: %v, %v", can, err)
	}
	board.Config.SampleRate = 1e9 // no rate of its own: who configures the device is told so
	if _, err := d.Describe(t.Context(), board); err == nil {
		t.Error("at 1 GHz")
	}
}

// TestEEGIsMadeWithinBounds: what a call of a few bytes has the server make is small, and the device says so.
func TestEEGIsMadeWithinBounds(t *testing.T) {
	t.Parallel()
	d := NewDrivers(DriversConfig{Drivers: []Rule{{What: Synthetic}}})
	board := models.Device{ProjectID: "p", Driver: Synthetic, Settings: []byte(`{"pattern":"imagery","channels":["C3","Cz","C4","Pz"]}`)}
	can, err := d.Describe(t.Context(), board)
	if err != nil || can.MaxSampleRate != 8000 {
		t.Fatalf("%+v, %v", can, err)
	}
	board.Config.SampleRate = 20_000
	if _, err := d.Describe(t.Context(), board); err == nil {
		t.Error("4 channels of EEG at 20 kHz")
	}
}
