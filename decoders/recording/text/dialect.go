package text

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// dialect is how a text file separates its cells and writes its numbers. Half of the world writes 1,5 for one and a half, and
// then cells stand between semicolons, tabs, spaces or quotes, or a comma with a space behind it.
type dialect struct {
	separator string // "" is white space
}

// dialectOf tells the dialect of a line. A semicolon or a tab separates wherever there is one; a comma does unless all of
// the line are numbers with decimal commas.
func dialectOf(line string) dialect {
	for _, s := range []string{";", "\t"} {
		if strings.Contains(line, s) && !separatesWithin(line, s) {
			return dialect{s}
		}
	}
	if !strings.Contains(line, ",") {
		return dialect{}
	}
	if strings.Contains(line, ", ") && decimalCommas(strings.Split(line, ", ")) {
		return dialect{", "}
	}
	if decimalCommas(strings.Fields(line)) && len(strings.Fields(line)) > 1 {
		return dialect{}
	}
	return dialect{","}
}

// separatesWithin reports whether a mark stands within cells that commas separate, as in EmotivPRO's "rate:eeg_128;mot_64".
func separatesWithin(line, mark string) bool {
	if strings.Contains(line, `"`) {
		return false
	}
	for _, cell := range strings.Split(line, mark) {
		if cell = strings.TrimSpace(cell); strings.Contains(cell, ",") && !decimal.MatchString(cell) {
			if _, ok := timeOfDay(cell); !ok && strings.Count(cell, ",") > 1 {
				return true
			}
		}
	}
	return false
}

// decimal is a number with a decimal comma, or without decimals.
var decimal = regexp.MustCompile(`^[-+]?\d+(,\d+)?([eE][-+]?\d+)?$`)

// decimalCommas reports whether cells are numbers of which some have a decimal comma. Times of day and words are passed over.
func decimalCommas(cells []string) bool {
	some := false
	for _, cell := range cells {
		cell = strings.TrimSpace(cell)
		switch {
		case decimal.MatchString(cell):
			some = some || strings.Contains(cell, ",")
		case cell == "", strings.Contains(cell, ":"), !strings.ContainsAny(cell, "0123456789") && !strings.Contains(cell, ","):
		default:
			return false
		}
	}
	return some
}

// split cuts a line into its cells, without the quotes around them.
func (d dialect) split(line string) []string {
	if strings.Contains(line, `"`) {
		return d.splitQuoted(line)
	}
	if d.separator == "" {
		return strings.Fields(line)
	}
	return strings.Split(line, d.separator)
}

func (d dialect) splitQuoted(line string) []string {
	separates := func(rest string) int {
		if d.separator == "" {
			n := 0
			for n < len(rest) && (rest[n] == ' ' || rest[n] == '\t') {
				n++
			}
			return n
		}
		if strings.HasPrefix(rest, d.separator) {
			return len(d.separator)
		}
		return 0
	}
	var cells []string
	var cell strings.Builder
	quoted := false
	for i := 0; i < len(line); {
		switch n := separates(line[i:]); {
		case line[i] == '"' && quoted && strings.HasPrefix(line[i+1:], `"`): // a quote that is doubled stands for itself
			cell.WriteByte('"')
			i += 2
		case line[i] == '"':
			quoted = !quoted
			i++
		case !quoted && n > 0:
			cells = append(cells, cell.String())
			cell.Reset()
			i += n
		default:
			cell.WriteByte(line[i])
			i++
		}
	}
	return append(cells, cell.String())
}

// number reads one cell. Nothing and the usual words for nothing are NaN. A comma within a cell is a decimal comma: cells are
// split before.
func number(cell string) (float64, bool) {
	s := strings.TrimSpace(cell)
	v, err := strconv.ParseFloat(s, 64)
	if err == nil {
		return v, true
	}
	if at := strings.IndexByte(s, ','); at >= 0 && decimal.MatchString(s) {
		v, err := strconv.ParseFloat(s[:at]+"."+s[at+1:], 64)
		return v, err == nil
	}
	switch strings.ToLower(s) {
	case "", "na", "n/a", "null":
		return math.NaN(), true
	}
	return 0, false
}

// splitDecimals reports whether cells that were cut at commas are numbers with decimal commas cut in two: none has a point,
// and there are decimals with a leading zero, which no whole number has.
func splitDecimals(cells []string) bool {
	zero := false
	for _, cell := range cells {
		cell = strings.TrimSpace(cell)
		if strings.Contains(cell, ".") && !strings.Contains(cell, ":") {
			return false
		}
		if len(cell) > 1 && cell[0] == '0' && cell[1] >= '0' && cell[1] <= '9' && !strings.Contains(cell, ":") {
			zero = true
		}
	}
	return zero
}
