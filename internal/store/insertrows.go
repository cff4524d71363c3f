package store

import (
	"context"
	"database/sql"
	"slices"
)

// rowsToInsert are rows of one table, a value after another.
type rowsToInsert struct {
	// types are those of the columns in PostgreSQL.
	types  []string
	values []any
}

func newRows(n int, types ...string) *rowsToInsert {
	return &rowsToInsert{types: types, values: make([]any, 0, n*len(types))}
}

func (r *rowsToInsert) add(row ...any) { r.values = append(r.values, row...) }

// insert adds rows to a table: into is the statement up to its rows, conflict what follows them. PostgreSQL gets all in one
// statement, an array for each column; SQLite a row at a time, since that waits for nobody, by a statement that it reads once.
func (tx *Tx) insert(into string, r *rowsToInsert, conflict string) error {
	width := len(r.types)
	if tx.db.postgres {
		return tx.insertArrays(into, r, conflict)
	}
	statement, err := tx.prepared(into + `VALUES (` + parameters(1, width) + `)` + conflict)
	if err != nil {
		return err
	}
	// A context that can end would cost a goroutine for each row.
	ctx := context.WithoutCancel(tx.ctx)
	for row := range slices.Chunk(r.values, width) {
		tx.db.count(tx.ctx)
		if _, err := statement.ExecContext(ctx, row...); err != nil {
			return err
		}
	}
	return tx.ctx.Err()
}

// prepared is a statement that is read once for the transaction.
func (tx *Tx) prepared(query string) (*sql.Stmt, error) {
	if known := tx.statements[query]; known != nil {
		return known, nil
	}
	statement, err := tx.PrepareContext(tx.ctx, tx.db.text(query))
	if err != nil {
		return nil, err
	}
	if tx.statements == nil {
		tx.statements = map[string]*sql.Stmt{}
	}
	tx.statements[query] = statement
	return statement, nil
}
