package synthetic

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/internal/head"
	"github.com/neurod/neurod/eeg"
)

// SpellerConfig describes a row/column speller session.
type SpellerConfig struct {
	// Text to spell, of symbols in Matrix. Defaults to "BCI".
	Text string
	// Matrix of symbols, row by row. Defaults to the 6 × 6 matrix of A-Z, 1-9 and _.
	Matrix [][]string
	// Repetitions of all rows and columns for each letter. Defaults to 10.
	Repetitions int
	// SOA is the time between the onsets of flashes, s. Defaults to 0.175.
	SOA float64
	// PauseSeconds before each letter. Defaults to 2.5.
	PauseSeconds float64
	// P300UV is the peak of the response to a target at Pz, µV. Defaults to 8.
	P300UV float64
	// EvokedUV is the peak of the visual response to every flash at Oz, µV. Defaults to 2.
	EvokedUV float64
}

// SpellerMatrix returns the 6 × 6 matrix of A-Z, 1-9 and _.
func SpellerMatrix() [][]string {
	var m [][]string
	for _, row := range []string{"ABCDEF", "GHIJKL", "MNOPQR", "STUVWX", "YZ1234", "56789_"} {
		m = append(m, strings.Split(row, ""))
	}
	return m
}

// Speller makes a session of a row/column speller. Codes of flashes are 1..C for columns and C+1..C+R for rows; each
// repetition flashes all of them once in shuffled order. The response to every flash is a P1 (0.1 s) and N1 (0.17 s)
// at Oz; a target adds an N2 (0.2 s) at PO7 and PO8 and the P300 at Pz,
//
//	P300UV·k·exp(-(t-0.36-j)²/(2·0.07²)),  k ~ N(1, 0.2), j ~ N(0, 0.02 s)
//
// Targets tells which flashes hold the letter, Labels are the letters, Stimulus.Matrix is set.
func Speller(cfg Config, sp SpellerConfig) (Session, error) {
	if sp.Text == "" {
		sp.Text = "BCI"
	}
	if sp.Matrix == nil {
		sp.Matrix = SpellerMatrix()
	}
	def(&sp.SOA, 0.175)
	def(&sp.PauseSeconds, 2.5)
	def(&sp.P300UV, 8)
	def(&sp.EvokedUV, 2)
	if sp.Repetitions == 0 {
		sp.Repetitions = 10
	}
	rowsN, colsN, err := shape(sp.Matrix)
	if err != nil {
		return Session{}, err
	}
	letters, err := find(sp.Text, sp.Matrix)
	if err != nil {
		return Session{}, err
	}
	if sp.Repetitions < 1 || sp.Repetitions > 1000 || !(sp.SOA >= 0.02) || sp.PauseSeconds < 0 {
		return Session{}, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"repetitions": sp.Repetitions, "soa": sp.SOA},
			"%d repetitions with %g s between flashes cannot be made", sp.Repetitions, sp.SOA)
	}
	flashes := (rowsN + colsN) * sp.Repetitions
	letterSeconds := sp.PauseSeconds + float64(flashes)*sp.SOA
	const tail = 1.0 // s after the last flash, for its response
	g, err := newGenerator(cfg, letterSeconds*float64(len(letters))+tail)
	if err != nil {
		return Session{}, err
	}
	g.alpha(g.cfg.AlphaUV)
	rng := g.cfg.rng("speller")
	s := g.session()
	s.Stimulus.Matrix = sp.Matrix
	codes := make([]int, rowsN+colsN)
	for i := range codes {
		codes[i] = i + 1
	}
	pz, _ := head.Place("Pz")
	oz, _ := head.Place("Oz")
	po7, _ := head.Place("PO7")
	po8, _ := head.Place("PO8")
	p1, n1 := g.bump(0.1, 0.02), g.bump(0.17, 0.025)
	n2 := g.bump(0.2, 0.03)
	for l, at := range letters {
		s.Labels = append(s.Labels, sp.Matrix[at[0]][at[1]])
		begin := letterSeconds*float64(l) + sp.PauseSeconds
		for rep := range sp.Repetitions {
			rng.Shuffle(len(codes), func(i, k int) { codes[i], codes[k] = codes[k], codes[i] })
			for i, code := range codes {
				start := g.samples(begin + float64(rep*len(codes)+i)*sp.SOA)
				target := code == at[1]+1 || code == colsN+at[0]+1
				s.Events = append(s.Events, eeg.Event{Onset: float64(start) / g.cfg.Rate, Code: code})
				s.Targets = append(s.Targets, target)
				g.addAt(oz, 30, sp.EvokedUV, start, p1)
				g.addAt(oz, 30, -sp.EvokedUV, start, n1)
				if !target {
					continue
				}
				k := 1 + 0.2*rng.NormFloat64()
				g.addAt(pz, 45, sp.P300UV*k, start, g.bump(0.36+0.02*rng.NormFloat64(), 0.07))
				g.addAt(po7, 25, -0.4*sp.P300UV*k, start, n2)
				g.addAt(po8, 25, -0.4*sp.P300UV*k, start, n2)
			}
		}
	}
	return s, nil
}

// bump returns a Gaussian around t0 s with standard deviation sd s and peak 1, from 0 on.
func (g *generator) bump(t0, sd float64) []float64 {
	x := make([]float64, max(1, g.samples(t0+4*sd)))
	for i := range x {
		d := (float64(i)/g.cfg.Rate - t0) / sd
		x[i] = math.Exp(-d * d / 2)
	}
	return x
}

// shape returns the rows and columns of a matrix.
func shape(m [][]string) (int, int, error) {
	if len(m) == 0 || len(m[0]) == 0 || len(m) > 100 || len(m[0]) > 100 {
		return 0, 0, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"rows": len(m)}, "the matrix is empty or beyond 100 × 100")
	}
	for i, row := range m {
		if len(row) != len(m[0]) {
			return 0, 0, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"row": i}, "row %d of the matrix has %d symbols, the first has %d", i, len(row), len(m[0]))
		}
	}
	return len(m), len(m[0]), nil
}

// find returns row and column of each symbol of a text.
func find(s string, m [][]string) ([][2]int, error) {
	var out [][2]int
	for len(s) > 0 {
		_, size := utf8.DecodeRuneInString(s)
		symbol, found := s[:size], false
		s = s[size:]
		for r, row := range m {
			for c, cell := range row {
				if cell == symbol && !found {
					out = append(out, [2]int{r, c})
					found = true
				}
			}
		}
		if !found {
			return nil, decoders.Errorf(decoders.CodeInvalidStimulus, map[string]any{"symbol": symbol}, "the matrix has no %q", symbol)
		}
	}
	return out, nil
}
