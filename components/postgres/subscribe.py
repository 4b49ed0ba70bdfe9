#!/usr/bin/env python3
"""Subscribes this site's database to the other's, with a first copy at the site that is not the primary.

Runs as postgres, with the path of a JSON file as argument: database, port and socket of the local server; peer (name of
the other site); dsn (how it is reached); copy (whether this site takes the first copy); deadlineSeconds. Repeating it
does nothing. A first copy that was interrupted is thrown away and begun again; until it is complete the site's gate stays
closed, so nothing but copied rows can be lost. Needs Python 3.6 and the client programs of PostgreSQL.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

# What replication carries: rows of users' tables, statements of crossborder.ddl, and what the sites tell each other.
DATA_SETS = ["default", "ddl_sql"]
OWN_SET = "crossborder"
APPLICATION_NAME = "crossborder-subscribe"
# Rows that are on their way while tables are compared make them differ for a moment.
COMPARISONS = 10
# The installer on this host waits for a unit's start for 120 s.
PATIENCE_SECONDS = 90
# Both sites were set up before this runs.
REACH_SECONDS = 60


class Failure(Exception):
    """What did not work, in one sentence."""


class Database:
    """Queries of one server, each its own psql. Neither queries nor connection strings hold secrets."""

    def __init__(self, name, conninfo):
        self.name = name
        self.conninfo = conninfo

    def run(self, *statements, **options):
        """Statements in one transaction; rows of the last as lists of text."""
        command = ["psql", "-X", "-q", "-At", "-F", "\x1f", "-R", "\x1e", "-1", "-v", "ON_ERROR_STOP=1"]
        text = ";\n".join(statements)
        environment = dict(
            os.environ,
            PGAPPNAME=APPLICATION_NAME,
            PGOPTIONS="-c crossborder.ddl_id=setup -c client_min_messages=warning -c search_path=pg_catalog",
        )
        done = subprocess.run(
            command + ["-d", self.conninfo, "-f", "-"],
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=options.get("seconds", 60),
        )
        if done.returncode != 0:
            raise Failure("%s: %s" % (self.name, first_error(done.stderr)))
        output = done.stdout.decode()
        return [row.split("\x1f") for row in output.rstrip("\n").split("\x1e")] if output.strip("\n") else []

    def value(self, query, **options):
        rows = self.run(query, **options)
        return rows[0][0] if rows else None


def first_error(output):
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if "ERROR" in line or "FATAL" in line]
    lines = lines or output.decode("utf-8", "replace").splitlines()
    return lines[0].strip() if lines else "it ended without a message"


def literal(text):
    return "'%s'" % text.replace("'", "''")


def until(deadline, what, attempt):
    """Polls until `attempt` returns None; until then it returns, or raises, what is still missing."""
    while True:
        try:
            waiting = attempt()
        except (Failure, subprocess.TimeoutExpired) as error:
            waiting = str(error)
        if waiting is None:
            return
        if time.monotonic() > deadline:
            raise Failure("%s: %s" % (what, waiting))
        time.sleep(0.5)


class Subscription:
    def __init__(self, settings):
        self.peer_site = settings["peer"]
        self.dsn = settings["dsn"]
        self.copies = settings["copy"]
        self.name = "from_%s" % self.peer_site
        self.deadline = time.monotonic() + settings["deadlineSeconds"]
        self.local_dsn = "host=%(socket)s port=%(port)d dbname=%(database)s user=postgres" % settings
        self.local = Database("this site", self.local_dsn)
        self.peer = Database("site %s" % self.peer_site, self.dsn)

    # --- what is there -----------------------------------------------------------------------------------------

    def note(self, key):
        return self.local.value("SELECT value FROM crossborder.note WHERE key = %s" % literal(key))

    def set_note(self, key, value):
        self.local.run(
            "INSERT INTO crossborder.note VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            % (literal(key), literal(value))
        )

    def current_dsn(self):
        return self.local.value(
            "SELECT i.if_dsn FROM pglogical.subscription s JOIN pglogical.node_interface i ON i.if_id = s.sub_origin_if"
            " WHERE s.sub_name = %s" % literal(self.name)
        )

    def status(self):
        return self.local.value(
            "SELECT status FROM pglogical.show_subscription_status(%s)" % literal(self.name)
        )

    def tables(self, database):
        rows = database.run(
            "SELECT format('%I.%I', nspname, relname) FROM pglogical.tables WHERE set_name = 'default'"
            " AND nspname <> 'crossborder' ORDER BY 1"
        )
        return [row[0] for row in rows]

    def has_tables(self):
        return self.local.value("SELECT EXISTS (SELECT FROM crossborder.relation WHERE kind IN ('r', 'p'))") == "t"

    # --- steps -------------------------------------------------------------------------------------------------

    def create(self, copy):
        # A site has its own row in the product's own set already, which a copy would bring once more.
        sets = DATA_SETS if copy else DATA_SETS + [OWN_SET]
        self.local.run(
            "SELECT pglogical.create_subscription(%s, %s, %s, false, %s, '{}')"
            % (literal(self.name), literal(self.dsn), literal("{%s}" % ",".join(sets)), "true" if copy else "false")
        )

    def drop(self):
        self.local.run("SELECT pglogical.drop_subscription(%s, true)" % literal(self.name))

    def await_replicating(self):
        def attempt():
            status = self.status()
            if status == "down":
                self.local.run("SELECT crossborder.reconnect()")
            return None if status == "replicating" else "the subscription is %s" % status

        until(self.deadline, "replication from %s does not start" % self.peer_site, attempt)

    def move(self):
        """Another address or certificate of the same peer: the subscription goes on where it is."""
        interface = "to_%d" % int(time.time())
        self.local.run(
            "SELECT pglogical.alter_node_add_interface(%s, %s, %s)"
            % (literal(self.peer_site), literal(interface), literal(self.dsn)),
            "SELECT pglogical.alter_subscription_interface(%s, %s)" % (literal(self.name), literal(interface)),
        )

    def wipe(self):
        """Takes away what an interrupted copy left. Dropping is not replicated, and nobody could write here."""
        self.drop()
        schemas = self.local.run(
            "SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^pg_'"
            " AND nspname NOT IN ('information_schema', 'crossborder', 'pglogical')"
        )
        for (schema,) in schemas:
            self.local.run("DROP SCHEMA %s CASCADE" % schema)
        # An archive takes it for granted.
        self.local.run("CREATE SCHEMA public AUTHORIZATION pg_database_owner", "GRANT USAGE ON SCHEMA public TO PUBLIC")

    def copy_structure(self):
        with tempfile.TemporaryDirectory() as directory:
            archive, chosen = os.path.join(directory, "archive"), os.path.join(directory, "list")
            self.program(["pg_dump", "--schema-only", "--format=custom", "--exclude-schema=pglogical",
                          "--exclude-schema=crossborder", "--dbname", self.dsn, "--file", archive])
            listed = self.program(["pg_restore", "--list", archive])
            with open(chosen, "w") as file:
                file.writelines(line + "\n" for line in listed.splitlines() if wanted(line))
            self.program(["pg_restore", "--exit-on-error", "--single-transaction", "--use-list", chosen,
                          "--dbname", self.local_dsn, archive])

    def program(self, argv):
        environment = dict(os.environ, PGAPPNAME=APPLICATION_NAME, PGOPTIONS="-c crossborder.ddl_id=setup")
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        if done.returncode != 0:
            raise Failure("copying the structure failed: %s" % first_error(done.stderr))
        return done.stdout.decode()

    def first_copy(self):
        self.set_note("copying", "yes")
        self.wipe()
        self.copy_structure()
        self.create(copy=True)

        def attempt():
            rows = self.local.run(
                "SELECT s.sync_nspname, s.sync_relname, s.sync_status FROM pglogical.local_sync_status s"
                " JOIN pglogical.subscription u ON u.sub_id = s.sync_subid WHERE u.sub_name = %s" % literal(self.name)
            )
            unfinished = [".".join(row[:2]).strip(".") or "the whole" for row in rows if row[2] not in ("r", "y")]
            if not rows or unfinished:
                return "not copied yet: %s" % (", ".join(unfinished[:5]) or "anything")
            return None

        until(self.deadline, "the first copy from %s is not complete" % self.peer_site, attempt)
        missing = set(self.tables(self.peer)) - set(self.tables(self.local))
        if missing:
            raise Failure("the first copy lacks tables: %s" % ", ".join(sorted(missing)))
        self.local.run(
            "SELECT pglogical.alter_subscription_add_replication_set(%s, %s)" % (literal(self.name), literal(OWN_SET))
        )

    def join_equal(self):
        """Both sites have tables already: they are joined without a copy when their rows are the same."""
        self.create(copy=False)
        try:
            self.await_replicating()
            differing = []
            for _ in range(COMPARISONS):
                differing = self.differences()
                if not differing:
                    return
                time.sleep(1)
        except Failure:
            self.drop()
            raise
        self.drop()
        raise Failure(
            "both sites have rows already, and they differ in %s; empty this site's database, or resynchronise it"
            % ", ".join(differing[:5])
        )

    def differences(self):
        here, there = self.digests(self.local), self.digests(self.peer)
        return sorted(table for table in set(here) | set(there) if here.get(table) != there.get(table))

    def digests(self, database):
        tables = self.tables(database)
        if not tables:
            return {}
        # A digest that doesn't depend on the order of the rows, and a structure that has to be the same.
        queries = [
            "SELECT %s, count(*) || ':' || coalesce(sum(hashtextextended(t::text, 0)), 0) FROM %s t" % (literal(table), table)
            for table in tables
        ]
        structure = "SELECT relation || ' (structure)', digest FROM crossborder.structure()"
        return dict(database.run(" UNION ALL ".join(queries + [structure]), seconds=3600))

    def align_sequences(self):
        """The other site's numbers begin where its sequences were when it shared them: ours have to begin there too."""
        rows = self.peer.run(
            "SELECT r.schema_name, r.relation_name, s.base, s.step FROM crossborder.sequence s"
            " JOIN crossborder.relation r ON r.oid = s.relation"
        )
        if rows:
            self.local.run(*[
                "SELECT crossborder.share_sequence(format('%%I.%%I', %s, %s)::regclass, %s, %s)"
                % (literal(schema), literal(name), base, step)
                for schema, name, base, step in rows
            ])

    # --- the whole ---------------------------------------------------------------------------------------------

    def peer_state(self):
        """Whether the other site has joined, and whether it keeps changes for us."""
        slot = self.local.value(
            "SELECT sub_slot_name FROM pglogical.subscription WHERE sub_name = %s" % literal(self.name)
        )
        ((joined, keeps),) = self.peer.run(
            "SELECT EXISTS (SELECT FROM crossborder.note WHERE key = 'joined'),"
            " EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = %s)" % literal(slot or "")
        )
        return joined == "t", keeps == "t"

    def keep(self, current):
        """A subscription that is there goes on, unless the other site lost everything and begins anew."""
        if current != self.dsn:
            self.move()
        try:
            joined, keeps = self.peer_state()
        except (Failure, subprocess.TimeoutExpired):
            # A site that is away is no reason not to start.
            return
        if not joined and not keeps:
            self.drop()
            self.create(copy=False)
            self.await_replicating()

    def run(self):
        current = self.current_dsn()
        if self.note("joined") and current is not None:
            self.keep(current)
            return

        until(time.monotonic() + REACH_SECONDS, "site %s cannot be reached" % self.peer_site, lambda: None if self.peer.value(
            "SELECT 1 FROM pglogical.local_node") else "it has no node yet")
        if self.copies:
            if self.note("copying") or not self.has_tables():
                self.first_copy()
            else:
                self.join_equal()
            self.align_sequences()
        elif self.peer_state()[0] and not self.has_tables():
            raise Failure(
                "site %s has the data and this site has none; make %s the primary until this site has its copy"
                % (self.peer_site, self.peer_site)
            )
        elif current is None:
            self.create(copy=False)
        self.await_replicating()
        self.local.run(
            "DELETE FROM crossborder.note WHERE key = 'copying'",
            "INSERT INTO crossborder.note VALUES ('joined', 'yes') ON CONFLICT DO NOTHING",
            "SELECT crossborder.set_writable(true, 'first copy')",
        )
        # We get no row that it wrote before we listened.
        self.peer.run("SELECT crossborder.announce()")


def wanted(line):
    """Whether an entry of an archive is the users' own. The gate's triggers come by themselves with the tables."""
    if line.startswith(";"):
        return True
    ours = (" EXTENSION - pglogical", " COMMENT - EXTENSION pglogical", " EVENT TRIGGER - crossborder_")
    return not any(part in line for part in ours) and not (" TRIGGER " in line and " crossborder_gate " in line)


def say_ready():
    """Tells systemd that the unit is up."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.connect("\0" + path[1:] if path.startswith("@") else path)
            notify.sendall(b"READY=1")


def main():
    with open(sys.argv[1]) as file:
        settings = json.load(file)
    # A large first copy goes on after whoever started the unit has gone.
    patience = threading.Timer(PATIENCE_SECONDS, say_ready)
    patience.daemon = True
    patience.start()
    try:
        Subscription(settings).run()
        say_ready()
    except (Failure, OSError, subprocess.TimeoutExpired) as error:
        print("crossborder: %s" % error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
