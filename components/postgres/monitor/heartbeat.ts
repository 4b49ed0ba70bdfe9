/**
 * The table of beats, as SQL that may run again: one row for each site, which only that site writes. It belongs in the
 * replication set: a site's copy of the peer's row says up to which time it has seen everything of the peer.
 */
export const HEARTBEAT_TABLE_SQL = `create table if not exists crossborder.heartbeat (
  site text primary key,
  beat bigint not null,
  beat_at timestamptz not null
);
`;
