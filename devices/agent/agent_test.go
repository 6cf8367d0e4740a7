package agent

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/spool"
)

// TestRecordsComeBack: what was put into the spool is what is read out of it, and what is no record is refused.
func TestRecordsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 50).Draw(t, "samples")
		r := record{First: rapid.Int64Range(0, 1<<40).Draw(t, "first"), Samples: int64(n), AtMS: rapid.Float64Range(0, 2e12).Draw(t, "at"), WithinMS: 3}
		var v []float32
		for range 3 * n {
			v = append(v, rapid.Float32Range(-1e7, 1e7).Draw(t, "value"))
		}
		r.values = appendValues(nil, v)
		for range rapid.IntRange(0, 3).Draw(t, "markers") {
			r.Markers = append(r.Markers, devices.Marker{At: time.UnixMilli(1730000000000).UTC(), Label: rapid.StringN(1, 40, -1).Draw(t, "label"), Sample: 1.5})
		}
		b, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeRecord(b, 3)
		if err != nil || got.First != r.First || got.end() != r.end() || got.AtMS != r.AtMS || string(got.values) != string(r.values) || len(got.Markers) != len(r.Markers) {
			t.Fatalf("%+v became %+v, %v", r, got, err)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if got, err := decodeRecord(b[:cut], 3); err == nil {
			t.Fatalf("%d bytes of %d are %+v", cut, len(b), got)
		}
	})
}

// FuzzRecord: what lies on the disk is read or refused.
func FuzzRecord(f *testing.F) {
	r := record{First: 3, Samples: 1, values: appendValues(nil, []float32{1, 2})}
	b, err := r.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{255, 255, 255, 255, 0})
	f.Add([]byte{2, 0, 0, 0, '{', '}'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decodeRecord(b, 2); err == nil && int64(len(r.values)) != 8*r.Samples {
			t.Errorf("%d bytes of %d samples", len(r.values), r.Samples)
		}
	})
}

// TestWhatIsSentAgainIsTheSame: a batch that was begun is made of the same records after a crash, whatever came meanwhile; batches neither leave out nor
// repeat a sample, and none spans a gap.
func TestWhatIsSentAgainIsTheSame(t *testing.T) {
	t.Parallel()
	info := devices.Info{Driver: "t", Channels: []string{"C3", "C4"}, Rate: 250}
	rapid.Check(t, func(rt *rapid.T) {
		f, err := newFolder(t.TempDir(), description{Info: info, OriginMS: 1}, spool.Config{Segment: 3000})
		if err != nil {
			rt.Fatal(err)
		}
		next, sent, total := int64(0), int64(0), int64(0)
		put := func(n, gap int64) {
			next += gap
			r := record{First: next, Samples: n, values: appendValues(nil, make([]float32, 2*n))}
			if gap > 0 {
				r.Gaps = []devices.Gap{{Samples: gap, Cause: devices.LostByDevice}}
			}
			next += n
			total += n
			b, err := r.encode()
			if err != nil {
				rt.Fatal(err)
			}
			if _, err := f.spool.Append(b); err != nil {
				rt.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 8).Draw(rt, "rounds") {
			for range rapid.IntRange(0, 5).Draw(rt, "records") {
				put(rapid.Int64Range(1, 300).Draw(rt, "samples"), rapid.SampledFrom([]int64{0, 0, 0, 7}).Draw(rt, "gap"))
			}
			b, err := nextBatch(f)
			if err != nil {
				rt.Fatal(err)
			}
			if b == nil {
				continue
			}
			if rapid.Bool().Draw(rt, "crash") {
				put(10, 0)
				again, err := reopened(f)
				if err != nil {
					rt.Fatal(err)
				}
				b2, err := nextBatch(again)
				if err != nil || b2.from != b.from || b2.to != b.to || b2.first.First != b.first.First || len(b2.values) != len(b.values) {
					rt.Fatalf("%+v is sent again as %+v, %v", b, b2, err)
				}
				f = again
			}
			if n := int64(len(b.values) / 8); b.end-b.first.First != n {
				rt.Fatalf("%d samples from %d to %d", n, b.first.First, b.end)
			} else {
				sent += n
			}
			if err := f.spool.Acknowledge(b.to, b.end); err != nil {
				rt.Fatal(err)
			}
		}
		for {
			b, err := nextBatch(f)
			if err != nil {
				rt.Fatal(err)
			}
			if b == nil {
				break
			}
			sent += int64(len(b.values) / 8)
			if err := f.spool.Acknowledge(b.to, b.end); err != nil {
				rt.Fatal(err)
			}
		}
		if end, err := f.end(); sent != total || err != nil || end != next {
			rt.Fatalf("%d samples were sent of %d; the end is %d of %d, %v", sent, total, end, next, err)
		}
	})
}

// reopened is the folder as the next process finds it.
func reopened(f *folder) (*folder, error) {
	again := &folder{dir: f.dir, desc: f.about()}
	return again, again.open(spool.Config{Segment: 3000})
}

// TestEventsAreOnesThatTheAPITakes: whatever a marker says.
func TestEventsAreOnesThatTheAPITakes(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]devices.Marker{"empty": {}, "control": {Label: "a\x00\n"}, "long": {Label: strings.Repeat("ü", 5000)}, "bytes": {Label: "\xff\xfe"}, "past": {Code: 7, Duration: -time.Second}} {
		e := eventOf(m, 250)
		if n := len([]rune(e.Label)); n > 1000 || e.Code == 0 && strings.TrimSpace(e.Label) == "" || e.DurationMS < 0 || strings.ContainsAny(e.Label, "\x00\n") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e := eventOf(devices.Marker{Label: "x", Sample: 125.5}, 250); math.Abs(e.OnsetMS-502) > 1e-9 {
		t.Errorf("%+v", e)
	}
}
