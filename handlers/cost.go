package handlers

import (
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/neurod/neurod/eeg"
	"github.com/neurod/neurod/handlers/middleware"
	"github.com/neurod/neurod/internal/compute"
	"github.com/neurod/neurod/internal/service/sessions"
	"github.com/neurod/neurod/internal/strictjson"
	"github.com/neurod/neurod/models"
)

// Cost is what one call of a route may cost before a use case has looked at it. It is in the route's row and is applied
// at the door (mount, read), so that no handler can forget it; what the content costs, channels, windows, items, the service
// holds to its own limits (service.MaxChannels and those beside it).
//
// The rule behind the numbers: the memory and the work that a call makes grow no faster than the bytes that were sent or
// granted. A megabyte of any kind takes at most 64 MiB and a second of a processor, with the jobs it leaves.
type Cost struct {
	// Body is the most bytes of a body, before and after decompression; 0 where none is read.
	Body int64
	// JSON is what a JSON body may hold. Required where one is read.
	JSON strictjson.Budget
	// Beside is the most bytes of a JSON body beside the recordings in base64. Defaults to Body.
	Beside int
	// Unpaced is set where the handler itself says how long the body may take.
	Unpaced bool
	// Query is the most bytes of a query. Required.
	Query int
}

// Limits on request bodies, before and after decompression.
const (
	// DecodeBodyLimit fits 32 MiB of samples in base64 (43 MiB) and 5 MiB of events and context beside them.
	DecodeBodyLimit = 48 << 20
	// BatchBodyLimit is for all recordings of a batch together.
	BatchBodyLimit = 64 << 20
	// IngestBodyLimit is for one batch of samples: 4 min of 64 channels at 250 Hz as float32.
	IngestBodyLimit = 16 << 20
	// ModelBodyLimit fits the largest model file in base64.
	ModelBodyLimit = 65 << 20
	// ImportBodyLimit is for an uploaded file with the frame of a form around it.
	ImportBodyLimit = sessions.MaxImportBytes + 1<<20
	// EventsBodyLimit is for the events of one call with labels of the greatest length.
	EventsBodyLimit = 8 << 20
	// SmallBodyLimit is for bodies that carry no recording.
	SmallBodyLimit = 64 << 10
)

const (
	// queryLimit fits two signed tokens.
	queryLimit = 4 << 10
	// importQueryLimit fits what is said about a file with the names of 512 channels.
	importQueryLimit = 64 << 10
	// besideLimit is for what is beside the recordings of a decode or a batch.
	besideLimit = 5 << 20
)

// The costs of routes.
var (
	bareCost    = Cost{Query: queryLimit}
	graphqlCost = Cost{Body: 1 << 20, JSON: strictjson.Budget{Values: 100_000, Members: 10_000}, Query: queryLimit}
	smallCost   = Cost{Body: SmallBodyLimit, JSON: strictjson.Budget{Values: 20_000, Members: 1000}, Query: queryLimit}
	// An event has four values at most; a P300 matrix 400, and each of its 1000 codes may light them all.
	decodeCost = Cost{Body: DecodeBodyLimit, JSON: strictjson.Budget{Values: 4*eeg.MaxEvents + 50_000, Members: 4000}, Beside: besideLimit, Query: queryLimit}
	batchCost  = Cost{Body: BatchBodyLimit, JSON: decodeCost.JSON, Beside: besideLimit, Query: queryLimit}
	// The values of a batch are its samples.
	ingestCost = Cost{Body: IngestBodyLimit, JSON: strictjson.Budget{Values: sessions.MaxBatchValues + 1000, Members: eeg.MaxChannels + 8}, Query: queryLimit}
	eventsCost = Cost{Body: EventsBodyLimit, JSON: strictjson.Budget{Values: 8 * sessions.MaxEventsAdded, Members: 100}, Query: queryLimit}
	modelCost  = Cost{Body: ModelBodyLimit, JSON: strictjson.Budget{Values: 100, Members: 100}, Query: queryLimit}
	importCost = Cost{Body: ImportBodyLimit, JSON: strictjson.Budget{Values: 1, Members: 1}, Unpaced: true, Query: importQueryLimit}
)

// door holds a call to what needs no body.
func door(cost Cost) gin.HandlerFunc {
	return func(c *gin.Context) {
		if n := len(c.Request.URL.RawQuery); n > cost.Query {
			e := models.Errorf(models.InvalidParameter, "The query has %d bytes; at most %d are allowed.", n, cost.Query)
			e.Details = map[string]any{"query_bytes": n, "limit_bytes": cost.Query}
			fail(c, e)
			return
		}
		c.Next()
	}
}

// costOf returns the cost of the route that a request is for.
func costOf(c *gin.Context) Cost { return routeOf(c).Cost }

// slotsKey is where the slots for computations are in the gin context.
const slotsKey = "neurod.compute"

// computeFrom is the size of a body from which reading it is a computation: 64 KiB of JSON take about a millisecond.
const computeFrom = 64 << 10

// computeByte is about what a byte of JSON takes.
const computeByte = 15 * time.Nanosecond

// computing runs f, which works through so many bytes of a body, when there is a slot for it.
func computing(c *gin.Context, size int, f func() error) error {
	v, _ := c.Get(slotsKey)
	slots, _ := v.(*compute.Slots)
	if size < computeFrom {
		slots = nil
	}
	p, _ := middleware.Principal(c)
	err := slots.Do(c.Request.Context(), compute.Work{Project: p.ProjectID, Takes: time.Duration(size) * computeByte}, f)
	if err != nil && c.Request.Context().Err() != nil { // the client has gone
		err = models.NewError(models.Unavailable).Wrap(err)
	}
	return err
}

// admit holds a body that was read to the route's cost, before anything is made of it.
func (cost Cost) admit(c *gin.Context, body []byte) error {
	if strings.HasPrefix(c.ContentType(), octets) {
		return nil
	}
	if err := computing(c, len(body), func() error { return cost.JSON.Check(body) }); err != nil {
		return jsonFault(body, err)
	}
	return nil
}

// beside holds a JSON text without its recordings to the route's cost.
func (cost Cost) beside(n int) error {
	if cost.Beside == 0 || n <= cost.Beside {
		return nil
	}
	e := models.Errorf(models.PayloadTooLarge, "Beside the recordings the body has %d bytes; at most %d are allowed.", n, cost.Beside)
	e.Details = map[string]any{"beside_bytes": n, "limit_bytes": cost.Beside}
	return e
}
