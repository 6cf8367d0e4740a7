package workers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
	"github.com/neurod/neurod/workers"
)

// modelStore has the models of one project, and counts how often a file is read.
type modelStore struct {
	mu      sync.Mutex
	project string
	active  map[string]string // version by name
	files   map[string][]byte // by name@version
	fault   error
	reads   atomic.Int64
}

func (s *modelStore) ProjectModel(_ context.Context, projectID, name, version string) (models.ProjectModel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version == "" {
		version = s.active[name]
	}
	file, ok := s.files[name+"@"+version]
	switch {
	case s.fault != nil:
		return models.ProjectModel{}, s.fault
	case !ok || projectID != s.project:
		return models.ProjectModel{}, store.ErrNotFound
	}
	return models.ProjectModel{ID: name + "@" + version, ProjectID: projectID, Name: name, Version: version, Size: int64(len(file)),
		SHA256: fmt.Sprintf("%x", file[len(file)-32:])}, nil
}

func (s *modelStore) ModelFile(_ context.Context, projectID, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads.Add(1)
	if file, ok := s.files[id]; ok && projectID == s.project {
		return file, nil
	}
	return nil, store.ErrNotFound
}

func newModelStore(t *testing.T, cat *catalog.Catalog, refs ...string) *modelStore {
	t.Helper()
	s := &modelStore{project: "p", active: map[string]string{}, files: map[string][]byte{}}
	const built = "motor_imagery-left_right-cyton"
	file, err := cat.File(built, "1")
	if err != nil {
		t.Fatal(err)
	}
	m, err := catalog.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		name, version, _ := strings.Cut(ref, "@")
		var b bytes.Buffer
		if err := catalog.Write(&b, m.Paradigm, name, version, m.Card, m.State); err != nil {
			t.Fatal(err)
		}
		s.files[ref], s.active[name] = b.Bytes(), version
	}
	return s
}

var cyton = []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}

func TestModelsOfProjects(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	s := newModelStore(t, cat, "a@1", "a@2", "b@1")
	size := int64(len(s.files["a@1"]))
	found := workers.NewModels(cat, s, 2*size, nil)
	use := func(project, ref string) string {
		t.Helper()
		r, err := found.For(t.Context(), project, ref)
		if err != nil {
			t.Fatal(err)
		}
		choice, err := r.Resolve(catalog.Query{Model: ref, Paradigm: eeg.MotorImagery, Channels: cyton, Rate: 250})
		var bad *decoders.Error
		if errors.As(err, &bad) {
			return bad.Code
		}
		if err != nil {
			t.Fatal(err)
		}
		return choice.Entry.ID() + " " + string(choice.Entry.Source)
	}
	want := func(project, ref, answer string, reads int64) {
		t.Helper()
		if got := use(project, ref); got != answer || s.reads.Load() != reads {
			t.Errorf("%s of %s: %s after %d reads, want %s after %d", ref, project, got, s.reads.Load(), answer, reads)
		}
	}
	want("p", "", use("q", ""), 0)
	want("p", "a", "a@2 project", 1)
	want("p", "a", "a@2 project", 1)
	want("p", "a@2", "a@2 project", 1)
	want("p", "a@1", "a@1 project", 2)
	want("p", "a@3", decoders.CodeModelNotFound, 2)
	want("p", "a@", decoders.CodeModelNotFound, 2)
	want("q", "a", decoders.CodeModelNotFound, 2) // another project, although it is in the cache
	want("p", "motor_imagery-left_right-cyton", "motor_imagery-left_right-cyton@1 builtin", 2)
	want("p", "b", "b@1 project", 3) // takes the place of a@2, used longest ago
	want("p", "a@1", "a@1 project", 3)
	want("p", "a@2", "a@2 project", 4)

	s.mu.Lock()
	s.active["a"] = "1"
	s.mu.Unlock()
	want("p", "a", "a@1 project", 4) // rolled back: at once
	s.mu.Lock()
	delete(s.files, "a@1")
	s.mu.Unlock()
	want("p", "a@1", decoders.CodeModelNotFound, 4) // deleted: at once, although it is in the cache

	s.fault = errors.New("no database")
	if _, err := found.For(t.Context(), "p", "b"); !errors.Is(err, s.fault) {
		t.Errorf("a fault of the database: %v", err)
	}
	if _, err := found.For(t.Context(), "p", ""); err != nil {
		t.Errorf("who names no model needs no database: %v", err)
	}
}

// TestModelsAreRestoredOnce by the first who needs them, and a canceled job does not take it from the others.
func TestModelsAreRestoredOnce(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	s := newModelStore(t, cat, "a@1")
	found := workers.NewModels(cat, s, 1<<20, nil)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = canceled
			}
			if _, err := found.For(ctx, "p", "a"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := s.reads.Load(); n != 1 {
		t.Errorf("the file was read %d times", n)
	}
}

// TestDamagedModelIsNoDecoder: a file that cannot be restored is an error, and is not remembered.
func TestDamagedModelIsNoDecoder(t *testing.T) {
	t.Parallel()
	cat, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	s := newModelStore(t, cat, "a@1")
	good := s.files["a@1"]
	bad := bytes.Clone(good)
	bad[len(bad)/2] ^= 1
	s.files["a@1"] = bad
	found := workers.NewModels(cat, s, 1<<20, nil)
	var fault *decoders.Error
	if _, err := found.For(t.Context(), "p", "a"); !errors.As(err, &fault) || fault.Code != catalog.CodeModelMalformed {
		t.Errorf("%v", err)
	}
	s.files["a@1"] = good
	if _, err := found.For(t.Context(), "p", "a"); err != nil {
		t.Error(err)
	}
}
