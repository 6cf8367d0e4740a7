package results

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/neurod/neurod/internal/lab/evaluation"
)

// page is the README of the folder.
func (r Results) page() []byte {
	b := new(bytes.Buffer)
	fmt.Fprintf(b, `# What the decoders reach

`+"`make results` measures this and writes the page, the pictures and `results.json`; nothing here is written by hand."+`
Seed %d; %d files of recordings, %.0f MB, digest %s; %s on %s, %s. A run on the same recordings gives the same figures, to the
%dth decimal, on such a processor; the time of a decode is measured by `+"`make bench`"+` instead.

`, r.Seed, r.Data.Files, float64(r.Data.Bytes)/1e6, r.Data.Digest, r.Made.Go, r.Made.Processor, libraries(r.Made.Libraries), digits)
	r.musts(b)
	r.imagery(b)
	r.flashes(b)
	r.flicker(b)
	r.codes(b)
	r.lost(b)
	r.ictal(b)
	r.artifacts(b)
	r.fitness(b)
	r.calibration(b)
	r.comparisons(b)
	r.files(b)
	return b.Bytes()
}

func libraries(versions map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		out = append(out, name+" "+versions[name])
	}
	return strings.Join(out, ", ")
}

// table writes a Markdown table; the first row is its header.
func table(b *bytes.Buffer, rows [][]string) {
	if len(rows) < 2 {
		return
	}
	for i, cells := range rows {
		for j, c := range cells {
			cells[j] = strings.ReplaceAll(c, "|", "\\|")
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintf(b, "|%s\n", strings.Repeat(" --- |", len(cells)))
		}
	}
	b.WriteString("\n")
}

// section writes a heading once there is something to say below it.
func section(b *bytes.Buffer, title string, write func(*bytes.Buffer)) {
	inner := new(bytes.Buffer)
	write(inner)
	if inner.Len() > 0 {
		fmt.Fprintf(b, "## %s\n\n%s", title, inner)
	}
}

func (r Results) picture(b *bytes.Buffer, name, alt string) {
	if _, ok := r.pictures()[name]; ok {
		fmt.Fprintf(b, "![%s](%s)\n\n", alt, name)
	}
}

func figure(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) >= 2 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

// must is the rows of one demand: the same measurement of everybody.
type must struct {
	dataset, task, pipeline, protocol string
	rows                              []evaluation.Row
}

// musts lists what must be reached: a line for each measurement, over all the people for whom there is a reference.
func (r Results) musts(b *bytes.Buffer) {
	var list []*must
	for _, w := range r.Rows {
		if w.Reference == nil {
			continue
		}
		at := slices.IndexFunc(list, func(m *must) bool {
			return m.dataset == w.Dataset && m.task == w.Task && m.pipeline == w.Pipeline && m.protocol == w.Protocol && m.rows[0].Reference.Metric == w.Reference.Metric
		})
		if at < 0 {
			at = len(list)
			list = append(list, &must{dataset: w.Dataset, task: w.Task, pipeline: w.Pipeline, protocol: w.Protocol})
		}
		list[at].rows = append(list[at].rows, w)
	}
	section(b, "What must be reached", func(b *bytes.Buffer) {
		if len(list) == 0 {
			return
		}
		rows := [][]string{{"recordings", "task", "pipeline", "protocol", "figure", "measured", "reference", "must", "", "reference is"}}
		passed, all := 0, 0
		for _, m := range list {
			measured, reference, must, pass := 0.0, 0.0, 0.0, 0
			for _, w := range m.rows {
				n := float64(len(m.rows))
				measured += w.Metrics[w.Reference.Metric] / n
				reference += w.Reference.Value / n
				must += w.Reference.Must / n
				if w.Reference.Pass {
					pass++
				}
			}
			passed, all = passed+pass, all+len(m.rows)
			first := m.rows[0]
			bound := "≥ "
			if first.Reference.AtMost {
				bound = "≤ "
			}
			mark := "ok"
			switch {
			case pass == len(m.rows) && pass > 1:
				mark = fmt.Sprintf("ok, each of %d", pass)
			case pass < len(m.rows):
				mark = fmt.Sprintf("**BELOW for %d of %d**", len(m.rows)-pass, len(m.rows))
			}
			who := m.dataset
			if len(m.rows) == 1 && !strings.HasPrefix(first.Subject, "all") {
				who += " " + first.Subject
			}
			rows = append(rows, []string{who, m.task, m.pipeline, m.protocol, first.Reference.Metric, figure(measured), figure(reference), bound + figure(must), mark, first.Reference.Source})
		}
		fmt.Fprintf(b, "%d of %d demands are met. A line over several people shows means; each person is held to a bound of their own.\n\n", passed, all)
		table(b, rows)
	})
}

// means writes a table of the mean rows below a prefix: a line for each task and protocol, a column for each pipeline.
func (r Results) means(b *bytes.Buffer, metric string, keep func(evaluation.Row) bool) {
	type line struct{ dataset, task, protocol string }
	var lines []line
	cells := map[line]map[string]string{}
	var pipelines []string
	for _, w := range r.Rows {
		v, ok := w.Metrics[metric]
		if !ok || !keep(w) {
			continue
		}
		l := line{w.Dataset, w.Task, w.Protocol}
		if cells[l] == nil {
			cells[l] = map[string]string{}
			lines = append(lines, l)
		}
		if !slices.Contains(pipelines, w.Pipeline) {
			pipelines = append(pipelines, w.Pipeline)
		}
		cells[l][w.Pipeline] = figure(v)
		if ci := w.AccuracyCI; ci != nil && metric == "accuracy" {
			cells[l][w.Pipeline] += fmt.Sprintf(" (%.2f-%.2f)", ci.Low, ci.High)
		}
	}
	rows := [][]string{append([]string{"recordings", "task", "protocol"}, pipelines...)}
	for _, l := range lines {
		row := []string{l.dataset, l.task, l.protocol}
		for _, p := range pipelines {
			row = append(row, cells[l][p])
		}
		rows = append(rows, row)
	}
	table(b, rows)
}

// people writes a table of one protocol: a line for each person, a column for each pipeline.
func (r Results) people(b *bytes.Buffer, metric, prefix, task, protocol string) {
	var subjects, pipelines []string
	cells := map[[2]string]string{}
	for _, w := range r.Rows {
		v, ok := w.Metrics[metric]
		if !ok || !strings.HasPrefix(w.Dataset, prefix) || w.Task != task || w.Protocol != protocol {
			continue
		}
		if !slices.Contains(subjects, w.Subject) {
			subjects = append(subjects, w.Subject)
		}
		if !slices.Contains(pipelines, w.Pipeline) {
			pipelines = append(pipelines, w.Pipeline)
		}
		cells[[2]string{w.Subject, w.Pipeline}] = figure(v)
	}
	rows := [][]string{append([]string{task + ", " + protocol}, pipelines...)}
	for _, s := range subjects {
		row := []string{s}
		for _, p := range pipelines {
			row = append(row, cells[[2]string{s, p}])
		}
		rows = append(rows, row)
	}
	table(b, rows)
}

func (r Results) imagery(b *bytes.Buffer) {
	const task = "left/right imagery"
	section(b, "Motor imagery", func(b *bytes.Buffer) {
		r.picture(b, "imagery-people.svg", "Accuracy of every person in left/right imagery, with intervals, beside the reference library's")
		several := names(r.Rows, func(w evaluation.Row) (string, bool) { return w.Dataset, w.Task == task && w.Subject == meanSubject })
		above, people := 0, 0
		var who []string
		for _, w := range r.Rows {
			if slices.Contains(several, w.Dataset) && w.Task == task && w.Protocol == "5-fold" && w.Pipeline == "ts_lr" && w.Subject != meanSubject && w.AccuracyCI != nil {
				people++
				if w.AccuracyCI.Low > .5 {
					above++
					who = append(who, w.Subject)
				}
			}
		}
		if people > 0 {
			fmt.Fprintf(b, "Of %d people, the interval of `ts_lr` lies above chance for %d (%s); the trials of the others do not tell it from guessing. "+
				"Random folds leak the drift within a run; the rows that leave out a whole run, or a whole person, do not.\n\n", people, above, strings.Join(who, ", "))
		}
		prefix := func(w evaluation.Row) bool {
			return strings.HasPrefix(w.Dataset, "motor_imagery/") && w.Subject == meanSubject
		}
		adapted := func(w evaluation.Row) bool { return strings.HasSuffix(w.Protocol, "adapted") }
		if slices.ContainsFunc(r.Rows, prefix) {
			b.WriteString("Mean accuracy over people, with the 95 % interval of a bootstrap over them:\n\n")
		}
		r.means(b, "accuracy", func(w evaluation.Row) bool { return prefix(w) && !adapted(w) })
		r.picture(b, "calibration-size.svg", "Accuracy with few training trials")
		rows := [][]string{{"recordings", "task", "pipeline, one person left out", "accuracy", "95 %"}}
		for _, w := range r.Rows {
			if prefix(w) && adapted(w) && w.AccuracyCI != nil {
				rows = append(rows, []string{w.Dataset, w.Task, w.Pipeline, figure(w.Metrics["accuracy"]), fmt.Sprintf("%.2f-%.2f", w.AccuracyCI.Low, w.AccuracyCI.High)})
			}
		}
		if len(rows) > 1 {
			b.WriteString("Moved to where a stranger's clips lie, without labels:\n\n")
			table(b, rows)
		}
		for _, protocol := range []string{"5-fold", "leave one run out", "leave one subject out"} {
			r.people(b, "accuracy", "motor_imagery/", task, protocol)
		}
	})
}

func (r Results) flashes(b *bytes.Buffer) {
	section(b, "P300", func(b *bytes.Buffer) {
		single := func(w evaluation.Row) bool {
			return strings.HasPrefix(w.Dataset, "p300/") && w.Task == "target/other flash"
		}
		if slices.ContainsFunc(r.Rows, single) {
			b.WriteString("Area under the ROC curve of single flashes:\n\n")
		}
		rows := [][]string{{"recordings", "subject", "pipeline", "protocol", "AUC", "flashes", "ECE", "ECE if calibrated"}}
		for _, w := range r.Rows {
			if single(w) && (w.Protocol == "5-fold" || w.Protocol == "leave one subject out") {
				rows = append(rows, []string{w.Dataset, w.Subject, w.Pipeline, w.Protocol, figure(w.Metrics["auc"]), fmt.Sprint(w.N), known(w, "ece"), known(w, "ece_expected")})
			}
		}
		table(b, rows)
		r.picture(b, "letters.svg", "Letters right for each number of repetitions, without and with the language model")
		rows = [][]string{{"recordings", "run", "task", "pipeline", "AUC", "letters right", "of", "right, all repetitions", "mean confidence", "right of those above 0.9"}}
		for _, w := range r.Rows {
			if len(w.Curve) > 0 {
				rows = append(rows, []string{w.Dataset, w.Subject, w.Task, w.Pipeline, known(w, "auc"), strings.Trim(fmt.Sprint(w.Curve), "[]"), fmt.Sprint(w.N),
					known(w, "right_all"), known(w, "confidence"), surest(w)})
			}
		}
		table(b, rows)
	})
}

// surest says how many of the answers with more than 0.9 are right.
func surest(w evaluation.Row) string {
	if n, ok := w.Metrics["above_90"]; ok {
		return fmt.Sprintf("%.0f of %.0f", w.Metrics["right_above_90"], n)
	}
	return ""
}

// known is a figure, or nothing where it was not measured.
func known(w evaluation.Row, metric string) string {
	if v, ok := w.Metrics[metric]; ok {
		return figure(v)
	}
	return ""
}

func (r Results) flicker(b *bytes.Buffer) {
	section(b, "SSVEP", func(b *bytes.Buffer) {
		of := func(w evaluation.Row) bool { return strings.HasPrefix(w.Dataset, "ssvep/") }
		rows := [][]string{{"recordings", "subject", "task", "pipeline", "right", "of", "accuracy", "95 %", "bit/min"}}
		for _, w := range r.Rows {
			if of(w) && w.Protocol == "training-free" && w.AccuracyCI != nil {
				rows = append(rows, []string{w.Dataset, w.Subject, w.Task, w.Pipeline, fmt.Sprintf("%.0f", w.Metrics["accuracy"]*float64(w.N)), fmt.Sprint(w.N),
					figure(w.Metrics["accuracy"]), fmt.Sprintf("%.2f-%.2f", w.AccuracyCI.Low, w.AccuracyCI.High), known(w, "itr_bits_min")})
			}
		}
		table(b, rows)
		r.picture(b, "ssvep-windows.svg", "SSVEP accuracy over window lengths")
		r.means(b, "accuracy", func(w evaluation.Row) bool { return of(w) && w.Protocol == "leave one block out" })
		r.picture(b, "no-target-roc.svg", "ROC of the verdict no target")
		rows = [][]string{{"recordings", "window", "pipeline", "AUC", "rest accepted", "targets accepted", "trials of rest"}}
		for _, w := range r.Rows {
			if of(w) && w.Subject == "all (pooled)" {
				rows = append(rows, []string{w.Dataset, w.Task, w.Pipeline, figure(w.Metrics["auc"]), figure(w.Metrics["false_accept"]), figure(w.Metrics["accepted"]), fmt.Sprint(w.N)})
			}
		}
		if len(rows) > 1 {
			b.WriteString("Rest against a target, at the threshold that ships, over everybody. Few trials of rest are there, so that a share of them is known to a tenth at best.\n\n")
			table(b, rows)
		}
	})
}

// codes are the rows of c-VEP.
func (r Results) codes(b *bytes.Buffer) {
	section(b, "c-VEP", func(b *bytes.Buffer) {
		rows := [][]string{{"recordings", "subject", "task", "pipeline", "of", "accuracy", "95 %", "PyntBCI", "seconds", "bit/min", "note"}}
		for _, w := range r.Rows {
			if !strings.HasPrefix(w.Dataset, "cvep/") {
				continue
			}
			interval, reference := "", ""
			if w.AccuracyCI != nil {
				interval = fmt.Sprintf("%.2f-%.2f", w.AccuracyCI.Low, w.AccuracyCI.High)
			}
			if w.Reference != nil {
				reference = figure(w.Reference.Value)
			}
			rows = append(rows, []string{w.Dataset, w.Subject, w.Task, w.Pipeline, fmt.Sprint(w.N), figure(w.Metrics["accuracy"]), interval, reference, known(w, "itr_t_s"), known(w, "itr_bits_min"), w.Note})
		}
		table(b, rows)
	})
}

// lost is the sweep of lost channels.
func (r Results) lost(b *bytes.Buffer) {
	section(b, "Lost channels", func(b *bytes.Buffer) {
		rows := [][]string{{"recordings", "task", "pipeline", "channel", "trials", "answered", "accuracy of these", "95 %", "mean confidence"}}
		for _, w := range r.Rows {
			if !strings.HasSuffix(w.Task, evaluation.LossTask) {
				continue
			}
			interval := ""
			if w.AccuracyCI != nil {
				interval = fmt.Sprintf("%.2f-%.2f", w.AccuracyCI.Low, w.AccuracyCI.High)
			}
			rows = append(rows, []string{w.Dataset, strings.TrimSuffix(w.Task, evaluation.LossTask), w.Pipeline, w.Protocol, fmt.Sprint(w.N), known(w, "coverage"), known(w, "accuracy"),
				interval, known(w, "confidence")})
		}
		if len(rows) > 1 {
			b.WriteString("Each trial loses one of its channels in turn. The decoder alone reads it as any other; in front of the service's decodes what it may have held stands in for it, and where that leaves the answer open there is none. The mean confidence is over all trials, one without an answer at the chance that it gives each class.\n\n")
			table(b, rows)
		}
	})
}

func (r Results) ictal(b *bytes.Buffer) {
	section(b, "Seizure check", func(b *bytes.Buffer) {
		rows := [][]string{{"recordings", "task", "pipeline", "protocol", "n", "accuracy", "AUC", "sensitivity", "false accept", "false alarms", "note"}}
		for _, w := range r.Rows {
			if strings.HasPrefix(w.Dataset, "seizure/") && (w.Pipeline == "seizure rules" || w.Pipeline == "seizure detector" || w.Pipeline == "ictal_score" || w.Pipeline == evaluation.ServedCheck) {
				rows = append(rows, []string{w.Dataset + " " + w.Subject, w.Task, w.Pipeline, w.Protocol, fmt.Sprint(w.N), known(w, "accuracy"), known(w, "auc"), known(w, "sensitivity"), known(w, "false_accept"), known(w, "false_alarms"), w.Note})
			}
		}
		if len(rows) == 1 {
			return
		}
		r.picture(b, "seizure.svg", "ROC of the seizure score, and operating points of the detector")
		b.WriteString("Set S of Bonn is the only one that was recorded inside the skull during seizures, so amplitude alone separates much of it: the line without amplitude is the honest one. One marked seizure in one recording says that the detector works at all, and nothing of how often.\n\n")
		table(b, rows)
		rows = [][]string{{"threshold", "seizures found", "of", "false alarms", "hours", "false alarms a day", "limits, 95 % each"}}
		for _, w := range r.Rows {
			if w.Dataset == evaluation.EverybodysScalp && w.Pipeline == evaluation.ServedCheck {
				rows = append(rows, []string{strings.TrimPrefix(w.Task, "threshold "), fmt.Sprintf("%.0f", w.Metrics["sensitivity"]*float64(w.N)), fmt.Sprint(w.N), fmt.Sprintf("%.0f", w.Metrics["false_alarms"]),
					fmt.Sprintf("%.2f", w.Metrics["hours"]), fmt.Sprintf("%.1f", w.Metrics["false_alarms_day"]), fmt.Sprintf("%.1f to %.1f", w.Metrics["false_alarms_day_low"], w.Metrics["false_alarms_day_high"])})
			}
		}
		if len(rows) > 1 {
			fmt.Fprintf(b, "Operating points of `%s` in all recordings from the scalp (%s; alarms less than 90 s apart are one): few hours, almost all of healthy people, and what was not seen in so few hours may still come a few times a day.\n\n", evaluation.ServedCheck, evaluation.OperatingProtocol)
			table(b, rows)
		}
	})
}

func (r Results) artifacts(b *bytes.Buffer) {
	section(b, "Artifacts and the gate", func(b *bytes.Buffer) {
		rows := [][]string{{"recordings", "subject", "what", "figure", "n"}}
		for _, w := range r.Rows {
			for _, m := range []string{"auc", "ratio", "gate_failed", "false_accept", "blink"} {
				v, ok := w.Metrics[m]
				what := w.Pipeline == "features" || w.Pipeline == "seizure rules" && w.Protocol == "30-s clips"
				// Of a person's own rows only alpha is listed: the others are in results.json.
				if !ok || !what || strings.HasPrefix(w.Dataset, "motor_imagery/") && w.Subject != "all" && m != "ratio" {
					continue
				}
				rows = append(rows, []string{w.Dataset, w.Subject, w.Task + ": " + m, figure(v), fmt.Sprint(w.N)})
			}
		}
		table(b, rows)
	})
}

// fitness lists what gets no answer, and what a wrong gain makes of answers.
func (r Results) fitness(b *bytes.Buffer) {
	section(b, "What is fit to be decoded", func(b *bytes.Buffer) {
		rows := [][]string{{"recordings", "what", "asked", "n", "figure", "note"}}
		for _, w := range r.Rows {
			for _, m := range []string{"no_answer", "unfit_answers", "false_accept"} {
				if v, ok := w.Metrics[m]; ok && (m != "false_accept" || w.Pipeline == evaluation.ServedCheck) {
					rows = append(rows, []string{w.Dataset, w.Task, w.Pipeline + ", " + w.Protocol, fmt.Sprint(w.N), figure(v), w.Note})
				}
			}
		}
		if len(rows) == 1 {
			return
		}
		b.WriteString("Through the whole path of a decode, with the models that ship. No answer is given at failed quality and in a wrong unit: how often that meets clips of real " +
			"recordings is what the gate costs. Of clips at every gain from 1e-4 to 1e4 no answer may stand where quality or unit failed, and none may contradict itself.\n\n")
		table(b, rows)
	})
}

func (r Results) calibration(b *bytes.Buffer) {
	section(b, "Calibration of the probabilities", func(b *bytes.Buffer) {
		rows := [][]string{{"recordings", "task", "pipeline", "protocol", "ECE, everybody together", "if calibrated", "ECE, mean of people", "if calibrated"}}
		for _, w := range r.Rows {
			if _, ok := w.Metrics["ece_pooled"]; ok {
				rows = append(rows, []string{w.Dataset, w.Task, w.Pipeline, w.Protocol, known(w, "ece_pooled"), known(w, "ece_pooled_expected"), known(w, "ece"), known(w, "ece_expected")})
			}
		}
		if len(rows) == 1 {
			return
		}
		b.WriteString("The expected calibration error has ten bins. \"If calibrated\" is what a decoder whose probabilities are exactly right would show on as many answers of the same confidence: the noise of the bins alone. " +
			"One person's few dozen trials show little else; over everybody together it is small enough to see an error.\n\n")
		r.picture(b, "reliability.svg", "Reliability diagrams")
		r.picture(b, "coverage.svg", "Accuracy of the surest answers")
		table(b, rows)
	})
}

// shown is the p, after Holm's correction, up to which a comparison is listed on the page.
const shown = .05

func (r Results) comparisons(b *bytes.Buffer) {
	section(b, "Pipelines against each other", func(b *bytes.Buffer) {
		if len(r.Comparisons) == 0 {
			return
		}
		rows := [][]string{{"recordings", "task", "protocol", "a", "b", "test", "n", "accuracy a - b", "p", "p (Holm)"}}
		for _, c := range r.Comparisons {
			if c.Corrected <= shown {
				rows = append(rows, []string{c.Dataset, c.Task, c.Protocol, c.A, c.B, c.Test, fmt.Sprint(c.N), fmt.Sprintf("%+.3f", c.Difference), fmt.Sprintf("%.4f", c.P), fmt.Sprintf("%.4f", c.Corrected)})
			}
		}
		fmt.Fprintf(b, "%d pairs answered the same trials; %d differ with p ≤ %v after Holm's correction. All are in `results.json`.\n\n", len(r.Comparisons), len(rows)-1, shown)
		table(b, rows)
	})
}

func (r Results) files(b *bytes.Buffer) {
	section(b, "Files", func(b *bytes.Buffer) {
		rows := [][]string{{"folder", "files", "read", "refused with a reason"}}
		for _, w := range r.Rows {
			if w.Pipeline == "recording" {
				rows = append(rows, []string{w.Dataset, fmt.Sprint(w.N), figure(w.Metrics["read"]), figure(w.Metrics["refused"])})
			}
		}
		table(b, rows)
		if len(r.Problems) > 0 {
			b.WriteString("Not used:\n\n")
			for _, p := range r.Problems {
				fmt.Fprintf(b, "- `%s`: %s\n", p.File, p.Reason)
			}
		}
	})
}
