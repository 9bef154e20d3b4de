-- The journal, what leads into it, and what only saves time.

CREATE TABLE segments (
  first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL,
  previous_hash BLOB NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL, build INTEGER REFERENCES builds);

CREATE TABLE builds (
  number INTEGER PRIMARY KEY, overspill TEXT NOT NULL, kernel TEXT NOT NULL, tzdata TEXT NOT NULL,
  UNIQUE (overspill, kernel, tzdata));

CREATE TABLE forms (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE ids (number INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (number, seq)) WITHOUT ROWID;

CREATE TABLE outbox (first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL);

CREATE TABLE accounts (
  key TEXT PRIMARY KEY, seq INTEGER NOT NULL, state BLOB NOT NULL, due_at INTEGER NOT NULL) WITHOUT ROWID;

CREATE INDEX due ON accounts (due_at) WHERE due_at < 9223372036854775807;

CREATE TABLE topped_up (key TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE policies (digest TEXT PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, sources TEXT NOT NULL);

CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

INSERT INTO meta VALUES ('snapshots_through', 0);
