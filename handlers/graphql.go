package handlers

import (
	"context"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/graphqlapi"
	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// GraphQL answers operations; *graphqlapi.Server is one.
type GraphQL interface {
	Answer(w http.ResponseWriter, r *http.Request, in graphqlapi.Request)
	ServeSocket(w http.ResponseWriter, r *http.Request, in graphqlapi.Socket)
}

var _ GraphQL = (*graphqlapi.Server)(nil)

// graphql is POST /graphql.
func (a *API) graphql(c *gin.Context) {
	body, idem, release, err := a.readKeyed(c)
	if err != nil {
		fail(c, err)
		return
	}
	defer release()
	ask, give := a.roomOf(c)
	defer give()
	a.cfg.GraphQL.Answer(c.Writer, c.Request, graphqlapi.Request{Principal: principal(c), RequestID: middleware.ID(c), Body: body, Room: ask, Idempotency: idem})
}

// graphqlGet is GET /graphql: a query, or a WebSocket, whose credential comes with its first message.
func (a *API) graphqlGet(c *gin.Context) {
	if strings.EqualFold(c.GetHeader("Upgrade"), "websocket") {
		a.graphqlSocket(c)
		return
	}
	middleware.Authenticate(a.cfg.Accounts, middleware.AuthProject, "", service.Authorize, nil, a.cfg.Tally)(c)
	if c.IsAborted() {
		return
	}
	a.cfg.GraphQL.Answer(c.Writer, c.Request, graphqlapi.Request{Principal: principal(c), RequestID: middleware.ID(c)})
}

func (a *API) graphqlSocket(c *gin.Context) {
	if !a.origins.Allow(c.Request, c.Request.Host, a.base(c).Host) {
		fail(c, models.NewError(render.OriginNotAllowed))
		return
	}
	boundBuffer(c.Request.Context())
	remote, presented := c.ClientIP(), ""
	a.cfg.GraphQL.ServeSocket(c.Writer, c.Request, graphqlapi.Socket{
		RequestID: middleware.ID(c),
		Enter: func(ctx context.Context, authorization, project string) (models.Principal, error) {
			p, raw, err := middleware.Enter(ctx, a.cfg.Accounts, authorization, project)
			presented = raw
			if err != nil && !models.AsError(err).Class().Ours() && a.cfg.Limits != nil { // guessing is not free
				if _, limited := a.cfg.Limits.TakeRefused(ctx, remote); limited != nil {
					err = limited
				}
			}
			if err == nil {
				a.cfg.Tally.Entered(p, project)
			}
			return p, err
		},
		Again: func(ctx context.Context, p models.Principal) (models.Principal, error) {
			if p.KeyID != "" {
				return a.cfg.Accounts.AuthenticateKey(ctx, presented)
			}
			return a.cfg.Accounts.EnterProject(ctx, models.Principal{UserID: p.UserID}, p.ProjectID)
		},
		Hold: func(ctx context.Context, p models.Principal) (func(), error) {
			if a.cfg.Limits == nil {
				return func() {}, nil
			}
			return a.cfg.Limits.HoldSocket(ctx, p)
		},
	})
}
