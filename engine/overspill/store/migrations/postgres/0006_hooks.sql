-- Who is told of what happens, how far each was told, and what could not be delivered yet. Secrets sign, so they are kept as they are.

CREATE TABLE hooks (
  id text COLLATE "C" PRIMARY KEY, tenant text COLLATE "C" NOT NULL, url text NOT NULL, types text NOT NULL,
  percents text NOT NULL, secret text NOT NULL, older_secret text, older_until bigint, rotation text NOT NULL,
  created_at bigint NOT NULL, disabled_at bigint, disabled_why text,
  through bigint NOT NULL CHECK (through >= 0), posted_through bigint NOT NULL CHECK (posted_through >= 0),
  failing_since bigint, paused_until bigint NOT NULL, claimed_by text, claimed_until bigint NOT NULL
) WITH (fillfactor = 50);

CREATE INDEX hooks_of_tenant ON hooks (tenant, created_at);

CREATE TABLE hook_deliveries (
  hook text COLLATE "C" NOT NULL REFERENCES hooks, event text COLLATE "C" NOT NULL, type text NOT NULL,
  subject text NOT NULL, body text NOT NULL, attempts bigint NOT NULL, next_at bigint NOT NULL, last text NOT NULL,
  last_at bigint NOT NULL, dead_at bigint, PRIMARY KEY (hook, event)
);

CREATE INDEX hook_deliveries_due ON hook_deliveries (hook, next_at) WHERE dead_at IS NULL;
