-- What people say of cases, and which cases have a problem open in another system.
CREATE TABLE labels (
  id      INTEGER PRIMARY KEY AUTOINCREMENT, -- people name it: never used again
  "case"  TEXT NOT NULL,
  kind    TEXT NOT NULL,
  by      TEXT NOT NULL,
  asset   TEXT NOT NULL,
  class   TEXT NOT NULL,
  scope   TEXT NOT NULL,
  note    TEXT NOT NULL,
  at      INTEGER NOT NULL,
  expires INTEGER NOT NULL
) STRICT;

CREATE TABLE slots (
  "case" TEXT PRIMARY KEY,
  host   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What a decision asks for: the orders of its case.
CREATE INDEX orders_case ON orders ("case");
