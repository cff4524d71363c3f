-- +goose Up
-- Payments: what somebody is to pay, how far that has come, and the ledger's part in it.

-- How many entries move money to or from an account, and where every 64th of them stands, so that a
-- statement of long ago is found without reading all that came since.
ALTER TABLE accounts ADD COLUMN entries INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET entries = (SELECT count(*) FROM entries e WHERE e.debit_account = accounts.id OR e.credit_account = accounts.id);
CREATE TABLE entry_marks (
	account_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	entry_id INTEGER NOT NULL,
	at INTEGER NOT NULL,
	PRIMARY KEY (account_id, number)
) STRICT, WITHOUT ROWID;

-- Which part of each account an entry touches: 0 what is available, 1 what is reserved. An entry whose two
-- accounts are one moves money between its parts, and is in no chain.
ALTER TABLE entries ADD COLUMN debit_part INTEGER NOT NULL DEFAULT 0 CHECK (debit_part IN (0, 1));
ALTER TABLE entries ADD COLUMN credit_part INTEGER NOT NULL DEFAULT 0 CHECK (credit_part IN (0, 1));
ALTER TABLE entries ADD COLUMN payment_id INTEGER NOT NULL DEFAULT 0;

-- Nonces come in the order of their time, and go in it: so that is the order of the table.
DROP TABLE claimed_nonces;
CREATE TABLE claimed_nonces (
	ts INTEGER NOT NULL,
	fingerprint BLOB NOT NULL,
	PRIMARY KEY (ts, fingerprint)
) STRICT, WITHOUT ROWID;

-- What is searched by stands in columns, the rest of a transaction and its payments in the document. Like
-- the ledger, these tables are written by the money writer alone, and have no foreign keys. 0 is for none.
CREATE TABLE transactions (
	id INTEGER PRIMARY KEY,
	version INTEGER NOT NULL,
	status TEXT NOT NULL,
	client_id INTEGER NOT NULL,
	project_id INTEGER NOT NULL,
	location_id INTEGER NOT NULL,
	wallet_id INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	due_at INTEGER,
	document TEXT NOT NULL
) STRICT;
CREATE INDEX transactions_project ON transactions (project_id, id);
CREATE INDEX transactions_due ON transactions (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX transactions_deleted ON transactions (created_at) WHERE status = 'deleted';
CREATE INDEX transactions_unfunded ON transactions (id) WHERE status = 'waiting_funds';
CREATE INDEX transactions_open ON transactions (wallet_id, id)
	WHERE status IN ('waiting_funds', 'waiting_registration', 'waiting_password', 'reserved');

CREATE TABLE payments (
	id INTEGER PRIMARY KEY,
	transaction_id INTEGER NOT NULL,
	project_id INTEGER NOT NULL,
	status TEXT NOT NULL,
	wallet_id INTEGER NOT NULL,
	beneficiary_id INTEGER NOT NULL
) STRICT;
CREATE INDEX payments_project ON payments (project_id, id);
CREATE INDEX payments_pending ON payments (beneficiary_id, id) WHERE status IN ('waiting_registration', 'waiting_password', 'reserved', 'confirmed');

-- What was spent since the window of a limit began, by user or wallet.
CREATE TABLE spending (
	holder TEXT NOT NULL CHECK (holder IN ('user', 'wallet')),
	holder_id INTEGER NOT NULL,
	currency TEXT NOT NULL,
	seconds INTEGER NOT NULL,
	since INTEGER NOT NULL,
	minor INTEGER NOT NULL CHECK (minor >= 0),
	PRIMARY KEY (holder, holder_id, currency, seconds)
) STRICT;

-- Contacts that belong to nobody yet, and what waits for them.
CREATE TABLE awaited_contacts (
	contact TEXT NOT NULL,
	transaction_id INTEGER NOT NULL,
	invited_at INTEGER,
	PRIMARY KEY (contact, transaction_id)
) STRICT;

-- A code that a payer reads out, by its keyed hash: for one transaction, or for any.
CREATE TABLE reserve_codes (
	fingerprint BLOB PRIMARY KEY,
	user_id INTEGER NOT NULL,
	wallet_id INTEGER NOT NULL,
	transaction_id INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	used_at INTEGER NOT NULL
) STRICT;
CREATE INDEX reserve_codes_expires_at ON reserve_codes (expires_at);

CREATE TABLE transaction_requests (
	id INTEGER PRIMARY KEY,
	transaction_id INTEGER NOT NULL,
	user_id INTEGER NOT NULL,
	email TEXT NOT NULL,
	phone TEXT NOT NULL,
	initiator_id INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX transaction_requests_transaction ON transaction_requests (transaction_id);

-- Work that one process does for all of them, on the wall clock.
CREATE TABLE leases (
	name TEXT PRIMARY KEY,
	holder INTEGER NOT NULL,
	until INTEGER NOT NULL
) STRICT;
