// Package head knows where electrodes sit: the 10-20 and 10-10 systems on a unit sphere.
package head

import (
	"math"
	"strconv"
	"strings"
)

// Point is a place on the unit sphere: x to the right ear, y to the nose, z to the top.
type Point [3]float64

// Polar is the point at an angle from the top (rad), in the direction of an azimuth from the nose (rad, positive to
// the right).
func Polar(angle, azimuth float64) Point {
	return Point{math.Sin(angle) * math.Sin(azimuth), math.Sin(angle) * math.Cos(azimuth), math.Cos(angle)}
}

// Angle returns the angle between two points, rad.
func (p Point) Angle(q Point) float64 {
	return math.Acos(min(1, max(-1, p[0]*q[0]+p[1]*q[1]+p[2]*q[2])))
}

// Between returns the point that divides the arc from p to q at the given share.
func (p Point) Between(q Point, share float64) Point {
	a := p.Angle(q)
	if a < 1e-9 {
		return p
	}
	u, v := math.Sin((1-share)*a)/math.Sin(a), math.Sin(share*a)/math.Sin(a)
	return Point{u*p[0] + v*q[0], u*p[1] + v*q[1], u*p[2] + v*q[2]}
}

// rows of the 10-10 system from front to back: the angle of the midline electrode from the top and the azimuth of
// the row's outer electrode on the ring through Fpz, T7, Oz and T8. The arc from nose to inion has steps of 18°, the
// ring too (Nuwer et al. 1998).
var rows = map[string]struct{ midline, azimuth float64 }{
	"n": {90, 0}, "fp": {72, 18}, "af": {54, 36}, "f": {36, 54}, "fc": {18, 72}, "ft": {18, 72}, "c": {0, 90}, "t": {0, 90},
	"cp": {-18, 108}, "tp": {-18, 108}, "p": {-36, 126}, "po": {-54, 144}, "o": {-72, 162}, "i": {-90, 162},
}

// Degree is one in radians.
const Degree = math.Pi / 180

// Place returns where a 10-20 or 10-10 electrode sits. Old names (T3, ...) are known too.
func Place(name string) (Point, bool) {
	l := strings.ToLower(strings.TrimSpace(name))
	switch l {
	case "t3", "t4", "t5", "t6":
		l = map[string]string{"t3": "t7", "t4": "t8", "t5": "p7", "t6": "p8"}[l]
	case "a1", "m1": // ear lobe and mastoid, below the ring
		return Polar(105*Degree, -100*Degree), true
	case "a2", "m2":
		return Polar(105*Degree, 100*Degree), true
	}
	prefix := strings.TrimRight(l, "0123456789z")
	row, ok := rows[prefix]
	if !ok {
		return Point{}, false
	}
	middle := Polar(math.Abs(row.midline)*Degree, 0)
	if row.midline < 0 {
		middle = Polar(-row.midline*Degree, math.Pi)
	}
	suffix := l[len(prefix):]
	if suffix == "z" {
		return middle, true
	}
	n, err := strconv.Atoi(suffix)
	if err != nil || n < 1 || n > 10 {
		return Point{}, false
	}
	side := 1.0
	if n%2 == 1 {
		side = -1
	}
	ring := 72.0
	if prefix == "i" || prefix == "n" {
		ring = 90
	}
	outer := Polar(ring*Degree, side*row.azimuth*Degree)
	step := (n + 1) / 2 // 1 next to the midline, 4 on the ring, 5 below it
	switch {
	case len(prefix) <= 2 && (prefix == "fp" || prefix == "o" || prefix == "i" || prefix == "n"):
		return outer, step == 1 // these rows have one electrode a side, on the ring
	case step == 5:
		return Polar(90*Degree, side*row.azimuth*Degree), true
	}
	return middle.Between(outer, float64(step)/4), true
}

// Gain is how strongly a source at p shows at an electrode at q: exp(-θ²/2w²) with the angle θ between them and the
// width w, a smooth stand-in for volume conduction.
func Gain(p, q Point, width float64) float64 {
	a := p.Angle(q) / (width * Degree)
	return math.Exp(-a * a / 2)
}
