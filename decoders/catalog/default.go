package catalog

import (
	"embed"
	"io/fs"

	"github.com/neurod/neurod/decoders"
)

//go:embed builtin
var builtin embed.FS

// Pipelines returns every algorithm of the program. There is no other place where one is registered.
func Pipelines() []decoders.Pipeline {
	return []decoders.Pipeline{}
}

// trainingFree returns the decoders that need no training, with their cards.
func trainingFree() ([]decoders.Decoder, []ModelCard, error) {
	return nil, nil, nil
}

// Default returns a catalog of every pipeline, the decoders that need no training and the built-in models.
// An error means that the program was built wrongly.
func Default() (*Catalog, error) {
	c, err := New(Pipelines()...)
	if err != nil {
		return nil, err
	}
	free, cards, err := trainingFree()
	if err != nil {
		return nil, err
	}
	for i, d := range free {
		if err := c.AddDecoder(d, cards[i], TrainingFree); err != nil {
			return nil, err
		}
	}
	files, err := fs.Sub(builtin, "builtin")
	if err != nil {
		return nil, err
	}
	if _, err := c.AddFS(files, BuiltIn); err != nil {
		return nil, err
	}
	return c, nil
}
