package workers

import (
	"context"
	"errors"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/models"
)

// LiveMontage tells before a session is made whether its channels are those that a model can decode live: what would fail in each
// window is told once, before the first. A model that is not there yet may still come. Errors: MontageMismatch with what a decode's
// has, and InvalidRequestBody where a rate of false alarms is asked for that the model cannot promise.
func LiveMontage(found *Models) func(ctx context.Context, ses models.Session) error {
	return func(ctx context.Context, ses models.Session) error {
		cat, err := found.For(ctx, ses.ProjectID, ses.Decode.Model)
		if err != nil {
			return nil //nolint:nilerr // a model that cannot be read now is told with the decodes
		}
		q := catalog.Query{Model: ses.Decode.Model, Paradigm: ses.Decode.Paradigm, Channels: ses.Channels, Rate: ses.SampleRateHz}
		if q.Model == "" && q.Paradigm == eeg.Auto {
			q.Paradigm = eeg.SSVEP // the targets are declared
			if st := ses.Decode.Stimulus; st != nil && st.Codes != nil {
				q.Paradigm = eeg.CVEP
			}
		}
		var fault *decoders.Error
		choice, err := cat.Resolve(q)
		if errors.As(err, &fault) && fault.Code == decoders.CodeMontageMismatch {
			why := strings.TrimSuffix(fault.Message, recording.Remedy) + ". Give the channels the names of their electrodes, name another model or train one on these channels"
			return &models.Error{Code: models.MontageMismatch, Message: "The session cannot be decoded: " + why + ".", Details: fault.Details}
		}
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		if _, err := decode.Threshold(ses.Decode.Seizure, &choice.Entry); errors.As(err, &fault) {
			return models.InvalidField(models.At("decode", "seizure", "false_alarms_per_day"), "out_of_range", "%s", fault.Message)
		}
		return nil
	}
}
