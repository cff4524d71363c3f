package store

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// querier is what a pool and a transaction have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// text is the statement as the engine spells it: PostgreSQL's $1 is SQLite's ?1. ("$1" would
// be a name to SQLite, and some drivers then number by order of appearance.) Statements hold
// no dollar sign outside parameters.
func (db *DB) text(query string) string {
	if db.postgres {
		return query
	}
	if known, ok := db.rebound.Load(query); ok {
		return known.(string)
	}
	spelled := strings.ReplaceAll(query, "$", "?")
	db.rebound.Store(query, spelled)
	return spelled
}

// counterKey is where the counter of a context is, and counting says that there are any: nobody else looks for one.
type counterKey struct{}

var counting atomic.Bool

// CountStatements is a context in which the statements that are sent to an engine are counted, and their count so far. Those of
// the writer of money, which are for many commands at once, are nobody's. It is for sandboxes.
func CountStatements(ctx context.Context) (context.Context, func() int64) {
	counting.Store(true)
	n := new(atomic.Int64)
	return context.WithValue(ctx, counterKey{}, n), n.Load
}

// count counts a statement.
func (db *DB) count(ctx context.Context) {
	db.statements.Add(1)
	if counting.Load() {
		if n, ok := ctx.Value(counterKey{}).(*atomic.Int64); ok {
			n.Add(1)
		}
	}
}

func (db *DB) query(ctx context.Context, q querier, query string, args ...any) (*sql.Rows, error) {
	db.count(ctx)
	return q.QueryContext(ctx, db.text(query), args...)
}

func (db *DB) queryRow(ctx context.Context, q querier, query string, args ...any) *sql.Row {
	db.count(ctx)
	return q.QueryRowContext(ctx, db.text(query), args...)
}

func (tx *Tx) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return tx.db.queryRow(ctx, tx.Tx, query, args...)
}

// exec runs a statement and returns how many rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	tx.db.count(tx.ctx)
	result, err := tx.Tx.ExecContext(tx.ctx, tx.db.text(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// collect reads all rows of a query.
func collect[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// scanID reads rows of one number.
func scanID(rows *sql.Rows) (id int64, err error) {
	err = rows.Scan(&id)
	return id, err
}

// parameters is "$first,$first+1,…" for n values: an IN-list that both engines read alike.
func parameters(first, n int) string {
	var list strings.Builder
	for i := range n {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteByte('$')
		list.WriteString(strconv.Itoa(first + i))
	}
	return list.String()
}

// micros is a time as it is stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

// fromMicros is a stored time, in UTC.
func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// timeOrZero is a stored time, zero where there is none; microsOrNull stores one.
func timeOrZero(us sql.NullInt64) time.Time {
	if !us.Valid {
		return time.Time{}
	}
	return fromMicros(us.Int64)
}

func microsOrNull(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

// storable says whether a text can be stored, or looked for, by both engines: PostgreSQL refuses a
// zero byte and what is not UTF-8.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// orNull stores an empty text as NULL.
func orNull(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

// idOrNull stores a missing number as NULL.
func idOrNull(id int64) sql.NullInt64 { return sql.NullInt64{Int64: id, Valid: id != 0} }

// words and join store a short list of names, none of which has a blank, in one column.
func words[T ~string](text string) []T {
	fields := strings.Fields(text)
	list := make([]T, len(fields))
	for i, field := range fields {
		list[i] = T(field)
	}
	return list
}

func join[T ~string](list []T) string {
	fields := make([]string, len(list))
	for i, one := range list {
		fields[i] = string(one)
	}
	return strings.Join(fields, " ")
}
