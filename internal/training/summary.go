package training

import (
	"fmt"
	"io"
)

// WriteSummary writes a model's figures as a few lines of text.
func WriteSummary(w io.Writer, m *Model) {
	info := m.Decoder.Info()
	fmt.Fprintf(w, "%s@%s  %s, %d channels, %d subjects, %d trials\n", m.Name, m.Version, info.Pipeline, len(info.Channels), m.Card.Subjects, m.Card.Trials)
	for i, e := range m.Card.Evaluations {
		fmt.Fprintf(w, "  %-22s accuracy %s (chance %.3f)  kappa %s  AUC %s  ECE %.3f  Brier %s\n", e.Protocol,
			number(e.Accuracy), e.Chance, number(e.Kappa), number(e.AUC), m.Card.Calibration[i].ECE, number(m.Card.Calibration[i].Brier))
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
