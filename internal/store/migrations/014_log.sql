-- +goose Up
-- The Merkle log: every command that changes money or a transaction adds a leaf in its commit, and one server at a time puts
-- them into the log.

-- A leaf's number is that of its writer, times 2^40, plus how many leaves that writer made before: each writer adds at the
-- end of its own range, so that nothing is out of order. record is what the journal does not tell. Like the ledger, this
-- table is written by the money writer alone, and rows are only ever added.
CREATE TABLE leaves (
	id INTEGER PRIMARY KEY,
	hash BLOB NOT NULL,
	record BLOB NOT NULL
) STRICT;

-- The leaf that changed a transaction last; 0 while it has none. Each leaf names the one before it.
ALTER TABLE transactions ADD COLUMN last_leaf INTEGER NOT NULL DEFAULT 0;

-- Writers that have made leaves, by the last of them that is in the log. Writer 0 made those of what there was before.
CREATE TABLE log_writers (
	writer INTEGER PRIMARY KEY,
	leaf INTEGER NOT NULL
) STRICT;
INSERT INTO log_writers (writer, leaf) VALUES (0, 0);

-- Which leaves the log consists of: runs of numbers in a row, by the index of the first.
CREATE TABLE log_runs (
	first INTEGER PRIMARY KEY,
	leaf INTEGER NOT NULL,
	leaves INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_runs_leaf ON log_runs (leaf);

-- The tiles of the tree (C2SP tlog-tiles), 256 hashes each; the last of a level grows.
CREATE TABLE log_tiles (
	level INTEGER NOT NULL,
	number INTEGER NOT NULL,
	hashes BLOB NOT NULL,
	PRIMARY KEY (level, number)
) STRICT;

-- How far the log has come. opened says that what there was before has its leaves.
CREATE TABLE log_state (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	opened INTEGER NOT NULL,
	size INTEGER NOT NULL,
	root BLOB NOT NULL,
	origin TEXT NOT NULL,
	checkpoint BLOB NOT NULL
) STRICT;

-- The keys that sign checkpoints. One that was replaced goes on signing until it retires, so that who knows it alone comes
-- to know the next.
CREATE TABLE log_keys (
	id INTEGER PRIMARY KEY,
	public TEXT NOT NULL UNIQUE,
	sealed BLOB NOT NULL,
	created_at INTEGER NOT NULL,
	retires_at INTEGER
) STRICT;
