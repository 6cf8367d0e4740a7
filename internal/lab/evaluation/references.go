package evaluation

import (
	"embed"
	"encoding/json"
	"maps"
)

// referenceSeed is the seed of the folds on which the references were reached.
const referenceSeed = 42

// references holds the figures that rows are held against: what plain scipy and scikit-learn pipelines, or MNE's published
// example, reached on these very recordings. Recordings that are not listed have no reference.
var references = addControls(addSameFolds(map[referenceKey]Reference{
	// MNE's CSP example: 0.933 ± 0.034 over the ten splits (mne.tools, "Motor imagery decoding from EEG data using CSP").
	{"motor_imagery/eegmmidb", "S001", "hands/feet imagery", "csp_lda 7-30 Hz 1-2 s", "10 × 20 %"}: {Metric: "accuracy", Value: .933, Must: .933 - .034, Source: "MNE CSP example"},
	// Eyes closed against open: ×11.8 as PSD; at least 8 must be seen.
	{"motor_imagery/eegmmidb", "S001", "alpha on O1, eyes closed : open", "features", "2-s windows"}: {Metric: "ratio", Value: 11.8, Must: 8, Source: "scipy Welch"},

	// CCA with 3 harmonics, 6-60 Hz, 0.5-4.5 s: 20, 23 and 23 of 24.
	{"ssvep/exoskeleton", "subject01", "3 targets", "cca", "training-free"}: {Metric: "accuracy", Value: 20. / 24, Must: 20. / 24, Source: "scikit-learn CCA"},
	{"ssvep/exoskeleton", "subject03", "3 targets", "cca", "training-free"}: {Metric: "accuracy", Value: 23. / 24, Must: 23. / 24, Source: "scikit-learn CCA"},
	{"ssvep/exoskeleton", "subject04", "3 targets", "cca", "training-free"}: {Metric: "accuracy", Value: 23. / 24, Must: 23. / 24, Source: "scikit-learn CCA"},

	// Muse, AUX electrode, fundamental only, 0.5-3 s: scipy CCA on the four files at hand.
	{"ssvep/muse", "subject1", "2 targets", "cca", "training-free"}: {Metric: "accuracy", Value: 184. / 192, Must: 121. / 128, Source: "scipy CCA: 184/192 over six files"},

	// Plain shrinkage LDA with scikit-learn, 0.5-12 Hz, 0-0.7 s, 5 folds.
	{"p300/gtec", "S1", "target/other flash", "xdawn_lda", "5-fold"}:               {Metric: "auc", Value: .964, Must: .964, Source: "scikit-learn shrinkage LDA"},
	{"p300/gtec", "S2", "target/other flash", "xdawn_lda", "5-fold"}:               {Metric: "auc", Value: .958, Must: .958, Source: "scikit-learn shrinkage LDA"},
	{"p300/gtec", "S3", "target/other flash", "xdawn_lda", "5-fold"}:               {Metric: "auc", Value: .874, Must: .874, Source: "scikit-learn shrinkage LDA"},
	{"p300/bci2_iib", "AAS010R02", "letters", "xdawn_lda", "trained on AAS010R01"}: {Metric: "letters", Value: 3, Must: 3, Source: "the three letters spelled"},

	// erp_lda is plain shrinkage LDA, and with the structure of its covariance more: on the same folds. Letters without calibration: 10 of 12 over two sessions, of
	// which one is here.
	{"p300/gtec", "S1", "target/other flash", "erp_lda", "5-fold"}:                                   {Metric: "auc", Value: .964, Must: .964, Source: "scikit-learn shrinkage LDA"},
	{"p300/gtec", "S2", "target/other flash", "erp_lda", "5-fold"}:                                   {Metric: "auc", Value: .958, Must: .958, Source: "scikit-learn shrinkage LDA"},
	{"p300/gtec", "S3", "target/other flash", "erp_lda", "5-fold"}:                                   {Metric: "auc", Value: .874, Must: .874, Source: "scikit-learn shrinkage LDA"},
	{"p300/bci2_iib", "AAS010", "letters, from the first on", "umm, growing", "without calibration"}: {Metric: "letters", Value: 6, Must: 5, Source: "10 of 12 letters over two sessions"},

	// The letters with the language model, too; and the flashes of the Muse against plain shrinkage LDA on the same folds.
	{"p300/bci2_iib", "AAS010R02", "letters, language model", "xdawn_lda", "trained on AAS010R01"}: {Metric: "letters", Value: 3, Must: 3, Source: "the three letters spelled"},
	{"p300/muse", "subject1_session1", "target/other flash", "xdawn_lda", "5-fold"}:                {Metric: "auc", Value: .7005, Must: .7005, Source: "scikit-learn shrinkage LDA on the same folds"},
	{"p300/gtec", "S1", "target/other flash", "xdawncov_ts_lr", "5-fold"}:                          {Metric: "auc", Value: .9729, Must: .9629, Source: "pyRiemann and scikit-learn on the same folds"},
	{"p300/gtec", "S2", "target/other flash", "xdawncov_ts_lr", "5-fold"}:                          {Metric: "auc", Value: .9330, Must: .9230, Source: "pyRiemann and scikit-learn on the same folds"},
	{"p300/gtec", "S3", "target/other flash", "xdawncov_ts_lr", "5-fold"}:                          {Metric: "auc", Value: .8626, Must: .8526, Source: "pyRiemann and scikit-learn on the same folds"},
	{"p300/muse", "subject1_session1", "target/other flash", "xdawncov_ts_lr", "5-fold"}:           {Metric: "auc", Value: .7429, Must: .7429, Source: "pyRiemann and scikit-learn on the same folds"},

	// Clean windows fail the gate in 5 % at most; closed eyes and artifacts are not a seizure.
	{"motor_imagery/eegmmidb", "all", "rest", "features", "2-s windows"}:                                     {Metric: "gate_failed", Value: 0, Must: .05, AtMost: true, Source: "every window passes"},
	{"motor_imagery/eegmmidb", "all", "clean windows of imagery", "features", "2-s windows"}:                 {Metric: "gate_failed", Value: 0, Must: .05, AtMost: true, Source: "every window passes"},
	{"motor_imagery/eegmmidb", "all", "closed eyes called a seizure", "seizure rules", "30-s clips"}:         {Metric: "false_accept", Value: 0, Must: 0, AtMost: true, Source: "no seizure is in it"},
	{syntheticDataset, "all", "blinks, muscle, motion, hum called a seizure", "seizure rules", "30-s clips"}: {Metric: "false_accept", Value: 0, Must: 0, AtMost: true, Source: "no seizure is in them"},

	{"motor_imagery/eegmmidb", "all", "healthy people called a seizure, 13 channels", ServedCheck, "30-s clips"}: {Metric: "false_accept", Value: 0, Must: .02, AtMost: true, Source: "no seizure is in it"},
	{"motor_imagery/eegmmidb", "all", "healthy people called a seizure, 64 channels", ServedCheck, "30-s clips"}: {Metric: "false_accept", Value: 0, Must: .02, AtMost: true, Source: "no seizure is in it"},
	{"motor_imagery/eegmmidb", "all", "real recordings without an answer", "quality and units", costProtocol}:    {Metric: "no_answer", Value: 0, Must: .05, AtMost: true, Source: "every clip is EEG"},
	{"motor_imagery/eegmmidb", "all", sweepTask, "seizure", sweepProtocol}:                                       {Metric: "unfit_answers", Value: 0, Must: 0, AtMost: true, Source: "no gain makes an answer right"},
	{"motor_imagery/eegmmidb", "all", sweepTask, "motor_imagery", sweepProtocol}:                                 {Metric: "unfit_answers", Value: 0, Must: 0, AtMost: true, Source: "no gain makes an answer right"},
	{"ssvep/exoskeleton", "all", sweepTask, "ssvep", sweepProtocol}:                                              {Metric: "unfit_answers", Value: 0, Must: 0, AtMost: true, Source: "no gain makes an answer right"},
	{"seizure/chbmit", "all", sweepTask, "seizure", sweepProtocol}:                                               {Metric: "unfit_answers", Value: 0, Must: 0, AtMost: true, Source: "no gain makes an answer right"},

	{"seizure/bonn", "all", "S : rest", "ictal_score", "10-fold"}:                              {Metric: "accuracy", Value: .974, Must: .97, Source: "scikit-learn logistic regression"},
	{"seizure/bonn", "all", "S : rest, per-clip z-score", "ictal_score", "10-fold"}:            {Metric: "accuracy", Value: .98, Must: .97, Source: "scikit-learn support vector machine"},
	{"seizure/chbmit", "chb01_26_1ch", "events (SzCORE)", "seizure detector", "training-free"}: {Metric: "sensitivity", Value: 1, Must: 1, Source: "the marked seizure"},
}))

// golden holds what the same pipelines reach in MNE, pyRiemann, scikit-learn and scipy on the very folds of seed 42, as
// tools/golden writes it.
//
//go:embed testdata/golden/imagery.json testdata/golden/ssvep.json testdata/golden/cvep.json
var golden embed.FS

// slack is how far a row may lie below its reference on the same folds.
const slack = 0.01

// referenceVersions are the libraries that made the figures.
var referenceVersions = map[string]string{}

func addSameFolds(to map[referenceKey]Reference) map[referenceKey]Reference {
	files, err := golden.ReadDir("testdata/golden")
	if err != nil {
		panic(err) // the program was built wrongly
	}
	for _, f := range files {
		b, err := golden.ReadFile("testdata/golden/" + f.Name())
		if err != nil {
			panic(err)
		}
		var doc struct {
			Versions map[string]string
			Source   string
			Rows     []struct {
				Dataset, Subject, Task, Pipeline, Protocol, Metric string
				Right, N                                           int
			}
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			panic(err)
		}
		maps.Copy(referenceVersions, doc.Versions)
		for _, r := range doc.Rows {
			value := float64(r.Right) / float64(r.N)
			to[referenceKey{r.Dataset, r.Subject, r.Task, r.Pipeline, r.Protocol}] = Reference{Metric: r.Metric, Value: value, Must: value - slack, Source: doc.Source}
		}
	}
	return to
}

// addControls adds what must hold of artifacts: an AUC of 0.95 for each that is injected, nine of ten voluntary blinks found,
// and none of the recordings called a seizure.
func addControls(to map[referenceKey]Reference) map[referenceKey]Reference {
	for _, in := range injections {
		to[referenceKey{syntheticDataset, "all", in.task(), "features", "2-s windows"}] = Reference{Metric: "auc", Value: 1, Must: .95, Source: "the same windows without it"}
	}
	for _, name := range []string{"LongBlink2", "LongBlink6", "ShortBlink2"} {
		to[referenceKey{"artifacts/blink_muse", name, "share of windows", "features", "2-s windows"}] = Reference{Metric: "blink", Value: 1, Must: .9, Source: "one voluntary blink in every window"}
	}
	to[referenceKey{"artifacts/blink_pyriemann", "sample-blinks.txt", "share of windows", "features", "2-s windows"}] = Reference{Metric: "blink", Value: 1, Must: 1, Source: "blinks throughout"}
	for _, r := range [][2]string{{"artifacts/blink_muse", "LongBlink2"}, {"artifacts/blink_muse", "LongBlink6"}, {"artifacts/blink_muse", "ShortBlink2"},
		{"artifacts/blink_pyriemann", "sample-blinks.txt"}, {"headsets/openbci", "OpenBCI_GUI-v6-blinks-jawClench-alpha"}} {
		to[referenceKey{r[0], r[1], "called a seizure", "seizure rules", "30-s clips"}] = Reference{Metric: "false_accept", Value: 0, Must: 0, AtMost: true, Source: "no seizure is in it"}
	}
	return to
}
