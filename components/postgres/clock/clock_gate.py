"""Lets a site write only while its clock can be trusted, because the last write wins by the clock.

    clock_gate.py run <configuration>    watches for good; started by a unit
    clock_gate.py once <configuration>   one look, one verdict

Three things close the gate: chrony's bound of the error is above the budget; the clock was stepped; the machine stood still
(suspended, or a virtual machine that was paused) and its clock with it. It opens again when chrony measured the clock anew,
several times since, and found it well inside the budget. The verdict is carried out by crossborder.set_writable, under a
reason of its own, and repeated until the database took it.
"""

import subprocess
import sys
import threading
import time

import site_report as report
from reporting import Metrics, attempt, event, log, remember, tell

CLOCK_BOOTTIME = 7  # <linux/time.h>; Python has the name from 3.7 on.
RTC = "/sys/class/rtc/rtc0/since_epoch"
# What a clock gains on the true time when chrony has no better word, ppm. chrony disciplined its rate before.
LEAST_SKEW = 1.0
# Part of the budget inside which a closed gate opens: at the budget itself it would flap.
REOPEN = 0.5
# The hardware clock counts whole seconds and is read between two ticks: less than this says nothing, s.
RTC_JUMP = 2.5
# The reference of a chrony that serves its own clock because it has no source (its `local` directive).
OWN_CLOCK = "7F7F0101"

FRESH = {"state": "unknown", "reason": "", "since": 0, "applied": None, "disturbances": {}, "pending": []}


# --- looking ----------------------------------------------------------------------------------------------------


def parse_tracking(text):
    """`chronyc -c tracking`: reference, time of the last measurement, what is left to correct, skew; None without a source."""
    fields = text.strip().split(",")
    if len(fields) != 14:
        raise ValueError("%d fields" % len(fields))
    if fields[0] in ("00000000", OWN_CLOCK) or fields[13] == "Not synchronised":
        return None
    return {"reference": fields[3], "offset": abs(float(fields[4])), "skew": float(fields[9])}


def ask_chrony(timeout=2):
    """What chrony knows of the clock, or None when it knows nothing or does not answer."""
    try:
        done = subprocess.run(
            ["chronyc", "-n", "-c", "tracking"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            universal_newlines=True,
            timeout=timeout,
        )
        return parse_tracking(done.stdout) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def measure_now():
    """Asks chrony to look at its sources at once: until it did, the gate stays closed."""
    try:
        subprocess.Popen(["chronyc", "-n", "burst", "4/8"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    except OSError:
        pass  # The next measurement comes by itself, later.


def hardware_clock():
    try:
        with open(RTC) as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def look(with_chrony):
    """One sample of every clock, s. `chrony` is absent when it was not asked."""
    sample = {
        "monotonic": time.clock_gettime(time.CLOCK_MONOTONIC),
        "boot": time.clock_gettime(CLOCK_BOOTTIME),
        "wall": time.clock_gettime(time.CLOCK_REALTIME),
        "hardware": hardware_clock(),
    }
    if with_chrony:
        sample["chrony"] = ask_chrony()
    return sample


# --- deciding ---------------------------------------------------------------------------------------------------


def new_clocks():
    """What a run of the gate remembers of the clocks. Not kept over a restart: the monotonic clock may be another."""
    return {"last": None, "chrony": None, "measuredAt": None, "disturbed": None, "confirmations": 0, "stale": False}


def disturbance(limits, last, sample):
    """(kind, words) when the clocks did not move together since the last sample; None when they did."""
    if last is None:
        return None
    passed = sample["monotonic"] - last["monotonic"]
    asleep = sample["boot"] - last["boot"] - passed
    if asleep > limits["budgetMs"] / 1000.0:
        return "pause", "the machine was suspended for %.1f s" % asleep
    stepped = sample["wall"] - last["wall"] - passed
    if abs(stepped) > limits["budgetMs"] / 1000.0:
        return "step", "the clock was stepped by %+.0f ms" % (stepped * 1000)
    if sample["hardware"] is not None and last["hardware"] is not None:
        stood = sample["hardware"] - last["hardware"] - passed
        if stood > RTC_JUMP:
            return "pause", "the machine stood still for about %.0f s" % stood
    return None


def bound(clocks, now):
    """Largest error of the clock that chrony's last word allows now, s; None when there is no such word."""
    chrony = clocks["chrony"]
    if chrony is None:
        return None
    age = max(0.0, now - clocks["measuredAt"])
    return chrony["offset"] + age * max(LEAST_SKEW, chrony["skew"]) / 1e6


def take_measurement(limits, clocks, sample):
    """Keeps chrony's word, and counts measurements that are new and good."""
    chrony = sample.get("chrony")
    if chrony is None:
        return  # What it said before ages; its bound grows.
    before = clocks["chrony"]
    clocks["chrony"] = chrony
    if before is not None and before["reference"] == chrony["reference"]:
        return
    if clocks["stale"]:
        # The first word after a disturbance may be of a measurement before it.
        clocks.update(stale=False, measuredAt=sample["monotonic"])
        return
    age = max(0.0, sample["wall"] - float(chrony["reference"])) if before is None else 0.0
    clocks["measuredAt"] = sample["monotonic"] - age
    good = chrony["offset"] * 1000 <= limits["budgetMs"] * REOPEN
    clocks["confirmations"] = clocks["confirmations"] + 1 if good else 0


def decide(limits, clocks, state, sample):
    """
    The gate's state after a sample, with its reason. `limits` are budgetMs (what the clock may be wrong by) and
    confirmations (good measurements that open a closed gate). Updates `clocks`; looks at nothing else.
    """
    kind = disturbance(limits, clocks["last"], sample)
    clocks["last"] = sample
    if kind:
        clocks.update(disturbed=kind, confirmations=0, stale=True)
    take_measurement(limits, clocks, sample)
    confirmed = clocks["confirmations"] >= limits["confirmations"]
    if clocks["disturbed"] and not confirmed:
        return "closed", clocks["disturbed"][1]
    clocks["disturbed"] = None
    error = bound(clocks, sample["monotonic"])
    if error is None:
        return "closed", "chrony has no synchronised source"
    if error * 1000 > limits["budgetMs"]:
        clocks["confirmations"] = 0
        return "closed", "the clock may be off by %.1f ms, the budget is %g ms" % (error * 1000, limits["budgetMs"])
    if state == "closed" and not (confirmed and error * 1000 <= limits["budgetMs"] * REOPEN):
        return "closed", "the clock is back inside its budget; %d of %d measurements confirm it" % (
            min(clocks["confirmations"], limits["confirmations"]),
            limits["confirmations"],
        )
    return "open", "the clock is inside its budget"


# --- acting -----------------------------------------------------------------------------------------------------


SET = "select crossborder.set_writable(%s, 'clock')"
# For the repetition: a call that changes nothing would still be a change for the other site to take.
UNLESS_SET = SET + " where %s exists (select from crossborder.closed where reason = 'clock')"


def carry_out(config, database, memory, again):
    """Tells the database. Told again from time to time, because a database may come back from a backup."""
    wanted = memory["state"] == "open"
    repeated = memory["applied"] == wanted
    if repeated and not again:
        return
    try:
        if repeated:
            database.run(UNLESS_SET % (("true", "") if wanted else ("false", "not")))
        else:
            database.run(SET % ("true" if wanted else "false"))
    except report.DatabaseError as error:
        if not repeated:
            log("the database was not told that the gate is %s: %s" % (memory["state"], error))
        return
    if not repeated:
        log("writes are %s: %s" % ("allowed" if wanted else "refused", memory["reason"]))
    memory["applied"] = wanted


def publish(config, memory, clocks, sample):
    metrics = Metrics([("site", config["site"]), ("host", config["host"])])
    error = bound(clocks, sample["monotonic"])
    chrony = clocks["chrony"]
    metrics.family("crossborder_postgres_clock_gate_open", "gauge", "1 while the clock lets the site write.",
                   [([], int(memory["state"] == "open"))])
    metrics.family("crossborder_postgres_clock_gate_applied", "gauge", "1 when the database was told of the gate's state.",
                   [([], int(memory["applied"] == (memory["state"] == "open")))])
    metrics.family("crossborder_postgres_clock_offset_seconds", "gauge",
                   "What chrony has left to correct; absent when it never had a source.", [([], chrony and chrony["offset"])])
    metrics.family("crossborder_postgres_clock_error_bound_seconds", "gauge",
                   "Largest error that chrony's last measurement and its age allow.", [([], error)])
    metrics.family("crossborder_postgres_clock_budget_seconds", "gauge", "What the clock may be wrong by.",
                   [([], config["limits"]["budgetMs"] / 1000.0)])
    metrics.family("crossborder_postgres_clock_disturbances_total", "counter", "Steps and pauses that were noticed.",
                   [([("kind", kind)], memory["disturbances"].get(kind, 0)) for kind in ("pause", "step")])
    metrics.family("crossborder_postgres_clock_gate_timestamp_seconds", "gauge",
                   "When the clock was last looked at; old when nothing looks.", [([], int(sample["wall"]))])
    metrics.publish(config["metricsFile"])


class Courier(object):
    """Delivers messages while the clocks are watched: a webhook that does not answer takes longer than a tick."""

    def __init__(self):
        self.thread = None
        self.taken = []
        self.left = []

    def send(self, config, memory):
        if self.thread is None and memory["pending"]:
            self.taken, self.left = list(memory["pending"]), list(memory["pending"])
            self.thread = threading.Thread(target=self.run, args=(config,))
            self.thread.daemon = True
            self.thread.start()

    def run(self, config):
        tell(config["webhook"], self.left)

    def take_back(self, memory):
        """Strikes out what was delivered. What a crash forgets is sent again: rather twice than never."""
        if self.thread is not None and not self.thread.is_alive():
            delivered = [message for message in self.taken if message not in self.left]
            memory["pending"] = [message for message in memory["pending"] if message not in delivered]
            self.thread = None

    def wait(self):
        if self.thread is not None:
            self.thread.join()


def pass_over(config, database, memory, clocks, sample, again):
    """One tick: decide, tell the database (`again` when it shall be told what it knows), note it for the operator."""
    before, disturbed = memory["state"], clocks["disturbed"]
    state, reason = decide(config["limits"], clocks, before, sample)
    memory["reason"] = reason
    if clocks["disturbed"] and clocks["disturbed"] is not disturbed:
        kind = clocks["disturbed"][0]
        memory["disturbances"][kind] = memory["disturbances"].get(kind, 0) + 1
        measure_now()
    changed = state != before
    if changed:
        memory["state"], memory["since"] = state, int(sample["wall"])
        # A gate that starts on a good clock has nothing to tell.
        if (before, state) != ("unknown", "open"):
            error = bound(clocks, sample["monotonic"])
            figures = {"boundMs": None if error is None else round(error * 1000, 3), "budgetMs": config["limits"]["budgetMs"]}
            subject = {"subject": "postgres clock gate"}
            message = event(config, sample["wall"], subject, before, state, reason, figures)
            memory["pending"] = remember(memory["pending"], message)
    carry_out(config, database, memory, again)
    return changed


def main(verb, path):
    config = report.load_config(path)
    database = report.Database(config["database"])
    memory = report.load_memory(config["stateFile"], FRESH)
    clocks = new_clocks()
    courier = Courier()
    tick = 0
    save = lambda: attempt("remembering the state", report.save_memory, config["stateFile"], memory)
    while True:
        sample = look(tick % config["chronyEveryTicks"] == 0)
        slow = tick % config["reportEveryTicks"] == 0
        changed = pass_over(config, database, memory, clocks, sample, tick % config["repeatEveryTicks"] == 0)
        if changed or slow:
            courier.take_back(memory)
            save()
            courier.send(config, memory)
            attempt("publishing metrics", publish, config, memory, clocks, sample)
        if verb == "once":
            courier.wait()
            courier.take_back(memory)
            save()
            return 0 if memory["state"] == "open" else 1
        tick += 1
        time.sleep(config["tickMs"] / 1000.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
