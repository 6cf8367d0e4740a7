package recording

import "strings"

// Microvolt is the unit of every voltage after reading.
const Microvolt = "uV"

// ToMicrovolt returns the unit of the samples after conversion and the factor that converts them. Text that is
// no unit of voltage comes back trimmed with the factor 1.
func ToMicrovolt(unit string) (string, float64) {
	trimmed := strings.TrimSpace(strings.Trim(unit, "\x00 "))
	// The micro sign has two code points and one byte in Latin-1, and old exports spell it mangled.
	plain := strings.NewReplacer("µ", "u", "μ", "u", "\xb5", "u", "Âµ", "u").Replace(trimmed)
	switch plain {
	case "uV", "uv", "UV", "microV", "microvolt", "microvolts":
		return Microvolt, 1
	case "mV", "mv", "millivolt":
		return Microvolt, 1e3
	case "V", "v", "volt", "volts":
		return Microvolt, 1e6
	case "nV", "nv", "nanovolt":
		return Microvolt, 1e-3
	}
	return trimmed, 1
}

// StrangeUnit returns the unit that most of the given channels are stated to be in, where it is not a unit of voltage, such as "adc"; ""
// where they are in µV or the recording does not say.
func (r *Recording) StrangeUnit(labels []string) string {
	strange := map[string]int{}
	for _, label := range labels {
		c, ok := r.Channel(label)
		if !ok {
			continue
		}
		switch strings.ToLower(c.Unit) {
		case "", "uv", "n/a", "na", "none", "unknown", "unspecified", "?", "-":
		default:
			if strange[c.Unit]++; 2*strange[c.Unit] > len(labels) {
				return c.Unit
			}
		}
	}
	return ""
}

// StatesUnit reports whether the recording says in which unit any of the given channels is.
func (r *Recording) StatesUnit(labels []string) bool {
	for _, label := range labels {
		if c, ok := r.Channel(label); ok && c.Unit != "" {
			return true
		}
	}
	return false
}
