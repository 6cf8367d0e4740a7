package catalog

import (
	"embed"
	"io/fs"
	"slices"
	"sync"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/cvep"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/decoders/ssvep"
	"github.com/neurod/neurod/eeg"
)

//go:embed builtin
var builtin embed.FS

// Pipelines returns every algorithm of the program. There is no other place where one is registered.
func Pipelines() []decoders.Pipeline {
	return []decoders.Pipeline{
		motorimagery.CSPLDA(),
		motorimagery.TSLR(),
		motorimagery.MDM(),
		motorimagery.FgMDM(),
		motorimagery.FBCSP(),
		motorimagery.CSPRxLDA(),
		motorimagery.CSPRxGMM(),
		ssvep.ECCA(),
		ssvep.TRCA(),
		ssvep.ETRCA(),
		ssvep.TDCA(),
		cvep.RCCA(),
		cvep.Template(),
		p300.ERPLDA(),
		p300.XDAWNLDA(),
		p300.XDAWNRxLDA(),
		p300.XDAWNRxGMM(),
		p300.XDAWNCov(),
		seizure.IctalScore(),
	}
}

// Of returns the pipelines of a paradigm, in their order.
func Of(paradigm eeg.Paradigm) []decoders.Pipeline {
	return slices.DeleteFunc(Pipelines(), func(p decoders.Pipeline) bool { return p.Paradigm() != paradigm })
}

// Default returns a catalog of every pipeline, the decoders that need no training and the built-in models, to which the
// caller may add others. The models themselves are read once a process. An error means that the program was built wrongly.
func Default() (*Catalog, error) {
	c, err := whatIsBuiltIn()
	if err != nil {
		return nil, err
	}
	return c.clone(), nil
}

// PeopleFile is the name of the statistics of the people behind the built-in models of motor imagery, among the model files.
const PeopleFile = "motor_imagery-left_right.people"

// People returns the covariances of the trials of the people whom the built-in models of motor imagery were trained on, from which a
// training may start. An error means that the program was built wrongly.
func People() (*motorimagery.People, error) { return people() }

var people = sync.OnceValues(func() (*motorimagery.People, error) {
	b, err := builtin.ReadFile("builtin/" + PeopleFile)
	if err != nil {
		return nil, err
	}
	return motorimagery.ParsePeople(b)
})

var whatIsBuiltIn = sync.OnceValues(func() (*Catalog, error) {
	c, err := New(Pipelines()...)
	if err != nil {
		return nil, err
	}
	for _, free := range []struct {
		cfg  ssvep.Config
		card ModelCard
	}{
		{ssvep.Config{Method: ssvep.FBCCA}, ssvepCard(ssvep.FBCCA)},
		{ssvep.Config{Method: ssvep.CCA}, ssvepCard(ssvep.CCA)},
		{ssvep.Config{Method: ssvep.FBCCA, Name: registryName, Version: registryVersion}, registryCard()},
	} {
		d, err := ssvep.New(free.cfg)
		if err != nil {
			return nil, err
		}
		if err := c.AddDecoder(d, free.card, eeg.SourceTrainingFree); err != nil {
			return nil, err
		}
	}
	if err := c.AddDecoder(seizure.New(), seizureCard(), eeg.SourceTrainingFree); err != nil {
		return nil, err
	}
	if err := c.AddDecoder(p300.NewUMM(), ummCard(), eeg.SourceTrainingFree); err != nil {
		return nil, err
	}
	files, err := fs.Sub(builtin, "builtin")
	if err != nil {
		return nil, err
	}
	if _, err := c.AddFS(files, eeg.SourceBuiltIn); err != nil {
		return nil, err
	}
	return c, nil
})
