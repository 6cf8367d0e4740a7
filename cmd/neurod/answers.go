package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/intent"
	"github.com/neurod/neurod/eeg"
)

// document is a recording's answer, or why there is none, as JSON.
func (d decoded) document(diagnostics bool) map[string]any {
	doc := map[string]any{}
	if d.err == nil {
		doc["output"] = d.output
	} else {
		doc["error"] = errorDocument(d.err)
	}
	if diagnostics && d.diagnostics != nil {
		doc["diagnostics"] = d.diagnostics
	}
	return doc
}

func errorDocument(err error) map[string]any {
	var fault *decoders.Error
	if errors.As(err, &fault) {
		return map[string]any{"code": fault.Code, "message": fault.Message, "details": fault.Details}
	}
	return map[string]any{"code": "unreadable", "message": err.Error()}
}

// documents are the answers for several recordings.
func documents(list []decoded, diagnostics bool) map[string]any {
	docs := make([]map[string]any, len(list))
	for i, d := range list {
		docs[i] = d.document(diagnostics)
		docs[i]["file"] = d.file
	}
	out := map[string]any{"recordings": docs, "decoded": len(list)}
	failed := 0
	for _, d := range list {
		if d.err != nil {
			failed++
		}
	}
	out["decoded"], out["failed"] = len(list)-failed, failed
	if s, ok := together(list); ok {
		out["labelled"], out["right"], out["accuracy"] = s.Labelled, s.Right, s.Accuracy
	}
	return out
}

// together adds up what the labels of several recordings tell.
func together(list []decoded) (sum eeg.TrialsSummary, ok bool) {
	for _, d := range list {
		if d.output == nil || d.output.TrialsSummary == nil {
			continue
		}
		s := d.output.TrialsSummary
		sum.Trials += s.Trials
		sum.Answered += s.Answered
		sum.Failed += s.Failed
		sum.LeftOut += s.LeftOut
		sum.Labelled += s.Labelled
		sum.Right += s.Right
	}
	if sum.Labelled == 0 {
		return sum, false
	}
	accuracy := float64(sum.Right) / float64(sum.Labelled)
	sum.Accuracy = &accuracy
	return sum, true
}

// clipText says what was decoded, such as "4.2-8.2 s, event T1, 2 of 30; trial 1 of 15". Where part is set a part of the file was asked for.
func clipText(c eeg.Clip, part bool) string {
	text := fmt.Sprintf("%s-%s s", seconds(c.StartS), seconds(c.EndS))
	if c.Event == nil {
		if part {
			text += ", the whole part that was asked for"
		} else {
			text += ", the whole recording"
		}
		if c.Events > 0 {
			text += "; it has " + decoders.Counted(c.Events, "event")
		}
		return text
	}
	return text + fmt.Sprintf(", event %s, %d of %d; trial %d of %d", eventText(c.Event), c.Event.Number, c.Events, c.Trial, c.Trials)
}

func eventText(e *eeg.ClipEvent) string {
	text := e.Label
	switch {
	case text == "":
		text = strconv.Itoa(e.Code)
	case e.Code != 0 && !strings.Contains(text, strconv.Itoa(e.Code)):
		text += " (" + strconv.Itoa(e.Code) + ")"
	}
	if e.Announced != "" {
		text += " after " + e.Announced
	}
	return text
}

func seconds(s float64) string { return strconv.FormatFloat(s, 'f', -1, 64) }

func writeAnswer(w io.Writer, out *eeg.Result, part bool) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "intent\t%s\n", out.DecodedIntent)
	fmt.Fprintf(t, "confidence\t%.2f\n", out.Confidence)
	fmt.Fprintf(t, "clip\t%s\n", clipText(out.Clip, part))
	fmt.Fprintf(t, "paradigm\t%s\n", out.ParadigmDetected)
	if out.Model != nil {
		fmt.Fprintf(t, "model\t%s@%s (%s)\n", out.Model.Name, out.Model.Version, out.Model.Pipeline)
	}
	if out.Undetermined != nil {
		for _, tried := range out.Undetermined.Tried {
			fmt.Fprintf(t, "not %s\t%s\n", tried.From, tried.Why)
		}
	}
	if a := out.Alignment; a.Clips > 0 {
		fmt.Fprintf(t, "alignment\t%s over %d clips\n", a.Kind, a.Clips)
	}
	for _, a := range out.Alternatives {
		fmt.Fprintf(t, "alternative\t%s %.2f\n", a.Intent, a.Confidence)
	}
	if out.PredictedText != "" {
		fmt.Fprintf(t, "text\t%s\n", out.PredictedText)
	}
	seizure := "not checked"
	if out.SeizureDetected != nil {
		seizure = strconv.FormatBool(*out.SeizureDetected)
	}
	fmt.Fprintf(t, "seizure\t%s\n", seizure)
	for _, f := range out.RedFlagDetails {
		fmt.Fprintf(t, "flag\t%s: %s\n", f.Code, f.Message)
	}
	for _, w := range out.Warnings {
		fmt.Fprintf(t, "file\t%s\n", w)
	}
	fmt.Fprintf(t, "\t%s\n", out.Disclaimer)
	return t.Flush()
}

// writeTrials prints every trial and what they come to; nothing where one answer was asked for.
func writeTrials(w io.Writer, out *eeg.Result) error {
	if out.TrialsSummary == nil {
		return nil
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "trial\ts\tevent\tlabel\tintent\tconfidence\t\tflags")
	for _, a := range out.Trials {
		fmt.Fprintln(t, trialRow(a))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return writeSummary(w, *out.TrialsSummary)
}

func trialRow(a eeg.TrialAnswer) string {
	event, label, verdict := "", "", ""
	if a.Clip.Event != nil {
		event = eventText(a.Clip.Event)
	}
	if a.Label != nil {
		label = *a.Label
	}
	if a.Right != nil {
		verdict = map[bool]string{true: "right", false: "wrong"}[*a.Right]
	}
	at := seconds(a.Clip.StartS) + "-" + seconds(a.Clip.EndS)
	if a.Error != nil {
		return fmt.Sprintf("%d\t%s\t%s\t%s\t\t\t\t%s: %s", a.Clip.Trial, at, event, label, a.Error.Code, a.Error.Message)
	}
	return fmt.Sprintf("%d\t%s\t%s\t%s\t%s\t%.2f\t%s\t%s", a.Clip.Trial, at, event, label, a.DecodedIntent, a.Confidence, verdict, strings.Join(a.RedFlags, " "))
}

// writeSummary prints what trials come to, with a confusion matrix where there are labels.
func writeSummary(w io.Writer, s eeg.TrialsSummary) error {
	fmt.Fprintf(w, "\n%d of %d trials answered", s.Answered, s.Trials)
	if s.Failed > 0 {
		fmt.Fprintf(w, ", %d could not be decoded", s.Failed)
	}
	if s.LeftOut > 0 {
		fmt.Fprintf(w, ", %d left out", s.LeftOut)
	}
	if s.Accuracy == nil {
		_, err := fmt.Fprintln(w, "; the recording does not show what was meant")
		return err
	}
	fmt.Fprintf(w, "; %d of %d right, accuracy %.3f", s.Right, s.Labelled, *s.Accuracy)
	if s.Chance != nil {
		fmt.Fprintf(w, " (chance %.3f)", *s.Chance)
	}
	fmt.Fprintln(w)
	if len(s.Classes) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nlabel \\ decoded\t%s\n", strings.Join(s.Classes, "\t"))
	for i, row := range s.Confusion {
		fmt.Fprint(t, s.Classes[i])
		for _, n := range row {
			fmt.Fprintf(t, "\t%d", n)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// writeTable prints a line for each recording, or for each of its trials.
func writeTable(w io.Writer, list []decoded) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	each := false
	for _, d := range list {
		each = each || d.output != nil && d.output.TrialsSummary != nil
	}
	if each {
		fmt.Fprintln(t, "file\ttrial\ts\tevent\tlabel\tintent\tconfidence\t\tflags")
	} else {
		fmt.Fprintln(t, "file\tintent\tconfidence\tclip\tmodel\tflags")
	}
	for _, d := range list {
		switch {
		case d.err != nil && each:
			fmt.Fprintf(t, "%s\t\t\t\t\t\t\t\tnot decoded: %s\n", d.file, codeOf(d.err))
		case d.err != nil:
			fmt.Fprintf(t, "%s\t\t\t\t\tnot decoded: %s\n", d.file, codeOf(d.err))
		case each && len(d.output.Trials) > 0:
			for _, a := range d.output.Trials {
				fmt.Fprintf(t, "%s\t%s\n", d.file, trialRow(a))
			}
		case each: // undetermined
			fmt.Fprintf(t, "%s\t\t\t\t\t%s\t%.2f\t\t%s\n", d.file, d.output.DecodedIntent, d.output.Confidence, strings.Join(d.output.RedFlags, " "))
		default:
			model := ""
			if d.output.Model != nil {
				model = d.output.Model.Name + "@" + d.output.Model.Version
			}
			fmt.Fprintf(t, "%s\t%s\t%.2f\t%s\t%s\t%s\n", d.file, d.output.DecodedIntent, d.output.Confidence, clipText(d.output.Clip, d.part), model, strings.Join(d.output.RedFlags, " "))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if each {
		sum, _ := together(list)
		if err := writeSummary(w, sum); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "\n%s\n", intent.Disclaimer)
	return err
}

// codeOf is the code of an error, or its first words.
func codeOf(err error) string {
	var fault *decoders.Error
	if errors.As(err, &fault) {
		return fault.Code
	}
	return "unreadable"
}

// writeRows prints a row for each clip as CSV (RFC 4180).
func writeRows(w io.Writer, list []decoded) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"file", "trial", "start_s", "end_s", "event", "code", "label", "decoded_intent", "decoded_class", "confidence", "right", "alternatives", "quality", "red_flags", "model", "error"}}
	for _, d := range list {
		if d.err != nil {
			rows = append(rows, []string{d.file, "", "", "", "", "", "", "", "", "", "", "", "", "", "", d.err.Error()})
			continue
		}
		out, model := d.output, ""
		if out.Model != nil {
			model = out.Model.Name + "@" + out.Model.Version
		}
		if out.TrialsSummary == nil {
			one := eeg.TrialAnswer{Clip: out.Clip, DecodedIntent: out.DecodedIntent, DecodedClass: out.DecodedClass, Confidence: out.Confidence, Alternatives: out.Alternatives, RedFlags: out.RedFlags}
			if out.Quality != nil {
				one.QualityOverall = &out.Quality.Overall
			}
			rows = append(rows, csvRow(d.file, one, model))
			continue
		}
		for _, a := range out.Trials {
			rows = append(rows, csvRow(d.file, a, model))
		}
	}
	return c.WriteAll(rows)
}

func csvRow(file string, a eeg.TrialAnswer, model string) []string {
	event, code, label, right, quality, fault := "", "", "", "", "", ""
	if e := a.Clip.Event; e != nil {
		event, code = e.Label, strconv.Itoa(e.Code)
	}
	if a.Label != nil {
		label = *a.Label
	}
	if a.Right != nil {
		right = strconv.FormatBool(*a.Right)
	}
	if a.QualityOverall != nil {
		quality = strconv.FormatFloat(*a.QualityOverall, 'f', -1, 64)
	}
	confidence := strconv.FormatFloat(a.Confidence, 'f', -1, 64)
	if a.Error != nil {
		fault, confidence = a.Error.Code+": "+a.Error.Message, ""
	}
	var others []string
	for _, r := range a.Alternatives {
		others = append(others, r.Intent+" "+strconv.FormatFloat(r.Confidence, 'f', -1, 64))
	}
	return []string{file, strconv.Itoa(a.Clip.Trial), seconds(a.Clip.StartS), seconds(a.Clip.EndS), event, code, label, a.DecodedIntent, a.DecodedClass, confidence, right,
		strings.Join(others, "; "), quality, strings.Join(a.RedFlags, " "), model, fault}
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
