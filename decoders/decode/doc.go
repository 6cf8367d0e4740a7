// Package decode takes a decode request and the bytes of a recording, and gives the answer of the decode API. It is the
// whole path without a server: payload, routing, model, decoder, seizure check, intents, warnings.
//
// A request goes down one walk and comes back once:
//
//	ask ─► route ─► load ─► align ─► find ─► answer
//	          ▲       │                        ▲
//	          └─auto──┘       seizure check ───┘
//
// ask reads the request, route picks the model, load reads the samples (auto looks at them, and at what was declared, before it picks one), align
// moves a model to the person, find decodes, and answer weighs the quality, looks for a seizure and makes intents of classes.
//
// # Routing
//
// A paradigm that is asked for is used. A model that is named settles the paradigm too. For "auto" what the request declares
// and then the events decide, in this order:
//
//  1. a speller is declared (a matrix or a table of flashes) and there are events, or six and more events with two or more
//     codes, a median of at most 1 s apart, that cue no movements: p300;
//  2. codes are declared: cvep; flickers are declared: ssvep, whatever the events are, and no_target where the person follows none of them; with a speller
//     declared beside them that flashed, only where a flicker stands out from its surrogates (p < 0.01) and is not an alpha rhythm;
//  3. events cue movements, by their labels or codes ([cue.Movements]): motor_imagery;
//  4. otherwise, and where no model fits the montage, the answer is undetermined, with the evidence and no intent.
//
// Electrodes over the motor cortex say nothing of what a person does: every clinical recording has them.
//
// # Trials
//
// A recording with events is decoded at the first that begins a trial of the model, see package cue, and eeg.Result.Clip says which;
// where every trial is asked for, Result.Trials has them all.
//
// # Alignment
//
// Where several clips of the person are at hand (Options.Clips, or the events of the request), models that were trained with
// alignment are preferred, and the one taken is moved to the mean of the clips before it decodes, see package motorimagery.
// Otherwise models for single clips are preferred, and every model is taken as it is. Result.Alignment says what was done.
//
// # Invariants
//
//   - The same request, bytes and catalog give the same output and diagnostics to the last bit; the clock is the
//     caller's (Options.Trace).
//   - What is wrong with the data is a *decoders.Error with a stable code and the numbers that show why. Whatever
//     else is returned is a fault of the program or a canceled context.
//   - Nothing here panics on hostile input, and memory is proportional to the payload.
//   - What was assumed (electrode positions, a resampled rate) is said in red_flags.
//   - seizure_detected is true or false only where the check could tell, else null.
package decode
