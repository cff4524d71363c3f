-- +goose Up
-- Callbacks: what has become of a transaction, to be posted to where its client wants to be told.

-- Where events of a project's transactions go whose client names no address; empty for nowhere.
ALTER TABLE projects ADD COLUMN callback_uri TEXT NOT NULL DEFAULT '';

-- The outbox. Rows are written in the commit of the change that they tell of. The number counts the callbacks of a
-- transaction, which leave in that order.
CREATE TABLE callbacks (
	transaction_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	project_id INTEGER NOT NULL,
	type TEXT NOT NULL,
	uri TEXT NOT NULL,
	-- Host and port of the address: how many leave for one receiver at a time is limited.
	host TEXT NOT NULL,
	-- The text that is signed, as it was when it happened.
	event TEXT NOT NULL,
	at INTEGER NOT NULL,
	-- How often it was tried, and how often since an operator had it sent again, which begins anew.
	attempts INTEGER NOT NULL,
	tries INTEGER NOT NULL,
	-- When it is to leave, NULL when it was delivered or given up; and until when a process has it, on the wall clock.
	next_at INTEGER,
	leased_until INTEGER NOT NULL,
	ended_at INTEGER,
	delivered INTEGER NOT NULL CHECK (delivered IN (0, 1)),
	PRIMARY KEY (transaction_id, number)
) STRICT;
CREATE INDEX callbacks_due ON callbacks (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX callbacks_ended ON callbacks (ended_at) WHERE ended_at IS NOT NULL;

-- What became of each attempt. status is 0 where nothing was answered.
CREATE TABLE callback_attempts (
	transaction_id INTEGER NOT NULL,
	number INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	at INTEGER NOT NULL,
	outcome TEXT NOT NULL,
	status INTEGER NOT NULL,
	micros INTEGER NOT NULL,
	PRIMARY KEY (transaction_id, number, attempt)
) STRICT;
