"""Clients that note what they see: run on a host of a site, they write and read through a database's addresses and ask a service
across the ocean, at a steady pace, until they are ended by SIGTERM.

The specification is JSON on standard input (drills/workload/specification.ts). The history goes to the file that it names, one JSON
object a line for each attempt (drills/history.ts). Times are in ms: `at` and `ended` since 1970, `took` by the monotonic clock.
"""

import json
import signal
import socket
import sys
import threading
import time

import pgwire

# A connection that was refused at once is tried again after this, or a dead address would be asked thousands of times a second.
RETRY_SECONDS = 0.05
# Where nobody answers, the next request isn't later than this, s: the pace would only hide when somebody does again.
UNANSWERED_SECONDS = 0.25
# What a writer does in turn; half of it are inserts, which nothing excuses when they are lost.
WRITES = ("insert", "update", "insert", "hot", "insert", "delete")


class History(object):
    def __init__(self, path):
        self._file = open(path, "w", buffering=1)
        self._lock = threading.Lock()

    def note(self, **entry):
        line = json.dumps(entry, separators=(",", ":"), sort_keys=True) + "\n"
        with self._lock:
            self._file.write(line)


class Unsuccessful(Exception):
    """`reached` says whether anybody answered, were it with an error."""

    def __init__(self, text, reached=True):
        Exception.__init__(self, text)
        self.reached = reached


class Failed(Unsuccessful):
    """The attempt had no effect."""


class Unknown(Unsuccessful):
    """The attempt may have had its effect."""


def reason(error):
    return ("%s: %s" % (type(error).__name__, error))[:200]


class Client(object):
    """One stream of requests. A request that fails is tried once more, on a new connection, before it counts as failed."""

    # How long after the others it begins, s.
    offset = 0.0

    def __init__(self, name, interval, timeout, history, stop):
        self.name, self.interval, self.timeout = name, interval, timeout
        self.history, self.stop = history, stop

    def run(self):
        count, due = 0, time.monotonic() + self.offset
        self.stop.wait(self.offset)
        while not self.stop.is_set():
            count += 1
            reached = self.request(count)
            # A slow answer delays the next request and doesn't make a burst of those that were missed.
            now = time.monotonic()
            due = max(due + self.interval, now) if reached else now + min(self.interval, UNANSWERED_SECONDS)
            self.stop.wait(due - time.monotonic())
        self.close()

    def request(self, count):
        """Returns whether anybody answered its last attempt."""
        what = self.plan(count)
        for attempt in (1, 2):
            at, start, found, reached = time.time(), time.monotonic(), {}, True
            try:
                found = self.attempt(what) or {}
                outcome = "ok"
            except Unsuccessful as error:
                outcome = "failed" if isinstance(error, Failed) else "unknown"
                found, reached = {"error": str(error)}, error.reached
            entry = {"client": self.name, "id": "%s/%d" % (self.name, count), "attempt": attempt}
            entry.update(outcome=outcome, at=round(at * 1000, 3), ended=round(time.time() * 1000, 3))
            entry.update(took=round((time.monotonic() - start) * 1000, 3))
            entry.update(self.describe(what), **found)
            self.history.note(**entry)
            if outcome == "ok" or self.stop.is_set():
                break
            self.close()
            self.stop.wait(RETRY_SECONDS)
        return reached

    def close(self):
        pass


class DatabaseClient(Client):
    """Keeps one connection, as an application's pool does, and opens another when it broke."""

    def __init__(self, target, login, *rest):
        Client.__init__(self, *rest)
        self.target, self.login, self.connection, self.server = target, login, None, None

    def connect(self):
        if self.connection is None:
            try:
                self.connection = pgwire.Connection(self.target, self.login)
                self.server = self.connection.query(self.target["serverQuery"], self.timeout)[0][0][0]
            except (OSError, pgwire.ServerError, pgwire.ProtocolError) as error:
                self.close()
                raise Failed(reason(error), reached=not isinstance(error, OSError))

    def ask(self, sql):
        self.connect()
        try:
            return self.connection.query(sql, self.timeout)
        except pgwire.ServerError as error:
            # The statement was rolled back, unless the server ended the session: then that may have been after the commit.
            raise (Failed if error.severity == "ERROR" else Unknown)(reason(error))
        except (OSError, pgwire.ProtocolError) as error:
            raise Unknown(reason(error), reached=not isinstance(error, OSError))

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Writer(DatabaseClient):
    """Writes rows, each with a value that nobody else writes: the request's id."""

    def __init__(self, spec, target, login, *rest):
        DatabaseClient.__init__(self, target, login, *rest)
        self.table, self.spec = spec["table"], spec

    def plan(self, count):
        turn, round_ = count % len(WRITES), count // len(WRITES)
        kind, value = WRITES[turn], "%s/%d" % (self.name, count)
        if kind == "insert":
            return kind, "insert/" + value, value
        if kind == "update":
            return kind, "update/%s/%d" % (self.name, round_ % self.spec["ownRows"]), value
        if kind == "hot":
            return "update", "hot/%d" % (round_ % self.spec["hotRows"]), value
        # Each key is removed and put back in turn: every other one by this client alone, the rest by all of them.
        index = round_ % self.spec["deleteRows"]
        key = "delete/%s/%d" % ("shared" if index % 2 else self.name, index)
        again = (round_ // self.spec["deleteRows"]) % 2
        return ("reinsert" if again else "delete"), key, value

    def describe(self, what):
        return {"kind": what[0], "key": what[1]}

    def attempt(self, what):
        kind, key, value = what[0], pgwire.literal(what[1]), pgwire.literal(what[2])
        put = "insert into %s (key, value) values (%s, %s) on conflict (key) do " % (self.table, key, value)
        # The second attempt may meet what the first one did: then nothing changes, and `previous` is still what the first replaced.
        replace = "previous = case when t.value = %s then t.previous else t.value end, value = %s" % (value, value)
        sql = {
            "insert": put + "nothing",
            "update": "update %s as t set %s where key = %s returning t.previous" % (self.table, replace, key),
            "delete": "delete from %s where key = %s" % (self.table, key),
            "reinsert": put + "update set previous = null, value = excluded.value",
        }[kind]
        rows, tag = self.ask(sql)
        if kind != "update":
            return {"server": self.server}
        if not rows:
            raise Failed("there is no row " + key)
        return {"server": self.server, "previous": rows[0][0]}


class Reader(DatabaseClient):
    """Reads a row that is always there."""

    def plan(self, count):
        return None

    def describe(self, what):
        return {"kind": "read"}

    def attempt(self, what):
        self.ask(self.target["readQuery"])
        return {"server": self.server}


class Asker(Client):
    """Asks the echo service (echo.py) on the other side, over a new connection each time."""

    def __init__(self, target, *rest):
        Client.__init__(self, *rest)
        self.target = target

    def plan(self, count):
        return "%s/%d\n" % (self.name, count)

    def describe(self, what):
        return {"kind": "request"}

    def attempt(self, what):
        deadline = time.monotonic() + self.timeout
        try:
            with socket.create_connection((self.target["host"], self.target["port"]), self.timeout) as sock:
                sock.sendall(what.encode())
                answer = b""
                while not answer.endswith(b"\n"):
                    sock.settimeout(max(0.001, deadline - time.monotonic()))
                    more = sock.recv(1024)
                    if not more:
                        raise ConnectionResetError("closed by the other end")
                    answer += more
        except OSError as error:
            raise Failed(reason(error))
        if answer != what.encode():
            raise Failed("answered with %r" % answer[:80])


class OverlappingAsker(Asker):
    """Starts a request at every tick, whatever became of those before: a hanging one doesn't hide that the next would pass."""

    def run(self):
        count, due, running = 0, time.monotonic(), []
        while not self.stop.is_set():
            count += 1
            running = [one for one in running if one.is_alive()]
            # Enough for all that can hang within the time of two attempts.
            if len(running) < 2 * (2 * self.timeout + RETRY_SECONDS) / self.interval:
                running.append(threading.Thread(target=self.request, args=(count,)))
                running[-1].start()
            due = max(due + self.interval, time.monotonic())
            self.stop.wait(due - time.monotonic())
        for one in running:
            one.join()


def clients(spec, history, stop):
    common = (spec["timeoutMs"] / 1000.0, history, stop)
    interval, login = spec["databaseIntervalMs"] / 1000.0, spec["loginMs"] / 1000.0
    askers = []
    for target in spec["databases"]:
        askers.append(Writer(spec, target, login, target["name"] + "-writes", interval, *common))
        askers.append(Reader(target, login, target["name"] + "-reads", interval, *common))
    # A login is far more work than a statement: not all at once.
    for index, asker in enumerate(askers):
        asker.offset = interval * index / len(askers)
    yield from askers
    for target in spec["services"]:
        yield OverlappingAsker(target, target["name"], spec["serviceIntervalMs"] / 1000.0, *common)


def main():
    spec = json.loads(sys.stdin.read())
    stop, signals = threading.Event(), []
    for number in (signal.SIGTERM, signal.SIGINT):
        # An event must not be set here: it may be the one whose lock the interrupted thread holds.
        signal.signal(number, lambda *_: signals.append(1))
    history = History(spec["history"])
    threads = [threading.Thread(target=client.run) for client in clients(spec, history, stop)]
    for thread in threads:
        thread.start()
    while not signals:
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
