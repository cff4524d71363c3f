-- +goose Up
-- A project's transactions are listed by when they were made: their numbers are given out in blocks.
DROP INDEX transactions_project;
CREATE INDEX transactions_project ON transactions (project_id, created_at, id);
