-- What was said with a model about a case, for its newest verdict by a model.
CREATE TABLE talks (
  "case"   TEXT PRIMARY KEY,
  revision INTEGER NOT NULL,
  saved    INTEGER NOT NULL,
  body     BLOB NOT NULL
) STRICT;
CREATE INDEX talks_saved ON talks (saved);
