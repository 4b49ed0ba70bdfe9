import { CONFLICT_TABLE_SQL } from "../conflicts/table";
import { HEARTBEAT_TABLE_SQL } from "./heartbeat";

/** The role that the services beside the server, the gate and the comparisons connect as, over the Unix socket. */
export const MONITOR_ROLE = "crossborder_monitor";

/** Name of the map in pg_ident.conf that lets root be MONITOR_ROLE. */
export const MONITOR_MAP = "crossborder_monitor";

/** The line of pg_hba.conf that admits MONITOR_ROLE, before any that would admit or refuse it otherwise. */
export function monitorHbaLine(database: string): string {
  return `local ${database} ${MONITOR_ROLE} peer map=${MONITOR_MAP}`;
}

/** The line of pg_ident.conf that goes with it. The services run as root, for chrony's socket and the server's log. */
export const MONITOR_IDENT_LINE = `${MONITOR_MAP} root ${MONITOR_ROLE}`;

/**
 * What the services need in the database, as SQL that may run again, after pglogical's node, the schema `crossborder`
 * and `crossborder.set_writable` are there: their tables, and rights that are no more than they use. They read every
 * table, because rows are compared; they write their own two.
 */
export function monitorSql(): string {
  return `${CONFLICT_TABLE_SQL}${HEARTBEAT_TABLE_SQL}do $do$
begin
  if not exists (select from pg_roles where rolname = '${MONITOR_ROLE}') then
    create role ${MONITOR_ROLE} login;
  end if;
  if not exists (select from pglogical.tables where set_name = 'default' and relid = 'crossborder.heartbeat'::regclass) then
    perform pglogical.replication_set_add_table('default', 'crossborder.heartbeat');
  end if;
end
$do$;
grant pg_monitor, pg_read_all_data to ${MONITOR_ROLE};
grant usage on schema crossborder, pglogical to ${MONITOR_ROLE};
grant select, insert, delete on crossborder.conflict to ${MONITOR_ROLE};
grant select, insert, update on crossborder.heartbeat to ${MONITOR_ROLE};
grant execute on function crossborder.set_writable, pglogical.show_subscription_status to ${MONITOR_ROLE};
`;
}
