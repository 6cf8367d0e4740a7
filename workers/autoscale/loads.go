package autoscale

import (
	"math"
	"math/rand/v2"
	"time"
)

// TypicalLoads returns the loads that rules are compared with, made so that at their height about so many workers of so many slots each are busy.
func TypicalLoads(workers, slots int) []Arrivals {
	exponential := func(mean time.Duration) func(*rand.Rand) time.Duration {
		return func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) }
	}
	// rate is that at which jobs of a mean length keep a part of all workers busy.
	rate := func(part float64, mean time.Duration) float64 {
		return part * float64(workers*slots) / mean.Seconds()
	}
	const mean = 500 * time.Millisecond
	return []Arrivals{
		{Name: "steady", Length: 10 * time.Minute, Service: exponential(mean), Rate: func(time.Duration) float64 { return rate(.35, mean) }},
		{Name: "bursts ×20", Length: 15 * time.Minute, Service: exponential(mean), Rate: func(at time.Duration) float64 {
			if at%(5*time.Minute) < 30*time.Second {
				return rate(.6, mean)
			}
			return rate(.03, mean)
		}},
		{Name: "ramp", Length: 15 * time.Minute, Service: exponential(mean), Rate: func(at time.Duration) float64 {
			return rate(.65, mean) * min(at.Minutes()/10, 1)
		}},
		{Name: "day", Length: 24 * time.Minute, Service: exponential(mean), Rate: func(at time.Duration) float64 { // an hour a minute
			return rate(.55, mean) * (1 - math.Cos(2*math.Pi*at.Minutes()/24)) / 2
		}},
		// Pareto with α = 1.5: most take a tenth of a second, one in a thousand takes ten, one in a hundred thousand minutes.
		{Name: "heavy tail", Length: 15 * time.Minute, Bulk: .2, Rate: func(time.Duration) float64 { return rate(.3, 300*time.Millisecond) },
			Service: func(r *rand.Rand) time.Duration {
				return time.Duration(min(.1*math.Pow(1-r.Float64(), -1/1.5), 600) * float64(time.Second))
			}},
		{Name: "one batch", Length: 5 * time.Minute, Bulk: 1, Service: exponential(mean), Rate: func(at time.Duration) float64 {
			if at > time.Minute && at < 62*time.Second {
				return rate(15, mean)
			}
			return 0
		}},
	}
}
