package guarded_test

import (
	"context"
	"errors"
	"testing"

	"github.com/neurod/neurod/internal/guarded"
)

// TestAPanicBecomesAnError: of a group with and without a context, and it ends the context of the others.
func TestAPanicBecomesAnError(t *testing.T) {
	t.Parallel()
	var zero guarded.Group
	zero.SetLimit(1)
	zero.Go(func() error { panic("at the disco") })
	var p *guarded.Panic
	if err := zero.Wait(); !errors.As(err, &p) || p.Value != "at the disco" || len(p.Stack) == 0 {
		t.Errorf("%v", err)
	}
	g, ctx := guarded.WithContext(context.Background())
	g.Go(func() error {
		var none []int
		_ = none[len(t.Name())]
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		return ctx.Err()
	})
	if err := g.Wait(); !errors.As(err, &p) {
		t.Errorf("%v", err)
	}
	wrong := errors.New("wrong")
	var plain guarded.Group
	plain.Go(func() error { return wrong })
	if err := plain.Wait(); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
}
