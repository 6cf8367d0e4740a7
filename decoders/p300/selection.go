package p300

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/classify"
	"github.com/neurod/neurod/eeg"
)

// selection is what a request lets a person choose from.
type selection struct {
	symbols []string      // of the speller; empty where the stimulus names none
	lit     map[int][]int // code → indices of the symbols it lights up
	rows    int           // of the matrix, where the usual codes apply; else 0
	columns int
	ignored int // events whose code is not a flash of the stimulus
	outside int // flashes without enough signal after them

	rejected  int  // flashes left out for their quality, where the options ask for it
	overruled bool // most flashes failed and none was left out
}

// newSelection reads a stimulus. Errors are invalid_stimulus.
//
//nolint:gocyclo // one guard for each thing that can be wrong with a stimulus
func newSelection(in *decoders.Input) (*selection, error) {
	st := in.Stimulus
	s := &selection{lit: map[int][]int{}}
	if len(st.Matrix) == 0 && len(st.Flashes) == 0 {
		return s, nil
	}
	index := map[string]int{}
	add := func(symbol string) error {
		if symbol == "" {
			return decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"symbol": len(s.symbols)}, "symbol %d is empty", len(s.symbols))
		}
		if _, ok := index[symbol]; ok {
			return decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"symbol": symbol}, "the symbol %q is in the matrix twice", symbol)
		}
		index[symbol] = len(s.symbols)
		s.symbols = append(s.symbols, symbol)
		return nil
	}
	for r, row := range st.Matrix {
		if len(st.Flashes) == 0 && (len(row) == 0 || len(row) != len(st.Matrix[0])) {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"row": r, "columns": len(row), "columns_first_row": len(st.Matrix[0])},
				"row %d of the matrix has %d symbols, the first row %d: without flash codes the rows must be equally long", r, len(row), len(st.Matrix[0]))
		}
		for _, symbol := range row {
			if err := add(symbol); err != nil {
				return nil, err
			}
		}
	}
	codes := make([]int, 0, len(st.Flashes))
	for code := range st.Flashes {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	if len(st.Matrix) == 0 {
		for _, code := range codes {
			for _, symbol := range st.Flashes[code] {
				if _, ok := index[symbol]; !ok {
					if err := add(symbol); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	if len(s.symbols) < 2 {
		return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"symbols": len(s.symbols)}, "there are %d symbols, need at least 2 to choose from", len(s.symbols))
	}
	for _, code := range codes {
		for _, symbol := range st.Flashes[code] {
			i, ok := index[symbol]
			if !ok {
				return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"code": code, "symbol": symbol},
					"code %d flashes %q, which is not in the matrix", code, symbol)
			}
			if !slices.Contains(s.lit[code], i) {
				s.lit[code] = append(s.lit[code], i)
			}
		}
	}
	if len(codes) == 0 {
		s.rows, s.columns = len(st.Matrix), len(st.Matrix[0])
		for i := range s.symbols {
			column, row := 1+i%s.columns, s.columns+1+i/s.columns
			s.lit[column] = append(s.lit[column], i)
			s.lit[row] = append(s.lit[row], i)
		}
	}
	return s, nil
}

// needsEvents reports whether there is a choice to make between symbols.
func (s *selection) needsEvents() bool { return len(s.symbols) > 0 }

// flashed reports whether a code is a flash of the stimulus; without a stimulus every code is.
func (s *selection) flashed(code int) bool { return len(s.symbols) == 0 || len(s.lit[code]) > 0 }

// option is one thing to choose and the codes that light it up.
type option struct {
	name  string
	codes map[int]bool
	prior float64
}

// result chooses the options that the flashes can tell apart and weighs them.
func (s *selection) result(in *decoders.Input, flashes []flash, d *decoder) (*decoders.Result, error) {
	codes := map[int]bool{}
	for _, f := range flashes {
		codes[f.code] = true
	}
	res := &decoders.Result{Paradigm: eeg.P300, Evidence: map[string]any{
		"flashes": len(flashes), "events_ignored": s.ignored, "events_outside": s.outside, "threshold": d.cfg.Threshold,
	}}
	if d.cfg.Reject {
		res.Evidence["flashes_rejected"], res.Evidence["rejection_overruled"] = s.rejected, s.overruled
	}
	options, err := s.options(in, codes)
	if err != nil {
		return nil, err
	}
	if len(options) > 0 {
		if v := weigh(res, options, flashes, d.cfg.Threshold); v.reversed > 0.5 {
			res = decoders.Abstained(res)
			res.Reason = "What stands out in the flashes has the opposite sign of the response that the model learned: it does not fit this person or this stimulation."
		}
		return res, nil
	}
	// Flashes of one code: attended or not, starting from the share of targets in training.
	// Without others to compare them with nothing shows where the noise of the session lies, which differs between sessions by as much as the
	// ratios of single flashes do: many are worth one. Of people and sessions that a model does not know, the log loss of 20 flashes is 0.63 by
	// their mean and 9.2 by their sum (g.tec); 0.46 and 1.6 of the same person (BCI Competition II).
	sum := 0.0
	for _, f := range flashes {
		sum += f.ratio
	}
	p := classify.Softmax(nil, []float64{0, sum/float64(len(flashes)) + d.odds})
	res.Classes = []decoders.Class{{Name: Target, Probability: p[1]}, {Name: NonTarget, Probability: p[0]}}
	if p[0] > p[1] {
		slices.Reverse(res.Classes)
	}
	res.Evidence["log_likelihood_ratio"] = sum
	res.Evidence["prior_target"] = 1 / (1 + math.Exp(-d.odds))
	return res, nil
}

// options are what the flashes of these codes choose between; none where there is one code and no symbols.
func (s *selection) options(in *decoders.Input, codes map[int]bool) ([]option, error) {
	switch {
	case len(s.symbols) > 0:
		return s.symbolOptions(in, codes)
	case len(codes) > 1:
		return codeOptions(in.Events, codes), nil
	}
	return nil, nil
}

// symbolOptions are the symbols; or, where only rows or only columns of the matrix flashed, those.
func (s *selection) symbolOptions(in *decoders.Input, codes map[int]bool) ([]option, error) {
	var rows, columns bool
	for code := range codes {
		columns = columns || code <= s.columns
		rows = rows || code > s.columns
	}
	if s.rows > 0 && rows != columns {
		name, first, n := "select_row_%d", s.columns+1, s.rows
		if columns {
			name, first, n = "select_column_%d", 1, s.columns
		}
		options := make([]option, n)
		for i := range options {
			options[i] = option{name: fmt.Sprintf(name, i+1), codes: map[int]bool{first + i: true}}
		}
		return options, nil
	}
	options := make([]option, len(s.symbols))
	largest := math.Inf(-1)
	for i, symbol := range s.symbols {
		options[i] = option{name: "letter_" + symbol, codes: map[int]bool{}}
		if in.Prior != nil {
			options[i].prior = in.Prior(symbol)
		}
		if p := options[i].prior; math.IsNaN(p) || math.IsInf(p, 1) {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"symbol": symbol}, "the log prior of %q is %v", symbol, p)
		}
		largest = max(largest, options[i].prior)
	}
	if math.IsInf(largest, -1) {
		return nil, decoders.Errorf(decoders.CodeInvalidStimulus, nil, "the prior rules every symbol out")
	}
	for i := range options {
		options[i].prior -= largest // priors need not be normalized, and large ones would swallow the evidence
	}
	for code, lit := range s.lit {
		for _, i := range lit {
			options[i].codes[code] = true
		}
	}
	return options, nil
}

// codeOptions are the codes that flashed, in order, called by their label where each has one of its own.
func codeOptions(events []eeg.Event, codes map[int]bool) []option {
	label := map[int]string{}
	users := map[string]map[int]bool{}
	for _, e := range events {
		if !codes[e.Code] {
			continue
		}
		name := plainName(e.Label)
		if before, ok := label[e.Code]; ok && before != name {
			name = "" // a label for each flash, not for each code
		}
		label[e.Code] = name
		if users[name] == nil {
			users[name] = map[int]bool{}
		}
		users[name][e.Code] = true
	}
	sorted := make([]int, 0, len(codes))
	for code := range codes {
		sorted = append(sorted, code)
	}
	slices.Sort(sorted)
	labeled := true
	for _, code := range sorted {
		labeled = labeled && label[code] != "" && len(users[label[code]]) == 1
	}
	options := make([]option, len(sorted))
	for i, code := range sorted {
		options[i] = option{name: "select_" + strconv.Itoa(code), codes: map[int]bool{code: true}}
		if labeled {
			options[i].name = "select_" + label[code]
		}
	}
	return options
}

// plainName turns a label into the form of an intent: "Row 3" becomes row_3.
func plainName(label string) string {
	const longest = 64
	var b strings.Builder
	for _, r := range strings.ToLower(strings.TrimSpace(label)) {
		if b.Len() >= longest {
			break
		}
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "_") {
			b.WriteByte('_')
		}
	}
	return strings.TrimPrefix(strings.Trim(b.String(), "_"), "select_")
}

// repetition is the state after every code has flashed that many times.
type repetition struct {
	Repetition  int     `json:"repetition"`
	Flashes     int     `json:"flashes"`
	Intent      string  `json:"intent"`
	Probability float64 `json:"probability"`
}

// mostRepetitions bounds the running posterior in the evidence; spellers use up to 15.
const mostRepetitions = 64

// weigh gathers the evidence flash by flash, fills in the classes, and notes the running posterior after each
// repetition and where dynamic stopping would have ended.
func weigh(res *decoders.Result, options []option, flashes []flash, threshold float64) verdict {
	total := map[int]int{}
	for _, f := range flashes {
		total[f.code]++
	}
	e := newEvidence(options, slices.Sorted(maps.Keys(total)))
	seen := map[int]int{}
	left := len(total) // codes that have not flashed done+1 times yet
	done := 0
	running := []repetition{}
	var stopped any
	p := make([]float64, len(options))
	for i, f := range flashes {
		e.add(f)
		seen[f.code]++
		if seen[f.code] != done+1 {
			continue
		}
		if left--; left > 0 {
			continue
		}
		done++
		left = 0
		for code := range total {
			if seen[code] <= done {
				left++
			}
		}
		if len(running) == mostRepetitions {
			continue
		}
		e.posterior(p)
		best := top(p)
		running = append(running, repetition{done, i + 1, options[best].name, p[best]})
		if stopped == nil && p[best] > threshold {
			stopped = done
		}
	}
	v := e.posterior(p)
	res.Classes = make([]decoders.Class, len(options))
	for i, o := range options {
		res.Classes[i] = decoders.Class{Name: o.name, Probability: p[i]}
	}
	slices.SortStableFunc(res.Classes, func(a, b decoders.Class) int { return cmp.Compare(b.Probability, a.Probability) })
	res.Evidence["repetitions"] = done
	res.Evidence["running"] = running
	res.Evidence["stopped_at_repetition"] = stopped
	res.Evidence["noise"] = map[string]float64{"mean": v.noise.mean, "sd": v.noise.sd, "design": v.noise.design}
	res.Evidence["no_response"], res.Evidence["wrong_sign"] = v.none, v.reversed
	return v
}

func top(p []float64) int {
	best := 0
	for i, v := range p {
		if v > p[best] {
			best = i
		}
	}
	return best
}
