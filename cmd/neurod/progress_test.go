package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestBarIsDrawnOnTerminalsAlone(t *testing.T) {
	t.Parallel()
	for _, terminal := range []bool{true, false} {
		var out bytes.Buffer
		b := drawBar("decoding", &out, terminal)
		b.say("S001R04.edf")
		b.say(strings.Repeat("long", 100))
		for i := range 4 {
			b.step(i+1, 4)
		}
		b.step(9, 4)
		b.done()
		if drawn := strings.Contains(out.String(), "S001R04.edf"); drawn != terminal || !terminal && out.Len() > 0 {
			t.Errorf("terminal %t: %q", terminal, out.String())
		}
	}
}
