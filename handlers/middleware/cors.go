package middleware

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/rs/cors"

	"github.com/neurod/neurod/handlers/render"
)

// Origins are the origins whose pages browsers may let use the API (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol). A nil
// *Origins allows none and answers no preflight.
type Origins struct{ rules *cors.Cors }

// preflightSeconds is how long a browser may remember what a preflight was answered. Chromium takes no more than two hours.
const preflightSeconds = 7200

// NewOrigins returns the origins of a list, each a scheme and a host as in https://app.example.org, a star for the first part of
// the host, or "*" for every origin; nil for an empty list.
func NewOrigins(list []string) *Origins {
	if len(list) == 0 {
		return nil
	}
	return &Origins{cors.New(cors.Options{
		AllowedOrigins: list,
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Accept", "Cache-Control", "Content-Encoding", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID",
			"Range", ProjectHeader, RequestIDHeader, render.TraceParentHeader, "Tracestate",
			// Of gRPC-Web and the Connect protocol.
			"Connect-Protocol-Version", "Connect-Timeout-Ms", "Grpc-Timeout", "X-Grpc-Web", "X-User-Agent"},
		ExposedHeaders: []string{RequestIDHeader, "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Burst", "X-RateLimit-Burst-Remaining",
			"X-RateLimit-Reset", "Retry-After", "Idempotent-Replayed", "X-Quota-Name", "X-Quota-Limit", "X-Quota-Used", "X-Has-More", "Link", "Location", "ETag",
			"Content-Disposition", "Content-Range", "X-Checksum-Sha256", "Repr-Digest", "WWW-Authenticate", render.TraceParentHeader, render.TraceResponseHeader,
			"Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"}, // in the headers of an answer that is an error alone
		MaxAge:               preflightSeconds,
		OptionsSuccessStatus: http.StatusNoContent,
		// Credentials stand in the Authorization header, which a page sets itself. There are no cookies for a browser to add.
		AllowCredentials: false,
	})}
}

// CORS is Answer in front of routes.
func (o *Origins) CORS() gin.HandlerFunc {
	return func(c *gin.Context) {
		if o.Answer(c.Writer, c.Request) {
			c.Abort()
		}
	}
}

// Answer tells browsers which pages may read an answer, and answers preflights, which carry no credential, before anybody asks
// for one. It reports whether the request was one.
func (o *Origins) Answer(w http.ResponseWriter, r *http.Request) (preflight bool) {
	if o == nil {
		return false
	}
	o.rules.HandlerFunc(w, r)
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

// Allow reports whether a page may open a WebSocket, for which browsers ask no preflight: one of this server's own, one of the list, and
// any where there is no list. What is no browser sends no Origin. own are the hosts by which the server is reached.
func (o *Origins) Allow(r *http.Request, own ...string) bool {
	origin := r.Header.Get("Origin")
	if o == nil || origin == "" || o.rules.OriginAllowed(r) {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	for _, host := range own {
		if strings.EqualFold(u.Host, host) {
			return true
		}
	}
	return false
}
