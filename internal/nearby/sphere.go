package nearby

import "math"

// EarthRadius is the mean radius of the earth in metres, of which distances are made.
const EarthRadius = 6_371_008.8

// Coordinates are integers of microdegrees: millionths of a degree.
const (
	quarterTurn = 90_000_000
	halfTurn    = 180_000_000
	fullTurn    = 360_000_000
	// radian is a microdegree in radians.
	radian = math.Pi / halfTurn
)

// Farthest is the greatest value of [Distance], in metres: half the earth's circumference.
// A search with this radius finds every place that has a position.
var Farthest = 2 * float64(EarthRadius) * float64(math.Pi/2)

// Distance is the great-circle distance between two positions, given in microdegrees, in
// metres. It is the haversine formula in float64; beyond a quarter of the earth's
// circumference it measures from the antipode, where the plain formula loses half its
// digits. The meridians 180° and −180° are one, and a pole is one point at any longitude.
// It is the same both ways. Searches order by exactly this value.
func Distance(lat1, lng1, lat2, lng2 int32) float64 {
	turn := math.Abs(float64(lng1) - float64(lng2))
	if turn > halfTurn {
		turn = fullTurn - turn
	}
	cosines := cosine(lat1) * cosine(lat2)
	sinLat, sinLng := math.Sin(float64(lat2-lat1)*(radian/2)), math.Sin(turn*(radian/2))
	if h := sinLat*sinLat + cosines*sinLng*sinLng; h <= 0.5 {
		return 2 * EarthRadius * math.Asin(math.Sqrt(h))
	}
	sinSum, cosLng := math.Sin(float64(lat1+lat2)*(radian/2)), math.Cos(turn*(radian/2))
	h := sinSum*sinSum + cosines*cosLng*cosLng
	return 2 * EarthRadius * (math.Pi/2 - math.Asin(math.Sqrt(h)))
}

// cosine of a latitude; exactly nothing at the poles.
func cosine(lat int32) float64 {
	if lat == quarterTurn || lat == -quarterTurn {
		return 0
	}
	return math.Cos(float64(lat) * radian)
}

// Through the earth, along the chord, points are in the same order as along its surface, and
// there is neither a pole nor a date line. Searches therefore go by chords, in grains: the
// earth's radius is a thousand million of them, so that one is 6.4 millimetres and the square
// of any chord is a whole number that fits.
const (
	radius = 1_000_000_000
	// slack is more than rounding to grains can make of the chord between two points. What is
	// closer than that to a bound is judged by Distance itself.
	slack = 2
)

// point is where a position is, in grains from the middle of the earth, with the class of the
// place that is there: what a search looks at before it looks at the place.
type point struct{ x, y, z, class int32 }

func pointOf(lat, lng int32) point {
	cos := cosine(lat)
	sinLng, cosLng := math.Sincos(float64(sameMeridian(lng)) * radian)
	return point{x: grains(cos * cosLng), y: grains(cos * sinLng), z: grains(math.Sin(float64(lat) * radian))}
}

func grains(f float64) int32 { return int32(math.Round(f * radius)) }

// chord2 is the square of the chord between two points.
func (p *point) chord2(q *point) uint64 {
	return square(int64(p.x)-int64(q.x)) + square(int64(p.y)-int64(q.y)) + square(int64(p.z)-int64(q.z))
}

func square(n int64) uint64 { return uint64(n * n) }

// box holds points: the least and the greatest of each axis.
type box struct{ lo, hi [3]int32 }

func boxOf(points []point) box {
	if len(points) == 0 {
		return box{}
	}
	p := points[0]
	b := box{lo: [3]int32{p.x, p.y, p.z}, hi: [3]int32{p.x, p.y, p.z}}
	for _, p := range points[1:] {
		b.join(&box{lo: [3]int32{p.x, p.y, p.z}, hi: [3]int32{p.x, p.y, p.z}})
	}
	return b
}

// join widens the box so that it holds c as well.
func (b *box) join(c *box) {
	for axis := range b.lo {
		b.lo[axis] = min(b.lo[axis], c.lo[axis])
		b.hi[axis] = max(b.hi[axis], c.hi[axis])
	}
}

// nearest2 is the square of the chord from p to the nearest point of the box.
func (b *box) nearest2(p *point) uint64 {
	return square(gap(p.x, b.lo[0], b.hi[0])) + square(gap(p.y, b.lo[1], b.hi[1])) + square(gap(p.z, b.lo[2], b.hi[2]))
}

func gap(at, lo, hi int32) int64 { return max(int64(lo)-int64(at), int64(at)-int64(hi), 0) }

// farthest2 is the square of the chord from p to the farthest point of the box.
func (b *box) farthest2(p *point) uint64 {
	return square(reach(p.x, b.lo[0], b.hi[0])) + square(reach(p.y, b.lo[1], b.hi[1])) + square(reach(p.z, b.lo[2], b.hi[2]))
}

func reach(at, lo, hi int32) int64 { return max(int64(at)-int64(lo), int64(hi)-int64(at)) }

// sameMeridian gives 180° its other name, −180°.
func sameMeridian(lng int32) int32 {
	if lng == halfTurn {
		return -halfTurn
	}
	return lng
}

// plane is where a position lies in a square of 2³² by 2³², west to east and south to north.
// Halving the square again and again gives the cells of maps and of the curve.
func plane(lat, lng int32) (x, y uint32) {
	x = uint32((uint64(int64(sameMeridian(lng))+halfTurn) << 32) / fullTurn)
	if lat >= quarterTurn {
		return x, math.MaxUint32
	}
	return x, uint32((uint64(int64(lat)+quarterTurn) << 32) / halfTurn)
}

// curve is where a position lies on Hilbert's curve through the square. Neighbours on the
// curve are neighbours on the earth, and the places of any cell are one stretch of it.
func curve(lat, lng int32) uint64 {
	x, y := plane(lat, lng)
	var at uint64
	state := uint16(0)
	for shift := 28; shift >= 0; shift -= 4 {
		step := hilbert[state<<8|uint16(x>>shift&15)<<4|uint16(y>>shift&15)]
		at = at<<8 | uint64(step&255)
		state = step >> 8
	}
	return at
}

// hilbert walks four bits of each coordinate at once: by state, x and y, the next state and
// eight bits of the curve. A state is whether the axes are swapped (1) and flipped (2).
var hilbert = func() (steps [4 << 8]uint16) {
	for i := range steps {
		state, x, y, digits := i>>8, i>>4&15, i&15, 0
		for bit := 3; bit >= 0; bit-- {
			right, up := x>>bit&1^state>>1, y>>bit&1^state>>1
			if state&1 == 1 {
				right, up = up, right
			}
			digits = digits<<2 | (3 * right) ^ up
			if up == 0 {
				state ^= 1 | right<<1
			}
		}
		steps[i] = uint16(state<<8 | digits)
	}
	return steps
}()
