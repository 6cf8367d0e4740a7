package motorimagery_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/motorimagery"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/decoders/recording/readertest"
	"github.com/neurod/neurod/decoders/riemann"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/testkit/eegdata"
	"github.com/neurod/neurod/internal/testkit/golden"
	"github.com/neurod/neurod/internal/testkit/race"
)

// readRuns reads runs of a subject of EEGMMIDB, in the order asked.
func readRuns(t testing.TB, subject string, runs ...int) []*recording.Recording {
	t.Helper()
	file := eegdata.File(t, "motor_imagery/eegmmidb/"+subject+".zip")
	var out []*recording.Recording
	for _, n := range runs {
		for _, rec := range readertest.Archive(t, file, fmt.Sprintf("R%02d.edf", n)) {
			out = append(out, rec)
		}
	}
	if len(out) != len(runs) {
		t.Fatalf("%s has %d of the runs %v", subject, len(out), runs)
	}
	return out
}

// cue is the class of a T1 or T2 annotation, -1 for others.
func cue(e eeg.Event) int {
	switch e.Label {
	case "T1":
		return 0
	case "T2":
		return 1
	}
	return -1
}

// leftRight is the imagined left and right fist of a subject, -1 to 4 s around the cue.
func leftRight(t testing.TB, subject string, channels ...string) *decoders.Dataset {
	t.Helper()
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Cue: 1, Classes: []string{"left_hand", "right_hand"}, Subject: subject}
	for i, rec := range readRuns(t, subject, 4, 8, 12) {
		sig, err := rec.Signal(channels...)
		if err != nil {
			t.Fatal(err)
		}
		ds.Channels, ds.Rate = sig.Channels, sig.Rate
		ds.Trials = append(ds.Trials, epoch.Cut(sig, rec.Events, cue, 1, 4, fmt.Sprintf("%s/R%02d", subject, 4+4*i))...)
	}
	return ds
}

func labels(ds *decoders.Dataset) []int {
	out := make([]int, len(ds.Trials))
	for i, tr := range ds.Trials {
		out[i] = tr.Label
	}
	return out
}

func subset(ds *decoders.Dataset, index []int) *decoders.Dataset {
	sub := *ds
	sub.Trials = nil
	for _, i := range index {
		sub.Trials = append(sub.Trials, ds.Trials[i])
	}
	return &sub
}

// request is the decode request for a trial.
func request(ds *decoders.Dataset, i int) *decoders.Input {
	return &decoders.Input{
		Signal: decoders.Signal{Data: ds.Trials[i].Data, Channels: ds.Channels, Rate: ds.Rate},
		Events: []eeg.Event{{Onset: ds.Cue}},
	}
}

// score trains on one part and returns the share of right answers on the other, and their probabilities.
func score(t testing.TB, p decoders.Pipeline, ds *decoders.Dataset, fold classify.Fold, cfg motorimagery.Config) (float64, [][]float64, []int) {
	t.Helper()
	raw, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.Train(t.Context(), subset(ds, fold.Train), raw)
	if err != nil {
		t.Fatal(err)
	}
	hits := 0
	var probabilities [][]float64
	var truth []int
	for _, i := range fold.Test {
		res, err := d.Decode(t.Context(), request(ds, i))
		if err != nil {
			t.Fatalf("trial %d: %v", i, err)
		}
		p := make([]float64, len(ds.Classes))
		for _, c := range res.Classes {
			for k, name := range ds.Classes {
				if name == c.Name {
					p[k] = c.Probability
				}
			}
		}
		if res.Classes[0].Name == ds.Classes[ds.Trials[i].Label] {
			hits++
		}
		probabilities, truth = append(probabilities, p), append(truth, ds.Trials[i].Label)
	}
	return float64(hits) / float64(len(fold.Test)), probabilities, truth
}

type references struct {
	HandsFeet struct {
		Labels []int     `json:"labels"`
		Tests  [][]int   `json:"tests"`
		Scores []float64 `json:"scores"`
		Mean   float64   `json:"mean"`
	} `json:"hands_feet"`
	LeftRight []struct {
		Subject    string    `json:"subject"`
		Labels     []int     `json:"labels"`
		Tests      [][]int   `json:"tests"`
		CSPLDA     []float64 `json:"csp_lda"`
		CSPLDARuns []float64 `json:"csp_lda_runs"`
		TSLR       []float64 `json:"ts_lr"`
		TSLRRuns   []float64 `json:"ts_lr_runs"`
	} `json:"left_right"`
}

// TestHandsFeetAsInMNE repeats MNE-Python's CSP example on S001: runs 6, 10 and 14, 7-30 Hz FIR, average reference,
// 1-2 s, four components, unshrunk LDA, the example's ten random splits.
func TestHandsFeetAsInMNE(t *testing.T) {
	t.Parallel()
	want := golden.Read[references](t, "eegmmidb")
	fir, err := dsp.FIRBandPass(7, 30, 160)
	if err != nil {
		t.Fatal(err)
	}
	var covs []*mat.SymDense
	var truth []int
	for _, rec := range readRuns(t, "S001", 6, 10, 14) {
		sig, err := rec.Signal()
		if err != nil {
			t.Fatal(err)
		}
		rows, n := sig.Data.Dims()
		for j := range n {
			col := mat.Col(nil, j, sig.Data)
			mean := stat.Mean(col, nil)
			for i := range rows {
				sig.Data.Set(i, j, col[i]-mean)
			}
		}
		fir.FilterRows(sig.Data)
		for _, e := range rec.Events {
			if k := cue(e); k >= 0 {
				at := int(e.Onset*sig.Rate + 0.5)
				c := mat.NewSymDense(rows, nil)
				// MNE's crop keeps both ends: 161 samples.
				if err := riemann.Cov(c, mat.DenseCopyOf(sig.Data.Slice(0, rows, at+160, at+321))); err != nil {
					t.Fatal(err)
				}
				covs, truth = append(covs, c), append(truth, k)
			}
		}
	}
	if fmt.Sprint(truth) != fmt.Sprint(want.HandsFeet.Labels) {
		t.Fatalf("labels are %v, MNE has %v", truth, want.HandsFeet.Labels)
	}
	folds, err := classify.FoldsFromTests(len(covs), want.HandsFeet.Tests)
	if err != nil {
		t.Fatal(err)
	}
	scores := make([]float64, len(folds))
	for f, fold := range folds {
		class := []*mat.SymDense{mat.NewSymDense(64, nil), mat.NewSymDense(64, nil)}
		count := []float64{0, 0}
		for _, i := range fold.Train {
			class[truth[i]].AddSym(class[truth[i]], covs[i])
			count[truth[i]]++
		}
		for k := range class {
			class[k].ScaleSym(1/count[k], class[k])
		}
		csp, err := motorimagery.FitCSP(class, nil, 4)
		if err != nil {
			t.Fatal(err)
		}
		x := mat.NewDense(len(fold.Train), 4, nil)
		y := make([]int, len(fold.Train))
		for r, i := range fold.Train {
			csp.LogPower(x.RawRowView(r), covs[i])
			y[r] = truth[i]
		}
		none := 0.0
		lda, err := classify.FitLDA(x, y, 2, classify.LDAConfig{Shrinkage: &none})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range fold.Test {
			if lda.Predict(csp.LogPower(nil, covs[i])) == truth[i] {
				scores[f] += 1 / float64(len(fold.Test))
			}
		}
	}
	mean := stat.Mean(scores, nil)
	t.Logf("S001 hands/feet, 10 splits: %.3f (MNE %.3f) %.3f", mean, want.HandsFeet.Mean, scores)
	for f := range scores {
		if !close(scores[f], want.HandsFeet.Scores[f], 1e-9) {
			t.Errorf("split %d: %.3f, MNE has %.3f", f, scores[f], want.HandsFeet.Scores[f])
		}
	}
	if !close(mean, 0.933, 0.034) {
		t.Errorf("mean %.3f is not 0.933 ± 0.034", mean)
	}
}

// TestLeftRightWithinSubjects compares both pipelines with the same ones in MNE, pyRiemann and scikit-learn on the
// same five folds of each subject, and prints what is left when a whole run is held out.
func TestLeftRightWithinSubjects(t *testing.T) {
	t.Parallel()
	want := golden.Read[references](t, "eegmmidb")
	eegdata.Dir(t)
	subjects := want.LeftRight
	if race.Enabled {
		t.Log("the race detector is on: one subject instead of twelve, no run held out; run without -race for all")
		subjects = subjects[:1]
	}
	cfg := motorimagery.DefaultConfig()
	cfg.End = 3.5
	pipelines := []decoders.Pipeline{motorimagery.CSPLDA(), motorimagery.TSLR()}
	var sum [2][4]float64
	t.Log("subject  csp_lda  MNE+sklearn  ts_lr  pyRiemann+sklearn | one run out: csp_lda  ref  ts_lr  ref")
	for _, ref := range subjects {
		ds := leftRight(t, ref.Subject)
		if fmt.Sprint(labels(ds)) != fmt.Sprint(ref.Labels) {
			t.Fatalf("%s: labels are %v, MNE has %v", ref.Subject, labels(ds), ref.Labels)
		}
		folds, err := classify.FoldsFromTests(len(ds.Trials), ref.Tests)
		if err != nil {
			t.Fatal(err)
		}
		var groups []string
		for _, tr := range ds.Trials {
			groups = append(groups, tr.Group)
		}
		runs, err := classify.GroupKFold(groups)
		if err != nil {
			t.Fatal(err)
		}
		var line [2][4]float64
		for k, p := range pipelines {
			plain := cfg
			plain.Folds = 0 // a temperature changes no ranking; calibration is measured in its own test
			for _, f := range folds {
				acc, _, _ := score(t, p, ds, f, plain)
				line[k][0] += acc / float64(len(folds))
			}
			for _, f := range runs {
				if race.Enabled {
					break
				}
				acc, _, _ := score(t, p, ds, f, plain)
				line[k][2] += acc / float64(len(runs))
			}
		}
		line[0][1], line[0][3] = stat.Mean(ref.CSPLDA, nil), stat.Mean(ref.CSPLDARuns, nil)
		line[1][1], line[1][3] = stat.Mean(ref.TSLR, nil), stat.Mean(ref.TSLRRuns, nil)
		t.Logf("%s     %.3f    %.3f        %.3f  %.3f             |              %.3f    %.3f %.3f %.3f", ref.Subject,
			line[0][0], line[0][1], line[1][0], line[1][1], line[0][2], line[0][3], line[1][2], line[1][3])
		for k, p := range pipelines {
			if line[k][0] < line[k][1]-0.01 {
				t.Errorf("%s %s: %.3f is below the reference %.3f", ref.Subject, p.Name(), line[k][0], line[k][1])
			}
			for c := range sum[k] {
				sum[k][c] += line[k][c] / float64(len(subjects))
			}
		}
	}
	t.Logf("mean     %.3f    %.3f        %.3f  %.3f             |              %.3f    %.3f %.3f %.3f",
		sum[0][0], sum[0][1], sum[1][0], sum[1][1], sum[0][2], sum[0][3], sum[1][2], sum[1][3])
}

// TestFiltersAndMeansWithinSubjects compares mdm, fgmdm and fbcsp with the same pipelines in pyRiemann, MNE and
// scikit-learn on the same five folds. Two people are enough to see a difference; the evaluation prints all twelve.
func TestFiltersAndMeansWithinSubjects(t *testing.T) {
	t.Parallel()
	want := golden.Read[struct {
		LeftRight []map[string]json.RawMessage `json:"left_right"`
	}](t, "eegmmidb")
	eegdata.Dir(t)
	if race.Enabled {
		t.Skip("the race detector is on: run without -race")
	}
	read := func(raw json.RawMessage, into any) {
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	cfg, bank := motorimagery.DefaultConfig(), motorimagery.DefaultFBCSP()
	for _, ref := range want.LeftRight[:2] {
		var subject string
		var tests [][]int
		read(ref["subject"], &subject)
		read(ref["tests"], &tests)
		ds := leftRight(t, subject)
		folds, err := classify.FoldsFromTests(len(ds.Trials), tests)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []decoders.Pipeline{motorimagery.MDM(), motorimagery.FgMDM(), motorimagery.FBCSP()} {
			var scores []float64
			read(ref[p.Name()], &scores)
			c := cfg
			if p.Name() == motorimagery.FBCSPName {
				c = bank
			}
			c.End, c.Folds = 3.5, 0
			mean := 0.0
			for _, f := range folds {
				acc, _, _ := score(t, p, ds, f, c)
				mean += acc / float64(len(folds))
			}
			t.Logf("%s %-5s %.3f, reference %.3f", subject, p.Name(), mean, stat.Mean(scores, nil))
			if mean < stat.Mean(scores, nil)-0.01 {
				t.Errorf("%s %s: %.3f is below the reference %.3f", subject, p.Name(), mean, stat.Mean(scores, nil))
			}
		}
	}
}

// Montages that a stranger may wear: an eight-channel headset with C3 and C4, and the 19 electrodes of 10-20.
var montages = map[string][]string{
	"8 channels": {"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"},
	"10-20":      {"Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "T7", "C3", "Cz", "C4", "T8", "P7", "P3", "Pz", "P4", "P8", "O1", "O2"},
	"motor":      {"FC3", "FC4", "C3", "C1", "Cz", "C2", "C4", "CP3", "CP4"},
}

// TestLeftRightAcrossSubjects leaves one of the twelve people out at a time and decodes each of that person's trials
// as a single clip.
func TestLeftRightAcrossSubjects(t *testing.T) {
	t.Parallel()
	eegdata.Dir(t)
	if race.Enabled {
		t.Skip("the race detector is on: run without -race")
	}
	for _, name := range []string{"8 channels", "10-20", "motor"} {
		all := new(decoders.Dataset)
		var groups []string
		for s := 1; s <= 12; s++ {
			subject := fmt.Sprintf("S%03d", s)
			ds := leftRight(t, subject, montages[name]...)
			trials := append(all.Trials, ds.Trials...)
			*all = *ds
			all.Trials = trials
			for range ds.Trials {
				groups = append(groups, subject)
			}
		}
		folds, err := classify.GroupKFold(groups)
		if err != nil {
			t.Fatal(err)
		}
		plain := motorimagery.DefaultConfig()
		plain.End = 3.5
		for _, p := range []decoders.Pipeline{motorimagery.CSPLDA(), motorimagery.TSLR()} {
			for _, cfg := range []struct {
				name string
				motorimagery.Config
			}{{"defaults", plain}, {"cross-subject", motorimagery.CrossSubject()}} {
				mean := 0.0
				var per []float64
				var probabilities [][]float64
				var truth []int
				for _, f := range folds {
					acc, prob, y := score(t, p, all, f, cfg.Config)
					per = append(per, acc)
					mean += acc / float64(len(folds))
					probabilities, truth = append(probabilities, prob...), append(truth, y...)
				}
				t.Logf("%-10s %-8s %-13s %.3f  ECE %.3f Brier %.3f  %.2f", name, p.Name(), cfg.name, mean,
					classify.ECE(probabilities, truth, 10), classify.Brier(probabilities, truth), per)
				// 540 answers at chance stay below 0.535 in 95 % of cases.
				if cfg.name == "cross-subject" && p.Name() == motorimagery.TSLRName && mean < 0.55 {
					t.Errorf("%s: %.3f is not above chance", name, mean)
				}
			}
		}
	}
}

// TestGrazSample cross-validates the Graz recording of left and right hand imagery, four bipolar channels without
// 10-20 names at 256 Hz. Log band power and LDA reach 0.95 there.
func TestGrazSample(t *testing.T) {
	t.Parallel()
	name := eegdata.File(t, "motor_imagery/biosig/sample.gdf")
	rec, err := formats.OpenFS(os.DirFS(path.Dir(name)), path.Base(name))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := rec.Signal(rec.Labels()...)
	if err != nil {
		t.Fatal(err)
	}
	ds := &decoders.Dataset{Paradigm: eeg.MotorImagery, Channels: sig.Channels, Rate: sig.Rate, Cue: 1, Classes: []string{"left_hand", "right_hand"}}
	ds.Trials = epoch.Cut(sig, rec.Events, func(e eeg.Event) int {
		if e.Code == 769 || e.Code == 770 { // GDF: class 1, left, and class 2, right
			return e.Code - 769
		}
		return -1
	}, 1, 5, "")
	folds, err := classify.StratifiedKFold(labels(ds), 5, 1)
	if err != nil {
		t.Fatal(err)
	}
	cfg := motorimagery.DefaultConfig()
	cfg.End = 3.5
	for _, p := range pipelines {
		mean := 0.0
		var probabilities [][]float64
		var truth []int
		for _, f := range folds {
			acc, prob, y := score(t, p, ds, f, cfg)
			mean += acc / float64(len(folds))
			probabilities, truth = append(probabilities, prob...), append(truth, y...)
		}
		t.Logf("%s: %d trials, 5 folds: %.3f, ECE %.3f", p.Name(), len(ds.Trials), mean, classify.ECE(probabilities, truth, 10))
		if len(ds.Trials) != 40 || mean < 0.85 {
			t.Errorf("%s: %.3f of %d trials", p.Name(), mean, len(ds.Trials))
		}
	}
}
