// Package console holds the built web application that the program carries. `make build` puts it into folder dist before the program is
// built; without it the program has no console, and says at / how to get one.
//
// The application is one page, index.html, which is the answer at every path that it has a view for, and the files that it loads. Those
// under assets carry a hash of their content in their names, as Vite gives them: they never change. What is text is kept compressed, once.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

//go:embed dist
var embedded embed.FS

// Page is the file that answers for every view.
const Page = "index.html"

// Assets is the folder of the files whose names carry a hash of their content.
const Assets = "assets/"

// File is a file of the application.
type File struct {
	Media string
	Data  []byte
	Gzip  []byte // nil where it would be no shorter
	ETag  string
	// Fixed tells that a file of this name always has this content.
	Fixed bool
}

// Files are those of an application, by their paths in it, as in "assets/index-4f2a.js".
type Files map[string]File

// Embedded returns the files that the program carries, none where it was built without.
var Embedded = sync.OnceValues(func() (Files, error) {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return Read(dist)
})

// media are the types of the files that an application is made of. Others are not served.
var media = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".json": "application/json",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json",
	".txt": "text/plain; charset=utf-8", ".map": "application/json", ".wasm": "application/wasm",
}

// Read returns the files of a folder. One without index.html has none.
func Read(dist fs.FS) (Files, error) {
	files := Files{}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		kind, known := media[path.Ext(name)]
		if !known {
			return nil
		}
		data, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		f := File{Media: kind, Data: data, ETag: `"` + hex.EncodeToString(sum[:16]) + `"`, Fixed: strings.HasPrefix(name, Assets)}
		if f.Gzip, err = shorter(kind, data); err != nil {
			return err
		}
		files[name] = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	if _, whole := files[Page]; !whole {
		return Files{}, nil
	}
	return files, nil
}

// shorter returns a text compressed, nil where that saves nothing and for what is compressed already.
func shorter(kind string, data []byte) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(kind)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(kind, "text/") && kind != "application/json" && kind != "application/wasm" && !strings.HasSuffix(kind, "+json") && !strings.HasSuffix(kind, "+xml") {
		return nil, nil
	}
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if b.Len() >= len(data) {
		return nil, nil
	}
	return b.Bytes(), nil
}
