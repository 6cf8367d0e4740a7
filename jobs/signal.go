package jobs

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/neurod/neurod/internal/store"
	"github.com/neurod/neurod/models"
)

// The channels between processes (see also topicChannel). A message of the first holds lines "<id> <state>", of the second lines
// "<project> <job>", which are empty where it may be any job.
const (
	finalChannel = "neurod:final"
	wakeChannel  = "neurod:wake"
)

// signals collects what is to be published, so that one exchange with Redis carries whatever came meanwhile.
type signals struct {
	mu     sync.Mutex
	finals []store.Change
	topics map[string]struct{}
	wakes  map[string][]string // project → its first jobs that came; "" for any
	ready  chan struct{}
	wakers map[int]func(project, job string) // of the workers in this process
	next   int
}

// One message names at most so many projects, and of each so many jobs: the first, and one that says that there are more.
const (
	maxWakes    = 100
	jobsPerWake = 2
)

// maxFinals bounds what waits while Redis is away; the polls of the waiting calls are the net for what is dropped.
const maxFinals = 10_000

func newSignals() *signals {
	return &signals{ready: make(chan struct{}, 1), wakers: map[int]func(project, job string){}}
}

// OnWake registers a worker in this process: fn is called, and must not block, when a task may wait in the queue, with the job and its project where
// someone waits for it, and with "" where it may be any. The function returned ends it.
func (e *Engine) OnWake(fn func(project, job string)) (end func()) {
	s := e.signals
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.wakers[id] = fn
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.wakers, id)
	}
}

// wakeLocal wakes the workers of this process.
func (s *signals) wakeLocal(project, job string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fn := range s.wakers {
		fn(project, job)
	}
}

// wakeWorkers tells all workers that a task was enqueued, or that its job waits for the queue to have room for it; the zero value stands for any.
func (e *Engine) wakeWorkers(d store.Due) {
	project, job := d.Project, d.ID
	if project == "" || e.queueOf(d.Kind, d.Item) != InteractiveQueue {
		project, job = "", ""
	}
	e.signals.wakeLocal(project, job)
	if e.embedded == nil {
		e.signals.wake(project, job)
	}
}

// wake hands a wake-up to the publisher.
func (s *signals) wake(project, job string) {
	s.mu.Lock()
	if s.wakes == nil {
		s.wakes = map[string][]string{}
	}
	if s.wakes[project] == nil && len(s.wakes) >= maxWakes {
		project, job = "", ""
	}
	if len(s.wakes[project]) < jobsPerWake {
		s.wakes[project] = append(s.wakes[project], job)
	}
	s.mu.Unlock()
	s.tell()
}

// Announce tells everyone who waits that jobs became final. Call it after the commit.
func (e *Engine) Announce(changes []store.Change) {
	if len(changes) == 0 {
		return
	}
	for _, c := range changes {
		e.hub.announce(c.ID, c.State)
		e.metrics.finished.WithLabelValues(string(c.Kind), string(c.State)).Inc()
	}
	if e.embedded == nil {
		e.signals.post(changes)
	}
}

// post hands changes to the publisher.
func (s *signals) post(finals []store.Change) {
	s.mu.Lock()
	if len(s.finals)+len(finals) <= maxFinals {
		s.finals = append(s.finals, finals...)
	}
	s.mu.Unlock()
	s.tell()
}

// tell has the publisher look.
func (s *signals) tell() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// take returns what is to be published.
func (s *signals) take() (finals []store.Change, topics map[string]struct{}, wakes map[string][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	finals, topics, wakes = s.finals, s.topics, s.wakes
	s.finals, s.topics, s.wakes = nil, nil, nil
	return finals, topics, wakes
}

// publishLoop publishes until Close, and then what is left.
func (e *Engine) publishLoop() {
	for {
		select {
		case <-e.signals.ready:
			e.publish()
		case <-e.stop:
			e.publish()
			return
		}
	}
}

func (e *Engine) publish() {
	finals, topics, wakes := e.signals.take()
	if (len(finals) == 0 && len(topics) == 0 && len(wakes) == 0) || e.RedisDownFor() > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), redisTimeout)
	defer cancel()
	_, err := e.redis.Pipelined(ctx, func(p redis.Pipeliner) error {
		if len(wakes) > 0 {
			var text strings.Builder
			for project, jobs := range wakes {
				for _, job := range jobs {
					fmt.Fprintln(&text, project, job)
				}
			}
			p.Publish(ctx, wakeChannel, text.String())
		}
		if len(finals) > 0 {
			var text strings.Builder
			for _, c := range finals {
				text.WriteString(c.ID)
				text.WriteByte(' ')
				text.WriteString(string(c.State))
				text.WriteByte('\n')
			}
			p.Publish(ctx, finalChannel, text.String())
		}
		if len(topics) > 0 {
			p.Publish(ctx, topicChannel, lines(topics))
		}
		return nil
	})
	e.redisAnswered(err)
}

// listenLoop hears what other processes publish, until ctx ends.
func (e *Engine) listenLoop(ctx context.Context) {
	sub := e.redis.Subscribe(ctx, finalChannel, wakeChannel, topicChannel)
	defer sub.Close() // only ends the connection
	// ChannelWithSubscriptions also reports a subscription renewed after a lost connection.
	messages := sub.ChannelWithSubscriptions(redis.WithChannelSize(10_000))
	for {
		select {
		case <-ctx.Done():
			return
		case m, ok := <-messages:
			if !ok {
				return
			}
			switch m := m.(type) {
			case *redis.Subscription:
				e.signals.wakeLocal("", "") // a wake may have been missed
				e.topics.signalAll()
			case *redis.Message:
				e.hear(m)
			}
		}
	}
}

// hear passes a message on within this process.
func (e *Engine) hear(m *redis.Message) {
	switch m.Channel {
	case wakeChannel:
		if m.Payload == "" { // of a process of a version that names none
			e.signals.wakeLocal("", "")
		}
		for line := range strings.Lines(m.Payload) {
			project, job, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
			e.signals.wakeLocal(project, job)
		}
		return
	case topicChannel:
		for line := range strings.Lines(m.Payload) {
			e.topics.signal(strings.TrimSpace(line))
		}
		return
	}
	for line := range strings.Lines(m.Payload) {
		id, state, ok := strings.Cut(strings.TrimSpace(line), " ")
		if s := models.JobState(state); ok && s.Final() {
			e.hub.announce(id, s)
		}
	}
}

// Watch returns a channel that gets the final state of a job when it is announced after this call, and a function that
// ends the watch. An announcement may be lost: a watcher also looks by itself.
func (e *Engine) Watch(id string) (<-chan models.JobState, func()) { return e.hub.watch(id) }
