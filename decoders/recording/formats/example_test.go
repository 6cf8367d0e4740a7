package formats_test

import (
	"bytes"
	"fmt"
	"math"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/eeg"
)

func Example() {
	rec := &recording.Recording{
		Channels: []recording.Channel{
			{Label: "EEG C3-Ref", Unit: "uV", Rate: 100, Samples: make([]float64, 200)},
			{Label: "EEG T4-Ref", Unit: "uV", Rate: 100, Samples: make([]float64, 200)},
		},
		Events: []eeg.Event{{Onset: 0.5, Code: 769, Label: "left"}},
	}
	for i := range rec.Channels[0].Samples {
		rec.Channels[0].Samples[i] = 20 * math.Sin(2*math.Pi*10*float64(i)/100)
	}
	var file bytes.Buffer
	if err := edf.Write(&file, rec); err != nil {
		fmt.Println(err)
		return
	}

	back, err := formats.Open("any name", bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	sig, err := back.Signal("C3", "T8")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(back.Format, sig.Channels, sig.Rate, "Hz", sig.Seconds(), "s", back.Events[0].Code, "at", back.Events[0].Onset)
	_, err = back.Signal("C3", "Oz")
	fmt.Println(err)
	// Output:
	// EDF+C [C3 T8] 100 Hz 2 s 769 at 0.5
	// montage_mismatch: the recording lacks Oz; it has EEG C3-Ref, EEG T4-Ref
}
