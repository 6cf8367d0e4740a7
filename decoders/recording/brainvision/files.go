package brainvision

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders/recording"
)

// files opens a recording by its header, or by the header beside one of its other files.
func files(fsys fs.FS, name string) (rec *recording.Recording, mine bool, err error) {
	stem, ext := strings.TrimSuffix(name, path.Ext(name)), strings.ToLower(path.Ext(name))
	headers := []string{name}
	if slices.Contains(parts, ext) {
		headers = []string{stem + ".vhdr", stem + ".VHDR", stem + ".ahdr", stem + ".AHDR"}
	}
	for _, header := range headers {
		if _, err := fs.Stat(fsys, header); err == nil || header == name {
			rec, err := open(fsys, header)
			return rec, true, err
		}
	}
	return nil, false, nil
}

// open reads the recording of a header, with the files that it names.
func open(fsys fs.FS, name string) (*recording.Recording, error) {
	b, err := recording.ReadSmall(fsys, name, recording.MostHeader, BrainVision)
	if err != nil {
		return nil, err
	}
	h, err := readHeader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	stem := strings.TrimSuffix(path.Base(name), path.Ext(name))
	// "$b" stands for the header's own name.
	sibling := func(stated string) (string, error) {
		stated = strings.ReplaceAll(stated, "$b", stem)
		for _, here := range []string{"./", `.\`} { // the header's own folder
			stated = strings.TrimPrefix(stated, here)
		}
		if stated == "" || strings.ContainsAny(stated, `/\`) || stated == ".." {
			return "", recording.Malformed(BrainVision, map[string]any{"file": stated}, "the header names the file %q, which does not lie beside it", stated)
		}
		return path.Join(path.Dir(name), stated), nil
	}
	dataName, err := sibling(h.dataFile)
	if err != nil {
		return nil, err
	}
	data, err := recording.OpenFile(fsys, dataName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, recording.Malformed(BrainVision, map[string]any{"file": path.Base(dataName)}, "the data file %s is missing", path.Base(dataName))
	}
	if err != nil {
		return nil, err
	}
	defer data.Close()
	if h.markerFile == "" {
		return Read(bytes.NewReader(b), data, data.Size, nil)
	}
	markerName, err := sibling(h.markerFile)
	if err != nil {
		return nil, err
	}
	markers, err := recording.ReadSmall(fsys, markerName, recording.MostHeader, BrainVision)
	if errors.Is(err, fs.ErrNotExist) {
		rec, err := Read(bytes.NewReader(b), data, data.Size, nil)
		if err == nil {
			rec.Warnf("the marker file %s is missing", path.Base(markerName))
		}
		return rec, err
	}
	if err != nil {
		return nil, err
	}
	return Read(bytes.NewReader(b), data, data.Size, bytes.NewReader(markers))
}
