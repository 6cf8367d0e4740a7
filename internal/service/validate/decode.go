package validate

import (
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/nearest"
	"github.com/neurod/neurod/models"
)

// What the enumerated fields may hold. The order is that of the messages.
var (
	encodings = eeg.Names(eeg.Encodings())
	// Units are those of samples.
	Units     = eeg.Units()
	layouts   = eeg.Names(eeg.Layouts())
	paradigms = eeg.Names(eeg.Paradigms())
	trials    = eeg.TrialChoices()
	// Alignments are those of recordings to the ones that a model was trained on.
	Alignments = eeg.Alignments()
	// uiModes are those for which intents have names of their own; callers may have others.
	uiModes = eeg.Names(eeg.UIModes())
)

var (
	// ModelRef is the shape of a model's name, with a version or without.
	ModelRef   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}(@[A-Za-z0-9][A-Za-z0-9_.-]{0,31})?$`)
	localeName = regexp.MustCompile(`^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,6}$`) // the shape of BCP 47 tags
	uiModeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
)

// Decode applies every rule that needs no decoder. The recording itself is judged by whoever reads it.
func Decode(req *eeg.Request) Fields {
	var f Fields
	checkInput(&req.Input, &f)
	Context(req.Context, &f)
	if req.Output != nil {
		f.OneOf(models.At("output", "format"), req.Output.Format, []string{"json"})
		Features(models.At("output", "features"), req.Output.Features, &f)
	}
	return f
}

func checkInput(in *eeg.Input, f *Fields) {
	switch in.Type {
	case "":
		f.Add(models.At("input", "type"), "required", `is required; must be "eeg"`)
	case "eeg":
	default:
		f.OneOf(models.At("input", "type"), in.Type, []string{"eeg"})
	}
	f.OneOf(models.At("input", "encoding"), string(in.Encoding), encodings)
	f.OneOf(models.At("input", "layout"), string(in.Layout), layouts)
	f.OneOf(models.At("input", "paradigm"), string(in.Paradigm), paradigms)
	f.OneOf(models.At("input", "alignment"), in.Alignment, Alignments)
	f.Text(models.At("input", "device"), in.Device, eeg.MaxLabelLength)
	checkScale(in, f)
	checkUnit(in, f)
	checkChannels(in, f)
	checkChannelNames(in.ChannelNames, f)
	checkRate(in, f)
	checkEvents(in, f)
	Stimulus(in.Stimulus, in.SampleRate, f)
	Seizure(models.At("input", "seizure"), in.Seizure, in.Paradigm, f)
	if in.Model != "" && !ModelRef.MatchString(in.Model) {
		f.Add(models.At("input", "model"), "invalid", "is %q; must be a catalog name, optionally with @version", Short(in.Model))
	}
	if in.SessionID == "" {
		if in.StartMS != nil {
			f.Add(models.At("input", "start_ms"), "not_applicable", "is allowed only with session_id")
		}
		if in.EndMS != nil {
			f.Add(models.At("input", "end_ms"), "not_applicable", "is allowed only with session_id")
		}
		return
	}
	f.Text(models.At("input", "session_id"), in.SessionID, eeg.MaxLabelLength)
	f.Time(models.At("input", "start_ms"), in.StartMS)
	f.Time(models.At("input", "end_ms"), in.EndMS)
	if in.StartMS != nil && in.EndMS != nil && *in.EndMS <= *in.StartMS {
		f.Add(models.At("input", "end_ms"), "too_small", "is %d; must be greater than start_ms, which is %d", *in.EndMS, *in.StartMS)
	}
}

func checkScale(in *eeg.Input, f *Fields) {
	switch {
	case in.Encoding == eeg.Int16LE && in.ScaleUV == nil:
		f.Add(models.At("input", "scale_uv"), "required", "is required with encoding int16le: µV per unit")
	case in.ScaleUV == nil:
	case in.Encoding != eeg.Int16LE:
		f.Add(models.At("input", "scale_uv"), "not_applicable", "is allowed only with encoding int16le")
	case !(*in.ScaleUV > 0 && *in.ScaleUV <= 1e6): // 1 V a unit is beyond any amplifier
		f.Add(models.At("input", "scale_uv"), "out_of_range", "is %v; must be greater than 0 and at most 1e6 µV per unit", *in.ScaleUV)
	}
}

func checkUnit(in *eeg.Input, f *Fields) {
	switch {
	case in.Unit == "":
	case in.SessionID != "":
		f.Add(models.At("input", "unit"), "not_applicable", "is allowed only with data: the samples of a session are µV")
	case in.Encoding == eeg.Int16LE:
		f.Add(models.At("input", "unit"), "not_applicable", "is not allowed with int16le: scale_uv gives the µV per unit")
	case !in.Encoding.Float():
		f.Add(models.At("input", "unit"), "not_applicable", "is allowed only with bare samples: a file states the units of its channels")
	default:
		if _, ok := eeg.Microvolts(in.Unit); !ok {
			f.OneOf(models.At("input", "unit"), in.Unit, Units)
		}
	}
}

func checkChannels(in *eeg.Input, f *Fields) {
	c := in.Channels
	switch {
	case c == nil:
		if in.Encoding.Bare() && in.Device == "" && in.SessionID == "" {
			f.Add(models.At("input", "channels"), "required", "is required for bare samples unless device names a headset: a count, or the names")
		}
	case c.Names == nil:
		switch {
		case c.Count == math.MinInt32 || c.Count == math.MaxInt32: // what was sent lies beyond it
			f.Add(models.At("input", "channels"), "out_of_range", "must be from 1 to %d", eeg.MaxChannels)
		case c.Count < 1 || c.Count > eeg.MaxChannels:
			f.Add(models.At("input", "channels"), "out_of_range", "is %d; must be from 1 to %d", c.Count, eeg.MaxChannels)
		}
	case len(c.Names) == 0 || len(c.Names) > eeg.MaxChannels:
		f.Add(models.At("input", "channels"), "out_of_range", "has %d names; must have 1 to %d", len(c.Names), eeg.MaxChannels)
	default:
		first := make(map[string]int, len(c.Names))
		for i, name := range c.Names {
			p := models.At("input", "channels").Index(i)
			key := strings.ToLower(strings.TrimSpace(name))
			if key == "" {
				f.Add(p, "required", "is empty; every channel needs a name")
				continue
			}
			f.Text(p, name, eeg.MaxNameLength)
			if j, seen := first[key]; seen {
				f.Add(p, "duplicate", "%q is also the name of channel %d", Short(name), j)
				continue
			}
			first[key] = i
		}
	}
}

// checkChannelNames holds a map of names to what the channels themselves are held to.
func checkChannelNames(names map[string]string, f *Fields) {
	base := models.At("input", "channel_names")
	if len(names) > eeg.MaxChannels {
		f.Add(base, "too_many", "renames %d channels; at most %d are allowed", len(names), eeg.MaxChannels)
		return
	}
	taken := make(map[string]string, len(names))
	for _, from := range slices.Sorted(maps.Keys(names)) {
		p, to := base.Name(Short(from)), names[from]
		if strings.TrimSpace(from) == "" || strings.TrimSpace(to) == "" {
			f.Add(p, "required", "is empty; a channel and its new name are needed")
			continue
		}
		f.Text(p, from, eeg.MaxNameLength)
		f.Text(p, to, eeg.MaxNameLength)
		if other, twice := taken[strings.ToLower(to)]; twice {
			f.Add(p, "duplicate", "%q is the new name of %q already", Short(to), Short(other))
		}
		taken[strings.ToLower(to)] = from
		if f.Full() {
			return
		}
	}
}

func checkRate(in *eeg.Input, f *Fields) {
	switch r := in.SampleRate; {
	case r == 0:
		if in.Encoding.Bare() && in.SessionID == "" {
			f.Add(models.At("input", "sample_rate"), "required", "is required for bare samples: Hz, from 1 to %d", eeg.MaxSampleRate)
		}
	case !(r >= 1 && r <= eeg.MaxSampleRate):
		f.Add(models.At("input", "sample_rate"), "out_of_range", "is %v; must be from 1 to %d Hz", r, eeg.MaxSampleRate)
	}
}

func checkEvents(in *eeg.Input, f *Fields) {
	f.OneOf(models.At("input", "trials"), in.Trials, trials)
	if len(in.EventClasses) > eeg.MaxFlashCodes {
		f.Add(models.At("input", "event_classes"), "too_many", "has %d events; at most %d are allowed", len(in.EventClasses), eeg.MaxFlashCodes)
		return
	}
	for _, event := range slices.Sorted(maps.Keys(in.EventClasses)) {
		p := models.At("input", "event_classes", Short(event))
		switch class := in.EventClasses[event]; {
		case strings.TrimSpace(event) == "":
			f.Add(p, "required", "the key must be a label or a code of events")
		case strings.TrimSpace(class) == "":
			f.Add(p, "required", `is empty; must be a class of the model, or "cue"`)
		default:
			f.Text(p, event, eeg.MaxLabelLength)
			f.Text(p, class, eeg.MaxLabelLength)
		}
		if f.Full() {
			return
		}
	}
	events := in.Events
	if events.All() {
		if in.Encoding.Bare() && in.SessionID == "" {
			f.Add(models.At("input", "events"), "not_applicable", `is "all", but bare samples hold no events; list them here and ask for every one with trials "all"`)
		}
		return
	}
	if len(events) > eeg.MaxEvents {
		f.Add(models.At("input", "events"), "too_many", "has %d events; at most %d are allowed", len(events), eeg.MaxEvents)
		return
	}
	for i := range events {
		e := &events[i]
		if !(e.Onset >= 0) || math.IsInf(e.Onset, 0) {
			f.Add(models.At("input", "events").Index(i).Name("onset_s"), "out_of_range", "is %v; must be finite and not negative", e.Onset)
		}
		if len(e.Label) > eeg.MaxLabelLength {
			f.Text(models.At("input", "events").Index(i).Name("label"), e.Label, eeg.MaxLabelLength)
		}
		if f.Full() {
			return
		}
	}
}

func Stimulus(st *eeg.Stimulus, rate float64, f *Fields) {
	if st == nil {
		return
	}
	if st.Targets != nil {
		checkTargets(st.Targets, rate, f)
	}
	checkCodes(st.Codes, f)
	if p := st.Presence; p != nil && p.FalseAccept != nil && !(*p.FalseAccept >= eeg.MinFalseAccept && *p.FalseAccept <= 1) {
		f.Add(models.At("input", "stimulus", "presence", "false_accept"), "out_of_range", "is %v; must be from %v to 1", *p.FalseAccept, eeg.MinFalseAccept)
	}
	symbols := checkMatrix(st.Matrix, f)
	if len(st.Flashes) == 0 {
		return
	}
	if len(st.Matrix) == 0 {
		f.Add(models.At("input", "stimulus", "flashes"), "not_applicable", "is allowed only with matrix")
		return
	}
	if len(st.Flashes) > eeg.MaxFlashCodes {
		f.Add(models.At("input", "stimulus", "flashes"), "too_many", "has %d codes; at most %d are allowed", len(st.Flashes), eeg.MaxFlashCodes)
		return
	}
	codes := make([]string, 0, len(st.Flashes))
	for code := range st.Flashes {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	for _, code := range codes {
		p := models.At("input", "stimulus", "flashes", Short(code))
		if n, err := strconv.Atoi(code); err != nil || strconv.Itoa(n) != code {
			f.Add(p, "invalid", "the key must be an event code: a whole number")
			continue
		}
		lit := st.Flashes[code]
		if len(lit) == 0 {
			f.Add(p, "required", "lists no symbol")
		}
		if len(lit) > eeg.MaxMatrixSide*eeg.MaxMatrixSide {
			f.Add(p, "too_many", "has %d symbols; at most %d are allowed", len(lit), eeg.MaxMatrixSide*eeg.MaxMatrixSide)
			continue
		}
		for i, s := range lit {
			if !symbols[s] {
				f.Add(p.Index(i), "unknown_symbol", "%q is not in the matrix", Short(s))
			}
			if f.Full() {
				return
			}
		}
	}
}

// Seizure applies the rules of where the seizure check draws its line; whether a model can promise a rate is the decoder's to say.
func Seizure(at models.Path, o *eeg.SeizureOptions, p eeg.Paradigm, f *Fields) {
	if o == nil {
		return
	}
	if p != eeg.Seizure {
		f.Add(at, "not_applicable", "is allowed only with paradigm seizure")
		return
	}
	if t := o.Threshold; t != nil && !(*t >= eeg.MinThreshold && *t <= eeg.MaxThreshold) {
		f.Add(at.Name("threshold"), "out_of_range", "is %v; must be from %v to %v", *t, eeg.MinThreshold, eeg.MaxThreshold)
	}
	if r := o.FalseAlarmsPerDay; r != nil && !(*r > 0 && *r <= eeg.MaxFalseAlarms) {
		f.Add(at.Name("false_alarms_per_day"), "out_of_range", "is %v; must be greater than 0 and at most %d", *r, eeg.MaxFalseAlarms)
	}
	if o.Threshold != nil && o.FalseAlarmsPerDay != nil {
		f.Add(at.Name("threshold"), "conflict", "and false_alarms_per_day both say where the line is; give one of the two")
	}
}

func checkTargets(targets []eeg.Target, rate float64, f *Fields) {
	base := models.At("input", "stimulus", "targets")
	if len(targets) < 1 || len(targets) > eeg.MaxTargets {
		f.Add(base, "out_of_range", "has %d targets; must have 1 to %d, or be left out for a frequency scan", len(targets), eeg.MaxTargets)
		return
	}
	// Half the rate is the highest frequency that the samples can hold. Without a rate (files) the largest rate
	// that is accepted bounds it, and the decoder judges the rest.
	limit, of := rate/2, "half the sample rate"
	if !(rate >= 1 && rate <= eeg.MaxSampleRate) {
		limit, of = eeg.MaxSampleRate/2, "half the largest sample rate"
	}
	type flicker struct{ frequency, phase float64 }
	labels, flickers := make(map[string]int), make(map[flicker]int)
	for i, t := range targets {
		p := base.Index(i)
		if !(t.Frequency > 0 && t.Frequency < limit) {
			f.Add(p.Name("frequency"), "out_of_range", "is %v; must be greater than 0 and less than %v Hz, %s", t.Frequency, limit, of)
		}
		f.Text(p.Name("label"), t.Label, eeg.MaxNameLength)
		if t.Label != "" {
			if j, seen := labels[t.Label]; seen {
				f.Add(p.Name("label"), "duplicate", "%q is the label of target %d already", Short(t.Label), j)
			} else {
				labels[t.Label] = i
			}
		}
		k := flicker{t.Frequency, t.Phase}
		if j, seen := flickers[k]; seen {
			f.Add(p.Name("frequency"), "duplicate", "target %d flickers at the same frequency and phase", j)
		} else {
			flickers[k] = i
		}
	}
}

// checkCodes judges the form of a code book; whether its taps make a sequence of full length is the decoder's to say.
func checkCodes(c *eeg.CodeBook, f *Fields) {
	if c == nil {
		return
	}
	base := models.At("input", "stimulus", "codes")
	if c.Kind == "" {
		f.Add(base.Name("kind"), "required", "is required: one of %s", strings.Join(eeg.CodeKinds(), ", "))
	} else {
		f.OneOf(base.Name("kind"), c.Kind, eeg.CodeKinds())
	}
	if !(c.RateHz > 0 && c.RateHz <= eeg.MaxCodeRate) {
		f.Add(base.Name("rate_hz"), "out_of_range", "is %v; must be greater than 0 and at most %d bits a second", c.RateHz, eeg.MaxCodeRate)
	}
	listed := c.Kind == eeg.CodeBits
	register := []struct {
		name  string
		given bool
		kinds bool
	}{
		{"degree", c.Degree != 0, !listed}, {"taps", c.Taps != nil, !listed}, {"second_taps", c.SecondTaps != nil, c.Kind == eeg.CodeGold},
		{"lag", c.Lag != 0, c.Kind == eeg.CodeMSequence}, {"bits", c.Bits != nil, listed},
	}
	for _, r := range register {
		if r.given && !r.kinds {
			f.Add(base.Name(r.name), "not_applicable", "is not allowed with kind %s", Short(c.Kind))
		}
	}
	if !listed && (c.Degree < eeg.MinCodeDegree || c.Degree > eeg.MaxCodeDegree) {
		f.Add(base.Name("degree"), "out_of_range", "is %d; must be from %d to %d", c.Degree, eeg.MinCodeDegree, eeg.MaxCodeDegree)
	}
	checkTaps(base.Name("taps"), c.Taps, f)
	checkTaps(base.Name("second_taps"), c.SecondTaps, f)
	if c.Targets < 0 || c.Targets == 1 || c.Targets > eeg.MaxTargets {
		f.Add(base.Name("targets"), "out_of_range", "is %d; must be from 2 to %d", c.Targets, eeg.MaxTargets)
	}
	if c.Lag < 0 {
		f.Add(base.Name("lag"), "out_of_range", "is %d; must not be negative", c.Lag)
	}
	checkBits(c, f)
	if len(c.Labels) > eeg.MaxTargets {
		f.Add(base.Name("labels"), "too_many", "has %d labels; at most %d are allowed", len(c.Labels), eeg.MaxTargets)
		return
	}
	first := make(map[string]int, len(c.Labels))
	for i, label := range c.Labels {
		p := base.Name("labels").Index(i)
		j, seen := first[label]
		switch {
		case strings.TrimSpace(label) == "":
			f.Add(p, "required", "is empty; every target needs a label")
		case seen:
			f.Add(p, "duplicate", "%q is the label of target %d already", Short(label), j)
		default:
			f.Text(p, label, eeg.MaxNameLength)
		}
		first[label] = i
	}
}

func checkTaps(p models.Path, taps []int, f *Fields) {
	if len(taps) > eeg.MaxCodeDegree {
		f.Add(p, "too_many", "has %d stages; at most %d are allowed", len(taps), eeg.MaxCodeDegree)
	}
}

// checkBits judges listed codes.
func checkBits(c *eeg.CodeBook, f *Fields) {
	if c.Kind != eeg.CodeBits {
		return
	}
	base := models.At("input", "stimulus", "codes", "bits")
	if n := len(c.Bits); n < 2 || n > eeg.MaxTargets {
		f.Add(base, "out_of_range", "has %d codes; must have 2 to %d", n, eeg.MaxTargets)
		return
	}
	for i, bits := range c.Bits {
		switch n := len(bits); {
		case n < 2 || n > eeg.MaxCodeBits:
			f.Add(base.Index(i), "out_of_range", "has %d bits; must have 2 to %d", n, eeg.MaxCodeBits)
		case n != len(c.Bits[0]):
			f.Add(base.Index(i), "not_rectangular", "has %d bits where the first code has %d", n, len(c.Bits[0]))
		case strings.Trim(bits, "01") != "":
			f.Add(base.Index(i), "invalid", "must be a text of 0 and 1")
		}
		if f.Full() {
			return
		}
	}
}

// checkMatrix returns the set of the matrix's symbols.
func checkMatrix(matrix [][]string, f *Fields) map[string]bool {
	base := models.At("input", "stimulus", "matrix")
	if matrix == nil {
		return nil
	}
	if len(matrix) < 1 || len(matrix) > eeg.MaxMatrixSide {
		f.Add(base, "out_of_range", "has %d rows; must have 1 to %d", len(matrix), eeg.MaxMatrixSide)
		return nil
	}
	symbols := make(map[string]bool)
	for i, row := range matrix {
		p := base.Index(i)
		switch {
		case len(row) < 1 || len(row) > eeg.MaxMatrixSide:
			f.Add(p, "out_of_range", "has %d symbols; must have 1 to %d", len(row), eeg.MaxMatrixSide)
			continue
		case len(row) != len(matrix[0]):
			f.Add(p, "not_rectangular", "has %d symbols where the first row has %d", len(row), len(matrix[0]))
		}
		for j, s := range row {
			q := p.Index(j)
			switch {
			case s == "":
				f.Add(q, "required", "is empty; every cell needs a symbol")
			case symbols[s]:
				f.Add(q, "duplicate", "%q is in the matrix twice", Short(s))
			}
			f.Text(q, s, eeg.MaxNameLength)
			symbols[s] = true
		}
	}
	return symbols
}

func Context(c *eeg.Context, f *Fields) {
	if c == nil {
		return
	}
	if c.Locale != "" && !localeName.MatchString(c.Locale) {
		f.Add(models.At("context", "locale"), "invalid", "is %q; must be a language tag such as en or en-GB", Short(c.Locale))
	}
	if c.UIMode != "" && !uiModeName.MatchString(string(c.UIMode)) {
		f.Add(models.At("context", "ui_mode"), "invalid", "is %q; must be 1 to 64 letters, digits, _ or -, and begin with a letter", Short(string(c.UIMode)))
	}
	if mode := string(c.UIMode); !slices.Contains(uiModes, mode) { // to find the nearest takes as long as to check all else
		if near := nearest.Name(mode, uiModes); near != "" {
			f.Add(models.At("context", "ui_mode"), "not_allowed", "is %q; did you mean %q? A mode of your own must differ more from %s", Short(mode), near, strings.Join(uiModes, ", "))
		}
	}
	for _, class := range slices.Sorted(maps.Keys(c.Intents)) {
		if strings.TrimSpace(c.Intents[class]) == "" {
			f.Add(models.At("context", "intents", Short(class)), "required", "is empty; every class needs an intent")
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		f.Add(models.At("context"), "invalid", "cannot be serialized")
		return
	}
	if n := jsonLength(text); n > eeg.MaxContextLength {
		f.Add(models.At("context"), "too_long", "serializes to %d characters; at most %d are allowed", n, eeg.MaxContextLength)
	}
}

// jsonLength returns how many characters (Unicode code points) a compact JSON text has in its shortest form: an
// escape that is not needed counts as the one character it stands for, so that the count does not depend on which
// serializer the caller uses.
func jsonLength(text []byte) int {
	n := utf8.RuneCount(text)
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 >= len(text) {
			continue
		}
		i++
		switch text[i] {
		case '/':
			n--
		case 'u':
			if i+4 >= len(text) {
				return n
			}
			r, err := strconv.ParseUint(string(text[i+1:i+5]), 16, 32)
			i += 4
			if err != nil {
				continue
			}
			switch {
			case r >= 0xD800 && r < 0xDC00: // a pair: 12 characters for 1
				n -= 11
				i += 6
			case r == '"', r == '\\', r == '\b', r == '\f', r == '\n', r == '\r', r == '\t':
				n -= 4 // two characters in the short form
			case r >= 0x20:
				n -= 5
			}
		}
	}
	return n
}

// TooLarge is the error of a recording of too many bytes.
func TooLarge(size int) error {
	e := models.Errorf(models.PayloadTooLarge, "The recording has %d bytes; at most %d are allowed.", size, eeg.MaxPayloadBytes)
	e.Details = map[string]any{"payload_bytes": size, "limit_bytes": eeg.MaxPayloadBytes}
	return e
}
