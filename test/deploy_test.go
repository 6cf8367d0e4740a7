package test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// chart is the Helm chart; what Helm and Kubernetes say of it is tested in deploy/check.
const chart = "../deploy/helm/neurod/"

// TestDashboardShowsWhatThereIs holds each metric of the Grafana dashboard to what a process that has decoded and streamed something says at /metrics, and
// its labels to those of the metric.
func TestDashboardShowsWhatThereIs(t *testing.T) {
	t.Parallel()
	s := onPostgres.guest(t, production)
	s.await(t, s.json(t, 202, "POST", "/api/v1/neuro/decode", s.key, documentBody)["id"].(string))
	session := s.session(t, sessionBody)
	s.json(t, 200, "POST", "/v1/sessions/"+session+"/end", s.key, object{})
	s.call(t, "GET", "/v1/sessions/"+session+"/features/stream", s.key, nil) // ends, as the session has
	b, err := os.ReadFile(chart + "dashboards/neurod.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(b, &dashboard); err != nil {
		t.Fatal(err)
	}
	shown := string(s.call(t, "GET", "/metrics", "", nil).body)
	metric, label := regexp.MustCompile(`(neurod|process|go)_[a-z_]+`), regexp.MustCompile(`{{(\w+)}}`)
	seen := 0
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			for _, name := range metric.FindAllString(target.Expr, -1) {
				seen++
				lines := regexp.MustCompile(`(?m)^`+name+`(\{[^}]*\})? `).FindAllString(shown, -1)
				if len(lines) == 0 {
					t.Errorf("%s: there is no metric %s", p.Title, name)
					continue
				}
				for _, m := range label.FindAllStringSubmatch(target.LegendFormat, -1) {
					if m[1] != "pod" && !strings.Contains(lines[0], m[1]+`="`) { // Prometheus knows the pod
						t.Errorf("%s: %s has no label %s: %s", p.Title, name, m[1], lines[0])
					}
				}
			}
		}
	}
	if seen < 15 {
		t.Errorf("%d metrics are in the dashboard", seen)
	}
}

// TestScaledObjectReadsWhatIsThere: KEDA finds a number where the chart says that it stands.
func TestScaledObjectReadsWhatIsThere(t *testing.T) {
	t.Parallel()
	values, err := os.ReadFile(chart + "values.yaml")
	if err != nil {
		t.Fatal(err)
	}
	place := regexp.MustCompile(`valueLocation: (\w+)`).FindSubmatch(values)
	if place == nil {
		t.Fatal("values.yaml names no place")
	}
	template, err := os.ReadFile(chart + "templates/worker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := regexp.MustCompile(`url: http://\S+ .*}}(/\S+)`).FindSubmatch(template)
	if path == nil {
		t.Fatal("the ScaledObject asks nobody")
	}
	s := onPostgres.guest(t, production)
	if _, ok := s.json(t, 200, "GET", string(path[1]), "", nil)[string(place[1])].(float64); !ok {
		t.Errorf("%s has no number %s", path[1], place[1])
	}
}
