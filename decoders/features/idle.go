package features

import (
	"slices"
	"sync"
)

// mostIdle bounds the extractors that wait for their next clip. A service sees few montages at a time.
const mostIdle = 16

// idle keeps the extractors of the last clips, because making one costs as much as a window: Summarize is called with
// the same montage and rate again and again.
var idle struct {
	mu   sync.Mutex
	list []idleExtractor // oldest first
}

type idleExtractor struct {
	cfg Config
	e   *Extractor
}

func (c Config) equal(o Config) bool {
	return c.Rate == o.Rate && c.Seconds == o.Seconds && c.MinGood == o.MinGood &&
		slices.Equal(c.Features, o.Features) && slices.Equal(c.Channels, o.Channels) && slices.Equal(c.Line, o.Line) && slices.Equal(c.Frontal, o.Frontal)
}

// borrow returns an extractor for cfg that nobody else uses until giveBack.
func borrow(cfg Config) (*Extractor, error) {
	idle.mu.Lock()
	for i, x := range slices.Backward(idle.list) {
		if x.cfg.equal(cfg) {
			idle.list = slices.Delete(idle.list, i, i+1)
			idle.mu.Unlock()
			return x.e, nil
		}
	}
	idle.mu.Unlock()
	return New(cfg)
}

// mostIdleSamples is the longest window, in samples, whose workspace is worth keeping: 2 s at 2 kHz.
const mostIdleSamples = 4096

func giveBack(cfg Config, e *Extractor) {
	if e.n > mostIdleSamples {
		return
	}
	// The caller's slices must not be kept: it may change them.
	cfg.Channels, cfg.Line, cfg.Frontal = slices.Clone(cfg.Channels), slices.Clone(cfg.Line), slices.Clone(cfg.Frontal)
	cfg.Features = slices.Clone(cfg.Features)
	idle.mu.Lock()
	defer idle.mu.Unlock()
	if len(idle.list) == mostIdle {
		idle.list = slices.Delete(idle.list, 0, 1)
	}
	idle.list = append(idle.list, idleExtractor{cfg, e})
}
