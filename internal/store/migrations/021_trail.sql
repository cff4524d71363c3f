-- +goose Up
-- That somebody signed in or registered leaves the audit trail after a year: what strangers can add to it without end. The
-- index holds those alone.
CREATE INDEX audit_passing ON audit (at) WHERE action IN ('register', 'sign in');
