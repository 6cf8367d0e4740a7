// Package language completes what a person spells and words what a person chose.
//
// A [Model] knows how often words and pairs of words occur. From that follow the most probable completions of a
// text, and the probability of the next letter, which a P300 speller multiplies with the evidence of the flashes
// (science: Speier et al. 2012, J. Neural Eng. 9 016004). Letters that no known word allows are backed off to
// trigrams of letters over the same words, smoothed after Witten and Bell 1991, IEEE Trans. Inf. Theory 37 1085. The
// backspace has the probability that the last symbol was a mistake: small after a letter that fits, large after one
// that hardly any text has there (how often spellers err: Guger et al. 2009, Neurosci. Lett. 462 94).
//
// Invariants:
//
//   - The same history gives the same answer; there is no state between calls, and a Model may be shared.
//   - A prediction begins with the text that was spelled, letter for letter.
//   - No symbol is ruled out: the smallest prior probability is 1e-4.
//   - Only English has a word model. For another language there is none, rather than the wrong one; phrases fall
//     back to English.
//
// The source and licence of the word list are in SOURCE.txt.
package language
