package ssvep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
)

// windows holds the filtered windows of every trial, before shifting: trial, band.
type windows [][]*mat.Dense

// Train fits a decoder to one person's trials. Each starts ds.Cue seconds before its onset. Where the options do not say whether
// the flicker runs free, the trials do: where phases at the onset agree no more than by chance, both ways are fitted and the one that reads
// more of the trials that were left out is taken, locked where they read as many.
func (p calibrated) Train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (decoders.Trained, error) {
	d, err := p.train(ctx, ds, config)
	if err != nil {
		return nil, err
	}
	var said struct {
		FreeRunning *bool `json:"free_running"`
	}
	if len(config) > 0 {
		if err := json.Unmarshal(config, &said); err != nil {
			return nil, incompatible("options: %v", err)
		}
	}
	if d.cfg.FreeRunning || d.locking.p < lockedBelow {
		return d, nil
	}
	what := fmt.Sprintf("The phases of its trials at the onset agree no more than by chance (inter-trial coherence %.2f, p = %.2g)", d.locking.coherence, d.locking.p)
	if said.FreeRunning != nil {
		d.note(what + ", but its options say that the flicker is locked to it.")
		return d, nil
	}
	if d.cfg.Folds == 0 {
		d.note(what + ": the option free_running may read them better.")
		return d, nil
	}
	cfg := d.cfg
	cfg.FreeRunning = true
	free, err := json.Marshal(cfg)
	if err != nil {
		return nil, fmt.Errorf("options: %w", err)
	}
	other, err := p.train(ctx, ds, free)
	switch bad := (*decoders.TrialError)(nil); {
	case errors.As(err, &bad): // a period more than the trials have
		d.note(what + ", and they are too short to be brought into phase: a period more is needed after the window.")
	case err != nil:
		return nil, err
	case other.leftOut > d.leftOut:
		other.note(fmt.Sprintf("%s: they were brought into phase, and every phase is tried at decoding (%d instead of %d of %d trials left out are read).", what, other.leftOut, d.leftOut, len(ds.Trials)))
		return other, nil
	default:
		d.note(fmt.Sprintf("%s, and bringing them into phase does not help (%d instead of %d of %d trials left out are read).", what, other.leftOut, d.leftOut, len(ds.Trials)))
	}
	return d, nil
}

// note keeps a sentence for the card.
func (d *trained) note(text string) { d.notes = append(d.notes, text) }

// Notes says what is known of the phases of the trials, where they are not locked.
func (d *trained) Notes() []string { return slices.Clone(d.notes) }

func (p calibrated) train(ctx context.Context, ds *decoders.Dataset, config json.RawMessage) (*trained, error) {
	d, err := newTrained(p.name, p.name, "", ds.Classes, ds.Channels, ds.Rate, config)
	if err != nil {
		return nil, err
	}
	if err := checkTrials(ds); err != nil {
		return nil, err
	}
	labels := make([]int, len(ds.Trials))
	all := make([]int, len(ds.Trials))
	loaded := make(windows, len(ds.Trials))
	sp := d.pool.Get().(*space)
	defer d.pool.Put(sp)
	for i, t := range ds.Trials {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in := &decoders.Input{Signal: decoders.Signal{Data: t.Data, Channels: ds.Channels, Rate: ds.Rate}, Events: []eeg.Event{{Onset: ds.Cue}}}
		win, err := sp.window(d, in)
		if err != nil {
			return nil, &decoders.TrialError{Trial: i, Err: err}
		}
		if win.ignored {
			return nil, &decoders.TrialError{Trial: i, Err: epoch.TooShort(in.Signal, epoch.Samples(ds.Cue, ds.Rate)+d.minSamples(ds.Rate), in.Samples(), "too little signal after the onset")}
		}
		for _, x := range sp.bands {
			loaded[i] = append(loaded[i], mat.DenseCopyOf(x))
		}
		labels[i], all[i] = t.Label, i
	}
	d.locking = d.lockingOf(loaded, labels)
	if d.method, err = p.fitTo(d, loaded, labels, all); err != nil {
		return nil, err
	}
	if d.cfg.Folds > 0 {
		if err := p.calibrate(ctx, d, ds, loaded, labels); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func checkTrials(ds *decoders.Dataset) error {
	counts := make([]int, len(ds.Classes))
	for i, t := range ds.Trials {
		switch {
		case t.Label < 0 || t.Label >= len(counts):
			return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": i, "label": t.Label}, "trial %d has label %d of %d classes", i, t.Label, len(counts))
		case t.Data == nil || t.Data.IsEmpty():
			return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"trial": i}, "trial %d has no data", i)
		}
		counts[t.Label]++
	}
	if slices.Min(counts) < minTrials {
		perClass := map[string]any{}
		for k, n := range counts {
			perClass[ds.Classes[k]] = n
		}
		return decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"trials": len(ds.Trials), "classes": perClass, "needed_per_class": minTrials},
			"%d trials of each target are needed", minTrials)
	}
	if !(ds.Cue >= 0) || math.IsInf(ds.Cue, 0) {
		return decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"cue": fmt.Sprint(ds.Cue)}, "the onset lies %v s into the trials", ds.Cue)
	}
	return nil
}

// fitTo fits the method to some of the trials, in phase where onsets are not locked to it.
func (p calibrated) fitTo(d *trained, loaded windows, labels, index []int) (method, error) {
	trials := make([][][]*mat.Dense, len(d.sos))
	for b := range trials {
		trials[b] = make([][]*mat.Dense, len(d.classes))
	}
	sp := d.pool.Get().(*space)
	defer d.pool.Put(sp)
	for k := range d.classes {
		var class []int
		for _, i := range index {
			if labels[i] == k {
				class = append(class, i)
			}
		}
		if len(class) < 2 {
			return nil, decoders.Errorf(decoders.CodeTooFewTrials, map[string]any{"class": d.classes[k], "trials": len(class)}, "class %s has %d trials; at least two are needed", d.classes[k], len(class))
		}
		shifts := make([]int, len(class))
		if d.shifts[k] > 1 {
			shifts = d.inPhase(k, loaded, class)
		}
		for b := range trials {
			for n, i := range class {
				trials[b][k] = append(trials[b][k], mat.DenseCopyOf(sp.cut(loaded[i][b], shifts[n], d.samples)))
			}
		}
	}
	m, err := p.fit(d, trials)
	if err != nil {
		return nil, decoders.Errorf(decoders.CodeInvalidSignal, nil, "the trials cannot be fitted: %v", err)
	}
	return m, nil
}

// inPhase returns how many samples later each trial of class k has to start for their responses to be in phase. With the
// Fourier components c_i of the channels, whitened, at the class's frequency, the phases are those of the first eigenvector of
// the matrix c_iᴴc_j: of all angles it lets the components add up to most (Singer 2011, Appl. Comput. Harmon. Anal. 30,
// 20-36).
func (d *trained) inPhase(k int, loaded windows, class []int) []int {
	omega := 2 * math.Pi * d.cfg.Frequencies[k] / d.rate
	channels, _ := loaded[class[0]][0].Dims()
	power := mat.NewSymDense(channels, nil)
	for _, i := range class {
		power.SymRankK(power, 1, loaded[i][0])
	}
	white, err := riemann.Whitener(power, 1e-10)
	if err != nil {
		return make([]int, len(class)) // nothing to bring into phase
	}
	parts := make([][]complex128, len(class))
	for n, i := range class {
		var x mat.Dense
		x.Mul(white, loaded[i][0])
		rows, _ := x.Dims()
		parts[n] = make([]complex128, rows)
		norm := 0.0
		for r := range rows {
			for j, v := range x.RawRowView(r)[:d.samples] {
				sin, cos := math.Sincos(omega * float64(j))
				parts[n][r] += complex(v*cos, -v*sin)
			}
			norm += real(parts[n][r])*real(parts[n][r]) + imag(parts[n][r])*imag(parts[n][r])
		}
		if norm = math.Sqrt(norm); norm > 0 {
			for r := range parts[n] {
				parts[n][r] /= complex(norm, 0)
			}
		}
	}
	// Power iteration: u = Σ v_i·c_i, v_i = c_iᴴu.
	v := make([]complex128, len(class))
	for n := range v {
		v[n] = 1
	}
	u := make([]complex128, len(parts[0]))
	for range 100 {
		clear(u)
		for n, c := range parts {
			for r := range u {
				u[r] += v[n] * c[r]
			}
		}
		norm := 0.0
		for n, c := range parts {
			v[n] = 0
			for r := range u {
				v[n] += u[r] * cmplx.Conj(c[r])
			}
			norm += real(v[n])*real(v[n]) + imag(v[n])*imag(v[n])
		}
		if norm = math.Sqrt(norm); !(norm > 0) {
			break
		}
		for n := range v {
			v[n] /= complex(norm, 0)
		}
	}
	// v_i·c_i are in phase, and a start s samples later turns c_i by ω·s.
	shifts := make([]int, len(class))
	for n := range shifts {
		angle := math.Mod(cmplx.Phase(v[n])-cmplx.Phase(v[0])+4*math.Pi, 2*math.Pi)
		shifts[n] = int(math.Round(angle/omega)) % d.shifts[k]
	}
	return shifts
}

// calibrate fits the temperature and the probability that there is a target to trials that were left out.
func (p calibrated) calibrate(ctx context.Context, d *trained, ds *decoders.Dataset, loaded windows, labels []int) error {
	folds, err := innerFolds(d.cfg, ds, labels)
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	sp := d.pool.Get().(*space)
	defer d.pool.Put(sp)
	var all [][]float64
	var truth []int
	var strength []float64
	var looking []bool
	for _, f := range folds {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := p.fitTo(d, loaded, labels, f.Train)
		if err != nil {
			return err
		}
		for _, i := range f.Test {
			scores := make([]float64, len(d.classes))
			for b, x := range loaded[i] {
				sp.bands[b].Copy(x)
			}
			d.scores(scores, m, sp)
			all, truth = append(all, scores), append(truth, labels[i])
			if floats.MaxIdx(scores) == labels[i] {
				d.leftOut++
			}
			// What a decode would see: the best of all. And what it sees where nothing is looked at: the best of those
			// that are not.
			wrong := math.Inf(-1)
			for k, v := range scores {
				if k != labels[i] {
					wrong = max(wrong, v)
				}
			}
			strength = append(strength, max(wrong, scores[labels[i]]), wrong)
			looking = append(looking, true, false)
		}
	}
	t, err := classify.FitHumbleTemperature(all, truth)
	if err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	d.temperature = t.T
	if d.presence, err = classify.FitPlatt(strength, looking); err != nil {
		return fmt.Errorf("calibrate: %w", err)
	}
	d.presence = d.presence.Rising(strength, 0) // strength that tells nothing: even odds
	var wrong []float64
	for i, there := range looking {
		if !there {
			wrong = append(wrong, strength[i])
		}
	}
	d.unattended = unattendedOf(wrong)
	d.asked = true
	return nil
}

// innerFolds leaves whole blocks out where there are enough of them and every class stays, else stratified trials.
func innerFolds(cfg TrainConfig, ds *decoders.Dataset, labels []int) ([]classify.Fold, error) {
	counts := make([]int, len(ds.Classes))
	for _, l := range labels {
		counts[l]++
	}
	number := map[string]int{}
	for _, t := range ds.Trials {
		if _, seen := number[t.Group]; !seen {
			number[t.Group] = len(number)
		}
	}
	if k := min(cfg.Folds, len(number)); k >= 2 {
		tests := make([][]int, k)
		for i, t := range ds.Trials {
			f := number[t.Group] % k
			tests[f] = append(tests[f], i)
		}
		whole := true
		for _, test := range tests {
			left := slices.Clone(counts)
			for _, i := range test {
				left[labels[i]]--
			}
			whole = whole && slices.Min(left) >= 2
		}
		if whole {
			return classify.FoldsFromTests(len(labels), tests)
		}
	}
	return classify.StratifiedKFold(labels, min(max(2, cfg.Folds), slices.Min(counts)), cfg.Seed)
}
