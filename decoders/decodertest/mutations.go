package decodertest

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// mutation makes one kind of bad input out of a valid one.
type mutation struct {
	name  string
	apply func(in *decoders.Input)
	// mustFail says for which decoders the input cannot be answered. Nil: answering or refusing are both right.
	mustFail func(info decoders.Info) bool
	// notComparable marks inputs that hold NaN outside the samples.
	notComparable bool
}

func always(decoders.Info) bool           { return true }
func withMontage(info decoders.Info) bool { return len(info.Channels) > 0 }
func needsLength(info decoders.Info) bool {
	return info.MinSamples(info.Rate) > 1 || info.MinSamples(250) > 1
}
func onData(f func(r, c int, v float64) float64) func(*decoders.Input) {
	return func(in *decoders.Input) { in.Data.Apply(f, in.Data) }
}
func constant(v float64) func(*decoders.Input) {
	return onData(func(int, int, float64) float64 { return v })
}
func scaled(k float64) func(*decoders.Input) {
	return onData(func(_, _ int, v float64) float64 { return v * k })
}
func one(v float64) func(*decoders.Input) {
	return func(in *decoders.Input) {
		rows, n := in.Data.Dims()
		in.Data.Set(rows/2, n/2, v)
	}
}
func rate(v float64) func(*decoders.Input) { return func(in *decoders.Input) { in.Rate = v } }
func onsets(f func(i int, e eeg.Event) float64) func(*decoders.Input) {
	return func(in *decoders.Input) {
		if len(in.Events) == 0 {
			in.Events = []eeg.Event{{Onset: 0, Code: 1}}
		}
		for i, e := range in.Events {
			in.Events[i].Onset = f(i, e)
		}
	}
}
func firstSamples(n int) func(*decoders.Input) {
	return func(in *decoders.Input) {
		rows, have := in.Data.Dims()
		in.Data = mat.DenseCopyOf(in.Data.Slice(0, rows, 0, min(n, have)))
	}
}

// mutations is what bad data looks like, as far as we have met or imagined it.
var mutations = []mutation{
	{name: "no matrix", mustFail: always, apply: func(in *decoders.Input) { in.Data = nil }},
	{name: "empty matrix", mustFail: always, apply: func(in *decoders.Input) { in.Data = new(mat.Dense) }},
	{name: "zero input", mustFail: always, apply: func(in *decoders.Input) { *in = decoders.Input{} }},
	{name: "one sample", mustFail: needsLength, apply: firstSamples(1)},
	{name: "two samples", apply: firstSamples(2)},
	{name: "seventeen samples", apply: firstSamples(17)},

	{name: "NaN everywhere", mustFail: always, apply: constant(math.NaN())},
	{name: "infinity everywhere", mustFail: always, apply: constant(math.Inf(1))},
	{name: "one NaN", apply: one(math.NaN())},
	{name: "one +Inf", apply: one(math.Inf(1))},
	{name: "one -Inf", apply: one(math.Inf(-1))},
	{name: "flat at 0", apply: constant(0)},
	{name: "flat at 800 µV", apply: constant(800)},
	{name: "one flat channel", apply: func(in *decoders.Input) { clear(in.Data.RawRowView(0)) }},
	{name: "all channels alike", apply: func(in *decoders.Input) {
		rows, _ := in.Data.Dims()
		for r := 1; r < rows; r++ {
			in.Data.SetRow(r, in.Data.RawRowView(0))
		}
	}},
	{name: "amplitude 1e12", apply: scaled(1e12)},
	{name: "amplitude 1e160, whose square overflows", apply: scaled(1e160)},
	{name: "largest numbers", apply: onData(func(r, c int, _ float64) float64 {
		return math.MaxFloat64 * float64(1-2*((r+c)%2))
	})},
	{name: "amplitude 1e-12", apply: scaled(1e-12)},
	{name: "amplitude 1e-170, whose square underflows", apply: scaled(1e-170)},
	{name: "denormal", apply: onData(func(r, c int, _ float64) float64 {
		return math.SmallestNonzeroFloat64 * float64((r+c)%3)
	})},
	{name: "one spike of 1e9", apply: one(1e9)},
	{name: "saturated", apply: onData(func(_, _ int, v float64) float64 { return math.Copysign(1e5, v) })},

	{name: "no names", mustFail: always, apply: func(in *decoders.Input) { in.Channels = nil }},
	{name: "a name too few", mustFail: always, apply: func(in *decoders.Input) { in.Channels = in.Channels[1:] }},
	{name: "a name too many", mustFail: always, apply: func(in *decoders.Input) { in.Channels = append(in.Channels, "EXTRA") }},
	{name: "wrong names", mustFail: withMontage, apply: func(in *decoders.Input) {
		for i := range in.Channels {
			in.Channels[i] = fmt.Sprintf("X%d", i)
		}
	}},
	{name: "empty names", mustFail: withMontage, apply: func(in *decoders.Input) { clear(in.Channels) }},
	{name: "the same name for all", apply: func(in *decoders.Input) {
		for i := range in.Channels {
			in.Channels[i] = "C3"
		}
	}},
	{name: "a channel too few", apply: func(in *decoders.Input) {
		rows, n := in.Data.Dims()
		if rows > 1 {
			in.Data = mat.DenseCopyOf(in.Data.Slice(0, rows-1, 0, n))
			in.Channels = in.Channels[:rows-1]
		}
	}},
	{name: "a matrix of fewer rows than names", apply: func(in *decoders.Input) {
		rows, n := in.Data.Dims()
		if rows > 1 {
			in.Data = mat.DenseCopyOf(in.Data.Slice(0, rows-1, 0, n))
		}
	}},

	{name: "rate 0", mustFail: always, apply: rate(0)},
	{name: "rate -250", mustFail: always, apply: rate(-250)},
	{name: "rate NaN", mustFail: always, apply: rate(math.NaN()), notComparable: true},
	{name: "rate +Inf", mustFail: always, apply: rate(math.Inf(1))},
	{name: "rate 1e-300", apply: rate(1e-300)},
	{name: "rate 0.001", apply: rate(0.001)},
	{name: "rate 1", apply: rate(1)},
	{name: "rate 1e9", apply: rate(1e9)},
	{name: "rate 1e300", apply: rate(1e300)},
	{name: "an awkward rate", apply: rate(249.9731)},

	{name: "no events", apply: func(in *decoders.Input) { in.Events = nil }},
	{name: "events before the signal", apply: onsets(func(int, eeg.Event) float64 { return -5 })},
	{name: "events after the signal", apply: onsets(func(int, eeg.Event) float64 { return 1e6 })},
	{name: "events at the last sample", apply: func(in *decoders.Input) {
		onsets(func(int, eeg.Event) float64 { return in.Seconds() - 1/in.Rate })(in)
	}},
	{name: "events at 1e300 s", apply: onsets(func(int, eeg.Event) float64 { return 1e300 })},
	{name: "events at -1e300 s", apply: onsets(func(int, eeg.Event) float64 { return -1e300 })},
	{name: "events at NaN", apply: onsets(func(int, eeg.Event) float64 { return math.NaN() }), notComparable: true},
	{name: "events at +Inf", apply: onsets(func(int, eeg.Event) float64 { return math.Inf(1) })},
	{name: "all events at once", apply: onsets(func(int, eeg.Event) float64 { return 0 })},
	{name: "events in reverse order", apply: func(in *decoders.Input) {
		for i, j := 0, len(in.Events)-1; i < j; i, j = i+1, j-1 {
			in.Events[i], in.Events[j] = in.Events[j], in.Events[i]
		}
	}},
	{name: "5000 events", apply: func(in *decoders.Input) {
		in.Events = nil
		for i := range 5000 {
			in.Events = append(in.Events, eeg.Event{Onset: in.Seconds() * float64(i) / 5000, Code: 1 + i%12})
		}
	}},
	{name: "5000 codes", apply: func(in *decoders.Input) {
		in.Events = nil
		for i := range 5000 {
			in.Events = append(in.Events, eeg.Event{Onset: in.Seconds() * float64(i) / 10000, Code: i})
		}
	}},
	{name: "extreme codes", apply: func(in *decoders.Input) {
		for i := range in.Events {
			in.Events[i].Code = []int{math.MinInt, math.MaxInt, 0, -1}[i%4]
		}
	}},
	{name: "long labels", apply: func(in *decoders.Input) {
		for i := range in.Events {
			in.Events[i].Label = string(make([]byte, 1000))
		}
	}},

	{name: "ragged matrix", apply: func(in *decoders.Input) { in.Stimulus.Matrix = [][]string{{"A", "B"}, {"C"}} }},
	{name: "matrix with an empty row", apply: func(in *decoders.Input) { in.Stimulus.Matrix = [][]string{{}, {}} }},
	{name: "matrix with empty symbols", apply: func(in *decoders.Input) { in.Stimulus.Matrix = [][]string{{"", ""}, {"", ""}} }},
	{name: "matrix with a symbol twice", apply: func(in *decoders.Input) { in.Stimulus.Matrix = [][]string{{"A", "A"}, {"B", "C"}} }},
	{name: "matrix of one symbol", apply: func(in *decoders.Input) { in.Stimulus.Matrix = [][]string{{"A"}} }},
	{name: "matrix of 50 × 50 symbols", apply: func(in *decoders.Input) {
		in.Stimulus.Matrix = make([][]string, 50)
		for r := range 50 {
			for c := range 50 {
				in.Stimulus.Matrix[r] = append(in.Stimulus.Matrix[r], fmt.Sprintf("%d-%d", r, c))
			}
		}
	}},
	{name: "flashes of unknown symbols", apply: func(in *decoders.Input) {
		in.Stimulus.Matrix = [][]string{{"A", "B"}, {"C", "D"}}
		in.Stimulus.Flashes = map[int][]string{1: {"?"}, 2: {}, 3: nil}
	}},
	{name: "flashes without a matrix", apply: func(in *decoders.Input) {
		in.Stimulus.Matrix = nil
		in.Stimulus.Flashes = map[int][]string{1: {"A"}, 2: {"B"}}
	}},
	{name: "prior of NaN", apply: func(in *decoders.Input) { in.Prior = func(string) float64 { return math.NaN() } }},
	{name: "prior of +Inf", apply: func(in *decoders.Input) { in.Prior = func(string) float64 { return math.Inf(1) } }},
	{name: "prior of -Inf", apply: func(in *decoders.Input) { in.Prior = func(string) float64 { return math.Inf(-1) } }},
	{name: "prior of -1e308", apply: func(in *decoders.Input) { in.Prior = func(string) float64 { return -1e308 } }},
	{name: "targets of impossible frequency", notComparable: true, apply: func(in *decoders.Input) {
		in.Stimulus.Targets = nil
		for _, f := range []float64{0, -10, math.NaN(), math.Inf(1), 1e300} {
			in.Stimulus.Targets = append(in.Stimulus.Targets, eeg.Target{Label: fmt.Sprint(f), Frequency: f})
		}
	}},
	{name: "targets alike and unnamed", apply: func(in *decoders.Input) {
		in.Stimulus.Targets = []eeg.Target{{Frequency: 10}, {Frequency: 10}, {Label: "a", Frequency: 12}, {Label: "a", Frequency: 15}}
	}},
	{name: "a target of impossible phase", notComparable: true, apply: func(in *decoders.Input) {
		in.Stimulus.Targets = []eeg.Target{{Label: "a", Frequency: 10, Phase: math.NaN()}, {Label: "b", Frequency: 12}}
	}},
	{name: "500 targets", apply: func(in *decoders.Input) {
		in.Stimulus.Targets = nil
		for i := range 500 {
			in.Stimulus.Targets = append(in.Stimulus.Targets, eeg.Target{Label: fmt.Sprint(i), Frequency: 5 + float64(i)*0.05})
		}
	}},
	{name: "a long history", apply: func(in *decoders.Input) { in.History = make([]string, 10000) }},
}
