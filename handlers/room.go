package handlers

import (
	"context"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"github.com/neurod/neurod/models"
)

// room is the memory that large bodies take together, of which each client has a share: whoever fills its own waits for
// itself alone.
type room struct {
	*semaphore.Weighted
	size  int64
	share int64

	mu      sync.Mutex
	clients map[string]*client
}

// client is who has bodies in the room.
type client struct {
	own   *semaphore.Weighted
	users int
}

func newRoom(size, share int64) *room {
	return &room{Weighted: semaphore.NewWeighted(size), size: size, share: share, clients: map[string]*client{}}
}

// enter returns the place of a client, for leave when its call is over.
func (r *room) enter(who string) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clients[who]
	if c == nil {
		c = &client{own: semaphore.NewWeighted(r.share)}
		r.clients[who] = c
	}
	c.users++
	return c
}

func (r *room) leave(who string, c *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.users--; c.users == 0 {
		delete(r.clients, who)
	}
}

// take waits until there is room for more bytes of a client. Error: Unavailable where there is none for a while.
func (r *room) take(ctx context.Context, c *client, more int64) error {
	ctx, cancel := context.WithTimeout(ctx, roomTimeout)
	defer cancel()
	busy := func(who string, err error) error {
		e := models.Errorf(models.Unavailable, "The server is busy with other large recordings%s; try again.", who).Wrap(err)
		e.RetryAfter = roomTimeout
		return e
	}
	if err := c.own.Acquire(ctx, more); err != nil {
		return busy(" of yours", err)
	}
	if err := r.Acquire(ctx, more); err != nil {
		c.own.Release(more)
		return busy("", err)
	}
	return nil
}

// give gives bytes back.
func (r *room) give(c *client, held int64) {
	r.Release(held)
	c.own.Release(held)
}

// clientOf names who a call counts for: a project, a user, or an address.
func clientOf(c *gin.Context) string {
	switch p := principal(c); {
	case p.ProjectID != "":
		return p.ProjectID
	case p.UserID != "":
		return p.UserID
	}
	return c.ClientIP()
}

// roomTimeout is how long a large body waits for memory that other large bodies hold.
const roomTimeout = 5 * time.Second

// roomOf returns what takes memory out of the client's share beside the body, for samples that a call has read from a session,
// and what gives it back.
func (a *API) roomOf(c *gin.Context) (ask models.Room, give func()) {
	who := clientOf(c)
	place := a.room.enter(who)
	var held int64
	ask = func(more int64) error {
		if err := a.room.take(c.Request.Context(), place, more); err != nil {
			return err
		}
		held += more
		return nil
	}
	return ask, func() {
		a.room.give(place, held)
		a.room.leave(who, place)
	}
}

// hold takes room out of Config.BodyMemory for a file. Error: Unavailable where there is none for a while.
func (a *API) hold(c *gin.Context, size int64) (release func(), err error) {
	size = min(size, a.room.share)
	who := clientOf(c)
	place := a.room.enter(who)
	if err := a.room.take(c.Request.Context(), place, size); err != nil {
		a.room.leave(who, place)
		return nil, err
	}
	return func() {
		a.room.give(place, size)
		a.room.leave(who, place)
	}, nil
}
