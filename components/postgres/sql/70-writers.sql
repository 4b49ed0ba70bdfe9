-- Which sites take writes by the settings. What somebody decided since stays until the settings change.
-- Run with the psql variables site, primary (the primary's name) and writers (both or primary).

SELECT crossborder.set_writable(:'writers' = 'both' OR :'primary' = :'site', 'standby')
  WHERE (SELECT value FROM crossborder.note WHERE key = 'writers')
    IS DISTINCT FROM concat_ws(' of ', :'writers', :'primary');
INSERT INTO crossborder.note VALUES ('writers', concat_ws(' of ', :'writers', :'primary'))
  ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE note.value <> excluded.value;

-- Before its first copy, a row of this site could stand in the way of one of the other. A primary without tables may be
-- one that lost them. One that has tables goes on.
SELECT crossborder.set_writable(false, 'first copy')
  WHERE (:'primary' <> :'site' OR NOT EXISTS (SELECT FROM crossborder.relation WHERE kind IN ('r', 'p')))
    AND NOT EXISTS (SELECT FROM crossborder.note WHERE key = 'joined')
    AND NOT EXISTS (SELECT FROM crossborder.closed WHERE reason = 'first copy');
