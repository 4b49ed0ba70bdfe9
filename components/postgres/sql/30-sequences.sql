-- Sequences give each site numbers of its own: a step becomes twice as long, and the sites' numbers lie one old step
-- apart. Nothing has to be agreed on later.

-- How a sequence was before: up to `base` its numbers are used, and its step was `step`. By OID, which a rename keeps.
CREATE TABLE IF NOT EXISTS crossborder.sequence (
  relation oid PRIMARY KEY,
  base bigint NOT NULL,
  step bigint NOT NULL
);

-- The first number above `floor` that is this site's.
CREATE OR REPLACE FUNCTION crossborder.next_own(floor bigint, base bigint, step bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT first + ceil(greatest(floor + 1 - first, 0)::numeric / (2 * step))::bigint * 2 * step
  FROM (SELECT base + crossborder.this_number() * step AS first) f
$$;

-- The highest number that a sequence has given.
CREATE OR REPLACE FUNCTION crossborder.given(sequence regclass) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  number bigint;
BEGIN
  EXECUTE format('SELECT CASE WHEN is_called THEN last_value ELSE last_value - %s END FROM %s',
                 (SELECT seqincrement FROM pg_sequence WHERE seqrelid = sequence), sequence) INTO number;
  RETURN number;
END $$;

-- The highest number in the column that owns a sequence; null where there is none.
CREATE OR REPLACE FUNCTION crossborder.stored(sequence regclass) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  highest bigint;
  owner record;
BEGIN
  SELECT a.attrelid::regclass AS relation, a.attname AS name INTO owner FROM pg_depend d
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = sequence AND d.deptype IN ('a', 'i')
      AND a.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype);
  IF FOUND THEN
    EXECUTE format('SELECT max(%I) FROM %s', owner.name, owner.relation) INTO highest;
  END IF;
  RETURN highest;
END $$;

-- Gives a sequence this site's numbers, all of them above `base`. `step` is what its step was when it was made.
CREATE OR REPLACE FUNCTION crossborder.share_sequence(sequence regclass, base bigint, step bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO crossborder.sequence AS s VALUES (sequence, base, step)
    ON CONFLICT (relation) DO UPDATE SET base = excluded.base, step = excluded.step;
  EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s START WITH %s RESTART WITH %s', sequence, 2 * step,
                 base + crossborder.this_number() * step,
                 crossborder.next_own(
                   greatest(base, crossborder.given(sequence), crossborder.stored(sequence)), base, step));
END $$;

-- Gives a sequence its former step back.
CREATE OR REPLACE FUNCTION crossborder.release_sequence(sequence regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER SEQUENCE %s INCREMENT BY %s', sequence,
                 (SELECT s.step FROM crossborder.sequence s WHERE s.relation = sequence));
END $$;

-- Whether what a sequence gives is this site's.
CREATE OR REPLACE FUNCTION crossborder.gives_own(sequence regclass) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT (crossborder.given(sequence) - s.base - crossborder.this_number() * s.step) % (2 * s.step) = 0
  FROM crossborder.sequence s WHERE s.relation = sequence
$$;

-- Shares a sequence that is not shared yet, or that somebody gave another step or value. Those that can't be shared are
-- reported.
CREATE OR REPLACE FUNCTION crossborder.settle_sequence(sequence regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  it record;
BEGIN
  SELECT q.seqincrement AS increment, q.seqcycle AS cycle, s.base, s.step INTO STRICT it
    FROM pg_sequence q LEFT JOIN crossborder.sequence s ON s.relation = q.seqrelid WHERE q.seqrelid = sequence;
  IF it.increment < 0 OR it.cycle THEN RETURN; END IF;
  IF it.increment IS DISTINCT FROM 2 * it.step THEN
    -- The base is the same on both sites, and has to stay so.
    PERFORM crossborder.share_sequence(sequence, coalesce(
      it.base, greatest(crossborder.given(sequence), crossborder.stored(sequence))), it.increment);
  ELSIF NOT crossborder.gives_own(sequence) THEN
    PERFORM setval(sequence, crossborder.next_own(crossborder.given(sequence), it.base, it.step), false);
  END IF;
END $$;

-- Brings a sequence above `floor`, e.g. after rows came by another way than replication. Never lowers it.
CREATE OR REPLACE FUNCTION crossborder.raise_sequence(sequence regclass, floor bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  known crossborder.sequence;
BEGIN
  SELECT * INTO known FROM crossborder.sequence s WHERE s.relation = sequence;
  IF FOUND AND crossborder.given(sequence) < floor THEN
    PERFORM setval(sequence, crossborder.next_own(floor, known.base, known.step), false);
  END IF;
END $$;

-- Brings every sequence above what its column has.
CREATE OR REPLACE FUNCTION crossborder.raise_sequences() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT crossborder.raise_sequence(oid, crossborder.stored(oid)) FROM crossborder.relation WHERE kind = 'S'
$$;
