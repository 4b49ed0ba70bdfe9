-- Tables join replication by themselves, sequences are shared, and every table gets the gate.

-- Whether rows of a table can be told apart by pglogical: by its primary key, or by the index of its replica identity.
CREATE OR REPLACE FUNCTION crossborder.has_key(relation oid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM pg_index WHERE indrelid = relation AND (indisprimary OR indisreplident) AND indisvalid)
$$;

CREATE OR REPLACE VIEW crossborder.replicated AS
SELECT relid AS oid FROM pglogical.tables WHERE set_name = 'default';

-- Brings all relations of users into the state that this program wants them in. Repeating it does nothing.
CREATE OR REPLACE FUNCTION crossborder.settle() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  it record;
BEGIN
  -- What it does changes the structure as well.
  PERFORM set_config('crossborder.settling', 'on', true);
  FOR it IN
    SELECT r.name, r.oid IN (SELECT oid FROM crossborder.replicated) AS joined
    FROM crossborder.relation r WHERE r.kind = 'r' AND r.persistence = 'p'
      AND crossborder.has_key(r.oid) IS DISTINCT FROM (r.oid IN (SELECT oid FROM crossborder.replicated))
  LOOP
    -- Rows that are there already stay where they are: they are on both sites, or the table is new.
    IF it.joined THEN
      PERFORM pglogical.replication_set_remove_table('default', it.name);
    ELSE
      PERFORM pglogical.replication_set_add_table('default', it.name);
    END IF;
  END LOOP;
  FOR it IN
    SELECT r.name FROM crossborder.relation r WHERE r.kind IN ('r', 'p')
      AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = r.oid AND t.tgname = 'crossborder_gate')
  LOOP
    EXECUTE format('CREATE TRIGGER crossborder_gate BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION crossborder.check_gate()', it.name);
  END LOOP;
  DELETE FROM crossborder.sequence s WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = s.relation);
  PERFORM crossborder.settle_sequence(oid) FROM crossborder.relation WHERE kind = 'S';
  PERFORM set_config('crossborder.settling', 'off', true);
END $$;

-- Statements that changed the structure of this site alone.
CREATE TABLE IF NOT EXISTS crossborder.drift (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  role text NOT NULL,
  command text NOT NULL,
  object text,
  statement text
);

-- What the session is doing: the id of a statement of crossborder.ddl, `setup`, or nothing.
CREATE OR REPLACE FUNCTION crossborder.ddl_id() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(nullif(current_setting('crossborder.ddl_id', true), ''),
                      CASE current_setting('session_replication_role') WHEN 'replica' THEN 'replica' END) $$;

-- Runs after every statement that changed the structure, in replication's worker too.
CREATE OR REPLACE FUNCTION crossborder.after_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  objects text;
BEGIN
  IF current_setting('crossborder.settling', true) = 'on'
     OR tg_tag IN ('COMMENT', 'GRANT', 'REVOKE', 'REFRESH MATERIALIZED VIEW') THEN RETURN; END IF;
  SELECT string_agg(DISTINCT object_identity, ', ') INTO objects FROM pg_event_trigger_ddl_commands()
    WHERE schema_name IS NULL
       OR (schema_name NOT IN ('crossborder', 'pglogical') AND schema_name !~ '^pg_(temp|toast)');
  IF objects IS NULL THEN RETURN; END IF;
  PERFORM crossborder.settle();
  IF crossborder.ddl_id() IS NULL THEN
    INSERT INTO crossborder.drift (role, command, object, statement)
      VALUES (session_user, tg_tag, objects, current_query());
  END IF;
END $$;

CREATE OR REPLACE FUNCTION crossborder.after_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('crossborder.settling', true) = 'on' OR crossborder.ddl_id() IS NOT NULL THEN RETURN; END IF;
  INSERT INTO crossborder.drift (role, command, object, statement)
    SELECT session_user, tg_tag, string_agg(object_identity, ', '), current_query()
    FROM pg_event_trigger_dropped_objects()
    WHERE original AND NOT is_temporary AND coalesce(schema_name, '') NOT IN ('crossborder', 'pglogical')
    HAVING count(*) > 0;
END $$;

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'crossborder_after_ddl') THEN
    CREATE EVENT TRIGGER crossborder_after_ddl ON ddl_command_end EXECUTE FUNCTION crossborder.after_ddl();
    ALTER EVENT TRIGGER crossborder_after_ddl ENABLE ALWAYS;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'crossborder_after_drop') THEN
    CREATE EVENT TRIGGER crossborder_after_drop ON sql_drop EXECUTE FUNCTION crossborder.after_drop();
    ALTER EVENT TRIGGER crossborder_after_drop ENABLE ALWAYS;
  END IF;
END $$;

SELECT crossborder.settle();
