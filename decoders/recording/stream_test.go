package recording_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// pieces gives a text in reads of at most n bytes.
type pieces struct {
	r io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.n)]) }

// streamed reads a file as a stream and puts its blocks together.
func streamed(t testing.TB, name string, file []byte, n int) (*recording.Recording, error) {
	t.Helper()
	rec, plan, err := recording.Survey(name, pieces{bytes.NewReader(file), n})
	if err != nil {
		return nil, err
	}
	if plan.Bytes != int64(len(file)) {
		t.Fatalf("the survey saw %d bytes of %d", plan.Bytes, len(file))
	}
	if rec.Irregular || plan.Rate == 0 && !slices.Contains([]recording.Format{recording.EDF, recording.BDF, recording.GDF1, recording.GDF2, recording.XDF, recording.Zip}, plan.Format) {
		return rec, nil
	}
	s, err := recording.OpenStream(plan, pieces{bytes.NewReader(file), n})
	if err != nil {
		return nil, err
	}
	var b recording.Block
	missing := 0.0
	for {
		err := s.Next(&b)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if b.Gap > 0 {
			rec.Gaps = append(rec.Gaps, recording.Gap{At: b.At, Length: b.Gap})
			missing += b.Gap
		}
		for i := range b.Samples {
			rec.Channels[i].Samples = append(rec.Channels[i].Samples, b.Samples[i]...)
		}
		rec.Events = append(rec.Events, b.Events...)
		rec.Annotations = append(rec.Annotations, b.Annotations...)
		for i, d := range b.Durations {
			rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: b.Events[i].Onset, Duration: d, Label: b.Events[i].Label})
		}
	}
	if !rec.StartTime.Equal(s.Recording().StartTime) && plan.Format != recording.MuseCSV && plan.Format != recording.MindMonitor {
		t.Fatalf("the survey says that it began %v, the stream %v", rec.StartTime, s.Recording().StartTime)
	}
	return rec, nil
}

// sameReading holds a stream to what Open reads of the same bytes.
func sameReading(t testing.TB, name string, file []byte, n int) {
	t.Helper()
	want, wantErr := recording.Open(name, bytes.NewReader(file), int64(len(file)))
	got, err := streamed(t, name, file, n)
	format := recording.Sniff(name, file[:min(len(file), 4096)])
	if format == recording.Zip {
		return // Open leaves the choice among its files to the caller
	}
	if format == recording.Gzip {
		if codeOf(err) != decoders.CodeUnsupportedFormat {
			t.Fatalf("a format that is not streamed: %v", err)
		}
		return
	}
	if codeOf(err) == decoders.CodeUnsupportedFormat && strings.Contains(err.Error(), "as a stream") {
		return // a record too large to be held
	}
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s: Open says %v, the stream %v", name, wantErr, err)
	}
	if err != nil {
		if codeOf(err) != codeOf(wantErr) {
			t.Fatalf("%s: Open says %v, the stream %v", name, wantErr, err)
		}
		return
	}
	if len(got.Channels) != len(want.Channels) || got.Irregular != want.Irregular || !got.StartTime.Equal(want.StartTime) || got.Format != want.Format {
		t.Fatalf("%s: %d channels of %s from %v, Open has %d of %s from %v", name, len(got.Channels), got.Format, got.StartTime,
			len(want.Channels), want.Format, want.StartTime)
	}
	for i := range want.Channels {
		w, g := &want.Channels[i], &got.Channels[i]
		if g.Label != w.Label || g.Name != w.Name || g.Kind != w.Kind || g.Unit != w.Unit || g.Rate != w.Rate {
			t.Fatalf("%s: channel %d is %+v, Open has %+v", name, i, header(g), header(w))
		}
		if got.Irregular || w.Rate == 0 {
			continue
		}
		if !slices.EqualFunc(g.Samples, w.Samples, func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }) {
			t.Fatalf("%s: channel %s has %d samples, Open has %d, or they differ", name, w.Label, len(g.Samples), len(w.Samples))
		}
	}
	if got.Irregular || len(want.Channels) > 0 && want.Channels[0].Rate == 0 {
		return
	}
	if !slices.EqualFunc(got.Gaps, want.Gaps, func(a, b recording.Gap) bool { return near(a.At, b.At, 1) && near(a.Length, b.Length, 1) }) {
		t.Fatalf("%s: gaps %v, Open has %v", name, got.Gaps, want.Gaps)
	}
	if len(got.Annotations) != len(want.Annotations) {
		t.Fatalf("%s: %d annotations, Open has %d", name, len(got.Annotations), len(want.Annotations))
	}
	// Open's events are those of the stream and one for each annotation that is none of them already.
	events := len(got.Events)
	if want.Format != recording.GDF1 && want.Format != recording.GDF2 {
		events += len(got.Annotations)
	}
	if events != len(want.Events) {
		t.Fatalf("%s: %d events, Open has %d", name, events, len(want.Events))
	}
}

func header(c *recording.Channel) recording.Channel {
	h := *c
	h.Samples = nil
	return h
}

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
		sameReading(t, name, file, 1<<20)
		if len(file) < 2<<20 {
			sameReading(t, name, file, 997)
		}
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

// TestStreamAtAnyPieceSize is the property behind the test above, on recordings that are made up.
func TestStreamAtAnyPieceSize(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 5000).Draw(rt, "piece")
		records := rapid.IntRange(1, 40).Draw(rt, "records")
		var data []byte
		at := 0.0
		for i := range records {
			if rapid.IntRange(0, 5).Draw(rt, "gap") == 0 {
				at += float64(rapid.IntRange(1, 90).Draw(rt, "length"))
			}
			data = append(data, int16s(i, 2, -i, 4)...)
			data = append(data, tal(80, fmt.Sprintf("+%.3f\x14\x14\x00+%.3f\x151.5\x14T%d\x14\x00", at, at+0.25, i%3))...)
			at += 4. / 100
		}
		file := edfFile{reserved: "EDF+D", records: fmt.Sprint(records), duration: "0.04",
			signals: []edfSignal{{unit: "uV"}, {label: "EDF Annotations", samples: "40"}}, data: data}.bytes()
		cut := rapid.IntRange(0, min(len(data), 30)).Draw(rt, "cut off")
		sameReading(t, "x.edf", file[:len(file)-cut], n)

		var csv strings.Builder
		csv.WriteString("timestamps,TP9,AF7,Marker0\n")
		stamp := 100.0
		for i := range rapid.IntRange(0, 2500).Draw(rt, "rows") {
			stamp += 1. / 256
			if i%701 == 700 {
				stamp += float64(rapid.IntRange(0, 3).Draw(rt, "pause"))
			}
			fmt.Fprintf(&csv, "%.6f,%d,%d,%d\n", stamp, i%50, -i%20, i%97/96)
		}
		sameReading(t, "x.csv", []byte(csv.String()), n)
	})
}

// TestSurveyRefusesEarly: a header that cannot be read is refused before the samples come.
func TestSurveyRefusesEarly(t *testing.T) {
	t.Parallel()
	file := edfFile{records: "4", signals: []edfSignal{{pmin: "x"}}, data: make([]byte, 4096)}.bytes()
	_, _, err := recording.Survey("x.edf", io.MultiReader(bytes.NewReader(file[:4096]), iotest.ErrReader(errors.New("read too far"))))
	var bad *decoders.Error
	if !errors.As(err, &bad) || bad.Details["field"] == nil {
		t.Errorf("a bad header: %v", err)
	}
	_, _, err = recording.Survey("x.edf", iotest.ErrReader(errors.New("broken")))
	if err == nil || codeOf(err) != "" {
		t.Errorf("a failing reader: %v", err)
	}
	huge := edfFile{records: "1", signals: []edfSignal{{samples: "99999999"}}}.bytes()
	if _, _, err = recording.Survey("x.edf", bytes.NewReader(huge)); codeOf(err) != decoders.CodeUnsupportedFormat {
		t.Errorf("a record of 200 MB: %v", err)
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	rec := &recording.Recording{Channels: []recording.Channel{
		{Label: "EEG Cz", Name: "Cz", Kind: recording.EEG, Rate: 256},
		{Label: "EEG Pz", Name: "Pz", Kind: recording.EEG, Rate: 256},
		{Label: "EEG Oz", Name: "Oz", Kind: recording.EEG, Rate: 128},
		{Label: "ECG", Name: "ECG", Kind: recording.ECG, Rate: 256},
		{Label: "Status", Name: "Status", Kind: recording.Trigger, Rate: 256},
	}}
	picked, skipped, err := rec.Select()
	if err != nil || !slices.Equal(picked, []int{0, 1}) || len(skipped) != 3 {
		t.Fatalf("%v %v %v", picked, skipped, err)
	}
	for i, word := range []string{"128 Hz", "ecg", "events"} {
		if !strings.Contains(skipped[i].Reason, word) {
			t.Errorf("%+v does not say %q", skipped[i], word)
		}
	}
	if picked, _, err = rec.Select("ECG", "cz"); err != nil || !slices.Equal(picked, []int{3, 0}) {
		t.Errorf("by name: %v %v", picked, err)
	}
	for _, bad := range [][]string{{"Fz"}, {"Cz", "Oz"}, {"Cz", "EEG Cz"}, {"Status"}} {
		if _, _, err := rec.Select(bad...); codeOf(err) != decoders.CodeMontageMismatch {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// FuzzStream holds streams of any bytes, in pieces of any size, to what Open reads.
func FuzzStream(f *testing.F) {
	for name, rec := range written() {
		var b bytes.Buffer
		if err := recording.WriteEDF(&b, rec); err != nil {
			f.Fatalf("%s: %v", name, err)
		}
		if b.Len() < 8<<10 {
			f.Add("x.edf", b.Bytes(), 100)
		}
	}
	f.Add("x.edf", edfFile{reserved: "EDF+D", records: "2", signals: []edfSignal{{unit: "uV"}, {label: "EDF Annotations", samples: "8"}},
		data: append(append(int16s(1, 2, 3, 4), tal(16, "+0\x14\x14\x00")...), append(int16s(1, 2, 3, 4), tal(16, "+9\x14\x14\x00")...)...)}.bytes(), 7)
	f.Add("x.gdf", gdfFile{version: "GDF 1.25", records: 1, channels: []gdfChannel{{label: "Cz", unit: "uV", spr: 4, typ: 3}}, data: int16s(1, 2, 3, 4),
		table: []byte{1, 50, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 3}}.bytes(), 3)
	f.Add("x.csv", []byte(museCSV(20, 256, 5, false, func(int) float64 { return 0 })), 11)
	f.Add("x.txt", []byte("%OpenBCI Raw EEG Data\n%Sample Rate = 250.0 Hz\n0, 1, 2, 3, 4, 5, 6, 7, 8\n4, 1, 2, 3, 4, 5, 6, 7, 8\n"), 5)
	f.Add("x.csv", []byte("TimeStamp,RAW_TP9,Elements\n2021-04-25 22:31:28.100,1,\n2021-04-25 22:31:28.104,2,x\n2021-04-25 22:31:28.107,,/muse/elements/blink\n"), 5)
	f.Add("x.txt", []byte("# Sampling Rate (Hz):= 125.00\n# Labels:= Oz\n5\n6\n"), 2)
	f.Fuzz(func(t *testing.T, name string, file []byte, n int) {
		if len(file) == 0 || len(file) > 1<<16 {
			return
		}
		sameReading(t, name, file, 1+int(uint(n)%4096))
	})
}
