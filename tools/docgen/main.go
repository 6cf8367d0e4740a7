// Command docgen writes the reference pages that come from code: the error table, the configuration, the devices, the kinds of jobs, the
// red flags and the models; the pages and pictures of docs/results and docs/results-cvep from their results.json; and what the Python client takes from the API's
// document. With -check it fails when a page is not current.
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// A page is one generated file.
type page struct {
	path  string
	write func(*bytes.Buffer)
}

func main() {
	check := flag.Bool("check", false, "compare with the files instead of writing them")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	pages := []page{
		{"docs/reference/errors.md", writeErrors},
		{"docs/reference/configuration.md", writeConfiguration},
		{"docs/reference/devices.md", writeDevices},
		{"docs/reference/flags.md", writeFlags},
		{"docs/reference/jobs.md", writeJobs},
		{"docs/reference/models.md", writeModels},
	}
	for _, folder := range []string{"docs/results", "docs/results-cvep"} {
		measured, err := resultPages(folder)
		if err != nil {
			return err
		}
		pages = append(pages, measured...)
	}
	client, err := pythonPages()
	if err != nil {
		return err
	}
	pages = append(pages, client...)
	slices.SortFunc(pages, func(a, b page) int { return cmp.Compare(a.path, b.path) })
	for _, p := range pages {
		var b bytes.Buffer
		p.write(&b)
		if check {
			old, err := os.ReadFile(p.path)
			if err != nil || !bytes.Equal(old, b.Bytes()) {
				return fmt.Errorf("%s is not current: run make generate", p.path)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(p.path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p.path, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
