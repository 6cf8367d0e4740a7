package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/neurod/neurod/models"
)

// EraseUser deletes everything of an external user of the project and returns the audit record. A user of whom nothing is
// kept is no error: the answer counts nothing. Needs the scope "erase".
func (s *Sessions) EraseUser(ctx context.Context, p models.Principal, externalUserID string) (models.AuditRecord, error) {
	if err := Authorize(p, models.ScopeErase); err != nil {
		return models.AuditRecord{}, err
	}
	if nameFault(externalUserID, maxSessionName) != "" {
		return models.AuditRecord{}, models.NewError(models.NotFound)
	}
	subject := sha256.Sum256([]byte(p.ProjectID + "\x00" + externalUserID))
	audit, err := s.cfg.Store.EraseUser(ctx, externalUserID, models.AuditRecord{ID: models.NewID(), ProjectID: p.ProjectID,
		Action: "user_erased", SubjectHash: hex.EncodeToString(subject[:]), Actor: p.KeyID, CreatedAt: s.cfg.Now()})
	if err != nil {
		return models.AuditRecord{}, unavailable(err)
	}
	return audit, nil
}
