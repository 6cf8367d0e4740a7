// Package contact keeps channels that hold no EEG out of a decision.
//
// A decoder reads its channels as it was trained to: one that is flat, on the amplifier's rail or full of noise moves the answer, and
// mostly the confidence with it. [Decode] runs before every decoder, whatever its pipeline and paradigm:
//
//	clip ─ Assess ─┬─ all channels good ────────────────────────────► Decode
//	               ├─ a decoder of any montage ── without them ─────► Decode, tempered
//	               └─ a decoder of a fixed montage ── draws of what they may have held ─► Decode × draws, mean, tempered
//	                                                                          └─ the draws disagree ─► undetermined
//
// Channels are judged in the segment of the recording that the answer rests on, with a second on both sides.
//
// # What a lost channel may have held
//
// Channels of a head covary. With Σ the covariance of the channels, split into good ones g and bad ones b, what the bad ones held is
//
//	x_b = Σ_bg Σ_gg⁻¹ x_g + e,  e ~ (0, Σ_bb - Σ_bg Σ_gg⁻¹ Σ_gb)
//
// The correlations of Σ are those of the decoder's own training where it can tell them ([decoders.Spatial]), or they follow from the places of the
// electrodes (package head), whichever leaves less to e; the amplitudes are those of the clip in the band that the decoder reads. e is made of the
// good channels themselves, shifted in time by chance, so that it has the spectrum of EEG and nothing to do with the events; and the
// gain of the channel varies between draws as it does between heads. This is multiple imputation (Rubin 1987): the mean of the
// probabilities over the draws is the probability given the good channels alone. Signals keep their rank, so covariances, logarithms
// and spatial filters meet what they were made for.
//
// Where the draws do not agree, the lost channel would have decided, and there is no answer: the result is [decoders.Abstained]. So it is where more than half of the channels are bad.
//
// # Invariants
//
//   - A clip without a bad channel is decoded as if this package did not exist, to the last bit.
//   - The same clip gives the same answer to the last bit: the draws are seeded by nothing but their number.
//   - A decoder is never more certain for a channel that is lost: of the logarithms of the odds remains the share of the channels
//     that are left, and of the draws the less favorable ones count.
package contact
