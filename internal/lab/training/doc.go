// Package training makes catalog models from labelled recordings.
//
// A model is trained on all trials it is given, and measured on trials that it was not trained on: one person left out
// at a time where there are several, else one run, else stratified folds. What was measured is on the model's card
// as it is, chance beside it.
//
// Invariants:
//
//   - The same trials, options and seed give the same model file, byte for byte, on the same processor architecture.
//   - Every figure on a card comes from the decoder's public face on trials that the decoder measured had not seen.
//   - Where several candidates were compared, the card says so and gives each one's figure.
package training
