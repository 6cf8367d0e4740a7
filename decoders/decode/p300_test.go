package decode_test

import (
	"testing"

	"github.com/neurod/neurod/decoders/catalog"
)

func trainP300(t testing.TB, cat *catalog.Catalog) {}
