// Package evaluation measures neurod's decoders on recordings: dataset × pipeline × protocol.
//
// It reads any folder laid out as the evaluation data of this project and assumes no file name, subject
// or count inside a dataset's folder: what is there is discovered, and what is not there is left out of the tables.
//
//	motor_imagery/eegmmidb/SNNN.zip   EDF+ runs of a subject (Schalk 2004): imagery and execution tasks by run number
//	motor_imagery/*/*.gdf             cue codes 769 left, 770 right (BCI competition convention)
//	p300/*/NAME.f32|.json|.events.csv target flags a flash; row/column codes where there are 7 or more codes
//	p300/*/*.csv                      muse-lsl oddball, marker 1 non-target, 2 target
//	ssvep/*/*.gdf                     OpenViBE codes 33024 rest, 33025.. stimuli, 32779 trial start
//	cvep/*/*.npz                      NumPy arrays as PyntBCI ships them, trials that begin with their codes
//	ssvep/*/*.csv                     muse-lsl, marker 1 = 30 Hz, 2 = 20 Hz, AUX electrode
//	seizure/*/[ZONFS].zip             Bonn clips (Andrzejak 2001): S against the rest
//	seizure/*/NAME.f32|...            continuous recordings with seizure_onset events, scored the SzCORE way
//	artifacts/, headsets/             blinks, jaw clench: artifact scores
//	(synthetic)                       artifacts that the program injects into signals it makes itself; needs no folder
//	formats/, malformed/              read, or refused with a reason
//
// Invariants: a test fold never touches training, calibration or the choice of an option; every random choice
// comes from Config.Seed; figures that depend on time are kept apart from those that do not.
package evaluation
