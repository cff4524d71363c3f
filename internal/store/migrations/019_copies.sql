-- +goose Up
-- Who keeps a copy of the places says where it stands, and of which database that is: a number by chance, another one after
-- another state was put into the database. It is made when the database is opened and has none, 0.
ALTER TABLE place_changes ADD COLUMN lineage INTEGER NOT NULL DEFAULT 0;
