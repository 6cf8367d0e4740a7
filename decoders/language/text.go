package language

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxHistory is how many entries of a history are looked at, the latest ones: several sentences.
const maxHistory = 400

// Text puts a speller's history together to the text so far. An entry is a symbol ("H"), an intent ("letter_H",
// "digit_5", "space", "backspace"), or a piece of text ("HELLO "). Other intents ("select_row_3", "move_left")
// leave the text as it is.
func Text(history []string) string {
	if len(history) > maxHistory {
		history = history[len(history)-maxHistory:]
	}
	var b []rune
	for _, entry := range history {
		switch kind, text := Symbol(entry); kind {
		case Letters:
			b = append(b, []rune(text)...)
		case Backspace:
			if len(b) > 0 {
				b = b[:len(b)-1]
			}
		}
	}
	return string(b)
}

// Kind is what a symbol of a speller does to the text.
type Kind int

// The kinds of symbols.
const (
	Neither   Kind = iota // no change to the text
	Letters               // appends text
	Backspace             // takes the last character away
)

// Symbol tells what a symbol of a speller or an entry of a history means.
func Symbol(s string) (Kind, string) {
	for _, prefix := range []string{"letter_", "digit_", "symbol_"} {
		if rest, ok := cutPrefixFold(s, prefix); ok && rest != "" {
			s = rest
			break
		}
	}
	if s != "" && strings.TrimSpace(s) == "" {
		return Letters, " "
	}
	switch strings.ToLower(s) {
	case "":
		return Neither, ""
	case "_", "␣", "space", "spc", "sp":
		return Letters, " "
	case "<", "<-", "←", "⌫", "bs", "backspace", "del", "delete":
		return Backspace, ""
	}
	if utf8.RuneCountInString(s) == 1 {
		return Letters, s
	}
	// A longer entry is text if it has letters and does not look like the name of an intent.
	hasLetter := false
	for _, r := range s {
		if r == '_' || unicode.IsControl(r) || r == utf8.RuneError {
			return Neither, ""
		}
		hasLetter = hasLetter || unicode.IsLetter(r)
	}
	if !hasLetter || intentWords[strings.ToLower(s)] {
		return Neither, ""
	}
	return Letters, s
}

// intentWords are intents of one word, which a mixed history may hold.
var intentWords = map[string]bool{
	"rest": true, "left": true, "right": true, "hands": true, "feet": true, "tongue": true, "stop": true,
	"target": true, "seizure": true, "select": true, "next": true, "previous": true, "click": true,
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// lastWords returns the word before the last one and the last one, which is "" after a space, both in lower case.
func lastWords(text string) (previous, partial string) {
	fields := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' })
	if text == "" {
		return "", ""
	}
	last, _ := utf8.DecodeLastRuneInString(text)
	if unicode.IsLetter(last) || last == '\'' {
		n := len(fields)
		partial = fields[n-1]
		fields = fields[:n-1]
	} else if strings.ContainsRune(".!?", last) {
		return "", "" // a new sentence
	}
	if len(fields) > 0 {
		previous = fields[len(fields)-1]
	}
	return previous, partial
}
