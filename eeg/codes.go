package eeg

// CodeBook says which bits each target of a c-VEP screen shows: 1 is bright, 0 dark. After its last bit a code begins again.
type CodeBook struct {
	// Kind is m_sequence, gold or bits.
	Kind string `json:"kind"`
	// RateHz is how many bits are shown a second: the rate of the screen, where each frame shows a bit.
	RateHz float64 `json:"rate_hz"`
	// Degree is the number of stages of the shift register behind m_sequence and gold: codes have 2^Degree - 1 bits, twice as many
	// where they are modulated.
	Degree int `json:"degree,omitempty"`
	// Taps are the stages, from 1 to Degree, whose sum modulo 2 is fed back. Defaults to a primitive polynomial of the degree.
	Taps []int `json:"taps,omitempty"`
	// SecondTaps are those of the second register of gold. Defaults to one that makes a preferred pair with the default of Taps.
	SecondTaps []int `json:"second_taps,omitempty"`
	// Modulated shows a clock of twice the rate along: each bit b becomes b, not b, which leaves flashes of one bit and of two.
	Modulated bool `json:"modulated,omitempty"`
	// Targets is how many codes of m_sequence or gold are on the screen. Defaults to the number of labels.
	Targets int `json:"targets,omitempty"`
	// Lag is by how many bits, before they are modulated, the code of a target comes after that of the one before it (m_sequence).
	// Defaults to the length divided by the number of targets.
	Lag int `json:"lag,omitempty"`
	// Bits are the codes of kind bits, each a text of 0 and 1, all of one length.
	Bits []string `json:"bits,omitempty"`
	// Labels name the targets. Defaults to code_1, code_2, ...
	Labels []string `json:"labels,omitempty"`
}

// What CodeBook.Kind may say.
const (
	CodeMSequence = "m_sequence" // one maximum-length sequence, shifted from target to target
	CodeGold      = "gold"       // the Gold codes of two such sequences (Gold 1967)
	CodeBits      = "bits"       // as listed
)

// CodeKinds lists what CodeBook.Kind may say.
func CodeKinds() []string { return []string{CodeMSequence, CodeGold, CodeBits} }

// targets is the number of targets as far as the book says it; c may be nil.
func (c *CodeBook) targets() int {
	if c == nil {
		return 0
	}
	return max(c.Targets, len(c.Bits), len(c.Labels))
}
