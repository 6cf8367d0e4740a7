package devices

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// ConfigChange is what is said of how a device is to stream. What is nil is not said.
type ConfigChange struct {
	SampleRate *float64
	Channels   *[]Channel // none for all
	Filters    *FilterChange
	// DropFilters takes all filters away.
	DropFilters bool
}

// Channel names a channel of a device, by its number from 1 on or by its name.
type Channel struct {
	Number int // 0 where Name says it
	Name   string
}

// FilterChange is what the delivered samples are to go through: all of it, what is nil is not filtered. Bandpass is a high-pass and a low-pass by
// another name.
type FilterChange struct {
	Notch, Highpass, Lowpass *float64 // Hz
	Bandpass                 *[2]float64
}

// Configure changes how a device streams. Of one that streams the filters alone can change, from now on: the rate and the channels are the session's.
// Errors: DeviceNotFound, InvalidConfiguration naming each wrong field and what the device can, DeviceBusy.
func (s *Service) Configure(ctx context.Context, p models.Principal, id string, c ConfigChange) (Device, error) {
	was, err := s.get(ctx, p, models.RightDevicesUse, id)
	if err != nil {
		return Device{}, err
	}
	caps, err := s.capabilities(ctx, was)
	if err != nil {
		return Device{}, err
	}
	e := by(p, models.AuditDeviceConfigured, id)
	d, err := s.cfg.Store.ChangeDevice(ctx, store.DeviceChange{ProjectID: p.ProjectID, ID: id, Event: &e, Change: func(d *models.Device) error {
		if d.Agent == "" {
			d.Capabilities = caps
		}
		config, err := c.apply(d.Config, d.Capabilities)
		if err != nil {
			return err
		}
		if st := d.Stream; st != nil {
			if c.SampleRate != nil || c.Channels != nil {
				return busy(*d, "Its sample rate and channels are those of its session; stop it first.")
			}
			if st.Config, err = c.apply(st.Config, d.Capabilities); err != nil {
				return err
			}
		}
		d.Config, d.UpdatedAt = config, s.cfg.Now()
		d.Revision++
		return nil
	}})
	if err != nil {
		return Device{}, s.absent(ctx, p, id, err)
	}
	s.changed(d)
	return s.view(d), nil
}

// capabilities returns what a device can; of one that only tells when it is opened, by asking it.
func (s *Service) capabilities(ctx context.Context, d models.Device) (models.DeviceCapabilities, error) {
	if d.Agent != "" || len(d.Capabilities.Channels) > 0 || d.Stream != nil {
		return d.Capabilities, nil
	}
	return s.cfg.Drivers.Describe(ctx, d)
}

// apply returns a configuration with a change, held to what the device can. Error: InvalidConfiguration.
func (c ConfigChange) apply(to models.StreamConfig, can models.DeviceCapabilities) (models.StreamConfig, error) {
	var wrong validate.Fields
	to = to.Clone()
	if c.SampleRate != nil {
		if to.SampleRate = *c.SampleRate; !hasRate(can, to.SampleRate) {
			wrong.Add(models.At("sample_rate"), "not_supported", "is %g Hz; the device has %s", to.SampleRate, rates(can))
		}
	}
	if c.Channels != nil {
		to.Channels = channels(*c.Channels, can, &wrong)
	}
	if c.DropFilters {
		to.Filters = nil
	}
	if c.Filters != nil {
		to.Filters = c.Filters.read(&wrong)
	}
	if to.Filters != nil {
		checkFilters(*to.Filters, rateOf(to, can), &wrong)
	}
	if len(wrong) > 0 {
		return to, refused(can, wrong)
	}
	return to, nil
}

// refused is the error of a configuration that a device cannot have. It says what the device can.
func refused(can models.DeviceCapabilities, wrong validate.Fields) *models.Error {
	supported := map[string]any{}
	if len(can.Channels) > 0 {
		supported["channels"] = can.Channels
	}
	if len(can.SampleRates) > 0 {
		supported["sample_rates"] = can.SampleRates
	}
	if can.MaxSampleRate > 0 {
		supported["min_sample_rate"], supported["max_sample_rate"] = can.MinSampleRate, can.MaxSampleRate
	}
	return &models.Error{Code: models.InvalidConfiguration, Fields: wrong, Details: map[string]any{"supported": supported}}
}

// rateOf is the rate that a stream would have, 0 where only the device tells.
func rateOf(c models.StreamConfig, can models.DeviceCapabilities) float64 {
	if c.SampleRate > 0 {
		return c.SampleRate
	}
	return can.SampleRate
}

// hasRate reports whether a device has a rate. One that tells its rates only when it is opened is asked then.
func hasRate(can models.DeviceCapabilities, rate float64) bool {
	if !(rate > 0) || math.IsInf(rate, 0) {
		return false
	}
	if len(can.SampleRates) == 0 && can.MaxSampleRate == 0 {
		return true
	}
	return slices.Contains(can.SampleRates, rate) || can.MaxSampleRate > 0 && rate >= can.MinSampleRate && rate <= can.MaxSampleRate
}

// rates says in words which rates a device has.
func rates(can models.DeviceCapabilities) string {
	if can.MaxSampleRate > 0 {
		return strconv.FormatFloat(can.MinSampleRate, 'g', -1, 64) + " to " + strconv.FormatFloat(can.MaxSampleRate, 'g', -1, 64) + " Hz"
	}
	if len(can.SampleRates) == 0 {
		return "rates greater than 0"
	}
	texts := make([]string, len(can.SampleRates))
	for i, r := range can.SampleRates {
		texts[i] = strconv.FormatFloat(r, 'g', -1, 64)
	}
	return strings.Join(texts, " or ") + " Hz"
}

// channels returns the names of channels. A device that tells its channels only when it is opened takes names alone.
func channels(chosen []Channel, can models.DeviceCapabilities, wrong *validate.Fields) []string {
	var out []string
	for i, c := range chosen {
		path := models.At("channels").Index(i)
		name := c.Name
		switch {
		case name == "" && len(can.Channels) == 0:
			wrong.Add(path, "not_supported", "is a number; this device tells its channels only when it is open: name them")
			continue
		case name == "" && (c.Number < 1 || c.Number > len(can.Channels)):
			wrong.Add(path, "not_supported", "is %d; the device has the channels 1 to %d", c.Number, len(can.Channels))
			continue
		case name == "":
			name = can.Channels[c.Number-1]
		case len(can.Channels) > 0 && !slices.Contains(can.Channels, name):
			wrong.Add(path, "not_supported", "is %q; the device has %s", validate.Short(name), models.Cut(strings.Join(can.Channels, ", "), 400))
			continue
		}
		if first := slices.Index(out, name); first >= 0 {
			wrong.Add(path, "duplicate", "is the same as channel %d of the list", first+1)
			continue
		}
		out = append(out, name)
	}
	return out
}

// read returns filters with the band-pass as a high-pass and a low-pass; nil for none.
func (f FilterChange) read(wrong *validate.Fields) *models.StreamFilters {
	out := models.StreamFilters{Notch: f.Notch, Highpass: f.Highpass, Lowpass: f.Lowpass}
	if b := f.Bandpass; b != nil {
		if f.Highpass != nil || f.Lowpass != nil {
			wrong.Add(models.At("filters", "bandpass"), "conflict", "must not stand beside highpass and lowpass, which are the same")
		}
		out.Highpass, out.Lowpass = &b[0], &b[1]
	}
	if out == (models.StreamFilters{}) {
		return nil
	}
	return &out
}

// checkFilters holds filters to frequencies that the rate can show.
func checkFilters(f models.StreamFilters, rate float64, wrong *validate.Fields) {
	half := rate / 2
	if rate <= 0 {
		half = math.MaxFloat64
	}
	for _, one := range []struct {
		name string
		hz   *float64
	}{{"notch", f.Notch}, {"highpass", f.Highpass}, {"lowpass", f.Lowpass}} {
		if one.hz != nil && !(*one.hz > 0 && *one.hz < half) {
			wrong.Add(models.At("filters", one.name), "out_of_range", "is %g Hz; must be greater than 0 and under half the sample rate, %g Hz", *one.hz, half)
		}
	}
	if f.Highpass != nil && f.Lowpass != nil && *f.Highpass >= *f.Lowpass {
		wrong.Add(models.At("filters", "highpass"), "out_of_range", "is %g Hz; must be under the low-pass of %g Hz", *f.Highpass, *f.Lowpass)
	}
}

// StreamOf returns the stream that a session is recorded from, for those that deliver its samples: its configuration has the filters. found is false where
// the session's device does not stream into it any more.
func (s *Service) StreamOf(ctx context.Context, p models.Principal, ses models.Session) (st models.DeviceStream, found bool, err error) {
	if err := service.Authorize(p, models.RightSessionsRead); err != nil {
		return st, false, err
	}
	if ses.DeviceID == "" || ses.ProjectID != p.ProjectID {
		return st, false, nil
	}
	d, err := s.cfg.Store.Device(ctx, p.ProjectID, ses.DeviceID)
	if err != nil {
		if models.CodeOf(service.Absent(err, models.DeviceNotFound)) == models.DeviceNotFound {
			return st, false, nil
		}
		return st, false, service.Unavailable(err)
	}
	if d.Stream == nil || d.Stream.SessionID != ses.ID {
		return st, false, nil
	}
	return *d.Stream, true, nil
}
