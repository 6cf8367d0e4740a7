package handlers

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// trainModel is POST /api/v1/models/train.
func (a *API) trainModel(c *gin.Context) {
	var req models.TrainRequest
	a.acceptTraining(c, &req, func(ctx context.Context, idem service.Idempotency) (service.Accepted, error) {
		return a.cfg.Training.Train(ctx, principal(c), req, idem, respondAccepted)
	})
}

// calibrateModel is POST /api/v1/models/:name/calibrate.
func (a *API) calibrateModel(c *gin.Context) {
	var req models.CalibrateRequest
	a.acceptTraining(c, &req, func(ctx context.Context, idem service.Idempotency) (service.Accepted, error) {
		if req.Name != "" && req.Name != c.Param("name") {
			return service.Accepted{}, models.InvalidField(models.At("name"), "conflict", "differs from the name in the path; leave it out")
		}
		if idem.Key != "" {
			idem.Fingerprint = fingerprint(c.Param("name"), idem.Fingerprint)
		}
		req.Name = c.Param("name")
		return a.cfg.Training.Calibrate(ctx, principal(c), req, idem, respondAccepted)
	})
}

// acceptTraining reads the body into req and submits it.
func (a *API) acceptTraining(c *gin.Context, req any, submit func(context.Context, service.Idempotency) (service.Accepted, error)) {
	body, idem, release, err := a.readKeyed(c)
	if err != nil {
		fail(c, err)
		return
	}
	defer release()
	if err := decodeJSON(body, req); err != nil {
		fail(c, err)
		return
	}
	accepted, err := submit(c.Request.Context(), idem)
	if err != nil {
		fail(c, err)
		return
	}
	writeAccepted(c, accepted)
}
