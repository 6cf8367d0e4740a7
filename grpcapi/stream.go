package grpcapi

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/neurod/neurod/internal/guarded"
	"github.com/neurod/neurod/internal/service/live"
)

// each calls do with every message that a client sends, one after another, until the client has no more, which is nil. The next one is read
// while one is seen to, no further: who sends faster is held back by the flow control. It ends, too, when the caller may not call any more
// and when the process stops.
func each[T any](ctx context.Context, a *API, receive func() (*T, error), do func(*T) error) error {
	type message struct {
		m   *T
		err error
	}
	in, stop := make(chan message), make(chan struct{})
	defer close(stop)
	go func() {
		for {
			var m *T
			err := guarded.Do(func() (err error) {
				m, err = receive()
				return err
			})
			select {
			case in <- message{m, err}:
			case <-stop:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	c := callOf(ctx)
	check := time.NewTicker(streamCheck)
	defer check.Stop()
	for {
		select {
		case m := <-in:
			switch {
			case errors.Is(m.err, io.EOF):
				return nil
			case m.err != nil:
				return m.err
			}
			if err := do(m.m); err != nil {
				return err
			}
		case <-check.C:
			if err := c.alive(); err != nil {
				return err
			}
			if err := a.still(ctx, c); err != nil {
				return err
			}
		case <-a.cfg.Drained:
			return live.ErrDraining
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
