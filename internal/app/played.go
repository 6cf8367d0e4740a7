package app

import (
	"context"
	"time"

	source "github.com/neurod/neurod/devices"
	"github.com/neurod/neurod/devices/holder"
	"github.com/neurod/neurod/devices/playback"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/models"
)

// storedSessions gives the sessions of projects to devices that play them.
type storedSessions struct{ recorded *sessions.Service }

// open is holder.DriversConfig.Stored.
func (s storedSessions) open(ctx context.Context, n holder.StoredSession) (source.Source, error) {
	at := models.At("settings", "session_id")
	played, err := s.recorded.Play(ctx, n.ProjectID, n.SessionID)
	switch e := models.AsError(err); {
	case err == nil:
	case e.Code == models.SessionNotFound:
		return nil, models.InvalidSetting(at, "not_found", "is no session of this project")
	case len(e.Fields) > 0:
		return nil, models.InvalidSetting(at, e.Fields[0].Code, "%s", e.Fields[0].Message)
	default:
		return nil, err
	}
	return playback.NewSession(playedSession{played}, playback.Playing{Speed: n.Speed, Loop: n.Loop, First: n.First})
}

// playedSession is a stored session as package playback plays it.
type playedSession struct{ *sessions.Played }

var _ playback.Session = playedSession{}

func (p playedSession) Info() source.Info {
	return source.Info{Name: "session " + p.Session.ID, Channels: p.Session.Channels, Rate: p.Session.SampleRateHz}
}

func (p playedSession) Length() int64 { return p.Played.Length }

func (p playedSession) Events(ctx context.Context) ([]playback.Event, error) {
	events, err := p.Played.Events(ctx)
	out := make([]playback.Event, len(events))
	for i, e := range events {
		out[i] = playback.Event{Sample: float64(e.Sample), Code: e.Code, Label: e.Label, Duration: time.Duration(e.DurationS * 1e9)}
	}
	return out, err
}
