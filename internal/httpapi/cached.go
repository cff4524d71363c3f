package httpapi

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unique"

	"github.com/cespare/xxhash/v2"
	"github.com/maypok86/otter/v2"

	"github.com/purserhq/purser/internal/hours"
	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/walletapi"
)

// What everybody may read may also be kept by everybody, and is asked for again with its ETag: that is made of the bytes of
// the answer, so that it is another one whenever anything in it is, be it only that a place has opened.

// cachedAnswer is an answer that may be kept.
type cachedAnswer struct {
	content []byte
	etag    string
	// unchanged says that who asked has it already.
	unchanged bool
	// buffer is where content stands, nil when it is nobody else's.
	buffer *[]byte
}

// cacheControl lets answers be kept, and asked for again before they are used.
var cacheControl = []string{"public, no-cache"}

func cached(r *request, content []byte, buffer *[]byte) *cachedAnswer {
	c := &cachedAnswer{content: content, buffer: buffer}
	c.etag = `"` + strconv.FormatUint(xxhash.Sum64(content), 36) + `"`
	c.unchanged = has(r.Header["If-None-Match"], c.etag)
	return c
}

// has says whether the ETag is one of those in a header.
func has(headers []string, etag string) bool {
	for _, header := range headers {
		for one := range strings.SplitSeq(header, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == etag {
				return true
			}
		}
	}
	return false
}

// write sends the answer, or that it is unchanged.
func (c *cachedAnswer) write(w http.ResponseWriter, r *request) (status int) {
	header := w.Header()
	header["Etag"] = []string{c.etag}
	header["Cache-Control"] = cacheControl
	header["Paysera-Correlation-Id"] = []string{r.id}
	status = http.StatusNotModified
	if c.unchanged {
		w.WriteHeader(status)
	} else {
		status = http.StatusOK
		header["Content-Type"] = jsonHeader
		header["Content-Length"] = []string{strconv.Itoa(len(c.content))}
		inOnePiece(r, len(c.content))
		w.Write(c.content)
	}
	if c.buffer != nil {
		*c.buffer = c.content[:0]
		pages.Put(c.buffer)
	}
	return status
}

// pages are where answers are put together.
var pages = sync.Pool{New: func() any { return new([]byte) }}

// marshal encodes an answer as reply does.
func marshal(out any) ([]byte, error) {
	buffer := buffers.Get().(*jsonBuffer)
	defer buffers.Put(buffer)
	buffer.Reset()
	if err := buffer.Encode(out); err != nil {
		return nil, err
	}
	return bytes.Clone(bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))), nil
}

// documents keeps places as they are written, but for what depends on the time of day and on who asks.
type documents = otter.Cache[documentKey, *document]

type documentKey struct {
	id     int64
	locale string
}

type document struct {
	// updatedAt is the state of the place, in microseconds; until is how long it looks so, 0 for ever.
	updatedAt, until int64
	// json is the place without its closing brace and its hours, which stand behind it: many places share theirs.
	json  []byte
	hours unique.Handle[string]
	// shared says that the hours are among those that sharedHours counts.
	shared bool
	// languages are those that any text of the place is in, with commas between them.
	languages unique.Handle[string]
}

// has says whether the place has a text in a language.
func (d *document) has(locale string) bool {
	for language := range strings.SplitSeq(d.languages.Value(), ",") {
		if language == locale {
			return true
		}
	}
	return false
}

// documentsMost is how much memory the documents take, in bytes; documentCost is what each takes beside its own length.
const (
	documentsMost = 64 << 20
	documentCost  = 320
)

// newDocuments makes an empty cache for so many bytes, and what counts the hours in it.
func newDocuments(most, mostShared int) (*documents, *sharedHours) {
	shared := &sharedHours{most: mostShared, holders: map[unique.Handle[string]]int{}}
	return otter.Must(&otter.Options[documentKey, *document]{
		MaximumWeight:    uint64(most),
		Weigher:          func(k documentKey, d *document) uint32 { return uint32(documentCost + len(k.locale) + d.weight()) },
		OnAtomicDeletion: func(e otter.DeletionEvent[documentKey, *document]) { shared.release(e.Value) },
	}), shared
}

// kept finds the document of a place in a language, nil where there is none, or one of another state. There is one for each language
// that the place has, and one for all others: so what strangers make up takes neither work nor room.
func (a *API) kept(one *service.FoundLocation, locale string, now int64) *document {
	d := a.fresh(one, locale, now)
	if d != nil || locale == "" {
		return d
	}
	language := wallet.Language(locale)
	if language != locale {
		if d = a.fresh(one, language, now); d != nil && !d.has(locale) {
			return d
		}
	}
	if d = a.fresh(one, "", now); d != nil && !d.has(locale) && !d.has(language) {
		return d
	}
	return nil
}

func (a *API) fresh(one *service.FoundLocation, locale string, now int64) *document {
	d, ok := a.documents.GetIfPresent(documentKey{one.ID, locale})
	if !ok || d.updatedAt != one.UpdatedAt.UnixMicro() || d.until != 0 && now >= d.until {
		return nil
	}
	return d
}

// keep is for kept.
func (a *API) keep(id int64, locale string, d *document) {
	if !d.has(locale) {
		locale = wallet.Language(locale)
	}
	if !d.has(locale) {
		locale = ""
	}
	a.shared.hold(d)
	a.documents.Set(documentKey{id, locale}, d)
}

// gathered finds the documents of places, and reads those that are not kept. One that is gone meanwhile is nil.
func (a *API) gathered(ctx context.Context, r *request, found []service.FoundLocation, locale string) ([]*document, error) {
	all := make([]*document, len(found))
	now := a.Service.BusinessClock()
	var missing []service.FoundLocation
	for i := range found {
		one := &found[i]
		if !one.Withdrawn {
			all[i] = a.kept(one, locale, now.UnixMicro())
		}
		if all[i] == nil {
			missing = append(missing, *one)
		}
	}
	if len(missing) == 0 {
		return all, nil
	}
	places, err := a.Service.ReadFoundLocations(ctx, r.caller, missing)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if all[i] != nil || len(places) == 0 || places[0].ID != found[i].ID {
			continue
		}
		if all[i], err = a.document(&places[0], locale, now); err != nil {
			return nil, err
		}
		if !found[i].Withdrawn {
			a.keep(found[i].ID, locale, all[i])
		}
		places = places[1:]
	}
	return all, nil
}

// document writes a place.
func (a *API) document(l *service.PublicLocation, locale string, now time.Time) (*document, error) {
	out, err := wireLocation(&l.Location, locale, now)
	if err != nil {
		return nil, err
	}
	shared, err := marshal(struct { // as they stand in walletapi.Location, last
		WorkingHours map[string]walletapi.DayHours `json:"working_hours,omitempty"`
		Hours        *walletapi.PlaceHours         `json:"hours,omitempty"`
		Timezone     string                        `json:"timezone,omitempty"`
	}{out.WorkingHours, out.Hours, out.Timezone})
	if err != nil {
		return nil, err
	}
	out.WorkingHours, out.Hours, out.Timezone = nil, nil, ""
	raw, err := marshal(out)
	if err != nil {
		return nil, err
	}
	d := &document{updatedAt: l.UpdatedAt.UnixMicro(), json: raw[:len(raw)-1], languages: unique.Make(strings.Join(languagesOf(&l.Location), ","))}
	if shared[0] = ','; len(shared) > len("{}") {
		d.hours = unique.Make(string(shared[:len(shared)-1]))
	}
	if !l.Until.IsZero() {
		d.until = l.Until.UnixMicro()
	}
	return d, nil
}

// languagesOf are the languages that any text of a place is in.
func languagesOf(l *wallet.Location) []string {
	all := map[string]bool{}
	add := func(text wallet.Text) {
		for language := range text {
			all[language] = true
		}
	}
	add(l.Title)
	add(l.Description)
	add(l.Address)
	for _, price := range l.Prices {
		add(price.Title)
	}
	return slices.Sorted(maps.Keys(all))
}

// marshalMetadata encodes what describes a page; most often it is three numbers.
func marshalMetadata(m walletapi.LocationsMetadata) ([]byte, error) {
	if m != (walletapi.LocationsMetadata{Metadata: m.Metadata}) {
		return marshal(m)
	}
	out := strconv.AppendInt([]byte(`{"total":`), int64(m.Total), 10)
	out = strconv.AppendInt(append(out, `,"offset":`...), int64(m.Offset), 10)
	return append(strconv.AppendInt(append(out, `,"limit":`...), int64(m.Limit), 10), '}'), nil
}

// written puts a page of places together.
func (a *API) written(ctx context.Context, r *request, found []service.FoundLocation, metadata walletapi.LocationsMetadata, locale string, distances bool) (any, error) {
	all, err := a.gathered(ctx, r, found, locale)
	if err != nil {
		return nil, err
	}
	end, err := marshalMetadata(metadata)
	if err != nil {
		return nil, err
	}
	buffer := pages.Get().(*[]byte)
	out := append((*buffer)[:0], `{"locations":[`...)
	first := true
	for i, d := range all {
		if d == nil {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, d.json...)
		if d.hours != (unique.Handle[string]{}) {
			out = append(out, d.hours.Value()...)
		}
		switch found[i].State {
		case hours.Open:
			out = append(out, `,"open_now":true`...)
		case hours.Closed:
			out = append(out, `,"open_now":false`...)
		}
		if found[i].NextChange != 0 {
			out = strconv.AppendInt(append(out, `,"next_change_at":`...), found[i].NextChange, 10)
		}
		if distances {
			out = strconv.AppendFloat(append(out, `,"distance":`...), metres(found[i].Distance), 'f', -1, 64)
		}
		out = append(out, '}')
	}
	out = append(append(append(out, `],"_metadata":`...), end...), '}')
	return cached(r, out, buffer), nil
}
