-- The write gate: whether this site takes writes. It is closed while there is any reason.

CREATE TABLE IF NOT EXISTS crossborder.closed (
  reason text PRIMARY KEY,
  closed_at timestamptz NOT NULL DEFAULT now()
);

-- The gate's state, 1 open and 2 closed. A sequence, because its value is what it is for everybody at once: a row would
-- look open to every transaction whose snapshot is older than its change.
CREATE SEQUENCE IF NOT EXISTS crossborder.gate MINVALUE 1 MAXVALUE 2 START 1;

-- Held, shared, by every transaction that writes, so that closing the gate can wait for those that are on their way.
CREATE OR REPLACE FUNCTION crossborder.gate_lock() RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$ SELECT 7087395201 $$;

CREATE OR REPLACE FUNCTION crossborder.is_closed() RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT last_value = 2 FROM crossborder.gate $$;

CREATE OR REPLACE FUNCTION crossborder.refuse_write() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction',
    MESSAGE = format('site %s takes no writes now', crossborder.this_site()),
    DETAIL = format('Closed for: %s.', (SELECT coalesce(string_agg(reason, ', ' ORDER BY reason), 'a moment')
                                        FROM crossborder.closed));
END $$;

-- On every table of users, before each statement that writes. Not for rows that replication brings.
CREATE OR REPLACE FUNCTION crossborder.check_gate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF crossborder.is_closed() THEN PERFORM crossborder.refuse_write(); END IF;
  PERFORM pg_advisory_xact_lock_shared(crossborder.gate_lock());
  -- It may have been closed while we waited for the lock.
  IF crossborder.is_closed() THEN PERFORM crossborder.refuse_write(); END IF;
  RETURN NULL;
END $$;

-- Replaces the site's own row, so that the other site gets a row that it may not have had.
CREATE OR REPLACE FUNCTION crossborder.announce() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  reasons text[] := ARRAY(SELECT reason FROM crossborder.closed ORDER BY reason);
BEGIN
  DELETE FROM crossborder.site WHERE name = crossborder.this_site();
  INSERT INTO crossborder.site
    VALUES (crossborder.this_site(), crossborder.this_number(), reasons = '{}', reasons, clock_timestamp());
  RETURN reasons = '{}';
END $$;

-- Ends the sessions whose transactions have written.
CREATE OR REPLACE FUNCTION crossborder.end_writers() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_terminate_backend(pid) FROM pg_locks
  WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32) + objid::bigint = crossborder.gate_lock()
$$;

-- Opens or closes this site's gate for one reason, and tells whether the site takes writes then. Closing refuses new
-- writes at once, gives transactions that have written already the time `grace` to end, and then ends them.
CREATE OR REPLACE FUNCTION crossborder.set_writable(writable boolean, reason text DEFAULT 'operator',
                                                    grace interval DEFAULT '5 s') RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  deadline timestamptz := clock_timestamp() + grace;
  is_open boolean;
BEGIN
  -- One at a time; readers of the table are not in the way.
  LOCK TABLE crossborder.closed IN EXCLUSIVE MODE;
  IF writable THEN
    DELETE FROM crossborder.closed c WHERE c.reason = set_writable.reason;
  ELSE
    INSERT INTO crossborder.closed (reason) VALUES (set_writable.reason) ON CONFLICT DO NOTHING;
    PERFORM setval('crossborder.gate', 2);
    WHILE NOT pg_try_advisory_xact_lock(crossborder.gate_lock()) LOOP
      IF clock_timestamp() > deadline THEN PERFORM crossborder.end_writers(); END IF;
      PERFORM pg_sleep(0.02);
    END LOOP;
  END IF;
  is_open := crossborder.announce();
  IF is_open AND crossborder.is_closed() THEN
    -- Writers wait for this lock until we commit, so the other site hears of the open gate before it gets their rows.
    PERFORM pg_advisory_xact_lock(crossborder.gate_lock());
    PERFORM setval('crossborder.gate', 1);
  END IF;
  RETURN is_open;
END $$;

-- A site that is new, or whose number changed, has no row of its own yet. What the gate says follows what is recorded.
SELECT setval('crossborder.gate', CASE WHEN EXISTS (SELECT FROM crossborder.closed) THEN 2 ELSE 1 END);
SELECT crossborder.announce()
  WHERE NOT EXISTS (SELECT FROM crossborder.site
                    WHERE name = crossborder.this_site() AND number = crossborder.this_number()
                      AND closed = ARRAY(SELECT reason FROM crossborder.closed ORDER BY reason));

-- A set of its own: a first copy must not bring a site its own row.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pglogical.replication_set WHERE set_name = 'crossborder') THEN
    PERFORM pglogical.create_replication_set('crossborder');
    PERFORM pglogical.replication_set_add_table('crossborder', 'crossborder.site');
  END IF;
END $$;
