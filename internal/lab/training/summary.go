package training

import (
	"fmt"
	"io"
)

// WriteSummary writes a model's figures as a few lines of text.
func WriteSummary(w io.Writer, m *Model) {
	info := m.Decoder.Info()
	fmt.Fprintf(w, "%s@%s  %s, %d channels, %d subjects, %d trials\n", m.Name, m.Version, info.Pipeline, len(info.Channels), m.Card.Subjects, m.Card.Trials)
	for _, e := range m.Card.Evaluations {
		fmt.Fprintf(w, "  %s: accuracy %s (chance %.3f)  kappa %s  AUC %s\n", e.Protocol, number(e.Accuracy), e.Chance, number(e.Kappa), number(e.AUC))
	}
	for _, c := range m.Card.Calibration {
		fmt.Fprintf(w, "  %s: ECE %.3f  Brier %s  (%s)\n", c.Protocol, c.ECE, number(c.Brier), c.Method)
	}
	for _, l := range m.Card.Limits {
		fmt.Fprintf(w, "  %s\n", l)
	}
}

func number(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", *v)
}
