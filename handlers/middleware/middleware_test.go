package middleware_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/models"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	m.Run()
}

// bundle is a server with one route behind the middleware, and its log.
type bundle struct {
	url string
	srv *httptest.Server
	log *bytes.Buffer // to be read once srv is closed
}

// serve starts a server whose only route, POST and GET /api/v1/x, runs the chain.
func serve(t *testing.T, chain ...gin.HandlerFunc) *bundle {
	t.Helper()
	b := &bundle{log: new(bytes.Buffer)}
	log := slog.New(slog.NewJSONHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	e := gin.New()
	e.Use(middleware.RequestID(), middleware.AccessLog(log, nil), middleware.Recover(log), middleware.SecurityHeaders())
	e.POST("/api/v1/x", chain...)
	e.GET("/api/v1/x", chain...)
	e.GET("/v1/x", chain...)
	srv := httptest.NewServer(e)
	t.Cleanup(srv.Close)
	b.url, b.srv = srv.URL, srv
	return b
}

// do sends a request and returns the answer with its body.
func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func newRequest(t *testing.T, method, url string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

// code returns the code of an error in the envelope.
func code(t *testing.T, body string) string {
	t.Helper()
	var e struct{ Error struct{ Code string } }
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return e.Error.Code
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	b := serve(t, func(c *gin.Context) { c.String(200, middleware.ID(c)) })
	for name, tt := range map[string]struct {
		sent string
		kept bool
	}{
		"sane":          {"trace-1:a/b+c=.", true},
		"longest":       {strings.Repeat("x", 128), true},
		"too long":      {strings.Repeat("x", 129), false},
		"with a space":  {"a b", false},
		"with a quote":  {`a"b`, false},
		"none":          {"", false},
		"beyond ASCII":  {"é", false},
		"looks like JS": {"<script>", false},
	} {
		res, body := do(t, newRequest(t, "GET", b.url+"/api/v1/x", nil, "X-Request-Id", tt.sent))
		got := res.Header.Get("X-Request-Id")
		if got != body || got == "" || (got == tt.sent) != tt.kept {
			t.Errorf("%s: sent %q, answered %q, handler saw %q", name, tt.sent, got, body)
		}
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	b := serve(t, func(c *gin.Context) {
		if c.Query("late") != "" {
			c.Writer.WriteHeader(200)
			_, _ = c.Writer.WriteString("half")
			c.Writer.Flush()
		}
		panic("a secret reason")
	})
	for path, shape := range map[string]string{"/api/v1/x": `"error":{`, "/v1/x": `"title":"Internal Server Error"`} {
		res, body := do(t, newRequest(t, "GET", b.url+path, nil))
		if res.StatusCode != 500 || !strings.Contains(body, shape) || !strings.Contains(body, "internal_error") || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	res, err := http.DefaultClient.Do(newRequest(t, "GET", b.url+"/api/v1/x?late=1", nil))
	if err == nil {
		defer res.Body.Close()
		if _, err = io.ReadAll(res.Body); err == nil {
			t.Error("half an answer was ended as if it were a whole one")
		}
	}
	b.srv.Close()
	if log := b.log.String(); !strings.Contains(log, "a secret reason") || !strings.Contains(log, "middleware_test.go") {
		t.Errorf("the log lacks the reason or the stack: %s", log)
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	b := serve(t, func(c *gin.Context) { c.String(200, "ok") })
	res, _ := do(t, newRequest(t, "GET", b.url+"/api/v1/x", nil))
	for h, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
	} {
		if got := res.Header.Get(h); got != want {
			t.Errorf("%s: %q, want %q", h, got, want)
		}
	}
}

// fixed is an Authenticator that knows one key and one token.
type fixed struct{ key, token models.Principal }

func (f fixed) AuthenticateKey(_ context.Context, raw string) (models.Principal, error) {
	if raw != "the-key" {
		return models.Principal{}, models.NewError(models.InvalidAPIKey)
	}
	return f.key, nil
}

func (f fixed) AuthenticateToken(_ context.Context, raw string) (models.Principal, error) {
	if raw != "the-token" {
		return models.Principal{}, models.NewError(models.InvalidToken)
	}
	return f.token, nil
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	project := models.NewID()
	who := fixed{
		key:   models.Principal{ProjectID: project, KeyID: models.NewID(), Scopes: []models.Scope{models.ScopeDecode}},
		token: models.Principal{UserID: models.NewID()},
	}
	deny := func(p models.Principal, r models.Right) error {
		if !p.May(r) {
			return models.NewError(models.InsufficientScope)
		}
		return nil
	}
	reached := func(c *gin.Context) {
		p, ok := middleware.Principal(c)
		c.String(200, fmt.Sprint(ok, " ", p.ProjectID, p.UserID))
	}
	key := serve(t, middleware.Authenticate(who, middleware.AuthProject, models.RightDecode, deny, nil, nil), reached)
	write := serve(t, middleware.Authenticate(who, middleware.AuthProject, models.RightJobsWrite, deny, nil, nil), reached)
	jwt := serve(t, middleware.Authenticate(who, middleware.AuthJWT, "", deny, nil, nil), reached)
	tests := []struct {
		name    string
		at      *bundle
		headers []string
		want    string // code, "" where it is let in
	}{
		{"key", key, []string{"Authorization", "Bearer the-key"}, ""},
		{"scheme in lower case", key, []string{"Authorization", "bearer the-key"}, ""},
		{"several spaces", key, []string{"Authorization", "Bearer   the-key"}, ""},
		{"nothing", key, nil, "missing_credentials"},
		{"empty", key, []string{"Authorization", ""}, "missing_credentials"},
		{"no credential", key, []string{"Authorization", "Bearer "}, "missing_credentials"},
		{"other scheme", key, []string{"Authorization", "Basic dGhlLWtleQ=="}, "missing_credentials"},
		{"no scheme", key, []string{"Authorization", "the-key"}, "missing_credentials"},
		{"two credentials", key, []string{"Authorization", "Bearer the-key the-key"}, "missing_credentials"},
		{"two headers", key, []string{"Authorization", "Bearer the-key", "Authorization", "Bearer the-key"}, "missing_credentials"},
		{"wrong key", key, []string{"Authorization", "Bearer other"}, "invalid_api_key"},
		{"token without a project", key, []string{"Authorization", "Bearer the-token"}, "project_required"},
		{"own project", key, []string{"Authorization", "Bearer the-key", "X-Project-Id", project}, ""},
		{"own project in capitals", key, []string{"Authorization", "Bearer the-key", "X-Project-Id", strings.ToUpper(project)}, ""},
		{"other project", key, []string{"Authorization", "Bearer the-key", "X-Project-Id", models.NewID()}, "project_mismatch"},
		{"no project at all", key, []string{"Authorization", "Bearer the-key", "X-Project-Id", "mine"}, "project_mismatch"},
		{"wrong scope", write, []string{"Authorization", "Bearer the-key"}, "insufficient_scope"},
		{"token", jwt, []string{"Authorization", "Bearer the-token"}, ""},
		{"key where a token is due", jwt, []string{"Authorization", "Bearer the-key"}, "invalid_token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			res, body := do(t, newRequest(t, "GET", tt.at.url+"/api/v1/x", nil, tt.headers...))
			if tt.want == "" {
				if res.StatusCode != 200 || !strings.HasPrefix(body, "true ") {
					t.Fatalf("%d %s", res.StatusCode, body)
				}
				return
			}
			if got := code(t, body); got != tt.want || res.StatusCode != render.Status(models.NewError(models.Code(got))) {
				t.Errorf("%d %s, want %s", res.StatusCode, got, tt.want)
			}
			if challenge := res.Header.Get("WWW-Authenticate"); res.StatusCode == 401 && !strings.HasPrefix(challenge, "Bearer ") {
				t.Errorf("401 without a challenge: %q", challenge)
			}
		})
	}
}

func (f fixed) AuthenticateRegistryKey(ctx context.Context, raw string) (models.Principal, error) {
	if raw == "" {
		return models.Principal{}, models.NewError(models.MissingKey)
	}
	return f.AuthenticateKey(ctx, raw)
}

func (f fixed) AuthenticateDownload(_ context.Context, token, name, version string) (models.Principal, error) {
	if token != "the-link of "+name+"@"+version {
		return models.Principal{}, models.NewError(models.InvalidToken)
	}
	return f.key, nil
}

func (f fixed) EnterProject(_ context.Context, p models.Principal, projectID string) (models.Principal, error) {
	switch projectID {
	case "":
		return models.Principal{}, models.NewError(models.ProjectRequired)
	case f.key.ProjectID:
		p.ProjectID = projectID
		return p, nil
	}
	return models.Principal{}, models.NewError(models.ProjectNotFound)
}

func (f fixed) EnterSoleProject(context.Context, models.Principal) (models.Principal, error) {
	return models.Principal{}, models.NewError(models.ProjectRequired)
}

func (f fixed) EnterServer(context.Context, models.Principal) (models.Principal, error) {
	return models.Principal{}, models.NewError(models.InsufficientRole)
}

func (fixed) LooksLikeToken(raw string) bool { return strings.HasSuffix(raw, "-token") }

// away is an Authenticator whose database does not answer.
type away struct{}

func (away) AuthenticateKey(context.Context, string) (models.Principal, error) {
	return models.Principal{}, models.NewError(models.Unavailable)
}

func (away) AuthenticateToken(context.Context, string) (models.Principal, error) {
	return models.Principal{}, models.NewError(models.Unavailable)
}

func (away) EnterProject(context.Context, models.Principal, string) (models.Principal, error) {
	return models.Principal{}, models.NewError(models.Unavailable)
}

func (away) EnterSoleProject(context.Context, models.Principal) (models.Principal, error) {
	return models.Principal{}, models.NewError(models.Unavailable)
}

func (away) EnterServer(context.Context, models.Principal) (models.Principal, error) {
	return models.Principal{}, models.NewError(models.Unavailable)
}

func (away) LooksLikeToken(string) bool { return false }

func (away) AuthenticateRegistryKey(context.Context, string) (models.Principal, error) {
	return models.Principal{}, models.NewError(models.Unavailable)
}

func (away) AuthenticateDownload(context.Context, string, string, string) (models.Principal, error) {
	return models.Principal{}, models.NewError(models.Unavailable)
}

// TestCount: every request is counted once, for whoever it turned out to be; one too many ends there, before its body is
// looked at.
func TestCount(t *testing.T) {
	t.Parallel()
	who := fixed{key: models.Principal{ProjectID: models.NewID(), KeyID: "k"}, token: models.Principal{UserID: "u"}}
	scopeless := func(models.Principal, models.Right) error { return models.NewError(models.InsufficientScope) }
	free := func(models.Principal, models.Right) error { return nil }
	full := models.Quota{Limit: 5, Remaining: 3, Reset: time.Unix(1_700_000_000, 0)}
	for _, tt := range []struct {
		name       string
		who        middleware.Authenticator
		kind       middleware.Auth
		authorize  func(models.Principal, models.Right) error
		credential string
		refuse     bool
		status     int
		counted    string // for whom; "" for not at all
	}{
		{"key", who, middleware.AuthProject, free, "the-key", false, 200, "key k"},
		{"key that lacks the scope", who, middleware.AuthProject, scopeless, "the-key", false, 403, "key k"},
		{"wrong key", who, middleware.AuthProject, free, "x", false, 401, "nobody"},
		{"no credential", who, middleware.AuthProject, free, "", false, 401, "nobody"},
		{"token", who, middleware.AuthJWT, free, "the-token", false, 200, "user u"},
		{"wrong token", who, middleware.AuthJWT, free, "x", false, 401, "nobody"},
		{"key, one too many", who, middleware.AuthProject, free, "the-key", true, 429, "key k"},
		{"lacks the scope, one too many", who, middleware.AuthProject, scopeless, "the-key", true, 429, "key k"},
		{"wrong key, one too many", who, middleware.AuthProject, free, "x", true, 429, "nobody"},
		{"nobody knows who", away{}, middleware.AuthProject, free, "the-key", true, 503, ""},
		{"no credential is due", nil, middleware.AuthNone, nil, "", false, 200, "nobody"},
		{"no credential is due, one too many", nil, middleware.AuthNone, nil, "", true, 429, "nobody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var counted []string
			count := func(_ *gin.Context, p models.Principal) (models.Quota, error) {
				switch {
				case p.KeyID != "":
					counted = append(counted, "key "+p.KeyID)
				case p.UserID != "":
					counted = append(counted, "user "+p.UserID)
				default:
					counted = append(counted, "nobody")
				}
				if tt.refuse {
					return models.Quota{}, &models.Error{Code: models.RateLimited, RetryAfter: 42 * time.Second, Quota: models.Quota{Limit: 5, Reset: full.Reset}}
				}
				return full, nil
			}
			first := middleware.Limit(count)
			if tt.kind != middleware.AuthNone {
				first = middleware.Authenticate(tt.who, tt.kind, models.RightDecode, tt.authorize, count, nil)
			}
			b := serve(t, first, middleware.Body(10), func(c *gin.Context) { c.String(200, "ok") })
			var body io.Reader
			if tt.status == 429 {
				body = strings.NewReader("far more than ten bytes") // 413 where it is looked at
			}
			req := newRequest(t, "POST", b.url+"/api/v1/x", body)
			if tt.credential != "" {
				req.Header.Set("Authorization", "Bearer "+tt.credential)
			}
			res, text := do(t, req)
			b.srv.Close()
			if got := strings.Join(counted, ", "); res.StatusCode != tt.status || got != tt.counted {
				t.Errorf("%d %s, counted for %q; want %d, %q", res.StatusCode, text, got, tt.status, tt.counted)
			}
			want := map[string]string{"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "1700000000"}
			switch tt.status {
			case 429:
				want["X-RateLimit-Remaining"], want["Retry-After"] = "0", "42"
			case 503:
				want = map[string]string{"X-RateLimit-Limit": "", "X-RateLimit-Remaining": "", "X-RateLimit-Reset": ""}
			}
			for name, v := range want {
				if got := res.Header.Get(name); got != v {
					t.Errorf("%s is %q, want %q", name, got, v)
				}
			}
		})
	}
}

func zip(t *testing.T, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestBody(t *testing.T) {
	t.Parallel()
	const limit = 1000
	b := serve(t, middleware.Body(limit), func(c *gin.Context) {
		body, err := io.ReadAll(c.Request.Body)
		if err != nil {
			middleware.Fail(c, err)
			return
		}
		c.String(200, "%d", len(body))
	})
	text := func(n int) []byte { return bytes.Repeat([]byte("x"), n) }
	truncated := zip(t, text(500))
	truncated = truncated[:len(truncated)-9]
	damaged := zip(t, text(500))
	damaged[len(damaged)-5] ^= 0xff // the checksum
	tests := []struct {
		name           string
		body           []byte
		media, coding  string
		chunked        bool
		status         int
		want, accepted string // code or length; which header must name what is accepted
	}{
		{"at the limit", text(limit), "application/json", "", false, 200, "1000", ""},
		{"at the limit, of unknown length", text(limit), "application/json", "", true, 200, "1000", ""},
		{"above", text(limit + 1), "application/json", "", false, 413, "payload_too_large", ""},
		{"above, of unknown length", text(limit + 1), "application/json", "", true, 413, "payload_too_large", ""},
		{"far above, of unknown length", text(100 * limit), "application/json", "", true, 413, "payload_too_large", ""},
		{"charset", text(1), "application/json; charset=UTF-8", "", false, 200, "1", ""},
		{"vendor media type", text(1), "application/vnd.neurod+json", "", false, 200, "1", ""},
		{"other charset", text(1), "application/json; charset=latin1", "", false, 415, "unsupported_media_type", "Accept"},
		{"form", text(1), "application/x-www-form-urlencoded", "", false, 415, "unsupported_media_type", "Accept"},
		{"text", text(1), "text/json", "", false, 415, "unsupported_media_type", "Accept"},
		{"no media type", text(1), "", "", false, 415, "unsupported_media_type", "Accept"},
		{"broken media type", text(1), "application/json; =", "", false, 415, "unsupported_media_type", "Accept"},
		{"gzip", zip(t, text(limit)), "application/json", "gzip", false, 200, "1000", ""},
		{"gzip of unknown length", zip(t, text(limit)), "application/json", "gzip", true, 200, "1000", ""},
		{"gzip in capitals", zip(t, text(5)), "application/json", "GZIP", false, 200, "5", ""},
		{"empty gzip", zip(t, nil), "application/json", "gzip", false, 200, "0", ""},
		{"two members", append(zip(t, text(5)), zip(t, text(6))...), "application/json", "gzip", false, 200, "11", ""},
		{"gzip that unpacks to more", zip(t, text(limit+1)), "application/json", "gzip", false, 413, "payload_too_large", ""},
		{"gzip bomb", zip(t, text(800*limit)), "application/json", "gzip", false, 413, "payload_too_large", ""},
		{"no gzip", text(50), "application/json", "gzip", false, 400, "invalid_request_body", ""},
		{"truncated gzip", truncated, "application/json", "gzip", false, 400, "invalid_request_body", ""},
		{"damaged gzip", damaged, "application/json", "gzip", false, 400, "invalid_request_body", ""},
		{"identity", text(5), "application/json", "identity", false, 200, "5", ""},
		{"brotli", text(5), "application/json", "br", false, 415, "unsupported_media_type", "Accept-Encoding"},
		{"gzip twice", zip(t, zip(t, text(5))), "application/json", "gzip, gzip", false, 415, "unsupported_media_type", "Accept-Encoding"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var r io.Reader = bytes.NewReader(tt.body)
			if tt.chunked {
				r = struct{ io.Reader }{r} // hides the length
			}
			req := newRequest(t, "POST", b.url+"/api/v1/x", r, "Content-Encoding", tt.coding)
			if tt.media != "" {
				req.Header.Set("Content-Type", tt.media)
			}
			if tt.coding == "" {
				req.Header.Del("Content-Encoding")
			}
			res, body := do(t, req)
			got := body
			if res.StatusCode != 200 {
				got = code(t, body)
			}
			if res.StatusCode != tt.status || got != tt.want {
				t.Errorf("%d %s, want %d %s", res.StatusCode, body, tt.status, tt.want)
			}
			if tt.accepted != "" && res.Header.Get(tt.accepted) == "" {
				t.Errorf("no %s header tells what is accepted", tt.accepted)
			}
		})
	}
}

func TestAccessLogKeepsSecrets(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&buf, nil))
	e := gin.New()
	e.Use(middleware.RequestID(), middleware.AccessLog(log, nil))
	who := fixed{key: models.Principal{ProjectID: "p1", KeyID: "k1"}}
	e.POST("/v1/x", middleware.Authenticate(who, middleware.AuthProject, "", func(models.Principal, models.Right) error { return nil }, nil, nil),
		func(c *gin.Context) {
			middleware.Fail(c, models.NewError(models.JobCreateFailed).Wrap(io.ErrUnexpectedEOF))
		})
	req := httptest.NewRequest("POST", "/v1/x?api_key=query-secret", strings.NewReader("body-secret"))
	req.Header.Set("Authorization", "Bearer the-key")
	req.Header.Set("X-Request-Id", "trace-1")
	e.ServeHTTP(httptest.NewRecorder(), req)

	line := buf.String()
	for _, secret := range []string{"query-secret", "body-secret", "the-key"} {
		if strings.Contains(line, secret) {
			t.Errorf("%s is in the log: %s", secret, line)
		}
	}
	for _, part := range []string{`"request_id":"trace-1"`, `"path":"/v1/x"`, `"status":500`, `"project_id":"p1"`, `"key_id":"k1"`, `"code":"job_create_failed"`, `"cause":"unexpected EOF"`, `"level":"ERROR"`} {
		if !strings.Contains(line, part) {
			t.Errorf("%s is not in the log: %s", part, line)
		}
	}
}
