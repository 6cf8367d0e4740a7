package devices

import (
	"context"
	"errors"
)

// Tap is a source whose batches are shown to something else, too, such as an outlet of LSL. begin is called with what each stream gives, and returns what
// its batches are shown to, which must not wait, and what is called at its end.
func Tap(src Source, begin func(Info) (show func(Batch), end func(), err error)) Source {
	return tap{src, begin}
}

type tap struct {
	src   Source
	begin func(Info) (func(Batch), func(), error)
}

// Open implements Source.
func (t tap) Open(ctx context.Context) (*Stream, error) {
	inner, err := t.src.Open(ctx)
	if err != nil {
		return nil, err
	}
	show, end, err := t.begin(inner.Info())
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	s, err := Begin(inner.Info(), func(ctx context.Context, out *Writer) error {
		defer end()
		defer inner.Close()
		return relay(ctx, out, inner, show)
	})
	if err != nil {
		end()
		return nil, errors.Join(err, inner.Close())
	}
	return s, nil
}
