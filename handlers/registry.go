package handlers

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/models"
)

// registryModel is a model as the registry's document has it, with fields of ours behind those of the document.
type registryModel struct {
	Name            string         `json:"name"`
	Version         string         `json:"version"`
	Type            string         `json:"type"`
	Paradigm        eeg.Paradigm   `json:"paradigm"`
	NFeatures       int            `json:"n_features"` // channels that the model looks at; 0 for any montage
	NClasses        int            `json:"n_classes"`  // 0 where the request names them
	SizeMB          float64        `json:"size_mb"`    // 10⁶ bytes
	DownloadURL     string         `json:"download_url"`
	Checksum        string         `json:"checksum"`
	RequiresLicense models.License `json:"requires_license"`
	Metadata        modelMetadata  `json:"metadata"`

	SizeBytes int64 `json:"size_bytes"`
	Own       bool  `json:"own"` // the project's
}

type modelMetadata struct {
	Description      string `json:"description"`
	TrainingSubjects int    `json:"training_subjects"`
	Accuracy         string `json:"accuracy"` // "" where none was measured
	FeatureType      string `json:"feature_type"`
	RecommendedUse   string `json:"recommended_use"`

	Protocol       string   `json:"protocol"`               // how the accuracy was measured
	ChanceLevel    float64  `json:"chance_level,omitempty"` // accuracy of guessing, from 0 to 1
	AUC            *float64 `json:"auc,omitempty"`          // area under the ROC curve
	TrainingTrials int      `json:"training_trials"`
	Pipeline       string   `json:"pipeline"`
	Classes        []string `json:"classes"`
	Channels       []string `json:"channels"`
	SampleRateHz   float64  `json:"sample_rate_hz"` // 0 for any
}

// texts returns a list that is [] and not null where it is empty.
func texts(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func metadataOf(m models.ModelInfo) modelMetadata {
	return modelMetadata{Description: m.Summary, TrainingSubjects: m.Subjects, Accuracy: m.Accuracy, FeatureType: m.FeatureType,
		RecommendedUse: m.IntendedUse, Protocol: m.Protocol, ChanceLevel: m.Chance, AUC: m.AUC, TrainingTrials: m.Trials, Pipeline: m.Pipeline, Classes: texts(m.Classes),
		Channels: texts(m.Channels), SampleRateHz: m.RateHz}
}

// checksum writes a SHA-256 as the registry's document does.
func checksum(sum string) string { return "sha256:" + sum }

// listRegistry is GET /v1/models/list.
func (a *API) listRegistry(c *gin.Context) {
	list, err := a.cfg.Registry.Available(c.Request.Context(), principal(c), registry.Filter{Paradigm: eeg.Paradigm(c.Query("paradigm")), Type: c.Query("type")})
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]registryModel, len(list))
	for i, m := range list {
		out[i] = registryModel{Name: m.Name, Version: m.Version, Type: m.Type, Paradigm: m.Paradigm, NFeatures: len(m.Channels), NClasses: len(m.Classes),
			SizeMB: float64(m.Size) / 1e6, DownloadURL: a.downloadURL(c, m), Checksum: checksum(m.SHA256), RequiresLicense: m.License,
			Metadata: metadataOf(m.ModelInfo), SizeBytes: m.Size, Own: m.Own}
	}
	c.PureJSON(http.StatusOK, struct {
		Models []registryModel `json:"models"`
		Total  int             `json:"total"`
	}{out, len(out)})
}

// downloadURL is where a model lies, with the token that lets whoever has the URL fetch it and nothing else.
func (a *API) downloadURL(c *gin.Context, m registry.ListedModel) string {
	u := a.base(c)
	u.Path += "/v1/models/" + m.Name + "/versions/" + m.Version + "/download"
	u.RawQuery = url.Values{"token": {m.Token}}.Encode()
	return u.String()
}

// downloadModel is GET /v1/models/:name/versions/:version/download, whole or in ranges (RFC 9110, section 14).
func (a *API) downloadModel(c *gin.Context) {
	ctx := c.Request.Context()
	f, err := a.cfg.Registry.Download(ctx, principal(c), c.Param("name"), c.Param("version"))
	if err != nil {
		fail(c, err)
		return
	}
	release, err := a.hold(c, f.Size)
	if err != nil {
		fail(c, err)
		return
	}
	defer release()
	b, err := f.Open(ctx)
	if err != nil {
		fail(c, err)
		return
	}
	h := c.Writer.Header()
	h.Set("Content-Type", octets)
	h.Set("Content-Disposition", `attachment; filename="`+f.Name+"-"+f.Version+`.nrdm"`)
	h.Set("ETag", `"`+f.SHA256+`"`)
	h.Set("X-Checksum-Sha256", f.SHA256)
	if sum, err := hex.DecodeString(f.SHA256); err == nil {
		h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":") // RFC 9530
	}
	w := &rangeWriter{ResponseWriter: c.Writer}
	http.ServeContent(w, c.Request, "", f.CreatedAt, bytes.NewReader(b))
	if w.refused {
		h.Set("Cache-Control", "no-store") // which ServeContent takes away from errors
		fail(c, models.NewError(render.RangeNotSatisfiable))
	}
}

// rangeWriter keeps the text of a refused range back, so that the error can be written in the family's shape.
type rangeWriter struct {
	gin.ResponseWriter
	refused bool
}

// WriteHeader notes a refusal instead of sending it.
func (w *rangeWriter) WriteHeader(status int) {
	if status == http.StatusRequestedRangeNotSatisfiable {
		w.refused = true
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *rangeWriter) Write(b []byte) (int, error) {
	if w.refused {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// readKeyBody reads a body that may be empty into dst.
func readKeyBody(c *gin.Context, dst any) error {
	b, err := readBody(c)
	if err != nil || len(b) == 0 {
		return err
	}
	return decodeJSON(b, dst)
}

// logEvent is POST /v1/analytics/log.
func (a *API) logEvent(c *gin.Context) {
	var body struct {
		ownKeyBody
		registry.Event
	}
	b, unreadable := readBody(c)
	if unreadable == nil && len(b) > 0 {
		unreadable = decodeJSON(b, &body)
	}
	count := a.count(*routeOf(c))
	if !middleware.AuthenticateBody(c, a.cfg.Accounts, body.APIKey, unreadable, count, a.cfg.Tally) {
		return
	}
	idem, err := idempotency(c, b)
	if err != nil {
		fail(c, err)
		return
	}
	type quotaDocument struct {
		Used      int64 `json:"used"`
		Remaining int64 `json:"remaining"`
	}
	who := principal(c)
	a.once(c, who.ProjectID, idem, nil, nil, nil, func(ctx context.Context) (int, any, string, error) {
		logged, quota, err := a.cfg.Analytics.Log(ctx, who, body.Event)
		return http.StatusOK, struct {
			Logged  bool          `json:"logged"`
			EventID string        `json:"event_id"`
			Quota   quotaDocument `json:"quota"`
		}{true, logged.PublicID(), quotaDocument(quota)}, logged.ID, err
	})
}

// ownKeyBody is the body of the calls about a key, by its holder. The key may be in the Authorization header instead.
type ownKeyBody struct {
	APIKey string `json:"api_key"`
}

// heldKey returns the key that a call is about, "" for none.
func heldKey(c *gin.Context) (string, error) {
	var body ownKeyBody
	if err := readKeyBody(c, &body); err != nil {
		return "", err
	}
	return middleware.PresentedKey(c, body.APIKey)
}

// heldKeyDocument is what the holder of a key sees of it.
type heldKeyDocument struct {
	KeyID     string         `json:"key_id"`
	ProjectID string         `json:"project_id"`
	Name      string         `json:"name"`
	LastFour  string         `json:"last_four"`
	License   models.License `json:"license"`
	Scopes    []models.Scope `json:"scopes"`
	CreatedAt string         `json:"created_at"`
	ExpiresAt *string        `json:"expires_at"`
}

func heldKeyOf(k models.APIKey) heldKeyDocument {
	return heldKeyDocument{KeyID: k.ID, ProjectID: k.ProjectID, Name: k.Name, LastFour: k.LastFour, License: k.License, Scopes: k.Scopes,
		CreatedAt: rfc3339(k.CreatedAt), ExpiresAt: rfc3339p(k.ExpiresAt)}
}

// validateKey is POST /v1/auth/validate.
func (a *API) validateKey(c *gin.Context) {
	raw, err := heldKey(c)
	if err != nil {
		fail(c, err)
		return
	}
	k, err := a.cfg.Accounts.DescribeKey(c.Request.Context(), raw)
	if err != nil {
		fail(c, err)
		return
	}
	// The registry's own client reads license_type and features, and fails without them.
	c.PureJSON(http.StatusOK, struct {
		Valid bool `json:"valid"`
		heldKeyDocument
		LicenseType models.License `json:"license_type"`
		Features    []models.Scope `json:"features"`
	}{true, heldKeyOf(k), k.License, k.Scopes})
}

// refreshKey is POST /v1/auth/refresh about an API key: a new key takes its place.
func (a *API) refreshKey(c *gin.Context, b []byte) {
	var body ownKeyBody
	if len(b) > 0 {
		if err := decodeJSON(b, &body); err != nil {
			fail(c, err)
			return
		}
	}
	raw, err := middleware.PresentedKey(c, body.APIKey)
	if err != nil {
		fail(c, err)
		return
	}
	idem, err := idempotency(c, b)
	if err != nil {
		fail(c, err)
		return
	}
	who, err := a.cfg.Accounts.AuthenticateRegistryKey(c.Request.Context(), raw)
	if err != nil {
		fail(c, err)
		return
	}
	type previous struct {
		KeyID     string  `json:"key_id"`
		ExpiresAt *string `json:"expires_at"`
	}
	// A project's other keys must not get this one's answer.
	a.once(c, who.ProjectID, idem, []string{who.KeyID}, nil, nil, func(ctx context.Context) (int, any, string, error) {
		k, fresh, old, err := a.cfg.Accounts.RefreshKey(ctx, raw)
		return http.StatusOK, struct {
			APIKey string `json:"api_key"`
			heldKeyDocument
			Previous previous `json:"previous_key"`
		}{fresh, heldKeyOf(k), previous{old.ID, rfc3339p(old.ExpiresAt)}}, k.ID, err
	})
}

// installerToken is POST /v1/installer/github-token, with which the document's client fetches a closed program that decodes on the
// client's machine. Decoding is done here, so there is nothing to install and no token to give.
func (a *API) installerToken(c *gin.Context) {
	raw, err := heldKey(c)
	if err == nil {
		_, err = a.cfg.Accounts.DescribeKey(c.Request.Context(), raw)
	}
	if err == nil {
		err = models.Errorf(models.NotConfigured, "There is nothing to install: this server decodes by itself (POST /api/v1/neuro/decode), and its models are open files (GET /v1/models/list).")
	}
	fail(c, err)
}

// revokeOwnKey is POST /v1/auth/revoke.
func (a *API) revokeOwnKey(c *gin.Context) {
	var body struct {
		ownKeyBody
		IncludeRefreshed bool `json:"include_refreshed"`
	}
	err := readKeyBody(c, &body)
	var raw string
	if err == nil {
		raw, err = middleware.PresentedKey(c, body.APIKey)
	}
	if err != nil {
		fail(c, err)
		return
	}
	k, n, err := a.cfg.Accounts.RevokeRawKey(c.Request.Context(), raw, body.IncludeRefreshed)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, struct {
		Revoked bool   `json:"revoked"`
		KeyID   string `json:"key_id"`
		Keys    int    `json:"keys_revoked"`
	}{true, k.ID, n})
}

// modelDocument is a version of a model under /api/v1.
type modelDocument struct {
	Name            string            `json:"name"`
	Version         string            `json:"version"`
	Source          string            `json:"source"` // project, builtin, training_free, directory
	State           models.ModelState `json:"state"`
	Type            string            `json:"type"`
	Paradigm        eeg.Paradigm      `json:"paradigm"`
	Pipeline        string            `json:"pipeline"`
	Classes         []string          `json:"classes"`
	Channels        []string          `json:"channels"`
	SampleRateHz    float64           `json:"sample_rate_hz"`
	SizeBytes       int64             `json:"size_bytes"`
	Checksum        string            `json:"checksum"`
	RequiresLicense models.License    `json:"requires_license"`
	CreatedAt       *string           `json:"created_at"` // null for models of nobody
	Card            json.RawMessage   `json:"card"`
}

func modelOfInfo(m models.ModelInfo) modelDocument {
	return modelDocument{Name: m.Name, Version: m.Version, Type: m.Type, Paradigm: m.Paradigm, Pipeline: m.Pipeline, Classes: texts(m.Classes),
		Channels: texts(m.Channels), SampleRateHz: m.RateHz, RequiresLicense: m.License, Card: m.Card}
}

func modelOfProject(m models.ProjectModel) modelDocument {
	out := modelOfInfo(m.Info)
	at := rfc3339(m.CreatedAt)
	out.Source, out.State, out.SizeBytes, out.Checksum, out.CreatedAt = "project", m.State, m.Size, checksum(m.SHA256), &at
	return out
}

// modelsOfNobody returns the global models; of a name the latest version is the active one.
func modelsOfNobody(list []registry.GlobalModel) []modelDocument {
	out := make([]modelDocument, len(list))
	seen := map[string]bool{}
	for i, m := range list {
		out[i] = modelOfInfo(m.ModelInfo)
		out[i].Source, out[i].State, out[i].SizeBytes, out[i].Checksum = m.Source, models.ModelActive, m.Size, checksum(m.SHA256)
		if seen[m.Name] {
			out[i].State = models.ModelRetired
		}
		seen[m.Name] = true
	}
	return out
}

// uploadModel is POST /api/v1/models: the file itself, or JSON with it in base64.
func (a *API) uploadModel(c *gin.Context) {
	file, idem, release, err := a.readKeyed(c)
	if err != nil {
		fail(c, err)
		return
	}
	defer release()
	if !strings.HasPrefix(c.ContentType(), octets) {
		if file, err = modelOfJSON(file); err != nil {
			fail(c, err)
			return
		}
	}
	who := principal(c)
	var checked registry.CheckedModel
	check := func() (err error) {
		checked, err = a.cfg.Registry.Check(c.Request.Context(), who, file)
		return err
	}
	location := func(name string) string { return "/api/v1/models/" + name }
	a.once(c, who.ProjectID, idem, nil, location, check, func(ctx context.Context) (int, any, string, error) {
		m, created, err := a.cfg.Registry.Upload(ctx, who, checked)
		if created {
			return http.StatusCreated, modelOfProject(m), m.Name, err
		}
		return http.StatusOK, modelOfProject(m), m.Name, err
	})
}

// modelOfJSON returns the file of a JSON body.
func modelOfJSON(b []byte) ([]byte, error) {
	var body struct {
		File string `json:"file" validate:"required"`
	}
	if err := decodeJSON(b, &body); err != nil {
		return nil, err
	}
	file, err := base64.StdEncoding.DecodeString(body.File)
	if err != nil {
		return nil, models.InvalidField(models.At("file"), "not_base64", "is not base64: %v", err)
	}
	return file, nil
}

// listModels is GET /api/v1/models: every version of the project's own, then the models of nobody.
func (a *API) listModels(c *gin.Context) {
	own, err := a.cfg.Registry.Own(c.Request.Context(), principal(c))
	if err != nil {
		fail(c, err)
		return
	}
	global, err := a.cfg.Registry.Global(c.Request.Context(), principal(c))
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]modelDocument, len(own), len(own)+len(global))
	for i, m := range own {
		out[i] = modelOfProject(m)
	}
	out = append(out, modelsOfNobody(global)...)
	c.PureJSON(http.StatusOK, struct {
		Models []modelDocument `json:"models"`
		Total  int             `json:"total"`
	}{out, len(out)})
}

// getModel is GET /api/v1/models/:name: the versions of one of the project's own, or of a model of nobody.
func (a *API) getModel(c *gin.Context) {
	name := c.Param("name")
	own, err := a.cfg.Registry.Versions(c.Request.Context(), principal(c), name)
	var versions []modelDocument
	switch {
	case err == nil:
		for _, m := range own {
			versions = append(versions, modelOfProject(m))
		}
	case models.AsError(err).Code == models.ModelNotFound:
		global, globalErr := a.cfg.Registry.Global(c.Request.Context(), principal(c))
		if globalErr != nil {
			fail(c, globalErr)
			return
		}
		for _, m := range modelsOfNobody(global) {
			if m.Name == name {
				versions = append(versions, m)
			}
		}
	}
	if len(versions) == 0 {
		fail(c, err)
		return
	}
	active := versions[0].Version
	for _, v := range versions {
		if v.State == models.ModelActive {
			active = v.Version
		}
	}
	c.PureJSON(http.StatusOK, struct {
		Name     string          `json:"name"`
		Active   string          `json:"active_version"`
		Versions []modelDocument `json:"versions"`
	}{name, active, versions})
}

// deleteModel is DELETE /api/v1/models/:name, where name may be name@version.
func (a *API) deleteModel(c *gin.Context) {
	if err := a.cfg.Registry.Delete(c.Request.Context(), principal(c), c.Param("name")); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// rollbackModel is POST /api/v1/models/:name/rollback.
func (a *API) rollbackModel(c *gin.Context) {
	var body struct {
		Version string `json:"version"` // left out: the one before the active one
	}
	b, err := readBody(c)
	if err == nil && len(b) > 0 {
		err = decodeJSON(b, &body)
	}
	var idem service.Idempotency
	if err == nil {
		idem, err = idempotency(c, b)
	}
	if err != nil {
		fail(c, err)
		return
	}
	who, name := principal(c), c.Param("name")
	a.once(c, who.ProjectID, idem, []string{name}, nil, nil, func(ctx context.Context) (int, any, string, error) {
		m, err := a.cfg.Registry.Activate(ctx, who, name, body.Version)
		return http.StatusOK, modelOfProject(m), m.ID, err
	})
}
