package models

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/eeg"
)

// License is a tier of what an API key may use. Each tier includes those before it.
type License string

// The tiers, least first.
const (
	LicenseFree       License = "free"
	LicenseResearch   License = "research"
	LicenseCommercial License = "commercial"
)

// Licenses lists the tiers, least first.
func Licenses() []License { return []License{LicenseFree, LicenseResearch, LicenseCommercial} }

// Valid reports whether l is a known tier.
func (l License) Valid() bool { return slices.Contains(Licenses(), l) }

// Covers reports whether a key of tier l may use what requires the other. An unknown tier covers nothing and is covered
// by none.
func (l License) Covers(required License) bool {
	have, need := slices.Index(Licenses(), l), slices.Index(Licenses(), required)
	return have >= 0 && need >= 0 && have >= need
}

// ModelInfo is what is known of a model file to who cannot decode with it.
type ModelInfo struct {
	Name     string       `json:"name"`
	Version  string       `json:"version"`
	Paradigm eeg.Paradigm `json:"paradigm"`
	Pipeline string       `json:"pipeline"`
	Type     string       `json:"type"` // RxLDA, RxGMM, or the pipeline
	Classes  []string     `json:"classes"`
	Channels []string     `json:"channels"` // empty for any montage
	RateHz   float64      `json:"rate_hz"`  // 0 for any rate
	License  License      `json:"license"`  // least tier of those who may use it

	Summary     string `json:"summary"`
	IntendedUse string `json:"intended_use"`
	FeatureType string `json:"feature_type"`
	Subjects    int    `json:"subjects"` // people in the training data
	Trials      int    `json:"trials"`   // labelled trials in the training data
	Accuracy    string `json:"accuracy"` // the figure to quote, such as "64.1%"; "" where none was measured
	Protocol    string `json:"protocol"` // how it was measured
	// Chance is the accuracy of guessing under that protocol, and AUC the area under the ROC curve where it was measured.
	Chance float64  `json:"chance,omitempty"`
	AUC    *float64 `json:"auc,omitempty"`

	Card json.RawMessage `json:"card"`
}

// ModelState says whether a version of a model is the one that its bare name means.
type ModelState string

// The states of versions. Of a name, exactly one version is active.
const (
	ModelActive  ModelState = "active"
	ModelRetired ModelState = "retired"
)

// ProjectModel is one version of a project's own model. Its file never changes.
type ProjectModel struct {
	ID        string
	ProjectID string
	Name      string
	Number    int // counts the versions of a name from 1; later versions have larger ones
	Version   string
	Paradigm  eeg.Paradigm
	Pipeline  string
	State     ModelState
	Size      int64  // bytes of the file
	SHA256    string // of the whole file, hex
	Info      ModelInfo
	Codec     string
	Data      []byte  // the file as it is kept
	JobID     *string // the job that made it; nil where it was uploaded
	CreatedAt time.Time
}

// Ref returns name@version.
func (m ProjectModel) Ref() string { return m.Name + "@" + m.Version }

// ProjectModelName is a name that a project has used for models. It stays when they are gone, so that a version never
// comes to mean another file.
type ProjectModelName struct {
	ProjectID   string
	Name        string
	LastNumber  int
	LastVersion string
}

// ProjectModelSession says that a model was trained on a session, directly or through the model it was made from. Such a
// model is erased with the session.
type ProjectModelSession struct {
	ModelID   string
	SessionID string
	ProjectID string
}

// AnalyticsEvent is something that a client reports of its use of models. It is only ever added.
type AnalyticsEvent struct {
	ID            string
	ProjectID     string
	KeyID         string
	EventType     string
	ModelName     *string
	InferenceType *string
	DurationMS    *float64
	Success       *bool
	ErrorMessage  *string
	Metadata      *string // JSON object
	CreatedAt     time.Time
}

// eventPrefix precedes the UUID of an analytics event in answers.
const eventPrefix = "evt_"

// PublicID returns the id that callers see.
func (e AnalyticsEvent) PublicID() string { return eventPrefix + e.ID }

// AnalyticsMonth counts the events of a project in a calendar month (UTC).
type AnalyticsMonth struct {
	ProjectID string
	Month     string // "2026-01"
	Used      int64
}

// MeasuredAccuracy is Accuracy as a share from 0 to 1, nil where none was measured.
func (m ModelInfo) MeasuredAccuracy() *float64 {
	text, percent := strings.CutSuffix(strings.TrimSpace(m.Accuracy), "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil {
		return nil
	}
	if percent {
		v /= 100
	}
	return &v
}
