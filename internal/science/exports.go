package science

import (
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/edf"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service/sessions"
)

// signalFile is an EDF+ or BDF+ file as exports write it.
type signalFile struct {
	*edf.StreamWriter
	rate float64
}

var _ sessions.SignalFile = signalFile{}

// NewSignalFile makes an EDF+ or BDF+ file for channels of one rate, in Hz.
func NewSignalFile(f sessions.SignalFormat, channels []string, rate float64) (sessions.SignalFile, error) {
	bits := 16
	if f == sessions.FormatBDF {
		bits = 24
	}
	s, err := edf.NewStreamWriter(bits, channels, "uV", rate)
	return signalFile{s, rate}, err
}

// Plan implements service.SignalFile.
func (f signalFile) Plan(about sessions.SignalAbout) (int64, error) {
	out := edf.About{Start: about.Start, Device: about.Device}
	for _, e := range about.Events {
		onset := float64(e.Sample) / f.rate
		out.Annotations = append(out.Annotations, recording.Annotation{Onset: onset, Duration: e.DurationS,
			Label: recording.EventLabel(eeg.Event{Onset: onset, Code: e.Code, Label: e.Label})})
	}
	return f.StreamWriter.Plan(out)
}
