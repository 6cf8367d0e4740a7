package lsl

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/clock"
	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/internal/guarded"
)

// Config says which streams are read.
type Config struct {
	// Query finds the stream of samples, such as type='EEG' or name='X'. Defaults to type='EEG'.
	Query string
	// Markers are queries of streams whose samples become markers. One that is not there when the source opens, or goes away, is looked for again.
	Markers []string
	// Channels are the labels to take. Defaults to all.
	Channels []string
	// Unit of a stream that states none: V, mV, uV or nV. Defaults to uV.
	Unit string
	// Timeout of finding the stream. Defaults to 5 s.
	Timeout time.Duration
	// Network is where is looked.
	Network Network
}

// New returns the source. A stream with a source id is found again by it when its outlet comes back.
func New(cfg Config) (devices.Source, error) {
	if strings.TrimSpace(cfg.Query) == "" {
		cfg.Query = "type='EEG'"
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 5 * time.Second
	}
	for _, q := range append([]string{cfg.Query}, cfg.Markers...) {
		if _, err := parseQuery(q); err != nil {
			return nil, devices.Errorf(devices.CodeInvalid, "lsl: %w", err)
		}
	}
	if _, known := eeg.Microvolts(cfg.Unit); !known {
		return nil, devices.Errorf(devices.CodeInvalid, "lsl: the unit %q is none of V, mV, uV and nV", cfg.Unit)
	}
	return &source{cfg: cfg}, nil
}

type source struct {
	cfg Config

	mu    sync.Mutex
	known string // query that finds the same stream again
}

// Open implements devices.Source.
func (s *source) Open(ctx context.Context) (*devices.Stream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	predicate := s.cfg.Query
	if s.known != "" {
		predicate = s.known
	}
	in, err := open(ctx, s.cfg, predicate)
	if err != nil {
		return nil, err
	}
	if in.info.Rate <= 0 || in.info.Format == String {
		_ = in.conn.Close()
		return nil, devices.Errorf(devices.CodeUnsupported, "the LSL stream %s has %s values at %g Hz: such a stream is one of markers, which go beside one of samples",
			in.info.Name, in.info.Format, in.info.Rate)
	}
	m, err := in.montage(s.cfg)
	if err != nil {
		_ = in.conn.Close()
		return nil, err
	}
	if in.info.SourceID != "" {
		s.known = in.info.again()
	}
	info := devices.Info{Driver: "lsl", Name: in.info.Name, Channels: m.labels, Rate: in.info.Rate, Stamps: devices.Device}
	return devices.Begin(info, func(ctx context.Context, out *devices.Writer) error { return s.run(ctx, out, in, m) })
}

// again is the query that finds the stream when its outlet has been started anew.
func (i *Info) again() string {
	parts := []string{"channel_count='" + strconv.Itoa(i.Channels) + "'", "channel_format='" + string(i.Format) + "'"}
	for name, v := range map[string]string{"name": i.Name, "type": i.Type, "source_id": i.SourceID} {
		if v != "" && !strings.Contains(v, "'") {
			parts = append(parts, name+"='"+v+"'")
		}
	}
	return strings.Join(parts, " and ")
}

// inlet is a connection to an outlet that sends samples.
type inlet struct {
	info  Info
	conn  net.Conn
	r     *bufio.Reader
	codec *codec
	clock *offsets
}

// open finds a stream and connects to it.
func open(ctx context.Context, cfg Config, predicate string) (*inlet, error) {
	find, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	found, err := Resolve(find, cfg.Network, predicate)
	if err != nil {
		return nil, err
	}
	if len(found) > 1 {
		names := make([]string, len(found))
		for i, f := range found {
			names[i] = fmt.Sprintf("%s (type %s, source id %s, at %s)", f.Name, f.Type, f.SourceID, f.Hostname)
		}
		return nil, devices.Errorf(devices.CodeInvalid, "%d LSL streams match %s: %s. Say which by name or source_id", len(found), predicate, strings.Join(names, "; "))
	}
	ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	info, err := fullInfo(ctx, found[0])
	if err != nil {
		return nil, devices.Errorf(devices.CodeLost, "the LSL stream %s does not describe itself: %w", found[0].Name, err)
	}
	return connect(ctx, info)
}

// connect asks for the samples of a stream and agrees with its outlet on how they come.
func connect(ctx context.Context, info Info) (*inlet, error) {
	if info.Version < 1.095 {
		return nil, devices.Errorf(devices.CodeUnsupported, "the outlet of %s speaks version %.2f of LSL's protocol, of before 2013; 1.10 is needed", info.Name, info.Version)
	}
	conn, err := dial(ctx, info)
	if err != nil {
		return nil, devices.Errorf(devices.CodeLost, "the LSL stream %s: %w", info.Name, err)
	}
	in := &inlet{info: info, conn: conn, r: bufio.NewReaderSize(conn, 1<<16)}
	if err := in.agree(); err != nil {
		_ = conn.Close()
		var failed *devices.Error
		if errors.As(err, &failed) {
			return nil, failed
		}
		return nil, devices.Errorf(devices.CodeProtocol, "the LSL stream %s: %w", info.Name, err)
	}
	in.clock = &offsets{}
	if offset, within, ok := ask(ctx, info, 8, 0); ok {
		in.clock.set(offset, within)
	}
	return in, conn.SetDeadline(time.Time{})
}

// buffered is how many samples an outlet keeps for this inlet, should the network be slow: those of 6 minutes, as the library asks for.
func (i *Info) buffered() int { return max(36_000, int(360*i.Rate)) }

// agree sends the request and reads the answer, up to the first sample.
func (in *inlet) agree() error {
	i := &in.info
	size := i.Format.size()
	header := func(name, value string) string { return name + ": " + value + "\r\n" }
	request := "LSL:streamfeed/110 " + i.UID + "\r\n" + header("Native-Byte-Order", "1234") + header("Endian-Performance", "0") + header("Has-IEEE754-Floats", "1") +
		header("Supports-Subnormals", "1") + header("Value-Size", strconv.Itoa(size)) + header("Data-Protocol-Version", "110") +
		header("Max-Buffer-Length", strconv.Itoa(i.buffered())) + header("Max-Chunk-Length", "0") + header("Hostname", i.Hostname) +
		header("Source-Id", i.SourceID) + header("Session-Id", i.SessionID) + "\r\n"
	if _, err := io.WriteString(in.conn, request); err != nil {
		return err
	}
	line, err := in.line()
	if err != nil {
		return err
	}
	parts := strings.Fields(line)
	if len(parts) < 2 || !strings.HasPrefix(parts[0], "LSL/") {
		return fmt.Errorf("the answer %.60q", line)
	}
	switch parts[1] {
	case "200":
	case "404":
		return devices.Errorf(devices.CodeLost, "the LSL stream %s is not there any more", i.Name)
	default:
		return fmt.Errorf("the outlet answers %.60q", line)
	}
	var order binary.ByteOrder = binary.LittleEndian
	for {
		if line, err = in.line(); err != nil {
			return err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		value, _, _ = strings.Cut(value, ";")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "byte-order":
			switch value {
			case "1234", "0":
			case "4321":
				order = binary.BigEndian
			default:
				return fmt.Errorf("the byte order %q", value)
			}
		case "uid":
			if !strings.EqualFold(value, i.UID) {
				return devices.Errorf(devices.CodeLost, "another LSL stream is at the address of %s", i.Name)
			}
		case "data-protocol-version":
			if v, err := strconv.Atoi(value); err != nil || v < 110 {
				return devices.Errorf(devices.CodeUnsupported, "the outlet of %s sends by version %.20s of the protocol; 110 is needed", i.Name, value)
			}
		}
	}
	in.codec = newCodec(i.Format, i.Channels, order)
	for _, offset := range []int{4, 2} {
		want := in.codec.pattern(offset)
		var got Sample
		if err := in.codec.read(in.r, &got); err != nil {
			return err
		}
		if !same(&want, &got) {
			return errors.New("the samples of the pattern are not those that both sides know")
		}
	}
	return nil
}

// deduce gives a sample without a time stamp the one that follows from the sample before, and returns the sample's time.
func (in *inlet) deduce(s *Sample, last float64) float64 {
	if s.Deduced {
		s.Time = last
		if in.info.Rate > 0 {
			s.Time += 1 / in.info.Rate
		}
	}
	return s.Time
}

// line reads a line of the answer, without its end.
func (in *inlet) line() (string, error) {
	b, err := in.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errors.New("a line without an end")
	}
	if err != nil {
		return "", whole(err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// montage says which values become which channels.
type montage struct {
	labels []string
	index  []int
	scale  []float64
}

// unitNames are how streams name units beside those that neurod knows.
var unitNames = map[string]string{"microvolts": "uV", "microvolt": "uV", "μv": "uV", "µv": "uV", "uv": "uV", "volts": "V", "volt": "V", "millivolts": "mV", "millivolt": "mV",
	"mv": "mV", "v": "V", "nv": "nV", "nanovolts": "nV", "nanovolt": "nV"}

// montage names the channels, picks those asked for and finds their units.
func (in *inlet) montage(cfg Config) (montage, error) {
	taken := map[string]bool{}
	all := make([]string, in.info.Channels)
	for k := range all {
		label := ""
		if k < len(in.info.Labels) {
			label = in.info.Labels[k]
		}
		if label == "" {
			label = fmt.Sprintf("Ch%d", k+1)
		}
		for n, base := 2, label; taken[label]; n++ {
			label = fmt.Sprintf("%s#%d", base, n)
		}
		taken[label] = true
		all[k] = label
	}
	var m montage
	add := func(k int) error {
		unit := ""
		if k < len(in.info.Units) {
			unit = in.info.Units[k]
		}
		if unit == "" {
			unit = cfg.Unit
		}
		if name, ok := unitNames[strings.ToLower(unit)]; ok {
			unit = name
		}
		scale, known := eeg.Microvolts(unit)
		if !known {
			return devices.Errorf(devices.CodeInvalid, "the channel %s of the LSL stream %s is in %.40q, which is no voltage: leave it out by naming the channels to take", all[k], in.info.Name, unit)
		}
		m.labels, m.index, m.scale = append(m.labels, all[k]), append(m.index, k), append(m.scale, scale)
		return nil
	}
	if len(cfg.Channels) == 0 {
		for k := range all {
			if err := add(k); err != nil {
				return m, err
			}
		}
		return m, nil
	}
	for _, want := range cfg.Channels {
		k := -1
		for i, label := range all {
			if strings.EqualFold(label, want) {
				k = i
				break
			}
		}
		if k < 0 {
			return m, devices.Errorf(devices.CodeInvalid, "the LSL stream %s has no channel %s; it has %s", in.info.Name, want, strings.Join(all, ", "))
		}
		if err := add(k); err != nil {
			return m, err
		}
	}
	return m, nil
}

// offsets follow how the outlet's clock stands to this one.
type offsets struct {
	mu             sync.Mutex
	offset, within float64
	at             time.Time // of the last answer
	known          bool
}

func (o *offsets) set(offset, within float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.offset, o.within, o.at, o.known = offset, within, time.Now(), true
}

func (o *offsets) get() (offset, within float64, at time.Time, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.offset, o.within, o.at, o.known
}

// How an outlet's clock is followed.
const (
	askEvery  = 2 * time.Second
	questions = 8
	apart     = 64 * time.Millisecond
	// silence is how long an outlet may send nothing and answer nothing: a cable that was pulled closes no connection.
	silence = 10 * time.Second
)

// follow measures the clock until the context ends.
func (in *inlet) follow(ctx context.Context, tell func(offset, within float64)) error {
	t := time.NewTicker(askEvery)
	defer t.Stop()
	for {
		if offset, within, ok := ask(ctx, in.info, questions, apart); ok {
			in.clock.set(offset, within)
			tell(offset, within)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// hostTime turns a time of LSL's clock of this machine into one of the host.
type hostTime struct {
	host  time.Time
	local float64
}

func newHostTime() hostTime { return hostTime{time.Now(), localClock()} }

// at is the host's time of an outlet's time.
func (h hostTime) at(remote float64, c *offsets) time.Time {
	offset, _, _, _ := c.get()
	d := remote + offset - h.local
	d = max(-1e9, min(1e9, d)) // 30 years
	return h.host.Add(time.Duration(d * 1e9))
}

// run reads samples until the connection ends. Markers come beside.
func (s *source) run(ctx context.Context, out *devices.Writer, in *inlet, m montage) error {
	host := newHostTime()
	beside, stop := context.WithCancel(ctx)
	defer stop()
	group, _ := guarded.WithContext(beside)
	group.Go(func() error {
		return in.follow(beside, func(offset, within float64) { out.SetDevice(seconds(offset), seconds(within)) })
	})
	marks := make(chan devices.Marker, 1024)
	for _, q := range s.cfg.Markers {
		group.Go(func() error { return s.mark(beside, q, host, marks) })
	}
	if offset, within, _, ok := in.clock.get(); ok {
		out.SetDevice(seconds(offset), seconds(within))
	}
	samples := make(chan arrived, 256)
	group.Go(func() error { return in.receive(beside, samples) })
	err := s.hand(beside, out, in, m, host, samples, marks)
	stop()
	_ = in.conn.Close()
	if werr := group.Wait(); err == nil && ctx.Err() == nil {
		err = werr
	}
	return err
}

func seconds(s float64) time.Duration { return time.Duration(s * 1e9) }

// arrived is what came of the stream at once.
type arrived struct {
	times  []float64
	values []float64 // all channels
	err    error
}

// mostAtOnce is how many samples are handed on together.
const mostAtOnce = 256

// receive reads samples as they come. It hands on all that the network has brought.
func (in *inlet) receive(ctx context.Context, out chan<- arrived) error {
	done := context.AfterFunc(ctx, func() { _ = in.conn.SetReadDeadline(time.Now()) })
	defer done()
	last := 0.0
	var s Sample
	for {
		var a arrived
		for len(a.times) < mostAtOnce {
			if len(a.times) > 0 && in.r.Buffered() == 0 {
				break
			}
			if err := in.await(ctx); err != nil {
				a.err = err
				break
			}
			if err := in.codec.read(in.r, &s); err != nil {
				a.err = err
				break
			}
			last = in.deduce(&s, last)
			a.times = append(a.times, s.Time)
			a.values = append(a.values, s.Values...)
		}
		select {
		case out <- a:
		case <-ctx.Done():
			return nil
		}
		if a.err != nil {
			return nil
		}
	}
}

// await waits for the first byte of a sample, and gives up where the outlet is silent in every way.
func (in *inlet) await(ctx context.Context) error {
	since := time.Now()
	for {
		if in.r.Buffered() > 0 {
			return nil
		}
		_ = in.conn.SetReadDeadline(time.Now().Add(time.Second))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		_, err := in.r.Peek(1)
		var timeout net.Error
		if err == nil {
			// A sample that has begun is whole soon.
			return in.conn.SetReadDeadline(time.Now().Add(silence))
		}
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			return err
		}
		_, _, at, known := in.clock.get()
		if time.Since(since) > silence && (!known || time.Since(at) > silence) {
			return fmt.Errorf("nothing came for %v, and the clock is not answered for", silence)
		}
	}
}

// hand places samples among lost ones and hands them on.
func (s *source) hand(ctx context.Context, out *devices.Writer, in *inlet, m montage, host hostTime, samples <-chan arrived, marks <-chan devices.Marker) error {
	steps := clock.NewSteps(in.info.Rate)
	var held [][]float32
	var stamps []time.Time
	settle := func(n int, lost int64) {
		if n == 0 {
			return
		}
		b := devices.Block{Lost: lost, Stamp: stamps[n-1]}
		for _, v := range held[:n] {
			b.Samples = append(b.Samples, v...)
		}
		out.Put(b)
		held, stamps = held[n:], stamps[n:]
	}
	for {
		select {
		case a := <-samples:
			channels := in.info.Channels
			ready, run := 0, int64(0)
			for i, at := range a.times {
				v := make([]float32, len(m.index))
				for k, c := range m.index {
					v[k] = float32(a.values[i*channels+c] * m.scale[k])
				}
				stamp := host.at(at, in.clock)
				held, stamps = append(held, v), append(stamps, stamp)
				n, lost := steps.Add(stamp)
				if lost > 0 {
					settle(ready, run)
					ready, run = 0, lost
				}
				ready += n
			}
			settle(ready, run)
			if a.err != nil {
				n, lost := steps.Flush()
				settle(n, lost)
				return gone(in.info.Name, a.err)
			}
		case mark := <-marks:
			out.Mark(mark)
		case <-ctx.Done():
			n, lost := steps.Flush()
			settle(n, lost)
			return ctx.Err()
		}
	}
}

// gone says why a stream ended.
func gone(name string, err error) error {
	if errors.Is(err, io.EOF) {
		return devices.Errorf(devices.CodeLost, "the outlet of the LSL stream %s is gone", name)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return devices.Errorf(devices.CodeLost, "the outlet of the LSL stream %s is gone in the middle of a sample", name)
	}
	var n net.Error
	if errors.As(err, &n) || errors.Is(err, net.ErrClosed) {
		return devices.Errorf(devices.CodeLost, "the LSL stream %s: %w", name, err)
	}
	return devices.Errorf(devices.CodeProtocol, "the LSL stream %s: %w", name, err)
}

// mark reads a stream of markers, and looks for it again when it is away.
func (s *source) mark(ctx context.Context, query string, host hostTime, out chan<- devices.Marker) error {
	known := query
	for ctx.Err() == nil {
		in, err := open(ctx, s.cfg, known)
		if err != nil {
			t := time.NewTimer(time.Second)
			select {
			case <-t.C:
			case <-ctx.Done():
				t.Stop()
			}
			continue
		}
		if in.info.SourceID != "" {
			known = in.info.again()
		}
		in.readMarkers(ctx, host, out)
	}
	return nil
}

// readMarkers hands on markers until the connection ends: texts as labels, numbers as codes.
func (in *inlet) readMarkers(ctx context.Context, host hostTime, out chan<- devices.Marker) {
	beside, stop := context.WithCancel(ctx)
	defer stop()
	group, _ := guarded.WithContext(beside)
	group.Go(func() error { return in.follow(beside, func(float64, float64) {}) })
	done := context.AfterFunc(ctx, func() { _ = in.conn.SetReadDeadline(time.Now()) })
	defer done()
	defer in.conn.Close()
	var s Sample
	last := 0.0
	for {
		if in.await(ctx) != nil || in.codec.read(in.r, &s) != nil {
			stop()
			_ = group.Wait()
			return
		}
		last = in.deduce(&s, last)
		at := host.at(s.Time, in.clock)
		for _, m := range markersOf(&s) {
			m.At = at
			select {
			case out <- m:
			case <-ctx.Done():
			}
		}
	}
}

// markersOf are the markers of a sample: one for each channel that says something.
func markersOf(s *Sample) []devices.Marker {
	var out []devices.Marker
	for _, text := range s.Strings {
		if strings.TrimSpace(text) != "" {
			out = append(out, devices.Marker{Label: text})
		}
	}
	for _, v := range s.Values {
		if v != 0 && v == math.Trunc(v) && math.Abs(v) < 1<<31 {
			out = append(out, devices.Marker{Code: int(v)})
		} else if v != 0 && !math.IsNaN(v) {
			out = append(out, devices.Marker{Label: strconv.FormatFloat(v, 'g', -1, 64)})
		}
	}
	return out
}
