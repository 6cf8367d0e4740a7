package edf_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/readertest"
)

func FuzzEDF(f *testing.F) {
	for name, rec := range written() {
		for _, write := range []func(io.Writer, *recording.Recording) error{edf.Write, edf.WriteBDF} {
			var b bytes.Buffer
			if err := write(&b, rec); err != nil {
				f.Fatalf("%s: %v", name, err)
			}
			if b.Len() < 8<<10 {
				f.Add(b.Bytes())
			}
		}
	}
	f.Add(edfFile{reserved: "EDF+D", records: "2", signals: []edfSignal{{unit: "uV"}, {label: "EDF Annotations", samples: "8"}},
		data: append(append(readertest.Int16s(1, 2, 3, 4), tal(16, "+0\x14\x14\x00")...), append(readertest.Int16s(1, 2, 3, 4), tal(16, "+9\x14\x14\x00")...)...)}.bytes())
	f.Add(edfFile{records: "-1", signals: []edfSignal{{label: "Status"}}, data: readertest.Int16s(1, 2, 3, 4)}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		readertest.Parsed(t, len(b), func() (*recording.Recording, error) { return edf.Read(bytes.NewReader(b), int64(len(b))) })
		readertest.Parsed(t, len(b), func() (*recording.Recording, error) { return edf.ReadBDF(bytes.NewReader(b), int64(len(b))) })
	})
}
