package text

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/neurod/neurod/decoders/recording"
)

// lineReader reads the lines of a text file without holding more than one.
type lineReader struct {
	scanner *bufio.Scanner
	format  recording.Format
	number  int      // of the current line, from 1
	peeked  []string // lines that were looked at and not yet given
}

const longestLine = 1 << 20 // bytes; a row of 4096 channels has 60 kB

func newLineReader(r *recording.Source, format recording.Format) *lineReader {
	s := bufio.NewScanner(recording.UTF8Text(r))
	s.Buffer(make([]byte, 0, min(64<<10, max(4<<10, r.Size()))), longestLine)
	return &lineReader{scanner: s, format: format}
}

// next returns the next line without its end, and whether there was one.
func (l *lineReader) next() (string, bool) {
	if len(l.peeked) > 0 {
		line := l.peeked[0]
		l.peeked = l.peeked[1:]
		l.number++
		return line, true
	}
	line, ok := l.scan(l.number == 0)
	if ok {
		l.number++
	}
	return line, ok
}

func (l *lineReader) scan(first bool) (string, bool) {
	if !l.scanner.Scan() {
		return "", false
	}
	line := l.scanner.Text()
	if first {
		line = strings.TrimPrefix(line, "\ufeff")
	}
	return strings.TrimRight(line, "\r"), true
}

// peek returns up to n of the lines that come next, and leaves them where they are. It stops before it holds much.
func (l *lineReader) peek(n int) []string {
	const most = 64 << 10
	size := 0
	for _, line := range l.peeked {
		size += len(line)
	}
	for len(l.peeked) < n && size < most {
		line, ok := l.scan(false)
		if !ok {
			break
		}
		l.peeked = append(l.peeked, line)
		size += len(line)
	}
	return l.peeked
}

// end returns io.EOF, or why there was no next line.
func (l *lineReader) end() error {
	err := l.scanner.Err()
	if err == nil {
		return io.EOF
	}
	if errors.Is(err, bufio.ErrTooLong) {
		return recording.Malformed(l.format, map[string]any{"line": l.number + 1}, "line %d is longer than %d bytes", l.number+1, longestLine)
	}
	return err
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

func (b *badRows) check(rec *recording.Recording) error {
	if b.count == 0 {
		return nil
	}
	if b.count*10 > b.total {
		return recording.Malformed(rec.Format, map[string]any{"rows": b.total, "rows_unreadable": b.count, "first_line": b.first},
			"%d of %d rows cannot be read, the first is line %d", b.count, b.total, b.first)
	}
	rec.Warnf("%d of %d rows cannot be read and were left out, the first is line %d", b.count, b.total, b.first)
	return nil
}
