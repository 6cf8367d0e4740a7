package science

import (
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service/training"
)

// usual are the pipelines that trainings take where none is named. Within a person they do best on the recordings of
// docs/04-decoders.md, or as well as any, with few trials.
var usual = map[eeg.Paradigm]string{eeg.MotorImagery: "ts_lr", eeg.P300: "xdawn_lda", eeg.SSVEP: "ecca", eeg.CVEP: "rcca"}

// onTop is the pipeline of trainings that start from others: motorimagery.OnTopOf.
const onTop = motorimagery.TSLRName

// Pipelines lists what models can be trained with. The seizure score is trained on
// clips, which sessions do not label.
func Pipelines() []training.PipelineInfo {
	var out []training.PipelineInfo
	for _, p := range catalog.Pipelines() {
		if u, ok := usual[p.Paradigm()]; ok {
			out = append(out, training.PipelineInfo{Name: p.Name(), Paradigm: p.Paradigm(), Usual: p.Name() == u, Adaptive: catalog.Adaptive(p.Name()), OnTop: p.Name() == onTop})
		}
	}
	return out
}
