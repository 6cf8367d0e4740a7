package language

import (
	"bytes"
	"cmp"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed english.txt.gz
var englishGzip []byte

// alphabet is a..z and the space that ends a word, as indices 0..26.
const (
	alphabet = 27
	space    = 26
)

// Model is how often words, pairs of words and letters of a language occur. It is never changed once built.
type Model struct {
	words   []string // ordered as text
	rates   []float64
	total   float64                   // sum of rates
	sums    []float64                 // sums[i] = rates[0] + ... + rates[i-1]
	pairs   map[string]following      // by first word
	letters [alphabet * alphabet]gram // by the two letters before
	single  [alphabet]gram            // by the letter before
	any     gram
}

// following holds the words seen after one word.
type following struct {
	words []int     // indices of words, ascending
	rates []float64 // of the pairs
	sum   float64
	scale float64 // rate of the first word
}

// gram is a distribution of the next letter.
type gram struct {
	count [alphabet]float64
	sum   float64
	types float64 // how many different letters were seen
}

// English returns the English model, built on the first call (some ms).
var English = sync.OnceValue(func() *Model {
	z, err := gzip.NewReader(bytes.NewReader(englishGzip))
	if err != nil {
		panic(fmt.Sprintf("language: the embedded word list is damaged: %v", err)) // the program was built wrongly
	}
	text, err := io.ReadAll(z)
	if err != nil {
		panic(fmt.Sprintf("language: the embedded word list is damaged: %v", err))
	}
	m, err := parse(string(text))
	if err != nil {
		panic(err.Error())
	}
	return m
})

// ForLocale returns the word model for a BCP 47 tag such as "en", "en-GB" or "", which means English.
// It is nil for a language without one; a nil *Model has a flat prior and completes nothing.
func ForLocale(locale string) *Model {
	if base(locale) == "en" {
		return English()
	}
	return nil
}

// base returns the language of a locale in lower case, "en" where there is none.
func base(locale string) string {
	tag := strings.ToLower(strings.TrimSpace(locale))
	if i := strings.IndexAny(tag, "-_."); i >= 0 {
		tag = tag[:i]
	}
	if tag == "" {
		return "en"
	}
	return tag
}

// parse reads the list that tools/wordlist writes: a word and its rate a line, an empty line, then pairs by rank.
func parse(text string) (*Model, error) {
	head, tail, ok := strings.Cut(text, "\n\n")
	if !ok {
		return nil, fmt.Errorf("language: the word list has no pairs")
	}
	type counted struct {
		word string
		rate float64
	}
	var ranked []counted
	for line := range strings.Lines(head) {
		word, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		rate, err := strconv.ParseFloat(number, 64)
		if err != nil || word == "" || rate <= 0 {
			return nil, fmt.Errorf("language: bad line %q", line)
		}
		ranked = append(ranked, counted{word, rate})
	}
	sorted := slices.Clone(ranked)
	slices.SortFunc(sorted, func(a, b counted) int { return cmp.Compare(a.word, b.word) })
	m := &Model{pairs: map[string]following{}, sums: make([]float64, len(sorted)+1)}
	for i, c := range sorted {
		m.words, m.rates = append(m.words, c.word), append(m.rates, c.rate)
		m.total += c.rate
		m.sums[i+1] = m.total
		m.learnLetters(c.word, c.rate)
	}
	for line := range strings.Lines(tail) {
		fields := strings.Fields(line)
		numbers := make([]int, len(fields))
		for i, f := range fields {
			n, err := strconv.Atoi(f)
			if err != nil || n < 0 || i%2 == 0 && i == 0 && n >= len(ranked) || i%2 == 1 && n >= len(ranked) {
				return nil, fmt.Errorf("language: bad line of pairs %q", line)
			}
			numbers[i] = n
		}
		if len(numbers)%2 != 1 {
			return nil, fmt.Errorf("language: bad line of pairs %q", line)
		}
		first := ranked[numbers[0]]
		type second struct {
			word int
			rate float64
		}
		var list []second
		f := following{scale: first.rate}
		for i := 1; i < len(numbers); i += 2 {
			at, _ := slices.BinarySearch(m.words, ranked[numbers[i]].word)
			list = append(list, second{at, float64(numbers[i+1])})
			f.sum += float64(numbers[i+1])
		}
		slices.SortFunc(list, func(a, b second) int { return cmp.Compare(a.word, b.word) })
		for _, s := range list {
			f.words, f.rates = append(f.words, s.word), append(f.rates, s.rate)
		}
		// Pairs of the written phrases can outweigh the books' count of the first word; leave a fifth for the rest.
		f.scale = max(f.scale, 1.25*f.sum)
		m.pairs[first.word] = f
	}
	return m, nil
}

// learnLetters counts the letters of a word and the space behind it.
func (m *Model) learnLetters(word string, rate float64) {
	before, last := space, space
	for i := 0; i <= len(word); i++ {
		next := space
		if i < len(word) {
			next = letterIndex(rune(word[i]))
		}
		m.letters[before*alphabet+last].add(next, rate)
		m.single[last].add(next, rate)
		m.any.add(next, rate)
		before, last = last, next
	}
}

func (g *gram) add(letter int, rate float64) {
	if g.count[letter] == 0 {
		g.types++
	}
	g.count[letter] += rate
	g.sum += rate
}

// backOff mixes the distribution with a lower one, after Witten and Bell: what was never seen gets the share
// types/(sum+types). Rates are per 100 million; a unit of 1000 (once in 100,000 words) stands for one occurrence.
func (g *gram) backOff(lower, dst *[alphabet]float64) {
	const occurrence = 1000
	n := g.sum / occurrence
	for i := range dst {
		if g.types == 0 {
			dst[i] = lower[i]
			continue
		}
		dst[i] = (g.count[i]/occurrence + g.types*lower[i]) / (n + g.types)
	}
}

func letterIndex(r rune) int {
	switch {
	case r >= 'a' && r <= 'z':
		return int(r - 'a')
	case r >= 'A' && r <= 'Z':
		return int(r - 'A')
	case r == ' ':
		return space
	}
	return -1
}

// prefixed returns the range of words that begin with prefix.
func (m *Model) prefixed(prefix string) (from, to int) {
	from, _ = slices.BinarySearch(m.words, prefix)
	to, _ = slices.BinarySearch(m.words, prefix+"\xff")
	return from, to
}

// weights calls visit with the probability of every word in words[from:to] after the word previous.
func (m *Model) weights(previous string, from, to int, visit func(word int, p float64)) {
	f, known := m.pairs[previous]
	rest, scale, at := 1.0, 1.0, 0
	if known {
		rest, scale = 1-f.sum/f.scale, f.scale
		at, _ = slices.BinarySearch(f.words, from)
	}
	for i := from; i < to; i++ {
		p := rest * m.rates[i] / m.total
		if known && at < len(f.words) && f.words[at] == i {
			p += f.rates[at] / scale
			at++
		}
		visit(i, p)
	}
}

// Completion is a word that may be meant.
type Completion struct {
	Word        string
	Probability float64 // given the letters typed and the word before; the completions of a text sum to at most 1
}

// Complete returns the n most probable words that the last, unfinished word of text can become; after a space,
// the most probable next words. It returns none where no known word begins so.
func (m *Model) Complete(text string, n int) []Completion {
	if m == nil || n <= 0 {
		return nil
	}
	previous, partial := lastWords(text)
	if previous == "" && partial == "" {
		return nil // nothing to go by
	}
	from, to := m.prefixed(partial)
	var best []Completion
	var sum float64
	m.weights(previous, from, to, func(i int, p float64) {
		sum += p
		at, _ := slices.BinarySearchFunc(best, p, func(c Completion, p float64) int { return cmp.Compare(p, c.Probability) })
		for at < len(best) && best[at].Probability == p {
			at++ // equal ones stay in the order of the text
		}
		if at >= n {
			return
		}
		best = slices.Insert(best, at, Completion{m.words[i], p})
		best = best[:min(n, len(best))]
	})
	for i := range best {
		best[i].Probability /= sum
	}
	return best
}

// Predict returns the text of history and symbol with its last word completed, or with the most probable next word
// after a space. The letters typed stay as they are; a completion is upper case where they are.
func (m *Model) Predict(history []string, symbol string) string {
	text := Text(append(slices.Clone(history), symbol))
	list := m.Complete(text, 1)
	if len(list) == 0 {
		return text
	}
	_, partial := lastWords(text)
	rest := list[0].Word[len(partial):]
	if isUpper(text) {
		rest = strings.ToUpper(rest)
	}
	return text + rest
}

// isUpper reports whether text has letters and all are upper case.
func isUpper(text string) bool {
	any := false
	for _, r := range text {
		if unicode.IsLower(r) {
			return false
		}
		any = any || unicode.IsUpper(r)
	}
	return any
}

const (
	// wordShare is the weight of the known words against the letter statistics, which also allow unknown words.
	wordShare = 0.9
	// otherShare is the probability of a symbol that is not a letter or a space, such as a digit.
	otherShare = 1e-3
	// floor is the smallest probability of any symbol: the evidence of the brain can always outweigh the model.
	floor = 1e-4
	// mistake is how often a speller picks another symbol than the one meant: 100 people were right in 91 % of selections
	// with rows and columns (Guger et al. 2009).
	mistake = 0.1
)

// Prior returns the log-probability of the next symbol of a speller after the history. It is made for
// decoders.Input.Prior. Letters, space and backspace sum to 1. It returns nil where there is no model.
func (m *Model) Prior(history []string) func(symbol string) float64 {
	if m == nil {
		return nil
	}
	text := Text(history)
	next, back := m.next(text), m.takenBack(text)
	return func(symbol string) float64 {
		kind, text := Symbol(symbol)
		p := otherShare
		switch r, size := utf8.DecodeRuneInString(text); {
		case kind == Backspace:
			p = back
		case kind == Letters && size == len(text):
			if i := letterIndex(r); i >= 0 {
				p = (1 - back) * next[i]
			}
		}
		return math.Log(max(p, floor))
	}
}

// takenBack returns the probability that the last symbol of text was a mistake, which a person takes back at once: a
// mistake is any letter alike, what is meant follows the model. It is 0 where there is nothing to take back.
func (m *Model) takenBack(text string) float64 {
	last, size := utf8.DecodeLastRuneInString(text)
	if size == 0 {
		return 0
	}
	i := letterIndex(last)
	if i < 0 {
		return mistake // the model knows nothing of digits and signs
	}
	meant := max(m.next(text[:len(text)-size])[i], floor)
	const wrong = mistake / alphabet
	return wrong / (wrong + (1-mistake)*meant)
}

// next returns the probabilities of a..z and the space after text.
func (m *Model) next(text string) (dst [alphabet]float64) {
	previous, partial := lastWords(text)

	// Letters: uniform → any → one before → two before.
	before, last := space, space
	for _, r := range partial {
		before = last
		if last = letterIndex(r); last < 0 {
			last = space
		}
	}
	var uniform, one, two [alphabet]float64
	for i := range uniform {
		uniform[i] = 1.0 / alphabet
	}
	m.any.backOff(&uniform, &one)
	m.single[last].backOff(&one, &two)
	m.letters[before*alphabet+last].backOff(&two, &dst)
	if partial == "" {
		dst = without(dst, space) // no word is empty
	}

	// Words.
	from, to := m.prefixed(partial)
	var words [alphabet]float64
	var sum float64
	m.weights(previous, from, to, func(i int, p float64) {
		next := space
		if w := m.words[i]; len(w) > len(partial) {
			next = letterIndex(rune(w[len(partial)]))
		}
		words[next] += p
		sum += p
	})
	if sum > 0 {
		for i := range dst {
			dst[i] = wordShare*words[i]/sum + (1-wordShare)*dst[i]
		}
	}
	return dst
}

func without(p [alphabet]float64, letter int) [alphabet]float64 {
	rest := 1 - p[letter]
	p[letter] = 0
	for i := range p {
		p[i] /= rest
	}
	return p
}
