package text_test

import (
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/decoders/recording/text"
)

func FuzzText(f *testing.F) {
	steady := func(int) float64 { return 0 }
	f.Add("x.csv", museCSV(20, 256, 5, false, steady))
	f.Add("x.csv", "TimeStamp,RAW_TP9,Elements\n2021-04-25 22:31:28.100,1,\n2021-04-25 22:31:29.100,2,\n2021-04-25 22:31:30.100,,/muse/elements/blink\n")
	f.Add("x.txt", "%OpenBCI Raw EEG Data\n%Sample Rate = 250.0 Hz\n0, 1, 2, 3, 4, 5, 6, 7, 8\n1, 1, 2, 3, 4, 5, 6, 7, 8\n")
	f.Add("x.txt", "%OpenBCI Raw EXG Data\nSample Index, EXG Channel 0, Marker Channel, Timestamp\n0,1,0,1557936053.3\n1,2,5,1557936053.4\n")
	f.Add("x.txt", "# Sampling Rate (Hz):= 125.00\n# Labels:= Oz\n5\n6\n")
	f.Add("x.txt", " Fp1 Fp2 128\n 1 2\n 3 4\n")
	f.Fuzz(func(t *testing.T, name, content string) {
		size := int64(len(content))
		readertest.Parsed(t, readertest.MostOf(content), func() (*recording.Recording, error) { return formats.Open(name, strings.NewReader(content), size) })
		readertest.Parsed(t, len(content), func() (*recording.Recording, error) { return text.ReadMuse(strings.NewReader(content), size) })
		readertest.Parsed(t, len(content), func() (*recording.Recording, error) {
			return text.ReadMindMonitor(strings.NewReader(content), size)
		})
		readertest.Parsed(t, len(content), func() (*recording.Recording, error) { return text.ReadOpenBCI(strings.NewReader(content), size) })
		readertest.Parsed(t, len(content), func() (*recording.Recording, error) { return text.ReadTable(strings.NewReader(content), size) })
	})
}
