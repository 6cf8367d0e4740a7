// Package quality keeps trials that hold no usable EEG from being learned and decoded.
//
// The rule: a trial is freed of what decoders do not read anyway, below 0.5 and above 40 Hz, and looked at in windows of
// 2 s. A window passes the gate of package features where half of the channels or more have a signal quality of 0.6. A
// trial is rejected where fewer than half of its windows pass, or where a sample is not EEG at all.
//
// Where more than half of all trials would go, it is the recording that the gate finds fault with: its unit, its montage,
// an electrode. A decoder may still read it, so all trials that can be read are kept, and the report says that the gate
// was overruled.
//
// Labels play no part in the rule, so that test trials may be gated like training trials.
package quality

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/features"
)

// The band that is judged, in Hz. The mains and the drift of dry electrodes lie outside.
const (
	low  = 0.5
	high = 40
)

// Report says what a gate did.
type Report struct {
	Trials   int            `json:"trials"`   // before
	Rejected int            `json:"rejected"` // of them
	Classes  map[string]int `json:"rejected_by_class"`
	// Reasons counts what was found in the trials that failed, by the flags of package features or the code of the error; a
	// trial may have several.
	Reasons map[string]int `json:"reasons"`
	// Overruled tells that most trials failed and were kept all the same, but for those that cannot be read.
	Overruled bool  `json:"overruled"`
	Index     []int `json:"-"` // which trials were rejected, in order
}

// Gate returns the dataset without the trials that the rule rejects, and what it rejected. ds is not changed; the result
// shares its trials. A dataset in which all pass is returned as it is. Errors are those of ctx.
func Gate(ctx context.Context, ds *decoders.Dataset) (*decoders.Dataset, Report, error) {
	r := Report{Trials: len(ds.Trials), Classes: map[string]int{}, Reasons: map[string]int{}}
	verdicts := make([]verdict, len(ds.Trials))
	failed := 0
	for i, t := range ds.Trials {
		if err := ctx.Err(); err != nil {
			return nil, Report{}, err
		}
		verdicts[i] = judge(decoders.Signal{Data: t.Data, Channels: ds.Channels, Rate: ds.Rate})
		if verdicts[i].failed {
			failed++
			for _, reason := range verdicts[i].reasons {
				r.Reasons[reason]++
			}
		}
	}
	r.Overruled = 2*failed > len(ds.Trials)
	var kept []decoders.Trial
	for i, t := range ds.Trials {
		v := verdicts[i]
		if !v.failed || r.Overruled && v.readable {
			kept = append(kept, t)
			continue
		}
		r.Rejected++
		r.Index = append(r.Index, i)
		if t.Label >= 0 && t.Label < len(ds.Classes) {
			r.Classes[ds.Classes[t.Label]]++
		}
	}
	if r.Rejected == 0 {
		return ds, r, nil
	}
	out := *ds
	out.Trials = kept
	return &out, r, nil
}

// verdict is what the rule says of one trial.
type verdict struct {
	failed, readable bool
	reasons          []string
}

func judge(sig decoders.Signal) verdict {
	filtered, err := filter(sig)
	if err != nil {
		return unreadable(err)
	}
	s, err := features.Summarize(filtered)
	if err != nil {
		return unreadable(err)
	}
	return verdict{failed: 2*s.Passed < s.Windows, readable: true, reasons: s.Flags}
}

func unreadable(err error) verdict {
	code := decoders.CodeInvalidSignal
	if fault := (*decoders.Error)(nil); errors.As(err, &fault) {
		code = fault.Code
	}
	return verdict{failed: true, reasons: []string{code}}
}

// Passes reports whether a clip passes the rule for a single trial.
func Passes(sig decoders.Signal) bool { return !judge(sig).failed }

// filter returns a copy of the signal in the band that is judged.
func filter(sig decoders.Signal) (decoders.Signal, error) {
	rows := 0
	if sig.Samples() > 0 {
		rows, _ = sig.Data.Dims()
	}
	if rows == 0 || len(sig.Channels) != rows {
		return sig, decoders.Errorf(decoders.CodePayloadMalformed, map[string]any{"channels": len(sig.Channels), "rows": rows}, "%d channel names for %d channels of data", len(sig.Channels), rows)
	}
	sos, err := dsp.ButterBandPass(2, low, math.Min(high, 0.45*sig.Rate), sig.Rate)
	if err != nil {
		return sig, decoders.Errorf(decoders.CodeInvalidSignal, nil, "%v", err)
	}
	zero := dsp.NewZeroPhase(sos)
	out := mat.DenseCopyOf(sig.Data)
	for i := range rows {
		row := out.RawRowView(i)
		for j, v := range row {
			if v-v != 0 {
				return sig, decoders.Errorf(decoders.CodeInvalidSignal, map[string]any{"channel": sig.Channels[i], "sample": j}, "not a finite number")
			}
		}
		zero.Filter(row, row)
	}
	sig.Data = out
	return sig, nil
}
