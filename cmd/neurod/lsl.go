package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/neurod/neurod/devices/lsl"
)

// lslCmd gives what a server finds in a session as streams of the Lab Streaming Layer.
type lslCmd struct {
	Server  string `required:"" env:"NEUROD_SERVER" placeholder:"URL" help:"The server, such as https://eeg.example.org."`
	Key     string `required:"" env:"NEUROD_API_KEY" help:"API key with the scope sessions. Better in NEUROD_API_KEY than on the command line, where others see it."`
	Project string `env:"NEUROD_PROJECT_ID" placeholder:"ID" help:"Project, held against the key's."`
	Session string `required:"" placeholder:"ID" help:"The session to follow."`
	Name    string `default:"neurod" help:"Name of the streams, to which -features, -intents and -decodes are added."`
	All     bool   `help:"Begin with the first window instead of what comes from now on."`

	Listen  string `placeholder:"ADDRESS" help:"Address to give the streams at. All by default."`
	Port    int    `placeholder:"PORT" help:"First of LSL's 32 ports. 16572 by default."`
	LSLName string `name:"lsl-session" placeholder:"NAME" help:"LSL's session id. \"default\" by default."`
}

// Run follows the session until it has ended.
func (c lslCmd) Run(ctx context.Context) error {
	cfg := lsl.FollowConfig{Server: c.Server, Key: c.Key, Project: c.Project, Session: c.Session, Name: c.Name,
		Network: lsl.Network{BasePort: c.Port, Listen: c.Listen, Session: c.LSLName}, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if c.All {
		cfg.After = new(int)
	}
	f, err := lsl.Follow(cfg)
	if err != nil {
		return err
	}
	defer f.Close()
	fmt.Printf("streams  %s-features, %s-intents, %s-decodes\n", c.Name, c.Name, c.Name)
	if err := f.Run(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}
