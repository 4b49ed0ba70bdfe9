/**
 * The table of beats, and what beats, as SQL that may run again: one row for each site, which only that site writes. It
 * belongs in a replication set: a site's copy of the peer's row says up to which time it has seen everything of the peer.
 *
 * A beat puts a new row in the place of the old one, because the other site may not have the old one: replication passes
 * over an update of a row that is not there, and over every one after it.
 */
export const HEARTBEAT_SQL = `create table if not exists crossborder.heartbeat (
  site text primary key,
  beat bigint not null,
  beat_at timestamptz not null
);
create or replace function crossborder.beat() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  last bigint;
begin
  -- Who waits for another's beat has to see its row.
  perform pg_advisory_xact_lock('crossborder.heartbeat'::regclass::oid::bigint);
  delete from crossborder.heartbeat where site = crossborder.this_site() returning beat into last;
  insert into crossborder.heartbeat values (crossborder.this_site(), coalesce(last, 0) + 1, clock_timestamp());
end $$;
`;
