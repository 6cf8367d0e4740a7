package lsl

import (
	"cmp"
	"strconv"

	"github.com/neurod/neurod/devices"
)

// Tap gives what a source gives as LSL streams, too: its samples under a name, in float32 µV, with the labels of their channels, and its markers as texts
// under the name with "-markers" behind. Samples that are missing are missing there, too, which their times show.
func Tap(src devices.Source, name string, n Network) devices.Source {
	return devices.Tap(src, func(info devices.Info) (func(devices.Batch), func(), error) {
		samples, err := NewOutlet(OutletConfig{Name: name, Labels: info.Channels, Rate: info.Rate, Network: n})
		if err != nil {
			return nil, nil, err
		}
		markers, err := NewOutlet(OutletConfig{Name: name + "-markers", Type: "Markers", Labels: []string{"marker"}, Format: String, Network: n})
		if err != nil {
			_ = samples.Close()
			return nil, nil, err
		}
		channels := len(info.Channels)
		show := func(b devices.Batch) {
			if len(b.Samples) > 0 {
				begin := At(b.At)
				for i := range len(b.Samples) / channels {
					s := Sample{Time: begin + float64(i)/info.Rate, Values: make([]float64, channels)}
					for c := range channels {
						s.Values[c] = float64(b.Samples[i*channels+c])
					}
					_ = samples.Push(s) // it has as many values as the stream
				}
			}
			for _, m := range b.Markers {
				_ = markers.Push(Sample{Time: At(m.At), Strings: []string{textOf(m)}})
			}
		}
		return show, func() { _, _ = samples.Close(), markers.Close() }, nil
	})
}

// textOf is a marker as a text: its label, or its code.
func textOf(m devices.Marker) string {
	return cmp.Or(m.Label, strconv.Itoa(m.Code))
}
