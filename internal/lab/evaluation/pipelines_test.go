package evaluation

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/eeg"
)

// TestEveryPipelineIsMeasured within a person; executed movement is measured with the first two alone.
func TestEveryPipelineIsMeasured(t *testing.T) {
	t.Parallel()
	labels := func(list []pipelineRun) []string {
		var out []string
		for _, p := range list {
			if p.label != p.pipeline.Name() || !json.Valid(p.config) {
				t.Errorf("%s is measured as %s with %s", p.pipeline.Name(), p.label, p.config)
			}
			out = append(out, p.label)
		}
		return out
	}
	names := func(p eeg.Paradigm) []string {
		var out []string
		for _, one := range catalog.Of(p) {
			out = append(out, one.Name())
		}
		return out
	}
	for what, tt := range map[string]struct{ want, got []string }{
		"imagery":  {names(eeg.MotorImagery), labels(withinSubject("left/right imagery"))},
		"executed": {[]string{"csp_lda", "ts_lr"}, labels(withinSubject("left/right executed"))},
		"flashes":  {names(eeg.P300), labels(flashPipelines(`{}`))},
	} {
		if d := cmp.Diff(tt.want, tt.got); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
}
