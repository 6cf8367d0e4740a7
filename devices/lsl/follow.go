package lsl

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/neurod/neurod/devices"
)

// FollowConfig says which session of a server is given as LSL streams.
type FollowConfig struct {
	// Server is the base URL, Key an API key with the scope sessions. Required.
	Server, Key string
	// Project, where given, is held against the key's.
	Project string
	// Session is its id. Required.
	Session string
	// Name of the streams, to which -features, -intents and -decodes are added. Required.
	Name string
	// After is the number of the last window or decode that is not wanted; nil for what comes from now on, 0 for all.
	After *int
	// Network is where they are given.
	Network Network
	// HTTP defaults to a client without a timeout: the stream goes on.
	HTTP *http.Client
	// Log defaults to nowhere.
	Log *slog.Logger
}

// FeatureLabels are the channels of NAME-features, in order: the fields of a feature window. What is null there is NaN.
func FeatureLabels() []string {
	return []string{"delta", "theta", "alpha", "beta", "gamma", "alpha_beta", "theta_beta", "spectral_entropy", "blink_like", "motion_like", "emg_like", "bad_contact", "quality",
		"confidence", "passed"}
}

// Follower gives the windows and the decodes of a session as LSL streams, as they are written:
//
//	NAME-features  type Features, float32, irregular: a sample a window, with FeatureLabels
//	NAME-intents   type Markers, string: the intent of a decode, such as left_hand
//	NAME-decodes   type Decodes, string: the decode as the API gives it, JSON
//
// Times are the ends of windows. Make it with Follow.
type Follower struct {
	cfg                        FollowConfig
	features, intents, decodes *Outlet
}

// Follow offers the streams. Run fills them. Errors are *devices.Error.
func Follow(cfg FollowConfig) (*Follower, error) {
	switch {
	case !strings.HasPrefix(cfg.Server, "http://") && !strings.HasPrefix(cfg.Server, "https://"):
		return nil, devices.Errorf(devices.CodeInvalid, "the server %q is no URL that begins with http:// or https://", cfg.Server)
	case cfg.Key == "", cfg.Session == "", cfg.Name == "":
		return nil, devices.Errorf(devices.CodeInvalid, "an API key, a session and a name of the streams are needed")
	}
	cfg.Server = strings.TrimRight(cfg.Server, "/")
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	f := &Follower{cfg: cfg}
	for _, o := range []struct {
		into *(*Outlet)
		cfg  OutletConfig
	}{
		{&f.features, OutletConfig{Name: cfg.Name + "-features", Type: "Features", Labels: FeatureLabels(), Unit: "-"}},
		{&f.intents, OutletConfig{Name: cfg.Name + "-intents", Type: "Markers", Labels: []string{"intent"}, Format: String}},
		{&f.decodes, OutletConfig{Name: cfg.Name + "-decodes", Type: "Decodes", Labels: []string{"decode"}, Format: String}},
	} {
		o.cfg.Network = cfg.Network
		o.cfg.SourceID = "neurod-" + cfg.Session + "-" + o.cfg.Name
		out, err := NewOutlet(o.cfg)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		*o.into = out
	}
	return f, nil
}

// Consumers returns how many programs take one of the streams.
func (f *Follower) Consumers() int {
	return f.features.Consumers() + f.intents.Consumers() + f.decodes.Consumers()
}

// Close takes the streams away.
func (f *Follower) Close() error {
	var err error
	for _, o := range []*Outlet{f.features, f.intents, f.decodes} {
		if o != nil {
			err = errors.Join(err, o.Close())
		}
	}
	return err
}

// Waits between two connections to the server.
const firstFollow, longestFollow = 200 * time.Millisecond, 15 * time.Second

// Run follows the session until it has ended, and returns nil; a connection that breaks is made again behind the last message. Errors: the context's; CodeInvalid where the server refuses for good.
func (f *Follower) Run(ctx context.Context) error {
	after := f.cfg.After
	wait := firstFollow
	for {
		ended, got, err := f.connect(ctx, &after)
		if ended || err != nil {
			return err
		}
		if got {
			wait = firstFollow
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		wait = min(2*wait, longestFollow)
	}
}

// connect reads the session's events until they end. got tells that there were some.
func (f *Follower) connect(ctx context.Context, after **int) (ended, got bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.cfg.Server+"/v1/sessions/"+url.PathEscape(f.cfg.Session)+"/features/stream", nil)
	if err != nil {
		return false, false, devices.Errorf(devices.CodeInvalid, "the server %q: %w", f.cfg.Server, err)
	}
	req.Header.Set("Authorization", "Bearer "+f.cfg.Key)
	req.Header.Set("Accept", "text/event-stream")
	if f.cfg.Project != "" {
		req.Header.Set("X-Project-Id", f.cfg.Project)
	}
	if *after != nil {
		req.Header.Set("Last-Event-ID", fmt.Sprint(**after))
	}
	res, err := f.cfg.HTTP.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return false, false, ctx.Err()
		}
		f.cfg.Log.Warn("the server is away", "error", err)
		return false, false, nil
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusOK:
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode >= 500:
		f.cfg.Log.Warn("the server does not give the session now", "status", res.StatusCode)
		return false, false, nil
	default:
		text, _ := io.ReadAll(io.LimitReader(res.Body, 500)) // what there is
		return false, false, devices.Errorf(devices.CodeInvalid, "the server refuses to give the session: HTTP %d %s", res.StatusCode, bytes.TrimSpace(text))
	}
	err = serverEvents(res.Body, func(e serverEvent) error {
		got = true
		if e.kind == "session_ended" {
			ended = true
			return io.EOF
		}
		if err := f.give(e); err != nil {
			return err
		}
		if e.id != nil {
			*after = e.id
		}
		return nil
	})
	if ctx.Err() != nil {
		return ended, got, ctx.Err()
	}
	if err != nil && !ended {
		f.cfg.Log.Warn("the connection broke", "error", err)
	}
	return ended, got, nil
}

// serverEvent is an event of a stream of them.
type serverEvent struct {
	kind string
	id   *int
	data []byte
}

// mostEvent is the longest line of an event: a window of 512 channels is far below.
const mostEvent = 4 << 20

// serverEvents calls f with each event of a text/event-stream (WHATWG HTML, server-sent events) until there are no more or f fails.
func serverEvents(r io.Reader, f func(serverEvent) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostEvent)
	var e serverEvent
	for lines.Scan() {
		line := bytes.TrimSuffix(lines.Bytes(), []byte("\r"))
		if len(line) == 0 {
			if len(e.data) > 0 {
				if err := f(e); err != nil {
					return err
				}
			}
			e = serverEvent{}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "event":
			e.kind = string(value)
		case "data":
			if len(e.data) > 0 {
				e.data = append(e.data, '\n')
			}
			e.data = append(e.data, value...)
		case "id":
			var id int
			if _, err := fmt.Sscan(string(value), &id); err == nil {
				e.id = &id
			}
		}
	}
	return lines.Err()
}

// window is what is read of a feature window.
type window struct {
	EndMS    int64 `json:"window_end_ms"`
	Features struct {
		Bandpower struct{ Delta, Theta, Alpha, Beta, Gamma *float64 }
		Ratios    struct {
			AlphaBeta *float64 `json:"alpha_beta"`
			ThetaBeta *float64 `json:"theta_beta"`
		}
		SpectralEntropy *float64 `json:"spectral_entropy"`
	}
	Artifacts struct {
		Blink   *float64 `json:"blink_like"`
		Motion  *float64 `json:"motion_like"`
		EMG     *float64 `json:"emg_like"`
		Contact *float64 `json:"bad_contact"`
	}
	Quality    struct{ Overall *float64 }
	Confidence struct{ Overall *float64 }
	Gate       struct{ Passed bool }
}

// give puts a window or a decode into its streams.
func (f *Follower) give(e serverEvent) error {
	switch e.kind {
	case "features":
		var w window
		if err := json.Unmarshal(e.data, &w); err != nil {
			return fmt.Errorf("a window: %w", err)
		}
		s := Sample{Time: At(time.UnixMilli(w.EndMS))}
		for _, v := range []*float64{w.Features.Bandpower.Delta, w.Features.Bandpower.Theta, w.Features.Bandpower.Alpha, w.Features.Bandpower.Beta, w.Features.Bandpower.Gamma,
			w.Features.Ratios.AlphaBeta, w.Features.Ratios.ThetaBeta, w.Features.SpectralEntropy, w.Artifacts.Blink, w.Artifacts.Motion, w.Artifacts.EMG, w.Artifacts.Contact,
			w.Quality.Overall, w.Confidence.Overall} {
			if v == nil {
				s.Values = append(s.Values, math.NaN())
			} else {
				s.Values = append(s.Values, *v)
			}
		}
		passed := 0.0
		if w.Gate.Passed {
			passed = 1
		}
		s.Values = append(s.Values, passed)
		return f.features.Push(s)
	case "decode":
		var d struct {
			EndMS  int64  `json:"window_end_ms"`
			Intent string `json:"decoded_intent"`
		}
		if err := json.Unmarshal(e.data, &d); err != nil {
			return fmt.Errorf("a decode: %w", err)
		}
		at := At(time.UnixMilli(d.EndMS))
		if d.Intent != "" { // else it says why there is none
			if err := f.intents.Push(Sample{Time: at, Strings: []string{d.Intent}}); err != nil {
				return err
			}
		}
		return f.decodes.Push(Sample{Time: at, Strings: []string{string(e.data)}})
	}
	return nil
}
