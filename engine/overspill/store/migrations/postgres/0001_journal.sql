-- The journal, what leads into it, and what only saves time. What the program takes care of is asserted here once more.

CREATE TABLE builds (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  overspill text NOT NULL, kernel text NOT NULL, tzdata text NOT NULL,
  UNIQUE (overspill, kernel, tzdata)
);

-- One row for each store that was opened; `session` counts its connections, `fenced` ends it from outside.
CREATE TABLE writers (
  epoch bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  session bigint NOT NULL DEFAULT 1 CHECK (session >= 1),
  fenced boolean NOT NULL DEFAULT false,
  opened_at timestamptz NOT NULL DEFAULT now()
);

-- The chain has no gap and no fork: each segment begins behind one that ends there with the hash that it names.
CREATE TABLE segments (
  first_seq bigint PRIMARY KEY CHECK (first_seq >= 1),
  last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
  previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  body bytea NOT NULL CHECK (octet_length(body) > 0),
  build bigint REFERENCES builds,
  epoch bigint NOT NULL,
  previous_seq bigint GENERATED ALWAYS AS (nullif(first_seq - 1, 0)) STORED,
  UNIQUE (last_seq, hash),
  FOREIGN KEY (previous_seq, previous_hash) REFERENCES segments (last_seq, hash),
  CONSTRAINT genesis CHECK (first_seq > 1 OR previous_hash = decode(repeat('00', 32), 'hex'))
);
-- A body is written once and seldom read: compressing it would cost more than it saves.
ALTER TABLE segments ALTER COLUMN body SET STORAGE EXTERNAL;

-- The journal's end, and the writer's place: whoever holds this row's lock writes.
CREATE TABLE head (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  seq bigint NOT NULL CHECK (seq >= 0),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  snapshots_through bigint NOT NULL DEFAULT 0 CHECK (snapshots_through BETWEEN 0 AND seq),
  last_seq bigint GENERATED ALWAYS AS (nullif(seq, 0)) STORED,
  FOREIGN KEY (last_seq, hash) REFERENCES segments (last_seq, hash)
) WITH (fillfactor = 10);
INSERT INTO head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE TABLE forms (id text COLLATE "C" PRIMARY KEY, body bytea NOT NULL);

CREATE TABLE ids (number bigint NOT NULL, seq bigint NOT NULL CHECK (seq >= 1), PRIMARY KEY (number, seq));

CREATE TABLE outbox (
  first_seq bigint PRIMARY KEY REFERENCES segments,
  last_seq bigint NOT NULL UNIQUE,
  written_by xid8 NOT NULL
);

CREATE TABLE accounts (
  key text COLLATE "C" PRIMARY KEY,
  seq bigint NOT NULL CHECK (seq >= 1),
  state bytea NOT NULL,
  due_at bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX due ON accounts (due_at, key) WHERE due_at < 9223372036854775807;

CREATE TABLE topped_up (key text COLLATE "C" PRIMARY KEY);

-- What a policy may not say otherwise any more: in which unit something is kept, and how finely.
CREATE TABLE facts (name text COLLATE "C" PRIMARY KEY, value text NOT NULL);

CREATE TABLE policies (
  digest text COLLATE "C" PRIMARY KEY, name text NOT NULL, version bigint NOT NULL, sources text NOT NULL
);
