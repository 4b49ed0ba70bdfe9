"""What the services beside PostgreSQL share: one query at a time over the Unix socket, files that are whole or not there,
metrics in the text format, and messages to the operator's webhook that are kept until they are taken.

Python 3.6 with its standard library, as every program on a host.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

WEBHOOK_TIMEOUT = 5
# Messages that wait for a webhook that does not answer. Older ones are dropped.
PENDING_MAX = 20


def log(text):
    print(text, file=sys.stderr, flush=True)


def load_config(path):
    with open(path) as file:
        return json.load(file)


# --- files ------------------------------------------------------------------------------------------------------


def write_atomically(path, text, mode):
    temporary = "%s.%d.tmp" % (path, os.getpid())
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        # The directory may be another user's, who could have put a link there.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def attempt(what, action, *arguments):
    """Runs what may fail on a full disk, and says so. True when it did not."""
    try:
        action(*arguments)
        return True
    except OSError as error:
        log("%s failed: %s" % (what, error.strerror))
        return False


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


# --- metrics ----------------------------------------------------------------------------------------------------


def escape(value):
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Metrics(object):
    """Families in the text format that node-exporter's textfile collector reads."""

    def __init__(self, identity):
        self.identity = identity
        self.lines = []

    def family(self, name, kind, text, samples):
        """`samples` are pairs of labels (a list of pairs) and value; those without a value are left out."""
        samples = [(labels, value) for labels, value in samples if value is not None]
        if not samples:
            return
        self.lines.append("# HELP %s %s" % (name, text))
        self.lines.append("# TYPE %s %s" % (name, kind))
        for labels, value in samples:
            pairs = ",".join('%s="%s"' % (key, escape(str(label))) for key, label in self.identity + labels)
            self.lines.append("%s{%s} %r" % (name, pairs, value))

    def publish(self, path):
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        write_atomically(path, "\n".join(self.lines) + "\n", 0o644)


# --- the operator -----------------------------------------------------------------------------------------------


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the message to a place that nobody configured."""

    def redirect_request(self, *args, **kwargs):
        return None


def post(url, body):
    """None when the message was taken, else why not. The URL is a secret and part of no message."""
    if urllib.parse.urlsplit(url).scheme != "https":
        return "its URL is not https"
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        opener = urllib.request.build_opener(NoRedirect(), urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=WEBHOOK_TIMEOUT):
            return None
    except urllib.error.HTTPError as error:
        return "it answered %d" % error.code
    except Exception as error:  # whatever a foreign server provokes must not end the run
        return type(getattr(error, "reason", error)).__name__


def event(config, subject, before, after, reason, figures):
    """A change of state as the webhook is told of it."""
    return {
        "site": config["site"],
        "host": config["host"],
        "subject": subject,
        "from": before,
        "to": after,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "reason": reason,
        "figures": figures,
    }


def remember(pending, message):
    return (pending + [message])[-PENDING_MAX:]


def tell(config, pending):
    """Delivers what is pending, oldest first, until one fails. Returns what is left."""
    if not config.get("webhook"):
        return []
    while pending:
        failure = post(config["webhook"], pending[0])
        if failure:
            log("the webhook was not reached (%s); %d pending" % (failure, len(pending)))
            return pending
        pending = pending[1:]
    return pending
