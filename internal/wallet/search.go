package wallet

import (
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/purserhq/purser/internal/nearby"
)

// LocationFilter says which places a list holds. A zero field does not narrow it.
type LocationFilter struct {
	Statuses []LocationStatus
	// Projects nil means all projects; empty means none.
	Projects   []int64
	PublicOnly bool
	// UpdatedSince leaves out what was not edited at this time or later. The list then has the last edited first, unless
	// there is a point or an area, and one of what is public holds what is no longer public too: see WithWithdrawn.
	UpdatedSince time.Time
	// Services: places that offer any of these; Categories: where one pays in any of these.
	Services   []Service
	Categories []int64
	// OpenAt, and OpenFrom until OpenUntil: places that are known to be open then.
	OpenAt, OpenFrom, OpenUntil time.Time
	// Words must all be the beginnings of words of the title or the address, in any of their languages; see Folded.
	Words []string
	// Near and Distance, in metres, give the circle, nearest places first.
	Near     *Position
	Distance float64
	// Area is the part of a map whose places count.
	Area *Area
	// After leaves out what comes before this place in the list, and the place itself.
	After *LocationMark
	// Limit 0 means all.
	Limit, Offset int
}

// WithWithdrawn says whether the list holds what was public once: whoever keeps a copy and asks for what is new, with
// those that are not in use, must learn of it. Filters beyond that ask for places as they are.
func (f *LocationFilter) WithWithdrawn() bool {
	if !f.PublicOnly || f.UpdatedSince.IsZero() || f.Near != nil || f.Area != nil || f.Projects != nil {
		return false
	}
	for _, status := range f.Statuses {
		if status == Inactive {
			return len(f.Services) == 0 && len(f.Categories) == 0 && len(f.Words) == 0 && f.OpenAt.IsZero() && f.OpenFrom.IsZero()
		}
	}
	return false
}

// LocationMark is where a page of a list ends: a place, with what the list is ordered by.
type LocationMark struct {
	ID int64
	// Distance in metres is that of a search around a point or, from its middle, in an area, UpdatedAt of a list of what was edited.
	Distance  float64
	UpdatedAt time.Time
}

// Area is a part of a map. With its West greater than its East it lies across the 180th meridian.
type Area struct{ South, West, North, East int64 }

// Holds says whether a position is in the area, its edges included. 180 degrees west and east are the same.
func (a *Area) Holds(p Position) bool {
	if p.Lat < a.South || p.Lat > a.North {
		return false
	}
	return a.holdsMeridian(p.Lng) || max(p.Lng, -p.Lng) == halfTurn && a.holdsMeridian(-p.Lng)
}

func (a *Area) holdsMeridian(lng int64) bool {
	if a.West <= a.East {
		return lng >= a.West && lng <= a.East
	}
	return lng >= a.West || lng <= a.East
}

// halfTurn is the 180th meridian, in microdegrees.
const halfTurn = 180 * microdegrees

// Circle encloses the area: its middle, and a radius in metres.
func (a *Area) Circle() (middle Position, radius float64) {
	const full = 2 * halfTurn
	width := a.East - a.West
	if width < 0 {
		width += full
	}
	middle = Position{Lat: (a.South + a.North) / 2, Lng: a.West + width/2}
	if middle.Lng > halfTurn {
		middle.Lng -= full
	}
	if width >= halfTurn {
		return middle, nearby.Farthest // a corner need not be what is farthest
	}
	for _, lat := range []int64{a.South, a.North} {
		for _, lng := range []int64{a.West, a.East} {
			radius = max(radius, middle.Distance(Position{Lat: lat, Lng: lng}))
		}
	}
	return middle, radius + 1 // and a metre for what was rounded
}

// Folded is a text as searches compare it: words of small letters and digits without accents, one space before each.
func Folded(text string) string {
	var folded strings.Builder
	between := true
	for _, r := range norm.NFKD.String(text) {
		r = unicode.ToLower(r)
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r), unicode.IsDigit(r):
			if between {
				folded.WriteByte(' ')
			}
			between = false
			if plain, ok := plainLetters[r]; ok {
				folded.WriteString(plain)
			} else {
				folded.WriteRune(r)
			}
		default:
			between = true
		}
	}
	return folded.String()
}

// plainLetters are letters that Unicode does not take apart.
var plainLetters = map[rune]string{
	'ł': "l", 'ø': "o", 'đ': "d", 'ð': "d", 'þ': "th", 'ß': "ss", 'æ': "ae", 'œ': "oe", 'ı': "i", 'ħ': "h", 'ŧ': "t", 'ŋ': "n", 'ς': "σ",
}
