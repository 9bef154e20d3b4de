-- Who is told of what happens, how far each was told, and what could not be delivered yet. Secrets sign, so they are kept as they are.

CREATE TABLE hooks (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, url TEXT NOT NULL, types TEXT NOT NULL, percents TEXT NOT NULL,
  secret TEXT NOT NULL, older_secret TEXT, older_until INTEGER, rotation TEXT NOT NULL, created_at INTEGER NOT NULL,
  disabled_at INTEGER, disabled_why TEXT,
  through INTEGER NOT NULL CHECK (through >= 0), posted_through INTEGER NOT NULL CHECK (posted_through >= 0),
  failing_since INTEGER, paused_until INTEGER NOT NULL, claimed_by TEXT, claimed_until INTEGER NOT NULL) WITHOUT ROWID;

CREATE INDEX hooks_of_tenant ON hooks (tenant, created_at);

CREATE TABLE hook_deliveries (
  hook TEXT NOT NULL REFERENCES hooks, event TEXT NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
  attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, last TEXT NOT NULL, last_at INTEGER NOT NULL, dead_at INTEGER,
  PRIMARY KEY (hook, event));

CREATE INDEX hook_deliveries_due ON hook_deliveries (hook, next_at) WHERE dead_at IS NULL;
