package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/purserhq/purser/internal/secret"
)

// A copy of the places says of which database it is. Two states of a database that both go on from the same moment, such as
// after a backup was restored, count their changes alike, and only by this number is a copy of one told from a copy of the other.

// newLineage makes a lineage, which is never 0.
func (db *DB) newLineage() (int64, error) {
	raw := make([]byte, 8)
	if db.Random == nil {
		raw = secret.RandomBytes(len(raw))
	} else if _, err := io.ReadFull(db.Random, raw); err != nil {
		return 0, fmt.Errorf("making a lineage: %w", err)
	}
	return max(1, int64(binary.LittleEndian.Uint64(raw)&math.MaxInt64)), nil
}

// fillLineage gives the database a lineage where it has none: where it is new, is of before there were any, or was copied
// by CopyTo. Of several servers that open it at once one does.
func (db *DB) fillLineage(ctx context.Context) error {
	_, lineage, err := db.copyState(ctx)
	if err != nil || lineage != 0 {
		return err
	}
	if lineage, err = db.newLineage(); err != nil {
		return err
	}
	return db.Update(ctx, func(tx *Tx) error {
		_, err := tx.exec(`UPDATE place_changes SET lineage = $1 WHERE id = 1 AND lineage = 0`, lineage)
		return err
	})
}

// RenewLineage has every copy of the places begin anew, by another lineage of the database.
func (tx *Tx) RenewLineage() error {
	lineage, err := tx.db.newLineage()
	if err != nil {
		return err
	}
	_, err = tx.exec(`UPDATE place_changes SET lineage = $1 WHERE id = 1`, lineage)
	return err
}

// copyState is the number of the last change of places, and the lineage of the database.
func (db *DB) copyState(ctx context.Context) (seq, lineage int64, err error) {
	err = db.queryRow(ctx, db.read, `SELECT seq, lineage FROM place_changes WHERE id = 1`).Scan(&seq, &lineage)
	return seq, lineage, err
}
