package store

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/purserhq/purser/internal/nearby"
	"github.com/purserhq/purser/internal/wallet"
)

// What searches know of a place is its card: bytes, read a million at a time when a server starts.

// card is one read.
type card struct {
	place nearby.Place
	// categories are the pay categories as they stand on the card; timetable is zone and hours.
	categories, timetable, words []byte
}

// cardForm is the first byte of a card, so that another form can follow.
const cardForm = 1

// Flags of a card.
const (
	cardActive = 1 << iota
	cardPublic
	cardLocated
)

// serviceBit is a service in the index.
func serviceBit(s wallet.Service) nearby.Services {
	return 1 << slices.Index(wallet.Services(), s)
}

// maxCardWords bounds what a place can be found by, in bytes.
const maxCardWords = 16 << 10

// timetableKey is the zone and the hours of a place as one text, empty when either is unknown.
func timetableKey(l *wallet.Location) string {
	if l.Timezone == "" || l.Hours == nil {
		return ""
	}
	text, err := l.Hours.MarshalText()
	if err != nil {
		return "" // it cannot be kept either: the place's document fails on it
	}
	return l.Timezone + "\x00" + string(text)
}

// cardWords are the words that a place is found by: those of its title and address, in every language, once each.
func cardWords(l *wallet.Location) string {
	var words strings.Builder
	seen := map[string]bool{}
	for _, text := range []wallet.Text{l.Title, l.Address} {
		for _, locale := range sortedLocales(text) {
			for word := range strings.FieldsSeq(wallet.Folded(text[locale])) {
				if seen[word] || words.Len()+len(word) >= maxCardWords {
					continue
				}
				seen[word] = true
				words.WriteByte(' ')
				words.WriteString(word)
			}
		}
	}
	return words.String()
}

func sortedLocales(t wallet.Text) []string {
	locales := make([]string, 0, len(t))
	for locale := range t {
		locales = append(locales, locale)
	}
	slices.Sort(locales)
	return locales
}

// writeCard makes the card of a place.
func writeCard(l *wallet.Location) []byte {
	var flags byte
	if l.Status == wallet.Active {
		flags |= cardActive
	}
	if l.Public {
		flags |= cardPublic
	}
	var lat, lng int64
	if l.Position != nil {
		flags |= cardLocated
		lat, lng = l.Position.Lat, l.Position.Lng
	}
	var services nearby.Services
	for service, offer := range l.Services {
		if offer.Available {
			services |= serviceBit(service)
		}
	}
	var categories []byte
	if pay := l.Services[wallet.Pay]; pay.Available {
		for _, id := range slices.Sorted(slices.Values(pay.Categories)) {
			categories = binary.AppendUvarint(categories, uint64(id))
		}
	}
	c := []byte{cardForm, flags, byte(services)}
	c = binary.AppendUvarint(c, uint64(l.ProjectID))
	c = binary.AppendVarint(c, micros(l.UpdatedAt))
	c = binary.AppendVarint(c, lat)
	c = binary.AppendVarint(c, lng)
	for _, part := range []string{string(categories), timetableKey(l), cardWords(l)} {
		c = binary.AppendUvarint(c, uint64(len(part)))
		c = append(c, part...)
	}
	return c
}

var errCard = errors.New("the card of a place is damaged")

// readCard reads the card of a place. What it returns points into raw.
func readCard(id int64, raw []byte) (c card, err error) {
	if len(raw) < 3 || raw[0] != cardForm {
		return c, errCard
	}
	flags := raw[1]
	c.place = nearby.Place{
		ID: id, Services: nearby.Services(raw[2]),
		Active: flags&cardActive != 0, Public: flags&cardPublic != 0, Located: flags&cardLocated != 0,
	}
	raw = raw[3:]
	project, n := binary.Uvarint(raw)
	if n <= 0 {
		return c, errCard
	}
	raw = raw[n:]
	var numbers [3]int64
	for i := range numbers {
		if numbers[i], n = binary.Varint(raw); n <= 0 {
			return c, errCard
		}
		raw = raw[n:]
	}
	c.place.Project, c.place.UpdatedAt = int64(project), numbers[0]
	c.place.Lat, c.place.Lng = int32(numbers[1]), int32(numbers[2])
	for _, part := range []*[]byte{&c.categories, &c.timetable, &c.words} {
		length, n := binary.Uvarint(raw)
		if n <= 0 || length > uint64(len(raw)-n) {
			return c, errCard
		}
		*part, raw = raw[n:n+int(length)], raw[n+int(length):]
	}
	return c, nil
}

// categoryIDs reads the pay categories of a card.
func categoryIDs(raw []byte) (ids []int64) {
	for len(raw) > 0 {
		id, n := binary.Uvarint(raw)
		if n <= 0 {
			return ids
		}
		ids, raw = append(ids, int64(id)), raw[n:]
	}
	return ids
}

// cardRow is a card as it stands in the database.
type cardRow struct {
	id, seq   int64
	withdrawn sql.NullInt64
	card      []byte
}

func scanCard(rows *sql.Rows) (c cardRow, err error) {
	err = rows.Scan(&c.id, &c.seq, &c.withdrawn, &c.card)
	return c, err
}
