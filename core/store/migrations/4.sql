-- How cases stand in another system: which have a problem open there, on which host.
-- What is shown of a case that has none is not kept.
CREATE TABLE shown (
  "case"   TEXT PRIMARY KEY,
  host     TEXT NOT NULL,
  asset    TEXT NOT NULL,
  severity INTEGER NOT NULL,
  fp       TEXT NOT NULL,
  seq      INTEGER NOT NULL,
  since    INTEGER NOT NULL,
  told     TEXT NOT NULL -- the problem there that has our message, '' for none
) STRICT, WITHOUT ROWID;

-- Values that the other system has not taken yet, in the order in which it gets them.
CREATE TABLE "values" (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  "case"     TEXT NOT NULL,
  host       TEXT NOT NULL,
  key        TEXT NOT NULL,
  value      TEXT NOT NULL,
  at         INTEGER NOT NULL, -- nanoseconds
  transition INTEGER NOT NULL
) STRICT;
CREATE INDEX values_case ON "values" ("case");
