-- Who may do what. Functions are everybody's until that is taken away, and pglogical's own don't ask who calls them.

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA pglogical, crossborder FROM PUBLIC;

-- Sees everything, changes nothing but the gate.
GRANT pg_monitor, pg_read_all_data TO crossborder_monitor;
GRANT EXECUTE ON FUNCTION crossborder.set_writable, crossborder.reconnect, crossborder.gives_own, crossborder.has_key, crossborder.structure, crossborder.shape, crossborder.is_closed
  TO crossborder_monitor;
GRANT EXECUTE ON FUNCTION pglogical.show_subscription_status, pglogical.show_subscription_table,
  pglogical.pglogical_node_info TO crossborder_monitor;

-- Applications may ask which site answers.
GRANT EXECUTE ON FUNCTION crossborder.this_site TO crossborder_application;

-- The other site's worker: reads changes, rows for the first copy, and what pglogical has to know of this node.
GRANT pg_read_all_data TO crossborder_replication;
GRANT EXECUTE ON FUNCTION pglogical.pglogical_node_info, pglogical.show_repset_table_info, pglogical.table_data_filtered,
  crossborder.structure, crossborder.shape, crossborder.announce TO crossborder_replication;

-- Owners of tables change the structure. They are trusted: replication's worker is a superuser, and it runs what they put
-- into triggers, defaults, indexes and statements.
GRANT USAGE ON SCHEMA pglogical TO crossborder_migration;
GRANT EXECUTE ON FUNCTION pglogical.replicate_ddl_command, crossborder.ddl, crossborder.run_ddl, crossborder.record_ddl,
  crossborder.peer_is_quiet, crossborder.misfit, crossborder.shape, crossborder.structure, crossborder.is_closed,
  crossborder.refuse_write, crossborder.this_site TO crossborder_migration;
