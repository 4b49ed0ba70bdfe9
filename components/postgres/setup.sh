#!/bin/sh
# Brings roles, database and the product's own schema into their state. Runs as postgres; repeating it does nothing.
# Arguments: DATABASE LOCALE ADOPT SITE NUMBER PRIMARY WRITERS ROLES_FILE. The socket and port come from PGHOST and PGPORT.
set -eu
database=$1 locale=$2 adopt=$3 site=$4 number=$5 primary=$6 writers=$7 roles=$8
library=$(dirname "$0")
export PGAPPNAME=crossborder-setup PGOPTIONS="-c crossborder.ddl_id=setup -c client_min_messages=warning -c lock_timeout=60s"

sql() {
  psql -X -q -At -v ON_ERROR_STOP=1 "$@"
}

exists=$(sql -d postgres -c "SELECT count(*) FROM pg_database WHERE datname = '$database'")
if [ "$exists" = 0 ]; then
  sql -d postgres -c "CREATE DATABASE $database TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE '$locale' LC_CTYPE '$locale'"
elif [ "$adopt" != true ] && [ "$(sql -d "$database" -c "SELECT current_setting('crossborder.made', true) IS NULL
    AND EXISTS (SELECT FROM pg_stat_user_tables)")" = t ]; then
  echo "database $database of site $site exists already and has tables that this program did not make;" \
    "crossborder:postgres.adopt must be true for it to take them over" >&2
  exit 1
fi
# Outlives the product's schema.
sql -d postgres -c "ALTER DATABASE $database SET crossborder.made = 'yes'"
# Terse: an error must not quote the line, which holds a password's verifier.
sql -d postgres -1 -v VERBOSITY=terse -f "$roles"

set --
for file in "$library"/*.sql; do set -- "$@" -f "$file"; done
sql -d "$database" -1 -v site="$site" -v number="$number" -v primary="$primary" -v writers="$writers" "$@" >/dev/null
