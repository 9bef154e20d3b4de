-- Who may call the service: keys by the hash of their text, which is kept nowhere. What administrators did stands in the log.

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, scopes TEXT NOT NULL,
  digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32), created_at INTEGER NOT NULL, expires_at INTEGER,
  revoked_at INTEGER, last_used_at INTEGER) WITHOUT ROWID;

CREATE TABLE admin_log (
  number INTEGER PRIMARY KEY, at INTEGER NOT NULL, tenant TEXT NOT NULL, actor TEXT NOT NULL, operation TEXT NOT NULL,
  target TEXT NOT NULL, status INTEGER NOT NULL, request TEXT NOT NULL);

CREATE INDEX admin_log_of_tenant ON admin_log (tenant, number);
