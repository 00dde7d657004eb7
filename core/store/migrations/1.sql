-- Times are Unix milliseconds, 0 for none, unless a comment says otherwise.

-- What batches are folded into when a snapshot of the sift state is saved, so that
-- a batch is nothing but one row behind the last.
CREATE TABLE base (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  snapshot TEXT NOT NULL, -- file below sift/, '' for none
  digest   BLOB NOT NULL, -- of the last batch that was folded
  body     BLOB NOT NULL  -- totals and the book's counter
) STRICT;

-- Cursors up to which the snapshot knows the streams.
CREATE TABLE streams (
  stream BLOB PRIMARY KEY,
  cursor BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
  id     INTEGER PRIMARY KEY,
  saved  INTEGER NOT NULL,
  digest BLOB NOT NULL,
  body   BLOB NOT NULL
) STRICT;

CREATE TABLE templates (
  id      INTEGER PRIMARY KEY,
  first   INTEGER NOT NULL,
  source  TEXT NOT NULL,
  host    TEXT NOT NULL,
  program TEXT NOT NULL,
  text    TEXT NOT NULL
) STRICT;

-- How many templates a source brought on a day (since 1970, UTC).
CREATE TABLE template_days (
  day    INTEGER NOT NULL,
  source TEXT NOT NULL,
  kept   INTEGER NOT NULL,
  over   INTEGER NOT NULL, -- counted, not kept
  PRIMARY KEY (day, source)
) STRICT, WITHOUT ROWID;

-- How the parts of cases are written: the descriptions of types that encoding/gob
-- puts in front of the first value, kept once instead of with every value.
CREATE TABLE shapes (
  id      INTEGER PRIMARY KEY,
  prelude BLOB NOT NULL
) STRICT;

-- ended numbers the closed cases in the order in which they were closed.
CREATE TABLE cases (
  number    INTEGER PRIMARY KEY,
  id        TEXT NOT NULL UNIQUE,
  revision  INTEGER NOT NULL,
  status    TEXT NOT NULL,
  floor     INTEGER NOT NULL,
  confirmed INTEGER NOT NULL,
  class     TEXT NOT NULL,
  zone      TEXT NOT NULL,
  asset     TEXT NOT NULL,
  source    TEXT NOT NULL,
  opened    INTEGER NOT NULL,
  updated   INTEGER NOT NULL,
  events    INTEGER NOT NULL,
  ended     INTEGER NOT NULL,
  saved     INTEGER NOT NULL,
  sum       INTEGER NOT NULL, -- of the body, to leave one alone that did not change
  head      BLOB NOT NULL
) STRICT;
CREATE INDEX cases_ended ON cases (ended);
CREATE INDEX cases_floor ON cases (floor);

CREATE TABLE case_bodies (
  number INTEGER PRIMARY KEY,
  body   BLOB NOT NULL
) STRICT;

CREATE TABLE work (
  "case"     TEXT PRIMARY KEY,
  revision   INTEGER NOT NULL,
  floor      INTEGER NOT NULL,
  source     TEXT NOT NULL,
  queued     INTEGER NOT NULL,
  not_before INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE records (
  seq      INTEGER PRIMARY KEY,
  "case"   TEXT NOT NULL,
  revision INTEGER NOT NULL,
  by       TEXT NOT NULL, -- rules, model, or what else made it
  saved    INTEGER NOT NULL,
  body     BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX records_case ON records ("case", revision, by);

CREATE TABLE outbox (
  sink TEXT NOT NULL,
  seq  INTEGER NOT NULL,
  PRIMARY KEY (sink, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE orders (
  id         INTEGER PRIMARY KEY,
  digest     TEXT NOT NULL UNIQUE,
  "case"     TEXT NOT NULL,
  action     TEXT NOT NULL,
  generation INTEGER NOT NULL,
  host       TEXT NOT NULL,
  source     TEXT NOT NULL,
  address    TEXT NOT NULL,
  user       TEXT NOT NULL,
  process    TEXT NOT NULL,
  seconds    INTEGER NOT NULL, -- how long it lasts
  decided    INTEGER NOT NULL, -- nanoseconds
  state      TEXT NOT NULL,
  route      TEXT NOT NULL DEFAULT '',
  sent       INTEGER NOT NULL DEFAULT 0,
  ended      INTEGER NOT NULL DEFAULT 0,
  text       TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX orders_state ON orders (state);
CREATE INDEX orders_decided ON orders (decided);

CREATE TABLE notices (
  id       INTEGER PRIMARY KEY,
  at       INTEGER NOT NULL,
  severity INTEGER NOT NULL,
  kind     TEXT NOT NULL,
  text     TEXT NOT NULL
) STRICT;

CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
