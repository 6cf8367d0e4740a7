package recording

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"slices"
	"strings"
)

// Member is one recording of a ZIP archive. It is read when Open is called, so an archive of many needs the memory
// of one.
type Member struct {
	Name string // with the folders of the archive
	file *zip.File
}

// OpenZip lists the files of a ZIP archive of size bytes, ordered by name, without folders and hidden files.
func OpenZip(r io.ReaderAt, size int64) ([]Member, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, malformed(Zip, map[string]any{"bytes": size}, "%v", err)
	}
	var members []Member
	for _, f := range z.File {
		base := path.Base(f.Name)
		if strings.HasSuffix(f.Name, "/") || strings.HasPrefix(base, ".") || strings.HasPrefix(f.Name, "__MACOSX/") {
			continue
		}
		members = append(members, Member{Name: f.Name, file: f})
	}
	slices.SortStableFunc(members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return members, nil
}

// Open unpacks and reads the member. A member that unpacks to more than 64 times its packed size (and more than a
// mebibyte) is refused.
func (m Member) Open() (*Recording, error) {
	f, err := m.file.Open()
	if err != nil {
		return nil, malformed(Zip, map[string]any{"member": m.Name}, "%s: %v", m.Name, err)
	}
	defer f.Close()
	b, err := readLimited(f, unpackLimit(int64(min(m.file.CompressedSize64, 1<<40))), Zip)
	if err != nil {
		return nil, err
	}
	return Open(path.Base(m.Name), bytes.NewReader(b), int64(len(b)))
}
