package test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/internal/testkit"
)

// labRecorder makes an XDF as LabRecorder writes it: three channels at 250 Hz, markers, an accelerometer whose clock goes
// back, and zeros at the end.
func labRecorder(seconds int) []byte {
	var f bytes.Buffer
	le := binary.LittleEndian
	chunk := func(tag uint16, content []byte) {
		f.WriteByte(4)
		f.Write(le.AppendUint32(nil, uint32(len(content)+2)))
		f.Write(le.AppendUint16(nil, tag))
		f.Write(content)
	}
	header := func(id uint32, name, kind, format string, channels int, rate int, desc string) {
		chunk(2, append(le.AppendUint32(nil, id), fmt.Sprintf(`<?xml version="1.0"?><info><name>%s</name><type>%s</type><channel_count>%d</channel_count>`+
			`<nominal_srate>%d</nominal_srate><channel_format>%s</channel_format><desc><channels>%s</channels></desc></info>`, name, kind, channels, rate, format, desc)...))
	}
	samples := func(id uint32, n int, stamp func(int) float64, value func(int) []byte) {
		b := append(le.AppendUint32(nil, id), 4)
		b = le.AppendUint32(b, uint32(n))
		for i := range n {
			b = le.AppendUint64(append(b, 8), math.Float64bits(stamp(i)))
			b = append(b, value(i)...)
		}
		chunk(3, b)
	}
	f.WriteString("XDF:")
	chunk(1, []byte(`<?xml version="1.0"?><info><version>1.0</version></info>`))
	var desc strings.Builder
	for _, l := range []string{"C3", "Cz", "C4"} {
		fmt.Fprintf(&desc, "<channel><label>%s</label><unit>microvolts</unit><type>EEG</type></channel>", l)
	}
	header(1, "amp", "EEG", "float32", 3, 250, desc.String())
	header(2, "markers", "Markers", "string", 1, 0, "")
	header(3, "acc", "Accelerometer", "float32", 1, 50, "")
	samples(1, 250*seconds, func(i int) float64 { return 100 + float64(i)/250 }, func(i int) (b []byte) {
		for c := range 3 {
			v := 20 * math.Sin(2*math.Pi*float64(10+c)*float64(i)/250)
			b = le.AppendUint32(b, math.Float32bits(float32(v)))
		}
		return b
	})
	samples(2, 2, func(i int) float64 { return 101 + 2*float64(i) }, func(i int) []byte {
		text := []string{"left", "right"}[i]
		return append([]byte{1, byte(len(text))}, text...)
	})
	samples(3, 100, func(i int) float64 { return 100 + float64(i%50)/50 - float64(i/50*40) }, func(int) []byte { return make([]byte, 4) })
	f.Write(make([]byte, 100))
	return f.Bytes()
}

// TestImportOfHeldFormats: XDF and a ZIP of BrainVision become sessions with their markers, and what was left out is named in
// the output of the job.
func TestImportOfHeldFormats(t *testing.T) {
	t.Parallel()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	var eeg []byte
	for i := range 20 * 250 {
		for c := range 2 {
			eeg = binary.LittleEndian.AppendUint16(eeg, uint16(int16(200*math.Sin(2*math.Pi*float64(10+c)*float64(i)/250))))
		}
	}
	for name, content := range map[string]string{
		"run/x.eeg": string(eeg),
		"run/x.vhdr": "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=./x.eeg\nMarkerFile=x.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\nNumberOfChannels=2\n" +
			"SamplingInterval=4000\n[Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\nCh1=C3,,0.1,µV\nCh2=C4,,0.1,µV\n",
		"run/x.vmrk": "Brain Vision Data Exchange Marker File Version 1.0\n[Marker Infos]\nMk1=New Segment,,1,1,0,20240909105744613000\nMk2=Stimulus,S  1,251,1,0\nMk3=Stimulus,S  2,751,50,0\n",
	} {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	onBoth(t, func(t *testing.T, s *server) {
		for _, tt := range []struct {
			name, channels, first, warning string
			file                           []byte
		}{
			{"XDF", "[C3 Cz C4]", "left", `"acc" do not increase`, labRecorder(20)},
			{"BrainVision", "[C3 C4]", "Stimulus/S  1", "", archive.Bytes()},
		} {
			session, job := s.imported(t, tt.file, "external_user_id=u1")
			if got := fmt.Sprint(session["channels"]); got != tt.channels || session["sample_rate_hz"] != 250. {
				t.Errorf("%s: channels %s at %v Hz", tt.name, got, session["sample_rate_hz"])
			}
			out := job["output"].(object)
			if out["samples"] != 5000. || out["left_out"] != 0. || out["events"] != 2. || !strings.Contains(fmt.Sprint(out["warnings"]), tt.warning) {
				t.Errorf("%s: output %v", tt.name, out)
			}
			var events []object
			id := session["session_id"].(string)
			if status := s.json(t, 200, "GET", "/v1/sessions/"+id+"/status", s.key, nil); !strings.Contains(fmt.Sprint(status["warnings"]), tt.warning) {
				t.Errorf("%s: status %v", tt.name, status)
			}
			if err := json.Unmarshal(s.call(t, "GET", "/v1/sessions/"+id+"/events", s.key, nil).body, &events); err != nil {
				t.Fatal(err)
			}
			if len(events) != 2 || events[0]["label"] != tt.first || events[0]["sample"] != 250. || events[1]["sample"] != 750. {
				t.Errorf("%s: events %v", tt.name, events)
			}
		}
	})
}

// TestImportTakesTheMediaTypesOfTheRegistry: ways in do not know the readers, so their list is beside that of the registry.
func TestImportTakesTheMediaTypesOfTheRegistry(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	for _, media := range formats.MediaTypes() {
		a := s.raw(t, "POST", "/v1/sessions/import?external_user_id=u", []string{"Authorization: Bearer " + s.key, "Content-Type: " + media}, []byte("none"))
		if a.StatusCode != 422 {
			t.Errorf("%s: %d %s", media, a.StatusCode, a.body)
		}
	}
}
