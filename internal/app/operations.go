package app

import (
	"os"
	"runtime/metrics"
	"time"

	"github.com/neurod/neurod/internal/build"
	"github.com/neurod/neurod/internal/durable"
	"github.com/neurod/neurod/internal/service/operations"
	"github.com/neurod/neurod/models"
)

// processesKept is how long a process that has gone is remembered, actionsKept an action of an operator that has ended: the audit log has it
// for longer.
const (
	processesKept = 7 * 24 * time.Hour
	actionsKept   = 90 * 24 * time.Hour
)

// heldMemory is what the Go runtime has taken of the system and not given back, in bytes.
func heldMemory() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64()) - int64(s[1].Value.Uint64())
}

// operations makes the use cases of operators, which also say that this process is there.
func (a *App) operationsService() *operations.Service {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	me := models.Process{ID: a.id, Supervisor: a.keptBy, Role: string(a.role), Host: host, Pid: os.Getpid(), Version: build.Read().String(), StartedAt: time.Now()}
	if known, err := a.store.Known(); err == nil {
		me.KnownSchema = known
	}
	if a.worker != nil {
		me.ID, me.Slots = a.worker.Owner(), a.worker.Slots()
	}
	if a.keeper != nil {
		me.WorkersMin, me.WorkersMax = a.keeper.low, a.keeper.high
	}
	s := a.settings
	cfg := operations.Config{Store: a.store, Engine: a.engine, Redis: a.pingRedis, Database: string(a.store.Dialect()), Serves: a.role.serves(), Now: a.store.Now, Log: a.log,
		Process: func() models.Process {
			p := me
			p.Memory, p.Draining = heldMemory(), a.draining.Load()
			return p
		},
		Retention: map[string]time.Duration{"payloads": s.PayloadRetention, "results": s.ResultRetention, "dead_letters": s.DeadLetterRetention,
			"idempotency": s.IdempotencyRetention, "analytics": s.AnalyticsRetention, "audit": s.AuditRetention, "webhook_deliveries": s.WebhookRetention}}
	if s.Embedded() { // elsewhere the data lie with the database
		cfg.Disk = func() (free, all int64, err error) { return durable.Disk(s.DataDir) }
	}
	return operations.New(cfg)
}
