//go:build unix

package main

import (
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/neurod/neurod/workers/autoscale"
)

// sizes are how many workers there may be in the simulations.
var sizes = []int{1, 10, 50, 200}

// The slots of a simulated worker.
const (
	slots     = 4
	bulkSlots = 3
)

// table prints how the rules did with the same loads.
func table(opt options) {
	fmt.Printf("\n## Simulated: the law, the plain rule pending/5 asked as often, and the same as KEDA and Kubernetes follow it (every 15 s, down after 300 s, pods cut off after 30 s); seed %d\n\n", opt.seed)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "workers\tload\trule\tjobs\twait p50 ms\twait p99 ms\tbulk p99 s\tlate\tworker-s\tmost\tflaps\tcut off\t")
	for _, n := range sizes {
		for _, l := range autoscale.TypicalLoads(n, slots) {
			for _, r := range []struct {
				name  string
				rule  autoscale.Rule
				grace time.Duration
			}{
				{"law", &autoscale.ByLaw{Law: autoscale.Law{Min: 1, Max: n, Slots: slots, BulkSlots: bulkSlots}}, 0},
				{"plain", &autoscale.ByPending{Target: 5, Min: 1, Max: n, Pause: 500 * time.Millisecond}, 0},
				{"KEDA", &autoscale.ByPending{Target: 5, Min: 1, Max: n, Pause: 15 * time.Second, Stable: 5 * time.Minute}, 30 * time.Second},
			} {
				o := autoscale.Simulate(autoscale.SimulationConfig{Load: l, Rule: r.rule, Slots: slots, BulkSlots: bulkSlots, Workers: 1, Grace: r.grace, Seed: opt.seed})
				fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%.0f\t%.0f\t%.1f\t%d\t%.0f\t%d\t%d\t%d\t\n", n, l.Name, r.name, o.Jobs, milli(o.P50), milli(o.P99), o.BulkP99.Seconds(), o.Late,
					o.WorkerSeconds, o.Most, o.Flaps, o.CutOff)
			}
		}
	}
	w.Flush()
}

func milli(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
