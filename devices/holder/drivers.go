package holder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	signals "github.com/neurod/neurod/decoders/synthetic"
	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/lsl"
	"github.com/neurod/neurod/devices/openbci"
	"github.com/neurod/neurod/devices/playback"
	"github.com/neurod/neurod/devices/synthetic"
	service "github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/models"
)

// Names of the drivers.
const (
	Synthetic = "synthetic"
	Playback  = "playback"
	LSL       = "lsl"
	OpenBCI   = "openbci"
	Ganglion  = "ganglion"
)

// Names lists every driver that there is.
func Names() []string { return []string{Synthetic, Playback, LSL, OpenBCI, Ganglion} }

// Rule lets projects use something of the machine: a driver, or a serial port.
type Rule struct {
	What     string   // the name of a driver; a port, in which * stands for anything but a slash
	Projects []string // ids; none for every project
}

// ParseRule reads a rule as settings have it: WHAT, or WHAT=PROJECT+PROJECT.
func ParseRule(s string) Rule {
	what, projects, bound := strings.Cut(s, "=")
	r := Rule{What: strings.TrimSpace(what)}
	if bound {
		r.Projects = []string{}
		for _, p := range strings.Split(projects, "+") {
			r.Projects = append(r.Projects, strings.TrimSpace(p))
		}
	}
	return r
}

// allows reports whether a rule lets a project use something; "" is any project.
func (r Rule) allows(what, projectID string) bool {
	same, err := path.Match(r.What, what)
	return err == nil && same && (r.Projects == nil || projectID == "" || slices.Contains(r.Projects, projectID))
}

func allowed(rules []Rule, what, projectID string) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool { return r.allows(what, projectID) })
}

// StoredSession is what is played of a stored session.
type StoredSession struct {
	ProjectID, SessionID string
	Speed                float64
	Loop                 bool
	First                int64 // where it begins, in samples
}

// DriversConfig says what projects may use of this machine.
type DriversConfig struct {
	// Drivers and Ports are what projects may use. Default to none.
	Drivers []Rule
	Ports   []Rule
	// Folder holds the recordings that every project may play. Defaults to none.
	Folder string
	// Stored opens a stored session of a project as a device. Defaults to none.
	Stored func(ctx context.Context, s StoredSession) (devices.Source, error)
	// Network is where streams of the Lab Streaming Layer are looked for.
	Network lsl.Network
}

// Drivers opens the devices of this process. It is what the use cases of devices know of them.
type Drivers struct{ cfg DriversConfig }

// NewDrivers returns the drivers of this process.
func NewDrivers(cfg DriversConfig) *Drivers { return &Drivers{cfg} }

var _ service.Drivers = (*Drivers)(nil)

// enabled lists the drivers that some project may use.
func (d *Drivers) enabled() []string {
	var out []string
	for _, name := range Names() {
		if allowed(d.cfg.Drivers, name, "") {
			out = append(out, name)
		}
	}
	return out
}

// Settings of the drivers, as a device's row has them.
type (
	// SyntheticSettings are those of synthetic; see package devices/synthetic.
	SyntheticSettings struct {
		Pattern   string   `json:"pattern,omitempty"`
		Channels  []string `json:"channels,omitempty"`
		Seed      uint64   `json:"seed,omitempty"`
		FlickerHz float64  `json:"flicker_hz,omitempty"`
		Blinks    bool     `json:"blinks,omitempty"`
		MainsHz   float64  `json:"mains_hz,omitempty"`
		Samples   int64    `json:"samples,omitempty"`
	}
	// PlaybackSettings are those of playback: a file of the operator's folder, or a session of the project.
	PlaybackSettings struct {
		File      string   `json:"file,omitempty"`
		SessionID string   `json:"session_id,omitempty"`
		Channels  []string `json:"channels,omitempty"`
		Speed     float64  `json:"speed,omitempty"`
		Loop      bool     `json:"loop,omitempty"`
	}
	// LSLSettings are those of lsl; see package devices/lsl.
	LSLSettings struct {
		Query   string   `json:"query,omitempty"`
		Markers []string `json:"markers,omitempty"`
		Unit    string   `json:"unit,omitempty"`
	}
	// OpenBCISettings are those of openbci; see package devices/openbci.
	OpenBCISettings struct {
		Port     string   `json:"port"`
		Daisy    *bool    `json:"daisy,omitempty"`
		Channels []string `json:"channels,omitempty"`
	}
	// GanglionSettings are those of ganglion; see package devices/openbci.
	GanglionSettings struct {
		Port          string   `json:"port"`
		Board         string   `json:"board,omitempty"`
		Firmware      int      `json:"firmware,omitempty"`
		Channels      []string `json:"channels,omitempty"`
		Accelerometer bool     `json:"accelerometer,omitempty"`
	}
)

// read decodes the settings of a device, strictly.
func read(d models.Device, into any) error {
	if len(d.Settings) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(d.Settings))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		at := models.At("settings")
		var typed *json.UnmarshalTypeError
		if errors.As(err, &typed) && typed.Field != "" {
			at = models.At("settings", typed.Field)
		}
		return models.InvalidSetting(at, "invalid", "does not fit the driver %s: %s", d.Driver, strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// opened is a source, and what is known of it before it is open.
type opened struct {
	devices.Source
	can models.DeviceCapabilities
	// exact tells that the source begins at the position that was asked for; others are placed by the time of their first sample.
	exact bool
	// fast tells that its time does not go with the host's, so that nothing is missed while nobody reads it.
	fast bool
}

// source makes the source of a device that begins at a position of its session. What the project may not use is refused.
func (d *Drivers) source(ctx context.Context, dev models.Device, rate float64, from int64) (opened, error) {
	if !allowed(d.cfg.Drivers, dev.Driver, dev.ProjectID) {
		var may []string
		for _, name := range Names() {
			if allowed(d.cfg.Drivers, name, dev.ProjectID) {
				may = append(may, name)
			}
		}
		return opened{}, models.InvalidSetting(models.At("driver"), "not_allowed", "is %q, which this project may not use on this server; it may use %s", models.Cut(dev.Driver, 40), either(may))
	}
	switch dev.Driver {
	case Synthetic:
		return d.synthetic(dev, rate, from)
	case Playback:
		return d.playback(ctx, dev, from)
	case LSL:
		var s LSLSettings
		if err := read(dev, &s); err != nil {
			return opened{}, err
		}
		src, err := lsl.New(lsl.Config{Query: s.Query, Markers: s.Markers, Unit: s.Unit, Network: d.cfg.Network})
		return opened{Source: src}, setting(err, "query")
	case Ganglion:
		var s GanglionSettings
		if err := read(dev, &s); err != nil {
			return opened{}, err
		}
		if err := d.port(s.Port, dev.ProjectID); err != nil {
			return opened{}, err
		}
		src, err := openbci.NewGanglion(openbci.GanglionConfig{Port: s.Port, Board: s.Board, Firmware: s.Firmware, Channels: s.Channels, Accelerometer: s.Accelerometer})
		return opened{Source: src}, setting(err, "port")
	default:
		var s OpenBCISettings
		if err := read(dev, &s); err != nil {
			return opened{}, err
		}
		if err := d.port(s.Port, dev.ProjectID); err != nil {
			return opened{}, err
		}
		src, err := openbci.New(openbci.Config{Port: s.Port, Daisy: s.Daisy, Channels: s.Channels})
		return opened{Source: src}, setting(err, "port")
	}
}

// port refuses a serial port that a project may not use.
func (d *Drivers) port(name, projectID string) error {
	if !allowed(d.cfg.Ports, name, projectID) {
		return models.InvalidSetting(models.At("settings", "port"), "not_allowed", "is %q, which this project may not use on this server", models.Cut(name, 100))
	}
	return nil
}

func either(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// setting makes an error of a driver one about the settings of the device.
func setting(err error, name string) error {
	if err == nil {
		return nil
	}
	return models.InvalidSetting(models.At("settings", name), "invalid", "%s", err)
}

// Rates of a synthetic device, Hz: those of sessions.
const minSynthetic, maxSynthetic = 20, 20_000

// mostSynthetic is how many values of EEG a second the server makes for a device: it holds two minutes of them, 31 MB, and looks at some seconds
// before it takes the device. Sines cost next to nothing.
const mostSynthetic = 32_000

func (d *Drivers) synthetic(dev models.Device, rate float64, from int64) (opened, error) {
	var s SyntheticSettings
	if err := read(dev, &s); err != nil {
		return opened{}, err
	}
	if rate == 0 {
		rate = 250
	}
	names := s.Channels
	if len(names) == 0 {
		names = signals.TenTwenty()
	}
	fastest := float64(maxSynthetic)
	if synthetic.Pattern(s.Pattern) != synthetic.Sine {
		fastest = min(fastest, mostSynthetic/float64(len(names)))
	}
	if rate > fastest {
		return opened{}, setting(devices.Errorf(devices.CodeInvalid, "of %d channels the server makes EEG of at most %.0f Hz; the pattern sine goes up to %d Hz", len(names), fastest, maxSynthetic), "pattern")
	}
	left := s.Samples
	if s.Samples > 0 {
		left = max(1, s.Samples-from)
	}
	cfg := synthetic.Config{Pattern: synthetic.Pattern(s.Pattern), Channels: s.Channels, Rate: rate, Seed: s.Seed, FlickerHz: s.FlickerHz, Blinks: s.Blinks, MainsHz: s.MainsHz,
		First: from, Samples: left}
	src, err := synthetic.New(cfg)
	if err != nil {
		return opened{}, setting(err, "pattern")
	}
	return opened{Source: src, exact: true, can: models.DeviceCapabilities{Channels: names, MinSampleRate: minSynthetic, MaxSampleRate: fastest, SampleRate: min(250, fastest), Counter: true}}, nil
}

func (d *Drivers) playback(ctx context.Context, dev models.Device, from int64) (opened, error) {
	var s PlaybackSettings
	if err := read(dev, &s); err != nil {
		return opened{}, err
	}
	switch {
	case (s.File == "") == (s.SessionID == ""):
		return opened{}, models.InvalidSetting(models.At("settings"), "required", "must name either a file or a session_id")
	case !(s.Speed >= -1 && s.Speed <= maxSpeed):
		return opened{}, models.InvalidSetting(models.At("settings", "speed"), "out_of_range", "is %g; must be a number greater than 0 and at most %d, or -1 for as fast as possible", s.Speed, maxSpeed)
	case s.SessionID != "":
		if d.cfg.Stored == nil {
			return opened{}, models.InvalidSetting(models.At("settings", "session_id"), "not_allowed", "cannot be played on this server")
		}
		src, err := d.cfg.Stored(ctx, StoredSession{ProjectID: dev.ProjectID, SessionID: s.SessionID, Speed: s.Speed, Loop: s.Loop, First: from})
		if err != nil {
			var known *models.Error
			if errors.As(err, &known) {
				return opened{}, err
			}
			return opened{}, setting(err, "session_id")
		}
		return d.played(src, s)
	case d.cfg.Folder == "":
		return opened{}, models.InvalidSetting(models.At("settings", "file"), "not_allowed", "cannot be played: this server has no folder of recordings")
	case !filepath.IsLocal(s.File):
		return opened{}, models.InvalidSetting(models.At("settings", "file"), "not_allowed", "must be the name of a file in the server's folder of recordings")
	}
	file := filepath.Join(d.cfg.Folder, s.File)
	if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
		return opened{}, models.InvalidSetting(models.At("settings", "file"), "not_found", "is no file in the server's folder of recordings")
	}
	src, err := playback.New(playback.Config{File: file, Channels: s.Channels, Speed: s.Speed, Loop: s.Loop, First: from})
	if err != nil {
		return opened{}, models.InvalidSetting(models.At("settings", "file"), "invalid", "%s", strings.ReplaceAll(err.Error(), d.cfg.Folder+string(filepath.Separator), ""))
	}
	return d.played(src, s)
}

// maxSpeed is how much faster than real time a recording is played at a stated speed.
const maxSpeed = 1000

// played says what a recording can, which its stream tells.
func (d *Drivers) played(src devices.Source, s PlaybackSettings) (opened, error) {
	out := opened{Source: src, exact: true, fast: s.Speed != 0 && s.Speed != 1}
	if i, ok := src.(interface{ Info() devices.Info }); ok {
		out.can = capabilities(i.Info())
	}
	return out, nil
}

// capabilities says what a device can that was open.
func capabilities(i devices.Info) models.DeviceCapabilities {
	return models.DeviceCapabilities{Channels: i.Channels, SampleRates: []float64{i.Rate}, SampleRate: i.Rate, Counter: i.Counter}
}

// Open returns the source of a device that begins at a position of its session where exact says so; others are placed by the time of their first sample.
func (d *Drivers) Open(ctx context.Context, dev models.Device, rate float64, from int64) (src devices.Source, exact bool, err error) {
	o, err := d.source(ctx, dev, rate, from)
	return o.Source, o.exact && !o.fast, err
}

// probe is how long a device has to say what it is.
const probe = 15 * time.Second

// Describe implements service.Drivers. A device that tells nothing before is opened for a moment.
func (d *Drivers) Describe(ctx context.Context, dev models.Device) (models.DeviceCapabilities, error) {
	rate := 0.0
	if r := dev.Config.SampleRate; dev.Driver == Synthetic && r >= minSynthetic && r <= maxSynthetic { // what it can show depends on it
		rate = r
	}
	src, err := d.source(ctx, dev, rate, 0)
	if err != nil || len(src.can.Channels) > 0 {
		return src.can, err
	}
	ctx, cancel := context.WithTimeout(ctx, probe)
	defer cancel()
	stream, err := src.Open(ctx)
	if err != nil {
		f := fault(err)
		e := models.Errorf(models.StreamNotStarted, "The device does not answer: %s", f.Message)
		e.Details = map[string]any{"device_code": f.Code, "device_message": f.Message}
		e.RetryAfter = time.Second
		return models.DeviceCapabilities{}, e
	}
	can := capabilities(stream.Info())
	_, can.Impedance = src.Source.(devices.Contacts)
	return can, stream.Close()
}

// Admit implements service.Drivers.
func (d *Drivers) Admit(dev models.Device, c models.StreamConfig) error {
	if dev.Driver != Synthetic {
		return nil
	}
	_, err := d.source(context.Background(), dev, c.SampleRate, 0)
	return err
}

// Present implements service.Drivers.
func (d *Drivers) Present(dev models.Device) bool {
	if !allowed(d.cfg.Drivers, dev.Driver, dev.ProjectID) {
		return false
	}
	if dev.Driver != OpenBCI && dev.Driver != Ganglion {
		return true
	}
	var s struct{ Port string }
	if json.Unmarshal(dev.Settings, &s) != nil || !allowed(d.cfg.Ports, s.Port, dev.ProjectID) {
		return false
	}
	if !strings.HasPrefix(s.Port, "/") {
		return true // COM3
	}
	_, err := os.Stat(s.Port)
	return err == nil
}

// Discover implements service.Drivers.
func (d *Drivers) Discover(ctx context.Context, projectID string) ([]service.Found, error) {
	var out []service.Found
	add := func(driver, name string, settings any) {
		b, err := json.Marshal(settings)
		if err == nil {
			out = append(out, service.Found{Driver: driver, Name: name, Settings: b})
		}
	}
	if allowed(d.cfg.Drivers, Synthetic, projectID) {
		add(Synthetic, "synthetic EEG", SyntheticSettings{Pattern: string(synthetic.Rest)})
		out[len(out)-1].Capabilities, _ = d.Describe(ctx, models.Device{ProjectID: projectID, Driver: Synthetic})
	}
	if allowed(d.cfg.Drivers, Playback, projectID) && d.cfg.Folder != "" {
		files, err := os.ReadDir(d.cfg.Folder)
		if err != nil {
			return nil, err
		}
		for _, f := range files[:min(len(files), mostFound)] {
			if f.Type().IsRegular() && !strings.HasPrefix(f.Name(), ".") {
				add(Playback, f.Name(), PlaybackSettings{File: f.Name()})
			}
		}
	}
	for _, p := range serialPorts() {
		name := strings.TrimSpace("serial port " + p.Name + " " + p.Product)
		switch bled := strings.EqualFold(p.VID, bledVendor) && strings.EqualFold(p.PID, bledProduct); {
		case !allowed(d.cfg.Ports, p.Name, projectID):
		case bled && allowed(d.cfg.Drivers, Ganglion, projectID):
			add(Ganglion, name, GanglionSettings{Port: p.Name})
		case !bled && allowed(d.cfg.Drivers, OpenBCI, projectID):
			add(OpenBCI, name, OpenBCISettings{Port: p.Name})
		}
	}
	if allowed(d.cfg.Drivers, LSL, projectID) {
		found, err := streams(ctx, d.cfg.Network)
		if err != nil {
			return nil, err
		}
		for _, i := range found[:min(len(found), mostFound)] {
			if i.Rate <= 0 || i.Format == lsl.String {
				continue // markers
			}
			add(LSL, i.Name, LSLSettings{Query: query(i)})
			out[len(out)-1].Capabilities = models.DeviceCapabilities{SampleRates: []float64{i.Rate}, SampleRate: i.Rate}
		}
	}
	return out, nil
}

// serialPort is a port, and what USB says of what is plugged into it.
type serialPort struct{ Name, VID, PID, Product string }

// The USB identifiers of a BLED112, the dongle of a Ganglion (Silicon Labs, BLED112 data sheet).
const bledVendor, bledProduct = "2458", "0001"

// mostFound is how many files and streams are told.
const mostFound = 200

// streams looks for streams of LSL for a while.
func streams(ctx context.Context, n lsl.Network) ([]lsl.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	found, err := lsl.Resolve(ctx, n, "")
	if err != nil && fault(err).Code == string(devices.CodeNotFound) {
		return nil, nil
	}
	return found, err
}

// query finds a stream of LSL again.
func query(i lsl.Info) string {
	if i.SourceID != "" && !strings.Contains(i.SourceID, "'") {
		return "source_id='" + i.SourceID + "'"
	}
	return "name='" + strings.ReplaceAll(i.Name, "'", "") + "'"
}

// fault is why a driver failed, as callers see it.
func fault(err error) models.DeviceFault {
	var f *devices.Error
	if errors.As(err, &f) {
		return models.DeviceFault{Code: string(f.Code), Message: models.Cut(f.Message, 500)}
	}
	var known *models.Error
	if errors.As(err, &known) {
		text := known.Text()
		if len(known.Fields) > 0 {
			text += " " + known.Fields[0].Message
		}
		return models.DeviceFault{Code: string(known.Code), Message: models.Cut(text, 500)}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return models.DeviceFault{Code: string(devices.CodeNotFound), Message: "It did not answer in time."}
	}
	return models.DeviceFault{Code: string(devices.CodeLost), Message: "It failed."}
}
