package test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/race"
)

// openRecording reads an exported EDF+ or BDF+.
func openRecording(t testing.TB, name string, b []byte) *recording.Recording {
	t.Helper()
	rec, err := formats.Open(name, bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Warnings) > 0 {
		t.Errorf("%s: %q", name, rec.Warnings)
	}
	return rec
}

// TestExport exports a session of batches that came out of order, overlap and leave a gap, in every format.
func TestExport(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		id := s.session(t, strings.Replace(sessionBody, `"AF7"`, `"=1+1"`, 1))
		path := "/v1/sessions/" + id + "/export"
		x := headset(1, 12*256)
		for ch := range x {
			for i := range x[ch] {
				x[ch][i] = float32(math.Round(float64(x[ch][i])*10) / 10) // one decimal, as the document's samples
			}
		}
		y := headset(2, 12*256)
		put := func(v [][]float32, from, to int) object {
			o := batch(v, from, to)
			data := o["data"].(object)
			data["=1+1"] = data["AF7"]
			delete(data, "AF7")
			o["batch_id"] = fmt.Sprintf("%v of %v", o["batch_id"], v[0][from])
			s.ingest(t, id, o)
			return batchAsJSON(t, o)
		}
		// The first batch sets the origin; another comes before it. Samples 1024 to 1535 stay missing.
		var sent []object
		for _, part := range [][2]int{{512, 768}, {2000, 2560}, {256, 512}, {768, 1024}, {1536, 2048}} {
			sent = append(sent, put(x, part[0], part[1]))
		}
		sent = append(sent, put(y, 700, 1000)) // all its samples are there already
		s.windows(t, id, "")
		there := func(i int) bool { return i >= 256 && i < 1024 || i >= 1536 && i < 2560 }

		for _, format := range []string{"edf", "bdf"} {
			a := s.call(t, "GET", path+"?format="+format, s.key, nil)
			if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/x-"+format || a.Header.Get("Content-Length") != strconv.Itoa(len(a.body)) ||
				a.Header.Get("Content-Disposition") != `attachment; filename="session_`+id+"."+format+`"` {
				t.Fatalf("%s: %d %v", format, a.StatusCode, a.Header)
			}
			rec := openRecording(t, "x."+format, a.body)
			if rec.Subject != "X X X X" || !strings.HasSuffix(rec.Device, " MUSE_2") || rec.StartTime.UnixMilli() != at(256) {
				t.Errorf("%s: subject %q, device %q, start %v", format, rec.Subject, rec.Device, rec.StartTime)
			}
			if d := cmp.Diff([]recording.Annotation{{Onset: 3, Duration: 2, Label: edf.MissingLabel}}, rec.Annotations); d != "" {
				t.Errorf("%s: annotations:\n%s", format, d)
			}
			if d := cmp.Diff([]string{"TP9", "=1+1", "AF8", "TP10"}, rec.Labels()); d != "" {
				t.Errorf("%s: labels:\n%s", format, d)
			}
			for ch := range x {
				if n := len(rec.Channels[ch].Samples); n != 2560-256 {
					t.Fatalf("%s: %d samples", format, n)
				}
				for i, got := range rec.Channels[ch].Samples {
					want := x[ch][256+i]
					if !there(256 + i) {
						want = x[ch][1023] // held
					}
					if float32(got) != want {
						t.Fatalf("%s: channel %d sample %d is %v, was %v", format, ch, 256+i, got, want)
					}
				}
			}
		}

		raw := s.json(t, 200, "GET", path+"?include_raw=true", s.key, nil)["raw_batches"].([]any)
		if len(raw) != len(sent) {
			t.Fatalf("%d raw batches of %d", len(raw), len(sent))
		}
		for _, w := range sent {
			found := slices.ContainsFunc(raw, func(r any) bool {
				o := r.(object)
				return o["batch_id"] == w["batch_id"] && cmp.Equal(o["data"], w["data"]) && o["t0_unix_ms"] == w["t0_unix_ms"]
			})
			if !found {
				t.Errorf("batch %v did not come back as it went in", w["batch_id"])
			}
		}

		// CSV, against the windows as they are served.
		windows := s.windows(t, id, "")
		table := func(query string, headers ...string) [][]string {
			a := s.call(t, "GET", path+query, s.key, nil, headers...)
			if a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || !bytes.HasSuffix(a.body, []byte("\r\n")) {
				t.Fatalf("csv%s: %d %v %q", query, a.StatusCode, a.Header, tail(string(a.body), 100))
			}
			rows, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			return rows
		}
		rows := table("?format=csv")
		if len(rows) != len(windows)+1 || len(windows) < 2 {
			t.Fatalf("%d rows for %d windows", len(rows), len(windows))
		}
		if d := cmp.Diff([]string{"quality_TP9", "quality_'=1+1", "quality_AF8", "quality_TP10"}, rows[0][22:]); d != "" {
			t.Errorf("columns:\n%s", d)
		}
		for i, w := range windows {
			power := w["features"].(object)["bandpower"].(object)
			quality := w["quality"].(object)
			for column, want := range map[string]any{"index": w["index"], "seq": w["seq"], "window_start_ms": w["window_start_ms"], "window_end_ms": w["window_end_ms"],
				"alpha": power["alpha"], "gamma": power["gamma"], "quality": quality["overall"], "quality_'=1+1": quality["per_channel"].(object)["=1+1"],
				"bad_contact": w["artifacts"].(object)["bad_contact"], "confidence": w["confidence"].(object)["overall"]} {
				got, err := strconv.ParseFloat(rows[i+1][slices.Index(rows[0], column)], 64)
				if err != nil || got != want {
					t.Errorf("row %d, %s: %v, want %v", i+1, column, got, want)
				}
			}
			if got := rows[i+1][slices.Index(rows[0], "passed")]; got != fmt.Sprint(w["gate"].(object)["passed"]) {
				t.Errorf("row %d: passed %q", i+1, got)
			}
		}
		if d := cmp.Diff(rows, table("", "Accept: text/csv")); d != "" {
			t.Errorf("by Accept:\n%s", d)
		}
		if d := cmp.Diff(append(rows[:1:1], rows[2]), table("?format=csv&offset=1&limit=1")); d != "" {
			t.Errorf("a page:\n%s", d)
		}
		passed := s.windows(t, id, "?only_passed=true")
		if got := len(table("?format=csv&only_passed=true")) - 1; got != len(passed) {
			t.Errorf("%d rows of %d windows that passed", got, len(passed))
		}

		for query, parameter := range map[string]string{"?format=xlsx": "format", "?limit=5001": "limit", "?offset=-1": "offset", "?include_raw=perhaps": "include_raw",
			"?only_passed=true": "only_passed", "?format=csv&include_raw=true": "include_raw", "?format=csv&limit=0": "limit", "?format=edf&limit=5": "limit",
			"?format=bdf&offset=5": "offset", "?format=csv&only_passed=2": "only_passed"} {
			a := s.call(t, "GET", path+query, s.key, nil)
			wrong, _ := a.object(t)["errors"].([]any)
			if a.StatusCode != 400 || a.code() != "invalid_parameter" || len(wrong) != 1 || wrong[0].(object)["pointer"] != parameter {
				t.Errorf("%s: %d %s", query, a.StatusCode, a.body)
			}
		}
		_, _, other := s.account(t, "other@example.com")
		for _, format := range []string{"json", "csv", "edf", "bdf"} {
			if a := s.call(t, "GET", path+"?format="+format, other, nil); a.StatusCode != 404 || a.code() != "session_not_found" || a.Header.Get("Content-Disposition") != "" {
				t.Errorf("another project's key gets %s: %d %s", format, a.StatusCode, a.body)
			}
			a := s.raw(t, "HEAD", path+"?format="+format, []string{"Authorization: Bearer " + s.key}, nil)
			if a.StatusCode != 200 || len(a.body) > 0 || !strings.HasSuffix(a.Header.Get("Content-Disposition"), "."+format+`"`) {
				t.Errorf("HEAD of %s: %d %v", format, a.StatusCode, a.Header)
			}
		}
		if a := s.raw(t, "HEAD", path, []string{"Authorization: Bearer " + other}, nil); a.StatusCode != 404 {
			t.Errorf("HEAD with another project's key: %d", a.StatusCode)
		}
	})
}

// TestExportOfAnEmptySession holds every format to saying that there is nothing.
func TestExportOfAnEmptySession(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	path := "/v1/sessions/" + s.session(t, sessionBody) + "/export"
	o := s.json(t, 200, "GET", path+"?include_raw=true", s.key, nil)
	if len(o["feature_windows"].([]any)) != 0 || len(o["raw_batches"].([]any)) != 0 || o["pagination"].(object)["total"] != 0. {
		t.Errorf("json: %v", o)
	}
	if a := s.call(t, "GET", path+"?format=csv", s.key, nil); a.StatusCode != 200 || strings.Count(string(a.body), "\r\n") != 1 {
		t.Errorf("csv: %d %s", a.StatusCode, a.body)
	}
	for _, format := range []string{"edf", "bdf"} {
		rec := openRecording(t, "x."+format, s.call(t, "GET", path+"?format="+format, s.key, nil).body)
		if len(rec.Channels) != 4 || len(rec.Annotations) != 1 || rec.Annotations[0].Label != edf.MissingLabel || rec.Annotations[0].Duration != rec.Seconds() {
			t.Errorf("%s: %d channels, %+v", format, len(rec.Channels), rec.Annotations)
		}
	}
}

// TestEDFThroughASession sends recordings in and takes them out again: within half a digital step, and exactly where all samples of
// a channel are integers times a gain: symmetric ranges, and those that are off by half a step.
func TestEDFThroughASession(t *testing.T) {
	t.Parallel()
	files := eegdata.Glob(t, "formats/edf/*.edf")
	files = append(files, eegdata.Glob(t, "formats/bdf/*.bdf")...)
	s := embedded(t)
	stepped := map[string]bool{"Marley__marley-6.6-15.03.18.13.43.19.edf": true, "edfio__test_subsecond.edf": true, "epilepsy2bids__PN00-5_sample.edf": true, "epilepsy2bids__chb01_01_sample.edf": true,
		"mne-python__duplicate_channel_labels.edf": true, "mne-testing-data__subsecond_starttime.edf": true, "pyedflib__test_utf8.edf": true,
		"BDF.jl__MK2_speedmode4_CMS_not_in_range_battery_charged.bdf": true, "EDF.jl__bdf_test.bdf": true}
	sent := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := formats.Open(file, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			continue // some are there to be refused
		}
		sig, err := rec.Signal()
		if err != nil || sig.Rate < 8 || len(sig.Channels) > 64 {
			continue
		}
		n := min(sig.Samples(), int(20*sig.Rate))
		x := make([][]float32, len(sig.Channels))
		largest := make([]float64, len(x))
		inRange := true
		for ch := range x {
			for i := range n {
				v := sig.Data.At(ch, i)
				x[ch] = append(x[ch], float32(v))
				largest[ch] = max(largest[ch], math.Abs(v))
				inRange = inRange && math.Abs(v) <= 1e7
			}
		}
		if !inRange {
			continue
		}
		a := s.call(t, "POST", "/v1/sessions", s.key, object{"external_user_id": "u", "device_type": "d", "sample_rate_hz": sig.Rate, "channels": sig.Channels})
		if a.StatusCode != 201 {
			continue // names that sessions do not take, such as one twice
		}
		id := a.object(t)["session_id"].(string)
		target := fmt.Sprintf("/v1/sessions/%s/ingest?batch_id=all&t0_unix_ms=%d", id, documentStart)
		if a := s.raw(t, "POST", target, []string{"Authorization: Bearer " + s.key, "Content-Type: application/octet-stream"}, interleaved(x, 0, n)); a.StatusCode != 202 {
			t.Fatalf("%s: %d %s", file, a.StatusCode, a.body)
		}
		format := strings.ToLower(strings.TrimPrefix(filepath.Ext(file), "."))
		out := openRecording(t, "x."+format, s.call(t, "GET", "/v1/sessions/"+id+"/export?format="+format, s.key, nil).body)
		sent++
		steps := map[string]float64{"edf": 65534, "bdf": 16777214}[format]
		exact, worst := 0, 0.0
		for ch := range x {
			same := true
			for i := range n {
				got := out.Channels[ch].Samples[i]
				same = same && float32(got) == x[ch][i]
				if d := math.Abs(got-float64(x[ch][i])) / ((1.001*largest[ch] + 1e-4) / steps); d > 1 {
					t.Fatalf("%s: %s sample %d is %v, was %v", file, sig.Channels[ch], i, got, x[ch][i])
				} else {
					worst = max(worst, d)
				}
			}
			if same {
				exact++
			}
		}
		name := filepath.Base(file)
		if stepped[name] && exact < len(x) {
			t.Errorf("%s: only %d of %d channels came back exactly", file, exact, len(x))
		}
		delete(stepped, name)
		t.Logf("%s: %d of %d channels exact, worst error %.2g of half a step", filepath.Base(file), exact, len(x), worst)
	}
	if sent < 10 || len(stepped) > 0 {
		t.Errorf("only %d recordings were exported, %v are missing", sent, stepped)
	}
}

// long makes a session of 8 channels at 250 Hz in batches of a minute.
func (s *server) long(t testing.TB, user string, hours int) string {
	t.Helper()
	id := s.session(t, `{"external_user_id":"`+user+`","device_type":"Cap","sample_rate_hz":250,"channels":["1","2","3","4","5","6","7","8"],"hop_s":10}`)
	x := make([][]float32, 8)
	for ch := range x {
		for i := range 60 * 250 {
			x[ch] = append(x[ch], float32((i*7919+ch*31)%4001-2000)/2)
		}
	}
	body := interleaved(x, 0, 60*250)
	for k := range hours * 60 {
		target := fmt.Sprintf("/v1/sessions/%s/ingest?batch_id=%d&t0_unix_ms=%d", id, k, documentStart+int64(k)*60_000)
		if a := s.raw(t, "POST", target, []string{"Authorization: Bearer " + s.key, "Content-Type: application/octet-stream"}, body); a.StatusCode != 202 {
			t.Fatalf("minute %d: %d %s", k, a.StatusCode, a.body)
		}
	}
	s.windows(t, id, "?limit=1")
	return id
}

// get begins an export and returns its body.
func (s *server) get(t testing.TB, target string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.addr+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%s: %v, %v", target, res, err)
	}
	return res
}

// eager has the process collect garbage when a quarter has been added to what is alive.
const eager = "GOGC=25"

// liveHeap is what the process had in memory after its last collection, in MiB. It collects again when that has grown by the
// share that eager sets, which is where the next one is due (https://go.dev/doc/gc-guide).
func (s *server) liveHeap(t testing.TB) float64 {
	t.Helper()
	next, err := strconv.ParseFloat(s.metric(t, "go_memstats_next_gc_bytes"), 64)
	if err != nil {
		t.Fatal(err)
	}
	return next / 1.25 / (1 << 20)
}

// TestExportMemory exports one hour and twelve hours: what is held in memory meanwhile does not grow with the session.
func TestExportMemory(t *testing.T) {
	race.LeaveOut(t, "it changes what is held")
	if testing.Short() {
		t.Skip("makes a session of 12 h")
	}
	s := boot(t, testkit.Backend{DataDir: t.TempDir()}, eager)
	peaks := map[int]map[string]float64{}
	for _, hours := range []int{1, 12} {
		id := s.long(t, fmt.Sprint("user", hours), hours)
		peaks[hours] = map[string]float64{}
		for _, query := range []string{"?format=csv", "?format=edf", "?format=bdf", "?include_raw=true"} {
			before, peak := s.liveHeap(t), 0.0
			res := s.get(t, "/v1/sessions/"+id+"/export"+query)
			total := int64(0)
			for looks := 0; ; {
				n, err := io.CopyN(io.Discard, res.Body, 1<<20)
				if total += n; err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if looks++; looks <= 4 || looks%32 == 0 {
					peak = max(peak, s.liveHeap(t)-before)
				}
			}
			_ = res.Body.Close()
			if least := int64(hours) * 3600 * 250 * 8 * 2; query != "?format=csv" && total < least {
				t.Errorf("%d h%s: only %d bytes", hours, query, total)
			}
			peaks[hours][query] = peak
			t.Logf("%2d h%s: %.1f MiB, at most %.1f MiB of memory more than before", hours, query, float64(total)/(1<<20), peak)
		}
	}
	for query, peak := range peaks[12] {
		if peak > 24 || peak > peaks[1][query]+8 {
			t.Errorf("%s holds %.1f MiB for 12 h, %.1f MiB for 1 h", query, peak, peaks[1][query])
		}
	}
}

// TestExportBreaksOff erases a session while it is exported: the client sees that its export is not whole.
func TestExportBreaksOff(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	id := s.long(t, "gone", 1)
	exports := map[string]*http.Response{}
	for _, query := range []string{"?include_raw=true", "?format=edf", "?format=bdf"} {
		res := s.get(t, "/v1/sessions/"+id+"/export"+query)
		defer res.Body.Close()
		if _, err := io.CopyN(io.Discard, res.Body, 1<<10); err != nil {
			t.Fatal(err)
		}
		exports[query] = res
	}
	s.json(t, 200, "DELETE", "/v1/users/gone", s.key, nil)
	for query, res := range exports {
		if n, err := io.Copy(io.Discard, res.Body); err == nil {
			t.Errorf("%s: the export ended after %d bytes as if it were whole", query, n)
		}
	}
	if !strings.Contains(s.logged(t), "an export broke off") {
		t.Error("nothing in the log")
	}
}
