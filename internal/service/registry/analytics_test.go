package registry_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// TestEventsAreLogged up to the quota of a month, each project's by itself; the next month begins anew.
func TestEventsAreLogged(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, db *store.Store) {
		now := time.Date(2026, 12, 31, 23, 30, 0, 0, time.FixedZone("", -3600)) // in UTC it is January already
		a := registry.NewAnalytics(registry.AnalyticsConfig{Store: db, Quota: 2, Now: func() time.Time { return now }})
		p := models.Principal{ProjectID: models.NewID(), KeyID: models.NewID()} // any key may
		name, took, good := "mine", 12.5, true
		e, left, err := a.Log(t.Context(), p, registry.Event{EventType: "inference", ModelName: &name, DurationMS: &took, Success: &good, Metadata: json.RawMessage(` {"n":1} `)})
		if err != nil || left != (registry.MonthlyQuota{Used: 1, Remaining: 1}) || e.Metadata == nil || *e.Metadata != `{"n":1}` || !e.CreatedAt.Equal(now) {
			t.Fatalf("%+v, %+v, %v", e, left, err)
		}
		if _, left, err := a.Log(t.Context(), p, registry.Event{EventType: "error", Metadata: json.RawMessage("null")}); err != nil || left.Remaining != 0 {
			t.Errorf("%+v, %v", left, err)
		}
		_, _, err = a.Log(t.Context(), p, registry.Event{EventType: "error"})
		if full := models.AsError(err); full.Code != models.QuotaExceeded || full.RetryAfter != time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC).Sub(now) || full.Details["quota"] != int64(2) {
			t.Errorf("%v, again after %v, %v", err, full.RetryAfter, full.Details)
		}
		other := p
		other.ProjectID = models.NewID()
		if _, _, err := a.Log(t.Context(), other, registry.Event{EventType: "error"}); err != nil {
			t.Errorf("another project: %v", err)
		}
		now = time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
		if _, left, err := a.Log(t.Context(), p, registry.Event{EventType: "error"}); err != nil || left.Used != 1 {
			t.Errorf("in the next month: %+v, %v", left, err)
		}
		kept, err := db.AnalyticsEvents(t.Context(), p.ProjectID, 10)
		if err != nil || len(kept) != 3 {
			t.Errorf("%d events are kept, %v", len(kept), err)
		}
	})
}

// TestEventsAreRefused with each field that is wrong, and count for nothing.
func TestEventsAreRefused(t *testing.T) {
	t.Parallel()
	db := testkit.Backend{Store: store.Config{DatabaseURL: testkit.SQLite(t)}}.Open(t)
	a := registry.NewAnalytics(registry.AnalyticsConfig{Store: db, Quota: 100})
	p := models.Principal{ProjectID: models.NewID(), KeyID: models.NewID()}
	text := func(s string) *string { return &s }
	number := func(v float64) *float64 { return &v }
	for name, tc := range map[string]struct {
		event  registry.Event
		code   models.Code
		fields []string
	}{
		"no type":             {registry.Event{}, models.MissingEventType, nil},
		"another type":        {registry.Event{EventType: "inferance"}, models.InvalidRequestBody, []string{"event_type not_allowed"}},
		"a long name":         {registry.Event{EventType: "error", ModelName: text(strings.Repeat("x", 201))}, models.InvalidRequestBody, []string{"model_name too_long"}},
		"no inference type":   {registry.Event{EventType: "error", InferenceType: text("")}, models.InvalidRequestBody, []string{"inference_type not_allowed"}},
		"a negative duration": {registry.Event{EventType: "error", DurationMS: number(-1)}, models.InvalidRequestBody, []string{"duration_ms out_of_range"}},
		"an endless duration": {registry.Event{EventType: "error", DurationMS: number(math.Inf(1))}, models.InvalidRequestBody, []string{"duration_ms out_of_range"}},
		"no number":           {registry.Event{EventType: "error", DurationMS: number(math.NaN())}, models.InvalidRequestBody, []string{"duration_ms out_of_range"}},
		"a long message":      {registry.Event{EventType: "error", ErrorMessage: text(strings.Repeat("x", 2001))}, models.InvalidRequestBody, []string{"error_message too_long"}},
		"metadata in a list":  {registry.Event{EventType: "error", Metadata: json.RawMessage(`[1]`)}, models.InvalidRequestBody, []string{"metadata type"}},
		"long metadata":       {registry.Event{EventType: "error", Metadata: json.RawMessage(`{"x":"` + strings.Repeat("y", 16_000) + `"}`)}, models.InvalidRequestBody, []string{"metadata too_long"}},
		"several": {registry.Event{EventType: "x", InferenceType: text("live"), DurationMS: number(1e13)}, models.InvalidRequestBody,
			[]string{"event_type not_allowed", "inference_type not_allowed", "duration_ms out_of_range"}},
	} {
		_, _, err := a.Log(t.Context(), p, tc.event)
		var got []string
		for _, f := range models.AsError(err).Fields {
			got = append(got, f.Path.String()+" "+f.Code)
		}
		if d := cmp.Diff(tc.fields, got); models.CodeOf(err) != tc.code || d != "" {
			t.Errorf("%s: %v, want %s, fields (-want +got):\n%s", name, err, tc.code, d)
		}
	}
	if _, _, err := a.Log(t.Context(), models.Principal{}, registry.Event{EventType: "error"}); models.CodeOf(err) != models.MissingKey {
		t.Errorf("nobody: %v", err)
	}
	if _, _, err := a.Log(t.Context(), models.Principal{ProjectID: p.ProjectID, UserID: "u", Role: models.RoleViewer}, registry.Event{EventType: "error"}); models.CodeOf(err) != models.InsufficientRole {
		t.Errorf("a viewer: %v", err)
	}
	off := registry.NewAnalytics(registry.AnalyticsConfig{Store: db})
	if _, _, err := off.Log(t.Context(), p, registry.Event{EventType: "error"}); models.CodeOf(err) != models.NotConfigured {
		t.Errorf("where none are taken: %v", err)
	}
	if n, err := db.AnalyticsUsed(t.Context(), p.ProjectID, time.Now()); err != nil || n != 0 {
		t.Errorf("%d events count, %v", n, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Log(t.Context(), p, registry.Event{EventType: "error"}); models.CodeOf(err) != models.Unavailable {
		t.Errorf("without a database: %v", err)
	}
}
