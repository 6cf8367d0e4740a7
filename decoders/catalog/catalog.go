package catalog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// Entry is one model of the catalog.
type Entry struct {
	decoders.Info
	Card   ModelCard
	Source eeg.ModelSource
	SHA256 string // checksum of the model file, hex; "" where there is none
	Size   int64  // bytes of the model file
}

// Events returns the labels and codes of the events that stand for each class; nil where they are not known. The built-in models of
// imagery were trained on EEGMMIDB, where T1 cues the first class and T2 the second.
func (e Entry) Events() map[string][]string {
	if e.Card.Events != nil || e.Source != eeg.SourceBuiltIn || e.Paradigm != eeg.MotorImagery {
		return e.Card.Events
	}
	out := map[string][]string{}
	for i, class := range e.Classes {
		out[class] = []string{"T" + strconv.Itoa(i+1)}
	}
	return out
}

// ID returns name@version.
func (e Entry) ID() string { return e.Name + "@" + e.Version }

type entry struct {
	Entry
	decoder decoders.Decoder
	parsed  []int                  // version as numbers
	file    func() ([]byte, error) // reads the model file; nil where there is none
}

// Catalog is the registry of pipelines and models. The zero value is not usable; see New and Default.
type Catalog struct {
	mu        sync.RWMutex
	pipelines map[string]decoders.Pipeline
	models    map[string][]*entry // by name, newest version first
	chosen    choices
}

// New returns a catalog of the given pipelines without any model.
// It fails where two pipelines have one name.
func New(pipelines ...decoders.Pipeline) (*Catalog, error) {
	c := &Catalog{pipelines: map[string]decoders.Pipeline{}, models: map[string][]*entry{}}
	if err := c.Register(pipelines...); err != nil {
		return nil, err
	}
	return c, nil
}

// clone returns a catalog with the same pipelines and models, to which others may be added without changing this one.
func (c *Catalog) clone() *Catalog {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := &Catalog{pipelines: maps.Clone(c.pipelines), models: make(map[string][]*entry, len(c.models))}
	for name, versions := range c.models {
		out.models[name] = slices.Clone(versions)
	}
	return out
}

// Register adds pipelines. It fails where one of that name is there already.
func (c *Catalog) Register(pipelines ...decoders.Pipeline) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range pipelines {
		if _, taken := c.pipelines[p.Name()]; taken {
			return fmt.Errorf("catalog: pipeline %q is registered twice", p.Name())
		}
		c.pipelines[p.Name()] = p
	}
	return nil
}

// Pipeline returns the pipeline of that name.
func (c *Catalog) Pipeline(name string) (decoders.Pipeline, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	p, ok := c.pipelines[name]
	return p, ok
}

// Pipelines returns all pipelines ordered by paradigm and name.
func (c *Catalog) Pipelines() []decoders.Pipeline {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := make([]decoders.Pipeline, 0, len(c.pipelines))
	for _, p := range c.pipelines {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b decoders.Pipeline) int {
		return cmp.Or(cmp.Compare(a.Paradigm(), b.Paradigm()), cmp.Compare(a.Name(), b.Name()))
	})
	return list
}

// AddDecoder adds a decoder that is ready, such as one that needs no training.
// A name@version that is taken is refused.
func (c *Catalog) AddDecoder(d decoders.Decoder, card ModelCard, source eeg.ModelSource) error {
	return c.add(Entry{Info: d.Info(), Card: card, Source: source}, d, nil)
}

// AddModel restores a model from its file with its pipeline and adds it. Adding the very same file again changes
// nothing; another file of the same name and version is refused, since a published version never changes.
//
// Errors: model_incompatible where the pipeline is unknown or of another paradigm; whatever the pipeline says of
// a state that does not fit.
func (c *Catalog) AddModel(m *Model, source eeg.ModelSource) error { return c.addModel(m, source, nil) }

func (c *Catalog) addModel(m *Model, source eeg.ModelSource, file func() ([]byte, error)) error {
	d, err := c.Restore(m)
	if err != nil {
		return err
	}
	return c.add(Entry{Info: d.Info(), Card: m.Card, Source: source, SHA256: m.SHA256, Size: m.Size}, d, file)
}

// Restore restores a model from its file without adding it.
func (c *Catalog) Restore(m *Model) (decoders.Trained, error) {
	p, ok := c.Pipeline(m.State.Pipeline)
	if !ok {
		return nil, decoders.Errorf(decoders.CodeModelIncompatible,
			map[string]any{"model": m.ID(), "pipeline": m.State.Pipeline, "available": c.pipelineNames()},
			"model %s needs the pipeline %q, which this program does not have", m.ID(), clip(m.State.Pipeline))
	}
	if p.Paradigm() != m.Paradigm {
		return nil, decoders.Errorf(decoders.CodeModelIncompatible,
			map[string]any{"model": m.ID(), "pipeline": m.State.Pipeline, "paradigm": m.Paradigm},
			"model %s says it decodes %s and its pipeline %q decodes %s", m.ID(), m.Paradigm, m.State.Pipeline, p.Paradigm())
	}
	d, err := p.Restore(m.Name, m.Version, m.State)
	if err != nil {
		return nil, fmt.Errorf("catalog: model %s: %w", m.ID(), err)
	}
	return d, nil
}

func (c *Catalog) pipelineNames() []string {
	var names []string
	for _, p := range c.Pipelines() {
		names = append(names, p.Name())
	}
	return names
}

func (c *Catalog) add(e Entry, d decoders.Decoder, file func() ([]byte, error)) error {
	if err := checkName(e.Name); err != nil {
		return err
	}
	if !versionForm.MatchString(e.Version) {
		return malformed("version %q is not of the form 1 or 1.2.3", clip(e.Version))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, old := range c.models[e.Name] {
		if old.Version != e.Version {
			continue
		}
		if e.SHA256 != "" && old.SHA256 == e.SHA256 {
			return nil
		}
		return decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"model": e.ID()},
			"another model is published as %s; give this one a new version", e.ID())
	}
	list := append(slices.Clone(c.models[e.Name]), &entry{Entry: e, decoder: d, parsed: parseVersion(e.Version), file: file})
	slices.SortStableFunc(list, func(a, b *entry) int { return slices.Compare(b.parsed, a.parsed) })
	c.models[e.Name] = list
	c.chosen.forget()
	return nil
}

func parseVersion(s string) []int {
	parts := strings.Split(s, ".")
	numbers := make([]int, len(parts))
	for i, p := range parts {
		numbers[i], _ = strconv.Atoi(p) // versionForm leaves only digits
	}
	return numbers
}

// AddFS adds every model file in the root of fsys. Files that cannot be used are left out and named in the error;
// the others are added all the same. A folder without model files is not an error.
func (c *Catalog) AddFS(fsys fs.FS, source eeg.ModelSource) (added int, err error) {
	list, err := fs.Glob(fsys, "*"+Extension)
	if err != nil {
		return 0, fmt.Errorf("catalog: list models: %w", err)
	}
	var faults []error
	for _, name := range list {
		if err := c.addFile(fsys, name, source); err != nil {
			faults = append(faults, fmt.Errorf("catalog: %s: %w", name, err))
			continue
		}
		added++
	}
	return added, errors.Join(faults...)
}

func (c *Catalog) addFile(fsys fs.FS, name string, source eeg.ModelSource) error {
	read := func() ([]byte, error) {
		info, err := fs.Stat(fsys, name)
		if err != nil {
			return nil, err
		}
		if info.Size() > MaxFileSize {
			return nil, malformed("the file has more than %d bytes", MaxFileSize)
		}
		return fs.ReadFile(fsys, name)
	}
	b, err := read()
	if err != nil {
		return err
	}
	m, err := Parse(b)
	if err != nil {
		return err
	}
	return c.addModel(m, source, read)
}

// File returns the model file of name@version as it lies where it was added from. A method that needs no training has one
// that holds its card and no numbers. Error: model_not_found, also for models that were added without a file.
func (c *Catalog) File(name, version string) ([]byte, error) {
	c.mu.RLock()
	var found *entry
	for _, e := range c.models[name] {
		if e.Version == version {
			found = e
		}
	}
	c.mu.RUnlock()
	switch {
	case found != nil && found.file != nil:
		return found.file()
	case found != nil && found.Source == eeg.SourceTrainingFree:
		var b bytes.Buffer
		err := Write(&b, found.Paradigm, name, version, found.Card, decoders.State{Pipeline: found.Pipeline, Classes: found.Classes,
			Channels: found.Channels, Rate: found.Rate})
		return b.Bytes(), err
	}
	return nil, decoders.Errorf(decoders.CodeModelNotFound, map[string]any{"model": clip(name + "@" + version)},
		"there is no file of the model %s", clip(name+"@"+version))
}

// List returns all models ordered by paradigm and name, newest version first.
func (c *Catalog) List() []Entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []Entry
	for _, versions := range c.models {
		for _, e := range versions {
			list = append(list, e.Entry)
		}
	}
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Paradigm, b.Paradigm), cmp.Compare(a.Name, b.Name),
			slices.Compare(parseVersion(b.Version), parseVersion(a.Version)))
	})
	return list
}
