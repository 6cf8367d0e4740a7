package openbci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"

	"go.bug.st/serial"

	"github.com/neurod/neurod/devices"
)

// GanglionConfig describes a Ganglion behind its dongle.
type GanglionConfig struct {
	// Port of the dongle, a BLED112, such as /dev/ttyACM0 or COM3. Required.
	Port string
	// Board is the name or the address of the board, such as Ganglion-58f3 or e4:95:3d:08:58:f3. Defaults to the only one that is heard.
	Board string
	// Firmware of the board, 2 or 3. Defaults to what it says of itself.
	Firmware int
	// Channels are the electrodes of the 4 channels. Defaults to Fp1, Fp2, C3, C4.
	Channels []string
	// Accelerometer is read beside the channels. Values of these have 18 bits then instead of 19.
	Accelerometer bool
	// Search is how long is listened for the board. Defaults to 10 s.
	Search time.Duration
	// Answer is how long the dongle or the board may take for one. Defaults to 3 s.
	Answer time.Duration
	// Silence is how long the board may send nothing while it streams. Defaults to 3 s.
	Silence time.Duration
}

var ganglionElectrodes = []string{"Fp1", "Fp2", "C3", "C4"}

// Ganglion is a source, takes commands while it streams, and measures the impedance of its electrodes while it does not.
type Ganglion struct {
	cfg GanglionConfig

	mu     sync.Mutex
	open   bool
	dongle *dongle // of the stream that is open; nil for none
	banner string
}

// NewGanglion returns a board.
func NewGanglion(cfg GanglionConfig) (*Ganglion, error) {
	switch {
	case cfg.Port == "":
		return nil, devices.Errorf(devices.CodeInvalid, "openbci: the port of the dongle is needed, such as /dev/ttyACM0")
	case cfg.Firmware != 0 && cfg.Firmware != 2 && cfg.Firmware != 3:
		return nil, devices.Errorf(devices.CodeInvalid, "openbci: firmware %d of a Ganglion is neither 2 nor 3", cfg.Firmware)
	case len(cfg.Channels) > ganglionChannels:
		return nil, devices.Errorf(devices.CodeInvalid, "openbci: %d electrodes for the %d channels of a Ganglion", len(cfg.Channels), ganglionChannels)
	}
	for _, d := range []struct {
		v         *time.Duration
		otherwise time.Duration
	}{{&cfg.Search, 10 * time.Second}, {&cfg.Answer, 3 * time.Second}, {&cfg.Silence, 3 * time.Second}} {
		if *d.v <= 0 {
			*d.v = d.otherwise
		}
	}
	return &Ganglion{cfg: cfg}, nil
}

var (
	_ devices.Source   = (*Ganglion)(nil)
	_ devices.Contacts = (*Ganglion)(nil)
)

// Banner is what the board said of itself when it was opened last.
func (g *Ganglion) Banner() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.banner
}

// Open implements devices.Source: it finds the board, connects to it and starts it.
func (g *Ganglion) Open(ctx context.Context) (*devices.Stream, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	d, name, err := g.dial(ctx)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*devices.Stream, error) {
		return nil, errors.Join(d.failure(g.cfg.Port, err), d.end())
	}
	firmware, err := g.firmware(ctx, d, name)
	if err != nil {
		return fail(err)
	}
	accelerometer := "N"
	if g.cfg.Accelerometer {
		accelerometer = "n"
	}
	for _, text := range []string{accelerometer, "b"} {
		if err := d.say(ctx, g.cfg.Answer, text); err != nil {
			return fail(err)
		}
	}
	info := devices.Info{Driver: "ganglion", Name: name, Channels: append([]string(nil), ganglionElectrodes...), Rate: ganglionRate, Counter: true, Stamps: devices.Arrival}
	copy(info.Channels, g.cfg.Channels)
	s, err := devices.Begin(info, func(ctx context.Context, out *devices.Writer) error { return g.run(ctx, out, d, firmware) })
	if err != nil {
		return fail(err)
	}
	g.open, g.dongle = true, d
	return s, nil
}

// dial opens the port and connects to the board. The caller holds the lock.
func (g *Ganglion) dial(ctx context.Context) (*dongle, string, error) {
	if g.open {
		return nil, "", devices.Errorf(devices.CodeBusy, "the board at %s is open", g.cfg.Port)
	}
	port, err := serial.Open(g.cfg.Port, &serial.Mode{BaudRate: baud})
	if err != nil {
		return nil, "", portFault(g.cfg.Port, err)
	}
	d := &dongle{port: port, r: read(port)}
	name, err := g.find(ctx, d)
	if err != nil {
		return nil, "", errors.Join(d.failure(g.cfg.Port, err), d.end())
	}
	return d, name, nil
}

// find finds the board and connects to it.
func (g *Ganglion) find(ctx context.Context, d *dongle) (string, error) {
	if err := d.begin(ctx, g.cfg.Answer); err != nil {
		return "", err
	}
	boards, err := d.discover(ctx, g.cfg.Search, time.Second, g.cfg.Board)
	if err != nil {
		return "", err
	}
	names := make([]string, len(boards))
	for i, b := range boards {
		names[i] = b.name + " (" + addressText(b.address) + ")"
	}
	heard := strings.Join(names, ", ")
	switch {
	case len(boards) == 0:
		return "", devices.Errorf(devices.CodeNotFound, "the dongle at %s hears no Ganglion within %v: switch the board on", g.cfg.Port, g.cfg.Search)
	case g.cfg.Board != "" && !boards[0].matches(g.cfg.Board):
		return "", devices.Errorf(devices.CodeNotFound, "the dongle at %s does not hear %s within %v; it hears %s", g.cfg.Port, g.cfg.Board, g.cfg.Search, heard)
	case len(boards) > 1:
		return "", devices.Errorf(devices.CodeInvalid, "%d Ganglions are heard: %s. Say which by its name or its address", len(boards), heard)
	}
	if err := d.connect(ctx, g.cfg.Answer, boards[0]); err != nil {
		return "", devices.Errorf(devices.CodeLost, "%s does not let itself be connected to: %w", heard, err)
	}
	return boards[0].name, nil
}

var ganglionVersion = regexp.MustCompile(`Ganglion v([0-9])`)

// firmware asks the board what it is. One that says nothing is taken by its name, to which version 3 adds 1.3.
func (g *Ganglion) firmware(ctx context.Context, d *dongle, name string) (int, error) {
	if err := d.say(ctx, g.cfg.Answer, "v"); err != nil {
		return 0, err
	}
	text, err := d.text(ctx, g.cfg.Answer)
	if err != nil && !errors.Is(err, errNoAnswer) {
		return 0, err
	}
	g.banner = strings.TrimSpace(text)
	if g.cfg.Firmware != 0 {
		return g.cfg.Firmware, nil
	}
	if m := ganglionVersion.FindStringSubmatch(text); m != nil {
		switch m[1] {
		case "2":
			return 2, nil
		case "3":
			return 3, nil
		}
		return 0, devices.Errorf(devices.CodeUnsupported, "the firmware %s of %s is neither 2 nor 3", m[1], name)
	}
	if strings.Contains(name, " 1.3") {
		return 3, nil
	}
	return 2, nil
}

// run reads packets until the board is silent or gone, the port fails or the context ends; then it stops the board.
func (g *Ganglion) run(ctx context.Context, out *devices.Writer, d *dongle, firmware int) error {
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		_ = d.end()
		g.open, g.dongle = false, nil
	}()
	decoder := &ganglionDecoder{firmware: firmware}
	wraps := wrapping{rate: ganglionRate, cycle: decoder.cycle()}
	for {
		var at time.Time
		var packet []byte
		err := d.until(ctx, g.cfg.Silence, func(m *message) (bool, error) {
			at, packet = m.at, d.value(m)
			return packet != nil, nil
		})
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errNoAnswer):
			return devices.Errorf(devices.CodeLost, "the board at %s has sent no sample for %v", g.cfg.Port, g.cfg.Silence)
		default:
			return devices.Errorf(devices.CodeLost, "the board at %s is gone: %w", g.cfg.Port, err)
		}
		s, ok := decoder.add(packet)
		if !ok {
			continue
		}
		lost := wraps.add(s.lost, int64(len(s.values))+s.unknown, at)
		block := devices.Block{Lost: lost + s.unknown, Stamp: at}
		for _, v := range s.values {
			for _, x := range v {
				block.Samples = append(block.Samples, float32(x))
			}
		}
		out.Put(block)
		if s.accel != nil {
			out.Read(devices.Reading{At: at, Name: "acceleration", Unit: "g", Values: s.accel[:]})
		}
	}
}

// Command sends characters to the board that streams, such as 1 and ! for a channel off and on.
func (g *Ganglion) Command(text string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.dongle == nil:
		return devices.Errorf(devices.CodeLost, "the board at %s is not open", g.cfg.Port)
	case len(text) == 0 || len(text) > ganglionPacket:
		return devices.Errorf(devices.CodeInvalid, "a command of %d characters is none of 1 to %d", len(text), ganglionPacket)
	}
	if _, err := g.dongle.port.Write(command(classAttributes, idAttributeWrite, g.dongle.writing(g.dongle.send, []byte(text)...)...)); err != nil {
		return devices.Errorf(devices.CodeLost, "the board at %s: %w", g.cfg.Port, err)
	}
	return nil
}

// Impedance implements devices.Contacts. The board measures one electrode after the other, its channels and the reference, and says ohms. It gives no samples
// meanwhile, so that a stream must not be open.
func (g *Ganglion) Impedance(ctx context.Context) ([]devices.Impedance, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	d, _, err := g.dial(ctx)
	if err != nil {
		return nil, err
	}
	ohms, err := g.measure(ctx, d)
	if err != nil {
		return nil, errors.Join(d.failure(g.cfg.Port, err), d.end())
	}
	if err := d.end(); err != nil && !errors.Is(err, io.EOF) {
		return nil, d.failure(g.cfg.Port, err)
	}
	names := append(append([]string(nil), ganglionElectrodes...), "reference")
	copy(names, g.cfg.Channels)
	out := make([]devices.Impedance, 0, len(names))
	for i, name := range names {
		z := devices.Impedance{Channel: name}
		if ohm, measured := ohms[(i+1)%(ganglionChannels+1)]; measured {
			k := ohm / 1000
			z.KOhm = &k
		}
		out = append(out, z)
	}
	return out, nil
}

// impedanceTime is how long the board may take for all five.
const impedanceTime = 15 * time.Second

// measure has the board measure until it has said each of the five twice: the first may be of before the current settled.
func (g *Ganglion) measure(ctx context.Context, d *dongle) (map[int]float64, error) {
	if err := d.say(ctx, g.cfg.Answer, "z"); err != nil {
		return nil, err
	}
	ohms, said := map[int]float64{}, map[int]int{}
	err := d.until(ctx, impedanceTime, func(m *message) (bool, error) {
		if channel, ohm, ok := impedance(d.value(m)); ok {
			ohms[channel] = ohm
			said[channel]++
		}
		for c := range ganglionChannels + 1 {
			if said[c] < 2 {
				return false, nil
			}
		}
		return true, nil
	})
	if errors.Is(err, errNoAnswer) && len(ohms) > 0 {
		err = nil // what it did not say is null
	}
	if err != nil {
		return nil, fmt.Errorf("measuring impedances: %w", err)
	}
	return ohms, d.say(ctx, g.cfg.Answer, "Z")
}
