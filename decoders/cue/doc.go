// Package cue tells which events of a recording ask for an answer of a model, and which are only there: rest between trials,
// the start of the experiment, beeps, what another model was trained on.
//
// A recording of cued trials is decoded trial by trial. Which event begins a trial follows from the paradigm:
//
//   - Motor imagery: the events that stand for a class of the model, and cues that do not tell theirs.
//   - SSVEP: the starts of the flicker where the recording marks them, such as OpenViBE's 32779, each with what was announced
//     before it; else the events named like a target; else every event that is not a known mark of something else. A trial ends
//     where the flicker stops or the next one is announced.
//   - c-VEP: the same, with the labels of the codes for targets; rest is passed over.
//   - P300: trains of flashes with a pause between them, one train a selection. Flashes of which the recording tells that they
//     were targets or not are each a trial where every trial is asked for.
//
// What an event stands for is found in this order: what the caller says; what the model was trained on; the names of the
// classes with their usual synonyms and the codes of the GDF table of events (769 left hand, 770 right hand, 771 feet, 772
// tongue; Schlögl 2013, "GDF - A general dataformat for biosignals", arXiv cs/0608052), which OpenViBE and the Graz recordings
// use.
//
// Invariants:
//
//   - Events of no class are passed over, never decoded instead. Where none is left, the error is no_events and lists what was
//     found.
//   - A class is told only where the recording or the caller tells it; a label is never guessed from the order of codes.
//   - Trials are in the order of time, and the same events give the same trials.
package cue
