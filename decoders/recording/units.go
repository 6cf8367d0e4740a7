package recording

import "strings"

// microvolt is the unit of every voltage after reading.
const microvolt = "uV"

// toMicrovolt returns the unit of the samples after conversion and the factor that converts them. Text that is
// no unit of voltage comes back trimmed with the factor 1.
func toMicrovolt(unit string) (string, float64) {
	trimmed := strings.TrimSpace(strings.Trim(unit, "\x00 "))
	// The micro sign has two code points and one byte in Latin-1, and old exports spell it mangled.
	plain := strings.NewReplacer("µ", "u", "μ", "u", "\xb5", "u", "Âµ", "u").Replace(trimmed)
	switch plain {
	case "uV", "uv", "UV", "microV", "microvolt", "microvolts":
		return microvolt, 1
	case "mV", "mv", "millivolt":
		return microvolt, 1e3
	case "V", "v", "volt", "volts":
		return microvolt, 1e6
	case "nV", "nv", "nanovolt":
		return microvolt, 1e-3
	}
	return trimmed, 1
}
