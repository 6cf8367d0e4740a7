package decodertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/eeg"
)

// seeds are the inputs most checks use. A handful is enough: the checks are about form, not accuracy.
var seeds = []uint64{1, 2, 3}

func checkInfo(_ context.Context, c Case) error {
	info := c.Decoder.Info()
	if !slices.Contains(eeg.DecodedParadigms(), info.Paradigm) {
		return fmt.Errorf("paradigm is %q", info.Paradigm)
	}
	if info.Pipeline == "" {
		return errors.New("no pipeline name")
	}
	if info.MinSamples == nil {
		return errors.New("no MinSamples")
	}
	if math.IsNaN(info.Rate) || math.IsInf(info.Rate, 0) || info.Rate < 0 {
		return fmt.Errorf("rate is %v", info.Rate)
	}
	for i, name := range info.Classes {
		if name == "" || slices.Contains(info.Classes[:i], name) {
			return fmt.Errorf("class %d, %q, is empty or there twice", i, name)
		}
	}
	in := c.Valid(seeds[0])
	if need, got := info.MinSamples(in.Rate), in.Samples(); need > got {
		return fmt.Errorf("MinSamples(%v) = %d, but Valid has %d samples", in.Rate, need, got)
	}
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1), 1e-300, 1e300} {
		if n := info.MinSamples(rate); n < 0 {
			return fmt.Errorf("MinSamples(%v) = %d", rate, n)
		}
	}
	// What a caller does to the slices of Info must not reach the decoder.
	for i := range info.Classes {
		info.Classes[i] = "overwritten"
	}
	for i := range info.Channels {
		info.Channels[i] = "overwritten"
	}
	again := c.Decoder.Info()
	if slices.Contains(again.Classes, "overwritten") || slices.Contains(again.Channels, "overwritten") {
		return errors.New("method Info hands out the decoder's own slices")
	}
	return nil
}

func checkValid(ctx context.Context, c Case) error {
	info := c.Decoder.Info()
	for _, seed := range seeds {
		res, err := decode(ctx, c.Decoder, c.Valid(seed))
		if err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		if err := CheckResult(info, res); err != nil {
			return fmt.Errorf("seed %d: %w", seed, err)
		}
		for _, class := range res.Classes {
			if len(info.Classes) > 0 && !slices.Contains(info.Classes, class.Name) {
				return fmt.Errorf("seed %d: class %q is not one of %q", seed, class.Name, info.Classes)
			}
		}
	}
	return nil
}

func checkDeterminism(ctx context.Context, c Case) error {
	want := make([]string, len(seeds))
	for round := range 3 {
		for i, seed := range seeds {
			got := fingerprint(decode(ctx, c.Decoder, c.Valid(seed)))
			if round == 0 {
				want[i] = got
			} else if got != want[i] {
				return fmt.Errorf("seed %d: first\n%s\nthen\n%s", seed, want[i], got)
			}
		}
	}
	// The trace must not change the answer either.
	in, steps := c.Valid(seeds[0]), 0
	in.Trace = func(string) { steps++ }
	if got := fingerprint(decode(ctx, c.Decoder, in)); got != want[0] {
		return fmt.Errorf("without a trace\n%s\nwith one\n%s", want[0], got)
	}
	if steps == 0 {
		return errors.New("no step was reported to Trace")
	}
	return nil
}

func checkInputKept(ctx context.Context, c Case) error {
	for _, m := range append([]mutation{{name: "valid", apply: func(*decoders.Input) {}}}, mutations...) {
		in := clone(c.Valid(seeds[0]))
		m.apply(in)
		before := clone(in)
		if _, err := decode(ctx, c.Decoder, in); errors.As(err, new(*panicError)) {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		// NaN compares unequal to itself; those inputs are compared by bits where it matters, the samples.
		if !m.notComparable {
			if err := sameInput(before, in); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		} else if !sameMatrix(before.Data, in.Data) {
			return fmt.Errorf("%s: the samples were changed", m.name)
		}
	}
	return nil
}

// checkMontage holds that rows are found by name, that memory layout does not matter, and, for a decoder with a
// montage, that other channels are ignored.
func checkMontage(ctx context.Context, c Case) error {
	info := c.Decoder.Info()
	in := c.Valid(seeds[0])
	want := fingerprint(decode(ctx, c.Decoder, in))
	rows, n := in.Data.Dims()

	strided := clone(in)
	wide := mat.NewDense(rows+1, n+3, nil)
	wide.Apply(func(i, j int, _ float64) float64 { return float64(i * j) }, wide)
	view := wide.Slice(0, rows, 2, n+2).(*mat.Dense)
	view.Copy(in.Data)
	strided.Data = view
	if got := fingerprint(decode(ctx, c.Decoder, strided)); got != want {
		return fmt.Errorf("compact matrix\n%s\nview of a larger matrix\n%s", want, got)
	}
	if len(info.Channels) == 0 {
		return nil
	}

	shuffled := clone(in)
	shuffled.Data = mat.NewDense(rows+1, n, nil)
	shuffled.Channels = []string{"EXTRA"}
	for r := range rows {
		shuffled.Data.SetRow(r+1, in.Data.RawRowView(rows-1-r))
		shuffled.Channels = append(shuffled.Channels, in.Channels[rows-1-r])
	}
	for j := range n {
		shuffled.Data.Set(0, j, float64(j%7))
	}
	if got := fingerprint(decode(ctx, c.Decoder, shuffled)); got != want {
		return fmt.Errorf("montage in order\n%s\nreversed, with one more channel\n%s", want, got)
	}

	missing := clone(in)
	for i, name := range missing.Channels {
		if name == info.Channels[0] {
			missing.Channels[i] = "EXTRA"
		}
	}
	if slices.Equal(missing.Channels, in.Channels) {
		return nil // Valid writes the names in another spelling; "wrong names" of the bad inputs covers it.
	}
	_, err := decode(ctx, c.Decoder, missing)
	var e *decoders.Error
	if !errors.As(err, &e) || e.Code != decoders.CodeMontageMismatch {
		return fmt.Errorf("without %s: %w, want %s", info.Channels[0], err, decoders.CodeMontageMismatch)
	}
	return CheckError(err)
}

func checkBadInput(ctx context.Context, c Case) error {
	info := c.Decoder.Info()
	var faults []error
	for _, m := range mutations {
		in := clone(c.Valid(seeds[0]))
		m.apply(in)
		res, err := decode(ctx, c.Decoder, in)
		switch {
		case err == nil && m.mustFail != nil && m.mustFail(info):
			faults = append(faults, fmt.Errorf("%s: answered %v instead of an error", m.name, res))
		default:
			if fault := checkOutcome(info, res, err); fault != nil {
				faults = append(faults, fmt.Errorf("%s: %w", m.name, fault))
			}
		}
	}
	if fault := checkTooShort(ctx, c, info); fault != nil {
		faults = append(faults, fault)
	}
	return errors.Join(faults...)
}

// checkTooShort holds that one sample less than MinSamples is refused with the numbers that show why.
func checkTooShort(ctx context.Context, c Case, info decoders.Info) error {
	in := clone(c.Valid(seeds[0]))
	need := info.MinSamples(in.Rate)
	if need < 2 {
		return nil
	}
	rows, _ := in.Data.Dims()
	in.Data = mat.DenseCopyOf(in.Data.Slice(0, rows, 0, need-1))
	_, err := decode(ctx, c.Decoder, in)
	var e *decoders.Error
	if !errors.As(err, &e) || e.Code != decoders.CodePayloadTooShort {
		return fmt.Errorf("MinSamples-1 samples: %w, want %s", err, decoders.CodePayloadTooShort)
	}
	if err := CheckError(err); err != nil {
		return err
	}
	if fmt.Sprint(e.Details["samples_needed"]) != fmt.Sprint(need) || fmt.Sprint(e.Details["samples_got"]) != fmt.Sprint(need-1) {
		return fmt.Errorf("MinSamples is %d, details are %v", need, e.Details)
	}
	return nil
}

func checkCancelled(ctx context.Context, c Case) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	res, err := decode(ctx, c.Decoder, c.Valid(seeds[0]))
	if errors.Is(err, context.Canceled) && res == nil {
		return nil
	}
	// A decode is short, so finishing it is allowed; another kind of failure is not.
	return checkOutcome(c.Decoder.Info(), res, err)
}

func checkConcurrent(ctx context.Context, c Case) error {
	want := make([]string, len(seeds))
	for i, seed := range seeds {
		want[i] = fingerprint(decode(ctx, c.Decoder, c.Valid(seed)))
	}
	faults := make([]error, c.Goroutines)
	var wg sync.WaitGroup
	for g := range c.Goroutines {
		wg.Go(func() {
			for k := range 2 * len(seeds) {
				i := (g + k) % len(seeds)
				if got := fingerprint(decode(ctx, c.Decoder, c.Valid(seeds[i]))); got != want[i] {
					faults[g] = fmt.Errorf("alone\n%s\nbeside others\n%s", want[i], got)
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(faults...)
}

// Slack of the memory check. Pools refill and maps rehash; a leak of one kB a call shows nevertheless.
const (
	bytesSlack  = 4 << 10 // a call
	liveSlack   = 64 << 10
	memoryTries = 5 // other tests of the same process allocate too; noise goes away, growth stays
)

func checkMemory(ctx context.Context, c Case) error {
	in := c.Valid(seeds[0])
	for range c.Calls { // warm up pools and plans
		if _, err := decode(ctx, c.Decoder, in); err != nil {
			return err
		}
	}
	var fault error
	for range memoryTries {
		first, liveBefore := c.measure(ctx, in)
		for range 3 {
			c.measure(ctx, in)
		}
		last, liveAfter := c.measure(ctx, in)
		switch {
		case last > first+first/4+bytesSlack:
			fault = fmt.Errorf("a call allocated %d bytes at first and %d bytes %d calls later", first, last, 4*c.Calls)
		case liveAfter > liveBefore+liveSlack:
			fault = fmt.Errorf("live heap grew by %d bytes over %d calls", liveAfter-liveBefore, 4*c.Calls)
		default:
			return nil
		}
	}
	return fault
}

// measure returns the bytes allocated by one of c.Calls calls and the live heap after them.
func (c Case) measure(ctx context.Context, in *decoders.Input) (perCall, live uint64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range c.Calls {
		_, _ = decode(ctx, c.Decoder, in)
	}
	runtime.ReadMemStats(&after)
	perCall = (after.TotalAlloc - before.TotalAlloc) / uint64(c.Calls)
	runtime.GC()
	runtime.GC() // pools keep what they hold over one collection; with the race detector they hold more or less by chance
	runtime.ReadMemStats(&after)
	return perCall, after.HeapAlloc
}
