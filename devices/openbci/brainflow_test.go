//go:build linux

package openbci_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/openbci"
	"github.com/neurod/neurod/internal/testkit/python"
)

// TestBrainFlowReadsTheSame: BrainFlow, which people read these boards with, and this package are given the same bytes of an emulator, and give the same µV: values
// over the whole range of the converter, at any bit pattern.
func TestBrainFlowReadsTheSame(t *testing.T) {
	t.Parallel()
	interpreter := python.Interpreter(t, "brainflow==5.23.0", "numpy==2.4.6", "setuptools==80.9.0")
	const samples = 120
	for name, c := range map[string]struct {
		board    int // BrainFlow's number
		firmware int // of a Ganglion; 0 for a Cyton
		accel    bool
		// apart is how far the values may be apart, of their size: BrainFlow computes the scale of a Ganglion in float32.
		apart float64
	}{
		"Cyton": {board: 0}, "Cyton with Daisy": {board: 2},
		"Ganglion, firmware 3": {board: 1, firmware: 3, apart: 1e-6}, "Ganglion, firmware 3, accelerometer": {board: 1, firmware: 3, accel: true, apart: 1e-6},
		"Ganglion, firmware 2": {board: 1, firmware: 2, apart: 1e-6}, "Ganglion, firmware 2, accelerometer": {board: 1, firmware: 2, accel: true, apart: 1e-6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var src devices.Source
			args := []string{"testdata/oracle.py", strconv.Itoa(c.board), "", strconv.Itoa(samples), "", "", ""}
			if c.firmware == 0 {
				e := newEmulator(t, c.board == 2)
				e.set(func() { e.packets = anyCyton })
				args[2] = e.path
				src = board(t, openbci.Config{Port: e.path})
			} else {
				e := newBLED(t, c.firmware, "Ganglion-58f3")
				e.set(func() { e.packets = func(n int64) []byte { return anyGanglion(c.firmware, n, c.accel) } })
				args[2], args[4], args[5] = e.path, "e4:95:3d:08:58:00", "fw:"+strconv.Itoa(c.firmware)
				if c.accel {
					args[6] = "n"
				}
				src = ganglion(t, openbci.GanglionConfig{Port: e.path, Board: "Ganglion-58f3", Accelerometer: c.accel})
			}
			cmd := exec.CommandContext(t.Context(), interpreter, args...)
			cmd.WaitDelay = 10 * time.Second
			out, err := cmd.Output()
			if err != nil {
				var failed *exec.ExitError
				_ = errors.As(err, &failed)
				t.Fatalf("BrainFlow: %v\n%s\n%s", err, out, failed.Stderr)
			}
			var theirs [][]float64
			if err := json.Unmarshal(out, &theirs); err != nil {
				t.Fatalf("%v: %.200s", err, out)
			}
			s, err := src.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			ours := read(t, s, samples)
			if len(theirs) < samples {
				t.Fatalf("BrainFlow gives %d samples", len(theirs))
			}
			worst := 0.0
			for i, sample := range theirs {
				for k, want := range sample {
					at := i
					if k >= 8 {
						// BrainFlow joins a packet of the Daisy with the Cyton's behind it, OpenBCI's own libraries with the one before, as this package does.
						if at--; at < 0 {
							continue
						}
					}
					got := float64(ours[at*len(sample)+k])
					d := math.Abs(got-want) / max(1e-3, math.Abs(want))
					worst = max(worst, d)
					if d > c.apart+2e-7 {
						t.Fatalf("channel %d of sample %d is %.7g µV, and %.7g by BrainFlow", k, i, got, want)
					}
				}
			}
			t.Logf("%d samples of %d channels, at most %.1g of a value apart", samples, len(theirs[0]), worst)
		})
	}
}

// anyCyton is packet n with values over the whole range.
func anyCyton(n int64) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	b := packetOf(n)
	for i := 2; i < 26; i++ {
		b[i] = byte(rng.Uint32())
	}
	if n == 2 || n == 3 {
		for c := range 8 {
			b[2+3*c], b[3+3*c], b[4+3*c] = byte(0x80-n%2), byte(0xff*(n%2)), byte(0xff*(n%2))
		}
	}
	return b
}

// anyGanglion is packet n with any bits that a board may send: the lowest of a value repeats its sign.
func anyGanglion(firmware int, n int64, accel bool) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 2))
	b := ganglionPacketOf(firmware, n, accel)
	bits := 19
	if accel {
		bits = 18
	}
	if firmware == 2 && b[0] == 0 {
		for i := 1; i < 13; i++ {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	clear(b[1 : 1+bits])
	w := bitWriter{b: b[1:]}
	for range 8 {
		w.add(rng.Int32N(1<<bits)-1<<(bits-1), bits)
	}
	return b
}
