package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service"
)

// bindKeyed is bindJSON with the request's Idempotency-Key.
func bindKeyed(c *gin.Context, dst any) (idem service.Idempotency, ok bool) {
	b, err := readBody(c)
	if err == nil {
		err = decodeJSON(b, dst)
	}
	if err == nil {
		idem, err = idempotency(c, b)
	}
	if err != nil {
		fail(c, err)
		return idem, false
	}
	return idem, true
}

// once answers a call that makes something at most once for its Idempotency-Key (service.Once.Do). owner is the project or the
// user whose keys they are. about names what the call is about beside its body, such as the parameters of its path; run
// stores with the context that it is given and returns the document of the answer. location is where a thing lies that was
// made, by its name, nil for nowhere.
func (a *API) once(c *gin.Context, owner string, idem service.Idempotency, about []string, location func(ref string) string, check func() error,
	run func(context.Context) (status int, document any, ref string, err error)) {
	if idem.Key != "" && len(about) > 0 {
		idem.Fingerprint = fingerprint(append(about, idem.Fingerprint)...)
	}
	accepted, err := a.cfg.Once.Do(c.Request.Context(), owner, routeOf(c).Operation, idem, check, func(ctx context.Context) (service.Answer, error) {
		status, document, ref, err := run(ctx)
		if err != nil {
			return service.Answer{}, err
		}
		var body bytes.Buffer
		encoder := json.NewEncoder(&body)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(document); err != nil {
			return service.Answer{}, err
		}
		return service.Answer{Status: status, Body: body.Bytes(), Ref: ref}, nil
	})
	if err != nil {
		fail(c, err)
		return
	}
	if location != nil && accepted.Status == http.StatusCreated {
		c.Header("Location", location(accepted.JobID))
	}
	if accepted.Replayed {
		c.Header("Idempotent-Replayed", "true")
	}
	c.Data(accepted.Status, jsonType, accepted.Body)
}
