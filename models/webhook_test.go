package models_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/neurod/neurod/models"
)

// TestDeliveryStateMachine walks deliveries through attempts, lost processes, redeliveries and time, and holds them to their
// promises: an attempt that is not the current one changes nothing, what has ended stays as it is until somebody asks for it
// again, a delivery that fails is tried until its day is over and not later, and pauses grow.
func TestDeliveryStateMachine(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
		d := models.WebhookDelivery{State: models.DeliveryPending, NextAttemptAt: now, ExpiresAt: now.Add(models.DeliveryLifetime)}
		delivered := 0
		t.Repeat(map[string]func(*rapid.T){
			"attempt": func(t *rapid.T) {
				if d.State != models.DeliveryPending {
					t.Skip("it has ended")
				}
				if now.Before(d.NextAttemptAt) {
					now = d.NextAttemptAt
				}
				d.Attempts++
				d.NextAttemptAt = now.Add(models.DeliveryLease)
				if rapid.Bool().Draw(t, "the process is lost") {
					return
				}
				took := time.Duration(rapid.IntRange(0, 30_000).Draw(t, "ms")) * time.Millisecond
				o := models.DeliveryOutcome{Delivered: rapid.IntRange(0, 9).Draw(t, "answer") == 0, Gone: rapid.IntRange(0, 30).Draw(t, "gone") == 0,
					Aborted: rapid.IntRange(0, 9).Draw(t, "aborted") == 0, Asked: time.Duration(rapid.IntRange(0, 100_000).Draw(t, "asked")) * time.Second}
				if o.Delivered {
					o.Gone, o.Aborted = false, false
				}
				spread := rapid.Float64Range(0, 0.999).Draw(t, "spread")
				for _, other := range []int{d.Attempts - 1, d.Attempts + 1} {
					if after, counted := d.After(other, o, now, spread); counted || after != d {
						t.Fatalf("attempt %d of %+v counted", other, d)
					}
				}
				at := now.Add(took)
				after, counted := d.After(d.Attempts, o, at, spread)
				if !counted || after.Attempts != d.Attempts || after.ExpiresAt != d.ExpiresAt {
					t.Fatalf("%+v became %+v", d, after)
				}
				late := !at.Before(d.ExpiresAt)
				switch {
				case o.Delivered:
					delivered++
					if after.State != models.DeliveryDelivered || after.FinishedAt == nil {
						t.Fatalf("delivered, and %+v", after)
					}
				case o.Aborted:
					if after.State != models.DeliveryPending || after.NextAttemptAt != at {
						t.Fatalf("aborted, and %+v", after)
					}
				case o.Gone || late:
					if after.State != models.DeliveryFailed || after.FinishedAt == nil {
						t.Fatalf("at its end, and %+v", after)
					}
				default:
					least := min(models.RetryPause(d.Attempts, 0, o.Asked), d.ExpiresAt.Sub(at))
					if pause := after.NextAttemptAt.Sub(at); after.State != models.DeliveryPending || pause < least || after.NextAttemptAt.After(d.ExpiresAt) {
						t.Fatalf("failed, and %+v: a pause of %v, at least %v", after, pause, least)
					}
				}
				d, now = after, at
				if again, counted := d.After(d.Attempts, o, now, spread); d.State != models.DeliveryPending && (counted || again != d) {
					t.Fatalf("what has ended became %+v", again)
				}
			},
			"time passes": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(0, 10_000).Draw(t, "s")) * time.Second) },
			"redeliver": func(*rapid.T) {
				d.State, d.NextAttemptAt, d.ExpiresAt, d.FinishedAt = models.DeliveryPending, now, now.Add(models.DeliveryLifetime), nil
			},
			"": func(t *rapid.T) {
				if (d.FinishedAt == nil) != (d.State == models.DeliveryPending) || d.State == models.DeliveryDelivered && delivered == 0 {
					t.Fatalf("%+v", d)
				}
			},
		})
	})
}

// TestRetriesFillADay: an absent receiver is tried often at first, then for a whole day, and a few more times than a person would.
func TestRetriesFillADay(t *testing.T) {
	t.Parallel()
	for _, spread := range []float64{0, 0.5, 0.999} {
		now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
		start := now
		d := models.WebhookDelivery{State: models.DeliveryPending, NextAttemptAt: now, ExpiresAt: now.Add(models.DeliveryLifetime)}
		early := 0
		for d.State == models.DeliveryPending {
			now = d.NextAttemptAt
			d.Attempts++
			d, _ = d.After(d.Attempts, models.DeliveryOutcome{Error: "absent"}, now, spread)
			if now.Sub(start) < 10*time.Minute {
				early++
			}
		}
		if took := now.Sub(start); took != models.DeliveryLifetime || d.State != models.DeliveryFailed || d.Attempts < 8 || d.Attempts > 14 || early < 4 {
			t.Errorf("%d attempts, %d of them in ten minutes, over %v, then %s", d.Attempts, early, took, d.State)
		}
	}
	if got := models.RetryPause(1, 0.5, 48*time.Hour); got != time.Hour {
		t.Errorf("a receiver asked for two days and got %v", got)
	}
}

// TestWebhooksAreDisabled after three days without a success, and at once where the receiver is gone.
func TestWebhooksAreDisabled(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	failed := models.DeliveryOutcome{Status: 503}
	w, changed := models.Webhook{Enabled: true}.After(failed, now)
	if !changed || !w.Enabled || w.FailingSince == nil {
		t.Fatalf("after one failure: %+v", w)
	}
	if _, changed := w.After(failed, now.Add(time.Hour)); changed {
		t.Error("a second failure is written")
	}
	healed, _ := w.After(models.DeliveryOutcome{Delivered: true}, now.Add(2*time.Hour))
	if healed.FailingSince != nil || healed.DeliveredAt == nil {
		t.Errorf("after a success: %+v", healed)
	}
	if _, changed := healed.After(models.DeliveryOutcome{Delivered: true}, now.Add(2*time.Hour+time.Second)); changed {
		t.Error("each of many successes is written")
	}
	if off, _ := w.After(failed, now.Add(models.WebhookFailing)); off.Enabled || off.Reason != "Nothing could be delivered since 2026-01-31T12:00:00Z." {
		t.Errorf("after three days: %+v", off)
	}
	if off, _ := w.After(models.DeliveryOutcome{Gone: true, Status: 410}, now); off.Enabled || off.Reason == "" {
		t.Errorf("gone: %+v", off)
	}
	if off, changed := w.After(models.DeliveryOutcome{Aborted: true}, now.Add(models.WebhookFailing)); changed || !off.Enabled {
		t.Errorf("the process stopped: %+v", off)
	}
}
