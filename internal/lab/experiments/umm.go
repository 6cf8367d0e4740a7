package experiments

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/p300"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
)

const (
	letterPause = 1.5 // s without a flash that separates two letters
	drawings    = 10  // of the codes of recordings that tell targets alone
	// squareSide is the matrix that recordings without codes stand for: of 16 flashes two are targets, as of 8 rows and 8 columns.
	squareSide = 8
)

// ummRepetitions are how often each code flashes.
var ummRepetitions = []int{2, 3, 4, 6, 8, 15}

// spelledLetter is a letter of a run with what was attended.
type spelledLetter struct {
	decoders.Input
	symbol string
}

// umm compares spelling without calibration, each letter alone and growing with those before it, on everybody's letters: BCI Competition
// II tells which code flashed; g.tec tells targets alone, and codes are drawn for its other flashes, several times.
func umm(ctx context.Context, cfg Config) error {
	type sums struct {
		right      []int
		n          int
		confidence float64
		loss       float64
	}
	modes := []string{"each letter alone", "growing", "the same, were earlier letters known"}
	found := make([]sums, len(modes))
	decoder := p300.NewUMM()
	letters, people := 0, 0
	for seed := range uint64(drawings) {
		for m := range found {
			found[m].right = append(found[m].right, 0)
		}
		rng := rand.New(rand.NewPCG(seed+1, 0x756d6d))
		runs, err := spellers(cfg.Data, rng)
		if err != nil {
			return err
		}
		letters, people = 0, len(runs)
		for _, run := range runs {
			letters += len(run)
			for _, repetitions := range ummRepetitions {
				list := make([]decoders.Input, len(run))
				known := make([]decoders.Input, len(run))
				for i, l := range run {
					list[i] = l.Input
					list[i].Events = l.Events[:repetitions*len(l.Events)/ummRepetitions[len(ummRepetitions)-1]]
					known[i] = list[i]
					known[i].Prior = func(symbol string) float64 {
						if symbol == l.symbol {
							return 0
						}
						return -1e6
					}
				}
				for i, l := range run {
					for m, earlier := range [][]decoders.Input{nil, list[:i], known[:i]} {
						in := list[i]
						in.Earlier = earlier
						r, err := decoder.Decode(ctx, &in)
						if err != nil {
							return err
						}
						f := &found[m]
						f.n++
						f.confidence += r.Classes[0].Probability
						if r.Classes[0].Name == "letter_"+l.symbol {
							f.right[seed]++
						}
						at := slices.IndexFunc(r.Classes, func(c decoders.Class) bool { return c.Name == "letter_"+l.symbol })
						f.loss -= math.Log(max(r.Classes[at].Probability, 1e-12))
					}
				}
			}
		}
	}
	answers := letters * len(ummRepetitions)
	fmt.Fprintf(cfg.Out, "\nSpelling without calibration: %d letters of %d people with %v repetitions, %d answers, %d drawings of the codes that recordings do not tell\n\n", letters, people, ummRepetitions, answers, drawings)
	fmt.Fprintf(cfg.Out, "| | right of %d, mean (least to most) | mean confidence | log loss |\n| --- | --- | --- | --- |\n", answers)
	for m, f := range found {
		mean := 0.0
		for _, r := range f.right {
			mean += float64(r) / float64(len(f.right))
		}
		n := float64(f.n)
		fmt.Fprintf(cfg.Out, "| %s | %.1f (%d to %d) | %.2f | %.2f |\n", modes[m], mean, slices.Min(f.right), slices.Max(f.right), f.confidence/n, f.loss/n)
	}
	return nil
}

// spellers reads the letters of each person; those of BCI Competition II are one person's, over both runs.
func spellers(root string, rng *rand.Rand) ([][]spelledLetter, error) {
	var out [][]spelledLetter
	var coded []spelledLetter
	for _, pattern := range []string{"p300/bci2_iib/*.f32", "p300/gtec/*.f32"} {
		for _, file := range datasets.Glob(root, pattern) {
			runs, problems := datasets.Open(file, nil)
			if len(problems) > 0 {
				return nil, problems[0]
			}
			for _, r := range runs {
				list, drawn, err := lettersOf(r, rng)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", file, err)
				}
				if drawn {
					out = append(out, list)
				} else {
					coded = append(coded, list...)
				}
			}
		}
	}
	if len(coded) > 0 {
		out = append([][]spelledLetter{coded}, out...)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no spellers below %s", root)
	}
	return out, nil
}

// lettersOf divides a run where it pauses, and draws the codes of one that tells targets alone.
func lettersOf(r datasets.Run, rng *rand.Rand) (list []spelledLetter, drawn bool, err error) {
	sig, err := r.Recording.Signal()
	if err != nil {
		return nil, false, err
	}
	events, targets := r.Recording.Events, r.Recording.Targets
	if len(targets) != len(events) {
		return nil, false, fmt.Errorf("%d events, %d of them with a target", len(events), len(targets))
	}
	kinds := map[int]bool{}
	for _, e := range events {
		kinds[e.Code] = true
	}
	drawn = len(kinds) == 2
	side := 6
	if drawn {
		side = squareSide
	}
	matrix := make([][]string, side)
	for row := range matrix {
		for column := range side {
			matrix[row] = append(matrix[row], fmt.Sprintf("%c%d", 'A'+row, column+1))
		}
	}
	begin := 0
	for i := range events {
		if i+1 < len(events) && events[i+1].Onset-events[i].Onset < letterPause {
			continue
		}
		own, is := slices.Clone(events[begin:i+1]), targets[begin:i+1]
		begin = i + 1
		if len(own)%(2*side) != 0 {
			return nil, drawn, fmt.Errorf("a letter of %d flashes, of %d codes", len(own), 2*side)
		}
		if drawn {
			if err := draw(own, is, side, rng); err != nil {
				return nil, drawn, err
			}
		}
		column, row := -1, -1
		for k, e := range own {
			switch {
			case is[k] && e.Code <= side:
				column = e.Code - 1
			case is[k]:
				row = e.Code - 1 - side
			}
		}
		if column < 0 || row < 0 {
			return nil, drawn, fmt.Errorf("a letter without a target row or column")
		}
		l := spelledLetter{Input: segmentOf(sig, own), symbol: matrix[row][column]}
		l.Stimulus.Matrix = matrix
		list = append(list, l)
	}
	return list, drawn, nil
}

// draw gives the two targets of each repetition the codes of a drawn row and column, and the others those that are left, in random order.
func draw(events []eeg.Event, targets []bool, side int, rng *rand.Rand) error {
	attended := [2]int{1 + rng.IntN(side), side + 1 + rng.IntN(side)}
	for from := 0; from < len(events); from += 2 * side {
		var rest []int
		for code := 1; code <= 2*side; code++ {
			if code != attended[0] && code != attended[1] {
				rest = append(rest, code)
			}
		}
		rng.Shuffle(len(rest), func(a, b int) { rest[a], rest[b] = rest[b], rest[a] })
		two := attended
		if rng.IntN(2) == 1 {
			two[0], two[1] = two[1], two[0]
		}
		hits := 0
		for k := from; k < from+2*side; k++ {
			switch {
			case targets[k] && hits < 2:
				events[k].Code = two[hits]
				hits++
			case !targets[k] && len(rest) > 0:
				events[k].Code, rest = rest[0], rest[1:]
			default:
				return fmt.Errorf("a repetition that has not two targets")
			}
		}
	}
	return nil
}

// segmentOf is the signal from a second before the first flash to two behind the last; times count from where it begins.
func segmentOf(sig decoders.Signal, events []eeg.Event) decoders.Input {
	rows, n := sig.Data.Dims()
	lo := max(0, int((events[0].Onset-1)*sig.Rate))
	hi := min(n, int((events[len(events)-1].Onset+2)*sig.Rate))
	part := sig
	part.Data = sig.Data.Slice(0, rows, lo, hi).(*mat.Dense)
	for k := range events {
		events[k].Onset -= float64(lo) / sig.Rate
	}
	return decoders.Input{Signal: part, Events: events}
}
