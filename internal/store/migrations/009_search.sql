-- +goose Up
-- Searches for places are answered from memory. What they look at is kept apart from the places, short and ready to be
-- read: a card for each. Places of before are given theirs when the database is opened.

CREATE TABLE location_cards (
	location_id INTEGER PRIMARY KEY REFERENCES locations (id),
	-- The change that altered the place last: place_changes.seq as it was then.
	seq INTEGER NOT NULL,
	public INTEGER NOT NULL CHECK (public IN (0, 1)),
	updated_at INTEGER NOT NULL,
	-- The change that altered last what everybody sees of it, 0 when it was never public; and since when it is public
	-- no more, so that those who keep copies learn of that.
	public_seq INTEGER NOT NULL,
	withdrawn_at INTEGER,
	card BLOB NOT NULL
) STRICT;
CREATE INDEX location_cards_seq ON location_cards (seq);
CREATE INDEX location_cards_public_seq ON location_cards (public_seq, location_id) WHERE public_seq > 0;

-- The number of the last change of places, and the newest time of one. A transaction that alters places takes the
-- next number first, and with it this row until it is committed: numbers and times are in the order of commits.
CREATE TABLE place_changes (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	seq INTEGER NOT NULL,
	stamp INTEGER NOT NULL
) STRICT;
INSERT INTO place_changes (id, seq, stamp) SELECT 1, 1, coalesce(max(updated_at), 0) FROM locations;

-- Nothing is found by these any more.
DROP TABLE location_offers;
DROP INDEX locations_lat;
DROP INDEX locations_updated_at;
