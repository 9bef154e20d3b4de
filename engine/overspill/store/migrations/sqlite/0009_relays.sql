-- How far the outbox is relayed into a stream: through which record, and where in the stream the last message stands.

CREATE TABLE relays (
  stream TEXT PRIMARY KEY, through INTEGER NOT NULL CHECK (through >= 0),
  position INTEGER NOT NULL CHECK (position >= 0)) WITHOUT ROWID;
