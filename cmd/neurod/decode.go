package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/internal/recordings"
)

type decodeCmd struct {
	File   string `arg:"" type:"existingfile" help:"Recording in any format neurod reads, or a ZIP archive of them."`
	Member string `help:"Recording inside the archive. Its first by default."`

	Paradigm string   `default:"auto" help:"motor_imagery, p300, ssvep, seizure or auto."`
	Model    string   `help:"Catalog model, name or name@version. The best that fits by default."`
	Models   string   `env:"NEUROD_MODELS_DIR" help:"Folder of catalog models beside those in the program."`
	Device   string   `help:"Headset, such as 'OpenBCI Cyton': names the channels of files that do not."`
	Channels []string `help:"Channels to use. All EEG channels by default."`
	Unit     string   `placeholder:"UNIT" help:"Unit of a file that states none: V, mV, uV or nV. uV by default."`
	Rate     float64  `help:"Sampling rate of a file that does not tell its own, in Hz."`
	Start    float64  `help:"Where to start in the file, in s."`
	Seconds  float64  `help:"How much to decode, in s. To the end by default."`

	Event   []string `placeholder:"ONSET:CODE" help:"Events instead of the file's, seconds counted from --start."`
	NoEvent bool     `help:"Leave the file's events out."`
	Target  []string `placeholder:"HZ[:LABEL]" help:"SSVEP targets."`
	Matrix  string   `help:"P300 matrix, rows separated by spaces, such as 'ABCDEF GHIJKL'."`
	Locale  string   `help:"Language of the predicted text, such as en."`
	UIMode  string   `name:"ui-mode" help:"wheelchair_nav, cursor, speller or smart_home."`
	History []string `help:"Earlier intents or letters, oldest first."`

	JSON        bool `name:"json" help:"Print the output as JSON."`
	Diagnostics bool `help:"Also print routing, evidence and milliseconds per step."`
}

// Run decodes the file and prints the answer.
func (c decodeCmd) Run(ctx context.Context) error {
	rec, err := c.open()
	if err != nil {
		return err
	}
	req, err := c.request()
	if err != nil {
		return err
	}
	cat, err := openCatalog(c.Models)
	if err != nil {
		return err
	}
	var steps []decode.Step
	last := time.Now()
	out, diagnostics, err := decode.RunRecording(ctx, req, rec, cat, decode.Options{Trace: func(step string) {
		now := time.Now()
		steps = append(steps, decode.Step{Name: step, MS: float64(now.Sub(last).Microseconds()) / 1000})
		last = now
	}})
	diagnostics.Steps = steps
	if err != nil {
		var fault *decoders.Error
		if errors.As(err, &fault) && c.JSON {
			return errors.Join(writeJSON(os.Stdout, map[string]any{
				"error": map[string]any{"code": fault.Code, "message": fault.Message, "details": fault.Details}, "diagnostics": diagnostics,
			}), err)
		}
		return err
	}
	if c.JSON {
		doc := map[string]any{"output": out}
		if c.Diagnostics {
			doc["diagnostics"] = diagnostics
		}
		return writeJSON(os.Stdout, doc)
	}
	if err := writeAnswer(os.Stdout, out); err != nil {
		return err
	}
	if c.Diagnostics {
		return writeJSON(os.Stdout, diagnostics)
	}
	return nil
}

// open reads the part of the file that is asked for.
func (c decodeCmd) open() (*recording.Recording, error) {
	var first string
	runs, problems := recordings.Open(c.File, func(base string) bool {
		if c.Member != "" {
			return base == path.Base(c.Member)
		}
		if first == "" {
			first = base
		}
		return base == first
	})
	if len(problems) > 0 {
		return nil, problems[0].Err
	}
	if len(runs) == 0 {
		return nil, fmt.Errorf("%s has no recording %q", c.File, c.Member)
	}
	rec := runs[0].Recording
	if c.Rate > 0 {
		rec.SetRate(c.Rate)
	}
	if c.Device != "" {
		nameChannels(rec, c.Device)
	}
	if c.NoEvent {
		rec.Events, rec.Targets = nil, nil
	}
	if c.Start == 0 && c.Seconds == 0 {
		return rec, nil
	}
	return recordings.Crop(rec, c.Start, c.Seconds)
}

// nameChannels gives the EEG channels the positions of a device's usual montage where the file names none of them.
func nameChannels(rec *recording.Recording, device string) {
	var unnamed []*recording.Channel
	for i := range rec.Channels {
		ch := &rec.Channels[i]
		if recording.IsElectrode(ch.Name) {
			return
		}
		if ch.Kind == recording.EEG {
			unnamed = append(unnamed, ch)
		}
	}
	names, _ := recording.MontageFor(device, len(unnamed))
	for i, name := range names {
		unnamed[i].Name, unnamed[i].Label = name, name
	}
}

// request puts the flags into a decode request.
func (c decodeCmd) request() (*decode.Request, error) {
	req := &decode.Request{
		Input:   decode.Input{Type: "eeg", Paradigm: c.Paradigm, Model: c.Model, Device: c.Device, Unit: c.Unit},
		Context: &decode.Context{Locale: c.Locale, UIMode: c.UIMode, SessionHistory: c.History},
	}
	if len(c.Channels) > 0 {
		req.Input.Channels = &decode.Channels{Count: len(c.Channels), Names: c.Channels}
	}
	for _, e := range c.Event {
		onset, code, ok := strings.Cut(e, ":")
		s, err := strconv.ParseFloat(onset, 64)
		if err != nil {
			return nil, fmt.Errorf("event %q: the onset is no number of seconds", e)
		}
		event := decode.Event{OnsetS: s, Code: 1}
		if ok {
			if event.Code, err = strconv.Atoi(code); err != nil {
				return nil, fmt.Errorf("event %q: the code is no whole number", e)
			}
		}
		req.Input.Events = append(req.Input.Events, event)
	}
	if len(c.Target) == 0 && c.Matrix == "" {
		return req, nil
	}
	req.Input.Stimulus = &decode.Stimulus{}
	for _, t := range c.Target {
		hz, label, _ := strings.Cut(t, ":")
		f, err := strconv.ParseFloat(hz, 64)
		if err != nil {
			return nil, fmt.Errorf("target %q: the frequency is no number", t)
		}
		req.Input.Stimulus.Targets = append(req.Input.Stimulus.Targets, decode.Target{Label: label, Frequency: f})
	}
	for _, row := range strings.Fields(c.Matrix) {
		req.Input.Stimulus.Matrix = append(req.Input.Stimulus.Matrix, strings.Split(row, ""))
	}
	return req, nil
}

// openCatalog returns the built-in models and those of a folder.
func openCatalog(dir string) (*catalog.Catalog, error) {
	cat, err := catalog.Default()
	if err != nil || dir == "" {
		return cat, err
	}
	if _, err := cat.AddFS(os.DirFS(dir), catalog.Directory); err != nil {
		return nil, err
	}
	return cat, nil
}

func writeAnswer(w io.Writer, out *decode.Output) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "intent\t%s\n", out.DecodedIntent)
	fmt.Fprintf(t, "confidence\t%.2f\n", out.Confidence)
	fmt.Fprintf(t, "paradigm\t%s\n", out.ParadigmDetected)
	if m := out.Model; m != nil {
		fmt.Fprintf(t, "model\t%s@%s (%s)\n", m.Name, m.Version, m.Pipeline)
	}
	if u := out.Undetermined; u != nil {
		for _, tried := range u.Tried {
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
	fmt.Fprintf(t, "\t%s\n", out.Disclaimer)
	return t.Flush()
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
