package handlers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// bindKeyed is bindJSON with the request's Idempotency-Key.
func bindKeyed(c *gin.Context, dst any) (idem service.Idempotency, ok bool) {
	return keyed(c, func(b []byte) error { return decodeJSON(b, dst) })
}

// keyed reads the body of a call by read, and its Idempotency-Key. ok is false where it has answered with an error.
func keyed(c *gin.Context, read func(body []byte) error) (idem service.Idempotency, ok bool) {
	b, err := readBody(c)
	if err == nil {
		err = read(b)
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
	accepted, err := a.cfg.Once.Do(c.Request.Context(), owner, routeOf(c).Operation, idem, check, func(ctx context.Context) (service.Made, error) {
		status, document, ref, err := run(ctx)
		if err != nil {
			return service.Made{}, err
		}
		var body bytes.Buffer
		encoder := json.NewEncoder(&body)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(document); err != nil {
			return service.Made{}, err
		}
		return service.Made{Answer: keep(status, body.Bytes()), Ref: ref}, nil
	})
	if err != nil {
		fail(c, err)
		return
	}
	if location != nil && statusOf(accepted.Answer) == http.StatusCreated {
		c.Header("Location", location(accepted.JobID))
	}
	writeKept(c, accepted)
}

// protocol is what kept answers of HTTP are named after.
const protocol = "http"

// keep makes an answer of a status and a body that are kept for a repetition of the call.
func keep(status int, body []byte) models.Answer {
	return models.Answer{Protocol: protocol + "/" + strconv.Itoa(status), Bytes: body}
}

// statusOf returns the status of an answer that keep made.
func statusOf(a models.Answer) int {
	status, err := strconv.Atoi(strings.TrimPrefix(a.Protocol, protocol+"/"))
	if err != nil {
		return http.StatusInternalServerError
	}
	return status
}

// writeKept answers with what was kept, byte for byte.
func writeKept(c *gin.Context, a service.Accepted) {
	if a.Replayed {
		c.Header("Idempotent-Replayed", "true")
	}
	c.Data(statusOf(a.Answer), jsonType, a.Answer.Bytes)
}

// idempotency reads the Idempotency-Key header. The fingerprint is that of the body as it was meant, after
// decompression.
func idempotency(c *gin.Context, body []byte) (service.Idempotency, error) {
	values := c.Request.Header.Values("Idempotency-Key")
	switch {
	case len(values) == 0:
		return service.Idempotency{}, nil
	case len(values) > 1 || values[0] == "":
		return service.Idempotency{}, models.NewError(models.InvalidIdempotencyKey)
	}
	sum := sha256.Sum256(body)
	return service.Idempotency{Key: values[0], Fingerprint: hex.EncodeToString(sum[:]), Protocol: protocol}, nil
}

// readKeyed is readPooled with the request's Idempotency-Key, whose fingerprint is that of the body.
func (a *API) readKeyed(c *gin.Context) (body []byte, idem service.Idempotency, release func(), err error) {
	if body, release, err = a.readPooled(c); err != nil {
		return nil, idem, nil, err
	}
	if idem, err = idempotency(c, body); err != nil {
		release()
		return nil, idem, nil, err
	}
	return body, idem, release, nil
}

// fingerprint is the SHA-256 of what makes up a request, hex.
func fingerprint(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	return hex.EncodeToString(h.Sum(nil))
}
