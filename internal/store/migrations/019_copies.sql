-- +goose Up
-- Who keeps a copy of the places says where it stands, and of which database that is: a number by chance, another one after
-- another state was put into the database. It is made when the database is opened and has none, 0.
ALTER TABLE place_changes ADD COLUMN lineage INTEGER NOT NULL DEFAULT 0;

-- When a place looks different though nobody alters it: a price begins or is over, the week that is shown turns with a season.
-- Then it counts as altered, so that copies learn of it. NULL for most places: never. Places of before are looked at when the
-- database is opened.
ALTER TABLE location_cards ADD COLUMN turns_at INTEGER;
CREATE INDEX location_cards_turns_at ON location_cards (turns_at) WHERE turns_at IS NOT NULL;
