package handlers

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"
)

// smallBody is the first guess for a body of unknown length; bodyStep is the largest step taken on a client's word.
const (
	smallBody = 4 << 10
	bodyStep  = 1 << 20
)

// readBody reads the whole body and holds it to the route's cost. What a client says about its length is believed only up
// to 1 MiB at a time, so that memory grows with what has arrived. The limit is middleware.Prepare's.
func readBody(c *gin.Context) ([]byte, error) {
	b, err := readBodyInto(nil, c.Request, func(int64) error { return nil })
	if err == nil {
		err = costOf(c).admit(c, b)
	}
	return b, err
}

// readBodyInto is readBody into the room that buf has, or more. It asks before it takes more than bodyStep.
func readBodyInto(buf []byte, r *http.Request, ask func(more int64) error) ([]byte, error) {
	size := smallBody
	if r.ContentLength >= 0 {
		size = int(min(r.ContentLength, bodyStep)) + 1 // one more, so that the end shows without growing
	}
	if cap(buf) < size {
		buf = make([]byte, 0, size)
	}
	for {
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			if errors.Is(err, io.EOF) {
				return buf, nil
			}
			return nil, err
		}
		if len(buf) == cap(buf) {
			grow := max(cap(buf), bodyStep)
			if left := r.ContentLength - int64(len(buf)); left >= 0 {
				grow = int(min(int64(grow), left+1))
			}
			if err := ask(int64(grow)); err != nil {
				return nil, err
			}
			buf = append(make([]byte, 0, len(buf)+grow), buf...)
		}
	}
}

// maxPooled is the largest body buffer that is kept for the next request.
const maxPooled = 1 << 20

var bodies = sync.Pool{New: func() any { return new([]byte) }}

// readPooled is readBody with a buffer that release takes back. Nothing may keep a part of the body after that.
// What bodies take beyond bodyStep each comes out of the client's share of Config.BodyMemory, as it arrives and not as it is
// announced; Unavailable where there is no room for a while.
func (a *API) readPooled(c *gin.Context) (body []byte, release func(), err error) {
	buf := bodies.Get().(*[]byte)
	who := clientOf(c)
	place := a.room.enter(who)
	var held int64
	ask := func(more int64) error {
		if err := a.room.take(c.Request.Context(), place, more); err != nil {
			return err
		}
		held += more
		return nil
	}
	body, err = readBodyInto((*buf)[:0], c.Request, ask)
	release = func() {
		if body != nil && cap(body) <= maxPooled {
			*buf = body
		}
		bodies.Put(buf)
		a.room.give(place, held)
		a.room.leave(who, place)
	}
	if err == nil {
		err = costOf(c).admit(c, body)
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return body, release, nil
}
