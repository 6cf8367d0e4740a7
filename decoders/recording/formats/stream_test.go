package formats_test

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// TestStreamEqualsWholeFile reads every recording of the folder both ways, in pieces of several sizes.
func TestStreamEqualsWholeFile(t *testing.T) {
	t.Parallel()
	dir := eegdata.Dir(t)
	read := 0
	check := func(name string, file []byte) {
		if len(file) == 0 || len(file) > 64<<20 {
			return
		}
		read++
		pieces := []int{1 << 20}
		if len(file) < 512<<10 {
			pieces = append(pieces, 997)
		}
		readertest.SameReading(t, name, file, pieces...)
	}
	zips := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if filepath.Ext(path) != ".zip" {
			b, err := os.ReadFile(path)
			if err == nil {
				check(filepath.Base(path), b)
			}
			return err
		}
		if zips++; zips > 3 {
			return nil
		}
		z, err := zip.OpenReader(path)
		if err != nil {
			return err
		}
		defer z.Close()
		for _, f := range z.File[:min(4, len(z.File))] {
			r, err := f.Open()
			if err != nil {
				return err
			}
			b, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			check(filepath.Base(f.Name), b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files", read)
	if read < 20 {
		t.Errorf("only %d files", read)
	}
}

// FuzzStream holds streams of any bytes, in pieces of any size, to what Open reads.
func FuzzStream(f *testing.F) {
	for _, r := range formats.Table() {
		for _, format := range r.Formats {
			if r.Example == nil {
				continue
			}
			if name, content := r.Example(format); content != nil {
				f.Add(name, content, 7)
			}
		}
	}
	f.Add("x.txt", []byte("%OpenBCI Raw EEG Data\n%Sample Rate = 250.0 Hz\n0, 1, 2, 3, 4, 5, 6, 7, 8\n4, 1, 2, 3, 4, 5, 6, 7, 8\n"), 5)
	f.Add("x.csv", []byte("TimeStamp,RAW_TP9,Elements\n2021-04-25 22:31:28.100,1,\n2021-04-25 22:31:28.104,2,x\n2021-04-25 22:31:28.107,,/muse/elements/blink\n"), 5)
	f.Add("x.txt", []byte("# Sampling Rate (Hz):= 125.00\n# Labels:= Oz\n5\n6\n"), 2)
	f.Fuzz(func(t *testing.T, name string, file []byte, n int) {
		if len(file) == 0 || len(file) > 1<<16 {
			return
		}
		readertest.SameReading(t, name, file, 1+int(uint(n)%4096))
	})
}
