-- +goose Up
-- Spots: the tables and tills of places. A visit is forgotten when the next begins; the audit trail alone, which
-- the operator reads, knows who was where.

CREATE TABLE spots (
	id INTEGER PRIMARY KEY,
	location_id INTEGER NOT NULL REFERENCES locations (id),
	identifier TEXT NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('open', 'waiting', 'closed')),
	-- Those that were taken away keep their numbers, which phones may still ask about.
	removed_at INTEGER,
	document TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX spots_identifier ON spots (location_id, identifier) WHERE removed_at IS NULL;

-- Who is checked in, and since when. Users have no foreign key here: those who never confirmed anything are pruned.
CREATE TABLE spot_visitors (
	spot_id INTEGER NOT NULL REFERENCES spots (id),
	user_id INTEGER NOT NULL,
	came_at INTEGER NOT NULL,
	PRIMARY KEY (spot_id, user_id)
) STRICT;

-- Transactions that are to be paid at a spot, by everybody there or by one user.
CREATE TABLE spot_orders (
	id INTEGER PRIMARY KEY,
	spot_id INTEGER NOT NULL REFERENCES spots (id),
	transaction_id INTEGER NOT NULL,
	user_id INTEGER,
	UNIQUE (spot_id, transaction_id)
) STRICT;
