package app

import (
	"context"
	"encoding/json"
	"math"
	"sync"
	"testing"
	"time"

	signals "github.com/neurod/neurod/devices/synthetic"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// owner makes a project and returns a principal who owns it.
func owner(t testing.TB, s *store.Store) models.Principal {
	t.Helper()
	u := models.User{ID: models.NewID(), Email: models.NewID() + "@example.org", PasswordHash: "h", CreatedAt: time.Now()}
	p := models.Project{ID: models.NewID(), Name: "p", CreatedAt: time.Now()}
	if err := s.CreateUser(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateProject(t.Context(), p, u.ID, 10); err != nil {
		t.Fatal(err)
	}
	return models.Principal{UserID: u.ID, ProjectID: p.ID, Role: models.RoleOwner}
}

// sine is a synthetic board whose samples are known by their positions.
func sine(t testing.TB, d *devices.Service, p models.Principal, id string) devices.Device {
	t.Helper()
	dev, err := d.Create(t.Context(), p, devices.NewDevice{ID: id, Driver: "synthetic", Settings: json.RawMessage(`{"pattern":"sine","channels":["C3","Cz","C4","Pz"]}`)})
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

// stored is a part of a session without a gap.
type stored struct {
	first  int64
	values []float32 // sample-major
}

// recorded returns the samples of a session as they are stored, in order.
func recorded(t testing.TB, s *store.Store, ses models.Session) []stored {
	t.Helper()
	var out []stored
	err := s.EachBatchOver(context.Background(), store.BatchRange{ProjectID: ses.ProjectID, SessionID: ses.ID, Before: ses.BatchCount, Longest: ses.LongestBatch}, 0, math.MaxInt32, func(b *models.SampleBatch) error {
		raw := b.Data
		one := stored{first: b.StartSample}
		for i := 0; i+4 <= len(raw); i += 4 {
			one.values = append(one.values, math.Float32frombits(uint32(raw[i])|uint32(raw[i+1])<<8|uint32(raw[i+2])<<16|uint32(raw[i+3])<<24))
		}
		out = append(out, one)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// holdToTruth compares what a session has of a sine board with what the board gave at each position, and returns how many samples there are and in how
// many parts.
func holdToTruth(t testing.TB, s *store.Store, ses models.Session, columns []int) (samples int64, parts int) {
	t.Helper()
	end := int64(-1)
	for _, b := range recorded(t, s, ses) {
		channels := len(ses.Channels)
		n := len(b.values) / channels
		truth, err := signals.Samples(signals.Config{Pattern: signals.Sine, Channels: []string{"C3", "Cz", "C4", "Pz"}, Rate: ses.SampleRateHz}, b.first, n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			for c, column := range columns {
				if got, want := b.values[i*channels+c], truth[i*4+column]; got != want {
					t.Fatalf("sample %d, channel %d: %g, want %g", b.first+int64(i), c, got, want)
				}
			}
		}
		if b.first != end {
			parts++
		}
		if b.first < end {
			t.Errorf("samples from %d on come twice: %d were there", b.first, end)
		}
		end = b.first + int64(n)
		samples += int64(n)
	}
	return samples, parts
}

// TestADeviceStreamsIntoASession starts a board, changes its filters, checks it while it streams, and stops it: every sample is in its session, at its
// position.
func TestADeviceStreamsIntoASession(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		a := start(t, settings(t, b))
		d, p, ctx := a.calls.devices, owner(t, a.store), t.Context()
		sine(t, d, p, "board")
		rate := 100.0
		st, err := d.Start(ctx, p, "board", devices.StreamRequest{Config: devices.ConfigChange{SampleRate: &rate, Channels: &[]devices.Channel{{Number: 4}, {Name: "Cz"}}}})
		if err != nil {
			t.Fatal(err)
		}
		if st.Device.Status != models.DeviceOnline || st.Device.State != models.StreamStreaming {
			t.Errorf("it stands as %s, %s", st.Device.Status, st.Device.State)
		}
		if _, err := d.Start(ctx, p, "board", devices.StreamRequest{}); models.CodeOf(err) != models.DeviceBusy {
			t.Errorf("a second start: %v", err)
		}
		if err := d.Delete(ctx, p, "board"); models.CodeOf(err) != models.DeviceBusy {
			t.Errorf("deleted while it streams: %v", err)
		}
		report, err := d.Check(ctx, p, "board", 4)
		if err != nil {
			t.Errorf("check: %v", err)
		} else if !json.Valid(report) {
			t.Errorf("check: %s", report)
		}
		end, err := d.Stop(ctx, p, "board", false)
		if err != nil || !end.Ended {
			t.Fatalf("%+v, %v", end, err)
		}
		ses, err := a.calls.sessions.Get(ctx, p, st.SessionID)
		if err != nil || ses.State != models.SessionEnded || ses.DeviceID != "board" {
			t.Fatalf("%+v, %v", ses, err)
		}
		samples, parts := holdToTruth(t, a.store, ses, []int{3, 1})
		if samples < 400 || parts != 1 {
			t.Errorf("%d samples in %d parts", samples, parts)
		}
		got, err := d.Get(ctx, p, "board")
		if err != nil || got.State != "" || got.Stream != nil || got.Holder != "" || got.Report.Samples != samples {
			t.Errorf("it stands as %+v, %v", got, err)
		}
		if _, err := d.Stop(ctx, p, "board", false); models.CodeOf(err) != models.StreamUnavailable {
			t.Errorf("a second stop: %v", err)
		}
		if _, err := d.Check(ctx, p, "board", 4); err != nil {
			t.Errorf("check of one that rests: %v", err)
		}
		if err := d.Delete(ctx, p, "board"); err != nil {
			t.Error(err)
		}
		if _, err := d.Get(ctx, p, "board"); models.CodeOf(err) != models.DeviceNotFound {
			t.Errorf("after deleting: %v", err)
		}
	})
}

// TestTwoStartsAtOnce are one stream and one DeviceBusy, in one process and over two; with one key they are the same stream.
func TestTwoStartsAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		apps := []*App{start(t, settings(t, b))}
		if !b.Embedded() {
			apps = append(apps, start(t, settings(t, b)))
		}
		p := owner(t, apps[0].store)
		for _, key := range []string{"", "k"} {
			id := "board" + key
			sine(t, apps[0].calls.devices, p, id)
			var mu sync.Mutex
			streams, recordings, busy := map[string]int{}, map[string]bool{}, 0
			var wg sync.WaitGroup
			for i := range 6 {
				wg.Go(func() {
					st, err := apps[i%len(apps)].calls.devices.Start(t.Context(), p, id, devices.StreamRequest{Key: models.Idempotency{Key: key, Fingerprint: "f"}})
					mu.Lock()
					defer mu.Unlock()
					switch models.CodeOf(err) {
					case "":
						streams[st.ID]++
						recordings[st.SessionID] = true
					case models.DeviceBusy:
						busy++
					default:
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if len(streams) != 1 || len(recordings) != 1 || (key == "") != (busy == 5) {
				t.Errorf("with the key %q: streams %v, sessions %v, %d busy", key, streams, recordings, busy)
			}
			if _, err := apps[0].calls.devices.Stop(t.Context(), p, id, false); err != nil {
				t.Error(err)
			}
		}
		page, err := apps[0].calls.sessions.List(t.Context(), p, sessions.Filter{Limit: 10})
		if err != nil || len(page.Sessions) != 2 {
			t.Errorf("%d sessions for 2 streams: %v", len(page.Sessions), err)
		}
	})
}

// TestAnAgentHoldsItsDevices: an agent announces a device, is told of a stream, brings samples, and ends it; another agent of the name holds nothing while
// its lease lasts, and everything after that, in the same session.
func TestAnAgentHoldsItsDevices(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		a := start(t, settings(t, b))
		d, p, ctx := a.calls.devices, owner(t, a.store), t.Context()
		can := models.DeviceCapabilities{Channels: []string{"TP9", "AF7", "AF8", "TP10"}, SampleRates: []float64{256}}
		sync := func(instance string, wait time.Duration, say devices.Announced) devices.Wanted {
			t.Helper()
			say.ID, say.Capabilities = "muse", can
			out, err := d.Sync(ctx, p, devices.Exchange{Agent: "lab", Instance: instance, Wait: wait, Devices: []devices.Announced{say}})
			if err != nil || len(out) != 1 {
				t.Fatalf("%v, %v", out, err)
			}
			return out[0]
		}
		if w := sync("one", 0, devices.Announced{Name: "Muse"}); !w.Held || w.Stream != nil || w.Error != nil {
			t.Fatalf("announced: %+v", w)
		}
		if got, err := d.Get(ctx, p, "muse"); err != nil || got.Status != models.DeviceOnline || got.Agent != "lab" || got.Driver != models.DriverRemote || got.Name != "Muse" {
			t.Errorf("%+v, %v", got, err)
		}
		began := make(chan devices.Stream, 1)
		go func() {
			st, err := d.Start(ctx, p, "muse", devices.StreamRequest{Config: devices.ConfigChange{Channels: &[]devices.Channel{{Number: 2}, {Name: "AF8"}}}})
			if err != nil {
				t.Error(err)
			}
			began <- st
		}()
		var w devices.Wanted
		for w.Stream == nil {
			w = sync("one", time.Second, devices.Announced{Revision: w.Revision})
		}
		st := w.Stream
		if st.Config.SampleRate != 256 || len(st.Config.Channels) != 2 {
			t.Errorf("wanted %+v", st)
		}
		ingest := func(first int64) {
			t.Helper()
			at := time.Now().UnixMilli()
			err := deviceSessions{a.calls.sessions}.Ingest(ctx, p, st.SessionID, sessions.Batch{BatchID: models.NewID(), StartMS: &at, First: &first, Raw: make([]byte, 4*2*256)})
			if err != nil {
				t.Fatal(err)
			}
		}
		ingest(0)
		report := models.DeviceReport{StreamID: st.ID, State: models.StreamStreaming, Samples: 256}
		sync("one", 0, devices.Announced{Report: report})
		if got := <-began; got.SessionID != st.SessionID || got.Device.State != models.StreamStreaming {
			t.Errorf("started %+v", got)
		}

		if w := sync("two", 0, devices.Announced{}); w.Held || models.CodeOf(w.Error) != models.DeviceBusy {
			t.Errorf("another one: %+v", w)
		}
		// As after ten seconds without a call.
		past := time.Now().Add(-time.Second)
		if _, err := a.store.ChangeDevice(ctx, store.DeviceChange{ProjectID: p.ProjectID, ID: "muse", Change: func(d *models.Device) error { d.LeaseEnd = &past; return nil }}); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Get(ctx, p, "muse"); err != nil || got.Status != models.DeviceOffline || got.State != models.StreamAway {
			t.Errorf("%s, %s, %v", got.Status, got.State, err)
		}
		if w := sync("two", 0, devices.Announced{Report: report}); !w.Held || w.Stream == nil || w.Stream.SessionID != st.SessionID {
			t.Errorf("the next one: %+v", w)
		}
		if w := sync("one", 0, devices.Announced{Report: report}); w.Held {
			t.Errorf("the first one after it was lost: %+v", w)
		}
		ingest(512) // after a gap

		ended := make(chan devices.Stream, 1)
		go func() {
			end, err := d.Stop(ctx, p, "muse", false)
			if err != nil {
				t.Error(err)
			}
			ended <- end
		}()
		for w = (devices.Wanted{}); w.Stream == nil || !w.Stream.Stopping; {
			w = sync("two", time.Second, devices.Announced{Revision: w.Revision, Report: report})
		}
		if w := sync("two", 0, devices.Announced{Ended: st.ID, Report: models.DeviceReport{}}); w.Stream != nil {
			t.Errorf("ended: %+v", w)
		}
		if end := <-ended; !end.Ended {
			t.Errorf("%+v", end)
		}
		status, err := a.calls.sessions.Status(ctx, p, st.SessionID)
		if err != nil || status.Session.State != models.SessionEnded || len(status.Gaps) != 1 || status.Gaps[0].Samples != 256 {
			t.Errorf("%+v, %v", status, err)
		}
		if _, err := d.Start(ctx, models.Principal{ProjectID: p.ProjectID, KeyID: "k", Scopes: []models.Scope{models.ScopeDevicesRun}}, "muse", devices.StreamRequest{}); models.CodeOf(err) != models.InsufficientScope {
			t.Errorf("an agent starts a stream: %v", err)
		}
	})
}
