#!/bin/sh
# Lets PostgreSQL itself read staged configuration, in single-user mode on a cluster of its own that is kept for this: the
# parameters, who may connect, and who may be whom. Arguments: STAGE (the staged files' root), PostgreSQL's programs.
# CROSSBORDER_CHECK puts another directory in the place of the kept cluster.
set -eu
stage=$1 binaries=$2
kept=${CROSSBORDER_CHECK:-/var/cache/crossborder/postgres-check}

fail() {
  echo "$1" >&2
  exit 1
}

as_postgres() {
  runuser -u postgres -- "$@"
}

if ! [ -e "$kept/data/complete" ]; then
  rm -rf "$kept"
  mkdir -p "$(dirname "$kept")"
  install -d -o postgres -g postgres -m 0700 "$kept"
  as_postgres "$binaries/initdb" --pgdata="$kept/data" --auth=peer --no-sync >/dev/null
  as_postgres touch "$kept/data/complete"
fi
for file in "$stage"/etc/postgresql/*/*/conf.d/*-crossborder.conf; do cat "$file"; done >"$kept/check.conf"
# What a running PostgreSQL has open, and what there is no need for here.
printf '%s\n' "hba_file = '$kept/pg_hba.conf'" "ident_file = '$kept/pg_ident.conf'" 'logging_collector = off' \
  'log_destination = stderr' 'shared_buffers = 1MB' 'max_connections = 20' >>"$kept/check.conf"
for name in pg_hba.conf pg_ident.conf; do
  install -o postgres -g postgres -m 0600 "$stage"/etc/postgresql/*/*/$name "$kept/$name"
done
chown postgres "$kept/check.conf"

cd "$kept"
query="SELECT 'line ' || line_number || ': ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL
  UNION ALL SELECT 'map, line ' || line_number || ': ' || error FROM pg_ident_file_mappings WHERE error IS NOT NULL
  UNION ALL SELECT 'rules read: ' || count(*) FROM pg_hba_file_rules"
printf '%s\n' "$query" | tr '\n' ' ' |
  as_postgres "$binaries/postgres" --single -D "$kept/data" -c config_file="$kept/check.conf" postgres \
    >"$kept/output" 2>&1 || fail "$(grep -E 'FATAL|ERROR|LOG' "$kept/output" | head -n 3)"
# A library's own parameters it only warns of.
problems=$(grep -oE '(map, )?line [0-9]+: .*|WARNING: .*invalid value.*' "$kept/output" | sed 's/"[[:space:]]*(typeid = .*//')
[ -z "$problems" ] || fail "$problems"
grep -q 'rules read: [1-9]' "$kept/output" || fail "PostgreSQL read no rules of who may connect"
