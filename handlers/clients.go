package handlers

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/internal/build"
	"github.com/neurod/neurod/internal/clients"
	"github.com/neurod/neurod/models"
)

// clientsDocument lists the clients that the server carries.
type clientsDocument struct {
	Server  string           `json:"server_version"`
	Clients []clientDocument `json:"clients"`
	// Build says how they get in where there are none.
	Build string `json:"build,omitempty"`
}

type clientDocument struct {
	Name     string           `json:"name"`
	Version  string           `json:"version"`
	Language clients.Language `json:"language"`
	File     string           `json:"file"`
	URL      string           `json:"url"`
	SHA256   string           `json:"sha256"`
	Size     int              `json:"size_bytes"`
	Install  string           `json:"install"`
}

// howToBuild is told where the program carries no clients.
const howToBuild = "This build of neurod carries no clients. `make sdk` builds them (Python 3.10 and Node 20 or later), and `make build` puts them into the program."

// clientFiles returns the files that are served.
func (a *API) clientFiles() ([]clients.File, error) {
	if a.cfg.Clients != nil {
		return a.cfg.Clients, nil
	}
	return clients.Embedded()
}

// listClients is GET /clients/: a page for people and for pip's --find-links, JSON for who asks for it.
func (a *API) listClients(c *gin.Context) {
	files, err := a.clientFiles()
	if err != nil {
		fail(c, err)
		return
	}
	doc := clientsDocument{Server: build.Read().String(), Clients: make([]clientDocument, len(files))}
	base := a.base(c).String() + "/clients/"
	for i, f := range files {
		url := base + f.Name
		doc.Clients[i] = clientDocument{Name: f.Package, Version: f.Version, Language: f.Language, File: f.Name, URL: url, SHA256: f.SHA256, Size: len(f.Data), Install: f.Install(url)}
	}
	if len(files) == 0 {
		doc.Build = howToBuild
	}
	c.Header("Vary", "Accept")
	if c.NegotiateFormat(gin.MIMEHTML, gin.MIMEJSON) == gin.MIMEJSON {
		c.PureJSON(http.StatusOK, doc)
		return
	}
	var page bytes.Buffer
	if err := clientsPage.Execute(&page, doc); err != nil {
		fail(c, err)
		return
	}
	c.Data(http.StatusOK, "text/html; charset=utf-8", page.Bytes())
}

// clientsPage is the list for people. Its links carry checksums, which pip holds what it fetches to.
var clientsPage = template.Must(template.New("clients").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Clients of neurod {{.Server}}</title></head>
<body>
<h1>Clients of neurod {{.Server}}</h1>
{{if .Build}}<p>{{.Build}}</p>{{else}}<p>Install the one of this server, so that both fit. Packages called voxel-sdk in public registries are other people's.</p>{{end}}
<ul>
{{range .Clients}}<li><a href="{{.URL}}#sha256={{.SHA256}}">{{.File}}</a>: {{.Name}} {{.Version}}, {{.Size}} bytes, SHA-256 <code>{{.SHA256}}</code><br><code>{{.Install}}</code></li>
{{end}}</ul>
</body>
</html>
`))

// clientFile is GET /clients/:file.
func (a *API) clientFile(c *gin.Context) {
	files, err := a.clientFiles()
	if err != nil {
		fail(c, err)
		return
	}
	for _, f := range files {
		if name := c.Param("file"); f.Name != name && (f.Short == "" || f.Short != name) {
			continue
		}
		h := c.Writer.Header()
		h.Set("Content-Type", f.Media)
		h.Set("Content-Disposition", `attachment; filename="`+f.Name+`"`)
		h.Set("ETag", `"`+f.SHA256+`"`)
		// The name tells the version, and a server in the making may have another file of the same version tomorrow: the tag decides.
		h.Set("Cache-Control", "public, no-cache")
		h.Set("X-Checksum-Sha256", f.SHA256)
		if sum, err := hex.DecodeString(f.SHA256); err == nil {
			h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum)+":") // RFC 9530
		}
		w := &rangeWriter{ResponseWriter: c.Writer}
		http.ServeContent(w, c.Request, "", time.Time{}, bytes.NewReader(f.Data))
		if w.refused {
			h.Set("Cache-Control", "no-store") // which ServeContent takes away from errors
			fail(c, models.NewError(render.RangeNotSatisfiable))
		}
		return
	}
	fail(c, models.NewError(models.NotFound))
}
