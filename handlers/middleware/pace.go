package middleware

import (
	"net/http"
	"time"

	"github.com/neurod/neurod/handlers/render"
	"github.com/neurod/neurod/models"
)

// How slowly a body may come in. Whoever reads it holds memory for it meanwhile, which others wait for.
const (
	// paceTime is the longest pause, and the time for each step.
	paceTime = 10 * time.Second
	// paceStep is what must arrive within it: 6.4 kB/s, the slowest mobile network; paceLargeStep beyond paceLarge, 52 kB/s.
	paceStep      = 64 << 10
	paceLarge     = 1 << 20
	paceLargeStep = 512 << 10
	// bodyTime is for a body as a whole: 48 MiB at 4 Mbit/s take 100 s.
	bodyTime = 120 * time.Second
)

// pace moves the deadline of a connection as a body comes in.
type pace struct {
	control *http.ResponseController
	end     time.Time // of the time for all of it
	came    int64
	next    int64 // bytes at which the deadline moves
	ended   bool
}

func newPace(control *http.ResponseController) *pace {
	return &pace{control: control, end: time.Now().Add(bodyTime)}
}

// before sets the deadline for what is read next. A connection that has none, as in tests, is left alone.
func (p *pace) before() {
	if p.ended || p.came < p.next {
		return
	}
	step := int64(paceStep)
	if p.came >= paceLarge {
		step = paceLargeStep
	}
	p.next = p.came + step
	at := time.Now().Add(paceTime)
	if at.After(p.end) {
		at = p.end
	}
	_ = p.control.SetReadDeadline(at)
}

// after notes what has come. The server goes on reading the connection for its end: it must not time out with the body.
func (p *pace) after(n int, err error) {
	p.came += int64(n)
	if err != nil && !p.ended {
		p.ended = true
		_ = p.control.SetReadDeadline(p.end)
	}
}

func tooSlow(cause error) error {
	return models.Errorf(render.UploadTooSlow, "The request body came in too slowly: %d bytes must arrive every %d seconds, %d of a body beyond %d bytes, and all of it within %d seconds.",
		paceStep, int(paceTime.Seconds()), paceLargeStep, paceLarge, int(bodyTime.Seconds())).Wrap(cause)
}
