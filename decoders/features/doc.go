// Package features turns short windows of EEG into numbers a person can read: band powers, ratios, spectral entropy,
// artifact scores, signal quality, and whether the window is worth using.
//
// The unit is the window, 2 s by default. An [Extractor] computes one window after another without allocating;
// [Summarize] runs one over a whole clip and says how good the recording is, channel by channel.
//
// Invariants:
//
//   - Every score lies in 0..1 and every number of a Window is finite, or NaN ("null" in JSON) where it cannot be
//     known: a ratio whose denominator is below 1e-3 µV², a band above the Nyquist frequency.
//   - The offset and linear drift of a DC-coupled headset (a Muse sits near 800 µV) are removed before any rule that
//     looks at amplitudes; they are not an artifact.
//   - The samples are never notched here, so the power-line share is the one of the recording.
//   - Quality says how clean the signal is. Confidence says how far the window's features can be relied on, which
//     also falls when few channels carry them. The gate asks only for enough good channels.
//
// With r(x; a, b) = clip((x-a)/(b-a), 0, 1), SD and peak-to-peak (p2p) in µV after detrending, and P(f1-f2) the power
// in a band, the scores of a channel are
//
//	blink_like  = r(p2p of 1-10 Hz within 0.4 s; 75, 150) of a single-sided wave of 0.1-0.4 s, frontal channels only
//	motion_like = max(r(P(0.5-2)/P(0.5-45); .7, .95)·r(p2p; 100, 300), r(largest change in 8 ms; 50, 150))
//	emg_like    = r(log10(P(30-45)/P(4-30)); -0.5, 0.3)
//	bad_contact = max(SD < 0.5, r(SD; 50, 150), r(line/total; .3, .6), clipped share > 1 %)
//	SQI         = (1 - bad_contact)·(1 - max(.7·motion, .5·emg, .4·blink))
//
// Scores are functions of time and µV alone: the same signal has the same scores at every sampling rate that holds its
// band. A sample is clipped where the curve stays on an extreme for 12 ms or more and comes there on a slope.
//
// Sources: P. D. Welch, IEEE Trans. Audio Electroacoust. 15 (1967) 70-73 (spectra); T. Inouye et al.,
// Electroencephalogr. Clin. Neurophysiol. 79 (1991) 204-210 (spectral entropy); J. A. Stern, L. C. Walrath and
// R. Goldstein, Psychophysiology 21 (1984) 22-33 (blinks last 0.1-0.4 s); I. I. Goncharova et al., Clin.
// Neurophysiol. 114 (2003) 1580-1593 (muscle activity over the frontal and temporal scalp above 20 Hz).
package features
