package catalog_test

import (
	"io/fs"
	"os"
	"testing"

	"github.com/neurod/neurod/decoders/catalog"
)

// TestPeopleOfTheProgram are those of the built-in models, in a few megabytes, with their licence.
func TestPeopleOfTheProgram(t *testing.T) {
	t.Parallel()
	p, err := catalog.People()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Labels) < 2 || p.Trials() < 100 || len(p.Channels) < 21 || len(p.Sources) == 0 || p.Sources[0].Licence == "" {
		t.Errorf("%d people, %d trials, %d channels, sources %v", len(p.Labels), p.Trials(), len(p.Channels), p.Sources)
	}
	st, err := fs.Stat(os.DirFS("builtin"), catalog.PeopleFile)
	if err != nil {
		t.Fatal(err)
	}
	if st.Size() > 5<<20 {
		t.Errorf("the statistics take %d bytes of the program", st.Size())
	}
}
