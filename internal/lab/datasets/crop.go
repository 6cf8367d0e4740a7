package datasets

import (
	"fmt"
	"math"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/recording"
)

// Crop returns the part of a recording from start on, seconds long; 0 seconds takes the rest. Times of events count
// from the part's start; what lies outside is left out. Samples are shared with rec, which stays as it is.
// A part without samples, and a rate that is not known, are payload_too_short and payload_malformed.
func Crop(rec *recording.Recording, start, seconds float64) (*recording.Recording, error) {
	if !(start >= 0) || !(seconds >= 0) || math.IsInf(start, 0) || math.IsInf(seconds, 0) {
		return nil, fmt.Errorf("start %v s and length %v s are not both 0 or above", start, seconds)
	}
	end := math.Inf(1)
	if seconds > 0 {
		end = start + seconds
	}
	out := *rec
	out.Channels = nil
	left := 0
	for _, c := range rec.Channels {
		if !(c.Rate > 0) {
			return nil, decoders.Errorf(decoders.CodePayloadMalformed, nil, "channel %s does not state its sampling rate", c.Label)
		}
		n := float64(len(c.Samples))
		from, to := min(math.Round(start*c.Rate), n), min(math.Round(end*c.Rate), n)
		c.Samples = c.Samples[int(from):int(to)]
		left = max(left, len(c.Samples))
		out.Channels = append(out.Channels, c)
	}
	if left == 0 {
		return nil, decoders.Errorf(decoders.CodePayloadTooShort, map[string]any{"start_s": start, "recording_s": rec.Seconds()},
			"there is no signal from %g s on: the recording ends at %.3g s", start, rec.Seconds())
	}
	out.Events, out.Targets, out.Annotations, out.Gaps = nil, nil, nil, nil
	for i, e := range rec.Events {
		if e.Onset >= start && e.Onset < end {
			e.Onset -= start
			out.Events = append(out.Events, e)
			if rec.Targets != nil {
				out.Targets = append(out.Targets, rec.Targets[i])
			}
		}
	}
	for _, a := range rec.Annotations {
		if a.Onset >= start && a.Onset < end {
			a.Onset -= start
			out.Annotations = append(out.Annotations, a)
		}
	}
	for _, g := range rec.Gaps {
		if g.At >= start && g.At < end {
			g.At -= start
			out.Gaps = append(out.Gaps, g)
		}
	}
	return &out, nil
}
