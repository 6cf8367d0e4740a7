package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/neurod/neurod/internal/lab/results"
)

// resultPages are the files that the kept figures of an evaluation render to. A picture that they do not is a fault.
func resultPages(folder string) ([]page, error) {
	kept, err := results.Read(folder)
	if err != nil {
		return nil, err
	}
	files, err := kept.Files()
	if err != nil {
		return nil, err
	}
	there, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, f := range there {
		if _, ok := files[f.Name()]; !ok {
			return nil, fmt.Errorf("%s is not made from %s: take it away", filepath.Join(folder, f.Name()), results.File)
		}
	}
	var out []page
	for name, b := range files {
		out = append(out, page{filepath.Join(folder, name), func(to *bytes.Buffer) { to.Write(b) }})
	}
	return out, nil
}
