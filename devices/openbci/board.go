package openbci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"go.bug.st/serial"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/internal/guarded"
)

// Config describes a board.
type Config struct {
	// Port of the dongle, such as /dev/ttyUSB0 or COM3. Required.
	Port string
	// Daisy tells whether the 8 channels of a Daisy are wanted. Defaults to what the board says of itself.
	Daisy *bool
	// Channels are the electrodes of the channels, the Cyton's first. Defaults to the usual ones of the device.
	Channels []string
	// Settings are set before the start. Others keep the board's defaults.
	Settings []ChannelSettings
	// Answer is how long the board may take for one. Defaults to 3 s.
	Answer time.Duration
	// Silence is how long it may send nothing while it streams. Defaults to 3 s.
	Silence time.Duration
}

// The usual electrodes of the boards, as in the montages of package decoders/recording.
var (
	cytonElectrodes = []string{"Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2"}
	daisyElectrodes = []string{"F7", "F8", "F3", "F4", "T7", "T8", "P3", "P4"}
)

const baud = 115200

// Board is a source, and takes commands while it streams.
type Board struct {
	cfg Config

	mu     sync.Mutex
	port   io.Writer // of the stream that is open; nil for none
	open   bool
	banner banner
}

// New returns a board.
func New(cfg Config) (*Board, error) {
	if cfg.Port == "" {
		return nil, devices.Errorf(devices.CodeInvalid, "openbci: the port of the dongle is needed, such as /dev/ttyUSB0")
	}
	for _, s := range cfg.Settings {
		if _, err := s.command(); err != nil {
			return nil, devices.Errorf(devices.CodeInvalid, "openbci: %w", err)
		}
	}
	if cfg.Answer <= 0 {
		cfg.Answer = 3 * time.Second
	}
	if cfg.Silence <= 0 {
		cfg.Silence = 3 * time.Second
	}
	return &Board{cfg: cfg}, nil
}

var _ devices.Source = (*Board)(nil)

// Banner is what the board said of itself after its last reset.
func (b *Board) Banner() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.banner.text
}

// Open implements devices.Source: it resets the board, sets its channels and starts it.
func (b *Board) Open(ctx context.Context) (*devices.Stream, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open {
		return nil, devices.Errorf(devices.CodeBusy, "the board at %s is open", b.cfg.Port)
	}
	port, err := serial.Open(b.cfg.Port, &serial.Mode{BaudRate: baud})
	if err != nil {
		return nil, portFault(b.cfg.Port, err)
	}
	r, gain, err := b.start(ctx, port)
	if err != nil {
		return nil, errors.Join(err, closePort(r, port))
	}
	info := devices.Info{Driver: "openbci", Name: "OpenBCI Cyton", Channels: b.electrodes(b.banner.daisy), Rate: cytonRate, Counter: true, Stamps: devices.Arrival}
	if b.banner.daisy {
		info.Name, info.Rate = "OpenBCI Cyton with Daisy", cytonRate/2
	}
	s, err := devices.Begin(info, func(ctx context.Context, out *devices.Writer) error { return b.run(ctx, out, r, port, gain) })
	if err != nil {
		return nil, errors.Join(err, closePort(r, port))
	}
	b.open, b.port = true, port
	return s, nil
}

// closePort closes a port and waits for what reads it, nil where nothing does yet.
func closePort(r *reader, port serial.Port) error {
	err := port.Close()
	if r != nil {
		err = errors.Join(err, r.group.Wait())
	}
	return err
}

// electrodes names the channels.
func (b *Board) electrodes(daisy bool) []string {
	names := append([]string(nil), cytonElectrodes...)
	if daisy {
		names = append(names, daisyElectrodes...)
	}
	for i, n := range b.cfg.Channels {
		if i < len(names) {
			names[i] = n
		}
	}
	return names
}

// portFault says why a port cannot be opened.
func portFault(name string, err error) error {
	var p *serial.PortError
	if errors.As(err, &p) {
		switch p.Code() {
		case serial.PortBusy:
			return devices.Errorf(devices.CodeBusy, "another program has the port %s: %w", name, err)
		case serial.PortNotFound, serial.InvalidSerialPort:
			return devices.Errorf(devices.CodeNotFound, "there is no port %s: %w", name, err)
		case serial.PermissionDenied:
			return devices.Errorf(devices.CodeInvalid, "the port %s may not be opened (on Linux the user must be in the group dialout): %w", name, err)
		}
	}
	return devices.Errorf(devices.CodeNotFound, "the port %s: %w", name, err)
}

// reader reads a port in a goroutine of its own, so that answers and samples can be waited for with a limit.
type reader struct {
	group  *guarded.Group
	chunks chan chunk
}

// chunk is what a port gave at once.
type chunk struct {
	bytes []byte
	at    time.Time
	err   error
}

// read begins to read a port. It ends when the port is closed or fails.
func read(port io.Reader) *reader {
	r := &reader{group: new(guarded.Group), chunks: make(chan chunk, 1024)}
	r.group.Go(func() error {
		defer close(r.chunks)
		buf := make([]byte, 4096)
		for {
			n, err := port.Read(buf)
			at := time.Now()
			if n == 0 && err == nil {
				err = io.EOF // a terminal that hung up
			}
			c := chunk{append([]byte(nil), buf[:n]...), at, err}
			select {
			case r.chunks <- c:
			default:
				// Nobody takes them: the board is being let go of. What is lost is told by its counter.
			}
			if err != nil {
				return nil
			}
		}
	})
	return r
}

var errNoAnswer = errors.New("no answer")

// answer collects what the board says up to $$$, or until the time is over.
func (r *reader) answer(ctx context.Context, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var text []byte
	for {
		select {
		case c, open := <-r.chunks:
			text = append(text, c.bytes...)
			if i := strings.Index(string(text), "$$$"); i >= 0 {
				return string(text[:i]), nil
			}
			if !open {
				return "", io.EOF
			}
			if c.err != nil {
				return "", c.err
			}
			if len(text) > 1<<16 { // a board that streams
				text = text[len(text)-1024:]
			}
		case <-ctx.Done():
			return "", errNoAnswer
		}
	}
}

// drain forgets what has come.
func (r *reader) drain() {
	for {
		select {
		case _, open := <-r.chunks:
			if !open {
				return
			}
		default:
			return
		}
	}
}

// start brings the board from any state to streaming. It returns the scale of each channel, µV a count.
func (b *Board) start(ctx context.Context, port serial.Port) (*reader, []float64, error) {
	r := read(port)
	fail := func(code devices.Code, format string, args ...any) (*reader, []float64, error) {
		return r, nil, devices.Errorf(code, format, args...)
	}
	// It may stream from before.
	if _, err := io.WriteString(port, "s"); err != nil {
		return fail(devices.CodeLost, "the board at %s: %w", b.cfg.Port, err)
	}
	r.drain()
	var text string
	var err error
	for try := 0; ; try++ {
		if _, err = io.WriteString(port, "v"); err == nil {
			text, err = r.answer(ctx, b.cfg.Answer)
		}
		var ok bool
		if err == nil {
			if b.banner, ok = parseBanner(text); ok {
				break
			}
			err = fmt.Errorf("it says %.80q", strings.TrimSpace(text))
		}
		if strings.Contains(text, "Failure") {
			return fail(devices.CodeNotFound, "the dongle at %s does not reach its board: switch the board on: %w", b.cfg.Port, err)
		}
		if try == 2 || ctx.Err() != nil {
			return fail(devices.CodeNotFound, "no OpenBCI board answers at %s: %w", b.cfg.Port, err)
		}
	}
	if b.banner.ganglion {
		return fail(devices.CodeUnsupported, "the board at %s is a Ganglion", b.cfg.Port)
	}
	if err := b.chooseDaisy(ctx, r, port); err != nil {
		return r, nil, err
	}
	channels := 8
	if b.banner.daisy {
		channels = 16
	}
	scales := make([]float64, channels)
	for i := range scales {
		scales[i] = scale(defaultGain)
	}
	for _, s := range b.cfg.Settings {
		if s.Channel > channels {
			return fail(devices.CodeInvalid, "channel %d of a board with %d", s.Channel, channels)
		}
		command, err := s.command()
		if err != nil {
			return fail(devices.CodeInvalid, "openbci: %w", err)
		}
		if s.Gain != 0 {
			scales[s.Channel-1] = scale(s.Gain)
		}
		if _, err := io.WriteString(port, command); err != nil {
			return fail(devices.CodeLost, "the board at %s: %w", b.cfg.Port, err)
		}
		// Firmware from 2 on answers; before, nothing comes.
		if text, err := r.answer(ctx, b.cfg.Answer); err == nil && strings.Contains(text, "Failure") {
			return fail(devices.CodeProtocol, "the board does not take the settings of channel %d: %s", s.Channel, strings.TrimSpace(text))
		}
	}
	r.drain()
	if _, err := io.WriteString(port, "b"); err != nil {
		return fail(devices.CodeLost, "the board at %s: %w", b.cfg.Port, err)
	}
	return r, scales, nil
}

// chooseDaisy switches the channels of the Daisy on or off as wanted.
func (b *Board) chooseDaisy(ctx context.Context, r *reader, port io.Writer) error {
	want := b.cfg.Daisy
	switch {
	case want == nil || *want == b.banner.daisy:
		return nil
	case *want:
		return devices.Errorf(devices.CodeInvalid, "the board at %s has no Daisy", b.cfg.Port)
	}
	if _, err := io.WriteString(port, "c"); err != nil {
		return devices.Errorf(devices.CodeLost, "the board at %s: %w", b.cfg.Port, err)
	}
	if text, err := r.answer(ctx, b.cfg.Answer); err != nil || !strings.Contains(strings.ToLower(text), "daisy") {
		return devices.Errorf(devices.CodeProtocol, "the board does not let its Daisy go: %.80q", text)
	}
	b.banner.daisy = false
	return nil
}

// run reads packets until the board is silent, the port fails or the context ends; then it stops the board.
func (b *Board) run(ctx context.Context, out *devices.Writer, r *reader, port serial.Port, scales []float64) (err error) {
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		_, _ = io.WriteString(port, "s") // a board that is gone does not mind
		_ = closePort(r, port)
		b.open, b.port = false, nil
	}()
	var split splitter
	j := &join{daisy: b.banner.daisy}
	rate := float64(cytonRate)
	if j.daisy {
		rate /= 2
	}
	t := time.NewTimer(b.cfg.Silence)
	defer t.Stop()
	last := time.Now()
	wraps := wrapping{rate: rate, cycle: 256}
	if j.daisy {
		wraps.cycle = 128
	}
	for {
		select {
		case c, open := <-r.chunks:
			if !open || c.err != nil {
				return devices.Errorf(devices.CodeLost, "the dongle at %s is gone: %w", b.cfg.Port, errors.Join(io.EOF, c.err))
			}
			block := devices.Block{Stamp: c.at}
			split.add(c.bytes, true, func(p packet) {
				last = c.at
				if g, ok := p.acceleration(); ok {
					out.Read(devices.Reading{At: c.at, Name: "acceleration", Unit: "g", Values: g[:]})
				}
				values, lost, ok := j.add(p)
				if !ok {
					return
				}
				if lost = wraps.add(lost, 1, c.at); lost > 0 {
					out.Put(block)
					block = devices.Block{Lost: lost, Stamp: c.at}
				}
				for i, v := range values {
					block.Samples = append(block.Samples, float32(float64(v)*scales[i]))
				}
			})
			if len(block.Samples) > 0 || block.Lost > 0 {
				out.Put(block)
			}
		case <-t.C:
			left := b.cfg.Silence - time.Since(last)
			if left <= 0 {
				return devices.Errorf(devices.CodeLost, "the board at %s has sent no sample for %v", b.cfg.Port, b.cfg.Silence)
			}
			t.Reset(left)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wrapping tells how often a counter went round, by the time of arrival. What comes may come late, when the radio repeats itself or the host is busy, and a whole
// cycle of a counter is only about a second, so that time is measured from the line of what came least late, and a round is counted where nearly all of it has passed:
// half of it would take every stall of half a second for a round that was lost.
type wrapping struct {
	rate   float64
	cycle  int64
	begun  bool
	origin time.Time // when sample 0 came, by whatever came least late since
	at     time.Time // of what came before
	next   int64     // samples up to now, those that are missing counted
}

// What a round takes.
const (
	wrapNearly = 0.15   // of a cycle may be missing to one: the line is early by as much as a latency has fallen
	wrapDrift  = 500e-6 // of the time, by which the line may be late because the board is slow
)

// add takes how many samples are missing by the counter before so many that came, and returns how many are.
func (w *wrapping) add(lost, came int64, at time.Time) int64 {
	if !w.begun {
		w.begun, w.origin = true, at.Add(-w.span(lost+came))
	} else {
		passed := at.Sub(w.origin).Seconds()*w.rate - float64(w.next+lost+came)
		if rounds := int64(passed/float64(w.cycle) + wrapNearly); rounds > 0 {
			lost += rounds * w.cycle
		}
		w.origin = w.origin.Add(time.Duration(float64(at.Sub(w.at)) * wrapDrift))
	}
	w.next += lost + came
	w.at = at
	if origin := at.Add(-w.span(w.next)); origin.Before(w.origin) {
		w.origin = origin
	}
	return lost
}

// span is how long the board takes for so many samples.
func (w *wrapping) span(samples int64) time.Duration {
	return time.Duration(float64(samples) / w.rate * float64(time.Second))
}

// Command sends characters to the board that streams, such as the settings of a channel. What it answers is among the samples and not looked at.
func (b *Board) Command(text string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.port == nil {
		return devices.Errorf(devices.CodeLost, "the board at %s is not open", b.cfg.Port)
	}
	if _, err := io.WriteString(b.port, text); err != nil {
		return devices.Errorf(devices.CodeLost, "the board at %s: %w", b.cfg.Port, err)
	}
	return nil
}

// LeadOff switches the current of 6 nA at 31.5 Hz by which the contact of a channel is measured.
func (b *Board) LeadOff(channel int, on bool) error {
	command, err := leadOff(channel, on)
	if err != nil {
		return devices.Errorf(devices.CodeInvalid, "openbci: %w", err)
	}
	return b.Command(command)
}

// How the impedance of an electrode is measured: by the voltage that a current of 6 nA at 31.25 Hz makes in it and in the resistor before the input
// (OpenBCI's GUI; ADS1299 data sheet, lead-off at f/2¹⁶ of 2.048 MHz).
const (
	leadOffHz      = 31.25
	leadOffAmpere  = 6e-9
	seriesOhm      = 2200
	leadOffSettles = 500 * time.Millisecond
	leadOffCycles  = 32
)

var _ devices.Contacts = (*Board)(nil)

// Impedance implements devices.Contacts: one electrode after the other, about 1.6 s each, with the board streaming for it. A channel whose input is saturated has none.
func (b *Board) Impedance(ctx context.Context) ([]devices.Impedance, error) {
	s, err := b.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	info := s.Info()
	out := make([]devices.Impedance, len(info.Channels))
	for c, name := range info.Channels {
		if err := b.LeadOff(c+1, true); err != nil {
			return nil, err
		}
		values, err := column(ctx, s, c, int(leadOffSettles.Seconds()*info.Rate), int(leadOffCycles*info.Rate/leadOffHz))
		if err == nil {
			err = b.LeadOff(c+1, false)
		}
		if err != nil {
			return nil, err
		}
		out[c] = devices.Impedance{Channel: name, KOhm: contact(values, info.Rate, b.fullScale(c+1))}
	}
	return out, nil
}

// fullScale is the largest value of a channel, µV.
func (b *Board) fullScale(channel int) float64 {
	gain := float64(defaultGain)
	for _, s := range b.cfg.Settings {
		if s.Channel == channel && s.Gain != 0 {
			gain = s.Gain
		}
	}
	return reference / gain * 1e6
}

// column reads the values of a channel that come after those to skip, without a gap between them.
func column(ctx context.Context, s *devices.Stream, channel, skip, n int) ([]float64, error) {
	k := len(s.Info().Channels)
	var values []float64
	for {
		b, err := s.Next(ctx)
		if err != nil {
			return nil, err
		}
		if len(b.Gaps) > 0 {
			values = values[:0]
		}
		for i := channel; i < len(b.Samples); i += k {
			if skip > 0 {
				skip--
				continue
			}
			if values = append(values, float64(b.Samples[i])); len(values) == n {
				return values, nil
			}
		}
	}
}

// contact is the impedance that values (µV) of whole cycles of the current show, nil where the input is saturated.
func contact(values []float64, rate, fullScale float64) *float64 {
	re, im := 0.0, 0.0
	for i, v := range values {
		if math.Abs(v) > 0.99*fullScale {
			return nil
		}
		sin, cos := math.Sincos(2 * math.Pi * leadOffHz * float64(i) / rate)
		re, im = re+v*cos, im+v*sin
	}
	amplitude := 2 * math.Hypot(re, im) / float64(len(values)) * 1e-6 // V
	k := max(0, amplitude/leadOffAmpere-seriesOhm) / 1000
	return &k
}
