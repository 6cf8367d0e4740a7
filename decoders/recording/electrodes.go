package recording

import (
	"slices"
	"strconv"
	"strings"
)

// The extended international 10-20 system (10-10): each row with its electrode numbers and whether it has a
// midline electrode. Source: Nuwer et al. 1998, "IFCN standards for digital recording of clinical EEG"; the 10-5
// rows (Oostenveld and Praamstra 2001) are recognized by their h names.
var rows = []struct {
	prefix   string
	from, to int
	midline  bool
}{
	{"Fp", 1, 2, true}, {"AF", 1, 10, true}, {"F", 1, 10, true},
	{"FC", 1, 6, true}, {"FT", 7, 10, false}, {"C", 1, 6, true}, {"T", 7, 10, false},
	{"CP", 1, 6, true}, {"TP", 7, 10, false}, {"P", 1, 10, true}, {"PO", 1, 10, true},
	{"O", 1, 2, true}, {"I", 1, 2, true}, {"N", 1, 2, true},
	{"A", 1, 2, false}, {"M", 1, 2, false}, // ear lobes and mastoids
}

var halfRows = []string{
	"AFp", "AFF", "FFC", "FFT", "FCC", "FTT", "CCP", "TTP", "CPP", "TPP", "PPO", "POO", "OI",
	"AF", "F", "FC", "FT", "C", "T", "CP", "TP", "P", "PO", "O", "I", "N",
}

// renamed holds the names of the 10-20 system that the 10-10 system replaced.
var renamed = map[string]string{"t3": "T7", "t4": "T8", "t5": "P7", "t6": "P8"}

// electrodes maps lower-case names to names. It is never changed.
var electrodes = electrodeTable()

func electrodeTable() map[string]string {
	table := map[string]string{}
	add := func(name string) { table[strings.ToLower(name)] = name }
	for _, row := range rows {
		for n := row.from; n <= row.to; n++ {
			add(row.prefix + strconv.Itoa(n))
		}
		if row.midline {
			add(row.prefix + "z")
		}
	}
	for _, prefix := range halfRows {
		for n := 1; n <= 10; n++ {
			add(prefix + strconv.Itoa(n) + "h")
		}
		if len(prefix) == 3 || prefix == "OI" { // the rows between rows have midline and full electrodes too
			for n := 1; n <= 10; n++ {
				add(prefix + strconv.Itoa(n))
			}
			add(prefix + "z")
		}
	}
	for old, name := range renamed {
		table[old] = name
	}
	return table
}

// References that carry no position: common, average and linked-ear references.
var plainReferences = []string{"ref", "avg", "ave", "av", "ar", "car", "le", "cle", "com", "gnd"}

// CanonicalName returns the 10-10 name that a channel label stands for: "Fc5." is FC5, "EEG F3-REF" is F3,
// "FP1" is Fp1, "T3" and "T7/T3" are T7, "EEG Fpz-Cz" is the derivation Fpz-Cz. A label that is not an electrode
// comes back trimmed and otherwise as it is.
func CanonicalName(label string) string {
	trimmed := strings.TrimSpace(strings.Trim(label, "\x00 "))
	if name, ok := electrodeName(trimmed); ok {
		return name
	}
	return trimmed
}

// IsElectrode reports whether a label stands for an electrode or a derivation of two of them.
func IsElectrode(label string) bool {
	_, ok := electrodeName(strings.TrimSpace(strings.Trim(label, "\x00 ")))
	return ok
}

func electrodeName(label string) (string, bool) {
	core := strings.TrimRight(label, ". ")
	for _, prefix := range []string{"EEG", "POL"} { // "POL" is Nihon Kohden's
		if rest, ok := cutPrefixFold(core, prefix); ok && rest != "" && strings.ContainsRune(" -_:.", rune(rest[0])) {
			core = strings.TrimLeft(rest, " -_:.")
		}
	}
	if name, ok := single(core); ok {
		return name, true
	}
	first, second, ok := strings.Cut(core, "-")
	if !ok {
		return "", false
	}
	active, ok := single(strings.TrimSpace(first))
	if !ok {
		return "", false
	}
	second = strings.TrimSpace(second)
	if slices.Contains(plainReferences, strings.ToLower(second)) {
		return active, true
	}
	if reference, ok := single(second); ok {
		return active + "-" + reference, true
	}
	return "", false
}

// single finds one electrode, or two synonyms for the same one with a slash between.
func single(label string) (string, bool) {
	if name, ok := electrodes[strings.ToLower(label)]; ok {
		return name, true
	}
	a, b, ok := strings.Cut(label, "/")
	if !ok {
		return "", false
	}
	first, second := electrodes[strings.ToLower(a)], electrodes[strings.ToLower(b)]
	return first, first != "" && first == second
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// nameChannels fills Name and Kind of channels from label and unit.
func nameChannels(channels []Channel) {
	lettered := isLettered(channels)
	known := false
	taken := map[string]bool{}
	for i := range channels {
		c := &channels[i]
		c.Name = c.Label
		switch {
		case c.Kind != "": // the reader knows better
			if c.Kind == EEG && !lettered {
				c.Name = CanonicalName(c.Label)
			}
		case lettered && isLetter(c.Label):
			c.Kind = EEG
		case IsElectrode(c.Label):
			c.Kind, c.Name = EEG, CanonicalName(c.Label)
		default:
			c.Kind = KindOf(c.Label)
		}
		known = known || c.Kind == EEG
		if taken[c.Name] { // "T3" and "T7", or one electrode against two references
			c.Name = c.Label
			for n := 2; taken[c.Name]; n++ {
				c.Name = c.Label + "#" + strconv.Itoa(n)
			}
		}
		taken[c.Name] = true
	}
	for i := range channels {
		c := &channels[i]
		if c.Kind != "" {
			continue
		}
		// Where nothing says what is EEG, everything of a voltage or of no stated unit may be.
		c.Kind = Other
		if !known && (c.Unit == Microvolt || c.Unit == "") {
			c.Kind = EEG
		}
	}
}

// isLettered reports whether the labels are the positions of BioSemi's radial caps (A1..A32, B1..B32, ...), which
// clash with 10-20 names: C3 is then no electrode over the motor cortex. A3 and beyond exist only there.
func isLettered(channels []Channel) bool {
	for i := range channels {
		label := channels[i].Label
		if isLetter(label) && (label[0] == 'A' || label[0] == 'B') && label != "A1" && label != "A2" {
			return true
		}
	}
	return false
}

func isLetter(label string) bool {
	if len(label) < 2 || label[0] < 'A' || label[0] > 'I' {
		return false
	}
	n, err := strconv.Atoi(label[1:])
	return err == nil && n >= 1 && n <= 32 && label[1] != '0' && label[1] != '+'
}

// KindOf tells the kind from a label that is not an electrode; "" where it does not.
func KindOf(label string) Kind {
	l := strings.ToLower(strings.TrimSpace(label))
	has := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(l, p) })
	}
	switch {
	case IsTrigger(label):
		return Trigger
	case has("eeg"):
		return EEG
	case has("eog", "veog", "heog", "loc", "roc") || strings.HasSuffix(l, "eog"):
		return EOG
	case has("emg", "chin"):
		return EMG
	case has("ecg", "ekg"):
		return ECG
	case has("acc", "gyro", "mag", "x_dir", "y_dir", "z_dir"):
		return Motion
	case has("resp", "sao2", "spo2", "temp", "pulse", "hr", "flow", "press", "gsr", "ppg", "dc0", "dc1", "crc",
		"exg", "ref", "pol", "batt", "aux", "dig", "ergo", "plet", "snor", "light", "position", "body"):
		return Other
	}
	return ""
}

// IsTrigger recognizes the names that vendors give the channel with trigger codes.
func IsTrigger(label string) bool {
	switch strings.ToLower(strings.TrimSpace(label)) {
	case "status", "trigger", "trig", "trg", "sti 014", "sti014", "stim", "marker", "event", "dig dtrig", "dtrig":
		return true
	}
	return false
}
