// Package clients holds the built clients that the program carries, so that whoever reaches a server can install what fits it, without
// a registry. `make sdk` puts them into folder dist before the program is built; without them the list is empty.
//
// A file is known by its name, which its format's tools gave it: Python's wheels and source archives (PEP 427, PEP 625), npm's
// tarballs.
package clients

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed dist
var embedded embed.FS

// Language is what a client is written for.
type Language string

// The languages.
const (
	Python     Language = "python"
	TypeScript Language = "typescript"
)

// File is a file to be installed from.
type File struct {
	Name     string // of the file
	Short    string // a name without the version, under which it is served as well; "" for none: pip reads the version from the name
	Package  string // as its registry would know it
	Version  string
	Language Language
	Source   bool   // an archive that is built where it is installed: the other one of its language is better
	Media    string // media type
	SHA256   string // hex
	Data     []byte
}

// forms are the names that files may have. The first group is the version.
var forms = []struct {
	name     *regexp.Regexp
	pkg      string
	short    string
	language Language
	source   bool
	media    string
}{
	{regexp.MustCompile(`^neurod_client-([0-9][0-9A-Za-z.+!_]*)-py3-none-any\.whl$`), "neurod-client", "", Python, false, "application/zip"},
	{regexp.MustCompile(`^neurod_client-([0-9][0-9A-Za-z.+!_]*)\.tar\.gz$`), "neurod-client", "", Python, true, "application/gzip"},
	{regexp.MustCompile(`^neurod-sdk-([0-9][0-9A-Za-z.+-]*)\.tgz$`), "@neurod/sdk", "neurod-sdk.tgz", TypeScript, false, "application/gzip"},
}

// Embedded returns the files that the program carries.
var Embedded = sync.OnceValues(func() ([]File, error) {
	dist, err := fs.Sub(embedded, "dist")
	if err != nil {
		return nil, fmt.Errorf("clients: %w", err)
	}
	return Read(dist)
})

// Read returns the clients of a folder, by language, what is to be installed first; other files are passed over.
func Read(dist fs.FS) ([]File, error) {
	entries, err := fs.ReadDir(dist, ".")
	if err != nil {
		return nil, fmt.Errorf("clients: %w", err)
	}
	var out []File
	for _, e := range entries {
		for i, form := range forms {
			m := form.name.FindStringSubmatch(e.Name())
			if m == nil || e.IsDir() {
				continue
			}
			b, err := fs.ReadFile(dist, e.Name())
			if err != nil {
				return nil, fmt.Errorf("clients: %w", err)
			}
			sum := sha256.Sum256(b)
			out = append(out, File{Name: e.Name(), Short: form.short, Package: form.pkg, Version: m[1], Language: form.language, Source: forms[i].source, Media: form.media,
				SHA256: hex.EncodeToString(sum[:]), Data: b})
		}
	}
	slices.SortFunc(out, func(a, b File) int {
		if c := strings.Compare(string(a.Language), string(b.Language)); c != 0 {
			return c
		}
		if a.Source != b.Source {
			if a.Source {
				return 1
			}
			return -1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out, nil
}

// Install is the command that installs a file from where it lies.
func (f File) Install(url string) string {
	if f.Language == Python {
		return `pip install "neurod-client @ ` + url + `"`
	}
	return `npm install ` + url
}
