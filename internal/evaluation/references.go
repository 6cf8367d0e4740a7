package evaluation

// references holds the figures that rows are held against: what plain scipy and scikit-learn pipelines, or MNE's published
// example, reached on these very recordings. Recordings that are not listed have no reference.
var references = map[referenceKey]Reference{
	// MNE's CSP example: 0.933 ± 0.034 over the ten splits (mne.tools, "Motor imagery decoding from EEG data using CSP").
	{"motor_imagery/eegmmidb", "S001", "hands/feet imagery", "csp_lda 7-30 Hz 1-2 s", "10 × 20 %"}: {Metric: "accuracy", Value: .933, Must: .933 - .034, Source: "MNE CSP example"},
	// CSP + shrinkage LDA with scikit-learn, 0.5-3.5 s, 5 folds: S002 0.889, S007 0.956.
	{"motor_imagery/eegmmidb", "S002", "left/right imagery", "csp_lda", "5-fold"}: {Metric: "accuracy", Value: .889, Must: .879, Source: "scikit-learn CSP+LDA"},
	{"motor_imagery/eegmmidb", "S007", "left/right imagery", "csp_lda", "5-fold"}: {Metric: "accuracy", Value: .956, Must: .946, Source: "scikit-learn CSP+LDA"},
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

	{"seizure/bonn", "all", "S : rest", "ictal_score", "10-fold"}:                              {Metric: "accuracy", Value: .974, Must: .97, Source: "scikit-learn logistic regression"},
	{"seizure/chbmit", "chb01_26_1ch", "events (SzCORE)", "seizure detector", "training-free"}: {Metric: "sensitivity", Value: 1, Must: 1, Source: "the marked seizure"},
}
