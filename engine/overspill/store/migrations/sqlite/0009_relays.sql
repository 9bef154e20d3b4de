-- How far the outbox is relayed into a stream: through which record, and where in the stream the last message stands.

CREATE TABLE relays (
  stream TEXT PRIMARY KEY, through INTEGER NOT NULL CHECK (through >= 0),
  position INTEGER NOT NULL CHECK (position >= 0)) WITHOUT ROWID;

-- A record that a journal has lost may have been asked for again: one id then stands for two, at different places.

ALTER TABLE parked RENAME TO parked_before;

CREATE TABLE parked (
  record TEXT NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL, of_what TEXT NOT NULL, at INTEGER NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY (record, seq)) WITHOUT ROWID;

INSERT INTO parked SELECT record, seq, reason, of_what, at, body FROM parked_before;

DROP TABLE parked_before;
