package contact

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/epoch"
	"github.com/neurod/neurod/decoders/internal/head"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
)

const (
	// draws of what bad channels may have held.
	draws = 20
	// leastMargin is how many standard deviations over the draws the answer must be away from even odds. Leaving one of twelve people of EEGMMIDB out
	// at a time, with 2 an electrode that decides (C3, C4) leaves 1 to 3 of 100 clips with an answer, one beside the motor cortex 67 to 90, and
	// the answers are right as often as those of clean clips, or more often.
	leastMargin = 2.0
	// beside in s is looked at on both sides of the segment that an answer rests on, as decoders filter along there: two seconds alone tell little of
	// what channels share.
	beside = 1.0
	// margin in s around the segment that an answer rests on: decoders filter along there.
	margin = 2.5
	// mostCompared is how many channels are compared with each other: a decoder's own, and others of the recording to fill up.
	mostCompared = 64
)

// Report says what became of bad channels.
type Report struct {
	// Bad are those that the decoder reads, Unread the others of the recording.
	Bad    []eeg.BadChannel `json:"bad"`
	Unread []eeg.BadChannel `json:"unread,omitempty"`
	Method Method           `json:"method"`
	// Margin is by how many of its standard deviations over the draws the logarithm of the odds of the answer against the next one is above
	// even odds, at most 100; 0 without draws.
	Margin       float64 `json:"margin,omitempty"`
	Undetermined bool    `json:"undetermined"`
}

// Method is how bad channels were kept out of an answer.
type Method string

// The methods.
const (
	Untouched Method = "none"     // no bad channel is read, or the decoder itself leaves them out
	LeftOut   Method = "left_out" // decoded without them
	Imputed   Method = "imputed"  // decoded with draws of what they may have held
)

// evidence is the key of the report in the evidence of a result.
const evidence = "contact"

// Of returns the report of a result of [Decode], nil where no channel is bad.
func Of(r *decoders.Result) *Report {
	report, ok := r.Evidence[evidence].(Report)
	if !ok {
		return nil
	}
	return &report
}

// Decode is d.Decode with the bad channels of the clip kept out of the answer; see the package comment. The clip is the segment of the
// signal that the answer rests on. Where a channel is bad, [Of] says what became of it. Errors are those of d.Decode; that there is no EEG in a
// channel is one only where none holds any.
func Decode(ctx context.Context, d decoders.Decoder, in *decoders.Input) (*decoders.Result, error) {
	res, err := d.Decode(ctx, in)
	if ctx.Err() != nil || err != nil && !refused(err) {
		return res, err
	}
	c, ok := newClip(d, in, res)
	if !ok {
		return res, err
	}
	report := c.assess()
	in.Step("contact")
	switch {
	case len(report.Bad)+len(report.Unread) == 0:
		return res, err
	case res != nil && (len(report.Bad) == 0 || res.Paradigm == eeg.Seizure): // the seizure check leaves channels out window by window
		return noted(res, report), nil
	case len(report.Bad) == 0 || len(report.Bad) == len(c.own) && res == nil:
		return nil, err
	}
	out, fault := c.answer(ctx, &report)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case fault != nil: // what is left cannot be decoded
		report.Undetermined = true
	}
	if report.Undetermined {
		if out == nil {
			out = res
		}
		if out = undetermined(d, out); out == nil {
			return nil, err
		}
		return noted(out, report), nil
	}
	in.Step("imputed")
	return noted(tempered(out, report.left(len(c.own))), report), nil
}

// Mend returns the input with one course of what its bad channels may have held in their place; the input itself where all are good or it cannot be
// judged, and false where too few are left.
func Mend(d decoders.Decoder, in *decoders.Input) (*decoders.Input, bool) {
	c, ok := newClip(d, in, nil)
	if !ok {
		return in, true
	}
	report := c.assess()
	switch {
	case len(report.Bad) == 0:
		return in, true
	case report.most(c):
		return nil, false
	}
	band := newBand(c.low, c.high, in.Rate)
	p, err := c.imputer(band)
	if err != nil {
		return nil, false
	}
	view := c.view()
	p.draw(view.Signal, band, 0, in.Samples(), 0, in.Samples(), 0)
	return view, true
}

// most reports whether too many channels are bad for the others to make up for them.
func (r Report) most(c *clip) bool { return 2*len(r.Bad) > len(c.own) || len(r.Bad) == len(c.own) }

// noted adds the report to the evidence of a result.
func noted(r *decoders.Result, report Report) *decoders.Result {
	out := *r
	out.Evidence = maps.Clone(r.Evidence)
	if out.Evidence == nil {
		out.Evidence = map[string]any{}
	}
	out.Evidence[evidence] = report
	return &out
}

// refused reports whether a decoder found no EEG, which a bad channel may be the reason for.
func refused(err error) bool {
	var fault *decoders.Error
	return errors.As(err, &fault) && fault.Code == decoders.CodeInvalidSignal
}

// clip is a segment of a signal as a decoder reads it: the decoder's channels first, then others of the recording.
type clip struct {
	d        decoders.Decoder
	in       *decoders.Input
	own      []int // rows that the decoder reads
	rows     []int // own, then those that are compared with them
	from, to int   // samples that the answer rests on
	faults   []eeg.ChannelFault
	expected func() *mat.SymDense // of the rows of own; nil where the decoder does not tell
	low      float64              // Hz, of the band that the decoder reads
	high     float64
}

func newClip(d decoders.Decoder, in *decoders.Input, res *decoders.Result) (*clip, bool) {
	n := in.Samples()
	rows, _ := in.Data.Dims()
	if len(in.Channels) != rows {
		return nil, false
	}
	c := &clip{d: d, in: in, to: n, low: low, high: high}
	need := d.Info().Channels
	if len(need) == 0 {
		c.own = make([]int, rows)
		for i := range c.own {
			c.own[i] = i
		}
	} else {
		var err error
		if c.own, err = epoch.Rows(nil, in.Channels, epoch.CanonicalNames(need)); err != nil {
			return nil, false
		}
		if s, ok := d.(decoders.Spatial); ok {
			c.expected = s.Covariance
			c.low, c.high = s.Band()
		}
	}
	c.rows = slices.Clone(c.own)
	for i := 0; i < rows && len(c.rows) < mostCompared; i++ {
		if !slices.Contains(c.own, i) && recording.IsElectrode(recording.CanonicalName(in.Channels[i])) {
			c.rows = append(c.rows, i)
		}
	}
	if res != nil && res.To > res.From {
		c.from, c.to = max(0, int((res.From-beside)*in.Rate)), min(n, int(math.Ceil((res.To+beside)*in.Rate)))
	}
	return c, c.to > c.from
}

// assess judges the rows over the segment.
func (c *clip) assess() Report {
	names := make([]string, len(c.rows))
	for i, r := range c.rows {
		names[i] = c.in.Channels[r]
	}
	c.faults = Assess(decoders.Signal{Data: c.part(), Channels: names, Rate: c.in.Rate}, c.expected)
	report := Report{Method: Untouched}
	for i, r := range c.rows {
		switch {
		case c.faults[i] == "":
		case i < len(c.own):
			report.Bad = append(report.Bad, eeg.BadChannel{Name: c.in.Channels[r], Fault: c.faults[i]})
		default:
			report.Unread = append(report.Unread, eeg.BadChannel{Name: c.in.Channels[r], Fault: c.faults[i]})
		}
	}
	return report
}

// part returns the rows over the segment, to be read only.
func (c *clip) part() *mat.Dense {
	inOrder := true
	for i, r := range c.rows {
		inOrder = inOrder && r == i
	}
	if inOrder {
		return c.in.Data.Slice(0, len(c.rows), c.from, c.to).(*mat.Dense)
	}
	part := mat.NewDense(len(c.rows), c.to-c.from, nil)
	for i, r := range c.rows {
		copy(part.RawRowView(i), c.in.Data.RawRowView(r)[c.from:c.to])
	}
	return part
}

// answer decodes what the good channels tell. The result is nil where they cannot tell anything.
func (c *clip) answer(ctx context.Context, report *Report) (*decoders.Result, error) {
	if report.most(c) {
		report.Undetermined = true
		return nil, nil
	}
	if len(c.d.Info().Channels) == 0 {
		report.Method = LeftOut
		return c.d.Decode(ctx, c.without())
	}
	band := newBand(c.low, c.high, c.in.Rate)
	p, err := c.imputer(band)
	if err != nil {
		return nil, err
	}
	report.Method = Imputed
	view := c.view()
	lo, hi := max(0, c.from-int(margin*c.in.Rate)), min(c.in.Samples(), c.to+int(margin*c.in.Rate))
	results := make([]*decoders.Result, draws)
	for k := range results {
		p.draw(view.Signal, band, lo, hi, c.from, c.to, uint64(k))
		if results[k], err = c.d.Decode(ctx, view); err != nil {
			return nil, err
		}
	}
	var res *decoders.Result
	res, report.Margin = mean(results)
	report.Undetermined = !(report.Margin >= leastMargin)
	return res, nil
}

// without returns the input with the good rows alone.
func (c *clip) without() *decoders.Input {
	view := *c.in
	view.Channels = nil
	var keep []int
	for i, r := range c.own {
		if c.faults[i] == "" {
			keep, view.Channels = append(keep, r), append(view.Channels, c.in.Channels[r])
		}
	}
	view.Data = mat.NewDense(len(keep), c.in.Samples(), nil)
	for i, r := range keep {
		copy(view.Data.RawRowView(i), c.in.Data.RawRowView(r))
	}
	return &view
}

// view returns a copy of the input whose rows are those of c.rows.
func (c *clip) view() *decoders.Input {
	view := *c.in
	view.Trace = nil
	view.Channels = make([]string, len(c.rows))
	view.Data = mat.NewDense(len(c.rows), c.in.Samples(), nil)
	for i, r := range c.rows {
		view.Channels[i] = c.in.Channels[r]
		copy(view.Data.RawRowView(i), c.in.Data.RawRowView(r))
	}
	return &view
}

// imputer returns the one that leaves least unexplained: by what the decoder knows of its own channels, or by the places of all that are
// good. Of both only the correlations count; amplitudes are those of the clip.
func (c *clip) imputer(band *band) (*imputer, error) {
	var good, bad, ownGood []int // indices into c.rows
	for i := range c.rows {
		switch {
		case c.faults[i] == "":
			good = append(good, i)
			if i < len(c.own) {
				ownGood = append(ownGood, i)
			}
		case i < len(c.own):
			bad = append(bad, i)
		}
	}
	activity, err := c.activity(band, good)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(c.rows))
	for i, r := range c.rows {
		names[i] = c.in.Channels[r]
	}
	byPlace, err := newImputer(head.Correlations(names), activity, good, bad)
	var expected *mat.SymDense
	if c.expected != nil {
		expected = c.expected()
	}
	if expected == nil {
		return byPlace, err
	}
	known, fault := newImputer(expected, activity, ownGood, bad)
	if fault != nil || err == nil && len(good) > len(ownGood) && byPlace.unexplained < known.unexplained {
		return byPlace, err
	}
	return known, nil
}

// activity returns the root mean square of good rows in the band that the decoder reads.
func (c *clip) activity(band *band, good []int) ([]float64, error) {
	out := make([]float64, len(c.rows))
	for _, i := range good {
		out[i] = band.rms(c.in.Data.RawRowView(c.rows[i])[c.from:c.to])
		if !(out[i] > 0) {
			return nil, errDegenerate
		}
	}
	return out, nil
}

// mean returns the result whose probabilities are the means of all, with the evidence of the first that gives the same answer, and the margin of
// the answer over the next one. A decoder gives the same classes for the same request; of a draw in which it has no answer all are as probable.
func mean(results []*decoders.Result) (*decoders.Result, float64) {
	sum := map[string]float64{}
	out := *results[0]
	for _, r := range results {
		own := slices.DeleteFunc(slices.Clone(r.Classes), func(c decoders.Class) bool { return c.Name == string(eeg.Undetermined) })
		for _, c := range own {
			p := c.Probability
			if len(own) < len(r.Classes) {
				p = 1 / float64(len(own))
			}
			sum[c.Name] += p / float64(len(results))
		}
		out.Classes = own
	}
	for i, c := range out.Classes {
		out.Classes[i].Probability = sum[c.Name]
	}
	slices.SortStableFunc(out.Classes, func(a, b decoders.Class) int { return cmp.Compare(b.Probability, a.Probability) })
	odds, found := make([]float64, len(results)), false // of the answer against the best of the others, in each draw
	for k, r := range results {
		best, other := 0.0, 0.0
		for _, c := range r.Classes {
			if c.Name == out.Classes[0].Name {
				best = c.Probability
			} else {
				other = max(other, c.Probability)
			}
		}
		odds[k] = math.Log(max(best, 1e-12)) - math.Log(max(other, 1e-12))
		if r.Classes[0].Name == out.Classes[0].Name && !found {
			out.Flags, out.Evidence, found = r.Flags, r.Evidence, true
		}
	}
	m, sd := stat.MeanStdDev(odds, nil)
	return &out, min(m/max(sd, 1e-9), 100)
}

// left is the share of the logarithms of the odds that the answer keeps, of a decoder of so many channels: that of the channels which are
// left, and of what imputation gave, that of the less favorable draws, two standard deviations below the mean. So the odds fall to even ones
// where there is no answer any more, and an answer that hangs on a lost channel is never a sure one.
func (r Report) left(channels int) float64 {
	share := 1 - float64(len(r.Bad))/float64(channels)
	if r.Margin > 0 {
		return share * (1 - leastMargin/r.Margin)
	}
	return share * share // a fit to fewer channels may be the closer one by chance
}

// tempered multiplies the logarithms of the odds of a result by a share.
func tempered(r *decoders.Result, share float64) *decoders.Result {
	out := *r
	out.Classes = make([]decoders.Class, len(r.Classes))
	sum := 0.0
	for i, c := range r.Classes {
		out.Classes[i] = decoders.Class{Name: c.Name, Probability: math.Pow(c.Probability, share)}
		sum += out.Classes[i].Probability
	}
	for i := range out.Classes {
		out.Classes[i].Probability /= sum
	}
	return &out
}

// undetermined returns a result that says nothing of the classes of r, or where there is none of those that the decoder has of itself; nil where it
// has none.
func undetermined(d decoders.Decoder, r *decoders.Result) *decoders.Result {
	if r == nil {
		r = &decoders.Result{Paradigm: d.Info().Paradigm}
		for _, name := range d.Info().Classes {
			r.Classes = append(r.Classes, decoders.Class{Name: name})
		}
	}
	if len(r.Classes) == 0 {
		return nil
	}
	return decoders.Abstained(r)
}
