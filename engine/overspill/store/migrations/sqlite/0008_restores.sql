-- Each time the file was put back, or was found to be older than what is known elsewhere. One that is not accepted stops
-- every decision; `known_seq` is the last record that was known then.
CREATE TABLE restores (
  number INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL CHECK (seq >= 0), hash BLOB NOT NULL CHECK (length(hash) = 32),
  at INTEGER NOT NULL, source TEXT NOT NULL,
  known_seq INTEGER, known_hash BLOB,
  accepted_at INTEGER, missing TEXT, actor TEXT,
  CHECK ((accepted_at IS NULL) = (missing IS NULL) AND (accepted_at IS NULL) = (actor IS NULL)));
