package sessions

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// TestBatchesInEveryUnit keeps a batch in µV whatever unit, width and form it comes in.
func TestBatchesInEveryUnit(t *testing.T) {
	t.Parallel()
	ses := models.Session{Channels: []string{"C3", "C4"}, SampleRateHz: 250, HopMS: 1000}
	values := [][]float64{{1, -20.5, 300}, {0, 7.25, -8}} // µV, of each channel
	now := time.Now()
	at := now.UnixMilli()
	batch := func(unit, encoding string, uv float64, raw bool) Batch {
		b := Batch{BatchID: "b", StartMS: &at, Unit: unit, Encoding: encoding}
		for c, name := range ses.Channels {
			row := make([]float64, 3)
			for i := range row {
				row[i] = values[c][i] / uv
			}
			b.Named = append(b.Named, ChannelSamples{Name: name, Values: row})
		}
		if !raw {
			return b
		}
		for i := range 3 {
			for c := range ses.Channels {
				v := b.Named[c].Values[i]
				if encoding == "float64le" {
					b.Raw = binary.LittleEndian.AppendUint64(b.Raw, math.Float64bits(v))
				} else {
					b.Raw = binary.LittleEndian.AppendUint32(b.Raw, math.Float32bits(float32(v)))
				}
			}
		}
		b.Named = nil
		return b
	}
	plain := batch("", "", 1, true)
	for unit, uv := range map[string]float64{"": 1, "uV": 1, "µV": 1, "mV": 1e3, "V": 1e6, "nV": 1e-3} {
		for _, form := range []struct {
			encoding string
			raw      bool
		}{{"", false}, {"", true}, {"float32le", true}, {"float64le", true}} {
			b := batch(unit, form.encoding, uv, form.raw)
			data, err := b.check(ses, now)
			if err != nil {
				t.Errorf("%q %+v: %v", unit, form, err)
				continue
			}
			for i := 0; i < len(data); i += 4 {
				got, want := math.Float32frombits(binary.LittleEndian.Uint32(data[i:])), math.Float32frombits(binary.LittleEndian.Uint32(plain.Raw[i:]))
				if math.Abs(float64(got-want)) > 1e-5*math.Abs(float64(want)) {
					t.Errorf("%q %+v: sample %d is %v µV, want %v", unit, form, i/4, got, want)
				}
			}
		}
	}
	if data, err := plain.check(ses, now); err != nil || !bytes.Equal(data, plain.Raw) {
		t.Errorf("float32 in µV: %v", err)
	}
	for pointer, b := range map[string]Batch{"/unit": batch("volt", "", 1, false), "/encoding": batch("", "int16le", 1, true)} {
		_, err := b.check(ses, now)
		var fault *models.Error
		if !errors.As(err, &fault) || len(fault.Fields) != 1 || strictjson.Pointer(fault.Fields[0].Path) != pointer {
			t.Errorf("%s: %v", pointer, err)
		}
	}
	tooLarge := batch("V", "", 1, true) // 300 V
	if _, err := tooLarge.check(ses, now); err == nil {
		t.Error("300 V were taken")
	}
}
