//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/neurod/neurod/internal/testkit/frames"
)

// topicAttacks are what clients do to the WebSocket that takes messages, before they have said who they are and behind it.
func topicAttacks() []attack {
	var out []attack
	add := func(name string, do func(ctx context.Context, a *arena) error) {
		out = append(out, attack{route: "GET /ws", name: name, own: true, do: do})
	}
	text := func(s string) []byte { return frames.Frame(frames.Text, true, []byte(s)) }
	many := func(b []byte) []byte { return bytes.Repeat(b, max(1, most/len(b))) }
	bursts := map[string]func() []byte{
		"text":                         func() []byte { return many(text("hello")) },
		"pings":                        func() []byte { return many(frames.Frame(frames.Ping, true, nil)) },
		"pongs":                        func() []byte { return many(frames.Frame(frames.Pong, true, nil)) },
		"bytes":                        func() []byte { return many(frames.Frame(frames.Binary, true, []byte("x"))) },
		"noise":                        func() []byte { return samples(most/4, 13) },
		"fragments of nothing":         func() []byte { return many(frames.Frame(frames.Continuation, false, nil)) },
		"a frame of 2^62 bytes":        func() []byte { return append(frames.Header(frames.Text, true, 1<<62), make([]byte, most)...) },
		"messages that ask for an end": func() []byte { return many(text(`{"type":"ping"}`)) },
		"acknowledgements of nothing":  func() []byte { return many(text(`{"type":"ack","subscription_id":"x","seq":1}`)) },
		"arrays within each other":     func() []byte { return many(text(strings.Repeat("[", 60_000))) },
		"a thousand keys":              func() []byte { return many(text("{" + strings.Repeat(`"a":1,`, 9_000) + `"type":"ping"}`)) },
		"10000 subscriptions": func() []byte {
			return bytes.Repeat(text(`{"type":"subscribe","topic":"events","session_id":"x"}`), 10_000)
		},
		"10000 controls of devices": func() []byte {
			return bytes.Repeat(text(`{"type":"device_control","action":"start_stream","device_id":"x"}`), 10_000)
		},
	}
	for _, name := range slices.Sorted(maps.Keys(bursts)) {
		b := bursts[name]
		add(name+", before auth", func(ctx context.Context, a *arena) error { return a.topics(ctx, "", b()) })
		add(name+", behind auth", func(ctx context.Context, a *arena) error { return a.topics(ctx, a.attacker.Key, b()) })
	}
	add("10000 subscriptions to one session, from its beginning", func(ctx context.Context, a *arena) error {
		id, err := a.attacker.live(ctx)
		if err != nil {
			return err
		}
		return a.topics(ctx, a.attacker.Key, bytes.Repeat(text(`{"type":"subscribe","topic":"neural_data","after_seq":-1,"filters":{"highpass":0.01},"decimate":7,"session_id":"`+id+`"}`), 10_000))
	})
	add("50 sockets that follow from the beginning, and never read", func(ctx context.Context, a *arena) error {
		id, err := a.attacker.live(ctx)
		if err != nil {
			return err
		}
		return a.mute(ctx, 50, text(`{"type":"auth","token":"`+a.attacker.Key+`"}`), text(`{"type":"subscribe","topic":"neural_data","after_seq":-1,"session_id":"`+id+`"}`))
	})
	add("400 sockets that never say who they are", func(ctx context.Context, a *arena) error { return a.mute(ctx, 400) })
	return out
}

// topics opens a connection, says who it is where there is a key, and sends.
func (a *arena) topics(ctx context.Context, key string, b []byte) error {
	c, err := frames.Dial(ctx, a.process.URL+"/ws", 0)
	if err != nil {
		return err
	}
	defer c.Close()
	if c.Status != http.StatusSwitchingProtocols {
		return fmt.Errorf("handshake: %d", c.Status)
	}
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if key != "" {
		if _, err := c.Write(frames.Frame(frames.Text, true, []byte(`{"type":"auth","token":"`+key+`"}`))); err != nil {
			return err
		}
		if _, said, err := c.Next(); err != nil || !bytes.Contains(said, []byte("auth_success")) {
			return fmt.Errorf("auth: %s, %w", said, err)
		}
	}
	done := make(chan struct{})
	go func() { // what is answered is read, or the server could wait for us
		defer close(done)
		c.Closed()
	}()
	_, _ = c.Write(b) // the server may have enough of it before its end
	_, _ = c.Write(frames.Frame(frames.Close, true, []byte{0x03, 0xe8}))
	<-done
	return nil
}

// mute opens connections, sends the same on each, and reads nothing.
func (a *arena) mute(ctx context.Context, n int, messages ...[]byte) error {
	for range n {
		c, err := frames.Dial(ctx, a.process.URL+"/ws", 4096)
		if err != nil {
			return err
		}
		defer c.Close()
		switch c.Status {
		case http.StatusSwitchingProtocols:
		case http.StatusTooManyRequests:
			continue
		default:
			return fmt.Errorf("handshake: %d", c.Status)
		}
		for _, m := range messages {
			if _, err := c.Write(m); err != nil {
				return err
			}
		}
	}
	wait(ctx, holdFor)
	return nil
}
