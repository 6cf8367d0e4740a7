package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/agent"
	"github.com/neurod/neurod/devices/check"
	"github.com/neurod/neurod/devices/clock"
	"github.com/neurod/neurod/devices/group"
	"github.com/neurod/neurod/devices/lsl"
	"github.com/neurod/neurod/devices/openbci"
	"github.com/neurod/neurod/devices/playback"
	"github.com/neurod/neurod/devices/synthetic"
)

// sourceFlags choose a device and say how it is set.
type sourceFlags struct {
	Source string `required:"" enum:"synthetic,playback,lsl,openbci,ganglion,group" help:"What gives the samples: synthetic, playback, lsl, openbci (a Cyton), ganglion, or group (several people)."`

	Channels []string `help:"Channels: electrodes of a synthetic device, those of a recording or a stream to take. All by default."`
	Rate     float64  `help:"Sampling rate of a synthetic device, or of a file that does not tell its own, in Hz."`
	Speed    float64  `default:"1" help:"How much faster than real time a synthetic device or a recording goes; negative is as fast as possible."`

	Pattern string  `enum:"rest,alpha,ssvep,imagery,sine" default:"rest" help:"Synthetic: rest, alpha, ssvep, imagery or sine."`
	Seed    uint64  `help:"Synthetic: seed."`
	Flicker float64 `placeholder:"HZ" default:"12" help:"Synthetic: what ssvep looks at."`
	Blinks  bool    `help:"Synthetic: a blink every 3 s."`
	Mains   float64 `placeholder:"HZ" help:"Synthetic: hum of 20 µV."`

	File string `placeholder:"FILE" help:"Playback: the recording, of any format neurod reads."`
	Loop bool   `help:"Playback: begin again at the end."`

	Port          string `placeholder:"PORT" help:"OpenBCI: port of the dongle, such as /dev/ttyUSB0, /dev/ttyACM0 or COM3."`
	Board         string `placeholder:"NAME" help:"Ganglion: name or address of the board. The only one in reach by default."`
	Accelerometer bool   `help:"Ganglion: read the accelerometer; samples have 18 bits then instead of 19."`

	Member []string `sep:"none" placeholder:"NAME=SOURCE[:WHAT]" help:"Group: a person and their device, such as \"anna=lsl:name='anna'\" or bob=openbci:/dev/ttyUSB0: WHAT is the query, port, file or pattern. Twice or more."`

	Query   string   `placeholder:"QUERY" help:"LSL: which stream, such as \"name='BioSemi'\". type='EEG' by default."`
	Markers []string `sep:";" placeholder:"QUERY" help:"LSL: streams of markers, such as \"type='Markers'\"; several with semicolons between."`
	Unit    string   `placeholder:"UNIT" help:"LSL: unit of a stream that states none: V, mV, uV or nV. uV by default."`

	LSLOut     string   `name:"lsl-out" placeholder:"NAME" help:"Give the samples and markers as LSL streams, too, under this name."`
	LSLPeers   []string `name:"lsl-peers" placeholder:"HOST" help:"Hosts to ask for LSL streams beside the multicast groups. This machine by default."`
	LSLPort    int      `name:"lsl-port" placeholder:"PORT" help:"First of LSL's 32 ports. 16572 by default."`
	LSLListen  string   `name:"lsl-listen" placeholder:"ADDRESS" help:"Address to give LSL streams at. All by default."`
	LSLSession string   `name:"lsl-session" placeholder:"NAME" help:"LSL's session id. \"default\" by default."`
}

// open returns the source.
func (f sourceFlags) open() (devices.Source, error) {
	src, err := f.device()
	if err == nil && f.LSLOut != "" {
		src = lsl.Tap(src, f.LSLOut, f.network())
	}
	return src, err
}

// network is where LSL streams are looked for and given.
func (f sourceFlags) network() lsl.Network {
	n := lsl.Network{Session: f.LSLSession, BasePort: f.LSLPort, Listen: f.LSLListen}
	if len(f.LSLPeers) > 0 {
		n.Peers = f.LSLPeers
	}
	return n
}

// members is a group of people with a device each. What is not of one of them, such as a rate, is of all.
func (f sourceFlags) members() (devices.Source, error) {
	var cfg group.Config
	for _, text := range f.Member {
		name, spec, _ := strings.Cut(text, "=")
		source, what, _ := strings.Cut(spec, ":")
		one := f
		one.Source = source
		switch source {
		case "lsl":
			one.Query = what
		case "openbci", "ganglion":
			one.Port = what
		case "playback":
			one.File = what
		case "synthetic":
			one.Pattern = what
		default:
			return nil, fmt.Errorf("--member %s: the source %q is none of synthetic, playback, lsl, openbci and ganglion", text, source)
		}
		src, err := one.device()
		if err != nil {
			return nil, fmt.Errorf("--member %s: %w", text, err)
		}
		cfg.Members = append(cfg.Members, group.Member{Name: name, Source: src})
	}
	return group.New(cfg)
}

func (f sourceFlags) device() (devices.Source, error) {
	switch f.Source {
	case "group":
		return f.members()
	case "openbci":
		return openbci.New(openbci.Config{Port: f.Port, Channels: f.Channels})
	case "ganglion":
		return openbci.NewGanglion(openbci.GanglionConfig{Port: f.Port, Board: f.Board, Channels: f.Channels, Accelerometer: f.Accelerometer})
	case "lsl":
		return lsl.New(lsl.Config{Query: f.Query, Markers: f.Markers, Channels: f.Channels, Unit: f.Unit, Network: f.network()})
	case "playback":
		if f.File == "" {
			return nil, errors.New("--source playback needs --file")
		}
		return playback.New(playback.Config{File: f.File, Channels: f.Channels, Rate: f.Rate, Speed: f.Speed, Loop: f.Loop})
	default:
		return synthetic.New(synthetic.Config{Pattern: synthetic.Pattern(f.Pattern), Channels: f.Channels, Rate: f.Rate, Seed: f.Seed, FlickerHz: f.Flicker,
			Blinks: f.Blinks, MainsHz: f.Mains, Speed: f.Speed})
	}
}

type agentCmd struct {
	Run   agentRunCmd   `cmd:"" default:"withargs" help:"Bring what a device gives into a session of a server, and lose nothing on the way."`
	Serve agentServeCmd `cmd:"" help:"Run devices for a server that starts and stops them (/v2/devices)."`
	Check agentCheckCmd `cmd:"" help:"Measure contact, line noise, dead and bridged channels, rate and clock of a device, without a server."`
}

type agentCheckCmd struct {
	Source sourceFlags `embed:""`

	Seconds   float64 `default:"12" help:"How long to look. The drift of the clock is known from 10 s on."`
	Impedance bool    `negatable:"" default:"true" help:"Measure the impedance of the electrodes, where the device can."`
	JSON      bool    `name:"json" help:"Print the report as JSON."`
}

// Run measures the source and prints what it found. A device that is not fit is an error.
func (c agentCheckCmd) Run(ctx context.Context) error {
	src, err := c.Source.open()
	if err != nil {
		return err
	}
	r, err := check.Run(ctx, src, check.Config{Seconds: c.Seconds, Impedance: c.Impedance})
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = printCheck(os.Stdout, r)
	}
	if err == nil && !r.Fit {
		err = fmt.Errorf("the device is not fit to record: %d problems", len(r.Problems))
	}
	return err
}

// printCheck prints a report as a table.
func printCheck(w io.Writer, r check.Report) error {
	fmt.Fprintf(w, "%s (%s), %d channels, %g Hz, %.1f s\n\n", r.Device.Name, r.Device.Driver, len(r.Device.Channels), r.Device.Rate, r.Seconds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "channel\tgood\tSD µV\tline\tquality\timpedance\tfault")
	for _, c := range r.Channels {
		fault := string(c.Fault)
		if len(c.BridgedTo) > 0 {
			fault = "bridged to " + strings.Join(c.BridgedTo, ", ")
		}
		impedance := "not measured"
		if c.ImpedanceKOhm != nil {
			impedance = fmt.Sprintf("%.1f kΩ", *c.ImpedanceKOhm)
		}
		fmt.Fprintf(t, "%s\t%v\t%.1f\t%.0f %%\t%.2f\t%s\t%s\n", c.Name, c.Good, c.SDUV, 100*c.LineShare, c.Quality, impedance, fault)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	printClock(w, r.Clock)
	for cause, n := range r.Missing {
		fmt.Fprintf(w, "missing  %d samples (%s)\n", n, cause)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "problem  %s\n", p)
	}
	return nil
}

type agentRunCmd struct {
	Source sourceFlags `embed:""`

	Server  string        `required:"" env:"NEUROD_SERVER" placeholder:"URL" help:"The server, such as https://eeg.example.org."`
	Key     string        `required:"" env:"NEUROD_API_KEY" help:"API key with the scope sessions. Better in NEUROD_API_KEY than on the command line, where others see it."`
	Project string        `env:"NEUROD_PROJECT_ID" placeholder:"ID" help:"Project, held against the key's."`
	User    string        `required:"" placeholder:"NAME" help:"Your name for the person (external_user_id); no e-mail, please."`
	Device  string        `help:"Device type of the session. The driver's name by default."`
	Hop     float64       `placeholder:"S" help:"Seconds between feature windows. 2 by default."`
	Seconds float64       `placeholder:"S" help:"Stop after so many seconds of samples. When the device ends or the agent is stopped, by default."`
	Batch   time.Duration `default:"1s" help:"How much goes out at once."`
	Drain   time.Duration `default:"30s" help:"How long to try to bring the rest to the server after the end."`
	GiveUp  time.Duration `placeholder:"DURATION" help:"How long the device may be away. For ever by default."`

	LSLResults string `name:"lsl-results" placeholder:"NAME" help:"Give the windows and decodes that the server makes of the session as LSL streams, under this name."`

	Spool     string        `type:"path" placeholder:"DIR" env:"NEUROD_SPOOL_DIR" help:"Folder of what waits for the server. ~/.neurod/spool by default."`
	SpoolMost int64         `name:"spool-max" default:"1024" placeholder:"MIB" help:"Most MiB that may wait."`
	SpoolSync time.Duration `name:"spool-sync" default:"1s" help:"Longest time that a power cut may lose; negative for none. The end of the agent loses nothing either way."`
}

// Run brings what the source gives into a session.
func (c agentRunCmd) Run(ctx context.Context) error {
	src, err := c.Source.open()
	if err != nil {
		return err
	}
	if c.Spool == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return err
		}
		c.Spool = filepath.Join(home, ".neurod", "spool")
	}
	a, err := agent.New(agent.Config{Server: c.Server, Key: c.Key, Project: c.Project, Source: src, Dir: c.Spool, ExternalUserID: c.User, DeviceType: c.Device, HopS: c.Hop,
		Batch: c.Batch, Most: c.SpoolMost << 20, Sync: c.SpoolSync, Seconds: c.Seconds, Drain: c.Drain, GiveUp: c.GiveUp,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	following, stop := context.WithCancel(ctx)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		if c.LSLResults != "" {
			c.follow(following, a)
		}
	}()
	err = a.Run(ctx)
	if err != nil {
		stop() // its session goes on with the next agent
	}
	// An agent that has brought everything has ended its session, and the last windows come soon.
	t := time.AfterFunc(c.Drain, stop)
	<-followed
	t.Stop()
	stop()
	printStatus(os.Stdout, a.Status())
	return err
}

// follow gives what the server makes of the agent's session as LSL streams. The agent does not depend on it.
func (c agentRunCmd) follow(ctx context.Context, a *agent.Agent) {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for a.Status().SessionID == "" {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	all := 0
	f, err := lsl.Follow(lsl.FollowConfig{Server: c.Server, Key: c.Key, Project: c.Project, Session: a.Status().SessionID, Name: c.LSLResults, After: &all, Network: c.Source.network(), Log: log})
	if err == nil {
		err = errors.Join(f.Run(ctx), f.Close())
	}
	if err != nil && ctx.Err() == nil {
		log.Error("no LSL streams of windows and decodes", "error", err)
	}
}

// printStatus says how an agent stood at its end.
func printStatus(w io.Writer, s agent.Status) {
	session := s.SessionID
	if session == "" {
		session = "(none yet)"
	}
	fmt.Fprintf(w, "session  %s\ndevice   %s (%s), %d channels, %g Hz\nsamples  %d, of which %d are sent\n", session, s.Device.Name, s.Device.Driver, len(s.Device.Channels), s.Device.Rate, s.Samples, s.Sent)
	for cause, n := range s.Missing {
		fmt.Fprintf(w, "missing  %d samples (%s)\n", n, cause)
	}
	printClock(w, s.Clock)
}

// printClock says what the clock of a device was found to do.
func printClock(w io.Writer, c clock.Report) {
	fmt.Fprintf(w, "clock    jitter %.3f ms, offset %.3f ms within %.3f ms", c.JitterMS, c.OffsetMS, c.WithinMS)
	if d := c.DriftPPM; d != nil {
		fmt.Fprintf(w, ", drift %.1f ppm within %.1f", *d, *c.DriftWithinPPM)
	}
	fmt.Fprintln(w)
}
