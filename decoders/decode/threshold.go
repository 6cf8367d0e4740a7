package decode

import (
	"math"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
)

// Threshold returns the score from which on a model of the seizure check is to call a clip ictal-like; 0 where the request does not
// say, and it is the model's own. A rate that the model's card was not measured long enough to promise is refused. Errors:
// payload_malformed, model_incompatible.
func Threshold(o *eeg.SeizureOptions, model *catalog.Entry) (float64, error) {
	if o == nil || o.FalseAlarmsPerDay == nil && o.Threshold == nil {
		return 0, nil
	}
	if model.Paradigm != eeg.Seizure {
		return 0, decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"model": model.ID(), "paradigm": model.Paradigm},
			"seizure says where the seizure check draws its line, and %s is a model of %s", model.ID(), model.Paradigm)
	}
	switch t, rate := o.Threshold, o.FalseAlarmsPerDay; {
	case t != nil && rate != nil:
		return 0, decoders.Errorf(decoders.CodePayloadMalformed, nil, "seizure.threshold and seizure.false_alarms_per_day both say where the line is; give one of the two")
	case t != nil && !(*t >= eeg.MinThreshold && *t <= eeg.MaxThreshold):
		return 0, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"threshold_least": eeg.MinThreshold, "threshold_most": eeg.MaxThreshold},
			"seizure.threshold is %v, it must be between %v and %v", *t, eeg.MinThreshold, eeg.MaxThreshold)
	case t != nil:
		return *t, nil
	case !(*rate > 0 && *rate <= eeg.MaxFalseAlarms):
		return 0, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"false_alarms_per_day_most": eeg.MaxFalseAlarms},
			"seizure.false_alarms_per_day is %v, it must be above 0 and at most %d", *rate, eeg.MaxFalseAlarms)
	}
	points := model.Card.OperatingPoints
	if len(points) == 0 {
		return 0, decoders.Errorf(decoders.CodeModelIncompatible, map[string]any{"model": model.ID(), "false_alarms_per_day": *o.FalseAlarmsPerDay},
			"the false alarms of %s were not counted: ask for a threshold, or for a model whose card has operating_points", model.ID())
	}
	found, ok := model.Card.ThresholdFor(*o.FalseAlarmsPerDay)
	if !ok {
		least := points[len(points)-1]
		return 0, decoders.Errorf(decoders.CodeModelIncompatible,
			map[string]any{"model": model.ID(), "false_alarms_per_day": *o.FalseAlarmsPerDay, "false_alarms_per_day_least": math.Ceil(least.Interval[1]), "hours": round3(least.Hours)},
			"%s cannot promise %v false alarms a day: they were counted over %.1f hours, which allows for no fewer than %.0f a day (95 %%)",
			model.ID(), *o.FalseAlarmsPerDay, least.Hours, math.Ceil(least.Interval[1]))
	}
	return found, nil
}
