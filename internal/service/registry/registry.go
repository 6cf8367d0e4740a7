// Package registry holds the use cases of models: what a project may use, its own models with their versions, downloads, and the
// analytics events that tell how models are used.
package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/auth"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// Operations are the scopes of Idempotency-Keys, beside the project.
const (
	OperationEvent    = "analytics_log"
	OperationModel    = "model_upload"
	OperationRollback = "model_rollback"
)

// MaxModelBytes is the largest model file that a project may store.
const MaxModelBytes = 48 << 20

// GlobalModel is a model that belongs to nobody: one inside the program, or of the operator's folder.
type GlobalModel struct {
	models.ModelInfo
	Source string // builtin, training_free, directory
	Size   int64  // bytes of the file
	SHA256 string // of the whole file, hex
}

// Catalog gives the models that belong to nobody. Whoever implements it knows decoders; this package does not.
type Catalog interface {
	// Models lists them by paradigm and name, the latest version first.
	Models() []GlobalModel
	// File reads a file as it lies on the disk at this moment.
	File(name, version string) ([]byte, error)
}

// Store keeps the models of projects.
type Store interface {
	PutModel(ctx context.Context, n store.NewModel) (out models.ProjectModel, fresh bool, err error)
	ProjectModel(ctx context.Context, projectID, name, version string) (models.ProjectModel, error)
	ProjectModels(ctx context.Context, projectID, name string) ([]models.ProjectModel, error)
	LastVersion(ctx context.Context, projectID, name string) (models.ProjectModelName, error)
	ActivateModel(ctx context.Context, projectID, name, version string) (out models.ProjectModel, err error)
	DeleteModel(ctx context.Context, projectID, name, version string) (n int, err error)
	ModelFile(ctx context.Context, projectID, id string) ([]byte, error)
}

var _ Store = (*store.Store)(nil)

// Config is what the registry needs.
type Config struct {
	// Store keeps the models of projects. Required.
	Store Store
	// Catalog gives those of nobody. Required.
	Catalog Catalog
	// Read judges a model file and says what is in it. Errors are *models.Error. Required.
	Read func(ctx context.Context, projectID string, file []byte) (models.ModelInfo, error)
	// Tokens signs download links. Required.
	Tokens *auth.Tokens
	// MaxBytes limits the models of a project together. Defaults to 1 GiB.
	MaxBytes int64
	// Quotas holds projects to what they may use. Defaults to none.
	Quotas *service.Quotas
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Log takes what callers are not told. Defaults to slog.Default().
	Log *slog.Logger
}

// Service is the use cases of models: those of nobody, which everyone with the licence may use, and those of a project,
// which nobody else sees. Where both have a name, the project's own counts. It is safe for concurrent use.
type Service struct{ cfg Config }

// New returns the use cases.
func New(cfg Config) *Service {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 1 << 30
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return &Service{cfg}
}

// ListedModel is a model that a key may download.
type ListedModel struct {
	models.ModelInfo
	Own    bool
	Size   int64
	SHA256 string
	Token  string // lets its bearer download this version, for auth.DownloadTTL
}

// Filter selects models.
type Filter struct {
	Paradigm eeg.Paradigm // "" for all
	Type     string       // "" for all
}

// registryParadigms are those that models decode.
var registryParadigms = eeg.Names(eeg.DecodedParadigms())

// Available returns the models that the caller may download: of the project's own the active versions, then those of nobody
// that the caller's licence covers and no own model of the name hides. Error: InvalidParameter.
func (r *Service) Available(ctx context.Context, p models.Principal, f Filter) ([]ListedModel, error) {
	if err := service.Authorize(p, models.RightCatalogRead); err != nil {
		return nil, err
	}
	if f.Paradigm != "" && !slices.Contains(registryParadigms, string(f.Paradigm)) {
		return nil, &models.Error{Code: models.InvalidParameter, Fields: []models.FieldError{{Path: models.At("paradigm"), Code: "not_allowed",
			Message: fmt.Sprintf("is %q; must be one of %s", validate.Short(string(f.Paradigm)), strings.Join(registryParadigms, ", "))}}}
	}
	own, err := r.cfg.Store.ProjectModels(ctx, p.ProjectID, "")
	if err != nil {
		return nil, service.Unavailable(err)
	}
	hidden := map[string]bool{}
	var all []ListedModel
	for _, m := range own {
		hidden[m.Name] = true
		if m.State == models.ModelActive {
			all = append(all, ListedModel{ModelInfo: m.Info, Own: true, Size: m.Size, SHA256: m.SHA256})
		}
	}
	for _, m := range r.cfg.Catalog.Models() {
		if !hidden[m.Name] && p.License.Covers(m.License) {
			all = append(all, ListedModel{ModelInfo: m.ModelInfo, Size: m.Size, SHA256: m.SHA256})
		}
	}
	out := all[:0]
	for _, m := range all {
		if f.Paradigm != "" && m.Paradigm != f.Paradigm || f.Type != "" && m.Type != f.Type {
			continue
		}
		if m.Token, err = r.cfg.Tokens.IssueDownload(auth.DownloadGrant{Model: m.Name + "@" + m.Version, ProjectID: p.ProjectID, KeyID: p.KeyID, UserID: p.UserID}); err != nil {
			return nil, fmt.Errorf("service: sign a download: %w", err)
		}
		out = append(out, m)
	}
	return out, nil
}

// ModelFile is a version that may be downloaded. Open reads it.
type ModelFile struct {
	Name, Version string
	Size          int64
	SHA256        string
	CreatedAt     time.Time // zero for models of nobody
	open          func(ctx context.Context) ([]byte, error)
}

// Download finds a version that the key may have: the project's own, or else nobody's. Errors: ModelNotFound,
// LicenseRequired.
func (r *Service) Download(ctx context.Context, p models.Principal, name, version string) (ModelFile, error) {
	if err := service.Authorize(p, models.RightCatalogRead); err != nil {
		return ModelFile{}, err
	}
	own, err := r.cfg.Store.ProjectModel(ctx, p.ProjectID, name, version)
	switch {
	case err == nil && version != "":
		return ModelFile{Name: name, Version: version, Size: own.Size, SHA256: own.SHA256, CreatedAt: own.CreatedAt,
			open: func(ctx context.Context) ([]byte, error) { return r.cfg.Store.ModelFile(ctx, p.ProjectID, own.ID) }}, nil
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return ModelFile{}, service.Unavailable(err)
	}
	for _, m := range r.cfg.Catalog.Models() {
		if m.Name != name || m.Version != version {
			continue
		}
		if !p.License.Covers(m.License) {
			return ModelFile{}, licenseRequired(name+"@"+version, m.License, p.License)
		}
		return ModelFile{Name: name, Version: version, Size: m.Size, SHA256: m.SHA256,
			open: func(context.Context) ([]byte, error) { return r.cfg.Catalog.File(name, version) }}, nil
	}
	return ModelFile{}, models.NewError(models.ModelNotFound)
}

func licenseRequired(model string, need, have models.License) error {
	e := models.Errorf(models.LicenseRequired, "The model %s requires the licence tier %q; the API key has %q.", model, string(need), string(have))
	e.Details = map[string]any{"model": model, "requires_license": string(need), "license": string(have)}
	return e
}

// Open reads the file and holds it to its checksum: a file that is damaged is an internal error, never an answer.
func (f ModelFile) Open(ctx context.Context) ([]byte, error) {
	b, err := f.open(ctx)
	if errors.Is(err, store.ErrNotFound) { // deleted meanwhile
		return nil, models.NewError(models.ModelNotFound)
	}
	if err != nil && !errors.Is(err, store.ErrDamaged) && ctx.Err() != nil {
		return nil, service.Unavailable(err)
	}
	if err != nil {
		return nil, models.NewError(models.Internal).Wrap(fmt.Errorf("model %s@%s: %w", f.Name, f.Version, err))
	}
	if sum := hexSum(b); sum != f.SHA256 {
		return nil, models.NewError(models.Internal).Wrap(fmt.Errorf("model %s@%s: %w: it has %s, stored was %s", f.Name, f.Version, store.ErrDamaged, sum, f.SHA256))
	}
	return b, nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// CheckModel tells before a decode is accepted whether the key may use the model it names, "" for none. A name that is not
// known passes: the job says so. Error: LicenseRequired.
func (r *Service) CheckModel(ctx context.Context, p models.Principal, ref string) error {
	if ref == "" {
		return nil
	}
	name, version, pinned := strings.Cut(ref, "@")
	required := models.License("")
	for _, m := range r.cfg.Catalog.Models() {
		if m.Name == name && (!pinned || m.Version == version) {
			required = m.License
			break // the latest, where none is named
		}
	}
	if required == "" || p.License.Covers(required) {
		return nil
	}
	switch _, err := r.cfg.Store.ProjectModel(ctx, p.ProjectID, name, version); {
	case err == nil: // the project's own counts
		return nil
	case !errors.Is(err, store.ErrNotFound):
		return service.Unavailable(err)
	}
	return licenseRequired(ref, required, p.License)
}

// NewVersion is a version that a project is to get.
type NewVersion struct {
	File []byte
	// Sessions are the sessions it was trained on: it is erased with any of them.
	Sessions []string
	// Parent is the id of the project's model that it was made from, whose sessions count as well. "" for none.
	Parent string
	// Attempt is the run of the job that made it, which stores one model at most; the zero value for none.
	Attempt store.Attempt
}

// CheckedModel is a model file that has been judged.
type CheckedModel struct {
	file []byte
	info models.ModelInfo
}

// Check judges a model file that a caller made elsewhere; the database is not asked. The result is good as long as the file is.
// Errors: InvalidRequestBody, PayloadTooLarge.
func (r *Service) Check(ctx context.Context, p models.Principal, file []byte) (CheckedModel, error) {
	if err := service.Authorize(p, models.RightCatalogWrite); err != nil {
		return CheckedModel{}, err
	}
	return r.check(ctx, p.ProjectID, file)
}

// Upload stores a model file. created is false where the very same file is there already. Errors: ModelVersionTaken,
// ModelStorageFull, ProjectQuotaFull.
func (r *Service) Upload(ctx context.Context, p models.Principal, m CheckedModel) (stored models.ProjectModel, created bool, err error) {
	if err := service.Authorize(p, models.RightCatalogWrite); err != nil {
		return models.ProjectModel{}, false, err
	}
	return r.store(ctx, p.ProjectID, m, NewVersion{})
}

// publishTries is how often Publish makes the file again because another version came between.
const publishTries = 5

// Publish stores the next version of a name; build makes its file, with exactly that name and version inside. It is for jobs
// of the project, which need no principal any more. A model that an earlier attempt of the job has stored is returned as it is.
// Errors: those of build and Upload, TrainingDataGone, and store.ErrFenced.
func (r *Service) Publish(ctx context.Context, projectID, name string, build func(version string) (NewVersion, error)) (models.ProjectModel, error) {
	for try := 1; ; try++ {
		last, err := r.cfg.Store.LastVersion(ctx, projectID, name)
		if err != nil {
			return models.ProjectModel{}, service.Unavailable(err)
		}
		n, err := build(nextVersion(last.LastVersion))
		if err != nil {
			return models.ProjectModel{}, err
		}
		m, created, err := r.put(ctx, projectID, n)
		if err == nil && m.JobID != nil && *m.JobID == n.Attempt.ID {
			return m, nil
		}
		overtaken := err == nil && !created || err != nil && models.AsError(err).Code == models.ModelVersionTaken
		if !overtaken || try == publishTries {
			return m, err
		}
	}
}

// nextVersion returns the version after one of the form 1.2.3: the first number goes up.
func nextVersion(last string) string {
	major, _, _ := strings.Cut(last, ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return "1"
	}
	return strconv.Itoa(n + 1)
}

// check judges a model file.
func (r *Service) check(ctx context.Context, projectID string, file []byte) (CheckedModel, error) {
	if len(file) > MaxModelBytes {
		e := models.Errorf(models.PayloadTooLarge, "The model has %d bytes; at most %d are allowed.", len(file), MaxModelBytes)
		e.Details = map[string]any{"payload_bytes": len(file), "limit_bytes": MaxModelBytes}
		return CheckedModel{}, e
	}
	info, err := r.cfg.Read(ctx, projectID, file)
	if err != nil {
		return CheckedModel{}, err
	}
	info.License = models.LicenseFree // to its own project
	return CheckedModel{file, info}, nil
}

// put judges and stores a version.
func (r *Service) put(ctx context.Context, projectID string, n NewVersion) (models.ProjectModel, bool, error) {
	checked, err := r.check(ctx, projectID, n.File)
	if err != nil {
		return models.ProjectModel{}, false, err
	}
	return r.store(ctx, projectID, checked, n)
}

// store stores a file that was judged; what else there is to say about it is in n.
func (r *Service) store(ctx context.Context, projectID string, c CheckedModel, n NewVersion) (models.ProjectModel, bool, error) {
	info := c.info
	most, err := r.cfg.Quotas.Limit(ctx, projectID, models.QuotaModels)
	if err != nil {
		return models.ProjectModel{}, false, err
	}
	done, err := r.cfg.Quotas.Take(ctx, projectID, service.Wants{models.QuotaStoredBytes: int64(len(c.file))}, func() bool {
		_, err := r.cfg.Store.ProjectModel(ctx, projectID, info.Name, info.Version)
		return err == nil
	})
	if err != nil {
		return models.ProjectModel{}, false, err
	}
	defer done()
	m, created, err := r.cfg.Store.PutModel(ctx, store.NewModel{
		Model: models.ProjectModel{ID: models.NewID(), ProjectID: projectID, Name: info.Name, Version: info.Version, Paradigm: info.Paradigm,
			Pipeline: info.Pipeline, SHA256: hexSum(c.file), Info: info, CreatedAt: r.cfg.Now()},
		File: c.file, Sessions: n.Sessions, Parent: n.Parent, MaxBytes: r.cfg.MaxBytes, MaxModels: most, Attempt: n.Attempt,
	})
	ref := info.Name + "@" + info.Version
	switch {
	case errors.Is(err, store.ErrDuplicate):
		return m, false, models.Errorf(models.ModelVersionTaken, "Another file is stored as %s; versions never change.", ref)
	case errors.Is(err, store.ErrVersion):
		return m, false, models.Errorf(models.ModelVersionTaken, "%s does not come after the last version of this name; versions only rise.", ref)
	case errors.Is(err, store.ErrTooManyModels):
		return m, false, r.cfg.Quotas.Refusal(ctx, projectID, models.QuotaModels, most)
	case errors.Is(err, store.ErrTooMany):
		return m, false, models.Errorf(models.ModelStorageFull, "The models of this project would take more than %d bytes; delete some first.", r.cfg.MaxBytes)
	case errors.Is(err, store.ErrFenced):
		return m, false, err
	case errors.Is(err, store.ErrSessionGone):
		return m, false, models.NewError(models.TrainingDataGone)
	case err != nil:
		return m, false, service.Unavailable(err)
	}
	if created {
		r.cfg.Log.InfoContext(ctx, "model stored", "project_id", projectID, "model", ref, "bytes", m.Size)
	}
	return m, created, nil
}

// Own returns the models of the project, by name, the latest version first.
func (r *Service) Own(ctx context.Context, p models.Principal) ([]models.ProjectModel, error) {
	if err := service.Authorize(p, models.RightCatalogRead); err != nil {
		return nil, err
	}
	list, err := r.cfg.Store.ProjectModels(ctx, p.ProjectID, "")
	if err != nil {
		return nil, service.Unavailable(err)
	}
	return list, nil
}

// Global returns the models of nobody, whatever licence they require.
func (r *Service) Global(_ context.Context, p models.Principal) ([]GlobalModel, error) {
	if err := service.Authorize(p, models.RightCatalogRead); err != nil {
		return nil, err
	}
	return r.cfg.Catalog.Models(), nil
}

// Versions returns the versions of one of the project's own models, the latest first, or ModelNotFound.
func (r *Service) Versions(ctx context.Context, p models.Principal, name string) ([]models.ProjectModel, error) {
	if err := service.Authorize(p, models.RightCatalogRead); err != nil {
		return nil, err
	}
	list, err := r.cfg.Store.ProjectModels(ctx, p.ProjectID, name)
	switch {
	case err != nil:
		return nil, service.Unavailable(err)
	case name == "" || len(list) == 0:
		return nil, models.NewError(models.ModelNotFound)
	}
	return list, nil
}

// Activate makes a version of one of the project's own models the one that its bare name means: a roll back, or forward
// again. version "" is the one before the active one. Error: ModelNotFound.
func (r *Service) Activate(ctx context.Context, p models.Principal, name, version string) (models.ProjectModel, error) {
	if err := service.Authorize(p, models.RightCatalogWrite); err != nil {
		return models.ProjectModel{}, err
	}
	m, err := r.cfg.Store.ActivateModel(ctx, p.ProjectID, name, version)
	if errors.Is(err, store.ErrNotFound) {
		if version == "" {
			return m, models.Errorf(models.ModelNotFound, "There is no such model, or no version before its active one.")
		}
		return m, models.NewError(models.ModelNotFound)
	}
	if err != nil {
		return m, service.Unavailable(err)
	}
	return m, nil
}

// Delete deletes one of the project's own models, name or name@version. Error: ModelNotFound.
func (r *Service) Delete(ctx context.Context, p models.Principal, ref string) error {
	if err := service.Authorize(p, models.RightCatalogWrite); err != nil {
		return err
	}
	name, version, pinned := strings.Cut(ref, "@")
	if name == "" || pinned && version == "" {
		return models.NewError(models.ModelNotFound)
	}
	if _, err := r.cfg.Store.DeleteModel(ctx, p.ProjectID, name, version); err != nil {
		return service.Absent(err, models.ModelNotFound)
	}
	return nil
}

// Deployment is a version of a model that its bare name means.
type Deployment struct {
	ID      string // the same for the same version
	ModelID string // name@version
	Version string
	Own     bool
}

// Deploy makes a version of a model the one that its bare name means in the project. One of the project's own is activated: version "" takes
// the latest. One of nobody is served as it is, in the one version that there is. Error: ModelNotFound.
func (r *Service) Deploy(ctx context.Context, p models.Principal, name, version string) (Deployment, error) {
	if err := service.Authorize(p, models.RightCatalogWrite); err != nil {
		return Deployment{}, err
	}
	own, err := r.cfg.Store.ProjectModels(ctx, p.ProjectID, name)
	if err != nil {
		return Deployment{}, service.Unavailable(err)
	}
	if name != "" && len(own) > 0 {
		if version == "" {
			version = own[0].Version
		}
		m, err := r.Activate(ctx, p, name, version)
		if err != nil {
			return Deployment{}, err
		}
		return Deployment{ID: "dep_" + m.ID, ModelID: m.Ref(), Version: m.Version, Own: true}, nil
	}
	for _, m := range r.cfg.Catalog.Models() {
		if m.Name == name && (version == "" || m.Version == version) {
			if !p.License.Covers(m.License) {
				return Deployment{}, licenseRequired(name, m.License, p.License)
			}
			ref := m.Name + "@" + m.Version
			return Deployment{ID: "dep_" + ref, ModelID: ref, Version: m.Version}, nil
		}
	}
	return Deployment{}, models.NewError(models.ModelNotFound)
}
