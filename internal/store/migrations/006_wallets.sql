-- +goose Up
-- What wallets are found by, whether they are in use, what bounds them, and what currencies are worth.

-- A user's contacts by their SHA-1 in hex, as address books ask for them. Neither engine can work these
-- out, so that the store fills in what is missing when it opens; the index below is of that alone.
ALTER TABLE users ADD COLUMN email_hash TEXT;
ALTER TABLE users ADD COLUMN phone_hash TEXT;
CREATE INDEX users_email_hash ON users (email_hash);
CREATE INDEX users_phone_hash ON users (phone_hash);
CREATE INDEX users_unhashed ON users (id)
	WHERE (email IS NOT NULL AND email_hash IS NULL) OR (phone IS NOT NULL AND phone_hash IS NULL);
CREATE INDEX users_company_code ON users (company_code);

ALTER TABLE wallets ADD COLUMN status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive'));

-- What may be paid out of a wallet within a time, as user_limits.
CREATE TABLE wallet_limits (
	wallet_id INTEGER NOT NULL REFERENCES wallets (id),
	kind TEXT NOT NULL CHECK (kind IN ('limit', 'restriction')),
	currency TEXT NOT NULL,
	seconds INTEGER NOT NULL CHECK (seconds >= 0),
	minor INTEGER NOT NULL CHECK (minor >= 0),
	PRIMARY KEY (wallet_id, kind, currency, seconds)
) STRICT;

-- What one of the base currency is worth in the quote currency: a decimal number as text, never a float.
CREATE TABLE rates (
	base TEXT NOT NULL,
	quote TEXT NOT NULL,
	rate TEXT NOT NULL,
	updated_at INTEGER NOT NULL,
	PRIMARY KEY (base, quote),
	CHECK (base <> quote)
) STRICT;
