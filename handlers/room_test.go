package handlers

import (
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/models"
)

// TestSessionsTakeTheShareOfTheirClient: what a call reads from sessions comes out of the same memory as bodies, and is given
// back when the call is over.
func TestSessionsTakeTheShareOfTheirClient(t *testing.T) {
	t.Parallel()
	a := &API{room: newRoom(100, 60)}
	call := func() *gin.Context {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest("POST", "/", nil)
		return c
	}
	c := call()
	ask, give := a.roomOf(c)
	for _, n := range []int64{10, 50} {
		if err := ask(n); err != nil {
			t.Fatal(err)
		}
	}
	if a.room.clients[clientOf(c)].own.TryAcquire(1) {
		t.Error("the share is not taken")
	}
	give()
	ask, give = a.roomOf(call())
	if err := ask(60); err != nil {
		t.Errorf("what was given back is not there: %v", err)
	}
	if err := ask(1000); models.AsError(err).Code != models.Unavailable {
		t.Errorf("more than there is: %v", err)
	}
	give()
	if len(a.room.clients) != 0 || !a.room.TryAcquire(100) {
		t.Error("something is held")
	}
}
