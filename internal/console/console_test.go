package console

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/gzip"
)

// TestRead: the files of a built application, those that never change among them; nothing of a folder without a page.
func TestRead(t *testing.T) {
	t.Parallel()
	script := strings.Repeat("export const x = 1;\n", 100)
	dist := fstest.MapFS{
		"README":              {Data: []byte("no part of it")},
		"index.html":          {Data: []byte("<!doctype html>" + strings.Repeat("<p></p>", 50))},
		"favicon.svg":         {Data: []byte("<svg/>")},
		"assets/index-4f2.js": {Data: []byte(script)},
		"assets/x-9.woff2":    {Data: bytes.Repeat([]byte{0}, 1000)},
	}
	files, err := Read(dist)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 {
		t.Errorf("%d files", len(files))
	}
	js := files["assets/index-4f2.js"]
	r, err := gzip.NewReader(bytes.NewReader(js.Gzip))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := io.ReadAll(r); err != nil || string(plain) != script || !js.Fixed || js.Media != "text/javascript; charset=utf-8" {
		t.Errorf("%q, %v, %+v", plain, err, js)
	}
	if f := files["assets/x-9.woff2"]; f.Gzip != nil || !f.Fixed {
		t.Error("a font is compressed twice, or is taken to change")
	}
	if f := files[Page]; f.Fixed || f.Gzip == nil {
		t.Error("the page is taken never to change, or is not compressed")
	}
	if f := files["favicon.svg"]; f.Fixed || f.Gzip != nil {
		t.Errorf("%+v", f)
	}
	delete(dist, "index.html")
	if files, err := Read(dist); err != nil || len(files) != 0 {
		t.Errorf("without a page: %d files, %v", len(files), err)
	}
	if _, err := Embedded(); err != nil {
		t.Error(err)
	}
}
