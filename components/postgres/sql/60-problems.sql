-- What needs a person, and what keeps replication going.

CREATE OR REPLACE VIEW crossborder.problems AS
SELECT 'no key' AS kind, r.name::text AS subject,
       'is not replicated: it has neither a primary key nor an index as replica identity' AS detail
  FROM crossborder.relation r WHERE r.kind = 'r' AND r.persistence = 'p' AND NOT crossborder.has_key(r.oid)
UNION ALL
SELECT 'unlogged', r.name::text, 'is not replicated: it is unlogged'
  FROM crossborder.relation r WHERE r.kind = 'r' AND r.persistence = 'u'
UNION ALL
SELECT 'extra unique', r.name::text,
       pg_catalog.format('%s: rows of both sites that agree in it stop replication', i.indexrelid::regclass)
  FROM crossborder.relation r JOIN pg_catalog.pg_index i ON i.indrelid = r.oid
  WHERE r.kind = 'r' AND r.oid IN (SELECT oid FROM crossborder.replicated) AND (i.indisunique OR i.indisexclusion)
    AND NOT (i.indisreplident OR (i.indisprimary AND r.replica_identity = 'd'))
UNION ALL
SELECT 'shared sequence', r.name::text, 'may give the same numbers on both sites: it cycles or counts down'
  FROM crossborder.relation r JOIN pg_catalog.pg_sequence q ON q.seqrelid = r.oid WHERE q.seqcycle OR q.seqincrement < 0
UNION ALL
SELECT 'foreign numbers', r.name::text, 'gives numbers of the other site: somebody set its value'
  FROM crossborder.relation r WHERE r.kind = 'S' AND NOT crossborder.gives_own(r.oid)
UNION ALL
SELECT 'ddl', d.id::text, pg_catalog.format('%s: %s, from site %s', d.detail, d.statement, d.site)
  FROM crossborder.ddl d WHERE d.outcome = 'refused'
UNION ALL
SELECT 'drift', d.object, pg_catalog.format('%s by %s at %s on this site alone', d.command, d.role, d.at)
  FROM crossborder.drift d
UNION ALL
SELECT 'subscription', s.subscription_name, pg_catalog.format('is %s', s.status)
  FROM pglogical.show_subscription_status() s WHERE s.status <> 'replicating';

-- pglogical waits for up to three minutes before it starts a worker anew that failed twice. Asked every few seconds, this
-- starts it at once. Tells how many were not running.
CREATE OR REPLACE FUNCTION crossborder.reconnect() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  it record;
  count integer := 0;
BEGIN
  FOR it IN SELECT subscription_name AS name FROM pglogical.show_subscription_status() WHERE status = 'down' LOOP
    PERFORM pglogical.alter_subscription_disable(it.name);
    PERFORM pglogical.alter_subscription_enable(it.name);
    count := count + 1;
  END LOOP;
  RETURN count;
END $$;
