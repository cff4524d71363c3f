-- +goose Up
-- What clients live by: the place that one is based on, the life of their keys, certificates,
-- what devices say of themselves; and the memory of who changed what, and who was refused.

-- registered_at is on the wall clock: it is what the limit on registrations counts.
ALTER TABLE clients ADD COLUMN base_location_id INTEGER REFERENCES locations (id);
ALTER TABLE clients ADD COLUMN registered_at INTEGER;
ALTER TABLE clients ADD COLUMN revoked_at INTEGER;
CREATE INDEX clients_created_by ON clients (created_by, registered_at);

-- Keys are numbered on and on; at most two of a client are live. A retired key's seal is empty.
CREATE TABLE client_keys_numbered (
	client_id INTEGER NOT NULL REFERENCES clients (id),
	number INTEGER NOT NULL CHECK (number > 0),
	sealed BLOB NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER,
	retired_at INTEGER,
	last_used_at INTEGER,
	last_used_from TEXT,
	last_used_by TEXT,
	PRIMARY KEY (client_id, number)
) STRICT;
INSERT INTO client_keys_numbered (client_id, number, sealed, created_at)
	SELECT client_id, number, sealed, created_at FROM client_keys;
DROP TABLE client_keys;
ALTER TABLE client_keys_numbered RENAME TO client_keys;

-- The plain members of what a device says of itself, to search by.
CREATE TABLE client_info (
	client_id INTEGER NOT NULL REFERENCES clients (id),
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (client_id, name)
) STRICT;
CREATE INDEX client_info_value ON client_info (name, value);

CREATE TABLE authorities (
	id INTEGER PRIMARY KEY,
	certificate BLOB NOT NULL,
	sealed_key BLOB NOT NULL,
	created_at INTEGER NOT NULL
) STRICT;

-- A certificate is found by the SHA-256 of its DER. One that was pinned has no authority.
CREATE TABLE certificates (
	fingerprint BLOB PRIMARY KEY,
	client_id INTEGER NOT NULL REFERENCES clients (id),
	authority_id INTEGER REFERENCES authorities (id),
	der BLOB NOT NULL,
	not_after INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	revoked_at INTEGER,
	last_used_at INTEGER,
	last_used_from TEXT,
	last_used_by TEXT
) STRICT;
CREATE INDEX certificates_client ON certificates (client_id);

-- What each change altered, so that servers forget just that.
CREATE TABLE changed (
	seq INTEGER NOT NULL,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	PRIMARY KEY (seq, kind, name)
) STRICT;

-- The nonces of requests that changed something, claimed in the commit of their effect.
CREATE TABLE claimed_nonces (
	fingerprint BLOB PRIMARY KEY,
	ts INTEGER NOT NULL
) STRICT;
CREATE INDEX claimed_nonces_ts ON claimed_nonces (ts);

-- Who changed what; only ever added to.
CREATE TABLE audit (
	id INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	actor TEXT NOT NULL,
	client_id INTEGER,
	user_id INTEGER,
	action TEXT NOT NULL,
	object TEXT NOT NULL,
	object_id INTEGER NOT NULL,
	request_id TEXT NOT NULL,
	address TEXT NOT NULL,
	agent TEXT NOT NULL,
	before_text TEXT NOT NULL,
	after_text TEXT NOT NULL
) STRICT;
CREATE INDEX audit_object ON audit (object, object_id, id);

-- The reasons of the last refusals, for purser explain. Anybody can cause those of credentials (proven
-- 0), so they are bounded by themselves.
CREATE TABLE refusals (
	request_id TEXT PRIMARY KEY,
	proven INTEGER NOT NULL CHECK (proven IN (0, 1)),
	at INTEGER NOT NULL,
	client_id INTEGER NOT NULL,
	document TEXT NOT NULL
) STRICT;
CREATE INDEX refusals_at ON refusals (proven, at);
