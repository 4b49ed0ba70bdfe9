"""Keeps the backup path: watches the proxy every second and tells it when to hold and when to drain.

    backup_keeper.py run <configuration>      for ever
    backup_keeper.py publish <configuration>  puts the proxy's files where it reads them; before the proxy starts
    backup_keeper.py await <configuration>    waits until the proxy answers; after it was started
    backup_keeper.py show <configuration>     the latest state, and the certificates' lives, as one JSON value

Which path a new connection takes is the proxy's own decision, by its health checks, and needs nobody. The keeper adds
what the proxy can't know: that the link was cut twice in a short time and is better left alone for a while (hold),
that connections have been on the backup path long enough after the link is back (drain), and that those which the peer made over
a link that was cut have no other end any more. It does all that by replacing files of the proxy's discovery services. Without the keeper
both paths go on working.
"""

import json
import os
import sys
import threading
import time

from backup_proxy import Updates, certificates, look, publish_files, read_admin, read_again, wanted
from reporting import Metrics, attempt, event, log, post, remember, write_atomically

STATES = ("standby", "standby-unhealthy", "active", "held", "down")
TICK_SECONDS = 1.0
# Longest wait for a proxy that was started.
START_SECONDS = 60
# Looks in a row without an answer before the proxy counts as gone: a restart takes a few.
SILENT_LOOKS = 5
# Looks after the keeper's start in which a link that doesn't carry is not believed: the deployment that started it gave
# the proxy new paths, whose checks begin anew.
FIRST_LOOKS = 5
# Looks between two at what became of the proxy's files, and seconds until one that is refused is tried again: what it is
# refused for, a port that is taken for one, may go away.
UPDATE_LOOKS = 5
RETRY_SECONDS = 15
# Metrics are scraped seldom; a change is published at once.
PUBLISH_SECONDS = 15
WEBHOOK_RETRY_SECONDS = 15


# --- deciding ---------------------------------------------------------------------------------------------------

FRESH = {
    "state": "unknown",
    "reason": "",
    "since": 0,
    # Whether the link carried at the last look.
    "link": False,
    "cuts": 0,
    # Time of the last cut or of the end of a hold: what the window of the next cut is counted from.
    "troubleAt": 0.0,
    # Cuts in a row, each within the window of the one before; the hold doubles with each.
    "level": 0,
    "hold": False,
    # When a hold ends; 0 while the link is still away.
    "releaseAt": 0.0,
    # When connections have to leave the backup path; 0 when none has to.
    "drainAt": 0.0,
    # Part of the name of the proxy's filter chains; those of a former name are closed.
    "epoch": 0,
    "pending": [],
}


def hold_seconds(config, level):
    hold = config["hold"]
    return min(hold["firstSeconds"] * 2 ** (level - 1), hold["maxSeconds"])


def is_calm(config, memory, now):
    """Whether another cut would count as a first one."""
    return not memory["hold"] and (memory["cuts"] == 0 or now - memory["troubleAt"] > config["hold"]["windowSeconds"])


def follow_link(config, seen, memory, now):
    """Counts cuts, and begins and ends holds."""
    if memory["link"] and not seen["link"]:
        again = not is_calm(config, memory, now)
        memory["level"] = memory["level"] + 1 if again else 0
        memory["cuts"] += 1
        memory["troubleAt"] = now
        memory["hold"] = memory["level"] > 0
        memory["releaseAt"] = 0.0
    if memory["hold"] and seen["link"] and not memory["releaseAt"]:
        memory["releaseAt"] = now + hold_seconds(config, memory["level"])
    # Nothing is held on a path that doesn't work.
    if memory["hold"] and (not seen["public"] or (seen["link"] and now >= memory["releaseAt"])):
        memory["hold"] = False
        memory["releaseAt"] = 0.0
        memory["troubleAt"] = now
    memory["link"] = seen["link"]


def follow_drain(config, seen, memory, now):
    """Ends connections that have stayed on the backup path for long enough after new ones left it."""
    staying = sum(service["connections"]["backup"] for service in seen["services"])
    if not seen["link"] or memory["hold"] or not staying:
        memory["drainAt"] = 0.0
        return
    if not memory["drainAt"]:
        memory["drainAt"] = now + config["drainSeconds"]
    if now >= memory["drainAt"]:
        log("draining: %d connections leave the backup path" % staying)
        memory["epoch"] += 1
        memory["drainAt"] = 0.0


def judge(seen, memory, refused):
    """The state of the backup path and its reason."""
    state, reason = judge_paths(seen, memory)
    if not refused:
        return state, reason
    # The services may be others than those that were deployed.
    reason += "; the proxy refuses %s and goes on with what it had" % ", ".join(sorted(refused))
    return "standby-unhealthy" if state == "standby" else state, reason


def judge_paths(seen, memory):
    if seen["link"] and memory["hold"]:
        return "held", "the link was cut %d times in a short time" % (memory["level"] + 1)
    if seen["link"]:
        if seen["public"]:
            return "standby", "the link carries, the public way is healthy"
        return "standby-unhealthy", "the link carries, but the public way is down"
    if seen["public"]:
        return "active", "the link is down, the public way carries"
    return "down", "both the link and the public way are down"


# --- remembering and telling ------------------------------------------------------------------------------------


def load_memory(config):
    """What was known before a restart, or a fresh start when there is nothing that can be understood."""
    try:
        with open(config["memoryFile"]) as file:
            memory = json.load(file)
        if all(isinstance(memory[key], type(FRESH[key])) for key in FRESH):
            return memory
        log("the memory holds something else; starting afresh")
    except OSError:
        pass
    except (ValueError, TypeError, KeyError):
        log("the memory is damaged; starting afresh")
    return json.loads(json.dumps(FRESH))


def report(config, seen, memory, refused, now):
    """What `show`, metrics and the webhook tell of."""
    return {
        "at": int(now),
        "state": memory["state"],
        "reason": memory["reason"],
        "since": int(memory["since"]),
        "link": seen["link"] if seen else None,
        "public": seen["public"] if seen else None,
        "services": seen["services"] if seen else [],
        "refused": sorted(refused),
        "cuts": memory["cuts"],
        "calm": is_calm(config, memory, now),
        "holdSeconds": max(0, int(memory["releaseAt"] - now)) if memory["hold"] else 0,
        "drainSeconds": max(0, int(memory["drainAt"] - now)) if memory["drainAt"] else 0,
    }


def metrics(config, told, memory):
    result = Metrics([("site", config["site"]), ("host", config["host"]), ("link", config["name"])])
    paths = (("link", told["link"]), ("public", told["public"]))
    result.family("crossborder_backup_state", "gauge", "1 for the state that the backup path is in.",
                  [([("state", state)], int(told["state"] == state)) for state in STATES])
    result.family("crossborder_backup_path_healthy", "gauge", "1 when the proxy's health checks over this path pass.",
                  [([("path", path)], None if value is None else int(value)) for path, value in paths])
    result.family("crossborder_backup_connections", "gauge", "Connections to the other site's service, by the path they use.",
                  [([("service", service["name"]), ("path", path)], count)
                   for service in told["services"] for path, count in sorted(service["connections"].items())])
    result.family("crossborder_backup_refused_updates", "gauge", "Parts of its configuration that the proxy refuses as they are now.",
                  [([], len(told["refused"]))])
    result.family("crossborder_backup_cuts_total", "counter", "Times that the link was lost to the proxy.", [([], told["cuts"])])
    result.family("crossborder_backup_hold_seconds", "gauge", "How long new connections are still held on the backup path.",
                  [([], told["holdSeconds"])])
    result.family("crossborder_backup_look_timestamp_seconds", "gauge", "When the keeper last looked; old when it does not run.",
                  [([], told["at"])])
    result.family("crossborder_backup_webhook_pending", "gauge", "Changes of state that could not be told to the webhook yet.",
                  [([], len(memory["pending"]))])
    return result


class Messenger:
    """Delivers messages to the webhook beside the loop: a server that is slow must not keep the keeper from looking."""

    def __init__(self):
        self.thread = None
        self.message = None
        self.failure = None
        self.next = 0.0

    def deliver(self, url):
        self.failure = post(url, self.message)

    def turn(self, url, pending, now):
        """Takes what was delivered off the list, and starts with the oldest of the rest."""
        if not url:
            del pending[:]
            return
        if self.thread:
            if self.thread.is_alive():
                return
            self.thread = None
            if self.failure:
                log("the webhook was not reached (%s); %d pending" % (self.failure, len(pending)))
                self.next = now + WEBHOOK_RETRY_SECONDS
            elif pending and pending[0] is self.message:
                del pending[0]
        if pending and now >= self.next:
            self.message = pending[0]
            self.thread = threading.Thread(target=self.deliver, args=(url,), daemon=True)
            self.thread.start()


class Keeper:
    def __init__(self, config):
        self.config = config
        self.memory = load_memory(config)
        self.saved = None
        self.files = None
        self.published = 0.0
        self.silent = 0
        self.looks = 0
        self.updates = Updates()
        self.retried = 0.0
        # What happened while nobody looked is no cut.
        self.memory["link"] = False
        self.messenger = Messenger()

    def step(self, now):
        """One look, and what follows from it. @param now: seconds since 1970"""
        config, memory = self.config, self.memory
        # A clock that was set back must not keep a hold or a window open.
        memory["troubleAt"] = min(memory["troubleAt"], now)
        memory["releaseAt"] = min(memory["releaseAt"], now + config["hold"]["maxSeconds"])
        memory["drainAt"] = min(memory["drainAt"], now + config["drainSeconds"])
        before = memory["state"]
        seen = look(config)
        attempt("asking the proxy for its files", self.follow_updates, now)
        self.looks += 1
        if seen and not seen["link"] and not memory["link"] and self.looks <= FIRST_LOOKS:
            seen = None
        elif seen:
            self.silent = 0
            follow_link(config, seen, memory, now)
            follow_drain(config, seen, memory, now)
            memory["state"], memory["reason"] = judge(seen, memory, self.updates.refused)
        else:
            self.silent += 1
            if self.silent >= SILENT_LOOKS:
                memory["state"], memory["reason"] = "down", self.why_silent()
        attempt("giving the proxy its files", self.update_files)
        told = report(config, seen, memory, self.updates.refused, now)
        if memory["state"] != before:
            told["since"] = memory["since"] = int(now)
            log("the backup path %s is %s: %s" % (config["name"], memory["state"], memory["reason"]))
            # A path that starts in order has nothing to tell.
            if (before, memory["state"]) != ("unknown", "standby"):
                figures = {key: told[key] for key in ("link", "public", "cuts", "holdSeconds", "services", "refused")}
                subject = {"backup": config["name"]}
                message = event(config, now, subject, before, memory["state"], memory["reason"], figures)
                memory["pending"] = remember(memory["pending"], message)
        self.messenger.turn(config["webhook"], memory["pending"], now)
        attempt("telling the state", write_atomically, config["stateFile"], json.dumps(told) + "\n", 0o600)
        attempt("remembering", self.save)
        if memory["state"] != before or not 0 <= now - self.published < PUBLISH_SECONDS:
            self.published = now
            attempt("publishing metrics", metrics(config, told, memory).publish, config["metricsFile"])

    def why_silent(self):
        """Why the proxy says nothing of its paths."""
        if self.updates.answered and self.updates.refused:
            return "the proxy refuses %s" % ", ".join(sorted(self.updates.refused))
        self.updates.refused.clear()
        return "the proxy does not answer"

    def follow_updates(self, now):
        updates = self.updates
        if self.looks % UPDATE_LOOKS and not updates.doubtful:
            return
        updates.look(self.config)
        if updates.doubtful or (updates.refused and not 0 <= now - self.retried < RETRY_SECONDS):
            self.retried = now
            read_again(self.config)

    def update_files(self):
        now = wanted(self.config, self.memory)
        if now != self.files:
            publish_files(self.config, self.memory)
            self.files = now

    def save(self):
        text = json.dumps(self.memory)
        if text != self.saved:
            os.makedirs(os.path.dirname(self.config["memoryFile"]), mode=0o700, exist_ok=True)
            write_atomically(self.config["memoryFile"], text, 0o600)
            self.saved = text


def await_proxy(config):
    """Ends with an error when the proxy doesn't answer in time, so that its start fails."""
    deadline = time.monotonic() + START_SECONDS
    while read_admin(config["adminSocket"]) is None:
        if time.monotonic() > deadline:
            sys.exit("the proxy does not answer within %d s of its start" % START_SECONDS)
        time.sleep(0.2)


def show(config):
    with open(config["stateFile"]) as file:
        told = json.load(file)
    told.update(certificates(config))
    told["ageSeconds"] = max(0, int(time.time()) - told["at"])
    json.dump(told, sys.stdout)


def run(config):
    keeper = Keeper(config)
    while True:
        began = time.monotonic()
        keeper.step(time.time())
        time.sleep(max(0.0, TICK_SECONDS - (time.monotonic() - began)))


def main(verb, path):
    with open(path) as file:
        config = json.load(file)
    if verb == "publish":
        publish_files(config, load_memory(config))
    else:
        {"run": run, "show": show, "await": await_proxy}[verb](config)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
