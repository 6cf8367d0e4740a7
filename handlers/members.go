package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/models"
)

// memberDocument is a member of a project as the others see them.
type memberDocument struct {
	UserID    string      `json:"user_id"`
	Email     string      `json:"email"`
	Role      models.Role `json:"role"`
	CreatedAt string      `json:"created_at"`
}

// listMembers is GET /v1/projects/:id/members.
func (a *API) listMembers(c *gin.Context) {
	members, err := a.cfg.Accounts.ListMembers(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]memberDocument, len(members))
	for i, m := range members {
		out[i] = memberDocument{m.UserID, m.Email, m.Role, rfc3339(m.CreatedAt)}
	}
	c.PureJSON(http.StatusOK, out)
}

// changeRole is PATCH /v1/projects/:id/members/:user_id.
func (a *API) changeRole(c *gin.Context) {
	var body struct {
		Role models.Role `json:"role"`
	}
	if !bindJSON(c, &body) {
		return
	}
	m, err := a.cfg.Accounts.ChangeRole(c.Request.Context(), principal(c), c.Param("id"), c.Param("user_id"), body.Role)
	if err != nil {
		fail(c, err)
		return
	}
	c.PureJSON(http.StatusOK, struct {
		UserID string      `json:"user_id"`
		Role   models.Role `json:"role"`
	}{m.UserID, m.Role})
}

// removeMember is DELETE /v1/projects/:id/members/:user_id: of a member by an owner, of anybody by themselves.
func (a *API) removeMember(c *gin.Context) {
	if err := a.cfg.Accounts.RemoveMember(c.Request.Context(), principal(c), c.Param("id"), c.Param("user_id")); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// invitationDocument is what the owners of a project see of an invitation. Token is in the answer that makes it and nowhere
// else.
type invitationDocument struct {
	ID        string      `json:"id"`
	ProjectID string      `json:"project_id"`
	Email     string      `json:"email"`
	Role      models.Role `json:"role"`
	Token     string      `json:"token,omitempty"`
	CreatedBy string      `json:"created_by"`
	CreatedAt string      `json:"created_at"`
	ExpiresAt string      `json:"expires_at"`
}

func invitationOf(i models.Invitation, raw string) invitationDocument {
	return invitationDocument{i.ID, i.ProjectID, i.Email, i.Role, raw, i.CreatedBy, rfc3339(i.CreatedAt), rfc3339(i.ExpiresAt)}
}

// invite is POST /v1/projects/:id/invitations.
func (a *API) invite(c *gin.Context) {
	var body struct {
		Email string      `json:"email" validate:"required"`
		Role  models.Role `json:"role"`
	}
	idem, ok := bindKeyed(c, &body)
	if !ok {
		return
	}
	who := principal(c)
	location := func(id string) string { return "/v1/projects/" + who.ProjectID + "/invitations/" + id }
	a.once(c, who.ProjectID, idem, nil, location, nil, func(ctx context.Context) (int, any, string, error) {
		i, raw, err := a.cfg.Accounts.Invite(ctx, who, who.ProjectID, body.Email, body.Role)
		return http.StatusCreated, invitationOf(i, raw), i.ID, err
	})
}

// listInvitations is GET /v1/projects/:id/invitations: those that can be accepted.
func (a *API) listInvitations(c *gin.Context) {
	found, err := a.cfg.Accounts.ListInvitations(c.Request.Context(), principal(c), c.Param("id"))
	if err != nil {
		fail(c, err)
		return
	}
	out := make([]invitationDocument, len(found))
	for i, one := range found {
		out[i] = invitationOf(one, "")
	}
	c.PureJSON(http.StatusOK, out)
}

// revokeInvitation is DELETE /v1/projects/:id/invitations/:invitation_id.
func (a *API) revokeInvitation(c *gin.Context) {
	if err := a.cfg.Accounts.RevokeInvitation(c.Request.Context(), principal(c), c.Param("id"), c.Param("invitation_id")); err != nil {
		fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// acceptInvitation is POST /v1/invitations/accept: the project that the user is a member of from now on.
func (a *API) acceptInvitation(c *gin.Context) {
	var body struct {
		Token string `json:"token" validate:"required"`
	}
	idem, ok := bindKeyed(c, &body)
	if !ok {
		return
	}
	who := principal(c)
	a.once(c, who.UserID, idem, nil, nil, nil, func(ctx context.Context) (int, any, string, error) {
		p, err := a.cfg.Accounts.AcceptInvitation(ctx, who, body.Token)
		return http.StatusOK, projectOf(p), p.ID, err
	})
}
