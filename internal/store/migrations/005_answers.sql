-- +goose Up
-- The answers to requests with an idempotency key, each stored in the commit of its effect. key stands for
-- who called and their key; request is a keyed hash, since a request may hold a password.
CREATE TABLE answers (
	key BLOB PRIMARY KEY,
	request BLOB NOT NULL,
	body BLOB NOT NULL,
	sealed INTEGER NOT NULL CHECK (sealed IN (0, 1)),
	at INTEGER NOT NULL
) STRICT;
CREATE INDEX answers_at ON answers (at);
