package handlers

import (
	"bytes"
	"compress/gzip"
	"embed"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/swaggest/swgui/v5/static"

	"github.com/neurod/neurod/api"
	"github.com/neurod/neurod/models"
)

// What the page of the API is made of: Swagger UI, and what is ours around it.
var (
	//go:embed docs
	docsFiles embed.FS
	docsPage  = template.Must(template.ParseFS(docsFiles, "docs/page.html"))
)

// docsPolicy lets the page run what this server gives it, and talk to this server alone. Swagger UI draws its signs from data URLs.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// contracts are the descriptions of the ways in, for people who write clients. Those that this server does not serve are left out.
func (a *API) contracts() []contract {
	var out []contract
	for _, c := range []contract{{"OpenAPI (YAML)", "openapi.yaml"}, {"OpenAPI (JSON)", "openapi.json"}, {"AsyncAPI of the WebSockets", "asyncapi.yaml"}, {"GraphQL schema", "schema.graphql"},
		{"Clients for Python and TypeScript", "clients/"}} {
		for _, r := range a.Routes() {
			if r.Path == "/"+c.Href {
				out = append(out, c)
			}
		}
	}
	for _, name := range api.ProtoFiles() {
		out = append(out, contract{"gRPC: " + name, "proto/" + name})
	}
	return out
}

type contract struct{ Name, Href string }

// docs is GET /docs: the API, to read and to try.
func (a *API) docs(c *gin.Context) {
	var page bytes.Buffer
	if err := docsPage.Execute(&page, a.contracts()); err != nil {
		fail(c, err)
		return
	}
	c.Header("Content-Security-Policy", docsPolicy)
	c.Data(http.StatusOK, "text/html; charset=utf-8", page.Bytes())
}

// docsAsset is a file of the page, as it is and packed.
type docsAsset struct {
	media       string
	plain, gzip []byte
}

// docsAssets are the files of the page, by name.
var docsAssets = sync.OnceValues(func() (map[string]docsAsset, error) {
	out := map[string]docsAsset{}
	for _, name := range []string{"page.js", "page.css"} {
		b, err := docsFiles.ReadFile("docs/" + name)
		if err != nil {
			return nil, err
		}
		out[name] = docsAsset{media: mediaOf(name), plain: b}
	}
	for _, name := range []string{"swagger-ui-bundle.js", "swagger-ui.css"} {
		b, err := fs.ReadFile(static.FS, name+".gz")
		if err != nil {
			return nil, err
		}
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		plain, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		out[name] = docsAsset{media: mediaOf(name), plain: plain, gzip: b}
	}
	return out, nil
})

// mediaOf is the media type of a file of the page. Package mime also asks the machine, which may know others.
func mediaOf(name string) string {
	if path.Ext(name) == ".css" {
		return "text/css; charset=utf-8"
	}
	return "text/javascript; charset=utf-8"
}

// docsFile is GET /docs/:file.
func (a *API) docsFile(c *gin.Context) {
	assets, err := docsAssets()
	if err != nil {
		fail(c, err)
		return
	}
	f, there := assets[c.Param("file")]
	if !there {
		fail(c, models.NewError(models.NotFound))
		return
	}
	c.Header("Vary", "Accept-Encoding")
	c.Header("Cache-Control", "public, max-age=3600")
	if f.gzip != nil && strings.Contains(c.GetHeader("Accept-Encoding"), "gzip") {
		c.Header("Content-Encoding", "gzip")
		c.Data(http.StatusOK, f.media, f.gzip)
		return
	}
	c.Data(http.StatusOK, f.media, f.plain)
}

// protoFile is GET /proto/:package/:version/:file: what clients of gRPC are made of.
func (a *API) protoFile(c *gin.Context) {
	b, err := api.Proto(c.Param("package") + "/" + c.Param("version") + "/" + c.Param("file"))
	if err != nil {
		fail(c, models.NewError(models.NotFound))
		return
	}
	c.Data(http.StatusOK, "text/plain; charset=utf-8", b)
}
