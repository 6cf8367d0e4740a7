package graphqlapi

import (
	"context"
	"time"

	"github.com/neurod/neurod/graphqlapi/entity"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/analysis"
	"github.com/neurod/neurod/internal/service/decoding"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/internal/service/registry"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/service/training"
	"github.com/neurod/neurod/models"
)

// Sessions are the use cases of sessions.
type Sessions interface {
	entity.Sessions
	Find(ctx context.Context, p models.Principal, f sessions.Search, span sessions.Span) (sessions.Found, error)
	Get(ctx context.Context, p models.Principal, id string) (models.Session, error)
	Check(ctx context.Context, p models.Principal, n sessions.NewSession) (models.Session, error)
	Create(ctx context.Context, p models.Principal, ses models.Session) error
	Update(ctx context.Context, p models.Principal, id string, a sessions.About) (models.Session, error)
	Finish(ctx context.Context, p models.Principal, id string) (models.Session, error)
	EraseSession(ctx context.Context, p models.Principal, id string) (sessions.Erased, error)
}

// Devices are the use cases of devices.
type Devices interface {
	entity.Devices
	Get(ctx context.Context, p models.Principal, id string) (devices.Device, error)
	Configure(ctx context.Context, p models.Principal, id string, c devices.ConfigChange) (devices.Device, error)
	Start(ctx context.Context, p models.Principal, id string, r devices.StreamRequest) (devices.Stream, error)
	Stop(ctx context.Context, p models.Principal, id string, force bool) (devices.Stream, error)
	Watch(p models.Principal) (<-chan struct{}, func(), error)
}

// Analyses are the use cases of analyses.
type Analyses interface {
	entity.Analyses
	Get(ctx context.Context, p models.Principal, id string) (analysis.Analysis, error)
	Finished(ctx context.Context, p models.Principal, ses models.Session, known map[string]bool) ([]analysis.Analysis, error)
	Analyze(ctx context.Context, p models.Principal, r analysis.Request, ask models.Room, idem service.Idempotency, respond service.Respond) (service.Accepted, error)
}

// Decode accepts recordings.
type Decode interface {
	Submit(ctx context.Context, p models.Principal, rec decoding.Recording, idem service.Idempotency, respond service.Respond) (service.Accepted, error)
}

// Training accepts trainings.
type Training interface {
	Train(ctx context.Context, p models.Principal, req models.TrainRequest, idem service.Idempotency, respond service.Respond) (service.Accepted, error)
}

// Jobs are the use cases of following jobs.
type Jobs interface {
	Get(ctx context.Context, p models.Principal, id string) (decoding.JobView, error)
	List(ctx context.Context, p models.Principal, f decoding.JobFilter) (decoding.JobPage, error)
	Cancel(ctx context.Context, p models.Principal, id string) (decoding.JobView, error)
	Wait(ctx context.Context, p models.Principal, id string, d time.Duration) (decoding.JobView, error)
}

// Registry are the use cases of models.
type Registry interface {
	Available(ctx context.Context, p models.Principal, f registry.Filter) ([]registry.ListedModel, error)
	Deploy(ctx context.Context, p models.Principal, name, version string) (registry.Deployment, error)
}

// Live is the use case of following sessions.
type Live interface {
	Follow(ctx context.Context, p models.Principal, r live.Request) (*live.Follower, error)
}

// Once makes calls that are not jobs safe to repeat.
type Once interface {
	Do(ctx context.Context, owner, operation string, idem service.Idempotency, check func() error, run func(context.Context) (service.Made, error)) (service.Accepted, error)
}

var (
	_ Once     = (*service.Once)(nil)
	_ Sessions = (*sessions.Service)(nil)
	_ Devices  = (*devices.Service)(nil)
	_ Analyses = (*analysis.Service)(nil)
	_ Decode   = (*decoding.Service)(nil)
	_ Training = (*training.Service)(nil)
	_ Jobs     = (*decoding.Jobs)(nil)
	_ Registry = (*registry.Service)(nil)
	_ Live     = (*live.Service)(nil)
)
