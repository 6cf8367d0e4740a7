package handlers_test

import (
	"slices"
	"testing"

	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/jobs"
)

// TestRoutesAskForWhatTheirJobsNeed holds the routes that submit jobs to the registry of kinds: each operation has a route, whose
// right is the first of the kind's.
func TestRoutesAskForWhatTheirJobsNeed(t *testing.T) {
	t.Parallel()
	routes := handlers.New(handlers.Config{}).Routes()
	for _, k := range jobs.Kinds() {
		if k.Operation == "" {
			continue
		}
		at := slices.IndexFunc(routes, func(r handlers.Route) bool { return r.Operation == k.Operation })
		if at < 0 {
			t.Errorf("no route has the operation %s", k.Operation)
			continue
		}
		if r := routes[at]; r.Right != k.Rights[0] {
			t.Errorf("%s %s asks for the right %q, jobs of kind %s for %v", r.Method, r.Path, r.Right, k.Name, k.Rights)
		}
	}
}
