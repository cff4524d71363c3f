package store

import "time"

// SetOperationTimeout makes what a command may take shorter, and returns how to take that back.
func SetOperationTimeout(d time.Duration) (restore func()) {
	before := operationTimeout
	operationTimeout = d
	return func() { operationTimeout = before }
}

// Postgres says whether the engine speaks PostgreSQL's protocol.
func (db *DB) Postgres() bool { return db.postgres }
