package sessions

import (
	"context"
	"strings"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// NewLiveDecode describes how a session is to be decoded as it runs.
type NewLiveDecode struct {
	Paradigm eeg.Paradigm      `json:"paradigm"`
	Model    string            `json:"model"`
	WindowS  *float64          `json:"window_s"` // defaults to 4
	HopS     *float64          `json:"hop_s"`    // defaults to 1
	Stimulus *eeg.Stimulus     `json:"stimulus"`
	Intents  map[string]string `json:"intents"`
	// Alignment is that of a decode request.
	Alignment string `json:"alignment"`
	// Seizure is that of a decode request.
	Seizure *eeg.SeizureOptions `json:"seizure"`
}

// liveParadigms can be decoded from a window that begins anywhere, c-VEP with the event at which the codes began. P300 cannot: it needs all flashes of a choice.
var liveParadigms = eeg.Names(eeg.LiveParadigms())

// check returns the description as it is kept; its errors go under /decode.
func (n *NewLiveDecode) check(rateHz float64, wrong *validate.Fields) *models.LiveDecode {
	d := &models.LiveDecode{Paradigm: n.Paradigm, Model: n.Model, Stimulus: n.Stimulus, Intents: n.Intents, Alignment: n.Alignment, Seizure: n.Seizure}
	switch {
	case n.Paradigm == "":
		wrong.Add(models.At("decode", "paradigm"), "required", "is required: one of %s", strings.Join(liveParadigms, ", "))
	case n.Paradigm == eeg.P300:
		wrong.Add(models.At("decode", "paradigm"), "not_allowed", "p300 needs the times of its flashes: decode a segment of the session with its events instead")
	case n.Paradigm == eeg.Auto && n.Model == "" && (n.Stimulus == nil || len(n.Stimulus.Targets) == 0 && n.Stimulus.Codes == nil):
		wrong.Add(models.At("decode", "paradigm"), "not_applicable", "is auto, but nothing shows the paradigm, as a window has no cues; name the paradigm, a model, stimulus.targets or stimulus.codes")
	default:
		wrong.OneOf(models.At("decode", "paradigm"), string(n.Paradigm), liveParadigms)
	}
	d.WindowMS = wrong.Seconds(models.At("decode", "window_s"), n.WindowS, defaultDecodeS*1000, minDecodeMS, maxDecodeMS, rateHz)
	d.HopMS = wrong.Seconds(models.At("decode", "hop_s"), n.HopS, defaultEveryS*1000, minHopMS, maxHopMS, rateHz)
	wrong.OneOf(models.At("decode", "alignment"), n.Alignment, validate.Alignments)
	validate.Seizure(models.At("decode", "seizure"), n.Seizure, n.Paradigm, wrong)
	if n.Model != "" && !validate.ModelRef.MatchString(n.Model) {
		wrong.Add(models.At("decode", "model"), "invalid", "is %q; must be a catalog name, optionally with @version", validate.Short(n.Model))
	}
	// The rules of a decode request are those of a live one; its fields stand elsewhere.
	var inner validate.Fields
	validate.Stimulus(n.Stimulus, rateHz, &inner)
	validate.Context(&eeg.Context{Intents: n.Intents}, &inner)
	for _, e := range inner {
		wrong.Add(models.At("decode").Join(e.Path[1:]), e.Code, "%s", e.Message)
	}
	return d
}

// DecodeFilter selects live decodes of a session.
type DecodeFilter struct {
	AfterMS *int64 // only those whose window starts later
	Newest  bool   // the latest first
	Limit   int
}

// Decodes returns live decodes in the order of their start. Error: SessionNotFound.
func (s *Service) Decodes(ctx context.Context, p models.Principal, id string, f DecodeFilter) ([]models.SessionDecode, error) {
	ses, err := s.Get(ctx, p, id)
	if err != nil {
		return nil, err
	}
	found, err := s.cfg.Store.SessionDecodes(ctx, p.ProjectID, store.DecodeListing{SessionID: ses.ID, AfterMS: f.AfterMS,
		Descending: f.Newest, Limit: f.Limit})
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return found, nil
}
