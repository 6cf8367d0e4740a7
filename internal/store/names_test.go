package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestSessionsKeepWhatIsSaidOfThem: what a session was made with comes back by every way in which sessions are read, a batch leaves
// it as it is, and a change touches what it names.
func TestSessionsKeepWhatIsSaidOfThem(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		planned := int64(90_000)
		now := time.Now()
		ses := models.Session{ID: models.NewID(), ProjectID: models.NewID(), ExternalUserID: "u", DeviceType: "d", SampleRateHz: 100,
			Channels: []string{"Cz"}, IngestionMode: models.ModeStreaming, State: models.SessionOpen, HopMS: 2000, CreatedAt: now, StartedAt: now,
			Name: "Left hand, day 2", Tags: []string{"pilot", "münchen"}, Metadata: `{"room":7,"cap":{"size":"M"}}`, Protocol: "mi-2", DeviceID: "openbci_001", PlannedMS: &planned}
		if err := s.CreateSession(ctx, ses); err != nil {
			t.Fatal(err)
		}
		type about struct {
			Name, Metadata, Protocol, Device string
			Tags                             []string
			Planned                          *int64
		}
		of := func(s models.Session) about {
			return about{s.Name, s.Metadata, s.Protocol, s.DeviceID, s.Tags, s.PlannedMS}
		}
		want := of(ses)
		holds := func(what string, got models.Session, err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if d := cmp.Diff(want, of(got)); d != "" {
				t.Errorf("%s (-want +got):\n%s", what, d)
			}
		}
		one, err := s.Session(ctx, ses.ProjectID, ses.ID)
		holds("one", one, err)
		if _, err := s.IngestBatch(ctx, ingestOf(ses, "b", 1000, 100)); err != nil {
			t.Fatal(err)
		}
		list, err := s.Sessions(ctx, store.SessionListing{ProjectID: ses.ProjectID, Limit: 2})
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		holds("in a list", list[0], nil)
		news, err := s.News(ctx, store.NewsQuery{ProjectID: ses.ProjectID, SessionID: ses.ID, Results: 1})
		holds("with its news", news.Session, err)

		name, meta, tags := "Right hand", "{}", []string{}
		changed, err := s.ChangeSession(ctx, store.SessionChange{ProjectID: ses.ProjectID, SessionID: ses.ID, Name: &name, Metadata: &meta, Tags: &tags})
		want.Name, want.Metadata, want.Tags = name, meta, nil
		holds("changed", changed, err)
		if changed, err = s.ChangeSession(ctx, store.SessionChange{ProjectID: ses.ProjectID, SessionID: ses.ID}); err != nil || changed.BatchCount != 1 {
			t.Errorf("a change of nothing: %+v, %v", changed, err)
		}
		holds("not changed", changed, err)
		if _, err := s.ChangeSession(ctx, store.SessionChange{ProjectID: models.NewID(), SessionID: ses.ID, Name: &name}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another project's session: %v", err)
		}
	})
}
