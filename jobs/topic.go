package jobs

import (
	"strings"
	"sync"
)

// topicChannel carries lines "<topic>" between processes.
const topicChannel = "neurod:topic"

// topics tells subscribers in this process that something about a topic changed. It says no more than that: what
// changed is in the database, so a signal may be lost or come twice.
type topics struct {
	mu   sync.Mutex
	subs map[string]map[chan struct{}]struct{}
}

func newTopics() *topics { return &topics{subs: map[string]map[chan struct{}]struct{}{}} }

// Notify tells the subscribers of a topic, in every process, that something changed. Call it after the commit. It never
// waits for a subscriber.
func (e *Engine) Notify(topic string) {
	e.topics.signal(topic)
	if e.embedded == nil {
		e.signals.postTopic(topic)
	}
}

// Subscribe returns a channel that gets a value after changes of the topic, one for any number that came meanwhile, and
// a function that ends the subscription. A signal may be lost while Redis is away: look now and then without one.
func (e *Engine) Subscribe(topic string) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	t := e.topics
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.subs[topic] == nil {
		t.subs[topic] = map[chan struct{}]struct{}{}
	}
	t.subs[topic][c] = struct{}{}
	return c, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.subs[topic], c)
		if len(t.subs[topic]) == 0 {
			delete(t.subs, topic)
		}
	}
}

// Drained is closed when nobody may wait any more: the process stops.
func (e *Engine) Drained() <-chan struct{} { return e.hub.drained }

func (t *topics) signal(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := range t.subs[topic] {
		signal(c)
	}
}

// signalAll wakes every subscriber: after a lost connection anything may have changed.
func (t *topics) signalAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, subs := range t.subs {
		for c := range subs {
			signal(c)
		}
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one waits already
	}
}

// postTopic hands a topic to the publisher.
func (s *signals) postTopic(topic string) {
	s.mu.Lock()
	if len(s.topics) < maxFinals {
		if s.topics == nil {
			s.topics = map[string]struct{}{}
		}
		s.topics[topic] = struct{}{}
	}
	s.mu.Unlock()
	signal(s.ready)
}

// lines returns topics as a message.
func lines(topics map[string]struct{}) string {
	var b strings.Builder
	for t := range topics {
		b.WriteString(t)
		b.WriteByte('\n')
	}
	return b.String()
}
