package ssvep

import (
	"cmp"
	"math"
	"slices"
)

// The scan covers the flickers in use: below 5 Hz responses are transient, above 45 Hz the power line is near.
const (
	scanLow  = 5.0  // Hz
	scanHigh = 45.0 // Hz
	// A peak is compared with the frequencies around it, farther than its own main lobe and nearer than this.
	scanReach = 4.0 // Hz
)

// scanTargets returns the frequencies of a scan. Steps of 0.1 Hz lose at most 2 % of a line's amplitude at 2.5 s; a
// shorter window cannot tell them apart and is scanned in steps of 0.25 Hz.
func scanTargets(seconds, rate float64) []target {
	step := 0.1
	if seconds < 2.5 {
		step = 0.25
	}
	high := min(scanHigh, 0.45*rate)
	var out []target
	for i := 0; ; i++ {
		f := math.Round((scanLow+float64(i)*step)*100) / 100
		if f > high {
			return out
		}
		out = append(out, target{frequencyLabel(f), f})
	}
}

// peaks replaces the grid of a scan by its strongest local maxima, and their scores by SDs (from the median absolute
// deviation) above the frequencies around.
func (a *analysis) peaks() {
	n := len(a.targets)
	height := make([]float64, n)
	var around []float64
	guard := donorGuard / a.seconds
	for i, t := range a.targets {
		around = around[:0]
		for j, u := range a.targets {
			if d := math.Abs(u.freq - t.freq); d >= guard && d <= scanReach {
				around = append(around, a.scores[j])
			}
		}
		if len(around) == 0 {
			continue
		}
		slices.Sort(around)
		median := around[len(around)/2]
		for k, v := range around {
			around[k] = math.Abs(v - median)
		}
		slices.Sort(around)
		height[i] = (a.scores[i] - median) / max(1.4826*around[len(around)/2], 1e-9)
	}
	var order []int
	for i, h := range height {
		if (i == 0 || h >= height[i-1]) && (i == n-1 || h > height[i+1]) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(height[y], height[x]) })
	var kept []int
	for _, i := range order {
		if len(kept) == alternatives {
			break
		}
		f := a.fundamental(i, height, guard)
		height[f] = max(height[f], height[i])
		if !slices.ContainsFunc(kept, func(k int) bool { return related(a.targets[k].freq, a.targets[f].freq, 2*guard) }) {
			kept = append(kept, f)
		}
	}
	targets, scores, rho := make([]target, 0, len(kept)), make([]float64, 0, len(kept)), make([]float64, 0, len(kept))
	for _, i := range kept {
		targets, scores, rho = append(targets, a.targets[i]), append(scores, height[i]), append(rho, a.rho[i])
	}
	a.targets, a.scores, a.rho, a.best = targets, scores, rho, 0
}

// fundamental returns the peak that best names the flicker behind peak i. The references of f, 2f and 3f share
// harmonics, so one flicker makes a peak at each: at 2f because the response has energy there, at f/2 because that
// reference contains f. A lower frequency counts where it stands out itself and explains clearly more than the higher;
// a higher one where it has nearly all of the lower one's correlation.
func (a *analysis) fundamental(i int, height []float64, guard float64) int {
	const (
		nearlyAll = 0.9 // of the correlation: 0.81 of the power
		standsOut = 3   // SDs
	)
	best := i
	for j, t := range a.targets {
		for k := 2.0; k <= 3; k++ {
			higher := math.Abs(t.freq-k*a.targets[i].freq) < guard && a.rho[j] >= nearlyAll*a.rho[i]
			lower := math.Abs(a.targets[i].freq-k*t.freq) < guard && a.rho[i] < nearlyAll*a.rho[j] && height[j] >= standsOut
			if (higher || lower) && (best == i || a.rho[j] > a.rho[best]) {
				best = j
			}
		}
	}
	return best
}

// related reports whether two frequencies are the same or one is twice or three times the other, within guard Hz.
func related(f, g, guard float64) bool {
	if f > g {
		f, g = g, f
	}
	for k := 1.0; k <= 3; k++ {
		if math.Abs(g-k*f) < guard {
			return true
		}
	}
	return false
}
