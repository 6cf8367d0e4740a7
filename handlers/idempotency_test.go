package handlers

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/models"
)

// TestKeptAnswersComeBack: what is kept is answered byte for byte, with the status it had.
func TestKeptAnswersComeBack(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 202} {
		w := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(w)
		writeKept(c, service.Accepted{Answer: keep(status, []byte("{\"a\":1}\n")), Replayed: status != 201})
		if w.Code != status || w.Body.String() != "{\"a\":1}\n" || (w.Header().Get("Idempotent-Replayed") == "true") != (status != 201) {
			t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
		}
	}
	for _, foreign := range []string{"", "http", "grpc", "http/ok", "grpc/202"} { // the core gives none such out
		if got := statusOf(models.Answer{Protocol: foreign}); got != http.StatusInternalServerError {
			t.Errorf("%q: %d", foreign, got)
		}
	}
}

// TestIdempotencyKeysAreRead: one header, and the body as it was meant.
func TestIdempotencyKeysAreRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		values []string
		key    string
		bad    bool
	}{
		"none":  {},
		"one":   {values: []string{"k"}, key: "k"},
		"empty": {values: []string{""}, bad: true},
		"two":   {values: []string{"k", "k"}, bad: true},
	} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest("POST", "/", nil)
		c.Request.Header["Idempotency-Key"] = tt.values
		idem, err := idempotency(c, []byte("body"))
		if (err != nil) != tt.bad || idem.Key != tt.key || tt.key != "" && (idem.Protocol != protocol || len(idem.Fingerprint) != 64) {
			t.Errorf("%s: %+v, %v", name, idem, err)
		}
	}
}
