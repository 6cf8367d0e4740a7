package app

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// TestTrainingKeepsToItsMemory gives a worker too little room for the trials.
func TestTrainingKeepsToItsMemory(t *testing.T) {
	t.Parallel()
	s := boot(t, testkit.Backend{DataDir: t.TempDir()})
	id := s.session(t, "user_1", "RECORDED")
	s.json(t, 202, "POST", "/v1/sessions/"+id+"/ingest", s.key, samples(110))
	var events []object
	for i := range 12 {
		events = append(events, object{"onset_ms": 5000 + 8000*i, "code": 769 + i%2})
	}
	if a := s.call(t, "POST", "/v1/sessions/"+id+"/events", s.key, object{"events": events}); a.StatusCode != 201 {
		t.Fatalf("events: %d %s", a.StatusCode, a.body)
	}
	run := workers.NewTrainer(workers.TrainingConfig{Store: s.store, Catalog: s.catalog, Publish: s.registry.Publish, MaxBytes: 200_000}).Train
	request := func(session string) json.RawMessage {
		return json.RawMessage(`{"name":"m","paradigm":"motor_imagery","pipeline":"csp_lda","sessions":[{"session_id":"` + session + `"}],"classes":{"769":"l","770":"r"}}`)
	}
	_, err := run(t.Context(), &workers.Task{Job: models.Job{ID: models.NewID(), ProjectID: s.project, Request: request(id)}})
	// A trial is 4.5 s of 8 channels at 160 Hz.
	var bad *decoders.Error
	if !errors.As(err, &bad) || bad.Code != "payload_too_large" || bad.Details["trials_so_far"] != 200_000/(720*8*8) {
		t.Errorf("%v", err)
	}
	// A session that is gone when the job runs.
	_, err = run(t.Context(), &workers.Task{Job: models.Job{ID: models.NewID(), ProjectID: s.project, Request: request(models.NewID())}})
	if models.AsError(err).Code != models.TrainingDataGone {
		t.Errorf("%v", err)
	}
}
