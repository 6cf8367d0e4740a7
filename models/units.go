package models

import "strings"

// units are the units of voltage that samples may come in, the µV of one beside each. Package decoders/recording has the same for
// what it decodes; a test of the worker holds both equal.
var units = []struct {
	name string
	uv   float64
}{{"V", 1e6}, {"mV", 1e3}, {"uV", 1}, {"µV", 1}, {"nV", 1e-3}}

// UnitNames returns the names of the units that samples may come in.
func UnitNames() []string {
	names := make([]string, len(units))
	for i, u := range units {
		names[i] = u.name
	}
	return names
}

// Microvolts returns the µV of one unit, and whether the unit is known; "" is µV. Either of the two micro signs will do.
func Microvolts(unit string) (float64, bool) {
	if unit == "" {
		return 1, true
	}
	for _, u := range units {
		if u.name == strings.ReplaceAll(unit, "μ", "µ") {
			return u.uv, true
		}
	}
	return 0, false
}
