package science

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/models"
)

// Models shows the models of a catalog to the registry.
type Models struct {
	cat   *catalog.Catalog
	slots *compute.Slots
	list  []registry.GlobalModel
}

var _ registry.Catalog = (*Models)(nil)

// NewModels reads every model file of the catalog once, for its size and checksum. Those that are uploaded are judged in slots.
func NewModels(cat *catalog.Catalog, slots *compute.Slots) (*Models, error) {
	s := &Models{cat: cat, slots: slots}
	for _, e := range cat.List() {
		b, err := cat.File(e.Name, e.Version)
		if err != nil {
			return nil, err
		}
		info, err := infoOf(e)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(b)
		s.list = append(s.list, registry.GlobalModel{ModelInfo: info, Source: string(e.Source), Size: int64(len(b)), SHA256: hex.EncodeToString(sum[:])})
	}
	return s, nil
}

// Models lists the catalog's models. The list is not to be changed.
func (s *Models) Models() []registry.GlobalModel { return s.list }

// File reads a model file.
func (s *Models) File(name, version string) ([]byte, error) { return s.cat.File(name, version) }

// Read judges an uploaded model file: it must be whole, and its pipeline must restore it.
func (s *Models) Read(ctx context.Context, project string, file []byte) (info models.ModelInfo, err error) {
	err = s.slots.Do(ctx, compute.Work{Project: project, Takes: compute.RestoreTakes(len(file))}, func() error {
		info, err = s.read(file)
		return err
	})
	return info, err
}

func (s *Models) read(file []byte) (models.ModelInfo, error) {
	m, err := catalog.Parse(file)
	if err == nil {
		var d decoders.Trained
		if d, err = s.cat.Restore(m); err == nil {
			return infoOf(catalog.Entry{Info: d.Info(), Card: m.Card})
		}
	}
	var bad *decoders.Error
	if errors.As(err, &bad) {
		e := models.Errorf(models.InvalidRequestBody, "The model file cannot be used (%s): %s.", bad.Code, bad.Message)
		e.Details = map[string]any{"reason": bad.Code}
		for k, v := range bad.Details {
			e.Details[k] = v
		}
		return models.ModelInfo{}, e.Wrap(err)
	}
	return models.ModelInfo{}, err
}

// infoOf says what the registry is to know of a model.
func infoOf(e catalog.Entry) (models.ModelInfo, error) {
	card, err := json.Marshal(e.Card)
	if err != nil {
		return models.ModelInfo{}, fmt.Errorf("science: card of %s: %w", e.ID(), err)
	}
	info := models.ModelInfo{Name: e.Name, Version: e.Version, Paradigm: e.Paradigm, Pipeline: e.Pipeline, Type: catalog.Kind(e.Pipeline),
		Classes: e.Classes, Channels: e.Channels, RateHz: e.Rate, License: models.License(e.Card.License()), Summary: e.Card.Summary,
		IntendedUse: e.Card.IntendedUse, FeatureType: featureType(e.Pipeline), Subjects: e.Card.Subjects, Trials: e.Card.Trials, Card: card}
	if e.Paradigm == eeg.P300 && len(info.Classes) == 0 {
		info.Classes = []string{p300.NonTarget, p300.Target} // symbols come with the request; the model tells flashes apart
	}
	if a, ok := e.Card.Accuracy(); ok {
		info.Accuracy = fmt.Sprintf("%.1f%%", 100*a)
		info.Protocol, info.Chance, info.AUC = e.Card.Evaluations[0].Protocol, e.Card.Evaluations[0].Chance, e.Card.Evaluations[0].AUC
	}
	return info, nil
}

// featureTypes names the features of pipelines whose own name does not.
var featureTypes = map[string]string{
	"csp_lda": "csp", "csp_rxlda": "csp", "csp_rxgmm": "csp", "fbcsp": "csp", "ts_lr": "tangent_space", "xdawncov_ts_lr": "tangent_space",
	"mdm": "covariance", "fgmdm": "covariance", "erp_lda": "erp", "xdawn_lda": "erp", "xdawn_rxlda": "erp", "xdawn_rxgmm": "erp",
	"fbcca": "correlation", "cca": "correlation", "ecca": "correlation", "rcca": "correlation", "cvep_template": "correlation",
}

func featureType(pipeline string) string {
	if t, ok := featureTypes[pipeline]; ok {
		return t
	}
	return pipeline
}
