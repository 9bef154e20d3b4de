-- How far the outbox is relayed into a stream: through which record, and where in the stream the last message stands.

CREATE TABLE relays (
  stream text COLLATE "C" PRIMARY KEY,
  through bigint NOT NULL DEFAULT 0 CHECK (through >= 0),
  position bigint NOT NULL DEFAULT 0 CHECK (position >= 0)
) WITH (fillfactor = 10);

-- A record that a journal has lost may have been asked for again: one id then stands for two, at different places.
ALTER TABLE parked DROP CONSTRAINT parked_pkey, ADD PRIMARY KEY (record, seq);
