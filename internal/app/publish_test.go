package app

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/internal/testkit"
	"github.com/neurod/neurod/models"
)

// modelFile is a built-in model under another name and version.
func modelFile(t testing.TB, name, version string) []byte {
	t.Helper()
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	e := cat.List()[0]
	b, err := cat.File(e.Name, e.Version)
	if err != nil {
		t.Fatal(err)
	}
	m, err := catalog.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	m.Card.RequiresLicense = "" // whoever has the project has its models
	var out bytes.Buffer
	if err := catalog.Write(&out, m.Paradigm, name, version, m.Card, m.State); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestModelsAreErasedWithTheirSessions: what was trained on a user's sessions goes with them, also through models made from it;
// the others stay, and what is trained meanwhile is refused.
func TestModelsAreErasedWithTheirSessions(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		gone := s.session(t, "leaves", "STREAMING")
		stays := s.session(t, "stays", "STREAMING")
		publish := func(name string, v registry.NewVersion) models.ProjectModel {
			t.Helper()
			m, err := s.registry.Publish(t.Context(), s.project, name, func(version string) (registry.NewVersion, error) {
				v.File = modelFile(t, name, version)
				return v, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		kept := publish("of-both", registry.NewVersion{Sessions: []string{stays}})
		trained := publish("of-both", registry.NewVersion{Sessions: []string{gone, stays}})
		publish("calibrated", registry.NewVersion{Parent: trained.ID})
		publish("of-the-other", registry.NewVersion{Sessions: []string{stays}})
		if kept.Version != "1" || trained.Version != "2" {
			t.Errorf("versions %s and %s", kept.Version, trained.Version)
		}
		s.json(t, 200, "DELETE", "/v1/users/leaves", s.key, nil)
		all := s.json(t, 200, "GET", "/api/v1/models", s.key, nil)
		var own []string
		for _, m := range all["models"].([]any) {
			if m := m.(object); m["source"] == "project" {
				own = append(own, fmt.Sprint(m["name"], "@", m["version"], " ", m["state"]))
			}
		}
		if d := cmp.Diff([]string{"of-both@1 active", "of-the-other@1 active"}, own); d != "" {
			t.Errorf("models that are left (-want +got):\n%s", d)
		}
		for _, v := range []registry.NewVersion{{Sessions: []string{gone}}, {Parent: trained.ID}} {
			_, err := s.registry.Publish(t.Context(), s.project, "late", func(version string) (registry.NewVersion, error) {
				v.File = modelFile(t, "late", version)
				return v, nil
			})
			if models.AsError(err).Code != models.TrainingDataGone {
				t.Errorf("trained on what is gone: %v", err)
			}
		}
		// The number goes on: version 2 never comes to mean another file.
		if next := publish("of-both", registry.NewVersion{}); next.Version != "3" {
			t.Errorf("the next version is %s", next.Version)
		}
		testkit.Sweep(t, testkit.Raw(t, b.Store), s.store.Dialect(), func(table, column string, value []byte) {
			for what, text := range map[string]string{"the session": gone, "the model": trained.ID, "its checksum": trained.SHA256} {
				if bytes.Contains(value, []byte(text)) {
					t.Errorf("%s.%s holds %s", table, column, what)
				}
			}
		})
	})
}

// TestPublishedAtOnce: jobs that publish under one name at once all get a version of their own.
func TestPublishedAtOnce(t *testing.T) {
	t.Parallel()
	testkit.Backends(t, func(t *testing.T, b testkit.Backend) {
		s := boot(t, b)
		var wg sync.WaitGroup
		var mu sync.Mutex
		versions := map[string]bool{}
		for range 4 {
			wg.Go(func() {
				m, err := s.registry.Publish(t.Context(), s.project, "m", func(version string) (registry.NewVersion, error) {
					return registry.NewVersion{File: modelFile(t, "m", version)}, nil
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				versions[m.Version] = true
			})
		}
		wg.Wait()
		if d := cmp.Diff(map[string]bool{"1": true, "2": true, "3": true, "4": true}, versions); d != "" {
			t.Errorf("versions (-want +got):\n%s", d)
		}
		for _, name := range []string{"a b", "../x", "A"} {
			_, err := s.registry.Publish(t.Context(), s.project, name, func(version string) (registry.NewVersion, error) {
				return registry.NewVersion{File: []byte(name)}, nil
			})
			if models.AsError(err).Code != models.InvalidRequestBody {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}
