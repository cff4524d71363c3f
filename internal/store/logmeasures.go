package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/purserhq/purser/internal/merkle"
)

// LogMeasures is how far the log is behind what was committed.
type LogMeasures struct {
	// Waiting is how many leaves wait for the log; of each writer a thousand at most are counted.
	Waiting int64
	// Oldest is how long the oldest of them has waited, Signed how old the newest checkpoint is; 0 for none.
	Oldest, Signed time.Duration
}

// countedUnsigned is how many waiting leaves of one writer are counted.
const countedUnsigned = 1000

// LogMeasures reads how far the log is behind. It looks at the end of each writer's leaves alone.
func (db *DB) LogMeasures(ctx context.Context) (m LogMeasures, err error) {
	now := db.Now()
	since := func(us int64) time.Duration { return max(now.Sub(fromMicros(us)), 0) }
	var signed int64
	err = db.queryRow(ctx, db.read, `SELECT signed_at FROM log_state WHERE id = 1`).Scan(&signed)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return m, err
	}
	if signed != 0 {
		m.Signed = since(signed)
	}
	ranges, err := db.unsequenced(ctx, db.read)
	for err == nil && len(ranges) > 0 {
		some := ranges[:min(len(ranges), sequencedWriters)]
		ranges = ranges[len(some):]
		err = db.measureWaiting(ctx, some, func(waiting int64, first *merkle.Leaf) {
			m.Waiting += waiting
			m.Oldest = max(m.Oldest, since(first.At))
		})
	}
	return m, err
}

// measureWaiting tells of some writers how many leaves wait, and the first of them.
func (db *DB) measureWaiting(ctx context.Context, ranges []leafRange, tell func(waiting int64, first *merkle.Leaf)) error {
	parts, args := make([]string, len(ranges)), make([]any, 0, 2*len(ranges))
	for i, r := range ranges {
		parts[i] = fmt.Sprintf(`SELECT l.id, l.record, w.n FROM (SELECT min(id) AS first, count(*) AS n FROM
			(SELECT id FROM leaves WHERE id > $%d AND id < $%d ORDER BY id LIMIT %d) AS s%d) AS w JOIN leaves l ON l.id = w.first`, 2*i+1, 2*i+2, countedUnsigned, i)
		args = append(args, r.after, r.end)
	}
	rows, err := db.query(ctx, db.read, strings.Join(parts, ` UNION ALL `), args...)
	_, err = collect(rows, err, func(rows *sql.Rows) (struct{}, error) {
		var id, n int64
		var record []byte
		if err := rows.Scan(&id, &record, &n); err != nil {
			return struct{}{}, err
		}
		first, err := merkle.ParseRecord(id, record)
		if err == nil {
			tell(n, first)
		}
		return struct{}{}, err
	})
	return err
}
