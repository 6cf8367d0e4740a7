//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/neurod/neurod/decoders/recording/formats"
	"github.com/neurod/neurod/internal/testkit/race"
)

// TestHostile is the short form of make hostile: part of the attacks on every route and some broken recordings, against a
// server of its own. No 500, no end of the process, and the limits on memory and processor time hold.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts a server and takes a minute")
	}
	if race.Enabled {
		t.Skip("the race detector slows the attacker down, not the server: the run without it measures this")
	}
	t.Parallel()
	program := filepath.Join(t.TempDir(), "neurod")
	build := exec.Command("go", "build", "-o", program, "github.com/neurod/neurod/cmd/neurod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// One after the other: they would cost each other time.
	for _, cfg := range []config{{pair: embedded, every: 9, mutations: 300}, {pair: postgres, every: 27, mutations: 60}} {
		t.Run(cfg.pair, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
			defer cancel()
			cfg.program, cfg.short, cfg.seed = program, true, uint64(time.Now().UnixNano())
			t.Logf("seed %d", cfg.seed)
			r, err := run(ctx, cfg, os.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			r.print(&out)
			t.Log(out.String())
			for _, b := range r.broken {
				t.Error(b)
			}
			if len(r.costs) < 100 || r.mutations != cfg.mutations {
				t.Errorf("only %d attacks and %d broken recordings", len(r.costs), r.mutations)
			}
		})
	}
}

// TestRecordingsAreSound: what is broken on purpose must be a recording before.
func TestRecordingsAreSound(t *testing.T) {
	t.Parallel()
	for _, f := range recordings() {
		rec, err := formats.Open("a"+f.ext, bytes.NewReader(f.body), int64(len(f.body)))
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			continue
		}
		n := 0
		for _, c := range rec.Channels {
			n = max(n, len(c.Samples))
		}
		if n < 990 {
			t.Errorf("%s: %d samples of %d channels", f.name, n, len(rec.Channels))
		}
	}
}

// TestBrokenRecordings opens 2000 of them as the command line does: an error in words or a recording, and never a panic.
func TestBrokenRecordings(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	files := recordings()
	for i := range 2000 {
		f := files[i%len(files)]
		body := f.mutated(seed + uint64(i))
		func() {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("%s with seed %d: panic: %v", f.name, seed+uint64(i), v)
				}
			}()
			_, _ = formats.Open("a"+f.ext, bytes.NewReader(body), int64(len(body))) // either is right
		}()
	}
}
