// Package devices holds the use cases of devices: they are registered, configured, started, stopped and checked, and whoever runs them (a holder) says
// how they do. A device's stream is a STREAMING session: its samples go through the use cases of sessions, and there is no second way for them.
//
//	Start ──► what is wanted stands on the device's row, with its session ──► a holder is woken, takes the lease, opens the device
//	                                                                          └► samples ──► session; what it observes ──► the row
//	Stop  ──► what is wanted: no stream ──► the holder brings the rest to the session, ends it, and lets go
//
// Holders are alike: package devices/holder inside an API process, for the drivers of its machine, and agents elsewhere (Sync). Invariants:
//
//   - A device has one stream and one holder at a time. Of two starts at once one is DeviceBusy.
//   - A holder that does not renew its lease for models.DeviceLease has lost it; the next one goes on with the same session.
//   - Only who holds the lease writes what was observed: an earlier holder is told store.ErrHeld and stops.
//   - A stream goes on until it is stopped, its source ends, or its session has ended or is gone. A process that ends changes nothing of it.
package devices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/service"
	"github.com/neurod/neurod/internal/service/validate"
	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/jobs"
	"github.com/neurod/neurod/models"
)

// Operations of devices that take an idempotency key. That of a start is kept with the stream, as long as the stream lives.
const (
	OperationCreate = "device_create"
	OperationStart  = "device_stream_start"
)

// Limits of devices.
const (
	MaxPage     = 100
	DefaultPage = 50

	maxName     = 100  // characters, as the devices' document has them
	maxSerial   = 50   // likewise
	maxFirmware = 20   // likewise
	maxObject   = 8192 // bytes of settings or metadata
)

// Store keeps devices.
type Store interface {
	CreateDevice(ctx context.Context, d models.Device, event models.AuditEvent) error
	Devices(ctx context.Context, projectID string) ([]models.Device, error)
	Device(ctx context.Context, projectID, id string) (models.Device, error)
	ChangeDevice(ctx context.Context, c store.DeviceChange) (models.Device, error)
	DeleteDevice(ctx context.Context, projectID, id string, event models.AuditEvent, refuse func(models.Device) error) error
	FreeDevices(ctx context.Context, drivers []string, at time.Time) ([]models.Device, error)
	HeldDevices(ctx context.Context, holder string) ([]models.Device, error)
	RenewDevices(ctx context.Context, holder string, until time.Time) ([]models.Device, error)
}

var _ Store = (*store.Store)(nil)

// Signals wakes who waits for a change, in every process.
type Signals interface {
	Notify(topic string)
	Subscribe(topic string) (<-chan struct{}, func())
	Drained() <-chan struct{}
}

var _ Signals = (*jobs.Engine)(nil)

// Drivers knows the drivers of this process: what a project may use of them, and what their devices can.
type Drivers interface {
	// Describe judges what a device of a driver is set to, and says what it can. It may open the device. Errors: InvalidConfiguration naming the setting,
	// also where the project may not use the driver or the port; StreamNotStarted where the device does not answer.
	Describe(ctx context.Context, d models.Device) (models.DeviceCapabilities, error)
	// Admit reports whether a device can stream as configured, where that can be told without opening it. Error: InvalidConfiguration.
	Admit(d models.Device, c models.StreamConfig) error
	// Present reports whether this process can run a device.
	Present(d models.Device) bool
	// Discover looks for devices that a project may use and that are there.
	Discover(ctx context.Context, projectID string) ([]Found, error)
}

// Found is a device that was discovered. Create makes one of it.
type Found struct {
	Driver       string
	Name         string
	Settings     json.RawMessage
	Capabilities models.DeviceCapabilities
}

// SessionSpec is the session of a stream.
type SessionSpec struct {
	DeviceID       string
	DeviceType     string
	ExternalUserID string
	Name           string
	Tags           []string
	SampleRateHz   float64
	Channels       []string
	HopS           *float64
	Features       []eeg.Feature
	Decode         any // as the way in has read it; NewSession knows it
}

// Config is what the use cases stand on.
type Config struct {
	// Store keeps the devices. Required.
	Store Store
	// Signals wakes holders and whoever waits for them. Required.
	Signals Signals
	// Drivers are those of this process. Defaults to none: every device is an agent's.
	Drivers Drivers
	// NewSession judges the session of a stream and returns it; it is stored with the stream. EndSession ends one. Required.
	NewSession func(ctx context.Context, p models.Principal, s SessionSpec) (models.Session, error)
	EndSession func(ctx context.Context, p models.Principal, id string) error
	// Quotas holds projects to what they may have. Defaults to none.
	Quotas *service.Quotas
	// StartWait is how long Start waits for the device's first sample, StopWait how long Stop waits for its last. Default to 10 s.
	StartWait, StopWait time.Duration
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Service is the use case of devices. It is safe for concurrent use.
type Service struct{ cfg Config }

// New returns the use case.
func New(cfg Config) *Service {
	if cfg.StartWait <= 0 {
		cfg.StartWait = 10 * time.Second
	}
	if cfg.StopWait <= 0 {
		cfg.StopWait = 10 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Drivers == nil {
		cfg.Drivers = noDrivers{}
	}
	return &Service{cfg}
}

// noDrivers is a process that runs no device.
type noDrivers struct{}

func (noDrivers) Describe(context.Context, models.Device) (models.DeviceCapabilities, error) {
	return models.DeviceCapabilities{}, models.InvalidSetting(models.At("driver"), "not_allowed", "is none that this server runs")
}
func (noDrivers) Admit(models.Device, models.StreamConfig) error    { return nil }
func (noDrivers) Present(models.Device) bool                        { return false }
func (noDrivers) Discover(context.Context, string) ([]Found, error) { return nil, nil }

// Device is a device as it stands now.
type Device struct {
	models.Device
	Status models.DeviceStatus
	State  models.StreamState // of its stream, "" for none
}

// view returns a device as it stands now.
func (s *Service) view(d models.Device) Device {
	now := s.cfg.Now()
	return Device{Device: d, Status: d.Status(now, d.Agent == "" && s.cfg.Drivers.Present(d)), State: d.StreamState(now)}
}

// Topic is what Signals tells of every change of a device of a project: of what is wanted, and of how it stands.
func Topic(projectID string) string { return "devices:" + projectID }

// The topics of holders.
const freeTopic = "devices-free"

func agentTopic(projectID, agent string) string { return "agent:" + projectID + ":" + agent }

// changed tells everybody of a change of what is wanted or observed.
func (s *Service) changed(d models.Device) {
	s.cfg.Signals.Notify(Topic(d.ProjectID))
	if d.Agent != "" {
		s.cfg.Signals.Notify(agentTopic(d.ProjectID, d.Agent))
	} else {
		s.cfg.Signals.Notify(freeTopic)
	}
}

// Watch returns a channel that gets a value after changes of the project's devices, and a function that ends it: for those that follow how devices stand.
// A signal may be lost: look now and then without one, as leases also end without any.
func (s *Service) Watch(p models.Principal) (<-chan struct{}, func(), error) {
	if err := service.Authorize(p, models.RightDevicesRead); err != nil {
		return nil, nil, err
	}
	changed, end := s.cfg.Signals.Subscribe(Topic(p.ProjectID))
	return changed, end, nil
}

// Filter selects devices of the project.
type Filter struct {
	Status models.DeviceStatus // "" for all
	Type   models.DeviceType   // "" for all
	Search string              // in id, name and serial number, whatever the case; "" for all
	Page   int                 // from 1
	Size   int
}

// Page is a part of a list, by id.
type Page struct {
	Devices []Device
	Total   int // that match
	Page    int
	Size    int
}

// List returns a page of the project's devices.
func (s *Service) List(ctx context.Context, p models.Principal, f Filter) (Page, error) {
	all, err := s.All(ctx, p)
	if err != nil {
		return Page{}, err
	}
	f.Page, f.Size = max(1, f.Page), min(max(1, f.Size), MaxPage)
	search := strings.ToLower(f.Search)
	var match []Device
	for _, d := range all {
		if (f.Status == "" || d.Status == f.Status) && (f.Type == "" || d.Type == f.Type) &&
			(search == "" || strings.Contains(strings.ToLower(d.ID+"\n"+d.Name+"\n"+d.SerialNumber), search)) {
			match = append(match, d)
		}
	}
	out := Page{Total: len(match), Page: f.Page, Size: f.Size}
	if from := (f.Page - 1) * f.Size; from < len(match) && from >= 0 {
		out.Devices = match[from:min(from+f.Size, len(match))]
	}
	return out, nil
}

// All returns the devices of the project, by id. A quota bounds how many there are.
func (s *Service) All(ctx context.Context, p models.Principal) ([]Device, error) {
	if err := service.Authorize(p, models.RightDevicesRead); err != nil {
		return nil, err
	}
	found, err := s.cfg.Store.Devices(ctx, p.ProjectID)
	if err != nil {
		return nil, service.Unavailable(err)
	}
	out := make([]Device, len(found))
	for i, d := range found {
		out[i] = s.view(d)
	}
	return out, nil
}

// Get returns a device of the project. Error: DeviceNotFound, whose details name the devices that there are.
func (s *Service) Get(ctx context.Context, p models.Principal, id string) (Device, error) {
	d, err := s.get(ctx, p, models.RightDevicesRead, id)
	if err != nil {
		return Device{}, err
	}
	return s.view(d), nil
}

// Known refuses an id that is no device of a project: DeviceNotFound. It is for other use cases, and acts for no caller.
func (s *Service) Known(ctx context.Context, projectID, id string) error {
	if _, err := s.cfg.Store.Device(ctx, projectID, id); err != nil {
		return s.absent(ctx, models.Principal{ProjectID: projectID}, id, err)
	}
	return nil
}

func (s *Service) get(ctx context.Context, p models.Principal, right models.Right, id string) (models.Device, error) {
	if err := service.Authorize(p, right); err != nil {
		return models.Device{}, err
	}
	d, err := s.cfg.Store.Device(ctx, p.ProjectID, id)
	if err != nil {
		return models.Device{}, s.absent(ctx, p, id, err)
	}
	return d, nil
}

// mostNamed is how many devices an error names.
const mostNamed = 20

// absent is the error of a call about a device that is not there, as the devices' document has it.
func (s *Service) absent(ctx context.Context, p models.Principal, id string, err error) error {
	var known *models.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case !errors.Is(err, store.ErrNotFound):
		return service.Unavailable(err)
	}
	e := models.Errorf(models.DeviceNotFound, "Device with ID '%s' not found", validate.Short(id))
	e.Details = map[string]any{"resource_type": "device", "resource_id": models.Cut(id, models.MaxPathBytes)}
	if p.May(models.RightDevicesRead) {
		there := []string{}
		found, err := s.cfg.Store.Devices(ctx, p.ProjectID)
		if err != nil {
			return service.Unavailable(err)
		}
		for _, d := range found[:min(len(found), mostNamed)] {
			there = append(there, d.ID)
		}
		e.Details["available_devices"] = there
	}
	return e
}

// NewDevice describes a device to be made.
type NewDevice struct {
	ID              string            // defaults to the driver and a number, such as openbci_001
	Name            string            // defaults to the id
	Type            models.DeviceType // defaults to EEG
	Driver          string
	SerialNumber    string
	FirmwareVersion string
	Settings        json.RawMessage // of the driver; nil for none
	Metadata        json.RawMessage
	Config          ConfigChange
	Maintenance     bool
}

// deviceID is what a device may be called: it is part of paths and topics.
var deviceID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// reserved is what ways in have beside the ids of devices.
const reserved = "discover"

// Draft judges a device that this server is to run and returns it as Add stores it. Errors: InvalidRequestBody and InvalidConfiguration naming each wrong
// field, StreamNotStarted where the driver has to ask the device and that does not answer.
func (s *Service) Draft(ctx context.Context, p models.Principal, n NewDevice) (models.Device, error) {
	if err := service.Authorize(p, models.RightDevicesManage); err != nil {
		return models.Device{}, err
	}
	d, err := s.check(p, n)
	if err != nil {
		return d, err
	}
	if n.Driver == models.DriverRemote {
		return d, models.InvalidSetting(models.At("driver"), "not_allowed", "is %q: the agent that runs such a device announces it", n.Driver)
	}
	if n.Config.SampleRate != nil { // it may depend on it what the device can do
		d.Config.SampleRate = *n.Config.SampleRate
	}
	if d.Capabilities, err = s.cfg.Drivers.Describe(ctx, d); err != nil {
		return d, err
	}
	d.Config, err = n.Config.apply(models.StreamConfig{}, d.Capabilities)
	return d, err
}

// Add registers a device that was drafted. Errors: DeviceIDTaken, ProjectQuotaFull.
func (s *Service) Add(ctx context.Context, p models.Principal, d models.Device) (Device, error) {
	if err := service.Authorize(p, models.RightDevicesManage); err != nil {
		return Device{}, err
	}
	if d.ProjectID != p.ProjectID {
		return Device{}, models.NewError(models.ProjectNotFound)
	}
	done, err := s.cfg.Quotas.Take(ctx, p.ProjectID, service.Wants{models.QuotaDevices: 1}, nil)
	if err != nil {
		return Device{}, err
	}
	defer done()
	if err := s.create(ctx, p, &d); err != nil {
		return Device{}, err
	}
	return s.view(d), nil
}

// Create is Draft and Add.
func (s *Service) Create(ctx context.Context, p models.Principal, n NewDevice) (Device, error) {
	d, err := s.Draft(ctx, p, n)
	if err != nil {
		return Device{}, err
	}
	return s.Add(ctx, p, d)
}

// Change is what is to be changed of a device; nil stays.
type Change struct {
	Name            *string
	SerialNumber    *string
	FirmwareVersion *string
	Metadata        json.RawMessage // an object; null for none
	Maintenance     *bool
}

// Change changes what is said of a device. One that is taken into maintenance while it streams goes on until it is stopped. Errors: DeviceNotFound,
// InvalidRequestBody.
func (s *Service) Change(ctx context.Context, p models.Principal, id string, c Change) (Device, error) {
	was, err := s.get(ctx, p, models.RightDevicesManage, id)
	if err != nil {
		return Device{}, err
	}
	n := NewDevice{ID: id, Name: was.Name, Type: was.Type, Driver: was.Driver, Metadata: c.Metadata}
	for to, v := range map[*string]*string{&n.Name: c.Name, &n.SerialNumber: c.SerialNumber, &n.FirmwareVersion: c.FirmwareVersion} {
		if v != nil {
			*to = *v
		}
	}
	said, err := s.check(p, n)
	if err != nil {
		return Device{}, err
	}
	e := by(p, models.AuditDeviceConfigured, id)
	d, err := s.cfg.Store.ChangeDevice(ctx, store.DeviceChange{ProjectID: p.ProjectID, ID: id, Event: &e, Change: func(d *models.Device) error {
		for to, v := range map[*string]*string{&d.Name: c.Name, &d.SerialNumber: c.SerialNumber, &d.FirmwareVersion: c.FirmwareVersion} {
			if v != nil {
				*to = *v
			}
		}
		if c.Metadata != nil {
			d.Metadata = said.Metadata
		}
		if c.Maintenance != nil {
			d.Maintenance = *c.Maintenance
		}
		d.UpdatedAt = s.cfg.Now()
		return nil
	}})
	if err != nil {
		return Device{}, s.absent(ctx, p, id, err)
	}
	s.changed(d)
	return s.view(d), nil
}

// create stores a device, and gives it an id where it has none.
func (s *Service) create(ctx context.Context, p models.Principal, d *models.Device) error {
	named := d.ID != ""
	for tries := 0; ; tries++ {
		if !named {
			if err := s.number(ctx, d); err != nil {
				return err
			}
		}
		if d.Name == "" {
			d.Name = d.ID
		}
		err := s.cfg.Store.CreateDevice(ctx, *d, by(p, models.AuditDeviceCreated, d.ID))
		switch {
		case err == nil:
			s.changed(*d)
			return nil
		case errors.Is(err, store.ErrDuplicate) && !named && tries < 10:
			continue // another call has just taken the number
		case errors.Is(err, store.ErrDuplicate):
			e := models.Errorf(models.DeviceIDTaken, "The project has a device '%s' already.", d.ID)
			e.Details = map[string]any{"resource_type": "device", "resource_id": d.ID}
			return e
		default:
			return service.Absent(err, models.ProjectNotFound)
		}
	}
}

// number gives a device the first free number of its driver.
func (s *Service) number(ctx context.Context, d *models.Device) error {
	found, err := s.cfg.Store.Devices(ctx, d.ProjectID)
	if err != nil {
		return service.Unavailable(err)
	}
	for n := 1; ; n++ {
		id := fmt.Sprintf("%s_%03d", d.Driver, n)
		if !slices.ContainsFunc(found, func(o models.Device) bool { return o.ID == id }) {
			if d.Name == "" {
				d.Name = id
			}
			d.ID = id
			return nil
		}
	}
}

// check judges what is said of a device.
func (s *Service) check(p models.Principal, n NewDevice) (models.Device, error) {
	var wrong validate.Fields
	text := func(path, v string, most int) {
		if v != "" {
			if fault := validate.NameFault(v, most); fault != "" {
				wrong.Add(models.At(path), fault, "must have 1 to %d characters and no control characters", most)
			}
		}
	}
	object := func(path string, b json.RawMessage) json.RawMessage {
		v := strings.TrimSpace(string(b))
		if v == "" || v == "null" {
			return nil
		}
		switch {
		case v[0] != '{':
			wrong.Add(models.At(path), "type", "must be an object")
		case len(v) > maxObject:
			wrong.Add(models.At(path), "too_long", "has %d bytes; at most %d are allowed", len(v), maxObject)
		}
		return json.RawMessage(v)
	}
	if n.ID == reserved {
		wrong.Add(models.At("id"), "not_allowed", "is a word of the API; choose another")
	} else if n.ID != "" && !deviceID.MatchString(n.ID) {
		wrong.Add(models.At("id"), "invalid", "must have 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or a digit")
	}
	text("name", n.Name, maxName)
	text("serial_number", n.SerialNumber, maxSerial)
	text("firmware_version", n.FirmwareVersion, maxFirmware)
	if n.Type == "" {
		n.Type = models.DeviceEEG
	}
	if !n.Type.Valid() {
		wrong.OneOf(models.At("type"), string(n.Type), list(models.DeviceTypes()))
	}
	if n.Driver == "" {
		wrong.Add(models.At("driver"), "required", "is required: what reads the device, such as synthetic")
	}
	now := s.cfg.Now()
	d := models.Device{ProjectID: p.ProjectID, ID: n.ID, Name: n.Name, Type: n.Type, Driver: n.Driver, SerialNumber: n.SerialNumber, FirmwareVersion: n.FirmwareVersion,
		Settings: object("settings", n.Settings), Metadata: object("metadata", n.Metadata), Maintenance: n.Maintenance, CreatedAt: now, UpdatedAt: now}
	if len(wrong) > 0 {
		return d, &models.Error{Code: models.InvalidRequestBody, Fields: wrong}
	}
	return d, nil
}

func list[T ~string](all []T) []string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = string(v)
	}
	return out
}

// by is the line of the audit log of what somebody does to a device.
func by(p models.Principal, action models.AuditAction, id string) models.AuditEvent {
	e := models.AuditEvent{ActorKind: models.ActorUser, Actor: p.UserID, Action: action, Subject: id}
	if p.KeyID != "" {
		e.ActorKind, e.Actor = models.ActorKey, p.KeyID
	}
	return e
}

// Delete forgets a device; its sessions stay. Errors: DeviceNotFound, DeviceBusy while it streams.
func (s *Service) Delete(ctx context.Context, p models.Principal, id string) error {
	if err := service.Authorize(p, models.RightDevicesManage); err != nil {
		return err
	}
	var was models.Device
	err := s.cfg.Store.DeleteDevice(ctx, p.ProjectID, id, by(p, models.AuditDeviceDeleted, id), func(d models.Device) error {
		was = d
		if d.Stream != nil {
			return busy(d, "It streams; stop it first.")
		}
		return nil
	})
	if err != nil {
		return s.absent(ctx, p, id, err)
	}
	s.changed(was)
	return nil
}

// busy is the error of a device that is in use.
func busy(d models.Device, why string) *models.Error {
	e := models.Errorf(models.DeviceBusy, "Device '%s' is already in use. %s", d.ID, why)
	e.Details = map[string]any{"resource_type": "device", "resource_id": d.ID}
	if st := d.Stream; st != nil {
		e.Details["stream_id"], e.Details["session_id"] = st.ID, st.SessionID
	}
	return e
}

// Discover looks for devices that are there and that the project may use: of the drivers of this process. Those of agents announce themselves and are in
// the list. Create makes devices of what is found.
func (s *Service) Discover(ctx context.Context, p models.Principal) ([]Found, error) {
	if err := service.Authorize(p, models.RightDevicesUse); err != nil {
		return nil, err
	}
	return s.cfg.Drivers.Discover(ctx, p.ProjectID)
}
