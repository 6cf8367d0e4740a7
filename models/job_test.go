package models_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/internal/testkit/constants"
	"github.com/neurod/neurod/models"
)

// TestJobStatesListsEveryState reads the constants of this package: a state that is not listed could not be asked for. Package jobs does
// the same for the kinds.
func TestJobStatesListsEveryState(t *testing.T) {
	t.Parallel()
	states := constants.Texts(t, ".", "JobState")
	var listedStates []string
	for _, s := range models.JobStates() {
		listedStates = append(listedStates, string(s))
	}
	slices.Sort(listedStates)
	if d := cmp.Diff(states, listedStates); d != "" {
		t.Errorf("states (-constants +JobStates):\n%s", d)
	}
}

// TestReplay: a key gives its answer to the request that it was made for, through the protocol that it came in by.
func TestReplay(t *testing.T) {
	t.Parallel()
	r := models.IdempotencyRecord{Fingerprint: "f", Answer: models.Answer{Protocol: "http/202", Bytes: []byte("{}")}}
	for _, tt := range []struct {
		idem models.Idempotency
		good bool
	}{
		{models.Idempotency{Fingerprint: "f", Protocol: "http"}, true},
		{models.Idempotency{Fingerprint: "g", Protocol: "http"}, false},
		{models.Idempotency{Fingerprint: "f", Protocol: "grpc"}, false},
		{models.Idempotency{Fingerprint: "f"}, false},
	} {
		answer, err := r.Replay(tt.idem)
		if (err == nil) != tt.good || tt.good && string(answer.Bytes) != "{}" || !tt.good && models.AsError(err).Code != models.IdempotencyKeyReused {
			t.Errorf("%+v: %+v, %v", tt.idem, answer, err)
		}
	}
}
