package graphqlapi

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/99designs/gqlgen/graphql/handler/transport"

	"github.com/neurod/neurod/graphqlapi/entity"
	"github.com/neurod/neurod/internal/service/devices"
	"github.com/neurod/neurod/internal/service/live"
	"github.com/neurod/neurod/models"
)

// Subscriptions follow what the use cases give to follow: a slow client delays itself alone, and loses its connection when it does not take a
// message in time. Whoever loses its right loses the connection (Server.keep), and what follows a session ends by itself as well.

type subscription struct{ s *Server }

// statusLook is how often what has no signal of its own is looked at.
const statusLook = 2 * time.Second

// sender sends messages of a subscription, and reports false where nobody reads them any more.
type sender[T any] func(T) bool

// feed runs a subscription: run sends messages until it returns, and its error ends the subscription.
func feed[T any](ctx context.Context, s *Server, run func(context.Context, sender[T]) error) <-chan T {
	out := make(chan T)
	go func() {
		defer close(out)
		defer func() {
			if v := recover(); v != nil { // nobody else would catch it here
				transport.AddSubscriptionError(ctx, s.present(ctx, s.recovered(ctx, v)))
			}
		}()
		err := run(ctx, func(v T) bool {
			select {
			case out <- v:
				return true
			case <-ctx.Done():
				return false
			}
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, live.ErrDraining) {
			transport.AddSubscriptionError(ctx, s.present(ctx, err))
		}
	}()
	return out
}

// errGone ends what follows a session for a client that has gone.
var errGone = errors.New("graphqlapi: the client has gone")

// follow follows a session; send is called with every item until the session has ended, which is one, too.
func follow[T any](ctx context.Context, s *Server, r live.Request, each func(live.Item, sender[T]) bool) (<-chan T, error) {
	f, err := s.cfg.Live.Follow(ctx, principal(ctx), r)
	if err != nil {
		return nil, err
	}
	return feed(ctx, s, func(ctx context.Context, send sender[T]) error {
		defer f.Close()
		err := f.Each(ctx, time.Minute, func(i live.Item) error {
			if !each(i, send) {
				return errGone
			}
			return nil
		}, func() error { return nil })
		if errors.Is(err, errGone) {
			return nil
		}
		return err
	}), nil
}

// SessionEventOccurred is the field sessionEventOccurred.
func (x subscription) SessionEventOccurred(ctx context.Context, id string, after *int) (<-chan *entity.SessionEvent, error) {
	return follow(ctx, x.s, live.Request{SessionID: id, Kinds: live.Events, AfterEvent: after}, func(i live.Item, send sender[*entity.SessionEvent]) bool {
		switch {
		case i.Event != nil:
			return send(entity.EventOf(i.Event))
		case i.Ended != nil:
			return send(entity.EndOf(i.Ended, time.Now()))
		}
		return true
	})
}

// Features is the field features.
func (x subscription) Features(ctx context.Context, id string, after *int) (<-chan *entity.FeatureWindow, error) {
	return follow(ctx, x.s, live.Request{SessionID: id, Kinds: live.Windows, AfterResult: after}, func(i live.Item, send sender[*entity.FeatureWindow]) bool {
		return i.Window == nil || send(entity.WindowOf(i.Window))
	})
}

// Decodes is the field decodes.
func (x subscription) Decodes(ctx context.Context, id string, after *int) (<-chan *entity.LiveDecode, error) {
	return follow(ctx, x.s, live.Request{SessionID: id, Kinds: live.Decodes, AfterResult: after}, func(i live.Item, send sender[*entity.LiveDecode]) bool {
		return i.Decode == nil || send(entity.LiveDecodeOf(i.Decode))
	})
}

// NeuralDataReceived is the field neuralDataReceived.
func (x subscription) NeuralDataReceived(ctx context.Context, id string, decimate *int) (<-chan *entity.NeuralData, error) {
	n := 1
	if decimate != nil {
		if n = *decimate; n < 1 || n > maxDecimate {
			return nil, argument("decimate", "out_of_range", "must be a whole number from 1 to %d", maxDecimate)
		}
	}
	var events []*entity.NeuralEvent
	dropped := int64(0)
	take := func() (list []*entity.NeuralEvent, lost int64) {
		list, lost, events, dropped = append([]*entity.NeuralEvent{}, events...), dropped, nil, 0
		return list, lost
	}
	return follow(ctx, x.s, live.Request{SessionID: id, Kinds: live.Samples | live.Events, View: live.View{Decimate: n}}, func(i live.Item, send sender[*entity.NeuralData]) bool {
		switch {
		case i.Event != nil:
			events = append(events, entity.NeuralEventOf(i.Event))
		case i.Dropped != nil:
			dropped += i.Dropped.Samples
		case i.Block != nil:
			for frame := range i.Block.Frames {
				if !send(entity.NeuralDataOf(i.Block, frame, take)) {
					return false
				}
			}
		case i.Ended != nil && len(events) > 0: // what came behind the last sample
			list, lost := take()
			return send(&entity.NeuralData{Timestamp: list[0].Timestamp, DeviceID: entity.Optional(i.Ended.DeviceID), SessionID: i.Ended.ID, Seq: i.Ended.BatchCount, Channels: []*entity.NeuralChannel{}, Events: list, Dropped: lost})
		}
		return true
	})
}

// maxDecimate is how much less of the samples may be asked for.
const maxDecimate = 1000

// AnalysisCompleted is the field analysisCompleted.
func (x subscription) AnalysisCompleted(ctx context.Context, id string) (<-chan *entity.AnalysisCompleted, error) {
	p := principal(ctx)
	ses, err := x.s.cfg.Sessions.Get(ctx, p, id)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	if _, err := x.s.cfg.Analyses.Finished(ctx, p, ses, known); err != nil { // what has finished before is no news
		return nil, err
	}
	return feed(ctx, x.s, func(ctx context.Context, send sender[*entity.AnalysisCompleted]) error {
		return every(ctx, x.s.cfg.Drained, nil, func() error {
			ses, err := x.s.cfg.Sessions.Get(ctx, p, id) // it may be erased meanwhile
			if err != nil {
				return err
			}
			found, err := x.s.cfg.Analyses.Finished(ctx, p, ses, known)
			if err != nil {
				return err
			}
			for _, a := range found {
				of := entity.AnalysisOf(a)
				if !send(&entity.AnalysisCompleted{AnalysisID: a.ID, ModelType: a.ModelType, Status: a.Status, Results: &entity.AnalysisResults{Accuracy: a.Accuracy, Predictions: of.Predictions()}}) {
					return errGone
				}
			}
			return nil
		})
	}), nil
}

// every calls look at once, then whenever something has changed, and now and then. A database that does not answer is asked again.
func every(ctx context.Context, drained <-chan struct{}, changed <-chan struct{}, look func() error) error {
	tick := time.NewTicker(statusLook)
	defer tick.Stop()
	for {
		err := look()
		switch {
		case errors.Is(err, errGone):
			return nil
		case err != nil && !models.AsError(err).Class().Ours():
			return err
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-drained:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// JobUpdated is the field jobUpdated.
func (x subscription) JobUpdated(ctx context.Context, id string) (<-chan *entity.Job, error) {
	p := principal(ctx)
	v, err := x.s.cfg.Jobs.Get(ctx, p, id)
	if err != nil {
		return nil, err
	}
	return feed(ctx, x.s, func(ctx context.Context, send sender[*entity.Job]) error {
		told := models.JobState("")
		for {
			if v.Job.State != told {
				if told = v.Job.State; !send(entity.JobOf(v.Job)) {
					return nil
				}
			}
			if told.Final() {
				return nil
			}
			select {
			case <-x.s.cfg.Drained:
				return nil
			default:
			}
			now, err := x.s.cfg.Jobs.Wait(ctx, p, id, statusLook) // which sees at once that it is final
			switch {
			case err == nil:
				v = now
			case !models.AsError(err).Class().Ours() || ctx.Err() != nil:
				return err
			}
		}
	}), nil
}

// DeviceStatusUpdated is the field deviceStatusUpdated.
func (x subscription) DeviceStatusUpdated(ctx context.Context, ids []string) (<-chan *entity.DeviceStatusUpdate, error) {
	p := principal(ctx)
	changed, end, err := x.s.cfg.Devices.Watch(p)
	if err != nil {
		return nil, err
	}
	return feed(ctx, x.s, func(ctx context.Context, send sender[*entity.DeviceStatusUpdate]) error {
		defer end()
		told := map[string]entity.DeviceStatusUpdate{}
		return every(ctx, x.s.cfg.Drained, changed, func() error {
			all, err := x.s.cfg.Devices.All(ctx, p)
			if err != nil {
				return err
			}
			all = slices.DeleteFunc(all, func(d devices.Device) bool { return ids != nil && !slices.Contains(ids, d.ID) })
			quality, err := x.quality(ctx, p, all)
			if err != nil {
				return err
			}
			for _, d := range all {
				now := *entity.StatusOf(d, quality[d.ID], time.Now())
				was, there := told[d.ID]
				if told[d.ID] = now; there && was.Status == now.Status && reflect.DeepEqual(was.Metadata, now.Metadata) {
					continue
				}
				if !send(&now) {
					return errGone
				}
			}
			return nil
		})
	}), nil
}

// quality is that of the newest feature window of each device that streams, for those who may read sessions.
func (x subscription) quality(ctx context.Context, p models.Principal, all []devices.Device) (map[string]*float64, error) {
	of := map[string]string{}
	var ids []string
	for _, d := range all {
		if d.Stream != nil {
			of[d.Stream.SessionID], ids = d.ID, append(ids, d.Stream.SessionID)
		}
	}
	out := map[string]*float64{}
	if len(ids) == 0 || !p.May(models.RightSessionsRead) {
		return out, nil
	}
	found, err := x.s.cfg.Sessions.LatestWindows(ctx, p, ids, 1)
	for id, list := range found {
		out[of[id]] = entity.WindowOf(&list[0]).Quality()
	}
	return out, err
}
