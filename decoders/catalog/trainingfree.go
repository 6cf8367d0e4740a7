package catalog

import "github.com/neurod/neurod/decoders/ssvep"

// ssvepCard is the card of an SSVEP decoder. Its figures are those that the tests of package ssvep print
// (TestExoskeleton, TestMuse, TestNoTarget): clips as they are served, 0.14 s after the onset to the end.
func ssvepCard(method string) ModelCard {
	value := func(v float64) *float64 { return &v }
	exoskeleton := DataSource{Name: "SSVEP exoskeleton dataset, subjects 1, 3 and 4", Licence: "CC0 1.0",
		Citation: "Kalunga et al. 2016, Neurocomputing 191, 55-68"}
	muse := DataSource{Name: "Muse SSVEP recordings, four files of one person", Licence: "BSD-3-Clause", Source: "NeuroTechX eeg-notebooks"}
	card := ModelCard{
		Summary:     "Finds the flicker a person looks at by canonical correlation with sines at its frequency; needs no training.",
		TrainedWith: TrainedWith{Pipeline: method},
		Evaluations: []Evaluation{
			{Protocol: "training-free: the best target of every trial, no_target verdicts not counted", Data: exoskeleton.Name, Accuracy: value(67. / 72), Chance: 1. / 3, Subjects: 3, Trials: 72},
			{Protocol: "training-free: the best target of every trial, no_target verdicts not counted", Data: muse.Name, Accuracy: value(121. / 128), Chance: 1. / 2, Subjects: 1, Trials: 128},
		},
		Calibration: []Calibration{{Protocol: "leave one person out, windows of 1 to 4 s, both data sets", Method: "softmax of scores, by how much the response stands out", ECE: 0.020}},
		IntendedUse: "Choosing among flickering targets whose frequencies the request names, with electrodes over the occiput.",
		Limits: []string{
			"Targets of one frequency that differ in phase are not told apart.",
			"10 of 72 exoskeleton trials with a flicker are answered no_target and 3 of 24 at rest are given a target, at the usual level of false accepts of 0.05; a request may ask for another.",
			"False accepts were counted over 16 people who look at no flicker; above four seconds and eight channels they are taken to be those of four and eight.",
		},
		Citations: []string{
			"Lin et al. 2006, IEEE Trans. Biomed. Eng. 53, 2610-2614",
			exoskeleton.Citation,
		},
	}
	if method == ssvep.FBCCA {
		card.Summary = "Finds the flicker a person looks at by canonical correlation in five sub-bands; needs no training."
		card.Evaluations[0].Accuracy, card.Evaluations[1].Accuracy = value(68./72), value(119./128)
		card.Calibration[0].ECE = 0.022
		card.Limits[1] = "7 of 72 exoskeleton trials with a flicker are answered no_target and 3 of 24 at rest are given a target, at the usual level of false accepts of 0.05; a request may ask for another."
		card.Citations = append(card.Citations, "Chen et al. 2015, J. Neural Eng. 12, 046008")
		card.Priority = 10
	}
	return card
}

// registryName is the name under which the Nimbus document lists a model for SSVEP, in its version and licence tier. Here it is
// FBCCA, with the card of FBCCA; a request gets it only by this name.
const (
	registryName    = "ssvep_multiclass_v1"
	registryVersion = "1.0.0"
)

func registryCard() ModelCard {
	card := ssvepCard(ssvep.FBCCA)
	card.RequiresLicense = "research"
	card.Priority = -1000
	return card
}

// ummCard is the card of spelling without calibration. Its figures are those that the tests of package p300 print.
func ummCard() ModelCard {
	value := func(v float64) *float64 { return &v }
	return ModelCard{
		Summary:     "Spells without calibration, from the first letter on: the letter whose flashes would make the mean response stand out most.",
		TrainedWith: TrainedWith{Pipeline: "umm"},
		Evaluations: []Evaluation{{Protocol: "training-free: letters after 15 repetitions, with those spelled before", Data: "BCI Competition II, data set IIb, session 10, runs 1 and 2",
			Accuracy: value(1), Chance: 1. / 36, Subjects: 1, Trials: 6}},
		IntendedUse: "A speller whose person has no model of their own yet. Name it in the request; ask for every trial of a run, so that letters help those after them.",
		Limits: []string{
			"Measured on six letters of one person: with 8 repetitions all of them are right, too, with 4 about half.",
			"Two codes that take turns cannot be told apart: it does not say which of them was attended.",
			"The confidence was fitted to those six letters; a letter of another person may be surer or less sure than it says.",
		},
		Citations: []string{"Sosulski and Tangermann 2023, arXiv 2306.11830", "Sosulski and Tangermann 2022, J. Neural Eng. 19, 066001"},
		Named:     true,
	}
}

// seizureCard is the card of the rules of package seizure. They were written down, not fitted, so there is no
// calibration; the evaluation prints their accuracy.
func seizureCard() ModelCard {
	return ModelCard{
		Summary:     "Looks for 10 s of large rhythmic activity that is neither alpha rhythm nor muscle; fixed rules, no training.",
		TrainedWith: TrainedWith{Pipeline: "ictal_rules"},
		IntendedUse: "A warning to a person who watches, beside any decoding. Never a diagnosis.",
		Limits: []string{
			"Clips under 10 s get no verdict.",
			"Small, focal or low-voltage fast discharges are missed.",
			"The confidence is a score of the rules with its threshold at one half, not a calibrated probability.",
			"The samples must be calibrated in microvolts.",
		},
		Citations: []string{"Gotman 1982, Electroencephalogr. Clin. Neurophysiol. 54, 530-540",
			"Hirsch et al. 2021, J. Clin. Neurophysiol. 38, 1-29"},
		Priority: -20, // behind the built-in model, which asks the rules too, and anybody's own
	}
}
