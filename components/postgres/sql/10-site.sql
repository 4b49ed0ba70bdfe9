-- What a site knows of itself, in schema crossborder. Every file here may run again over its own outcome.
-- Run as postgres, with the psql variables site (its name) and number (1 or 2).

CREATE SCHEMA IF NOT EXISTS crossborder;
GRANT USAGE ON SCHEMA crossborder TO PUBLIC;
CREATE EXTENSION IF NOT EXISTS pglogical;

-- One row for each site. Each writes its own and gets the other's by replication, after everything that the other
-- committed before it.
CREATE TABLE IF NOT EXISTS crossborder.site (
  name text PRIMARY KEY,
  number integer NOT NULL CHECK (number IN (1, 2)),
  writable boolean NOT NULL,
  -- Why it isn't writable.
  closed text[] NOT NULL,
  changed_at timestamptz NOT NULL
);

-- Notes of this site for itself; not replicated.
CREATE TABLE IF NOT EXISTS crossborder.note (
  key text PRIMARY KEY,
  value text NOT NULL
);
INSERT INTO crossborder.note VALUES ('site', :'site'), ('number', :'number')
  ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE note.value <> excluded.value;

CREATE OR REPLACE FUNCTION crossborder.this_site() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT value FROM crossborder.note WHERE key = 'site' $$;

CREATE OR REPLACE FUNCTION crossborder.this_number() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT value::integer FROM crossborder.note WHERE key = 'number' $$;

-- Relations of users: nothing of PostgreSQL's, of extensions, of this program, temporary or foreign.
CREATE OR REPLACE VIEW crossborder.relation AS
SELECT c.oid, c.oid::regclass AS name, n.nspname AS schema_name, c.relname AS relation_name, c.relkind AS kind,
       c.relpersistence AS persistence, c.relreplident AS replica_identity
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'S') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('crossborder', 'pglogical', 'information_schema') AND n.nspname !~ '^pg_'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pglogical.local_node) THEN
    PERFORM pglogical.create_node(crossborder.this_site(), pg_catalog.format(
      'host=%s port=%s dbname=%s user=postgres',
      pg_catalog.split_part(pg_catalog.current_setting('unix_socket_directories'), ',', 1),
      pg_catalog.current_setting('port'), pg_catalog.current_database()));
  END IF;
END $$;
