package accounts

import (
	"context"
	"slices"

	"github.com/neurod/neurod/models"
)

const (
	// demoKeyDays is how long a key of DemoKey is good: a day at a desk.
	demoKeyDays = 1
	// demoKeyName tells the keys of DemoKey from those that people made.
	demoKeyName = "start-up line"
	// demoKeys is how many keys of DemoKey are good at once: a line pasted from an earlier start still works.
	demoKeys = 5
)

// DemoKey makes a key for the first project that the demo account owns, which it makes where there is none, so that the embedded
// service can show a line that works when pasted. For the embedded mode only.
func (a *Service) DemoKey(ctx context.Context) (string, error) {
	ctx = models.WithOrigin(ctx, models.Origin{Actor: models.ActorSystem})
	u, err := a.cfg.Store.UserByEmail(ctx, DemoEmail)
	if err != nil {
		return "", err
	}
	p := models.Principal{UserID: u.ID}
	projects, err := a.ListProjects(ctx, p)
	if err != nil {
		return "", err
	}
	var id string
	if i := slices.IndexFunc(projects, func(p OwnProject) bool { return p.Role.May(models.RightKeys) }); i >= 0 {
		id = projects[i].ID
	} else {
		project, err := a.CreateProject(ctx, p, "Demo")
		if err != nil {
			return "", err
		}
		id = project.ID
	}
	// Starts come without end; a project's keys must not.
	keys, err := a.ListKeys(ctx, p, id)
	if err != nil {
		return "", err
	}
	keys = slices.DeleteFunc(keys, func(k models.APIKey) bool { return k.Name != demoKeyName })
	for _, k := range keys[:max(0, len(keys)-(demoKeys-1))] {
		if err := a.RevokeKey(ctx, p, id, k.ID); err != nil && models.AsError(err).Code != models.KeyNotFound {
			return "", err
		}
	}
	days := demoKeyDays
	_, raw, err := a.CreateKey(ctx, p, id, NewKey{Name: demoKeyName, ExpiresInDays: &days})
	return raw, err
}
