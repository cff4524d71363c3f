-- +goose Up
-- Allowances: what payers agreed that a client takes without asking. Like transactions, they are written by the money
-- writer alone, what is searched by stands in columns, and 0 is for none.

CREATE TABLE allowances (
	id INTEGER PRIMARY KEY,
	version INTEGER NOT NULL,
	status TEXT NOT NULL,
	client_id INTEGER NOT NULL,
	project_id INTEGER NOT NULL,
	transaction_id INTEGER NOT NULL,
	wallet_id INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	due_at INTEGER,
	document TEXT NOT NULL
) STRICT;
CREATE INDEX allowances_due ON allowances (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX allowances_active ON allowances (wallet_id, id) WHERE status = 'active';

-- The allowance that a wallet gave last to a client: no other one of theirs is active. Its primary key is what two
-- servers meet at that are given one for the first time.
CREATE TABLE last_allowances (
	client_id INTEGER NOT NULL,
	wallet_id INTEGER NOT NULL,
	allowance_id INTEGER NOT NULL,
	PRIMARY KEY (client_id, wallet_id)
) STRICT, WITHOUT ROWID;
