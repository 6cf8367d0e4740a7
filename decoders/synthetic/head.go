package synthetic

import (
	"math"
	"strconv"
	"strings"

	"github.com/neurod/neurod/decoders"
)

// point is a place on the unit sphere: x to the right ear, y to the nose, z to the top.
type point [3]float64

// polar is the point at an angle from the top (rad), in the direction of an azimuth from the nose (rad, positive to
// the right).
func polar(angle, azimuth float64) point {
	return point{math.Sin(angle) * math.Sin(azimuth), math.Sin(angle) * math.Cos(azimuth), math.Cos(angle)}
}

// angle returns the angle between two points, rad.
func (p point) angle(q point) float64 {
	return math.Acos(min(1, max(-1, p[0]*q[0]+p[1]*q[1]+p[2]*q[2])))
}

// between returns the point that divides the arc from p to q at the given share.
func (p point) between(q point, share float64) point {
	a := p.angle(q)
	if a < 1e-9 {
		return p
	}
	u, v := math.Sin((1-share)*a)/math.Sin(a), math.Sin(share*a)/math.Sin(a)
	return point{u*p[0] + v*q[0], u*p[1] + v*q[1], u*p[2] + v*q[2]}
}

// rows of the 10-10 system from front to back: the angle of the midline electrode from the top and the azimuth of
// the row's outer electrode on the ring through Fpz, T7, Oz and T8. The arc from nose to inion has steps of 18°, the
// ring too (Nuwer et al. 1998).
var rows = map[string]struct{ midline, azimuth float64 }{
	"n": {90, 0}, "fp": {72, 18}, "af": {54, 36}, "f": {36, 54}, "fc": {18, 72}, "ft": {18, 72}, "c": {0, 90}, "t": {0, 90},
	"cp": {-18, 108}, "tp": {-18, 108}, "p": {-36, 126}, "po": {-54, 144}, "o": {-72, 162}, "i": {-90, 162},
}

const degree = math.Pi / 180

// place returns where a 10-20 or 10-10 electrode sits. Old names (T3, ...) are known too.
func place(name string) (point, bool) {
	l := strings.ToLower(strings.TrimSpace(name))
	switch l {
	case "t3", "t4", "t5", "t6":
		l = map[string]string{"t3": "t7", "t4": "t8", "t5": "p7", "t6": "p8"}[l]
	case "a1", "m1": // ear lobe and mastoid, below the ring
		return polar(105*degree, -100*degree), true
	case "a2", "m2":
		return polar(105*degree, 100*degree), true
	}
	prefix := strings.TrimRight(l, "0123456789z")
	row, ok := rows[prefix]
	if !ok {
		return point{}, false
	}
	middle := polar(math.Abs(row.midline)*degree, 0)
	if row.midline < 0 {
		middle = polar(-row.midline*degree, math.Pi)
	}
	suffix := l[len(prefix):]
	if suffix == "z" {
		return middle, true
	}
	n, err := strconv.Atoi(suffix)
	if err != nil || n < 1 || n > 10 {
		return point{}, false
	}
	side := 1.0
	if n%2 == 1 {
		side = -1
	}
	ring := 72.0
	if prefix == "i" || prefix == "n" {
		ring = 90
	}
	outer := polar(ring*degree, side*row.azimuth*degree)
	step := (n + 1) / 2 // 1 next to the midline, 4 on the ring, 5 below it
	switch {
	case len(prefix) <= 2 && (prefix == "fp" || prefix == "o" || prefix == "i" || prefix == "n"):
		return outer, step == 1 // these rows have one electrode a side, on the ring
	case step == 5:
		return polar(90*degree, side*row.azimuth*degree), true
	}
	return middle.between(outer, float64(step)/4), true
}

// places returns where all channels sit.
func places(channels []string) ([]point, error) {
	out := make([]point, len(channels))
	for i, name := range channels {
		p, ok := place(name)
		if !ok {
			return nil, decoders.Errorf(decoders.CodeMontageMismatch, map[string]any{"channel": name},
				"%q is no electrode of the 10-10 system", name)
		}
		out[i] = p
	}
	return out, nil
}

// gain is how strongly a source at p shows at an electrode at q: exp(-θ²/2w²) with the angle θ between them and the
// width w, a smooth stand-in for volume conduction.
func gain(p, q point, width float64) float64 {
	a := p.angle(q) / (width * degree)
	return math.Exp(-a * a / 2)
}
