-- +goose Up
-- Cash and documents at a place.

-- What a code is for: to pay by, or to be paid cash in by. A code of the second kind is of a wallet (a barcode that works
-- once), or was sent to a contact, which its fingerprint covers, and then has no wallet.
ALTER TABLE reserve_codes ADD COLUMN kind TEXT NOT NULL DEFAULT 'pay' CHECK (kind IN ('pay', 'barcode', 'contact'));

-- A place's record that a user showed a document there. The numbers of documents and persons are sealed; the rest says who
-- looked at it, and what became of it.
CREATE TABLE identifications (
	id INTEGER PRIMARY KEY,
	user_id INTEGER NOT NULL REFERENCES users (id),
	client_id INTEGER NOT NULL REFERENCES clients (id),
	project_id INTEGER NOT NULL REFERENCES projects (id),
	location_id INTEGER NOT NULL REFERENCES locations (id),
	status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
	kind TEXT NOT NULL,
	sealed_number BLOB NOT NULL,
	name TEXT NOT NULL,
	surname TEXT NOT NULL,
	nationality TEXT NOT NULL,
	sealed_code BLOB,
	checked_by TEXT NOT NULL,
	checked_at INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	decided_at INTEGER,
	decided_by TEXT NOT NULL,
	reason TEXT NOT NULL
) STRICT;
CREATE INDEX identifications_user ON identifications (user_id, id);
CREATE INDEX identifications_pending ON identifications (id) WHERE status = 'pending';

-- The identification that counts of a user; 0 for none.
ALTER TABLE users ADD COLUMN identification_id INTEGER NOT NULL DEFAULT 0;
