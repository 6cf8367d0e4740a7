package dialect

import (
	"context"
	"time"
)

type gentlyKey struct{}

// Gently marks what is written with a context as work that gives way: while present reports that jobs come that someone waits for, a pause follows
// each part of what is much, so that their commits find the disk free.
func Gently(ctx context.Context, present func() bool) context.Context {
	return context.WithValue(ctx, gentlyKey{}, present)
}

// Gives reports whether the work of a context gives way.
func Gives(ctx context.Context) bool {
	_, ok := ctx.Value(gentlyKey{}).(func() bool)
	return ok
}

// GiveWay pauses where the work of a context gives way and there is somebody to give way to.
func GiveWay(ctx context.Context, pause time.Duration) {
	present, ok := ctx.Value(gentlyKey{}).(func() bool)
	if !ok || !present() {
		return
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
