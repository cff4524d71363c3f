package httpapi

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/service"
	"github.com/purserhq/purser/internal/wallet"
	"github.com/purserhq/purser/money"
	"github.com/purserhq/purser/walletapi"
)

// walletAndQuery reads a call about a wallet with parameters.
func walletAndQuery(r *request) (id int64, q *query, err error) {
	if id, err = pathID(r, "wallet", "wallet_id", true); err != nil {
		return 0, nil, err
	}
	q, err = newQuery(r.URL.RawQuery)
	return id, q, err
}

// page are the limit and the offset of a list.
func (q *query) page() (limit, offset int) {
	return int(q.whole("limit", defaultLimit, 1, maxLimit)), int(q.whole("offset", 0, 0, 1<<31-1))
}

// statements: GET /wallet/{id|me}/statements (spec/wallet-api.md §4.6).
func (a *API) statements(ctx context.Context, r *request) (any, error) {
	id, q, err := walletAndQuery(r)
	if err != nil {
		return nil, err
	}
	filter := statementFilter(q)
	if err := q.err(); err != nil {
		return nil, err
	}
	page, err := a.Service.ListStatements(ctx, r.caller, id, filter)
	if err != nil {
		return nil, err
	}
	out := walletapi.Statements{
		Statements: make([]walletapi.Statement, len(page.Statements)),
		Metadata: walletapi.CursorMetadata{
			Metadata: walletapi.Metadata{Total: page.Total, Offset: page.Offset, Limit: filter.Limit},
			HasNext:  page.HasNext(), HasPrevious: page.HasPrevious(),
		},
	}
	if page.After != nil {
		out.Metadata.Cursors = &walletapi.Cursors{After: cursorText(page.After), Before: cursorText(page.Before)}
	}
	for i := range page.Statements {
		s := &page.Statements[i]
		line, err := wireReserved(s)
		if err != nil {
			return nil, err
		}
		out.Statements[i] = walletapi.Statement{
			ID: s.ID, Amount: line.Amount, AmountDecimal: line.AmountDecimal, Currency: line.Currency, Date: line.Date,
			Details: line.Details, Direction: line.Direction, Type: line.Type, OtherParty: line.OtherParty,
		}
	}
	return out, nil
}

// maxSearched is how long a text may be that is looked for, in bytes.
const maxSearched = 200

func statementFilter(q *query) (f wallet.StatementFilter) {
	f.Currencies = q.currencies("currency")
	f.Incoming, f.Outgoing = q.direction()
	text := q.text("text")
	if len(text) > maxSearched {
		q.refused.Refuse("text", "must be at most %d bytes", maxSearched)
	}
	f.Text = wallet.Fold(strings.TrimSpace(text))
	f.From, f.To = q.seconds("from"), q.seconds("to")
	q.oneOf("order_by", "date")
	f.Ascending = q.oneOf("order_direction", "desc", "asc") == "asc"
	f.After, f.Before = q.cursor("after"), q.cursor("before")
	f.Limit, f.Offset = q.page()
	switch {
	case f.After != nil && f.Before != nil:
		q.refused.Refuse("before", "is given beside after; give one of them")
	case f.Offset > 0 && (f.After != nil || f.Before != nil):
		q.refused.Refuse("offset", "is given beside a cursor; give one of them")
	}
	return f
}

// oneOf is one of some words, empty where none is given.
func (q *query) oneOf(name string, words ...string) string {
	text := q.text(name)
	if text != "" && !slices.Contains(words, text) {
		q.refused.Refuse(name, "must be %s", strings.Join(words, " or "))
	}
	return text
}

// direction is which way payments went; neither where all are meant.
func (q *query) direction() (incoming, outgoing bool) {
	direction := q.oneOf("direction", "in", "out")
	return direction == "in", direction == "out"
}

// currencies is a comma-separated list of currency codes.
func (q *query) currencies(name string) (list []money.Currency) {
	for _, word := range q.list(name) {
		currency, err := money.ParseCurrency(word)
		if err != nil {
			q.refused.Refuse(name, "must be ISO 4217 currency codes separated by commas, such as EUR,USD")
			return nil
		}
		list = append(list, currency)
	}
	return list
}

// cursorText is a place as callers hand it back: they need not know what it says.
func cursorText(place wallet.StatementPlace) string {
	words := make([]string, 0, len(place))
	for _, currency := range slices.Sorted(maps.Keys(place)) {
		words = append(words, fmt.Sprint(currency, " ", place[currency]))
	}
	return base64.RawURLEncoding.EncodeToString([]byte("statements " + strings.Join(words, " ")))
}

// cursor reads a place back; nil where none is given.
func (q *query) cursor(name string) wallet.StatementPlace {
	text := q.text(name)
	if text == "" {
		return nil
	}
	place, ok := parseCursor(text)
	if !ok {
		q.refused.Refuse(name, "must be a cursor, as it stood in _metadata.cursors")
	}
	return place
}

func parseCursor(text string) (place wallet.StatementPlace, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	words := strings.Fields(string(raw))
	if err != nil || len(words)%2 == 0 || words[0] != "statements" {
		return nil, false
	}
	place = wallet.StatementPlace{}
	for pair := range slices.Chunk(words[1:], 2) {
		currency, err := money.ParseCurrency(pair[0])
		if err != nil {
			return nil, false
		}
		if place[currency], err = strconv.ParseInt(pair[1], 10, 64); err != nil || place[currency] < 0 {
			return nil, false
		}
	}
	return place, true
}

// wireReserved writes what a statement and a reservation have in common.
func wireReserved(s *wallet.Statement) (out walletapi.ReservationStatement, err error) {
	cents, err := s.Amount.Cents()
	out = walletapi.ReservationStatement{
		Amount: cents, AmountDecimal: s.Amount.Decimal(), Currency: string(s.Amount.Currency), Date: s.At.Unix(), Details: s.Details,
		Direction: "out", Type: wallet.StatementType(s.Kind),
	}
	if s.Incoming {
		out.Direction = "in"
	}
	if s.Other != nil {
		out.OtherParty = &walletapi.OtherParty{
			DisplayName: s.Other.DisplayName, AccountNumber: s.Other.AccountNumber, WalletID: s.Other.WalletID,
		}
	}
	return out, err
}

// reservationStatements: GET /wallet/{id|me}/reservation-statements (spec/wallet-api.md §4.6).
func (a *API) reservationStatements(ctx context.Context, r *request) (any, error) {
	id, q, err := walletAndQuery(r)
	if err != nil {
		return nil, err
	}
	limit, offset := q.page()
	if err := q.err(); err != nil {
		return nil, err
	}
	page, total, err := a.Service.ListReservations(ctx, r.caller, id, offset, limit)
	if err != nil {
		return nil, err
	}
	out := walletapi.ReservationStatements{
		ReservationStatements: make([]walletapi.ReservationStatement, len(page)),
		Metadata:              walletapi.Metadata{Total: total, Offset: offset, Limit: limit},
	}
	for i := range page {
		if out.ReservationStatements[i], err = wireReserved(&page[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// pendingPayments: GET /wallet/{id|me}/pending-payments (spec/wallet-api.md §4.6).
func (a *API) pendingPayments(ctx context.Context, r *request) (any, error) {
	id, q, err := walletAndQuery(r)
	if err != nil {
		return nil, err
	}
	var filter service.PendingFilter
	filter.Incoming, filter.Outgoing = q.direction()
	filter.Type = q.oneOf("type", wallet.KindTransfer, wallet.KindCash)
	filter.Limit, filter.Offset = q.page()
	if err := q.err(); err != nil {
		return nil, err
	}
	page, total, err := a.Service.ListPendingPayments(ctx, r.caller, id, filter)
	if err != nil {
		return nil, err
	}
	out := walletapi.PendingPayments{
		PendingPayments: make([]walletapi.PendingPayment, len(page)),
		Metadata:        walletapi.Metadata{Total: total, Offset: filter.Offset, Limit: filter.Limit},
	}
	for i := range page {
		if out.PendingPayments[i], err = wirePending(&page[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// takePaymentBack: DELETE /wallet/{id|me}/pending-payment/{pid} (spec/wallet-api.md §4.6).
func (a *API) takePaymentBack(ctx context.Context, r *request) (any, error) {
	id, err := pathID(r, "wallet", "wallet_id", true)
	if err != nil {
		return nil, err
	}
	payment, err := pathID(r, "payment", "payment_id", false)
	if err != nil {
		return nil, err
	}
	v, err := a.Service.TakePaymentBack(ctx, r.caller, id, payment)
	if err != nil {
		return nil, err
	}
	return wirePending(&v)
}

func wirePending(v *service.PendingPaymentView) (walletapi.PendingPayment, error) {
	line, err := wireReserved(&v.Statement)
	return walletapi.PendingPayment{
		ID: v.PaymentID, Amount: line.Amount, AmountDecimal: line.AmountDecimal, Currency: line.Currency, Details: line.Details,
		Direction: line.Direction, Type: line.Type, Cancelable: v.Cancelable, Date: line.Date, ValidUntil: secondsOrNone(v.ValidUntil),
		Password: v.Password.Reveal(), TransactionKey: v.TransactionKey, OtherParty: line.OtherParty,
	}, err
}

// secondsOrNone is a time in UNIX seconds, 0 for none.
func secondsOrNone(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
