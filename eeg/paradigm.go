package eeg

// Paradigm names what kind of brain activity a decoder reads.
type Paradigm string

// The paradigms. A request may ask for Auto, which lets the evidence choose; Undetermined is the answer where there is none.
const (
	MotorImagery Paradigm = "motor_imagery"
	P300         Paradigm = "p300"
	SSVEP        Paradigm = "ssvep"
	CVEP         Paradigm = "cvep"
	Seizure      Paradigm = "seizure"
	Auto         Paradigm = "auto"
	Undetermined Paradigm = "undetermined"
)

// paradigms is the one list of them.
var paradigms = []struct {
	paradigm Paradigm
	decoded  bool // by a model of its own
	live     bool // as the session runs; P300 cannot be: it needs all flashes of a choice
}{
	{MotorImagery, true, true},
	{P300, true, false},
	{SSVEP, true, true},
	{CVEP, true, true},
	{Seizure, true, true},
	{Auto, false, true},
}

// Paradigms lists what a request may ask for.
func Paradigms() []Paradigm {
	return paradigmsThat(func(int) bool { return true })
}

// DecodedParadigms lists those that models are made for: all but Auto.
func DecodedParadigms() []Paradigm {
	return paradigmsThat(func(i int) bool { return paradigms[i].decoded })
}

// LiveParadigms lists those that a session may be decoded for as it runs.
func LiveParadigms() []Paradigm {
	return paradigmsThat(func(i int) bool { return paradigms[i].live })
}

func paradigmsThat(keep func(i int) bool) []Paradigm {
	var out []Paradigm
	for i := range paradigms {
		if keep(i) {
			out = append(out, paradigms[i].paradigm)
		}
	}
	return out
}

// UIMode is what the person is doing with an interface. Callers may have modes of their own, which have the intents of the default.
type UIMode string

// The modes that have names of their own for intents.
const (
	DefaultMode   UIMode = ""
	WheelchairNav UIMode = "wheelchair_nav"
	Cursor        UIMode = "cursor"
	Speller       UIMode = "speller"
	SmartHome     UIMode = "smart_home"
)

// UIModes lists the modes that have a name.
func UIModes() []UIMode { return []UIMode{WheelchairNav, Cursor, Speller, SmartHome} }

// Names returns the texts of a list of names, such as Paradigms.
func Names[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}
