package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/catalog"
	"github.com/neurod/neurod/decoders/decode"
	"github.com/neurod/neurod/decoders/recording"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/lab/datasets"
	"github.com/neurod/neurod/internal/nearest"
)

type decodeCmd struct {
	Paths  []string `arg:"" name:"file|dir" help:"Recordings in any format neurod reads, ZIP archives of them, or folders."`
	Member string   `help:"Recording inside the archives. All by default."`

	Paradigm string   `default:"auto" help:"motor_imagery, p300, ssvep, cvep, seizure or auto."`
	Model    string   `help:"Catalog model, name or name@version. The best that fits by default."`
	Models   string   `env:"NEUROD_MODELS_DIR" help:"Folder of catalog models beside those in the program."`
	Device   string   `help:"Headset, such as 'OpenBCI Cyton': names the channels of files that do not."`
	Channels []string `help:"Channels to use. All EEG channels by default."`
	Unit     string   `placeholder:"UNIT" help:"Unit of a file that states none: V, mV, uV or nV. uV by default."`
	Rate     float64  `help:"Sampling rate in Hz of a file that does not state one."`
	Start    float64  `help:"Where to start in the file, in s."`
	Seconds  float64  `help:"How much to decode, in s. To the end by default."`

	Rename    map[string]string `mapsep:"," placeholder:"NAME=ELECTRODE" help:"Channels by other names, from the file's to the model's, such as Amp1=C3,Amp2=C4."`
	AllEvents bool              `help:"Decode every trial, not only the first."`
	Classes   map[string]string `placeholder:"EVENT=CLASS" mapsep:"," help:"What events (labels or codes) stand for, such as 7=left_hand,8=right_hand. What the model was trained on by default."`
	Event     []string          `placeholder:"ONSET[:CODE]" help:"Events instead of the file's, seconds counted from --start."`
	NoEvent   bool              `help:"Leave the file's events out."`
	Target    []string          `placeholder:"HZ[:LABEL]" help:"SSVEP targets."`
	Accept    float64           `name:"false-accept" placeholder:"SHARE" help:"Share of recordings without an SSVEP target that may be answered with one, 0.001 to 1. 0.05 by default; 1 always names a target."`
	Alarms    *float64          `name:"false-alarms-per-day" xor:"line" placeholder:"N" help:"False alarms a day that the seizure check may have at most; with --paradigm seizure."`
	Threshold *float64          `xor:"line" placeholder:"SCORE" help:"Score from which on the seizure check calls a clip ictal-like, 0.01 to 0.99. 0.5 by default."`
	Codes     string            `placeholder:"JSON" help:"Code book of a c-VEP screen, as in a request. The model's own by default."`
	Matrix    string            `help:"P300 matrix, rows separated by spaces, such as 'ABCDEF GHIJKL'."`
	Locale    string            `help:"Language of the predicted text, such as en."`
	UIMode    string            `name:"ui-mode" help:"wheelchair_nav, cursor, speller or smart_home."`
	History   []string          `help:"Earlier intents or letters, oldest first."`

	Format      string `enum:"table,json,csv" default:"table" help:"table, json or csv; csv has a row for each clip."`
	JSON        bool   `name:"json" help:"The same as --format json."`
	CSV         bool   `name:"csv" help:"The same as --format csv."`
	Diagnostics bool   `help:"Also print routing, evidence and milliseconds per step."`
}

// decoded is what became of one recording.
type decoded struct {
	file        string // as given, with the archive member's name behind it
	output      *eeg.Result
	diagnostics *eeg.Diagnostics
	err         error
	part        bool // not all of the file was to be decoded
}

// Run decodes the recordings and prints the answers. One that cannot be decoded does not end the others; the status tells.
//
//nolint:gocyclo // one guard for each flag that does not go with another
func (c decodeCmd) Run(ctx context.Context) error {
	switch {
	case c.JSON && c.CSV:
		return errors.New("--json and --csv: choose one")
	case c.JSON:
		c.Format = "json"
	case c.CSV:
		c.Format = "csv"
	}
	if err := c.check(); err != nil {
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
	files, several, missing := c.files()
	var list []decoded
	for _, err := range missing {
		list = append(list, decoded{file: err.File, err: err.Err})
	}
	bar := newBar("decoding")
	for i, file := range files {
		runs, problems := datasets.Open(file, c.keep())
		for _, p := range problems {
			list = append(list, decoded{file: p.File, err: p.Err})
		}
		for _, run := range runs {
			name := file
			if isZip(file) {
				several = true
				name = filepath.Join(file, run.Name)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			bar.say(filepath.Base(name))
			out, d, err := c.one(ctx, *req, run.Recording, cat, func(done, of int) {
				if len(files) == 1 {
					bar.step(done, of)
				}
			})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			list = append(list, decoded{name, out, d, err, c.Start > 0 || c.Seconds > 0})
		}
		if len(runs) == 0 && len(problems) == 0 {
			list = append(list, decoded{file: file, err: fmt.Errorf("%s has no recording %q", file, c.Member)})
		}
		if len(files) > 1 {
			bar.step(i+1, len(files))
		}
	}
	bar.done()
	if len(list) == 1 && !several {
		return c.writeOne(os.Stdout, list[0])
	}
	return c.writeMany(os.Stdout, list)
}

// check refuses flags that would not do what they say.
func (c decodeCmd) check() error {
	modes := eeg.Names(eeg.UIModes())
	if c.UIMode != "" && !slices.Contains(modes, c.UIMode) {
		return unknownName("--ui-mode", c.UIMode, modes)
	}
	if _, known := recording.Device(c.Device); c.Device != "" && !known {
		return unknownName("--device", c.Device, recording.Devices())
	}
	paradigms := eeg.Names(eeg.Paradigms())
	if !slices.Contains(paradigms, c.Paradigm) {
		return fmt.Errorf("paradigm %w", unknownName("", c.Paradigm, paradigms))
	}
	if c.Rate < 0 || math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0) {
		return fmt.Errorf("--rate %v is not a sampling rate in Hz", c.Rate)
	}
	if c.Member != "" && !slices.ContainsFunc(c.Paths, func(p string) bool { st, err := os.Stat(p); return isZip(p) || err == nil && st.IsDir() }) {
		return errors.New("--member names a recording inside a ZIP archive, and none is given")
	}
	return nil
}

// unknownName is the error for a value that is none of a list, with the one that was probably meant.
func unknownName(flag, value string, known []string) error {
	text := fmt.Sprintf("%q is unknown; the choices are %s", value, strings.Join(known, ", "))
	if near := nearest.Name(value, known); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	if flag == "" {
		return errors.New(text)
	}
	return errors.New(flag + " " + text)
}

func isZip(file string) bool { return strings.EqualFold(filepath.Ext(file), ".zip") }

// files lists the recordings that are asked for. several tells that the answer is one of many, whatever is found: a folder or a
// pattern was named. A path that leads to nothing is a problem like a file that cannot be read.
func (c decodeCmd) files() (files []string, several bool, missing []datasets.Problem) {
	seen := map[string]bool{}
	several = len(c.Paths) > 1
	for _, arg := range c.Paths {
		paths := []string{arg}
		if st, err := os.Stat(arg); err != nil { // a shell that leaves patterns to programs
			if matches, badPattern := filepath.Glob(arg); badPattern == nil && len(matches) > 0 {
				paths, several = matches, true
			}
		} else if st.IsDir() {
			several = true
		}
		for _, p := range paths {
			found, err := datasets.Files(p)
			if err != nil {
				missing = append(missing, datasets.Problem{File: p, Err: err})
				continue
			}
			for _, f := range found {
				if clean := filepath.Clean(f); !seen[clean] {
					seen[clean] = true
					files = append(files, f)
				}
			}
		}
	}
	return files, several, missing
}

// keep picks the members of archives.
func (c decodeCmd) keep() func(string) bool {
	if c.Member == "" {
		return nil
	}
	return func(base string) bool { return base == filepath.Base(c.Member) }
}

// one decodes a recording. Times in the answer count from its beginning, wherever --start is.
func (c decodeCmd) one(ctx context.Context, req eeg.Request, rec *recording.Recording, cat *catalog.Catalog, trial func(done, of int)) (*eeg.Result, *eeg.Diagnostics, error) {
	if err := datasets.SetRate(rec, c.Rate); err != nil {
		return nil, nil, err
	}
	if c.Device != "" {
		nameChannels(rec, c.Device)
	}
	if c.NoEvent {
		rec.Events, rec.Targets = nil, nil
	}
	if c.Start != 0 || c.Seconds != 0 {
		part, err := datasets.Crop(rec, c.Start, c.Seconds)
		if err != nil {
			return nil, nil, err
		}
		rec = part
	}
	var steps []eeg.Step
	last := time.Now()
	out, diagnostics, err := decode.RunRecording(ctx, &req, rec, cat, decode.Options{MostTrials: mostTrials, Trial: trial, Trace: func(step string) {
		now := time.Now()
		steps = append(steps, eeg.Step{Name: step, MS: float64(now.Sub(last).Microseconds()) / 1000})
		last = now
	}})
	diagnostics.Steps = steps
	if out != nil {
		shift(&out.Clip, c.Start)
		for i := range out.Trials {
			shift(&out.Trials[i].Clip, c.Start)
		}
	}
	return out, diagnostics, err
}

// mostTrials is more than anybody reads; a server answers fewer.
const mostTrials = 100_000

func shift(clip *eeg.Clip, s float64) {
	clip.StartS += s
	clip.EndS += s
	if clip.Event != nil {
		e := *clip.Event
		e.OnsetS += s
		clip.Event = &e
	}
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
func (c decodeCmd) request() (*eeg.Request, error) {
	req := &eeg.Request{
		Input:   eeg.Input{Type: "eeg", Paradigm: eeg.Paradigm(c.Paradigm), Model: c.Model, Device: c.Device, Unit: c.Unit},
		Context: &eeg.Context{Locale: c.Locale, UIMode: eeg.UIMode(c.UIMode), SessionHistory: c.History},
	}
	req.Input.ChannelNames = c.Rename
	if c.Alarms != nil || c.Threshold != nil {
		req.Input.Seizure = &eeg.SeizureOptions{FalseAlarmsPerDay: c.Alarms, Threshold: c.Threshold}
	}
	if len(c.Channels) > 0 {
		req.Input.Channels = &eeg.Channels{Count: len(c.Channels), Names: c.Channels}
	}
	if c.AllEvents {
		req.Input.Trials = eeg.TrialsAll
	}
	if len(c.Classes) > 0 {
		req.Input.EventClasses = maps.Clone(c.Classes)
	}
	for _, e := range c.Event {
		onset, code, ok := strings.Cut(e, ":")
		s, err := strconv.ParseFloat(onset, 64)
		if err != nil {
			return nil, fmt.Errorf("event %q: the onset is not a number of seconds", e)
		}
		event := eeg.Event{Onset: s} // a time alone is a cue that does not tell its class
		if ok {
			if event.Code, err = strconv.Atoi(code); err != nil {
				return nil, fmt.Errorf("event %q: the code is not a whole number", e)
			}
		}
		req.Input.Events = append(req.Input.Events, event)
	}
	if len(c.Target) == 0 && c.Matrix == "" && c.Accept == 0 && c.Codes == "" {
		return req, nil
	}
	req.Input.Stimulus = &eeg.Stimulus{}
	if c.Accept != 0 {
		req.Input.Stimulus.Presence = &eeg.Presence{FalseAccept: &c.Accept}
	}
	for _, t := range c.Target {
		hz, label, _ := strings.Cut(t, ":")
		f, err := strconv.ParseFloat(hz, 64)
		if err != nil {
			return nil, fmt.Errorf("target %q: the frequency is not a number", t)
		}
		req.Input.Stimulus.Targets = append(req.Input.Stimulus.Targets, eeg.Target{Label: label, Frequency: f})
	}
	if c.Codes != "" {
		d := json.NewDecoder(strings.NewReader(c.Codes))
		d.DisallowUnknownFields()
		if err := d.Decode(&req.Input.Stimulus.Codes); err != nil {
			return nil, fmt.Errorf("--codes: %w", err)
		}
	}
	req.Input.Stimulus.Matrix = matrixOf(c.Matrix)
	return req, nil
}

// matrixOf reads the matrix of a speller, rows separated by spaces; nil for none.
func matrixOf(text string) [][]string {
	var out [][]string
	for _, row := range strings.Fields(text) {
		out = append(out, strings.Split(row, ""))
	}
	return out
}

// openCatalog returns the built-in models and those of a folder.
func openCatalog(dir string) (*catalog.Catalog, error) {
	cat, err := catalog.Default()
	if err != nil || dir == "" {
		return cat, err
	}
	if _, err := cat.AddFS(os.DirFS(dir), eeg.SourceDirectory); err != nil {
		return nil, err
	}
	return cat, nil
}

// writeOne prints the answer for a recording that was asked for alone.
func (c decodeCmd) writeOne(w io.Writer, d decoded) error {
	if d.err != nil {
		if c.Format == "json" {
			if err := writeJSON(w, d.document(true)); err != nil {
				return err
			}
		}
		return d.err
	}
	switch c.Format {
	case "json":
		return writeJSON(w, d.document(c.Diagnostics))
	case "csv":
		return writeRows(w, []decoded{d})
	}
	if err := writeAnswer(w, d.output, d.part); err != nil {
		return err
	}
	if err := writeTrials(w, d.output); err != nil {
		return err
	}
	if c.Diagnostics {
		return writeJSON(w, d.diagnostics)
	}
	return nil
}

// writeMany prints the answers for several recordings and what they come to.
func (c decodeCmd) writeMany(w io.Writer, list []decoded) error {
	failed := 0
	for _, d := range list {
		if d.err != nil {
			failed++
		}
	}
	var err error
	switch c.Format {
	case "json":
		err = writeJSON(w, documents(list, c.Diagnostics))
	case "csv":
		err = writeRows(w, list)
	default:
		err = writeTable(w, list)
	}
	if err != nil {
		return err
	}
	if failed > 0 {
		for _, d := range list {
			if d.err != nil && c.Format != "json" {
				fmt.Fprintf(os.Stderr, "neurod: %s: %v\n", d.file, d.err)
			}
		}
		return fmt.Errorf("%d of %d recordings could not be decoded", failed, len(list))
	}
	if len(list) == 0 {
		return decoders.Errorf(decoders.CodeUnsupportedFormat, nil, "there is no recording in %s", strings.Join(c.Paths, ", "))
	}
	return nil
}
