-- What the journal comes to. Every segment is announced, not only usage: grants, expiries and releases are posted too.

INSERT OR IGNORE INTO outbox SELECT first_seq, last_seq FROM segments;

INSERT INTO meta VALUES ('settled_through', 0);

-- One row a record, written once: its transaction and its rows of the datasets, as JSON.
CREATE TABLE postings (seq INTEGER PRIMARY KEY CHECK (seq >= 1), body TEXT NOT NULL);

CREATE TABLE entries (owner TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (owner, seq)) WITHOUT ROWID;

-- Credits less debits in billionths, which may take more than 64 bits. No account is on the wrong side.
CREATE TABLE balances (
  owner TEXT NOT NULL, account TEXT NOT NULL, asset TEXT NOT NULL, amount TEXT NOT NULL,
  PRIMARY KEY (owner, account, asset),
  CHECK (amount <> '0'),
  CHECK (amount NOT LIKE '-%' OR substr(account, 1, instr(account, ':') - 1) NOT IN ('lot', 'hold', 'win', 'cap', 'deferred')),
  CHECK (amount LIKE '-%' OR substr(account, 1, instr(account, ':') - 1) NOT IN ('debt', 'overage'))
) WITHOUT ROWID;

CREATE TABLE kept (
  owner TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (owner, kind, key)) WITHOUT ROWID;

CREATE TABLE parked (
  record TEXT PRIMARY KEY, seq INTEGER NOT NULL, reason TEXT NOT NULL, of_what TEXT NOT NULL, at INTEGER NOT NULL,
  body BLOB NOT NULL) WITHOUT ROWID;

CREATE VIEW transactions AS
  SELECT seq, json_extract(body, '$.transaction') AS body FROM postings WHERE body ->> '$.transaction' IS NOT NULL;

CREATE VIEW usage_events AS
  SELECT seq, json_extract(body, '$.usage') AS body FROM postings WHERE body ->> '$.usage' IS NOT NULL;

CREATE VIEW monetization_events AS
  SELECT seq, json_extract(body, '$.monetization') AS body FROM postings WHERE body ->> '$.monetization' IS NOT NULL;

CREATE VIEW balance_updates AS
  SELECT seq, value AS body FROM postings, json_each(postings.body, '$.updates');
