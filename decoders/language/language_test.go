package language_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/neurod/neurod/decoders/language"
)

func TestHistoryBecomesText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		history []string
		want    string
	}{
		{"nothing", nil, ""},
		{"symbols", []string{"H", "e", "L"}, "HeL"},
		{"intents", []string{"letter_H", "letter_I", "space", "digit_5", "symbol_?"}, "HI 5?"},
		{"spaces in every dress", []string{"A", "_", "B", " ", "C", "SPACE", "D", "letter_ ", "E", "sp", "F"}, "A B C D E F"},
		{"backspace", []string{"H", "E", "E", "backspace", "L", "<", "⌫"}, "H"},
		{"backspace on nothing", []string{"backspace", "A"}, "A"},
		{"pieces of text", []string{"HELLO ", "wor", "l", "d"}, "HELLO world"},
		{"other intents leave it alone", []string{"move_left", "A", "select_row_3", "rest", "left", "B", ""}, "AB"},
		{"letters beyond ASCII", []string{"letter_Ä", "ß"}, "Äß"},
		{"control characters", []string{"A\x00B", "C"}, "C"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := language.Text(tc.history); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func letters(s string) []string { return strings.Split(s, "") }

func TestPredict(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ history, symbol, want string }{
		{"HEL", "L", "HELLO"},
		{"HEL", "P", "HELP"},
		{"WAT", "E", "WATER"},
		{"wat", "e", "water"},
		{"I NEED W", "A", "I NEED WATER"},
		{"TURN L", "E", "TURN LEFT"},
		{"TURN R", "I", "TURN RIGHT"},
		{"THANK", "_", "THANK YOU"},
		{"OPEN THE", "_", "OPEN THE DOOR"},
		{"PLEASE CALL THE DOC", "T", "PLEASE CALL THE DOCTOR"},
		{"I AM THI", "R", "I AM THIRSTY"},
		{"XQZ", "V", "XQZV"},
		{"", "5", "5"},
		{"WATER", "backspace", "WATER"},
	} {
		if tc.symbol == "backspace" {
			tc.want = "WATE" // taken back, then completed again
			if got := language.English().Predict(letters(tc.history), tc.symbol); !strings.HasPrefix(got, tc.want) {
				t.Errorf("%q + %q: %q does not begin with %q", tc.history, tc.symbol, got, tc.want)
			}
			continue
		}
		if got := language.English().Predict(letters(tc.history), tc.symbol); got != tc.want {
			t.Errorf("%q + %q: got %q, want %q", tc.history, tc.symbol, got, tc.want)
		}
	}
}

func TestCompletionsAreRankedAndBegunRight(t *testing.T) {
	t.Parallel()
	m := language.English()
	for _, text := range []string{"h", "TH", "I need ", "qu", "please op", "move le", "Stop. N"} {
		list := m.Complete(text, 8)
		if len(list) == 0 {
			t.Errorf("%q: no completion", text)
		}
		sum := 0.0
		partial := strings.ToLower(text[strings.LastIndexAny(text, " ")+1:])
		for i, c := range list {
			sum += c.Probability
			if !strings.HasPrefix(c.Word, partial) || c.Probability <= 0 || i > 0 && c.Probability > list[i-1].Probability {
				t.Errorf("%q: completion %d is %+v", text, i, c)
			}
		}
		if sum > 1+1e-9 {
			t.Errorf("%q: completions sum to %v", text, sum)
		}
	}
	all := m.Complete("wat", 1000)
	sum := 0.0
	for _, c := range all {
		sum += c.Probability
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("all %d completions of wat sum to %v", len(all), sum)
	}
	if list := m.Complete("", 3); list != nil {
		t.Errorf("completions of nothing: %v", list)
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"

func TestPriorIsADistribution(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "H", "TH", "HELLO", "HELLO ", "I NEED ", "XQZ", "ZZZZZZ", "5", "Ä"} {
		prior := language.English().Prior(letters(text))
		sum := 0.0
		for _, s := range append(letters(alphabet), "backspace") {
			p := math.Exp(prior(s))
			if p < 1e-4-1e-12 || p > 1 {
				t.Errorf("%q: %s has probability %v", text, s, p)
			}
			sum += p
		}
		if sum < 1-1e-9 || sum > 1+28e-4 { // the floor adds up to 1e-4 a symbol
			t.Errorf("%q: letters, space and backspace sum to %v", text, sum)
		}
	}
}

func TestPriorFavorsWhatFollows(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, likely, unlikely string }{
		{"Q", "U", "A"}, {"TH", "E", "T"}, {"HEL", "P", "Q"}, {"WATE", "R", "E"}, {"YES", "_", "Q"}, {"YE", "S", "_"},
		{"THANK_", "Y", "X"}, {"I_AM_", "H", "Z"},
		{"WATQ", "backspace", "E"}, {"HELLO_ZX", "⌫", "A"}, {"WAT", "E", "backspace"}, {"", "Q", "backspace"}, {"TH", "A", "<"},
	} {
		prior := language.English().Prior(letters(tc.text))
		if a, b := prior(tc.likely), prior(tc.unlikely); a <= b {
			t.Errorf("after %q: log P(%s)=%.2f, log P(%s)=%.2f", tc.text, tc.likely, a, tc.unlikely, b)
		}
		if kind, _ := language.Symbol(tc.likely); kind == language.Backspace {
			continue // has one dress for each of its names
		}
		if prior(tc.likely) != prior("letter_"+tc.likely) || prior(tc.likely) != prior(strings.ToLower(tc.likely)) {
			t.Errorf("after %q: the dress of %s matters", tc.text, tc.likely)
		}
	}
}

// TestPriorSavesBits spells sentences that are in no list of ours. A flat prior needs log2 27 = 4.75 bits a
// letter; single-letter statistics of English about 4.1, and Shannon 1951 (Bell Syst. Tech. J. 30) measured people
// at 1 to 2. The limit is what a model of words and letters must beat to be of use: three.
func TestPriorSavesBits(t *testing.T) {
	t.Parallel()
	bits, n := 0.0, 0
	for _, sentence := range []string{
		"MY SISTER WILL VISIT ME TOMORROW", "THE SUN IS SHINING AND I WANT TO SIT IN THE GARDEN", "PLEASE BRING ME A NEWSPAPER",
		"WE COULD PLAY CHESS AFTER DINNER", "MY NOSE ITCHES", "THIS BOOK IS VERY LONG", "TELL HER THAT I AM PROUD OF HER",
	} {
		for i, s := range letters(sentence) {
			bits -= language.English().Prior(letters(sentence[:i]))(s) / math.Ln2
			n++
		}
	}
	got := bits / float64(n)
	t.Logf("%.2f bits a letter over %d letters", got, n)
	if got > 3 {
		t.Errorf("%.2f bits a letter, limit 3", got)
	}
}

func TestLanguagesWithoutAModelGetNone(t *testing.T) {
	t.Parallel()
	for locale, want := range map[string]bool{"": true, "en": true, "en-GB": true, "EN_us": true, "en_US.UTF-8": true, "de": false, "zh-Hans": false, "enx": false} {
		m := language.ForLocale(locale)
		if (m != nil) != want {
			t.Errorf("%q: model %v", locale, m != nil)
		}
		if m == nil && (m.Prior(nil) != nil || m.Complete("HEL", 1) != nil) {
			t.Errorf("%q: the missing model answers", locale)
		}
	}
	if got := language.ForLocale("de").Predict([]string{"H", "A"}, "L"); got != "HAL" {
		t.Errorf("without a model the text comes back as it is, not %q", got)
	}
}

func TestPhrases(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ locale, intent, want string }{
		{"en", "move_left", "Turn left."}, {"de-AT", "move_left", "Nach links."}, {"xx", "move_left", "Turn left."},
		{"en", "select_row_3", "Select row 3."}, {"fr", "select_column_12", "Choisis la colonne 12."},
		{"en", "rest", ""}, {"en", "letter_H", ""}, {"en", "space", ""}, {"en", "13Hz", ""}, {"en", "no_target", ""},
		{"en", "open_door", "Open door."}, {"de", "open_door", "Open door."}, {"en", "<script>", ""}, {"en", "", ""},
		{"en", strings.Repeat("a", 200), ""},
	} {
		if got := language.Phrase(tc.locale, tc.intent); got != tc.want {
			t.Errorf("%s %q: got %q, want %q", tc.locale, tc.intent, got, tc.want)
		}
	}
}

func FuzzPredict(f *testing.F) {
	f.Add("HEL", "L", "en")
	f.Add("a'b ", "_", "")
	f.Add("\xff\x00", "letter_", "de")
	f.Fuzz(func(t *testing.T, text, symbol, locale string) {
		history := []string{text}
		m := language.ForLocale(locale)
		want := language.Text([]string{text, symbol})
		if got := m.Predict(history, symbol); !strings.HasPrefix(got, want) {
			t.Fatalf("%q does not begin with %q", got, want)
		}
		if prior := m.Prior(history); prior != nil {
			if p := prior(symbol); math.IsNaN(p) || p > 0 || p < math.Log(1e-4)-1e-9 {
				t.Fatalf("prior %v", p)
			}
		}
		language.Phrase(locale, text)
	})
}

// TestPredictionKeepsItsHistory makes sure that appending the symbol never writes into the caller's slice.
func TestPredictionKeepsItsHistory(t *testing.T) {
	t.Parallel()
	const seed = 3
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 100 {
		history := make([]string, 0, 20)
		for range rng.IntN(10) {
			history = append(history, string(alphabet[rng.IntN(27)]))
		}
		before := slices.Clone(history[:cap(history)])
		language.English().Predict(history, "E")
		if !slices.Equal(before, history[:cap(history)]) {
			t.Fatalf("seed %d: history changed to %q", seed, history[:cap(history)])
		}
	}
}

func BenchmarkPrior(b *testing.B) {
	for _, text := range []string{"", "HEL", "I NEED "} {
		b.Run("after "+text, func(b *testing.B) {
			history := letters(text)
			for b.Loop() {
				language.English().Prior(history)
			}
		})
	}
}

func BenchmarkPredict(b *testing.B) {
	history := letters("I NEED W")
	for b.Loop() {
		language.English().Predict(history, "A")
	}
}
