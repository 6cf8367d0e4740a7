package service

import (
	"context"

	"github.com/neurod/neurod/models"
)

// demoKeyDays is how long a key of DemoKey is good: a day at a desk.
const demoKeyDays = 1

// DemoKey makes a key for the demo account's first project, which it makes where there is none, so that the embedded
// service can show a line that works when pasted. For the embedded mode only.
func (a *Accounts) DemoKey(ctx context.Context) (string, error) {
	u, err := a.cfg.Store.UserByEmail(ctx, DemoEmail)
	if err != nil {
		return "", err
	}
	p := models.Principal{UserID: u.ID}
	projects, err := a.ListProjects(ctx, p)
	if err != nil {
		return "", err
	}
	if len(projects) == 0 {
		project, err := a.CreateProject(ctx, p, "Demo")
		if err != nil {
			return "", err
		}
		projects = append(projects, project)
	}
	days := demoKeyDays
	_, raw, err := a.CreateKey(ctx, p, projects[0].ID, NewKey{Name: "start-up line", ExpiresInDays: &days})
	return raw, err
}
