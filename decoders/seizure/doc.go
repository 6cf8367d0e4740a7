// Package seizure looks for rhythms that resemble an electrographic seizure. It is a warning for a person who watches,
// never a diagnosis: no answer of this package says that somebody has or has not had a seizure.
//
// Three parts share one set of measures over windows of 2 s (line length, share of the alpha band, share of 2-12 Hz,
// muscle ratio, rhythmicity, Hjorth parameters):
//
//   - [Check] judges a short clip by fixed rules, without training. The verdict is true, false, or nil where the clip is
//     too short (< 10 s) or its quality fails. The decode path runs it next to any paradigm.
//   - [IctalScore] is a pipeline: a logistic regression over the same measures, trained on clips such as Bonn's; where the
//     amplitude is not to count, over Gaussian functions around the training's clips and the form of the values as well. Its
//     probability is reported as a class; the verdict on a seizure needs the rules as well, because a model trained on
//     intracranial seizures takes any large amplitude on the scalp for one.
//   - [Detector] runs over long recordings. Each channel is compared with its own trailing background.
//     [ScoreEvents] scores the events it finds the way SzCORE does.
//
// Invariants:
//
//   - A pattern has to last: 10 s, of which two thirds of the windows show it, on at least two channels where there
//     are as many.
//   - Alpha rhythm, muscle activity, slow motion and the power line are not called ictal, however large; nor is what only
//     frontal electrodes show where there are others, because the eyes do that.
//   - Whatever is wrong with the data makes the verdict nil with a reason, or a *decoders.Error; nothing panics.
//
// The scores are in µV and s, so the signal has to be calibrated.
//
// Sources: J. Gotman, Electroencephalogr. Clin. Neurophysiol. 54 (1982) 530-540 (relative amplitude against a trailing
// background, persistence); R. Esteller et al., Proc. IEEE EMBS 23 (2001) 1707-1710 and L. Logesparan, A. J. Casson and
// E. Rodriguez-Villegas, Med. Biol. Eng. Comput. 50 (2012) 659-669 (line length); B. Hjorth, Electroencephalogr. Clin.
// Neurophysiol. 29 (1970) 306-310; L. J. Hirsch et al., J. Clin. Neurophysiol. 38 (2021) 1-29 (a pattern counts as an
// electrographic seizure from 10 s on); R. G. Andrzejak et al., Phys. Rev. E 64 (2001) 061907 (Bonn clips);
// J. Dan et al., Epilepsia 66 (2025), SzCORE (event scoring).
package seizure
