"""What the services beside PostgreSQL share: one query at a time over the Unix socket, and what they remember. What they
tell, they tell by the module `reporting`, as every program of the product.

Python 3.6 with its standard library, as every program on a host.
"""

import json
import os
import subprocess

from reporting import log, write_atomically


def load_config(path):
    with open(path) as file:
        return json.load(file)


# --- memory -----------------------------------------------------------------------------------------------------


def load_memory(path, fresh):
    """What the last run left, or a copy of `fresh` when there is nothing that can be understood."""
    try:
        with open(path) as file:
            memory = json.load(file)
        if isinstance(memory, dict) and all(key in memory for key in fresh):
            return memory
        log("%s holds something else; starting afresh" % path)
    except OSError:
        pass
    except ValueError:
        log("%s is damaged; starting afresh" % path)
    return json.loads(json.dumps(fresh))


def save_memory(path, memory):
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    write_atomically(path, json.dumps(memory), 0o600)


# --- the database -----------------------------------------------------------------------------------------------


class DatabaseError(Exception):
    """PostgreSQL gave no answer, or refused. The first line of psql's words, which hold no secret."""


class Database(object):
    """psql over the Unix socket, as a role that the peer rule gives to this user. No password is ever asked for."""

    def __init__(self, settings):
        self.argv = ["psql", "-X", "-A", "-t", "-q", "-w", "-v", "ON_ERROR_STOP=1"]
        self.argv += ["-h", settings["socket"], "-p", str(settings["port"])]
        self.argv += ["-U", settings["role"], "-d", settings["database"]]
        self.timeout = settings.get("timeoutSeconds", 20)

    def environment(self):
        """What psql is to know beside its arguments."""
        options = "-c statement_timeout=%ds -c lock_timeout=5s -c client_min_messages=warning" % self.timeout
        # A site that refuses writes still tells that it lives, and what it met.
        options += " -c default_transaction_read_only=off"
        return dict(os.environ, LC_ALL="C", PGCONNECT_TIMEOUT="5", PGOPTIONS=options, PGAPPNAME="crossborder")

    def run(self, sql):
        """Output of the statements. They are sent over standard input: none of it shows in a process list."""
        try:
            done = subprocess.run(
                self.argv,
                input=sql.encode(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.environment(),
                timeout=self.timeout + 10,
            )
        except OSError as error:
            raise DatabaseError("psql: %s" % error.strerror)
        except subprocess.TimeoutExpired:
            raise DatabaseError("psql: no answer within %d s" % (self.timeout + 10))
        if done.returncode != 0:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise DatabaseError(lines[0] if lines else "psql: exit status %d" % done.returncode)
        return done.stdout.decode("utf-8", "replace").strip()

    def json(self, sql):
        """The one JSON value that a query gives."""
        text = self.run(sql)
        try:
            return json.loads(text)
        except ValueError:
            raise DatabaseError("psql: output not understood")


def literal(value):
    """A string as an SQL literal, whatever is in it and whatever the server's settings are."""
    text = value.replace("\\", "\\\\").replace("'", "''")
    return "E'%s'" % text
