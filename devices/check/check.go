// Package check tells before a recording whether a device is fit for one: it reads some seconds and measures contact, line noise, saturation, dead and bridged
// channels, rate and clock. What was not measured is null, never a guess; an impedance takes a device that measures it.
//
// Sources: contact and line noise are those of packages decoders/contact and decoders/features. Bridges: a salt or gel bridge makes two electrodes one, so that their
// difference vanishes (D. M. Alschuler, C. E. Tenke, G. E. Bruder and J. Kayser, Identifying electrode bridging from electrical distance
// distributions, Clin. Neurophysiol. 125 (2014) 484-490); here the SD of the difference in 2-30 Hz against the smaller of the two.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/neurod/neurod/decoders"
	"github.com/neurod/neurod/decoders/contact"
	"github.com/neurod/neurod/decoders/dsp"
	"github.com/neurod/neurod/decoders/features"
	"github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/clock"
	"github.com/neurod/neurod/eeg"
)

// Config says how long is looked.
type Config struct {
	// Seconds defaults to 12: the clock's drift is known from 10 s on.
	Seconds float64
	// Impedance has the impedance of the electrodes measured first, where the device can (devices.Contacts). It takes some seconds, 13 for 8 channels of a Cyton.
	Impedance bool
	// Timeout of the whole. Defaults to three times Seconds and 30 s; 90 s with Impedance.
	Timeout time.Duration
}

const (
	bridgedShare = 0.05 // of the smaller SD that the difference of two channels has at the most
	loudLine     = 0.3  // share of the power line from which features call a contact worse
	rateOff      = 0.01 // of the nominal rate
	lostShare    = 0.01 // of the samples
	openKOhm     = 1000 // from which an electrode, dry ones too, does not touch
)

// Channel is what was measured of one.
type Channel struct {
	Name string `json:"name"`
	// Fault is what is wrong: flat, clipped, line, noise or loud; "" for nothing.
	Fault eeg.ChannelFault `json:"fault,omitempty"`
	// BridgedTo names the channels that are one with it.
	BridgedTo []string `json:"bridged_to,omitempty"`
	SDUV      float64  `json:"sd_uv"`      // median of windows of 2 s, detrended
	LineShare float64  `json:"line_share"` // of its power at 50 or 60 Hz, the stronger; median
	Quality   float64  `json:"quality"`    // 0..1, median
	// ImpedanceKOhm is null where it was not measured.
	ImpedanceKOhm *float64 `json:"impedance_kohm"`
	Good          bool     `json:"good"`
}

// Report is what was measured.
type Report struct {
	Device   devices.Info            `json:"device"`
	Seconds  float64                 `json:"seconds"` // that were looked at, without gaps
	Channels []Channel               `json:"channels"`
	Missing  map[devices.Cause]int64 `json:"missing"`
	Clock    clock.Report            `json:"clock"`
	// Problems says in words what is wrong; Fit that nothing is.
	Problems []string `json:"problems"`
	Fit      bool     `json:"fit"`
}

// Run reads a source and measures it. Errors: those of the source; CodeLost where it ends or gives too little in the time.
func Run(ctx context.Context, src devices.Source, cfg Config) (Report, error) {
	if cfg.Seconds <= 0 {
		cfg.Seconds = 12
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = time.Duration(3*cfg.Seconds+30) * time.Second
		if cfg.Impedance {
			cfg.Timeout += time.Minute
		}
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	var contacts []devices.Impedance
	if c, can := src.(devices.Contacts); can && cfg.Impedance {
		var err error
		if contacts, err = c.Impedance(ctx); err != nil {
			return Report{}, err
		}
	}
	s, err := src.Open(ctx)
	if err != nil {
		return Report{}, err
	}
	defer s.Close()
	info := s.Info()
	r := Report{Device: info, Missing: map[devices.Cause]int64{}, Problems: []string{}}
	want := int(cfg.Seconds * info.Rate)
	var values, longest []float32 // of the segment that is read, and the longest
	got := 0
	for got < want {
		b, err := s.Next(ctx)
		if errors.Is(err, io.EOF) && got > 0 {
			break
		}
		if err != nil {
			return r, tooLittle(err, got, want)
		}
		for _, g := range b.Gaps {
			r.Missing[g.Cause] += g.Samples
		}
		if len(b.Gaps) > 0 {
			values = nil
		}
		values = append(values, b.Samples...)
		got += len(b.Samples) / len(info.Channels)
		if len(values) > len(longest) {
			longest = values
		}
	}
	r.Clock = s.Clock()
	if err := r.channels(signal(longest, info)); err != nil {
		return r, err
	}
	r.touch(contacts)
	r.judge()
	return r, nil
}

// tooLittle says that a device gave less than is needed.
func tooLittle(err error, got, want int) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return devices.Errorf(devices.CodeLost, "the device gave %d samples of %d in the time", got, want)
	}
	return err
}

// signal turns samples into channels × samples.
func signal(values []float32, info devices.Info) decoders.Signal {
	n := len(values) / len(info.Channels)
	data := mat.NewDense(len(info.Channels), max(1, n), nil)
	for i := range n {
		for c := range info.Channels {
			data.Set(c, i, float64(values[i*len(info.Channels)+c]))
		}
	}
	return decoders.Signal{Data: data, Channels: info.Channels, Rate: info.Rate}
}

// channels measures them.
func (r *Report) channels(sig decoders.Signal) error {
	r.Seconds = sig.Seconds()
	e, err := features.New(features.Config{Rate: sig.Rate, Channels: sig.Channels})
	if err != nil {
		return devices.Errorf(devices.CodeInvalid, "check: %w", err)
	}
	n := e.Samples()
	if sig.Samples() < n {
		return devices.Errorf(devices.CodeLost, "the longest part without a gap has %.1f s; %.1f s are needed", r.Seconds, float64(n)/sig.Rate)
	}
	rows := len(sig.Channels)
	sd, line, quality := make([][]float64, rows), make([][]float64, rows), make([][]float64, rows)
	var w features.Window
	for first := 0; first+n <= sig.Samples(); first += n {
		if err := e.Compute(&w, sig.Data.Slice(0, rows, first, first+n).(*mat.Dense)); err != nil {
			return devices.Errorf(devices.CodeInvalid, "check: %w", err)
		}
		for c, ch := range w.Channels {
			sd[c], line[c], quality[c] = append(sd[c], ch.SD), append(line[c], ch.LineShare), append(quality[c], ch.SQI)
		}
	}
	faults := contact.Assess(sig, nil)
	bridges := bridged(sig)
	for c, name := range sig.Channels {
		ch := Channel{Name: name, SDUV: median(sd[c]), LineShare: median(line[c]), Quality: median(quality[c])}
		if c < len(faults) {
			ch.Fault = faults[c]
		}
		if ch.Fault != eeg.FaultFlat {
			ch.BridgedTo = bridges[c]
		}
		ch.Good = ch.Fault == "" && len(ch.BridgedTo) == 0 && ch.LineShare < loudLine && ch.Quality >= features.GoodSQI
		r.Channels = append(r.Channels, ch)
	}
	return nil
}

// touch takes the impedances that were measured. A reference is not among the channels.
func (r *Report) touch(contacts []devices.Impedance) {
	for _, z := range contacts {
		for c := range r.Channels {
			if ch := &r.Channels[c]; ch.Name == z.Channel {
				ch.ImpedanceKOhm = z.KOhm
				ch.Good = ch.Good && (z.KOhm == nil || *z.KOhm < openKOhm)
			}
		}
		if z.KOhm != nil && *z.KOhm >= openKOhm {
			r.Problems = append(r.Problems, fmt.Sprintf("%s has an impedance of %.0f kΩ: it does not touch", z.Channel, *z.KOhm))
		}
	}
}

// bridged returns for each channel the names of those that are one with it.
func bridged(sig decoders.Signal) [][]string {
	rows := len(sig.Channels)
	out := make([][]string, rows)
	band, err := dsp.ButterBandPass(4, 2, min(30, 0.45*sig.Rate), sig.Rate)
	if err != nil {
		return out // a rate at which there is no such band
	}
	x := mat.DenseCopyOf(sig.Data)
	for c := range rows {
		dsp.Detrend(x.RawRowView(c), x.RawRowView(c))
	}
	dsp.FilterRows(band, x)
	sd := make([]float64, rows)
	for c := range rows {
		sd[c] = stat.StdDev(x.RawRowView(c), nil)
	}
	diff := make([]float64, sig.Samples())
	for i := range rows {
		for k := range i {
			least := min(sd[i], sd[k])
			if least < 0.1 { // µV: nothing is there to be one
				continue
			}
			a, b := x.RawRowView(i), x.RawRowView(k)
			for j := range diff {
				diff[j] = a[j] - b[j]
			}
			if stat.StdDev(diff, nil) < bridgedShare*least {
				out[i], out[k] = append(out[i], sig.Channels[k]), append(out[k], sig.Channels[i])
			}
		}
	}
	return out
}

// judge says what is wrong.
func (r *Report) judge() {
	say := func(format string, args ...any) { r.Problems = append(r.Problems, fmt.Sprintf(format, args...)) }
	words := map[eeg.ChannelFault]string{eeg.FaultFlat: "is dead: it does not move", eeg.FaultClipped: "is saturated", eeg.FaultLine: "holds the power line and little else",
		eeg.FaultNoise: "shares nothing with the others", eeg.FaultLoud: "is far louder than the others"}
	told := map[string]bool{}
	for _, c := range r.Channels {
		switch {
		case c.Fault != "":
			say("%s %s", c.Name, words[c.Fault])
		case len(c.BridgedTo) > 0:
			for _, other := range c.BridgedTo {
				if !told[other] {
					say("%s and %s are bridged: they hold the same", c.Name, other)
				}
			}
			told[c.Name] = true
		case c.LineShare >= loudLine:
			say("%s: %.0f %% of its power is the power line's", c.Name, 100*c.LineShare)
		case c.Quality < features.GoodSQI:
			say("%s has a quality of %.2f; %.1f is usable", c.Name, c.Quality, features.GoodSQI)
		}
	}
	k := r.Clock
	if k.RateHz != nil && math.Abs(*k.RateHz/k.NominalHz-1) > rateOff {
		say("the rate is %.2f Hz, and should be %.2f", *k.RateHz, k.NominalHz)
	}
	missing := int64(0)
	for _, n := range r.Missing {
		missing += n
	}
	if share := float64(missing) / max(1, float64(k.Samples)); share > lostShare {
		say("%.1f %% of the samples are missing", 100*share)
	}
	if k.Jumps > 0 {
		say("the device's clock jumped %d times", k.Jumps)
	}
	r.Fit = len(r.Problems) == 0
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := append([]float64(nil), v...)
	for i := 1; i < len(s); i++ { // a handful
		for k := i; k > 0 && s[k] < s[k-1]; k-- {
			s[k], s[k-1] = s[k-1], s[k]
		}
	}
	return s[len(s)/2]
}
