package evaluation

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/seizure"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
)

// ServedCheck is the catalog model that answers requests for the paradigm seizure.
const ServedCheck = "seizure-check"

// Protocols of the rows on what is fit to be decoded.
const (
	costProtocol  = "4-s clips"
	sweepProtocol = "gains 1e-4 to 1e4"
	sweepTask     = "answers that a wrong gain should not have"
)

// gains are what clips are multiplied by, as by a wrong unit or gain.
var gains = []float64{1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.3, 0.5, 1, 2, 4, 10, 30, 100, 1e3, 1e4}

// sweepClips is how many clips of a dataset are swept: the rules do not depend on the person.
const sweepClips = 12

// fitness measures, through the whole path of a decode with the models that ship, what gets no answer: how many clips of real
// recordings, how often healthy people's EEG is called a seizure, and whether a wrong gain makes an answer that it should not.
func (e *evaluator) fitness(ctx context.Context) error {
	cat, err := catalog.Default()
	if err != nil {
		return err
	}
	f := fit{e, cat}
	byFolder := map[string][]string{}
	for _, pattern := range []string{"motor_imagery/*/*.zip", "motor_imagery/*/*.gdf", "p300/*/*.f32", "p300/*/*.csv", "ssvep/*/*.gdf", "ssvep/*/*.csv", "seizure/*/*.zip", "seizure/*/*.f32"} {
		for _, file := range e.glob(pattern) {
			byFolder[e.folder(file)] = append(byFolder[e.folder(file)], file)
		}
	}
	for _, folder := range sortedKeys(byFolder) {
		e.progress("what of %s is fit to be decoded", folder)
		if err := f.folder(ctx, folder, byFolder[folder]); err != nil {
			return err
		}
	}
	return nil
}

type fit struct {
	*evaluator
	cat *catalog.Catalog
}

// healthyMontage is the montage on which healthy people are tried, beside all of their electrodes.
var healthyMontage = []string{"Fp1", "Fp2", "F7", "F8", "C3", "Cz", "C4", "T7", "T8", "P3", "P4", "O1", "O2"}

//nolint:gocyclo // one case for each family of recordings and each row of the table
func (f fit) folder(ctx context.Context, folder string, files []string) error {
	var cost refusals
	healthy := map[int]*verdicts{}
	marked := struct{ inside, found, outside, called, silent int }{}
	var ictal, imagery, flicker sweep
	for _, file := range files {
		runs, _ := datasets.Open(file, nil) // what cannot be read is listed by the family of the folder
		for _, r := range runs {
			if err := ctx.Err(); err != nil {
				return err
			}
			if strings.HasPrefix(folder, "seizure/bonn") {
				r.Recording.SetRate(datasets.BonnRate)
			}
			clips, err := datasets.Clips(r.Recording, 4)
			if err != nil {
				continue
			}
			for _, sig := range clips {
				if err := f.cost(ctx, &cost, sig); err != nil {
					return err
				}
			}
			switch {
			case strings.HasPrefix(folder, "motor_imagery/") && len(clips) > 0 && len(clips[0].Channels) >= 8:
				for _, montage := range [][]string{healthyMontage, nil} {
					long, err := datasets.Clips(r.Recording, controlSeconds, montage...)
					if err != nil {
						continue
					}
					for k, sig := range long {
						out, err := f.ask(ctx, sig, eeg.Input{Paradigm: "seizure", Model: ServedCheck})
						if err != nil {
							return err
						}
						if healthy[len(sig.Channels)] == nil {
							healthy[len(sig.Channels)] = &verdicts{}
						}
						healthy[len(sig.Channels)].note(out)
						if montage != nil && k == 0 && ictal.clips < sweepClips {
							if err := f.sweep(ctx, &ictal, sig, eeg.Input{Paradigm: "seizure"}); err != nil {
								return err
							}
						}
					}
				}
				if imagery.clips < sweepClips {
					if err := f.sweep(ctx, &imagery, clips[len(clips)/2], eeg.Input{Paradigm: "motor_imagery"}); err != nil {
						return err
					}
				}
			case strings.HasPrefix(folder, "ssvep/"):
				for _, sig := range clips[:min(4, len(clips))] {
					in := eeg.Input{Paradigm: "ssvep", Stimulus: &eeg.Stimulus{Targets: []eeg.Target{{Frequency: 13}, {Frequency: 17}, {Frequency: 21}}}}
					if flicker.clips < sweepClips {
						if err := f.sweep(ctx, &flicker, sig, in); err != nil {
							return err
						}
					}
				}
			}
			events := datasets.MarkedSeizures(r)
			if len(events) == 0 {
				continue
			}
			long, err := datasets.Clips(r.Recording, controlSeconds)
			if err != nil {
				continue
			}
			for k, sig := range long {
				from, to := float64(k)*controlSeconds, float64(k+1)*controlSeconds
				within := slices.ContainsFunc(events, func(ev seizure.Event) bool { return from >= ev.Start && to <= ev.End })
				touches := slices.ContainsFunc(events, func(ev seizure.Event) bool { return from < ev.End && to > ev.Start })
				if touches && !within {
					continue
				}
				out, err := f.ask(ctx, sig, eeg.Input{Paradigm: "seizure", Model: ServedCheck})
				if err != nil {
					return err
				}
				yes := out != nil && out.SeizureDetected != nil && *out.SeizureDetected
				if out == nil || out.SeizureDetected == nil {
					marked.silent++
				}
				switch {
				case within:
					marked.inside++
					marked.found += btoi(yes)
				default:
					marked.outside++
					marked.called += btoi(yes)
				}
				if within && ictal.clips < sweepClips || k%20 == 10 && ictal.clips < sweepClips {
					if err := f.sweep(ctx, &ictal, sig, eeg.Input{Paradigm: "seizure"}); err != nil {
						return err
					}
				}
			}
		}
	}
	f.addCost(folder, cost)
	for _, channels := range sortedKeys(healthy) {
		v := healthy[channels]
		f.add(Row{Dataset: folder, Subject: "all", Task: fmt.Sprintf("healthy people called a seizure, %d channels", channels), Pipeline: ServedCheck, Protocol: "30-s clips", N: v.clips,
			Metrics: map[string]float64{"false_accept": float64(v.called) / float64(v.clips)}, Note: fmt.Sprintf("%d called so, %d without a verdict", v.called, v.silent)})
	}
	if marked.inside > 0 && marked.outside > 0 {
		f.add(Row{Dataset: folder, Subject: "all", Task: "clips within the marked seizures : outside", Pipeline: ServedCheck, Protocol: "30-s clips", N: marked.inside + marked.outside,
			Metrics: map[string]float64{"sensitivity": float64(marked.found) / float64(marked.inside), "false_accept": float64(marked.called) / float64(marked.outside)},
			Note:    fmt.Sprintf("%d of %d within, %d of %d outside, %d without a verdict", marked.found, marked.inside, marked.called, marked.outside, marked.silent)})
	}
	f.addSweep(folder, "seizure", ictal)
	f.addSweep(folder, "motor_imagery", imagery)
	f.addSweep(folder, "ssvep", flicker)
	return nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ask sends a clip as a client would, as float32. An answer that the data refuse is nil.
func (f fit) ask(ctx context.Context, sig decoders.Signal, in eeg.Input) (*eeg.Result, error) {
	in.Type, in.SampleRate = "eeg", sig.Rate
	in.Channels = &eeg.Channels{Count: len(sig.Channels), Names: sig.Channels}
	rows, n := sig.Data.Dims()
	payload := make([]byte, 0, 4*rows*n)
	for j := range n {
		for i := range rows {
			payload = binary.LittleEndian.AppendUint32(payload, math.Float32bits(float32(sig.Data.At(i, j))))
		}
	}
	out, _, err := decode.Run(ctx, &eeg.Request{Input: in}, payload, f.cat, decode.Options{})
	if errors.As(err, new(*decoders.Error)) {
		return nil, nil
	}
	return out, err
}

// note counts the answer of the seizure check to a clip without a seizure.
func (v *verdicts) note(out *eeg.Result) {
	v.clips++
	switch {
	case out == nil || out.SeizureDetected == nil:
		v.silent++
	case *out.SeizureDetected:
		v.called++
	}
}

// refusals count the clips of a folder that get no answer whatever is asked of them.
type refusals struct{ clips, low, units, refused int }

// cost asks the decoder that takes any montage. Clips of 4 s get no verdict from it, so only the fitness of the clip is seen.
func (f fit) cost(ctx context.Context, r *refusals, sig decoders.Signal) error {
	out, err := f.ask(ctx, sig, eeg.Input{Paradigm: "seizure", Model: "seizure-rules"})
	if err != nil {
		return err
	}
	r.clips++
	switch {
	case out == nil:
		r.refused++
	case slices.Contains(out.RedFlags, "units_suspect"):
		r.units++
	case slices.Contains(out.RedFlags, "low_quality"):
		r.low++
	}
	return nil
}

func (f fit) addCost(folder string, r refusals) {
	if r.clips == 0 {
		return
	}
	f.add(Row{Dataset: folder, Subject: "all", Task: "real recordings without an answer", Pipeline: "quality and units", Protocol: costProtocol, N: r.clips,
		Metrics: map[string]float64{"no_answer": float64(r.low+r.units+r.refused) / float64(r.clips)},
		Note:    fmt.Sprintf("%d of low quality, %d in a suspect unit, %d refused", r.low, r.units, r.refused)})
}

// sweep counts the answers to clips at every gain.
type sweep struct{ clips, asked, answered, confident, contradictory, changed int }

func (f fit) sweep(ctx context.Context, s *sweep, sig decoders.Signal, in eeg.Input) error {
	var at []*eeg.Result
	for _, gain := range gains {
		x := mat.DenseCopyOf(sig.Data)
		x.Scale(gain, x)
		scaled := sig
		scaled.Data = x
		out, err := f.ask(ctx, scaled, in)
		if err != nil {
			return err
		}
		at = append(at, out)
	}
	one := at[slices.Index(gains, 1)]
	if one == nil {
		return nil // no model fits, or the clip itself is refused
	}
	s.clips++
	for _, out := range at {
		s.asked++
		if out == nil {
			continue
		}
		unfit := slices.Contains(out.RedFlags, "low_quality") || slices.Contains(out.RedFlags, "units_suspect")
		if out.DecodedIntent != "undetermined" {
			s.answered++
			s.confident += btoi(unfit)
			s.changed += btoi(one.DecodedIntent != "undetermined" && out.DecodedIntent != one.DecodedIntent)
		}
		if in.Paradigm == "seizure" {
			yes := out.SeizureDetected != nil && *out.SeizureDetected
			s.contradictory += btoi(yes != (out.DecodedIntent == "possible_seizure") || out.SeizureDetected == nil && out.Confidence > 0.5)
		}
	}
	return nil
}

func (f fit) addSweep(folder, paradigm string, s sweep) {
	if s.clips == 0 {
		return
	}
	f.add(Row{Dataset: folder, Subject: "all", Task: sweepTask, Pipeline: paradigm, Protocol: sweepProtocol, N: s.asked,
		Metrics: map[string]float64{"unfit_answers": float64(s.confident + s.contradictory), "answered": float64(s.answered) / float64(s.asked)},
		Note: fmt.Sprintf("%d clips; %d answers where quality or unit failed, %d that contradict themselves, %d other than at gain 1",
			s.clips, s.confident, s.contradictory, s.changed)})
}
