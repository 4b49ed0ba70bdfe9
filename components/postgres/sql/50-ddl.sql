-- One function that changes the structure of both sites.

-- Every statement of crossborder.ddl that ran here, whichever site it came from.
CREATE TABLE IF NOT EXISTS crossborder.ddl (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  site text NOT NULL,
  role text NOT NULL,
  search_path text NOT NULL,
  statement text NOT NULL,
  -- `applied`; `repeated`: the same statement had run here already; `refused`: it did not fit what is here.
  outcome text NOT NULL,
  detail text
);

-- The structure in lines. Those with `demand` are what rows have to satisfy; the others name what rows consist of.
CREATE OR REPLACE FUNCTION crossborder.shape()
RETURNS TABLE (relation text, line text, demand boolean, replicated boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.name::text, l.line, l.demand, r.oid IN (SELECT oid FROM crossborder.replicated)
  FROM crossborder.relation r CROSS JOIN LATERAL (
    SELECT format('column %s %s', attname, format_type(atttypid, atttypmod)) AS line, false AS demand
      FROM pg_attribute WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT format('%s NOT NULL', attname), true
      FROM pg_attribute WHERE attrelid = r.oid AND attnum > 0 AND NOT attisdropped
        AND attnotnull AND NOT atthasdef AND attidentity = ''
    UNION ALL
    SELECT format('constraint %s %s', conname, pg_get_constraintdef(oid)), true
      FROM pg_constraint WHERE conrelid = r.oid AND contype IN ('c', 'x')
    UNION ALL
    SELECT format('unique index %s', indexrelid::regclass), true
      FROM pg_index WHERE indrelid = r.oid AND indisunique
  ) l
  WHERE r.kind IN ('r', 'p')
$$;

-- Digest of every table's structure, to compare the sites by.
CREATE OR REPLACE FUNCTION crossborder.structure() RETURNS TABLE (relation text, digest text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT relation, md5(string_agg(line, E'\n' ORDER BY line COLLATE "C")) FROM crossborder.shape() GROUP BY relation
$$;

CREATE OR REPLACE FUNCTION crossborder.record_ddl(id uuid, site text, path text, statement text, failure text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  caller text := coalesce(nullif(current_setting('role'), 'none'), session_user);
BEGIN
  INSERT INTO crossborder.ddl AS d VALUES (id, now(), site, caller, path, statement, CASE
    WHEN failure IS NULL THEN 'applied'
    WHEN EXISTS (SELECT FROM crossborder.ddl e
                 WHERE e.statement = record_ddl.statement AND e.search_path = path AND e.outcome = 'applied') THEN 'repeated'
    ELSE 'refused' END, failure);
END $$;

-- Runs a statement of crossborder.ddl on each site. What is there already, or gone already, because both sites were given
-- statements at the same time, doesn't stop replication; any other failure does, until its cause is gone.
CREATE OR REPLACE FUNCTION crossborder.run_ddl(id uuid, site text, path text, statement text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  failure text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', path, true);
  PERFORM pg_catalog.set_config('crossborder.ddl_id', id::pg_catalog.text, true);
  BEGIN
    EXECUTE statement;
  EXCEPTION
    WHEN duplicate_table OR duplicate_column OR duplicate_object OR duplicate_schema OR duplicate_function
      OR undefined_table OR undefined_column OR undefined_object OR undefined_function OR invalid_schema_name
      OR invalid_table_definition THEN
      IF site = crossborder.this_site() THEN RAISE; END IF;
      failure := sqlerrm;
  END;
  PERFORM crossborder.record_ddl(id, site, path, statement, failure);
  PERFORM pg_catalog.set_config('crossborder.ddl_id', '', true);
END $$;

-- Whether the other site can't have rows on their way that we have not: its gate is closed, and that has arrived here.
CREATE OR REPLACE FUNCTION crossborder.peer_is_quiet() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT NOT EXISTS (SELECT FROM pglogical.subscription)
      OR coalesce((SELECT NOT writable FROM crossborder.site WHERE name <> crossborder.this_site()), false)
$$;

-- Changes the structure of both sites: here at once, there in the order of replication, after a partition at the latest
-- when it ends. Returns the id by which both sites' table crossborder.ddl knows it. A statement that takes columns away or
-- demands more of rows is refused while the other site takes writes: its rows on their way would not fit any more.
CREATE OR REPLACE FUNCTION crossborder.ddl(statement text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  id pg_catalog.uuid := pg_catalog.gen_random_uuid();
  path pg_catalog.text := pg_catalog.current_setting('search_path');
  before pg_catalog.json := (SELECT pg_catalog.json_agg(s) FROM crossborder.shape() s);
  misfit pg_catalog.text;
BEGIN
  IF crossborder.is_closed() THEN PERFORM crossborder.refuse_write(); END IF;
  PERFORM pglogical.replicate_ddl_command(
    pg_catalog.format('SELECT crossborder.run_ddl(%L, %L, %L, %L)', id, crossborder.this_site(), path, statement),
    ARRAY['ddl_sql']);
  IF NOT crossborder.peer_is_quiet() THEN
    misfit := crossborder.misfit(before);
    IF misfit IS NOT NULL THEN
      RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
        MESSAGE = pg_catalog.format('rows that the other site writes meanwhile would not fit: %s', misfit),
        HINT = 'Close the other site''s gate first: SELECT crossborder.set_writable(false, ''ddl''), and open it afterwards.';
    END IF;
  END IF;
  RETURN id;
END $$;

-- What is gone of the structure, or newly demanded of rows, of tables that were replicated before; null where nothing is.
CREATE OR REPLACE FUNCTION crossborder.misfit(before json) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH old AS (
    SELECT * FROM json_to_recordset(before) AS o(relation text, line text, demand boolean, replicated boolean) WHERE replicated
  ), new AS (SELECT * FROM crossborder.shape())
  SELECT string_agg(what, ', ') FROM (
    SELECT format('%s without %s', relation, line) AS what FROM old o
      WHERE NOT demand AND NOT EXISTS (SELECT FROM new n WHERE n.relation = o.relation AND n.line = o.line)
    UNION ALL
    SELECT format('%s with %s', relation, line) FROM new n
      WHERE demand AND EXISTS (SELECT FROM old o WHERE o.relation = n.relation)
        AND NOT EXISTS (SELECT FROM old o WHERE o.relation = n.relation AND o.line = n.line)) m
$$;
