package app

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestAStoredSessionIsPlayed: a device that plays a session gives another one with the same samples, the same gaps and the same events, of whatever batches it
// was, and begins with its first sample. Sessions of other projects, and without samples, are refused by the field.
func TestAStoredSessionIsPlayed(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		a := start(t, settings(t, b))
		p, ctx := owner(t, a.store), t.Context()
		d, recordings := a.calls.devices, a.calls.sessions
		create := func(p models.Principal) models.Session {
			ses, err := recordings.Check(ctx, p, sessions.NewSession{ExternalUserID: "u", DeviceType: "cap", SampleRateHz: 250, Channels: []string{"C3", "C4"}, IngestionMode: "STREAMING"})
			if err == nil {
				err = recordings.Create(ctx, p, ses)
			}
			if err != nil {
				t.Fatal(err)
			}
			return ses
		}
		ses := create(p)
		value := func(sample int64, channel int) float32 {
			return float32(100*math.Sin(float64(sample)/7)) + float32(channel)
		}
		t0 := time.Now().Add(-time.Hour).UnixMilli()
		// The origin lies before the first sample; a gap of 1 and one of 1000 samples; the second batch overlaps the first one's end.
		first := int64(50)
		for i, part := range [][2]int64{{50, 700}, {600, 900}, {901, 2000}, {3000, 3007}} {
			var raw []byte
			for sample := part[0]; sample < part[1]; sample++ {
				for c := range 2 {
					v := value(sample, c)
					if i == 1 && sample < 700 {
						v = -1 // the first keeps its samples
					}
					raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
				}
			}
			at := t0 + part[0]*4
			if _, err := recordings.Ingest(ctx, p, ses.ID, sessions.Batch{BatchID: fmt.Sprint(i), StartMS: &at, First: &part[0], Raw: raw}, service.Idempotency{},
				func(sessions.Ingested) models.Answer { return models.Answer{} }); err != nil {
				t.Fatal(err)
			}
		}
		at := []int64{50, 900, 1500, 3006}
		var events []sessions.NewEvent
		for i := range at {
			events = append(events, sessions.NewEvent{Sample: &at[i], Code: i + 1, Label: fmt.Sprint("event ", i), DurationMS: 40})
		}
		slices.Reverse(events)
		if _, err := recordings.AddEvents(ctx, p, ses.ID, events, service.Idempotency{}, func(models.Session, []models.SessionMark) models.Answer { return models.Answer{} }); err != nil {
			t.Fatal(err)
		}
		play := func(id, session string) error {
			s, _ := json.Marshal(map[string]any{"session_id": session, "speed": -1})
			_, err := d.Create(ctx, p, devices.NewDevice{ID: id, Driver: "playback", Settings: s})
			return err
		}
		for name, session := range map[string]string{"foreign": create(owner(t, a.store)).ID, "empty": create(p).ID, "none": models.NewID()} {
			err := play(name, session)
			if e := models.AsError(err); e == nil || e.Code != models.InvalidConfiguration || len(e.Fields) != 1 || e.Fields[0].Path.String() != models.At("settings", "session_id").String() {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := play("player", ses.ID); err != nil {
			t.Fatal(err)
		}
		st, err := d.Start(ctx, p, "player", devices.StreamRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var got models.Session
		for {
			if got, err = recordings.Get(ctx, p, st.SessionID); err != nil {
				t.Fatal(err)
			}
			if got.EndedAt != nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		end := int64(0)
		var gaps [][2]int64
		for _, part := range recorded(t, a.store, got) {
			if part.first != end {
				gaps = append(gaps, [2]int64{end, part.first})
			}
			for i, v := range part.values {
				if want := value(first+part.first+int64(i/2), i%2); v != want {
					t.Fatalf("sample %d is %g, want %g", part.first+int64(i/2), v, want)
				}
			}
			end = part.first + int64(len(part.values)/2)
		}
		if want := [][2]int64{{850, 851}, {1950, 2950}}; !slices.Equal(gaps, want) || end != 2957 {
			t.Errorf("gaps %v and an end of %d, want %v and 2957", gaps, end, want)
		}
		_, marks, err := recordings.Events(ctx, p, st.SessionID, 0, 100)
		if err != nil || len(marks) != len(at) {
			t.Fatalf("%d events, %v", len(marks), err)
		}
		for i, m := range marks {
			if sample := got.Nearest(m.AtMS); sample != at[i]-first || m.Code != i+1 || m.DurationMS != 40 {
				t.Errorf("event %d lies at %d: %+v", i, sample, m)
			}
		}
	})
}
