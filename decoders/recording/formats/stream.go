package formats

import (
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders/recording"
)

// Inspect reads a recording from its first byte to its last without keeping samples, and says what it holds: the channels
// (without samples) and how to read it again as a stream. A header that cannot be read is refused before more is read;
// the rest is judged as Open judges it. name counts where the content leaves the format open.
//
// It reads EDF, BDF, GDF, Muse and Mind Monitor CSV, OpenBCI text and tables of any length, and up to MostHeld bytes of XDF
// and of ZIP archives of one recording, which is how the files of BrainVision come. Others are unsupported_format. A recording whose rows are not a waveform is not refused here: see
// Recording.Select.
func Inspect(name string, r io.Reader) (*recording.Recording, recording.Plan, error) {
	head := make([]byte, recording.HeadBytes)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, recording.Plan{}, err
	}
	if n == 0 {
		return nil, recording.Plan{}, recording.Malformed(Unknown, map[string]any{"bytes": 0}, "the file is empty")
	}
	head = head[:n]
	row, format := recognize(name, head)
	plan := recording.Plan{Format: format}
	src := recording.StreamSource(io.MultiReader(strings.NewReader(string(head)), r), recording.UnknownSize)
	if row.Inspect == nil {
		return nil, recording.Plan{}, refusal(row, format, name, head)
	}
	rec, err := row.Inspect(src, path.Base(name), &plan)
	if err != nil {
		return nil, recording.Plan{}, err
	}
	plan.Bytes, plan.Warnings = src.At(), rec.Warnings
	return rec, plan, nil
}

// OpenStream reads a recording that Inspect has seen.
func OpenStream(plan recording.Plan, r io.Reader) (*recording.Stream, error) {
	if row, known := rowOf(plan.Format); known && row.Open != nil {
		s, err := row.Open(recording.StreamSource(r, plan.Bytes), plan)
		if err != nil {
			return nil, err
		}
		// Both readings warn of the header; what only the inspection could see comes first.
		rec := s.Recording()
		again := rec.Warnings
		rec.Warnings = slices.Clone(plan.Warnings)
		for _, w := range again {
			if !slices.Contains(rec.Warnings, w) {
				rec.Warnf("%s", w)
			}
		}
		return s, nil
	}
	return nil, recording.Unsupported(plan.Format, nil, "is not read as a stream")
}
