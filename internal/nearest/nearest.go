// Package nearest finds the name that a misspelled one was meant to be.
package nearest

import (
	"strings"
	"unicode/utf8"
)

// maxLength is the longest name that is looked at, in characters: the names of fields and modes are shorter, and the work
// grows with the square.
const maxLength = 64

// Name returns the known name that a given one is most like, "" where none is near: of its characters at most a third (and
// one of the shortest) may be missing, too many, other ones or swapped with their neighbor. Case, -, _ and spaces do not
// count. The first of equally near names wins.
func Name(given string, known []string) string {
	if utf8.RuneCountInString(given) > maxLength {
		return ""
	}
	a := fold(given)
	best, distance := "", 0
	for _, k := range known {
		b := fold(k)
		limit := max(1, len(b)/3)
		if len(a) > len(b)+limit || len(b) > len(a)+limit {
			continue
		}
		if d := edits(a, b); d <= limit && d < len(b) && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	return best
}

// differently is what people write differently.
var differently = strings.NewReplacer("-", "", "_", "", " ", "")

// fold leaves out what people write differently.
func fold(s string) []rune { return []rune(differently.Replace(strings.ToLower(s))) }

// edits is the number of characters to be put in, taken out, replaced or swapped with their neighbor that make one text
// of the other (optimal string alignment: Damerau, "A technique for computer detection and correction of spelling
// errors", CACM 7(3), 1964).
func edits(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
