#!/bin/sh
# Takes the product out of the database again and leaves the data: what a PostgreSQL without it can start with. Runs as
# postgres. Argument: DATABASE. The socket and port come from PGHOST and PGPORT.
set -eu
database=$1
# Settling would share again what is given back.
export PGOPTIONS="-c crossborder.settling=on -c crossborder.ddl_id=setup -c client_min_messages=warning"

sql() {
  psql -X -q -At -v ON_ERROR_STOP=1 -d "$database" "$@"
}

sql >/dev/null <<'END'
SELECT crossborder.release_sequence(relation) FROM crossborder.sequence;
SELECT pglogical.drop_subscription(sub_name) FROM pglogical.subscription;
-- The other site may not have let go of its slot, or may be gone.
SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots
  WHERE slot_type = 'logical' AND database = current_database() AND active;
END
# A worker of the other site may come once more before its slot is gone.
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  sql >/dev/null -c "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '$database' AND active" \
    -c "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '$database'" 2>/dev/null && break
  [ "$attempt" -lt 10 ] || exit 1
  sleep 0.5
done
sql >/dev/null <<'END'
BEGIN;
DROP SCHEMA crossborder CASCADE;
DROP EXTENSION pglogical CASCADE;
DROP SCHEMA IF EXISTS pglogical;
COMMIT;
END
