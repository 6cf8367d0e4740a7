package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// demoCase is a request and what its answer must say.
type demoCase struct {
	paradigm string
	recorded string // for the reader
	intent   string
	seizure  *bool // nil where either answer is fine
	request  map[string]any
}

// prepare makes the cases from the folder of recordings, or from synthetic EEG where there is none, and says which.
func prepare(data string) ([]demoCase, string, error) {
	if st, err := os.Stat(data); data == "" || err != nil || !st.IsDir() {
		cases, err := syntheticCases()
		return cases, "Recordings: none found (NEUROD_EEG_DATA), so this is seeded synthetic EEG.", err
	}
	cases, err := realCases(data)
	return cases, "Recordings: real, public EEG from " + data + ".\n" +
		"The built-in motor imagery, P300 and seizure models were trained on recordings of these data sets: this shows the path, not the accuracy.\n" +
		"What they reach on people they have never met is on their cards (docs/reference/models.md) and in `make evaluate`.", err
}

// request makes a decode request of the samples from start to stop seconds.
func request(sig decoders.Signal, start, stop float64, paradigm, uiMode string, more map[string]any) (map[string]any, error) {
	from, to := int(start*sig.Rate+.5), int(stop*sig.Rate+.5)
	rows, n := sig.Data.Dims()
	if from < 0 || to > n || from >= to {
		return nil, fmt.Errorf("the recording has no samples from %.2f to %.2f s", start, stop)
	}
	clip := make([][]float64, rows)
	for i := range clip {
		clip[i] = sig.Data.RawRowView(i)[from:to]
	}
	input := map[string]any{
		"type": "eeg", "data": float32Base64(clip), "paradigm": paradigm, "channels": sig.Channels, "sample_rate": sig.Rate,
	}
	for k, v := range more {
		input[k] = v
	}
	return map[string]any{"input": input, "context": map[string]any{"ui_mode": uiMode, "locale": "en"}}, nil
}

// shifted gives the events of a clip that starts at start, those within [start, stop).
func shifted(events []eeg.Event, start, stop float64) []map[string]any {
	var out []map[string]any
	for _, ev := range events {
		if ev.Onset >= start && ev.Onset < stop {
			out = append(out, map[string]any{"onset_s": ev.Onset - start, "code": ev.Code})
		}
	}
	return out
}

// realCases takes one recording of each paradigm.
func realCases(root string) ([]demoCase, error) {
	var cases []demoCase
	for _, load := range []func(string) (demoCase, error){imageryCase, oddballCase, flickerCase, seizureCase} {
		c, err := load(root)
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	return cases, nil
}

var errNothing = errors.New("no recording of this kind")

// first opens the recordings that match the patterns, in their order, until use accepts one. The first pattern names
// somebody whose signals are clear: the demo shows the path, the evaluation shows the accuracy.
func first(root string, patterns []string, keep func(string) bool, use func(datasets.Run) (demoCase, bool, error)) (demoCase, error) {
	for _, pattern := range patterns {
		for _, file := range datasets.Glob(root, pattern) {
			runs, _ := datasets.Open(file, keep)
			for _, r := range runs {
				c, ok, err := use(r)
				if err != nil || ok {
					return c, err
				}
			}
		}
	}
	return demoCase{}, fmt.Errorf("%s: %w", filepath.Join(root, patterns[0]), errNothing)
}

// imageryCase is an imagined movement of the left hand.
func imageryCase(root string) (demoCase, error) {
	imagined := func(base string) bool {
		return datasets.LeftRightImagery.Has(strings.TrimSuffix(base, filepath.Ext(base)))
	}
	return first(root, []string{"motor_imagery/eegmmidb/S007.zip", "motor_imagery/eegmmidb/*.zip"}, imagined, func(r datasets.Run) (demoCase, bool, error) {
		sig, err := r.Recording.Signal()
		if err != nil {
			return demoCase{}, false, err
		}
		for _, ev := range r.Recording.Events {
			if datasets.LeftRightImagery.Label(ev) != 0 || ev.Onset+4 > sig.Seconds() {
				continue
			}
			req, err := request(sig, ev.Onset, ev.Onset+4, "motor_imagery", "wheelchair_nav", nil)
			return demoCase{"motor_imagery", r.Name + ": left hand imagined", "move_left", nil, req}, true, err
		}
		return demoCase{}, false, nil
	})
}

// oddballCase is a run in which code 2 was attended among many of code 1.
func oddballCase(root string) (demoCase, error) {
	return first(root, []string{"p300/muse/*.csv"}, nil, func(r datasets.Run) (demoCase, bool, error) {
		sig, err := r.Recording.Signal("TP9", "AF7", "AF8", "TP10")
		if err != nil {
			return demoCase{}, false, err
		}
		const seconds = 100
		req, err := request(sig, 0, seconds, "p300", "default", map[string]any{"device": "Muse 2", "events": shifted(r.Recording.Events, 0, seconds-1)})
		return demoCase{"p300", "oddball: stimulus 2 attended", "select_2", nil, req}, true, err
	})
}

// flickerCase is a look at 13 Hz.
func flickerCase(root string) (demoCase, error) {
	const label, trialStart = 33025, 32779 // OpenViBE codes of the exoskeleton recordings
	return first(root, []string{"ssvep/exoskeleton/subject03.gdf", "ssvep/exoskeleton/*.gdf"}, nil, func(r datasets.Run) (demoCase, bool, error) {
		sig, err := r.Recording.Signal()
		if err != nil {
			return demoCase{}, false, err
		}
		next := false
		for _, ev := range r.Recording.Events {
			next = next || ev.Code == label
			if ev.Code != trialStart || !next {
				continue
			}
			req, err := request(sig, ev.Onset, ev.Onset+5, "ssvep", "smart_home", map[string]any{"stimulus": map[string]any{"targets": []map[string]any{
				{"label": "door", "frequency": 13}, {"label": "light", "frequency": 17}, {"label": "blinds", "frequency": 21}}}})
			return demoCase{"ssvep", r.Name + ": looked at 13 Hz (door)", "door", nil, req}, true, err
		}
		return demoCase{}, false, nil
	})
}

// seizureCase is 20 s out of a marked seizure.
func seizureCase(root string) (demoCase, error) {
	ictal := true
	return first(root, []string{"seizure/*/*.f32"}, nil, func(r datasets.Run) (demoCase, bool, error) {
		sig, err := r.Recording.Signal(r.Recording.Labels()...)
		if err != nil {
			return demoCase{}, false, err
		}
		i := slices.IndexFunc(r.Recording.Events, func(ev eeg.Event) bool { return ev.Label == "seizure_onset" })
		if i < 0 {
			return demoCase{}, false, nil
		}
		// Half a minute in, the pattern is fully there.
		start := r.Recording.Events[i].Onset + 30
		req, err := request(sig, start, start+20, "seizure", "default", nil)
		return demoCase{"seizure", r.Name + ": within a marked seizure", "possible_seizure", &ictal, req}, true, err
	})
}

// syntheticCases makes the same four from seeds.
func syntheticCases() ([]demoCase, error) {
	cfg := synthetic.Config{Seed: 20}
	imagery, err := synthetic.MotorImagery(cfg, synthetic.ImageryConfig{TrialsPerClass: 2, Depth: .9, MuUV: 12})
	if err != nil {
		return nil, err
	}
	i := slices.Index(imagery.Labels, "left")
	onset := imagery.Events[i].Onset
	imageryRequest, err := request(imagery.Signal, onset, onset+4, "motor_imagery", "wheelchair_nav", nil)
	if err != nil {
		return nil, err
	}

	oddball, err := oddballSession(cfg)
	if err != nil {
		return nil, err
	}
	oddballRequest, err := request(oddball.Signal, 0, oddball.Seconds(), "p300", "default", map[string]any{"events": shifted(oddball.Events, 0, oddball.Seconds()-1)})
	if err != nil {
		return nil, err
	}

	targets := []eeg.Target{{Label: "door", Frequency: 13}, {Label: "light", Frequency: 17}, {Label: "blinds", Frequency: 21}}
	flicker, err := synthetic.SSVEP(cfg, synthetic.FlickerConfig{Targets: targets, TrialsPerTarget: 1})
	if err != nil {
		return nil, err
	}
	k := slices.Index(flicker.Labels, "door")
	onset = flicker.Events[k].Onset
	flickerRequest, err := request(flicker.Signal, onset, onset+4, "ssvep", "smart_home", map[string]any{"stimulus": map[string]any{"targets": []map[string]any{
		{"label": "door", "frequency": 13}, {"label": "light", "frequency": 17}, {"label": "blinds", "frequency": 21}}}})
	if err != nil {
		return nil, err
	}

	fit, err := synthetic.Seizure(cfg, synthetic.SeizureConfig{Seconds: 60, Onset: 20, Duration: 25})
	if err != nil {
		return nil, err
	}
	seizureRequest, err := request(fit.Signal, 22, 42, "seizure", "default", nil)
	if err != nil {
		return nil, err
	}
	ictal := true
	return []demoCase{
		{"motor_imagery", "synthetic: left hand", "move_left", nil, imageryRequest},
		{"p300", "synthetic oddball: stimulus 2 attended", "select_2", nil, oddballRequest},
		{"ssvep", "synthetic: 13 Hz (door)", "door", nil, flickerRequest},
		{"seizure", "synthetic: 3 Hz spike and wave", "possible_seizure", &ictal, seizureRequest},
	}, nil
}

// seenLate is how long before its response a flash is marked, beyond what the synthetic head takes. The person whom p300-target learned
// from has a positive response behind the ears 0.6 s after the mark of a target, the synthetic head 0.36 s after the flash.
const seenLate = .2 // s

// oddballSession turns a speller session into an oddball: code 2 is a target flash, code 1 any other. The flashes are 0.6 s apart,
// as those were that p300-target learned from.
func oddballSession(cfg synthetic.Config) (synthetic.Session, error) {
	cfg.Channels = []string{"TP9", "AF7", "AF8", "TP10"}
	s, err := synthetic.Speller(cfg, synthetic.SpellerConfig{Text: "GO", Repetitions: 10, SOA: .6, P300UV: 16})
	if err != nil {
		return s, err
	}
	for i := range s.Events {
		s.Events[i].Onset -= seenLate
		s.Events[i].Code = 1
		if s.Targets[i] {
			s.Events[i].Code = 2
		}
	}
	return s, nil
}
