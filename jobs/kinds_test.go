package jobs_test

import (
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/internal/testkit/constants"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// TestContractNamesEveryKind holds the OpenAPI document to the registry.
func TestContractNamesEveryKind(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	var documented, listed []string
	for _, v := range doc.Components.Schemas["JobKind"].Value.Enum {
		documented = append(documented, v.(string))
	}
	for _, k := range jobs.ListedKinds() {
		listed = append(listed, string(k))
	}
	if d := cmp.Diff(listed, documented); d != "" {
		t.Errorf("kinds of jobs (-registry +document):\n%s", d)
	}
}

// TestKindsHoldEveryConstant reads the constants of package models: of a kind that is not in the registry nothing would be known.
func TestKindsHoldEveryConstant(t *testing.T) {
	t.Parallel()
	kinds := constants.Texts(t, "../models", "JobKind")
	var listed []string
	for _, k := range jobs.Kinds() {
		listed = append(listed, string(k.Name))
	}
	slices.Sort(listed)
	if d := cmp.Diff(kinds, listed); d != "" {
		t.Errorf("kinds (-constants +registry):\n%s", d)
	}
}

// TestKindsAreComplete: whatever runs a kind finds a queue that there is, a deadline and a number of attempts.
func TestKindsAreComplete(t *testing.T) {
	t.Parallel()
	for _, k := range append(jobs.Kinds(), jobs.KindOf("of another version")) {
		if jobs.Queues()[k.Queue] == 0 || k.Deadline <= 0 || k.MaxAttempts <= 0 || k.Backoff <= 0 {
			t.Errorf("%+v", k)
		}
		if k.Operation != "" && (len(k.Rights) == 0 || k.Operation != string(k.Name)) {
			t.Errorf("%s: the operation %q, rights %v", k.Name, k.Operation, k.Rights)
		}
		for _, r := range k.Rights {
			if !models.ScopeOf(r).Valid() || !models.LeastRole(r).Valid() {
				t.Errorf("%s: the right %q is of the scope %q and the role %q", k.Name, r, models.ScopeOf(r), models.LeastRole(r))
			}
		}
	}
	if k := jobs.KindOf("of another version"); !k.Listed || !k.Cancelable {
		t.Errorf("%+v", k)
	}
}
