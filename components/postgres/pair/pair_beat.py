"""Tells a pair's keepalived how this site's database is, and where one site writes has the site that serves be the one.

    pair_beat.py run <configuration>    beats for good; started by a unit
    pair_beat.py once <configuration>   one look

A heartbeat is a file with the host's uptime that is written again and again while something is well:

fit       the server answers, and neither the clock nor the rows of the site are in doubt
current   the site has what the other wrote up to a moment ago; or it serves, and the other has to catch up with it

The server is asked once a second, in a session that stays for some seconds: starting psql costs more than the question.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time

import site_report as report
from reporting import Metrics, attempt, log, write_atomically

TICK = 1.0
# Longest wait for an answer, s. keepalived takes a heartbeat of five seconds for none.
ANSWER_SECONDS = 3
# Age of a session at which the next is begun, s: a server that lets nobody in any more is noticed by it.
SESSION_SECONDS = 15
# Longest wait until a session's first answer, s. A server that is busy takes longer to let somebody in than to answer.
LOGIN_SECONDS = 10
# Looks in a row that find something ill before its heartbeat is taken away.
ILL_LOOKS = 2
PUBLISH_SECONDS = 10
# What keeps the gate closed where the site can't stand for its rows. Others, `standby` among them, say nothing against it.
DOUBTS = {"clock", "first copy", "resync"}
STANDBY = "standby"
SERVE = "serve"

LOOK = """select json_build_object(
  'closed', (select coalesce(json_agg(reason), '[]') from crossborder.closed),
  'replicating', exists (select from pglogical.show_subscription_status(%(subscription)s) where status = 'replicating'),
  'age', (select extract(epoch from clock_timestamp() - beat_at) from crossborder.heartbeat where site = %(peer)s));
"""
SET_STANDBY = "select crossborder.set_writable(%s, 'standby')"


def uptime():
    with open("/proc/uptime") as file:
        return float(file.read().split()[0])


class Connection(object):
    """A psql that stays: each question is answered by a line of JSON."""

    def __init__(self, database):
        self.opened = time.monotonic()
        self.child = subprocess.Popen(database.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, env=database.environment(), bufsize=0)
        self.found = b""

    def ask(self, sql):
        self.child.stdin.write(sql.encode())

    def answer(self, deadline):
        """The answer, or None when there is none yet. Raises OSError when there will be none."""
        while not self.found.endswith(b"\n"):
            left = max(0, deadline - time.monotonic())
            if not select.select([self.child.stdout], [], [], left)[0]:
                return None
            piece = os.read(self.child.stdout.fileno(), 65536)
            if not piece:
                raise OSError("the server ended the session")
            self.found += piece
        line, self.found = self.found, b""
        return json.loads(line.decode())

    def close(self):
        self.child.kill()
        self.child.stdin.close()
        self.child.stdout.close()
        self.child.wait()


class Session(object):
    """Questions to the server, one at a time. A login that takes its time holds up no answer: the session before it stays until then."""

    def __init__(self, database):
        self.database = database
        self.current = self.next = None

    def close(self):
        for connection in (self.current, self.next):
            if connection:
                connection.close()
        self.current = self.next = None

    def ask(self, sql):
        """The answer, or None when there is none in time."""
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            if not self.next and (not self.current or time.monotonic() > self.current.opened + SESSION_SECONDS):
                self.next = Connection(self.database)
                self.next.ask(sql)
            if self.next:
                answer = self.next.answer(0 if self.current else deadline)
                if answer is not None:
                    if self.current:
                        self.current.close()
                    self.current, self.next = self.next, None
                    return answer
                if time.monotonic() > self.next.opened + LOGIN_SECONDS:
                    raise OSError("the server lets nobody in")
                if not self.current:
                    return None
            self.current.ask(sql)
            answer = self.current.answer(deadline)
            if answer is None:
                raise OSError("no answer")
            return answer
        except (OSError, ValueError):
            self.close()
            return None


def role_of(path):
    """What the pair's agent has the site do, or None where that is not known."""
    try:
        with open(path) as file:
            return json.load(file).get("role")
    except (OSError, ValueError, AttributeError):
        return None


def judge(config, seen, role):
    """What is well, by heartbeat. `seen` is the server's answer, None without one."""
    fit = seen is not None and not DOUBTS.intersection(seen["closed"])
    caught_up = (
        seen is not None and seen["replicating"] and seen["age"] is not None and seen["age"] <= config["currentWithinSeconds"]
    )
    return {"fit": fit, "current": caught_up or (seen is not None and role == SERVE)}


def wanted_gate(config, seen, role):
    """Whether the reason `standby` has to be taken away (True) or set (False); None while it is as it should be."""
    if not config["followsRole"] or seen is None or role is None:
        return None
    serves = role == SERVE
    return serves if serves == (STANDBY in seen["closed"]) else None


def beat(config, well, ill):
    now = "%d\n" % uptime()
    for name, path in config["heartbeats"].items():
        ill[name] = 0 if well[name] else ill.get(name, 0) + 1
        if well[name]:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            write_atomically(path, now, 0o644)
        elif ill[name] >= ILL_LOOKS:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def set_standby(database, writable):
    try:
        database.run(SET_STANDBY % ("true" if writable else "false"))
        log("writes are %s: the site %s" % (("allowed", "serves") if writable else ("refused", "is a proxy")))
    except report.DatabaseError as error:
        log("the database was not told of the site's role: %s" % error)


class Gate(object):
    """Sets `standby` beside the beats: closing waits for transactions that have written."""

    def __init__(self, database):
        self.database = database
        self.thread = None

    def set(self, writable):
        if writable is None or (self.thread and self.thread.is_alive()):
            return
        self.thread = threading.Thread(target=set_standby, args=(self.database, writable))
        self.thread.daemon = True
        self.thread.start()

    def wait(self):
        if self.thread:
            self.thread.join()


def publish(config, well, now):
    metrics = Metrics([("site", config["site"]), ("host", config["host"])])
    metrics.family("crossborder_postgres_pair_well", "gauge", "1 for what the pair is told of the database while it is well.",
                   [([("what", name)], int(value)) for name, value in sorted(well.items())])
    metrics.family("crossborder_postgres_pair_timestamp_seconds", "gauge",
                   "When the database was last asked; old when nothing asks.", [([], int(now))])
    metrics.publish(config["metricsFile"])


def main(verb, path):
    config = report.load_config(path)
    database = report.Database(config["database"])
    session, gate = Session(database), Gate(database)
    look = LOOK % {key: report.literal(config[key]) for key in ("subscription", "peer")}
    ill, before, published = {}, None, 0
    while True:
        begun = time.monotonic()
        seen, role = session.ask(look), role_of(config["agentFile"])
        well = judge(config, seen, role)
        attempt("beating", beat, config, well, ill)
        gate.set(wanted_gate(config, seen, role))
        if well != before:
            log(", ".join("%s: %s" % (name, "well" if value else "ill") for name, value in sorted(well.items())))
        if well != before or begun - published >= PUBLISH_SECONDS:
            attempt("publishing metrics", publish, config, well, time.time())
            before, published = well, begun
        if verb == "once":
            gate.wait()
            session.close()
            return 0 if all(well.values()) else 1
        time.sleep(max(0.0, TICK - (time.monotonic() - begun)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
