-- +goose Up
-- Callbacks: whoever waits for a receiver that hangs must cost the others nothing, and be given up in the end.

-- Since when it waits: since it was owed, or since an operator had it sent again.
ALTER TABLE callbacks ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
UPDATE callbacks SET since = at;

-- What was never tried is found by project and receiver, so that nobody reads through what waits for others; what failed
-- before is found by when it is due.
DROP INDEX callbacks_due;
CREATE INDEX callbacks_fresh ON callbacks (project_id, host, next_at) WHERE next_at IS NOT NULL AND tries = 0;
CREATE INDEX callbacks_failed ON callbacks (next_at) WHERE next_at IS NOT NULL AND tries > 0;
-- What waits, the oldest first; next_at is there so that counting reads nothing else.
CREATE INDEX callbacks_waiting ON callbacks (since, next_at) WHERE next_at IS NOT NULL;
DROP INDEX callbacks_ended;
CREATE INDEX callbacks_ended ON callbacks (delivered, ended_at) WHERE ended_at IS NOT NULL;
