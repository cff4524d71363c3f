-- +goose Up
-- Counters of payments: by project, day in UTC, place (0 for none) and currency, and by what is counted, a status or an
-- event. What there was before is counted when the database is opened.
CREATE TABLE tallies (
	project_id INTEGER NOT NULL,
	day INTEGER NOT NULL,
	location_id INTEGER NOT NULL,
	currency TEXT NOT NULL,
	kind TEXT NOT NULL,
	count INTEGER NOT NULL,
	volume INTEGER NOT NULL,
	PRIMARY KEY (project_id, day, location_id, currency, kind)
) STRICT, WITHOUT ROWID;

-- What each batch of money changes of them, in its own commit and one row. Counters are these and those of the table
-- together: soon after, many batches are added up, and taken over at once.
CREATE TABLE tally_changes (
	-- The writer's number in the upper bits, and its batch in the lower 40.
	id INTEGER PRIMARY KEY,
	changes BLOB NOT NULL
) STRICT;

-- The events of a project's last days from the same counters, in one row each: what an overview of many projects reads.
CREATE TABLE project_flows (
	project_id INTEGER PRIMARY KEY,
	recent BLOB NOT NULL
) STRICT;
