/**
 * The table of conflicts, as SQL that may run again. Each site has its own: it records what that site's apply worker met,
 * and is in no replication set. Columns may be added; none changes its meaning.
 *
 * `kind` is what was written here and there, remote first: `insert_insert`, `update_update`, `update_delete` (the row to
 * update was gone), `delete_delete`, `delete_update`. pglogical 2.4.2 reports no delete of a row that was updated here;
 * the other site then reports the update as `update_delete`.
 *
 * `resolution` is pglogical's (`apply_remote`, `keep_local`, `skip`), or a tool's: `merged` and `overridden`. `loser` is the
 * site whose write is in effect no more; null where nothing was lost. Values come from the log, which cuts long ones:
 * `…_tuple` is its text, `…_row` the values by column where the text can be divided.
 */
export const CONFLICT_TABLE_SQL = `create table if not exists crossborder.conflict (
  id bigint generated always as identity primary key,
  event_key text not null unique,
  source text not null check (source in ('apply', 'resync', 'repair')),
  recorded_at timestamptz not null default clock_timestamp(),
  happened_at timestamptz not null,
  relation text not null,
  kind text not null,
  key jsonb,
  index_name text,
  resolution text not null,
  loser text,
  local_tuple text,
  local_row jsonb,
  local_origin text,
  local_committed_at timestamptz,
  remote_tuple text,
  remote_row jsonb,
  remote_origin text,
  remote_committed_at timestamptz,
  remote_lsn pg_lsn
);
create index if not exists conflict_recorded_at on crossborder.conflict (recorded_at);
create index if not exists conflict_relation_key on crossborder.conflict (relation, key);
`;
