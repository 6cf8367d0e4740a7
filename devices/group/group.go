// Package group makes one device of several: the people of an experiment, each with a device of their own, as one recording of all of them (hyperscanning).
//
// Sample k of the group is of the time origin + k/rate by the host's clock. Every device samples by its own crystal, so that its samples lie between those times: each
// channel is interpolated at them, by the true time of its samples (package clock), with a windowed sinc of 16 samples, which leaves what is below 0.35 of the rate as it
// is within a thousandth. So two people stay aligned for hours, whatever their crystals do, within what Batch.Within states: how far the true time of any of them may be off.
//
// Devices of other machines come over the Lab Streaming Layer (package lsl), which measures how the machines' clocks stand to each other; the uncertainty of that is part of
// what is stated.
//
// Channels are named PERSON:LABEL, markers PERSON: LABEL. A group has a sample where all of its members have: what one of them lost is a gap of all, since a session holds no
// sample of some channels, and nothing is invented. Who wants to keep the others' samples there records each person in a session of their own beside it.
package group

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/internal/guarded"
)

// Member is a person and their device.
type Member struct {
	Name   string // without a colon
	Source devices.Source
}

// Config describes a group.
type Config struct {
	// Members are two or more, of one rate. Required.
	Members []Member
	// Late is how long a member is waited for before the others go on without it. Defaults to 1 s.
	Late time.Duration
	// Failed is told why the device of a member is away, or cannot be opened again. Defaults to nobody.
	Failed func(member string, err error)
}

const (
	half   = 8                     // samples on each side that a value is interpolated from
	settle = time.Second           // of samples before the first, so that their times are known
	chunk  = 40 * time.Millisecond // of samples at once
	slew   = 0.005                 // of a sample a sample: how fast a member follows what is found out about its clock
	jump   = 5.0                   // samples from which it follows at once
	keep   = 10                    // s that a member's samples are kept
)

// New returns the group.
func New(cfg Config) (devices.Source, error) {
	if len(cfg.Members) < 2 {
		return nil, devices.Errorf(devices.CodeInvalid, "a group of %d members: two or more are needed", len(cfg.Members))
	}
	names := map[string]bool{}
	for _, m := range cfg.Members {
		if m.Name == "" || strings.Contains(m.Name, ":") || names[m.Name] || m.Source == nil {
			return nil, devices.Errorf(devices.CodeInvalid, "the member %q of a group needs a name of its own, without a colon, and a device", m.Name)
		}
		names[m.Name] = true
	}
	if cfg.Late <= 0 {
		cfg.Late = time.Second
	}
	return group{cfg}, nil
}

type group struct{ cfg Config }

// Open implements devices.Source: it opens the devices of all members.
func (g group) Open(ctx context.Context) (*devices.Stream, error) {
	var members []*member
	fail := func(err error) (*devices.Stream, error) {
		for _, m := range members {
			err = errors.Join(err, m.stream.Close())
		}
		return nil, err
	}
	info := devices.Info{Driver: "group", Counter: true, Stamps: devices.Exact}
	var names []string
	for _, c := range g.cfg.Members {
		s, err := devices.Steady(c.Source, devices.SteadyConfig{Failed: func(err error, _ time.Duration) {
			if g.cfg.Failed != nil {
				g.cfg.Failed(c.Name, err)
			}
		}}).Open(ctx)
		if err != nil {
			return fail(err)
		}
		i := s.Info()
		members = append(members, &member{name: c.Name, stream: s, channels: len(i.Channels), rate: i.Rate})
		if info.Rate == 0 {
			info.Rate = i.Rate
		}
		if i.Rate != info.Rate {
			return fail(devices.Errorf(devices.CodeInvalid, "%s has %g Hz and %s %g Hz: a group has one rate", c.Name, i.Rate, g.cfg.Members[0].Name, info.Rate))
		}
		names = append(names, c.Name+" ("+i.Name+")")
		for _, label := range i.Channels {
			info.Channels = append(info.Channels, c.Name+":"+label)
		}
	}
	info.Name = strings.Join(names, ", ")
	s, err := devices.Begin(info, func(ctx context.Context, out *devices.Writer) error {
		return (&joining{group: g, members: members, rate: info.Rate, channels: len(info.Channels)}).run(ctx, out)
	})
	if err != nil {
		return fail(err)
	}
	return s, nil
}

// member is the stream of one, and the samples of it that may be needed.
type member struct {
	name     string
	stream   *devices.Stream
	channels int
	rate     float64

	mu      sync.Mutex
	first   int64     // position of the first sample that is kept
	values  []float32 // from there on; what is missing is NaN
	begun   time.Time // when the first sample came
	within  time.Duration
	markers []devices.Marker
	ended   error

	at     float64 // position of the last value that was taken
	placed bool
}

// end is the position behind the last sample. The caller holds the lock.
func (m *member) end() int64 { return m.first + int64(len(m.values)/m.channels) }

// read keeps what the stream gives until it ends.
func (m *member) read(ctx context.Context, came chan<- struct{}) error {
	for {
		b, err := m.stream.Next(ctx)
		m.mu.Lock()
		if err != nil {
			m.ended = err
		} else {
			m.keep(b)
		}
		m.mu.Unlock()
		select {
		case came <- struct{}{}:
		default:
		}
		if err != nil {
			return nil //nolint:nilerr // the group tells
		}
	}
}

// keep takes a batch. The caller holds the lock.
func (m *member) keep(b devices.Batch) {
	m.markers = append(m.markers, b.Markers...)
	if len(b.Samples) == 0 {
		return
	}
	if m.begun.IsZero() {
		m.begun, m.first = time.Now(), b.First
	}
	most := int64(keep * m.rate)
	for missing := min(b.First-m.end(), most); missing > 0; missing-- {
		for range m.channels {
			m.values = append(m.values, float32(math.NaN()))
		}
	}
	if m.end() < b.First { // it was away for longer than anything is kept
		m.first, m.values = b.First, m.values[:0]
	}
	m.values = append(m.values, b.Samples...)
	if over := m.end() - m.first - most; over > 0 {
		m.values = append(m.values[:0], m.values[over*int64(m.channels):]...)
		m.first += over
	}
	m.within = b.Within
}

// place finds the position of the member at a time, a sample behind the last one: it follows slowly what is found out about the clock. The caller holds the lock.
func (m *member) place(at time.Time) float64 {
	target := m.stream.Position(at)
	if !m.placed || math.Abs(target-m.at-1) > jump {
		m.placed = true
		return target
	}
	off := target - m.at - 1
	return m.at + 1 + max(-slew, min(slew, off))
}

// value interpolates a sample of all channels into out. ok is false where a sample is missing that it needs. The caller holds the lock.
func (m *member) value(position float64, out []float32) (ok bool) {
	base := int64(math.Floor(position))
	if base-half+1 < m.first || base+half >= m.end() {
		return false
	}
	var weights [2 * half]float64
	sum := 0.0
	for i := range weights {
		x := position - float64(base-half+1+int64(i))
		weights[i] = sinc(x) * (0.5 + 0.5*math.Cos(math.Pi*x/half))
		if math.Abs(x) >= half {
			weights[i] = 0
		}
		sum += weights[i]
	}
	start := int(base-half+1-m.first) * m.channels
	for c := range out {
		v := 0.0
		for i, w := range weights {
			v += w * float64(m.values[start+i*m.channels+c])
		}
		out[c] = float32(v / sum)
		if math.IsNaN(v) {
			return false
		}
	}
	return true
}

func sinc(x float64) float64 {
	if math.Abs(x) < 1e-9 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// joining is a group that runs.
type joining struct {
	group    group
	members  []*member
	rate     float64
	channels int
	origin   time.Time // of sample 0
}

// time is that of a sample.
func (j *joining) time(k int64) time.Time {
	return j.origin.Add(time.Duration(float64(k) / j.rate * 1e9))
}

func (j *joining) run(ctx context.Context, out *devices.Writer) (err error) {
	came := make(chan struct{}, 1)
	reading, stop := context.WithCancel(ctx)
	readers := new(guarded.Group)
	for _, m := range j.members {
		readers.Go(func() error { return m.read(reading, came) })
	}
	defer func() {
		stop()
		for _, m := range j.members {
			err = errors.Join(err, m.stream.Close())
		}
		if werr := readers.Wait(); err == nil {
			err = werr
		}
	}()
	tick := time.NewTicker(chunk)
	defer tick.Stop()
	for k := int64(0); ; {
		if j.origin.IsZero() {
			j.begin()
		} else if k, err = j.join(out, k); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		select {
		case <-tick.C:
		case <-came:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// begin sets the origin once every member has given samples for a while.
func (j *joining) begin() {
	var last time.Time
	for _, m := range j.members {
		m.mu.Lock()
		begun, ended := m.begun, m.ended
		m.mu.Unlock()
		if ended != nil {
			j.origin = time.Now() // join tells why
			return
		}
		if begun.IsZero() {
			return
		}
		if begun.After(last) {
			last = begun
		}
	}
	if time.Since(last) >= settle {
		j.origin = last.Add(settle / 2)
	}
}

// join hands on the samples from k on that all members have, or that one of them will not have any more, and returns the next.
func (j *joining) join(out *devices.Writer, k int64) (int64, error) {
	for _, m := range j.members {
		m.mu.Lock()
		defer m.mu.Unlock()
	}
	block := devices.Block{}
	put := func() {
		if len(block.Samples) > 0 || block.Lost > 0 {
			out.Put(block)
			block = devices.Block{}
		}
	}
	within := time.Duration(0)
	for _, m := range j.members {
		within = max(within, m.within)
	}
	out.SetDevice(0, within)
	most := int64(chunk.Seconds()*j.rate) + 1
	for n := int64(0); ; k, n = k+1, n+1 {
		at := j.time(k)
		positions := make([]float64, len(j.members))
		waits := false
		for i, m := range j.members {
			positions[i] = m.place(at)
			if int64(positions[i])+half >= m.end() {
				if m.ended != nil {
					put()
					return k, m.ended
				}
				waits = true
			}
		}
		if waits && time.Since(at) < j.group.cfg.Late {
			break
		}
		sample := make([]float32, j.channels)
		whole, c := true, 0
		for i, m := range j.members {
			whole = m.value(positions[i], sample[c:c+m.channels]) && whole
			m.at = positions[i]
			c += m.channels
		}
		if whole {
			if n > 0 && n%most == 0 {
				put()
			}
			block.Samples, block.Stamp = append(block.Samples, sample...), at
			continue
		}
		if len(block.Samples) > 0 {
			put()
		}
		block.Lost++
	}
	put()
	j.mark(out)
	return k, nil
}

// mark hands on markers, at the sample of their time. The caller holds the locks.
func (j *joining) mark(out *devices.Writer) {
	for _, m := range j.members {
		for _, mark := range m.markers {
			mark.Label = strings.TrimSpace(m.name + ": " + mark.Label)
			out.MarkSample(mark, mark.At.Sub(j.origin).Seconds()*j.rate)
		}
		m.markers = nil
	}
}
