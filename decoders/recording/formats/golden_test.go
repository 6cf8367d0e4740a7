package formats_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/gdf"
	"github.com/neurod/neurod/decoders/recording/text"
	"github.com/neurod/neurod/internal/testkit/eegdata"
)

// The golden holds what MNE and pyedflib read from the public recordings. To make it anew:
// python tools/golden/recording.py.
type golden struct {
	Files map[string]map[string]oracle `json:"files"`
}

type oracle struct {
	Error       string            `json:"error"`
	Channels    int               `json:"channels"`
	Picked      []goldenChannel   `json:"picked"`
	Annotations []json.RawMessage `json:"annotations"`
	Start       string            `json:"start"`
	Triggers    [][2]float64      `json:"triggers"`
	Events      [][2]float64      `json:"events"`
}

type goldenChannel struct {
	Index    int       `json:"index"`
	Label    string    `json:"label"`
	Rate     float64   `json:"rate"`
	Samples  int       `json:"samples"`
	Sum      float64   `json:"sum"`
	Abs      float64   `json:"abs"`
	Weighted float64   `json:"weighted"`
	At       []int     `json:"at"`
	Values   []float64 `json:"values"`
}

func readGolden(t *testing.T) golden {
	t.Helper()
	b, err := os.ReadFile("testdata/golden/recordings.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// openAny opens a recording of the folder; "archive.zip!member" is a member of an archive.
func openAny(t *testing.T, name string) (*recording.Recording, error) {
	t.Helper()
	archive, member, inArchive := strings.Cut(name, "!")
	path := eegdata.File(t, archive)
	if !inArchive {
		return formats.OpenFS(os.DirFS(filepath.Dir(path)), filepath.Base(path))
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	members, err := formats.OpenZip(f, size)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.Name == member {
			return m.Open()
		}
	}
	t.Fatalf("%s has no member %s", archive, member)
	return nil, nil
}

// known returns the recordings of the golden that the folder at hand has. Other folders hold other subjects; complete
// tells that none is missing.
func known(t *testing.T) (files map[string]map[string]oracle, complete bool) {
	t.Helper()
	dir := eegdata.Dir(t)
	files, complete = map[string]map[string]oracle{}, true
	for name, oracles := range readGolden(t).Files {
		archive, _, _ := strings.Cut(name, "!")
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(archive))); err != nil {
			complete = false
			continue
		}
		files[name] = oracles
	}
	if len(files) == 0 {
		t.Skipf("%s: none of the recordings of the golden: this test was NOT run", eegdata.EnvDir)
	}
	return files, complete
}

// near is 1e-6 relative to the size of what was summed.
func near(got, want, size float64) bool {
	return math.Abs(got-want) <= 1e-6*math.Max(size, 1e-9)
}

func TestSamplesAgreeWithMNEAndPyedflib(t *testing.T) {
	t.Parallel()
	compared := 0
	files, complete := known(t)
	for name, oracles := range files {
		rec, err := openAny(t, name)
		for lib, want := range oracles {
			if want.Error != "" {
				continue // what the others refuse is judged in TestEveryFile
			}
			if err != nil {
				t.Errorf("%s: %s reads it, we do not: %v", name, lib, err)
				continue
			}
			if len(rec.Channels) != want.Channels {
				t.Errorf("%s: %d channels, %s has %d", name, len(rec.Channels), lib, want.Channels)
				continue
			}
			for _, ch := range want.Picked {
				got := rec.Channels[ch.Index]
				if lib == "mne" && (len(got.Samples) != ch.Samples) {
					continue // MNE resamples all channels to the highest rate
				}
				tolerance := 1e-9
				if lib == "pyxdf" {
					tolerance = 1e-6 // measured from jittered time stamps, where it is not the nominal one
				}
				if math.Abs(got.Rate-ch.Rate) > tolerance*ch.Rate {
					t.Errorf("%s %s: %g Hz, %s has %g", name, got.Label, got.Rate, lib, ch.Rate)
				}
				if len(got.Samples) != ch.Samples {
					t.Errorf("%s %s: %d samples, %s has %d", name, got.Label, len(got.Samples), lib, ch.Samples)
					continue
				}
				if got.Kind == recording.Trigger {
					continue // codes: the libraries calibrate or mask them, see TestEventsAgree
				}
				var sum, abs, weighted float64
				for i, v := range got.Samples {
					sum += v
					abs += math.Abs(v)
					weighted += v * float64(i%97+1)
				}
				if !near(sum, ch.Sum, ch.Abs) || !near(abs, ch.Abs, ch.Abs) || !near(weighted, ch.Weighted, 97*ch.Abs) {
					t.Errorf("%s %s: sums %g %g %g, %s has %g %g %g", name, got.Label, sum, abs, weighted, lib, ch.Sum, ch.Abs, ch.Weighted)
				}
				for i, at := range ch.At {
					if v := got.Samples[at]; !near(v, ch.Values[i], max(math.Abs(v), ch.Abs/float64(ch.Samples))) {
						t.Errorf("%s %s: sample %d is %g, %s has %g", name, got.Label, at, v, lib, ch.Values[i])
					}
				}
				compared++
			}
		}
	}
	if complete && compared < 200 {
		t.Errorf("only %d channels were compared", compared)
	}
}

func TestAnnotationsAgreeWithMNEAndPyedflib(t *testing.T) {
	t.Parallel()
	files, _ := known(t)
	for name, oracles := range files {
		if oracles["mne"].Error != "" && oracles["pyedflib"].Error != "" {
			continue
		}
		rec, err := openAny(t, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for lib, want := range oracles {
			if want.Error != "" || lib == "struct" || lib == "pyxdf" || lib == "loadtxt" || len(rec.Gaps) > 0 {
				continue // neither library places annotations of discontinuous files
			}
			count := len(rec.Annotations)
			for lib == "mne" && len(rec.Channels) > 0 && count > 0 && rec.Annotations[count-1].Onset >= rec.Seconds() {
				count-- // MNE drops what lies behind the last sample
			}
			if count != len(want.Annotations) {
				t.Errorf("%s: %d annotations, %s has %d", name, count, lib, len(want.Annotations))
				continue
			}
			// MNE rounds onsets to µs, and makes events without a length one sample long in GDF and BrainVision.
			tolerance := 1e-6
			if lib == "mne" && len(rec.Channels) > 0 && !strings.HasPrefix(string(rec.Format), "EDF") {
				tolerance += 1 / rec.Channels[0].Rate
			}
			for i, raw := range want.Annotations {
				var onset, duration float64
				var label string
				if err := json.Unmarshal(raw, &[]any{&onset, &duration, &label}); err != nil {
					t.Fatal(err)
				}
				got := rec.Annotations[i]
				if math.Abs(got.Onset-onset) > 1e-6 || math.Abs(got.Duration-duration) > tolerance {
					t.Errorf("%s: annotation %d at %g for %g s, %s has %g for %g", name, i, got.Onset, got.Duration, lib, onset, duration)
				}
				if !sameLabel(rec, i, label) {
					t.Errorf("%s: annotation %d is %q, %s has %q", name, i, got.Label, lib, label)
				}
			}
			if want.Start != "" {
				if got := rec.StartTime.Format("2006-01-02T15:04:05"); got != want.Start[:19] {
					t.Errorf("%s: starts %s, %s has %s", name, got, lib, want.Start)
				}
			}
		}
	}
}

// sameLabel compares a label; MNE has numbers where we name the codes of the GDF event table.
func sameLabel(rec *recording.Recording, i int, label string) bool {
	got := rec.Annotations[i].Label
	if rec.Format == gdf.GDF1 || rec.Format == gdf.GDF2 {
		code, err := json.Marshal(rec.Events[i].Code)
		return err == nil && string(code) == label
	}
	return strings.TrimSuffix(label, "/") == got
}

func TestTriggersAgreeWithMNE(t *testing.T) {
	t.Parallel()
	seen := 0
	files, complete := known(t)
	for name, oracles := range files {
		want := oracles["mne"].Triggers
		if events := oracles["struct"].Events; events != nil {
			want = events
		}
		if len(want) == 0 {
			continue
		}
		seen++
		rec, err := openAny(t, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got [][2]float64
		for _, e := range rec.Events {
			if e.Label == "" || oracles["struct"].Events != nil {
				got = append(got, [2]float64{e.Onset, float64(e.Code)})
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d triggers, want %d", name, len(got), len(want))
			continue
		}
		for i := range got {
			// Where 16-bit EDF holds codes with a calibration, we round to the nearest code and MNE down.
			diff := got[i][1] - want[i][1]
			if math.Abs(got[i][0]-want[i][0]) > 1e-9 || diff != 0 && (diff != 1 || !strings.HasSuffix(name, "test_merged.edf")) {
				t.Errorf("%s: trigger %d is %v, want %v", name, i, got[i], want[i])
			}
		}
	}
	if complete && seen < 4 {
		t.Errorf("only %d files with triggers were compared", seen)
	}
}

// Markers are placed among the samples as pyxdf's stamps have them, to half a ms: both smooth jittered stamps and
// drifting clocks, each by its own fit.
func TestXDFMarkersAgreeWithPyxdf(t *testing.T) {
	t.Parallel()
	compared := 0
	files, complete := known(t)
	for name, oracles := range files {
		want, ok := oracles["pyxdf"]
		if !ok {
			continue
		}
		rec, err := openAny(t, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got []float64
		for _, e := range rec.Events {
			got = append(got, e.Onset)
		}
		for _, w := range want.Events {
			best := math.Inf(1)
			for _, g := range got {
				best = min(best, math.Abs(g-w[0]))
			}
			if best > 5e-4 {
				t.Errorf("%s: no event within %g s of %g", name, best, w[0])
			}
			compared++
		}
	}
	if complete && compared < 1000 {
		t.Errorf("only %d markers were compared", compared)
	}
}

func TestMuseRateAndCounts(t *testing.T) {
	t.Parallel()
	// Counts of markers are in the sources' own description: 90 trials of 30 Hz and 107 of 20 Hz over six files.
	for _, path := range append(eegdata.Glob(t, "ssvep/muse/*.csv"), eegdata.Glob(t, "p300/muse/*.csv")...) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rec, err := formats.Open(path, bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if rec.Format != text.MuseCSV || rec.Channels[0].Rate != 256 || rec.Irregular || len(rec.Channels) != 5 {
			t.Errorf("%s: %s, %g Hz, %d channels, irregular %v", filepath.Base(path), rec.Format, rec.Channels[0].Rate, len(rec.Channels), rec.Irregular)
		}
		counts := map[int]int{}
		for _, e := range rec.Events {
			counts[e.Code]++
		}
		marked := 0
		for _, line := range strings.Split(string(b), "\n")[1:] {
			if f := strings.Split(strings.TrimSpace(line), ","); len(f) == 7 && strings.Trim(f[6], "0.") != "" {
				marked++
			}
		}
		if counts[1]+counts[2] != marked || marked == 0 {
			t.Errorf("%s: %v events of %d marked rows", filepath.Base(path), counts, marked)
		}
	}
}
