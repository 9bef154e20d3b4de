-- What the journal comes to. Every segment is announced, not only usage: grants, expiries and releases are posted too.

INSERT INTO outbox (first_seq, last_seq, written_by)
SELECT first_seq, last_seq, pg_current_xact_id() FROM segments ON CONFLICT DO NOTHING;

-- How far the journal is settled, and the settler's place: whoever holds this row's lock settles.
CREATE TABLE settlement (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  through bigint NOT NULL DEFAULT 0 CHECK (through >= 0)
) WITH (fillfactor = 10);
INSERT INTO settlement DEFAULT VALUES;

-- One row a record, written once: its transaction and its rows of the datasets.
CREATE TABLE postings (seq bigint PRIMARY KEY CHECK (seq >= 1), body json NOT NULL);

CREATE TABLE entries (
  owner text COLLATE "C" NOT NULL, seq bigint NOT NULL REFERENCES postings,
  PRIMARY KEY (owner, seq)
);

-- Credits less debits in billionths. No account is on the wrong side.
CREATE TABLE balances (
  owner text COLLATE "C" NOT NULL, account text COLLATE "C" NOT NULL, asset text COLLATE "C" NOT NULL,
  amount numeric NOT NULL CHECK (amount <> 0 AND amount = trunc(amount)),
  PRIMARY KEY (owner, account, asset),
  CONSTRAINT credits CHECK (amount > 0 OR split_part(account, ':', 1) NOT IN ('lot', 'hold', 'win', 'cap', 'deferred')),
  CONSTRAINT debits CHECK (amount < 0 OR split_part(account, ':', 1) NOT IN ('debt', 'overage'))
) WITH (fillfactor = 80);

CREATE TABLE kept (
  owner text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, body text NOT NULL,
  PRIMARY KEY (owner, kind, key)
) WITH (fillfactor = 80);

CREATE TABLE parked (
  record text COLLATE "C" PRIMARY KEY, seq bigint NOT NULL, reason text NOT NULL, of_what text NOT NULL,
  at bigint NOT NULL, body bytea NOT NULL
);

CREATE VIEW transactions AS
  SELECT seq, body -> 'transaction' AS body FROM postings WHERE body -> 'transaction' IS NOT NULL;
CREATE VIEW usage_events AS
  SELECT seq, body -> 'usage' AS body FROM postings WHERE body -> 'usage' IS NOT NULL;
CREATE VIEW monetization_events AS
  SELECT seq, body -> 'monetization' AS body FROM postings WHERE body -> 'monetization' IS NOT NULL;
CREATE VIEW balance_updates AS
  SELECT seq, one AS body FROM postings, json_array_elements(body -> 'updates') AS one;
