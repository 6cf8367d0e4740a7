package recording

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// lineReader reads the lines of a text file without holding more than one.
type lineReader struct {
	scanner *bufio.Scanner
	format  Format
	number  int // of the current line, from 1
}

const longestLine = 1 << 20 // bytes; a row of 4096 channels has 60 kB

func newLineReader(r io.Reader, format Format) *lineReader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), longestLine)
	return &lineReader{scanner: s, format: format}
}

// next returns the next line without its end, and whether there was one.
func (l *lineReader) next() (string, bool) {
	if !l.scanner.Scan() {
		return "", false
	}
	l.number++
	line := l.scanner.Text()
	if l.number == 1 {
		line = strings.TrimPrefix(line, "\ufeff")
	}
	return strings.TrimRight(line, "\r"), true
}

// end returns io.EOF, or why there was no next line.
func (l *lineReader) end() error {
	err := l.scanner.Err()
	if err == nil {
		return io.EOF
	}
	if errors.Is(err, bufio.ErrTooLong) {
		return malformed(l.format, map[string]any{"line": l.number + 1}, "line %d is longer than %d bytes", l.number+1, longestLine)
	}
	return err
}

// mostColumns is above any amplifier; a column of a hostile header costs one byte there and a channel here.
const mostColumns = 4096

func checkColumns(format Format, n int) error {
	if n > mostColumns {
		return malformed(format, map[string]any{"columns": n, "columns_limit": mostColumns},
			"%d columns are more than the limit of %d", n, mostColumns)
	}
	return nil
}

// number reads one value of a table. Nothing and the usual words for nothing are NaN.
func number(field string) (float64, bool) {
	s := strings.TrimSpace(field)
	v, err := strconv.ParseFloat(s, 64)
	if err == nil {
		return v, true
	}
	switch strings.ToLower(s) {
	case "", "na", "n/a", "null":
		return math.NaN(), true
	}
	return 0, false
}

// badRows counts the rows of a table that were left out, and refuses the table when they are many.
type badRows struct {
	count, total, first int
}

func (b *badRows) add(line int) {
	if b.count == 0 {
		b.first = line
	}
	b.count++
}

func (b *badRows) check(rec *Recording) error {
	if b.count == 0 {
		return nil
	}
	if b.count*10 > b.total {
		return malformed(rec.Format, map[string]any{"rows": b.total, "rows_unreadable": b.count, "first_line": b.first},
			"%d of %d rows cannot be read, the first is line %d", b.count, b.total, b.first)
	}
	rec.warn("%d of %d rows cannot be read and were left out, the first is line %d", b.count, b.total, b.first)
	return nil
}

// clock is what the time stamps of rows tell.
type clock struct {
	rate      float64 // Hz
	irregular bool
	gaps      []Gap
}

// nominal rates of the headsets that write time stamps instead of a rate, Hz.
var nominalRates = []float64{100, 125, 128, 200, 220, 250, 256, 300, 500, 512, 1000, 1024, 2048}

// clockReader estimates the sampling rate from time stamps in s. Stamps come in bursts and with jitter, so a first
// estimate is the median over stretches of rows, not over single intervals. A pause longer than a second and than 20
// intervals is a gap; the rate is that of the rows without the gaps, set to a headset's nominal rate when within
// 0.5 % of it. Rows whose stretches differ by more than 10 % are irregular. It keeps about a number for every 64 rows.
type clockReader struct {
	n           int
	first, last float64
	head        []float64 // the first stamps, until they are enough for stretches of the usual length
	ring        [clockSpan + 1]float64
	per         []float64 // s a row, over each stretch
	pauses      []pause   // longer than a second
	interval    float64   // s, set by read
}

// pause is a long interval before a row.
type pause struct {
	row    int
	length float64
}

const (
	clockSpan = 256 // rows of a stretch, fewer where there are few rows
	clockStep = clockSpan / 4
)

// isPause tells whether an interval in s is a gap where rows usually come at the other one.
func isPause(d, interval float64) bool { return d > 1 && d > 20*interval }

func (c *clockReader) add(stamp float64) {
	if c.n == 0 {
		c.first = stamp
	} else if d := stamp - c.last; d > 1 && len(c.pauses) <= mostEvents {
		c.pauses = append(c.pauses, pause{c.n, d})
	}
	if c.n <= 4*clockSpan {
		c.head = append(c.head, stamp)
	}
	c.last = stamp
	c.ring[c.n%len(c.ring)] = stamp
	if from := c.n - clockSpan; from >= 0 && from%clockStep == 0 {
		if d := (stamp - c.ring[from%len(c.ring)]) / clockSpan; d > 0 {
			c.per = append(c.per, d)
		}
	}
	c.n++
}

// read returns what the stamps tell, and false where they are too few or do not rise.
func (c *clockReader) read() (clock, bool) {
	n := c.n
	if n < 2 {
		return clock{}, false
	}
	per := c.per
	if span := min(clockSpan, max(1, (n-1)/4)); span < clockSpan {
		per = nil
		for i := 0; i+span < n; i += max(1, span/4) {
			if d := (c.head[i+span] - c.head[i]) / float64(span); d > 0 {
				per = append(per, d)
			}
		}
	}
	if len(per) == 0 {
		return clock{}, false
	}
	slices.Sort(per)
	c.interval = per[len(per)/2]
	out := clock{}
	// Quartiles: single dropouts do not make a regular recording irregular.
	if q1, q3 := per[len(per)/4], per[len(per)*3/4]; q3-q1 > 0.1*c.interval {
		out.irregular = true
	}
	pauses, paused := 0, 0.0
	for _, p := range c.pauses {
		if isPause(p.length, c.interval) {
			pauses++
			paused += p.length
		}
	}
	out.rate = 1 / c.interval
	if covered := c.last - c.first - paused; covered > 0 && n-1 > pauses {
		out.rate = float64(n-1-pauses) / covered
	}
	nearest := slices.MinFunc(nominalRates, func(a, b float64) int {
		return cmp.Compare(math.Abs(a-out.rate), math.Abs(b-out.rate))
	})
	if math.Abs(nearest-out.rate) < 0.005*nearest {
		out.rate = nearest
	}
	for _, p := range c.pauses {
		if isPause(p.length, c.interval) && len(out.gaps) < mostEvents {
			out.gaps = append(out.gaps, Gap{At: float64(p.row) / out.rate, Length: p.length - 1/out.rate})
		}
	}
	return out, true
}
