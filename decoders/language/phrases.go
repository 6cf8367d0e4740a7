package language

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// phrases words intents, by language. All were written for neurod. A %s takes the number of a row or column.
var phrases = map[string]map[string]string{
	"en": {
		"move_left": "Turn left.", "move_right": "Turn right.", "move_forward": "Go forward.", "move_back": "Go back.", "stop": "Stop.",
		"cursor_left": "Move the cursor left.", "cursor_right": "Move the cursor right.",
		"cursor_up": "Move the cursor up.", "cursor_down": "Move the cursor down.", "click": "Click here.",
		"select": "Select this.", "select_previous": "Go to the previous one.", "select_next": "Go to the next one.",
		"turn_on": "Turn it on.", "turn_off": "Turn it off.", "scene_next": "Change the scene.",
		"select_row_": "Select row %s.", "select_column_": "Select column %s.",
	},
	"de": {
		"move_left": "Nach links.", "move_right": "Nach rechts.", "move_forward": "Vorwärts fahren.", "move_back": "Zurück fahren.", "stop": "Anhalten.",
		"cursor_left": "Zeiger nach links.", "cursor_right": "Zeiger nach rechts.",
		"cursor_up": "Zeiger nach oben.", "cursor_down": "Zeiger nach unten.", "click": "Hier klicken.",
		"select": "Das auswählen.", "select_previous": "Zum vorigen.", "select_next": "Zum nächsten.",
		"turn_on": "Einschalten.", "turn_off": "Ausschalten.", "scene_next": "Szene wechseln.",
		"select_row_": "Zeile %s auswählen.", "select_column_": "Spalte %s auswählen.",
	},
	"es": {
		"move_left": "Gira a la izquierda.", "move_right": "Gira a la derecha.", "move_forward": "Avanza.", "move_back": "Retrocede.", "stop": "Para.",
		"cursor_left": "Mueve el cursor a la izquierda.", "cursor_right": "Mueve el cursor a la derecha.",
		"cursor_up": "Mueve el cursor hacia arriba.", "cursor_down": "Mueve el cursor hacia abajo.", "click": "Haz clic aquí.",
		"select": "Selecciona esto.", "select_previous": "Ve al anterior.", "select_next": "Ve al siguiente.",
		"turn_on": "Enciéndelo.", "turn_off": "Apágalo.", "scene_next": "Cambia la escena.",
		"select_row_": "Selecciona la fila %s.", "select_column_": "Selecciona la columna %s.",
	},
	"fr": {
		"move_left": "Tourne à gauche.", "move_right": "Tourne à droite.", "move_forward": "Avance.", "move_back": "Recule.", "stop": "Arrête.",
		"cursor_left": "Déplace le curseur à gauche.", "cursor_right": "Déplace le curseur à droite.",
		"cursor_up": "Déplace le curseur vers le haut.", "cursor_down": "Déplace le curseur vers le bas.", "click": "Clique ici.",
		"select": "Choisis ceci.", "select_previous": "Va au précédent.", "select_next": "Va au suivant.",
		"turn_on": "Allume.", "turn_off": "Éteins.", "scene_next": "Change de scène.",
		"select_row_": "Choisis la ligne %s.", "select_column_": "Choisis la colonne %s.",
	},
}

// silent intents have nothing to say.
var silent = map[string]bool{
	"rest": true, "no_target": true, "target": true, "non_target": true, "possible_seizure": true, "no_seizure_pattern": true,
	"undetermined": true, "": true,
}

// maxPhrase is the longest own intent, in bytes, that is worded.
const maxPhrase = 80

// Phrase words an intent in the language of the locale, in English where that has no phrases. An intent that is not
// in the table, such as one of the caller's own or the label of a target, is worded by its name: "open_door" becomes
// "Open door." in every language. It is "" for intents that say nothing, such as rest, and for letters.
func Phrase(locale, intent string) string {
	table, ok := phrases[base(locale)]
	if !ok {
		table = phrases["en"]
	}
	if p, ok := table[intent]; ok {
		return p
	}
	for _, prefix := range []string{"select_row_", "select_column_"} {
		if n, ok := strings.CutPrefix(intent, prefix); ok && n != "" && strings.Trim(n, "0123456789") == "" {
			return strings.Replace(table[prefix], "%s", n, 1)
		}
	}
	if silent[intent] || len(intent) > maxPhrase {
		return ""
	}
	if kind, _ := Symbol(intent); kind == Backspace || intent == "space" ||
		strings.HasPrefix(intent, "letter_") || strings.HasPrefix(intent, "digit_") || strings.HasPrefix(intent, "symbol_") {
		return ""
	}
	return byName(intent)
}

// byName makes a sentence of an identifier of letters, or "" where it is something else, such as 13Hz.
func byName(intent string) string {
	words := strings.FieldsFunc(intent, func(r rune) bool { return r == '_' || r == '-' || r == ' ' })
	text := strings.Join(words, " ")
	first, size := utf8.DecodeRuneInString(text)
	if !unicode.IsLetter(first) {
		return ""
	}
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != ' ' && r != '\'' {
			return ""
		}
	}
	return string(unicode.ToUpper(first)) + text[size:] + "."
}
