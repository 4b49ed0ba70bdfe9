import type { HostFile } from "../../host/manifest";
import { CONFLICT_TABLE_SQL } from "../conflicts/table";
import { HEARTBEAT_SQL } from "./heartbeat";
import { LIBRARY } from "../paths";

/**
 * What the services beside the server need in the database, as SQL that may run again, once pglogical's node, the schema
 * `crossborder`, the replication set of that name and the role `crossborder_monitor` are there: their tables, and no more
 * rights on them than they use. The role may read every table (`pg_read_all_data`), because rows are compared.
 *
 * The beats are in the program's own replication set: a first copy would bring the rows of both sites, and this site's is
 * there already.
 */
export function monitorSql(): string {
  return `${CONFLICT_TABLE_SQL}${HEARTBEAT_SQL}do $do$
begin
  if not exists (select from pglogical.tables where set_name = 'crossborder' and relid = 'crossborder.heartbeat'::regclass) then
    perform pglogical.replication_set_add_table('crossborder', 'crossborder.heartbeat');
  end if;
end
$do$;
grant usage on schema crossborder, pglogical to crossborder_monitor;
grant select, insert, delete on crossborder.conflict to crossborder_monitor;
grant select on crossborder.heartbeat to crossborder_monitor;
grant execute on function crossborder.beat to crossborder_monitor;
`;
}

/** The same, among the files that the set-up of a site's database runs in the order of their names. */
export function monitorSqlFile(): HostFile {
  return { path: `${LIBRARY}/85-monitor.sql`, content: monitorSql(), mode: "0644" };
}
