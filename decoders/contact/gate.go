package contact

import (
	"context"
	"fmt"
	"slices"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// Lost is a channel that holds no EEG in some trials of a dataset.
type Lost struct {
	Channel string           `json:"channel"`
	Fault   eeg.ChannelFault `json:"fault"` // the most frequent one
	Trials  int              `json:"trials"`
}

// Gated says what [Gate] left out.
type Gated struct {
	Trials   int    `json:"trials"`   // before
	Rejected int    `json:"rejected"` // of them
	Channels []Lost `json:"channels"` // the most often lost one first
	Index    []int  `json:"-"`        // which trials were rejected, in order
}

// Gate returns the dataset without the trials in which a channel holds no EEG, and what it left out: a decoder that learns from a dead
// electrode learns when it was dead. ds is not changed; the result shares its trials, and is ds where all are good. The seizure check, which leaves
// channels out window by window, is given everything.
//
// Errors: invalid_signal (details channels, each with fault and trials) where a channel is lost in more than half of the trials: it is then the
// channel that has to go, which only the caller can say; that of ctx.
func Gate(ctx context.Context, ds *decoders.Dataset) (*decoders.Dataset, Gated, error) {
	g := Gated{Trials: len(ds.Trials), Channels: []Lost{}}
	if ds.Paradigm == eeg.Seizure {
		return ds, g, nil
	}
	counts := make([]map[eeg.ChannelFault]int, len(ds.Channels)) // of each channel
	kept := make([]decoders.Trial, 0, len(ds.Trials))
	for i, t := range ds.Trials {
		if err := ctx.Err(); err != nil {
			return nil, Gated{}, err
		}
		good := true
		if t.Data != nil && !t.Data.IsEmpty() { // what is none at all the pipelines refuse
			for c, f := range Assess(decoders.Signal{Data: t.Data, Channels: ds.Channels, Rate: ds.Rate}, nil) {
				if f == "" || c >= len(counts) {
					continue
				}
				good = false
				if counts[c] == nil {
					counts[c] = map[eeg.ChannelFault]int{}
				}
				counts[c][f]++
			}
		}
		if good {
			kept = append(kept, t)
			continue
		}
		g.Rejected++
		g.Index = append(g.Index, i)
	}
	if g.Rejected == 0 {
		return ds, g, nil
	}
	g.Channels = lost(ds.Channels, counts)
	if worst := g.Channels[0]; 2*worst.Trials > g.Trials {
		return nil, g, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"channels": g.Channels, "trials": g.Trials},
			"no EEG in %s, of %d trials: train without such a channel", g.text(), g.Trials)
	}
	out := *ds
	out.Trials = kept
	return &out, g, nil
}

// lost lists the channels with faults.
func lost(names []string, counts []map[eeg.ChannelFault]int) []Lost {
	var out []Lost
	for c, faults := range counts {
		l := Lost{Channel: names[c]}
		most := 0
		for _, f := range []eeg.ChannelFault{eeg.FaultFlat, eeg.FaultClipped, eeg.FaultLine, eeg.FaultNoise, eeg.FaultLoud} {
			l.Trials += faults[f]
			if faults[f] > most {
				l.Fault, most = f, faults[f]
			}
		}
		if l.Trials > 0 {
			out = append(out, l)
		}
	}
	slices.SortStableFunc(out, func(a, b Lost) int { return b.Trials - a.Trials })
	return out
}

// text lists the channels: "C3 (flat, 12 trials), Oz (noise, 1 trial)".
func (g Gated) text() string {
	const most = 10
	text := ""
	for i, l := range g.Channels {
		if i == most {
			return text + fmt.Sprintf(" and %s more", decoders.Counted(len(g.Channels)-most, "channel"))
		}
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s (%s, %s)", l.Channel, l.Fault, decoders.Counted(l.Trials, "trial"))
	}
	return text
}

// Limit is the sentence about what was left out for the card of a model; "" where nothing was.
func (g Gated) Limit() string {
	if g.Rejected == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %s were left out of the training: no EEG in %s.", g.Rejected, decoders.Counted(g.Trials, "trial"), g.text())
}
