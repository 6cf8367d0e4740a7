package models

import (
	"encoding/json"
	"slices"
	"time"
)

// DeviceLease is how long a holder keeps a device that it does not renew: what a killed process held is free again within it. Holders renew every
// DeviceRenewal.
const (
	DeviceLease   = 10 * time.Second
	DeviceRenewal = 3 * time.Second
)

// DeviceType is what a device measures or does.
type DeviceType string

// The types of devices, as the devices' document has them. Samples come from those that record.
const (
	DeviceEEG    DeviceType = "EEG"
	DeviceEMG    DeviceType = "EMG"
	DeviceECG    DeviceType = "ECG"
	DeviceFNIRS  DeviceType = "fNIRS"
	DeviceTMS    DeviceType = "TMS"
	DeviceTDCS   DeviceType = "tDCS"
	DeviceHybrid DeviceType = "HYBRID"
)

// DeviceTypes lists every type.
func DeviceTypes() []DeviceType {
	return []DeviceType{DeviceEEG, DeviceEMG, DeviceECG, DeviceFNIRS, DeviceTMS, DeviceTDCS, DeviceHybrid}
}

// Valid reports whether t is a known type.
func (t DeviceType) Valid() bool { return slices.Contains(DeviceTypes(), t) }

// DeviceStatus is how a device stands, in one word of the devices' document.
type DeviceStatus string

// The statuses.
const (
	DeviceOnline      DeviceStatus = "ONLINE"      // it can stream, or does
	DeviceOffline     DeviceStatus = "OFFLINE"     // nobody is there who could run it
	DeviceMaintenance DeviceStatus = "MAINTENANCE" // taken out of use by its project
	DeviceError       DeviceStatus = "ERROR"       // it failed, or is away while it should stream
)

// DeviceStatuses lists every status.
func DeviceStatuses() []DeviceStatus {
	return []DeviceStatus{DeviceOnline, DeviceOffline, DeviceMaintenance, DeviceError}
}

// Valid reports whether s is a known status.
func (s DeviceStatus) Valid() bool { return slices.Contains(DeviceStatuses(), s) }

// StreamState is how far a device's stream is.
//
//	start ──► starting ──► streaming ◄──► away        stop or the source's end ──► stopping ──► (no stream)
type StreamState string

// The states of a stream.
const (
	StreamStarting  StreamState = "starting"  // wanted; nobody has read a sample yet
	StreamStreaming StreamState = "streaming" // samples come
	StreamAway      StreamState = "away"      // the device, or who holds it, is away; the session goes on when it is back
	StreamStopping  StreamState = "stopping"  // what was read is being brought to the session, which ends then
)

// DriverRemote is the driver of devices that an agent on another machine runs.
const DriverRemote = "remote"

// Device is something that samples can be read from: it hangs on a process of the service, or on an agent elsewhere. Its row says what is wanted of it
// (a stream, or none) and what was observed, which only its holder writes: who holds the lease, fenced by a number that every change of holders raises.
type Device struct {
	ProjectID       string
	ID              string // the caller's or given; unique in the project
	Name            string
	Type            DeviceType
	Driver          string
	Agent           string // the agent that runs it; "" where the service does
	SerialNumber    string
	FirmwareVersion string
	Settings        json.RawMessage    // of the driver, JSON object; nil for none
	Metadata        json.RawMessage    // the caller's, JSON object; nil for none
	Capabilities    DeviceCapabilities // stored as JSON text
	Config          StreamConfig       // what a stream has that does not say otherwise; stored as JSON text
	Maintenance     bool

	Stream   *DeviceStream  // what is wanted, nil for no stream; stored as JSON text
	Command  *DeviceCommand // what is to be done beside it, nil for nothing; stored as JSON text
	Revision int64          // raised whenever what is wanted changes

	Holder   string       // who has the lease, "" for nobody
	Fence    int64        // raised whenever the holder changes
	LeaseEnd *time.Time   // nil for no lease
	Report   DeviceReport // what the holder observed last; stored as JSON text
	SeenAt   *time.Time   // when it did

	CreatedAt time.Time
	UpdatedAt time.Time
}

// DeviceCapabilities says what a device can.
type DeviceCapabilities struct {
	// Channels are all that it has, in order; empty where it tells only when it is opened.
	Channels []string `json:"channels,omitempty"`
	// SampleRates are those that it has; or all between the two, where those are not 0. Nothing where it tells only when it is opened.
	SampleRates   []float64 `json:"sample_rates,omitempty"`
	MinSampleRate float64   `json:"min_sample_rate,omitempty"`
	MaxSampleRate float64   `json:"max_sample_rate,omitempty"`
	// SampleRate is the one of a stream that asks for none.
	SampleRate float64 `json:"sample_rate,omitempty"`
	// Impedance tells whether it measures that of its electrodes.
	Impedance bool `json:"impedance"`
	// Counter tells that it numbers its samples, so that losses are exact.
	Counter bool `json:"counter"`
}

// StreamFilters are what the delivered samples go through. The raw ones are what is stored.
type StreamFilters struct {
	Notch    *float64 `json:"notch,omitempty"`    // Hz
	Highpass *float64 `json:"highpass,omitempty"` // Hz
	Lowpass  *float64 `json:"lowpass,omitempty"`  // Hz
}

// StreamConfig is how a device is to stream. The zero value asks for nothing in particular.
type StreamConfig struct {
	SampleRate float64        `json:"sample_rate,omitempty"` // Hz; 0 for the device's own
	Channels   []string       `json:"channels,omitempty"`    // in the order of the session; none for all
	Filters    *StreamFilters `json:"filters,omitempty"`     // nil for none
}

// DeviceStream is a stream that is wanted of a device. It lives from its start until everything that was read of it is in its session.
type DeviceStream struct {
	ID        string       `json:"id"`
	SessionID string       `json:"session_id"`
	Config    StreamConfig `json:"config"`
	Stopping  bool         `json:"stopping,omitempty"`
	Key       Idempotency  `json:"key,omitzero"` // of the call that started it: its repetition is given the same stream
	StartedAt time.Time    `json:"started_at"`
}

// DeviceCommandKind names what a holder is asked for beside streaming.
type DeviceCommandKind string

// The kinds of commands.
const (
	CommandCheck     DeviceCommandKind = "check"     // the check before a recording
	CommandImpedance DeviceCommandKind = "impedance" // of the electrodes
)

// DeviceCommand is something that a holder is asked for once. A device has one at a time.
type DeviceCommand struct {
	ID      string            `json:"id"`
	Kind    DeviceCommandKind `json:"kind"`
	Seconds float64           `json:"seconds,omitempty"`
	Until   time.Time         `json:"until"` // nobody waits for it any more then
}

// DeviceReport is what the holder of a device observed.
type DeviceReport struct {
	// StreamID is the stream that it is about, and State how that is; "" for none.
	StreamID string      `json:"stream_id,omitempty"`
	State    StreamState `json:"state,omitempty"`
	// Revision is the last of the device's that the holder has seen to.
	Revision int64 `json:"revision,omitempty"`
	// Fault is why the device does not stream although it should, or why its last stream ended; nil for nothing.
	Fault *DeviceFault `json:"fault,omitempty"`
	// Channels and SampleRate are those of the device that is open.
	Channels   []string `json:"channels,omitempty"`
	SampleRate float64  `json:"sample_rate,omitempty"`
	// Samples is the number behind the last sample of the session that was read; Missing those that were not, by cause; Waiting the bytes that the session
	// has yet to take; Dropped the markers and readings that nobody had room for.
	Samples int64            `json:"samples,omitempty"`
	Missing map[string]int64 `json:"missing,omitempty"`
	Waiting int64            `json:"waiting_bytes,omitempty"`
	Dropped int              `json:"dropped_markers,omitempty"`
	// Clock is what the time of the source was found to do: drift, jitter, jumps, losses.
	Clock json.RawMessage `json:"clock,omitempty"`
	// Readings are the newest of what it measures beside its channels, by name.
	Readings map[string]DeviceReading `json:"readings,omitempty"`
	// Done is the command that was carried out last, with what it gave.
	Done   string          `json:"done,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Failed *DeviceFault    `json:"failed,omitempty"` // instead of a result
}

// DeviceReading is what a device measured beside its channels.
type DeviceReading struct {
	Unit   string    `json:"unit"`
	Values []float64 `json:"values"`
	AtMS   int64     `json:"at_unix_ms"`
}

// DeviceFault is why a device fails, by the stable code of its driver.
type DeviceFault struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Held reports whether somebody holds the device at a time.
func (d Device) Held(now time.Time) bool {
	return d.Holder != "" && d.LeaseEnd != nil && now.Before(*d.LeaseEnd)
}

// StreamState is how far the stream of the device is at a time, "" for none.
func (d Device) StreamState(now time.Time) StreamState {
	switch {
	case d.Stream == nil:
		return ""
	case d.Stream.Stopping:
		return StreamStopping
	case d.Report.StreamID != d.Stream.ID || d.Report.State == "":
		return StreamStarting
	case !d.Held(now):
		return StreamAway
	}
	return d.Report.State
}

// Status is how the device stands at a time. present says of a device without an agent whether the service can run it.
func (d Device) Status(now time.Time, present bool) DeviceStatus {
	held := d.Held(now)
	switch {
	case d.Maintenance:
		return DeviceMaintenance
	case d.Agent != "" && !held, d.Agent == "" && !held && !present:
		return DeviceOffline
	case d.Report.Fault != nil, d.StreamState(now) == StreamAway:
		return DeviceError
	}
	return DeviceOnline
}

// Clone returns a copy that shares nothing with c.
func (c StreamConfig) Clone() StreamConfig {
	c.Channels = slices.Clone(c.Channels)
	if f := c.Filters; f != nil {
		one := *f
		c.Filters = &one
	}
	return c
}
