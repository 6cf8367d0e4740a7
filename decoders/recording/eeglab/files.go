package eeglab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/neurod/neurod/decoders/recording"
)

// files opens a data set by its .set, or by the .fdt beside it.
func files(fsys fs.FS, name string) (rec *recording.Recording, mine bool, err error) {
	stem, set := strings.TrimSuffix(name, path.Ext(name)), name
	if strings.EqualFold(path.Ext(name), ".fdt") {
		set = stem + ".set"
		if _, err := fs.Stat(fsys, set); err != nil {
			return nil, false, nil
		}
	}
	f, err := recording.OpenFile(fsys, set)
	if err != nil {
		return nil, true, err
	}
	defer f.Close()
	head := make([]byte, len(magic))
	if n, _ := f.ReadAt(head, 0); string(head[:n]) != magic {
		return nil, false, nil // it is judged by its content
	}
	d, err := read(recording.WholeSource(f, f.Size))
	if err != nil {
		return nil, true, err
	}
	var warnings []string
	if d.samples == nil {
		if warnings, err = d.readBeside(fsys, set); err != nil {
			return nil, true, err
		}
	}
	rec, err = d.recording(warnings)
	return rec, true, err
}

// readBeside reads the samples from the file that the data set names, or from the one that has its name: data sets are renamed by
// hand.
func (d *dataset) readBeside(fsys fs.FS, set string) (warnings []string, err error) {
	stated := path.Base(strings.ReplaceAll(d.dataFile, `\`, "/"))
	if ext := strings.ToLower(path.Ext(stated)); ext != ".fdt" {
		return nil, recording.Unsupported(EEGLAB, map[string]any{"data_file": stated}, "samples in a file %s are not read, only in .fdt", ext)
	}
	dir, own := path.Dir(set), strings.TrimSuffix(path.Base(set), path.Ext(set))+".fdt"
	f, err := recording.OpenFile(fsys, path.Join(dir, stated))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		if f, err = recording.OpenFile(fsys, path.Join(dir, own)); err == nil {
			warnings = append(warnings, fmt.Sprintf("the data set names the file %s; %s was read", stated, own))
		}
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, recording.Malformed(EEGLAB, map[string]any{"file": stated}, "the data file %s is missing", stated)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const width = 4 // float32, little-endian, one moment after another
	rows, columns := int64(d.channels), int64(d.points)
	if whole := f.Size / (width * rows); whole != columns || f.Size%(width*rows) != 0 {
		warnings = append(warnings, fmt.Sprintf("the data set has %d samples of %d channels, and %s has %d bytes: what is whole was read", columns, rows, stated, f.Size))
		columns = min(columns, whole)
	}
	if columns == 0 {
		return nil, recording.Malformed(EEGLAB, map[string]any{"bytes": f.Size, "channels": rows}, "the data file %s holds no sample of all channels", stated)
	}
	src := recording.WholeSource(f, f.Size)
	if err := src.Hold(8*rows*columns, EEGLAB, "samples"); err != nil {
		return nil, err
	}
	d.samples = make([][]float64, rows)
	for i := range d.samples {
		d.samples[i] = make([]float64, columns)
	}
	_, value := numbers(miSingle, binary.LittleEndian)
	return warnings, fill(d.samples, width, value, func(p []byte) error { return src.Full(p, EEGLAB, "samples") })
}
