package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/agent"
	"github.com/neurod/neurod/devices/holder"
	"github.com/neurod/neurod/devices/lsl"
	"github.com/neurod/neurod/models"
)

type agentServeCmd struct {
	Server  string `required:"" env:"NEUROD_SERVER" placeholder:"URL" help:"The server, such as https://eeg.example.org."`
	Key     string `required:"" env:"NEUROD_API_KEY" help:"API key with the scopes devices:run and sessions. Better in NEUROD_API_KEY than on the command line, where others see it."`
	Project string `env:"NEUROD_PROJECT_ID" placeholder:"ID" help:"Project, held against the key's."`
	Name    string `required:"" env:"NEUROD_AGENT" help:"Name of this agent in the project, such as lab-2."`

	Device  []string `sep:"none" placeholder:"JSON" help:"A device, as POST /v2/devices takes it: id, name, type, driver, settings. May be given more than once."`
	Devices string   `type:"existingfile" placeholder:"FILE" help:"A file with a JSON array of devices."`
	Folder  string   `type:"existingdir" placeholder:"DIR" help:"Folder of the recordings that devices play."`

	LSLPeers []string `name:"lsl-peers" placeholder:"HOST" help:"Hosts to ask for LSL streams beside the multicast groups. This machine by default."`
	LSLPort  int      `name:"lsl-port" placeholder:"PORT" help:"First of LSL's 32 ports. 16572 by default."`

	Batch     time.Duration `default:"1s" help:"How much goes out at once."`
	Spool     string        `type:"path" placeholder:"DIR" env:"NEUROD_SPOOL_DIR" help:"Folder of what waits for the server. ~/.neurod/devices by default."`
	SpoolMost int64         `name:"spool-max" default:"1024" placeholder:"MIB" help:"Most MiB of a stream that may wait."`
	SpoolSync time.Duration `name:"spool-sync" default:"1s" help:"Longest time that a power cut may lose; negative for none. The end of the agent loses nothing either way."`
}

// describedDevice is a device as the flags give it.
type describedDevice struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Type     string          `json:"type"`
	Driver   string          `json:"driver"`
	Settings json.RawMessage `json:"settings"`
}

// read returns the devices of the flags.
func (c agentServeCmd) read() ([]describedDevice, error) {
	var out []describedDevice
	strict := func(b []byte, into any) error {
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		return d.Decode(into)
	}
	if c.Devices != "" {
		b, err := os.ReadFile(c.Devices)
		if err != nil {
			return nil, err
		}
		if err := strict(b, &out); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Devices, err)
		}
	}
	for _, text := range c.Device {
		var d describedDevice
		if err := strict([]byte(text), &d); err != nil {
			return nil, fmt.Errorf("--device %s: %w", text, err)
		}
		out = append(out, d)
	}
	if len(out) == 0 {
		return nil, errors.New("no device: give --device or --devices")
	}
	return out, nil
}

// Run runs the devices until the program is stopped. What streams then goes on with the next start.
func (c agentServeCmd) Run(ctx context.Context) error {
	found, err := c.read()
	if err != nil {
		return err
	}
	if c.Spool == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return err
		}
		c.Spool = filepath.Join(home, ".neurod", "devices")
	}
	// Whoever runs the agent says which devices there are: it may use all of its machine.
	cfg := holder.DriversConfig{Ports: []holder.Rule{holder.ParseRule("*"), holder.ParseRule("/dev/*"), holder.ParseRule("/dev/*/*"), holder.ParseRule("/dev/*/*/*")}, Folder: c.Folder,
		Network: lsl.Network{Peers: c.LSLPeers, BasePort: c.LSLPort}}
	for _, name := range holder.Names() {
		cfg.Drivers = append(cfg.Drivers, holder.ParseRule(name))
	}
	drivers := holder.NewDrivers(cfg)
	var list []agent.LinkedDevice
	for _, d := range found {
		dev := models.Device{ID: d.ID, Driver: d.Driver, Settings: d.Settings}
		list = append(list, agent.LinkedDevice{ID: d.ID, Name: d.Name, Type: d.Type, Driver: d.Driver,
			Describe: func(ctx context.Context) (agent.Capabilities, error) {
				can, err := drivers.Describe(ctx, dev)
				return agent.Capabilities(can), err
			},
			Open: func(ctx context.Context, rate float64, from int64) (devices.Source, bool, error) {
				return drivers.Open(ctx, dev, rate, from)
			},
		})
	}
	l, err := agent.NewLink(agent.LinkConfig{Server: c.Server, Key: c.Key, Project: c.Project, Name: c.Name, Devices: list, Dir: c.Spool, Batch: c.Batch, Most: c.SpoolMost << 20, Sync: c.SpoolSync,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	return l.Run(ctx)
}
