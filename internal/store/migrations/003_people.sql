-- +goose Up
-- People: what is known of them, who acts for whom, what they agreed to, how they sign in, and what
-- they are told. A user's e-mail address and phone number are confirmed ones; the person code is
-- sealed and found by a keyed fingerprint.
ALTER TABLE users ADD COLUMN standing TEXT NOT NULL DEFAULT 'active' CHECK (standing IN ('active', 'restricted', 'inactive'));
ALTER TABLE users ADD COLUMN dob TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN gender TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN country TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN city TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN street TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN post_index TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN surname TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN nationality TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN sealed_code BLOB;
ALTER TABLE users ADD COLUMN code_fingerprint BLOB;
ALTER TABLE users ADD COLUMN level TEXT NOT NULL DEFAULT 'unidentified';
ALTER TABLE users ADD COLUMN exposures TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN default_currency TEXT NOT NULL DEFAULT '';
-- registered_at is there for those who registered themselves, registered_by where a client did it for them.
ALTER TABLE users ADD COLUMN registered_at INTEGER;
ALTER TABLE users ADD COLUMN registered_by INTEGER REFERENCES clients (id);
CREATE UNIQUE INDEX users_code ON users (code_fingerprint);

-- What a user may pay within a time; seconds 0 bounds each payment.
CREATE TABLE user_limits (
	user_id INTEGER NOT NULL REFERENCES users (id),
	kind TEXT NOT NULL CHECK (kind IN ('limit', 'restriction')),
	currency TEXT NOT NULL,
	seconds INTEGER NOT NULL CHECK (seconds >= 0),
	minor INTEGER NOT NULL CHECK (minor >= 0),
	PRIMARY KEY (user_id, kind, currency, seconds)
) STRICT;

CREATE TABLE project_administrators (
	project_id INTEGER NOT NULL REFERENCES projects (id),
	user_id INTEGER NOT NULL REFERENCES users (id),
	PRIMARY KEY (project_id, user_id)
) STRICT;
CREATE INDEX project_administrators_user ON project_administrators (user_id);

-- Whoever proves to read the contact may accept.
CREATE TABLE project_invitations (
	id INTEGER PRIMARY KEY,
	project_id INTEGER NOT NULL REFERENCES projects (id),
	contact TEXT NOT NULL,
	invited_by INTEGER NOT NULL REFERENCES users (id),
	created_at INTEGER NOT NULL,
	UNIQUE (project_id, contact)
) STRICT;
CREATE INDEX project_invitations_contact ON project_invitations (contact);

-- What a user agreed that a client may do; declined are optional scopes among those.
CREATE TABLE consents (
	user_id INTEGER NOT NULL REFERENCES users (id),
	client_id INTEGER NOT NULL REFERENCES clients (id),
	scopes TEXT NOT NULL,
	declined TEXT NOT NULL,
	agreed_at INTEGER NOT NULL,
	PRIMARY KEY (user_id, client_id)
) STRICT;
CREATE INDEX consents_client ON consents (client_id);

-- A family is all the tokens that come from one consent by refreshing: they end together.
CREATE TABLE families (
	id INTEGER PRIMARY KEY,
	user_id INTEGER NOT NULL REFERENCES users (id),
	client_id INTEGER NOT NULL REFERENCES clients (id),
	scopes TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	ended_at INTEGER
) STRICT;
CREATE INDEX families_user ON families (user_id, client_id);
INSERT INTO families (id, user_id, client_id, scopes, created_at)
	SELECT row_number() OVER (ORDER BY created_at, fingerprint), user_id, client_id, scopes, created_at FROM tokens;
INSERT INTO counters (name, next) SELECT 'family', count(*) + 1 FROM families;
INSERT INTO consents (user_id, client_id, scopes, declined, agreed_at)
	SELECT user_id, client_id, string_agg(scopes, ' '), '', max(agreed_at)
	FROM (SELECT user_id, client_id, scopes, max(created_at) AS agreed_at FROM families GROUP BY user_id, client_id, scopes) AS alike
	GROUP BY user_id, client_id;

-- An access token with its refresh token, both found by their SHA-256. One that waits for its
-- activation is not active_at any time. sealed_refresh is there only where an answer may have to
-- be repeated.
CREATE TABLE token_pairs (
	fingerprint BLOB PRIMARY KEY,
	refresh_fingerprint BLOB NOT NULL UNIQUE,
	family_id INTEGER NOT NULL REFERENCES families (id),
	scopes TEXT NOT NULL,
	sealed_key BLOB NOT NULL,
	sealed_refresh BLOB,
	created_at INTEGER NOT NULL,
	active_at INTEGER,
	expires_at INTEGER NOT NULL,
	refresh_expires_at INTEGER NOT NULL,
	refreshed_at INTEGER
) STRICT;
CREATE INDEX tokens_family ON token_pairs (family_id);
CREATE INDEX tokens_refresh_expires_at ON token_pairs (refresh_expires_at);
INSERT INTO token_pairs (fingerprint, refresh_fingerprint, family_id, scopes, sealed_key, created_at, active_at, expires_at, refresh_expires_at)
	SELECT fingerprint, refresh_fingerprint, row_number() OVER (ORDER BY created_at, fingerprint), scopes, sealed_key,
		created_at, created_at, expires_at, refresh_expires_at FROM tokens;
DROP TABLE tokens;
ALTER TABLE token_pairs RENAME TO tokens;

-- An authorization code. Once it was exchanged it names the family that came of it.
CREATE TABLE authorization_codes (
	fingerprint BLOB PRIMARY KEY,
	user_id INTEGER NOT NULL REFERENCES users (id),
	client_id INTEGER NOT NULL REFERENCES clients (id),
	redirect_uri TEXT NOT NULL,
	scopes TEXT NOT NULL,
	challenge TEXT NOT NULL,
	expires_at INTEGER NOT NULL,
	used_at INTEGER,
	family_id INTEGER REFERENCES families (id)
) STRICT;
CREATE INDEX authorization_codes_expires_at ON authorization_codes (expires_at);

-- An authorization request that a client has prepared, with what it knows of the user.
CREATE TABLE prepared_requests (
	fingerprint BLOB PRIMARY KEY,
	client_id INTEGER NOT NULL REFERENCES clients (id),
	document TEXT NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX prepared_requests_expires_at ON prepared_requests (expires_at);

-- Who is signed in on the pages. Times are on the wall clock, as those of cookies are.
CREATE TABLE sign_ins (
	fingerprint BLOB PRIMARY KEY,
	user_id INTEGER NOT NULL REFERENCES users (id),
	created_at INTEGER NOT NULL,
	seen_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_ins_user ON sign_ins (user_id);
CREATE INDEX sign_ins_seen_at ON sign_ins (seen_at);

-- A code that somebody was sent, by the keyed hash of its digits; code_hash is empty where none was
-- sent, so that nobody learns that from the answer. The numbers are apart from those of users.
CREATE TABLE confirmations (
	id INTEGER PRIMARY KEY,
	fingerprint BLOB NOT NULL UNIQUE,
	purpose TEXT NOT NULL CHECK (purpose IN ('contact', 'password', 'scope')),
	user_id INTEGER REFERENCES users (id),
	client_id INTEGER REFERENCES clients (id),
	contact TEXT NOT NULL,
	code_hash BLOB NOT NULL,
	attempts INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL,
	used_at INTEGER
) STRICT;
CREATE INDEX confirmations_user ON confirmations (user_id, purpose);
CREATE INDEX confirmations_contact ON confirmations (contact, created_at);
CREATE INDEX confirmations_expires_at ON confirmations (expires_at);
INSERT INTO counters (name, next) VALUES ('confirmation', 1000000000);

-- Wrong passwords, PINs and the like, by a keyed fingerprint of the account or the network address.
-- Times are on the wall clock.
CREATE TABLE attempts (
	fingerprint BLOB PRIMARY KEY,
	failures INTEGER NOT NULL,
	last_at INTEGER NOT NULL,
	blocked_until INTEGER NOT NULL
) STRICT;
CREATE INDEX attempts_last_at ON attempts (last_at);

-- What people are told. The values, which may hold a code, are sealed, and erased when the message
-- has left.
CREATE TABLE messages (
	id INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	kind TEXT NOT NULL,
	email TEXT NOT NULL,
	phone TEXT NOT NULL,
	locale TEXT NOT NULL,
	sealed_values BLOB NOT NULL,
	attempts INTEGER NOT NULL,
	next_at INTEGER,
	sent_at INTEGER,
	failed_at INTEGER
) STRICT;
CREATE INDEX messages_next_at ON messages (next_at);
