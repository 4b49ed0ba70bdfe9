"""The probe of a link that is always on: one run, started by a timer.

    link_health.py run <configuration>      probe, record, publish metrics, tell the operator of a change of state
    link_health.py summary <configuration>  the last 24 hours as one JSON value

Keeps its records in one file an hour, so that old ones go by removing files and a crash spoils at most one line. A message
that could not be delivered is sent by the next run.
"""

import json
import os
import sys
import time

import link_probe
from reporting import Metrics, attempt, event, log, remember, tell, write_atomically

# Runs whose probes together tell the loss: one lost probe of a single run would already be over any limit.
LOSS_RUNS = 20
# Runs that agree before a link in use changes between up and degraded. Down is taken at its word: BFD has waited.
DEGRADE_AFTER = 2
RECOVER_AFTER = 3


# --- observing --------------------------------------------------------------------------------------------------


def percentile(ordered, percent):
    """The smallest value such that at least `percent` of the values are not above it."""
    rank = max(1, -(-percent * len(ordered) // 100))
    return ordered[min(rank, len(ordered)) - 1]


def observe(config, now):
    """One record: what the gateway sees now."""
    seen = link_probe.state(config["link"])
    ping = link_probe.ping_over_link(config["link"], config["probes"], config["intervalMs"])
    rtts = ping["rttsMs"]
    record = {
        "at": int(now),
        "sent": ping["sent"],
        "lost": ping["sent"] - len(rtts),
        "bfd": seen["bfd"]["status"] if seen["bfd"] else None,
        "bgp": seen["bgp"]["state"] if seen["bgp"] else None,
        "ikeAgeSeconds": seen["ike"]["ageSeconds"] if seen["ike"] and seen["ike"]["state"] == "ESTABLISHED" else None,
        "childAgeSeconds": seen["child"]["ageSeconds"] if seen["child"] else None,
        "counters": seen["counters"],
        "problems": seen["problems"],
    }
    if rtts:
        ordered = sorted(rtts)
        steps = [abs(b - a) for a, b in zip(rtts, rtts[1:])]
        record["rttMs"] = {str(p): percentile(ordered, p) for p in (50, 95, 99)}
        record["jitterMs"] = round(sum(steps) / len(steps), 3) if steps else 0.0
    return record


def reason_down(config, record):
    """Why the link carries nothing, lowest layer first; None when it does."""
    if record["ikeAgeSeconds"] is None:
        return "no IKE SA"
    if config["bfd"] and record["bfd"] != "up":
        return "BFD is %s" % (record["bfd"] or "absent")
    if record["bgp"] != "Established":
        return "BGP is %s" % (record["bgp"] or "absent")
    if record["lost"] == record["sent"]:
        return "no probe was answered"
    return None


def reason_degraded(config, record, window):
    median = record["rttMs"]["50"]
    if median > config["budgetMs"]:
        return "the median round trip is %g ms, the budget %g ms" % (median, config["budgetMs"])
    sent = sum(run[0] for run in window)
    lost = sum(run[1] for run in window)
    percent = 100.0 * lost / sent
    # A window that just opened holds too few probes for one that was lost to mean something.
    if percent > config["lossLimitPercent"] and lost > 1:
        return "%.2f %% of %d probes were lost, the limit is %g %%" % (percent, sent, config["lossLimitPercent"])
    return None


def judge(config, record, memory):
    """The link's state after this record, with its reason. Updates the memory's window and streak."""
    down = reason_down(config, record)
    if down:
        memory["streak"] = 0
        return "down", down
    memory["window"] = (memory["window"] + [[record["sent"], record["lost"]]])[-LOSS_RUNS:]
    degraded = reason_degraded(config, record, memory["window"])
    seen, reason = ("degraded", degraded) if degraded else ("up", "all layers are in order")
    before = memory["state"]
    if before not in ("up", "degraded") or seen == before:
        memory["streak"] = 0
        return seen, reason
    memory["streak"] += 1
    if memory["streak"] < (DEGRADE_AFTER if seen == "degraded" else RECOVER_AFTER):
        return before, memory["reason"]
    memory["streak"] = 0
    return seen, reason


# --- remembering ------------------------------------------------------------------------------------------------


def memory_path(config):
    return os.path.join(config["directory"], "state.json")


def load_memory(config):
    """What the last run left, or a fresh start when there is nothing that can be understood."""
    fresh = {"state": "unknown", "since": 0, "reason": "", "streak": 0, "window": [], "pending": []}
    try:
        with open(memory_path(config)) as file:
            memory = json.load(file)
        if all(type(memory[key]) is type(fresh[key]) for key in fresh):
            memory["window"] = [[int(sent), int(lost)] for sent, lost in memory["window"]]
            return memory
        log("state.json holds something else; starting afresh")
    except OSError:
        pass
    except (ValueError, TypeError, KeyError):
        log("state.json is damaged; starting afresh")
    return fresh


def hour_of(at):
    return time.strftime("%Y-%m-%dT%H", time.gmtime(at))


def append_record(config, record):
    path = os.path.join(config["directory"], hour_of(record["at"]) + ".jsonl")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        line = json.dumps(record, separators=(",", ":")) + "\n"
        size = os.fstat(descriptor).st_size
        # A crash or a full disk may have left half a line behind; it must not take this one with it.
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = "\n" + line
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def hour_files(config):
    return sorted(name for name in os.listdir(config["directory"]) if name.endswith(".jsonl"))


def drop_old(config, now):
    """Removes hours that ended long enough ago, and the oldest of too many, whatever the clock did."""
    hours = hour_files(config)
    oldest = hour_of(now - config["keepHours"] * 3600) + ".jsonl"
    surplus = hours[: max(0, len(hours) - config["keepHours"] - 1)]
    for name in hours:
        if name < oldest or name in surplus:
            os.unlink(os.path.join(config["directory"], name))


def records(config):
    for name in hour_files(config):
        with open(os.path.join(config["directory"], name)) as file:
            for line in file:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict) and "state" in record:
                    yield record


def summary(config):
    """How the link fared: share of runs in each state, the changes, the worst median."""
    runs = 0
    states = {}
    changes = []
    worst = None
    before = None
    first = None
    for record in records(config):
        runs += 1
        first = first or record["at"]
        states[record["state"]] = states.get(record["state"], 0) + 1
        if before is not None and record["state"] != before:
            changes.append({"at": record["at"], "from": before, "to": record["state"], "reason": record["reason"]})
        before = record["state"]
        median = record.get("rttMs", {}).get("50")
        if median is not None and (worst is None or median > worst):
            worst = median
    return {
        "since": first,
        "runs": runs,
        "percent": {state: round(100.0 * count / runs, 2) for state, count in sorted(states.items())},
        "worstMedianMs": worst,
        "changes": changes[-20:],
    }


# --- telling ----------------------------------------------------------------------------------------------------


def metrics(config, record, memory):
    """The record as metrics."""
    result = Metrics([("site", config["site"]), ("host", config["host"]), ("link", config["name"])])
    family = result.family
    rtt = record.get("rttMs", {})
    window = memory["window"] if memory["state"] != "down" else [[record["sent"], record["lost"]]]
    jitter = record.get("jitterMs")
    family("crossborder_link_up", "gauge", "1 when the link is in order, 0 when it is degraded or down.",
           [([], int(memory["state"] == "up"))])
    family("crossborder_link_state", "gauge", "1 for the state that the link is in.",
           [([("state", state)], int(memory["state"] == state)) for state in ("up", "degraded", "down")])
    family("crossborder_link_rtt_seconds", "gauge", "Round trip over the link in the last run, by quantile.",
           [([("quantile", quantile)], rtt[key] / 1000.0 if key in rtt else None)
            for quantile, key in (("0.5", "50"), ("0.95", "95"), ("0.99", "99"))])
    family("crossborder_link_jitter_seconds", "gauge", "Mean absolute difference of consecutive round trips in the last run.",
           [([], jitter / 1000.0 if jitter is not None else None)])
    family("crossborder_link_loss_ratio", "gauge", "Share of probes lost over the last runs, 0 to 1.",
           [([], sum(run[1] for run in window) / float(sum(run[0] for run in window)))])
    if config["bfd"]:
        family("crossborder_bfd_up", "gauge", "1 when the BFD session over the link is up.", [([], int(record["bfd"] == "up"))])
    family("crossborder_bgp_established", "gauge", "1 when the BGP session over the link is established.",
           [([], int(record["bgp"] == "Established"))])
    family("crossborder_ike_sa_age_seconds", "gauge", "Age of the IKE SA; absent when there is none.",
           [([], record["ikeAgeSeconds"])])
    family("crossborder_child_sa_age_seconds", "gauge", "Age of the CHILD SA; absent when there is none.",
           [([], record["childAgeSeconds"])])
    family("crossborder_underlay_packets_total", "counter",
           "Packets towards the peer by kind; those in the clear must not move.",
           [([("kind", name)], packets) for name, packets in sorted((record["counters"] or {}).items())])
    family("crossborder_link_probe_timestamp_seconds", "gauge", "When the last run began; old when the probe does not run.",
           [([], record["at"])])
    family("crossborder_link_webhook_pending", "gauge", "Changes of state that could not be told to the webhook yet.",
           [([], len(memory["pending"]))])
    return result


def save_memory(config, memory):
    write_atomically(memory_path(config), json.dumps(memory), 0o600)


def run(config):
    now = time.time()
    attempt("making the directory of records", lambda: os.makedirs(config["directory"], mode=0o700, exist_ok=True))
    memory = load_memory(config)
    record = observe(config, now)
    before = memory["state"]
    memory["state"], memory["reason"] = judge(config, record, memory)
    record["state"], record["reason"] = memory["state"], memory["reason"]
    if memory["state"] != before:
        memory["since"] = int(now)
        log("the link %s is %s: %s" % (config["name"], memory["state"], memory["reason"]))
        # A probe that starts on a healthy link has nothing to tell.
        if (before, memory["state"]) != ("unknown", "up"):
            figures = {key: record.get(key) for key in ("rttMs", "jitterMs", "sent", "lost", "bfd", "bgp", "ikeAgeSeconds")}
            subject = {"link": config["name"]}
            message = event(config, now, subject, before, memory["state"], memory["reason"], figures)
            memory["pending"] = remember(memory["pending"], message)
    # Removing first makes room on a full disk.
    attempt("removing old records", drop_old, config, now)
    attempt("recording", append_record, config, record)
    # Before the webhook is called, so that a crash in between repeats a message rather than losing one.
    attempt("remembering the state", save_memory, config, memory)
    waiting = len(memory["pending"])
    tell(config["webhook"], memory["pending"])
    if len(memory["pending"]) != waiting:
        attempt("remembering the state", save_memory, config, memory)
    attempt("publishing metrics", metrics(config, record, memory).publish, config["metricsFile"])


def main(verb, path):
    with open(path) as file:
        config = json.load(file)
    if verb == "summary":
        json.dump(summary(config), sys.stdout)
    else:
        run(config)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
