package readertest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
)

// Conform holds a row of the registry to the contract of readers, from its own example on:
//
//   - the row is whole: a name and an extension of what is read, a reason for what is not;
//   - its example is recognized, has channels, and reads the same whole and as a stream in pieces of any size;
//   - whatever a header claims, at any place, and wherever the file is cut: the memory follows the bytes that are there, and errors have
//     codes.
//
// It looks at the allocations of the whole program, so nothing may run in parallel.
func Conform(t *testing.T, r recording.Reader) {
	t.Helper()
	if len(r.Formats) == 0 || r.Sniff == nil {
		t.Fatalf("a row has no format or no way to be recognized: %+v", r)
	}
	t.Run(string(r.Formats[0]), func(t *testing.T) {
		if r.Whole == nil && r.Inspect == nil && r.Files == nil {
			if r.Refusal == "" || len(r.Names) > 0 {
				t.Error("what is not read has a Refusal and is not listed as supported")
			}
			return
		}
		if len(r.Extensions)+len(r.Ambiguous) == 0 && r.Whole == nil {
			t.Error("the row has no extension")
		}
		if (r.Inspect == nil) != (r.Open == nil) {
			t.Error("Inspect and Open go together")
		}
		if r.Inspect == nil {
			return
		}
		if len(r.MediaTypes) == 0 {
			t.Error("the row has no media type, so that it cannot be uploaded")
		}
		if r.Example == nil {
			t.Fatal("the row has no Example")
		}
		tried := 0
		for _, format := range r.Formats {
			name, content := r.Example(format)
			if content == nil {
				continue
			}
			tried++
			conform(t, format, name, content)
		}
		if tried == 0 {
			t.Error("Example makes no file")
		}
	})
}

// claims are what a header may say of counts and lengths.
var claims = []string{"2e9", "99999999", "\xff\xff\xff\xff", "\xff\xff\xff\x7f", "\x00\x00\x00\x00\x00\x00\x00\x40", "-1", "\x08\x00\x00\x00\xff\xff\x00\x00\x00"}

func conform(t *testing.T, format recording.Format, name string, example []byte) {
	t.Helper()
	if len(example) > 4096 {
		t.Errorf("an example of %d bytes is not small", len(example))
	}
	if got := formats.Sniff(name, example); got != format {
		t.Errorf("the example of %s is taken for %s", format, got)
	}
	rec, _, err := formats.Inspect(name, bytes.NewReader(example))
	if err != nil || len(rec.Channels) == 0 {
		t.Fatalf("%s: %v", format, err)
	}
	SameReading(t, name, example, 1, 7, 4096)
	for at := range min(len(example), 800) {
		for _, claim := range claims {
			file := slices.Clone(example)
			if at+len(claim) > len(file) {
				continue
			}
			copy(file[at:], claim)
			Allocated(t, fmt.Sprintf("%s with %q at %d", format, claim, at), len(file), func() { ReadBoth(t, name, file) })
		}
		Allocated(t, fmt.Sprintf("%s cut at %d", format, at), at+1, func() { ReadBoth(t, name, example[:at+1]) })
	}
}
