package test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/race"
	"github.com/neurod/neurod/models"
)

// upload sends a file as the body of an import.
func (s *server) upload(t testing.TB, file []byte, query string, headers ...string) answer {
	t.Helper()
	headers = append([]string{"Authorization: Bearer " + s.key, "Content-Type: application/octet-stream"}, headers...)
	return s.raw(t, "POST", "/v1/sessions/import?"+query, headers, file)
}

// imported uploads a file, waits for its job, and returns the session and the job.
func (s *server) imported(t testing.TB, file []byte, query string) (session, job object) {
	t.Helper()
	a := s.upload(t, file, query)
	if a.StatusCode != 202 {
		t.Fatalf("import: %d %s", a.StatusCode, a.body)
	}
	session = a.object(t)
	job = s.await(t, session["job_id"].(string))
	if job["status"] != "completed" {
		t.Fatalf("import: %v", job)
	}
	return session, job
}

// allWindows reads every window of a session.
func (s *server) allWindows(t testing.TB, id string) []object {
	t.Helper()
	var out []object
	after := int64(math.MinInt32)
	for {
		page := s.windows(t, id, fmt.Sprintf("?after_ms=%d", after))
		if len(page) == 0 {
			return out
		}
		out = append(out, page...)
		after = int64(page[len(page)-1]["window_start_ms"].(float64))
	}
}

// segmentsOf returns the segments [from, to) of a signal on the session's grid, by the gaps of its recording.
func segmentsOf(rec *recording.Recording, sig decoders.Signal) [][2]int {
	var out [][2]int
	from, missing := 0, 0.0
	shift := 0
	for _, g := range rec.Gaps {
		at := int(math.Round(g.At * sig.Rate))
		missing += g.Length
		next := int(math.Round(missing * sig.Rate))
		if next == shift {
			continue
		}
		if at > from {
			out = append(out, [2]int{from + shift, at + shift})
		}
		from, shift = at, next
	}
	return append(out, [2]int{from + shift, sig.Samples() + shift})
}

// dueWindows counts the windows of 2 s, every 2 s, that lie in segments.
func dueWindows(segments [][2]int, rate float64) int {
	n, count := int(math.Round(2*rate)), 0
	for _, s := range segments {
		for k := int(float64(s[0]) / (2 * rate)); ; k++ {
			at := int(math.Round(float64(k) * 2 * rate))
			if at+n > s[1] {
				break
			}
			if at >= s[0] {
				count++
			}
		}
	}
	return count
}

// checkImport imports a file and holds it to what Open reads of the same bytes: refused alike, as many windows as the
// arithmetic says, the first and the last with the values that the decoders compute, as many events.
func (s *server) checkImport(t *testing.T, name string, file []byte, rate float64) (windows int) {
	t.Helper()
	query := url.Values{"external_user_id": {"subject"}, "name": {name}}
	rec, wantErr := formats.Open(name, bytes.NewReader(file), int64(len(file)))
	var sig decoders.Signal
	if wantErr == nil {
		if rate > 0 {
			query.Set("sample_rate_hz", fmt.Sprint(rate))
			rec.SetRate(rate)
		}
		sig, wantErr = rec.Signal()
	}
	if wantErr != nil {
		a := s.upload(t, file, query.Encode())
		var bad *decoders.Error
		if !errors.As(wantErr, &bad) || a.StatusCode != 422 || a.code() != bad.Code {
			t.Errorf("%s: %d %s, and Open says %v", name, a.StatusCode, a.body, wantErr)
		}
		return 0
	}
	session, job := s.imported(t, file, query.Encode())
	id := session["session_id"].(string)
	got := s.allWindows(t, id)
	segments := segmentsOf(rec, sig)
	if want := dueWindows(segments, sig.Rate); len(got) != want {
		t.Errorf("%s: %d windows of %d samples at %g Hz in %d segments, want %d", name, len(got), sig.Samples(), sig.Rate, len(segments), want)
	}
	status := s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil)
	if status["processing_state"] != "COMPLETE" || status["sample_count"] != float64(sig.Samples()) || status["import"].(object)["share_done"] != 1. {
		t.Errorf("%s: %v", name, status)
	}
	if n := job["output"].(object)["events"]; n != float64(len(rec.Events)) {
		t.Errorf("%s: %v events, Open reads %d", name, n, len(rec.Events))
	}
	s.checkFirst(t, name, sig, segments, got)
	return len(got)
}

// checkFirst holds the first and the last window to the decoders.
func (s *server) checkFirst(t *testing.T, name string, sig decoders.Signal, segments [][2]int, got []object) {
	t.Helper()
	if len(got) == 0 {
		return
	}
	e, err := features.New(features.Config{Rate: sig.Rate, Channels: sig.Channels})
	if err != nil {
		t.Fatal(err)
	}
	part := mat.NewDense(len(sig.Channels), e.Samples(), nil)
	for _, w := range []object{got[0], got[len(got)-1]} {
		at := int(math.Round(w["index"].(float64) * 2 * sig.Rate))
		column := 0
		for _, st := range segments {
			if at >= st[0] && at < st[1] {
				column += at - st[0]
				break
			}
			column += st[1] - st[0]
		}
		for ch := range sig.Channels {
			for i := range e.Samples() {
				part.Set(ch, i, float64(float32(sig.Data.At(ch, column+i))))
			}
		}
		var want features.Window
		if err := e.Compute(&want, part); err != nil {
			t.Fatal(err)
		}
		var o object
		if err := json.Unmarshal([]byte(mustJSON(t, &want)), &o); err != nil {
			t.Fatal(err)
		}
		sameValues(t, fmt.Sprintf("%s window %v", name, w["index"]), w, o)
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// member reads a file of an archive.
func member(t testing.TB, f *zip.File) []byte {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestContinuousRecordingsAreImported imports every continuous recording of the folder over HTTP.
func TestContinuousRecordingsAreImported(t *testing.T) {
	t.Parallel()
	race.LeaveOut(t, "95 files")
	dir := eegdata.Dir(t)
	s := embedded(t)
	files, windows := 0, 0
	add := func(name string, file []byte, rate float64) {
		files++
		windows += s.checkImport(t, name, file, rate)
	}
	// The rates that the sources state where the files do not.
	rates := map[string]float64{"artifacts/blink_muse": 255, "artifacts/blink_pyriemann": 128}
	for _, pattern := range []string{"ssvep/exoskeleton/*.gdf", "motor_imagery/biosig/*.gdf", "ssvep/muse/*.csv", "p300/muse/*.csv", "artifacts/*/*.csv",
		"artifacts/*/*.gz", "headsets/mind_monitor/*.csv", "headsets/openbci/*.txt", "formats/edf/*", "formats/bdf/*", "formats/other/*.gdf", "formats/xdf/*"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if filepath.Base(path) == "SOURCE.txt" {
				continue
			}
			file := readFile(t, path)
			name := filepath.Base(path)
			if filepath.Ext(name) == ".gz" { // unpacked on the way in; what Open reads is unpacked here
				if r, err := gzip.NewReader(bytes.NewReader(file)); err == nil {
					file, _ = io.ReadAll(r)
					name = strings.TrimSuffix(name, ".gz")
				}
			}
			if strings.HasSuffix(name, ".xdf") { // what has no EEG is refused by the code of its reader; the rest must pass as any other
				rec, err := formats.Open(name, bytes.NewReader(file), int64(len(file)))
				if err == nil {
					_, err = rec.Signal()
				}
				var fault *decoders.Error
				if errors.As(err, &fault) {
					if a := s.upload(t, file, "external_user_id=u&name="+url.QueryEscape(name)); a.StatusCode != 422 || a.code() != fault.Code {
						t.Errorf("%s: %d %s, want %s", name, a.StatusCode, a.body, fault.Code)
					}
					continue
				}
			}
			add(name, file, rates[filepath.ToSlash(filepath.Dir(strings.TrimPrefix(path, dir+string(filepath.Separator))))])
		}
	}
	// Recordings of samples with a header beside them become EDF by our own writer.
	chb, _ := filepath.Glob(filepath.Join(dir, "seizure/*/*.f32"))
	for _, path := range chb {
		rec, err := formats.OpenFS(os.DirFS(filepath.Dir(path)), filepath.Base(path))
		if err != nil {
			t.Fatal(err)
		}
		var written bytes.Buffer
		if err := edf.Write(&written, rec); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		add(filepath.Base(path)+".edf", written.Bytes(), 0)
	}
	zips, _ := filepath.Glob(filepath.Join(dir, "motor_imagery/eegmmidb/*.zip"))
	for _, path := range zips {
		z, err := zip.OpenReader(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			add(filepath.Base(f.Name), member(t, f), 0)
		}
		_ = z.Close()
	}
	t.Logf("%d files, %d windows", files, windows)
	if files < 20 || windows < 200 {
		t.Error("too few")
	}
}

// run returns a run of EEGMMIDB.
func run(t testing.TB, subject, run string) []byte {
	t.Helper()
	z, err := zip.OpenReader(eegdata.File(t, "motor_imagery/eegmmidb/"+subject+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, subject+run+".edf") {
			return member(t, f)
		}
	}
	t.Fatalf("%s has no run %s", subject, run)
	return nil
}

// TestImportShowsAlphaAndBlinks: the run with closed eyes has its alpha over the back of the head, and blinks are found.
func TestImportShowsAlphaAndBlinks(t *testing.T) {
	t.Parallel()
	open, closed := run(t, "S001", "R01"), run(t, "S001", "R02")
	s := embedded(t)
	alpha := func(file []byte) float64 {
		session, _ := s.imported(t, file, "external_user_id=s&channels=O1")
		windows := s.windows(t, session["session_id"].(string), "")
		sum := 0.0
		for _, w := range windows {
			sum += w["features"].(object)["bandpower"].(object)["alpha"].(float64)
		}
		return sum / float64(len(windows))
	}
	a, b := alpha(open), alpha(closed)
	t.Logf("alpha on O1: %.1f µV² open, %.1f µV² closed", a, b)
	if b < 5*a {
		t.Errorf("closed eyes have %.1f times the alpha of open ones", b/a)
	}
	for _, path := range eegdata.Glob(t, "artifacts/blink_muse/*.csv") {
		session, _ := s.imported(t, readFile(t, path), "external_user_id=s&sample_rate_hz=255&name="+url.QueryEscape(filepath.Base(path)))
		windows := s.windows(t, session["session_id"].(string), "")
		hit := 0
		for _, w := range windows {
			if w["artifacts"].(object)["blink_like"].(float64) >= 0.5 {
				hit++
			}
		}
		t.Logf("%s: blinks in %d of %d windows", filepath.Base(path), hit, len(windows))
		if 10*hit < 9*len(windows) || hit == 0 {
			t.Errorf("%s: blinks in %d of %d windows", filepath.Base(path), hit, len(windows))
		}
	}
}

// TestImportRefusesMalformedFiles gives every malformed file the verdict of Open, and the server stays up.
func TestImportRefusesMalformedFiles(t *testing.T) {
	t.Parallel()
	files := eegdata.Glob(t, "malformed/*")
	onBoth(t, func(t *testing.T, s *server) {
		for _, path := range files {
			if filepath.Base(path) == "SOURCE.txt" {
				continue
			}
			s.checkImport(t, filepath.Base(path), readFile(t, path), 0)
		}
		if a := s.call(t, "GET", "/healthz", "", nil); a.StatusCode != 200 {
			t.Errorf("healthz: %d", a.StatusCode)
		}
	})
}

// TestImportedBandPowersMatchScipy holds band powers over HTTP to scipy's Welch on the same samples. To make the golden
// anew: tools/golden/run.sh imports.
func TestImportedBandPowersMatchScipy(t *testing.T) {
	t.Parallel()
	var g struct {
		Files []struct {
			File, Member, Name string
			Rate               float64
			Windows            []struct {
				Index     int
				Bandpower map[string]float64
			}
		}
	}
	if err := json.Unmarshal(readFile(t, "testdata/golden/imports.json"), &g); err != nil {
		t.Fatal(err)
	}
	s := embedded(t)
	worst := 0.0
	for _, f := range g.Files {
		path := eegdata.File(t, f.File)
		file := []byte(nil)
		if f.Member != "" {
			z, err := zip.OpenReader(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range z.File {
				if m.Name == f.Member {
					file = member(t, m)
				}
			}
			_ = z.Close()
		} else {
			file = readFile(t, path)
		}
		query := url.Values{"external_user_id": {"s"}, "name": {f.Name}}
		if f.Rate > 0 {
			query.Set("sample_rate_hz", fmt.Sprint(f.Rate))
		}
		session, _ := s.imported(t, file, query.Encode())
		windows := map[int]object{}
		for _, w := range s.allWindows(t, session["session_id"].(string)) {
			windows[int(w["index"].(float64))] = w
		}
		for _, want := range f.Windows {
			w, ok := windows[want.Index]
			if !ok {
				t.Errorf("%s has no window %d", f.Name, want.Index)
				continue
			}
			for band, power := range want.Bandpower {
				got := w["features"].(object)["bandpower"].(object)[band].(float64)
				off := math.Abs(got-power) / power
				worst = max(worst, off)
				if off > 1e-6 {
					t.Errorf("%s window %d: %s is %v µV², scipy has %v", f.Name, want.Index, band, got, power)
				}
			}
		}
	}
	t.Logf("largest relative difference %.1e", worst)
}

// edfOf makes an EDF+ of sines, with a channel of another rate, an ECG and annotations.
func edfOf(t testing.TB, seconds int) []byte {
	t.Helper()
	rec := &recording.Recording{Subject: "X Hidden Name", StartTime: time.Date(2024, 3, 2, 10, 20, 30, 0, time.UTC)}
	for i, label := range []string{"EEG Cz", "EEG Pz"} {
		c := recording.Channel{Label: label, Unit: "uV", Rate: 128}
		for k := range seconds * 128 {
			c.Samples = append(c.Samples, 40*math.Sin(2*math.Pi*10*float64(k)/128+float64(i)))
		}
		rec.Channels = append(rec.Channels, c)
	}
	slow := recording.Channel{Label: "EEG Oz", Unit: "uV", Rate: 64, Samples: rec.Channels[0].Samples[:seconds*64]}
	ecg := recording.Channel{Label: "ECG", Unit: "uV", Rate: 128, Samples: rec.Channels[1].Samples}
	rec.Channels = append(rec.Channels, slow, ecg)
	for k := range seconds / 2 {
		rec.Annotations = append(rec.Annotations, recording.Annotation{Onset: float64(2*k) + 0.5, Duration: 0.25, Label: fmt.Sprintf("T%d", k%3)})
	}
	var b bytes.Buffer
	if err := edf.Write(&b, rec); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// form wraps a file and its fields as a browser would; fields behind the file have a leading "+".
func form(t testing.TB, name string, file []byte, fields ...[2]string) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	write := func(late bool) {
		for _, f := range fields {
			if key, is := strings.CutPrefix(f[0], "+"); is == late {
				if err := w.WriteField(key, f[1]); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	write(false)
	if file != nil {
		part, err := w.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(file); err != nil {
			t.Fatal(err)
		}
	}
	write(true)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

func TestImport(t *testing.T) {
	t.Parallel()
	file := edfOf(t, 40)
	onBoth(t, func(t *testing.T, s *server) {
		auth := "Authorization: Bearer " + s.key
		check := func(t *testing.T, session object) {
			t.Helper()
			id := session["session_id"].(string)
			if job := s.await(t, session["job_id"].(string)); job["status"] != "completed" {
				t.Fatalf("%v", job)
			}
			if n := len(s.windows(t, id, "")); n != 20 {
				t.Errorf("%d windows of 40 s", n)
			}
		}
		t.Run("plain body", func(t *testing.T) {
			a := s.upload(t, file, "external_user_id=u1")
			session := a.object(t)
			id := session["session_id"].(string)
			if a.StatusCode != 202 || session["device_type"] != "EDF+C" || session["started_at"] != "2024-03-02T10:20:30Z" ||
				session["processing_state"] != "PROCESSING" || session["sample_rate_hz"] != 128. || a.Header.Get("Location") != "/api/v1/jobs/"+session["job_id"].(string) {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			if got := fmt.Sprint(session["channels"]); got != "[Cz Pz]" {
				t.Errorf("channels %s", got)
			}
			check(t, session)
			got := s.json(t, 200, "GET", "/v1/sessions/"+id, s.key, nil)
			if skipped := got["skipped_channels"].([]any); len(skipped) != 2 || skipped[0].(object)["channel"] != "EEG Oz" || skipped[1].(object)["channel"] != "ECG" {
				t.Errorf("skipped %v", skipped)
			}
			if bytes.Contains(a.body, []byte("Hidden")) || strings.Contains(mustJSON(t, got), "Hidden") {
				t.Error("the answer names the person")
			}
			var events []object
			if err := json.Unmarshal(s.call(t, "GET", "/v1/sessions/"+id+"/events?limit=7&after=2", s.key, nil).body, &events); err != nil {
				t.Fatal(err)
			}
			if len(events) != 7 || events[0]["seq"] != 3. || events[0]["onset_ms"] != 4500. || events[0]["duration_ms"] != 250. || events[0]["label"] != "T2" ||
				events[0]["code"] != 2. || events[0]["source"] != "file" || events[0]["sample"] != 576. {
				t.Errorf("events %v", events)
			}
			// The samples that come back are the file's.
			rec, err := formats.Open("x.edf", bytes.NewReader(file), int64(len(file)))
			if err != nil {
				t.Fatal(err)
			}
			i := 0
			export := s.json(t, 200, "GET", "/v1/sessions/"+id+"/export?include_raw=true", s.key, nil)
			if events := export["events"].([]any); len(events) != 20 || events[1].(object)["sample"] != 320. || events[1].(object)["label"] != "T1" || events[1].(object)["duration_s"] != 0.25 {
				t.Errorf("exported events %v", events)
			}
			for _, raw := range export["raw_batches"].([]any) {
				for _, v := range raw.(object)["data"].(object)["Pz"].([]any) {
					if float32(v.(float64)) != float32(rec.Channels[1].Samples[i]) {
						t.Fatalf("sample %d is %v", i, v)
					}
					i++
				}
			}
			if i != 40*128 {
				t.Errorf("%d samples came back", i)
			}
		})
		t.Run("form", func(t *testing.T) {
			kind, body := form(t, "x.edf", file, [2]string{"external_user_id", "u2"}, [2]string{"channels", "ECG,Cz"}, [2]string{"+hop_s", "2"}, [2]string{"+device_type", "CAP"})
			a := s.raw(t, "POST", "/v1/sessions/import", []string{auth, "Content-Type: " + kind}, body)
			if a.StatusCode != 202 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			session := a.object(t)
			if session["device_type"] != "CAP" || fmt.Sprint(session["channels"]) != "[ECG Cz]" {
				t.Errorf("%s", a.body)
			}
			check(t, session)
		})
		t.Run("gzip", func(t *testing.T) {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			_, _ = w.Write(file)
			_ = w.Close()
			for _, headers := range [][]string{{"Content-Encoding: gzip"}, nil} { // of the transfer, and of the file
				a := s.upload(t, z.Bytes(), "external_user_id=u3&name=x.edf.gz", headers...)
				if a.StatusCode != 202 {
					t.Fatalf("%d %s", a.StatusCode, a.body)
				}
				check(t, a.object(t))
			}
		})
		t.Run("idempotency key", func(t *testing.T) {
			first := s.upload(t, file, "external_user_id=u4", "Idempotency-Key: k")
			again := s.upload(t, file, "external_user_id=u4", "Idempotency-Key: k")
			if first.StatusCode != 202 || again.StatusCode != 202 || !bytes.Equal(first.body, again.body) || again.Header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("%d %s, then %d %s", first.StatusCode, first.body, again.StatusCode, again.body)
			}
			for _, other := range []answer{s.upload(t, file[:len(file)-1], "external_user_id=u4", "Idempotency-Key: k"), s.upload(t, file, "external_user_id=other", "Idempotency-Key: k")} {
				if other.StatusCode != 422 || other.code() != "idempotency_key_reused" {
					t.Errorf("another request: %d %s", other.StatusCode, other.body)
				}
			}
			check(t, first.object(t))
			var list []object
			if err := json.Unmarshal(s.call(t, "GET", "/v1/sessions?external_user_id=u4", s.key, nil).body, &list); err != nil || len(list) != 1 {
				t.Errorf("%d sessions, %v", len(list), err)
			}
		})
		t.Run("erasure", func(t *testing.T) {
			session, _ := s.imported(t, file, "external_user_id=gone")
			s.json(t, 200, "DELETE", "/v1/users/gone", s.key, nil)
			id := session["session_id"].(string)
			for _, table := range []string{"session_events", "session_imports"} {
				if n := s.count(t, table, "session_id", id); n > 0 {
					t.Errorf("%d rows stay in %s", n, table)
				}
			}
		})
		t.Run("nothing of an upload stays", func(t *testing.T) {
			until(t, "the chunks are gone", func() bool { return s.chunks(t) == 0 })
		})
	})
}

// chunks counts the chunks that are stored.
func (s *server) chunks(t testing.TB) int {
	t.Helper()
	var list []object
	n := 0
	if err := json.Unmarshal(s.call(t, "GET", "/v1/sessions?limit=200", s.key, nil).body, &list); err != nil {
		t.Fatal(err)
	}
	for _, ses := range list {
		n += s.count(t, "upload_chunks", "session_id", ses["session_id"].(string))
	}
	return n
}

func TestImportRefusals(t *testing.T) {
	t.Parallel()
	file := edfOf(t, 10)
	bad := bytes.Clone(file)
	copy(bad[256+16*5+80*5+8*5:], "nothing ") // the physical minimum of the first signal
	// A header alone whose field of four bytes says 2·10⁹ signals: what took the process down.
	billions := bytes.Clone(file[:256])
	copy(billions[252:], "2e9 ")
	table := []byte("Cz,Pz\n1,2\n3,4\n")
	steady := func(rows int) []byte { return []byte("Cz,Pz\n" + strings.Repeat("1,2\n", rows)) }
	cases := map[string]struct {
		file   []byte
		query  string
		status int
		code   string
		words  []string
	}{
		"no user":             {file, "", 400, "invalid_request_body", []string{"external_user_id"}},
		"unknown field":       {file, "external_user_id=u&colour=red", 400, "invalid_request_body", []string{"colour"}},
		"a rate that is none": {file, "external_user_id=u&sample_rate_hz=fast", 400, "invalid_request_body", []string{"sample_rate_hz"}},
		"another rate":        {file, "external_user_id=u&sample_rate_hz=100", 400, "invalid_request_body", []string{"sample_rate_hz", "128"}},
		"a hop of nothing":    {file, "external_user_id=u&hop_s=0", 400, "invalid_request_body", []string{"hop_s"}},
		"unknown channel":     {file, "external_user_id=u&channels=Fz", 422, "montage_mismatch", []string{"Fz"}},
		"rates that differ":   {file, "external_user_id=u&channels=Cz,Oz", 422, "montage_mismatch", []string{"rates"}},
		"bad header":          {bad, "external_user_id=u", 422, "payload_malformed", []string{"physical minimum", "signal 1"}},
		"header alone":        {file[:256*6], "external_user_id=u&name=x.edf", 422, "payload_malformed", []string{"holds none"}},
		"cut header":          {file[:300], "external_user_id=u&name=x.edf", 422, "payload_malformed", []string{"ends inside"}},
		"2·10⁹ signals":       {billions, "external_user_id=u", 422, "payload_malformed", []string{"2000000000", "0 are there"}},
		"no recording":        {[]byte("{\"a\": 1}"), "external_user_id=u", 422, "unsupported_format", []string{"JSON"}},
		"noise":               {bytes.Repeat([]byte{7, 200, 0}, 5000), "external_user_id=u", 422, "unsupported_format", []string{"supported"}},
		"table without rate":  {table, "external_user_id=u", 422, "payload_malformed", []string{"rate"}},
		"bad gzip":            {[]byte("\x1f\x8bnothing at all"), "external_user_id=u", 422, "payload_malformed", []string{"gzip"}},
		"too short":           {steady(3), "external_user_id=u&sample_rate_hz=100", 202, "", nil},
	}
	onBoth(t, func(t *testing.T, s *server) {
		for name, c := range cases {
			a := s.upload(t, c.file, c.query)
			if a.StatusCode != c.status || a.code() != c.code {
				t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.body, c.status, c.code)
			}
			for _, w := range c.words {
				if !bytes.Contains(a.body, []byte(w)) {
					t.Errorf("%s does not say %q: %s", name, w, a.body)
				}
			}
		}
		auth := "Authorization: Bearer " + s.key
		if a := s.raw(t, "POST", "/v1/sessions/import?external_user_id=u", []string{auth, "Content-Type: application/json"}, []byte(`{}`)); a.StatusCode != 415 {
			t.Errorf("JSON: %d %s", a.StatusCode, a.body)
		}
		if a := s.raw(t, "POST", "/v1/sessions/import?external_user_id=u", []string{auth}, nil); a.StatusCode != 400 {
			t.Errorf("no body: %d %s", a.StatusCode, a.body)
		}
		kind, body := form(t, "", nil, [2]string{"external_user_id", "u"})
		if a := s.raw(t, "POST", "/v1/sessions/import", []string{auth, "Content-Type: " + kind}, body); a.StatusCode != 400 || !bytes.Contains(a.body, []byte("file")) {
			t.Errorf("no file: %d %s", a.StatusCode, a.body)
		}
		kind, body = form(t, "x.edf", file, [2]string{"external_user_id", "u"})
		if a := s.raw(t, "POST", "/v1/sessions/import", []string{auth, "Content-Type: " + kind}, body[:len(body)/2]); a.StatusCode != 400 {
			t.Errorf("half a form: %d %s", a.StatusCode, a.body)
		}
		// A body that ends before its last chunk is not a whole file, wherever it is cut.
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST /v1/sessions/import?external_user_id=u HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n",
			auth, len(file), file)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if answer, _ := io.ReadAll(conn); !bytes.Contains(answer, []byte(" 400 ")) {
			t.Errorf("a body without its end: %s", answer)
		}
		_ = conn.Close()
		// Samples that no electrode gives fail the job, with the reason.
		a := s.upload(t, []byte("Cz,Pz\n"+strings.Repeat("1e9,2\n", 500)), "external_user_id=u&sample_rate_hz=100")
		job := s.await(t, a.object(t)["job_id"].(string))
		if job["status"] != "failed" || job["error"].(object)["code"] != "invalid_signal" {
			t.Errorf("absurd amplitudes: %v", job)
		}
		id := a.object(t)["session_id"].(string)
		if state := s.json(t, 200, "GET", "/v1/sessions/"+id, s.key, nil)["processing_state"]; state != "FAILED" {
			t.Errorf("the session is %v", state)
		}
	})
}

// TestBrokenUploadLeavesNothing: a client that goes away in the middle of its file leaves no session and no chunk, and
// what a killed process leaves is pruned.
func TestBrokenUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		file := edfOf(t, 4000)
		fmt.Fprintf(conn, "POST /v1/sessions/import?external_user_id=u HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", s.key, len(file))
		if _, err := conn.Write(file[:len(file)-100]); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		until(t, "the request ended", func() bool { return strings.Contains(s.logged(t), "/v1/sessions/import") })
		if a := s.call(t, "GET", "/v1/sessions", s.key, nil); strings.TrimSpace(string(a.body)) != "[]" {
			t.Errorf("sessions: %s", a.body)
		}
		// The process prunes by itself, too: what counts is what is left.
		beside := b.Open(t)
		dead, young := models.NewID(), models.NewID()
		for id, at := range map[string]time.Time{dead: time.Now().Add(-2 * time.Hour), young: time.Now()} {
			if err := beside.AddChunk(t.Context(), models.UploadChunk{SessionID: id, ProjectID: s.project, Data: []byte("x"), CreatedAt: at}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := beside.PruneUploads(t.Context(), time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]int{dead: 0, young: 1} {
			if left, err := beside.Chunks(t.Context(), id, 0, 10); err != nil || len(left) != want {
				t.Errorf("%d chunks are left, want %d, %v", len(left), want, err)
			}
		}
		// With a cutoff in the future everything that stays would be found: the young one alone.
		if n, err := beside.PruneUploads(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
			t.Errorf("%d chunks stay, %v", n, err)
		}
	})
}

func TestSessionEvents(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, s *server) {
		id := s.session(t, sessionBody)
		post := func(body string, headers ...string) answer {
			return s.call(t, "POST", "/v1/sessions/"+id+"/events", s.key, body, headers...)
		}
		for name, c := range map[string]struct{ body, pointer string }{
			"none":        {`{"events":[]}`, "/events"},
			"no time":     {`{"events":[{"code":1}]}`, "/events/0"},
			"two times":   {`{"events":[{"code":1,"t_unix_ms":5,"onset_ms":5}]}`, "/events/0"},
			"no origin":   {`{"events":[{"code":1,"t_unix_ms":5},{"code":1,"onset_ms":5}]}`, "/events/1"},
			"nothing":     {`{"events":[{"t_unix_ms":5}]}`, "/events/0"},
			"far away":    {`{"events":[{"t_unix_ms":1e300,"code":1}]}`, "/events/0"},
			"backwards":   {`{"events":[{"t_unix_ms":5,"code":1,"duration_ms":-1}]}`, "/events/0/duration_ms"},
			"control":     {`{"events":[{"t_unix_ms":5,"label":"a\u0007b"}]}`, "/events/0/label"},
			"a huge code": {`{"events":[{"t_unix_ms":5,"code":5000000000}]}`, "/events/0/code"},
		} {
			if a := post(c.body); a.StatusCode != 400 || !bytes.Contains(a.body, []byte(`"`+c.pointer+`"`)) {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		}
		x := headset(1, 256)
		s.ingest(t, id, batch(x, 0, 256))
		body := fmt.Sprintf(`{"events":[{"t_unix_ms":%d,"label":"cue","duration_ms":12.5},{"onset_ms":500,"code":7},{"sample":128,"code":8}]}`, documentStart+250)
		first, again := post(body, "Idempotency-Key: e"), post(body, "Idempotency-Key: e")
		if first.StatusCode != 201 || !bytes.Equal(first.body, again.body) || again.Header.Get("Idempotent-Replayed") != "true" {
			t.Fatalf("%d %s, %d %s", first.StatusCode, first.body, again.StatusCode, again.body)
		}
		if other := post(`{"events":[{"onset_ms":1,"code":1}]}`, "Idempotency-Key: e"); other.StatusCode != 422 {
			t.Errorf("another body: %d %s", other.StatusCode, other.body)
		}
		var events []object
		if err := json.Unmarshal(s.call(t, "GET", "/v1/sessions/"+id+"/events", s.key, nil).body, &events); err != nil {
			t.Fatal(err)
		}
		want := [][3]any{{250., "cue", 64.}, {500., "", 128.}, {500., "", 128.}}
		if len(events) != 3 {
			t.Fatalf("events %v", events)
		}
		for i, w := range want {
			if e := events[i]; e["seq"] != float64(i+1) || e["onset_ms"] != w[0] || e["label"] != w[1] || e["sample"] != w[2] || e["source"] != "api" {
				t.Errorf("event %d is %v", i, e)
			}
		}
		s.json(t, 200, "POST", "/v1/sessions/"+id+"/end", s.key, nil)
		if a := post(`{"events":[{"onset_ms":700,"label":"afterwards"}]}`); a.StatusCode != 201 {
			t.Errorf("after the end: %d %s", a.StatusCode, a.body)
		}
	})
}
