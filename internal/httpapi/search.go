package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// Paging of /locations (spec/wallet-api.md §4.4).
const (
	defaultDistance = 500.0
	// maxDistance is half the way around the earth: further away is nothing.
	maxDistance  = 20_100_000.0
	defaultLimit = 20
	maxLimit     = 200
)

// Limits of what is ours in a search.
const (
	maxWords = 10
	// maxDuring is how long open_during may be.
	maxDuring = 31 * 24 * time.Hour
)

// locations: GET /locations (spec/wallet-api.md §4.4).
func (a *API) locations(ctx context.Context, r *request) (any, error) {
	q, err := newQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if q.text("sync") != "" {
		return a.copied(ctx, r, q)
	}
	filter := locationFilter(q, defaultLimit)
	a.openFilter(q, &filter)
	ownFilter(q, &filter)
	filter.After = q.mark("after")
	locale := q.text("locale")
	if err := q.err(); err != nil {
		return nil, err
	}
	found, err := a.Service.SearchLocations(ctx, r.caller, filter)
	if err != nil {
		return nil, err
	}
	metadata := walletapi.LocationsMetadata{Metadata: walletapi.Metadata{Total: found.Total, Offset: filter.Offset, Limit: filter.Limit}}
	if mark := found.Mark(); mark != nil {
		metadata.After = q.markText(*mark)
	}
	if filter.Area != nil {
		clusters := make([]walletapi.LocationCluster, len(found.Clusters))
		for i, c := range found.Clusters {
			clusters[i] = walletapi.LocationCluster{Count: c.Count, ID: c.ID}
			clusters[i].Lat, clusters[i].Lng = wallet.Position{Lat: int64(c.Lat), Lng: int64(c.Lng)}.Degrees()
		}
		metadata.Clusters = &clusters
	}
	return a.written(ctx, r, found.Places, metadata, locale, filter.Near != nil)
}

// locationFilter reads what places a list is to hold; so many where it does not say how many.
func locationFilter(q *query, limit int64) wallet.LocationFilter {
	f := wallet.LocationFilter{
		Statuses:     words(q, "status", []wallet.LocationStatus{wallet.Active, wallet.Inactive}),
		UpdatedSince: q.seconds("updated_after"),
		Services:     words(q, "service", wallet.Services()),
		Categories:   q.ids("pay_category"),
		Limit:        int(q.whole("limit", limit, 1, maxLimit)),
		Offset:       int(q.whole("offset", 0, 0, 1<<31-1)),
	}
	if f.Statuses == nil {
		f.Statuses = []wallet.LocationStatus{wallet.Active}
	}
	lat, hasLat := q.number("lat", -90, 90)
	lng, hasLng := q.number("lng", -180, 180)
	distance, hasDistance := q.number("distance", 0, maxDistance)
	switch {
	case hasLat && hasLng:
		center := wallet.At(lat, lng)
		f.Near, f.Distance = &center, defaultDistance
		if hasDistance {
			f.Distance = distance
		}
	case len(q.refused) > 0:
		// What is missing may only look so because it was refused.
	case hasLat:
		q.refused.Refuse("lng", "is needed with lat")
	case hasLng:
		q.refused.Refuse("lat", "is needed with lng")
	case hasDistance:
		q.refused.Refuse("distance", "is measured from a point: give lat and lng too")
	}
	return f
}

// openFilter reads open_at and open_during, which are ours. open_at without a value is now.
func (a *API) openFilter(q *query, f *wallet.LocationFilter) {
	if at := q.text("open_at"); at == "now" || at == "" && q.has("open_at") {
		f.OpenAt = a.Service.BusinessClock()
	} else {
		f.OpenAt = q.seconds("open_at")
	}
	during := q.text("open_during")
	if during == "" || len(q.refused["open_during"]) > 0 {
		return
	}
	from, until, _ := strings.Cut(during, ",")
	first, err := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(until, 10, 64)
	if err != nil || err2 != nil || first < 0 || last <= first || last > maxMoment || last-first > int64(maxDuring/time.Second) {
		q.refused.Refuse("open_during", "must be two times in UNIX seconds, from,until, at most 31 days apart")
		return
	}
	f.OpenFrom, f.OpenUntil = time.Unix(first, 0).UTC(), time.Unix(last, 0).UTC()
}

// ownFilter reads q and bbox, which are ours.
func ownFilter(q *query, f *wallet.LocationFilter) {
	if text := q.text("q"); text != "" && len(q.refused["q"]) == 0 {
		f.Words = strings.Fields(wallet.Folded(text))
		if len(f.Words) == 0 || len(f.Words) > maxWords {
			q.refused.Refuse("q", "must be 1 to %d words or beginnings of words", maxWords)
		}
	}
	text := q.text("bbox")
	if text == "" || len(q.refused["bbox"]) > 0 {
		return
	}
	corners := strings.Split(text, ",")
	var degrees [4]float64
	ok := len(corners) == len(degrees)
	for i := range corners {
		if ok = ok && plainNumber(corners[i]); ok {
			degrees[i], _ = strconv.ParseFloat(corners[i], 64)
			ok = math.Abs(degrees[i]) <= []float64{180, 90}[i%2]
		}
	}
	if !ok || degrees[1] > degrees[3] {
		q.refused.Refuse("bbox", "must be west,south,east,north in degrees, such as 25.1,54.6,25.4,54.8")
		return
	}
	low, high := wallet.At(degrees[1], degrees[0]), wallet.At(degrees[3], degrees[2])
	f.Area = &wallet.Area{South: low.Lat, West: low.Lng, North: high.Lat, East: high.Lng}
}

// fingerprint tells searches apart, pages and languages of one aside: a place to go on from is good for its own search only.
// In which order the parameters stand does not matter.
func (q *query) fingerprint() (sum uint32) {
	for pair := range strings.SplitSeq(q.raw, "&") {
		switch name, value, _ := strings.Cut(pair, "="); name {
		case "after", "offset", "limit", "locale":
		default:
			if value == "" && name == "open_at" {
				pair = "open_at=now"
			}
			if value != "" || name == "open_at" {
				sum += uint32(xxhash.Sum64String(pair))
			}
		}
	}
	return sum
}

// markText is a place to go on from, which nobody is to look into.
func (q *query) markText(m wallet.LocationMark) string {
	raw := binary.LittleEndian.AppendUint32([]byte{1}, q.fingerprint())
	raw = binary.LittleEndian.AppendUint64(raw, uint64(m.ID))
	raw = binary.LittleEndian.AppendUint64(raw, math.Float64bits(m.Distance))
	raw = binary.LittleEndian.AppendUint64(raw, uint64(m.UpdatedAt.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(raw)
}

// mark reads a place to go on from, nil when none is given.
func (q *query) mark(name string) *wallet.LocationMark {
	text := q.text(name)
	if text == "" || len(q.refused[name]) > 0 {
		return nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != 29 || raw[0] != 1 || binary.LittleEndian.Uint32(raw[1:]) != q.fingerprint() {
		q.refused.Refuse(name, "is not what an answer to this search gave as _metadata.after: begin without it")
		return nil
	}
	return &wallet.LocationMark{
		ID:        int64(binary.LittleEndian.Uint64(raw[5:])),
		Distance:  math.Float64frombits(binary.LittleEndian.Uint64(raw[13:])),
		UpdatedAt: time.UnixMicro(int64(binary.LittleEndian.Uint64(raw[21:]))).UTC(),
	}
}

// beginCopy is what sync says of a copy that begins.
const beginCopy = "begin"

// copied: GET /locations?sync=…, which is ours: what a copy of all public places lacks.
func (a *API) copied(ctx context.Context, r *request, q *query) (any, error) {
	since, limit, locale := q.since("sync"), int(q.whole("limit", maxLimit, 1, maxLimit)), q.text("locale")
	for name := range q.names() {
		switch name {
		case "sync", "limit", "locale":
		default:
			if q.text(name) != "" || name == "open_at" {
				q.refused.Refuse(name, "does not go with sync: a copy is of all public places")
			}
		}
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	copied, err := a.Service.CopyLocations(ctx, r.caller, since, limit)
	if err != nil {
		return nil, err
	}
	out := walletapi.Locations{Metadata: walletapi.LocationsMetadata{
		Metadata: walletapi.Metadata{Total: copied.Total, Limit: limit}, Sync: sinceText(copied.Now), More: copied.More,
	}}
	if out.Locations, err = a.wireLocations(copied.Places, locale); err != nil {
		return nil, err
	}
	content, err := marshal(out)
	if err != nil {
		return nil, err
	}
	return cached(r, content, nil), nil
}

// The forms of where a copy stands, by its first byte. The older one does not say of which database the copy is: it is read as
// one of another.
const (
	sinceUnnamed = 1
	sinceNamed   = 2
)

// sinceText is where a copy stands, which nobody is to look into.
func sinceText(s service.LocationsSince) string {
	raw := []byte{sinceNamed}
	for _, n := range []int64{s.Lineage, s.Begun, s.Seq, s.ID} {
		raw = binary.AppendUvarint(raw, uint64(n))
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// since reads where a copy stands.
func (q *query) since(name string) (s service.LocationsSince) {
	text := q.text(name)
	if text == beginCopy || len(q.refused[name]) > 0 {
		return s
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	numbers := []*int64{&s.Lineage, &s.Begun, &s.Seq, &s.ID}
	ok := err == nil && len(raw) > 1 && (raw[0] == sinceUnnamed || raw[0] == sinceNamed)
	if ok {
		if raw[0] == sinceUnnamed {
			numbers = numbers[1:]
		}
		raw = raw[1:]
	}
	for _, into := range numbers {
		n, length := binary.Uvarint(raw)
		if ok = ok && length > 0 && n <= math.MaxInt64; !ok {
			break
		}
		*into, raw = int64(n), raw[length:]
	}
	if !ok || len(raw) > 0 || s.Begun == 0 {
		q.refused.Refuse(name, "must be begin, or what an answer gave as _metadata.sync")
	}
	return s
}

// payCategories: GET /locations/pay-categories, a bare array (spec/mobile-sdks.md §3).
func (a *API) payCategories(ctx context.Context, r *request) (any, error) {
	locale, err := localeOf(r)
	if err != nil {
		return nil, err
	}
	categories, err := a.Service.ListPayCategories(ctx, r.caller)
	if err != nil {
		return nil, err
	}
	out := make([]walletapi.PayCategory, len(categories))
	for i, c := range categories {
		out[i] = walletapi.PayCategory{ID: c.ID, Title: c.Title.In(locale), ParentID: c.ParentID}
		if c.ActiveURI != "" {
			out[i].Images = &walletapi.CategoryImages{ActiveURI: c.ActiveURI, InactiveURI: c.InactiveURI}
		}
	}
	content, err := marshal(out)
	if err != nil {
		return nil, err
	}
	return cached(r, content, nil), nil
}
