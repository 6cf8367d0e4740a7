package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// hooked makes a project with an enabled webhook for events.
func hooked(t *testing.T, s *store.Store, events ...models.WebhookEventType) models.Webhook {
	t.Helper()
	ctx := context.Background()
	u := models.User{ID: models.NewID(), Email: models.NewID() + "@example.com", PasswordHash: "x", CreatedAt: epoch}
	if err := s.CreateUser(ctx, u); err != nil {
		t.Fatal(err)
	}
	p := models.Project{ID: models.NewID(), Name: "p", CreatedAt: epoch}
	if err := s.CreateProject(ctx, p, u.ID, 100); err != nil {
		t.Fatal(err)
	}
	return addHook(t, s, p.ID, events...)
}

func addHook(t *testing.T, s *store.Store, project string, events ...models.WebhookEventType) models.Webhook {
	t.Helper()
	w := models.Webhook{ID: models.NewID(), ProjectID: project, URL: "https://hook.example/", Host: "hook.example:443", Events: events, Enabled: true, Secret: "sealed", CreatedAt: epoch, UpdatedAt: epoch}
	if err := s.CreateWebhook(context.Background(), w, models.AuditEvent{ActorKind: models.ActorSystem, Action: models.AuditWebhookCreated, Subject: w.ID}); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestDeliveriesInTheDatabase walks a delivery through claims, ends, lost processes, redeliveries and time, on both databases, and
// holds what is stored to the state machine of package models: that decides, and the database keeps. Attempts that are not the
// current one change nothing.
func TestDeliveriesInTheDatabase(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 1))
		t.Logf("seed %d", seed)
		w := hooked(t, s, models.EventJobCompleted)
		now := time.Now().UTC().Truncate(time.Second)
		e, d := w.Ping(now)
		if err := s.AddDelivery(ctx, e, d); err != nil {
			t.Fatal(err)
		}
		tried, disabled := 0, false
		for step := range 150 {
			switch r.IntN(10) {
			case 0, 1:
				now = now.Add(time.Duration(r.IntN(4*3600)) * time.Second)
			case 2:
				if err := s.Redeliver(ctx, w.ProjectID, w.ID, d.ID, now); err != nil {
					t.Fatal(err)
				}
				d.State, d.NextAttemptAt, d.ExpiresAt, d.FinishedAt = models.DeliveryPending, now, now.Add(models.DeliveryLifetime), nil
			case 3:
				if disabled {
					_, err := s.ChangeWebhook(ctx, w.ProjectID, w.ID, models.AuditEvent{ActorKind: models.ActorSystem, Action: models.AuditWebhookChanged, Subject: w.ID}, func(w *models.Webhook) {
						w.Enabled, w.Reason, w.FailingSince = true, "", nil
					})
					if err != nil {
						t.Fatal(err)
					}
					disabled = false
				}
			default:
				due := !disabled && d.State == models.DeliveryPending && !d.NextAttemptAt.After(now)
				hooks, err := s.DueWebhooks(ctx, now)
				if err != nil || (len(hooks) == 1) != due {
					t.Fatalf("step %d: due %v, %v; want %v of %+v", step, hooks, err, due, d)
				}
				c, err := s.ClaimDelivery(ctx, w.ID, now)
				if err != nil || (c != nil) != due {
					t.Fatalf("step %d: claimed %+v, %v; want %v of %+v", step, c, err, due, d)
				}
				if c == nil {
					continue
				}
				tried++
				d.Attempts++
				d.NextAttemptAt = now.Add(models.DeliveryLease)
				if c.Attempts != d.Attempts || c.Event.ID != e.ID || c.Webhook.ID != w.ID || c.Webhook.Secret != "sealed" {
					t.Fatalf("step %d: claimed %+v, want %+v", step, c, d)
				}
				if again, err := s.ClaimDelivery(ctx, w.ID, now); err != nil || again != nil {
					t.Fatalf("step %d: claimed twice: %+v, %v", step, again, err)
				}
				if r.IntN(4) == 0 {
					continue // its process is lost
				}
				o := models.DeliveryOutcome{Status: 500, Error: "no\x00", Answer: "\xff", Duration: time.Second}
				switch r.IntN(8) {
				case 0:
					o = models.DeliveryOutcome{Delivered: true, Status: 200, Duration: time.Second}
				case 1:
					o.Aborted = true
				case 2:
					o.Gone, o.Status = true, 410
				}
				spread := r.Float64()
				if late, err := s.SettleDelivery(ctx, d.ID, d.Attempts-1, models.DeliveryOutcome{Delivered: true, Status: 200}, now, spread); err != nil || late.Counted {
					t.Fatalf("step %d: an attempt that is over counted: %+v, %v", step, late, err)
				}
				got, err := s.SettleDelivery(ctx, d.ID, d.Attempts, o, now, spread)
				want, _ := d.After(d.Attempts, o, now, spread)
				if err != nil || !got.Counted || got.State != want.State {
					t.Fatalf("step %d: settled %+v, %v; want %+v", step, got, err, want)
				}
				d = want
				d.NextAttemptAt = d.NextAttemptAt.Truncate(time.Microsecond)
				disabled = disabled || got.Disabled
			}
			got, err := s.Delivery(ctx, w.ProjectID, w.ID, d.ID)
			if err != nil || got.State != d.State || got.Attempts != d.Attempts || !got.NextAttemptAt.Equal(d.NextAttemptAt) || !got.ExpiresAt.Equal(d.ExpiresAt) ||
				(got.FinishedAt == nil) != (d.FinishedAt == nil) || len(got.Tried) != tried || got.EventID != e.ID {
				t.Fatalf("step %d: stored %+v with %d attempts, %v; want %+v with %d", step, got.WebhookDelivery, len(got.Tried), err, d, tried)
			}
		}
		if _, err := s.Delivery(ctx, models.NewID(), w.ID, d.ID); err != store.ErrNotFound {
			t.Errorf("of another project: %v", err)
		}
		if n, err := s.PruneDeliveries(ctx, now.Add(40*24*time.Hour), 100); err != nil || n != 1 {
			t.Errorf("pruned %d, %v", n, err)
		}
		if got, err := s.Deliveries(ctx, store.DeliveryListing{ProjectID: w.ProjectID, WebhookID: w.ID, Limit: 10}); err != nil || len(got) != 0 {
			t.Errorf("after pruning: %v, %v", got, err)
		}
	})
}

// TestEventsComeWithWhatTheyTell: a job that ends makes one event for all webhooks that want it, in its own transaction, whatever ends
// it; what is rolled back makes none; and a project without a webhook makes none.
func TestEventsComeWithWhatTheyTell(t *testing.T) {
	t.Parallel()
	testkit.Stores(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		w := hooked(t, s, models.EventJobCompleted, models.EventJobCanceled)
		second := addHook(t, s, w.ProjectID, models.EventJobCompleted)
		off := addHook(t, s, w.ProjectID, models.EventJobCompleted)
		if _, err := s.ChangeWebhook(ctx, w.ProjectID, off.ID, models.AuditEvent{ActorKind: models.ActorSystem, Action: models.AuditWebhookChanged, Subject: off.ID}, func(w *models.Webhook) { w.Enabled = false }); err != nil {
			t.Fatal(err)
		}
		jobs, err := s.OpenJobs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer jobs.Close()
		accept := func(project string, n int) []string {
			var ids []string
			for range n {
				j := models.Job{ID: models.NewID(), ProjectID: project, Kind: models.KindDecode, State: models.JobQueued, Request: []byte("{}"), CreatedAt: time.Now(), NextCheck: time.Now()}
				if _, err := jobs.Accept(ctx, &store.Acceptance{Jobs: []models.Job{j}}); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, j.ID)
			}
			return ids
		}
		finish := func(id string) {
			c, err := jobs.Claim(ctx, id, "me", time.Minute)
			if err != nil || c == nil {
				t.Fatalf("claim: %v, %v", c, err)
			}
			f := &store.Finish{Attempt: store.Attempt{ID: id, Attempt: c.Job.Attempts}, Owner: "me", State: models.JobCompleted, Output: []byte(`{"a":"\u0000"}`)}
			for range 2 { // the second finds the fence closed
				if _, err := jobs.Finish(ctx, f); err != nil {
					t.Fatal(err)
				}
			}
		}
		ids := accept(w.ProjectID, 3)
		finish(ids[0])
		finish(ids[1])
		if _, _, err := jobs.Cancel(ctx, w.ProjectID, ids[2]); err != nil {
			t.Fatal(err)
		}
		other := hooked(t, s, models.EventJobFailed)
		finish(accept(other.ProjectID, 1)[0]) // nobody wants it
		finish(accept(models.NewID(), 1)[0])  // and nobody could
		of := func(w models.Webhook) map[string]models.WebhookEventType {
			found, err := s.Deliveries(ctx, store.DeliveryListing{ProjectID: w.ProjectID, WebhookID: w.ID, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			out := map[string]models.WebhookEventType{}
			for _, d := range found {
				if d.State != models.DeliveryPending || d.Event.ID != "evt_pi_"+d.Event.Subject || !d.ExpiresAt.After(time.Now().Add(23*time.Hour)) {
					t.Errorf("%+v", d)
				}
				out[d.Event.Subject] = d.Event.Type
			}
			return out
		}
		done := map[string]models.WebhookEventType{ids[0]: models.EventJobCompleted, ids[1]: models.EventJobCompleted}
		for name, tt := range map[string]struct {
			got, want map[string]models.WebhookEventType
		}{
			"second": {of(second), done}, "off": {of(off), map[string]models.WebhookEventType{}}, "other": {of(other), map[string]models.WebhookEventType{}},
			"first": {of(w), map[string]models.WebhookEventType{ids[0]: models.EventJobCompleted, ids[1]: models.EventJobCompleted, ids[2]: models.EventJobCanceled}},
		} {
			if fmt.Sprint(tt.got) != fmt.Sprint(tt.want) {
				t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
			}
		}
		// These jobs were accepted without a trace.
		if c, err := s.ClaimDelivery(ctx, second.ID, time.Now().Add(time.Minute)); err != nil || c == nil || c.Trace != "" {
			t.Errorf("a delivery of a job without a trace: %+v, %v", c, err)
		}
	})
}
