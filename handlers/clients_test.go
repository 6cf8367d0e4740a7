package handlers_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/neurod/neurod/handlers"
	"github.com/neurod/neurod/internal/clients"
)

// TestClientsAreServed: a list for people and for programs, with the address by which clients reach the server, and files whole, in
// ranges and under their checksum.
func TestClientsAreServed(t *testing.T) {
	t.Parallel()
	const wheel, archive, tarball = "neurod_client-0.1.0-py3-none-any.whl", "neurod_client-0.1.0.tar.gz", "neurod-sdk-0.1.0.tgz"
	files, err := clients.Read(fstest.MapFS{tarball: {Data: []byte("t")}, archive: {Data: []byte("a")}, wheel: {Data: []byte("0123456789")}, "README": {Data: []byte("x")},
		"voxel_sdk-0.1.1-py3-none-any.whl": {Data: []byte("y")}})
	if err != nil || len(files) != 3 || files[0].Name != wheel || files[1].Name != archive || files[2].Name != tarball || files[2].Version != "0.1.0" {
		t.Fatalf("%+v, %v", files, err)
	}
	serve := func(files []clients.File, public string) func(path string, headers ...string) *httptest.ResponseRecorder {
		h, err := handlers.NewRouter(handlers.Config{Clients: files, PublicURL: public})
		if err != nil {
			t.Fatal(err)
		}
		return func(path string, headers ...string) *httptest.ResponseRecorder {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
			for i := 0; i < len(headers); i += 2 {
				req.Header.Set(headers[i], headers[i+1])
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			return w
		}
	}
	get := serve(files, "https://eeg.example.org/neurod")
	sum := sha256.Sum256([]byte("0123456789"))
	digest := hex.EncodeToString(sum[:])
	const at = "https://eeg.example.org/neurod/clients/"
	page := get("/clients/", "Accept", "text/html,*/*")
	if page.Code != 200 || !strings.Contains(page.Body.String(), `href="`+at+wheel+"#sha256="+digest+`"`) || !strings.HasPrefix(page.Header().Get("Content-Type"), "text/html") {
		t.Errorf("page: %d %s", page.Code, page.Body)
	}
	var doc struct {
		Clients []struct {
			Name, URL, SHA256, Install, Language string
		} `json:"clients"`
	}
	list := get("/clients/", "Accept", "application/json")
	if err := json.Unmarshal(list.Body.Bytes(), &doc); err != nil || len(doc.Clients) != 3 || doc.Clients[0].URL != at+wheel || doc.Clients[0].SHA256 != digest ||
		doc.Clients[0].Install != `pip install "neurod-client @ `+at+wheel+`"` || doc.Clients[2].Name != "@neurod/sdk" || doc.Clients[2].Install != "npm install "+at+tarball {
		t.Errorf("list: %v, %s", err, list.Body)
	}
	file := get("/clients/" + wheel)
	if file.Code != 200 || file.Body.String() != "0123456789" || file.Header().Get("ETag") != `"`+digest+`"` || file.Header().Get("Content-Type") != "application/zip" ||
		file.Header().Get("X-Checksum-Sha256") != digest || file.Header().Get("Cache-Control") != "public, no-cache" {
		t.Errorf("file: %d %v", file.Code, file.Header())
	}
	if short := get("/clients/neurod-sdk.tgz"); short.Code != 200 || short.Body.String() != "t" || !strings.Contains(short.Header().Get("Content-Disposition"), tarball) {
		t.Errorf("without a version: %d %v", short.Code, short.Header())
	}
	if same := get("/clients/"+wheel, "If-None-Match", `"`+digest+`"`); same.Code != 304 || same.Body.Len() > 0 {
		t.Errorf("the same again: %d %s", same.Code, same.Body)
	}
	if part := get("/clients/"+wheel, "Range", "bytes=2-4"); part.Code != 206 || part.Body.String() != "234" {
		t.Errorf("a part: %d %s", part.Code, part.Body)
	}
	if beyond := get("/clients/"+wheel, "Range", "bytes=99-"); beyond.Code != 416 || !strings.Contains(beyond.Body.String(), "range_not_satisfiable") {
		t.Errorf("beyond: %d %s", beyond.Code, beyond.Body)
	}
	for _, name := range []string{"README", "voxel_sdk-0.1.1-py3-none-any.whl", "..%2f..%2fgo.mod", "neurod_client-0.2.0.tar.gz"} {
		if none := get("/clients/" + name); none.Code != 404 {
			t.Errorf("%s: %d", name, none.Code)
		}
	}
	if empty := serve([]clients.File{}, "")("/clients/", "Accept", "application/json"); empty.Code != 200 || !strings.Contains(empty.Body.String(), "make sdk") {
		t.Errorf("without clients: %d %s", empty.Code, empty.Body)
	}
}
