package autoscale

import "github.com/prometheus/client_golang/prometheus"

// supervisorMetrics are what a supervisor counts.
type supervisorMetrics struct {
	need, wanted, loop prometheus.Gauge
	workers, blocked   *prometheus.GaugeVec
	deaths             prometheus.Counter
}

func newSupervisorMetrics() *supervisorMetrics {
	opts := func(name, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Namespace: "neurod", Subsystem: "autoscale", Name: name, Help: help}
	}
	return &supervisorMetrics{
		need:    prometheus.NewGauge(opts("need", "Workers that the jobs take now, of all supervisors together.")),
		wanted:  prometheus.NewGauge(opts("wanted", "Workers that there should be, of all supervisors together.")),
		loop:    prometheus.NewGauge(opts("crash_loop", "1 while workers of this supervisor end soon after their start, again and again.")),
		workers: prometheus.NewGaugeVec(opts("workers", "Worker processes of this supervisor."), []string{"state"}),
		blocked: prometheus.NewGaugeVec(opts("blocked", "1 while more workers are needed than may be, by what bounds them."), []string{"bound"}),
		deaths: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "neurod", Subsystem: "autoscale", Name: "deaths_total",
			Help: "Workers of this supervisor that ended without being told to."}),
	}
}

// see keeps what was decided.
func (m *supervisorMetrics) see(d Decision, children []*child) {
	m.need.Set(float64(d.Need))
	m.wanted.Set(float64(d.Wanted))
	draining := 0
	for _, c := range children {
		if c.draining {
			draining++
		}
	}
	m.workers.WithLabelValues("active").Set(float64(len(children) - draining))
	m.workers.WithLabelValues("draining").Set(float64(draining))
	for _, bound := range []string{"max", "memory"} {
		is := 0.
		if d.Blocked == bound {
			is = 1
		}
		m.blocked.WithLabelValues(bound).Set(is)
	}
}

func (m *supervisorMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.need, m.wanted, m.loop, m.workers, m.blocked, m.deaths}
}

// Describe implements prometheus.Collector.
func (m *supervisorMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *supervisorMetrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(ch)
	}
}
