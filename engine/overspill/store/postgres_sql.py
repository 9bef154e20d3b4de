"""The statements of the PostgreSQL store that are more than a line, or stand in more than one place."""

from __future__ import annotations

PAGE, ROWS = 32, 512
"""Segments, and rows of the outbox, that are read at once."""

BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT seq, hash FROM overspill.head FOR UPDATE"
BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT seq, hash FROM overspill.head"
BEGIN_SETTLING = "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT through FROM overspill.settlement FOR UPDATE"
HEAD = """
SELECT seq, hash, EXISTS (SELECT FROM overspill.writers WHERE epoch = %s AND session = %s AND NOT fenced)
FROM overspill.head"""
APPEND = """
WITH moved AS (
  UPDATE overspill.head SET seq = %(last)s, hash = %(hash)b
  WHERE seq = %(first)s - 1 AND hash = %(previous)b AND current_setting('synchronous_commit') IN ('on', 'remote_apply')
    AND EXISTS (SELECT FROM overspill.writers WHERE epoch = %(epoch)s AND session = %(session)s AND NOT fenced)
  RETURNING seq),
put AS (
  INSERT INTO overspill.segments (first_seq, last_seq, previous_hash, hash, body, build, epoch)
  SELECT %(first)s, %(last)s, %(previous)b, %(hash)b, %(body)b, %(build)s, %(epoch)s FROM moved),
announced AS (
  INSERT INTO overspill.outbox (first_seq, last_seq, written_by)
  SELECT %(first)s, %(last)s, pg_current_xact_id() FROM moved WHERE %(has_events)s)
SELECT count(*) FROM moved"""
SEGMENT = "first_seq, last_seq, previous_hash, hash, body, build"
SEGMENTS = f"SELECT {SEGMENT} FROM overspill.segments WHERE last_seq > %s ORDER BY last_seq LIMIT {PAGE}"
SEGMENT_AT = f"SELECT {SEGMENT} FROM overspill.segments WHERE first_seq <= %s ORDER BY first_seq DESC LIMIT 1"
OUTBOX = f"""
SELECT first_seq, last_seq, written_by < pg_snapshot_xmin(pg_current_snapshot()) FROM overspill.outbox
WHERE last_seq > %s ORDER BY last_seq LIMIT {ROWS}"""
DROP_OUTBOX = """
WITH dropped AS (
  DELETE FROM overspill.outbox WHERE first_seq IN (
    SELECT first_seq FROM overspill.outbox WHERE last_seq <= %s ORDER BY first_seq LIMIT %s)
  RETURNING 1)
SELECT count(*) FROM dropped"""
SNAPSHOTS = """
INSERT INTO overspill.accounts (key, seq, state, due_at)
SELECT * FROM unnest(%b::text[], %b::bigint[], %b::bytea[], %b::bigint[])
ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, state = excluded.state, due_at = excluded.due_at
WHERE accounts.seq <= excluded.seq"""
IDS = """
INSERT INTO overspill.ids (number, seq) SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS new (number, seq)
WHERE seq > (SELECT snapshots_through FROM overspill.head)
ON CONFLICT DO NOTHING"""
POLICIES = "SELECT digest, name, version, sources FROM overspill.policies"
TOPPED_UP = "INSERT INTO overspill.topped_up (key) SELECT * FROM unnest(%b::text[]) ON CONFLICT DO NOTHING"
BUILD = """
WITH put AS (
  INSERT INTO overspill.builds (overspill, kernel, tzdata) VALUES (%(overspill)s, %(kernel)s, %(tzdata)s)
  ON CONFLICT DO NOTHING RETURNING number)
SELECT number FROM put UNION ALL
SELECT number FROM overspill.builds
WHERE overspill = %(overspill)s AND kernel = %(kernel)s AND tzdata = %(tzdata)s"""
