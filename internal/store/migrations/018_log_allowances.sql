-- +goose Up
-- Commands that change an allowance are in the log as well: the leaf that changed it last, as of transactions.
ALTER TABLE allowances ADD COLUMN last_leaf INTEGER NOT NULL DEFAULT 0;

-- When the newest checkpoint was signed; 0 before there is one.
ALTER TABLE log_state ADD COLUMN signed_at INTEGER NOT NULL DEFAULT 0;
