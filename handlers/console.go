package handlers

import (
	"bytes"
	"html/template"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/internal/build"
	"github.com/neurod/neurod/internal/console"
)

// The console is pages, not routes: its one page answers wherever a browser asks for one at a path that is not the API's, so that each
// of its views has an address; its own files answer at theirs.

// noConsole is the page at / of a program that was built without the console. It has no style: the policy of its own allows none.
var noConsole = template.Must(template.New("console").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>neurod {{.}}</title></head>
<body>
<main>
<h1>neurod {{.}}</h1>
<p>This build of neurod carries no console. In the folder of its source, <code>make build</code> builds the console (with Node 20 or later; <code>make setup</code> brings it) and the program with it.</p>
<p>The API is there: <a href="openapi.yaml">openapi.yaml</a> describes it, and <a href="clients/">clients/</a> has clients for it.</p>
</main>
</body>
</html>
`))

// pagePolicy is what the console's pages may do (https://www.w3.org/TR/CSP3/): load what this server carries, ask this server, and
// nothing else. No script or style stands in a page, so that none which somebody has put into a name or a label is ever run.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// pagePermissions switches off what a page of EEG never needs, should somebody get to run something in it.
const pagePermissions = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), usb=()"

// page answers with a page or a file of the console, and reports whether the request was for one.
func (a *API) page(c *gin.Context) bool {
	path := c.Request.URL.Path
	if c.Request.Method != http.MethodGet || !strings.HasPrefix(path, "/") {
		return false
	}
	files := a.cfg.Console
	if files == nil {
		var err error
		if files, err = console.Embedded(); err != nil {
			fail(c, err)
			return true
		}
	}
	name := path[1:]
	if f, ok := files[name]; ok && name != console.Page {
		a.consoleFile(c, f)
		return true
	}
	if path != "/" && (a.isAPI(path) || !wantsPage(c.Request)) {
		return false
	}
	if f, ok := files[console.Page]; ok {
		a.consoleFile(c, f)
		return true
	}
	if path != "/" {
		return false
	}
	var page bytes.Buffer
	if err := noConsole.Execute(&page, build.Read().String()); err != nil {
		fail(c, err)
		return true
	}
	a.consoleFile(c, console.File{Media: "text/html; charset=utf-8", Data: page.Bytes()})
	return true
}

// consoleFile writes a file of the console.
func (a *API) consoleFile(c *gin.Context, f console.File) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Permissions-Policy", pagePermissions)
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if a.base(c).Scheme == "https" { // browsers complain of it elsewhere
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
	}
	if f.Fixed {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else if f.ETag != "" && !strings.HasPrefix(f.Media, "text/html") {
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", f.ETag)
		if c.GetHeader("If-None-Match") == f.ETag {
			c.Status(http.StatusNotModified)
			return
		}
	}
	body := f.Data
	if f.Gzip != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(c.Request) {
			h.Set("Content-Encoding", "gzip")
			body = f.Gzip
		}
	}
	c.Data(http.StatusOK, f.Media, body)
}

// acceptsGzip reports whether a client takes an answer in gzip (RFC 9110, 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(part, " ", "")), ";")
		if coding == "gzip" || coding == "*" {
			return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
		}
	}
	return false
}

// wantsPage reports whether whoever asks is a browser that goes to an address: it says that it takes HTML, which no client of the API does.
func wantsPage(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header.Values("Accept"), ","), "text/html")
}

// isAPI reports whether a path lies where the API has paths: what is wrong with it is told as an error.
func (a *API) isAPI(path string) bool { return a.segments[firstSegment(path)] }

// firstSegment returns the first part of a path.
func firstSegment(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return strings.ToLower(first)
}

// segments returns the first parts of the API's paths, and of those that others than the route table answer.
func segments(routes []Route) map[string]bool {
	out := map[string]bool{"v2": true, "graphql": true, "ws": true, "docs": true, "assets": true, "auth": true}
	for _, r := range routes {
		out[firstSegment(r.Path)] = true
	}
	delete(out, "") // the page itself
	return out
}
