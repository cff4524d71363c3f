-- +goose Up
-- Written once in SQLite's STRICT spelling; migrate.go turns it into PostgreSQL's. Times are
-- microseconds since 1970 in UTC, coordinates millionths of a degree, money minor units.

-- Numbers are handed out by these rows, so that they stay small and both engines agree.
CREATE TABLE counters (
	name TEXT PRIMARY KEY,
	next INTEGER NOT NULL
) STRICT;

-- Raised last in each transaction that changes what servers keep in memory.
CREATE TABLE changes (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	seq INTEGER NOT NULL
) STRICT;
INSERT INTO changes (id, seq) VALUES (1, 1);

CREATE TABLE settings (
	name TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT;

CREATE TABLE users (
	id INTEGER PRIMARY KEY,
	type TEXT NOT NULL CHECK (type IN ('natural', 'legal')),
	display_name TEXT NOT NULL,
	email TEXT UNIQUE,
	phone TEXT UNIQUE,
	locale TEXT NOT NULL,
	company_code TEXT,
	password_hash BLOB,
	pin_hash BLOB,
	created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE company_administrators (
	company_id INTEGER NOT NULL REFERENCES users (id),
	user_id INTEGER NOT NULL REFERENCES users (id),
	PRIMARY KEY (company_id, user_id)
) STRICT;
CREATE INDEX company_administrators_user ON company_administrators (user_id);

CREATE TABLE wallets (
	id INTEGER PRIMARY KEY,
	owner_id INTEGER NOT NULL REFERENCES users (id),
	account_number TEXT NOT NULL UNIQUE,
	description TEXT NOT NULL,
	created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX wallets_owner ON wallets (owner_id);

CREATE TABLE projects (
	id INTEGER PRIMARY KEY,
	title TEXT NOT NULL,
	description TEXT NOT NULL,
	owner_id INTEGER NOT NULL REFERENCES users (id),
	wallet_id INTEGER NOT NULL REFERENCES wallets (id),
	created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX projects_owner ON projects (owner_id);
CREATE INDEX projects_wallet ON projects (wallet_id);

CREATE TABLE clients (
	id INTEGER PRIMARY KEY,
	mac_id TEXT NOT NULL UNIQUE,
	title TEXT NOT NULL,
	type TEXT NOT NULL CHECK (type IN ('private_client', 'application', 'app_client')),
	permissions TEXT NOT NULL,
	main_project_id INTEGER REFERENCES projects (id),
	hosts TEXT NOT NULL,
	info TEXT NOT NULL,
	service_agreement_id INTEGER,
	created_by INTEGER REFERENCES clients (id),
	created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE client_projects (
	client_id INTEGER NOT NULL REFERENCES clients (id),
	project_id INTEGER NOT NULL REFERENCES projects (id),
	PRIMARY KEY (client_id, project_id)
) STRICT;

CREATE TABLE wallet_rights (
	client_id INTEGER NOT NULL REFERENCES clients (id),
	wallet_id INTEGER NOT NULL REFERENCES wallets (id),
	scopes TEXT NOT NULL,
	PRIMARY KEY (client_id, wallet_id)
) STRICT;

-- Up to two keys of a client sign at a time; sealed with the key-encryption key.
CREATE TABLE client_keys (
	client_id INTEGER NOT NULL REFERENCES clients (id),
	number INTEGER NOT NULL CHECK (number IN (1, 2)),
	sealed BLOB NOT NULL,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (client_id, number)
) STRICT;

-- A token is found by the SHA-256 of its value; its MAC key is sealed.
CREATE TABLE tokens (
	fingerprint BLOB PRIMARY KEY,
	user_id INTEGER NOT NULL REFERENCES users (id),
	client_id INTEGER NOT NULL REFERENCES clients (id),
	scopes TEXT NOT NULL,
	sealed_key BLOB NOT NULL,
	expires_at INTEGER NOT NULL,
	refresh_fingerprint BLOB NOT NULL UNIQUE,
	refresh_expires_at INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE pay_categories (
	id INTEGER PRIMARY KEY,
	parent_id INTEGER REFERENCES pay_categories (id),
	title TEXT NOT NULL,
	active_uri TEXT NOT NULL,
	inactive_uri TEXT NOT NULL
) STRICT;

-- What a list can be filtered by stands in columns, the rest of a place in its document.
CREATE TABLE locations (
	id INTEGER PRIMARY KEY,
	project_id INTEGER NOT NULL REFERENCES projects (id),
	status TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
	public INTEGER NOT NULL CHECK (public IN (0, 1)),
	lat INTEGER CHECK (lat BETWEEN -90000000 AND 90000000),
	lng INTEGER CHECK (lng BETWEEN -180000000 AND 180000000),
	updated_at INTEGER NOT NULL,
	document TEXT NOT NULL,
	CHECK ((lat IS NULL) = (lng IS NULL))
) STRICT;
CREATE INDEX locations_project ON locations (project_id);
CREATE INDEX locations_lat ON locations (lat);
CREATE INDEX locations_updated_at ON locations (updated_at);

-- One row for each service that a place offers, with 0, and one for each of its pay categories.
CREATE TABLE location_offers (
	location_id INTEGER NOT NULL REFERENCES locations (id),
	service TEXT NOT NULL CHECK (service IN ('cash_in', 'cash_out', 'pay', 'identification')),
	category_id INTEGER NOT NULL,
	PRIMARY KEY (location_id, service, category_id)
) STRICT;

-- The ledger. These tables have no foreign keys: their writer has proven every reference,
-- and a key here would be checked once more for every movement of money.
CREATE TABLE accounts (
	id INTEGER PRIMARY KEY,
	purpose TEXT NOT NULL,
	wallet_id INTEGER NOT NULL,
	currency TEXT NOT NULL,
	available INTEGER NOT NULL,
	reserved INTEGER NOT NULL CHECK (reserved >= 0),
	credit_limit INTEGER NOT NULL CHECK (credit_limit >= 0),
	last_entry INTEGER NOT NULL,
	version INTEGER NOT NULL,
	UNIQUE (purpose, wallet_id, currency),
	CHECK (purpose <> 'wallet' OR available + credit_limit >= 0)
) STRICT;

CREATE TABLE entries (
	id INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	kind TEXT NOT NULL,
	debit_account INTEGER NOT NULL,
	credit_account INTEGER NOT NULL,
	minor INTEGER NOT NULL CHECK (minor > 0),
	debit_after INTEGER NOT NULL,
	credit_after INTEGER NOT NULL,
	debit_previous INTEGER NOT NULL,
	credit_previous INTEGER NOT NULL,
	details TEXT NOT NULL
) STRICT;

-- The last batch of each writer: after a COMMIT whose answer was lost, this row tells.
CREATE TABLE writers (
	id INTEGER PRIMARY KEY,
	last_batch INTEGER NOT NULL,
	seen_at INTEGER NOT NULL
) STRICT;
