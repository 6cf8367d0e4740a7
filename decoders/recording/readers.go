package recording

import (
	"io"
	"path"
)

// reader is the contract of a format. Open, Survey and OpenStream come to a format through readers alone, and hand it a
// source that grants memory (see source); the conformance suite runs over the same table, so a format that is added to
// it is held to the same promises.
type reader struct {
	// whole reads a recording into memory. at gives the same bytes at any place.
	whole func(src *Source, at io.ReaderAt, name string) (*Recording, error)
	// survey reads a recording to its end without its samples. It fills in what open must know before the first sample.
	// Nil where a format is not read as it comes in.
	survey func(src *Source, name string, plan *Plan) (*Recording, error)
	// open begins to read the samples of a recording that was surveyed.
	open func(src *Source, plan Plan) (*Stream, error)
}

// readers has a reader for every format that is read from one file. It is never changed.
var readers map[Format]reader

func init() { // a zip reads its members by this table
	edf := func(format Format) reader {
		return reader{
			whole: func(src *Source, _ io.ReaderAt, _ string) (*Recording, error) {
				return Collect(openEDF(src, src.Size(), format))
			},
			survey: func(src *Source, _ string, _ *Plan) (*Recording, error) { return surveyEDF(src, format) },
			open:   func(src *Source, plan Plan) (*Stream, error) { return openEDF(src, plan.Bytes, format) },
		}
	}
	gdf := reader{
		whole: func(src *Source, _ io.ReaderAt, _ string) (*Recording, error) {
			return Collect(openGDF(src, src.Size()))
		},
		survey: func(src *Source, _ string, _ *Plan) (*Recording, error) { return surveyGDF(src) },
		open:   func(src *Source, plan Plan) (*Stream, error) { return openGDF(src, plan.Bytes) },
	}
	text := func(format Format) reader {
		return reader{
			whole: func(src *Source, _ io.ReaderAt, name string) (*Recording, error) {
				return readText(format, src, name)
			},
			survey: surveyText,
			open:   openText,
		}
	}
	readers = map[Format]reader{
		EDF: edf(EDF), BDF: edf(BDF), GDF1: gdf, GDF2: gdf,
		MuseCSV: text(MuseCSV), MindMonitor: text(MindMonitor), OpenBCI: text(OpenBCI), Table: text(Table),
		XDF: held(XDF, func(src *Source, at io.ReaderAt, _ string) (*Recording, error) { return readXDF(src, at) }),
		Zip: held(Zip, readZip),
	}
}

// readWhole reads a file of a format that is known.
func readWhole(format Format, name string, r io.ReaderAt, size int64) (*Recording, error) {
	return readers[format].whole(WholeSource(r, size), r, path.Base(name))
}

// notStreamed says why a format is not read as it comes in.
func notStreamed(format Format, name string, head []byte) error {
	switch format {
	case Gzip:
		return Unsupported(Gzip, nil, "gzip within gzip is not unpacked")
	}
	return refusal(format, name, head)
}
