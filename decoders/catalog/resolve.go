package catalog

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

// Query is what a request needs of a model.
type Query struct {
	Model    string       // "name", "name@version", or "" to let the catalog choose
	Paradigm eeg.Paradigm // "" or Auto takes the paradigm of the model named
	Channels []string     // montage of the request
	Rate     float64      // Hz
	// Clips tells that several clips of the person are at hand, around whose mean a model that was trained with alignment can
	// be moved. Without it such a model is chosen only where no other fits.
	Clips bool
}

// Choice is the model that a query got.
type Choice struct {
	Entry   Entry
	Decoder decoders.Decoder
	// Why tells in one sentence why this model.
	Why string
	// Passed names models of the paradigm that were not taken, each with the reason.
	Passed []eeg.PassedOver
}

// Resolver picks the model for a request: a *Catalog, or one with a model of somebody's own beside it (Catalog.With).
type Resolver interface {
	Resolve(q Query) (*Choice, error)
}

var _ Resolver = (*Catalog)(nil)

// Loaded is a model that was restored and is in no catalog. It is safe for concurrent use.
type Loaded struct{ e *entry }

// Load restores a model from its file without adding it. Errors are those of AddModel.
func (c *Catalog) Load(m *Model, source eeg.ModelSource) (*Loaded, error) {
	d, err := c.Restore(m)
	if err != nil {
		return nil, err
	}
	return &Loaded{&entry{Entry: Entry{Info: d.Info(), Card: m.Card, Source: source, SHA256: m.SHA256, Size: m.Size}, decoder: d}}, nil
}

// With returns the catalog with one more model in front of it: a query that names it, in exactly these words, gets l, whatever
// the catalog has under the name. The catalog is neither copied nor changed.
func (c *Catalog) With(name string, l *Loaded) Resolver { return inFront{c, name, l} }

type inFront struct {
	cat  *Catalog
	name string
	l    *Loaded
}

func (f inFront) Resolve(q Query) (*Choice, error) {
	if q.Model == "" || q.Model != f.name {
		return f.cat.Resolve(q)
	}
	return f.l.e.choose(q, "named by the request; the project's own")
}

// Resolve picks the model for a request.
//
// A model that is named is taken if it fits: its newest version where none is named. Otherwise the newest versions
// of all models of the paradigm are compared, but for those that must be named: those whose montage the request covers are left, and of these, those
// trained with alignment last unless the person's clips are at hand, the one with the highest priority on its card, then the most channels, then the nearest rate, then the best accuracy
// on its card, then the first name is taken. A model that requires a licence is taken only where it is named.
//
// Errors: model_not_found (details model, available), model_incompatible where the model named decodes another
// paradigm, montage_mismatch (details model, channels_needed, channels_missing).
func (c *Catalog) Resolve(q Query) (*Choice, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if q.Model != "" {
		return c.named(q)
	}
	return c.chosen.of(q, c.best)
}

// choices are what queries were given that leave the choice to the catalog: those who send the same montage again and again get the same
// answer, and comparing all models anew takes a fifteenth of a decode. The zero value is ready.
type choices struct {
	mu sync.Mutex
	by map[string]*Choice
}

// Limits of what is kept: montages, and the length of what names one.
const (
	choicesKept   = 128
	longestChoice = 2 << 10
)

func (c *choices) of(q Query, choose func(Query) (*Choice, error)) (*Choice, error) {
	key := q.key()
	c.mu.Lock()
	kept := c.by[key]
	c.mu.Unlock()
	if kept == nil {
		made, err := choose(q)
		if err != nil || len(key) > longestChoice {
			return made, err
		}
		c.mu.Lock()
		if c.by == nil || len(c.by) >= choicesKept { // others may have come meanwhile: begin anew
			c.by = map[string]*Choice{}
		}
		c.by[key] = made
		c.mu.Unlock()
		kept = made
	}
	own := *kept
	own.Passed = slices.Clip(own.Passed)
	return &own, nil
}

// forget lets go of all, since there is another model to choose from.
func (c *choices) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by = nil
}

// key names all that a choice of the catalog depends on.
func (q Query) key() string {
	b := strconv.AppendFloat(append([]byte(q.Paradigm), 0), q.Rate, 'g', -1, 64)
	b = strconv.AppendBool(append(b, 0), q.Clips)
	for _, name := range q.Channels {
		b = append(strconv.AppendInt(append(b, 0), int64(len(name)), 10), ':')
		b = append(b, name...)
	}
	return string(b)
}

func (c *Catalog) named(q Query) (*Choice, error) {
	name, version, pinned := strings.Cut(q.Model, "@")
	versions := c.models[name]
	i := 0
	if pinned {
		i = slices.IndexFunc(versions, func(e *entry) bool { return e.Version == version })
	}
	if i < 0 || len(versions) == 0 {
		return nil, c.notFound(q)
	}
	why := "named by the request"
	if !pinned {
		why = "named by the request; its newest version"
	}
	return versions[i].choose(q, why)
}

// choose takes the model for a query, if it fits.
func (e *entry) choose(q Query, why string) (*Choice, error) {
	if q.Paradigm != "" && q.Paradigm != eeg.Auto && q.Paradigm != e.Paradigm {
		return nil, decoders.Errorf(decoders.CodeModelIncompatible,
			map[string]any{"model": e.ID(), "model_paradigm": e.Paradigm, "paradigm": q.Paradigm},
			"model %s decodes %s; the request asks for %s", e.ID(), e.Paradigm, q.Paradigm)
	}
	if missing := missingChannels(e.Channels, canonical(q.Channels)); len(missing) > 0 {
		return nil, recording.Mismatch("model "+e.ID(), q.Channels, e.Channels, missing, map[string]any{"model": e.ID()})
	}
	return &Choice{Entry: e.Entry, Decoder: e.decoder, Why: why}, nil
}

func (c *Catalog) best(q Query) (*Choice, error) {
	have := canonical(q.Channels)
	var fits, all []*entry
	var nearest *entry
	var nearestMissing []string
	choice := &Choice{}
	for _, name := range sortedNames(c.models) {
		e := c.models[name][0]
		if e.Paradigm != q.Paradigm {
			continue
		}
		if e.Card.License() != LicenseFree {
			choice.Passed = append(choice.Passed, eeg.PassedOver{Model: e.ID(), Why: "requires a licence, so it must be named"})
			continue
		}
		if e.Card.Named {
			choice.Passed = append(choice.Passed, eeg.PassedOver{Model: e.ID(), Why: "must be named"})
			continue
		}
		all = append(all, e)
		missing := missingChannels(e.Channels, have)
		if len(missing) == 0 {
			fits = append(fits, e)
			continue
		}
		choice.Passed = append(choice.Passed, eeg.PassedOver{Model: e.ID(), Why: "montage lacks " + strings.Join(missing, ", ")})
		if nearest == nil || len(missing) < len(nearestMissing) {
			nearest, nearestMissing = e, missing
		}
	}
	if len(all) == 0 {
		return nil, c.notFound(q)
	}
	if len(fits) == 0 {
		return nil, recording.Mismatch(fmt.Sprintf("no %s model fits the channels; %s, which comes nearest,", q.Paradigm, nearest.ID()), q.Channels,
			nearest.Channels, nearestMissing, map[string]any{"model": nearest.ID(), "models_tried": len(all)})
	}
	slices.SortStableFunc(fits, func(a, b *entry) int {
		accA, _ := a.Card.accuracy()
		accB, _ := b.Card.accuracy()
		return cmp.Or(
			cmp.Compare(q.amiss(a), q.amiss(b)),
			cmp.Compare(b.Card.Priority, a.Card.Priority),
			cmp.Compare(len(b.Channels), len(a.Channels)),
			cmp.Compare(rateDistance(a.Rate, q.Rate), rateDistance(b.Rate, q.Rate)),
			cmp.Compare(accB, accA),
			cmp.Compare(a.Name, b.Name))
	})
	e := fits[0]
	choice.Entry, choice.Decoder = e.Entry, e.decoder
	for _, other := range fits[1:] {
		choice.Passed = append(choice.Passed, eeg.PassedOver{Model: other.ID(), Why: "fits, but " + e.ID() + " comes first: " + q.because(e, other)})
	}
	switch {
	case len(all) == 1:
		choice.Why = fmt.Sprintf("the only %s model", q.Paradigm)
	case len(fits) == 1:
		choice.Why = fmt.Sprintf("the only %s model whose montage the request covers", q.Paradigm)
	default:
		choice.Why = fmt.Sprintf("the first of %d %s models whose montage the request covers", len(fits), q.Paradigm)
	}
	return choice, nil
}

// amiss is 1 for a model that needs what the request has not, clips of the person to be moved to.
func (q Query) amiss(e *entry) int {
	if e.Aligned && !q.Clips {
		return 1
	}
	return 0
}

func (q Query) because(e, other *entry) string {
	switch {
	case q.amiss(e) != q.amiss(other):
		return "needs no other clips of the person"
	case e.Card.Priority != other.Card.Priority:
		return "higher priority"
	case len(e.Channels) != len(other.Channels):
		return "uses more channels"
	}
	return "rate, accuracy or name"
}

// rateDistance tells how far the model's rate is from the request's, as a ratio of at least 1. A model that takes
// any rate is nearest.
func rateDistance(model, asked float64) float64 {
	if model <= 0 || asked <= 0 {
		return 1
	}
	return max(model/asked, asked/model)
}

func canonical(channels []string) map[string]bool {
	have := make(map[string]bool, len(channels))
	for _, ch := range channels {
		have[recording.CanonicalName(ch)] = true
	}
	return have
}

func missingChannels(needed []string, have map[string]bool) []string {
	var missing []string
	for _, ch := range needed {
		if !have[ch] && !have[recording.CanonicalName(ch)] {
			missing = append(missing, ch)
		}
	}
	return missing
}

func (c *Catalog) notFound(q Query) error {
	available := []string{}
	for _, name := range sortedNames(c.models) {
		for _, e := range c.models[name] {
			if q.Model != "" || e.Paradigm == q.Paradigm {
				available = append(available, e.ID())
			}
		}
	}
	if q.Model == "" {
		return decoders.Errorf(decoders.CodeModelNotFound, map[string]any{"model": "", "paradigm": q.Paradigm, "available": available},
			"there is no model for %s in the catalog", q.Paradigm)
	}
	return decoders.Errorf(decoders.CodeModelNotFound, map[string]any{"model": clip(q.Model), "available": available},
		"there is no model %q; available: %s", clip(q.Model), strings.Join(available, ", "))
}

func sortedNames(models map[string][]*entry) []string {
	names := make([]string, 0, len(models))
	for n := range models {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
