package handlers_test

import (
	"strings"
	"testing"

	"github.com/neurod/neurod/models"
)

// TestUsageIsTold to the owners of the project, and to nobody else.
func TestUsageIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.made(t, "/api/v1/neuro/decode", b.key, recording)
	a := b.call(t, "GET", "/v1/projects/"+b.project+"/usage", b.token, "")
	quotas, _ := a.body["quotas"].(map[string]any)
	waiting, _ := quotas[string(models.QuotaWaitingJobs)].(map[string]any)
	if a.status != 200 || a.body["project_id"] != b.project || waiting["used"] != 1.0 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	days, _ := a.body["days"].([]any)
	if n := len(days); n != 1 && n != 2 || days[n-1].(map[string]any)["requests"].(float64) < 1 { // two, about midnight
		t.Errorf("days %v", days)
	}
	other := b.made(t, "/v1/auth/signup", "", `{"email":"b@example.com","password":"correct horse"}`).text(t, "access_token")
	for _, token := range []string{other, b.key, ""} {
		if a := b.call(t, "GET", "/v1/projects/"+b.project+"/usage", token, ""); a.status != 404 && a.status != 401 || strings.Contains(a.raw, "quotas") {
			t.Errorf("%d %s", a.status, a.raw)
		}
	}
}
