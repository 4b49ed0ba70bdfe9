"""Base backups of a site's database server: whole, checked, and tried out.

    pg_backup.py create <configuration>            a new backup, checked against its manifest; old ones go
    pg_backup.py list <configuration>              what there is, as one JSON value
    pg_backup.py test <configuration> <label>      starts a copy of it apart from everything, and counts its rows
    pg_backup.py restore <configuration> <label>   puts it in the server's place; what was there is kept beside it

A backup holds the WAL that makes it consistent. It holds no slots: a restored site has to be brought back by
`npm run resync`, so its subscriptions are disabled and its writes refused before the server starts on it. Run as root; all
that touches the data runs as postgres. Python 3.6 with its standard library.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import site_report as report
from reporting import Metrics, attempt, log, write_atomically

# Of the data's size, what has to be free before a copy of it is begun.
HEADROOM = 1.1
START_TIMEOUT = 600


class BackupError(Exception):
    """What kept a backup or a restoration from being done, in a sentence."""


def as_postgres(config, argv, **options):
    """Runs a program as PostgreSQL's own user. Output of a failure becomes the error's words."""
    if os.geteuid() == 0:
        argv = ["runuser", "-u", config["owner"], "--"] + argv
    done = subprocess.run(argv, stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, cwd="/", **options)
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines()
        raise BackupError("%s: %s" % (os.path.basename(argv[4] if argv[0] == "runuser" else argv[0]), lines[-1] if lines else "failed"))
    return done.stdout


def tool(config, name):
    return os.path.join(config["binaries"], name)


def run_command(argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    if done.returncode != 0:
        raise BackupError("%s: %s" % (" ".join(argv), done.stdout.strip()[-200:]))


def size_of(directory):
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def require_room(directory, needed):
    free = shutil.disk_usage(directory).free
    if free < needed * HEADROOM:
        raise BackupError("%s has %d MB free, %d MB are needed" % (directory, free >> 20, int(needed * HEADROOM) >> 20))


def path_of(config, label):
    if os.path.basename(label) != label or label.startswith(".") or label not in labels(config):
        raise BackupError("there is no backup %s; there are: %s" % (label, ", ".join(labels(config)) or "none"))
    return os.path.join(config["directory"], label)


def labels(config):
    """Of complete backups, oldest first: their description is written last."""
    names = os.listdir(config["directory"]) if os.path.isdir(config["directory"]) else []
    return sorted(name[: -len(".json")] for name in names if name.endswith(".json") and not name.startswith("."))


def verify(config, path):
    as_postgres(config, [tool(config, "pg_verifybackup"), "-q", path])


# --- create and list --------------------------------------------------------------------------------------------


def make_directory(config):
    os.makedirs(config["directory"], mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(config["directory"], config["owner"], config["owner"])


def create(config, now):
    make_directory(config)
    label = "%s-%s" % (config["site"], time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)))
    path = os.path.join(config["directory"], label)
    partial = os.path.join(config["directory"], ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    require_room(config["directory"], size_of(config["dataDirectory"]))
    argv = [tool(config, "pg_basebackup"), "-h", config["socket"], "-p", str(config["port"]), "-U", "postgres", "-w",
            "-D", partial, "-F", "p", "-X", "stream", "-c", "fast", "-l", label, "--manifest-checksums=SHA256"]
    try:
        as_postgres(config, argv)
        verify(config, partial)
    except BackupError:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    os.rename(partial, path)
    describe(config, label, now)
    for old in labels(config)[: -config["keep"]]:
        remove(config, old)
    publish(config, now)
    return entry(config, label)


def describe(config, label, now):
    path = os.path.join(config["directory"], label)
    with open(os.path.join(path, "PG_VERSION")) as file:
        version = file.read().strip()
    text = {"label": label, "site": config["site"], "at": int(now), "bytes": size_of(path), "version": version, "tested": None}
    write_atomically(path + ".json", json.dumps(text), 0o600)


def entry(config, label):
    with open(os.path.join(config["directory"], label + ".json")) as file:
        return json.load(file)


def remove(config, label):
    # The description first: what is left of an interrupted removal is then no backup.
    os.unlink(os.path.join(config["directory"], label + ".json"))
    shutil.rmtree(os.path.join(config["directory"], label), ignore_errors=True)


def publish(config, now):
    entries = [entry(config, label) for label in labels(config)]
    metrics = Metrics([("site", config["site"]), ("host", config["host"])])
    metrics.family("crossborder_postgres_backup_timestamp_seconds", "gauge", "When the newest backup was made.",
                   [([], entries[-1]["at"] if entries else None)])
    metrics.family("crossborder_postgres_backup_bytes", "gauge", "Size of the newest backup.",
                   [([], entries[-1]["bytes"] if entries else None)])
    metrics.family("crossborder_postgres_backups", "gauge", "Backups that are kept.", [([], len(entries))])
    attempt("publishing metrics", metrics.publish, config["metricsFile"])


# --- a server apart ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def server_apart(config, data):
    """
    Runs a server on a copy of the data that nobody else can reach: a socket in a directory of its own, no TCP, and without
    pglogical, whose workers would begin to replicate.
    """
    apart = tempfile.mkdtemp(prefix="crossborder-restore-")
    settings = {
        "postgresql.conf": "listen_addresses = ''\nunix_socket_directories = '%s'\nport = 5432\n"
                           "shared_preload_libraries = ''\ntrack_commit_timestamp = on\nwal_level = logical\n"
                           "max_connections = 100\nmax_prepared_transactions = 100\nmax_worker_processes = 64\nssl = off\n" % apart,
        "pg_hba.conf": "local all postgres peer map=apart\n",
        "pg_ident.conf": "apart %s postgres\n" % config["owner"],
    }
    for name, text in settings.items():
        write_atomically(os.path.join(apart, name), text, 0o644)
    if os.geteuid() == 0:
        shutil.chown(apart, config["owner"], config["owner"])
    options = " ".join("-c %s=%s/%s" % (key, apart, name) for key, name in
                       (("config_file", "postgresql.conf"), ("hba_file", "pg_hba.conf"), ("ident_file", "pg_ident.conf")))
    ctl = [tool(config, "pg_ctl"), "-D", data, "-s", "-w", "-t", str(START_TIMEOUT)]
    try:
        as_postgres(config, ctl + ["-l", os.path.join(apart, "log"), "-o", options, "start"])
        try:
            yield lambda sql: as_postgres(
                config,
                ["psql", "-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-h", apart, "-p", "5432", "-U", "postgres",
                 "-d", config["database"], "-c", sql],
            ).strip()
        finally:
            as_postgres(config, ctl + ["-m", "fast", "stop"])
    finally:
        shutil.rmtree(apart, ignore_errors=True)


def copy(config, source, target):
    as_postgres(config, ["cp", "-a", "--reflink=auto", source, target])


# Every table is read to its end, by the names that pglogical replicates them by.
COUNT = """
select coalesce(jsonb_object_agg(name, (xpath('/row/n/text()',
  query_to_xml('select count(*) as n from ' || name, false, true, '')))[1]::text::bigint), '{}')
from (select distinct format('%I.%I', n.nspname, c.relname) as name from pglogical.replication_set_table t
  join pg_class c on c.oid = t.set_reloid join pg_namespace n on n.oid = c.relnamespace) tables
"""


def test(config, label, now):
    """Starts a copy of a backup and reads every replicated table. What was counted is kept with the backup."""
    path = path_of(config, label)
    verify(config, path)
    require_room(config["directory"], size_of(path))
    data = os.path.join(config["directory"], ".test")
    shutil.rmtree(data, ignore_errors=True)
    try:
        copy(config, path, data)
        with server_apart(config, data) as query:
            rows = json.loads(query(COUNT))
    finally:
        shutil.rmtree(data, ignore_errors=True)
    known = dict(entry(config, label), tested={"at": int(now), "rows": rows})
    write_atomically(path + ".json", json.dumps(known), 0o600)
    return known


# pglogical's workers start with the server; the rows between the backup and today would be passed over in silence.
ISOLATE = """
update pglogical.subscription set sub_enabled = false;
do $do$ begin
  if to_regproc('crossborder.set_writable') is not null then perform crossborder.set_writable(false, 'resync'); end if;
end $do$;
"""


def restore(config, label, now):
    """
    Puts a backup in the server's place. The server is stopped; its data is kept beside it until somebody removes it. When
    anything fails, what was there is put back.
    """
    path = path_of(config, label)
    verify(config, path)
    data = config["dataDirectory"]
    require_room(os.path.dirname(data), size_of(path))
    kept = "%s.before-%s" % (data, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)))
    prepared = "%s.restoring" % data
    shutil.rmtree(prepared, ignore_errors=True)
    try:
        copy(config, path, prepared)
        with server_apart(config, prepared) as query:
            query(ISOLATE)
    except BackupError:
        shutil.rmtree(prepared, ignore_errors=True)
        raise
    run_command(config["stop"])
    if os.path.exists(data):
        os.rename(data, kept)
    os.rename(prepared, data)
    try:
        run_command(config["start"])
    except BackupError:
        os.rename(data, prepared)
        if os.path.exists(kept):
            os.rename(kept, data)
            run_command(config["start"])
        raise
    return {"restored": label, "kept": kept if os.path.exists(kept) else None}


def main(verb, path, *arguments):
    config = report.load_config(path)
    now = time.time()
    try:
        if verb == "create":
            outcome = create(config, now)
        elif verb == "list":
            outcome = [entry(config, label) for label in labels(config)]
        else:
            outcome = {"test": test, "restore": restore}[verb](config, arguments[0], now)
    except (BackupError, OSError) as error:
        log(str(error))
        return 1
    json.dump(outcome, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
