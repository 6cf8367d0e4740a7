package handlers_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/models"
)

// TestViewOfSamples: a range is answered as samples where they are few, else as blocks, in JSON and in bytes alike.
func TestViewOfSamples(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	id := b.session(t)
	path := "/v1/sessions/" + id + "/samples"
	if a := b.call(t, "GET", path, b.key, ""); a.status != 200 || a.body["points"] != 0. || a.body["start_unix_ms"] != nil {
		t.Errorf("without samples: %d %s", a.status, a.raw)
	}
	const origin = 1_730_000_000_000
	for i, gap := range []int{0, 0, 500} { // 2 s, 2 s, and after 2 s without samples 2 more
		var c3, c4 []string
		for j := range 500 {
			c3, c4 = append(c3, fmt.Sprint(i*500+j)), append(c4, fmt.Sprint(-j))
		}
		at := origin + (i*500+gap)*4
		b.made(t, "/v1/sessions/"+id+"/ingest", b.key, fmt.Sprintf(`{"batch_id":"b%d","t0_unix_ms":%d,"data":{"C3":[%s],"C4":[%s]}}`, i, at, strings.Join(c3, ","), strings.Join(c4, ",")))
	}
	few := b.call(t, "GET", fmt.Sprintf("%s?start=%d&end=%d&channels=C4", path, origin+40, origin+60), b.key, "")
	want := map[string]any{"session_id": id, "sample_rate_hz": 250., "unit": "uV", "kind": "samples", "samples_per_point": 1., "first_sample": 10., "start_unix_ms": origin + 40.,
		"points": 5., "channels": []any{"C4"}, "data": []any{map[string]any{"values": []any{-10., -11., -12., -13., -14.}}}}
	if d := cmp.Diff(want, few.body); few.status != 200 || d != "" {
		t.Errorf("%d %s", few.status, d)
	}
	// Who has logged in reads the same.
	if a := b.call(t, "GET", fmt.Sprintf("%s?start=%d&end=%d&channels=C4", path, origin+40, origin+60), b.token, "", "X-Project-Id", b.project); a.raw != few.raw {
		t.Errorf("%d %s", a.status, a.raw)
	}
	all := b.call(t, "GET", path+"?points=8", b.key, "")
	var doc struct {
		Kind  string `json:"kind"`
		Block int    `json:"samples_per_point"`
		Data  []struct{ Min, Max []*float32 }
	}
	if err := json.Unmarshal([]byte(all.raw), &doc); err != nil || doc.Kind != "envelope" || doc.Block != 256 || len(doc.Data) != 2 || len(doc.Data[0].Min) != 8 {
		t.Fatalf("%v %s", err, all.raw)
	}
	if d := doc.Data[0]; *d.Min[0] != 0 || *d.Max[0] != 255 || *d.Max[3] != 999 || d.Min[4] != nil || *d.Min[5] != 1000 || *d.Max[7] != 1499 {
		t.Errorf("blocks: %s", all.raw)
	}
	raw := []byte(b.call(t, "GET", path+"?points=8&format=binary", b.key, "").raw)
	head := binary.LittleEndian.Uint32(raw)
	var said map[string]any
	if err := json.Unmarshal(raw[4:4+head], &said); err != nil || head%4 != 0 {
		t.Fatalf("%v: a head of %d bytes", err, head)
	}
	delete(all.body, "data")
	if d := cmp.Diff(all.body, said); d != "" {
		t.Error(d)
	}
	values := raw[4+head:]
	if len(values) != 4*2*2*8 {
		t.Fatalf("%d bytes of values", len(values))
	}
	for ch, planes := range doc.Data {
		for p, plane := range [][]*float32{planes.Min, planes.Max} {
			for i, v := range plane {
				got := math.Float32frombits(binary.LittleEndian.Uint32(values[4*((2*ch+p)*8+i):]))
				if v == nil && got == got || v != nil && got != *v {
					t.Errorf("channel %d, plane %d, point %d: %v in bytes", ch, p, i, got)
				}
			}
		}
	}
	for query, pointer := range map[string]string{"?start=5&end=5": "start", "?start=x": "start", "?points=0": "points", "?points=5000": "points", "?channels=C3,Fz": "channels", "?format=csv": "format", "?end=NaN": "end"} {
		b.call(t, "GET", path+query, b.key, "").problem(t, 400, models.InvalidParameter, pointer)
	}
	for _, query := range []string{"?start=-1e15&end=1", "?start=1e15", "?end=0"} {
		if a := b.call(t, "GET", path+query, b.key, ""); a.status != 200 || a.body["points"] != 0. {
			t.Errorf("%s: %d %s", query, a.status, a.raw)
		}
	}
	b.call(t, "GET", "/v1/sessions/"+models.NewID()+"/samples", b.key, "").problem(t, 404, models.SessionNotFound)
}
