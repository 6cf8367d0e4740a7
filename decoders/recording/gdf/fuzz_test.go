package gdf_test

import (
	"bytes"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/gdf"
	"github.com/neurod/neurod/decoders/recording/readertest"
)

func FuzzGDF(f *testing.F) {
	f.Add(gdfFile{version: "GDF 1.25", records: 1, channels: []gdfChannel{{label: "Cz", unit: "uV", spr: 4, typ: 3}}, data: readertest.Int16s(1, 2, 3, 4),
		table: []byte{1, 50, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 3}}.bytes())
	f.Add(gdfFile{version: "GDF 2.20", records: -1, channels: []gdfChannel{{label: "Cz", code: 4275, spr: 2, typ: 17}, {label: "Pz", spr: 1, typ: 1}}, data: make([]byte, 34)}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		readertest.Parsed(t, len(b), func() (*recording.Recording, error) { return gdf.Read(bytes.NewReader(b), int64(len(b))) })
	})
}
