package handlers

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/models"
)

// analyze is POST /v2/analysis/sessions/:id/analyze.
func (a *API) analyze(c *gin.Context) {
	var body struct {
		ModelType  string              `json:"model_type"`
		Parameters analysis.Parameters `json:"parameters"`
	}
	idem, ok := bindKeyed(c, &body)
	if !ok {
		return
	}
	id := c.Param("id")
	if idem.Key != "" {
		idem.Fingerprint = fingerprint(id, idem.Fingerprint)
	}
	ask, give := a.roomOf(c)
	defer give()
	accepted, err := a.cfg.Analysis.Analyze(c.Request.Context(), principal(c), analysis.Request{SessionID: id, ModelType: body.ModelType, Parameters: body.Parameters}, ask, idem,
		func(job models.Job, _ []models.Job) models.Answer {
			b, err := json.Marshal(struct {
				AnalysisID string          `json:"analysis_id"`
				SessionID  string          `json:"session_id"`
				Status     models.JobState `json:"status"`
			}{job.ID, id, job.State})
			if err != nil { // cannot be: texts
				return keep(http.StatusInternalServerError, nil)
			}
			return keep(http.StatusAccepted, append(b, '\n'))
		})
	if err != nil {
		fail(c, err)
		return
	}
	c.Header("Location", "/v2/analysis/results/"+accepted.JobID)
	writeKept(c, accepted)
}

// analysisFields is an analysis as callers see it.
type analysisFields struct {
	AnalysisID  string             `json:"analysis_id"`
	SessionID   string             `json:"session_id"`
	Status      models.JobState    `json:"status"`
	ModelType   string             `json:"model_type"`
	Model       *string            `json:"model"`
	Metrics     analysisMetrics    `json:"metrics"`
	Predictions []predictionFields `json:"predictions"`
	Error       *jobError          `json:"error,omitempty"`
	CreatedAt   string             `json:"created_at"`
	FinishedAt  *string            `json:"finished_at"`
}

// analysisMetrics are null where nothing could be held against them.
type analysisMetrics struct {
	Accuracy *float64 `json:"accuracy"`
	Chance   *float64 `json:"chance"`
	Answered *int     `json:"answered"`
	Labelled *int     `json:"labelled"`
}

type predictionFields struct {
	Timestamp  float64 `json:"timestamp"` // Unix ms
	EndMS      float64 `json:"end"`
	Label      string  `json:"label"`
	Intent     string  `json:"intent"`
	Confidence float64 `json:"confidence"`
	Truth      *string `json:"truth"`
	Error      *string `json:"error,omitempty"`
}

func analysisOf(x analysis.Analysis) analysisFields {
	out := analysisFields{AnalysisID: x.ID, SessionID: x.SessionID, Status: x.Status, ModelType: x.ModelType, Model: x.Model,
		Metrics: analysisMetrics{x.Accuracy, x.Chance, x.Answered, x.Labelled}, Predictions: make([]predictionFields, len(x.Predictions)),
		CreatedAt: render.Timestamp(x.CreatedAt), FinishedAt: timestampp(x.FinishedAt)}
	for i, p := range x.Predictions {
		out.Predictions[i] = predictionFields{p.StartMS, p.EndMS, p.Label, p.Intent, p.Confidence, p.Truth, p.Error}
	}
	if x.Job != nil {
		out.Error = errorOf(x.Job)
	}
	return out
}

// analysisResult is GET /v2/analysis/results/:id.
func (a *API) analysisResult(c *gin.Context) {
	x, err := a.cfg.Analysis.Get(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, analysisOf(x))
}

// analysisModel is a model that a session can be analyzed with.
type analysisModel struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"`
	Version    string       `json:"version"`
	ModelType  eeg.Paradigm `json:"model_type"`
	Pipeline   string       `json:"pipeline"`
	Classes    []string     `json:"classes"`
	Channels   []string     `json:"channels"`
	SampleRate *float64     `json:"sample_rate"` // null for any
	Accuracy   *float64     `json:"accuracy"`    // as it was measured; null where it was not
	Protocol   string       `json:"protocol"`    // how
	Own        bool         `json:"own"`
	Status     string       `json:"status"`
}

// analysisModels is GET /v2/analysis/models.
func (a *API) analysisModels(c *gin.Context) {
	list, err := a.cfg.Registry.Available(c.Request.Context(), principal(c), registry.Filter{Paradigm: eeg.Paradigm(c.Query("model_type"))})
	if err != nil {
		fail(c, renamed(err, map[string]string{"paradigm": "model_type"}))
		return
	}
	out := make([]analysisModel, len(list))
	for i, m := range list {
		out[i] = analysisModel{ID: m.Name + "@" + m.Version, Name: m.Name, Version: m.Version, ModelType: m.Paradigm, Pipeline: m.Pipeline, Classes: texts(m.Classes), Channels: texts(m.Channels),
			Accuracy: m.MeasuredAccuracy(), Protocol: m.Protocol, Own: m.Own, Status: "ACTIVE"}
		if m.RateHz > 0 {
			out[i].SampleRate = &m.RateHz
		}
	}
	c.PureJSON(http.StatusOK, struct {
		Models []analysisModel `json:"models"`
		Total  int             `json:"total"`
	}{out, len(out)})
}

// deployModel is POST /v2/analysis/models/deploy: from then on the bare name means this version.
func (a *API) deployModel(c *gin.Context) {
	var body struct {
		ModelID string `json:"model_id" validate:"required"`
		Version string `json:"version"`
	}
	if !bindJSON(c, &body) {
		return
	}
	name, version, pinned := strings.Cut(body.ModelID, "@")
	switch {
	case pinned && body.Version != "" && body.Version != version:
		fail(c, models.InvalidField(models.At("version"), "conflict", "is %s, and model_id names version %s", strconv.Quote(body.Version), strconv.Quote(version)))
		return
	case !pinned:
		version = body.Version
	}
	d, err := a.cfg.Registry.Deploy(c.Request.Context(), principal(c), name, version)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, struct {
		Deployment deploymentFields `json:"deployment"`
	}{deploymentFields{d.ID, d.ModelID, d.Version, "ACTIVE", decodePath}})
}

// decodePath is where a deployed model answers, by its name.
const decodePath = "/api/v1/neuro/decode"

type deploymentFields struct {
	ID       string `json:"id"`
	ModelID  string `json:"model_id"`
	Version  string `json:"version"`
	Status   string `json:"status"`
	Endpoint string `json:"endpoint"`
}
