// Package guarded runs functions in goroutines of their own whose panics become errors.
//
// A panic in a goroutine ends the whole process, whatever recovers around the code that started it: a parser that meets a file
// it does not expect would take every other request along. Whatever handles what callers sent starts goroutines through this
// package; a test holds the code to it.
package guarded

import (
	"context"
	"fmt"
	"runtime/debug"

	"golang.org/x/sync/errgroup"
)

// Panic is the error of a function that panicked.
type Panic struct {
	Value any
	Stack []byte
}

// Error tells what the panic was, without the stack.
func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Do calls f and returns its panic, if it panics, as an error.
func Do(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// Group is an errgroup.Group whose functions may panic. The zero Group is ready.
type Group struct {
	own   errgroup.Group
	group *errgroup.Group // that of WithContext; nil for own
}

// WithContext returns a group, and a context that ends when one of its functions fails or panics, or when Wait returns.
func WithContext(ctx context.Context) (*Group, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	return &Group{group: group}, ctx
}

// Go runs f in a goroutine.
func (g *Group) Go(f func() error) { g.inner().Go(func() error { return Do(f) }) }

// SetLimit limits the goroutines that run at once.
func (g *Group) SetLimit(n int) { g.inner().SetLimit(n) }

// Wait waits for all functions and returns the first error or panic.
func (g *Group) Wait() error { return g.inner().Wait() }

func (g *Group) inner() *errgroup.Group {
	if g.group != nil {
		return g.group
	}
	return &g.own
}
