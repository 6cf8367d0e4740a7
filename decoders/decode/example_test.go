package decode_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
)

// A person looks at one of three lamps; the request says how fast they flicker.
func Example() {
	session, err := synthetic.SSVEP(synthetic.Config{Channels: []string{"O1", "Oz", "O2"}, Seed: 1},
		synthetic.FlickerConfig{Targets: []eeg.Target{{Label: "desk", Frequency: 14}, {Label: "bed", Frequency: 17}, {Label: "door", Frequency: 20}}, TrialsPerTarget: 1})
	if err != nil {
		panic(err)
	}
	var payload bytes.Buffer // 4 s from the first onset, float32le, sample-major
	from := int(session.Events[0].Onset * session.Rate)
	for i := from; i < from+1000; i++ {
		for c := range session.Channels {
			_ = binary.Write(&payload, binary.LittleEndian, float32(session.Data.At(c, i)))
		}
	}
	req, err := decode.ParseRequest([]byte(`{
		"input": {"type": "eeg", "channels": ["O1", "Oz", "O2"], "sample_rate": 250,
		          "stimulus": {"targets": [{"label": "desk", "frequency": 14}, {"label": "bed", "frequency": 17}, {"label": "door", "frequency": 20}]}},
		"context": {"ui_mode": "smart_home"}}`))
	if err != nil {
		panic(err)
	}
	cat, err := catalog.Default()
	if err != nil {
		panic(err)
	}
	out, _, err := decode.Run(context.Background(), req, payload.Bytes(), cat, decode.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(out.ParadigmDetected, out.DecodedIntent == session.Labels[0], out.Model.Name)
	// Output: ssvep true ssvep-fbcca
}
